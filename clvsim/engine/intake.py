"""Who is acquired, and for how much: prospects, conversion, and whose cost is whose."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clvsim.engine import acquisition
from clvsim.engine.cells import LIST_PRICE, CellTable, Group, write_levers
from clvsim.kernels.plan import ARRIVALS
from clvsim.levers import Levers, ProgramLevers
from clvsim.scenario.chains import chain_of
from clvsim.scenario.model import Offer, Scenario, StatesSegment

Floats = NDArray[np.float64]


class HasMeans(Protocol):
    """What is expected of the customers of segments, as far as conversion goes."""

    @property
    def mean_spend(self) -> dict[str, float]:
        """Expected spend by segment, currency per period (or per purchase)."""

    @property
    def mean_purchases(self) -> dict[str, float]:
        """Expected purchases per period, of those segments that buy now and then."""


@dataclass(frozen=True)
class Intake:
    """Who is acquired, and for how much.

    Attributes
    ----------
    limit, prospects : (cell,)
        Expected (or exact) customers, and deciding prospects.
    at_list : (cell,)
        Expected customers if the list price were offered instead; exact ones as ``limit``.
    later, later_prospects : tuple of (period,), by group
        Expected customers, and prospects, that decide in each period after the horizon: at the
        conversion of its last period, without the shocks of that.
    gift : (cell,)
        Gift and equipment per customer, currency.
    cost : (cell,)
        Expected acquisition cost per customer, currency: its part of ``costs``, the gift.
    costs : (group,)
        What is paid inside the horizon for the prospects of a group, whether they join or not: its
        share of the channel's spend by prospects, leads, its share of campaigns. Or for a bought
        cohort. Currency, undiscounted, without gifts.
    spend : dict of str to (T,)
        Channel spend, and the cost of bought cohorts, by source and period, currency.
    """

    limit: Floats
    prospects: Floats
    at_list: Floats
    later: tuple[Floats, ...]
    later_prospects: tuple[Floats, ...]
    gift: Floats
    cost: Floats
    costs: Floats
    spend: dict[str, Floats]


def take_in(
    scenario: Scenario,
    table: CellTable,
    levers: Levers,
    population: HasMeans,
    shock: Floats,
) -> Intake:
    """Expected customers and acquisition costs of all cells, levers written.

    Parameters
    ----------
    shock : (T,)
        Log-odds that common shocks add to conversion.
    """
    limit, prospects = table.size.copy(), np.zeros(len(table.size))
    at_list, gift = table.size.copy(), np.zeros(len(limit))
    nobody = np.zeros(0)
    later, later_prospects = ([nobody for _ in table.groups] for _ in range(2))
    channels = scenario.channels.items()
    decided = {name: acquisition.deciding(one, scenario.time.calendar) for name, one in channels}
    prices = _prices(scenario, table, levers)
    for index, group in enumerate(table.groups):
        cells = table.of(index)
        gift[cells] = group.gift
        if group.kind != ARRIVALS:
            continue
        share = scenario.channels[group.source].segments[group.segment]
        added = levers.conversion[cells]
        saved = _savings(scenario, group, group.offer, population, prices[cells])
        rate = _conversion(scenario, group, group.offer, saved, added + shock)
        listed = rate
        if group.offer != LIST_PRICE:
            saved_at_list = _savings(scenario, group, LIST_PRICE, population, prices[cells])
            listed = _conversion(scenario, group, LIST_PRICE, saved_at_list, added + shock)
        prospects[cells] = decided[group.source].inside * share
        limit[cells], at_list[cells] = prospects[cells] * rate, prospects[cells] * listed
        later_prospects[index] = decided[group.source].later * share
        lasting = _conversion(scenario, group, group.offer, saved[-1:], added[-1:])
        later[index] = later_prospects[index] * lasting
    spend = _spend(scenario)
    own = _costs_by_cell(scenario, table, levers, prospects, limit)
    shares = _spend_by_group(scenario, table, spend)
    cost = _per_customer(own, limit) + _per_customer(shares, _sum(limit, table))[table.group]
    costs = shares + _sum(own, table)
    return Intake(
        limit, prospects, at_list, tuple(later), tuple(later_prospects), gift, cost + gift, costs,
        spend,
    )  # fmt: skip


def _prices(scenario: Scenario, table: CellTable, levers: Levers) -> Floats:
    """Price list by step relative to the start's, its last column for good, ``(cell, step)``."""
    if (levers.price == 1.0).all():
        return levers.price
    return write_levers(scenario, table, scenario.time.periods + 1).price


def _savings(
    scenario: Scenario, group: Group, offer: Offer, population: HasMeans, prices: Floats
) -> Floats:
    """What prospects save who decide in each period, ``(T,)``; see ``acquisition.saving``."""
    segment, per_year = scenario.segments[group.segment], scenario.time.calendar.per_year
    purchases = population.mean_purchases.get(group.segment)
    chain = chain_of(segment) if isinstance(segment, StatesSegment) else None
    terms = (per_year, segment.impatience)
    by_tenure = getattr(segment, "spend_by_tenure", ())
    mean_spend = population.mean_spend[group.segment]
    looked_at = max(acquisition.year_of(per_year), acquisition.ends_at(offer))
    payments = acquisition.list_payments(looked_at, purchases, chain, by_tenure)
    saved = np.full(len(prices), acquisition.saving(offer, mean_spend, payments, *terms))
    changed = np.flatnonzero((prices != 1.0).any(axis=1))
    if segment.price_sensitivity == 0.0 or not len(changed):
        return saved
    far = acquisition.list_payments(
        max(acquisition.FORESIGHT, looked_at), purchases, chain, by_tenure
    )
    place = np.minimum(np.arange(len(far)), prices.shape[1] - 1)
    for cell in changed:
        saved[cell] = acquisition.saving(offer, mean_spend, far, *terms, prices[cell, place])
    return saved


def _conversion(
    scenario: Scenario, group: Group, offer: Offer, saved: Floats, added: Floats
) -> Floats:
    """Conversion of a group under an offer, ``(cell,)``."""
    channel, segment = scenario.channels[group.source], scenario.segments[group.segment]
    return acquisition.conversion(channel, segment, group.segment, offer, saved, added)


def _spend(scenario: Scenario) -> dict[str, Floats]:
    """Channel spend, and the cost of bought cohorts, by source and period."""
    calendar = scenario.time.calendar
    spend = {
        source: channel.spend_by_period(calendar)
        for source, channel in sorted(scenario.channels.items())
    }
    for source, cohort in sorted(scenario.cohorts.items()):
        spend[source] = np.zeros(calendar.periods)
        spend[source][calendar.period(cohort.joins)] = cohort.cost_per_customer * cohort.customers
    return spend


def _spend_by_group(scenario: Scenario, table: CellTable, spend: dict[str, Floats]) -> Floats:
    """A source's spend, shared among its segments by the prospects reached, ``(group,)``."""
    shares = np.zeros(len(table.groups))
    for index, group in enumerate(table.groups):
        if group.source in spend:
            channel = scenario.channels.get(group.source)
            share = 1.0 if channel is None else channel.segments[group.segment]
            shares[index] = spend[group.source].sum() * share
    return shares


def _costs_by_cell(
    scenario: Scenario, table: CellTable, levers: Levers, prospects: Floats, limit: Floats
) -> Floats:
    """Costs of leads, and of campaigns shared among the prospects they concern, ``(cell,)``."""
    acquired = ~np.isin(levers.cohorts.source, list(scenario.installed_base))
    costs = np.zeros(len(table.group))
    for own in levers.programs.values():
        costs += own.lead_cost * prospects
        if own.acquires and own.fixed_cost.any():
            for weights in _bearers(own, prospects, limit * acquired):
                if weights.any():
                    costs += own.fixed_cost.sum() * (weights / weights.sum())
                    break
    return costs


def _bearers(own: ProgramLevers, prospects: Floats, customers: Floats) -> Iterator[Floats]:
    """Weights of the cells that bear a campaign's fixed cost; the first that are not all 0 do.

    The prospects that it concerns while it runs; if there are none, all prospects; if there are
    none, all who join.
    """
    yield prospects * own.concerns
    yield prospects
    yield customers


def _sum(by_cell: Floats, table: CellTable) -> Floats:
    """Sum over the cells of each group, ``(group,)``."""
    return np.array([by_cell[table.of(index)].sum() for index in range(len(table.groups))])


def _per_customer(costs: Floats, customers: Floats) -> Floats:
    """Costs by expected customers; 0 where nobody is expected."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(customers > 0.0, costs / customers, 0.0)
