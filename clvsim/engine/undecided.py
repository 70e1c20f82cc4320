"""What is paid for and not decided when the horizon ends: those who join after it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.acquisition import year_of
from clvsim.engine.compile import Compiled
from clvsim.engine.schedule import discounting, period_factor, timing_index

Floats = NDArray[np.float64]


class Undecided(NamedTuple):
    """What those who join after the horizon are worth, read off those who join late in it.

    Attributes
    ----------
    weight : (cell,)
        What a unit of value of a cell's customers, at their joining, stands for at time 0.
    costs : float
        Gifts that they will get and costs of their leads, discounted to time 0, currency.
    """

    weight: Floats
    costs: float


def undecided(compiled: Compiled) -> Undecided:
    """Who joins after the horizon, by those who stand for them.

    Nothing is spent there: carry-over fades, and leads decide as they do in the last period. Each
    is worth at its joining what those of the same channel and segment are who join in the last year
    of the horizon (all of it, if shorter): the mean of their value is weighed with the expected
    number of those to come, discounted, over the expected number of those who stand for them, so
    that its expectation is exact where a year's cohorts are alike. Where nobody of a group is
    expected to join in that year, those to come are not valued.
    """
    scenario, table, intake = compiled.scenario, compiled.table, compiled.intake
    weight, costs = np.zeros(len(table.group)), 0.0
    if scenario.money.residual == "none":
        return Undecided(weight, costs)
    periods, factor = scenario.time.periods, period_factor(scenario)
    year = year_of(scenario.time.calendar.per_year)
    for index, (group, later) in enumerate(zip(table.groups, intake.later, strict=True)):
        cells = table.of(index)
        standing = np.arange(cells.start, cells.stop)[-year:]
        expected = intake.limit[standing].sum()
        if not later.any() or expected <= 0.0:
            continue
        ahead = factor ** (periods + np.arange(len(later)))
        to_come = float((ahead * later).sum())
        weight[standing] = to_come / expected
        costs += to_come * group.gift
        for own in compiled.levers.programs.values():
            lead = own.lead_cost[cells.stop - 1]
            offset = discounting(scenario)[timing_index(own.timing, scenario), 0]
            costs += lead * offset * float((ahead * intake.later_prospects[index]).sum())
    return Undecided(weight, costs)


def undecided_value(compiled: Compiled, cells: Floats) -> Floats:
    """Expected value at time 0 of those who join after the horizon, currency, ``(world,)``.

    Before what was spent on them, which is paid; less their gifts and the costs of their leads.

    Parameters
    ----------
    cells : (world, cell, 3)
        Customers, their summed value before acquisition, currency, and its summed square.
    """
    found = undecided(compiled)
    if not found.weight.any():
        return np.zeros(len(cells))
    # One cell after the other: a matrix product may add in any order.
    return np.asarray(np.cumsum(cells[:, :, 1] * found.weight, axis=1)[:, -1] - found.costs)
