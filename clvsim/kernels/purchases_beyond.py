"""What a customer who buys now and then is expected to bring in: a period ahead, and for ever."""

import math

from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.kernels.beyond import NEVER_LEAVES
from clvsim.kernels.effects import (
    hazard_ahead,
    last_cycle,
    margin_ahead,
    outlook_of,
    place_of,
    runs_on,
    runs_until,
)
from clvsim.kernels.inner import inlined, inner


@inlined
def period_ahead(kind, hazard, rate):
    """Expected purchases of a period with constant conditions, and the chance to outlive it.

    Exact: purchases at a constant rate, thinned or cut short by leaving at a constant rate.

    Parameters
    ----------
    kind : int
        Relationship.
    hazard, rate : float
        The customer's own, all multipliers included.
    """
    leaving = hazard
    if kind == b.BG_NBD:
        leaving = rate * -math.expm1(-hazard)
    purchases = rate
    if kind == b.BG_BB:
        purchases = -math.expm1(-rate)
    elif leaving > 0.0:
        purchases = rate * (-math.expm1(-leaving) / leaving)
    return purchases, math.exp(-leaving)


@inlined
def expected_value(model, buying, cell, person):
    """Expected margin under the conditions that last, for ever, currency."""
    hazard, spend, pace = person
    facts, own = model.facts[cell], buying.facts[cell]
    kind, rate = int(own[b.KIND]), pace * own[b.LASTING_RATE]
    purchases, kept = period_ahead(kind, hazard * facts[p.LASTING_HAZARD], rate)
    margin = spend * facts[p.LASTING_UNIT] + own[b.LATER_PURCHASE]
    margin = purchases * margin + facts[p.LASTING_HEAD]
    return margin / max(1.0 - kept * model.period_factor, NEVER_LEAVES)


@inlined
def residual_value(model, buying, cell, person):
    """Expected margin beyond the horizon of one still a customer, discounted to joining.

    As ``beyond.residual_value``; no effect runs on.
    """
    hazard, spend, pace = person
    purchase = buying.facts[cell, b.LATER_PURCHASE]
    beyond, ahead = model.schedule[cell], int(model.facts[cell, p.AHEAD])
    kind = int(buying.facts[cell, b.KIND])
    value, share, multiplier, rate, purchases, kept = 0.0, 1.0, -1.0, -1.0, 0.0, 0.0
    for period in range(ahead + int(model.facts[cell, p.CYCLE]) - 1, -1, -1):
        if beyond[p.LATER_HAZARD, period] != multiplier or beyond[p.LATER_RATE, period] != rate:
            multiplier, rate = beyond[p.LATER_HAZARD, period], beyond[p.LATER_RATE, period]
            purchases, stays = period_ahead(kind, hazard * multiplier, pace * rate)
            kept = stays * model.period_factor
        margin = purchases * (spend * beyond[p.LATER_UNIT, period] + purchase)
        value = margin + beyond[p.LATER_HEAD, period] + kept * value
        share *= kept
        if period == ahead:
            value /= 1.0 - share
    return model.period_factor ** int(model.facts[cell, p.STEPS]) * value


@inner
def value_under_effects(outlook, kind, person, purchase, last, factor):
    """As ``beyond.value_under_effects``.

    Parameters
    ----------
    kind : int
        Relationship.
    person : tuple of hazard, spend, lift, pace
    purchase : float
        Margin of a purchase apart from its amount, currency.
    """
    hazard, spend, lift, pace = person
    personal, beyond, _, lengths = outlook
    value, share, begin = 0.0, 1.0, last_cycle(outlook, last)
    for period in range(begin + lengths[2] - 1, -1, -1):
        rate = beyond[p.LATER_RATE, place_of(outlook, period)]
        for row in range(personal.shape[0]):
            if runs_on(outlook, row, period):
                rate *= personal[row, p.PACE_EFFECT]
        multiplier = hazard_ahead(outlook, lift, period)
        purchases, stays = period_ahead(kind, hazard * multiplier, pace * rate)
        unit, head = margin_ahead(outlook, period)
        kept = stays * factor
        value = purchases * (spend * unit + purchase) + head + kept * value
        share *= kept
        if period == begin:
            value /= 1.0 - share
    return value


@inlined
def residual_under_effects(model, buying, cell, person, scratch):
    """As ``residual_value``, with the effects of personal programs that run on, each to its end."""
    hazard, spend, _, pace = person
    outlook, own = outlook_of(model, cell, scratch), buying.facts[cell]
    last, factor = runs_until(outlook), model.period_factor
    if last < 0:
        return residual_value(model, buying, cell, (hazard, spend, pace))
    value = value_under_effects(
        outlook, int(own[b.KIND]), person, own[b.LATER_PURCHASE], last, factor
    )
    return factor ** int(model.facts[cell, p.STEPS]) * value


@inlined
def settle(model, buying, cell, person, adoptions, scratch):
    """Residual value of one still a customer; ``adoptions`` None: no program is personal."""
    hazard, spend, _, pace = person
    if adoptions is None:
        return residual_value(model, buying, cell, (hazard, spend, pace))
    return residual_under_effects(model, buying, cell, person, scratch)
