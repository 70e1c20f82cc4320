"""``clvsim explain``, ``new`` and ``validate``, and errors as JSON, as a user meets them."""

import json
import textwrap

import pytest
from typer.testing import CliRunner

from clvsim.cli.app import app
from clvsim.cli.explain import Kind
from clvsim.explain.remarks import remarks
from clvsim.scenario.load import load
from tests.test_cli import PLAN, clvsim, process, strictly

BAD = "[time]\nperiods = 12\n[segments.a]\nchrn = 0.1\nspend = -1.0\n"
KEYS = ["file", "line", "path", "message", "allowed", "hint"]


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.toml"
    text = PLAN.replace("cost_per_prospect = 10", "cost_per_prospect = 2")
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(BAD, encoding="utf-8")
    return path


# explain


def test_explain_says_the_plan_in_plain_words(plan):
    result = clvsim("explain", plan)
    assert result.exit_code == 0
    assert result.stdout.startswith("Plan\n  Is half the price worth it?\n\nTime and money\n")
    assert "Customers: home, under contract" in result.stdout
    assert "Channel: search" in result.stdout
    assert "  half: offer = half." in result.stdout
    assert result.stderr == ""


def test_explain_of_a_variant(plan):
    result = clvsim("explain", plan, "--variant", "half")
    assert result.stdout.startswith("Plan: half\n")
    assert "half (made by search)" in result.stdout
    assert "Variants" not in result.stdout
    result = clvsim("explain", plan, "--variant", "hlf")
    assert result.exit_code == 2
    assert "did you mean 'half'?" in result.stderr


def test_explain_of_a_key():
    result = clvsim("explain", "offers.discount")
    assert result.exit_code == 0
    assert result.stdout.startswith("offers.NAME.discount\n  Share of the price let off")
    result = clvsim("explain", "offers.disount")
    assert result.exit_code == 2
    assert "did you mean 'offers.discount'?" in result.stderr


def test_a_file_that_is_not_there_is_no_key(tmp_path):
    for name in (tmp_path / "plan.toml", tmp_path / "plan"):
        result = clvsim("explain", name)
        assert result.exit_code == 2
        assert "does not exist" in result.stderr


def test_explain_as_json(plan):
    document = strictly(clvsim("explain", plan, "--json").stdout)
    assert document["variants"] == ["half", "club"]
    assert document["parts"][0]["title"] == "Time and money"
    assert document["remarks"] == []
    document = strictly(clvsim("explain", "money.timing", "--json").stdout)
    assert document["keys"][0]["default"] == '"mid"'
    assert document["keys"][0]["required"] is False


def test_unlikely_numbers_are_shown_last(plan):
    plan.write_text(plan.read_text().replace("[time]", "[money]\ndiscount_rate = 10\n[time]", 1))
    for command in ("explain", "validate"):
        result = clvsim(command, plan)
        assert result.exit_code == 0
        last = " ".join(result.stdout.rpartition("Is this meant?")[2].split())
        assert f"{plan}:6: money.discount_rate: 10 is 1,000 % a year: 10 % is written 0.10" in last


@pytest.mark.parametrize("columns", ["80", "0", "-5", "wide", "7"])
def test_the_page_fits_whatever_the_terminal_says(columns, plan, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    lines = clvsim("explain", plan).stdout.splitlines()
    assert 60 < max(map(len, lines)) <= 96
    if columns == "80":
        assert max(map(len, lines)) <= 80


def test_explain_needs_no_kernels(plan):
    code = """
    import sys
    from clvsim.cli import main
    sys.argv = ["clvsim", "explain", sys.argv[1]]
    try:
        main()
    except SystemExit as end:
        assert not end.code
    print([name for name in ("numba", "xarray", "matplotlib") if name in sys.modules])
    """
    assert process(plan, code=code).stdout.splitlines()[-1] == "[]"


# validate


def test_validate_explains_a_single_file_and_not_several(plan, tmp_path):
    assert "Channel: search" in clvsim("validate", plan).stdout
    other = tmp_path / "other.toml"
    other.write_text(plan.read_text())
    result = clvsim("validate", plan, other)
    assert [line.partition(": fine;")[0] for line in result.stdout.splitlines()] == [
        str(plan), str(other),
    ]  # fmt: skip


def test_validate_as_json(plan):
    document = strictly(clvsim("validate", plan, "--json").stdout)
    assert [one["file"] for one in document["files"]] == [str(plan)]
    assert document["files"][0]["periods"] == 8


# new


@pytest.mark.parametrize("kind", Kind)
def test_start_files_are_right_commented_and_run(kind, tmp_path):
    file = tmp_path / f"{kind}.toml"
    result = clvsim("new", kind, "--out", file)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{file}: written; clvsim explain {file}")
    plan = load(file)
    assert len(plan.scenarios) > 2
    assert all(remarks(one) == [] for one in plan.scenarios.values())
    result = clvsim("compare", file, "--worlds", 2, "--json")
    assert result.exit_code == 0
    assert len(strictly(result.stdout)["measures"]) == len(plan.scenarios)


@pytest.mark.parametrize("kind", Kind)
def test_every_number_of_a_start_file_is_explained(kind):
    text = clvsim("new", kind).stdout
    sections = text.split("[variants.")[0].splitlines()
    bare = [line for line in sections if "=" in line and "#" not in line]
    # What stands by itself: names, kinds, tables that go over several lines, and switches.
    words = ("name", "question", "kind", "segment", "enabled", "transitions", "states", "customers",
             "relationship", "target", "transitions_uncontacted")  # fmt: skip
    assert [line for line in bare if line.partition(" ")[0] not in words] == []
    assert max(map(len, text.splitlines())) <= 110


def test_new_replaces_nothing(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text("mine", encoding="utf-8")
    result = clvsim("new", "shop", "--out", file)
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert file.read_text() == "mine"
    link = tmp_path / "link.toml"
    link.symlink_to(tmp_path / "nowhere.toml")
    assert clvsim("new", "shop", "--out", link).exit_code == 2
    assert clvsim("new", "shop", "--out", tmp_path / "none" / "x.toml").exit_code == 2


def test_new_knows_its_kinds():
    result = clvsim("new", "bakery")
    assert result.exit_code == 2
    assert "subscription" in result.stderr
    assert "donors" in result.stderr


# Errors as JSON


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "BAD"),
        ("compare", "BAD"),
        ("validate", "BAD"),
        ("explain", "BAD"),
        ("score", "x.csv", "--fit", "BAD"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_faults_are_json_on_stdout_and_words_on_stderr(arguments, bad):
    arguments = [str(bad) if one == "BAD" else one for one in arguments]
    result = clvsim(*arguments, "--json")
    assert result.exit_code == 2
    document = strictly(result.stdout)
    assert list(document) == ["errors"]
    assert all(list(one) == KEYS for one in document["errors"])
    found = {one["path"]: one for one in document["errors"]}
    assert found["segments.a.chrn"]["hint"] == "churn"
    assert found["segments.a.chrn"]["line"] == 4
    assert found["segments.a.spend"]["file"] == str(bad)
    assert found["segments.a.spend"]["hint"] is None
    assert f"{bad}:4: segments.a.chrn: unknown key" in result.stderr
    assert clvsim(*arguments).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "none.toml"), "does not exist"),
        (("explain", "offers.disount"), "did you mean"),
        (("run", "none.toml", "--wrlds", "3"), "--wrlds"),
        (("run", "none.toml", "--worlds", "x"), "not a whole number"),
        (("compare",), "FILE"),
        (("fit", "transactions", "none.csv"), "--customer"),
        (("fit", "retention", "none.csv"), "none.csv"),
        (("run", "none.toml", "--resume"), "--resume needs --out"),
        (("verify", "x"), "x"),
    ],
)
def test_every_error_is_json_where_that_is_asked_for(arguments, words):
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 2
    (error,) = json.loads(result.stdout)["errors"]
    assert words in error["message"]
    assert list(error) == KEYS
    assert result.stderr


def test_an_error_after_the_answer_leaves_the_answer_alone(plan, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clvsim.cli.simulate.write_customers", fail)
    result = clvsim("run", plan, "--worlds", 2, "--json", "--customers", tmp_path / "c.csv")
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert "errors" not in strictly(result.stdout)


def test_an_unexpected_error_is_json_too(plan, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("clvsim.cli.simulate.simulate", fail)
    result = clvsim("run", plan, "--json")
    assert result.exit_code == 1
    assert "unexpected error" in strictly(result.stdout)["errors"][0]["message"]


# Dates of records


@pytest.mark.parametrize(
    ("wrote", "here"),
    [
        ("dd/mm/yyyy", "%d/%m/%Y"),
        ("MM/DD/YYYY", "%m/%d/%Y"),
        ("TT.MM.JJJJ", "%d.%m.%Y"),
        ("d-mmm-yy", "%d-%b-%y"),
        ("yyyy-mm-dd hh:mm:ss", "%Y-%m-%d %H:%M:%S"),
        ("???", "write it like %d/%m/%Y"),
    ],
)
def test_a_spreadsheet_s_form_of_dates(wrote, here, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(textwrap.dedent("id,date,paid\na,31/12/2025,3\n"))
    options = ("--customer", "id", "--date", "date", "--amount", "paid", "--date-format", wrote)
    result = clvsim("fit", "transactions", log, *options)
    assert result.exit_code == 2
    assert here in " ".join(result.stderr.split())
