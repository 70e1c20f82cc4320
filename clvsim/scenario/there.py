"""Who is there in a scenario: of each source, the segments and the periods of joining."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clvsim.calendar import Calendar
from clvsim.scenario.channels import Channel, Organic
from clvsim.scenario.model import InstalledBase, Scenario
from clvsim.scenario.segments import AnySegment

#: Keys of a trait in segments of one relationship or another.
_KEYS = {
    "churn": ("churn", "death_rate"),
    "purchases": ("purchase_rate", "purchase_probability"),
}


@dataclass(frozen=True)
class Source:
    """A channel, cohort or installed base that somebody comes from.

    Attributes
    ----------
    name, section : str
        Section: ``channels``, ``cohorts`` or ``installed_base``.
    segments : tuple of str
        Of its customers.
    offer : str or None
        Name of the offer made; None: the list price.
    first, last : int
        First and last period of joining; negative: before the horizon.
    """

    name: str
    section: str
    segments: tuple[str, ...]
    offer: str | None
    first: int
    last: int

    def tenures(self, begin: int, end: int) -> tuple[int, int]:
        """Least and greatest tenure of its customers in some periods, both included."""
        return max(begin - self.last, 0), end - self.first


def sources(scenario: Scenario) -> list[Source]:
    """The sources that somebody comes from."""
    return [*_channels(scenario), *_cohorts(scenario), *_bases(scenario)]


def present(scenario: Scenario) -> set[str]:
    """Names of the segments that somebody is in."""
    return {segment for one in sources(scenario) for segment in one.segments}


def converts(channel: Channel, segment: str) -> bool:
    """Whether a channel reaches a segment, and some of those whom it reaches join."""
    rate = channel.conversion
    known = rate.get(segment, 0.0) if isinstance(rate, dict) else rate
    return known > 0.0 and channel.segments.get(segment, 0.0) > 0.0


def busy(channel: Channel, calendar: Calendar) -> list[int]:
    """Periods in which a channel reaches anybody: by what it spends or has spent, or by itself."""
    if isinstance(channel.reach, Organic):
        return list(range(calendar.periods))
    spent = np.flatnonzero(channel.spend_by_period(calendar) > 0.0).tolist()
    return [0, *spent] if np.any(channel.before(calendar)) else spent


def is_constant(segment: AnySegment, trait: str) -> bool:
    """Whether a trait is one and the same number for all customers of a segment."""
    values = [getattr(segment, key, None) for key in _KEYS.get(trait, (trait,))]
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, float) for value in known)


def _channels(scenario: Scenario) -> Iterator[Source]:
    calendar = scenario.time.calendar
    for name, channel in scenario.channels.items():
        segments = tuple(one for one in channel.segments if converts(channel, one))
        periods = busy(channel, calendar)
        if not segments or not periods:
            continue
        delays = [delay for delay, share in enumerate(channel.lead_time) if share > 0.0] or [0]
        last = calendar.periods if channel.carry_over > 0.0 else periods[-1] + delays[-1]
        yield Source(
            name=name,
            section="channels",
            segments=segments,
            offer=channel.offer or scenario.offer,
            first=periods[0] + delays[0],
            last=min(last, calendar.periods - 1),
        )


def _cohorts(scenario: Scenario) -> Iterator[Source]:
    for name, cohort in scenario.cohorts.items():
        joins = scenario.time.calendar.period(cohort.joins)
        if cohort.customers:
            offer = cohort.offer or scenario.offer
            yield Source(name, "cohorts", (cohort.segment,), offer, joins, joins)


def _bases(scenario: Scenario) -> Iterator[Source]:
    for name, base in scenario.installed_base.items():
        if base.customers:
            tenures = _tenures(base)
            own = (base.segment,)
            yield Source(name, "installed_base", own, base.offer, -tenures[-1], -tenures[0])


def _tenures(base: InstalledBase) -> list[int]:
    """Tenures of an installed base that somebody has."""
    if isinstance(base.tenure, int):
        return [base.tenure]
    return [tenure for tenure, weight in enumerate(base.tenure) if weight > 0.0]
