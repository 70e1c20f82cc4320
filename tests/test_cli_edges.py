"""The command line at its edges: nothing lost, nothing odd, nothing that a terminal would obey."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from clvsim.cli import simulate
from clvsim.cli.app import app
from clvsim.errors import ClvsimError
from clvsim.results import load_whole_result
from tests.test_cli import MAIN, PLAN, clvsim

BASE = """
    [time]
    step = "month"
    periods = 4
    [segments.a]
    posterior = "fit.nc"
    spend = 10
    [cohorts.c]
    segment = "a"
    customers = 10
"""
CONTROL = "\x1b]0;title\x07\x9b31m\u202e"


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(textwrap.dedent(PLAN))
    return path


# Outputs


@pytest.fixture
def extending(tmp_path):
    """A scenario that extends another, whose segment is a posterior."""
    rng = np.random.default_rng(1)
    data = {name: (("chain", "draw"), rng.gamma(50.0, 0.02, (2, 60))) for name in ("alpha", "beta")}
    xr.Dataset(data).to_netcdf(tmp_path / "fit.nc", group="posterior", engine="h5netcdf")
    (tmp_path / "base.toml").write_text(textwrap.dedent(BASE))
    path = tmp_path / "top.toml"
    path.write_text('extends = "base.toml"\n[variants.v.segments.a]\nspend = 11\n')
    return path


@pytest.mark.parametrize("name", ["fit.nc", "link.nc"])
def test_no_output_replaces_what_is_read_indirectly(extending, tmp_path, name):
    (tmp_path / "link.nc").symlink_to("fit.nc")
    before = (tmp_path / "fit.nc").read_bytes()
    result = clvsim("compare", extending, "--out", tmp_path / name)
    assert result.exit_code == 2
    assert "it is what is read" in result.stderr
    assert (tmp_path / "fit.nc").read_bytes() == before


def test_scores_replace_nothing_that_their_scenario_reads(extending, tmp_path):
    os.link(tmp_path / "base.toml", tmp_path / "scores.csv")
    (tmp_path / "customers.csv").write_text("customer,tenure\n1,2\n")
    result = clvsim(
        "score", tmp_path / "customers.csv", "--fit", extending, "--out", tmp_path / "scores.csv"
    )
    assert result.exit_code == 2
    assert "it is what is read" in result.stderr


def test_the_report_is_shown_although_the_result_cannot_be_written(plan, tmp_path, monkeypatch):
    def fail(*_):
        message = "cannot write x.nc: No space left on device"
        raise ClvsimError(message)

    whole = clvsim("run", plan)
    monkeypatch.setattr(simulate, "save", fail)
    result = clvsim("run", plan, "--out", tmp_path / "x.nc")
    assert result.exit_code == 1
    assert result.stdout == whole.stdout
    assert result.stderr == "clvsim: cannot write x.nc: No space left on device\n"


def test_a_full_disk_is_one_line(plan):
    """HDF5 crashed the process when it could not close its file."""
    if not os.path.exists("/dev/full"):  # noqa: PTH110 - a device
        pytest.skip("there is no full device here")
    code = f"""
    from clvsim import files
    from pathlib import Path
    files._temporary = lambda _: (None, Path("/dev/full"))
    files.Path.unlink = lambda *_, **__: None
    {MAIN}
    """
    command = [sys.executable, "-c", textwrap.dedent(code), "run", plan, "--out", "x.nc"]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=120, check=False, cwd=plan.parent
    )
    assert done.returncode == 1
    assert done.stderr == "clvsim: cannot write x.nc: No space left on device\n"
    assert "The business" in done.stdout


# Interrupts


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_after_the_simulation_waits_for_the_result(
    plan, tmp_path, monkeypatch, number, code
):
    measured = simulate.Session.measured

    def slowly(session, baseline=None):
        os.kill(os.getpid(), number)
        return measured(session, baseline)

    monkeypatch.setattr(simulate.Session, "measured", slowly)
    out, customers = tmp_path / "x.nc", tmp_path / "c.csv"
    result = clvsim("run", plan, "--out", out, "--json", "--customers", customers)
    assert result.exit_code == code
    assert load_whole_result(out).sizes["world"] == 6
    assert json.loads(result.stdout)["provenance"]["worlds"] == 6
    assert f"interrupted: 6 worlds are whole and saved in {out}; {customers}" in result.stderr
    assert "--resume" not in result.stderr


def test_what_was_written_before_an_interrupt_is_said(plan, tmp_path, monkeypatch):
    def impatient(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(simulate, "_show", impatient)
    out = tmp_path / "x.nc"
    result = clvsim("run", plan, "--out", out)
    assert result.exit_code == 143
    assert f"saved in {out}" in result.stderr
    assert load_whole_result(out).sizes["world"] == 6


# What a terminal would obey


def test_control_characters_are_shown_and_not_obeyed(tmp_path, plan):
    escaped = json.dumps(CONTROL)
    odd = tmp_path / "odd.toml"
    odd.write_text(
        textwrap.dedent(PLAN).replace('question = "Is half', f'question = {escaped} # "', 1)
    )
    for command in ("run", "compare"):
        result = clvsim(command, odd)
        assert result.exit_code == 0
        assert r"\u001b]0;title\u009b31m\u202e" in result.stdout.replace(r"\u0007", "")
        assert not set(CONTROL) - set("]0;title31m") & set(result.stdout + result.stderr)
    document = json.loads(clvsim("run", odd, "--json").stdout)
    assert document["provenance"]["scenarios"]["baseline"]["question"] == CONTROL
    odd.write_text(f"{escaped} = 1\nextends = {escaped}\n")
    table = tmp_path / "odd.csv"
    table.write_text(f"period,{CONTROL}\n0,5\n1,4\n")
    for arguments in (
        ("validate", odd), ("validate", tmp_path / f"{CONTROL}.toml"), ("fit", "retention", table),
        ("run", plan, "--variant", CONTROL),
    ):  # fmt: skip
        result = clvsim(*arguments)
        assert result.exit_code == 2
        assert r"1b]0;title" in result.stderr
        assert not set("\x1b\x07\x9b\u202e") & set(result.stderr)


@pytest.mark.parametrize("width", ["0", "1"])
def test_a_width_that_cannot_be_meant_is_80(plan, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", "80")
    usual = clvsim("run", plan).stdout
    monkeypatch.setenv("COLUMNS", width)
    assert clvsim("run", plan).stdout == usual


# Files that are not what they seem


def test_a_pipe_is_refused_and_does_not_hang(tmp_path):
    path = tmp_path / "records.csv"
    os.mkfifo(path)
    for arguments in (
        ("fit", "retention", path), ("run", path), ("score", path, "--fit", path),
    ):  # fmt: skip
        result = clvsim(*arguments)
        assert result.exit_code == 2
        assert "pipe" in result.stderr or "not a regular file" in result.stderr


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_a_damaged_parquet_file_is_named(tmp_path, cut):
    pytest.importorskip("pyarrow")
    import pandas as pd

    path = tmp_path / "log.parquet"
    days = pd.date_range("2020-01-01", periods=400)
    frame = pd.DataFrame({"id": np.arange(400) % 50, "date": days, "paid": np.arange(400.0)})
    frame.to_parquet(path)
    content = bytearray(path.read_bytes())
    at = int(cut * len(content))
    content[at : at + 40] = bytes(40)
    path.write_bytes(content)
    options = ("--customer", "id", "--date", "date", "--amount", "paid")
    result = clvsim("fit", "transactions", path, *options)
    assert result.exit_code in {0, 2}
    assert "unexpected" not in result.stderr
    assert str(path) in result.stderr or result.exit_code == 0


def test_a_cell_beyond_all_measure_is_refused_before_it_is_loaded(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "log.parquet"
    table = pa.table({"period": ["x" * 30_000_000, "1"], "survivors": [5, 4]})
    parquet.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 100_000
    result = clvsim("fit", "retention", path)
    assert result.exit_code == 2
    assert "'period' declares 0.03 GB in 2 rows" in result.stderr


def test_of_many_faults_the_first_are_told_and_all_are_counted(tmp_path):
    path = tmp_path / "many.toml"
    path.write_text("[time]\nperiods = 4\n" + "".join(f"x{i} = 1\n" for i in range(100)))
    result = CliRunner().invoke(app, ["validate", str(path)])
    assert result.exit_code == 2
    *_, more, count = result.stderr.splitlines()
    assert count == "102 faults"
    assert more == "… and 52 faults more"


def test_types_are_shipped():
    """Without the mark, type checkers take clvsim for untyped."""
    from importlib.resources import files

    assert (files("clvsim") / "py.typed").is_file()


def test_the_schema_knows_what_a_variant_unsets():
    definitions = json.loads(clvsim("schema").stdout)["$defs"]
    assert "unset" in definitions["Channel_change"]["properties"]
    assert "unset" in definitions["Scenario_change"]["properties"]["programs"]["properties"]
    assert "unset" not in definitions["Channel"]["properties"]
