"""Whether a panel's transitions are a Markov chain's: first order, the same in every period."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from clvsim.calibration.panel import Panel

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

#: Customers that a cell should have, at least.
_LEAST_EXPECTED = 5.0


@dataclass(frozen=True)
class ChainTest:
    """Pearson's test of what a chain takes for granted.

    Attributes
    ----------
    claim : str
        What holds if the p-value is not small.
    chi_squared : float
        Pearson's statistic; NaN where no degree of freedom is left.
    freedom : int
        Its degrees of freedom.
    p_value : float
    """

    claim: str
    chi_squared: float
    freedom: int
    p_value: float


def goodness_of_chain(panel: Panel) -> dict[str, ChainTest]:
    """Test order and stationarity of a panel's transitions.

    For each state, those who leave it are compared by the state that they came from (order), or by
    the period in which they leave it (stationarity): the share that goes to each next state should
    be the same. Statistics and degrees of freedom of all states are added up. Customers who differ
    from one another (movers and stayers) look like a chain of higher order.

    Returns
    -------
    dict of str to ChainTest
        "order" and "stationarity".

    References
    ----------
    Anderson & Goodman 1957, "Statistical inference about Markov chains", sections 3.1 and 4.
    """
    state, size, followed = panel.state, len(panel.states), panel.is_followed
    twice = followed[:-1] & followed[1:]
    order = _tables(state[:-2][twice], state[1:-1][twice], state[2:][twice], size)
    when = (panel.period - panel.period.min())[:-1][followed]
    stationarity = _tables(when, state[:-1][followed], state[1:][followed], size)
    return {
        "order": _tested("where customers go does not hang on where they came from", order),
        "stationarity": _tested("transitions are the same in every period", stationarity),
    }


def _tables(row: Whole, own: Whole, to: Whole, size: int) -> Iterable[Floats]:
    """For each state that customers are in, counts by row and next state."""
    for state in range(size):
        here = own == state
        if here.any():
            rows, at = np.unique(row[here], return_inverse=True)
            cells = at.ravel() * size + to[here]
            yield np.bincount(cells, minlength=rows.size * size).reshape(-1, size).astype(float)


def _tested(claim: str, tables: Iterable[Floats]) -> ChainTest:
    statistic, freedom = 0.0, 0
    for table in tables:
        kept = pooled(table)
        expected = np.outer(kept.sum(axis=1), kept.sum(axis=0)) / kept.sum()
        statistic += float(np.sum((kept - expected) ** 2 / expected))
        freedom += (kept.shape[0] - 1) * (kept.shape[1] - 1)
    if not freedom:
        return ChainTest(claim, math.nan, 0, math.nan)
    return ChainTest(claim, statistic, freedom, float(scipy.special.chdtrc(freedom, statistic)))


def pooled(table: Floats) -> Floats:
    """A table in whose cells 5 are expected, rows and columns put together where there were fewer.

    That with the fewest, be it a row or a column, goes to its smaller neighbour. Which do hangs on
    the sums alone, so that what is tested is not what chose the cells.

    Parameters
    ----------
    table : ndarray, shape (row, column), customers
    """
    table = table[table.sum(axis=1) > 0.0][:, table.sum(axis=0) > 0.0]
    while min(table.shape) > 1:
        rows, columns = table.sum(axis=1), table.sum(axis=0)
        if rows.min() * columns.min() >= _LEAST_EXPECTED * rows.sum():
            break
        is_row = rows.min() <= columns.min()
        table = _merged(table, rows) if is_row else _merged(table.T, columns).T
    return table


def _merged(table: Floats, sums: Floats) -> Floats:
    """The row with the fewest added to its smaller neighbour."""
    least = int(np.argmin(sums))
    sides = [at for at in (least - 1, least + 1) if 0 <= at < sums.size]
    other = min(sides, key=lambda at: float(sums[at]))
    whole = np.delete(table, least, axis=0)
    whole[other - (other > least)] += table[least]
    return whole
