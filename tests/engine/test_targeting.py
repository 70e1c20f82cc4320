"""A share is that share: of those who are there, whatever treatments do to who stays."""

import itertools

import numpy as np
import pytest

from clvsim.engine import targeting
from clvsim.engine.compile import compile_scenario
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests.engine.test_identity import SOME, compiled_of, worlds_of
from tests.kernels.test_states import CHAIN
from tests.statistics import assert_mean

GAMMA = {"distribution": "gamma", "a": 0.8, "scale": 0.8}
SEGMENTS = {
    "contract": {
        "churn": {"distribution": "beta", "a": 0.7, "b": 6.0},
        "spend": {"distribution": "gamma", "a": 2.0, "scale": 10.0},
        "lift": {"distribution": "beta", "a": 1.5, "b": 1.5, "loc": -1.0, "scale": 2.0},
        "correlations": [{"between": ["churn", "lift"], "value": -0.6}],
    },
    "seasons": {
        "churn": {"distribution": "beta", "a": 0.7, "b": 6.0},
        "spend": {"distribution": "gamma", "a": 2.0, "scale": 10.0},
        "correlations": [{"between": ["churn", "keenness"], "value": -0.4}],
        "hazard_season": [2.0, 1.0, 0.5, 0.2],
        "hazard_by_tenure": [2.0, 1.5, 1.0],
    },
    "bg/nbd": {
        "relationship": "bg/nbd",
        "purchase_rate": GAMMA,
        "churn": {"distribution": "beta", "a": 0.8, "b": 3.0},
        "spend": {"distribution": "gamma", "a": 3.0, "scale": 10.0},
        "spend_shape": 4.0,
        "rate_season": [1.5, 0.5],
    },
    "pareto/nbd": {
        "relationship": "pareto/nbd",
        "purchase_rate": GAMMA,
        "death_rate": {"distribution": "gamma", "a": 0.7, "scale": 0.15},
        "spend": 30.0,
        "spend_shape": 4.0,
    },
    "bg/bb": {
        "relationship": "bg/bb",
        "purchase_probability": {"distribution": "beta", "a": 1.2, "b": 2.0},
        "churn": {"distribution": "beta", "a": 0.7, "b": 5.0},
        "spend": 30.0,
        "spend_shape": 4.0,
    },
    "states": CHAIN,
}
#: How far off the pilot's own shares may be: one and a half, and three, of the standard errors that
#: 16,384 customers drawn at random would have, ``sqrt(0.2 * 0.8 / 16_384)``: traits are spread
#: evenly, and effects (or moves between states) are drawn.
OFF, OFF_IN_STATES = 0.005, 0.01
SHARE, CUSTOMERS, PERIODS = 0.2, 120_000, 13
SAVE = {"kind": "retention", "share": SHARE, "target": "risk", "contact_cost": 1.0}
STRONG = SAVE | {"hazard": 0.1, "duration": 3, "acceptance": 0.5}


def compiled_for(kind, programs, source="cohort"):
    own = {"segment": "a", "customers": CUSTOMERS}
    tables = {
        "time": {"periods": PERIODS},
        "segments": {"a": SEGMENTS[kind]},
        "programs": programs,
    }
    if source == "cohort":
        tables["cohorts"] = {"c": own}
    elif source == "base":
        tables["installed_base"] = {"c": own | {"tenure": [3.0, 2.0, 1.0, 0.0, 1.0]}}
    else:
        reach = {"kind": "linear", "cost_per_prospect": 0.25}
        channel = {"spend": CUSTOMERS / PERIODS, "reach": reach, "conversion": 0.5}
        tables["channels"] = {"c": channel | {"segments": {"a": 1.0}}}
    return compile_scenario(Scenario.model_validate(tables))


def contacts_of(compiled, name):
    """Contacts and customers there, in the periods in which a program contacts any."""
    worlds = worlds_of(compiled, count=1, threads=2)
    contacts = worlds.program_flows[0, compiled.programs.index(name), p.CONTACTS]
    due = contacts > 0.0
    assert due.any()
    return contacts[due], worlds.flows[0, p.ACTIVE][due]


def assert_share(contacts, active, share, off):
    """In every period but for the pilot's error and luck; most of all in the last one."""
    error = np.sqrt(share * (1.0 - share) / active)
    # Eight standard errors: by luck once in 10**15 periods, which is no share of false alarms.
    np.testing.assert_array_less(np.abs(contacts / active - share), off + 8.0 * error)
    last = float(contacts[-1] / active[-1])
    near = float(np.clip(last, share - off, share + off))
    assert_mean(last, float(error[-1]), near, fault=1.25 * share)


def off_of(kind):
    return OFF_IN_STATES if kind == "states" else OFF


EFFECTS = {
    "every period": {"acceptance": 1.0, "duration": 1},
    "overlapping": {},
    "long and rare": {"every": 3, "duration": 12, "hazard": 0.3},
    "harmful": {"hazard": 2.5},
}


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(
    ("kind", "target"), [*itertools.product(SEGMENTS, ("value", "risk")), ("contract", "lift")]
)
def test_a_share_is_that_share_whatever_the_treatment_does(kind, target, effect):
    save = STRONG | EFFECTS[effect] | {"target": target, "personal_lift": target == "lift"}
    assert_share(*contacts_of(compiled_for(kind, {"save": save}), "save"), SHARE, off_of(kind))


@pytest.mark.parametrize("source", ["base", "arrivals"])
@pytest.mark.parametrize("target", ["value", "risk"])
@pytest.mark.parametrize("kind", SEGMENTS)
def test_a_share_is_that_share_of_all_cohorts_together(kind, target, source):
    save = STRONG | {"target": target, "first": 2}
    compiled = compiled_for(kind, {"save": save}, source)
    assert_share(*contacts_of(compiled, "save"), SHARE, off_of(kind))


@pytest.mark.parametrize("kind", SEGMENTS)
def test_a_share_is_that_share_beside_all_other_programs(kind):
    programs = {
        "by_value": STRONG | {"target": "value", "share": 0.4, "every": 2, "hazard": 1.6},
        "club": {"kind": "loyalty", "member_share": 0.8, "hazard": 0.3},
        "save": STRONG,
        "some": STRONG | {"target": "random", "share": 0.3, "duration": 4},
        "all": STRONG | {"target": "value", "share": 1.0, "first": 4, "every": 30},
    }
    compiled = compiled_for(kind, programs)
    assert_share(*contacts_of(compiled, "save"), SHARE, off_of(kind))
    assert_share(*contacts_of(compiled, "by_value"), 0.4, off_of(kind))


@pytest.mark.parametrize(
    ("window", "source"),
    [
        ({"recency": {"at_most": 2}}, "cohort"),
        ({"frequency": {"at_least": 3}}, "base"),
        ({"value": {"at_least": 33}}, "cohort"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["bg/nbd", "pareto/nbd", "bg/bb"])
def test_a_share_is_that_share_beside_one_that_asks_for_purchases(kind, window, source):
    mail = STRONG | {"target": "random", "share": 1.0, "hazard": 0.05, "acceptance": 1.0} | window
    compiled = compiled_for(kind, {"mail": mail, "save": SAVE | {"first": 3}}, source)
    assert_share(*contacts_of(compiled, "save"), SHARE, OFF)


def test_a_share_is_that_share_under_a_changed_rate_of_purchases():
    save = SAVE | {"target": "value", "rate": 3.0, "duration": 3}
    assert_share(*contacts_of(compiled_for("bg/nbd", {"save": save}), "save"), SHARE, OFF)


def test_the_share_is_that_of_those_in_the_states_asked_for():
    """Those who are contacted leave the state, or not: who is in it is simulated, not known."""
    save = STRONG | {"target": "value", "states": ["weak"], "acceptance": 1.0}
    everybody = save | {"share": 1.0, "hazard": 1.0}
    # One after the other: the count in the state is that of contacts of everybody in it.
    compiled = compiled_for("states", {"count": everybody, "save": save})
    contacts, _ = contacts_of(compiled, "save")
    there, _ = contacts_of(compiled, "count")
    assert_share(contacts, there, SHARE, OFF_IN_STATES)


# Ties: the pilot's scores and the walk's are one compiled rule

ALIKE = {
    "contract": {"churn": 0.0371, "spend": 11.3},
    "bg/nbd": {"relationship": "bg/nbd", "purchase_rate": 0.37, "churn": 0.0713, "spend": 11.3},
    "pareto/nbd": {
        "relationship": "pareto/nbd",
        "purchase_rate": 0.37,
        "death_rate": 0.0713,
        "spend": 11.3,
    },
    "bg/bb": {
        "relationship": "bg/bb",
        "purchase_probability": 0.37,
        "churn": 0.0713,
        "spend": 11.3,
    },
    "states": {
        "relationship": "states",
        "states": ["here", "gone"],
        "state_values": [1.0, 0.0],
        "transitions": [[0.93, 0.07], [0.0, 1.0]],
        "spend": 11.3,
    },
}


@pytest.mark.parametrize("target", ["value", "risk", "lift"])
@pytest.mark.parametrize("kind", ALIKE)
def test_of_customers_who_are_all_alike_a_share_is_drawn(kind, target):
    """All stand exactly on the threshold: a score that is off by its last bit reaches none, or all.

    Of many sums of money: one may round to the same number by accident.
    """
    segments = {f"s{i}": ALIKE[kind] | {"spend": 11.3 + 0.77 * i} for i in range(12)}
    cohorts = {f"c{i}": {"segment": f"s{i}", "customers": 2_000} for i in range(12)}
    save = {f"p{i}": SAVE | {"segments": [f"s{i}"], "target": target} for i in range(12)}
    tables = {
        "time": {"periods": 2},
        "money": {"discount_rate": 0.11},
        "segments": segments,
        "cohorts": cohorts,
        "programs": save,
    }
    compiled = compile_scenario(Scenario.model_validate(tables))
    worlds = worlds_of(compiled, count=1)
    # Eleven standard errors on either side.
    shares = worlds.program_flows[0, :, p.CONTACTS, 0] / 2_000
    assert 0.1 < shares.min() < shares.max() < 0.3


# What must not change the thresholds of others


def test_a_neutral_ranking_moves_no_threshold():
    def gates(programs):
        compiled = compiled_of(programs=programs)
        kept = [name for _, name, _ in compiled.levers.personal()]
        return {name: compiled.model.gates[row] for row, name in enumerate(kept)}

    neutral = {"m_neutral": SAVE | {"target": "lift", "contact_cost": 0.0}}
    found, before = gates(SOME | neutral), gates(SOME)
    assert (found["m_neutral"][p.GATE] < np.inf).any()
    for name, wanted in before.items():
        np.testing.assert_array_equal(found[name], wanted, err_msg=name)


def test_a_treatment_of_others_moves_no_threshold():
    """Programs meet only where they reach the same customers."""
    alone = {"save": STRONG | {"segments": ["home"]}}
    both = alone | {"office": STRONG | {"segments": ["office"], "target": "value"}}
    rows = [compiled_of(programs=one).model.gates[-1] for one in (alone, both)]
    np.testing.assert_array_equal(*rows)


def test_where_nobody_ranks_no_pilot_is_led(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(targeting.k, "pilot_of", refuse)
    for save in ({"target": "random"}, {"share": 0.0}, {"share": 1.0}, {"first": 23, "share": 0.0}):
        compiled_of(programs={"save": STRONG | save})
    with pytest.raises(AssertionError):
        compiled_of(programs={"save": STRONG})
