"""Pilot customers, led through the horizon together, by whom the thresholds of rankings are found.

Programs begin, last and end for them by the very rules of the walks. Only staying differs: who
might leave stays, and stands for fewer. Their draws are those of a world that is never simulated,
so that nothing here depends on a seed; where they move between states, moves are spread evenly.
"""

import math
from typing import NamedTuple

import numpy as np

from clvsim.kernels import buying as b
from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.kernels.bits import minus_log
from clvsim.kernels.contract import effect, enter, happen
from clvsim.kernels.history import hold_back, is_asked_for
from clvsim.kernels.inner import cached, inlined, inner
from clvsim.kernels.moves import bar_of, comes_up, fill_odds, look_up, next_state
from clvsim.kernels.plan import Floats, Ints
from clvsim.kernels.purchases import amount_of, look_out, rate_effect
from clvsim.kernels.purchases_beyond import period_ahead
from clvsim.kernels.random import event_address, occasion, uniform_pair
from clvsim.kernels.traits import (
    CHURN,
    KEENNESS,
    PURCHASES,
    SPEND,
    TRAIT_COUNT,
    TRAITS,
    correlate,
    fill_trait,
    is_correlated,
)

# Rows of ``Pilot.people``.
#: Traits (pace: 0 unless they buy); customers that one stands for: on joining the horizon, and
#: then of those, all that are still there.
HAZARD, SPEND_OF, LIFT_OF, PACE, WEIGHT = range(5)
#: State; moment of the last purchase, steps; purchases and what they were worth, currency.
STATE_OF, LATEST, COUNT, SPENT = range(5, 9)
#: Draws of purchases so far.
DRAWN = 9
PEOPLE = 10
#: Key and world of the draws.
SEED, WORLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFFFFFFFF)
#: Customers in a row whose moves are spread evenly over the unit interval.
STRATA = 128
_LEAST = 1e-12


class Pilot(NamedTuple):
    """Pilot customers of some cells.

    Attributes
    ----------
    cells : (place,) int64
    people : (place, row, customer)
    scratch : (place, customer, SCRATCH, personal program or place of ``SPELL``)
        What a walk remembers, as in ``Block``.
    posts : (personal program + 1, row, T + 1)
        Written to and not read.
    uniforms : (trait, customer)
        Scratch of one cell, as are all that follow.
    scores : (trait,)
    adoptions : (personal program, customer)
    odds : (state, state)
    shares : (2, state)
    strata : (2, state, STRATA)
        Parts of the unit interval not yet drawn from, by state, for those without effects and with.
    left : (2, state) int64
        How many there are.
    """

    cells: Ints
    people: Floats
    scratch: Floats
    posts: Floats
    uniforms: Floats
    scores: Floats
    adoptions: Floats
    odds: Floats
    shares: Floats
    strata: Floats
    left: Ints


def pilot_of(model: p.Model, moving: m.Moving | None, cells: Ints, size: int) -> Pilot:
    """Pilot customers, so many of each cell, of whom nothing is known yet."""
    rows, states = model.personal.shape[0], 1 if moving is None else moving.falls.shape[1]
    return Pilot(
        cells=cells,
        people=np.zeros((len(cells), PEOPLE, size)),
        scratch=np.zeros((len(cells), size, p.SCRATCH, max(rows, p.SPELL_PLACES))),
        posts=np.zeros((rows + 1, p.POSTS, model.gates.shape[3])),
        uniforms=np.zeros((len(TRAITS), size)),
        scores=np.zeros(len(TRAITS)),
        adoptions=np.zeros((rows, size)),
        odds=np.zeros((states, states)),
        shares=np.zeros((2, states)),
        strata=np.zeros((2, states, STRATA)),
        left=np.zeros((2, states), dtype=np.int64),
    )


@inlined
def buys(buying, cell):
    """Whether a cell's customers buy now and then."""
    return buying is not None and int(buying.facts[cell, b.KIND]) != b.CONTRACT


@inlined
def moves(moving, cell):
    """Whether a cell's customers move between states."""
    return moving is not None and moving.facts[cell, m.IS_STATES] != 0.0


@inlined
def address_of(model, cell, customer):
    """Address of a pilot customer's draws."""
    return SEED, WORLD, model.streams[int(model.facts[cell, p.GROUP])], customer


@inner
def fill_people(model, buying, moving, cell, even, people, pilot):
    """Traits of a cell's customers, ``even`` as in ``set_out``."""
    size, group = people.shape[1], int(model.facts[cell, p.GROUP])
    u = pilot.uniforms[: len(TRAITS) if buys(buying, cell) else TRAIT_COUNT]
    for trait in range(u.shape[0]):
        for i in range(size):
            # Cells of one group fill each other's gaps.
            u[trait, i] = even[cell * size + i, trait]
    if moves(moving, cell):
        # In the order of their spend: neighbours move to all states (``spread``).
        for i in range(size):
            u[SPEND, i] = (i + 0.5) / size
    if int(model.facts[cell, p.SOURCE]) == p.ARRIVALS:
        keen = model.facts[cell, p.LIMIT] / model.facts[cell, p.PROSPECTS]
        for i in range(size):
            u[KEENNESS, i] *= keen
    if is_correlated(model.traits, group):
        correlate(model.traits, group, size, pilot.scores, u)
    for trait in range(CHURN, TRAIT_COUNT):
        fill_trait(model.traits, group, trait, size, u[trait], people[HAZARD + trait - CHURN])
    if buys(buying, cell):
        fill_trait(model.traits, group, PURCHASES, size, u[PURCHASES], people[PACE])


@inner
def join(model, buying, cell, people, scratch, pilot):
    """Bring a cell's customers to where their walks begin: scores, adoptions, no effect yet."""
    facts, size = model.facts[cell], people.shape[1]
    when = occasion(int(facts[p.JOINED_IN]), int(facts[p.START]))
    for row in range(model.personal.shape[0]):
        for i in range(size):
            seed, world, streams, rank = address_of(model, cell, i)
            stream = streams[p.PERSONAL_STREAMS + row]
            u, _ = uniform_pair(seed, world, stream, rank, when)
            is_joined = int(model.personal[row, p.KIND]) == p.MEMBERSHIP
            pilot.adoptions[row, i] = minus_log(u) if is_joined else math.inf
    for i in range(size):
        who = address_of(model, cell, i)
        hazard, spend, lift = people[HAZARD, i], people[SPEND_OF, i], people[LIFT_OF, i]
        if buying is not None and buys(buying, cell):
            person = hazard, spend, lift, people[PACE, i], 0.0
            look_out(model, buying, cell, who, person, pilot.adoptions, i, scratch[i])
        else:
            enter(model, cell, who, (hazard, spend, lift), -1, pilot.adoptions, i, scratch[i])


@inlined
def spread(address, when, strata, left):
    """A uniform from a part of the unit interval that the customers before did not draw from.

    Parameters
    ----------
    strata : (STRATA,)
    left : (1,) int64
    """
    seed, world, streams, rank = address
    inside, which = uniform_pair(seed, world, streams[p.STREAM_STATE], rank, when)
    if left[0] == 0:
        for one in range(STRATA):
            strata[one] = one
        left[0] = STRATA
    place = int(which * left[0])
    left[0] -= 1
    part = strata[place]
    strata[place] = strata[left[0]]
    return min((part + inside) / STRATA, 1.0 - _LEAST)


@inner
def place_in_states(model, moving, cell, people, pilot):
    """States of a cell's customers on entering the horizon: in those there as many as expected."""
    own, facts = moving.facts[cell], model.facts[cell]
    fall, states, lost = moving.falls[int(own[m.TABLE])], int(own[m.STATES]), int(own[m.LOST])
    now, then = pilot.shares
    now[:] = 0.0
    now[int(own[m.BEGIN])] = 1.0
    for tenure in range(int(facts[p.START] - facts[p.JOINED_IN])):
        fill_odds(fall, states, moving.past[cell, tenure], 1.0, pilot.odds)
        for state in range(states):
            then[state] = 0.0
            for before in range(states):
                then[state] += now[before] * pilot.odds[before, state]
        for state in range(states):
            now[state] = then[state] if state != lost else 0.0
    there = 0.0
    for state in range(states):
        there += now[state]
    pilot.left[:] = 0
    when = occasion(int(facts[p.JOINED_IN]), 0)
    for i in range(people.shape[1]):
        strata, left = pilot.strata[0, 0], pilot.left[0]
        u = spread(address_of(model, cell, i), when, strata, left) * there
        state = 0
        while state < states - 1 and u >= now[state]:
            u -= now[state]
            state += 1
        people[STATE_OF, i] = min(state, lost - 1) if lost >= 0 else state


@inlined
def shop(model, buying, cell, address, begin, rate, person, people):
    """Purchases of a customer in one period, to the history that ``hold_back`` reads.

    Parameters
    ----------
    begin : int
        The period's beginning, steps.
    rate : float
        Of the purchases after which the customer stays.
    person : tuple of spend, the customer's place
    people : (row, customer)
    """
    spend, i = person
    seed, world, streams, rank = address
    joined, kind = int(model.facts[cell, p.JOINED_IN]), int(buying.facts[cell, b.KIND])
    joins = begin + int(model.facts[cell, p.START]) == joined
    # (Who is known has bought on joining.)
    is_first, moment, end = joins and people[COUNT, i] == 0.0, begin, begin + 1.0
    while True:
        stream, when = event_address(streams[p.STREAM_PURCHASE], joined, int(people[DRAWN, i]))
        people[DRAWN, i] += 1.0
        draw, u = uniform_pair(seed, world, stream, rank, when)
        if not is_first:
            gap = minus_log(draw) / rate if rate > 0.0 else math.inf
            moment += np.floor(gap) if kind == b.BG_BB else gap
        if moment >= end:
            break
        people[LATEST, i] = moment
        people[COUNT, i] += 1.0
        people[SPENT, i] += amount_of(model, cell, spend, u)
        if kind == b.BG_BB:
            break
        is_first = False


@inlined
def stay(buying, cell, multipliers, person):
    """Chance of a period to be outlived, and the rate of purchases that do not end a life.

    Parameters
    ----------
    multipliers : tuple of hazard, rate
    person : tuple of hazard, pace
    """
    hazard, rate = person[0] * multipliers[0], person[1] * multipliers[1]
    kind = b.CONTRACT if buying is None else int(buying.facts[cell, b.KIND])
    _, kept = period_ahead(kind, hazard, rate)
    return kept, rate * math.exp(-hazard) if kind == b.BG_NBD else rate


@inner
def weigh(model, buying, cell, people):
    """How many customers each of a cell's stands for on entering, and what it has bought by then.

    A base's are those of its cohort who have stayed.
    """
    facts, size = model.facts[cell], people.shape[1]
    tenure, total = int(facts[p.START] - facts[p.JOINED_IN]), 0.0
    for i in range(size):
        weight = 1.0
        hazard, spend, pace = people[HAZARD, i], people[SPEND_OF, i], people[PACE, i]
        if buying is None or not buys(buying, cell):
            weight = math.exp(-hazard * facts[p.ORIGIN])
        else:
            multiplier, kept, rate = -1.0, 1.0, 0.0
            for period in range(tenure):
                if buying.past[cell, period] != multiplier:
                    multiplier = buying.past[cell, period]
                    kept, rate = stay(buying, cell, (multiplier, 1.0), (hazard, pace))
                weight *= kept
                if is_asked_for(model):
                    who, begin = address_of(model, cell, i), period - tenure
                    shop(model, buying, cell, who, begin, rate, (spend, i), people)
        people[WEIGHT, i] = weight
        total += weight
    for i in range(size):
        people[WEIGHT, i] *= facts[p.LIMIT] / max(total, 1e-300)


@inner
def score_in_states(model, moving, cell, step, people, scratch):
    """Score a cell's customers in their states for a step."""
    for i in range(people.shape[1]):
        person = people[SPEND_OF, i], people[LIFT_OF, i]
        look_up(model, moving, cell, step, person, int(people[STATE_OF, i]), scratch[i])


@cached
def set_out(model, buying, moving, pilot, even):
    """Bring all customers to where their cells enter the horizon.

    Parameters
    ----------
    even : (cell and customer, trait)
        Uniforms, those of each cell together; none: traits, weights and past purchases are given.
    """
    is_known = even.shape[0] == 0
    for place in range(pilot.cells.shape[0]):
        cell, people, scratch = pilot.cells[place], pilot.people[place], pilot.scratch[place]
        if not is_known:
            fill_people(model, buying, moving, cell, even, people, pilot)
        join(model, buying, cell, people, scratch, pilot)
        if not is_known:
            weigh(model, buying, cell, people)
        if moving is not None and moves(moving, cell):
            for i in range(people.shape[1]):
                people[WEIGHT, i] = model.facts[cell, p.LIMIT] / people.shape[1]
            place_in_states(model, moving, cell, people, pilot)
            score_in_states(model, moving, cell, 0, people, scratch)


@inlined
def meet(model, cell, step, address, person, scratch, posts):
    """Events of a step whose contacts are not known ahead; the effects' hazard multiplier."""
    for row in range(model.personal.shape[0]):
        if int(model.personal[row, p.KIND]) == p.TREATMENT:
            scratch[p.EVENT, row] = comes_up(model, row, cell, step, scratch)
    happen(model, cell, step, address, person, -1, scratch, posts)
    return effect(model, person[2], scratch)


@inner
def lead_buyers(model, buying, cell, step, people, scratch, posts):
    """One step of a cell's customers under contract, or who buy now and then."""
    shared, has_past = model.schedule[cell, p.MULTIPLIER, step], is_asked_for(model)
    for i in range(people.shape[1]):
        who, rate = address_of(model, cell, i), 0.0
        hazard, spend = people[HAZARD, i], people[SPEND_OF, i]
        lift, pace = people[LIFT_OF, i], people[PACE, i]
        if has_past:
            past = people[LATEST, i], int(people[COUNT, i]), people[SPENT, i]
            hold_back(model, step, past, scratch[i])
        effects = meet(model, cell, step, who, (hazard, 0.0, lift), scratch[i], posts)
        if buying is not None:
            rate = buying.schedule[cell, b.MULTIPLIER, step] * rate_effect(model, scratch[i])
        kept, often = stay(buying, cell, (shared * effects, rate), (hazard, pace))
        people[WEIGHT, i] *= kept
        if buying is not None and has_past and buys(buying, cell):
            shop(model, buying, cell, who, step, often, (spend, i), people)


@inner
def lead_in_states(model, moving, cell, step, people, scratch, pilot):
    """One step of a cell's customers who move between states: moves of those who are not lost."""
    own, facts = moving.facts[cell], model.facts[cell]
    fall, states, lost = moving.falls[int(own[m.TABLE])], int(own[m.STATES]), int(own[m.LOST])
    joined, start = int(facts[p.JOINED_IN]), int(facts[p.START])
    when = occasion(joined, start + step)
    pilot.left[:] = 0
    for i in range(people.shape[1]):
        who, state = address_of(model, cell, i), int(people[STATE_OF, i])
        person, effects = (people[SPEND_OF, i], people[LIFT_OF, i]), 1.0
        look_up(model, moving, cell, step, person, state, scratch[i])
        happen(model, cell, step, who, (0.0, 0.0, person[1]), -1, scratch[i], pilot.posts)
        effects = effect(model, person[1], scratch[i])
        multiplier, stays = model.schedule[cell, p.MULTIPLIER, step] * effects, 1.0
        if lost >= 0:
            stays = math.exp(-bar_of(fall[state, lost - 1], multiplier))
            people[WEIGHT, i] *= stays
        side = 0 if effects == 1.0 else 1
        strata, left = pilot.strata[side, state], pilot.left[side, state : state + 1]
        u = spread(who, when, strata, left) * stays
        after = next_state(fall, state, states, minus_log(max(u, 1e-300)), multiplier)
        people[STATE_OF, i] = min(after, lost - 1) if lost >= 0 else after
    if step + 1 < int(facts[p.STEPS]):
        score_in_states(model, moving, cell, step + 1, people, scratch)


@cached
def lead(model, buying, moving, pilot, period):
    """Lead all customers through a period of the horizon: programs, then who stays."""
    for place in range(pilot.cells.shape[0]):
        cell, people, scratch = pilot.cells[place], pilot.people[place], pilot.scratch[place]
        step = period - int(model.facts[cell, p.START])
        if step < 0:
            continue
        if moving is not None and moves(moving, cell):
            lead_in_states(model, moving, cell, step, people, scratch, pilot)
        else:
            lead_buyers(model, buying, cell, step, people, scratch, pilot.posts)
