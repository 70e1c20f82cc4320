"""Faults between sections: names that nothing has, dates outside the horizon, no customers.

Everything here reads the tables as the user wrote them and passes over what a single value's own
check refuses, so that all faults of a file come at once.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from clvsim.calendar import Calendar
from clvsim.errors import Fault, closest
from clvsim.fields import Name, Period, Step
from clvsim.scenario.eligible import eligible_faults
from clvsim.scenario.explain import shown
from clvsim.scenario.lines import Path
from clvsim.scenario.model import Scenario, Time
from clvsim.scenario.plausible import base_faults, segment_faults
from clvsim.scenario.reaching import channel_faults
from clvsim.scenario.segments import PURCHASES, relationship_of
from clvsim.scenario.toml import Document

Table = Mapping[str, Any]

SOURCES = {"channels": "a channel", "cohorts": "a cohort", "installed_base": "an installed base"}
"""Sections whose tables bring in customers, and what one of them is."""

HOMES = {"segment": ("segments",), "offer": ("offers",), "source": tuple(SOURCES)}
"""Sections in which the names of each kind stand."""

_MOST_LISTED = 20
_PERIOD: TypeAdapter[int | str] = TypeAdapter(Period)
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def check(document: Document, *, needs_customers: bool = True) -> list[Fault]:
    """Find the faults of a scenario beyond single values.

    Parameters
    ----------
    document : Document
        The baseline or a variant; its values may be missing or wrong.
    needs_customers : bool
        Whether it is a fault that nobody ever joins.

    Returns
    -------
    list of Fault
        None of them repeats what validating a single section says.
    """
    return list(
        chain(
            _unknown_names(document),
            _missing_conversions(document),
            _shared_names(document),
            channel_faults(document, tables(document, "channels")),
            _time_faults(document),
            _terms_without_contract(document),
            _rates_without_purchases(document),
            _fits_by_another_step(document, tables(document, "segments")),
            number_faults(document),
            _no_customers(document) if needs_customers else (),
        )
    )


def number_faults(document: Document) -> Iterator[Fault]:
    """Faults that numbers have together: those that a world may have by what it draws."""
    segments = tables(document, "segments")
    yield from eligible_faults(document, tables(document, "programs"), segments)
    yield from _more_than_the_price(document)
    yield from segment_faults(document, segments)
    bases, offers = tables(document, "installed_base"), tables(document, "offers")
    yield from base_faults(document, bases, segments, offers)


def tables(document: Document, section: str) -> dict[str, Table]:
    """Tables of a section by name, as far as they are tables."""
    found = _table(document.data, section)
    return {name: item for name, item in found.items() if isinstance(item, Mapping)}


def references(document: Document) -> Iterator[tuple[Path, str, str]]:
    """Every name that stands for a table elsewhere: its path, the kind of table, the name."""
    for path, kind, word in _possible_references(document):
        try:
            yield path, kind, _NAME.validate_python(word, strict=True)
        except ValidationError:
            continue


def named(document: Document, kind: str) -> list[str] | None:
    """Names of a kind; None where a section is no table or misspelt, so that nobody can say."""
    sections = [document.data.get(section, {}) for section in HOMES[kind]]
    is_whole = _misspelt(document).isdisjoint(HOMES[kind])
    if not (is_whole and all(isinstance(section, Mapping) for section in sections)):
        return None
    return [name for section in sections for name in section]


def _misspelt(document: Document) -> set[str]:
    """Sections that unknown keys at the top were probably meant to be."""
    known = Scenario.model_fields
    return {closest(key, known) for key in document.data if key not in known}


def _possible_references(document: Document) -> Iterator[tuple[Path, str, Any]]:
    yield ("offer",), "offer", document.data.get("offer")
    for name, channel in tables(document, "channels").items():
        at = ("channels", name)
        yield (*at, "offer"), "offer", channel.get("offer")
        for key in ("segments", "conversion"):
            for segment in _table(channel, key):
                yield (*at, key, segment), "segment", segment
    for section in ("cohorts", "installed_base"):
        for name, source in tables(document, section).items():
            yield (section, name, "segment"), "segment", source.get("segment")
            yield (section, name, "offer"), "offer", source.get("offer")
    for name, program in tables(document, "programs").items():
        for key, kind in (("segments", "segment"), ("sources", "source")):
            for position, word in enumerate(_list(program, key)):
                yield ("programs", name, key, position), kind, word


def _unknown_names(document: Document) -> Iterator[Fault]:
    known = {kind: named(document, kind) for kind in HOMES}
    for path, kind, word in references(document):
        names = known[kind]
        if names is None or word in names or (kind == "segment" and not names):
            continue
        other = next((o for o, there in known.items() if o != kind and word in (there or ())), "")
        aside = f" ('{word}' is {_article(other)} {other})" if other else ""
        allowed = listed(names) if names else f"none: the scenario has no {kind}s"
        yield document.fault(
            path, f"no {kind} is called '{word}'{aside}", allowed, closest(word, names)
        )


def _missing_conversions(document: Document) -> Iterator[Fault]:
    """Segments that a channel reaches and whose conversion it does not give."""
    segments = named(document, "segment")
    for name, channel in tables(document, "channels").items():
        shares, conversion = _table(channel, "segments"), channel.get("conversion")
        if not isinstance(conversion, Mapping):
            continue
        meant = {closest(key, shares) for key in conversion if key not in (segments or ())}
        for segment, share in shares.items():
            is_known = segments is None or segment in segments
            if share == 0 or segment in conversion or segment in meant or not is_known:
                continue
            message = f"is missing: the channel reaches the segment '{segment}'"
            path = ("channels", name, "conversion", segment)
            yield document.fault(path, message, "a share of prospects, from 0 to below 1")


def _shared_names(document: Document) -> Iterator[Fault]:
    """Names that two sources of customers have: results and programs could not tell them apart."""
    first: dict[str, str] = {}
    for section, kind in SOURCES.items():
        for name in tables(document, section):
            if name not in first:
                first[name] = section
                continue
            file, line = document.where((first[name], name))
            message = f"'{name}' is already the name of {SOURCES[first[name]]} ({file}:{line})"
            allowed = "a name that no other channel, cohort or installed base has"
            yield document.fault((section, name), f"{message}, so {kind} cannot have it", allowed)


def _time_faults(document: Document) -> Iterator[Fault]:
    try:
        calendar = Time.model_validate(document.data.get("time")).calendar
    except ValidationError:
        return
    for name, program in tables(document, "programs").items():
        at = ("programs", name)
        outside = [
            *_outside(document, calendar, (*at, "first"), program),
            *_outside(document, calendar, (*at, "last"), program),
        ]
        yield from outside
        first = _period(calendar, program.get("first", 0))
        last = _period(calendar, program.get("last"))
        if not outside and first is not None and last is not None and last < first:
            message = f"the program ends in {program['last']}, before it begins"
            begins = f"{program.get('first', 0)} or later"
            yield document.fault((*at, "last"), message, begins)
    for name, shock in tables(document, "shocks").items():
        yield from _outside(document, calendar, ("shocks", name, "first"), shock)
    for name, cohort in tables(document, "cohorts").items():
        yield from _outside(document, calendar, ("cohorts", name, "joins"), cohort)
    for name, channel in tables(document, "channels").items():
        yield from _step_faults(document, calendar, ("channels", name, "spend"), channel)
        yield from _too_long(document, calendar, ("channels", name, "spend"), channel)
        prospects = ("channels", name, "reach", "prospects")
        yield from _too_long(document, calendar, prospects, _table(channel, "reach"))
    money = _table(document.data, "money")
    yield from _too_long(document, calendar, ("money", "fixed_costs"), money)


def _fits_by_another_step(document: Document, segments: Mapping[str, Table]) -> Iterator[Fault]:
    """Segments whose numbers are by another period than the scenario's."""
    step = _table(document.data, "time").get("step", "month")
    for name, segment in segments.items():
        own = _table(segment, "fit").get("step", step)
        if own != step and own in get_args(Step) and step in get_args(Step):
            message = f"the fit's numbers are by {own}, and a period of the scenario is a {step}"
            advice = f'time.step = "{own}", or a fit by {step}'
            yield document.fault(("segments", name, "fit", "step"), message, advice)


def _outside(document: Document, calendar: Calendar, path: Path, table: Table) -> Iterator[Fault]:
    """The period at the end of a path, if it lies outside the horizon."""
    wrote = table.get(str(path[-1]))
    period = _period(calendar, wrote)
    if period is not None and not 0 <= period < calendar.periods:
        side = "before" if period < 0 else "after"
        message = f"{shown(wrote)} lies {side} the horizon"
        yield document.fault(path, message, _horizon(calendar))


def _horizon(calendar: Calendar) -> str:
    return (
        f"period 0 to {calendar.periods - 1:,}, or a date from {calendar.label(0)} to before "
        f"{calendar.label(calendar.periods)}"
    )


def _step_faults(
    document: Document, calendar: Calendar, path: Path, channel: Table
) -> Iterator[Fault]:
    """Steps of spend outside the horizon, out of order, or twice in one period."""
    before: tuple[int, Any] | None = None
    for position, step in enumerate(_list(channel, "spend")):
        if not isinstance(step, Mapping):
            continue
        at, wrote = (*path, position, "from"), step.get("from")
        outside = list(_outside(document, calendar, at, step))
        yield from outside
        period = _period(calendar, wrote)
        if outside or period is None:
            continue
        if before is not None and period <= before[0]:
            same = "lies in the same period as" if period == before[0] else "is earlier than"
            message = f"{wrote} {same} {before[1]}, the step before it"
            yield document.fault(at, message, "steps in order of time, one a period at most")
        before = (period, wrote)


def _too_long(document: Document, calendar: Calendar, path: Path, table: Table) -> Iterator[Fault]:
    amounts = _list(table, str(path[-1]))
    if len(amounts) > calendar.periods and not any(isinstance(one, Mapping) for one in amounts):
        message = f"has {len(amounts):,} amounts for a horizon of {calendar.periods:,} periods"
        yield document.fault(path, message, f"at most {calendar.periods:,} amounts, one a period")


def _more_than_the_price(document: Document) -> Iterator[Fault]:
    """Programs that together could let off more than the whole price of one customer."""
    total = 0.0
    for name, program in tables(document, "programs").items():
        for key in ("benefit", "discount"):
            share = program.get(key, 0.0)
            if program.get("enabled", True) is not True or type(share) not in {int, float}:
                continue
            total += share
            if share <= 1.0 < total:
                message = f"with the programs before it lets off {total:.0%} of the price"
                allowed = "shares of all programs that add up to at most 1"
                yield document.fault(("programs", name, key), message, allowed)


def _terms_without_contract(document: Document) -> Iterator[Fault]:
    """Offers with a contract's term that reach those who have no contract."""
    segments = tables(document, "segments")
    free = {name for name, one in segments.items() if relationship_of(one) != "contract"}
    everywhere = document.data.get("offer")
    reached: dict[str, str] = {}
    for base in tables(document, "installed_base").values():
        wanted = base.get("segment")
        if isinstance(wanted, str) and wanted in free:
            reached.setdefault(str(base.get("offer")), wanted)
    for channel in tables(document, "channels").values():
        for segment, share in _table(channel, "segments").items():
            if segment in free and share != 0:
                reached.setdefault(str(channel.get("offer", everywhere)), segment)
    for cohort in tables(document, "cohorts").values():
        wanted = cohort.get("segment")
        if isinstance(wanted, str) and wanted in free:
            reached.setdefault(str(cohort.get("offer", everywhere)), wanted)
    for name, offer in tables(document, "offers").items():
        if name in reached and offer.get("term", 0) != 0:
            moves = relationship_of(segments[reached[name]]) == "states"
            how = "moves between states" if moves else "buys now and then"
            message = f"the segment '{reached[name]}' {how}: it has no contract to end"
            yield document.fault(("offers", name, "term"), message, "no term, or another offer")


def _rates_without_purchases(document: Document) -> Iterator[Fault]:
    """Programs that change the purchase rate of segments that have none."""
    segments = tables(document, "segments")
    for name, program in tables(document, "programs").items():
        if program.get("rate", 1.0) == 1.0:
            continue
        concerned = _list(program, "segments") or list(segments)
        known = [segments[one] for one in concerned if isinstance(one, str) and one in segments]
        kinds = {relationship_of(one) for one in known}
        if known and kinds.isdisjoint(PURCHASES):
            message = "no segment of the program buys now and then: under contract all pay always"
            if "states" in kinds:
                message = "no segment of the program buys now and then"
            allowed = "no rate, or a segment with the relationship bg/nbd, pareto/nbd or bg/bb"
            yield document.fault(("programs", name, "rate"), message, allowed)


def _no_customers(document: Document) -> Iterator[Fault]:
    is_empty = all(document.data.get(section, {}) == {} for section in SOURCES)
    if is_empty and _misspelt(document).isdisjoint(SOURCES):
        message = "nobody ever joins: the scenario has no channel, cohort or installed base"
        yield document.fault((), message, "[channels.NAME], [cohorts.NAME], [installed_base.NAME]")


def _period(calendar: Calendar, wrote: Any) -> int | None:
    """Period that a value means; None where it means none."""
    try:
        return calendar.period(_PERIOD.validate_python(wrote, strict=True))
    except ValidationError:
        return None


def _table(table: Table, key: str) -> Table:
    found = table.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(table: Table, key: str) -> list[Any]:
    found = table.get(key)
    return found if isinstance(found, list) else []


def listed(names: list[str]) -> str:
    """Names in a row, the first ones of many."""
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _article(noun: str) -> str:
    return "an" if noun[:1] in set("aeiou") else "a"
