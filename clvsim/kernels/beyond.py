"""What a customer under contract is expected to bring in beyond the horizon."""

import math

from clvsim.kernels import plan as p
from clvsim.kernels.effects import (
    hazard_ahead,
    last_cycle,
    margin_ahead,
    place_of,
    runs_until,
)
from clvsim.kernels.inner import inlined

#: Least share of value lost in a period (churn and discounting) that an expected value assumes.
NEVER_LEAVES = 1e-9


@inlined
def expected_value(model, cell, hazard, spend):
    """Expected margin under the conditions that last, for ever, currency.

    Constant retention r and discount factor d: margin / (1 - r d).
    """
    retention = math.exp(-hazard * model.facts[cell, p.LASTING_HAZARD])
    margin = spend * model.facts[cell, p.LASTING_UNIT] + model.facts[cell, p.LASTING_HEAD]
    # A customer who never leaves, undiscounted, is worth a great deal, not infinitely much.
    return margin / max(1.0 - retention * model.period_factor, NEVER_LEAVES)


@inlined
def lasting_value(model, cell, hazard, spend):
    """Expected margin beyond the horizon of one alive then, discounted to the horizon, currency.

    Period after period, backwards: ``V = margin + r d V'`` with this person's own retention r. From
    ``AHEAD`` on conditions recur, so that the sum over a cycle is that of a geometric series.
    """
    beyond, ahead = model.beyond[cell], int(model.facts[cell, p.AHEAD])
    value, share, multiplier, kept = 0.0, 1.0, -1.0, 0.0
    for period in range(ahead + int(model.facts[cell, p.CYCLE]) - 1, -1, -1):
        if beyond[p.LATER_PAID, period] != multiplier:
            multiplier = beyond[p.LATER_PAID, period]
            kept = math.exp(-hazard * multiplier) * model.period_factor
        margin = spend * beyond[p.LATER_UNIT, period] + beyond[p.LATER_HEAD, period]
        value = margin + kept * value
        share *= kept
        if period == ahead:
            value /= 1.0 - share
    return value


@inlined
def leaving_value(model, cell, hazard):
    """Expected amount on leaving beyond the horizon, as ``lasting_value``."""
    beyond, ahead = model.beyond[cell], int(model.facts[cell, p.AHEAD])
    value, share = 0.0, 1.0
    for period in range(ahead + int(model.facts[cell, p.CYCLE]) - 1, -1, -1):
        stays = math.exp(-hazard * beyond[p.LATER_HAZARD, period])
        kept = stays * model.period_factor
        value = (1.0 - stays) * beyond[p.LATER_LEAVING, period] + kept * value
        share *= kept
        if period == ahead:
            value /= 1.0 - share
    return value


@inlined
def residual_value(model, cell, hazard, spend, decision):
    """Expected margin beyond the horizon, discounted to joining, currency; no effect runs on.

    Exact, each under the conditions of its time. Of one still alive; or of one who has decided to
    leave at a step, and is held by a term.
    """
    steps, value = int(model.facts[cell, p.STEPS]), 0.0
    if decision < steps:
        for period in range(int(model.schedule[cell, p.OVERTIME, decision]) - 1, -1, -1):
            margin = spend * model.beyond[cell, p.LATER_UNIT, period]
            margin += model.beyond[cell, p.LATER_HEAD, period]
            value = margin + model.period_factor * value
    else:
        value = lasting_value(model, cell, hazard, spend)
        if model.facts[cell, p.LEAVES_WITH] != 0.0:
            value += leaving_value(model, cell, hazard)
    return model.period_factor**steps * value


@inlined
def let_go(model, cell, lift, scratch, period):
    """Summed hazard multiplier of the periods whose leavers pay for the last time in this one."""
    wait = model.beyond[cell, p.LATER_WAIT]
    if wait[place_of(model, cell, period)] != 0.0:
        return 0.0
    first, total = period, 0.0
    while first > 0 and first - 1 + wait[place_of(model, cell, first - 1)] == period:
        first -= 1
    for decided in range(first, period + 1):
        total += hazard_ahead(model, cell, lift, scratch, decided)
    return total


@inlined
def residual_under_effects(model, cell, person, decision, scratch):
    """As ``residual_value``, with the effects of personal programs that run on, each to its end."""
    hazard, spend, lift = person
    last, steps = runs_until(model, cell, scratch), int(model.facts[cell, p.STEPS])
    if last < 0:
        return residual_value(model, cell, hazard, spend, decision)
    value, leaving, share, share_left = 0.0, 0.0, 1.0, 1.0
    if decision < steps:
        for period in range(int(model.schedule[cell, p.OVERTIME, decision]) - 1, -1, -1):
            unit, head = margin_ahead(model, cell, scratch, period)
            value = spend * unit + head + model.period_factor * value
        return model.period_factor**steps * value
    if last > 0:
        # Who decides under the last of the effects is let go only when the term has ended.
        wait = model.beyond[cell, p.LATER_WAIT, place_of(model, cell, last - 1)]
        last += int(wait)
    begin = last_cycle(model, cell, last)
    for period in range(begin + int(model.facts[cell, p.CYCLE]) - 1, -1, -1):
        unit, head = margin_ahead(model, cell, scratch, period)
        gone = let_go(model, cell, lift, scratch, period)
        kept = math.exp(-hazard * gone) * model.period_factor
        value = spend * unit + head + kept * value
        stays = math.exp(-hazard * hazard_ahead(model, cell, lift, scratch, period))
        amount = model.beyond[cell, p.LATER_LEAVING, place_of(model, cell, period)]
        leaving = (1.0 - stays) * amount + stays * model.period_factor * leaving
        share, share_left = share * kept, share_left * stays * model.period_factor
        if period == begin:
            value /= 1.0 - share
            leaving /= 1.0 - share_left
    return model.period_factor**steps * (value + leaving)
