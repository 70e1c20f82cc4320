"""What lies beyond the horizon: how conditions go on there, until they only recur.

Nobody joins there, no treatment is given and no common shock lasts; but an offer ends when its
tenure comes, onboarding likewise, a felt price rise passes, seasons come again, and programs
without a last period go on.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.acquisition import ends_at
from clvsim.engine.cells import CellTable, segment_facts, write_levers
from clvsim.engine.schedule import (
    discounting,
    fees,
    held_steps,
    margins,
    period_factor,
    price_response,
)
from clvsim.kernels import plan as p
from clvsim.levers import Levers, Membership
from clvsim.scenario.model import AnySegment, Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Later(NamedTuple):
    """Conditions beyond the horizon.

    Attributes
    ----------
    rows : (cell, row, period)
        Those rows of ``Model.schedule`` that tell of it; the others are 0.
    until : (personal program, cell) int64
        Step at which a membership's benefits end beyond the horizon, or ``kernels.plan.FOR_EVER``;
        0: not beyond it.
    """

    rows: Floats
    until: Ints


def look_ahead(scenario: Scenario, table: CellTable, levers: Levers, facts: Floats) -> Later:
    """Conditions beyond the horizon, if the scenario asks for them.

    Parameters
    ----------
    facts : (cell, fact)
        Of ``Model``; ``AHEAD``, ``CYCLE``, ``LEAVES_WITH`` and what lasts are written to.
    """
    facts[:, p.CYCLE] = 1.0
    if scenario.money.residual == "none" and not levers.ranks_by_value():
        rows = np.zeros((len(facts), p.ROWS, 1))
        until = np.zeros((len(levers.personal()), len(facts)), dtype=np.int64)
        return Later(rows, until)
    ahead, cycle = settling(scenario, table)
    width = int((ahead + cycle).max(initial=1))
    far = write_levers(scenario, table, scenario.time.periods + width)
    places = facts[:, p.STEPS].astype(np.int64)[:, None] + np.arange(width)
    rows = _rows(scenario, table, far, places)
    facts[:, p.CYCLE], facts[:, p.AHEAD] = cycle, shortened(rows, ahead, cycle)
    facts[:, p.LEAVES_WITH] = (rows[:, p.LATER_LEAVING] != 0.0).any(axis=1)
    columns = [p.LASTING_UNIT, p.LASTING_HEAD, p.LASTING_HAZARD]
    facts[:, columns] = recurring(rows, facts)[:, [p.LATER_UNIT, p.LATER_HEAD, p.LATER_HAZARD]]
    return Later(rows, _until(far, places))


def settling(scenario: Scenario, table: CellTable) -> tuple[Ints, Ints]:
    """Periods beyond the horizon until conditions only recur, and after which, ``(cell,)`` each."""
    ahead, cycle = np.zeros((2, len(table.joined)), dtype=np.int64)
    programs = [one for _, one in scenario.enabled_programs()]
    for index, group in enumerate(table.groups):
        segment, offer, cells = scenario.segments[group.segment], group.offer, table.of(index)
        tenure = scenario.time.periods - table.joined[cells]
        lengths = [ends_at(offer), len(segment.hazard_by_tenure)]
        lengths.append(len(getattr(segment, "spend_by_tenure", ())))
        lengths += [program.settles() for program in programs]
        own = np.maximum(max(lengths) - tenure, _last_date(scenario))
        if getattr(segment, "price_rise_sensitivity", 0.0) > 0.0:
            own += segment.price_rise_periods
        cycle[cells] = math.lcm(*(max(len(one), 1) for one in _seasons(segment)))
        if offer.renews:
            cycle[cells] = np.lcm(cycle[cells], offer.term)
            # Up to the end of a term: what one term holds back comes out at its end.
            rest = -tenure % offer.term
            own = rest + -(-np.maximum(own - rest, 0) // offer.term) * offer.term
        elif offer.term > 0:
            own = np.maximum(own, offer.term - tenure)
        ahead[cells] = own
    return ahead, cycle


def _last_date(scenario: Scenario) -> int:
    """Periods beyond the horizon until no program begins or ends any more."""
    calendar = scenario.time.calendar
    dates = [0]
    for _, program in scenario.enabled_programs():
        dates.append(calendar.period(program.first) - calendar.periods)
        if program.last is not None:
            dates.append(calendar.period(program.last) + 1 - calendar.periods)
    return max(dates)


def _seasons(segment: AnySegment) -> list[tuple[float, ...]]:
    others = ("rate_season", "spend_season")
    return [segment.hazard_season, *(getattr(segment, name, ()) for name in others)]


def _rows(scenario: Scenario, table: CellTable, far: Levers, places: Ints) -> Floats:
    """The rows of ``Later``.

    Parameters
    ----------
    far : Levers
        Written past the horizon.
    places : (cell, period)
        Steps that are taken of them.
    """
    multiplier = far.hazard * price_response(scenario, table, far)
    rows = np.zeros((len(places), p.ROWS, places.shape[1]))
    rows[:, p.LATER_HAZARD] = np.take_along_axis(multiplier, places, axis=1)
    rows[:, p.LATER_RATE] = np.take_along_axis(far.rate, places, axis=1)
    unit, head, worth = margins(scenario, table, far, far.spend, discounting(scenario)[:, :1])
    for row, told in (
        (p.LATER_UNIT, unit),
        (p.LATER_HEAD, head),
        (p.LATER_WORTH, worth),
        (p.LATER_LET_OFF, far.let_off),
    ):
        rows[:, row] = np.take_along_axis(told, places, axis=1)
    calls = segment_facts(scenario, table, "call_share")
    calls = calls * segment_facts(scenario, table, "call_cost")
    entered = (far.cohorts.start - far.cohorts.joined).tolist()
    for cell, group in enumerate(table.group.tolist()):
        offer, row = table.groups[group].offer, rows[cell]
        steps = int(places[cell, -1]) + 1
        held = held_steps(offer, steps, entered[cell])[places[cell]] - places[cell, 0]
        row[p.LATER_WAIT] = held - np.arange(len(held))
        # Who decides in any of the steps that one last payment follows is let go after that one.
        let_go = np.bincount(held, row[p.LATER_HAZARD], places.shape[1])[: places.shape[1]]
        row[p.LATER_PAID] = let_go
        fee = fees(offer, steps, entered[cell])[places[cell]]
        row[p.LATER_LEAVING] = period_factor(scenario) * (fee - calls[cell])
    return rows


def _until(far: Levers, places: Ints) -> Ints:
    """``Later.until``: of memberships whose benefits run when the horizon ends."""
    rows = far.personal()
    until = np.zeros((len(rows), len(places)), dtype=np.int64)
    for row, (_, _, own) in enumerate(rows):
        if isinstance(own.personal, Membership):
            on = np.take_along_axis(own.personal.on, places, axis=1)
            ends = places[:, 0] + np.argmin(on, axis=1)
            until[row] = np.where(on[:, 0], np.where(on.all(axis=1), p.FOR_EVER, ends), 0)
    return until


def joined(schedule: Floats, rows: Floats) -> Floats:
    """A schedule with the rows of ``Later``, ``(cell, row, T + 1 or more)``."""
    wide = np.zeros((len(rows), rows.shape[1], max(schedule.shape[2], rows.shape[2])))
    wide[:, : p.SCHEDULE, : schedule.shape[2]] = schedule
    wide[:, p.SCHEDULE :, : rows.shape[2]] = rows[:, p.SCHEDULE :]
    return wide


def shortened(rows: Floats, ahead: Ints, cycle: Ints) -> Ints:
    """Periods until conditions only recur, where they do so before ``ahead``, ``(cell,)``."""
    found = ahead.copy()
    for length in np.unique(cycle):
        cells = np.flatnonzero((cycle == length) & (ahead > 0))
        own = rows[cells]
        differ = (own[:, :, :-length] != own[:, :, length:]).any(axis=1)
        settled = (differ * np.arange(1, differ.shape[1] + 1)).max(axis=1, initial=0)
        found[cells] = np.minimum(ahead[cells], settled)
    return found


def recurring(rows: Floats, facts: Floats) -> Floats:
    """The mean of what recurs, ``(cell, row)``."""
    first, length = facts[:, p.AHEAD, None], facts[:, p.CYCLE, None]
    period = np.arange(rows.shape[2])
    weight = ((period >= first) & (period < first + length)) / length
    return np.asarray(np.einsum("crp,cp->cr", rows, weight))
