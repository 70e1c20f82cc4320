"""Common shocks: the same for all customers of a world, and told apart in the spread of NPV."""

import copy

import numpy as np
import pytest

import clvsim
from clvsim.api import Effort
from clvsim.engine.shocks import draw_shocks, no_shocks
from clvsim.errors import ScenarioError
from clvsim.scenario.load import load
from clvsim.scenario.model import Scenario
from tests.statistics import z_limit

PLAN = {
    "time": {"periods": 12},
    "money": {"discount_rate": 0.1, "residual": "expected"},
    "segments": {
        "home": {
            "churn": {"distribution": "beta", "a": 1.0, "b": 8.0},
            "spend": {"distribution": "gamma", "a": 4.0, "scale": 10.0},
            "cost_share": 0.3,
        },
    },
    "channels": {
        "search": {
            "spend": 400.0,
            "reach": {"kind": "linear", "cost_per_prospect": 5.0},
            "segments": {"home": 1.0},
            "conversion": 0.2,
        }
    },
    "cohorts": {"bought": {"segment": "home", "customers": 60}},
    "programs": {
        "save": {"kind": "retention", "target": "value", "share": 0.3, "every": 4, "duration": 3,
                 "hazard": 0.6, "contact_cost": 2.0},
    },
}  # fmt: skip
EFFORT = Effort(worlds=5, seed=4)


def _changed(**sections):
    plan = copy.deepcopy(PLAN)
    for key, section in sections.items():
        plan[key] = {**plan.get(key, {}), **section}
    return Scenario.model_validate(plan)


def _same(ours, theirs):
    for name in ("present_value", "active", "left", "cash", "customers", "value"):
        np.testing.assert_array_equal(ours[name].values, theirs[name].values)


def test_shocks_that_change_nothing_change_nothing():
    neutral = {
        "wave": {"kind": "drift", "persistence": 0.5},
        "day": {"kind": "event", "first": 3, "periods": 2},
        "never": {"kind": "event", "first": 1, "hazard": 9.0, "probability": 0.0},
    }
    plain = clvsim.run(Scenario.model_validate(PLAN), effort=EFFORT)
    _same(clvsim.run(_changed(shocks=neutral), effort=EFFORT), plain)


def test_an_event_is_what_a_lever_of_the_same_size_is():
    plan = {key: one for key, one in PLAN.items() if key not in {"channels", "programs"}}
    plan["money"] = {"discount_rate": 0.1}
    hard = {"hard": {"kind": "event", "first": 3, "periods": 4, "hazard": 2.5, "spend": 0.8}}
    segment = {
        **PLAN["segments"]["home"],
        "hazard_by_tenure": [1.0, 1.0, 1.0, 2.5, 2.5, 2.5, 2.5, 1.0],
    }
    segment["spend_by_tenure"] = [1.0, 1.0, 1.0, 0.8, 0.8, 0.8, 0.8, 1.0]
    levers = {**plan, "segments": {"home": segment}}
    by_event = clvsim.run(Scenario.model_validate({**plan, "shocks": hard}), effort=EFFORT)
    by_lever = clvsim.run(Scenario.model_validate(levers), effort=EFFORT)
    for name in ("active", "left"):
        np.testing.assert_array_equal(by_event[name].values, by_lever[name].values)
    np.testing.assert_allclose(by_event["npv"].values, by_lever["npv"].values, rtol=1e-12)


def test_an_event_moves_conversion_as_a_campaign_does():
    event = {"boom": {"kind": "event", "first": 2, "periods": 3, "conversion": 1.7}}
    brand = {"kind": "brand_campaign", "conversion_odds": 1.7, "first": 2, "last": 4}
    by_event = clvsim.run(_changed(shocks=event), effort=EFFORT)
    by_brand = clvsim.run(_changed(programs={"brand": brand}), effort=EFFORT)
    np.testing.assert_array_equal(by_event["joined"].values, by_brand["joined"].values)


@pytest.mark.parametrize("spend", [0.5, 0.0])
def test_the_residual_value_is_that_of_times_without_shocks(spend):
    last = {"last": {"kind": "event", "first": 11, "spend": spend}}
    plan = {key: one for key, one in PLAN.items() if key not in {"channels", "programs"}}
    plain = clvsim.run(Scenario.model_validate(plan), effort=EFFORT)
    shocked = clvsim.run(Scenario.model_validate({**plan, "shocks": last}), effort=EFFORT)
    beyond = {"account": "residual_value"}
    np.testing.assert_allclose(
        shocked["present_value"].sel(beyond).values, plain["present_value"].sel(beyond).values,
        rtol=1e-12,
    )  # fmt: skip
    assert (shocked["npv"].values < plain["npv"].values).all()


def test_a_drift_is_a_stationary_autoregression_of_mean_one():
    persistence, worlds = 0.8, 4_000
    shock = {"kind": "drift", "persistence": persistence, "hazard": 0.3, "spend": -0.2}
    scenario = _changed(shocks={"wave": shock})
    drawn = np.array([draw_shocks(scenario, 9, world).hazard for world in range(worlds)])
    score = (np.log(drawn) + 0.5 * 0.3**2) / 0.3
    products = score[:, :1] * score
    expected = persistence ** np.arange(12)
    error = np.sqrt((1.0 + expected**2) / worlds)
    assert np.abs((products.mean(axis=0) - expected) / error).max() < z_limit()
    assert abs(score[:, -1].mean()) * np.sqrt(worlds) < z_limit()
    assert np.abs((score[:, -1] ** 2).mean() - 1.0) < z_limit() * np.sqrt(2.0 / worlds)
    assert np.abs(drawn.mean() - 1.0) < 0.02
    spend = draw_shocks(scenario, 9, 0).spend
    np.testing.assert_allclose(np.log(spend) + 0.02, -0.2 * score[0], rtol=1e-12)


def test_an_event_happens_as_often_as_it_says():
    scenario = _changed(
        shocks={"rival": {"kind": "event", "first": 1, "probability": 0.3, "hazard": 2.0}}
    )
    worlds = 3_000
    happens = np.array(
        [draw_shocks(scenario, 2, world).hazard[1] == 2.0 for world in range(worlds)]
    )
    assert abs(happens.mean() - 0.3) < z_limit() * np.sqrt(0.3 * 0.7 / worlds)


def test_variants_meet_the_same_shocks():
    shocks = {"wave": {"kind": "drift", "hazard": 0.3}, "day": {"kind": "event", "first": 3}}
    ours = _changed(shocks=shocks)
    theirs = _changed(shocks=shocks, programs={})
    for mine, other in zip(draw_shocks(ours, 1, 7), draw_shocks(theirs, 1, 7), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert (draw_shocks(ours, 1, 8).hazard != draw_shocks(ours, 1, 7).hazard).all()
    assert no_shocks(3).hazard.tolist() == [1.0, 1.0, 1.0]


def test_the_spread_is_told_apart(tmp_path):
    """Nobody leaves and all spend alike: what numbers and shocks make is known exactly."""
    file = tmp_path / "plan.toml"
    file.write_text(
        """
        [time]
        periods = 4
        [money]
        discount_rate = 0.0
        [segments.a]
        churn = 0.0
        spend = 10.0
        [cohorts.c]
        segment = "a"
        customers = 50
        cost_per_customer = { uncertain = "uniform", loc = 2.0, scale = 12.0 }
        [shocks.wave]
        kind = "drift"
        persistence = 0.6
        spend = 0.1
        [simulation]
        worlds = 1200
        """
    )
    result = clvsim.run(load(file))
    lags = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    expected = {
        "customers": 0.0,
        "parameters": 50.0 * 12.0 / np.sqrt(12.0),
        "shocks": 500.0 * np.sqrt((np.exp(0.1**2 * 0.6**lags) - 1.0).sum()),
    }
    for name, spread in expected.items():
        found, error = (float(result[f"npv_spread_{name}_{end}"][0]) for end in ("mean", "se"))
        assert abs(found - spread) <= z_limit() * error
        assert error < 0.15 * max(expected.values())


FAULTS = [
    ('kind = "event"\nfirst = 99', "lies after the horizon"),
    ('kind = "drfit"', "drift"),
    ('kind = "drift"\npersistence = 1.0', "below 1"),
    ('kind = "event"', "first"),
    ('kind = "drift"\nhazard = { uncertain = "norm" }', "cannot be uncertain"),
]


@pytest.mark.parametrize(("shock", "says"), FAULTS)
def test_what_is_wrong_is_said(tmp_path, shock, says):
    file = tmp_path / "plan.toml"
    text = "[time]\nperiods = 6\n[segments.a]\nchurn = 0.1\nspend = 1.0\n"
    text += '[cohorts.c]\nsegment = "a"\n'
    file.write_text(f"{text}customers = 10\n[shocks.bad]\n{shock}\n")
    with pytest.raises(ScenarioError) as error:
        load(file)
    assert says in str(error.value)
    assert "shocks.bad" in str(error.value)


def test_a_shock_to_spend_on_the_last_day_passes_for_members_too():
    """What loyalty costs beyond the horizon does not know what the last period was like."""
    club = {"kind": "loyalty", "benefit": 0.5, "member_share": 0.9}
    programs = {"club": club, "save": {**PLAN["programs"]["save"], "enabled": False}}
    residual = []
    for shocks in ({}, {"day": {"kind": "event", "first": 11, "periods": 1, "spend": 1.6}}):
        result = clvsim.run(_changed(programs=programs, shocks=shocks), effort=EFFORT)
        residual.append(result["present_value"].sel(account="residual_value").values)
    np.testing.assert_allclose(residual[1], residual[0], rtol=1e-9)
