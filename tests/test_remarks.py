"""What a result says beside its figures: luck alone, events too rare for the worlds there are."""

import numpy as np
import pytest

import clvsim
from clvsim.report.document import document
from clvsim.report.remarks import _luck_alone, _rarely_seen
from clvsim.report.single import scenario_report
from clvsim.report.tables import PLAIN_WIDTH
from clvsim.scenario.model import Scenario

EVENT = {"kind": "event", "first": 2, "periods": 3, "hazard": 30.0}


def remarks(scenarios, worlds):
    return [*_luck_alone(scenarios), *_rarely_seen(scenarios, worlds)]


def scenario(**changes):
    return Scenario.model_validate(
        {
            "time": {"periods": 6},
            "money": {"discount_rate": 0.0},
            "simulation": {"worlds": 20},
            "segments": {"s": {"churn": 0.02, "spend": 10.0}},
            "cohorts": {"c": {"segment": "s", "customers": 200}},
            **changes,
        }
    )


def shocks(**probabilities):
    return scenario(shocks={name: {**EVENT, "probability": p} for name, p in probabilities.items()})


def test_certain_numbers_without_shocks_are_luck_alone(tmp_path):
    (said,) = remarks({"baseline": scenario()}, 20)
    assert said.startswith("No number is uncertain and there are no shocks: worlds differ by the")
    drift = scenario(shocks={"d": {"kind": "drift", "hazard": 0.2}})
    file = tmp_path / "unsure.toml"
    file.write_text(
        "[time]\nperiods = 6\n[money]\ndiscount_rate = 0.0\n[segments.s]\nchurn = 0.02\n"
        'spend = { uncertain = "gamma", a = 5.0 }\n[cohorts.c]\nsegment = "s"\ncustomers = 9\n',
        "utf-8",
    )
    unsure = clvsim.load(file).scenarios["baseline"]
    assert remarks({"baseline": drift, "unsure": unsure}, 20) == []
    (said,) = remarks({"baseline": drift, "plain": scenario()}, 20)
    assert "there are no shocks in plain: worlds" in said


@pytest.mark.parametrize(
    ("probability", "worlds", "needed"),
    [(0.05, 20, "200"), (0.05, 199, "200"), (0.99, 100, "1,000"), (0.001, 200, "10,000")],
)
def test_an_event_that_few_worlds_see_is_named_with_the_worlds_it_needs(
    probability, worlds, needed
):
    (said,) = remarks({"baseline": shocks(crash=probability)}, worlds)
    assert said.startswith("shocks.crash is rare")
    assert f"use --worlds {needed} or more" in said


def test_an_uncertain_number_of_two_values_is_as_rare_as_the_rarer(tmp_path):
    file = tmp_path / "patent.toml"
    file.write_text(
        "[time]\nperiods = 6\n[money]\ndiscount_rate = 0.0\n[segments.s]\nchurn = 0.02\n"
        'spend = { uncertain = "bernoulli", p = 0.98, loc = 10 }\n[cohorts.c]\nsegment = "s"\n'
        "customers = 9\n",
        "utf-8",
    )
    (said,) = remarks(clvsim.load(file).scenarios, 200)
    assert said.startswith("segments.s.spend is rare: it tells some 2 % of worlds")
    assert "use --worlds 500 or more" in said


@pytest.mark.parametrize("probability", [0.0, 0.05, 0.5, 1.0])
def test_an_event_that_enough_worlds_see_or_that_is_certain_is_not_remarked(probability):
    assert remarks({"baseline": shocks(crash=probability)}, 200) == []


def test_cvar_needs_worlds_that_see_what_is_rare_and_value_at_risk_does_not():
    with_crash = shocks(crash=0.01, strike=0.5)
    result = clvsim.run(with_crash, effort=clvsim.Effort(worlds=120))
    assert float(result["cvar_95_needs_worlds"][0]) == 1000.0
    assert np.isnan(result["cvar_95_mean"][0])
    assert float(result["var_95_needs_worlds"][0]) == 100.0
    assert result["var_95_low"][0] <= result["var_95_mean"][0] <= result["var_95_high"][0]
    found = document(result)
    assert len(found["remarks"]) == 1
    assert found["luck_alone"] == {"baseline": False}
    measures = found["measures"]["baseline"]
    assert measures["cvar_95"]["mean"] is None
    assert measures["cvar_95"]["needs_worlds"] == 1000.0
    assert measures["var_95"]["low"] <= measures["var_95"]["mean"] <= measures["var_95"]["high"]


def test_the_report_says_what_needs_worlds_and_ends_with_the_remarks(capsys):
    from rich.console import Console

    console = Console(width=PLAIN_WIDTH)
    result = clvsim.run(scenario(), effort=clvsim.Effort(worlds=20))
    for part in scenario_report(result, PLAIN_WIDTH):
        console.print(part)
    text = capsys.readouterr().out
    assert text.count("needs 100 worlds") == 2
    assert "nothing of how wrong the numbers" in " ".join(text.split())
    enough = clvsim.run(scenario(), effort=clvsim.Effort(worlds=100))
    for part in scenario_report(enough, PLAIN_WIDTH):
        console.print(part)
    text = capsys.readouterr().out
    assert "needs" not in text


def test_the_error_of_a_mean_under_an_event_of_5_percent_holds_from_the_worlds_it_needs():
    """Coverage of Student's interval where one world in twenty is another one."""
    from scipy.stats import binom, t

    depth = 10.0
    for worlds, least, most in ((20, 0.0, 0.75), (200, 0.92, 1.0)):
        seen = np.arange(worlds + 1.0)
        chance = binom(worlds, 0.05).pmf(seen)
        mean = depth * seen / worlds
        error = depth * np.sqrt(seen * (worlds - seen) / (worlds - 1.0)) / worlds
        holds = np.abs(mean - 0.05 * depth) <= t.ppf(0.975, worlds - 1) * error
        assert least <= float(chance[holds].sum()) <= most
