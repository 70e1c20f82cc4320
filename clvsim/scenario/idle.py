"""Settings that cannot change anything, and costs without an effect: notes, not faults.

A file is looked at as a whole. What is idle in one of its scenarios and works in another is no
matter: variants switch programs on and make offers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clvsim.scenario.idle_offers import looks_at_offers
from clvsim.scenario.idle_programs import looks_at_programs
from clvsim.scenario.load import Plan
from clvsim.scenario.look import Look
from clvsim.scenario.model import Scenario
from clvsim.scenario.shocks import Drift, Shock
from clvsim.scenario.there import busy, converts, is_constant, present, sources
from clvsim.scenario.toml import BASELINE, dotted, variants

if TYPE_CHECKING:
    from clvsim.scenario.lines import Path


@dataclass(frozen=True, slots=True)
class Note:
    """A setting that cannot change anything, or costs and changes nothing else.

    Attributes
    ----------
    path : str
        Dotted path of the key (``offers.half``).
    message : str
        Why.
    hint : str
        What it would take.
    file : str
        File that wrote it, as the user named it; empty for scenarios that come from no file.
    line : int or None
        Line in that file, counted from 1; None where no single line says it.
    """

    path: str
    message: str
    hint: str = ""
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = ": ".join(part for part in (place, self.path, f"note: {self.message}") if part)
        return f"{text}\n  to change something: {self.hint}" if self.hint else text


def notes(plan: Plan) -> tuple[Note, ...]:
    """Notes on all scenarios of a file, by line.

    Parameters
    ----------
    plan : Plan
        As loaded, or several scenarios by name.
    """
    idle: dict[tuple[Path, str], tuple[str, Look] | None] = {}
    for name, scenario in plan.scenarios.items():
        for look in _looks(scenario):
            key = (look.path, look.about)
            if not look.why:
                idle[key] = None
            else:
                idle.setdefault(key, (name, look))
    found = [one for one in idle.values() if one is not None]
    found += [(name, look) for name, look in _same_as_the_baseline(plan)]
    return tuple(sorted(_noted(plan, found), key=lambda note: (note.file, note.line or 0)))


def _looks(scenario: Scenario) -> Iterator[Look]:
    yield from _looks_at_segments(scenario)
    yield from _looks_at_sources(scenario)
    yield from looks_at_offers(scenario)
    yield from looks_at_programs(scenario)
    yield from _looks_at_shocks(scenario)


def _looks_at_segments(scenario: Scenario) -> Iterator[Look]:
    """Segments that nobody is in, and settings that need another."""
    there = present(scenario)
    from_channels = {
        segment
        for one in sources(scenario)
        if one.section == "channels"
        for segment in one.segments
    }
    for name, segment in scenario.segments.items():
        path: Path = ("segments", name)
        why = "" if name in there else "no channel, cohort or installed base brings anybody into it"
        yield Look(path, why)
        if not segment.price_rise_sensitivity and "price_rise_periods" in segment.model_fields_set:
            why = "nobody in the segment feels a price rise"
            yield Look((*path, "price_rise_periods"), why, hint="a price_rise_sensitivity above 0")
        if getattr(segment, "call_cost", 0.0) > 0.0:
            why = "" if getattr(segment, "call_share", 0.0) > 0.0 else "no leaver calls to cancel"
            yield Look((*path, "call_cost"), why, hint="a call_share above 0")
        for place, one in enumerate(segment.correlations):
            same = [trait for trait in one.between if is_constant(segment, trait)]
            why = f"{same[0]} is the same for all customers of the segment" if same else ""
            hint = f"a distribution of {same[0]}" if same else ""
            if not same and "keenness" in one.between and name not in from_channels:
                why = "nobody comes by a channel: keenness decides about prospects alone"
            yield Look((*path, "correlations", place), why if name in there else "", hint=hint)


def _looks_at_sources(scenario: Scenario) -> Iterator[Look]:
    """Channels, cohorts and installed bases that nobody comes from."""
    for name, channel in scenario.channels.items():
        path: Path = ("channels", name)
        periods = busy(channel, scenario.time.calendar)
        yield Look((*path, "spend"), "" if periods else "it spends nothing, and so reaches nobody")
        reached = [one for one, share in channel.segments.items() if share > 0.0]
        if not any(converts(channel, one) for one in reached):
            yield Look((*path, "conversion"), "nobody of those whom it reaches joins")
        for segment in channel.conversion if isinstance(channel.conversion, dict) else ():
            why = "" if segment in reached else "the channel reaches nobody of the segment"
            hint = f"a share of '{segment}' in the channel's segments"
            yield Look((*path, "conversion", segment), why, hint=hint)
    for section in ("cohorts", "installed_base"):
        for name, source in getattr(scenario, section).items():
            yield Look((section, name, "customers"), "" if source.customers else "nobody is in it")


def _looks_at_shocks(scenario: Scenario) -> Iterator[Look]:
    """Shocks that shock nothing."""
    channels = any(one.section == "channels" for one in sources(scenario))
    for name, shock in scenario.shocks.items():
        path: Path = ("shocks", name)
        if any(one.path[:2] == path for one in scenario.uncertain):
            yield Look(path, "")
        else:
            yield Look(path, _why_no_shock(shock, channels=channels))


def _why_no_shock(shock: Shock, *, channels: bool) -> str:
    neutral = 0.0 if isinstance(shock, Drift) else 1.0
    if not isinstance(shock, Drift) and shock.probability == 0.0:
        return "it never happens"
    if shock.hazard != neutral or shock.spend != neutral:
        return ""
    if shock.conversion == neutral:
        return "it changes neither hazard nor spend nor conversion"
    return "" if channels else "it changes conversion alone, and there is no channel"


def _same_as_the_baseline(plan: Plan) -> Iterator[tuple[str, Look]]:
    baseline = plan.scenarios.get(BASELINE)
    for name, scenario in plan.scenarios.items():
        if baseline is None or name == BASELINE:
            continue
        title = {"name": baseline.name, "question": baseline.question}
        if scenario.model_copy(update=title) == baseline:
            why = f"the variant '{name}' says the same as the baseline"
            yield name, Look((), why)


def _noted(plan: Plan, found: list[tuple[str, Look]]) -> Iterator[Note]:
    """Looks with the place of what they are about."""
    document = plan.document
    documents = {} if document is None else variants(document)
    for name, look in found:
        if name in documents:
            path = look.path or ("variants", name)
            where = documents[name] if look.path or document is None else document
            fault = where.fault(path, look.why)
            yield Note(fault.path, fault.message, look.hint, fault.file, fault.line)
        else:
            yield Note(dotted(look.path), look.why, look.hint)
