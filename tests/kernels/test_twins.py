"""The kernels against their naive twins: counts agree exactly, money to 1e-12."""

from functools import cache

import numpy as np
import pytest

from clvsim.engine.compile import compile_scenario
from clvsim.engine.run import run_worlds
from clvsim.kernels import plan as p
from clvsim.kernels.acquisition import count_arrivals
from clvsim.kernels.tally import bin_edges, bin_of
from clvsim.scenario.model import Scenario
from tests import naive
from tests.twins import assert_customers_agree, assert_money, assert_world_agrees

SEED, WORLD = 20_261_122, 3
BETA = {"distribution": "beta", "a": 0.7, "b": 6.0}
GAMMA = {"distribution": "gamma", "a": 4.0, "scale": 10.0}

OFFERS = {
    "time": {"periods": 16},
    "money": {"discount_rate": 0.12, "timing": "start", "residual": "expected"},
    "segments": {
        "home": {
            "churn": BETA,
            "spend": GAMMA,
            "cost_share": 0.35,
            "royalty_share": 0.1,
            "spend_by_tenure": [0.5, 1.0, 1.5, 1.2],
            "spend_season": [1.0, 0.8, 1.0, 1.3],
            "cost_to_serve": 2.5,
            "price_sensitivity": 2.0,
            "price_rise_sensitivity": 1.5,
            "price_rise_periods": 2,
            "call_share": 0.4,
            "call_cost": 7.0,
        },
        "office": {
            "churn": {"distribution": "uniform", "loc": 0.02, "scale": 0.2},
            "spend": {"distribution": "poisson", "mu": 30.0},
            "cost_share": 0.2,
            "call_share": 0.8,
            "call_cost": 4.0,
        },
    },
    "offer": "half",
    "offers": {
        "half": {"discount": 0.5, "discount_periods": 3, "free_periods": 1, "gift": 10.0},
        "bound": {
            "discount": [0.3, 0.2, 0.1],
            "term": 6,
            "renews": True,
            "equipment_subsidy": 30.0,
            "reluctance": 0.2,
        },
        "fee": {
            "term": 8,
            "on_leaving": "fee",
            "termination_fee": 5.0,
            "flat_termination_fee": 4.0,
            "most_termination_fee": 30.0,
            "free_periods": 2,
        },
        "fee_again": {
            "term": 5,
            "on_leaving": "fee",
            "termination_fee": 3.0,
            "renews": True,
            "discount": 0.25,
            "discount_periods": 6,
        },
        "held": {"term": 7},
    },
    "channels": {
        "search": {
            "spend": 300.0,
            "reach": {"kind": "linear", "cost_per_prospect": 10.0},
            "conversion": {"home": 0.1, "office": 0.05},
            "segments": {"home": 0.6, "office": 0.4},
        },
    },
    "cohorts": {
        "a": {"segment": "home", "customers": 25, "offer": "bound", "cost_per_customer": 40.0},
        "b": {"segment": "office", "customers": 25, "offer": "fee", "joins": 2},
        "c": {"segment": "home", "customers": 25, "offer": "fee_again", "joins": "2026-02"},
        "d": {"segment": "office", "customers": 25, "offer": "held", "joins": 11},
    },
}

CHANNELS = {
    "time": {"periods": 14, "step": "quarter"},
    "money": {"discount_rate": 0.2, "timing": "end", "fixed_costs": [5.0, 7.0, 9.0]},
    "segments": {
        "keen": {
            "churn": BETA,
            "spend": {"distribution": "lognorm", "s": 0.5, "scale": 50.0},
            "lift": {"distribution": "norm", "loc": 0.1, "scale": 0.3},
            "correlations": [
                {"between": ["churn", "keenness"], "value": -0.6},
                {"between": ["churn", "spend"], "value": -0.3},
                {"between": ["lift", "churn"], "value": 0.4},
            ],
            "price_sensitivity": 3.0,
            "hazard_by_tenure": [2.0, 1.5, 1.0],
            "hazard_season": [1.0, 1.2, 0.8, 1.0],
        },
        "other": {"churn": 0.08, "spend": 35.0, "cost_to_serve": 1.0},
    },
    "offers": {"gift": {"gift": 25.0, "gift_value": 40.0}},
    "channels": {
        "hill": {
            "spend": [400.0, 0.0, 0.0, 300.0, 500.0],
            "reach": {"kind": "hill", "ceiling": 300.0, "half": 200.0, "slope": 1.7},
            "carry_over": 0.6,
            "conversion": 0.08,
            "segments": {"keen": 0.7, "other": 0.3},
            "lead_time": [0.5, 0.3, 0.2],
            "offer": "gift",
        },
        "partner": {
            "spend": [{"from": 2, "spend": 50.0}, {"from": 6, "spend": 150.0}],
            "reach": {"kind": "saturating", "ceiling": 80.0, "rate": 0.01},
            "conversion": 0.1,
            "segments": {"keen": 1.0},
        },
    },
    "programs": {
        "brand": {"kind": "brand_campaign", "conversion_odds": 1.5, "first": 4, "last": 8},
        "mails": {
            "kind": "nurture",
            "conversion_odds": 1.3,
            "cost_per_lead": 0.5,
            "sources": ["hill"],
            "first": 2,
            "fixed_cost": 3.0,
            "timing": "start",
        },
    },
}

UNDER_WAY = {
    "time": {"periods": 10},
    "money": {"discount_rate": 0.15, "residual": "expected"},
    "offer": "late",
    "segments": {
        "home": OFFERS["segments"]["home"] | {"impatience": 0.9, "hazard_by_tenure": [1.5, 1.0]},
        "office": OFFERS["segments"]["office"] | {"price_sensitivity": 4.0},
    },
    "offers": OFFERS["offers"] | {"late": {"discount": [0.0] * 11 + [0.5] * 9, "gift": 12.0}},
    "channels": {
        "ran": {
            "spend": [{"from": 0, "spend": 200.0}, {"from": 4, "spend": 350.0}],
            "reach": {"kind": "hill", "ceiling": 300.0, "half": 200.0, "slope": 1.7},
            "carry_over": 0.6,
            "conversion": {"home": 0.1, "office": 0.05},
            "segments": {"home": 0.6, "office": 0.4},
            "lead_time": [0.5, 0.0, 0.3, 0.2],
            "steady": True,
        },
        "launch": {
            "spend": 150.0,
            "reach": {"kind": "linear", "cost_per_prospect": 10.0},
            "conversion": 0.15,
            "segments": {"office": 1.0},
            "carry_over": 0.4,
            "earlier_spend": [50.0, 0.0, 400.0],
        },
        "always": {
            "spend": 60.0,
            "reach": {"kind": "saturating", "ceiling": 80.0, "rate": 0.01},
            "conversion": 0.1,
            "segments": {"home": 1.0},
            "lead_time": [0.2, 0.8],
            "earlier_spend": 90.0,
            "offer": "half",
        },
        "friends": {
            "reach": {"kind": "organic", "prospects": [30.0, 20.0, 25.0]},
            "conversion": 0.2,
            "segments": {"home": 0.5, "office": 0.5},
            "lead_time": [0.5, 0.5],
            "steady": True,
            "offer": "bound",
        },
    },
    "installed_base": {
        "held": {"segment": "home", "customers": 40, "tenure": [0, 1, 1, 2, 2], "offer": "held"},
        "again": {"segment": "home", "customers": 40, "tenure": [0, 1, 0, 1, 0, 0, 1, 2, 1],
                  "offer": "bound"},
        "paying": {"segment": "office", "customers": 30, "tenure": [1, 1, 0, 1], "offer": "fee"},
        "halved": {"segment": "home", "customers": 30, "tenure": [1, 1, 1, 1, 1], "offer": "half"},
    },
    "programs": {
        "price": {"kind": "price_change", "change": 0.2, "first": 6, "last": 9},
        "brand": {"kind": "brand_campaign", "conversion_odds": 1.2, "first": 4, "fixed_cost": 90.0},
        "mails": {
            "kind": "nurture",
            "conversion_odds": 1.3,
            "cost_per_lead": 0.5,
            "sources": ["ran"],
            "fixed_cost": 7.0,
        },
        "nobody": {"kind": "brand_campaign", "conversion_odds": 2.0, "sources": ["held"],
                   "fixed_cost": 4.0},
        "calls": {
            "kind": "retention",
            "target": "random",
            "share": 0.3,
            "every": 3,
            "contact_cost": 1.0,
            "duration": 3,
            "hazard": 0.5,
        },
    },
}  # fmt: skip

PROGRAMS = {
    "time": {"periods": 15},
    "money": {
        "discount_rate": 0.1,
        "residual": "expected",
        "fixed_costs": 4.0,
        "fixed_costs_beyond": True,
    },
    "segments": {
        "a": {
            "churn": BETA,
            "spend": GAMMA,
            "lift": {"distribution": "uniform", "loc": -0.5, "scale": 2.0},
            "cost_share": 0.3,
            "royalty_share": 0.05,
            "spend_season": [1.1, 0.9, 1.0],
            "cost_to_serve": 3.0,
            "price_rise_sensitivity": 0.8,
            "correlations": [{"between": ["lift", "churn"], "value": -0.5}],
            "call_share": 0.5,
            "call_cost": 3.0,
        },
        "b": {"churn": 0.05, "spend": 20.0, "lift": 0.3},
    },
    # Three programs let off 0.55 together: more than the offer leaves in its first periods.
    "offers": {"half": {"discount": [0.9, 0.6, 0.6, 0.5], "term": 3, "renews": True}},
    "cohorts": {
        "now": {"segment": "a", "customers": 60, "offer": "half"},
        "later": {"segment": "b", "customers": 30, "joins": 4},
    },
    "installed_base": {
        "old": {"segment": "a", "customers": 50, "tenure": [0.0, 3.0, 0.0, 1.5, 2.0]},
        "new": {"segment": "b", "customers": 10, "tenure": 30},
    },
}
KINDS = {
    "add_on": {
        "kind": "add_on",
        "adoption": 0.1,
        "from_tenure": 2,
        "price": 8.0,
        "cost": 3.0,
        "hazard": 0.7,
        "adoption_cost": 12.0,
        "last": 10,
        "timing": "end",
    },
    "loyalty": {
        "kind": "loyalty",
        "member_share": 0.4,
        "at_tenure": 2,
        "hazard": 0.6,
        "benefit": 0.3,
        "cost_per_member": 1.0,
        "enrolment_cost": 4.0,
        "first": 3,
        "last": 11,
        "segments": ["a"],
        "fixed_cost": 2.0,
    },
    "everybody": {
        "kind": "loyalty",
        "benefit": 0.05,
        "sources": ["later", "old"],
        "fixed_cost": 1.5,
        "timing": "end",
    },
    "onboarding": {
        "kind": "onboarding",
        "tenures": 4,
        "hazard": 0.5,
        "cost_per_customer": 2.0,
        "timing": "start",
    },
    "price": {"kind": "price_change", "change": 0.15, "first": 6},
    "price_back": {"kind": "price_change", "change": -0.1, "first": 9, "segments": ["a"]},
    "random": {
        "kind": "retention",
        "target": "random",
        "share": 0.3,
        "every": 3,
        "contact_cost": 1.0,
        "acceptance": 0.5,
        "incentive": 6.0,
        "discount": 0.2,
        "duration": 2,
        "hazard": 0.5,
    },
    "value": {
        "kind": "retention",
        "target": "value",
        "share": 0.25,
        "every": 4,
        "first": 1,
        "first_tenure": 2,
        "last_tenure": 9,
        "contact_cost": 2.0,
        "duration": 6,
        "hazard": 0.8,
        "spend": 1.2,
        "timing": "end",
    },
    "risk": {
        "kind": "retention",
        "target": "risk",
        "share": 0.5,
        "acceptance": 0.3,
        "contact_cost": 0.3,
        "incentive": 5.0,
        "personal_lift": True,
        "duration": 2,
        "segments": ["a"],
    },
    "lift": {
        "kind": "retention",
        "target": "lift",
        "share": 0.2,
        "every": 2,
        "personal_lift": True,
        "contact_cost": 1.0,
        "last": 9,
        "duration": 3,
        "spend": 0.9,
    },
}
WEEKS = {
    "time": {"periods": 20, "step": "week", "start": "2026-03-02"},
    "segments": {
        "a": {
            "churn": {"survivors": [1000.0, 900.0, 840.0, 800.0, 775.0]},
            "spend": {"distribution": "nbinom", "n": 3.0, "p": 0.2},
        }
    },
    "cohorts": {"launch": {"segment": "a", "customers": 60, "joins": "2026-03-20"}},
    "installed_base": {"old": {"segment": "a", "customers": 20, "tenure": 8}},
    "programs": {"price": {"kind": "price_change", "change": 0.2, "first": "2026-05-01"}},
}
SCENARIOS = {
    "offers": OFFERS,
    "channels": CHANNELS,
    "under way": UNDER_WAY,
    "weeks": WEEKS,
    **{f"program {name}": PROGRAMS | {"programs": {name: one}} for name, one in KINDS.items()},
    "all programs": PROGRAMS | {"programs": KINDS},
    "programs on offers": OFFERS
    | {
        "programs": {
            name: {key: value for key, value in one.items() if key not in {"segments", "sources"}}
            for name, one in KINDS.items()
        }
    },
}


@cache
def _pair(name):
    compiled = compile_scenario(Scenario.model_validate(SCENARIOS[name]))
    return compiled, naive.simulate(compiled, SEED, WORLD)


# Kept for good: tests come in any order, and a fixture keeps one parameter's value at a time.
@pytest.fixture(params=SCENARIOS)
def pair(request):
    """A compiled scenario, and the naive twin of one of its worlds."""
    return _pair(request.param)


def test_world_agrees_with_its_naive_twin(pair):
    compiled, twin = pair
    assert_world_agrees(compiled, SEED, WORLD, twin)
    assert twin.flows[p.ACTIVE].sum() > 100


def test_customers_agree_with_their_naive_twins(pair):
    compiled, twins = pair[0], pair[1].customers
    rows = assert_customers_agree(compiled, SEED, WORLD, twins)
    assert_money(rows[:, 4], np.array([one.lift for one in twins]))
    assert_money(rows[:, 2], np.array([-np.expm1(-one.rate) for one in twins]))


def test_the_scenarios_reach_every_flow_and_account():
    worlds = [_pair(name)[1] for name in ("offers", "channels", "under way", "all programs")]
    flows = sum(np.abs(world.flows).sum(axis=1) for world in worlds)
    program_flows = sum(np.abs(world.program_flows).sum(axis=(0, 2)) for world in worlds)
    present = sum(np.abs(world.present) for world in worlds)
    assert (np.delete(flows, [p.PURCHASES, p.STATE_CONTACTS]) > 0.0).all()
    assert (program_flows > 0.0).all()
    assert (present > 0.0).all()


def test_customers_that_a_rival_lacks():
    ours = compile_scenario(Scenario.model_validate(CHANNELS))
    poorer = Scenario.model_validate(CHANNELS | {"programs": {}})
    ours = ours.with_rivals([ours.limits(), compile_scenario(poorer).limits()])
    (world,) = run_worlds([ours], SEED, WORLD, 1)
    limits = [cell.limit() for cell in naive.cohorts_of(poorer)]
    only = [
        one
        for one in naive.simulate(ours, SEED, WORLD).customers
        if one.arrival > limits[one.cohort]
    ]
    assert len(only) > 5
    np.testing.assert_array_equal(world.only[0, 0], 0.0)
    assert world.only[0, 1, 0] == len(only)
    assert world.only[0, 1, 1] == pytest.approx(sum(one.value for one in only), rel=1e-12)


def test_histogram_bins_agree_with_their_twin_and_hold_their_values():
    values = np.concatenate([[0.0, 2.0**-14, 1.0, 2.0**29], np.geomspace(1e-6, 1e9, 400)])
    values = np.concatenate([values, -values, np.nextafter(values, 0.0)])
    edges = bin_edges()
    for value in values:
        found = bin_of(float(value))
        assert found == naive.bin_of(value)
        assert edges[found] <= value <= edges[found + 1]


def test_arrivals_agree_with_their_naive_twin():
    for limit in (0.01, 3.0, 40.0):
        times = naive.arrivals(SEED, WORLD, 99, 7, limit)
        address = np.uint64(SEED), np.uint64(WORLD), np.uint64(99), 7
        assert [count_arrivals(*address, limit, block) for block in (1, 5, 64)] == 3 * [len(times)]
