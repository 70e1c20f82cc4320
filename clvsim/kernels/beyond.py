"""What a customer under contract is expected to bring in beyond the horizon."""

import math

from clvsim.kernels import plan as p
from clvsim.kernels.effects import lasts
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
def lasting_value(model, cell, hazard, spend, row):
    """Expected margin beyond the horizon of one alive then, discounted to the horizon, currency.

    Period after period, backwards: ``V = margin + r d V'`` with this person's own retention r. From
    ``AHEAD`` on conditions recur, so that the sum over a cycle is that of a geometric series.

    Parameters
    ----------
    row : int
        Row of ``Model.beyond`` with the margin per unit of spend; that per head follows.
    """
    beyond, ahead = model.beyond[cell], int(model.facts[cell, p.AHEAD])
    value, share, multiplier, kept = 0.0, 1.0, -1.0, 0.0
    for period in range(ahead + int(model.facts[cell, p.CYCLE]) - 1, -1, -1):
        if beyond[p.LATER_PAID, period] != multiplier:
            multiplier = beyond[p.LATER_PAID, period]
            kept = math.exp(-hazard * multiplier) * model.period_factor
        value = spend * beyond[row, period] + beyond[row + 1, period] + kept * value
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
def overtime_value(model, cell, spend, row, periods):
    """Margin of some periods beyond the horizon that are paid for certain, as ``lasting_value``."""
    value = 0.0
    for period in range(periods - 1, -1, -1):
        margin = spend * model.beyond[cell, row, period] + model.beyond[cell, row + 1, period]
        value = margin + model.period_factor * value
    return value


@inlined
def residual_value(model, cell, hazard, spend, decision):
    """Expected margin beyond the horizon without memberships, discounted to joining, currency.

    Exact, each under the conditions of its time. Of one still alive; or of one who has decided to
    leave at a step, and is held by a term.
    """
    steps = int(model.facts[cell, p.STEPS])
    if decision < steps:
        held = int(model.schedule[cell, p.OVERTIME, decision])
        if held == 0:
            return 0.0
        value = overtime_value(model, cell, spend, p.LATER_UNIT, held)
    else:
        value = lasting_value(model, cell, hazard, spend, p.LATER_UNIT)
        if model.facts[cell, p.LEAVES_WITH] != 0.0:
            value += leaving_value(model, cell, hazard)
    return model.period_factor**steps * value


@inlined
def residual_of_member(model, cell, person, decision, scratch):
    """The same with whatever lasts of the memberships that a customer has joined."""
    hazard, spend, _ = person
    steps, extra, multiplier = int(model.facts[cell, p.STEPS]), 0.0, 1.0
    for row in range(model.personal.shape[0]):
        if lasts(model, row, cell, scratch):
            multiplier *= model.personal[row, p.HAZARD]
    hazard *= multiplier
    for row in range(model.personal.shape[0]):
        if lasts(model, row, cell, scratch):
            own = p.LATER_EFFECT + 2 * row
            if decision == steps:
                extra += lasting_value(model, cell, hazard, spend, own)
            else:
                held = int(model.schedule[cell, p.OVERTIME, decision])
                extra += overtime_value(model, cell, spend, own, held)
    value = residual_value(model, cell, hazard, spend, decision)
    return value + model.period_factor**steps * extra
