"""``clvsim fit`` as a user meets it: what goes where, exit codes, files whole or not at all."""

import csv
import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from clvsim.cli.app import app

DATA = Path(__file__).parents[1] / "scenarios" / "data"
TELCO = ("tenure", "telco.csv", "--tenure", "tenure", "--churned", "Churn")
LOG = ("transactions", "log.csv", "--customer", "who", "--date", "when", "--amount", "paid")
GIFTS = ("opportunities", "gifts.csv", "--customer", "who", "--period", "year", "--amount", "paid")
HISTORIES = (
    *("histories", "donations.csv", "--frequency", "x", "--recency", "t_x"),
    *("--opportunities", "n", "--count", "donors"),
)
PANEL = ("states", "panel.csv", "--customer", "id", "--period", "t", "--state", "s")
MOVES = ("states", "moves.csv", "--customer", "id", "--period", "month", "--state", "cell")
REGULAR = (1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173)
#: Typer itself imports pydantic for the help of a command.
HEAVY = ("numba", "xarray", "matplotlib", "scipy", "pandas", "numpy", "rich", "pyarrow")


def fit(*arguments):
    """Run a command inside this process."""
    result = CliRunner().invoke(app, ["fit", *(str(argument) for argument in arguments)])
    assert "Traceback" not in result.stderr
    return result


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a file for each command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    shutil.copy(DATA / "telco-customer-churn.csv", tmp_path / "telco.csv")
    rows = "\n".join(f"{period},{count}" for period, count in enumerate(REGULAR))
    (tmp_path / "regular.csv").write_text(f"period,survivors\n{rows}\n")
    bought = "\n".join(
        f"{who},2026-{1 + day // 28:02}-{1 + day % 28:02},{10 + day % 7}"
        for who in range(30)
        for day in range(who % 5, 300, 11 + 7 * (who % 4))
        if day < 30 + 37 * who
    )
    (tmp_path / "log.csv").write_text(f"who,when,paid\n{bought}\n")
    gifts = "\n".join(
        f"{who},{1990 + year},{10 + who % 7}"
        for who in range(60)
        for year in range(12)
        if year == who % 3 or (who * 31 + year * 17) % (3 + who % 5) == 0
    )
    (tmp_path / "gifts.csv").write_text(f"who,year,paid\n{gifts}\n")
    shutil.copy(DATA / "donations.csv", tmp_path)
    moves = "\n".join(
        f"{who},2026-{1 + month:02},{'abc'[(who * 7 + month * month * (1 + who % 3)) % 3]}"
        for who in range(90)
        for month in range(12 - who % 4)
    )
    (tmp_path / "moves.csv").write_text(f"id,month,cell\n{moves}\n")
    (tmp_path / "panel.csv").write_text("id,t,s\na,1,new\na,2,old\na,3,old\nb,1,new\nb,2,gone\n")
    return tmp_path


# What goes where


@pytest.mark.usefixtures("here")
def test_the_block_alone_goes_to_stdout():
    result = fit("retention", "regular.csv", "--holdout", 5, "--step", "year")
    assert result.exit_code == 0
    segment = tomllib.loads(result.stdout)["segments"]["customers"]
    assert segment["churn"]["a"] == pytest.approx(0.704077, abs=0.5e-6)
    assert segment["churn"]["b"] == pytest.approx(1.182043, abs=0.5e-6)
    assert 'time.step = "year"' in result.stdout
    assert "sBG *" in result.stderr
    assert "0.704 ± 0.066" in result.stderr
    assert "1.47 %" in result.stderr


def test_with_out_the_tables_go_to_stdout_and_notes_to_stderr(here):
    options = ("--segment", "Contract", "--spend", "MonthlyCharges", "--out", "segments.toml")
    before = set(here.iterdir())
    result = fit(*TELCO, *options)
    assert result.exit_code == 0
    assert "0.423 ± 0.032" in result.stdout
    assert "correlation of churn and spend" in result.stdout
    assert "note" not in result.stdout
    assert "segments.toml: written" in result.stderr
    assert "note: One year: No sign that customers differ in churn" in result.stderr
    assert set(here.iterdir()) - before == {here / "segments.toml"}
    segments = tomllib.loads((here / "segments.toml").read_text())["segments"]
    assert list(segments) == ["month_to_month", "one_year", "two_year"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "command", [TELCO, ("retention", "regular.csv"), LOG, GIFTS, HISTORIES, PANEL]
)
def test_json_is_one_strict_document(command):
    result = fit(*command, "--json")
    assert result.exit_code == 0

    def refuse(word):
        raise AssertionError(word)

    document = json.loads(result.stdout, parse_constant=refuse)
    assert document["command"] == f"fit {command[0]}"
    assert tomllib.loads(document["block"])["segments"]


@pytest.mark.usefixtures("here")
def test_transactions_compare_with_the_holdout():
    result = fit(*LOG, "--holdout", 8, "--out", "s.toml")
    assert result.exit_code == 0
    assert "repeat purchases held out" in result.stdout
    assert "95 % interval  held out lies" in result.stdout
    assert "expected by Pareto/NBD" in result.stdout
    assert "held out until 2026-" in result.stderr


@pytest.mark.usefixtures("here")
def test_both_models_of_a_log_are_a_segment_each():
    result = fit(*LOG, "--holdout", 8, "--model", "both", "--name", "My regulars", "--json")
    assert result.exit_code == 0
    segments = tomllib.loads(json.loads(result.stdout)["block"])["segments"]
    assert list(segments) == ["my_regulars_bg_nbd", "my_regulars_pareto_nbd"]
    for segment, model in zip(segments.values(), ("bg/nbd", "pareto/nbd"), strict=True):
        assert segment["relationship"] == segment["fit"]["model"] == model
        alone = fit(*LOG, "--holdout", 8, "--model", model, "--json")
        written = tomllib.loads(json.loads(alone.stdout)["block"])["segments"]["log"]
        assert segment["fit"].pop("notes")
        assert written["fit"].pop("notes")
        assert segment == written
    table = fit(*LOG, "--holdout", 8, "--model", "both", "--out", "s.toml").stdout
    assert table.count("BG/NBD *") == table.count("Pareto/NBD *") == 1
    assert table.count("expected by") == 2


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", [LOG, GIFTS, HISTORIES])
def test_a_segment_is_called_as_one_says(command):
    block = fit(*command, "--name", "donors").stdout
    assert list(tomllib.loads(block)["segments"]) == ["donors"]


@pytest.mark.usefixtures("here")
def test_the_published_donors_give_the_published_estimates():
    result = fit(*HISTORIES, "--out", "s.toml")
    assert result.exit_code == 0
    for shown in ("-33,225.58", "1.204 ± 0.069", "0.750 ± 0.029", "0.657 ± 0.051", "2.78 ± 0.32"):
        assert shown in result.stdout
    assert "never bought after joining" in result.stdout


@pytest.mark.usefixtures("here")
def test_a_log_is_no_table_of_histories():
    some = fit("opportunities", "gifts.csv", "--customer", "who")
    assert some.exit_code == 2
    assert "--period" in some.stderr
    none = fit("histories", "gifts.csv")
    assert none.exit_code == 2
    assert none.stderr.count("there is no column") == 3


def test_customers_of_a_gift_log_are_written_for_scores(here):
    result = fit(*GIFTS, "--holdout", 3, "--customers", "people.csv", "--out", "s.toml")
    assert result.exit_code == 0
    with (here / "people.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert {int(row["age"]) for row in rows} == {6, 7, 8}
    scores = ["score", "people.csv", "--fit", "s.toml", "--horizon", "5", "--out", "scores.csv"]
    scored = CliRunner().invoke(app, scores)
    assert scored.exit_code == 0, scored.stderr
    with (here / "scores.csv").open(newline="") as file:
        assert all(0.0 <= float(row["p_alive"]) <= 1.0 for row in csv.DictReader(file))


def test_cdnow_has_no_header(here):
    shutil.copy(DATA / "cdnow-sample.txt", here)
    result = fit(
        "transactions", "cdnow-sample.txt", "--columns", "master,id,date,cds,dollars",
        "--customer", "id", "--date", "date", "--amount", "dollars", "--holdout", 39,
    )  # fmt: skip
    assert result.exit_code == 0
    segment = tomllib.loads(result.stdout)["segments"]["cdnow_sample"]
    assert segment["purchase_rate"]["a"] == pytest.approx(0.243, abs=6e-4)
    assert segment["spend_shape"] == pytest.approx(6.25, abs=0.01)
    assert "8 of 6,919 rows noted and kept: amounts of 0" in result.stderr


@pytest.mark.usefixtures("here")
def test_states_show_probabilities_with_errors():
    result = fit(*PANEL, "--out", "s.toml")
    assert result.exit_code == 0
    assert "0.50 ± 0.35" in result.stdout
    assert "nobody was seen after being in 'gone'" in result.stderr


@pytest.mark.usefixtures("here")
def test_states_are_tested_and_held_out():
    result = fit(*MOVES, "--gone", "lost", "--holdout", 3, "--json")
    document = json.loads(result.stdout)
    assert set(document["goodness"]) == {"order", "stationarity"}
    assert document["goodness"]["order"]["degrees_of_freedom"] > 0
    assert document["shares"]["periods"] == [f"2026-{month:02}" for month in range(1, 13)]
    held = document["holdout"]
    assert held["periods"] == ["2026-10", "2026-11", "2026-12"]
    assert [sum(row) for row in held["observed"]] == held["customers"] == [90.0] * 3
    assert np.sum(held["expected"], axis=1) == pytest.approx(90.0)
    # Nine months are fitted, and everybody was there so long.
    assert sum(document["rows_by_state"]) == 90 * 9
    shown = fit(*MOVES, "--gone", "lost", "--holdout", 3, "--out", "s.toml").stdout
    for words in ("90 customers in month 2026-12, held out", "transitions are the same in every"):
        assert words in shown
    notes = tomllib.loads(document["block"])["segments"]["moves"]["fit"]["notes"]
    assert any(note.startswith("goodness of fit, where customers go") for note in notes)
    assert any(note.startswith("holdout error") for note in notes)
    whole = json.loads(fit(*MOVES, "--json").stdout)
    assert whole["holdout"] is None


@pytest.mark.parametrize(
    "command",
    [
        ("retention", "regular.csv", "--holdout", "5"),
        (*LOG, "--holdout", "8"),
        (*GIFTS, "--holdout", "3"),
        HISTORIES,
        (*MOVES, "--holdout", "3"),
        MOVES,
        PANEL,
    ],
)
def test_plots_are_pictures(here, command):
    pytest.importorskip("matplotlib")
    result = fit(*command, "--plot", "fit.png", "--out", "s.toml")
    assert "fit.png: written" in result.stderr
    assert result.exit_code == 0, result.stderr
    assert (here / "fit.png").read_bytes().startswith(b"\x89PNG")
    assert not list(here.glob(".*"))


@pytest.mark.parametrize("command", ["retention", "tenure"])
def test_a_churn_of_nobody_has_a_bound_and_a_block_that_can_be_scored(here, command):
    (here / "stay.csv").write_text("period,survivors\n0,50\n1,50\n2,50\n")
    people = "customer,tenure,left,pay\n" + "".join(f"c{n},2,No,{n}\n" for n in range(1, 51))
    (here / "people.csv").write_text(people)
    options = {
        "retention": ("stay.csv",),
        "tenure": ("people.csv", "--tenure", "tenure", "--churned", "left"),
    }[command]
    result = fit(command, *options, "--out", "stay.toml")
    # 1 - 0.05^(1/100): about three in a hundred customer-months.
    assert "0 to 0.0295 (one-sided)" in result.stdout
    assert "nobody ever leaves" in " ".join(result.stderr.split())
    text = (here / "stay.toml").read_text()
    assert "churn = 0.0  # nobody left: at most 0.0295 (95 %, one-sided)" in text
    models = json.loads(fit(command, *options, "--json").stdout)["segments"]["customers"]["models"]
    assert models[0]["at_most"] == pytest.approx(0.0295, abs=5e-5)
    scored = CliRunner().invoke(app, ["score", "people.csv", "--fit", "stay.toml"])
    assert scored.exit_code == 0
    assert "a churn of 0, so nobody ever leaves" in " ".join(scored.stderr.split())


@pytest.mark.usefixtures("here")
def test_the_block_says_that_its_covariance_is_of_logs():
    text = fit("retention", "regular.csv").stdout
    assert "# of the logs of the parameters: a variance of 0.01 is an error of 10 %\ncov" in text
    assert tomllib.loads(text)["segments"]["customers"]["fit"]["covariance"]


def test_a_plot_calls_a_segment_by_its_number_where_no_font_has_its_signs(here, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("clvsim.calibration.titles._OTHERS", ())
    rows = "".join(f"{period},{count},月額\n" for period, count in enumerate(REGULAR))
    (here / "wide.csv").write_text(f"period,survivors,plan\n{rows}", encoding="utf-8")
    result = fit("retention", "wide.csv", "--segment", "plan", "--plot", "wide.png")
    assert result.exit_code == 0, result.stderr
    assert "the plot calls it segment 1" in " ".join(result.stderr.split())


@pytest.mark.usefixtures("here")
def test_json_counts_customers_by_whole_numbers():
    result = fit("retention", "regular.csv", "--json")
    assert '"customers": 1000,' in result.stdout
    assert '"sample_size": 1000,' in result.stdout


def test_a_plot_needs_matplotlib(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    result = fit("retention", "regular.csv", "--plot", "fit.png")
    assert result.exit_code == 2
    assert "pip install -e '.[plot]'" in result.stderr
    assert not result.stdout


# Wrong input: exit code 2, nothing on stdout, nothing written


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("retention", "none.csv"), "none.csv: there is no such file"),
        (("retention", "reguler.csv"), "did you mean 'regular.csv'?"),
        (("retention", "."), "is a folder"),
        (("retention", "empty.csv"), "is empty"),
        (("retention", "latin.csv"), "latin.csv:2: is not UTF-8 text"),
        (("retention", "regular.csv", "--holdout", "12"), "leaves nothing of the 12 periods"),
        (("retention", "regular.csv", "--holdout", "-1"), "--holdout"),
        (("retention", "regular.csv", "--step", "decade"), "--step"),
        (("retention", "regular.csv", "--period", "perod"), "did you mean 'period'?"),
        (("retention", "regular.csv", "--segment", "plan"), "there is no column 'plan'"),
        (("retention", "regular.csv", "--out", "x.txt"), "x.txt: must end in .toml"),
        (("retention", "regular.csv", "--out", "no/x.toml"), "cannot write no/x.toml"),
        (("retention", "regular.csv", "--plot", "x.jpg"), "x.jpg: must end in .png"),
        (("retention", "regular.csv", "--separator", "comas"), "did you mean 'comma'?"),
        (("retention", "regular.csv", "--columns", "a,a"), "names 'a' twice"),
        (("retention", "regular.csv", "--columns", "a,,b"), "has an empty name"),
        ((*TELCO, "--spend", "customerID"), "7,043 of 7,043 rows: amounts that are no number"),
        ((*TELCO, "--segment", "customerID"), "7,043 different segments"),
        (("tenure", "telco.csv", "--churned", "Churn"), "Missing option '--tenure'"),
        ((*LOG, "--holdout", "900"), "a holdout of 900 weeks is longer than the log"),
        ((*LOG, "--end", "someday"), "--end 'someday' is no date"),
        ((*LOG, "--date-format", "%d.%m.%Y"), "dates that cannot be read"),
        ((*LOG, "--model", "nbd"), "--model"),
        ((*PANEL, "--value", "v"), "there is no column 'v'"),
        ((*MOVES, "--holdout", "11"), "a holdout of 11 leaves no two of the 12 periods to fit"),
        ((*MOVES, "--holdout", "-1"), "--holdout"),
        (("tenures", "telco.csv"), "tenures"),
    ],
)
def test_wrong_input(here, command, words):
    (here / "empty.csv").write_text("")
    (here / "latin.csv").write_bytes("period,survivors\n0,größe\n".encode("latin-1"))
    before = sorted(here.rglob("*"))
    result = fit(*command)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
    assert not result.stdout
    assert sorted(here.rglob("*")) == before


@pytest.mark.usefixtures("here")
def test_all_faults_at_once():
    result = fit("tenure", "telco.csv", "--tenure", "Tenur", "--churned", "Chrun")
    assert result.exit_code == 2
    assert "--tenure: there is no column 'Tenur'" in result.stderr
    assert "--churned: there is no column 'Chrun'" in result.stderr
    assert result.stderr.count("did you mean") == 2
    assert result.stderr.endswith("2 faults\n")


def test_drops_are_told_on_stderr(here):
    with (here / "log.csv").open("a") as file:
        file.write("a,soon,3\na,2026-01-01,-3\na,2026-01-01,x\n")
    refused = fit(*LOG)
    assert refused.exit_code == 2
    assert "amounts that are no number, the first 'x'" in refused.stderr
    assert "--accept-losses to go on without them" in refused.stderr
    result = fit(*LOG, "--accept-losses")
    assert result.exit_code == 0
    for words in ("dates that cannot be read", "amounts below 0", "amounts that are no number"):
        assert words in result.stderr
        assert words not in result.stdout


def test_parquet_gives_the_same_block(here):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    counts = {"period": np.arange(13), "survivors": np.array(REGULAR, dtype=float)}
    parquet.write_table(pa.table(counts), here / "regular.parquet")
    text = fit("retention", "regular.csv").stdout
    same = fit("retention", "regular.parquet").stdout
    assert same.replace("regular.parquet", "regular.csv") == text


# Starting up


@pytest.mark.parametrize("command", ["", "retention", "tenure", "transactions", "states"])
def test_help_has_an_example_and_imports_nothing_heavy(command):
    code = f"""
import sys
from clvsim.cli import main
sys.argv = ["clvsim", "fit", *{[command] if command else []!r}, "--help"]
try:
    main()
except SystemExit:
    pass
loaded = sorted(set({HEAVY!r}) & set(sys.modules))
assert not loaded, loaded
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"  clvsim fit {command}" in done.stdout


def test_customers_of_a_log_are_what_score_reads(here):
    shutil.copy(DATA / "cdnow-sample.txt", here)
    log = (
        "cdnow-sample.txt", "--columns", "master,id,date,cds,dollars",
        "--customer", "id", "--date", "date", "--amount", "dollars", "--holdout", 39,
    )  # fmt: skip
    result = fit("transactions", *log, "--out", "shop.toml", "--customers", "shop.csv")
    assert result.exit_code == 0
    rows = list(csv.DictReader((here / "shop.csv").read_text().splitlines()))
    assert len(rows) == 2357
    # The first customer of the sample: bought on 1 and 18 January, and on 2 August 1997.
    assert rows[0]["customer"] == "0001"
    assert (rows[0]["frequency"], float(rows[0]["age"])) == ("2", pytest.approx(272 / 7))
    assert {row["value"] for row in rows if row["frequency"] == "0"} == {""}
    order = ["score", "shop.csv", "--fit", "shop.toml", "--horizon", "39", "--json"]
    scored = CliRunner().invoke(app, order)
    assert scored.exit_code == 0
    assert "2357" in scored.stdout


@pytest.mark.usefixtures("here")
def test_customers_go_to_csv_only():
    result = fit(*LOG, "--customers", "shop.txt")
    assert result.exit_code == 2
    assert "must end in .csv" in result.stderr


def test_the_fit_is_shown_although_the_block_cannot_be_written(tmp_path, monkeypatch):
    table = tmp_path / "s.csv"
    table.write_text("period,survivors\n0,1000\n1,800\n2,700\n3,640\n")

    def fail(*_):
        raise OSError(28, "No space left on device")

    out = tmp_path / "a.toml"
    whole = CliRunner().invoke(app, ["fit", "retention", str(table), "--out", str(out)])
    monkeypatch.setattr(type(out), "replace", fail)
    result = CliRunner().invoke(app, ["fit", "retention", str(table), "--out", str(out)])
    assert result.exit_code == 1
    assert result.stdout == whole.stdout != ""
    assert "No space left on device" in result.stderr
    assert f"{out}: written" not in result.stderr
