"""Customers of an installed base, however new, are not among those who join."""

import numpy as np
import pytest

import clvsim
from clvsim.scenario.model import Scenario

STATES = {
    "relationship": "states",
    "states": ["active", "lost"],
    "transitions": [[1.0, 0.0], [0.0, 1.0]],
    "state_values": [1.0, 0.0],
}
KINDS = {
    "contract": {"churn": 0.0},
    "bg/nbd": {"relationship": "bg/nbd", "churn": 0.0, "purchase_rate": 1.0},
    "states": STATES,
}


@pytest.mark.parametrize("tenure", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_an_installed_base_is_no_cohort_of_the_first_period(kind, tenure):
    def segment(spend):
        return {**KINDS[kind], "spend": spend}

    scenario = Scenario.model_validate(
        {
            "time": {"periods": 12},
            "money": {"discount_rate": 0.0},
            "segments": {"a": segment(10.0), "b": segment(1000.0)},
            "cohorts": {"new": {"segment": "a", "customers": 100}},
            "installed_base": {"old": {"segment": "b", "customers": 100, "tenure": tenure}},
        }
    )
    result = clvsim.run(scenario, effort=clvsim.Effort(worlds=2))
    expected = np.zeros(12)
    expected[0] = 100.0
    np.testing.assert_array_equal(result["joined"].mean("world")[0], expected)
    np.testing.assert_array_equal(result["cohort_customers"].mean("world")[0], expected)
    value = float(result["clv_by_cohort_mean"][0, 0])
    assert value == pytest.approx(float(result["clv_before_acquisition_mean"][0]))
    assert value < 1000.0
    assert float(result["active"].mean("world")[0, 0]) == 200.0
