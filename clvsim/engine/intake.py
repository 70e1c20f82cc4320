"""Who is acquired, and for how much: by cell, and what spend still brings in beyond the horizon."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvsim.engine import acquisition
from clvsim.engine.cells import CellTable, Group, write_levers
from clvsim.kernels.plan import ARRIVALS, SURVIVORS
from clvsim.levers import Levers
from clvsim.scenario.model import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Intake:
    """Who is acquired, and for how much.

    Attributes
    ----------
    limit, prospects : (cell,)
        Expected (or exact) customers, and deciding prospects.
    gift : (cell,)
        Gift and equipment per customer, currency.
    cost : (cell,)
        Expected acquisition cost per customer, currency: what the source spends over the horizon on
        the prospects of the segment, and acquiring programs on theirs, per expected customer; costs
        per lead; the gift.
    lost : (group,)
        The same where nobody is expected to join: all of it, currency.
    later : (group,)
        Customers expected to join beyond the horizon, for what was spent inside, per one expected
        inside, each discounted to time 0.
    late : (group,)
        Those customers, 1.
    spend : dict of str to (T,)
        Channel spend, and the cost of bought cohorts, by source and period, currency.
    """

    limit: Floats
    prospects: Floats
    gift: Floats
    cost: Floats
    lost: Floats
    later: Floats
    late: Floats
    spend: dict[str, Floats]


def take_in(
    scenario: Scenario,
    table: CellTable,
    levers: Levers,
    mean_spend: dict[str, float],
    mean_purchases: dict[str, float],
    factor: float,
) -> Intake:
    """Expected customers and acquisition costs of all cells, levers written.

    Parameters
    ----------
    mean_spend, mean_purchases : dict of str to float
        As in ``Population``.
    factor : float
        Discount factor of a period.
    """
    calendar = scenario.time.calendar
    limit, prospects = table.size.copy(), np.zeros(len(table.size))
    gift = np.zeros(len(limit))
    later, late = np.zeros((2, len(table.groups)))
    for index, group in enumerate(table.groups):
        cells = table.of(index)
        if group.kind != SURVIVORS:
            gift[cells] = group.offer.gift + group.offer.equipment_subsidy
        if group.kind == ARRIVALS:
            channel = scenario.channels[group.source]
            deciding, share = acquisition.prospects_of(channel, calendar), channel.segments
            prospects[cells] = deciding.inside * share[group.segment]
            saving = _saving(scenario, table, index, mean_spend, mean_purchases)
            segment, added = scenario.segments[group.segment], levers.conversion[cells]
            chance = acquisition.conversion(
                channel, segment, group.segment, group.offer, saving, added
            )
            limit[cells] = prospects[cells] * chance
            # Who decides beyond the horizon does it as those who decide last inside.
            joining = deciding.beyond * share[group.segment] * chance[-1]
            late[index], inside = joining.sum(), limit[cells].sum()
            if inside > 0.0:
                when = calendar.periods + np.arange(len(joining))
                later[index] = (joining * factor**when).sum() / inside
    spend = _spend(scenario)
    cost, lost = _costs(scenario, table, levers, (limit, prospects), spend)
    return Intake(limit, prospects, gift, cost + gift, lost, later, late, spend)


def _saving(
    scenario: Scenario,
    table: CellTable,
    index: int,
    mean_spend: dict[str, float],
    mean_purchases: dict[str, float],
) -> Floats:
    """What a group's offer and the price known to come save a prospect, ``(cell,)`` or one."""
    group, calendar = table.groups[index], scenario.time.calendar
    year = max(1, round(calendar.per_year))
    lasts = max(year, acquisition.ends_at(group.offer))
    segment = scenario.segments[group.segment]
    weights = acquisition.weights_of(segment, calendar, lasts, mean_purchases.get(group.segment))
    prices = None
    if segment.price_sensitivity > 0.0 and _changes_price(scenario, group):
        cells = table.of(index)
        own = CellTable((group,), np.zeros(cells.stop - cells.start, dtype=np.int64),
                        table.joined[cells], table.size[cells])  # fmt: skip
        prices = write_levers(scenario, own, calendar.periods + lasts).price[:, :lasts]
    return acquisition.saving_of(group.offer, weights, year, mean_spend[group.segment], prices)


def _changes_price(scenario: Scenario, group: Group) -> bool:
    """Whether any program changes the price list of a group: then prospects look at it."""
    return any(
        program.changes_price
        and (not program.segments or group.segment in program.segments)
        and (not program.sources or group.source in program.sources)
        for _, program in scenario.enabled_programs()
    )


def _spend(scenario: Scenario) -> dict[str, Floats]:
    """``Intake.spend``."""
    calendar, spend = scenario.time.calendar, {}
    for source, channel in sorted(scenario.channels.items()):
        spend[source] = acquisition.spend_by_period(channel, calendar)
    for source, cohort in sorted(scenario.cohorts.items()):
        spend[source] = np.zeros(calendar.periods)
        spend[source][calendar.period(cohort.joins)] = cohort.cost_per_customer * cohort.customers
    return spend


def _costs(
    scenario: Scenario,
    table: CellTable,
    levers: Levers,
    people: tuple[Floats, Floats],
    spend: dict[str, Floats],
) -> tuple[Floats, Floats]:
    """``Intake.cost`` without the gift, and ``Intake.lost``.

    A channel's spend belongs to those whom it reaches, and the fixed costs of a program that
    acquires to those who decide while it runs: by prospects, whether they join or not.
    """
    limit, prospects = people
    spent = np.zeros(len(table.groups))
    for index, group in enumerate(table.groups):
        if group.kind == ARRIVALS:
            share = scenario.channels[group.source].segments[group.segment]
            spent[index] = spend[group.source].sum() * share
        elif group.kind != SURVIVORS:
            spent[index] = spend[group.source].sum()
    for _, own in sorted(levers.programs.items()):
        if own.acquires is not None:
            meant = np.bincount(table.group, prospects * own.acquires, len(spent))
            if meant.sum() > 0.0:
                spent += own.fixed_cost.sum() * meant / meant.sum()
    joining = np.bincount(table.group, limit, len(spent))
    is_base = np.array([group.kind == SURVIVORS for group in table.groups], dtype=np.bool_)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where((joining > 0.0) & ~is_base, spent / joining, 0.0)
    cost = each[table.group]
    for own in levers.programs.values():
        with np.errstate(divide="ignore", invalid="ignore"):
            cost = cost + np.where(limit > 0.0, own.lead_cost * prospects / limit, 0.0)
    return cost, np.where((joining > 0.0) | is_base, 0.0, spent)
