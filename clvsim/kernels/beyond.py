"""What a customer under contract is expected to bring in beyond the horizon."""

import math

from clvsim.kernels import plan as p
from clvsim.kernels.effects import (
    hazard_ahead,
    last_cycle,
    margin_ahead,
    outlook_of,
    place_of,
    runs_until,
)
from clvsim.kernels.inner import inlined, inner

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


@inner
def lasting_value(beyond, lengths, factor, hazard, spend):
    """Expected margin beyond the horizon of one alive then, discounted to the horizon, currency.

    Period after period, backwards: ``V = margin + r d V'`` with this person's own retention r. From
    ``AHEAD`` on conditions recur, so that the sum over a cycle is that of a geometric series.

    Parameters
    ----------
    beyond : (row, period)
        The cell's part of ``Model.schedule``.
    lengths : tuple of int
        ``AHEAD`` and ``CYCLE``.
    factor : float
        Discount factor of a period.
    """
    ahead, cycle = lengths
    value, share, multiplier, kept = 0.0, 1.0, -1.0, 0.0
    for period in range(ahead + cycle - 1, -1, -1):
        if beyond[p.LATER_PAID, period] != multiplier:
            multiplier = beyond[p.LATER_PAID, period]
            kept = math.exp(-hazard * multiplier) * factor
        margin = spend * beyond[p.LATER_UNIT, period] + beyond[p.LATER_HEAD, period]
        value = margin + kept * value
        share *= kept
        if period == ahead:
            value /= 1.0 - share
    return value


@inner
def leaving_value(beyond, lengths, factor, hazard):
    """Expected amount on leaving beyond the horizon, as ``lasting_value``."""
    ahead, cycle = lengths
    value, share = 0.0, 1.0
    for period in range(ahead + cycle - 1, -1, -1):
        stays = math.exp(-hazard * beyond[p.LATER_HAZARD, period])
        value = (1.0 - stays) * beyond[p.LATER_LEAVING, period] + stays * factor * value
        share *= stays * factor
        if period == ahead:
            value /= 1.0 - share
    return value


@inner
def overtime_value(beyond, factor, spend, periods):
    """Margin of some periods beyond the horizon that are paid for certain, as ``lasting_value``."""
    value = 0.0
    for period in range(periods - 1, -1, -1):
        margin = spend * beyond[p.LATER_UNIT, period] + beyond[p.LATER_HEAD, period]
        value = margin + factor * value
    return value


@inlined
def residual_value(model, cell, hazard, spend, decision):
    """Expected margin beyond the horizon, discounted to joining, currency; no effect runs on.

    Exact, each under the conditions of its time. Of one still alive; or of one who has decided to
    leave at a step, and is held by a term.
    """
    facts, beyond, factor = model.facts[cell], model.schedule[cell], model.period_factor
    steps, lengths = int(facts[p.STEPS]), (int(facts[p.AHEAD]), int(facts[p.CYCLE]))
    if decision < steps:
        held = int(model.schedule[cell, p.OVERTIME, decision])
        value = overtime_value(beyond, factor, spend, held) if held > 0 else 0.0
    else:
        value = lasting_value(beyond, lengths, factor, hazard, spend)
        if facts[p.LEAVES_WITH] != 0.0:
            value += leaving_value(beyond, lengths, factor, hazard)
    return factor**steps * value


@inner
def let_go(outlook, lift, period):
    """Summed hazard multiplier of the periods whose leavers pay for the last time in this one."""
    wait = outlook[1][p.LATER_WAIT]
    if wait[place_of(outlook, period)] != 0.0:
        return 0.0
    first, total = period, 0.0
    while first > 0 and first - 1 + wait[place_of(outlook, first - 1)] == period:
        first -= 1
    for decided in range(first, period + 1):
        total += hazard_ahead(outlook, lift, decided)
    return total


@inner
def value_under_effects(outlook, person, last, factor):
    """Expected margin beyond the horizon of one alive then under effects that run on, likewise.

    Parameters
    ----------
    last : int
        As from ``runs_until``.
    factor : float
        Discount factor of a period.
    """
    hazard, spend, lift = person
    value, leaving, share, share_left = 0.0, 0.0, 1.0, 1.0
    if last > 0:
        # Who decides under the last of the effects is let go only when the term has ended.
        last += int(outlook[1][p.LATER_WAIT, place_of(outlook, last - 1)])
    begin = last_cycle(outlook, last)
    for period in range(begin + outlook[3][2] - 1, -1, -1):
        unit, head = margin_ahead(outlook, period)
        kept = math.exp(-hazard * let_go(outlook, lift, period)) * factor
        value = spend * unit + head + kept * value
        stays = math.exp(-hazard * hazard_ahead(outlook, lift, period))
        amount = outlook[1][p.LATER_LEAVING, place_of(outlook, period)]
        leaving = (1.0 - stays) * amount + stays * factor * leaving
        share, share_left = share * kept, share_left * stays * factor
        if period == begin:
            value /= 1.0 - share
            leaving /= 1.0 - share_left
    return value + leaving


@inlined
def residual_under_effects(model, cell, person, decision, scratch):
    """As ``residual_value``, with the effects of personal programs that run on, each to its end.

    Not a number where none does.
    """
    _, spend, _ = person
    outlook, steps = outlook_of(model, cell, scratch), int(model.facts[cell, p.STEPS])
    last, factor, value = runs_until(outlook), model.period_factor, 0.0
    if last < 0:
        return math.nan
    if decision == steps:
        return factor**steps * value_under_effects(outlook, person, last, factor)
    for period in range(int(model.schedule[cell, p.OVERTIME, decision]) - 1, -1, -1):
        unit, head = margin_ahead(outlook, period)
        value = spend * unit + head + factor * value
    return factor**steps * value
