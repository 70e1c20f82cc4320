"""Channels to expected customers: spend, carry-over, reach, lead time, conversion."""

import numpy as np
from numpy.typing import NDArray

from clvsim.calendar import Calendar
from clvsim.scenario.chains import Chain
from clvsim.scenario.model import AnySegment, Channel, Hill, Linear, Offer, SpendStep

Floats = NDArray[np.float64]


def spend_by_period(channel: Channel, calendar: Calendar) -> Floats:
    """Spend of a channel, currency per period, ``(T,)``."""
    spend = np.zeros(calendar.periods)
    if not isinstance(channel.spend, tuple):
        return spend + channel.spend
    for i, item in enumerate(channel.spend):
        if isinstance(item, SpendStep):
            spend[calendar.period(item.first) :] = item.spend
        elif isinstance(item, float) and i < calendar.periods:
            spend[i] = item
    return spend


def prospects_by_period(channel: Channel, calendar: Calendar) -> Floats:
    """Prospects that come to a decision in each period, ``(T,)``.

    Effective spend is geometric adstock with weights that add up to 1: ``a_t = (1 - c) s_t +
    c a_{t-1}``, so that a constant spend reaches as many with carry-over as without. Prospects
    are spread over the lead time; those that decide beyond the horizon are lost.
    """
    reached = reach(channel, adstock(spend_by_period(channel, calendar), channel.carry_over))
    if not channel.lead_time:
        return reached
    return np.convolve(reached, np.array(channel.lead_time))[: calendar.periods]


def adstock(spend: Floats, carry_over: float) -> Floats:
    """Effective spend under geometric carry-over, nothing carried into the first period."""
    effective, carried = np.empty_like(spend), 0.0
    for period, amount in enumerate(spend):
        carried = (1.0 - carry_over) * amount + carry_over * carried
        effective[period] = carried
    return effective


def reach(channel: Channel, spend: Floats) -> Floats:
    """Prospects reached for an effective spend, ``(T,)``."""
    response = channel.reach
    if isinstance(response, Linear):
        # Infinitely many are refused later, by the name of their channel.
        with np.errstate(over="ignore"):
            return spend / response.cost_per_prospect
    if isinstance(response, Hill):
        # In the ratio to the half-spend, so that no power overflows.
        with np.errstate(divide="ignore", over="ignore"):
            return response.ceiling / (1.0 + (spend / response.half) ** -response.slope)
    return response.ceiling * -np.expm1(-response.rate * spend)


def first_year_saving(
    offer: Offer,
    mean_spend: float,
    per_year: float,
    mean_purchases: float | None = None,
    chain: Chain | None = None,
) -> float:
    """What an offer saves over the first year, as a share of that year's list price.

    Parameters
    ----------
    mean_spend : float
        Currency per period, or per purchase.
    mean_purchases : float, optional
        Purchases per period, beside the one on joining; None: every period is paid for.
    chain : Chain, optional
        What customers who move between states bring in, per unit of ``mean_spend``.
    """
    year = max(1, round(per_year))
    weights = np.ones(year)
    if mean_purchases is not None:
        weights *= mean_purchases
        weights[0] += 1.0
    if chain is not None:
        weights = chain.values_by_tenure(year)
        if weights.sum() <= 0.0:
            return 0.0
    listed = mean_spend * float(weights.sum())
    presents = offer.gift if offer.gift_value is None else offer.gift_value
    presents += offer.equipment_subsidy
    saving = float((weights * let_off_by_tenure(offer, year)).sum()) / float(weights.sum())
    return saving + presents / listed if listed > 0.0 else saving


def let_off_by_tenure(offer: Offer, periods: int) -> Floats:
    """Share of the price let off by tenure, ``(periods,)``."""
    share = np.zeros(periods)
    if isinstance(offer.discount, tuple):
        discounts = offer.discount[:periods]
        share[: len(discounts)] = discounts
    else:
        share[: offer.discount_periods] = offer.discount
    share[: offer.free_periods] = 1.0
    return share


def ends_at(offer: Offer) -> int:
    """Tenure from which on an offer lets nothing off, periods."""
    lasts = len(offer.discount) if isinstance(offer.discount, tuple) else offer.discount_periods
    return max(lasts, offer.free_periods)


def conversion(
    channel: Channel, segment: AnySegment, name: str, offer: Offer, saving: float, added: Floats
) -> Floats:
    """Probability that a prospect converts: the base odds, shifted on the logit scale.

    Parameters
    ----------
    name : str
        Name of the segment.
    saving : float
        First-year saving as a share of the list price.
    added : (cell,)
        Log-odds added by programs.
    """
    base = channel.conversion[name] if isinstance(channel.conversion, dict) else channel.conversion
    if base == 0.0:
        return np.zeros_like(added)
    shift = segment.price_sensitivity * saving - offer.reluctance + added
    return np.asarray(1.0 / (1.0 + (1.0 / base - 1.0) * np.exp(-shift)))
