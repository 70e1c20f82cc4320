"""From a retention table to a churn distribution: the sBG, or one constant churn rate.

A table says how many customers of a cohort are left after each period. If customers
differ in how likely they are to leave, its churn rate falls with tenure, since those
who stay are the loyal ones; the sBG (Fader & Hardie 2007) turns that fall into the
spread of the churn probability. A table without such a fall gets one churn rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from clvsim.scenario.life_table import LifeTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GAIN_NEEDED = 1.3528
"""Gain in log-likelihood, 1, from which the sBG is preferred to one churn rate.

The geometric is the sBG at the edge of its parameters (α, β → ∞ at a fixed mean), so
without any spread twice the gain is 0 half of the time and χ²(1) otherwise (Self &
Liang 1987, case 5). Its 95 % point is the 90 % point of χ²(1), 2.7055; this is half.
"""

_TREND_LIMIT = 1.6449
"""Standard normal 95 % point: beyond it, churn rises with tenure."""

_SMALLEST, _LARGEST = math.log(1e-9), math.log(1e8)
_STARTING_TOTALS = (0.1, 1.0, 10.0, 100.0)
_MOST_STEPS, _LEVEL_STEPS, _LONGEST = 200, 4, 2.0
"""Of the search: steps, those where the likelihood is level, the length of one in logs."""

_ROUNDING = 1e-12
"""Error of a log-likelihood, relative to it."""

_FLAT = 1e-14
"""Curvature per customer-period, 1, taken at least."""

_GRADIENT_TOLERANCE = 1e-9
"""Largest slope per customer-period, 1, at which a maximum counts as found."""


@dataclass(frozen=True)
class RetentionFit:
    """What a retention table says about churn.

    Attributes
    ----------
    model : {"sbg", "geometric"}
        Whether churn differs between customers or is one rate for all.
    alpha, beta : float or None
        Beta distribution of the churn probability over customers; None for geometric.
    churn : float
        Maximum-likelihood constant churn probability per period, 1; for either model.
    log_likelihood, log_likelihood_geometric : float
        Of the chosen model and of one constant churn rate.
    periods : int
        Periods in the table.
    customers : float
        Customers at its start.
    note : str
        Which model and why, for people.

    """

    model: Literal["sbg", "geometric"]
    alpha: float | None
    beta: float | None
    churn: float
    log_likelihood: float
    log_likelihood_geometric: float
    periods: int
    customers: float
    note: str


def fit_retention(survivors: Sequence[float]) -> RetentionFit:
    """Fit a churn distribution to a retention table by maximum likelihood.

    Parameters
    ----------
    survivors : sequence of float
        Customers, shape (periods + 1,): the cohort at the start, then how many of it
        are left after each period.

    Returns
    -------
    RetentionFit
        The sBG (Fader & Hardie 2007, log-likelihood of a cohort with survivors), or the
        geometric where the sBG gains less than `GAIN_NEEDED` over it.

    Raises
    ------
    ValueError
        The table cannot be read as survivors of a cohort, or the sBG has no maximum.

    """
    return _fitted(tuple(survivors))


@lru_cache(maxsize=256)
def _fitted(survivors: tuple[float, ...]) -> RetentionFit:
    # The variants of a scenario share their tables, and so does checking them.
    table = _checked(survivors)
    return fit_life_table(table[:-1] - table[1:], table[1:])


def fit_life_table(
    leavers: Sequence[float] | NDArray[np.float64],
    stayers: Sequence[float] | NDArray[np.float64],
) -> RetentionFit:
    """Fit as `fit_retention`, where customers also drop out of sight before they leave.

    The likelihood is a product over periods of the churn rates of those at risk, so
    customers who joined too lately to be watched to the end count for as long as they
    were watched.

    Parameters
    ----------
    leavers, stayers : sequence of float
        Customers, shape (periods,): of those at risk in a period, how many left in it
        and how many did not.

    Raises
    ------
    ValueError
        A count is negative or not finite, nobody is at risk, the shapes differ, or
        the sBG has no maximum.

    """
    life = LifeTable.from_counts(leavers, stayers)
    churn = life.churn
    constant = life.log_likelihood_constant()
    fitted = _maximise(life, constant)
    if fitted is None:
        return RetentionFit(
            model="geometric",
            alpha=None,
            beta=None,
            churn=churn,
            log_likelihood=constant,
            log_likelihood_geometric=constant,
            periods=life.periods,
            customers=life.customers,
            note=note_geometric(life),
        )
    alpha, beta, best = fitted
    rate = alpha / (alpha + beta)
    note = (
        f"Churn differs between customers (sBG): alpha {alpha:.3f}, beta {beta:.3f}, "
        f"so {_percent(rate)} leave in the first period and fewer of those left in each one "
        f"after. {life.size}, its log-likelihood is {best:.2f}, against "
        f"{constant:.2f} for a constant churn of {_percent(churn)} a period."
    )
    return RetentionFit(
        model="sbg",
        alpha=alpha,
        beta=beta,
        churn=churn,
        log_likelihood=best,
        log_likelihood_geometric=constant,
        periods=life.periods,
        customers=life.customers,
        note=note,
    )


def _checked(survivors: Sequence[float]) -> NDArray[np.float64]:
    """Check a retention table and return it, customers, shape (periods + 1,)."""
    table = np.asarray(survivors, dtype=np.float64)
    if table.ndim != 1 or table.size <= 1:
        message = (
            "a retention table needs at least 2 entries: the size of the cohort, then "
            f"the customers left after each period; this one has {table.size}"
        )
        raise ValueError(message)
    for period, count in enumerate(table.tolist()):
        if not math.isfinite(count) or count < 0.0:
            message = (
                f"survivors[{period}] is {count:g}: it must be a number of customers, 0 or more"
            )
            raise ValueError(message)
    first = float(table[0])
    if first <= 0.0:
        message = "survivors[0] is 0: it must be the size of the cohort at the start"
        raise ValueError(message)
    if first <= 1.0 and np.any((table > 0.0) & (table < 1.0)):
        # As customers, shares would say that a single customer was observed.
        message = (
            "the retention table looks like shares of a cohort; give numbers of "
            "customers (shares times the size of the cohort), since the size decides "
            "how much the table can say (or is 1.000 one thousand? Write 1000)"
        )
        raise ValueError(message)
    rises = np.flatnonzero(np.diff(table) > 0.0)
    if rises.size:
        period = int(rises[0])
        message = (
            f"survivors[{period + 1}] is {table[period + 1]:g}, more than the "
            f"{table[period]:g} before it: those left can only become fewer"
        )
        raise ValueError(message)
    return table


def _maximise(life: LifeTable, constant: float) -> tuple[float, float, float] | None:
    """(α, β, log-likelihood) at the maximum; None where one churn rate does as well."""
    if not 0.0 < life.churn < 1.0:
        return None
    if not np.any(life.leavers[1:] > 0.0):
        if life.log_likelihood_edge() - constant < GAIN_NEEDED:
            return None
        message = (
            "all who leave do so in the first period, which no sBG can say (alpha and "
            "beta run off to 0): give a table with more periods or more customers, or "
            "model the first period apart"
        )
        raise ValueError(message)
    logs = highest(life)
    if life.log_likelihood(logs) - constant < GAIN_NEEDED:
        return None
    best = life.log_likelihood(logs)
    if not is_peak(life, logs) or best < constant:
        message = (
            "the sBG fit of the retention table did not converge: it stopped at alpha "
            f"{math.exp(logs[0]):g}, beta {math.exp(logs[1]):g}"
        )
        raise ValueError(message)
    return math.exp(logs[0]), math.exp(logs[1]), best


def highest(life: LifeTable) -> NDArray[np.float64]:
    """Where the likelihood of the sBG is largest, (log α, log β), or where the search was stopped.

    Parameters
    ----------
    life : LifeTable
        In which some leave and some stay.
    """
    odds = life.churn / (1.0 - life.churn)
    starts = [np.log([total * odds, total]) - np.log1p(odds) for total in _STARTING_TOTALS]
    return max((_climb(life, start) for start in starts), key=life.log_likelihood)


def is_peak(life: LifeTable, logs: NDArray[np.float64]) -> bool:
    """Whether the likelihood of the sBG has a maximum at (log α, log β)."""
    slope = float(np.max(np.abs(life.gradient(logs)))) / life.exposure
    is_round = bool(np.all(np.linalg.eigvalsh(life.hessian(logs)) < 0.0))
    return is_round and slope <= _GRADIENT_TOLERANCE


def _climb(life: LifeTable, logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The maximum uphill from ``logs``: Newton's method, its steps turned and halved to climb.

    Two parameters with all their derivatives: SciPy's optimisers, imported for this alone, would
    cost a quarter of a second in every run.
    """
    here, level = life.log_likelihood(logs), 0
    for _ in range(_MOST_STEPS):
        bend, axes = np.linalg.eigh(life.hessian(logs))
        # Where the curvature has the wrong sign, its size still tells how far to go.
        along = (axes.T @ life.gradient(logs)) / np.maximum(np.abs(bend), _FLAT * life.exposure)
        step = np.clip(axes @ along, -_LONGEST, _LONGEST)
        # Near the top the likelihood is level to its last digits: there the slope alone leads.
        noise = _ROUNDING * abs(here)
        there = np.clip(logs + step, _SMALLEST, _LARGEST)
        while (gained := life.log_likelihood(there)) < here - noise:
            step = step / 2.0
            there = np.clip(logs + step, _SMALLEST, _LARGEST)
        level = level + 1 if gained <= here + noise else 0
        logs, here = there, gained
        if level >= _LEVEL_STEPS:
            break
    return logs


def note_geometric(life: LifeTable) -> str:
    """Say why the geometric was chosen, with its figures."""
    churn = life.churn
    if churn <= 0.0:
        highest = -math.expm1(math.log(0.05) / life.exposure)
        return (
            f"Nobody leaves, so the churn is 0. {life.size}, that would still happen "
            f"one time in twenty at a churn of {_percent(highest)} a period."
        )
    chosen = f"One churn of {_percent(churn)} a period for all customers (geometric). "
    if churn >= 1.0:
        return f"{chosen}{life.size}, nobody stays for a second period."
    if life.periods == 1:
        return f"{chosen}{life.size}, one period cannot tell whether customers differ."
    if life.trend() < -_TREND_LIMIT:
        return (
            f"{chosen}{life.size}, churn rises with tenure (z {-life.trend():.1f}), "
            "which neither the sBG nor one churn rate can follow: set the hazard by "
            "tenure."
        )
    return (
        f"{chosen}{life.size}, letting churn differ between customers (sBG) raises the "
        f"log-likelihood by less than {GAIN_NEEDED:.2f}, the least that would show "
        "more than chance (likelihood-ratio test at 5 % on the boundary)."
    )


def _percent(probability: float) -> str:
    """Write a probability in per cent to three digits, however small it is."""
    return f"{100.0 * probability:.3g} %"
