"""Where a customer goes next, and the walk of one from state to state under personal programs."""

import math

from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.kernels.beyond import NEVER_LEAVES
from clvsim.kernels.bits import minus_log
from clvsim.kernels.contract import close, effect, enter, happen
from clvsim.kernels.effects import lasts, pay_under_effects
from clvsim.kernels.inner import inlined, inner
from clvsim.kernels.random import occasion, uniform_pair


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
    # one before it; where nobody gets it is infinite, not passed even under a multiplier of 0.
    place = 0
    for better in range(states - 1):
        place += 0 if exponential > multiplier * fall[state, better] else 1
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
def look_up(model, moving, cell, step, person, state, scratch):
    """Score a customer in a state for what is due at a step; whether anything may happen in it.

    A state may change with every step, and the score with it: so contacts are not known ahead.
    """
    spend, lift = person
    table, is_due = int(moving.facts[cell, m.TABLE]), False
    for row in range(model.personal.shape[0]):
        if int(model.personal[row, p.KIND]) == p.TREATMENT:
            target = int(model.personal[row, p.TARGET])
            ends = scratch[p.SINCE, row] >= 0.0 and scratch[p.UNTIL, row] <= step
            contacts = model.gates[row, p.GATE, cell, step] < math.inf
            scratch[p.EVENT, row] = step if ends or contacts else math.inf
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
    """Solve a linear system whose diagonal dominates, in place: the solution is its last column.

    Parameters
    ----------
    system : (state, state + 1)
        Coefficients and the right side; the first ``size`` rows and columns, and the last.
    """
    right = system.shape[1] - 1
    for pivot in range(size):
        for row in range(size):
            if row != pivot:
                share = system[row, pivot] / system[pivot, pivot]
                for column in range(pivot, size):
                    system[row, column] -= share * system[pivot, column]
                system[row, right] -= share * system[pivot, right]
    for row in range(size):
        system[row, right] /= system[row, row]


@inner
def fill_odds(model, moving, cell, multiplier, odds):
    """Discounted probabilities of the states next, ``odds (state, state)``, under a multiplier."""
    own = moving.facts[cell]
    states, table = int(own[m.STATES]), int(own[m.TABLE])
    factor = min(model.period_factor, 1.0 - NEVER_LEAVES)
    for now in range(states):
        below = 0.0
        for then in range(states):
            fall = moving.falls[table, now, then]
            reached = math.exp(-multiplier * fall) if fall < math.inf else 0.0
            odds[now, then] = factor * (reached - below)
            below = reached


@inner
def fill_margins(model, moving, cell, period, spend, scratch, margins):
    """A member's margins of a period beyond the horizon, by state, discounted to its beginning."""
    own, beyond = moving.facts[cell], model.beyond[cell]
    states, lost, table = int(own[m.STATES]), int(own[m.LOST]), int(own[m.TABLE])
    unit, head = beyond[p.LATER_UNIT, period], beyond[p.LATER_HEAD, period]
    for row in range(model.personal.shape[0]):
        if lasts(model, row, cell, scratch):
            unit += beyond[p.LATER_EFFECT + 2 * row, period]
            head += beyond[p.LATER_EFFECT + 2 * row + 1, period]
    for state in range(states):
        margins[state] = spend * moving.terms[table, m.BRINGS, state] * unit
        if state != lost:
            paid = model.discounting[model.receipts, 0] * moving.terms[table, m.COSTS, state]
            margins[state] += head - paid


@inner
def worth_of_member(model, moving, cell, state, spend, effects, scratch, work):
    """Expected margin beyond the horizon of a member in a state, discounted to the horizon.

    Backwards: ``V = R + P/(1 + d) V'``. A cycle of recurring conditions makes that ``V = R̃ + P̃ V``,
    which is solved (with one period a cycle, ``[I - P/(1 + d)]⁻¹ R``: Pfeifer & Carraway 2000).

    Parameters
    ----------
    effects : float
        Hazard multiplier of the memberships that last.
    """
    states, ahead = int(moving.facts[cell, m.STATES]), int(model.facts[cell, p.AHEAD])
    odds, system, margins = work.odds, work.system, work.margins
    right = system.shape[1] - 1
    system[:] = 0.0
    for now in range(states):
        system[now, now] = 1.0
    for period in range(ahead + int(model.facts[cell, p.CYCLE]) - 1, -1, -1):
        fill_odds(model, moving, cell, effects * model.beyond[cell, p.LATER_HAZARD, period], odds)
        fill_margins(model, moving, cell, period, spend, scratch, margins)
        # Before the cycle is closed, columns say how much of its own beginning follows the cycle.
        for column in range(system.shape[1]):
            for now in range(states):
                follows = margins[now] if column == right else 0.0
                for then in range(states):
                    follows += odds[now, then] * system[then, column]
                work.column[now] = follows
            for now in range(states):
                system[now, column] = work.column[now]
        if period == ahead:
            for now in range(states):
                for then in range(states):
                    system[now, then] = (1.0 if now == then else 0.0) - system[now, then]
            solve(system, states)
            system[:, :right] = 0.0
    return system[state, right]


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
    for row in range(model.personal.shape[0]):
        if scratch[p.SINCE, row] >= 0.0:
            until = min(decision + 1, steps, int(scratch[p.UNTIL, row]))
            extra += close(model, row, cell, until, 0.0, scratch, posts)
    return decision, value, extra, residual


@inlined
def pays_later(model, row, cell):
    """Whether a membership changes any margin beyond the horizon."""
    for own in range(p.LATER_EFFECT + 2 * row, p.LATER_EFFECT + 2 * row + 2):
        for period in range(model.beyond.shape[2]):
            if model.beyond[cell, own, period] != 0.0:
                return True
    return False


@inlined
def settle(model, moving, cell, person, state, scratch, work):
    """Residual value of one still a customer, memberships included, discounted to joining."""
    spend, _ = person
    effects, is_changed = 1.0, False
    for row in range(model.personal.shape[0]):
        if lasts(model, row, cell, scratch):
            effects *= model.personal[row, p.HAZARD]
            is_changed = is_changed or effects != 1.0 or pays_later(model, row, cell)
    factor, ahead = model.period_factor ** int(model.facts[cell, p.STEPS]), moving.ahead[cell]
    if not is_changed:
        return factor * (spend * ahead[m.AHEAD_UNIT, state] + ahead[m.AHEAD_HEAD, state])
    return factor * worth_of_member(model, moving, cell, state, spend, effects, scratch, work)
