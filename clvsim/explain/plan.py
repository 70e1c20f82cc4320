"""A whole scenario in plain words, part by part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clvsim.explain.coming import channel_lines, date_of, given_lines, offer_line
from clvsim.explain.expected import joining
from clvsim.explain.people import segment_lines
from clvsim.scenario.model import Scenario
from clvsim.scenario.segments import Relationship
from clvsim.scenario.toml import dotted
from clvsim.wording import Words, amount, listed, percent

#: Changes of a variant that are listed.
_MOST_CHANGES = 4
_HOW: dict[Relationship, str] = {
    "contract": "under contract",
    "bg/nbd": "buy now and then (BG/NBD)",
    "pareto/nbd": "buy now and then (Pareto/NBD)",
    "bg/bb": "may buy at every opportunity (BG/BB)",
    "states": "move between states",
}
_TIMING = {"start": "at the start", "mid": "in the middle", "end": "at the end"}


@dataclass(frozen=True)
class Part:
    """A heading and what is said below it, a sentence or two a line."""

    title: str
    lines: tuple[str, ...]


def explained(scenario: Scenario, variants: Mapping[str, Scenario] | None = None) -> list[Part]:
    """A scenario in plain words.

    Parameters
    ----------
    scenario : Scenario
    variants : mapping of str to Scenario, optional
        Alternatives of which only what they change is told.
    """
    words = Words(scenario.money.currency, scenario.time.step)
    expected = joining(scenario)
    parts = [Part("Time and money", tuple(_frame(scenario, words)))]
    for name, segment in scenario.segments.items():
        lines = segment_lines(segment, words, scenario.time.periods)
        parts.append(Part(f"Customers: {name}, {_HOW[segment.relationship]}", tuple(lines)))
    offers = tuple(offer_line(name, scenario, variants or {}, words) for name in scenario.offers)
    parts.append(Part("Offers", offers))
    for name, found in expected.items():
        lines = channel_lines(name, scenario, found, words)
        parts.append(Part(f"Channel: {name}", tuple(lines)))
    given = tuple(given_lines(scenario, words))
    parts.append(Part("Customers who come without a channel", given))
    parts.append(Part("Programs", tuple(_programs(scenario, words))))
    parts.append(Part("What is uncertain", tuple(_uncertain(scenario))))
    parts.append(Part("Variants", tuple(_variants(scenario, variants or {}))))
    return [part for part in parts if part.lines]


def _frame(scenario: Scenario, words: Words) -> Iterator[str]:
    """Horizon, discounting, what is beyond, fixed costs."""
    time, money = scenario.time, scenario.money
    first, last = date_of(scenario, 0), date_of(scenario, time.periods - 1)
    yield f"{words.span(time.periods)}, {first} to {last}. Amounts in {money.currency}."
    if money.discount_rate:
        later = 100.0 / (1.0 + money.discount_rate)
        yield (
            f"Discounted at {percent(money.discount_rate)} a year: 100 {money.currency} a year "
            f"from now count as {amount(later)}. Payments fall {_TIMING[money.timing]} of a "
            f"{time.step}."
        )
    else:
        yield "Not discounted: money later counts as much as money now."
    if money.residual == "none":
        yield "After the last period nothing counts, however many customers are still there."
    else:
        yield "Customers still there at the end count with what they can be expected to bring in."
    yield from _fixed(scenario, words)


def _fixed(scenario: Scenario, words: Words) -> Iterator[str]:
    """Fixed costs of the business."""
    fixed = scenario.money.fixed_costs
    if isinstance(fixed, tuple):
        yield (
            f"Fixed costs: {amount(min(fixed))} to {words.money(max(fixed))} a {words.step} for "
            f"{words.span(len(fixed))}, {words.money(sum(fixed))} in all."
        )
    elif fixed:
        yield f"Fixed costs: {words.each(fixed)}."
    if scenario.money.fixed_costs_beyond:
        yield "Beyond the horizon fixed costs go on as in the last period, for ever."


def _programs(scenario: Scenario, words: Words) -> Iterator[str]:
    """Programs: who, when, what they do and cost."""
    calendar = scenario.time.calendar
    for name, one in scenario.programs.items():
        whom = []
        if one.segments:
            whom.append(f"for {listed(one.segments)}")
        if one.sources:
            whom.append(f"for those of {listed(one.sources)}")
        if calendar.period(one.first) or one.last is not None:
            whom.append(f"from {date_of(scenario, calendar.period(one.first))}")
        if one.last is not None:
            whom.append(f"to {date_of(scenario, calendar.period(one.last))}")
        clauses = one.told(words)
        if one.fixed_cost:
            clauses.append(f"{words.each(one.fixed_cost)} however many they are")
        off = "" if one.enabled else " [switched off]"
        when = f" ({' '.join(whom)})" if whom else ""
        yield f"{name}{off}{when}: {'; '.join(clauses)}."


def _uncertain(scenario: Scenario) -> Iterator[str]:
    """Numbers that are drawn in every world, shocks, and how often all is drawn."""
    for one in scenario.uncertain:
        low, high = (amount(one.quantile(share)) for share in (0.05, 0.95))
        yield (
            f"{dotted(one.path)}: about {amount(one.centre())}, in nine worlds of ten between "
            f"{low} and {high}."
        )
    for name, segment in scenario.segments.items():
        if segment.fit is not None and segment.fit.parameters:
            yield f"segments.{name}: its fitted numbers, as far as the records leave them open."
        if segment.posterior:
            yield f"segments.{name}: its numbers, as the posterior has them."
    for name, shock in scenario.shocks.items():
        if shock.kind == "drift":
            yield f"{name}: conditions common to all customers drift up and down."
        else:
            when = date_of(scenario, scenario.time.calendar.period(shock.first))
            yield f"{name}: in {when}, with probability {percent(shock.probability)}."
    worlds = scenario.simulation.worlds
    yield f"The whole is simulated {worlds:,} times (worlds), each with its own customers' luck."


def _variants(scenario: Scenario, variants: Mapping[str, Scenario]) -> Iterator[str]:
    """What each variant changes."""
    base = scenario.model_dump(by_alias=True, mode="json")
    for name, variant in variants.items():
        found = [*_changes(base, variant.model_dump(by_alias=True, mode="json"))]
        shown = found[:_MOST_CHANGES]
        more = f", and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
        yield f"{name}: {', '.join(shown) or 'changes nothing'}{more}."


def _changes(base: Any, other: Any, path: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Numbers and words that differ, as they would be written."""
    if isinstance(base, Mapping) and isinstance(other, Mapping):
        for key in {**base, **other}:
            if path or key not in {"name", "question", "uncertain"}:
                yield from _changes(base.get(key), other.get(key), (*path, key))
    elif base != other:
        if isinstance(other, Mapping):
            yield f"{dotted(path)} is new or another"
        else:
            yield f"{dotted(path)} = {_shown(other)}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        is_short = len(value) <= _MOST_CHANGES and not any(isinstance(one, dict) for one in value)
        return f"[{', '.join(map(_shown, value))}]" if is_short else "another list"
    return f"{value:g}" if isinstance(value, float) else str(value)
