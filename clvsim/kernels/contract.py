"""The contract relationship: a life from one uniform, and the walk of a customer under programs.

Life ends at the end of the first step at which the cumulated hazard ``lambda * sum(M)`` passes
``-log U``; with M = 1 and a beta churn probability this is the sBG (Fader & Hardie 2007). The
customer's *threshold* is ``-log(U) / lambda``, in units of the cumulated multiplier, so that all
customers of a cell search the same row.
"""

import math

from clvsim.kernels import plan as p
from clvsim.kernels.beyond import expected_value, residual_under_effects
from clvsim.kernels.effects import effect_of, spell_margin, spending_of
from clvsim.kernels.inner import inlined
from clvsim.kernels.random import occasion, uniform_pair


@inlined
def decision_step(cumulated, guide, scale, origin, steps, threshold):
    """First step whose cumulated multiplier passes ``threshold``; ``steps`` if none does.

    The guide gives a step close to the answer; the two short loops make it exact whatever the
    rounding of the bucket.
    """
    if threshold >= cumulated[steps - 1]:
        return steps
    step = int(guide[int((threshold - origin) * scale)])
    while step > 0 and cumulated[step - 1] > threshold:
        step -= 1
    while cumulated[step] <= threshold:
        step += 1
    return step


@inlined
def contacted(model, row, cell, step, points, address, when):
    """Whether a treatment contacts a customer at a step; and the uniform of its acceptance."""
    gate = model.gates[row, p.GATE, cell, step]
    by_random = int(model.personal[row, p.TARGET]) == p.BY_RANDOM
    if not by_random and points < gate:
        return False, 1.0
    seed, world, streams, rank = address
    accept, select = uniform_pair(seed, world, streams[p.PERSONAL_STREAMS + row], rank, when)
    if by_random:
        return select >= gate, accept
    return points > gate or select < model.gates[row, p.TIE, cell, step], accept


@inlined
def adoption_step(model, row, cell, steps, exponential):
    """Step at which a customer joins a membership of its own accord; ``steps`` if never.

    One draw a spell: the cumulated adoption hazard against an exponential.
    """
    if model.gates[row, p.GATE, cell, steps - 1] <= exponential:
        return steps
    first, last = 0, steps - 1
    while first < last:
        middle = (first + last) // 2
        if model.gates[row, p.GATE, cell, middle] > exponential:
            last = middle
        else:
            first = middle + 1
    return first


@inlined
def next_contact(model, row, cell, step, known, points, address):
    """First step from ``step`` on at which a treatment may contact a customer of this score.

    Contacts at random are drawn ahead up to step ``known``, as far as the life is sure to go; the
    step returned may lie beyond it, and not be drawn yet.
    """
    steps = int(model.facts[cell, p.STEPS])
    due = int(model.gates[row, p.NEXT, cell, step])
    if int(model.personal[row, p.TARGET]) != p.BY_RANDOM:
        if points < model.gates[row, p.LOWEST, cell, step]:
            return steps
        while due < steps and points < model.gates[row, p.GATE, cell, due]:
            due = int(model.gates[row, p.NEXT, cell, due + 1])
        return due
    seed, world, streams, rank = address
    joined, start = int(model.facts[cell, p.JOINED_IN]), int(model.facts[cell, p.START])
    while due <= known:
        when = occasion(joined, start + due)
        _, select = uniform_pair(seed, world, streams[p.PERSONAL_STREAMS + row], rank, when)
        if select >= model.gates[row, p.GATE, cell, due]:
            return due
        due = int(model.gates[row, p.NEXT, cell, due + 1])
    return due


@inlined
def enter(model, cell, address, person, known, adoptions, customer, scratch):
    """Prepare a walk: every row's first event, its score, and no effect yet; the first event."""
    hazard, spend, lift = person
    steps = int(model.facts[cell, p.STEPS])
    following = steps
    scratch[p.SPELL, 0], scratch[p.SPELL, 1], scratch[p.SPELL, 2] = 0.0, 1.0, 0.0
    for row in range(model.personal.shape[0]):
        scratch[p.UNTIL, row], scratch[p.SINCE, row], scratch[p.HELD_BACK, row] = -1.0, -1.0, 0.0
        target = int(model.personal[row, p.TARGET])
        if int(model.personal[row, p.KIND]) == p.MEMBERSHIP:
            event = adoption_step(model, row, cell, steps, adoptions[row, customer])
        else:
            points = 0.0
            if target == p.BY_RISK:
                points = hazard
            elif target == p.BY_LIFT:
                points = lift
            elif target == p.BY_VALUE:
                points = expected_value(model, cell, hazard, spend)
            scratch[p.SCORE, row] = points
            event = next_contact(model, row, cell, 0, known, points, address)
        scratch[p.EVENT, row] = event
        following = min(following, event)
    return following


@inlined
def begins(model, row, cell, step, address, scratch, posts):
    """Whether a row's effect begins (anew) at its event, and the cost of contact and entry.

    The row's ``until`` is set where it begins; discounted cost, currency.
    """
    payment = model.discounting[int(model.personal[row, p.TIMING]), step]
    if int(model.personal[row, p.KIND]) == p.MEMBERSHIP:
        if scratch[p.SINCE, row] >= 0.0:
            # The event is the end of the benefits, not the entry.
            return False, 0.0
        scratch[p.UNTIL, row] = model.gates[row, p.NEXT, cell, 0]
        posts[row, p.POST_ENTRIES, step] += 1.0
        return True, payment * model.personal[row, p.ENTRY_COST]
    if model.gates[row, p.GATE, cell, step] == math.inf or scratch[p.HELD_BACK, row] != 0.0:
        return False, 0.0
    when = occasion(int(model.facts[cell, p.JOINED_IN]), int(model.facts[cell, p.START]) + step)
    reached, accept = contacted(model, row, cell, step, scratch[p.SCORE, row], address, when)
    if not reached:
        return False, 0.0
    posts[row, p.POST_CONTACTS, step] += 1.0
    cost = payment * model.personal[row, p.CONTACT_COST]
    if accept >= model.personal[row, p.ACCEPTANCE]:
        return False, cost
    posts[row, p.POST_ENTRIES, step] += 1.0
    scratch[p.UNTIL, row] = step + model.personal[row, p.DURATION]
    return True, cost + payment * model.personal[row, p.ENTRY_COST]


@inlined
def close(model, row, cell, end, scratch, posts):
    """End a row's effect before step ``end``; its discounted margin per head, currency."""
    begin, head = int(scratch[p.SINCE, row]), model.gates[row, p.EFFECT_HEAD, cell]
    scratch[p.SINCE, row] = -1.0
    posts[row, p.POST_MEMBERS, end] -= 1.0
    return head[end] - head[begin]


@inlined
def close_spell(model, cell, step, spend, scratch, posts):
    """End what effects have changed of spending so far before a step, and begin anew with it.

    Returns the discounted margin, currency. Where they go on changing it as before, nothing ends.
    """
    begin, spending = int(scratch[p.SPELL, 0]), (scratch[p.SPELL, 1], scratch[p.SPELL, 2])
    growth, concession = spending_of(model.personal, scratch)
    if growth == spending[0] and concession == spending[1]:
        return 0.0
    scratch[p.SPELL, 0], scratch[p.SPELL, 1], scratch[p.SPELL, 2] = step, growth, concession
    return spell_margin(model, cell, begin, step, spend, spending, posts)


@inlined
def close_all(model, cell, end, spend, extra, scratch, posts):
    """End all effects that run, before step ``end`` or their own; ``extra`` with their margin."""
    last, running = -1, True
    while running and last < end:
        last, running = end, False
        for row in range(model.personal.shape[0]):
            if scratch[p.SINCE, row] >= 0.0:
                last, running = min(last, int(scratch[p.UNTIL, row])), True
        for row in range(model.personal.shape[0]):
            if scratch[p.SINCE, row] >= 0.0 and (last == end or scratch[p.UNTIL, row] <= last):
                extra += close(model, row, cell, last, scratch, posts)
        if running:
            extra += close_spell(model, cell, last, spend, scratch, posts)
    return extra


@inlined
def happen(model, cell, step, address, person, known, scratch, posts):
    """All events of a step: contacts, adoptions, effects that end; margin and next event."""
    _, spend, _ = person
    steps = int(model.facts[cell, p.STEPS])
    margin, following, changes = 0.0, steps, False
    for row in range(model.personal.shape[0]):
        if scratch[p.EVENT, row] == step:
            begun, cost = begins(model, row, cell, step, address, scratch, posts)
            margin -= cost
            if not begun and scratch[p.SINCE, row] >= 0.0 and scratch[p.UNTIL, row] <= step:
                margin += close(model, row, cell, step, scratch, posts)
                changes = True
            if begun and scratch[p.SINCE, row] < 0.0:
                scratch[p.SINCE, row] = step
                posts[row, p.POST_MEMBERS, step] += 1.0
                changes = True
            scratch[p.EVENT, row] = steps
            if int(model.personal[row, p.KIND]) == p.TREATMENT:
                points = scratch[p.SCORE, row]
                scratch[p.EVENT, row] = next_contact(
                    model, row, cell, step + 1, known, points, address
                )
            if scratch[p.SINCE, row] >= 0.0 and scratch[p.UNTIL, row] < scratch[p.EVENT, row]:
                scratch[p.EVENT, row] = scratch[p.UNTIL, row]
        following = min(following, scratch[p.EVENT, row])
    if changes:
        margin += close_spell(model, cell, step, spend, scratch, posts)
    return margin, int(following)


@inlined
def effect(model, lift, scratch):
    """Hazard multiplier of the effects that run."""
    multiplier = 1.0
    for row in range(model.personal.shape[0]):
        if scratch[p.SINCE, row] >= 0.0:
            multiplier *= effect_of(model.personal, row, lift)
    return multiplier


@inlined
def walk(
    model, cell, rows, address, person, threshold, untreated, adoptions, customer, scratch, posts
):
    """One customer from event to event under personal programs.

    Between two events the multiplier of all running effects is constant, and the schedule's running
    sum tells at once whether the threshold is passed. As long as no effect has changed the hazard,
    the decision is the one of the schedule alone, to the last bit.

    Parameters
    ----------
    rows : tuple of (T + 1,)
        The cell's ``CUMULATED`` and ``GUIDE``.
    address : tuple of seed, world, streams, rank
    person : tuple of hazard, spend, lift
    threshold : float
        In units of the cumulated multiplier.
    untreated : int
        Step of the decision to leave without programs.
    adoptions : (row, B)
        Exponentials of the memberships.
    customer : int
        The customer's place in the block.
    scratch : (SCRATCH, row)
        As in ``Block``.
    posts : (row, post, T + 1)
        As in ``CellSums``, added to.

    Returns
    -------
    tuple
        Step of the decision to leave (``steps``: none), discounted value of everything that differs
        from the cell's schedule, and the discounted residual value under effects that run on (not a
        number: none does).
    """
    _, _, lift = person
    cumulated, guide = rows
    steps = int(model.facts[cell, p.STEPS])
    origin = model.facts[cell, p.ORIGIN]
    known = min(untreated, steps - 1)
    following = enter(model, cell, address, person, known, adoptions, customer, scratch)
    extra, multiplier, changed = 0.0, 1.0, False
    passed, step, decision = origin, 0, untreated
    while True:
        if not changed:
            if untreated < following or following >= steps:
                break
            if following > 0:
                passed = cumulated[following - 1]
        else:
            before = cumulated[step - 1] if step > 0 else origin
            ahead = multiplier * (cumulated[following - 1] - before) if following > step else 0.0
            if passed + ahead > threshold:
                equal = before + (threshold - passed) / multiplier
                scale = model.facts[cell, p.GUIDE_SCALE]
                decision = decision_step(cumulated, guide, scale, origin, steps, equal)
                decision = min(max(decision, step), following - 1)
                break
            passed += ahead
            if following >= steps:
                decision = steps
                break
        step = following
        margin, following = happen(model, cell, step, address, person, known, scratch, posts)
        extra += margin
        multiplier = effect(model, lift, scratch)
        if multiplier != 1.0:
            changed, known = True, -1
    return settle(model, cell, person, decision, extra, scratch, posts)


@inlined
def settle(model, cell, person, decision, extra, scratch, posts):
    """End all effects with the life, or value what lasts beyond the horizon; as ``walk``."""
    _, spend, _ = person
    steps = int(model.facts[cell, p.STEPS])
    end, residual = steps, math.nan
    if decision < steps:
        end = min(int(model.schedule[cell, p.HELD, decision]) + 1, steps)
    if model.residual:
        residual = residual_under_effects(model, cell, person, decision, scratch)
    extra = close_all(model, cell, end, spend, extra, scratch, posts)
    return decision, extra, residual
