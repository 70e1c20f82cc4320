"""Offers that a residual value would never let end are found, and no others."""

import pytest

from clvsim.engine.beyond import still_running
from clvsim.engine.compile import compile_scenario
from clvsim.scenario.model import Scenario


def found(residual="expected", spend=100.0, **offer):
    plan = {
        "time": {"periods": 12},
        "money": {"residual": residual},
        "segments": {"all": {"churn": 0.1, "spend": 10.0}},
        "offers": {"start": offer},
        "channels": {
            "search": {
                "spend": spend,
                "reach": {"kind": "linear", "cost_per_prospect": 1.0},
                "conversion": 0.1,
                "segments": {"all": 1.0},
                "offer": "start",
            }
        },
        "cohorts": {"launch": {"segment": "all", "customers": 10, "offer": "start"}},
        "installed_base": {"old": {"segment": "all", "customers": 10, "tenure": 2}},
    }
    return still_running(compile_scenario(Scenario.model_validate(plan)))


@pytest.mark.parametrize(
    ("running", "case"),
    [
        (["search"], {"discount": 0.5, "discount_periods": 3}),
        (["search"], {"free_periods": 2}),
        # Who joins last is there for one period.
        ([], {"free_periods": 1, "residual": "none"}),
        ([], {"discount": 0.5, "discount_periods": 3, "spend": [100.0] * 9}),
        (["search"], {"discount": 0.5, "discount_periods": 3, "spend": [100.0] * 10}),
        (["launch", "search"], {"discount": 0.5, "discount_periods": 12}),
        ([], {"gift": 5.0}),
    ],
)
def test_an_offer_that_has_not_ended_is_told(running, case):
    assert found(**case) == running
