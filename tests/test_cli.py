"""The command line as a user meets it: what goes where, exit codes, files whole or not at all."""

import csv
import importlib.util
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import types
from dataclasses import dataclass, replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from clvsim import api
from clvsim.accounts import ACCOUNTS, MEASURES, RISK_MEASURES
from clvsim.cli import simulate
from clvsim.cli.app import _precision, app
from clvsim.cli.guard import DEBUG
from clvsim.comparison import COMPARED, COMPARED_SHARES
from clvsim.errors import ClvsimError
from clvsim.results import load_result
from clvsim.verification.verdict import Prediction

PLAN = """
    name = "Plan"
    question = "Is half the price worth it?"
    offer = "none"
    [time]
    periods = 8
    [simulation]
    worlds = 6
    [segments.home]
    churn = { distribution = "beta", a = 2, b = 8 }
    spend = 20
    price_sensitivity = 3.0
    cost_share = 0.4
    [offers.none]
    [offers.half]
    discount = 0.5
    discount_periods = 3
    [channels.search]
    spend = 400
    reach = { kind = "linear", cost_per_prospect = 10 }
    conversion = 0.1
    segments = { home = 1.0 }
    [installed_base.old]
    segment = "home"
    customers = 20
    tenure = 3
    [programs.club]
    kind = "loyalty"
    hazard = 0.8
    cost_per_member = 1
    enabled = false
    [variants.half]
    offer = "half"
    [variants.club.programs.club]
    enabled = true
"""
COMMANDS = ("new", "explain", "validate", "run", "compare", "verify", "schema")
MAIN = "from clvsim.cli import main; main()"
HEAVY = ("numba", "xarray", "matplotlib", "scipy", "pandas", "numpy", "pydantic", "rich")


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(textwrap.dedent(PLAN))
    return path


def clvsim(*arguments):
    """Run a command inside this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in result.stderr
    return result


def process(*arguments, code=MAIN, **options):
    """Run a program in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=120, check=False, **options
    )


def strictly(text):
    """JSON without NaN or Infinity."""

    def refuse(word):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


# Starting up


def test_help_imports_nothing_heavy():
    code = f"""
    import sys
    from clvsim.cli import main
    sys.argv = ["clvsim", "--help"]
    try:
        main()
    except SystemExit as end:
        assert not end.code
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
    """
    done = process(code=code)
    assert done.stderr.strip() == "[]"
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_s_help_has_an_example(command):
    result = clvsim(command, "--help")
    assert result.exit_code == 0
    assert f"  clvsim {command}" in result.stdout.partition("Example")[2]


def test_version():
    result = clvsim("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("clvsim ")


# validate


def test_validate_says_what_the_file_has(plan):
    result = clvsim("validate", plan)
    assert result.exit_code == 0
    first, empty, *rest = result.stdout.splitlines()
    assert first == f"{plan}: fine; 8 months from 2026-01, 2 variants (half, club)"
    assert (empty, rest[0]) == ("", "Time and money")
    assert not result.stderr


def test_validate_says_the_faults_of_all_files(plan, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text(plan.read_text().replace("spend = 20", "spnd = 20"))
    result = clvsim("validate", bad, plan, tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "plan.toml: fine" in result.stdout
    assert "bad.toml:" in result.stderr
    assert "spnd" in result.stderr
    assert "none.toml" in result.stderr
    assert "faults" in result.stderr


# run and compare: what is printed


def test_run_prints_tables_on_stdout_alone(plan):
    result = clvsim("run", plan)
    assert result.exit_code == 0
    assert not result.stderr
    for words in ("Is half the price worth it?", "seed 1", "NPV", "By channel", "Profit and loss"):
        assert words in result.stdout
    assert "\x1b" not in result.stdout


def test_run_takes_the_baseline_unless_told_otherwise(plan):
    assert list(strictly(clvsim("run", plan, "--json").stdout)["measures"]) == ["baseline"]
    several = clvsim("run", plan, "--variant", "club", "--variant", "half", "--json")
    assert list(strictly(several.stdout)["measures"]) == ["club", "half"]


def test_json_has_every_measure(plan):
    found = strictly(clvsim("run", plan, "--json").stdout)["measures"]["baseline"]
    for measure in (*MEASURES, *RISK_MEASURES):
        one = found[measure.name]
        assert one["unit"] == measure.unit
        assert list(one.get("dims", {})) == list(measure.dims)
        shape = tuple(len(one["dims"][dim]) for dim in measure.dims)
        for numbers in (one["mean"], one["standard_error"], *one["quantiles"].values()):
            assert np.shape(np.array(numbers, dtype=object)) == shape
    for measure in MEASURES:
        quantiles = found[measure.name]["quantiles"]
        assert list(quantiles) == ["0.05", "0.25", "0.5", "0.75", "0.95"]


def test_json_has_cash_by_account_and_provenance(plan):
    document = strictly(clvsim("run", plan, "--json").stdout)
    statement = document["profit_and_loss"]["baseline"]
    assert list(statement["accounts"]) == [account.name for account in ACCOUNTS]
    by_period = np.sum([one["cash"] for one in statement["accounts"].values()], axis=0)
    assert by_period == pytest.approx(statement["net_cash"])
    assert np.cumsum(by_period) == pytest.approx(statement["cumulated"])
    present = sum(one["present_value"] for one in statement["accounts"].values())
    assert present == pytest.approx(document["measures"]["baseline"]["npv"]["mean"])
    assert document["provenance"]["worlds"] == 6
    assert document["provenance"]["seed"] == 1
    assert document["provenance"]["scenarios"]["baseline"]["name"] == "Plan"
    assert document["comparison"] is None


def test_nan_is_null(plan):
    plan.write_text(plan.read_text().replace("spend = 400", "spend = 0"))
    document = strictly(clvsim("run", plan, "--json").stdout)
    assert document["measures"]["baseline"]["clv"]["mean"] is None


def test_compare_json(plan):
    document = strictly(clvsim("compare", plan, "--json").stdout)
    measures, comparison = document["measures"], document["comparison"]
    assert list(measures) == ["baseline", "half", "club"]
    assert comparison["baseline"] == "baseline"
    assert comparison["best"] in measures
    assert isinstance(comparison["settled"], bool)
    half = comparison["scenarios"]["half"]
    assert set(half["differences"]) == {*COMPARED, *COMPARED_SHARES}
    npv = half["differences"]["npv"]
    gap = measures["half"]["npv"]["mean"] - measures["baseline"]["npv"]["mean"]
    assert npv["mean"] == pytest.approx(gap)
    assert npv["low"] < npv["mean"] < npv["high"]
    assert half["gained_customers"]["mean"] > 0.0
    assert half["lost_clv"]["mean"] is None


def test_compare_prints_a_verdict(plan):
    result = clvsim("compare", plan)
    assert result.exit_code == 0
    assert not result.stderr
    last = result.stdout.strip().splitlines()[-1]
    assert "ettled: " in result.stdout
    assert last


def test_a_single_world_prints_without_errors(plan):
    for command in ("run", "compare"):
        result = clvsim(command, plan, "--worlds", 1)
        assert result.exit_code == 0
        assert "nan" not in result.stdout


def test_options_reach_the_simulation(plan):
    once = clvsim("run", plan, "--json", "--worlds", 4, "--seed", 7, "--threads", 1).stdout
    again = clvsim("run", plan, "--json", "--worlds", 4, "--seed", 7, "--threads", 3).stdout
    other = clvsim("run", plan, "--json", "--worlds", 4, "--seed", 8).stdout
    assert once == again != other
    assert strictly(once)["provenance"]["worlds"] == 4
    assert strictly(once)["provenance"]["seed"] == 7


# Which scenarios


def test_compare_adds_the_baseline_to_named_variants(plan):
    def names(*options):
        return list(strictly(clvsim("compare", plan, "--json", *options).stdout)["measures"])

    assert names("--variant", "club") == ["baseline", "club"]
    assert names("--variant", "club", "--baseline", "half") == ["half", "club"]


def test_files_are_compared_by_stem(plan, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text('extends = "plan.toml"\n[money]\ndiscount_rate = 0.2\n')
    document = strictly(clvsim("compare", plan, other, "--json", "--baseline", "other").stdout)
    assert list(document["measures"]) == [
        "plan", "plan/half", "plan/club", "other", "other/half", "other/club",
    ]  # fmt: skip
    assert document["comparison"]["baseline"] == "other"
    chosen = strictly(clvsim("compare", plan, other, "--json", "--variant", "half").stdout)
    assert list(chosen["measures"]) == ["plan", "plan/half", "other/half"]


def test_files_of_one_stem_are_told_apart_by_folder(plan, tmp_path):
    (tmp_path / "south").mkdir()
    other = tmp_path / "south" / "plan.toml"
    other.write_text(plan.read_text())
    names = list(strictly(clvsim("compare", plan, other, "--json").stdout)["measures"])
    assert names[0].endswith("plan")
    assert names[3].endswith("south/plan")


# Wrong input: exit code 2, before anything is simulated or written


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["run", "plan.toml", "--worlds", "0"], "--worlds"),
        (["run", "plan.toml", "--worlds", "many"], "--worlds"),
        (["run", "plan.toml", "--threads", "-1"], "--threads"),
        (["run", "plan.toml", "--seed", "-1"], "--seed"),
        (["run", "plan.toml", "--seed", str(2**64)], "--seed"),
        (["run", "plan.toml", "--precision", "5"], "precision"),
        (["run", "plan.toml", "--precision", "soon"], "precision"),
        (["run", "plan.toml", "--max-worlds", "9"], "--precision"),
        (["run", "plan.toml", "--max-worlds", "3", "--precision", "1%"], "--max-worlds 3"),
        (["run", "plan.toml", "--variant", "hlaf"], "did you mean 'half'?"),
        (["run", "none.toml"], "none.toml"),
        (["run", "bad.toml"], "bad.toml:"),
        (["run", "plan.toml", "--out", "nowhere/x.nc"], "cannot write nowhere/x.nc"),
        (["run", "plan.toml", "--out", "folder.nc"], "it is a folder"),
        (["run", "plan.toml", "--out", "x.csv"], ".nc"),
        (["run", "plan.toml", "--resume"], "--out"),
        (["run", "plan.toml", "--resume", "--out", "text.nc"], "text.nc"),
        (["run", "plan.toml", "--customers", "nowhere/x.csv"], "cannot write nowhere/x.csv"),
        (["run", "plan.toml", "--customers", "x.xlsx"], ".parquet"),
        (["compare", "plan.toml", "--baseline", "clbu"], "did you mean 'club'?"),
        (["compare", "plan.toml", "--variant", "baseline"], "nothing to be compared with"),
        (["compare", "plan.toml", "plan.toml"], "give each file once"),
        (["compare", "lonely.toml"], "no variants"),
        (["compare", "plan.toml", "longer.toml"], "time.periods"),
        (["compare", "bad.toml", "none.toml"], "none.toml"),
        (["compare"], "Missing argument"),
        (["rnu", "plan.toml"], "rnu"),
    ],
)
def test_wrong_input(options, words, plan, tmp_path, monkeypatch):
    text = plan.read_text()
    (tmp_path / "bad.toml").write_text(text.replace("spend = 20", "spend = -20"))
    (tmp_path / "lonely.toml").write_text(text.partition("[variants")[0])
    (tmp_path / "longer.toml").write_text(text.replace("periods = 8", "periods = 9"))
    (tmp_path / "text.nc").write_text("no result")
    (tmp_path / "folder.nc").mkdir()
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(simulate.Session, "_simulate", lambda *_: pytest.fail("it simulated"))
    result = clvsim(*options)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
    assert not result.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_parquet_needs_pyarrow(plan, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    result = clvsim("run", plan, "--customers", plan.with_name("c.parquet"))
    assert result.exit_code == 2
    assert "pip install -e '.[parquet]'" in result.stderr


@pytest.mark.parametrize(
    ("text", "value"), [("0.5%", 0.005), ("0.005", 0.005), (" 2 % ", 0.02), ("99%", 0.99)]
)
def test_precision_is_a_share_or_percent(text, value):
    assert _precision(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["0", "1", "100%", "-1%", "nan", "inf", "", "%", "1,5%"])
def test_what_is_no_precision(text):
    with pytest.raises(typer.BadParameter):
        _precision(text)


# A failed run: exit code 1 and one line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ClvsimError("two decisions share an address"), "share an address"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (MemoryError(), "not enough memory"),
        (OSError(28, "No space left on device", "x.nc"), "x.nc: No space left on device"),
    ],
)
def test_a_failure_is_one_line(error, words, plan, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(simulate, "Session", fail)
    monkeypatch.delenv(DEBUG, raising=False)
    result = clvsim("run", plan)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("clvsim: ")
    assert words in result.stderr


def test_debugging_shows_the_traceback(plan, monkeypatch):
    monkeypatch.setattr(simulate, "Session", None)
    monkeypatch.setenv(DEBUG, "1")
    result = CliRunner().invoke(app, ["run", str(plan)])
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


# Files


def test_out_reopens_and_is_told_on_stderr(plan, tmp_path):
    out = tmp_path / "x.nc"
    result = clvsim("compare", plan, "--out", out)
    assert result.exit_code == 0
    assert result.stderr == f"{out}: 6 worlds\n"
    saved = load_result(out)
    assert saved.sizes["world"] == 6
    assert saved.attrs["baseline"] == "baseline"
    assert sorted(tmp_path.iterdir()) == [plan, out]


@pytest.fixture
def quick_files(monkeypatch):
    """Results as pickles: NetCDF takes seconds for its 150 variables, and has tests of its own."""

    def save(result, path):
        path.write_bytes(pickle.dumps(result))

    monkeypatch.setattr(simulate, "save", save)
    monkeypatch.setattr(
        simulate,
        "load_whole_result",
        lambda path: pickle.loads(path.read_bytes()),  # noqa: S301
    )


def test_resume_adds_the_missing_worlds(plan, tmp_path):
    out = tmp_path / "x.nc"
    clvsim("run", plan, "--worlds", 3, "--out", out, "--resume")
    resumed = clvsim("run", plan, "--worlds", 8, "--out", out, "--resume", "--json")
    assert resumed.stderr == f"{out}: 8 worlds\n"
    assert resumed.stdout == clvsim("run", plan, "--worlds", 8, "--json").stdout


@pytest.mark.usefixtures("quick_files")
def test_resume_refuses_what_is_not_the_same(plan, tmp_path):
    out = tmp_path / "x.nc"
    clvsim("run", plan, "--out", out)
    before = out.read_bytes()
    for command, *options in (["run", "--seed", 9], ["compare"]):
        result = clvsim(command, plan, *options, "--out", out, "--resume", "--worlds", 9)
        assert result.exit_code == 2
        assert "cannot be resumed" in result.stderr
    assert out.read_bytes() == before


@pytest.mark.usefixtures("quick_files")
def test_resume_never_repeats_or_drops_a_world(plan, tmp_path):
    """With fewer worlds asked for than there are, and a precision that adds some."""
    out = tmp_path / "x.nc"
    clvsim("run", plan, "--worlds", 35, "--out", out)
    options = ("--precision", "0.01%", "--max-worlds", 40, "--json")
    result = clvsim("run", plan, "--worlds", 2, "--out", out, "--resume", *options)
    assert result.exit_code == 0
    assert result.stdout == clvsim("run", plan, "--worlds", 40, "--json").stdout
    assert "was not reached" in result.stderr


def test_precision_adds_worlds_until_it_is_reached(plan):
    document = strictly(clvsim("run", plan, "--precision", "5%", "--json").stdout)
    npv = document["measures"]["baseline"]["npv"]
    assert 1.96 * npv["standard_error"] <= 0.0505 * abs(npv["mean"])
    assert document["provenance"]["worlds"] >= 30


# Interrupts


@dataclass
class Impatient:
    """A progress bar that interrupts after a share of the work."""

    console: object
    text: str
    unit: str

    share = 0.55

    def __call__(self, done, total):
        if done > self.share * total:
            os.kill(os.getpid(), signal.SIGINT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.usefixtures("quick_files")
def test_an_interrupt_saves_what_is_whole(plan, tmp_path, monkeypatch):
    out, customers = tmp_path / "x.nc", tmp_path / "c.csv"
    with monkeypatch.context() as patch:
        patch.setattr(simulate, "Bar", Impatient)
        patch.setattr(api, "_ROUND", 1)
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            options = ("--worlds", 20, "--out", out, "--json")
            result = clvsim("run", plan, *options, "--customers", customers)
        finally:
            signal.signal(signal.SIGINT, handler)
    assert result.exit_code == 130
    whole = strictly(result.stdout)["provenance"]["worlds"]
    assert 0 < whole < 20
    assert f"interrupted: {whole} worlds are whole and saved in {out}" in result.stderr
    assert "c.csv was not written" in result.stderr
    assert not customers.exists()
    resumed = clvsim("run", plan, "--worlds", 20, "--out", out, "--resume", "--json")
    assert resumed.stdout == clvsim("run", plan, "--worlds", 20, "--json").stdout


def test_an_interrupt_before_any_world_leaves_nothing(plan, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate.Session, "_simulate", interrupt)
    result = clvsim("run", plan, "--out", tmp_path / "x.nc")
    assert result.exit_code == 130
    assert result.stderr == "clvsim: interrupted; nothing was saved\n"
    assert list(tmp_path.iterdir()) == [plan]


def test_an_interrupt_while_customers_are_written_loses_no_result(plan, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    out, customers = tmp_path / "x.nc", tmp_path / "c.csv"
    whole = clvsim("run", plan, "--worlds", 2, "--json")
    monkeypatch.setattr(simulate, "customer_rows", interrupt)
    options = ("--worlds", 2, "--json", "--out", out, "--customers", customers)
    result = clvsim("run", plan, *options)
    assert result.exit_code == 130
    assert result.stdout == whole.stdout
    assert "nothing was saved" not in result.stderr
    saved = f"interrupted: 2 worlds are whole and saved in {out}; {customers} was not written"
    assert saved in result.stderr
    assert {*tmp_path.iterdir()} == {plan, out}


def test_a_signal_from_outside(plan, tmp_path):
    """Control-C in a process of its own."""
    code = """
    import os, signal, sys
    from clvsim import api
    from clvsim.cli import main, simulate
    api._ROUND = 1
    signal.signal(signal.SIGINT, signal.default_int_handler)
    def impatient(bar, done, total):
        if done > 0.55 * total:
            os.kill(os.getpid(), signal.SIGINT)
    simulate.Bar.__call__ = impatient
    main()
    """
    out = tmp_path / "x.nc"
    done = process("run", plan, "--worlds", 20, "--out", out, "--json", code=code)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "worlds are whole and saved" in done.stderr
    assert 0 < strictly(done.stdout)["provenance"]["worlds"] < 20
    assert sorted(tmp_path.iterdir()) == [plan, out]


# Processes


def test_a_reader_that_leaves_is_no_error():
    pipe, end = os.pipe()
    os.close(pipe)
    command = [sys.executable, "-c", MAIN, "schema"]
    with os.fdopen(end, "w") as nobody:
        done = subprocess.run(  # noqa: S603
            command, stdout=nobody, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert not done.stderr
    assert done.returncode == 1


def test_exit_codes_and_streams_of_a_process(plan):
    wrong = process("run", plan, "--variant", "none")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("clvsim: there is no scenario 'none'")
    fine = process("compare", plan, "--json")
    assert (fine.returncode, fine.stderr) == (0, "")
    assert strictly(fine.stdout)["comparison"]


# verify and schema


@dataclass(frozen=True)
class Figure:
    """As ``clvsim.verification.Verdict``."""

    citation: str = "Fader & Hardie 2007"
    quantity: str = "survivors"
    published: float | None = None
    closed_form: float = 3.5
    simulated: float | None = 3.52
    standard_error: float | None = 0.01
    z: float | None = 2.0
    passed: bool = True
    prediction: Prediction | None = None
    departs: bool = False


def _verified(monkeypatch, *figures):
    def run_cases(progress):
        progress(len(figures), len(figures))
        return list(figures)

    module = types.ModuleType("clvsim.verification")
    module.run_cases = run_cases
    monkeypatch.setitem(sys.modules, "clvsim.verification", module)


def test_verify_passes(monkeypatch):
    _verified(monkeypatch, Figure(), Figure(simulated=None, standard_error=None, z=None))
    result = clvsim("verify")
    assert result.exit_code == 0
    assert "3.520 ± 0.010" in result.stdout
    assert "2 of 2 figures agree" in result.stdout


def test_verify_fails(monkeypatch):
    _verified(monkeypatch, Figure(), Figure(z=float("inf"), passed=False))
    assert clvsim("verify").exit_code == 1
    result = clvsim("verify", "--json")
    assert result.exit_code == 1
    document = strictly(result.stdout)
    assert document["passed"] is False
    assert [one["passed"] for one in document["verdicts"]] == [True, False]
    assert document["verdicts"][1]["z"] is None


def test_verify_tells_what_was_observed_later_and_what_departs(monkeypatch):
    inside = Prediction(1882.0, 1680.0, 130.0, 0.95, 1454.0, 1965.0, 0.149)
    outside = replace(inside, high=1866.0, tail=0.031)
    exact = Figure(simulated=None, standard_error=None, z=None)
    figures = (replace(exact, prediction=inside), replace(exact, prediction=outside, departs=True))
    _verified(monkeypatch, *figures)
    result = clvsim("verify")
    assert result.exit_code == 0
    assert "95 %: 1,454 to 1,866" in result.stdout
    assert "1 of 2 figures agree; 1 departs as known." in result.stdout
    later = strictly(clvsim("verify", "--json").stdout)["verdicts"]
    assert [one["prediction"]["holds"] for one in later] == [True, False]
    assert [one["departs"] for one in later] == [False, True]


def test_schema_has_variants_and_extends_and_all_it_refers_to():
    result = clvsim("schema")
    assert result.exit_code == 0
    schema = strictly(result.stdout)
    for branch in ("then", "else"):
        assert {"variants", "extends", "segments", "programs"} <= set(schema[branch]["properties"])
    assert "required" not in schema["then"]
    assert {"time", "segments"} <= set(schema["else"]["required"])
    words = result.stdout.split('"$ref": "')[1:]
    referred = {word.partition('"')[0].removeprefix("#/$defs/") for word in words}
    assert referred <= set(schema["$defs"])
    # A posterior says some of the traits: where one is, they are not missing.
    bought = schema["$defs"]["BgNbdSegment"]
    said = {"required": ["churn", "purchase_rate", "spend"]}
    assert [sorted(one["required"]) for one in bought["anyOf"]] == [["posterior"], said["required"]]
    assert "required" not in schema["$defs"]["BgNbdSegment_change"]
    where = bought["properties"]["posterior"]["anyOf"]
    assert [one.get("type") for one in where] == ["string", None, "array"]
    assert set(schema["$defs"]["Posterior"]["required"]) == {"file", "unit"}


# --customers


def test_customers_are_rows_of_all_worlds(plan, tmp_path):
    path = tmp_path / "c.csv"
    result = clvsim("compare", plan, "--customers", path, "--json", "--worlds", 3)
    assert result.exit_code == 0
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{path}: {len(rows):,} customers" in result.stderr
    measures = strictly(result.stdout)["measures"]
    for name, found in measures.items():
        own = [row for row in rows if row["scenario"] == name]
        assert {row["world"] for row in own} == {"0", "1", "2"}
        new = [row for row in own if int(row["joined"]) >= 0]
        assert len(new) == pytest.approx(3 * found["customers_acquired"]["mean"])
    assert sorted(tmp_path.iterdir()) == [path, plan]
