"""Where a customer goes next, and the walk of one from state to state under personal programs."""

import math

from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.kernels.beyond import NEVER_LEAVES
from clvsim.kernels.bits import minus_log
from clvsim.kernels.contract import close_all, effect, enter, happen
from clvsim.kernels.effects import (
    effect_of,
    hazard_ahead,
    last_cycle,
    margin_ahead,
    outlook_of,
    pay_under_effects,
    runs_on,
    runs_until,
)
from clvsim.kernels.inner import inlined, inner
from clvsim.kernels.random import occasion, uniform_pair


@inlined
def bar_of(fall, multiplier):
    """What an exponential must pass: a fall times a multiplier, infinite even times 0."""
    return multiplier * fall if fall < math.inf else math.inf


@inlined
def next_state(fall, state, states, exponential, multiplier):
    """The best state whose fall the exponential passes; states that cannot be are passed over.

    Parameters
    ----------
    fall : (state, state)
        As ``Moving.falls``, of one table: infinite where nobody gets, 0 in the worst reachable.
    exponential : float
        Minus the log of a uniform: above 0.
    """
    # All are counted: where to stop is a coin that no processor foresees. A fall is never above the
    # one before it.
    place = 0
    for better in range(states - 1):
        place += 0 if exponential > bar_of(fall[state, better], multiplier) else 1
    return place


@inlined
def next_of(bars, state, states, exponential):
    """As ``next_state``, where ``bars``, as ``Wandering.bars``, are falls times the multiplier.

    Four bars stand in a row: in a loop over one at a time, a customer's move took 2 ns more.
    """
    place = 0
    for better in range(0, states - 1, m.AT_ONCE):
        place += (
            (0 if exponential > bars[state, better] else 1)
            + (0 if exponential > bars[state, better + 1] else 1)
            + (0 if exponential > bars[state, better + 2] else 1)
            + (0 if exponential > bars[state, better + 3] else 1)
        )
    return place


@inlined
def comes_up(model, row, cell, step, scratch):
    """The step, if a treatment contacts or ends at it; else infinite: nothing is known ahead."""
    ends = scratch[p.SINCE, row] >= 0.0 and scratch[p.UNTIL, row] <= step
    contacts = model.gates[row, p.GATE, cell, step] < math.inf
    return float(step) if ends or contacts else math.inf


@inlined
def look_up(model, moving, cell, step, person, state, scratch):
    """Score a customer in a state for what is due at a step; whether anything may happen in it.

    A state may change with every step, and the score with it: so contacts are not known ahead.
    """
    spend, lift = person
    table, is_due = int(moving.facts[cell, m.TABLE]), False
    for row in range(model.personal.shape[0]):
        if int(model.personal[row, p.KIND]) == p.TREATMENT:
            target = int(model.personal[row, p.TARGET])
            scratch[p.EVENT, row] = comes_up(model, row, cell, step, scratch)
            scratch[p.HELD_BACK, row] = 0.0 if moving.meant[row, table, state] != 0.0 else 1.0
            if target == p.BY_VALUE:
                own = moving.worth[cell]
                worth = spend * own[m.AHEAD_UNIT, state] + own[m.AHEAD_HEAD, state]
                scratch[p.SCORE, row] = worth
            elif target == p.BY_RISK:
                scratch[p.SCORE, row] = moving.terms[table, m.RISK, state]
            elif target == p.BY_LIFT:
                scratch[p.SCORE, row] = lift
        is_due = is_due or scratch[p.EVENT, row] == step
    return is_due


@inner
def solve(system, size):
    """Solve linear systems whose diagonal dominates, in place: solutions are the last two columns.

    Parameters
    ----------
    system : (state, state + 2)
        Coefficients and the right sides; the first ``size`` rows and columns, and the last two.
    """
    rights = system.shape[1] - 2
    for pivot in range(size):
        for row in range(size):
            if row != pivot:
                share = system[row, pivot] / system[pivot, pivot]
                for column in range(pivot, size):
                    system[row, column] -= share * system[pivot, column]
                for column in range(rights, rights + 2):
                    system[row, column] -= share * system[pivot, column]
    for row in range(size):
        for column in range(rights, rights + 2):
            system[row, column] /= system[row, row]


@inner
def fill_odds(fall, states, multiplier, factor, odds):
    """Discounted probabilities of the states next, ``odds (state, state)``, under a multiplier."""
    for now in range(states):
        below = 0.0
        for then in range(states):
            is_there = fall[now, then] < math.inf
            reached = math.exp(-multiplier * fall[now, then]) if is_there else 0.0
            odds[now, then] = factor * (reached - below)
            below = reached


@inner
def fill_worth(outlook, chain, lift, last, factor, work):
    """Expected margin beyond the horizon by state, discounted to it, under effects that run on.

    Backwards: ``V = R + P/(1 + d) V'``. A cycle of recurring conditions makes that ``V = R̃ + P̃ V``,
    which is solved (with one period a cycle, ``[I - P/(1 + d)]⁻¹ R``: Pfeifer & Carraway 2000).
    Per unit of spend and per head, to the last two columns of ``work.system``.

    Parameters
    ----------
    chain : tuple
        Falls; what states bring in, and what contacts in them cost; number of states, the state of
        the lost, and the discount factor of receipts within a period.
    """
    fall, brings, costs, states, lost, receipt = chain
    odds, system, column, begin = work.odds, work.system, work.column, last_cycle(outlook, last)
    unit_of, head_of = system.shape[1] - 2, system.shape[1] - 1
    system[:] = 0.0
    for now in range(states):
        system[now, now] = 1.0
    for period in range(begin + outlook[3][2] - 1, -1, -1):
        fill_odds(fall, states, hazard_ahead(outlook, lift, period), factor, odds)
        unit, head = margin_ahead(outlook, period)
        # Before the cycle is closed, columns say how much of its own beginning follows the cycle.
        for place in range(system.shape[1]):
            for now in range(states):
                follows = 0.0
                if place == unit_of:
                    follows = brings[now] * unit
                elif place == head_of and now != lost:
                    follows = head - receipt * costs[now]
                for then in range(states):
                    follows += odds[now, then] * system[then, place]
                column[now] = follows
            for now in range(states):
                system[now, place] = column[now]
        if period == begin:
            for now in range(states):
                for then in range(states):
                    system[now, then] = (1.0 if now == then else 0.0) - system[now, then]
            solve(system, states)
            system[:, :unit_of] = 0.0


@inner
def is_known(outlook, cell, lift, known):
    """Whether what stands in ``Wandering.system`` is of this cell under these effects: it will be.

    ``known`` is as in ``Wandering``, and set.
    """
    personal, _, scratch, _ = outlook
    same = known[0] == cell
    known[0] = cell
    for row in range(personal.shape[0]):
        until, effects = 0.0, 1.0
        if runs_on(outlook, row, 0):
            until, effects = scratch[p.UNTIL, row], effect_of(personal, row, lift)
        same = same and known[2 * row + 1] == until and known[2 * row + 2] == effects
        known[2 * row + 1], known[2 * row + 2] = until, effects
    return same


@inlined
def walk(model, moving, cell, address, person, state, adoptions, customer, scratch, posts, work):
    """One customer from step to step: contacts and adoptions, then what a state brings in, a move.

    As long as no effect has changed a multiplier, every number is the one without programs, to the
    last bit.

    Parameters
    ----------
    address : tuple of seed, world, streams, rank
    person : tuple of spend, lift
    state : int
        State on entering the horizon.
    adoptions, customer
        As in ``contract.walk``.
    scratch : (SCRATCH, row)
        As in ``Block``.
    posts : (row, post, T + 1)
        As in ``CellSums``, added to.
    work : Wandering
        Added to.

    Returns
    -------
    tuple
        Step of leaving (``steps``: none), discounted margin of the states, discounted margin that
        programs change, and discounted residual value.
    """
    spend, lift = person
    seed, world, streams, rank = address
    facts, own = model.facts[cell], moving.facts[cell]
    steps, states, lost = int(facts[p.STEPS]), int(own[m.STATES]), int(own[m.LOST])
    table, joined, start = int(own[m.TABLE]), int(facts[p.JOINED_IN]), int(facts[p.START])
    brings, costs = moving.terms[table, m.BRINGS], moving.terms[table, m.COSTS]
    shared = model.schedule[cell]
    # Effects on spend follow the states: to the contract's rules these customers spend nothing.
    enter(model, cell, address, (0.0, 0.0, lift), -1, adoptions, customer, scratch)
    value, extra, effects, decision, step = 0.0, 0.0, 1.0, steps, 0
    first, second = 0.0, 0.0
    while step < steps:
        if look_up(model, moving, cell, step, person, state, scratch):
            margin, _ = happen(model, cell, step, address, (0.0, 0.0, lift), -1, scratch, posts)
            extra += margin
            effects = effect(model, lift, scratch)
        work.counts[step, state] += 1.0
        work.spent[step, state] += spend
        payment = model.discounting[model.receipts, step]
        unit, head = shared[p.UNIT_MARGIN, step], shared[p.HEAD_MARGIN, step]
        value += spend * brings[state] * unit + head - payment * costs[state]
        extra += pay_under_effects(model, cell, step, spend * brings[state], scratch, posts)
        tenure = start + step - joined
        if step == 0 or tenure % 2 == 0:
            when = occasion(joined, tenure // 2)
            first, second = uniform_pair(seed, world, streams[p.STREAM_STATE], rank, when)
        u = second if tenure % 2 == 1 else first
        multiplier = shared[p.MULTIPLIER, step] * effects
        state = next_state(moving.falls[table], state, states, minus_log(u), multiplier)
        if state == lost:
            decision = step
            break
        step += 1
    residual = 0.0
    if decision == steps and model.residual:
        residual = settle(model, moving, cell, person, state, scratch, work)
    extra = close_all(model, cell, min(decision + 1, steps), 0.0, extra, scratch, posts)
    return decision, value, extra, residual


@inlined
def settle(model, moving, cell, person, state, scratch, work):
    """Residual value of one still a customer, effects that run on included, as of joining.

    What is found under effects is kept for the next customer of the cell under the same ones.
    """
    spend, lift = person
    discount, ahead = model.period_factor ** int(model.facts[cell, p.STEPS]), moving.ahead[cell]
    outlook = outlook_of(model, cell, scratch)
    last = runs_until(outlook)
    if last < 0:
        return discount * (spend * ahead[m.AHEAD_UNIT, state] + ahead[m.AHEAD_HEAD, state])
    if not is_known(outlook, cell, lift, work.known):
        own = moving.facts[cell]
        table, states, lost = int(own[m.TABLE]), int(own[m.STATES]), int(own[m.LOST])
        terms, receipt = moving.terms[table], model.discounting[model.receipts, 0]
        chain = moving.falls[table], terms[m.BRINGS], terms[m.COSTS], states, lost, receipt
        factor = min(model.period_factor, 1.0 - NEVER_LEAVES)
        fill_worth(outlook, chain, lift, last, factor, work)
    system = work.system
    unit, head = system[state, system.shape[1] - 2], system[state, system.shape[1] - 1]
    return discount * (spend * unit + head)
