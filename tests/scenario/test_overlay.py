"""Variants replace tables of another kind, and take keys away."""

import textwrap

import pytest

from clvsim.errors import ScenarioError
from clvsim.scenario.load import load
from clvsim.scenario.overlay import overlay

PLAN = """
[time]
periods = 4
[segments.a]
churn = 0.1
spend = 10
[segments.shop]
relationship = "bg/nbd"
churn = 0.1
spend = 10
purchase_rate = 0.4
[offers.gift]
gift = 3
[channels.web]
spend = 100
reach = { kind = "hill", ceiling = 100, half = 10 }
conversion = 0.1
segments = { a = 1.0 }
offer = "gift"
[programs.p]
kind = "retention"
hazard = 0.5
contact_cost = 1
share = 0.3
"""


def variant(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN + textwrap.dedent(text))
    return load(path).scenarios["v"]


def faults(tmp_path, text):
    with pytest.raises(ScenarioError) as error:
        variant(tmp_path, text)
    return error.value.faults


def test_a_table_of_another_kind_replaces(tmp_path):
    found = variant(
        tmp_path,
        """
        [variants.v.channels.web]
        reach = { kind = "linear", cost_per_prospect = 2 }
        [variants.v.programs.p]
        kind = "loyalty"
        hazard = 0.4
        [variants.v.segments.shop]
        relationship = "contract"
        churn = 0.2
        spend = 3
        """,
    )
    assert found.channels["web"].reach.kind == "linear"
    assert found.channels["web"].offer == "gift"
    assert found.programs["p"].kind == "loyalty"
    assert found.segments["shop"].relationship == "contract"


def test_a_table_of_the_same_kind_is_laid_over(tmp_path):
    found = variant(
        tmp_path,
        """
        [variants.v.channels.web]
        reach = { kind = "hill", half = 20 }
        [variants.v.segments.a]
        relationship = "contract"
        churn = 0.2
        [variants.v.programs.p]
        kind = "retention"
        share = 0.4
        """,
    )
    assert (found.channels["web"].reach.ceiling, found.channels["web"].reach.half) == (100, 20)
    assert (found.segments["a"].churn, found.segments["a"].spend) == (0.2, 10)
    assert (found.programs["p"].share, found.programs["p"].hazard) == (0.4, 0.5)


def test_a_posterior_says_the_relationship_unasked():
    base = {"segments": {"a": {"posterior": "fit.nc", "spend": 3.0}}}
    change = {"segments": {"a": {"relationship": "bg/nbd", "spend": 4.0}}}
    assert overlay(base, change)["segments"]["a"]["posterior"] == "fit.nc"
    plain = {"segments": {"a": {"churn": 0.1, "spend": 3.0}}}
    assert "churn" not in overlay(plain, change)["segments"]["a"]


def test_keys_are_unset(tmp_path):
    found = variant(
        tmp_path,
        """
        [variants.v.channels.web]
        unset = ["offer"]
        [variants.v.programs]
        unset = ["p"]
        """,
    )
    assert found.channels["web"].offer is None
    assert found.programs == {}


def test_what_is_unset_can_be_written_anew(tmp_path):
    found = variant(
        tmp_path,
        """
        [variants.v.channels.web]
        unset = ["segments"]
        segments = { shop = 1.0 }
        """,
    )
    assert found.channels["web"].segments == {"shop": 1.0}


def test_a_file_that_extends_another_unsets_too(tmp_path):
    (tmp_path / "base.toml").write_text(PLAN)
    path = tmp_path / "top.toml"
    path.write_text('extends = "base.toml"\nunset = ["programs"]\n')
    assert load(path).baseline.programs == {}


def test_what_is_not_there_cannot_be_unset(tmp_path):
    (fault,) = faults(tmp_path, '[variants.v.channels.web]\nunset = ["ofer"]\nspend = 1')
    assert fault.path == "variants.v.channels.web.unset"
    assert fault.message == "there is no 'ofer' to unset"
    assert fault.hint == "offer"
    assert fault.line == PLAN.count("\n") + 2
    (tmp_path / "alone.toml").write_text('unset = ["programs"]\n' + PLAN)
    with pytest.raises(ScenarioError, match="there is no 'programs' to unset"):
        load(tmp_path / "alone.toml")


def test_what_all_scenarios_share_cannot_be_unset(tmp_path):
    text = '[simulation]\nworlds = 3\n[variants.v]\nunset = ["simulation"]'
    (fault,) = faults(tmp_path, text)
    assert "a variant cannot change simulation.worlds" in fault.message
    (fault,) = faults(tmp_path, '[variants.v]\nunset = ["time"]\noffer = "gift"')
    assert fault.path.endswith("time")


@pytest.mark.parametrize("number", [10**400, -(10**400), 2**64])
def test_whole_numbers_beyond_all_use_are_refused(tmp_path, number):
    (fault,) = faults(tmp_path, f"[variants.v.segments.a]\nspend = [1, {number}]")
    assert fault.path == "variants.v.segments.a.spend[1]"
    assert fault.line == PLAN.count("\n") + 2
    assert "2^64" in fault.allowed


def test_a_thousand_unknown_names_are_told_quickly(tmp_path, monkeypatch):
    """Every word was compared with every other: 20 s."""
    compared = []
    near = "clvsim.errors.difflib.get_close_matches"
    from difflib import get_close_matches

    def counting(word, words, n):
        compared.append(len(words))
        return get_close_matches(word, words, n=n)

    monkeypatch.setattr(near, counting)
    size = 400
    text = "[time]\nperiods = 4\n"
    text += "".join(f"[segments.number{i:05d}]\nchurn = 0.1\nspend = 1\n" for i in range(size))
    text += "".join(
        f'[cohorts.c{i:05d}]\nsegment = "numbr{i:05d}x"\ncustomers = 1\n' for i in range(size)
    )
    path = tmp_path / "names.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as error:
        load(path)
    assert len(error.value.faults) == size
    assert sum(compared) < 40 * size
    assert error.value.faults[7].hint == "number00007"
