"""``clvsim score`` under a scenario as a user meets it: programs, posteriors, states, faults."""

import csv
import json

import pytest

from clvsim.report.scoring import COLUMNS, ERROR_OF_VALUE
from tests.calibration.scoring.test_score import BG, SHOPPERS
from tests.scenario.test_posterior import BG_NBD, save
from tests.test_cli_score import run

PLAN = """\
extends = "shop.toml"
name = "Shop"
[time]
step = "week"
periods = 52
[money]
currency = "EUR"
discount_rate = 0.08
residual = "none"
[simulation]
worlds = 12
seed = 5
[segments.shop]
cost_share = 0.5
[programs.letter]
kind = "retention"
contact_cost = 0.5
every = 4
rate = 1.5
target = "value"
share = 0.5
enabled = false
[variants.letters]
programs.letter.enabled = true
"""
STATES = """\
[time]
step = "month"
periods = 12
[segments.donors]
relationship = "states"
states = ["fresh", "stale", "gone"]
transitions = [[0.6, 0.3, 0.1], [0.3, 0.5, 0.2], [0.0, 0.0, 1.0]]
state_values = [30.0, 10.0, 0.0]
cost_to_serve = 1.0
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with customers, a fit and a scenario that extends it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "shop.csv").write_text(SHOPPERS)
    (tmp_path / "shop.toml").write_text(BG)
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_programs_change_what_customers_are_worth(here):
    for name, options in (("plain", ()), ("letters", ("--variant", "letters"))):
        result = run("shop.csv", "--fit", "plan.toml", *options, "--out", f"{name}.csv")
        assert result.exit_code == 0, result.stderr
        said = f"as simulated ({'letters' if options else 'baseline'}), EUR, 52 weeks ahead"
        assert said in result.stdout
        assert "discounted at 8 % a year" in result.stdout
        assert "error of simulation" in result.stdout
    plain, letters = (rows_of(here / f"{name}.csv") for name in ("plain", "letters"))
    wanted = list(COLUMNS)
    wanted.insert(wanted.index("value") + 1, ERROR_OF_VALUE)
    assert list(plain[0]) == wanted
    assert any(one["value"] != other["value"] for one, other in zip(plain, letters, strict=True))
    assert [one["p_alive"] for one in plain] == [one["p_alive"] for one in letters]
    assert all(float(one["value_error"]) > 0.0 for one in plain)


def test_json_tells_the_error_of_simulation(here):
    result = run("shop.csv", "--fit", "plan.toml", "--json", "--worlds", 5)
    document = json.loads(result.stdout, parse_constant=pytest.fail)
    assert document["terms"]["scenario"] == "baseline"
    assert document["terms"]["seed"] == 5
    assert document["terms"]["horizon"] == 52.0
    assert document["total"]["value_standard_error_of_simulation"] > 0.0
    assert "value_error" in document["columns"]
    again = run("shop.csv", "--fit", "plan.toml", "--json", "--worlds", 5)
    assert again.stdout == result.stdout
    assert here.exists()


@pytest.mark.usefixtures("here")
def test_what_the_scenario_says_cannot_be_said_besides():
    result = run(
        "shop.csv", "--fit", "plan.toml", "--horizon", 52, "--discount-rate", 0.1,
        "--margin", 0.4, "--step", "week",
    )  # fmt: skip
    assert result.exit_code == 2
    assert "--horizon, --discount-rate, --margin, --step: not with a scenario" in result.stderr
    result = run("shop.csv", "--fit", "shop.toml", "--variant", "letters", "--worlds", 9)
    assert result.exit_code == 2
    assert "--variant, --worlds: only with a scenario" in result.stderr
    result = run("shop.csv", "--fit", "plan.toml", "--variant", "leters")
    assert result.exit_code == 2
    assert "did you mean 'letters'" in result.stderr


def test_every_fault_of_the_scenario_is_said(here):
    text = PLAN.replace("periods = 52", "periods = 0").replace('"retention"', '"retension"')
    (here / "plan.toml").write_text(text)
    result = run("shop.csv", "--fit", "plan.toml", "--out", "scores.csv")
    assert result.exit_code == 2
    assert "plan.toml:5: time.periods" in result.stderr
    assert "plan.toml:16: programs.letter.kind" in result.stderr
    assert not (here / "scores.csv").exists()


def test_traits_that_no_history_can_be_weighed_with_are_refused(here):
    changed = PLAN + 'spend = { distribution = "lognorm", s = 0.5, scale = 30.0 }\n'
    changed = changed.replace("[segments.shop]\n", "[segments.shop]\nspend_shape = 2.0\n")
    lines = changed.splitlines()
    spend = lines.pop()
    lines.insert(lines.index("[segments.shop]") + 1, spend)
    (here / "plan.toml").write_text("\n".join(lines))
    result = run("shop.csv", "--fit", "plan.toml")
    assert result.exit_code == 2
    assert "segments.shop.spend" in result.stderr


def test_a_posterior_needs_no_fit(here):
    save(here, **BG_NBD)
    (here / "bayes.toml").write_text(
        '[time]\nstep = "week"\nperiods = 26\n[simulation]\nworlds = 8\n'
        '[segments.shop]\nposterior = "fit.nc"\nspend = 20.0\n'
    )
    result = run("shop.csv", "--fit", "bayes.toml")
    assert result.exit_code == 0, result.stderr
    assert "error from the fit" in result.stdout
    (here / "block.toml").write_text(
        '[time]\nstep = "week"\n[segments.shop]\nposterior = "fit.nc"\nspend = 20.0\n'
    )
    result = run("shop.csv", "--fit", "block.toml")
    assert result.exit_code == 2
    assert "block.toml:4: segments.shop.posterior" in result.stderr
    assert "under a scenario only" in result.stderr


def test_who_brings_in_nothing_in_any_world_is_told(here):
    (here / "rare.csv").write_text("customer,frequency,recency,age,value\nann,0,0,900,\n")
    result = run("rare.csv", "--fit", "plan.toml", "--worlds", 2)
    assert result.exit_code == 0
    assert "1 customer brought in nothing in any of these worlds" in result.stderr


def test_states_come_from_a_column(here):
    (here / "donors.toml").write_text(STATES)
    (here / "donors.csv").write_text("customer,cell\na,fresh\nb,stale\nc,gone\nd,fresch\n")
    result = run("donors.csv", "--fit", "donors.toml", "--state", "cell", "--out", "scores.csv")
    assert result.exit_code == 0, result.stderr
    assert "1 of 4 rows left out: states that the segment does not have" in result.stderr
    values = {row["customer"]: float(row["value"]) for row in rows_of(here / "scores.csv")}
    # Who has left costs nothing any more.
    assert values["a"] > values["b"] > values["c"] == 0.0
    ranked = (
        '[programs.letter]\nkind = "retention"\ntarget = "value"\nshare = 0.5\nhazard = 0.8\n'
        "contact_cost = 1.0\n"
    )
    (here / "donors.toml").write_text(STATES + ranked)
    result = run("donors.csv", "--fit", "donors.toml", "--state", "cell")
    assert result.exit_code == 2
    assert "name the states it contacts" in result.stderr
    (here / "donors.toml").write_text(STATES.replace("periods = 12\n", ""))
    result = run("donors.csv", "--fit", "donors.toml", "--state", "cell")
    assert result.exit_code == 2
    assert "under a scenario only" in result.stderr
