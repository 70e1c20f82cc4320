"""Money: costs follow what is bought, effects multiply, fees and spend are what they say."""

import copy
import itertools

import pytest

import clvsim
from clvsim.api import Effort
from clvsim.scenario.model import Scenario

EFFORT = Effort(worlds=2, seed=1)
SEGMENTS = {
    "contract": {"churn": 0.0, "spend": 20.0, "cost_share": 0.4},
    "bg/bb": {
        "relationship": "bg/bb",
        "purchase_probability": 1.0,
        "churn": 0.0,
        "spend": 20.0,
        "cost_share": 0.4,
    },
    "states": {
        "relationship": "states",
        "states": ["there", "lost"],
        "transitions": [[1.0, 0.0], [0.0, 1.0]],
        "state_values": [20.0, 0.0],
        "cost_share": 0.4,
    },
}
KINDS = list(SEGMENTS)


def plan(kind, periods=2, **tables):
    """A hundred customers who never leave and bring in 20 a period, 8 of it cost."""
    return {
        "time": {"periods": periods},
        "money": {"discount_rate": 0.0, "timing": "start"},
        "segments": {"s": copy.deepcopy(SEGMENTS[kind])},
        "cohorts": {"c": {"segment": "s", "customers": 100}},
        **tables,
    }


def accounts(table):
    """Totals of all accounts that anything is posted to, and the NPV."""
    result = clvsim.run(Scenario.model_validate(table), effort=EFFORT).isel(scenario=0, world=0)
    totals = result["cash"].sum("period")
    found = {str(name): float(totals.sel(account=name)) for name in totals["account"].values}
    return {name: amount for name, amount in found.items() if amount}, float(result["npv"])


def price(change, first=1):
    return {"price": {"kind": "price_change", "first": first, "change": change}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [0.1, -0.1])
def test_a_change_of_price_is_margin(kind, change):
    found, npv = accounts(plan(kind, programs=price(change)))
    assert found["cost_of_sales"] == pytest.approx(-1600.0, rel=1e-12)
    assert npv == pytest.approx(1200.0 + 100.0 * (20.0 * (1.0 + change) - 8.0), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lower_price_and_a_discount_leave_the_same(kind):
    offer = {"offer": "off", "offers": {"off": {"discount": [0.0, 0.1]}}}
    _, cut = accounts(plan(kind, programs=price(-0.1)))
    found, discounted = accounts(plan(kind, **offer))
    assert discounted == pytest.approx(cut, rel=1e-12)
    assert found["introductory_discounts"] == pytest.approx(-200.0, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_royalties_follow_what_is_paid(kind):
    table = plan(kind, offer="off", offers={"off": {"discount": [0.5, 0.1], "free_periods": 1}})
    table["segments"]["s"]["royalty_share"] = 0.25
    table["programs"] = {"club": {"kind": "loyalty", "benefit": 0.2}, **price(0.5)}
    found, npv = accounts(table)
    # Nothing is paid at first: a free period leaves the club nothing to let off. Then 30 less 30 %.
    assert found["free_periods"] == pytest.approx(-2000.0, rel=1e-12)
    assert found["introductory_discounts"] == pytest.approx(-300.0, rel=1e-12)
    assert found["concessions"] == pytest.approx(-600.0, rel=1e-12)
    assert found["royalties"] == pytest.approx(-0.25 * 2100.0, rel=1e-12)
    assert npv == pytest.approx(0.75 * 2100.0 - 1600.0, rel=1e-12)


GROWING = {"kind": "retention", "spend": 1.5}


@pytest.mark.parametrize("kind", KINDS)
def test_multipliers_multiply_and_shares_are_of_what_is_spent(kind):
    """Spend times 1.5 twice; 20 % and 10 % off by programs; and the offer's 40 %."""
    table = plan(kind, 1, programs={"a": {**GROWING, "discount": 0.2}})
    assert accounts(table) == (
        {"list_revenue": 3000.0, "concessions": -600.0, "cost_of_sales": pytest.approx(-1200.0)},
        pytest.approx(1200.0),
    )
    table["programs"] |= {"b": GROWING, "club": {"kind": "loyalty", "benefit": 0.1}}
    table |= {"offer": "off", "offers": {"off": {"discount": [0.4]}}}
    found, npv = accounts(table)
    assert found["list_revenue"] == pytest.approx(4500.0)
    assert found["introductory_discounts"] == pytest.approx(-1800.0)
    assert found["concessions"] == pytest.approx(-1350.0)
    assert found["cost_of_sales"] == pytest.approx(-1800.0)
    assert npv == pytest.approx(4500.0 * 0.3 - 1800.0)


def test_effects_that_begin_and_end_apart_overlap_as_they_should():
    """Multipliers by period, where one effect begins inside another and outlasts it."""
    programs = {
        "a": {**GROWING, "first": 1, "last": 1, "duration": 3, "discount": 0.2},
        "b": {"kind": "retention", "spend": 2.0, "first": 2, "last": 2, "duration": 4},
    }
    table = plan("contract", 8, programs=programs)
    result = clvsim.run(Scenario.model_validate(table), effort=EFFORT).isel(scenario=0, world=0)
    cash = result["cash"]
    listed = [1.0, 1.5, 3.0, 3.0, 2.0, 2.0, 1.0, 1.0]
    conceded = [0.0, 0.3, 0.6, 0.6, 0.0, 0.0, 0.0, 0.0]
    assert cash.sel(account="list_revenue").values == pytest.approx(
        [2000.0 * one for one in listed]
    )
    assert -cash.sel(account="concessions").values == pytest.approx(
        [2000.0 * one for one in conceded]
    )
    assert float(result["npv"]) == pytest.approx(
        2000.0 * (0.6 * sum(listed) - sum(conceded)), rel=1e-12
    )


def test_spend_by_tenure_and_season_is_what_it_says():
    table = plan("contract", 5)
    table["segments"]["s"] |= {"spend_by_tenure": [0.5, 1.0, 2.0], "spend_season": [1.0, 3.0]}
    table["cohorts"]["c"]["joins"] = 1
    table["installed_base"] = {"old": {"segment": "s", "customers": 10, "tenure": 1}}
    found, _ = accounts(table)
    joined = [0.5 * 3.0, 1.0, 2.0 * 3.0, 2.0]
    there = [1.0, 2.0 * 3.0, 2.0, 2.0 * 3.0, 2.0]
    expected = 2000.0 * sum(joined) + 200.0 * sum(there)
    assert found["list_revenue"] == pytest.approx(expected, rel=1e-12)
    assert found["cost_of_sales"] == pytest.approx(-0.4 * expected, rel=1e-12)


def test_spend_by_tenure_and_season_go_on_beyond_the_horizon():
    """A horizon of 3 and what is expected beyond it, against one of 3,000."""
    values = []
    for periods in (3, 3000):
        table = plan("contract", periods)
        table["money"] = {"discount_rate": 0.3, "residual": "expected"}
        table["segments"]["s"] |= {
            "spend_by_tenure": [0.5, 0.7, 1.0, 1.1, 1.5],
            "spend_season": [1.0, 1.3],
        }
        values.append(accounts(table)[1])
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_spend_that_neither_grows_nor_shrinks_changes_no_bit():
    table = plan("contract", 6)
    table["segments"]["s"] |= {"churn": {"distribution": "beta", "a": 0.7, "b": 6.0}}
    plain = accounts(table)
    table["segments"]["s"] |= {"spend_by_tenure": [1.0, 1.0], "spend_season": [1.0, 1.0, 1.0]}
    assert accounts(table) == plain


@pytest.mark.parametrize(
    ("fee", "due"),
    [
        ({"termination_fee": 5.0}, lambda left: 5.0 * left),
        ({"flat_termination_fee": 30.0}, lambda _: 30.0),
        (
            {"termination_fee": 5.0, "flat_termination_fee": 30.0, "most_termination_fee": 42.0},
            lambda left: min(30.0 + 5.0 * left, 42.0),
        ),
    ],
    ids=["by period", "flat", "capped"],
)
def test_fees_for_leaving_are_flat_by_period_and_capped(fee, due):
    """Of a constant churn the fees expected are a sum over the periods of the term."""
    term, churn, customers = 6, 0.2, 200_000
    table = plan("contract", 12)
    table["segments"]["s"]["churn"] = churn
    table["cohorts"]["c"]["customers"] = customers
    table |= {"offer": "bound", "offers": {"bound": {"term": term, "on_leaving": "fee", **fee}}}
    result = clvsim.run(Scenario.model_validate(table), effort=EFFORT).isel(scenario=0, world=0)
    fees = result["cash"].sel(account="termination_fees").values
    left = result["left"].values
    for period, (paid, leaving) in enumerate(itertools.zip_longest(fees, left)):
        each = due(term - 1 - period) if period < term - 1 else 0.0
        assert paid == pytest.approx(each * leaving, rel=1e-12)
    assert left[0] > 0.1 * customers
