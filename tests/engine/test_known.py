"""Customers whose past is known: against the naive twin, bit for bit whoever else is there."""

import dataclasses

import numpy as np
import pytest
import scipy.stats

from clvsim.engine import known as engine
from clvsim.engine.known import Belief, KnownBase, Law, Person
from clvsim.engine.shocks import no_shocks
from clvsim.kernels import known as k
from tests import naive_known
from tests.kernels.test_purchases import PROGRAMS, SEGMENTS, scenario_of
from tests.kernels.test_states import PERSONAL
from tests.kernels.test_states import scenario_of as moving_scenario
from tests.statistics import FALSE_ALARM_RATE, assert_mean
from tests.twins import assert_money

SEED, WORLD, PEOPLE = 7, 3, 60
PLAIN = {"channels": {}, "cohorts": {}, "offers": {}}
LETTER = {"kind": "retention", "segments": ["s"], "every": 3, "contact_cost": 1.0, "rate": 1.5,
          "hazard": 0.6, "duration": 4, "acceptance": 0.8}  # fmt: skip
ALL = {
    "letter": LETTER | {"target": "value", "share": 0.3},
    "again": LETTER | {"recency": {"at_most": 6}, "value": {"at_least": 20.0}},
    "add_on": PROGRAMS["add_on"],
}


def law(kind, a, b):
    return Law(kind, np.full(PEOPLE, a), np.full(PEOPLE, b))


def people_of(segment="s", size=PEOPLE):
    """Customers of all kinds of pasts."""
    random = np.random.default_rng(4)
    tenure = random.integers(0, 4, size)
    count = random.integers(1, 9, size).astype(float)
    return Person(
        segment,
        tenure,
        random.integers(0, 2**32 - 1, size),
        -tenure * random.random(size),
        count,
        count * random.gamma(4.0, 6.0, size),
        random.integers(0, 2, size).astype(float),
    )


def belief_of(relationship):
    """Traits as far from one another as fits have them."""
    random = np.random.default_rng(5)
    there, shapes = random.random(PEOPLE), random.gamma(1.0, 2.0, PEOPLE) + 0.05
    beta = Law(k.BETA_HAZARD, shapes, np.full(PEOPLE, 6.0))
    rate = Law(k.GAMMA, shapes, np.full(PEOPLE, 0.3))
    spend = Law(k.INVERSE_GAMMA, 3.0 + shapes, np.full(PEOPLE, 96.5))
    if relationship == "contract":
        return Belief(there, beta, law(k.AS_ALL, 0.0, 0.0), Law(k.KNOWN, 9.0 * shapes, shapes))
    if relationship == "pareto/nbd":
        return Belief(there, law(k.GAMMA, 0.6, 0.1), rate, law(k.AS_ALL, np.nan, 0.0))
    if relationship == "bg/bb":
        return Belief(there, beta, Law(k.BETA_HAZARD, shapes, np.full(PEOPLE, 2.0)), spend)
    return Belief(there, beta, rate, spend)


def base_of(relationship, people, belief, programs=None):
    segment = "contract" if relationship == "contract" else "s"
    name = "bg/nbd" if relationship == "contract" else relationship
    listed = programs or {}
    if segment == "contract":
        listed = {one: {**own, "segments": [segment]} for one, own in listed.items()}
        for own in listed.values():
            own.pop("recency", None), own.pop("value", None), own.pop("rate", None)
    scenario = scenario_of(name, **PLAIN, programs=listed)
    people = dataclasses.replace(people, segment=segment)
    shocks = no_shocks(scenario.time.periods)
    base = KnownBase(scenario, shocks, [(people, belief)], SEED, WORLD)
    return base, people


@pytest.fixture(params=[*SEGMENTS, "contract"])
def relationship(request):
    return request.param


@pytest.mark.parametrize("programs", [None, ALL], ids=["plain", "programs"])
def test_lives_agree_with_the_naive_twin(relationship, programs):
    belief = belief_of(relationship)
    base, people = base_of(relationship, people_of(), belief, programs)
    found = base.live(people, belief, WORLD)
    twins = np.array(naive_known.lives(base.compiled, SEED, WORLD, people, belief), dtype=float)
    np.testing.assert_array_equal(found.bought, twins[:, 1])
    np.testing.assert_array_equal(found.stays, twins[:, 2])
    assert_money(found.value, twins[:, 0])
    assert 0.1 < found.stays.mean() < 0.95
    assert len(np.unique(found.value)) > 0.9 * PEOPLE


@pytest.mark.parametrize("known", [True, False], ids=["spend known", "spend as all"])
def test_lives_in_states_agree_with_the_naive_twin(known):
    letter = {"kind": "retention", "segments": ["s"], "every": 2, "contact_cost": 1.0,
              "hazard": 0.6, "duration": 3, "acceptance": 0.8, "states": ["weak", "good"],
              "personal_lift": True}  # fmt: skip
    scenario = moving_scenario(**PLAIN, programs={"letter": letter, "add_on": PERSONAL["add_on"]})
    people = dataclasses.replace(
        people_of(), state=np.random.default_rng(9).integers(0, 4, PEOPLE).astype(float)
    )
    nothing = law(k.AS_ALL, 0.0, 0.0)
    spend = Law(k.KNOWN, np.linspace(0.5, 3.0, PEOPLE), np.zeros(PEOPLE)) if known else nothing
    belief = Belief(np.ones(PEOPLE), nothing, nothing, spend)
    base = KnownBase(scenario, no_shocks(scenario.time.periods), [(people, belief)], SEED, WORLD)
    found = base.live(people, belief, WORLD)
    twins = np.array(naive_known.lives(base.compiled, SEED, WORLD, people, belief), dtype=float)
    np.testing.assert_array_equal(found.bought, twins[:, 1])
    np.testing.assert_array_equal(found.stays, twins[:, 2])
    assert_money(found.value, twins[:, 0])
    assert len(np.unique(found.bought)) > 3


def test_each_lives_the_same_life_whoever_else_is_there(relationship, monkeypatch):
    belief = belief_of(relationship)
    base, people = base_of(relationship, people_of(), belief, {"again": ALL["again"]})
    whole = base.live(people, belief, WORLD)
    order = np.random.default_rng(1).permutation(PEOPLE)[: PEOPLE // 2]
    some, own = engine._some(people, order), engine._believed(belief, order)
    alone, some = base_of(relationship, some, own, {"again": ALL["again"]})
    monkeypatch.setattr(engine, "_PIECE", 7)
    monkeypatch.setattr(engine, "BLOCK", 5)
    part = alone.live(some, own, WORLD)
    for field in dataclasses.fields(whole):
        ours, theirs = getattr(part, field.name), getattr(whole, field.name)[order]
        np.testing.assert_array_equal(ours, theirs)


def test_a_treatment_by_rank_reaches_its_share_of_those_listed(relationship):
    """Its cost is all that it changes: the first of the ranking, not of some other population."""
    size, share = 4_000, 0.25
    people = people_of(size=size)
    belief = engine._believed(belief_of(relationship), np.arange(size) % PEOPLE)
    # Who is hardly there any more hardly takes anybody's place in the ranking.
    judged = belief.pace.a if relationship != "contract" else belief.spend.a
    there = np.where(judged > np.median(judged), 0.95, 0.05)
    belief = dataclasses.replace(belief, there=there)
    once = {"kind": "retention", "segments": ["s"], "target": "value", "share": share,
            "every": 4096, "contact_cost": 1.0}  # fmt: skip
    before, people = base_of(relationship, people, belief)
    after, _ = base_of(relationship, people, belief, {"once": once})
    plain, reached = (base.live(people, belief, WORLD).value for base in (before, after))
    contacted = (plain - reached).round(9)
    assert set(np.unique(contacted)) == {0.0, 1.0}
    # The bar is set by a sample of every cell: its share of those listed has that sample's error.
    weight = belief.there / belief.there.sum()
    sampled = engine._ALL // len(np.unique(people.tenure))
    error = np.sqrt(share * (1.0 - share) / sampled)
    assert_mean(float(weight @ contacted), error, share, fault=1.6 * share)
    assert plain[contacted == 1.0].mean() > plain[contacted == 0.0].mean()


def test_a_treatment_by_rank_reaches_its_share_of_those_still_there():
    """Those listed are led through the horizon under what a treatment does to who stays."""
    size, share, period = 8_000, 0.25, 6
    people = people_of(size=size)
    belief = engine._believed(belief_of("contract"), np.arange(size) % PEOPLE)
    hazard = Law(k.BETA_HAZARD, np.full(size, 0.7), np.full(size, 4.0))
    belief = dataclasses.replace(belief, hazard=hazard)
    save = {"kind": "retention", "segments": ["s"], "target": "risk", "share": share,
            "hazard": 0.1}  # fmt: skip
    once = save | {"hazard": 1.0, "first": period, "every": 4096, "contact_cost": 1.0}
    before, people = base_of("contract", people, belief, {"save": save})
    after, _ = base_of("contract", people, belief, {"save": save, "once": once})
    plain, reached = (base.live(people, belief, WORLD) for base in (before, after))
    there = plain.bought > period
    contacted = plain.value != reached.value
    assert not contacted[~there].any()
    weight = belief.there * there
    sampled = engine._ALL // len(np.unique(people.tenure)) * there.mean()
    error = np.sqrt(share * (1.0 - share) * (1.0 / sampled + 1.0 / there.sum()))
    # With a threshold that is blind for what it does, nearly twice as many were contacted by then.
    assert_mean(float(weight @ contacted / weight.sum()), error, share, fault=1.6 * share)


@pytest.mark.parametrize("shape", [0.05, 0.6, 1.0, 3.7, 400.0])
def test_variates_are_gamma(shape):
    size = 4_000
    people = Person(
        "s",
        np.zeros(size, dtype=np.int64),
        np.arange(size),
        *np.zeros((2, size)),
        np.ones(size),
        np.ones(size),
    )
    pace = Law(k.GAMMA, np.full(size, shape), np.full(size, 2.0))
    spend = Law(k.KNOWN, np.full(size, 1.0), np.zeros(size))
    belief = Belief(np.ones(size), Law(k.GAMMA, np.full(size, 0.5), np.ones(size)), pace, spend)
    base, people = base_of("pareto/nbd", people, belief)
    rows = base._simulate(people, belief, WORLD)
    found = scipy.stats.kstest(rows[:, k.PACE], scipy.stats.gamma(shape, scale=2.0).cdf)
    assert found.pvalue > FALSE_ALARM_RATE
    wrong = scipy.stats.kstest(rows[:, k.PACE], scipy.stats.gamma(1.3 * shape, scale=2.0).cdf)
    assert wrong.pvalue < FALSE_ALARM_RATE
