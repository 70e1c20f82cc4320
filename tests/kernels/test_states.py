"""The migration relationship against its naive twin: counts agree exactly, money to 1e-12."""

import copy
from functools import cache

import pytest

from clvsim.engine.compile import compile_scenario
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests import naive_states
from tests.kernels import test_purchases as bought
from tests.kernels.test_purchases import BASE
from tests.twins import assert_customers_agree, assert_world_agrees

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
    assert_world_agrees(compiled, SEED, WORLD, twin)
    assert twin.flows[p.LEFT].sum() > 40


def test_customers_agree_with_their_naive_twins(pair):
    assert_customers_agree(pair[0], SEED, WORLD, pair[1].customers)
