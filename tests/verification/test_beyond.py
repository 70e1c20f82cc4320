"""What is expected beyond a horizon is what a longer one brings; a past is a life lived before."""

import numba
import numpy as np
import pytest

from clvsim.engine.compile import compile_scenario
from clvsim.engine.run import Settings, run_worlds
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests.statistics import assert_mean

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="a million lives need the JIT"
)
WORLDS, CUSTOMERS, SEED = 40, 40_000, 5
SHORT, LONG = 6, 160
MONEY = {"discount_rate": 0.8, "timing": "start", "residual": "expected"}
UNIFORM = {"distribution": "uniform", "loc": 0.05, "scale": 0.25}
CONTRACT = {"churn": UNIFORM, "spend": 10.0, "cost_share": 0.2}
BUYER = {
    "relationship": "pareto/nbd", "death_rate": UNIFORM, "purchase_rate": 0.8, "spend": 10.0,
    "cost_share": 0.2,
}  # fmt: skip
STATES = {
    "relationship": "states",
    "states": ["good", "poor", "lost"],
    "transitions": [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.0, 0.0, 1.0]],
    "state_values": [1.0, 0.2, 0.0],
    "spend": 10.0,
    "cost_share": 0.2,
}
FREE = {"offers": {"start": {"free_periods": 5}}, "offer": "start"}
CARE = {"kind": "onboarding", "tenures": 8, "hazard": 0.3, "cost_per_customer": 2.0}
TREAT = {"kind": "retention", "every": 2, "share": 0.7, "acceptance": 0.6, "hazard": 0.3,
         "duration": 7, "discount": 0.3, "spend": 1.2, "last": SHORT - 1}  # fmt: skip
CLUB = {"kind": "loyalty", "member_share": 0.5, "hazard": 0.5, "benefit": 0.4}
#: By name: segment, and what else the scenario says.
CASES = {
    "an offer ends": (CONTRACT, FREE),
    "an offer ends for buyers": (BUYER, FREE),
    "an offer ends in all states": (STATES, FREE),
    "care ends": (CONTRACT, {"programs": {"care": CARE}}),
    "care ends for buyers": (BUYER, {"programs": {"care": CARE}}),
    "care ends in all states": (STATES, {"programs": {"care": CARE}}),
    "seasons": (CONTRACT | {"hazard_season": [0.2, 0.4, 2.5]}, {}),
    "seasons of buyers": (
        BUYER | {"hazard_season": [0.2, 2.5], "rate_season": [0.2, 0.1, 3.0]}, {},
    ),
    "seasons of purchases that end a life": (
        {"relationship": "bg/nbd", "churn": UNIFORM, "purchase_rate": 0.8, "spend": 10.0,
         "rate_season": [0.2, 0.1, 3.0], "hazard_by_tenure": [3.0] * 7 + [0.5]},
        {},
    ),
    "opportunities": (
        {"relationship": "bg/bb", "churn": UNIFORM, "purchase_probability": 0.6, "spend": 10.0,
         "hazard_season": [0.2, 2.5], "rate_season": [0.2, 0.1, 3.0]},
        {},
    ),
    "seasons of states": (STATES | {"hazard_season": [0.2, 2.5, 0.4]}, {}),
    "tenure": (CONTRACT | {"hazard_by_tenure": [0.5] * 4 + [3.0] * 4 + [0.5]}, {}),
    "a price rise": (
        CONTRACT | {"price_rise_sensitivity": 3.0, "price_rise_periods": 3},
        {"offers": {"half": {"discount": 0.5, "discount_periods": 5}}, "offer": "half"},
    ),
    "a price that ends": (
        CONTRACT,
        {"programs": {"up": {"kind": "price_change", "change": 0.5, "first": 4, "last": 5}}},
    ),
    # No file may say so, but from Python it can be said.
    "a price that ends later": (
        CONTRACT,
        {"programs": {"up": {"kind": "price_change", "change": 0.5, "first": 4, "last": 12},
                      "club": CLUB | {"last": 9}}},
    ),
    "a term": (CONTRACT, {"offers": {"held": {"term": 7}}, "offer": "held"}),
    "a term that renews": (
        CONTRACT | {"call_share": 0.5, "call_cost": 20.0},
        {"offers": {"held": {"term": 4, "renews": True}}, "offer": "held"},
    ),
    "a fee": (
        CONTRACT,
        {"offers": {"bound": {"term": 8, "on_leaving": "fee", "termination_fee": 5.0}},
         "offer": "bound"},
    ),
    "members": (CONTRACT, FREE | {"programs": {"club": CLUB}}),
    "members that buy": (BUYER, FREE | {"programs": {"club": CLUB | {"rate": 1.5}}}),
    "members in all states": (
        STATES | {"hazard_season": [0.2, 2.5, 0.4]}, FREE | {"programs": {"club": CLUB}},
    ),
    "members held": (
        CONTRACT,
        {"offers": {"held": {"term": 5, "renews": True}}, "offer": "held",
         "programs": {"club": CLUB}},
    ),
    "treatments": (CONTRACT | {"hazard_season": [0.5, 2.0, 0.5]}, {"programs": {"call": TREAT}}),
    "treatments of buyers": (BUYER, {"programs": {"call": TREAT | {"rate": 1.5}, "club": CLUB}}),
    "treatments in all states": (STATES, FREE | {"programs": {"call": TREAT, "club": CLUB}}),
    "treatments of those held": (
        CONTRACT | {"lift": {"distribution": "uniform", "loc": -0.5, "scale": 1.0}},
        {"offers": {"held": {"term": 4, "renews": True}}, "offer": "held",
         "programs": {"call": TREAT | {"personal_lift": True}, "club": CLUB}},
    ),
    "treatments that end within a term": (
        CONTRACT,
        {"offers": {"held": {"term": 4, "renews": True, "free_periods": 7}}, "offer": "held",
         "programs": {"call": TREAT | {"duration": 8, "hazard": 0.0, "every": 1}}},
    ),
    "members until the end": (CONTRACT, {"programs": {"club": CLUB | {"last": SHORT - 1}}}),
}  # fmt: skip


def worlds_of(periods, segment, **changes):
    plan = {
        "time": {"periods": periods},
        "money": MONEY,
        "segments": {"a": segment},
        # They join while the horizon lasts: each has its own tenure when it ends.
        "cohorts": {
            "first": {"segment": "a", "customers": CUSTOMERS // 2},
            "last": {"segment": "a", "customers": CUSTOMERS // 2, "joins": SHORT - 2},
        },
    }
    compiled = compile_scenario(Scenario.model_validate(plan | changes))
    return run_worlds([compiled], SEED, 0, WORLDS, Settings(threads=2))[0]


def value(periods, segment, **changes):
    return worlds_of(periods, segment, **changes).sums[:, :, p.SUM_PRESENT].sum(axis=1) / CUSTOMERS


@pytest.mark.parametrize("case", CASES)
def test_the_residual_value_is_what_a_longer_horizon_brings(case):
    segment, changes = CASES[case]
    short, long = (value(periods, segment, **changes) for periods in (SHORT, LONG))
    # The same people with the same luck: only the expectation beyond differs from what happens.
    assert_mean(short - long, None, 0.0, fault=0.03 * long.mean())


PASTS = {
    "contract": CONTRACT,
    "contract in seasons": CONTRACT | {"hazard_season": [0.2, 2.0, 0.5, 3.0]},
    "bg/nbd": {"relationship": "bg/nbd", "churn": UNIFORM, "purchase_rate": 0.8, "spend": 10.0},
    "pareto/nbd": BUYER,
    "bg/bb": CASES["opportunities"][0] | {"hazard_season": (), "rate_season": ()},
    "states": STATES,
}


@pytest.mark.parametrize("name", PASTS)
def test_an_installed_base_is_what_is_left_of_an_earlier_cohort(name):
    tenure = 8
    segment = PASTS[name] | {"hazard_by_tenure": [4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 0.1, 0.1, 1.0]}
    cohorts = {"one": {"segment": "a", "customers": CUSTOMERS}}
    young = worlds_of(20, segment, cohorts=cohorts)
    base = {"one": {"segment": "a", "customers": CUSTOMERS // 4, "tenure": tenure}}
    old = worlds_of(20 - tenure, segment, cohorts={}, installed_base=base)
    for period in (0, 3, 20 - tenure - 1):
        there = young.flows[:, p.ACTIVE, tenure]
        rate = young.flows[:, p.LEFT, tenure + period] / there
        same = old.flows[:, p.LEFT, period] / old.flows[:, p.ACTIVE, 0]
        assert_mean(same - rate, None, 0.0)
    plain = worlds_of(20 - tenure, PASTS[name], cohorts={}, installed_base=base)
    assert abs(np.mean(plain.flows[:, p.LEFT, 0] / old.flows[:, p.LEFT, 0]) - 1.0) > 0.02
