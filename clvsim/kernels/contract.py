"""The contract relationship: a life from one uniform, and the walk of a customer under programs.

Life ends at the end of the first step at which the cumulated hazard ``lambda * sum(M)`` passes
``-log U``; with M = 1 and a beta churn probability this is the sBG (Fader & Hardie 2007). The
customer's *threshold* is ``-log(U) / lambda``, in units of the cumulated multiplier, so that all
customers of a cell search the same row.
"""

import math

from numba import njit

from clvsim.kernels import plan as p
from clvsim.kernels.bits import minus_log
from clvsim.kernels.inner import inner
from clvsim.kernels.random import occasion, uniform_pair


@njit(inline="always")
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


@njit
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


@inner
def expected_value(model, cell, hazard, spend):
    """Expected margin from now on under the cell's last conditions for ever, currency.

    Constant retention r and discount factor d: margin / (1 - r d).
    """
    facts = model.facts[cell]
    last = int(facts[p.STEPS]) - 1
    retention = math.exp(-hazard * model.schedule[cell, p.MULTIPLIER, last])
    margin = spend * facts[p.RESIDUAL_UNIT] + facts[p.RESIDUAL_HEAD]
    return margin / (1.0 - retention * model.period_factor)


@inner
def residual_value(model, cell, hazard, spend, multiplier, lasting):
    """Expected margin beyond the horizon of one still alive, discounted to joining, currency.

    Exact under constant conditions (the last step's, memberships included; treatments end):
    geometric lives of this person's own hazard. ``lasting`` is the margin per period of the
    memberships, currency.
    """
    facts = model.facts[cell]
    steps = int(facts[p.STEPS])
    hazard_now = hazard * model.schedule[cell, p.MULTIPLIER, steps - 1] * multiplier
    margin = spend * facts[p.RESIDUAL_UNIT] + facts[p.RESIDUAL_HEAD] + lasting
    factor = model.period_factor
    return factor**steps * margin / (1.0 - math.exp(-hazard_now) * factor)


@inner
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


@inner
def adoption_step(model, row, cell, steps, address, when):
    """Step at which a customer joins a membership of its own accord; ``steps`` if never.

    One draw a spell: the cumulated adoption hazard against an exponential.
    """
    gate = model.gates[row, p.GATE, cell]
    if gate[steps - 1] <= 0.0:
        return steps
    seed, world, streams, rank = address
    draw, _ = uniform_pair(seed, world, streams[p.PERSONAL_STREAMS + row], rank, when)
    exponential = minus_log(draw)
    for step in range(steps):
        if gate[step] > exponential:
            return step
    return steps


@inner
def enter(model, cell, address, person, until, scores):
    """Prepare a walk: adoption steps of memberships, scores for treatments, no effect yet."""
    hazard, spend, lift = person
    steps = int(model.facts[cell, p.STEPS])
    when = occasion(int(model.facts[cell, p.JOINED_IN]), int(model.facts[cell, p.START]))
    for row in range(model.personal.shape[0]):
        until[row] = 0.0
        target = int(model.personal[row, p.TARGET])
        if int(model.personal[row, p.KIND]) == p.MEMBERSHIP:
            scores[row] = adoption_step(model, row, cell, steps, address, when)
        elif target == p.BY_RISK:
            scores[row] = hazard
        elif target == p.BY_LIFT:
            scores[row] = lift
        elif target == p.BY_VALUE:
            scores[row] = expected_value(model, cell, hazard, spend)


@inner
def walk(model, cell, address, person, threshold, scratch, sums):
    """One customer through all steps under personal programs.

    Parameters
    ----------
    address : tuple of seed, world, streams, rank
    person : tuple of hazard, spend, lift
    threshold : float
        In units of the cumulated multiplier.
    scratch : (3, row)
        Space for the step until which each effect lasts, and for the customer's scores.
    sums : CellSums
        ``posts`` and ``LATER`` are added to.

    Returns
    -------
    tuple
        Step of the decision to leave (``steps``: none), discounted value of everything that differs
        from the cell's schedule, and the discounted residual value.
    """
    hazard, spend, lift = person
    facts, schedule = model.facts[cell], model.schedule[cell]
    steps, start, joined = int(facts[p.STEPS]), int(facts[p.START]), int(facts[p.JOINED_IN])
    until, scores, posts = scratch[1], scratch[2], sums.posts
    enter(model, cell, address, person, until, scores)
    passed = float(start - joined)
    decision, end = steps, steps
    extra, lasting, lasting_multiplier = 0.0, 0.0, 1.0
    for step in range(steps):
        if step >= end:
            break
        multiplier, change = 1.0, 0.0
        lasting, lasting_multiplier = 0.0, 1.0
        price, base = spend * schedule[p.PRICE, step], schedule[p.LET_OFF, step]
        receipt = model.discounting[model.receipts, step]
        for row in range(model.personal.shape[0]):
            terms = model.personal[row]
            program = int(terms[p.PROGRAM])
            payment = model.discounting[int(terms[p.TIMING]), step]
            member = int(terms[p.KIND]) == p.MEMBERSHIP
            if member:
                if step < scores[row] or model.gates[row, p.ON, cell, step] == 0.0:
                    continue
                entered = step == scores[row]
            else:
                entered = False
                if decision == steps and model.gates[row, p.GATE, cell, step] < math.inf:
                    when = occasion(joined, start + step)
                    reached, accept = contacted(model, row, cell, step, scores[row], address, when)
                    if reached:
                        posts[program, p.CONTACTS, step] += 1.0
                        change -= payment * terms[p.CONTACT_COST]
                        entered = accept < terms[p.ACCEPTANCE]
                if entered:
                    until[row] = step + terms[p.DURATION]
                if step >= until[row]:
                    continue
            if entered:
                posts[program, p.ENTRIES, step] += 1.0
                change -= payment * terms[p.ENTRY_COST]
            growth = terms[p.GROWTH]
            let_off = base * growth + min(terms[p.CONCESSION], 1.0 - base)
            posts[program, p.MEMBERS, step] += 1.0
            posts[program, p.EXTRA_LIST, step] += price * growth
            posts[program, p.EXTRA_DISCOUNT, step] += price * let_off
            gain = price * (growth * (1.0 - facts[p.COST_SHARE]) - let_off) + terms[p.REVENUE]
            margin = receipt * gain - payment * terms[p.COST]
            effect = terms[p.HAZARD] * max(0.0, 1.0 - terms[p.LIFT_WEIGHT] * lift)
            change += margin
            multiplier *= effect
            if member:
                lasting += margin
                lasting_multiplier *= effect
        extra += change
        sums.by_step[p.LATER, step] += change
        if decision == steps:
            passed += multiplier * schedule[p.MULTIPLIER, step]
            if passed > threshold:
                decision = step
                end = min(int(schedule[p.HELD, step]) + 1, steps)
    residual = 0.0
    if model.residual and decision == steps:
        lasting /= model.period_factor ** (steps - 1)
        residual = residual_value(model, cell, hazard, spend, lasting_multiplier, lasting)
    return decision, extra, residual
