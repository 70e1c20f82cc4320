"""Settings that cannot change anything are noted; those that can are not."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given

import clvsim
from clvsim.scenario.idle import Note
from tests import strategies
from tests.strategies import to_toml
from tests.test_properties import quick, simulated

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))
PLAN = """\
[time]
periods = 12
[segments.a]
churn = 0.05
spend = 10.0
price_sensitivity = 2.0
price_rise_sensitivity = 1.0
[channels.web]
spend = [{ from = 2, spend = 1000.0 }, { from = 5, spend = 0.0 }]
reach = { kind = "linear", cost_per_prospect = 10.0 }
conversion = 0.2
segments = { a = 1.0 }
[installed_base.old]
segment = "a"
customers = 10
tenure = 6
"""
#: As somebody might write it: what he wants to compare cannot make a difference.
LEVERS = """\
[time]
periods = 12
[segments.a]
churn = 0.05
spend = 10.0
[segments.unused]
churn = 0.05
spend = 10.0
[offers.half]
discount = 0.5
discount_periods = 6
[offers.never_used]
discount_periods = 2
discount = 0.5
[offers.nothing]
[channels.web]
spend = 1000.0
reach = { kind = "linear", cost_per_prospect = 1.0 }
conversion = 0.2
segments = { a = 1.0 }
[cohorts.c]
segment = "a"
customers = 10
[programs.p1]
kind = "retention"
segments = ["unused"]
hazard = 0.5
contact_cost = 1.0
[programs.p2]
kind = "loyalty"
at_tenure = 50
hazard = 0.5
[variants.half]
offer = "half"
[variants.loyal.programs.p2]
hazard = 0.4
"""


INSENSITIVE = (
    "the segment of channel 'web' has no price_sensitivity: what the offer lets off costs money "
    "and brings in nobody"
)
TOO_LATE = (
    "it begins at a tenure of 50 periods, and nobody stays for more than 11 of them while it runs"
)


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """Notes on a plan, with a text replaced and something at its end."""
    monkeypatch.chdir(tmp_path)

    def of(end="", old="", new="", plan=PLAN):
        assert old in plan
        Path("a.toml").write_text(plan.replace(old, new, 1) + dedent(end), "utf-8")
        return clvsim.notes(clvsim.load("a.toml"))

    return of


def brief(found):
    return [(note.line, note.path, note.message) for note in found]


def test_every_lever_without_effect_is_noted(noted):
    assert brief(noted(plan=LEVERS)) == [
        (6, "segments.unused", "no channel, cohort or installed base brings anybody into it"),
        (9, "offers.half", INSENSITIVE),
        (12, "offers.never_used", "no channel or cohort makes it"),
        (15, "offers.nothing", "no channel or cohort makes it"),
        (24, "programs.p1", "it is for 'unused', and nobody comes"),
        (29, "programs.p2", TOO_LATE),
    ]


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_shipped_scenarios_have_no_idle_settings(path):
    assert clvsim.notes(clvsim.load(path)) == ()


def test_the_plan_itself_has_none(noted):
    assert noted() == ()


# What is idle, what it takes to be noted, and the least change by which it works.

OFFER = 'offer = "half"\n'
CALLS = "retention at a cost"
EFFECT, WEB, OLD = "hazard = 0.5", "sources = ['web']", "sources = ['old']"


def offered(table, *, top=OFFER, sensitivity=2.0):
    """A plan that makes an offer."""
    plan = PLAN.replace("price_sensitivity = 2.0", f"price_sensitivity = {sensitivity}", 1)
    return f"{top}{plan}[offers.half]\n{dedent(table)}"


@pytest.mark.parametrize(
    "table",
    [
        "discount = [0.5, 0.2]",
        "discount = 0.1\ndiscount_periods = 1",
        "free_periods = 1",
        "gift = 5.0",
        "equipment_subsidy = 5.0",
        "free_periods = 2\nterm = 6",
    ],
)
def test_what_is_let_off_where_nobody_is_price_sensitive(noted, table):
    (note,) = noted(plan=offered(table, sensitivity=0.0))
    assert note.path == "offers.half"
    assert "channel 'web'" in note.message
    assert noted(plan=offered(table)) == ()


def test_one_sensitive_segment_of_a_channel_is_enough(noted):
    two = (
        "[segments.b]\nchurn = 0.1\nspend = 1.0\nprice_sensitivity = {}\n[offers.half]\ngift = 1.0"
    )
    shares = ("{ a = 1.0 }", "{ a = 0.5, b = 0.5 }")
    plan = offered("", sensitivity=0.0).replace("[offers.half]\n", "").replace(*shares)
    (note,) = noted(two.format(0.0), plan=plan)
    assert note.message.startswith("no segment of channel 'web' has a price_sensitivity")
    assert noted(two.format(0.1), plan=plan) == ()


@pytest.mark.parametrize(
    ("table", "key", "word"),
    [
        ("term = 3\ndiscount_periods = 4", "discount_periods", "there is no discount"),
        ("discount = [0.5]\ndiscount_periods = 4", "discount_periods", "a list by tenure"),
        (
            "free_periods = 3\ndiscount = 0.5\ndiscount_periods = 3",
            "discount",
            "the periods that it lasts for are free",
        ),
        ("term = 3\ndiscount = [0.0, 0.0]", "discount", "nothing is let off"),
        ("term = 3\ngift_value = 5.0", "gift_value", "costs nothing"),
        ("term = 3\ntermination_fee = 5.0", "termination_fee", "is held until the term ends"),
        ("term = 3\non_leaving = 'fee'", "on_leaving", "holds nobody"),
        ("gift = 3.0\non_leaving = 'fee'", "on_leaving", "no term"),
    ],
)
def test_keys_of_an_offer_that_need_another(noted, table, key, word):
    (note,) = noted(plan=offered(table))
    assert note.path == f"offers.half.{key}"
    assert note.line is not None
    assert word in note.message


def test_an_offer_without_content_is_idle_unless_it_stands_for_another(noted):
    (note,) = noted(plan=offered(""))
    assert (note.path, note.message) == (
        "offers.half",
        "it says nothing: the same as the list price",
    )
    assert (
        noted("[offers.gift]\ngift = 2.0\n[variants.gift]\noffer = 'gift'", plan=offered("")) == ()
    )
    two = "[offers.gift]\ngift = 2.0\n[cohorts.c]\nsegment = 'a'\ncustomers = 9\noffer = 'half'"
    assert noted(two, plan=offered("").replace(OFFER, 'offer = "gift"\n')) == ()


def test_a_cohort_has_the_customers_that_it_has(noted):
    cohort = "[offers.half]\nfree_periods = 1\n[cohorts.c]\nsegment='a'\ncustomers=9\noffer='half'"
    (note,) = noted(cohort)
    assert note.message.startswith("the cohort 'c' has the customers that it has")
    assert noted(cohort, "[channels.web]\n", "[channels.web]\noffer = 'half'\n") == ()


@pytest.mark.parametrize(
    ("kind", "keys", "word", "works"),
    [
        (CALLS, "hazard = 0.5; first_tenure = 18", "for more than 17", "first_tenure = 17"),
        (CALLS, f"{EFFECT}; {WEB}; last = 3; first_tenure = 2", "more than 1 of", "last = 4"),
        (CALLS, f"{EFFECT}; {WEB}; first = 8; last_tenure = 3", "so new", "first = 7"),
        (CALLS, f"{EFFECT}; share = 0.0", "its share is 0", "share = 0.1"),
        (CALLS, f"{EFFECT}; acceptance = 0.0", "its acceptance is 0", "acceptance = 0.1"),
        (CALLS, "hazard = 1.0", "it costs, and changes nothing", "spend = 1.1"),
        (CALLS, f"{EFFECT}; personal_lift = true", "has a lift", "personal_lift = false"),
        (CALLS, f"{EFFECT}; every = 13", "there is one contact", "every = 12"),
        (CALLS, f"{EFFECT}; target = 'lift'; share = 0.5", "at random", "target = 'risk'"),
        (CALLS, f"{EFFECT}; enabled = false", "no scenario of the file", "enabled = true"),
        ("retention", "duration = 2", "it changes nothing", "discount = 0.1"),
        ("onboarding", "tenures = 3; cost_per_customer = 1.0", "it costs, and", EFFECT),
        ("onboarding", f"{EFFECT}; {OLD}; tenures = 6", "so new", "tenures = 7"),
        ("loyalty", f"{EFFECT}; member_share = 0.0", "nobody enrols", "member_share = 0.1"),
        ("loyalty", "cost_per_member = 1.0", "it costs", "benefit = 0.1"),
        ("add_on", "price = 1.0; adoption = 0.0", "nobody takes it", "adoption = 0.1"),
        ("add_on", "adoption = 0.1; cost = 1.0", "it costs", "price = 2.0"),
        ("price_change", "change = 0.0", "it changes nothing", "change = 0.1"),
        ("nurture", "conversion_odds = 1.0", "it changes nothing", "conversion_odds = 1.1"),
        ("brand_campaign", f"conversion_odds = 2.0; {OLD}", "no prospects to win", WEB),
        ("brand_campaign", "conversion_odds = 2.0; last = 1", "while it runs", "last = 2"),
        ("drift", "persistence = 0.5", "neither hazard nor spend", EFFECT),
        ("event", "first = 3", "neither hazard nor spend", "conversion = 0.5"),
        ("event", "first = 3; spend = 0.5; probability = 0.0", "never", "probability = 0.1"),
    ],
)
def test_what_changes_nothing_is_noted_and_what_works_is_not(noted, kind, keys, word, works):
    section = "shocks" if kind in {"drift", "event"} else "programs"
    head, lines = f"[{section}.p]\nkind = '{kind.split()[0]}'\n", keys.split("; ")
    if kind == CALLS:
        lines.append("contact_cost = 1.0")
    found = noted(head + "\n".join(lines))
    assert found
    assert all(note.path.startswith(f"{section}.p") for note in found)
    assert any(word in note.message for note in found), found
    key = works.split(" =")[0]
    kept = [line for line in lines if not line.startswith(f"{key} =")]
    assert noted(head + "\n".join([*kept, works])) == ()


@pytest.mark.parametrize("change", ["change = 0.1", "change = -0.1"])
def test_a_price_change_that_nobody_feels(noted, change):
    end = f"[programs.p]\nkind = 'price_change'\n{change}\n"
    still = ("price_sensitivity = 2.0\nprice_rise_sensitivity = 1.0\n", "")
    (note,) = noted(end, *still)
    assert note.path == "programs.p"
    assert noted(end) == ()


@pytest.mark.parametrize(
    ("pair", "trait", "works"),
    [
        (["churn", "spend"], "churn", {"churn": "{ distribution = 'beta', a = 1.0, b = 9.0 }",
                                       "spend": "{ distribution = 'gamma', a = 2.0 }"}),
        (["keenness", "spend"], "spend", {"spend": "{ distribution = 'gamma', a = 2.0 }"}),
    ],
)  # fmt: skip
def test_a_correlation_of_what_is_the_same_for_all(noted, pair, trait, works):
    line = f"correlations = [{{ between = {pair}, value = 0.5 }}]\n"
    (note,) = noted("", "price_sens", f"{line}price_sens")
    assert note.path == "segments.a.correlations[0]"
    assert note.message == f"{trait} is the same for all customers of the segment"
    plan = PLAN
    for key, value in works.items():
        old = {"churn": "churn = 0.05", "spend": "spend = 10.0"}[key]
        plan = plan.replace(old, f"{key} = {value}", 1)
    assert noted("", "price_sens", f"{line}price_sens", plan=plan) == ()


def test_keenness_is_nothing_to_those_who_are_there_already(noted):
    pair = "correlations = [{ between = ['churn', 'keenness'], value = 0.5 }]"
    varied = ("churn = 0.05", f"churn = {{ distribution = 'beta', a = 1.0, b = 9.0 }}\n{pair}")
    assert noted("", *varied) == ()
    begin, end = PLAN.index("[channels"), PLAN.index("[installed")
    (note,) = noted("", *varied, plan=PLAN[:begin] + PLAN[end:])
    assert "keenness decides about prospects alone" in note.message


TELEVISION = """\
[channels.tv]
reach = { kind = "linear", cost_per_prospect = 1.0 }
segments = { a = 1.0 }
"""


@pytest.mark.parametrize(
    ("end", "path"),
    [
        (f"{TELEVISION}conversion = 0.1\nspend = 0.0", "channels.tv.spend"),
        (f"{TELEVISION}conversion = 0.0\nspend = 1.0", "channels.tv.conversion"),
        ("[cohorts.c]\nsegment = 'a'\ncustomers = 0", "cohorts.c.customers"),
    ],
)
def test_sources_that_nobody_comes_from(noted, end, path):
    (note,) = noted(end)
    assert note.path == path


def test_what_works_in_one_variant_is_not_idle(noted):
    end = """\
        [offers.half]
        free_periods = 1
        [programs.p]
        kind = "onboarding"
        tenures = 2
        hazard = 0.5
        enabled = false
        [variants.half]
        offer = "half"
        [variants.calls.programs.p]
        enabled = true
        """
    assert noted(end) == ()


def test_a_variant_that_says_the_same_as_the_baseline(noted):
    same = "[variants.again]\nname = 'once more'\n[variants.again.segments.a]\nspend = 10.0\n"
    (note,) = noted(same)
    assert (note.line, note.path) == (17, "variants.again")
    assert noted(same.replace("10.0", "10.5")) == ()


def test_a_note_of_a_variant_stands_where_the_variant_says_it(noted):
    end = "[variants.calls.programs.p]\nkind = 'retention'\nfirst_tenure = 99\nhazard = 0.5\n"
    (note,) = noted(end)
    assert (note.line, note.path) == (17, "variants.calls.programs.p")
    assert str(note).startswith("a.toml:17: variants.calls.programs.p: note: it begins at")


def test_uncertain_numbers_are_not_what_they_are_on_average(noted):
    calls = "[programs.p]\nkind = 'retention'\ncontact_cost = 1.0\nhazard = {}\n"
    assert noted(calls.format(1.0)) != ()
    assert noted(calls.format("{ uncertain = 'uniform', loc = 0.5, scale = 1.0 }")) == ()


def test_scenarios_that_come_from_no_file(noted):
    noted(plan=LEVERS)
    plan = clvsim.load("a.toml")
    (first, *_) = clvsim.notes(type(plan)("the mapping", plan.scenarios))
    assert first == Note(
        "segments.unused", "no channel, cohort or installed base brings anybody into it"
    )


@quick(12)
@given(strategies.scenarios())
def test_lives_are_the_same_without_a_program_that_is_noted(tmp_path, scenario):
    """Whoever joins, and for how long, in scenarios of all kinds."""
    path = tmp_path / "a.toml"
    path.write_text(to_toml(scenario), "utf-8")
    plan = clvsim.load(path)
    idle = {
        note.path.split(".")[1].strip('"')
        for note in clvsim.notes(plan)
        if note.path.startswith("programs.") and note.path.count(".") == 1
    }
    if not idle:
        return
    off = {
        name: one.model_copy(update={"enabled": False}) if name in idle else one
        for name, one in plan.baseline.programs.items()
    }
    with_it = simulated(plan.baseline)
    without = simulated(plan.baseline.model_copy(update={"programs": off}))
    for name in ("active", "joined"):
        np.testing.assert_array_equal(with_it[name].values, without[name].values)


def test_notes_go_to_stderr_and_into_json(noted):
    noted(plan=LEVERS)
    code = "import sys; from clvsim.cli import main; sys.argv[0] = 'clvsim'; main()"

    def said(*arguments):
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603

    checked = said("validate", "a.toml")
    assert checked.stdout.startswith("a.toml: fine")
    assert "a.toml:9: offers.half: note: the segment of channel 'web'" in checked.stderr
    for command in ("run", "compare"):
        shown = said(command, "a.toml", "--worlds", "2", "--json")
        assert "a.toml:9: offers.half: note: " in shown.stderr
        found = json.loads(shown.stdout)["notes"]
        assert [one["path"] for one in found] == [note.path for note in noted(plan=LEVERS)]
        assert found[1]["line"] == 9
