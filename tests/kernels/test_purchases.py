"""The purchase relationship against its naive twin: counts agree exactly, money to 1e-12."""

import copy
from functools import cache

import pytest

from clvsim.engine.compile import compile_scenario
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests import naive_purchases
from tests.kernels.test_twins import KINDS
from tests.twins import assert_customers_agree, assert_world_agrees

SEED, WORLD = 20_261_122, 2
GAMMA = {"distribution": "gamma", "a": 0.8, "scale": 0.5}
SEGMENTS = {
    "bg/nbd": {
        "purchase_rate": GAMMA,
        "churn": {"distribution": "beta", "a": 0.8, "b": 2.4},
        "spend": {"distribution": "invgamma", "a": 3.74, "scale": 96.5},
        "spend_shape": 6.25,
    },
    "pareto/nbd": {
        "purchase_rate": {"distribution": "gamma", "a": 2.0, "scale": 0.6},
        "death_rate": {"distribution": "gamma", "a": 0.6, "scale": 0.15},
        "spend": {"distribution": "norm", "loc": 20.0, "scale": 15.0},
    },
    "bg/bb": {
        "purchase_probability": {"distribution": "beta", "a": 1.2, "b": 0.8},
        "churn": {"distribution": "beta", "a": 0.7, "b": 5.0},
        "spend": {"distribution": "lognorm", "s": 0.6, "scale": 30.0},
        "spend_shape": 2.0,
    },
}
COMMON = {
    "lift": {"distribution": "uniform", "loc": -0.5, "scale": 1.5},
    "correlations": [
        {"between": ["purchases", "churn"], "value": -0.4},
        {"between": ["spend", "purchases"], "value": 0.3},
        {"between": ["lift", "purchases"], "value": 0.2},
    ],
    "cost_share": 0.3,
    "cost_to_serve": 0.4,
    "cost_per_purchase": 1.5,
    "price_rise_sensitivity": 1.5,
    "price_rise_periods": 2,
    "price_sensitivity": 1.0,
    "hazard_by_tenure": [2.0, 1.5, 1.0],
    "rate_season": [1.0, 0.6, 1.7, 0.0],
}
BASE = {
    "time": {"periods": 16},
    "money": {"discount_rate": 0.12, "timing": "start", "residual": "expected"},
    "offers": {"half": {"discount": 0.5, "discount_periods": 3, "gift": 3.0}},
    "cohorts": {
        "a": {"segment": "s", "customers": 60, "offer": "half", "cost_per_customer": 5.0},
        "b": {"segment": "s", "customers": 30, "joins": 5},
        "c": {"segment": "flat", "customers": 25, "joins": 2},
    },
    "channels": {
        "search": {
            "spend": 150.0,
            "reach": {"kind": "linear", "cost_per_prospect": 10.0},
            "conversion": 0.1,
            "segments": {"s": 0.7, "contract": 0.3},
            "offer": "half",
        },
    },
    "installed_base": {
        "old": {"segment": "s", "customers": 30, "tenure": [1.0, 0.0, 2.0, 1.0]},
    },
}
OWN = {
    "loyalty": {"rate": 1.4},
    "add_on": {"rate": 0.7},
    "random": {"rate": 2.0},
    "value": {"rate": 0.0},
    "onboarding": {"rate": 1.3},
    "price": {"rate": 0.8},
}
PROGRAMS = {
    name: {key: value for key, value in (one | OWN.get(name, {})).items()
           if key not in {"segments", "sources"}}
    for name, one in KINDS.items()
}  # fmt: skip


BUYERS = ["s", "flat"]
#: Chosen by what they have bought so far, each number of it in one program and all in another.
BY_HISTORY = {
    "lapsed": {"kind": "retention", "recency": {"at_least": 3, "at_most": 8.5}, "every": 2,
               "contact_cost": 1.0, "rate": 1.6, "duration": 3},
    "thanks": {"kind": "retention", "frequency": {"at_least": 3, "at_most": 6}, "every": 3,
               "acceptance": 0.6, "incentive": 4.0, "hazard": 0.5, "discount": 0.1, "duration": 2},
    "dear": {"kind": "retention", "value": {"at_least": 20.0}, "target": "value", "share": 0.5,
             "frequency": {"at_most": 4}, "recency": {"at_least": 1}, "contact_cost": 2.0,
             "spend": 1.1, "rate": 0.8},
}  # fmt: skip
BY_HISTORY = {name: one | {"segments": BUYERS} for name, one in BY_HISTORY.items()}


def scenario_of(relationship, **changes):
    flat = {
        "bg/nbd": {"purchase_rate": 0.9, "churn": 0.1},
        "pareto/nbd": {"purchase_rate": 0.9, "death_rate": 0.1},
        "bg/bb": {"purchase_probability": 0.6, "churn": 0.1},
    }[relationship]
    segments = {
        "s": {"relationship": relationship, **SEGMENTS[relationship], **COMMON},
        "flat": {"relationship": relationship, **flat, "spend": 12.0, "lift": 0.3},
        "contract": {"churn": 0.1, "spend": 20.0},
    }
    return Scenario.model_validate(copy.deepcopy(BASE) | {"segments": segments} | changes)


SCENARIOS = {
    "plain": {},
    **{name: {"programs": {name: one}} for name, one in PROGRAMS.items()},
    "all programs": {"programs": PROGRAMS},
    "by history": {"programs": BY_HISTORY},
    "by history beside others": {"programs": BY_HISTORY | PROGRAMS},
}


@pytest.fixture(params=SEGMENTS)
def relationship(request):
    return request.param


@cache
def _pair(relationship, name):
    compiled = compile_scenario(scenario_of(relationship, **SCENARIOS[name]))
    return compiled, naive_purchases.simulate(compiled, SEED, WORLD)


# Kept for good: tests come in any order, and a fixture keeps one parameter's value at a time.
@pytest.fixture(params=SCENARIOS)
def pair(request, relationship):
    """A compiled scenario, and the naive twin of one of its worlds."""
    return _pair(relationship, request.param)


def test_world_agrees_with_its_naive_twin(pair):
    compiled, twin = pair
    assert_world_agrees(compiled, SEED, WORLD, twin)
    assert twin.flows[p.PURCHASES].sum() > 100


def test_customers_agree_with_their_naive_twins(pair):
    assert_customers_agree(pair[0], SEED, WORLD, pair[1].customers)
