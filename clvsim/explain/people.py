"""Segments in plain words: how long customers stay, what they bring in, what they respond to."""

import math
from collections.abc import Iterator

from clvsim.explain.expected import LONGEST, half_life, mean_of, purchases_of, spend_of, surviving
from clvsim.scenario import distributions
from clvsim.scenario.chains import chain_of
from clvsim.scenario.model import (
    AnySegment,
    BgBbSegment,
    BgNbdSegment,
    BuyerSegment,
    Distribution,
    ParetoNbdSegment,
    RetentionTable,
    Segment,
    StatesSegment,
)
from clvsim.wording import Words, amount, counted, listed, moved, percent, plain, times

#: What a saving and a rise are, where a response to them is told, as shares of the price.
_TENTH = 0.1
_SMALL = 0.005
_MANY_STATES = 8
_TRAITS = {
    "churn": "leaves sooner",
    "spend": "spends more",
    "lift": "responds more to treatment",
    "keenness": "is keener to join",
    "purchases": "buys more often",
}


def segment_lines(segment: AnySegment, words: Words, horizon: int) -> list[str]:
    """What a segment says, a sentence or two a line.

    Parameters
    ----------
    segment : AnySegment
    words : Words
    horizon : int
        Periods.
    """
    lines = [
        *_leaving(segment, words),
        *_staying(segment, words, horizon),
        *_bringing_in(segment, words),
        *_costing(segment, words),
        *_responding(segment, words),
        *_together(segment),
        *_origin(segment),
    ]
    return [line for line in lines if line]


def _leaving(segment: AnySegment, words: Words) -> Iterator[str]:
    """How customers leave."""
    if isinstance(segment, Segment):
        yield _contract(segment, words)
    elif isinstance(segment, BgNbdSegment):
        yield f"After each repeat purchase {_share(segment.churn)} leave, unseen."
    elif isinstance(segment, BgBbSegment):
        chance = _share(segment.churn)
        yield f"Before each {words.step}'s chance to buy {chance} leave, unseen."
    elif isinstance(segment, ParetoNbdSegment):
        rate = mean_of(segment.death_rate)
        churn = percent(-math.expm1(-rate))
        yield f"They leave at any time, unseen: about {churn} a {words.step} at first."
    elif isinstance(segment, StatesSegment):
        shown = segment.states[:_MANY_STATES]
        more = len(segment.states) - len(shown)
        names = ", ".join(shown) + (f" and {more} more" if more else "")
        yield f"They move between {len(segment.states)} states, best first: {names}."
    if segment.hazard_by_tenure:
        yield _by_tenure("Leaving depends on tenure", segment.hazard_by_tenure, words)
    if segment.hazard_season:
        yield _season("Leaving has seasons", segment.hazard_season, words)


def _contract(segment: Segment, words: Words) -> str:
    """The churn of a contract, by period and by year."""
    still_there = surviving(segment)
    first, year = 1.0 - still_there(1), 1.0 - still_there(words.year)
    yearly = "" if words.step == "year" else f": {percent(year)} within the first year"
    if isinstance(segment.churn, (int, float)) and not _moves(segment):
        if segment.churn == 0.0:
            return "Nobody ever leaves."
        same = "" if words.step == "year" else f": {percent(year)} a year"
        return f"{percent(first)} leave each {words.step}{same}."
    told = f"{percent(first)} leave in the first {words.step}{yearly}"
    if isinstance(segment.churn, RetentionTable):
        seen = segment.churn.survivors
        cohort, span = counted(seen[0], "customer"), words.span(len(seen) - 1)
        return f"{told} (from a cohort of {cohort}, seen for {span})."
    if isinstance(segment.churn, Distribution):
        return f"{told}; they differ, so those who are left leave less and less."
    return f"{told}."


def _moves(segment: AnySegment) -> bool:
    return bool(segment.hazard_by_tenure or segment.hazard_season)


def _staying(segment: AnySegment, words: Words, horizon: int) -> Iterator[str]:
    """How many of a hundred stay for how long, and when half of them are gone."""
    still_there = surviving(segment)
    if still_there(LONGEST) == 1.0:
        return
    years = [n for n in (1, 2, 5) if words.step == "year" or n * words.year < horizon]
    marks = [(n * words.year, f"after {counted(n, 'year')}") for n in years[:2]]
    marks.append((horizon, "when the horizon ends"))
    marks = [mark for mark in marks if mark[0] <= horizon]
    parts = [f"{_of_hundred(still_there(tenure))} {when}" for tenure, when in marks]
    half = half_life(still_there)
    gone = (
        f"more than half stay longer than {words.span(LONGEST)}"
        if half is None
        else f"half are gone after {words.span(half)}"
    )
    yield f"Of 100 who join, {listed(dict.fromkeys(parts))} are still there; {gone}."


def _of_hundred(share: float) -> str:
    count = 100.0 * share
    if 0.0 < count < 1.0:
        return "less than 1"
    return "more than 99" if 99.0 < count < 100.0 else f"{count:.0f}"


def _bringing_in(segment: AnySegment, words: Words) -> Iterator[str]:
    """What a customer brings in."""
    spend, purchases = spend_of(segment), purchases_of(segment)
    if isinstance(segment, Segment):
        yield f"Each pays {_typical(segment.spend, words.each(spend))}{_between(segment.spend)}."
        if segment.spend_by_tenure:
            yield _by_tenure("Spend depends on tenure", segment.spend_by_tenure, words)
        if segment.spend_season:
            yield _season("Spend has seasons", segment.spend_season, words)
    elif isinstance(segment, BuyerSegment) and purchases is not None:
        yearly = f"{plain(purchases * words.per_year)} times a year"
        pace = yearly
        if words.step != "year":
            pace = f"{plain(purchases)} times a {words.step} ({yearly})"
        value = _typical(segment.spend, words.money(spend))
        yield (
            f"While customers, they buy {pace} on average, the first time on joining, for "
            f"{value} a purchase{_between(segment.spend)}."
        )
        if segment.rate_season:
            yield _season("Purchases have seasons", segment.rate_season, words)
    elif isinstance(segment, StatesSegment):
        yield _in_states(segment, words, spend)


def _in_states(segment: StatesSegment, words: Words, spend: float) -> str:
    """What states bring in, and what a customer does in the first year."""
    pairs = zip(segment.states, segment.state_values, strict=True)
    values = [f"{name} {amount(spend * value)}" for name, value in pairs if value][:_MANY_STATES]
    first = spend * float(chain_of(segment).values_by_tenure(words.year).sum())
    brings = f"brings in {words.money(first)} in the first year"
    return (
        f"Margin of a {words.step} by state, in {words.currency}: {', '.join(values) or 'none'}. "
        f"One who joins {brings}, before contacts."
    )


def _costing(segment: AnySegment, words: Words) -> Iterator[str]:
    """What a customer costs, and what is left of the price."""
    parts = []
    if segment.cost_share:
        parts.append(f"{percent(segment.cost_share)} of the list price for what is bought")
    if segment.royalty_share:
        parts.append(f"{percent(segment.royalty_share)} of what is paid to others")
    if isinstance(segment, BuyerSegment) and segment.cost_per_purchase:
        parts.append(f"{words.money(segment.cost_per_purchase)} a purchase")
    if segment.cost_to_serve:
        parts.append(f"{words.money(segment.cost_to_serve)} a {words.step} to serve")
    share = 1.0 - segment.cost_share - segment.royalty_share
    left = ""
    if parts and isinstance(segment, Segment):
        kept = spend_of(segment) * share - segment.cost_to_serve
        left = f": {words.each(kept)} is left of the list price"
    elif parts and isinstance(segment, BuyerSegment):
        kept = spend_of(segment) * share - segment.cost_per_purchase
        left = f": {words.money(kept)} is left of a purchase"
        left += f", before the cost of a {words.step}" if segment.cost_to_serve else ""
    if parts:
        yield f"Costs: {listed(parts)}{left}."
    if isinstance(segment, StatesSegment) and any(segment.contact_costs):
        most = max(segment.contact_costs)
        yield f"A {words.step}'s contact costs up to {words.money(most)}, depending on the state."
    if isinstance(segment, Segment) and segment.call_share:
        yield (
            f"{percent(segment.call_share)} of those who leave call first, which costs "
            f"{words.money(segment.call_cost)}."
        )


def _responding(segment: AnySegment, words: Words) -> Iterator[str]:
    """What savings and price rises do."""
    if segment.price_sensitivity:
        odds = math.exp(_TENTH * segment.price_sensitivity)
        yield f"If an offer saves 10 % of the first year's price, odds of joining {moved(odds)}."
    if segment.price_rise_sensitivity:
        hazard = math.exp(_TENTH * segment.price_rise_sensitivity)
        span = words.span(segment.price_rise_periods)
        likelier = times(hazard, "likelier", "less likely", "as likely")
        yield (
            f"A price rise of 10 % (the end of a discount is one, too) makes leaving {likelier} "
            f"for {span}."
        )


def _together(segment: AnySegment) -> Iterator[str]:
    """Traits that go together."""
    for one in segment.correlations:
        if one.value:
            first, second = sorted(one.between, key=lambda trait: trait != "keenness")
            how = _TRAITS[second] if one.value > 0.0 else _opposite(_TRAITS[second])
            yield f"Who {_TRAITS[first]} {how} (correlation {one.value:g})."


def _opposite(text: str) -> str:
    for word, other in (("sooner", "later"), ("more often", "less often"), ("more", "less")):
        if word in text:
            return text.replace(word, other)
    return text.replace("keener", "less keen")


def _origin(segment: AnySegment) -> Iterator[str]:
    """Where the numbers come from."""
    if segment.fit is not None:
        seen = f" of {counted(segment.fit.customers, 'customer')}" if segment.fit.customers else ""
        data = f" ({segment.fit.data})" if segment.fit.data else ""
        drawn = ", and every world draws them anew" if segment.fit.parameters else ""
        yield f"These numbers were fitted to records{seen}{data}{drawn}."
    if segment.posterior:
        yield "Every world takes one draw from the posterior of a Bayesian fit."


def _share(trait: object) -> str:
    """A share that all have, or that is spread."""
    if isinstance(trait, Distribution):
        return f"{percent(mean_of(trait))} (on average; they differ)"
    return percent(float(trait)) if isinstance(trait, (int, float)) else "some"


def _typical(trait: object, text: str) -> str:
    return f"on average {text}" if isinstance(trait, Distribution) else text


def _between(trait: object) -> str:
    """The middle half of a distribution."""
    if not isinstance(trait, Distribution):
        return ""
    frozen = distributions.frozen(trait.distribution, trait.parameters)
    low, high = (amount(float(frozen.ppf(share))) for share in (0.25, 0.75))
    return f"; half of them between {low} and {high}"


def _by_tenure(what: str, factors: tuple[float, ...], words: Words) -> str:
    """Multipliers by tenure in brief: the first, and the last that holds from then on."""
    since = words.span(len(factors) - 1)
    first, last = plain(factors[0]), plain(factors[-1])
    return f"{what}: times {first} at first, times {last} from {since} on."


def _season(what: str, factors: tuple[float, ...], words: Words) -> str:
    """Multipliers by season in brief."""
    low, high = plain(min(factors)), plain(max(factors))
    cycle = words.span(len(factors))
    return f"{what}: times {low} to times {high}, again and again every {cycle}."
