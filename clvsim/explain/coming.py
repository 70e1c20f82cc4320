"""Offers, channels, cohorts and installed bases in plain words: who comes, and what it costs."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from clvsim.calendar import parse_date
from clvsim.explain.expected import Joining, giving
from clvsim.scenario.channels import Channel, Hill, Linear, Organic, Saturating
from clvsim.scenario.model import Offer, Scenario, StatesSegment
from clvsim.wording import Words, amount, counted, listed, moved, percent

#: Steps of a spend, shares of a discount and variants that are told one by one.
_MOST_STEPS, _MOST_SHARES, _MOST_VARIANTS = 4, 6, 3
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def date_of(scenario: Scenario, period: int) -> str:
    """The first day of a period, as people say it: ``January 2026``, ``5 January 2026``."""
    label = scenario.time.calendar.label(period)
    date = parse_date(label)
    day = f"{date.day} " if scenario.time.step == "week" else ""
    return f"{day}{_MONTHS[date.month - 1]} {date.year}"


def offer_line(
    name: str, scenario: Scenario, variants: Mapping[str, Scenario], words: Words
) -> str:
    """An offer: what it gives, what it asks for, and what it costs a joiner."""
    offer = scenario.offers[name]
    given = [*_given(offer, words)] or ["the list price, nothing let off"]
    asked = [*_asked(offer, words)]
    text = f"{name}{_made_by(name, scenario, variants)}: {listed(given)}."
    if asked:
        text += f" {_capital('; '.join(asked))}."
    return f"{text}{_worth(name, scenario, words)}"


def _given(offer: Offer, words: Words) -> Iterator[str]:
    if offer.free_periods:
        first = "" if offer.free_periods == 1 else f"{offer.free_periods} "
        yield f"the first {first}{words.step}{'s' if first else ''} free"
    if isinstance(offer.discount, tuple) and len(offer.discount) == 1:
        yield f"{percent(offer.discount[0])} off in the first {words.step}"
    elif isinstance(offer.discount, tuple):
        shares = listed(percent(share) for share in offer.discount[:_MOST_SHARES])
        more = " and so on" if len(offer.discount) > _MOST_SHARES else ""
        yield f"{shares}{more} off, {words.step} by {words.step}"
    elif offer.discount and offer.discount_periods:
        yield f"{percent(offer.discount)} off for {words.span(offer.discount_periods)}"
    if offer.gift:
        worth = offer.gift if offer.gift_value is None else offer.gift_value
        seen = "" if worth == offer.gift else f" (to the prospect worth {amount(worth)})"
        yield f"a gift that costs {words.money(offer.gift)}{seen}"
    if offer.equipment_subsidy:
        yield f"equipment for {words.money(offer.equipment_subsidy)}"


def _asked(offer: Offer, words: Words) -> Iterator[str]:
    if not offer.term:
        return
    again = ", again and again" if offer.renews else ""
    yield f"the contract runs for {words.span(offer.term)}{again}"
    if offer.on_leaving == "hold":
        yield "who wants to leave stays until it ends"
    else:
        fees = []
        if offer.flat_termination_fee:
            fees.append(words.money(offer.flat_termination_fee))
        if offer.termination_fee:
            fees.append(f"{words.money(offer.termination_fee)} for each {words.step} left")
        limit = offer.most_termination_fee
        most = f" (at most {words.money(limit)})" if limit is not None else ""
        yield f"who leaves before pays {listed(fees) or 'nothing'}{most}"
    if offer.reluctance:
        yield f"for the term, the odds of joining {moved(math.exp(-offer.reluctance))}"


def _made_by(name: str, scenario: Scenario, variants: Mapping[str, Scenario]) -> str:
    """Where an offer is made."""
    own = _makers(name, scenario)
    if own:
        return f" (made by {listed(own)})"
    others = [variant for variant, one in variants.items() if _makers(name, one)]
    if others == [name]:
        return ""
    where = listed(others) if len(others) <= _MOST_VARIANTS else f"{len(others)} variants"
    return f" (made only in {where})" if others else " (nobody makes it)"


def _makers(name: str, scenario: Scenario) -> list[str]:
    """Channels and cohorts that make an offer."""
    own = {source: channel.offer for source, channel in scenario.channels.items()}
    own |= {source: cohort.offer for source, cohort in scenario.cohorts.items()}
    return [source for source, offer in own.items() if (offer or scenario.offer) == name]


def _worth(name: str, scenario: Scenario, words: Words) -> str:
    """What a joiner saves, and what is given away, by segment where that differs."""
    offer = scenario.offers[name]
    texts = {}
    for segment_name, segment in scenario.segments.items():
        if isinstance(segment, StatesSegment) and offer.discount == 0.0:
            continue
        found = giving(offer, segment, words.per_year)
        costs = found.let_off + found.handed_over
        if costs:
            saving = f" and saves {percent(found.saving)} of a year's price"
            texts[segment_name] = (
                f"costs about {words.money(costs)}{saving if found.saving else ''}"
            )
    if not texts:
        return ""
    if len(set(texts.values())) == 1:
        return f" For each who joins it {next(iter(texts.values()))}."
    each = "; ".join(f"{segment}: it {text}" for segment, text in texts.items())
    return f" For each who joins, {each}."


def channel_lines(name: str, scenario: Scenario, found: Joining, words: Words) -> list[str]:
    """A channel: spend, prospects, joiners, and what one of them costs."""
    channel = scenario.channels[name]
    total = float(found.spend.sum())
    lines = [
        f"Spend: {_spend(found.spend, scenario, words)}.",
        f"{_reach(channel, words)} {_reached(channel, scenario, found)}",
    ]
    if len(found.joiners) > 1:
        split = listed(f"{amount(count)} {segment}" for segment, count in found.joiners.items())
        lines.append(f"Joiners by segment: {split}.")
    if found.total and total + found.gifts:
        gifts = f", gifts and leads included ({words.money(found.gifts)})" if found.gifts else ""
        lines.append(f"A joiner costs {words.money(found.cost_per_joiner)}{gifts}.")
    if channel.lead_time and len(channel.lead_time) > 1:
        most = words.span(len(channel.lead_time) - 1)
        lines.append(f"Prospects take up to {most} to decide.")
    if channel.carry_over:
        lines.append(f"{percent(channel.carry_over)} of its effect carries over to the next.")
    if channel.steady:
        lines.append("It has run like this for ever before the start.")
    elif channel.earlier_spend:
        lines.append("What was spent before the start still works in the first periods.")
    return lines


def _spend(spend: NDArray[np.float64], scenario: Scenario, words: Words) -> str:
    """Spend in its steps, and in all."""
    changes = [0, *(np.flatnonzero(np.diff(spend)) + 1).tolist()]
    total = float(spend.sum())
    if not total:
        return "nothing"
    whole = f"{words.money(total)} in all"
    if len(changes) == 1:
        return f"{words.each(float(spend[0]))}; {whole}"
    if len(changes) > _MOST_STEPS:
        years = [
            float(spend[at : at + words.year].sum()) for at in range(0, len(spend), words.year)
        ]
        told = listed(amount(year) for year in years[:5]) + (", …" if len(years) > 5 else "")
        return f"{told} {words.currency} year by year; {whole}"
    steps = [
        f"{amount(float(spend[at]))} from {date_of(scenario, at)}"
        if spend[at]
        else f"none from {date_of(scenario, at)}"
        for at in changes
    ]
    return f"{words.currency} a {words.step}: {listed(steps)}; {whole}"


def _reach(channel: Channel, words: Words) -> str:
    """How spend turns into prospects."""
    reach = channel.reach
    if isinstance(reach, Organic):
        return "Prospects come by themselves."
    if isinstance(reach, Linear):
        return f"A prospect costs {words.money(reach.cost_per_prospect)}."
    most = f"At most {counted(reach.ceiling, 'prospect')} a {words.step}"
    if isinstance(reach, Saturating):
        half = np.log(2.0) / reach.rate
        return f"{most}, half of them for {words.money(half)}."
    if isinstance(reach, Hill):
        return f"{most}, half of them for {words.money(reach.half)}."
    return ""


def _reached(channel: Channel, scenario: Scenario, found: Joining) -> str:
    """Prospects and joiners over the horizon."""
    conversion = channel.conversion
    list_price = (
        listed(f"{percent(share)} of {name}" for name, share in conversion.items())
        if isinstance(conversion, dict)
        else percent(conversion)
    )
    if not found.prospects:
        return "It reaches nobody."
    share = percent(found.total / found.prospects)
    changed = channel.offer or scenario.offer or scenario.enabled_programs()
    with_offer = f", {share} as planned" if changed and share != list_price else ""
    return (
        f"Over the horizon {counted(found.prospects, 'prospect')} decide: {list_price} would join "
        f"at the list price{with_offer}, so that about {counted(found.total, 'customer')} join."
    )


def given_lines(scenario: Scenario, words: Words) -> Iterator[str]:
    """Cohorts and installed bases."""
    calendar = scenario.time.calendar
    for name, cohort in scenario.cohorts.items():
        cost = ""
        if cohort.cost_per_customer:
            whole = words.money(cohort.cost_per_customer * cohort.customers)
            cost = f", for {words.money(cohort.cost_per_customer)} each ({whole} in all)"
        when = date_of(scenario, calendar.period(cohort.joins))
        yield f"{name}: {cohort.customers:,} customers ({cohort.segment}) join in {when}{cost}."
    for name, base in scenario.installed_base.items():
        tenures = [(tenure, count) for tenure, count in base.by_tenure() if count]
        total = sum(count for _, count in tenures)
        mean = sum(tenure * count for tenure, count in tenures) / total if total else 0.0
        since = words.span(float(f"{mean:.2g}")) if mean else "just"
        what = f"have been there for {since}" if mean else "have only joined"
        average = " on average" if len(tenures) > 1 else ""
        yield (
            f"{name}: {base.customers:,} customers ({base.segment}) are there already; they {what}"
            f"{average}."
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
