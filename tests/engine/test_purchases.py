"""Purchases: what must not change a result, what may change only some customers, what adds up."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from clvsim.accounts import ACCOUNT_INDEX
from clvsim.engine import relationships
from clvsim.engine import tasks as task_rules
from clvsim.engine.compile import compile_scenario
from clvsim.engine.run import join, run_worlds
from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests import naive_purchases
from tests.engine.test_identity import (
    AT_END,
    CELL,
    CLV,
    PERIODS,
    arrays,
    assert_identical,
    worlds_of,
)
from tests.kernels.test_purchases import BASE, PROGRAMS, SEGMENTS, scenario_of
from tests.statistics import assert_proportion
from tests.twins import assert_money, rows_of

SEED = 7
PURCHASES = p.ROW_PURCHASES
LARGE = {
    "cohorts": BASE["cohorts"] | {"a": {**BASE["cohorts"]["a"], "customers": 1_200}},
    "time": {"periods": 24},
}
SOME = {name: PROGRAMS[name] for name in ("add_on", "loyalty", "onboarding", "random", "value")}


def compiled_of(relationship, **changes):
    return compile_scenario(scenario_of(relationship, **(LARGE | changes)))


@pytest.fixture(scope="module", params=SEGMENTS)
def relationship(request):
    return request.param


@pytest.fixture(scope="module", params=["plain", "programs"])
def full(request, relationship):
    """A variant with contracts beside purchases, and three of its worlds."""
    programs = SOME if request.param == "programs" else {}
    compiled = compiled_of(relationship, programs=programs)
    return compiled, worlds_of(compiled)


@pytest.mark.parametrize(
    "settings",
    [
        {"threads": 3},
        *({"block": block} for block in (1, 7, 4096)),
        {"wave_bytes": 1},
        {"threads": 3, "block": 7, "wave_bytes": 2**21},
    ],
    ids=str,
)
def test_how_it_is_run_changes_nothing(full, settings):
    compiled, expected = full
    assert_identical(worlds_of(compiled, **settings), expected)


def test_worlds_may_be_run_in_several_calls(full):
    compiled, expected = full
    assert_identical(join([worlds_of(compiled, 0, 1), worlds_of(compiled, 1, 2)]), expected)


def test_both_kernels_find_the_same_customers(relationship):
    plain = compiled_of(relationship)
    assert not plain.walks
    assert_identical(worlds_of(replace(plain, walks=True)), worlds_of(plain))


def test_cutting_a_cohort_into_runs_of_ranks_keeps_its_customers(full, monkeypatch):
    compiled, expected = full
    monkeypatch.setattr(task_rules, "LEAF", 300)
    found = worlds_of(compiled)
    for name, array in arrays(found).items():
        wanted = getattr(expected, name)
        scale = np.abs(wanted).max(initial=0.0)
        np.testing.assert_allclose(array, wanted, rtol=1e-11, atol=1e-13 * scale, err_msg=name)
    counts = [p.ACTIVE, p.JOINED, p.LEFT, p.PURCHASES, p.AT_RISK, p.DECIDED]
    np.testing.assert_array_equal(found.flows[:, counts], expected.flows[:, counts])


NEUTRAL = {
    "add_on": {"adoption": 0.3},
    "loyalty": {"member_share": 0.5},
    "onboarding": {"tenures": 3},
    "price_change": {"change": 0.0, "first": 5},
    "retention": {"share": 0.5, "acceptance": 0.5, "every": 2},
    "retention by value": {"target": "value", "share": 0.3},
}


@pytest.mark.parametrize("beside", [{}, SOME], ids=["alone", "beside others"])
@pytest.mark.parametrize("kind", NEUTRAL)
def test_a_neutral_program_changes_no_bit(relationship, kind, beside):
    program = {"m_neutral": {"kind": kind.split()[0], **NEUTRAL[kind]}}
    without = ("program_cost", "program_flows")
    found = worlds_of(compiled_of(relationship, programs=beside | program), count=2)
    expected = worlds_of(compiled_of(relationship, programs=beside), count=2)
    assert_identical(found, expected, without=without)


def test_frequent_buyers_are_walked_with_the_same_numbers(relationship):
    name = "purchase_probability" if relationship == "bg/bb" else "purchase_rate"
    often = {"relationship": relationship, "spend": 3.0, "spend_shape": 2.0, name: 0.95}
    often |= {"death_rate" if relationship == "pareto/nbd" else "churn": 0.002}
    if relationship != "bg/bb":
        often[name] = 9.0
    changes = {"time": {"periods": 90}, "channels": {}, "installed_base": {},
               "cohorts": {"a": {"segment": "flat", "customers": 40}}}  # fmt: skip
    base = scenario_of(relationship, **changes).model_dump(mode="python", exclude_unset=True)
    base["segments"] = {"flat": often}
    compiled = compile_scenario(Scenario.model_validate(base))
    twin = naive_purchases.simulate(compiled, SEED, 0)
    (world,) = run_worlds([compiled], SEED, 0, 1)
    rows = rows_of(compiled, SEED, 0)
    assert (rows[:, PURCHASES] > b.ROUNDS).sum() > 10
    np.testing.assert_array_equal(rows[:, PURCHASES], [one.purchases for one in twin.customers])
    np.testing.assert_array_equal(world.flows[0, p.PURCHASES], twin.flows[p.PURCHASES])
    assert_money(world.present[0], twin.present)


def test_a_program_changes_only_the_customers_that_it_touches(relationship):
    program = {"kind": "retention", "target": "random", "share": 0.3, "every": 30, "first": 6,
               "contact_cost": 1.0, "rate": 1.5, "duration": 4}  # fmt: skip
    without = compiled_of(relationship)
    compiled = compiled_of(relationship, programs={"mail": program})
    before, after = rows_of(without, SEED, 0), rows_of(compiled, SEED, 0)
    (world,) = run_worlds([compiled], SEED, 0, 1)
    changed = (before != after).any(axis=1)
    assert changed.sum() == world.program_flows[0, 0, p.CONTACTS].sum() > 20
    segment = compiled.levers.cohorts.segment[before[:, CELL].astype(int)]
    buys = changed & (segment != "contract")
    assert buys.any()
    assert (after[buys, PURCHASES] > before[buys, PURCHASES]).any()


@pytest.mark.parametrize("programs", [{}, {"random": PROGRAMS["random"]}], ids=["fast", "walk"])
def test_a_lower_hazard_only_adds_purchases(relationship, programs):
    found = []
    for hazard in (2.0, 1.0, 0.7, 0.0):
        care = {"kind": "onboarding", "tenures": 9, "hazard": hazard}
        found.append(
            rows_of(compiled_of(relationship, programs=programs | {"care": care}), SEED, 0)
        )
    for before, after in itertools.pairwise(found):
        assert (after[:, PURCHASES] >= before[:, PURCHASES]).all()
        assert (after[:, PERIODS] >= before[:, PERIODS]).all()
        assert (after[:, AT_END] >= before[:, AT_END]).all()
        assert (after[:, PURCHASES] > before[:, PURCHASES]).any()


def test_a_higher_rate_only_moves_purchases_earlier(relationship):
    """Without leaving, the purchases up to every period; with it (BG/NBD) a life is as many."""
    name = "purchase_probability" if relationship == "bg/bb" else "purchase_rate"
    leaves = "death_rate" if relationship == "pareto/nbd" else "churn"
    rate = SEGMENTS[relationship][name]
    found = []
    for season in (0.5, 1.0, 1.3):
        segment = {"relationship": relationship, name: rate, leaves: 0.0, "spend": 1.0,
                   "rate_season": [season]}  # fmt: skip
        scenario = scenario_of(relationship, time={"periods": 12}, channels={}, installed_base={})
        data = scenario.model_dump(mode="python", exclude_unset=True)
        data["segments"] = {"s": segment}
        data["cohorts"] = {"a": {"segment": "s", "customers": 300}}
        found.append(compile_scenario(Scenario.model_validate(data)))
    counts = [rows_of(one, SEED, 0)[:, PURCHASES] for one in found]
    for before, after in itertools.pairwise(counts):
        assert (after >= before).all()
        assert after.sum() > 1.05 * before.sum()


def test_accounts_of_customers_add_up_to_their_present_value(full):
    compiled, worlds = full
    names = (
        "list_revenue", "introductory_discounts", "free_periods", "concessions", "royalties",
        "add_on_revenue", "cost_of_sales", "cost_to_serve",
        "member_costs", "contacts", "incentives", "residual_value",
    )  # fmt: skip
    accounts = [ACCOUNT_INDEX[name] for name in names]
    np.testing.assert_allclose(
        worlds.present[:, accounts].sum(axis=1),
        worlds.sums[:, :, p.SUM_PRESENT].sum(axis=1),
        rtol=1e-11,
    )
    residual = worlds.sums[:, :, p.SUM_RESIDUAL].sum(axis=1)
    np.testing.assert_allclose(worlds.flows[:, p.EQUITY, -1], residual, rtol=1e-11)
    rows = rows_of(compiled, SEED, 0)
    buys = worlds.flows[0, p.PURCHASES].sum()
    assert rows[:, PURCHASES].sum() == buys > 1_000
    assert np.isfinite(rows[:, CLV]).all()


@pytest.mark.parametrize(("segment", "other"), [("s", "simulate"), ("contract", "simulate_buyers")])
def test_each_relationship_runs_and_compiles_its_own_loop_alone(segment, other, monkeypatch):
    def refuse(*_, **__):
        pytest.fail(f"{other} is not needed")

    monkeypatch.setattr(relationships, other, refuse)
    cohorts = {"a": {"segment": segment, "customers": 9}}
    alone = {"cohorts": cohorts, "channels": {}, "installed_base": {}}
    compiled = compile_scenario(scenario_of("bg/nbd", **alone))
    relationships.warm_up(compiled, 64)
    assert worlds_of(compiled, count=1).flows[0, p.JOINED].sum() == 9.0


def test_customers_come_and_go(full):
    _, worlds = full
    flows = worlds.flows
    active, joined, left = flows[:, p.ACTIVE], flows[:, p.JOINED], flows[:, p.LEFT]
    np.testing.assert_array_equal(active[:, 1:], active[:, :-1] - left[:, :-1] + joined[:, 1:])
    np.testing.assert_array_equal(worlds.by_tenure.sum(axis=1), flows[:, [p.AT_RISK, p.DECIDED]])


@pytest.mark.parametrize("target", ["value", "risk"])
@pytest.mark.parametrize("source", ["cohort", "old"])
def test_the_share_that_a_treatment_reaches(relationship, target, source):
    program = {"kind": "retention", "target": target, "share": 0.2, "every": 6, "first": 6,
               "acceptance": 0.0}  # fmt: skip
    plain = {"channels": {}, "cohorts": {}, "installed_base": {}, "time": {"periods": 13}}
    if source == "cohort":
        plain["cohorts"] = {"a": {"segment": "s", "customers": 40_000}}
    else:
        plain["installed_base"] = {"a": {"segment": "s", "customers": 30_000, "tenure": 5}}
    compiled = compile_scenario(scenario_of(relationship, **plain, programs={"calls": program}))
    worlds = worlds_of(compiled, count=1, threads=2)
    contacts = worlds.program_flows[0, 0, p.CONTACTS]
    assert np.flatnonzero(contacts).tolist() == [6, 12]
    for period in (6, 12):
        active = int(worlds.flows[0, p.ACTIVE, period])
        assert_proportion(int(contacts[period]), active, 0.2, fault=0.2 * 1.14)
