"""What must not change a result, what may change only some customers, and what must add up."""

import copy
import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
import scipy.stats

from clvsim.accounts import ACCOUNT_INDEX
from clvsim.engine import tasks as task_rules
from clvsim.engine.compile import compile_scenario
from clvsim.engine.histogram import RELATIVE_ERROR, concentration, quantiles
from clvsim.engine.run import PROBABILITIES, Settings, Worlds, join, run_worlds
from clvsim.engine.variants import Variants
from clvsim.kernels import plan as p
from clvsim.kernels.tally import BINS, bin_of
from clvsim.scenario.model import Scenario
from tests import naive
from tests.kernels.test_twins import KINDS
from tests.statistics import assert_mean, assert_proportion
from tests.twins import rows_of

SEED = 7
#: Columns of a customer's row.
CELL, RANK, CHURN, SPEND, LIFT, PERIODS, AT_END, CLV = range(p.ROW_PURCHASES)
#: A histogram's bin is twice as wide as its middle is far from its edges.
BIN_WIDTH = 2.0 * RELATIVE_ERROR

BASE = {
    "time": {"periods": 24},
    "money": {"discount_rate": 0.1, "residual": "expected"},
    "segments": {
        "home": {
            "churn": {"distribution": "beta", "a": 0.7, "b": 6.0},
            "spend": {"distribution": "gamma", "a": 4.0, "scale": 10.0},
            "lift": {"distribution": "norm", "loc": 0.1, "scale": 0.2},
            "correlations": [{"between": ["churn", "lift"], "value": 0.3}],
            "cost_share": 0.3,
            "royalty_share": 0.04,
            "cost_to_serve": 2.0,
            "price_sensitivity": 2.0,
            "price_rise_sensitivity": 1.0,
            "call_share": 0.3,
            "call_cost": 4.0,
        },
        "office": {"churn": 0.03, "spend": 60.0, "hazard_season": [1.0, 1.3, 0.9]},
    },
    "offers": {
        "half": {"discount": 0.5, "discount_periods": 3, "free_periods": 1, "gift": 5.0},
        "deep": {"discount": 0.7, "discount_periods": 6, "gift": 5.0},
        "bound": {"term": 4, "on_leaving": "fee", "termination_fee": 3.0},
    },
    "offer": "half",
    "channels": {
        "search": {
            "spend": 400.0,
            "reach": {"kind": "linear", "cost_per_prospect": 10.0},
            "conversion": {"home": 0.1, "office": 0.05},
            "segments": {"home": 0.6, "office": 0.4},
        },
        "radio": {
            "spend": 300.0,
            "reach": {"kind": "saturating", "ceiling": 60.0, "rate": 0.01},
            "conversion": 0.1,
            "segments": {"home": 1.0},
            "carry_over": 0.4,
            "offer": "bound",
        },
    },
    "cohorts": {
        "launch": {"segment": "home", "customers": 1_500, "cost_per_customer": 20.0},
        "late": {"segment": "office", "customers": 60, "joins": 9},
    },
    "installed_base": {"old": {"segment": "home", "customers": 80, "tenure": [1.0, 0.0, 2.0]}},
}
SOME = {name: KINDS[name] for name in ("add_on", "loyalty", "onboarding", "random", "value")}
SOME = {
    name: {key: value for key, value in one.items() if key != "segments"}
    for name, one in SOME.items()
}


def compiled_of(base=BASE, **changes):
    return compile_scenario(Scenario.model_validate(copy.deepcopy(base) | changes))


def worlds_of(compiled, first=0, count=3, **settings):
    settings = {"threads": 1, **settings}
    return run_worlds([compiled], SEED, first, count, Settings(**settings))[0]


def arrays(worlds, *, without=()):
    names = [one.name for one in fields(Worlds) if one.name not in {"first", *without}]
    return {name: getattr(worlds, name) for name in names}


def assert_identical(found, expected, *, without=()):
    """Every array the same to the last bit."""
    wanted = arrays(expected, without=without)
    for name, array in arrays(found, without=without).items():
        np.testing.assert_array_equal(array, wanted[name], err_msg=name, strict=True)


@pytest.fixture(scope="module")
def full():
    """A variant with everything, and three of its worlds."""
    compiled = compiled_of(programs=SOME)
    return compiled, worlds_of(compiled)


# How it is run


@pytest.mark.parametrize(
    "settings",
    [{"threads": 2}, {"threads": 3}]
    + [{"block": block} for block in (1, 7, 64, 4096)]
    + [{"wave_bytes": size} for size in (1, 2**21, 2**30)]
    + [{"threads": 3, "block": 7, "wave_bytes": 1}],
    ids=str,
)
def test_how_it_is_run_changes_nothing(full, settings):
    compiled, expected = full
    assert_identical(worlds_of(compiled, **settings), expected)


def test_worlds_may_be_run_in_several_calls(full):
    compiled, expected = full
    parts = [worlds_of(compiled, 0, 1), worlds_of(compiled, 1, 2)]
    assert [part.first for part in parts] == [0, 1]
    assert_identical(join(parts), expected)


def test_worlds_and_seeds_differ(full):
    compiled, worlds = full
    assert len(np.unique(worlds.present[:, ACCOUNT_INDEX["list_revenue"]])) == 3
    (other,) = run_worlds([compiled], SEED + 1, 0, 1)
    assert not np.array_equal(other.flows, worlds.flows[:1])


def test_cutting_a_cohort_into_runs_of_ranks_keeps_its_customers(full, monkeypatch):
    compiled, expected = full
    monkeypatch.setattr(task_rules, "LEAF", 400)
    assert len(task_rules.plan_tasks(compiled).tasks) > 8
    found = worlds_of(compiled)
    for name, array in arrays(found).items():
        wanted = getattr(expected, name)
        scale = np.abs(wanted).max(initial=0.0)
        np.testing.assert_allclose(array, wanted, rtol=1e-11, atol=1e-13 * scale, err_msg=name)
    counts = [p.ACTIVE, p.JOINED, p.LEFT, p.CALLS, p.AT_RISK, p.DECIDED]
    np.testing.assert_array_equal(found.flows[:, counts], expected.flows[:, counts])


def permuted(value):
    """The same tables in the opposite order of keys."""
    if isinstance(value, dict):
        return {key: permuted(one) for key, one in reversed(value.items())}
    return value


def test_the_order_of_tables_changes_nothing(full):
    compiled, expected = full
    found = compiled_of(permuted(BASE), programs=permuted(SOME))
    assert list(found.scenario.channels) != list(compiled.scenario.channels)
    assert_identical(worlds_of(found), expected)


# The kernel that knows no personal programs, and the one that does


def test_both_kernels_find_the_same_customers():
    plain = compiled_of()
    assert not plain.walks
    assert_identical(worlds_of(replace(plain, walks=True)), worlds_of(plain))


def test_one_kernel_serves_all_variants_of_a_run():
    plans = {"few": compiled_of().scenario, "more": compiled_of(programs=SOME).scenario}
    assert not Variants({"few": plans["few"]}, SEED, Settings())._walks
    both = Variants(plans, SEED, Settings())
    found = [*both.compiled.values(), *both._without.values()]
    assert [one.walks for one in found if one is not None] == [True] * 4


# Programs

NEUTRAL = {
    "add_on": {"adoption": 0.3},
    "loyalty": {"member_share": 0.5},
    "onboarding": {"tenures": 3},
    "price_change": {"change": 0.0, "first": 5},
    "nurture": {"conversion_odds": 1.0},
    "brand_campaign": {"conversion_odds": 1.0},
    "retention": {"share": 0.5, "acceptance": 0.5, "every": 2},
    "retention by value": {"target": "value", "share": 0.3},
    "retention by risk": {"target": "risk", "share": 0.3},
    "retention by lift": {"target": "lift", "share": 0.3},
}


@pytest.mark.parametrize("beside", [{}, SOME], ids=["alone", "beside others"])
@pytest.mark.parametrize("kind", NEUTRAL)
def test_a_neutral_program_changes_no_bit(kind, beside):
    # Its name sorts between those of the others.
    program = {"m_neutral": {"kind": kind.split()[0], **NEUTRAL[kind]}}
    without = ("program_cost", "program_flows")
    found = worlds_of(compiled_of(programs=beside | program), count=2)
    assert_identical(found, worlds_of(compiled_of(programs=beside), count=2), without=without)
    assert not found.program_cost[:, sorted(beside | program).index("m_neutral")].any()


def test_a_program_that_is_off_is_as_if_it_were_not_there(full):
    off = {"mails": {"kind": "nurture", "conversion_odds": 3.0, "enabled": False}}
    assert_identical(worlds_of(compiled_of(programs=SOME | off)), full[1])


def test_a_program_changes_only_the_customers_that_it_touches():
    program = {"kind": "loyalty", "member_share": 0.3, "hazard": 0.5, "cost_per_member": 1.0}
    without, compiled = compiled_of(), compiled_of(programs={"club": program})
    before, after = rows_of(without, SEED, 0), rows_of(compiled, SEED, 0)
    table, members = compiled.table, []
    for cell, rank in before[:, [CELL, RANK]].astype(int).tolist():
        group = table.groups[table.group[cell]]
        joined = int(table.joined[cell])
        address = naive.stream_of(group.source, group.segment, "program club"), rank
        u, _ = naive.uniform_pair(SEED, 0, *address, joined, max(joined, 0))
        members.append(u > 1.0 - 0.3)
    members = np.array(members)
    assert_proportion(int(members.sum()), len(members), 0.3, fault=0.6)
    np.testing.assert_array_equal(before[~members], after[~members])
    np.testing.assert_array_equal(before[:, :PERIODS], after[:, :PERIODS])
    assert (before[members, CLV] != after[members, CLV]).all()


@pytest.mark.parametrize("target", ["random", "value", "risk", "lift"])
def test_a_treatment_changes_at_most_as_many_customers_as_it_contacts(target):
    program = {"kind": "retention", "target": target, "share": 0.2, "every": 30, "first": 6,
               "segments": ["home"], "contact_cost": 1.0, "hazard": 0.5, "duration": 9}  # fmt: skip
    without, compiled = compiled_of(), compiled_of(programs={"calls": program})
    before, after = rows_of(without, SEED, 0), rows_of(compiled, SEED, 0)
    (world,) = run_worlds([compiled], SEED, 0, 1)
    changed = (before != after).any(axis=1)
    assert changed.sum() == world.program_flows[0, 0, p.CONTACTS].sum() > 20
    home = compiled.levers.cohorts.segment[before[:, CELL].astype(int)] == "home"
    assert not changed[~home].any()
    start = compiled.levers.cohorts.start[before[:, CELL].astype(int)]
    assert (start + before[:, PERIODS] > 6)[changed].all()


# Acquisition


def by_person(rows):
    return {(int(row[CELL]), int(row[RANK])): row for row in rows}


@pytest.mark.parametrize(
    "change",
    [
        {"offer": "deep"},
        {"programs": {"brand": {"kind": "brand_campaign", "conversion_odds": 1.4}}},
        {
            "channels": {
                **BASE["channels"],
                "search": {**BASE["channels"]["search"], "spend": 600.0},
            }
        },
    ],
    ids=["offer", "campaign", "budget"],
)
def test_more_appeal_acquires_a_superset_of_the_same_people(change):
    compiled = compiled_of()
    before = by_person(rows_of(compiled, SEED, 0))
    after = by_person(rows_of(compiled_of(**change), SEED, 0))
    assert before.keys() < after.keys()
    for person, row in before.items():
        np.testing.assert_array_equal(row[:PERIODS], after[person][:PERIODS])
    # Whoever is added stands behind those who come anyway.
    arrive = np.isin(compiled.levers.cohorts.source, list(BASE["channels"]))
    assert all(rank == 0 or (cell, rank - 1) in after for cell, rank in after if arrive[cell])
    assert {cell for cell, _ in after.keys() - before.keys()} <= set(np.flatnonzero(arrive))


def keen_segment(value):
    home = BASE["segments"]["home"]
    return {
        "segments": {
            **BASE["segments"],
            "home": home | {"correlations": [{"between": ["churn", "keenness"], "value": value}]},
        },
        "channels": {"search": {**BASE["channels"]["search"], "spend": 8_000.0}},
        "cohorts": {},
        "installed_base": {},
    }


@pytest.mark.parametrize("value", [-0.7, 0.7])
def test_those_whom_only_a_deeper_discount_brings_in_are_less_keen(value):
    plain, deep = (
        by_person(rows_of(compiled_of(**keen_segment(value), offer=offer), SEED, 0))
        for offer in ("half", "deep")
    )
    assert plain.keys() < deep.keys()
    for person, row in plain.items():
        np.testing.assert_array_equal(row[:PERIODS], deep[person][:PERIODS])
    groups = compiled_of(**keen_segment(value)).levers.cohorts.segment
    kept = [row[CHURN] for person, row in plain.items() if groups[person[0]] == "home"]
    added = [
        row[CHURN]
        for person, row in deep.items()
        if person not in plain and groups[person[0]] == "home"
    ]
    difference = np.mean(added) - np.mean(kept)
    error = np.hypot(scipy.stats.sem(added), scipy.stats.sem(kept))
    assert np.sign(difference) == -np.sign(value)
    assert abs(difference) > 6.0 * error


def test_number_of_customers_is_poisson():
    compiled = compiled_of(cohorts={}, installed_base={})
    worlds = worlds_of(compiled, count=200)
    expected = compiled.intake.limit.sum()
    counts = worlds.sums[:, :, p.SUM_CUSTOMERS].sum(axis=1)
    assert_mean(counts, None, expected, fault=1.1 * expected)
    assert_mean((counts - expected) ** 2, None, expected, fault=3.0 * expected)


# Lives


@pytest.mark.parametrize("names", [(), ("add_on", "loyalty", "random")], ids=["schedule", "walk"])
def test_a_lower_hazard_never_shortens_a_life(names):
    lives = []
    for hazard in (1.5, 1.0, 0.8, 0.0):
        programs = {name: SOME[name] for name in names}
        programs["care"] = {"kind": "onboarding", "tenures": 5, "hazard": hazard}
        lives.append(rows_of(compiled_of(programs=programs), SEED, 0))
    for before, after in itertools.pairwise(lives):
        assert (after[:, PERIODS] >= before[:, PERIODS]).all()
        assert (after[:, AT_END] >= before[:, AT_END]).all()
        assert (after[:, PERIODS] > before[:, PERIODS]).any()


# What adds up


def test_accounts_of_customers_add_up_to_their_present_value(full):
    _, worlds = full
    names = (
        "list_revenue", "introductory_discounts", "free_periods", "concessions", "add_on_revenue",
        "termination_fees", "cost_of_sales", "royalties", "cost_to_serve", "cancellation_calls",
        "member_costs", "contacts", "incentives", "residual_value",
    )  # fmt: skip
    accounts = [ACCOUNT_INDEX[name] for name in names]
    assert np.abs(worlds.present[:, accounts]).min(axis=0).all()
    np.testing.assert_allclose(
        worlds.present[:, accounts].sum(axis=1),
        worlds.sums[:, :, p.SUM_PRESENT].sum(axis=1),
        rtol=1e-12,
    )


def test_equity_ends_with_the_residual_value(full):
    _, worlds = full
    residual = worlds.sums[:, :, p.SUM_RESIDUAL].sum(axis=1)
    assert (residual > 0.0).all()
    np.testing.assert_allclose(worlds.flows[:, p.EQUITY, -1], residual, rtol=1e-12)


def test_customers_come_and_go(full):
    _, worlds = full
    flows = worlds.flows
    # Active in a period: those before, less those that left then, and those that join.
    active, joined, left = flows[:, p.ACTIVE], flows[:, p.JOINED], flows[:, p.LEFT]
    np.testing.assert_array_equal(active[:, 1:], active[:, :-1] - left[:, :-1] + joined[:, 1:])
    # By segment as in all, and the cohorts' customers are those that joined.
    np.testing.assert_array_equal(worlds.by_tenure.sum(axis=1), flows[:, [p.AT_RISK, p.DECIDED]])
    np.testing.assert_array_equal(worlds.cohorts[:, :, 0], joined)


def test_quantiles_are_within_a_bin_of_the_exact_ones():
    compiled = compiled_of(programs=SOME)
    (world,) = run_worlds([compiled], SEED, 0, 1)
    rows = rows_of(compiled, SEED, 0)
    # Over the customers acquired.
    rows = rows[compiled.levers.cohorts.source[rows[:, CELL].astype(int)] != "old"]
    exact = np.quantile(rows[:, CLV], PROBABILITIES, method="inverted_cdf")
    np.testing.assert_allclose(world.clv_quantiles[0], exact, rtol=BIN_WIDTH)
    segment = compiled.levers.cohorts.segment[rows[:, CELL].astype(int)]
    for index, name in enumerate(("home", "office")):
        values = rows[segment == name, CLV]
        exact = np.quantile(values, PROBABILITIES, method="inverted_cdf")
        np.testing.assert_allclose(world.segment_quantiles[0, index], exact, rtol=BIN_WIDTH)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_quantiles_of_any_histogram_are_within_a_bin(sign):
    random = np.random.default_rng(5)
    for size in (1, 2, 5, 1_000):
        values = sign * random.lognormal(4.0, 2.0, size)
        values[: size // 10] *= -1.0
        counts = np.zeros(BINS, dtype=np.int64)
        for value in values:
            counts[bin_of(value)] += 1
        levels = np.array([0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999])
        exact = np.quantile(values, levels, method="inverted_cdf")
        np.testing.assert_allclose(quantiles(counts, levels), exact, rtol=BIN_WIDTH, atol=2.0**-14)
    assert np.isnan(quantiles(np.zeros(BINS, dtype=np.int64), levels)).all()


def test_concentration_is_that_of_the_values():
    values = np.random.default_rng(6).lognormal(4.0, 1.0, 2_000)
    counts = np.zeros((1, BINS), dtype=np.int64)
    for value in values:
        counts[0, bin_of(value)] += 1
    gini, top = concentration(counts)
    ordered = np.sort(values)
    ranks = np.arange(1.0, len(values) + 1.0)
    exact = 2.0 * (ranks * ordered).sum() / (len(values) * values.sum()) - 1.0 - 1.0 / len(values)
    # An amount moves by RELATIVE_ERROR at most, and so does every sum of them.
    assert gini[0] == pytest.approx(exact, abs=2.0 * RELATIVE_ERROR)
    assert top[0] == pytest.approx(ordered[-400:].sum() / ordered.sum(), rel=2.0 * RELATIVE_ERROR)
    equal = np.zeros((1, BINS), dtype=np.int64)
    equal[0, bin_of(80.0)] = 1_000
    assert concentration(equal)[0][0] == pytest.approx(0.0, abs=1e-12)
    assert concentration(equal)[1][0] == pytest.approx(0.2)


# Whom treatments reach

DISCRETE = {"churn": 0.05, "spend": {"distribution": "poisson", "mu": 4.0}, "lift": 0.2}
MANY = {
    "one cohort": {"cohorts": {"a": {"segment": "home", "customers": 40_000}}},
    "one old cohort": {
        "installed_base": {"a": {"segment": "home", "customers": 40_000, "tenure": 9}}
    },
    "ties": {
        "segments": {"home": DISCRETE},
        "cohorts": {"a": {"segment": "home", "customers": 40_000}},
    },
    "all equal": {
        "segments": {"home": DISCRETE | {"spend": 3.0}},
        "cohorts": {"a": {"segment": "home", "customers": 40_000}},
    },
    "channels beside large cohorts": {
        "channels": {
            "search": {
                "spend": 8_000.0,
                "reach": {"kind": "linear", "cost_per_prospect": 1.0},
                "conversion": 0.2,
                "segments": {"home": 0.5, "office": 0.5},
            }
        },
        "cohorts": {"a": {"segment": "home", "customers": 15_000}},
        "installed_base": {
            "b": {"segment": "home", "customers": 10_000, "tenure": 12},
            "c": {"segment": "office", "customers": 5_000, "tenure": 3},
        },
    },
    "keen": {
        "segments": {
            "home": {
                "churn": {"distribution": "beta", "a": 0.7, "b": 6.0},
                "spend": {"distribution": "lognorm", "s": 1.0, "scale": 30.0},
                "lift": {"distribution": "norm"},
                "correlations": [
                    {"between": ["churn", "keenness"], "value": -0.6},
                    {"between": ["lift", "keenness"], "value": 0.5},
                    {"between": ["spend", "churn"], "value": -0.4},
                ],
            }
        },
        "channels": {
            "search": {
                "spend": 6_000.0,
                "reach": {"kind": "linear", "cost_per_prospect": 1.0},
                "conversion": 0.5,
                "segments": {"home": 1.0},
            }
        },
    },
}


@pytest.mark.parametrize("target", ["random", "value", "risk", "lift"])
@pytest.mark.parametrize("name", MANY)
def test_the_share_that_a_treatment_reaches(name, target):
    plain = {"channels": {}, "cohorts": {}, "installed_base": {}, "time": {"periods": 13}}
    program = {"kind": "retention", "target": target, "share": 0.2, "every": 6, "first": 6,
               "acceptance": 0.0}  # fmt: skip
    compiled = compiled_of(**(plain | MANY[name]), programs={"calls": program})
    worlds = worlds_of(compiled, count=1, threads=2)
    contacts = worlds.program_flows[0, 0, p.CONTACTS]
    assert np.flatnonzero(contacts).tolist() == [6, 12]
    for period in (6, 12):
        active = int(worlds.flows[0, p.ACTIVE, period])
        assert_proportion(int(contacts[period]), active, 0.2, fault=0.2 * 1.13)
