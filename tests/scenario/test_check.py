"""Faults between sections: where each is, what it says, what is allowed, what was meant."""

import copy

import numpy as np
import pytest
from scipy import stats

from clvsim.errors import ScenarioError
from clvsim.scenario.load import load
from clvsim.scenario.model import Distribution, RetentionTable
from clvsim.scenario.surviving import survival, survival_of_buyers
from tests.strategies import EXAMPLE, to_toml

HORIZON = "period 0 to 5, or a date from 2026-01 to before 2026-07"


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """The faults of the example with some values replaced: ``{dotted path: value}``."""
    monkeypatch.chdir(tmp_path)

    def of(changes):
        scenario = copy.deepcopy(EXAMPLE)
        for path, value in changes.items():
            *above, last = path.split(".")
            table = scenario
            for key in above:
                table = table.setdefault(key, {})
            table[last] = value
        text = to_toml(scenario)
        (tmp_path / "a.toml").write_text(text, "utf-8")
        try:
            load("a.toml")
        except ScenarioError as error:
            return error.faults, text.splitlines()
        return (), text.splitlines()

    return of


@pytest.mark.parametrize(
    ("churn", "says"),
    [
        ({"distribution": "beta", "a": 0.001, "b": 0.001}, "beta(a=0.001, b=0.001) leaps"),
        ({"survivors": [1000.0, 500.0, 499.0, 499.0]}, "leaps from one value to another"),
    ],
)
def test_almost_two_values_are_refused_with_the_error_of_their_table(faults, churn, says):
    (fault,), lines = faults({"segments.young.churn": churn})
    assert fault.path == "segments.young.churn"
    assert says in fault.message
    assert "missed by a factor of up to" in fault.message
    assert "a segment for each of the values" in fault.allowed
    assert "churn" in lines[fault.line - 1]


def test_the_example_has_none(faults):
    assert faults({}) == ((), faults({})[1])


ONE = [
    # Names
    ({"offer": "intor"}, "offer", "no offer is called 'intor'", "intro", "intro"),
    ({"offer": "young"}, "offer", "no offer is called 'young' ('young' is a segment)", "intro", ""),
    ({"offers": {}}, "offer", "no offer is called 'intro'", "none: the scenario has no offers", ""),
    ({"channels.search.offer": "Intro"}, "channels.search.offer", "no offer is called 'Intro'",
     "intro", "intro"),
    ({"channels.search.segments": {"yuong": 1.0}}, "channels.search.segments.yuong",
     "no segment is called 'yuong'", "young, families", "young"),
    ({"channels.search.conversion": {"young": 0.1, "families": 0.1, "old": 0.1}},
     "channels.search.conversion.old", "no segment is called 'old' ('old' is a source)",
     "young, families", ""),
    ({"channels.search.conversion": {"young": 0.1}}, "channels.search.conversion.families",
     "is missing: the channel reaches the segment 'families'",
     "a share of prospects, from 0 to below 1", ""),
    ({"channels.search.conversion": {"young": 0.1, "familes": 0.1}},
     "channels.search.conversion.familes", "no segment is called 'familes'", "young, families",
     "families"),
    ({"cohorts.launch.segment": "youngs"}, "cohorts.launch.segment",
     "no segment is called 'youngs'", "young, families", "young"),
    ({"cohorts.launch.offer": "x"}, "cohorts.launch.offer", "no offer is called 'x'", "intro", ""),
    ({"installed_base.old.segment": "x"}, "installed_base.old.segment",
     "no segment is called 'x'", "young, families", ""),
    ({"programs.calls.segments": ["young", "x"]}, "programs.calls.segments[1]",
     "no segment is called 'x'", "young, families", ""),
    ({"programs.calls.sources": ["serch"]}, "programs.calls.sources[0]",
     "no source is called 'serch'", "search, launch, old", "search"),
    ({"cohorts.search": {"segment": "young", "customers": 1}}, "cohorts.search",
     ("'search' is already the name of a channel (a.toml:{channels.search}), so a cohort cannot "
     "have it"), "a name that no other channel, cohort or installed base has", ""),
    ({"installed_base.launch": {"segment": "young", "customers": 1, "tenure": 1}},
     "installed_base.launch", ("'launch' is already the name of a cohort "
     "(a.toml:{cohorts.launch}), so an installed base cannot have it"),
     "a name that no other channel, cohort or installed base has", ""),
    # Time
    ({"programs.calls.first": "2026-07"}, "programs.calls.first",
     "'2026-07' lies after the horizon", HORIZON, ""),
    ({"programs.calls.last": 6}, "programs.calls.last", "6 lies after the horizon", HORIZON, ""),
    ({"programs.calls.first": 4, "programs.calls.last": "2026-02"}, "programs.calls.last",
     "the program ends in 2026-02, before it begins", "4 or later", ""),
    ({"cohorts.launch.joins": "2025-12-31"}, "cohorts.launch.joins",
     "'2025-12-31' lies before the horizon", HORIZON, ""),
    ({"channels.search.spend": [{"from": "2025-01", "spend": 1}]}, "channels.search.spend[0].from",
     "'2025-01' lies before the horizon", HORIZON, ""),
    ({"channels.search.spend": [{"from": 3, "spend": 1}, {"from": "2026-02", "spend": 1}]},
     "channels.search.spend[1].from", "2026-02 is earlier than 3, the step before it",
     "steps in order of time, one a period at most", ""),
    ({"channels.search.spend": [{"from": 1, "spend": 1}, {"from": "2026-02", "spend": 1}]},
     "channels.search.spend[1].from", "2026-02 lies in the same period as 1, the step before it",
     "steps in order of time, one a period at most", ""),
    ({"channels.search.spend": [1.0] * 7}, "channels.search.spend",
     "has 7 amounts for a horizon of 6 periods", "at most 6 amounts, one a period", ""),
    ({"money.fixed_costs": [1.0] * 7}, "money.fixed_costs",
     "has 7 amounts for a horizon of 6 periods", "at most 6 amounts, one a period", ""),
    # Channels
    ({"channels.search.earlier_spend": 5.0, "channels.search.steady": True},
     "channels.search.earlier_spend",
     "what was spent before the start is said twice: by steady and by this", "one of them", ""),
    ({"channels.search.reach": {"kind": "organic", "prospects": 5.0}}, "channels.search.spend",
     "who is organic comes of its own accord and takes no spend",
     "no spend, or a reach of another kind", ""),
    ({"channels.search.reach": {"kind": "organic", "prospects": 5.0},
      "channels.search.spend": 0.0, "channels.search.carry_over": 0.5},
     "channels.search.carry_over", "who is organic has no spend that could carry over",
     "no carry_over, or a reach of another kind", ""),
    ({"channels.search.reach": {"kind": "organic", "prospects": [5.0] * 7},
      "channels.search.spend": 0.0}, "channels.search.reach.prospects",
     "has 7 amounts for a horizon of 6 periods", "at most 6 amounts, one a period", ""),
    ({"channels.search.earlier_spend": -1.0}, "channels.search.earlier_spend",
     "must be a number between 0 and 1e15, not -1.0", "", ""),
    ({"channels.search.earlier_spend": [3.0, -1.0]}, "channels.search.earlier_spend[1]",
     "must be a number between 0 and 1e15, not -1.0", "", ""),
    ({"segments.young.impatience": -0.1}, "segments.young.impatience",
     "must be a number between 0 and 1,000,000,000, not -0.1", "", ""),
    ({"installed_base.old.offer": "intr"}, "installed_base.old.offer",
     "no offer is called 'intr'", "intro", "intro"),
    ({"programs.calls.first_tenure": 3, "programs.calls.last_tenure": 2},
     "programs.calls.last_tenure",
     "nobody has a tenure of at least 3 and at most 2 periods", "a whole number of at least 3", ""),
    # Traits
    ({"segments.young.churn": {"distribution": "norm", "loc": 0.1, "scale": 0.02}},
     "segments.young.churn", "norm(loc=0.1, scale=0.02) goes from -inf to inf",
     "a distribution on 0 to 1 (beta, or another between loc and loc + scale)", ""),
    ({"segments.young.spend": {"distribution": "uniform", "loc": -5, "scale": 50}},
     "segments.young.spend", "uniform(loc=-5, scale=50) goes from -5 to 45",
     "a distribution that is never negative (gamma, lognorm, …)", ""),
    ({"segments.young.lift": {"distribution": "uniform", "scale": 1.5}}, "segments.young.lift",
     "uniform(scale=1.5) goes from 0 to 1.5",
     "a distribution that is never above 1: a treatment can take away the whole hazard, no more",
     ""),
    ({"segments.young.spend": {"distribution": "pareto", "b": 1}}, "segments.young.spend",
     "pareto(b=1) has no finite mean, so nobody can say what a customer is worth",
     "a distribution with a mean of at most 1e15", ""),
    ({"segments.young.spend": {"distribution": "expon", "scale": 1e16}}, "segments.young.spend",
     "expon(scale=1e+16) has a mean of 1e+16, so nobody can say what a customer is worth",
     "a distribution with a mean of at most 1e15", ""),
    ({"segments.young.spend": {"distribution": "randint", "low": 0, "high": 90000000}},
     "segments.young.spend",
     "randint(low=0, high=9e+07) has more than 5,000,000 values that matter",
     "a discrete distribution with a shorter tail", ""),
    ({"segments.families.churn": {"survivors": [900, 400, 400, 400]}},
     "segments.families.churn.survivors",
     ("all who leave do so in the first period, which no sBG can say (alpha and beta run off to "
      "0): give a table with more periods or more customers, or model the first period apart"),
     "", ""),
    ({"segments.families.churn": {"survivors": [1.0, 0.9, 0.8]}},
     "segments.families.churn.survivors",
     ("the retention table looks like shares of a cohort; give numbers of customers (shares times "
     "the size of the cohort), since the size decides how much the table can say (or is 1.000 one "
     "thousand? Write 1000)"), "", ""),
    ({"segments.young.correlations": [{"between": ["churn", "spend"], "value": 0.1},
                                      {"between": ["spend", "churn"], "value": 0.2}]},
     "segments.young.correlations[1]",
     "the correlation of spend and churn is already on line {segments.young}",
     "one correlation a pair of traits", ""),
    ({"segments.young.fit": {"model": "sbg", "step": "week"}},
     "segments.young.fit.step",
     "the fit's numbers are by week, and a period of the scenario is a month",
     'time.step = "week", or a fit by month', ""),
    ({"segments.young.correlations": [{"between": ["chrn", "spend"], "value": 0.1}]},
     "segments.young.correlations[0].between[0]",
     "must be one of the allowed values, not 'chrn'",
     "churn, spend, lift, keenness, purchases", "churn"),
    ({"segments.young.correlations": [{"between": ["churn", "spend"], "value": 0.9},
                                      {"between": ["spend", "lift"], "value": 0.9},
                                      {"between": ["keenness", "lift"], "value": 0.9},
                                      {"between": ["lift", "churn"], "value": -0.9}]},
     "segments.young.correlations",
     ("no customers could have these correlations at once: churn with spend 0.9, spend with lift "
     "0.9, churn with lift -0.9"),
     "a positive definite matrix; all of these multiplied by a number below 0.55, for example", ""),
    # Customers
    ({"segments.families.churn": 0.4}, "installed_base.old.tenure",
     ("with the churn of segment 'families', 4.7e-06 of those who join are still there after 24 "
     "periods: 10 of them would take 2.1e+06 joiners"),
     "tenures of at most 18 periods, or a lower churn", ""),
    ({"segments.families.churn": 1.0}, "installed_base.old.tenure",
     ("with the churn of segment 'families', 0.0e+00 of those who join are still there after 24 "
     "periods: 10 of them would take endlessly many joiners"),
     "tenures of at most 0 periods, or a lower churn", ""),
    ({"segments.families.churn": 0.4, "installed_base.old.tenure": [0, 5, 0] + [0] * 20 + [1]},
     "installed_base.old.tenure[23]",
     ("with the churn of segment 'families', 7.9e-06 of those who join are still there after 23 "
     "periods: 2 of them would take 2.5e+05 joiners"),
     "tenures of at most 18 periods, or a lower churn", ""),
    ({"segments.families.churn": 0.3, "installed_base.old.customers": 4_000_000},
     "installed_base.old.tenure",
     ("with the churn of segment 'families', 1.9e-04 of those who join are still there after 24 "
     "periods: 4,000,000 of them would take 2.1e+10 joiners"),
     "tenures of at most 19 periods, or a lower churn", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "path", "message", "allowed", "hint"), ONE, ids=[case[1] for case in ONE]
)
def test_one_fault(faults, changes, path, message, allowed, hint):
    (fault,), lines = faults(changes)
    for key in ("channels.search", "cohorts.launch", "segments.young"):
        # The line of a table, or of its first list.
        at = lines.index(f"[{key}]") + 1
        at += key == "segments.young" and next(
            i for i, line in enumerate(lines[at:], 1) if line.startswith("correlations")
        )
        message = message.replace(f"{{{key}}}", str(at))
    assert (fault.file, fault.path, fault.message) == ("a.toml", path, message)
    assert (fault.allowed, fault.hint) == (allowed, hint)
    # The line holds the key itself, its table's name, or the list that it stands in.
    words = [part.split("[")[0] for part in path.split(".")]
    assert any(word in lines[fault.line - 1] for word in words[-2:])


def test_without_customers(faults):
    (fault,), _ = faults(
        {"channels": {}, "cohorts": {}, "installed_base": {}, "programs": {}, "offers.x": {}}
    )
    assert (fault.file, fault.line, fault.path) == ("a.toml", None, "")
    assert fault.message == (
        "nobody ever joins: the scenario has no channel, cohort or installed base"
    )
    assert fault.allowed == "[channels.NAME], [cohorts.NAME], [installed_base.NAME]"


def test_all_faults_come_at_once_beside_those_of_single_values(faults):
    found, _ = faults(
        {
            "time.periods": 6,
            "money.discount_rate": -1,
            "offer": "intor",
            "segments.young.spend": "lots",
            "segments.young.churn": {"distribution": "norm"},
            "channels.search.conversion": {"young": 2, "familes": 0.1},
            "channels.search.spend": [{"from": "2027-01", "spend": -1}, 5],
            "cohorts.launch.segment": "yuong",
            "cohorts.launch.customers": "many",
            "programs.calls.sources": ["serch", 7],
            "programs.calls.first": "2026-13",
            "programs.calls.last": "2030-01",
        }
    )
    assert {fault.path for fault in found} == {
        "offer",
        "money.discount_rate",
        "segments.young.spend",
        "segments.young.churn",
        "channels.search.spend[0].spend",
        "channels.search.spend[1]",
        "channels.search.spend[0].from",
        "channels.search.conversion.young",
        "channels.search.conversion.familes",
        "cohorts.launch.customers",
        "cohorts.launch.segment",
        "programs.calls.sources[1]",
        "programs.calls.first",
        "programs.calls.sources[0]",
        "programs.calls.last",
    }
    assert [fault.line for fault in found] == sorted(fault.line for fault in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"segments": {}},
        {"segments": 3},
        {"segmnts": EXAMPLE["segments"], "segments": {}},
    ],
)
def test_names_are_not_looked_for_where_their_section_is_at_fault(faults, changes):
    found, _ = faults(changes)
    assert not any("is called" in fault.message for fault in found)


def test_a_base_that_a_term_holds_is_there_whatever_its_churn(faults):
    changes = {"segments.families.churn": 1.0, "installed_base.old.offer": "intro",
               "installed_base.old.tenure": 2}  # fmt: skip
    assert not faults(changes)[0]
    (fault,), _ = faults(changes | {"installed_base.old.tenure": 3})
    assert "are still there after 3 periods" in fault.message


def test_a_misspelt_section_is_not_missing(tmp_path):
    text = to_toml(EXAMPLE).replace("[channels.", "[chanels.").replace("[cohorts", "[cohort")
    text = text.replace("[channels", "[chanels").replace("[installed_base", "[installed_bas")
    (tmp_path / "b.toml").write_text(text, "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path / "b.toml")
    assert [(fault.path, fault.hint) for fault in caught.value.faults] == [
        ("chanels", "channels"),
        ("cohort", "cohorts"),
        ("installed_bas", "installed_base"),
    ]


def test_dates_are_not_judged_by_a_horizon_that_is_at_fault(faults):
    (fault,), _ = faults({"time.periods": 0, "cohorts.launch.joins": "2040-01"})
    assert fault.path == "time.periods"


def test_a_share_of_nobody_needs_no_conversion(faults):
    found, _ = faults(
        {
            "channels.search.segments": {"young": 1.0, "families": 0.0},
            "channels.search.conversion": {"young": 0.1},
        }
    )
    assert not found


def test_an_empty_installed_base_may_be_as_old_as_it_likes(faults):
    found, _ = faults({"segments.families.churn": 0.9, "installed_base.old.customers": 0})
    assert not found


def test_many_names_are_not_all_listed(faults):
    many = {f"s{i}": {"churn": 0.1, "spend": 1} for i in range(50)}
    found, _ = faults({"segments": EXAMPLE["segments"] | many, "cohorts.launch.segment": "none"})
    assert found[0].allowed.endswith("s17 and 32 more")


def shares(churn, longest):
    return [*map(survival(churn, np.ones), range(longest + 1))]


@pytest.mark.parametrize(
    "parameters",
    [{"a": 0.8, "b": 12.0}, {"a": 3.0, "b": 2.0}, {"a": 0.05, "b": 0.3}],
)
def test_survival_is_that_of_the_sbg(parameters):
    from scipy.special import betaln

    a, b, tenures = parameters["a"], parameters["b"], np.arange(61.0)
    exact = np.exp(betaln(a, b + tenures) - betaln(a, b))
    near = shares(Distribution(distribution="beta", **parameters), 60)
    np.testing.assert_allclose(near, exact, rtol=0.02)


def test_survival_of_the_other_kinds_of_churn():
    np.testing.assert_allclose(shares(0.25, 3), [1.0, 0.75, 0.75**2, 0.75**3])
    constant = shares(RetentionTable(survivors=[100, 90, 81]), 2)
    np.testing.assert_allclose(constant, [1.0, 0.9, 0.81])
    two_kinds = shares(Distribution(distribution="bernoulli", p=0.25), 5)
    np.testing.assert_allclose(two_kinds, [1.0, *[0.75] * 5], atol=0.02)
    spread = {"loc": 0.1, "scale": 0.3}
    exact = stats.uniform(**spread).expect(lambda churn: (1.0 - churn) ** 24)
    near = survival(Distribution(distribution="uniform", **spread), np.ones)(24)
    assert near == pytest.approx(exact, rel=0.02)


def test_survival_under_the_hazards_of_the_past():
    def past(tenure):
        return np.linspace(0.0, 2.0, tenure)

    np.testing.assert_allclose(survival(0.25, past)(5), 0.75**5)
    np.testing.assert_allclose(
        survival_of_buyers("pareto/nbd", (0.1,), past)(5), np.exp(-0.1 * 5.0)
    )
    left = 0.8 * (1.0 - 0.75 ** past(5)).sum()
    np.testing.assert_allclose(survival_of_buyers("bg/nbd", (0.25, 0.8), past)(5), np.exp(-left))


@pytest.mark.parametrize(
    ("hazards", "is_refused"),
    [({}, True), ({"hazard_by_tenure": [2.0, 0.1]}, False),
     ({"hazard_season": [0.2, 0.1]}, False), ({"hazard_season": [2.0, 0.9]}, True)],
)  # fmt: skip
@pytest.mark.parametrize("relationship", ["contract", "bg/nbd", "pareto/nbd", "bg/bb", "states"])
def test_old_tenures_under_the_hazards_of_the_past(tmp_path, hazards, is_refused, relationship):
    segment = {
        "contract": {"churn": 0.5},
        "bg/nbd": {"churn": 0.5, "purchase_rate": 1.4},
        "pareto/nbd": {"death_rate": 0.7},
        "bg/bb": {"churn": 0.5, "purchase_probability": 0.5},
        "states": {"states": ["here", "gone"], "transitions": [[0.5, 0.5], [0.0, 1.0]],
                   "state_values": [1.0, 0.0]},
    }[relationship]  # fmt: skip
    if relationship == "pareto/nbd":
        segment["purchase_rate"] = 1.0
    plan = {
        "time": {"periods": 4},
        "segments": {"a": {"relationship": relationship, "spend": 1.0} | segment | hazards},
        "installed_base": {"old": {"segment": "a", "customers": 10, "tenure": 30}},
    }
    file = tmp_path / "base.toml"
    file.write_text(to_toml(plan), encoding="utf-8")
    if is_refused:
        with pytest.raises(ScenarioError) as caught:
            load(file)
        assert [fault.path for fault in caught.value.faults] == ["installed_base.old.tenure"]
    else:
        load(file)


def test_a_middle_tenure_that_few_survive_is_found(tmp_path):
    plan = {
        "time": {"periods": 3},
        "segments": {"a": {"churn": 0.02, "spend": 10.0, "hazard_by_tenure": [1000.0, 1.0],
                           "hazard_season": [0.0] + [1.0] * 11}},
        "installed_base": {"b": {"segment": "a", "customers": 20,
                                 "tenure": [0.0] * 11 + [1.0, 1.0]}},
    }  # fmt: skip
    file = tmp_path / "base.toml"
    file.write_text(to_toml(plan), encoding="utf-8")
    # Who joined twelve periods ago met the first and worst of them in the season without hazard.
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert [fault.path for fault in caught.value.faults] == ["installed_base.b.tenure[11]"]


def test_programs_cannot_let_off_more_than_the_price(tmp_path):
    file = tmp_path / "two.toml"
    file.write_text(
        "[time]\nperiods = 12\n[segments.a]\nchurn = 0.1\nspend = 10.0\n"
        "[cohorts.c]\nsegment = 'a'\ncustomers = 10\n"
        "[programs.gold]\nkind = 'loyalty'\nbenefit = 0.6\n"
        "[programs.winter]\nkind = 'retention'\ndiscount = 0.5\n",
        encoding="utf-8",
    )
    with pytest.raises(ScenarioError) as raised:
        load(file)
    (fault,) = raised.value.faults
    assert (fault.path, fault.line) == ("programs.winter.discount", 14)
    assert "110%" in fault.message
