"""Faults, and the error that collects them."""

import pickle

import pytest

from clvsim.errors import ClvsimError, Fault, InputError, ScenarioError, closest, counted


def test_a_fault_says_where_what_is_allowed_and_what_was_meant():
    fault = Fault("a.toml", 7, "segments.m.chrun", "unknown key 'chrun'", "churn, spend", "churn")
    assert str(fault) == (
        "a.toml:7: segments.m.chrun: unknown key 'chrun'\n"
        "  allowed: churn, spend\n"
        "  did you mean 'churn'?"
    )


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("a.toml", None, "", "the file is empty"), "a.toml: the file is empty"),
        (Fault("a.toml", 2, "", "not TOML"), "a.toml:2: not TOML"),
        (Fault("a.toml", None, "horizon", "is missing"), "a.toml: horizon: is missing"),
        (Fault("a.toml", 1, "x", "two\nlines"), "a.toml:1: x: two lines"),
    ],
)
def test_a_fault_leaves_out_what_it_does_not_know(fault, text):
    assert str(fault) == text


def test_a_scenario_error_sorts_its_faults_by_file_and_line_and_tells_each_once():
    late = Fault("a.toml", 10, "x", "wrong")
    early = Fault("a.toml", 9, "y", "wrong")
    whole = Fault("a.toml", None, "z", "is missing")
    other = Fault("b.toml", 1, "x", "wrong")
    error = ScenarioError([other, late, early, whole, late])
    assert error.faults == (whole, early, late, other)
    assert str(error) == "\n".join(map(str, (whole, early, late, other)))


def test_a_scenario_error_without_faults_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="at least one fault"):
        ScenarioError([])


def test_a_scenario_error_survives_the_way_back_from_a_worker():
    error = ScenarioError([Fault("a.toml", 1, "x", "wrong")])
    assert pickle.loads(pickle.dumps(error)).faults == error.faults  # noqa: S301


@pytest.mark.parametrize("kind", [ScenarioError, InputError])
def test_one_except_clause_catches_every_error_of_clvsim(kind):
    assert issubclass(kind, ClvsimError)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("chrun", "churn"),
        ("CHURN", "churn"),
        ("price-list", "price_list"),
        ("segment", "segments"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_the_closest_word(word, meant):
    assert closest(word, ["churn", "price_list", "segments"]) == meant


def test_parameters_of_the_literature_are_known_by_their_letters():
    assert closest("alpha_", ["a", "b", "scale"]) == "a"
    assert closest("Beta", ["a", "b", "scale"]) == "b"
    assert closest("beta", ["a", "scale"]) == ""


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 customers"), (1, "1 customer"), (2357.0, "2,357 customers")]
)
def test_things_are_counted_in_words(number, told):
    assert counted(number, "customer") == told
