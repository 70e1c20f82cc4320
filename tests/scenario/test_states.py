"""Faults of segments whose customers move between states: where, what it says, what is allowed."""

import copy

import numpy as np
import pytest

from clvsim.errors import ScenarioError
from clvsim.scenario.chains import chain_of
from clvsim.scenario.load import load
from clvsim.scenario.model import Scenario, StatesSegment
from tests.strategies import to_toml

SEGMENT = {
    "relationship": "states",
    "states": ["new", "loyal", "lost"],
    "transitions": [[0.3, 0.5, 0.2], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]],
    "state_values": [10, -2.5, 0],
    "contact_costs": [1.0, 2.0, 0.0],
}
BASE = {
    "time": {"periods": 12},
    "money": {"residual": "expected"},
    "segments": {"movers": SEGMENT, "payers": {"churn": 0.1, "spend": 10}},
    "offers": {"half": {"discount": [0.5]}},
    "cohorts": {
        "a": {"segment": "movers", "customers": 10, "offer": "half"},
        "b": {"segment": "payers", "customers": 10},
    },
    "installed_base": {"old": {"segment": "movers", "customers": 10, "tenure": 20}},
    "programs": {"mail": {"kind": "retention", "segments": ["payers"]}},
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
    scenario = loaded({})
    assert isinstance(scenario.segments["movers"], StatesSegment)
    again = Scenario.model_validate_json(scenario.model_dump_json(by_alias=True))
    assert again == scenario


ONE = [
    ({"relationship": "state"}, "relationship", "must be one of the allowed values, not 'state'",
     "contract, bg/nbd, pareto/nbd, bg/bb, states"),
    ({"states": ["new", "loyal", "new"]}, "states[2]", "'new' is already the name of a state", ""),
    ({"state_values": [10, 0]}, "state_values", "has 2 entries for 3 states", "new, loyal, lost"),
    ({"state_values": REMOVED}, "state_values", "is missing", ""),
    ({"transitions": [[0.3, 0.7, 0.0], [0.0, 0.0, 1.0]]}, "transitions", "has 2 rows for 3", ""),
    ({"transitions": [[0.3, 0.5, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]]}, "transitions[0]",
     "adds up to 0.9", "a row that adds up to 1"),
    ({"transitions": [[0.5, 0.5], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]]}, "transitions[0]",
     "has 2 entries for 3 states", "the odds of each state next"),
    ({"transitions": [[-0.1, 0.9, 0.2], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]]}, "transitions[0][0]",
     "must be a number between 0 and 1", ""),
    ({"contact_costs": [1.0]}, "contact_costs", "has 1 entries for 3 states", "new, loyal, lost"),
    ({"contacts": [True]}, "contacts", "has 1 entries for 3 states", "new, loyal, lost"),
    ({"contact_costs": REMOVED, "transitions_uncontacted": SEGMENT["transitions"]},
     "transitions_uncontacted", "nobody says who is contacted", "with contacts or contact_costs"),
    ({"start_state": "loyl"}, "start_state", "no state is called 'loyl'", "new, loyal, lost"),
    ({"start_state": "lost"}, "start_state", "whoever joins is lost at once", "new, loyal"),
    ({"churn": 0.1}, "churn", "unknown key 'churn'", "states, transitions"),
    ({"call_share": 0.1}, "call_share", "unknown key 'call_share'", "states, transitions"),
    ({"spend": {"distribution": "norm"}}, "spend", "goes from -inf to inf", "never negative"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "message", "allowed"), ONE)
def test_a_fault_of_a_segment_of_states(loaded, changes, path, message, allowed):
    with pytest.raises(ScenarioError) as caught:
        loaded({f"segments.movers.{key}": value for key, value in changes.items()})
    faults = [one for one in caught.value.faults if one.path == f"segments.movers.{path}"]
    assert len(faults) == len(caught.value.faults) == 1
    assert faults[0].line is not None
    assert message in faults[0].message
    assert allowed in faults[0].allowed


ELSEWHERE = [
    ({"offers.half.term": 6}, "offers.half.term", "'movers' moves between states"),
    ({"programs.mail.states": ["new"]}, "programs.mail.segments[0]",
     "the segment 'payers' does not move between states"),
    ({"programs.mail.segments": REMOVED, "programs.mail.states": ["new"]}, "programs.mail.states",
     "the segment 'payers' does not move between states"),
    ({"programs.mail.segments": ["movers"], "programs.mail.states": ["new", "loyl"]},
     "programs.mail.states[1]", "no segment of the program has a state 'loyl'"),
    ({"programs.mail.segments": ["movers"], "programs.mail.frequency": {"at_least": 2}},
     "programs.mail.segments[0]", "the segment 'movers' moves between states: it has no purchases"),
    ({"programs.more": {"kind": "onboarding", "tenures": 2, "rate": 1.2, "segments": ["movers"]}},
     "programs.more.rate", "no segment of the program buys now and then"),
    ({"segments.movers.transitions": [[0.0, 0.4, 0.6], [0.0, 0.4, 0.6], [0.0, 0.0, 1.0]]},
     "installed_base.old.tenure", "with the transitions of segment 'movers'"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "message"), ELSEWHERE)
def test_a_fault_between_sections(loaded, changes, path, message):
    with pytest.raises(ScenarioError) as caught:
        loaded(changes)
    (fault,) = caught.value.faults
    assert fault.path == path
    assert message in fault.message
    assert fault.line is not None


def test_programs_choose_persons_in_states(loaded):
    assert loaded({"programs.mail.segments": REMOVED})
    assert loaded({"programs.mail.segments": ["movers"], "programs.mail.states": ["loyal", "new"]})


def test_a_program_that_is_off_asks_for_nothing(loaded):
    assert loaded({"programs.mail.states": ["old"], "programs.mail.enabled": False})


def test_every_fault_at_once(loaded):
    with pytest.raises(ScenarioError) as caught:
        loaded(
            {
                "segments.movers.transitions": [[0.3, 0.5, 0.1], [0.1, 0.8], [0.0, 0.0, 1.0]],
                "segments.movers.state_values": [1.0],
                "segments.movers.start_state": "old",
                "segments.movers.contact_costs": [1.0, -2.0, 0.0],
                "offers.half.term": 3,
            }
        )
    assert {one.path for one in caught.value.faults} == {
        "segments.movers.transitions[0]",
        "segments.movers.transitions[1]",
        "segments.movers.state_values",
        "segments.movers.start_state",
        "segments.movers.contact_costs[1]",
        "offers.half.term",
    }


def test_who_is_contacted_and_who_is_lost():
    def chain(**changes):
        return chain_of(StatesSegment.model_validate(SEGMENT | changes))

    plain = chain()
    assert (plain.begin, plain.lost) == (0, 2)
    assert plain.costs.tolist() == [1.0, 2.0, 0.0]
    assert chain(state_values=[10.0, 0.0, -1.0]).lost == -1
    # Unless a rule says more, those who cost something.
    some = chain(contact_costs=[0.0, 2.0, 0.0], transitions_uncontacted=[[0.0, 0.0, 1.0]] * 3)
    assert some.transitions.tolist() == [[0.0, 0.0, 1.0], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]]
    ruled = chain(
        contacts=[True, False, False],
        transitions_uncontacted=[[0.0, 0.0, 1.0]] * 3,
        start_state="loyal",
    )
    assert ruled.costs.tolist() == [1.0, 0.0, 0.0]
    assert ruled.transitions.tolist() == [[0.3, 0.5, 0.2], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    assert [ruled.survival(np.ones(periods)) for periods in range(3)] == [1.0, 0.0, 0.0]
    assert plain.survival(np.zeros(5)) == 1.0
    np.testing.assert_allclose(plain.values_by_tenure(2), [10.0, 3.0 - 0.5 * 2.5])
