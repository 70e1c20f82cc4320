"""What effects of personal programs change of a single payment, and beyond the horizon."""

from clvsim.kernels import plan as p
from clvsim.kernels.inner import inlined


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
def runs_on(model, row, cell, scratch, period):
    """Whether a row's effect still runs in a period beyond the horizon, and changes anything."""
    is_running = scratch[p.SINCE, row] >= 0.0 and model.personal[row, p.CHANGES] != 0.0
    return is_running and scratch[p.UNTIL, row] > model.facts[cell, p.STEPS] + period


@inlined
def runs_until(model, cell, scratch):
    """Periods beyond the horizon after which no effect ends any more; -1: none runs on at all."""
    last = -1
    for row in range(model.personal.shape[0]):
        if runs_on(model, row, cell, scratch, 0):
            ends = scratch[p.UNTIL, row] - model.facts[cell, p.STEPS]
            last = max(last, int(ends) if scratch[p.UNTIL, row] < p.FOR_EVER else 0)
    return last


@inlined
def effect_of(model, row, lift):
    """Hazard multiplier of a row's effect on a customer."""
    kept = max(0.0, 1.0 - model.personal[row, p.LIFT_WEIGHT] * lift)
    return model.personal[row, p.HAZARD] * kept


@inlined
def place_of(model, cell, period):
    """Place in ``Model.beyond`` of a period beyond the horizon, however far."""
    ahead, cycle = int(model.facts[cell, p.AHEAD]), int(model.facts[cell, p.CYCLE])
    return period if period < ahead + cycle else ahead + (period - ahead) % cycle


@inlined
def last_cycle(model, cell, last):
    """Period beyond the horizon from which on conditions recur; effects have ended (``last``)."""
    ahead, cycle = int(model.facts[cell, p.AHEAD]), int(model.facts[cell, p.CYCLE])
    return ahead + (max(last - ahead, 0) + cycle - 1) // cycle * cycle


@inlined
def hazard_ahead(model, cell, lift, scratch, period):
    """Hazard multiplier of a period beyond the horizon, effects that still run included."""
    multiplier = model.beyond[cell, p.LATER_HAZARD, place_of(model, cell, period)]
    for row in range(model.personal.shape[0]):
        if runs_on(model, row, cell, scratch, period):
            multiplier *= effect_of(model, row, lift)
    return multiplier


@inlined
def margin_ahead(model, cell, scratch, period):
    """Margin of a period beyond the horizon per unit of spend and per head, likewise."""
    place = place_of(model, cell, period)
    unit, head = model.beyond[cell, p.LATER_UNIT, place], model.beyond[cell, p.LATER_HEAD, place]
    for row in range(model.personal.shape[0]):
        if runs_on(model, row, cell, scratch, period):
            unit += model.beyond[cell, p.LATER_EFFECT + 2 * row, place]
            head += model.beyond[cell, p.LATER_EFFECT + 2 * row + 1, place]
    return unit, head
