"""The scenario's cells: which cohorts there are, and what offers and segments do to them."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvsim.engine import acquisition
from clvsim.kernels.plan import ARRIVALS, FIXED, SURVIVORS
from clvsim.levers import Cohorts, Levers
from clvsim.scenario.model import BuyerSegment, Offer, Scenario, Segment
from clvsim.scenario.segments import lived_under

Floats = NDArray[np.float64]
LIST_PRICE = Offer()
LIST_NAME = "(list price)"
"""What no offer is called in results."""


@dataclass(frozen=True)
class Group:
    """The customers of one source in one segment.

    Attributes
    ----------
    source, segment : str
        Names.
    kind : int
        ``ARRIVALS``, ``FIXED`` or ``SURVIVORS``.
    offer : Offer
    offered : str
        Name of the offer, or ``LIST_NAME``.
    """

    source: str
    segment: str
    kind: int
    offer: Offer
    offered: str = LIST_NAME

    @property
    def gift(self) -> float:
        """Gift and equipment of one who joins, currency; an installed base has had them."""
        offer = self.offer
        return 0.0 if self.kind == SURVIVORS else offer.gift + offer.equipment_subsidy

    def stream(self, decision: str) -> int:
        """Address of one of its decisions: a 32-bit hash of the names."""
        name = f"{self.source}\x1f{self.segment}\x1f{decision}"
        return int.from_bytes(hashlib.blake2s(name.encode(), digest_size=4).digest(), "little")


@dataclass(frozen=True)
class CellTable:
    """Groups and their cells, in an order that does not depend on the file's.

    Attributes
    ----------
    groups : tuple of Group
        Sorted by source and segment.
    group : (cell,) int64
        Index of each cell's group; cells of a group stand together, by joining period.
    joined : (cell,) int64
    size : (cell,)
        Exact number of customers (cohorts and installed bases), else 0.
    """

    groups: tuple[Group, ...]
    group: NDArray[np.int64]
    joined: NDArray[np.int64]
    size: Floats

    def of(self, group: int) -> slice:
        """Cells of a group."""
        first, last = np.searchsorted(self.group, [group, group + 1])
        return slice(int(first), int(last))

    def cohorts(self, periods: int) -> Cohorts:
        """The cells as levers see them."""
        return Cohorts(
            segment=np.array([self.groups[g].segment for g in self.group], dtype=np.str_),
            source=np.array([self.groups[g].source for g in self.group], dtype=np.str_),
            joined=self.joined,
            start=np.maximum(self.joined, 0),
            periods=periods,
        )


def tabulate(scenario: Scenario) -> CellTable:
    """All groups and cells of a scenario."""
    calendar = scenario.time.calendar
    found: list[tuple[Group, list[tuple[int, float]]]] = []
    for source, channel in scenario.channels.items():
        offer, offered = _offer(scenario, channel.offer)
        cells = [(period, 0.0) for period in range(calendar.periods)]
        found += [
            (Group(source, segment, ARRIVALS, offer, offered), cells)
            for segment, share in channel.segments.items()
            if share > 0.0
        ]
    for source, cohort in scenario.cohorts.items():
        group = Group(source, cohort.segment, FIXED, *_offer(scenario, cohort.offer))
        found.append((group, [(calendar.period(cohort.joins), float(cohort.customers))]))
    for source, base in scenario.installed_base.items():
        under = LIST_PRICE if base.offer is None else scenario.offers[base.offer]
        group = Group(source, base.segment, SURVIVORS, under)
        found.append((group, [(-tenure, count) for tenure, count in base.by_tenure()]))
    found.sort(key=lambda item: (item[0].source, item[0].segment))
    rows = [
        (index, joined, size)
        for index, (_, cells) in enumerate(found)
        for joined, size in sorted(cells)
    ]
    return CellTable(
        groups=tuple(group for group, _ in found),
        group=np.array([row[0] for row in rows], dtype=np.int64),
        joined=np.array([row[1] for row in rows], dtype=np.int64),
        size=np.array([row[2] for row in rows], dtype=np.float64),
    )


def _offer(scenario: Scenario, name: str | None) -> tuple[Offer, str]:
    """What is offered, and what it is called."""
    name = scenario.offer if name is None else name
    return (LIST_PRICE, LIST_NAME) if name is None else (scenario.offers[name], name)


def apply_segments(scenario: Scenario, levers: Levers) -> None:
    """Write what segments say by tenure and season: of hazards, of spend and of purchase rates."""
    cohorts = levers.cohorts
    tenure, period = cohorts.tenure(), cohorts.period()
    for name, segment in scenario.segments.items():
        cells = cohorts.segment == name
        if segment.hazard_by_tenure:
            by_tenure = np.array(segment.hazard_by_tenure)
            levers.hazard[cells] *= by_tenure[np.minimum(tenure[cells], len(by_tenure) - 1)]
        if segment.hazard_season:
            season = np.array(segment.hazard_season)
            levers.hazard[cells] *= season[period[cells] % len(season)]
        if isinstance(segment, BuyerSegment) and segment.rate_season:
            season = np.array(segment.rate_season)
            levers.rate[cells] *= season[period[cells] % len(season)]
        if isinstance(segment, Segment) and segment.spend_by_tenure:
            by_tenure = np.array(segment.spend_by_tenure)
            levers.spend[cells] *= by_tenure[np.minimum(tenure[cells], len(by_tenure) - 1)]
        if isinstance(segment, Segment) and segment.spend_season:
            season = np.array(segment.spend_season)
            levers.spend[cells] *= season[period[cells] % len(season)]


def pasts(scenario: Scenario, table: CellTable) -> list[Floats]:
    """Hazard multipliers by tenure before the horizon, of each cell: none but the segment's own."""
    own = [scenario.segments[table.groups[group].segment] for group in table.group]
    return [
        lived_under(segment.hazard_by_tenure, segment.hazard_season, max(-joined, 0))
        for segment, joined in zip(own, table.joined.tolist(), strict=True)
    ]


def past_of(scenario: Scenario, table: CellTable) -> Floats:
    """The same in one array, ``(cell, period)``."""
    found = pasts(scenario, table)
    past = np.zeros((len(found), max((len(one) for one in found), default=0)))
    for row, one in zip(past, found, strict=True):
        row[: len(one)] = one
    return past


def write_levers(scenario: Scenario, table: CellTable, periods: int) -> Levers:
    """What segments, offers and enabled programs write, over some periods from the start on.

    Beyond the horizon segments, offers and programs go on by their own rules: programs without a
    last period do not end.
    """
    levers = Levers.neutral(table.cohorts(periods))
    apply_segments(scenario, levers)
    apply_offers(table, levers)
    for name, program in scenario.enabled_programs():
        program.apply(name, levers, scenario.time.calendar)
    return levers


def apply_offers(table: CellTable, levers: Levers) -> None:
    """Write what the groups' offers let off by tenure."""
    periods, tenure = levers.cohorts.periods, levers.cohorts.tenure()
    for index, group in enumerate(table.groups):
        cells = table.of(index)
        entered = int(tenure[cells, 0].max(initial=0))
        let_off = acquisition.let_off_by_tenure(group.offer, entered + periods)
        levers.let_off[cells] = let_off[tenure[cells]]
        levers.free[cells] = tenure[cells] < group.offer.free_periods


def segment_facts(scenario: Scenario, table: CellTable, field: str) -> Floats:
    """One number of the segments, by cell; 0 where a relationship knows no such number."""
    by_group = [float(getattr(scenario.segments[g.segment], field, 0.0)) for g in table.groups]
    return np.array(by_group)[table.group] if by_group else np.zeros(0)
