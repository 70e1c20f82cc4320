"""Offers that nobody gets, that say nothing, or that let something off and bring in nobody."""

from collections.abc import Iterator

from clvsim.scenario.lines import Path
from clvsim.scenario.look import Look
from clvsim.scenario.model import Offer, Scenario
from clvsim.scenario.there import Source, sources

_NEUTRAL = Offer()


def looks_at_offers(scenario: Scenario) -> Iterator[Look]:
    """What can be said of the offers of one scenario."""
    made = _made(scenario)
    for name, offer in scenario.offers.items():
        path: Path = ("offers", name)
        # An offer without content may stand where another one does, or does in a variant.
        is_alone = made == {name} and offer == _NEUTRAL
        if is_alone or made - {name}:
            why = "it says nothing: the same as the list price" if is_alone else ""
            yield Look(path, why, "content")
        if name not in made:
            yield Look(path, "no channel or cohort makes it", hint=f'offer = "{name}" somewhere')
            continue
        yield Look(path, "")
        if any(one.path[:2] == path for one in scenario.uncertain):
            continue
        yield from _looks_inside(path, offer)
        yield from _looks_at_savings(scenario, name, offer)


def _made(scenario: Scenario) -> set[str]:
    """Names of the offers that are made."""
    channels = [one.offer for one in scenario.channels.values()]
    cohorts = [one.offer for one in scenario.cohorts.values()]
    bases = [one.offer for one in scenario.installed_base.values()]
    made = (scenario.offer, *channels, *cohorts, *bases)
    return {offer for offer in made if offer is not None}


def _looks_inside(path: Path, offer: Offer) -> Iterator[Look]:
    """Keys of an offer that need another."""
    discounts = offer.discount if isinstance(offer.discount, tuple) else ()
    if offer.discount_periods:
        why = "" if offer.discount else "there is no discount"
        if discounts:
            why = "the discounts are a list by tenure, which says how long each lasts"
        yield Look((*path, "discount_periods"), why)
    lasts = len(discounts) or offer.discount_periods
    if _lets_off(offer) and offer.free_periods:
        why = "" if lasts > offer.free_periods else "the periods that it lasts for are free"
        hint = f"a discount for more than {offer.free_periods} periods"
        yield Look((*path, "discount"), why, "free", hint)
    if discounts and not any(discounts):
        yield Look((*path, "discount"), "nothing is let off", "nothing")
    if offer.gift_value:
        why = "" if offer.gift else "a present is counted by prospects and costs nothing"
        yield Look((*path, "gift_value"), why, hint="what the gift costs")
    if offer.termination_fee or offer.flat_termination_fee:
        why = "" if offer.on_leaving == "fee" else "who wants to leave is held until the term ends"
        yield Look((*path, "termination_fee"), why, hint='on_leaving = "fee"')
    if offer.on_leaving == "fee":
        why = "" if offer.term else "there is no term to leave within"
        if offer.term and not (offer.termination_fee or offer.flat_termination_fee):
            why = "leaving within the term costs nothing: the term holds nobody"
        yield Look((*path, "on_leaving"), why, hint="a term and a termination_fee above 0")


def _looks_at_savings(scenario: Scenario, name: str, offer: Offer) -> Iterator[Look]:
    """Channels in which what an offer lets off brings in nobody, and cohorts, which it never does.

    A cohort has the customers that it has. But beside a channel it may be made the same offer.
    """
    worth = offer.gift if offer.gift_value is None else offer.gift_value
    if not (_lets_off(offer) or offer.free_periods or worth or offer.equipment_subsidy):
        return
    takers = [one for one in sources(scenario) if one.offer == name]
    for channel in (one for one in takers if one.section == "channels"):
        yield Look(("offers", name), _why_nobody(scenario, channel), channel.name, _SENSITIVE)
    if takers and all(one.section == "cohorts" for one in takers):
        why = (
            f"the cohort '{takers[0].name}' has the customers that it has: what the offer lets off "
            "brings in nobody"
        )
        yield Look(("offers", name), why, "cohorts", "a channel, whose prospects an offer can win")
    elif takers:
        yield Look(("offers", name), "", "cohorts")


_SENSITIVE = "a price_sensitivity above 0"


def _why_nobody(scenario: Scenario, channel: Source) -> str:
    if any(scenario.segments[one].price_sensitivity > 0.0 for one in channel.segments):
        return ""
    which = "the segment" if len(channel.segments) == 1 else "no segment"
    has = "has no price_sensitivity" if which == "the segment" else "has a price_sensitivity"
    return (
        f"{which} of channel '{channel.name}' {has}: what the offer lets off costs money and "
        "brings in nobody"
    )


def _lets_off(offer: Offer) -> bool:
    """Whether an offer has a discount."""
    return any(offer.discount) if isinstance(offer.discount, tuple) else offer.discount > 0.0
