"""The contract relationship: a life from one uniform, and the walk of a customer under programs.

Life ends at the end of the first step at which the cumulated hazard ``lambda * sum(M)`` passes
``-log U``; with M = 1 and a beta churn probability this is the sBG (Fader & Hardie 2007). The
customer's *threshold* is ``-log(U) / lambda``, in units of the cumulated multiplier, so that all
customers of a cell search the same row.
"""

import math

from clvsim.kernels import plan as p
from clvsim.kernels.bits import minus_log
from clvsim.kernels.inner import inlined, kernel
from clvsim.kernels.random import occasion, uniform_pair

#: Least share of value lost in a period (churn and discounting) that an expected value assumes.
NEVER_LEAVES = 1e-9


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


@kernel
def build_guide(cumulated, origin, steps, guide):
    """Fill one cell's ``guide (bucket,)`` and return its scale (buckets per unit)."""
    buckets = guide.size
    span = cumulated[steps - 1] - origin
    if span <= 0.0:
        guide[:] = 0
        return 0.0
    scale = (buckets - 1) / span
    step = 0
    for bucket in range(buckets):
        while step < steps - 1 and cumulated[step] <= origin + bucket / scale:
            step += 1
        guide[bucket] = step
    return scale


@inlined
def expected_value(model, cell, hazard, spend):
    """Expected margin from now on under the cell's last conditions for ever, currency.

    Constant retention r and discount factor d: margin / (1 - r d).
    """
    last = int(model.facts[cell, p.STEPS]) - 1
    retention = math.exp(-hazard * model.schedule[cell, p.MULTIPLIER, last])
    margin = spend * model.facts[cell, p.RESIDUAL_UNIT] + model.facts[cell, p.RESIDUAL_HEAD]
    # A customer who never leaves, undiscounted, is worth a great deal, not infinitely much.
    return margin / max(1.0 - retention * model.period_factor, NEVER_LEAVES)


@inlined
def residual_value(model, cell, hazard, spend, multiplier, lasting):
    """Expected margin beyond the horizon of one still alive, discounted to joining, currency.

    Exact under constant conditions (the last step's, memberships included; treatments end):
    geometric lives of this person's own hazard. ``lasting`` is the margin per period of the
    memberships, currency.
    """
    steps = int(model.facts[cell, p.STEPS])
    hazard_now = hazard * model.schedule[cell, p.MULTIPLIER, steps - 1] * multiplier
    margin = spend * model.facts[cell, p.RESIDUAL_UNIT] + model.facts[cell, p.RESIDUAL_HEAD]
    margin += lasting
    factor = model.period_factor
    return factor**steps * margin / (1.0 - math.exp(-hazard_now) * factor)


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
def adoption_step(model, row, cell, steps, address, when):
    """Step at which a customer joins a membership of its own accord; ``steps`` if never.

    One draw a spell: the cumulated adoption hazard against an exponential.
    """
    if model.gates[row, p.GATE, cell, steps - 1] <= 0.0:
        return steps
    seed, world, streams, rank = address
    draw, _ = uniform_pair(seed, world, streams[p.PERSONAL_STREAMS + row], rank, when)
    exponential = minus_log(draw)
    for step in range(steps):
        if model.gates[row, p.GATE, cell, step] > exponential:
            return step
    return steps


@inlined
def enter(model, cell, address, person, scratch):
    """Prepare a walk: every row's first event, its score, and no effect yet."""
    hazard, spend, lift = person
    steps = int(model.facts[cell, p.STEPS])
    when = occasion(int(model.facts[cell, p.JOINED_IN]), int(model.facts[cell, p.START]))
    for row in range(model.personal.shape[0]):
        scratch[p.UNTIL, row], scratch[p.SINCE, row] = -1.0, -1.0
        target = int(model.personal[row, p.TARGET])
        if int(model.personal[row, p.KIND]) == p.MEMBERSHIP:
            scratch[p.EVENT, row] = adoption_step(model, row, cell, steps, address, when)
            continue
        scratch[p.EVENT, row] = model.gates[row, p.NEXT, cell, 0]
        if target == p.BY_RISK:
            scratch[p.SCORE, row] = hazard
        elif target == p.BY_LIFT:
            scratch[p.SCORE, row] = lift
        elif target == p.BY_VALUE:
            scratch[p.SCORE, row] = expected_value(model, cell, hazard, spend)


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
    if model.gates[row, p.GATE, cell, step] == math.inf:
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
def effect_margin(model, row, cell, begin, end, spend):
    """Discounted margin of a row's effect from one step to before another, currency."""
    unit = model.gates[row, p.EFFECT_UNIT, cell, end] - model.gates[row, p.EFFECT_UNIT, cell, begin]
    head = model.gates[row, p.EFFECT_HEAD, cell, end] - model.gates[row, p.EFFECT_HEAD, cell, begin]
    return spend * unit + head


@inlined
def close(model, row, cell, end, spend, scratch, posts):
    """End a row's effect before step ``end``; its discounted margin, currency."""
    begin = int(scratch[p.SINCE, row])
    scratch[p.SINCE, row] = -1.0
    posts[row, p.POST_MEMBERS, end] -= 1.0
    posts[row, p.POST_SPEND, end] -= spend
    return effect_margin(model, row, cell, begin, end, spend)


@inlined
def happen(model, cell, step, address, person, scratch, posts):
    """All events of a step: contacts, adoptions, effects that end; margin and next event."""
    _, spend, _ = person
    steps = model.facts[cell, p.STEPS]
    margin, following = 0.0, steps
    for row in range(model.personal.shape[0]):
        if scratch[p.EVENT, row] == step:
            begun, cost = begins(model, row, cell, step, address, scratch, posts)
            margin -= cost
            if not begun and scratch[p.SINCE, row] >= 0.0 and scratch[p.UNTIL, row] <= step:
                margin += close(model, row, cell, step, spend, scratch, posts)
            if begun and scratch[p.SINCE, row] < 0.0:
                scratch[p.SINCE, row] = step
                posts[row, p.POST_MEMBERS, step] += 1.0
                posts[row, p.POST_SPEND, step] += spend
            scratch[p.EVENT, row] = steps
            if int(model.personal[row, p.KIND]) == p.TREATMENT:
                scratch[p.EVENT, row] = model.gates[row, p.NEXT, cell, step + 1]
            if scratch[p.SINCE, row] >= 0.0 and scratch[p.UNTIL, row] < scratch[p.EVENT, row]:
                scratch[p.EVENT, row] = scratch[p.UNTIL, row]
        following = min(following, scratch[p.EVENT, row])
    return margin, int(following)


@inlined
def effect(model, lift, scratch, lasting):
    """Hazard multiplier of the effects that run (of memberships alone if ``lasting``)."""
    multiplier = 1.0
    for row in range(model.personal.shape[0]):
        passes = lasting and int(model.personal[row, p.KIND]) == p.TREATMENT
        if scratch[p.SINCE, row] >= 0.0 and not passes:
            kept = max(0.0, 1.0 - model.personal[row, p.LIFT_WEIGHT] * lift)
            multiplier *= model.personal[row, p.HAZARD] * kept
    return multiplier


@inlined
def walk(model, cell, rows, address, person, threshold, untreated, scratch, posts):
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
    scratch : (SCRATCH, row)
        As in ``Block``.
    posts : (row, post, T + 1)
        As in ``CellSums``, added to.

    Returns
    -------
    tuple
        Step of the decision to leave (``steps``: none), discounted value of everything that differs
        from the cell's schedule, and the discounted residual value.
    """
    _, _, lift = person
    cumulated, guide = rows
    steps = int(model.facts[cell, p.STEPS])
    origin = model.facts[cell, p.START] - model.facts[cell, p.JOINED_IN]
    enter(model, cell, address, person, scratch)
    following = steps
    for row in range(model.personal.shape[0]):
        following = min(following, int(scratch[p.EVENT, row]))
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
        margin, following = happen(model, cell, step, address, person, scratch, posts)
        extra += margin
        multiplier = effect(model, lift, scratch, False)
        changed = changed or multiplier != 1.0
    return settle(model, cell, person, decision, extra, scratch, posts)


@inlined
def settle(model, cell, person, decision, extra, scratch, posts):
    """End all effects with the life, or value what lasts beyond the horizon; as ``walk``."""
    hazard, spend, lift = person
    steps = int(model.facts[cell, p.STEPS])
    end, residual = steps, 0.0
    if decision < steps:
        end = min(int(model.schedule[cell, p.HELD, decision]) + 1, steps)
    elif model.residual:
        lasting = 0.0
        for row in range(model.personal.shape[0]):
            member = int(model.personal[row, p.KIND]) == p.MEMBERSHIP
            if member and scratch[p.SINCE, row] >= 0.0:
                lasting += effect_margin(model, row, cell, steps - 1, steps, spend)
        lasting /= model.period_factor ** (steps - 1)
        multiplier = effect(model, lift, scratch, True)
        residual = residual_value(model, cell, hazard, spend, multiplier, lasting)
    for row in range(model.personal.shape[0]):
        if scratch[p.SINCE, row] >= 0.0:
            last = min(end, int(scratch[p.UNTIL, row]))
            extra += close(model, row, cell, last, spend, scratch, posts)
    return decision, extra, residual
