"""Channels to expected customers: spend, carry-over, reach, lead time, conversion."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvsim.calendar import Calendar
from clvsim.scenario.chains import chain_of
from clvsim.scenario.channels import Channel, Hill, Linear, SpendStep
from clvsim.scenario.model import AnySegment, Offer, Segment, StatesSegment

Floats = NDArray[np.float64]
#: Share of a spend below which nothing more is said to carry over.
_NOTHING = 1e-12


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


class Prospects(NamedTuple):
    """Prospects of a channel that come to a decision.

    Attributes
    ----------
    inside : (T,)
        By period of the horizon.
    beyond : (B,)
        By period beyond it, as far as spend inside the horizon (and before it) brings any.
    """

    inside: Floats
    beyond: Floats


def prospects_of(channel: Channel, calendar: Calendar) -> Prospects:
    """Prospects that come to a decision, in each period of the horizon and beyond it.

    Effective spend is geometric adstock with weights that add up to 1: ``a_t = (1 - c) s_t +
    c a_{t-1}``, so that a constant spend reaches as many with carry-over as without. Prospects
    are spread over the lead time. Organic prospects come before the start too, and beyond the
    horizon they owe nothing to the plan: only those who are undecided then count.
    """
    periods, delays = calendar.periods, len(channel.lead_time or (1.0,))
    spend = spend_by_period(channel, calendar)
    before, carried = _before(channel, spend)
    # As many periods without effect stand in front as leads may take to decide.
    before = np.concatenate([np.full(delays, carried), before])
    after = np.zeros(_faded(channel.carry_over))
    effective = adstock(np.concatenate([before, spend, after]), channel.carry_over, carried)
    paid = reach(channel, effective)
    is_organic = np.arange(len(paid)) < len(before) + periods
    deciding = np.convolve(paid + channel.organic * is_organic, channel.lead_time or (1.0,))
    start = len(before)
    return Prospects(deciding[start : start + periods], deciding[start + periods :])


def _before(channel: Channel, spend: Floats) -> tuple[Floats, float]:
    """What was spent before the start, the latest last, and the effective spend before that."""
    if channel.steady:
        return np.zeros(0), float(spend[0])
    if isinstance(channel.earlier_spend, tuple):
        return np.array(channel.earlier_spend), 0.0
    return np.zeros(0), channel.earlier_spend


def _faded(carry_over: float) -> int:
    """Periods after which next to nothing of a spend carries over."""
    return 0 if carry_over == 0.0 else math.ceil(math.log(_NOTHING) / math.log(carry_over))


def adstock(spend: Floats, carry_over: float, carried: float = 0.0) -> Floats:
    """Effective spend under geometric carry-over, given what is carried into the first period."""
    effective = np.empty_like(spend)
    for period, amount in enumerate(spend):
        carried = (1.0 - carry_over) * amount + carry_over * carried
        effective[period] = carried
    return effective


def reach(channel: Channel, spend: Floats) -> Floats:
    """Prospects reached for an effective spend, ``(T,)``."""
    response = channel.reach
    if response is None:
        return np.zeros_like(spend)
    if isinstance(response, Linear):
        # Infinitely many are refused later, by the name of their channel.
        with np.errstate(over="ignore"):
            return spend / response.cost_per_prospect
    if isinstance(response, Hill):
        # In the ratio to the half-spend, so that no power overflows.
        with np.errstate(divide="ignore", over="ignore"):
            return response.ceiling / (1.0 + (spend / response.half) ** -response.slope)
    return response.ceiling * -np.expm1(-response.rate * spend)


def saving_of(
    offer: Offer, weights: Floats, year: int, mean_spend: float, prices: Floats | None = None
) -> Floats:
    """What an offer saves a prospect, as a share of a year at the list price, ``(cell,)``.

    As a prospect sees it: all that is let off counts, however late; the list price, and what it
    rises or falls by, is that of the first year.

    Parameters
    ----------
    weights : (tenure,)
        Expected spend of each period, per unit of ``mean_spend``, as a prospect weighs it from the
        day of joining (``weights_of``): of a year at least, and as long as the offer lets off.
    year : int
        Periods of a year.
    mean_spend : float
        Currency per period, or per purchase.
    prices : (cell, tenure), optional
        Price relative to the list at the start; 1 unless given.
    """
    listed = float(weights[:year].sum())
    if prices is None:
        prices = np.ones((1, len(weights)))
    if listed <= 0.0:
        return np.zeros(len(prices))
    presents = offer.gift if offer.gift_value is None else offer.gift_value
    presents += offer.equipment_subsidy
    let_off = let_off_by_tenure(offer, len(weights))
    saved = (prices * let_off * weights).sum(axis=1)
    saved += ((1.0 - prices[:, :year]) * weights[:year]).sum(axis=1)
    saving = saved / listed
    return saving + presents / (mean_spend * listed) if mean_spend > 0.0 else saving


def weights_of(
    segment: AnySegment, calendar: Calendar, periods: int, mean_purchases: float | None = None
) -> Floats:
    """Expected spend by tenure per unit of mean spend, as a prospect weighs it, ``(periods,)``.

    Later periods weigh less, by the ``impatience`` of the segment. Nobody expects to leave.

    Parameters
    ----------
    mean_purchases : float, optional
        Purchases per period, beside the one on joining; None: every period is paid for.
    """
    weights = np.ones(periods)
    if isinstance(segment, StatesSegment):
        weights = chain_of(segment).values_by_tenure(periods)
    elif mean_purchases is not None:
        weights *= mean_purchases
        weights[0] += 1.0
    elif isinstance(segment, Segment) and segment.spend_by_tenure:
        last = len(segment.spend_by_tenure) - 1
        by_tenure = np.array(segment.spend_by_tenure)
        weights = by_tenure[np.minimum(np.arange(periods), last)]
    years = np.arange(periods) / calendar.per_year
    return np.asarray(weights * (1.0 + segment.impatience) ** -years)


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
    channel: Channel, segment: AnySegment, name: str, offer: Offer, saving: Floats, added: Floats
) -> Floats:
    """Probability that a prospect converts: the base odds, shifted on the logit scale.

    Parameters
    ----------
    name : str
        Name of the segment.
    saving : (cell,) or (1,)
        As a share of a year at the list price (``saving_of``).
    added : (cell,)
        Log-odds added by programs.
    """
    base = channel.conversion[name] if isinstance(channel.conversion, dict) else channel.conversion
    if base == 0.0:
        return np.zeros_like(added)
    shift = segment.price_sensitivity * saving - offer.reluctance + added
    return np.asarray(1.0 / (1.0 + (1.0 / base - 1.0) * np.exp(-shift)))
