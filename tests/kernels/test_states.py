"""The migration relationship against its naive twin: counts agree exactly, money to 1e-12."""

import copy
from functools import cache

import numpy as np
import pytest

from clvsim.engine.compile import compile_scenario
from clvsim.engine.run import run_worlds
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests import naive_states
from tests.kernels import test_purchases as bought
from tests.kernels.test_purchases import BASE
from tests.kernels.test_twins import assert_money, rows_of

SEED, WORLD = 20_261_122, 2
CHAIN = {
    "relationship": "states",
    "states": ["best", "good", "weak", "asleep", "lost"],
    "transitions": [
        [0.5, 0.3, 0.1, 0.05, 0.05],
        [0.3, 0.4, 0.2, 0.05, 0.05],
        [0.0, 0.3, 0.3, 0.3, 0.1],
        [0.1, 0.0, 0.0, 0.6, 0.3],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ],
    "state_values": [40.0, 15.0, 3.0, -2.0, 0.0],
    "contact_costs": [4.0, 3.0, 2.0, 1.0, 9.0],
    "contacts": [True, True, True, False, False],
    "transitions_uncontacted": [
        *([[0.2, 0.2, 0.2, 0.2, 0.2]] * 3),
        [0.0, 0.0, 0.05, 0.5, 0.45],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ],
    "start_state": "good",
    "spend": {"distribution": "gamma", "a": 2.0, "scale": 0.5},
    "lift": {"distribution": "uniform", "loc": -0.5, "scale": 1.5},
    "correlations": [
        {"between": ["spend", "keenness"], "value": 0.4},
        {"between": ["lift", "spend"], "value": 0.2},
    ],
    "cost_share": 0.3,
    "cost_to_serve": 0.4,
    "price_rise_sensitivity": 1.5,
    "price_rise_periods": 2,
    "price_sensitivity": 1.0,
    "hazard_by_tenure": [2.0, 1.5, 1.0],
    "hazard_season": [1.0, 0.6, 1.7, 0.0],
}
#: Nobody ever leaves: the worst state can be left, and what it costs to be there is paid.
CIRCLE = {
    "relationship": "states",
    "states": ["up", "down"],
    "transitions": [[0.8, 0.2], [0.4, 0.6]],
    "state_values": [10.0, -1.0],
    "contact_costs": [0.0, 2.0],
    "transitions_uncontacted": [[0.6, 0.4], [0.0, 1.0]],
}
PROGRAMS = {
    "onboarding": {"kind": "onboarding", "tenures": 3, "hazard": 0.7, "cost_per_customer": 2.0},
    "price": {"kind": "price_change", "change": 0.2, "first": 5},
    "campaign": {"kind": "brand_campaign", "conversion_odds": 1.5, "fixed_cost": 20.0, "first": 3},
    "nurture": {"kind": "nurture", "conversion_odds": 1.3, "cost_per_lead": 0.5},
}
#: Those that choose persons, or that persons choose: the same as where customers buy.
PERSONAL = {
    name: {key: value for key, value in one.items() if key != "rate"}
    for name, one in bought.PROGRAMS.items()
    if one["kind"] in {"add_on", "loyalty", "retention"}
}
# One of the states has the churn of the contract: which is the riskier hangs on the last digit.
PERSONAL["risk"] = PERSONAL["risk"] | {"segments": ["s", "flat"]}
PERSONAL["asleep"] = {
    "kind": "retention", "segments": ["s"], "states": ["weak", "asleep"], "target": "value",
    "share": 0.6, "every": 2, "contact_cost": 1.0, "acceptance": 0.7, "hazard": 0.3, "spend": 1.5,
    "duration": 2,
}  # fmt: skip
SCENARIOS = {
    "plain": {},
    **{name: {"programs": {name: one}} for name, one in (PROGRAMS | PERSONAL).items()},
    "all programs": {"programs": PROGRAMS | PERSONAL},
    # The season after 16 periods lets nobody move down, for ever: that after 14 does.
    "14 periods": {"time": {"periods": 14}},
    "all programs, 14 periods": {"time": {"periods": 14}, "programs": PROGRAMS | PERSONAL},
    "no residual, mid": {"money": {"discount_rate": 0.12, "timing": "mid"}},
}


def scenario_of(**changes):
    segments = {"s": CHAIN, "flat": CIRCLE, "contract": {"churn": 0.1, "spend": 20.0}}
    return Scenario.model_validate(copy.deepcopy(BASE | {"segments": segments} | changes))


@cache
def _pair(name):
    compiled = compile_scenario(scenario_of(**SCENARIOS[name]))
    return compiled, naive_states.simulate(compiled, SEED, WORLD)


# Kept for good: tests come in any order, and a fixture keeps one parameter's value at a time.
@pytest.fixture(params=SCENARIOS)
def pair(request):
    """A compiled scenario, and the naive twin of one of its worlds."""
    return _pair(request.param)


def test_world_agrees_with_its_naive_twin(pair):
    compiled, twin = pair
    (world,) = run_worlds([compiled], SEED, WORLD, 1)

    counts = [p.ACTIVE, p.JOINED, p.LEFT, p.PURCHASES, p.AT_RISK, p.DECIDED]
    np.testing.assert_array_equal(world.flows[0, counts], twin.flows[counts])
    counts = [p.CONTACTS, p.ENTRIES, p.MEMBERS]
    np.testing.assert_array_equal(world.program_flows[0][:, counts], twin.program_flows[:, counts])
    counts = [p.SUM_CUSTOMERS, p.SUM_PAID_BACK]
    np.testing.assert_array_equal(world.sums[0][:, counts], twin.sums[:, counts])
    np.testing.assert_array_equal(
        world.by_tenure[0], [twin.by_tenure[name] for name in sorted(twin.by_tenure)]
    )
    assert twin.flows[p.LEFT].sum() > 40

    assert_money(world.cash[0], twin.cash)
    assert_money(world.present[0], twin.present)
    assert_money(world.program_cost[0], twin.program_cost)
    for flow in (p.LIST_REVENUE, p.DISCOUNT, p.EQUITY, p.STATE_CONTACTS):
        assert_money(world.flows[0, flow], twin.flows[flow])
    for flow in (p.EXTRA_LIST, p.EXTRA_DISCOUNT, p.ACTIVE_COST):
        assert_money(world.program_flows[0, :, flow], twin.program_flows[:, flow])
    for column in (p.SUM_VALUE, p.SUM_SQUARE, p.SUM_RESIDUAL, p.SUM_PRESENT):
        assert_money(world.sums[0, :, column], twin.sums[:, column])
    assert_money(world.expected_cost[0], twin.expected_cost)
    assert_money(world.cohorts[0, :, 1], twin.cohorts[:, 1])


def test_customers_agree_with_their_naive_twins(pair):
    compiled, twins = pair[0], pair[1].customers
    rows = rows_of(compiled, SEED, WORLD)
    start = compiled.levers.cohorts.start
    lives = [
        (one.cohort, one.rank, one.last + 1 - start[one.cohort], one.stays, 0) for one in twins
    ]
    np.testing.assert_array_equal(rows[:, [0, 1, 5, 6, p.ROW_PURCHASES]], lives)
    assert_money(rows[:, 3], np.array([one.spend for one in twins]))
    cost = compiled.intake.cost[rows[:, 0].astype(int)]
    assert_money(rows[:, 7] + cost, np.array([one.value for one in twins]))
