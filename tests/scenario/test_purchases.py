"""Faults of segments that buy now and then: where each is, what it says, what is allowed."""

import copy

import numpy as np
import pytest

from clvsim.engine.compile import compile_scenario
from clvsim.errors import ClvsimError, ScenarioError
from clvsim.scenario.load import load
from clvsim.scenario.model import BgBbSegment, BgNbdSegment, ParetoNbdSegment, Scenario
from clvsim.scenario.surviving import survival_of_buyers
from tests.strategies import to_toml

BASE = {
    "time": {"periods": 12},
    "money": {"residual": "expected"},
    "segments": {
        "buyers": {
            "relationship": "bg/nbd",
            "purchase_rate": {"distribution": "gamma", "a": 0.243, "scale": 0.2266},
            "churn": {"distribution": "beta", "a": 0.793, "b": 2.426},
            "spend": {"distribution": "norm", "loc": 5.0, "scale": 20.0},
            "spend_shape": 6.25,
        },
        "payers": {"churn": 0.1, "spend": 10},
    },
    "offers": {"half": {"discount": [0.5]}},
    "cohorts": {
        "a": {"segment": "buyers", "customers": 10, "offer": "half"},
        "b": {"segment": "payers", "customers": 10},
    },
    "installed_base": {"old": {"segment": "buyers", "customers": 10, "tenure": 20}},
    "programs": {"mail": {"kind": "retention", "rate": 1.2}},
}
REMOVED = object()


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """The example with some values replaced, loaded: ``{dotted path: value}``."""
    monkeypatch.chdir(tmp_path)

    def of(changes):
        scenario = copy.deepcopy(BASE)
        for path, value in changes.items():
            *above, last = path.split(".")
            table = scenario
            for key in above:
                table = table.setdefault(key, {})
            table[last] = value
            if value is REMOVED:
                del table[last]
        (tmp_path / "a.toml").write_text(to_toml(scenario), "utf-8")
        return load("a.toml").baseline

    return of


def test_the_example_has_no_fault(loaded):
    assert isinstance(loaded({}).segments["buyers"], BgNbdSegment)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"relationship": "pareto/nbd", "churn": REMOVED, "death_rate": 0.1}, ParetoNbdSegment),
        (
            {"relationship": "bg/bb", "purchase_rate": REMOVED, "purchase_probability": 0.3},
            BgBbSegment,
        ),
    ],
)
def test_a_relationship_has_traits_of_its_own(loaded, changes, kind):
    scenario = loaded({f"segments.buyers.{key}": value for key, value in changes.items()})
    assert isinstance(scenario.segments["buyers"], kind)
    again = Scenario.model_validate_json(scenario.model_dump_json(by_alias=True))
    assert again == scenario


ONE = [
    ({"relationship": "bgnbd"}, "relationship", "must be one of the allowed values, not 'bgnbd'",
     "contract, bg/nbd, pareto/nbd, bg/bb"),
    ({"purchase_rate": REMOVED}, "purchase_rate", "is missing", "a number between 0 and 10,000"),
    ({"purchase_rate": -1.0}, "purchase_rate", "must be a number between 0 and 10,000", ""),
    ({"purchase_rate": {"distribution": "norm"}}, "purchase_rate", "goes from -inf to inf",
     "never negative"),
    ({"purchase_rate": {"distribution": "lognorm", "s": 4.0}}, "purchase_rate",
     "exceeds 10,000 a period once in a million times", "a shorter step"),
    ({"churn": {"survivors": [10, 9, 8]}}, "churn", "a retention table counts customers", ""),
    ({"churn": 1.5}, "churn", "must be a number between 0 and 1", ""),
    ({"death_rate": 0.1}, "death_rate", "unknown key 'death_rate'", "purchase_rate, churn"),
    ({"call_share": 0.1}, "call_share", "unknown key 'call_share'", "purchase_rate, churn"),
    ({"spend_shape": 0.0}, "spend_shape", "must be a number above 0", ""),
    ({"spend": {"distribution": "cauchy"}}, "spend", "nobody can say what a customer is worth",
     "a mean of at most 1e15"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "message", "allowed"), ONE)
def test_a_fault_of_a_buyers_segment(loaded, changes, path, message, allowed):
    with pytest.raises(ScenarioError) as caught:
        loaded({f"segments.buyers.{key}": value for key, value in changes.items()})
    faults = [one for one in caught.value.faults if one.path == f"segments.buyers.{path}"]
    assert len(faults) == len(caught.value.faults) == 1
    assert faults[0].line is not None
    assert message in faults[0].message
    assert allowed in faults[0].allowed


def test_what_purchases_have_a_contract_has_not(loaded):
    with pytest.raises(ScenarioError, match=r"segments\.payers\.purchase_rate: unknown key"):
        loaded({"segments.payers.purchase_rate": 0.3})
    with pytest.raises(ScenarioError, match="goes from -inf to inf"):
        loaded({"segments.payers.spend": {"distribution": "norm"}})


def test_a_term_binds_only_those_under_contract(loaded):
    with pytest.raises(ScenarioError) as caught:
        loaded({"offers.half.term": 6})
    (fault,) = caught.value.faults
    assert fault.path == "offers.half.term"
    assert "'buyers' buys now and then" in fault.message
    assert loaded({"offers.half.term": 6, "cohorts.a.offer": REMOVED})
    scenario = copy.deepcopy(BASE)
    scenario["offers"]["half"]["term"] = 6
    with pytest.raises(ClvsimError, match="has no contract"):
        compile_scenario(Scenario.model_validate(scenario))


def test_a_rate_needs_purchases(loaded):
    with pytest.raises(ScenarioError) as caught:
        loaded({"programs.mail.segments": ["payers"]})
    (fault,) = caught.value.faults
    assert fault.path == "programs.mail.rate"
    assert "no segment of the program buys now and then" in fault.message
    assert loaded({"programs.mail.segments": ["payers", "buyers"]})


MAIL = {"kind": "retention", "segments": ["buyers"]}
HISTORY = [
    ({"recency": {"at_least": 5, "at_most": 3}}, "recency.at_most",
     "nobody has a recency of at least 5 and at most 3", "a number of at least 5"),
    ({"value": {"at_least": -1}}, "value.at_least", "must be a number between 0 and", ""),
    ({"frequency": {"at_least": 1.5}}, "frequency.at_least", "must be a whole number", ""),
    ({"frequency": {"at_lest": 2}}, "frequency.at_lest", "unknown key 'at_lest'",
     "at_least, at_most"),
    ({"recency": 3}, "recency", "must be a table, not 3", "at_least, at_most"),
    ({"segments": ["buyers", "payers"], "recency": {"at_least": 3}}, "segments[1]",
     "the segment 'payers' is under contract: it has no purchases to count a recency of",
     "bg/nbd, pareto/nbd or bg/bb: buyers"),
    ({"segments": [], "frequency": {"at_least": 3}}, "frequency",
     "the segment 'payers' is under contract", ""),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "message", "allowed"), HISTORY)
def test_a_fault_of_what_customers_must_have_bought(loaded, changes, path, message, allowed):
    with pytest.raises(ScenarioError) as caught:
        loaded({"programs.mail": MAIL | changes})
    (fault,) = caught.value.faults
    assert fault.path == f"programs.mail.{path}"
    assert fault.line is not None
    assert message in fault.message
    assert allowed in fault.allowed


def test_what_customers_must_have_bought_without_fault(loaded):
    window = {"recency": {"at_least": 3, "at_most": 3}, "value": {}}
    (mail,) = loaded({"programs.mail": MAIL | window}).programs.values()
    assert mail.recency.at_most == 3
    assert loaded({"programs.mail": {"kind": "retention", "enabled": False} | window})


def test_an_installed_base_that_hardly_anybody_reaches(loaded):
    fickle = {"segments.buyers.purchase_rate": 3.0, "segments.buyers.churn": 0.5}
    with pytest.raises(ScenarioError) as caught:
        loaded(fickle)
    (fault,) = caught.value.faults
    assert fault.path == "installed_base.old.tenure"
    assert fault.allowed == "tenures of at most 6 periods, or a lower churn"
    assert loaded(fickle | {"installed_base.old.tenure": 6})


def test_survival_of_buyers_is_that_of_the_thinned_process():
    np.testing.assert_allclose(
        [*map(survival_of_buyers("bg/nbd", (0.25, 0.8), np.ones), range(4))],
        np.exp(-0.2 * np.arange(4.0)),
    )
    np.testing.assert_allclose(
        [*map(survival_of_buyers("pareto/nbd", (0.1,), np.ones), range(4))],
        np.exp(-0.1 * np.arange(4.0)),
    )


def test_every_fault_at_once(loaded):
    with pytest.raises(ScenarioError) as caught:
        loaded(
            {
                "segments.buyers.purchase_rate": REMOVED,
                "segments.buyers.churn": 2,
                "segments.buyers.call_cost": 1.0,
                "offers.half.term": 3,
            }
        )
    assert {one.path for one in caught.value.faults} == {
        "segments.buyers.purchase_rate",
        "segments.buyers.churn",
        "segments.buyers.call_cost",
        "offers.half.term",
    }
