"""``clvsim score`` as a user meets it: tables, files, exit codes, nothing half written."""

import csv
import importlib.util
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from clvsim.cli.app import app
from clvsim.report.scoring import COLUMNS
from tests.calibration.scoring.test_score import BG, CONTRACTS, SHOPPERS

HEAVY = ("numba", "xarray", "matplotlib", "scipy", "pandas", "numpy", "rich", "pyarrow")


def run(*arguments):
    """Run the command inside this process."""
    result = CliRunner().invoke(app, ["score", *map(str, arguments)])
    assert "Traceback" not in result.stderr
    return result


def said(value):
    """A value as CSV has it: numbers to nine digits."""
    return repr(float(f"{value:.9g}")) if isinstance(value, float) else value


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with customers and fits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "shop.csv").write_text(SHOPPERS)
    (tmp_path / "shop.toml").write_text(BG)
    (tmp_path / "plans.toml").write_text(CONTRACTS)
    (tmp_path / "plans.csv").write_text("id,months,plan\na,3,Month-to-month\nb,40,One year\n")
    return tmp_path


def test_a_row_a_customer_and_a_table_of_classes(here):
    before = set(here.iterdir())
    result = run("shop.csv", "--fit", "shop.toml", "--horizon", 52, "--out", "scores.csv")
    assert result.exit_code == 0
    for part in ("Best", "Never profitable", "share of value", "52 weeks ahead", "luck of these"):
        assert part in result.stdout
    assert "scores.csv: written" in result.stderr
    assert set(here.iterdir()) - before == {here / "scores.csv"}
    rows = list(csv.DictReader((here / "scores.csv").read_text().splitlines()))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["customer"] for row in rows] == ["ann", "bob", "cid", "dot"]
    assert {row["segment"] for row in rows} <= {"best", "good", "marginal", "never_profitable"}
    assert rows[3]["segment"] == "best"
    assert sorted(float(row["percentile"]) for row in rows) == [12.5, 37.5, 62.5, 87.5]
    assert all(float(x["value_low"]) <= float(x["value"]) <= float(x["value_high"]) for x in rows)


def test_what_is_read_is_not_overwritten(here):
    for out, fit in (("shop.csv", "shop.toml"), ("./shop.csv", "shop.toml")):
        result = run("shop.csv", "--fit", fit, "--out", out)
        assert result.exit_code == 2
        assert "it is what is read" in result.stderr
    assert (here / "shop.csv").read_text() == SHOPPERS


def test_periods_are_those_of_the_fit(here):
    (here / "weekly.toml").write_text('time.step = "week"\n' + BG)
    result = run("shop.csv", "--fit", "weekly.toml", "--step", "year")
    assert result.exit_code == 2
    assert "the numbers of weekly.toml are by week" in result.stderr
    assert run("shop.csv", "--fit", "weekly.toml", "--step", "week").exit_code == 0


@pytest.mark.usefixtures("here")
def test_runs_repeat_to_the_bit_and_another_seed_moves_only_bounds(here):
    for name, seed in (("a.csv", 1), ("b.csv", 1), ("c.csv", 2)):
        run("shop.csv", "--fit", "shop.toml", "--out", name, "--seed", seed)
    texts = [(here / name).read_text() for name in ("a.csv", "b.csv", "c.csv")]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
    first, third = (list(csv.DictReader(text.splitlines())) for text in (texts[0], texts[2]))
    assert [row["value"] for row in first] == [row["value"] for row in third]


@pytest.mark.usefixtures("here")
def test_json_is_one_strict_document():
    result = run("shop.csv", "--fit", "shop.toml", "--json")
    assert result.exit_code == 0

    def refuse(word):
        raise AssertionError(word)

    document = json.loads(result.stdout, parse_constant=refuse)
    assert document["command"] == "score"
    assert document["customers"] == 4
    assert [one["segment"] for one in document["segments"]] == [
        "best", "good", "marginal", "never_profitable",
    ]  # fmt: skip
    assert sum(one["customers"] for one in document["segments"]) == 4
    assert document["total"]["expected_purchases"] is None
    for name in ("value", "mean_value", "alive"):
        for of in ("", "_of_the_fit", "_of_luck"):
            assert document["total"][f"{name}_standard_error{of}"] > 0.0
    best = document["segments"][0]
    for name in ("value", "share_of_value", "mean_value", "mean_p_alive"):
        assert best[f"{name}_standard_error"] > 0.0


def test_infinite_luck_is_said_and_is_null_in_json(here):
    (here / "shop.toml").write_text(BG.replace("a = 3.7", "a = 1.5"))
    command = ("shop.csv", "--fit", "shop.toml", "--horizon", 52)
    result = run(*command)
    assert result.exit_code == 0
    line = next(one for one in result.stdout.splitlines() if "mean remaining" in one)
    assert line.split()[-1] == "∞"
    assert "spend.a is 2 or less" in " ".join(result.stderr.split())
    total = json.loads(run(*command, "--json").stdout, parse_constant=pytest.fail)["total"]
    assert total["value_standard_error_of_luck"] is None
    assert total["value_standard_error"] is None
    assert total["value"] > 0.0


@pytest.mark.usefixtures("here")
def test_no_total_and_no_class_is_printed_without_its_error():
    result = run("shop.csv", "--fit", "shop.toml", "--horizon", 52)
    classes, totals = result.stdout.split("Totals")
    for name in ("Best", "Good", "Marginal"):
        # Value, share of the value, mean value and mean chance of being alive.
        assert next(one for one in classes.splitlines() if one.startswith(name)).count("±") == 4
    for name in ("remaining value", "mean remaining", "still customers", "expected purchases"):
        line = next(one for one in totals.splitlines() if one.startswith(name))
        assert line.count("±") == 1
        assert "–" not in line


@pytest.mark.usefixtures("here")
def test_contracts_with_columns_of_other_names():
    options = ("--customer", "id", "--tenure", "months", "--segment-column", "plan")
    result = run("plans.csv", "--fit", "plans.toml", *options, "--discount-rate", 0.08)
    assert result.exit_code == 0
    assert "discounted at 8 % a year" in result.stdout
    assert "correlation of churn and spend is left out" in result.stderr


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is optional")
def test_parquet_in_and_out_says_the_same_as_csv(here):
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    parquet.write_table(arrow_csv.read_csv(here / "shop.csv"), here / "shop.parquet")
    run("shop.csv", "--fit", "shop.toml", "--out", "a.csv")
    result = run("shop.parquet", "--fit", "shop.toml", "--out", "b.parquet")
    assert result.exit_code == 0
    table = parquet.read_table(here / "b.parquet")
    assert table.schema.names == list(COLUMNS)
    assert all(table.schema.field(name).metadata[b"description"] for name in COLUMNS)
    rows = list(csv.DictReader((here / "a.csv").read_text().splitlines()))
    for name in COLUMNS:
        assert [said(value) for value in table[name].to_pylist()] == [row[name] for row in rows]


def test_names_that_need_quotation_marks_get_them(here):
    names = ["Smith, Ann", 'the "cat"', "two\nlines", "plain"]
    rows = [[name, 1, 1.7, 38.9, 11.8] for name in names]
    with (here / "shop.csv").open("w", newline="") as file:
        csv.writer(file).writerows([SHOPPERS.split("\n", 1)[0].split(","), *rows])
    assert run("shop.csv", "--fit", "shop.toml", "--out", "scores.csv").exit_code == 0
    with (here / "scores.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["customer"] for row in found] == names
    assert {row["fit_segment"] for row in found} == {"shop"}
    assert len({row["value"] for row in found}) == 1


def test_many_rows_are_written_in_parts(here, monkeypatch):
    monkeypatch.setattr("clvsim.report.scoring._ROWS", 3)
    run("shop.csv", "--fit", "shop.toml", "--out", "a.csv")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    run("shop.csv", "--fit", "shop.toml", "--out", "b.csv")
    assert (here / "a.csv").read_text() == (here / "b.csv").read_text()
    assert len((here / "a.csv").read_text().splitlines()) == 5


def test_intervals_without_the_error_of_the_fit_are_said_to_be_luck_alone(here):
    told = "intervals of its customers are luck alone"
    assert told not in run("shop.csv", "--fit", "shop.toml").stderr
    (here / "shop.toml").write_text(BG.split("\n[segments.shop.fit]", 1)[0])
    assert told in run("shop.csv", "--fit", "shop.toml", "--step", "week").stderr
    assert "its luck, and the fit's error" in " ".join(run("--help").stdout.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("shop.csv", "--fit", "plans.toml"), "nothing says which customer is in which"),
        (("shop.csv", "--fit", "plans.toml", "--segment", "one_yea"), "did you mean 'one_year'?"),
        (("plans.csv", "--fit", "shop.toml"), "there is no column 'frequency'"),
        (("shp.csv", "--fit", "shop.toml"), "did you mean 'shop.csv'?"),
        (("shop.csv", "--fit", "shp.toml"), "does not exist"),
        (("shop.csv", "--fit", "shop.csv"), "not TOML"),
        (("shop.csv", "--fit", "shop.toml", "--out", "x.xlsx"), ".csv or .parquet"),
        (("shop.csv", "--fit", "shop.toml", "--out", "nowhere/x.csv"), "No such file"),
        (("shop.csv", "--fit", "shop.toml", "--discount-rate", "0"), "--horizon N"),
        (("shop.csv", "--fit", "shop.toml", "--margin", "1.5"), "--margin"),
        (("shop.csv", "--fit", "shop.toml", "--horizon", "0"), "--horizon"),
        (("shop.csv", "--fit", "shop.toml", "--discount-rate", "nan"), "--discount-rate"),
        (("shop.csv", "--fit", "shop.toml", "--contact-cost", "nan"), "--contact-cost"),
        (("shop.csv",), "--fit"),
    ],
)
def test_wrong_input_ends_with_exit_code_2_and_no_file(here, arguments, told):
    before = set(here.iterdir())
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""
    assert set(here.iterdir()) == before


@pytest.mark.usefixtures("here")
def test_a_fit_without_a_period_needs_a_step(here):
    (here / "shop.toml").write_text(BG.replace('step = "week"\n', ""))
    result = run("shop.csv", "--fit", "shop.toml")
    assert result.exit_code == 2
    assert "--step" in result.stderr
    assert run("shop.csv", "--fit", "shop.toml", "--step", "week").exit_code == 0


@pytest.mark.usefixtures("here")
def test_contracts_count_whole_periods():
    options = ("--customer", "id", "--tenure", "months", "--segment-column", "plan")
    result = run("plans.csv", "--fit", "plans.toml", *options, "--horizon", 2.5)
    assert result.exit_code == 2
    assert "whole number of periods" in result.stderr


def test_rows_left_out_are_told_on_stderr(here):
    (here / "shop.csv").write_text(SHOPPERS + "eve,1,50,39,10\n")
    result = run("shop.csv", "--fit", "shop.toml")
    assert result.exit_code == 0
    assert "1 of 5 rows left out: recency above age (--recency), the first '50'; line 6" in (
        result.stderr
    )


def test_help_says_what_the_thresholds_are_and_imports_nothing_heavy():
    shown = run("--help")
    assert shown.exit_code == 0
    text = " ".join(shown.stdout.split())
    for part in ("the top fifth", "above the median", "probability 90 %", "never_profitable"):
        assert part in text
    code = (
        "import sys\nfrom clvsim.cli.app import app\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
