"""States: what must not change a result, two states against a contract, shorter lives, faults."""

from dataclasses import replace

import numpy as np
import pytest

from clvsim.engine import relationships
from clvsim.engine import tasks as task_rules
from clvsim.engine.compile import compile_scenario
from clvsim.engine.run import join
from clvsim.errors import ClvsimError
from clvsim.kernels import plan as p
from clvsim.reference import markov_value
from clvsim.scenario.chains import falls_of, powered
from clvsim.scenario.model import Scenario
from tests.engine.test_identity import AT_END, CLV, PERIODS, arrays, assert_identical, worlds_of
from tests.kernels.test_purchases import BASE
from tests.kernels.test_states import CHAIN, PERSONAL, PROGRAMS, scenario_of
from tests.statistics import assert_mean
from tests.twins import rows_of

SEED = 7
LARGE = {"cohorts": BASE["cohorts"] | {"a": {**BASE["cohorts"]["a"], "customers": 1_200}}}


def compiled_of(**changes):
    return compile_scenario(scenario_of(**(LARGE | changes)))


@pytest.fixture(scope="module", params=["plain", "programs", "persons"])
def full(request):
    """A variant with contracts beside states, and three of its worlds."""
    programs = {"plain": {}, "programs": PROGRAMS, "persons": PROGRAMS | PERSONAL}[request.param]
    compiled = compiled_of(programs=programs)
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


def test_both_kernels_find_the_same_customers():
    plain = compiled_of()
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
    counts = [p.ACTIVE, p.JOINED, p.LEFT, p.AT_RISK, p.DECIDED]
    np.testing.assert_array_equal(found.flows[:, counts], expected.flows[:, counts])


NEUTRAL = {
    "onboarding": {"tenures": 3},
    "price_change": {"change": 0.0, "first": 5},
    "brand_campaign": {"conversion_odds": 1.0},
    "nurture": {"conversion_odds": 1.0},
}


@pytest.mark.parametrize("kind", NEUTRAL)
def test_a_neutral_program_changes_no_bit(kind):
    program = {"m_neutral": {"kind": kind, **NEUTRAL[kind]}}
    without = ("program_cost", "program_flows")
    found = worlds_of(compiled_of(programs=PROGRAMS | program), count=2)
    assert_identical(found, worlds_of(compiled_of(programs=PROGRAMS), count=2), without=without)


def alone(segment, customers=20_000, **time):
    """A cohort of one segment, without residual value."""
    tables = {
        "time": {"step": "year", "periods": 8, **time},
        "money": {"discount_rate": 0.2, "timing": "start", "residual": "none"},
        "segments": {"all": segment},
        "cohorts": {"cohort": {"segment": "all", "customers": customers}},
    }
    return compile_scenario(Scenario.model_validate(tables))


def test_two_states_are_a_contract():
    stay = {"relationship": "states", "states": ["stays", "lost"], "state_values": [1.0, 0.0],
            "transitions": [[0.8, 0.2], [0.0, 1.0]], "spend": 10.0}  # fmt: skip
    season = {"hazard_season": [1.0, 0.5, 2.0]}
    compiled = alone(stay | season)
    kept = np.cumprod([0.8 ** season["hazard_season"][one % 3] for one in range(8)])
    worlds = worlds_of(compiled)
    at_risk, decided = worlds.flows[:, p.AT_RISK], worlds.flows[:, p.DECIDED]
    for tenure in range(8):
        share = 1.0 - decided[:, : tenure + 1].sum() / at_risk[:, 0].sum()
        error = np.sqrt(kept[tenure] * (1.0 - kept[tenure]) / at_risk[:, 0].sum())
        assert_mean(share, error, kept[tenure], fault=kept[tenure] + 0.02)
    np.testing.assert_array_equal(
        worlds.flows[:, p.ACTIVE, 1:],
        worlds.flows[:, p.ACTIVE, :-1] - worlds.flows[:, p.LEFT, :-1],
    )
    contract = alone({"churn": 0.2, "spend": 10.0} | season)
    np.testing.assert_allclose(
        contract.model.schedule[:, p.MULTIPLIER], compiled.model.schedule[:, p.MULTIPLIER]
    )


def recency(**changes):
    """A chain in which a better state never leads to a worse one."""
    buys = (0.3, 0.2, 0.15, 0.05)
    rows = [[b] + [0.0] * 4 for b in buys]
    for place, row in enumerate(rows):
        row[place + 1] = 1.0 - buys[place]
    return {
        "relationship": "states",
        "states": ["1", "2", "3", "4", "lost"],
        "transitions": [*rows, [0.0, 0.0, 0.0, 0.0, 1.0]],
        "state_values": [40.0, 0.0, 0.0, 0.0, 0.0],
        "contact_costs": [4.0, 4.0, 4.0, 4.0, 0.0],
        **changes,
    }


def test_a_lower_hazard_shortens_no_life():
    before = rows_of(alone(recency()), SEED, 0)
    after = rows_of(alone(recency(hazard_by_tenure=[0.9, 0.5, 1.0])), SEED, 0)
    assert (after[:, PERIODS] >= before[:, PERIODS]).all()
    assert (after[:, AT_END] >= before[:, AT_END]).all()
    assert (after[:, PERIODS] > before[:, PERIODS]).any()


def test_a_change_that_comes_later_leaves_those_who_left_before_alone():
    before = rows_of(alone(recency()), SEED, 0)
    after = rows_of(alone(recency(hazard_by_tenure=[1.0] * 5 + [0.5])), SEED, 0)
    early = before[:, PERIODS] <= 5
    assert early.any()
    np.testing.assert_array_equal(before[early], after[early])
    assert (before[~early, CLV] != after[~early, CLV]).any()


def test_the_residual_value_is_that_of_the_chain():
    rows = recency()["transitions"]
    segment = recency(hazard_season=[0.7], spend=2.0)
    compiled = compile_scenario(
        alone(segment).scenario.model_copy(
            update={"money": alone(segment).scenario.money.model_copy(
                update={"residual": "expected"})}
        )
    )  # fmt: skip
    reward = np.array([76.0, -4.0, -4.0, -4.0, 0.0])
    expected = markov_value(powered(np.array(rows), 0.7), reward, 0.2)
    unit, head = compiled.moving.ahead[0]
    np.testing.assert_allclose(2.0 * unit + head, expected, rtol=1e-12)


def test_powers_of_odds():
    rows = np.array(CHAIN["transitions"])
    np.testing.assert_allclose(powered(rows, 1.0), rows, atol=1e-15)
    np.testing.assert_allclose(powered(rows, 2.0)[:, 0], rows[:, 0] ** 2, atol=1e-15)
    assert falls_of(np.array([[1.0 - 1e-12, 1e-12], [0.0, 1.0]]))[0, 0] == pytest.approx(
        1e-12, rel=1e-4
    )
    # Nobody gets where the odds are nil, however low the hazard.
    assert powered(rows, 0.0)[2].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_other_relationships_need_no_loop_of_states(monkeypatch):
    def refuse(*_args):
        raise AssertionError

    monkeypatch.setattr(relationships, "simulate_states", refuse)
    worlds_of(alone({"churn": 0.1, "spend": 3.0}, customers=10))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"offers": {"half": {"term": 12}}}, "no offer can have a term"),
        (
            {"segments": {"s": recency(start_state="5"), "flat": recency(), "contract": recency()}},
            "segments.s.start_state no state is called '5'",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(changes, words):
    with pytest.raises(ClvsimError, match=words):
        compile_scenario(scenario_of(**changes))
