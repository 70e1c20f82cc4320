"""The purchase relationship: when customers buy, how much, and when they leave unseen.

Everything happens on two clocks. The *clock of purchases* is the running sum of the cell's rate
multiplier: the next purchase falls where it has advanced by an exponential over the customer's
rate. The *clock of leaving* is the running sum of the hazard multiplier, and one exponential a life
over the customer's hazard says where it ends. It advances with each repeat purchase (BG/NBD:
Fader, Hardie & Lee 2005), with time (Pareto/NBD: Schmittlein, Morrison & Colombo 1987), or from one
opportunity to the next (BG/BB: Fader, Hardie & Shang 2010). Opportunities come one a period; those
taken are found by the same exponential, which starts anew at the end of the period of a purchase: a
probability p becomes ``1 - (1 - p)**M``.

A lower hazard multiplier therefore only adds purchases, and a higher rate only moves them earlier.
"""

import math

import numpy as np

from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.kernels.bits import minus_log
from clvsim.kernels.contract import (
    close_all,
    decision_step,
    effect,
    enter,
    happen,
    next_contact,
)
from clvsim.kernels.effects import pay_under_effects
from clvsim.kernels.history import hold_back, is_asked_for
from clvsim.kernels.inner import inlined
from clvsim.kernels.purchases_beyond import expected_value, settle
from clvsim.kernels.random import event_address, uniform_pair
from clvsim.kernels.traits import BASKET, CONSTANT, quantile


@inlined
def is_spread(model, cell):
    """Whether a customer's purchases differ in value (Gamma-Gamma)."""
    return int(model.traits.spec[int(model.facts[cell, p.GROUP]), BASKET, 0]) != CONSTANT


@inlined
def amount_of(model, cell, spend, u):
    """Value of one purchase at the price list, currency: Gamma-Gamma, or always the mean."""
    if not is_spread(model, cell):
        return spend
    row = int(model.traits.spec[int(model.facts[cell, p.GROUP]), BASKET, 2])
    return spend * quantile(model.traits.cubics[row], u)


@inlined
def purchase_step(model, buying, cell, target):
    """First step whose running sum of the rate multiplier passes ``target``; ``steps``: none."""
    schedule, steps = buying.schedule[cell], int(model.facts[cell, p.STEPS])
    origin = model.facts[cell, p.START] - model.facts[cell, p.JOINED_IN]
    scale = buying.facts[cell, b.GUIDE_SCALE]
    return decision_step(schedule[b.CUMULATED], schedule[b.GUIDE], scale, origin, steps, target)


@inlined
def purchase_moment(model, buying, cell, step, target):
    """Moment of a purchase, steps; that of an opportunity is the step's beginning."""
    if int(buying.facts[cell, b.KIND]) == b.BG_BB:
        return float(step)
    schedule = buying.schedule[cell]
    origin = model.facts[cell, p.START] - model.facts[cell, p.JOINED_IN]
    before = schedule[b.CUMULATED, step - 1] if step > 0 else origin
    return step + (target - before) / schedule[b.MULTIPLIER, step]


@inlined
def death(model, buying, cell, threshold):
    """Step and moment at which a life ends that purchases do not end; ``steps``: not inside."""
    steps, kind = int(model.facts[cell, p.STEPS]), int(buying.facts[cell, b.KIND])
    if kind == b.BG_NBD:
        return steps, math.inf
    schedule = model.schedule[cell]
    origin = model.facts[cell, p.ORIGIN]
    cumulated, scale = schedule[p.CUMULATED], model.facts[cell, p.GUIDE_SCALE]
    step = decision_step(cumulated, schedule[p.GUIDE], scale, origin, steps, threshold)
    if step >= steps:
        return steps, math.inf
    if kind == b.BG_BB:
        return step, step + 1.0
    before = cumulated[step - 1] if step > 0 else origin
    return step, step + min((threshold - before) / schedule[p.MULTIPLIER, step], 1.0)


@inlined
def clock_after(buying, cell, step, target):
    """Clock of purchases after one at a step: the next opportunity comes a period later."""
    if int(buying.facts[cell, b.KIND]) == b.BG_BB:
        return buying.schedule[cell, b.CUMULATED, step]
    return target


@inlined
def rate_effect(model, scratch):
    """Rate multiplier of the effects that run."""
    multiplier = 1.0
    for row in range(model.personal.shape[0]):
        if scratch[p.SINCE, row] >= 0.0:
            multiplier *= model.personal[row, p.PACE_EFFECT]
    return multiplier


@inlined
def rescale(clock, at, new):
    """A clock's target from a moment on under another multiplier.

    Parameters
    ----------
    clock : tuple of target, left, multiplier
        The target is in units of the shared running sum, what is left to it in the customer's own.
    at : float
        The running sum at the moment.
    new : float
        Multiplier; 0 stops the clock.
    """
    target, left, old = clock
    if new == old:
        return clock
    if old > 0.0:
        left = (target - at) * old
    return (at + left / new if new > 0.0 else math.inf), left, new


@inlined
def next_purchase(model, cell, address, number, clock, pace, multiplier):
    """Target of a purchase, what is left to it, and the uniform of its amount.

    ``clock`` is where the clock of purchases stands, ``multiplier`` that of the effects that run.
    """
    seed, world, streams, rank = address
    joined = int(model.facts[cell, p.JOINED_IN])
    stream, when = event_address(streams[p.STREAM_PURCHASE], joined, number)
    draw, u = uniform_pair(seed, world, stream, rank, when)
    left = minus_log(draw) / pace if pace > 0.0 else math.inf
    return (clock + left / multiplier if multiplier > 0.0 else math.inf), left, u


@inlined
def rank_by_value(model, buying, cell, address, person, scratch):
    """Score those rows that rank customers by what is expected of them: their first contacts."""
    for row in range(model.personal.shape[0]):
        if int(model.personal[row, p.TARGET]) == p.BY_VALUE:
            value = expected_value(model, buying, cell, person)
            scratch[p.SCORE, row] = value
            scratch[p.EVENT, row] = next_contact(model, row, cell, 0, -1, value, address)


@inlined
def past(model, buying, cell, address, person, begin):
    """What a customer had bought before the horizon: the history that ``hold_back`` reads.

    Where purchases do not end a life, those before the horizon have not been drawn: counted back
    from the horizon they come at the same rate, up to the one on joining.

    Parameters
    ----------
    person : tuple of spend, pace
    begin : tuple
        Number of the next purchase (0: the one on joining) and clock at the last one.
    """
    spend, pace = person
    number, clock = begin
    tenure, spent = model.facts[cell, p.START] - model.facts[cell, p.JOINED_IN], 0.0
    for one in range(number):
        _, _, u = next_purchase(model, cell, address, one, 0.0, pace, 1.0)
        spent += amount_of(model, cell, spend, u)
    if number == 0 or int(buying.facts[cell, b.KIND]) == b.BG_NBD:
        return clock - tenure, number, spent
    seed, world, streams, rank = address
    latest, back, count = -tenure, 0.0, 1
    while True:
        joined = int(model.facts[cell, p.JOINED_IN])
        stream, when = event_address(streams[p.STREAM_PAST], joined, count)
        draw, u = uniform_pair(seed, world, stream, rank, when)
        gap = minus_log(draw) / pace if pace > 0.0 else math.inf
        if int(buying.facts[cell, b.KIND]) == b.BG_BB:
            gap = np.floor(gap) + 1.0
        back += gap
        if back >= tenure:
            return latest, count, spent
        if count == 1:
            latest = -back
        count += 1
        spent += amount_of(model, cell, spend, u)


@inlined
def look_out(model, buying, cell, address, person, adoptions, customer, scratch):
    """Prepare a walk as ``contract.enter``; step of the first event of personal programs."""
    hazard, spend, lift, pace, _ = person
    # Effects on spend follow the purchases: to the contract's rules these customers spend nothing.
    # How far a life is sure to go is not known beforehand: contacts are drawn as they come (-1).
    enter(model, cell, address, (hazard, 0.0, lift), -1, adoptions, customer, scratch)
    rank_by_value(model, buying, cell, address, (hazard, spend, pace), scratch)
    following = int(model.facts[cell, p.STEPS])
    for row in range(model.personal.shape[0]):
        following = min(following, int(scratch[p.EVENT, row]))
    return following


@inlined
def meet(model, buying, cell, step, address, person, life, gap, scratch, posts):
    """All events of a step: margin, step of the next, and both clocks as they go on from there.

    Parameters
    ----------
    person : tuple of hazard, lift
    life, gap : tuple
        Clocks of leaving and of the next purchase, as in ``rescale``. That of leaving of a BG/NBD
        moves with purchases: to it an effect is only what the next one counts.
    """
    hazard, lift = person
    margin, following = happen(model, cell, step, address, (hazard, 0.0, lift), -1, scratch, posts)
    multiplier = effect(model, lift, scratch)
    lived, passed = model.facts[cell, p.ORIGIN], model.facts[cell, p.START]
    passed -= model.facts[cell, p.JOINED_IN]
    if step > 0:
        lived = model.schedule[cell, p.CUMULATED, step - 1]
        passed = buying.schedule[cell, b.CUMULATED, step - 1]
    if int(buying.facts[cell, b.KIND]) == b.BG_NBD:
        life = life[0], life[1], multiplier
    else:
        life = rescale(life, lived, multiplier)
    return margin, following, life, rescale(gap, passed, rate_effect(model, scratch))


@inlined
def walk(
    model, buying, cell, address, person, begin, before, adoptions, customer, scratch, posts, work
):
    """One customer from purchase to purchase, and from event to event of personal programs.

    What programs do happens at the beginning of a step, before its purchases. As long as no effect
    has changed a multiplier, every number is the one without programs, to the last bit.

    Parameters
    ----------
    address : tuple of seed, world, streams, rank
    person : tuple of hazard, spend, lift, pace, threshold
    begin : tuple
        Number of the next purchase (0: the one on joining), clock at the last one, ticks of the
        clock of leaving so far, margin and purchases so far.
    before : tuple of latest, count, spent
        What was bought before the horizon, as in ``hold_back``; where the count is negative, that
        is what was drawn of it (``past``).
    adoptions, customer
        As in ``contract.walk``.
    scratch : (SCRATCH, row)
        As in ``Block``.
    posts : (row, post, T + 1)
        As in ``CellSums``, added to.
    work : Work
        Added to.

    Returns
    -------
    tuple
        Step of leaving (``steps``: none), discounted margin of purchases, discounted margin that
        programs change, discounted residual value, and purchases.
    """
    hazard, spend, lift, pace, threshold = person
    number, clock, ticks, bought, purchases = begin
    steps, kind = int(model.facts[cell, p.STEPS]), int(buying.facts[cell, b.KIND])
    shared, own = model.schedule[cell], buying.schedule[cell]
    following, is_known, latest, count, spent = steps, False, 0.0, 0, 0.0
    if adoptions is not None:
        following = look_out(model, buying, cell, address, person, adoptions, customer, scratch)
        is_known = is_asked_for(model)
        if is_known:
            latest, count, spent = before
        if is_known and count < 0:
            latest, count, spent = past(model, buying, cell, address, (spend, pace), begin[:2])
    # Targets, what is left to them, and multipliers of the effects that run (see ``rescale``).
    life, gap = (threshold, 0.0, 1.0), (0.0, 0.0, 1.0)
    extra, decision = 0.0, steps
    while True:
        target, left, u = next_purchase(model, cell, address, number, clock, pace, gap[2])
        gap = target, left, gap[2]
        while True:
            last, end = death(model, buying, cell, life[0])
            step = 0 if number == 0 else purchase_step(model, buying, cell, gap[0])
            if adoptions is None or following >= steps or following > min(step, last):
                break
            if is_known:
                hold_back(model, following, (latest, count, spent), scratch)
            margin, following, life, gap = meet(
                model, buying, cell, following, address, (hazard, lift), life, gap, scratch, posts
            )
            extra += margin
        moment = 0.0
        if number > 0 and step < steps:
            moment = purchase_moment(model, buying, cell, step, gap[0])
        if step >= steps or (number > 0 and not moment < end):
            decision = last
            break
        amount = amount_of(model, cell, spend, u)
        work.counts[step] += 1.0
        work.amounts[min(number, b.ROUNDS), step] += amount
        bought += amount * shared[p.UNIT_MARGIN, step] + own[b.PURCHASE_MARGIN, step]
        if adoptions is not None:
            extra += pay_under_effects(model, cell, step, amount, scratch, posts)
        purchases += 1
        latest, count, spent = moment, count + 1, spent + amount
        if kind == b.BG_NBD and number > 0:
            ticks += shared[p.MULTIPLIER, step] * life[2]
            if ticks > threshold:
                decision = step
                break
        clock = clock_after(buying, cell, step, gap[0] if number > 0 else clock)
        number += 1
    work.used[0] = max(work.used[0], min(number, b.ROUNDS) + 1)
    residual = 0.0
    if decision == steps and model.residual:
        who = hazard, spend, lift, pace
        residual = settle(model, buying, cell, who, adoptions, scratch)
    if adoptions is not None:
        extra = close_all(model, cell, min(decision + 1, steps), 0.0, extra, scratch, posts)
    return decision, bought, extra, residual, purchases
