"""Splitting, resuming and precision: worlds are numbered, and none is simulated twice."""

import numpy as np
import pytest

import clvsim
from clvsim import api
from clvsim.errors import ClvsimError, InputError
from clvsim.scenario.model import Scenario

SCENARIO = Scenario.model_validate(
    {
        "time": {"periods": 12},
        "segments": {"all": {"churn": 0.1, "spend": {"distribution": "gamma", "a": 2.0}}},
        "cohorts": {"base": {"segment": "all", "customers": 50}},
    }
)


def worlds(result):
    return result["world"].values.tolist()


def test_resuming_gives_the_same_worlds_as_one_run():
    whole = clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=9))
    part = clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=4))
    rest = clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=9), earlier=part)
    assert worlds(rest) == worlds(whole)
    for name in whole.data_vars:
        assert np.array_equal(rest[name].values, whole[name].values, equal_nan=True), name


def test_resuming_more_than_is_asked_for_repeats_no_world():
    part = clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=40))
    effort = clvsim.Effort(worlds=5, precision=0.01)
    rest = clvsim.run(SCENARIO, effort=effort, earlier=part)
    assert worlds(rest) == list(range(len(worlds(rest))))
    assert len(worlds(rest)) >= 40


def test_precision_adds_worlds_until_it_is_met():
    result = clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=2, precision=0.02))
    half_width = 1.96 * float(result["npv_se"][0]) / float(result["npv_mean"][0])
    assert half_width <= 0.02
    assert worlds(result) == list(range(len(worlds(result))))


def test_a_pilot_and_not_the_result_says_how_many_worlds_a_precision_takes():
    effort = clvsim.Effort(worlds=2, precision=0.02)
    result = clvsim.run(SCENARIO, effort=effort)
    many = len(worlds(result))
    # The same worlds as if their number had been asked for.
    plain = clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=many))
    np.testing.assert_array_equal(result["npv"], plain["npv"])
    # Whatever there was before, the number is the same.
    for before in (3, many - 1):
        part = clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=before))
        assert worlds(clvsim.run(SCENARIO, effort=effort, earlier=part)) == worlds(result)
    # The pilot's worlds are others.
    session = api.Session(api.scenarios_of(SCENARIO, None), effort)
    pilot = session._pilot(0, 30)
    assert not np.isin(pilot, plain["npv"].values).any()


def test_precision_respects_its_cap():
    effort = clvsim.Effort(worlds=20, precision=1e-6, most_worlds=10)
    assert len(worlds(clvsim.run(SCENARIO, effort=effort))) == 20
    effort = clvsim.Effort(worlds=5, precision=1e-6, most_worlds=50)
    assert len(worlds(clvsim.run(SCENARIO, effort=effort))) == 50


def test_other_scenarios_cannot_be_resumed():
    part = clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=2))
    with pytest.raises(InputError, match="seed"):
        clvsim.run(SCENARIO, effort=clvsim.Effort(worlds=4, seed=2), earlier=part)


@pytest.mark.parametrize("wrong", [{"worlds": 0}, {"precision": 0.0}, {"threads": -1}])
def test_an_impossible_effort_is_refused(wrong):
    with pytest.raises(InputError):
        clvsim.Effort(**wrong)


@pytest.mark.parametrize("cost", [1e-6, 1e-300])
def test_a_cohort_beyond_all_bounds_is_refused_before_the_run(cost):
    crowd = SCENARIO.model_dump() | {
        "cohorts": {},
        "channels": {
            "web": {
                "spend": 1e9,
                "reach": {"kind": "linear", "cost_per_prospect": cost},
                "conversion": 0.5,
                "segments": {"all": 1.0},
            }
        },
    }
    with pytest.raises(InputError, match="web"):
        clvsim.run(Scenario.model_validate(crowd), effort=clvsim.Effort(worlds=1))


def test_a_world_with_a_cohort_beyond_all_bounds_ends_the_run():
    crowd = SCENARIO.model_dump() | {
        "cohorts": {},
        "channels": {
            "web": {
                "spend": 1e9,
                "reach": {"kind": "linear", "cost_per_prospect": 1e9},
                "conversion": 0.5,
                "segments": {"all": 1.0},
            }
        },
        "uncertain": [
            {
                "path": ["channels", "web", "reach", "cost_per_prospect"],
                "distribution": "uniform",
                "parameters": {"loc": 1e-6, "scale": 1e-6},
            }
        ],
    }
    with pytest.raises(ClvsimError, match="world 0 of 'baseline': 'web' would acquire") as error:
        clvsim.run(Scenario.model_validate(crowd), effort=clvsim.Effort(worlds=1))
    assert not isinstance(error.value, InputError)


def test_quantiles_and_paying_back_are_those_of_the_customers_acquired():
    """As the mean CLV is: an installed base costs nothing, so that all of it would pay back."""
    bare = SCENARIO.model_dump() | {"cohorts": {}, "offers": {"gift": {"gift": 9.0}}}
    cohort = {"new": {"segment": "all", "customers": 200, "offer": "gift"}}
    base = {"old": {"segment": "all", "customers": 500, "tenure": 3}}
    effort = clvsim.Effort(worlds=3)
    alone, both = (
        clvsim.run(Scenario.model_validate(bare | tables), effort=effort)
        for tables in ({"cohorts": cohort}, {"cohorts": cohort, "installed_base": base})
    )
    assert 0.0 < float(alone["payback_share_mean"][0]) < 1.0
    for name in ("payback_share", "payback_share_by_segment", "clv_quantiles",
                 "clv_quantiles_by_segment"):  # fmt: skip
        np.testing.assert_array_equal(both[name].values, alone[name].values, err_msg=name)
    # Where nobody is acquired, nobody pays back, and the quantiles are those of the base.
    kept = clvsim.run(Scenario.model_validate(bare | {"installed_base": base}), effort=effort)
    assert np.isnan(float(kept["payback_share_mean"][0]))
    assert float(kept["clv_quantiles_mean"].sel(quantile=0.95)[0]) > 0.0


def test_a_baseline_that_is_not_there_is_refused_before_the_run():
    with pytest.raises(InputError, match="no scenario 'bse'"):
        clvsim.compare({"base": SCENARIO, "other": SCENARIO}, baseline="bse")


def test_payback_counts_the_periods_that_have_passed():
    """100 spent on joining, 50 received at every month's end: back after two months."""
    plan = {
        "time": {"periods": 6},
        "money": {"discount_rate": 0.0, "timing": "end"},
        "segments": {"all": {"churn": 0.0, "spend": 50.0}},
        "offers": {"gift": {"gift": 100.0}},
        "cohorts": {"base": {"segment": "all", "customers": 1, "offer": "gift"}},
    }
    result = clvsim.run(Scenario.model_validate(plan), effort=clvsim.Effort(worlds=2))
    assert result["payback_period"].values.tolist() == [[2.0, 2.0]]
    plan["offers"]["gift"]["gift"] = 0.0
    result = clvsim.run(Scenario.model_validate(plan), effort=clvsim.Effort(worlds=2))
    assert result["payback_period"].values.tolist() == [[0.0, 0.0]]


def test_an_empty_installed_base_changes_nothing():
    plan = {
        "time": {"periods": 3},
        "segments": {"a": {"churn": 0.1, "spend": 10.0}},
        "cohorts": {"c": {"segment": "a", "customers": 5}},
    }
    nobody = {"d": {"segment": "a", "customers": 0, "tenure": [1.0, 1.0]}}
    effort = clvsim.Effort(worlds=3)
    alone = clvsim.run(Scenario.model_validate(plan), effort=effort)
    beside = clvsim.run(Scenario.model_validate(plan | {"installed_base": nobody}), effort=effort)
    np.testing.assert_array_equal(alone["npv"].values, beside["npv"].values)
