"""Offers, prices and discounting against examples worked out by hand."""

import math

import numpy as np
import pytest

from clvsim.engine.compile import compile_scenario
from clvsim.engine.schedule import (
    discounting,
    fees,
    held_steps,
    period_factor,
    timing_index,
)
from clvsim.kernels import plan as p
from clvsim.scenario.model import InstalledBase, Offer, Scenario


def scenario(**changes):
    """One cohort of ten in one plain segment over five years."""
    plain = {
        "time": {"periods": 5, "step": "year"},
        "money": {"discount_rate": 0.25, "timing": "start"},
        "segments": {"a": {"churn": 0.1, "spend": 10.0}},
        "cohorts": {"now": {"segment": "a", "customers": 10}},
    }
    return Scenario.model_validate(plain | changes)


@pytest.mark.parametrize(
    ("terms", "held", "fee"),
    [
        ({}, [0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 0]),
        ({"term": 3}, [2, 2, 2, 3, 4, 5], [0, 0, 0, 0, 0, 0]),
        ({"term": 3, "renews": True}, [2, 2, 2, 5, 5, 5], [0, 0, 0, 0, 0, 0]),
        ({"term": 4, "renews": True}, [3, 3, 3, 3, 7, 7], [0, 0, 0, 0, 0, 0]),
        ({"term": 1}, [0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 0]),
        (
            {"term": 4, "on_leaving": "fee", "termination_fee": 10.0},
            [0, 1, 2, 3, 4, 5],
            [30, 20, 10, 0, 0, 0],
        ),
        (
            {"term": 3, "on_leaving": "fee", "termination_fee": 10.0, "renews": True},
            [0, 1, 2, 3, 4, 5],
            [20, 10, 0, 20, 10, 0],
        ),
    ],
)
def test_contract_terms(terms, held, fee):
    offer = Offer.model_validate(terms)
    assert held_steps(offer, 6).tolist() == held
    assert fees(offer, 6).tolist() == fee
    # Who entered the horizon at a tenure of 2 goes by the same tenures.
    assert held_steps(offer, 4, 2).tolist() == [last - 2 for last in held[2:]]
    assert fees(offer, 4, 2).tolist() == fee[2:]


def test_discounting_by_timing():
    yearly = scenario(money={"discount_rate": 0.21})
    assert period_factor(yearly) == pytest.approx(1.0 / 1.21)
    factors = discounting(yearly)
    assert factors.shape == (3, 6)
    for timing, first in (("start", 1.0), ("mid", 1.0 / 1.1), ("end", 1.0 / 1.21)):
        row = factors[timing_index(timing, yearly)]
        np.testing.assert_allclose(row, first / 1.21 ** np.arange(6), rtol=1e-14)
    assert timing_index(None, yearly) == timing_index("mid", yearly)
    # The rate is effective: twelve months discount as much as a year.
    for step, periods in (("month", 12), ("quarter", 4), ("week", 365.25 / 7.0)):
        one = scenario(time={"periods": 5, "step": step}, money={"discount_rate": 0.21})
        assert period_factor(one) ** periods == pytest.approx(1.0 / 1.21)


def multiplier(segment, **changes):
    """Hazard multipliers of the cohort by step."""
    one = scenario(segments={"a": {"churn": 0.1, "spend": 10.0, **segment}}, **changes)
    return compile_scenario(one).model.schedule[0, p.MULTIPLIER, :5]


def test_end_of_an_introductory_price_is_a_rise():
    felt = {"price_rise_sensitivity": 2.0, "price_rise_periods": 2}
    half = {"offers": {"half": {"discount": 0.5, "discount_periods": 2}}, "offer": "half"}
    e = math.e
    np.testing.assert_allclose(multiplier(felt, **half), [1.0, 1.0, e, e, 1.0])
    # A fifth more from period 3: rises of 0.5 and 0.2 are felt together in period 3.
    rise = {"up": {"kind": "price_change", "change": 0.2, "first": 3}}
    np.testing.assert_allclose(
        multiplier(felt, programs=rise, **half),
        [1.0, 1.0, e, math.exp(1.4), math.exp(0.4)],
    )
    # A cut is not felt, and those that join after a rise know no other price.
    cut = {"down": {"kind": "price_change", "change": -0.2, "first": 3}}
    np.testing.assert_array_equal(multiplier(felt, programs=cut), 1.0)
    late = {"cohorts": {"late": {"segment": "a", "customers": 10, "joins": 3}}}
    np.testing.assert_array_equal(multiplier(felt, programs=rise, **late), [1, 1, 0, 0, 0])


def test_hazards_by_tenure_and_season():
    shapes = {"hazard_by_tenure": [3.0, 2.0, 1.0], "hazard_season": [1.0, 0.5]}
    np.testing.assert_allclose(multiplier(shapes), [3.0, 1.0, 1.0, 0.5, 1.0])
    late = {"cohorts": {"late": {"segment": "a", "customers": 10, "joins": 1}}}
    np.testing.assert_allclose(multiplier(shapes, **late), [1.5, 2.0, 0.5, 1.0, 0.0])
    old = {"cohorts": {}, "installed_base": {"old": {"segment": "a", "customers": 9, "tenure": 1}}}
    np.testing.assert_allclose(multiplier(shapes, **old), [2.0, 0.5, 1.0, 0.5, 1.0])


def test_values_by_step_of_decision():
    compiled = compile_scenario(
        scenario(
            time={"periods": 3, "step": "year"},
            segments={
                "a": {"churn": 0.1, "spend": 10.0, "cost_share": 0.4, "cost_to_serve": 2.0,
                      "call_cost": 5.0, "call_share": 1.0}
            },
            offers={"half": {"discount": 0.5, "discount_periods": 1, "term": 2}},
            offer="half",
            programs={
                "care": {"kind": "onboarding", "tenures": 1, "cost_per_customer": 3.0,
                         "timing": "end"}
            },
        )
    )  # fmt: skip
    rows = compiled.model.schedule[0]
    # Discount factors 1, 0.8, 0.64 at the start; 0.8, 0.64, 0.512 at the end.
    np.testing.assert_allclose(rows[p.UNIT_MARGIN, :3], [0.1, 0.48, 0.384])
    np.testing.assert_allclose(rows[p.HEAD_MARGIN, :3], [-2.0 - 2.4, -1.6, -1.28])
    np.testing.assert_array_equal(rows[p.HELD], [1, 1, 2, 3])
    np.testing.assert_allclose(rows[p.UNIT_VALUE], [0.58, 0.58, 0.964, 0.964])
    np.testing.assert_allclose(rows[p.HEAD_VALUE], [-6.0, -6.0, -7.28, -7.28])
    np.testing.assert_allclose(rows[p.CALL_MARGIN, :3], [-4.0, -3.2, -2.56])
    np.testing.assert_array_equal(rows[p.CUMULATED, :3], [1.0, 2.0, 3.0])


def test_value_with_a_termination_fee():
    terms = {"term": 3, "on_leaving": "fee", "termination_fee": 10.0}
    compiled = compile_scenario(
        scenario(time={"periods": 3, "step": "year"}, offers={"bound": terms}, offer="bound")
    )
    rows = compiled.model.schedule[0]
    # Fees 20, 10, 0 at the end of the period of leaving.
    np.testing.assert_allclose(rows[p.HEAD_VALUE], [16.0, 6.4, 0.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(rows[p.UNIT_VALUE], [1.0, 1.8, 2.44, 2.44])


@pytest.mark.parametrize(
    ("customers", "tenure", "counts"),
    [
        (10, 3, [(3, 10.0)]),
        (10, [1.0, 1.0, 1.0], [(0, 4.0), (1, 3.0), (2, 3.0)]),
        (10, [0.0, 5.0, 0.0, 5.0], [(1, 5.0), (3, 5.0)]),
        (7, [1.0, 2.0, 4.0], [(0, 1.0), (1, 2.0), (2, 4.0)]),
        (1, [1.0, 2.0, 1.0], [(1, 1.0)]),
        (0, [1.0], []),
    ],
)
def test_installed_base_by_tenure_adds_up(customers, tenure, counts):
    base = InstalledBase.model_validate({"segment": "a", "customers": customers, "tenure": tenure})
    assert base.by_tenure() == counts
