"""Share of customers in each state over time: observed, fitted, and forecast over a holdout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clvsim.calibration.panel import Panel

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

LEVEL = 0.95
"""Probability of a predictive interval, 1."""
#: Customers that a cell should have, at least.
_LEAST_EXPECTED = 5.0
#: Share of the largest variance, 1, below which a direction has none.
_ROUNDING = 1e-9
#: Most cells of the table by first period, first state and period.
_MOST_CELLS = 20_000_000


@dataclass(frozen=True)
class Shares:
    """States over time, of customers with a row in a period and of those who are gone.

    Attributes
    ----------
    periods : ndarray of int, shape (period,)
        As in the data.
    customers : ndarray, shape (period,)
        Whose state is known.
    observed : ndarray, shape (period, state), 1
        Shares of them.
    fitted : ndarray, shape (period, state), 1
        Shares expected from the first row of each customer.
    """

    periods: Whole
    customers: Floats
    observed: Floats
    fitted: Floats


@dataclass(frozen=True)
class Forecast:
    """Customers by state in periods held out, from the last state that the fit saw of each.

    Attributes
    ----------
    periods : ndarray of int, shape (period,)
    customers : ndarray, shape (period,)
        Seen before the holdout, and in the period.
    observed, expected : ndarray, shape (period, state), customers
    luck, fit_error : ndarray, shape (period, state), customers
        Standard deviations: of where customers go if the fit is right, and of what is expected.
    chi_squared, freedom, p_value : float, int, float
        Of the last period's states together, those errors considered; NaN where there is nothing.
    """

    periods: Whole
    customers: Floats
    observed: Floats
    expected: Floats
    luck: Floats
    fit_error: Floats
    chi_squared: float
    freedom: int
    p_value: float

    @property
    def low(self) -> Floats:
        """Lower bounds of `observed` with probability `LEVEL`, (period, state), customers."""
        return np.maximum(np.ceil(self.expected - self._half - 0.5), 0.0)

    @property
    def high(self) -> Floats:
        """Upper bounds of `observed` with probability `LEVEL`, (period, state), customers."""
        return np.minimum(np.floor(self.expected + self._half + 0.5), self.customers[:, None])

    @property
    def is_inside(self) -> NDArray[np.bool_]:
        """Whether what was observed lies inside, shape (period, state)."""
        return np.asarray((self.low <= self.observed) & (self.observed <= self.high))

    @property
    def error(self) -> float:
        """Customers in another state than expected, as a share of all; NaN if there are none.

        Half the sum of |expected - observed|: who is missing in one state is too many in another.
        """
        total = float(self.customers.sum())
        return float(np.abs(self.expected - self.observed).sum()) / (2.0 * total or math.nan)

    @property
    def _half(self) -> Floats:
        return NormalDist().inv_cdf(0.5 + 0.5 * LEVEL) * np.hypot(self.luck, self.fit_error)


def shares_of(panel: Panel, table: Floats, gone: int | None) -> Shares | None:
    """Shares by state in each period, observed and expected from customers' first rows.

    Parameters
    ----------
    panel : Panel
    table : ndarray, shape (state, state), 1
        Transition probabilities, rows adding up to 1.
    gone : int or None
        State in which customers stay without rows.

    Returns
    -------
    Shares or None
        None for a panel of so many periods and states that it takes too much memory.
    """
    begin, size = int(panel.period.min()), len(panel.states)
    length = int(panel.period.max()) - begin + 1
    if length * length * size > _MOST_CELLS:
        return None
    known, observed = _counted(panel, panel.is_first, gone)
    expected = np.zeros((length, size))
    for lag, power in enumerate(_powers(table, length)):
        starts = np.arange(length - lag)
        expected[lag:] += known[starts, :, starts + lag] @ power
    many = observed.sum(axis=1)
    divisor = np.where(many > 0.0, many, math.nan)[:, None]
    periods = begin + np.arange(length)
    return Shares(periods, many, observed / divisor, expected / divisor)


def forecast(panel: Panel, cut: int, counts: Floats, table: Floats, gone: int | None) -> Forecast:
    """Customers by state after a cut, expected from the last row of each until then.

    A customer in state s is in state j after k periods with probability ``(P^k)[s, j]``; customers
    move independently, so that the luck of a state's count is that of a sum of Bernoulli variables.
    The error of the fit is that of the multinomial rows of P, by the delta method: the slope of
    ``m P^k`` in ``P[a, b]`` is the sum over l of ``(m P^l)[a] (P^(k-1-l))[b, :]``.

    Parameters
    ----------
    panel : Panel
        With the periods held out.
    cut : int
        Last period that the fit saw.
    counts, table : ndarray, shape (state, state)
        Transitions that were fitted, customers, and their probabilities, 1.
    gone : int or None
        State in which customers stay without rows.
    """
    begin, end, size = int(panel.period.min()), int(panel.period.max()), len(panel.states)
    is_seen = panel.period <= cut
    next_is_later = np.concatenate((is_seen[1:], [False])) & ~panel.is_last
    known, observed = _counted(panel, is_seen & ~next_is_later, gone)
    powers = list(_powers(table, end - begin + 1))
    later = np.arange(cut - begin + 1, end - begin + 1)
    expected, luck, error = (np.zeros((later.size, size)) for _ in range(3))
    observed = observed[later]
    covariance, is_left = np.zeros((size, size)), np.diagonal(table) < 1.0
    for at, period in enumerate(later.tolist()):
        covariance = np.zeros((size, size))
        groups = [
            (known[start, :, period], period - start)
            for start in range(cut - begin + 1)
            if known[start, :, period].any()
        ]
        for many, lag in groups:
            expected[at] += many @ powers[lag]
            covariance -= powers[lag].T @ (many[:, None] * powers[lag])
        covariance += np.diag(expected[at])
        luck[at] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        moving = [(many, lag) for many, lag in groups if many[is_left].any()]
        of_fit = _of_fit(moving, powers, counts, table)
        error[at] = np.sqrt(np.maximum(np.diag(of_fit), 0.0))
        covariance += of_fit
    tested = _tested(observed[-1], expected[-1], covariance)
    periods = begin + later
    return Forecast(periods, observed.sum(axis=1), observed, expected, luck, error, *tested)


def _counted(panel: Panel, is_origin: NDArray[np.bool_], gone: int | None) -> tuple[Floats, Floats]:
    """Customers by origin and period, (period, state, period), and by state, (period, state).

    Only customers with an origin count, from it on; one each. Who is gone counts in every later
    period.
    """
    begin, size = int(panel.period.min()), len(panel.states)
    length, when = int(panel.period.max()) - begin + 1, panel.period - begin
    place = np.full(int(panel.customer.max()) + 1, -1)
    place[panel.customer[is_origin]] = when[is_origin] * size + panel.state[is_origin]
    own = place[panel.customer]
    used = (own >= 0) & (own // size <= when)
    cells = own * length + when
    known = np.bincount(cells[used], minlength=length * size * length).astype(np.float64)
    here = np.bincount((when * size + panel.state)[used], minlength=length * size)
    known = known.reshape(length, size, length)
    observed = here.reshape(length, size).astype(np.float64)
    if gone is not None:
        left = used & panel.is_last & (panel.state == gone)
        added = np.bincount(cells[left], minlength=known.size).reshape(known.shape)
        added = np.cumsum(added, axis=2) - added
        known += added
        observed[:, gone] += added.sum(axis=(0, 1))
    return known, observed


def _powers(table: Floats, many: int) -> Iterator[Floats]:
    """P^0, P^1, …, so many."""
    power = np.eye(len(table))
    for _ in range(many):
        yield power
        power = power @ table


def _of_fit(
    groups: list[tuple[Floats, int]], powers: list[Floats], counts: Floats, table: Floats
) -> Floats:
    """Covariance of expected counts that comes from the fitted transitions, (state, state)."""
    size = len(table)
    found = np.zeros((size, size))
    leaving = counts.sum(axis=1)
    for state in np.flatnonzero(leaving).tolist():
        slope = np.zeros((size, size))
        for many, lag in groups:
            for steps in range(lag):
                slope += (many @ powers[steps])[state] * powers[lag - 1 - steps]
        moved = table[state] @ slope
        own = slope.T @ (table[state][:, None] * slope) - np.outer(moved, moved)
        found += own / leaving[state]
    return found


def _tested(observed: Floats, expected: Floats, covariance: Floats) -> tuple[float, int, float]:
    """Quadratic form of the differences in the inverse of their covariance, and its test.

    States in which fewer than 5 are expected are put together with those after them.
    """
    starts, total, begin = [], 0.0, 0
    for at, one in enumerate(expected.tolist()):
        total += one
        if total >= _LEAST_EXPECTED:
            starts.append(begin)
            begin, total = at + 1, 0.0
    if len(starts) < 2:
        return math.nan, 0, math.nan
    gap = np.add.reduceat(observed - expected, starts)
    whole = np.add.reduceat(np.add.reduceat(covariance, starts, axis=0), starts, axis=1)
    values, vectors = np.linalg.eigh(whole)
    kept = values > _ROUNDING * values[-1]
    scores = vectors.T @ gap
    if not kept.any():
        return math.nan, 0, math.nan
    statistic = float(np.sum(scores[kept] ** 2 / values[kept]))
    freedom = int(kept.sum())
    return statistic, freedom, float(scipy.special.chdtrc(freedom, statistic))
