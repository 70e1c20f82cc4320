"""What effects of personal programs change of a single payment, and beyond the horizon."""

from clvsim.kernels import plan as p
from clvsim.kernels.inner import inlined, inner


@inlined
def spending_of(personal, scratch):
    """Multiplier of spend and share of the price let off under the effects that run.

    Multipliers multiply. Shares are of what is spent then, and add up.
    """
    growth, concession = 1.0, 0.0
    for row in range(personal.shape[0]):
        if scratch[p.SINCE, row] >= 0.0:
            growth *= personal[row, p.SPEND_EFFECT]
            concession += personal[row, p.CONCESSION]
    return growth, concession


@inlined
def pay_under_effects(model, cell, step, amount, scratch, posts):
    """Margin that running effects change of one amount, posted for all of them together."""
    growth, concession = spending_of(model.personal, scratch)
    if growth == 1.0 and concession == 0.0:
        return 0.0
    schedule = model.schedule[cell]
    more = amount * (growth - 1.0)
    # Nobody pays less than nothing.
    given = amount * growth * min(concession, 1.0 - schedule[p.LET_OFF, step])
    posts[-1, p.POST_GROWN, step] += more
    posts[-1, p.POST_CONCEDED, step] += given
    return more * schedule[p.UNIT_MARGIN, step] - given * schedule[p.WORTH, step]


@inlined
def spell_margin(model, cell, begin, end, spend, spending, posts):
    """Margin that effects change of one's spending from a step to before another, and its posts.

    ``spending`` is as ``spending_of`` finds it, the same in all of these steps.
    """
    growth, concession = spending
    if end <= begin or spend == 0.0 or (growth == 1.0 and concession == 0.0):
        return 0.0
    schedule = model.schedule[cell]
    more, given = spend * (growth - 1.0), spend * growth * concession
    posts[-1, p.POST_UNDER, begin] += 1.0
    posts[-1, p.POST_UNDER, end] -= 1.0
    posts[-1, p.POST_GROWN, begin] += more
    posts[-1, p.POST_GROWN, end] -= more
    posts[-1, p.POST_CONCEDED, begin] += given
    posts[-1, p.POST_CONCEDED, end] -= given
    margin = more * (schedule[p.UNIT_BEFORE, end] - schedule[p.UNIT_BEFORE, begin])
    margin -= given * (schedule[p.WORTH_BEFORE, end] - schedule[p.WORTH_BEFORE, begin])
    # Nobody pays less than nothing: what the offer leaves less than programs let off comes back.
    for step in range(begin, min(end, int(model.facts[cell, p.CLIPPED]))):
        beyond = concession - (1.0 - schedule[p.LET_OFF, step])
        if beyond > 0.0:
            back = spend * growth * beyond
            posts[-1, p.POST_CONCEDED, step] -= back
            posts[-1, p.POST_CONCEDED, step + 1] += back
            margin += back * schedule[p.WORTH, step]
    return margin


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
    growth, concession, head = 1.0, 0.0, beyond[p.LATER_HEAD, place]
    for row in range(personal.shape[0]):
        if runs_on(outlook, row, period):
            growth *= personal[row, p.SPEND_EFFECT]
            concession += personal[row, p.CONCESSION]
            head += personal[row, p.HEAD_AHEAD]
    given = min(concession, 1.0 - beyond[p.LATER_LET_OFF, place])
    unit = growth * (beyond[p.LATER_UNIT, place] - given * beyond[p.LATER_WORTH, place])
    return unit, head
