"""What effects of personal programs change of a single payment, and beyond the horizon."""

from clvsim.kernels import plan as p
from clvsim.kernels.inner import inlined, inner


@inlined
def pay_under_effects(model, cell, step, amount, scratch, posts):
    """Margin that running effects change of one amount, posted to their rows."""
    extra = 0.0
    for row in range(model.personal.shape[0]):
        if scratch[p.SINCE, row] >= 0.0:
            unit = model.gates[row, p.EFFECT_UNIT, cell]
            extra += amount * (unit[step + 1] - unit[step])
            posts[row, p.POST_SPEND, step] += amount
    return extra


@inlined
def effect_of(personal, row, lift):
    """Hazard multiplier of a row's effect on a customer."""
    kept = max(0.0, 1.0 - personal[row, p.LIFT_WEIGHT] * lift)
    return personal[row, p.HAZARD] * kept


# What follows is asked of few customers. It takes an *outlook*, a few arrays and numbers, not the
# whole model: a call copies the 150 numbers that one is made of.


@inlined
def outlook_of(model, cell, scratch):
    """What is asked beyond the horizon of a customer: programs, conditions, effects, lengths."""
    facts = model.facts[cell]
    lengths = int(facts[p.STEPS]), int(facts[p.AHEAD]), int(facts[p.CYCLE])
    return model.personal, model.schedule[cell], scratch, lengths


@inner
def runs_on(outlook, row, period):
    """Whether a row's effect still runs in a period beyond the horizon, and changes anything."""
    personal, _, scratch, lengths = outlook
    is_running = scratch[p.SINCE, row] >= 0.0 and personal[row, p.CHANGES] != 0.0
    return is_running and scratch[p.UNTIL, row] > lengths[0] + period


@inner
def runs_until(outlook):
    """Periods beyond the horizon after which no effect ends any more; -1: none runs on at all."""
    personal, _, scratch, lengths = outlook
    last = -1
    for row in range(personal.shape[0]):
        if runs_on(outlook, row, 0):
            until = scratch[p.UNTIL, row]
            last = max(last, int(until) - lengths[0] if until < p.FOR_EVER else 0)
    return last


@inner
def place_of(outlook, period):
    """Place in the schedule of a period beyond the horizon, however far."""
    _, ahead, cycle = outlook[3]
    return period if period < ahead + cycle else ahead + (period - ahead) % cycle


@inner
def last_cycle(outlook, last):
    """Period beyond the horizon from which on conditions recur; effects have ended (``last``)."""
    _, ahead, cycle = outlook[3]
    return ahead + (max(last - ahead, 0) + cycle - 1) // cycle * cycle


@inner
def hazard_ahead(outlook, lift, period):
    """Hazard multiplier of a period beyond the horizon, effects that still run included."""
    personal, beyond, _, _ = outlook
    multiplier = beyond[p.LATER_HAZARD, place_of(outlook, period)]
    for row in range(personal.shape[0]):
        if runs_on(outlook, row, period):
            multiplier *= effect_of(personal, row, lift)
    return multiplier


@inner
def margin_ahead(outlook, period):
    """Margin of a period beyond the horizon per unit of spend and per head, likewise."""
    personal, beyond, _, _ = outlook
    place = place_of(outlook, period)
    unit, head = beyond[p.LATER_UNIT, place], beyond[p.LATER_HEAD, place]
    for row in range(personal.shape[0]):
        if runs_on(outlook, row, period):
            unit += beyond[p.LATER_EFFECT + 2 * row, place]
            head += beyond[p.LATER_EFFECT + 2 * row + 1, place]
    return unit, head
