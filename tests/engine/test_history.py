"""Treatments that ask for purchases so far: whom they reach, and what they leave alone."""

import math

import numpy as np
import pytest
from scipy import stats

from clvsim.engine.compile import compile_scenario
from clvsim.errors import ClvsimError
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests.engine.test_identity import CELL, assert_identical, worlds_of
from tests.engine.test_purchases import LARGE, SEED
from tests.kernels.test_purchases import BUYERS, PROGRAMS, SEGMENTS, scenario_of
from tests.statistics import assert_proportion
from tests.twins import rows_of

RATE, CHANCE, SPEND, SHAPE, AGE = 0.4, 0.3, 12.0, 2.0, 5
LETTER = {"kind": "retention", "segments": BUYERS, "share": 0.5, "every": 4, "acceptance": 0.7,
          "contact_cost": 1.0, "rate": 1.5, "duration": 3}  # fmt: skip
#: Amounts of a normal distribution may be negative: a mean of any size, then.
ANYTHING = {"recency": {"at_least": 0}, "frequency": {"at_least": 0, "at_most": 10_000},
            "value": {}}  # fmt: skip


@pytest.fixture(scope="module", params=SEGMENTS)
def relationship(request):
    return request.param


@pytest.mark.parametrize("target", ["random", "value"])
def test_a_window_that_leaves_nobody_out_changes_no_bit(relationship, target):
    def worlds(**changes):
        programs = {"letter": LETTER | {"target": target} | changes, "add_on": PROGRAMS["add_on"]}
        changed = LARGE | {"programs": programs}
        return worlds_of(compile_scenario(scenario_of(relationship, **changed)), count=2)

    assert_identical(worlds(**ANYTHING), worlds())


def test_only_those_that_are_contacted_change(relationship):
    once = LETTER | {"share": 1.0, "every": 60, "first": 6, "recency": {"at_least": 2.5}}
    before = rows_of(compile_scenario(scenario_of(relationship, **LARGE)), SEED, 0)
    compiled = compile_scenario(scenario_of(relationship, **LARGE, programs={"letter": once}))
    after = rows_of(compiled, SEED, 0)
    changed = (before != after).any(axis=1)
    world = worlds_of(compiled, count=1)
    contacts = world.program_flows[0, 0, p.CONTACTS].sum()
    active = world.flows[0, p.ACTIVE, 6]
    assert changed.sum() == contacts
    assert 20 < contacts < 0.9 * active
    joined = compiled.levers.cohorts.joined[after[changed, CELL].astype(int)]
    assert (joined <= 6 - 2.5).all()


def everlasting(relationship, source, window, period):
    """Contacts and active customers of one period, where nobody ever leaves."""
    segment = {
        "bg/nbd": {"purchase_rate": RATE, "churn": 0.0},
        "pareto/nbd": {"purchase_rate": RATE, "death_rate": 0.0},
        "bg/bb": {"purchase_probability": CHANCE, "churn": 0.0},
    }[relationship]
    letter = LETTER | {"segments": [], "share": 1.0, "acceptance": 0.0, "every": 60}
    own = {"segment": "s", "customers": 20_000}
    tables = {
        "time": {"periods": 10},
        "segments": {
            "s": {"relationship": relationship, "spend": SPEND, "spend_shape": SHAPE, **segment}
        },
        "cohorts": {"new": own} if source == "new" else {},
        "installed_base": {"old": own | {"tenure": AGE}} if source == "old" else {},
        "programs": {"letter": letter | {"first": period} | window},
    }
    worlds = worlds_of(compile_scenario(Scenario.model_validate(tables)), count=1, threads=2)
    contacts = worlds.program_flows[0, 0, p.CONTACTS]
    assert contacts.sum() == contacts[period]
    assert worlds.flows[0, p.ACTIVE, period] == 20_000
    return int(contacts[period])


@pytest.mark.parametrize("period", [0, 8])
@pytest.mark.parametrize("source", ["new", "old"])
def test_the_share_within_a_window_of_recency(relationship, source, period):
    tenure = period + (AGE if source == "old" else 0)
    # Not bought in the last two periods, and in one of the two before.
    bought = 1.0 - CHANCE if relationship == "bg/bb" else math.exp(-RATE)
    share = bought**2 - bought**4 if tenure > 4 else 0.0
    window = {"recency": {"at_least": 2, "at_most": 4}}
    if relationship == "bg/bb":
        # Opportunities lie on the bounds, and those count.
        window = {"recency": {"at_least": 3, "at_most": 4}}
    contacts = everlasting(relationship, source, window, period)
    if tenure > 4:
        assert_proportion(contacts, 20_000, share, fault=1.25 * share)
    else:
        assert contacts == 0


@pytest.mark.parametrize("period", [0, 8])
@pytest.mark.parametrize("source", ["new", "old"])
def test_the_share_within_a_window_of_frequency(relationship, source, period):
    tenure = period + (AGE if source == "old" else 0)
    # The purchase on joining, and one or two after it.
    again = stats.poisson(RATE * tenure)
    if relationship == "bg/bb":
        again = stats.binom(max(tenure - 1, 0), CHANCE)
    share = float(again.pmf(1) + again.pmf(2))
    window = {"frequency": {"at_least": 2, "at_most": 3}}
    contacts = everlasting(relationship, source, window, period)
    assert_proportion(contacts, 20_000, share, fault=1.25 * share if share else 0.1)


@pytest.mark.parametrize("source", ["new", "old"])
def test_the_share_within_a_window_of_value(relationship, source):
    tenure = 8 + (AGE if source == "old" else 0)
    again = stats.poisson(RATE * tenure)
    if relationship == "bg/bb":
        again = stats.binom(tenure - 1, CHANCE)
    share = sum(
        float(again.pmf(n - 1) * stats.gamma(SHAPE * n, scale=SPEND / SHAPE / n).sf(15.0))
        for n in range(1, 40)
    )
    contacts = everlasting(relationship, source, {"value": {"at_least": 15}}, 8)
    assert_proportion(contacts, 20_000, share, fault=1.25 * share)


def test_on_joining_nothing_has_been_bought(relationship):
    assert everlasting(relationship, "new", {"frequency": {"at_most": 0}}, 0) == 20_000
    assert everlasting(relationship, "new", {"frequency": {"at_least": 1}}, 0) == 0


@pytest.mark.parametrize("segment", ["contract", "s"])
def test_history_needs_purchases(segment):
    letter = LETTER | {"segments": [segment], "recency": {"at_least": 2}}
    scenario = scenario_of("bg/nbd", programs={"letter": letter})
    if segment == "s":
        assert compile_scenario(scenario)
    else:
        with pytest.raises(ClvsimError, match="'letter' asks for what customers have bought"):
            compile_scenario(scenario)


def test_the_bounds_of_a_window_count():
    """All buy on joining and never again: on the bounds of every window, and just outside."""
    found = []
    for least, most in ((3, 3), (3.01, 5), (0, 2.99), (2, 3), (3, 4)):
        segment = {"relationship": "pareto/nbd", "purchase_rate": 0.0, "death_rate": 0.0,
                   "spend": 1.0}  # fmt: skip
        tables = {
            "time": {"periods": 6},
            "segments": {"s": segment},
            "cohorts": {"a": {"segment": "s", "customers": 5}},
            "programs": {
                "letter": LETTER
                | {"segments": [], "share": 1.0, "every": 60, "first": 3}
                | {"recency": {"at_least": least, "at_most": most}}
            },
        }
        worlds = worlds_of(compile_scenario(Scenario.model_validate(tables)), count=1)
        found.append(worlds.program_flows[0, 0, p.CONTACTS].sum())
    np.testing.assert_array_equal(found, [5, 0, 0, 5, 5])
