"""Remarks tell what figures rest on, once and in plain words, and nothing where all is as said."""

import pytest

import clvsim
from clvsim.report.document import document
from clvsim.report.remarks import _of_one
from clvsim.scenario.model import Scenario

CHANNEL = {
    "spend": 200.0,
    "reach": {"kind": "linear", "cost_per_prospect": 10.0},
    "conversion": 0.15,
    "segments": {"a": 1.0},
}


def told(sensitivity=0.0, residual="none", **changes):
    """Remarks on one channel, and on none of whose offers anything is to be said."""
    plan = Scenario.model_validate(
        {
            "time": {"periods": 3},
            "money": {"residual": residual},
            "segments": {
                "a": {
                    "churn": 0.1,
                    "spend": 20.0,
                    "impatience": 0.0,
                    "price_sensitivity": sensitivity,
                }
            },
            "offers": {"half": {"discount": 0.5, "discount_periods": 12}},
            "channels": {"tv": CHANNEL | changes},
        }
    )
    result = clvsim.run(plan, effort=clvsim.Effort(worlds=2))
    found = list(_of_one(result.isel(scenario=0)))
    assert set(found) <= set(document(result)["remarks"])
    return found


def test_nothing_is_told_where_all_is_as_said():
    assert told() == []
    assert told(carry_over=0.5, steady=True, residual="expected") == []
    # Conversion 15 % to 29 %.
    assert told(offer="half", sensitivity=1.6) == []


def test_an_offer_that_lifts_conversion_far():
    """From 15 % by odds of e**1 and e**3, for half of a year saved."""
    (text,) = told(offer="half", sensitivity=2.0)
    assert text.startswith("The offer half lifts conversion of a in tv from 15.0 % to 32.4 %:")
    (text,) = told(offer="half", sensitivity=6.0)
    assert "from 15.0 % to 78.0 %" in text
    # Not twice the list's, but more than one half.
    (text,) = told(offer="half", sensitivity=2.0, conversion=0.4)
    assert "from 40.0 % to 64.4 %" in text


@pytest.mark.parametrize("late", [{"carry_over": 0.5}, {"lead_time": [0.5, 0.5]}])
def test_a_start_from_nothing_and_an_end_that_nobody_counts(late):
    cold, cut = told(**late)
    assert cold.startswith("tv begins from nothing")
    assert cut.startswith("tv is expected to bring")
    assert 'money.residual = "expected"' in cut
    (cut,) = told(**late, earlier_spend=0.0)
    assert cut.startswith("tv is expected to bring")
    assert told(**late, earlier_spend=0.0, residual="expected") == []


def test_customers_that_nobody_can_value():
    found = told(lead_time=[0.0] * 5 + [1.0], earlier_spend=0.0, residual="expected")
    assert "nobody can say what they are worth" in found[0]


def test_earlier_spend_that_changes_nothing_or_is_all_there_is():
    (text,) = told(earlier_spend=100.0)
    assert text.startswith("earlier_spend of tv changes nothing")
    (text,) = told(steady=True)
    assert text.startswith("steady of tv changes nothing")
    none = told(spend=0.0, earlier_spend=[100.0], carry_over=0.5, residual="expected")
    assert none[0].startswith("tv spends nothing within the horizon")
