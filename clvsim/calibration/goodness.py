"""How well purchase models describe the data that they were fitted to: Pearson's tests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.counts import count_chances

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from clvsim.calibration.fitted import Fitted
    from clvsim.calibration.purchases import Summary

    Floats = NDArray[np.float64]

#: Customers that a cell should have, at least, and most cells of a test of values.
_LEAST_EXPECTED, _MOST_CELLS = 5, 20
#: Repeat purchases from which on customers are one cell.
_MOST_COUNTED = 400
#: Step in the log of a parameter, 1.
_STEP = 1e-3
_NONE = math.nan, 0, math.nan


def chi_squared_of_counts(summary: Summary, fitted: Fitted) -> tuple[float, int, float]:
    """Pearson's test of the customers by how often they bought again: statistic, freedom, p-value.

    Expected are, in each cell, the probabilities of all customers, each over its own time since
    the first purchase. Cells in which fewer than 5 are expected are put together with those after
    them, the last one has no upper end. NaN where no degree of freedom is left. See `pearson`.

    Parameters
    ----------
    summary : Summary
        What the model was fitted to.
    fitted : Fitted
        "bg/nbd" or "pareto/nbd".

    References
    ----------
    Fader, Hardie & Lee 2005, "Counting your customers the easy way", figure 2.
    """
    most = int(min(summary.frequency.max(), _MOST_COUNTED))
    ages, many = np.unique(summary.age, return_counts=True)
    cell = np.minimum(summary.frequency, most + 1).astype(np.int64)
    seen = np.bincount(cell, minlength=most + 2).astype(np.float64)

    def chances(logs: Floats) -> Floats:
        parameters = dict(zip(fitted.parameters, np.exp(logs).tolist(), strict=True))
        return count_chances(fitted.model, parameters, ages, most)

    return pearson(seen, many.astype(np.float64), chances, fitted)


def chi_squared_of_values(summary: Summary, fitted: Fitted) -> tuple[float, int, float]:
    """Pearson's test of the mean values of customers' purchases: statistic, freedom, p-value.

    Under Gamma-Gamma the sum s of x purchases has ``s/(γ + s) ~ Beta(px, q)``, so that each
    customer's place in the distribution of its own x is uniform (probability integral transform).
    The cells are equal parts of it: 20, or as many as leave 5 customers each. See `pearson`.

    Parameters
    ----------
    summary : Summary
    fitted : Fitted
        "gamma-gamma", fitted to the customers with repeat purchases of a value above 0.

    References
    ----------
    Fader & Hardie 2013, "The Gamma-Gamma model of monetary value", eq. 1 and 2.
    """
    used = (summary.frequency > 0.0) & (np.nan_to_num(summary.value) > 0.0)
    cells = min(int(used.sum()) // _LEAST_EXPECTED, _MOST_CELLS)
    if cells < 2 or not np.isfinite(list(fitted.parameters.values())).all():
        return _NONE
    often, spent = summary.frequency[used], summary.frequency[used] * summary.value[used]
    p, q, gamma = fitted.parameters.values()
    place = scipy.special.betainc(p * often, q, spent / (gamma + spent))
    cell = np.minimum((place * cells).astype(np.int64), cells - 1)
    seen = np.bincount(cell, minlength=cells).astype(np.float64)
    counts, many = np.unique(often, return_counts=True)
    bounds = scipy.special.betaincinv(p * counts[:, None], q, np.arange(1, cells) / cells)
    # Bounds as s/γ: where the parameters move, the amounts between two cells stay.
    amounts = bounds / np.maximum(1.0 - bounds, np.finfo(np.float64).tiny) * gamma

    def chances(logs: Floats) -> Floats:
        p, q, gamma = np.exp(logs)
        below = scipy.special.betainc(p * counts[:, None], q, amounts / (gamma + amounts))
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    return pearson(seen, many.astype(np.float64), chances, fitted)


def pearson(
    seen: Floats, many: Floats, chances: Callable[[Floats], Floats], fitted: Fitted
) -> tuple[float, int, float]:
    """Pearson's statistic of cells, its degrees of freedom, and its p-value.

    The degrees of freedom are cells less 1 less parameters, as in the literature. The parameters
    were fitted to whole histories, though, not to these cells, so that they take away less than a
    degree each: the statistic is not chi-squared but a sum ``Σ λ χ²(1)`` with λ in [0, 1] (Chernoff
    & Lehmann 1954). The λ are the eigenvalues of ``E^-½ (E - P'NP - JVJ') E^-½``: the covariance of
    the counts of customers with probabilities P of their own, less what the fit has taken, V being
    the covariance of the parameters' logs and J the slopes of the expected counts E in them. The
    p-value is that of a multiple of a chi-squared with the sum's mean and variance (Satterthwaite
    1946). A table of chi-squared at the stated freedom would reject a right model too often.

    Parameters
    ----------
    seen : ndarray, shape (cell,), customers
    many : ndarray, shape (group,), customers
        Customers whose probabilities are the same.
    chances : callable
        Probabilities of the cells, (group, cell), from the logs of the parameters.
    fitted : Fitted
    """
    logs = np.log(list(fitted.parameters.values()))
    table = chances(logs)
    starts = _starts(many @ table)
    freedom = len(starts) - 1 - logs.size
    if freedom < 1 or not np.isfinite(table).all():
        return _NONE
    table = np.add.reduceat(table, starts, axis=1)
    expected, observed = many @ table, np.add.reduceat(seen, starts)
    statistic = float(np.sum((observed - expected) ** 2 / expected))
    steps = _STEP * np.eye(logs.size)
    slopes = [many @ (chances(logs + step) - chances(logs - step)) for step in steps]
    moved = np.add.reduceat(np.array(slopes) / (2.0 * _STEP), starts, axis=1)
    covariance = np.diag(expected) - table.T @ (many[:, None] * table)
    covariance -= moved.T @ fitted.drawn @ moved
    scale = np.sqrt(expected)
    weights = np.clip(np.linalg.eigvalsh(covariance / np.outer(scale, scale)), 0.0, 1.0)
    mean, square = float(weights.sum()), float(weights @ weights)
    # Without scipy.stats, whose import takes longer than the test.
    p_value = scipy.special.chdtrc(mean**2 / square, statistic * mean / square)
    return statistic, freedom, float(p_value)


def _starts(expected: Floats) -> list[int]:
    """First of the cells put together, so that 5 or more are expected in each.

    Those left over at the end go into the last one.
    """
    starts, begin, total = [], 0, 0.0
    for at, one in enumerate(expected.tolist()):
        total += one
        if total >= _LEAST_EXPECTED:
            starts.append(begin)
            begin, total = at + 1, 0.0
    return starts
