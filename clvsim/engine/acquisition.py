"""Channels to expected customers: spend, carry-over, reach, lead time, conversion."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvsim.calendar import Calendar
from clvsim.scenario.chains import Chain
from clvsim.scenario.channels import Channel, Hill, Linear, Organic
from clvsim.scenario.model import AnySegment, Offer

Floats = NDArray[np.float64]
FORESIGHT = 4096
"""Periods that a prospect looks ahead where the price list changes for good."""
#: Share of the last effective spend below which nothing is carried over, and most periods of it.
_FADED, _LONGEST_FADING = 1e-15, 65_536


class Deciding(NamedTuple):
    """Prospects of a channel that come to a decision.

    Attributes
    ----------
    inside : (T,)
        In each period of the horizon.
    later : (period,)
        In each period after it: what the last spend carried over and the lead time leave, nothing
        more being spent; 65,536 periods at most.
    """

    inside: Floats
    later: Floats


def deciding(channel: Channel, calendar: Calendar) -> Deciding:
    """Prospects that come to a decision in each period.

    Effective spend is geometric adstock with weights that add up to 1: ``a_t = (1 - c) s_t +
    c a_{t-1}``, so that a constant spend reaches as many with carry-over as without. What was spent
    before the start carries over. Prospects are spread over the lead time: those reached before the
    start decide inside, and those reached late after the end.
    """
    wait = max(len(channel.lead_time) - 1, 0)
    if isinstance(channel.reach, Organic):
        reached = _organic(channel.reach, calendar.periods)
        early = np.full(wait, reached[0]) if channel.steady and reached[0] > 0.0 else np.zeros(0)
        fading = np.zeros(0)
    else:
        amounts, carried = _earlier(channel, calendar, wait)
        spend = np.concatenate([amounts, channel.spend_by_period(calendar)])
        effective = adstock(spend, channel.carry_over, carried)
        reached = reach(channel, effective)
        early, reached = reached[: len(amounts)], reached[len(amounts) :]
        fading = reach(channel, _faded(channel, effective[-1]))
    within = np.concatenate([early, reached])
    if not channel.lead_time:
        return Deciding(reached, fading)
    shares, first, end = np.array(channel.lead_time), len(early), len(within)
    later = np.convolve(np.concatenate([within, fading]), shares)[end:]
    return Deciding(np.convolve(within, shares)[first:end], later)


def _organic(response: Organic, periods: int) -> Floats:
    """Prospects who come of their own accord, ``(T,)``."""
    if not isinstance(response.prospects, tuple):
        return np.full(periods, response.prospects)
    found = np.zeros(periods)
    given = response.prospects[:periods]
    found[: len(given)] = given
    return found


def _earlier(channel: Channel, calendar: Calendar, wait: int) -> tuple[Floats, float]:
    """Amounts spent in the last periods before the start, and the effective spend before those."""
    before = channel.before(calendar)
    if not np.any(before):
        return np.zeros(0), 0.0
    if isinstance(before, tuple):
        return np.array(before), 0.0
    return np.full(wait, before), before


def adstock(spend: Floats, carry_over: float, carried: float = 0.0) -> Floats:
    """Effective spend under geometric carry-over.

    Parameters
    ----------
    spend : (period,)
        Currency.
    carry_over : float
    carried : float
        Effective spend before the first period.
    """
    effective = np.empty_like(spend)
    for period, amount in enumerate(spend):
        carried = (1.0 - carry_over) * amount + carry_over * carried
        effective[period] = carried
    return effective


def _faded(channel: Channel, last: float) -> Floats:
    """Effective spend of the periods after the last spend, until next to nothing is left."""
    carry = channel.carry_over
    if carry == 0.0 or last <= 0.0:
        return np.zeros(0)
    slope = min(channel.reach.slope, 1.0) if isinstance(channel.reach, Hill) else 1.0
    periods = min(math.ceil(math.log(_FADED) / (slope * math.log(carry))), _LONGEST_FADING)
    return np.asarray(last * carry ** np.arange(1.0, periods + 1.0))


def reach(channel: Channel, spend: Floats) -> Floats:
    """Prospects reached for an effective spend, ``(period,)``."""
    response = channel.reach
    if isinstance(response, Linear):
        # Infinitely many are refused later, by the name of their channel.
        with np.errstate(over="ignore"):
            return spend / response.cost_per_prospect
    if isinstance(response, Hill):
        # In the ratio to the half-spend, so that no power overflows.
        with np.errstate(divide="ignore", over="ignore"):
            return response.ceiling / (1.0 + (spend / response.half) ** -response.slope)
    if isinstance(response, Organic):
        return np.zeros_like(spend)
    return response.ceiling * -np.expm1(-response.rate * spend)


def list_payments(
    periods: int,
    mean_purchases: float | None = None,
    chain: Chain | None = None,
    by_tenure: Sequence[float] = (),
) -> Floats:
    """What a prospect expects to pay at the list price by tenure, ``(periods,)``.

    Per unit of mean spend.

    Parameters
    ----------
    periods : int
    mean_purchases : float, optional
        Purchases per period, beside the one on joining; None: every period is paid for.
    chain : Chain, optional
        What customers who move between states bring in, per unit of their spend.
    by_tenure : sequence of float, optional
        Multipliers of spend by tenure, the last one for good; of a contract.
    """
    if chain is not None:
        return chain.values_by_tenure(periods)
    if mean_purchases is not None:
        payments = np.full(periods, mean_purchases)
        payments[0] += 1.0
        return payments
    if not by_tenure:
        return np.ones(periods)
    return np.array(by_tenure)[np.minimum(np.arange(periods), len(by_tenure) - 1)]


def saving(
    offer: Offer,
    mean_spend: float,
    payments: Floats,
    per_year: float,
    impatience: float,
    price: Floats | None = None,
) -> float:
    """What a prospect saves against today's list price, as a share of a year at that price.

    All that an offer lets off, its gift and its equipment, less what a rising price list takes
    back: ``sum_t w_t d^t (1 - price_t (1 - let_off_t)) / sum_{t < year} w_t``, with the payments
    ``w`` at the list price. The later the less, by ``d``: the year in the denominator is no saving
    and is not discounted, so that a gift and a first month free keep their meaning.

    Parameters
    ----------
    offer : Offer
    mean_spend : float
        Currency per period, or per purchase.
    payments : (tenure,)
        As ``list_payments``; as many as are looked at, a year's at least.
    per_year : float
        Periods of a year.
    impatience : float
        Effective annual rate.
    price : (tenure,), optional
        Price relative to today's list; None: it stays as it is.
    """
    yearly = float(payments[: year_of(per_year)].sum())
    if yearly <= 0.0:
        return 0.0
    saved = let_off_by_tenure(offer, len(payments))
    if price is not None:
        saved = 1.0 - price * (1.0 - saved)
    presents = offer.gift if offer.gift_value is None else offer.gift_value
    presents += offer.equipment_subsidy
    listed = mean_spend * yearly
    discounted = payments * (1.0 + impatience) ** (-np.arange(len(payments)) / per_year)
    found = float((discounted * saved).sum()) / yearly
    return found + presents / listed if listed > 0.0 else found


def year_of(per_year: float) -> int:
    """Whole periods of a year, at least one."""
    return max(1, round(per_year))


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
    channel: Channel, segment: AnySegment, name: str, offer: Offer, saved: Floats, added: Floats
) -> Floats:
    """Probability that a prospect converts: the base odds, shifted on the logit scale.

    Parameters
    ----------
    name : str
        Name of the segment.
    saved : (cell,)
        As ``saving``.
    added : (cell,)
        Log-odds added by programs.
    """
    base = channel.conversion[name] if isinstance(channel.conversion, dict) else channel.conversion
    if base == 0.0:
        return np.zeros_like(added)
    shift = segment.price_sensitivity * saved - offer.reluctance + added
    # Odds beyond all numbers are certainty, on either side.
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + (1.0 / base - 1.0) * np.exp(-shift)))
