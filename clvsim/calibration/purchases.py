"""From purchases to rates, dropout and values: BG/NBD, Pareto/NBD, BG/BB, Gamma-Gamma."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.fitted import Fitted
from clvsim.calibration.likelihood import (
    BgBbLikelihood,
    BgNbdLikelihood,
    GammaGammaLikelihood,
    ParetoNbdLikelihood,
)
from clvsim.calibration.maximum import maximise
from clvsim.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from clvsim.calibration.maximum import Objective

_PURCHASE_STARTS = ((0.5, 0.5, 0.5, 1.0), (2.0, 1.0, 1.0, 5.0), (0.2, 0.1, 2.0, 0.5))
"""Parameters (r, α, a or s, b or β) to start from, times in mean ages."""

_OPPORTUNITY_STARTS = ((1.0, 1.0, 1.0, 3.0), (2.0, 5.0, 0.5, 5.0), (0.3, 0.3, 3.0, 1.0))
"""Parameters (α, β, γ, δ) to start from."""

_VALUE_STARTS = ((5.0, 4.0, 0.6), (1.0, 2.0, 1.0), (30.0, 10.0, 0.3))
"""Parameters (p, q, γ) to start from, γ in mean values."""

_ROUGH = 50_000
"""Different customers among whom a maximum is searched; from there all of them count."""

_MOST = 1e15
"""Purchases, 1, up to which a float counts one by one."""

_NO_MEAN = (
    "q is not above 1: the mean value over customers is infinite under this fit, so take "
    "the mean from the records instead."
)


@dataclass(frozen=True)
class Summary:
    """Repeat purchases of customers, each since its own first purchase.

    Attributes
    ----------
    frequency : ndarray
        Repeat purchases x, (customer,), whole and >= 0: the first is no repeat, and those of
        the same day are one.
    recency : ndarray
        Time of the last purchase since the first t_x, (customer,), in any unit of time: 0
        where there was no repeat.
    age : ndarray
        Time observed since the first purchase T, (customer,), same unit.
    value : ndarray
        Mean value of the repeat purchases, (customer,), currency; NaN where there were none.

    Raises
    ------
    ValueError
        The arrays differ in shape, hold no customer, or say what cannot be.

    """

    frequency: NDArray[np.float64]
    recency: NDArray[np.float64]
    age: NDArray[np.float64]
    value: NDArray[np.float64]

    def __post_init__(self) -> None:
        columns = {}
        for name in ("frequency", "recency", "age", "value"):
            column = np.asarray(getattr(self, name), dtype=np.float64)
            columns[name] = column
            object.__setattr__(self, name, column)
        if len({column.shape for column in columns.values()}) > 1 or self.frequency.ndim != 1:
            message = "a summary takes four lists of the same length, one entry a customer"
            raise ValueError(message)
        _check_customers(self.frequency, self.recency, self.age, "age")
        missing = ~np.isfinite(self.value)
        _refuse(missing & (self.frequency > 0.0), "value must be a number where frequency is > 0")


def fit_bg_nbd(summary: Summary) -> Fitted:
    """Fit the BG/NBD of Fader, Hardie & Lee (2005) by maximum likelihood.

    Returns
    -------
    Fitted
        r and a, b without unit, alpha in the unit of the summary's times.

    """
    return _fit_rates(summary, "bg/nbd", BgNbdLikelihood, ("r", "alpha", "a", "b"), (1,))


def fit_pareto_nbd(summary: Summary) -> Fitted:
    """Fit the Pareto/NBD of Schmittlein, Morrison & Colombo (1987) by maximum likelihood.

    Returns
    -------
    Fitted
        r and s without unit, alpha and beta in the unit of the summary's times.

    """
    names = ("r", "alpha", "s", "beta")
    return _fit_rates(summary, "pareto/nbd", ParetoNbdLikelihood, names, (1, 3))


def fit_bg_bb(
    frequency: ArrayLike,
    recency: ArrayLike,
    opportunities: ArrayLike,
    customers: ArrayLike = 1.0,
) -> Fitted:
    """Fit the BG/BB of Fader, Hardie & Shang (2010) by maximum likelihood.

    Parameters
    ----------
    frequency, recency, opportunities : array_like
        Opportunities at which a customer bought x, the last of them t_x (1 is the first after
        joining, 0 says none), and all that it had n; (customer,) or one number for all, whole.
    customers : array_like
        How many customers each entry stands for, (customer,) or one number for all, > 0.

    Raises
    ------
    ValueError
        There is no customer, or the numbers say what cannot be.

    """
    columns = [
        np.atleast_1d(np.asarray(one, dtype=np.float64))
        for one in (frequency, recency, opportunities, customers)
    ]
    x, last, until, many = (np.ravel(one) for one in np.broadcast_arrays(*columns))
    _check_customers(x, last, until, "opportunities")
    whole = (last == np.round(last)) & (until == np.round(until))
    _refuse(~whole, "recency and opportunities must be whole numbers of opportunities")
    _refuse(x > last, "frequency must not be above recency: one purchase an opportunity")
    _refuse(~(many > 0.0) | np.isinf(many), "customers must be a number above 0")
    groups, weight = _grouped(x, last, until, weight=many)
    count, recent, offered = (column.astype(np.int64) for column in groups)
    likelihood = BgBbLikelihood(count, recent, offered, weight)
    names = ("alpha", "beta", "gamma", "delta")
    return _fitted("bg/bb", likelihood, names, _OPPORTUNITY_STARTS, float(many.sum()))


def fit_gamma_gamma(summary: Summary) -> Fitted:
    """Fit the Gamma-Gamma model of Fader, Hardie & Lee (2005) by maximum likelihood.

    Customers without a repeat purchase say nothing about values and are left out, as are those
    whose mean value is not above 0, which the model cannot produce.

    Returns
    -------
    Fitted
        p and q without unit, gamma in currency; all NaN, with a note, where nobody is left.

    """
    again = summary.frequency > 0.0
    value = np.nan_to_num(summary.value)
    used = again & (value > 0.0)
    unit = float(np.mean(value[used])) if used.any() else 1.0
    # So little beside the others' that it is nothing in their unit.
    used &= value / unit >= np.finfo(np.float64).tiny
    count, mean = summary.frequency[used], summary.value[used]
    notes: tuple[str, ...] = ()
    excluded = int(np.sum(again & ~used))
    if excluded:
        notes = (f"{counted(excluded, 'customer')} left out: a mean value that is not above 0.",)
    names = ("p", "q", "gamma")
    if not count.size:
        empty = "No customer has a repeat purchase of a value above 0: nothing can be fitted."
        unknown = dict.fromkeys(names, math.nan)
        nothing = np.full((3, 3), math.nan)
        return Fitted("gamma-gamma", unknown, nothing, 0.0, 0.0, (*notes, empty))
    likelihood = GammaGammaLikelihood(count, mean / unit)
    fitted = _fitted(
        "gamma-gamma",
        likelihood,
        names,
        _VALUE_STARTS,
        float(count.size),
        units={2: unit},
        densities=float(count.size) * math.log(unit),
        notes=notes,
    )
    if fitted.parameters["q"] <= 1.0:
        return replace(fitted, notes=(*fitted.notes, _NO_MEAN))
    return fitted


def _fit_rates(
    summary: Summary,
    model: str,
    family: type[BgNbdLikelihood | ParetoNbdLikelihood],
    names: tuple[str, ...],
    timed: tuple[int, ...],
) -> Fitted:
    """Fit purchases in continuous time; ``timed`` are the parameters with the unit of time."""
    # A unit of the data's own size keeps starts and bounds right in days and in years.
    unit = float(np.mean(summary.age)) or 1.0
    groups, weight = _grouped(summary.frequency, summary.recency / unit, summary.age / unit)
    count, last, until = groups
    likelihood = family(count.astype(np.int64), last, until, weight)
    every = -(-weight.size // _ROUGH)
    some = slice(None, None, every)
    rough = family(count[some].astype(np.int64), last[some], until[some], weight[some])
    return _fitted(
        model,
        likelihood,
        names,
        _PURCHASE_STARTS,
        float(summary.frequency.size),
        units=dict.fromkeys(timed, unit),
        densities=float(np.sum(summary.frequency)) * math.log(unit),
        rough=rough if every > 1 else None,
    )


def _fitted(
    model: str,
    likelihood: Objective,
    names: tuple[str, ...],
    starts: Sequence[Sequence[float]],
    size: float,
    *,
    units: dict[int, float] | None = None,
    densities: float = 0.0,
    notes: tuple[str, ...] = (),
    rough: Objective | None = None,
) -> Fitted:
    """Maximise, and say it in the units of the data.

    A likelihood is a density per unit of time or money, and ``densities`` is the log of what
    a change of that unit does to it. The covariance of logs knows no units.
    """
    found = maximise(likelihood, names, starts, rough)
    values = np.exp(found.logs)
    for index, unit in (units or {}).items():
        values[index] *= unit
    return Fitted(
        model=model,
        parameters=dict(zip(names, values.tolist(), strict=True)),
        covariance=found.covariance,
        told=found.told,
        log_likelihood=found.log_likelihood - densities,
        sample_size=size,
        notes=(*notes, *found.notes),
    )


def _grouped(
    *columns: NDArray[np.float64], weight: NDArray[np.float64] | None = None
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Rows that differ, one array a column, (group,), and how often each comes, (group,).

    With a weight, (row,), each row comes as often as that says.
    """
    order = np.lexsort(columns)
    table = np.array(columns)[:, order]
    first = np.concatenate(([True], np.any(table[:, 1:] != table[:, :-1], axis=0)))
    starts = np.flatnonzero(first)
    if weight is not None:
        return list(table[:, starts]), np.add.reduceat(weight[order], starts)
    count = np.diff(np.append(starts, order.size)).astype(np.float64)
    return list(table[:, starts]), count


def _check_customers(
    frequency: NDArray[np.float64],
    recency: NDArray[np.float64],
    end: NDArray[np.float64],
    end_name: str,
) -> None:
    """Refuse what cannot be, naming the first customer of whom it is said."""
    if not frequency.size:
        message = "there is no customer to fit to"
        raise ValueError(message)
    for name, column in (("frequency", frequency), ("recency", recency), (end_name, end)):
        _refuse(~np.isfinite(column) | (column < 0.0), f"{name} must be a number, 0 or more")
    _refuse(frequency != np.round(frequency), "frequency must be a whole number of purchases")
    _refuse(frequency > _MOST, f"frequency must be at most {_MOST:g}")
    _refuse(recency > end, f"recency must not be above {end_name}")
    _refuse((frequency > 0.0) != (recency > 0.0), "recency is 0 if, and only if, frequency is 0")


def _refuse(wrong: NDArray[np.bool_], rule: str) -> None:
    """Raise if a customer breaks a rule."""
    if np.any(wrong):
        message = f"customer {int(np.argmax(wrong))}: {rule}"
        raise ValueError(message)
