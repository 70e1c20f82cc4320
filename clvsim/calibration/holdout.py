"""What a fit says of the purchases of its own customers after it: total, interval, band."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.scoring.outlook import Outlook
from clvsim.calibration.scoring.purchase import BgNbd, History, ParetoNbd
from clvsim.calibration.scoring.quadrature import beta_points
from clvsim.scenario.root import symmetric_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clvsim.calibration.fitted import Fitted
    from clvsim.calibration.purchases import Summary

    Floats = NDArray[np.float64]

LEVEL = 0.95
"""Probability of a predictive interval, 1."""
#: Sets of parameters drawn, seed of them, and customers whose expectations these move, at most.
_DRAWS, _SEED, _JUDGED = 64, 1, 2_000
#: Widest error of a parameter's logarithm, 1: beyond, drawn numbers tell nothing.
_WIDEST = 2.0
#: Distance of a parameter from 1 at which the limit of a formula is taken.
_NEAR_ONE = 1e-7
#: Share by which the variance of a count must exceed its mean to be overdispersed.
_POISSON = 1e-6
_MODELS: dict[str, type[BgNbd | ParetoNbd]] = {"bg/nbd": BgNbd, "pareto/nbd": ParetoNbd}


@dataclass(frozen=True)
class Prediction:
    """Purchases of all customers in the time after a fit, some times of it apart.

    Attributes
    ----------
    times : ndarray, shape (time,), in the unit of the fit
        Since the end of what was fitted, ascending; the last one is the end of the holdout.
    expected : ndarray, shape (time,), purchases
        Given what each customer has bought until then.
    luck : ndarray, shape (time,), purchases
        Standard deviation of the total if the fit is right.
    low, high : ndarray, shape (time,), purchases
        Bounds between which the total lies with probability `LEVEL`, if the model is right: whole
        numbers.
    fit_error : float
        Standard deviation of the last expectation that comes from the error of the fit; NaN where
        the fit does not know it, or it is too wide to be drawn: the bounds are then luck alone.
    observed : float
        Purchases until the last time.
    """

    times: Floats
    expected: Floats
    luck: Floats
    low: Floats
    high: Floats
    fit_error: float
    observed: float

    @property
    def error(self) -> float:
        """Expected less observed purchases, as a share of those observed; NaN if there is none."""
        if not self.observed:
            return math.nan
        return (float(self.expected[-1]) - self.observed) / self.observed

    @property
    def is_inside(self) -> bool:
        """Whether the observed total lies inside the interval."""
        return bool(self.low[-1] <= self.observed <= self.high[-1])


def predict(summary: Summary, fitted: Fitted, times: Floats, observed: float) -> Prediction:
    """Predict the purchases of customers from their histories.

    Expected is the sum of the customers' own conditional expectations. The total varies by their
    luck, whose variances add up, and by the error of the fit: parameters are drawn from its
    sampling distribution (normal in their logarithms, points of a Sobol sequence), and each set
    expects a total of its own. Given the parameters, a sum over many customers is taken as
    negative binomial with its mean and variance, or as Poisson where it varies less; the bounds are
    quantiles of the mixture. Beyond 2,000 customers, these stand for all in what parameters move.

    Parameters
    ----------
    summary : Summary
        Customers as the fit saw them.
    fitted : Fitted
        "bg/nbd" or "pareto/nbd".
    times : ndarray, shape (time,), in the unit of the fit
        Since the end of what was fitted, greater than 0, ascending.
    observed : float
        Purchases until the last time.

    References
    ----------
    Fader, Hardie & Lee 2005, "Counting your customers the easy way", eq. 10 before it is averaged
    over the dropout probability; Schmittlein, Morrison & Colombo 1987, eq. 22.
    """
    history = History(summary.frequency, summary.recency, summary.age)
    means, squares = _moments(fitted, history, times)
    expected = means.sum(axis=1)
    variance = np.maximum(squares - np.sum(means**2, axis=1), 0.0)
    ratios = _ratios(fitted, _some(history), times)
    lows, highs = [], []
    for at in range(times.size):
        own = expected[at] * ratios[:, at]
        low, high = _bounds(own, variance[at] * ratios[:, at])
        lows.append(low)
        highs.append(high)
    is_known = len(ratios) > 1
    return Prediction(
        times=times,
        expected=expected,
        luck=np.sqrt(variance),
        low=np.array(lows),
        high=np.array(highs),
        fit_error=float(np.std(expected[-1] * ratios[:, -1])) if is_known else math.nan,
        observed=observed,
    )


def _moments(fitted: Fitted, history: History, times: Floats) -> tuple[Floats, Floats]:
    """Expected purchases of each customer, (time, customer), and their summed squares, (time,)."""
    model = _MODELS[fitted.model](**fitted.parameters)
    alive = model.alive(history)
    squares = [
        float(alive @ model.squares(history, Outlook(horizon, 0.0), 1.0))
        for horizon in times.tolist()
    ]
    return alive * _ahead(model, history, times), np.array(squares)


def _some(history: History) -> History:
    """Every so many-th customer."""
    some = slice(None, None, -(-history.frequency.size // _JUDGED))
    return History(history.frequency[some], history.recency[some], history.age[some])


def _ratios(fitted: Fitted, history: History, times: Floats) -> Floats:
    """Totals expected under drawn parameters, over those of the fit, shape (draw, time), 1.

    One row of ones where the error of the fit is not known, or too wide to be drawn.
    """
    if not np.isfinite(fitted.drawn).all():
        return np.ones((1, times.size))
    if not 0.0 < np.linalg.eigvalsh(fitted.drawn)[-1] <= _WIDEST**2:
        return np.ones((1, times.size))
    # Equal customers have equal chances.
    rows, many = np.unique(
        np.column_stack((history.frequency, history.recency, history.age)),
        axis=0,
        return_counts=True,
    )
    each = History(*rows.T.copy())
    logs = np.log(list(fitted.parameters.values()))
    totals = [
        (model.alive(each) * many) @ _ahead(model, each, times).T
        for model in _drawn(fitted.model, logs, symmetric_root(fitted.drawn))
    ]
    model = _MODELS[fitted.model](**fitted.parameters)
    return np.array(totals) / ((model.alive(each) * many) @ _ahead(model, each, times).T)


def _drawn(model: str, logs: Floats, root: Floats) -> Iterator[BgNbd | ParetoNbd]:
    """Models that the fit might as well have been."""
    shares = scipy.stats.qmc.Sobol(logs.size, rng=_SEED).random(_DRAWS)
    for normal in scipy.special.ndtri(shares):
        yield _MODELS[model](*np.exp(logs + root @ normal).tolist())


def _ahead(model: BgNbd | ParetoNbd, history: History, times: Floats) -> Floats:
    """Expected purchases of customers who are alive until some times, shape (time, customer)."""
    x, age = history.frequency, history.age
    if isinstance(model, ParetoNbd):
        s = model.s if abs(model.s - 1.0) > _NEAR_ONE else 1.0 + _NEAR_ONE
        rest = model.beta + age
        shares = -np.expm1((s - 1.0) * np.log(rest / (rest + times[:, None])))
        return np.asarray((model.r + x) / (model.alpha + age) * rest / (s - 1.0) * shares)
    found = np.empty((times.size, x.size))
    for count in np.unique(x).tolist():
        own = np.flatnonzero(x == count)
        ages, place = np.unique(age[own], return_inverse=True)
        leaves, weights = beta_points(model.a, model.b + count)
        steps = times[:, None, None] / (model.alpha + ages[:, None])
        bought = -np.expm1(-(model.r + count) * np.log1p(steps * leaves))
        # Who never leaves buys at the mean rate for good.
        lasting = (model.r + count) * np.broadcast_to(steps, bought.shape)
        np.divide(bought, leaves, out=bought, where=leaves > 0.0)
        found[:, own] = (np.where(leaves > 0.0, bought, lasting) @ weights)[:, place.ravel()]
    return found


def _bounds(means: Floats, variances: Floats) -> tuple[float, float]:
    """Quantiles of a mixture of counts with such means and variances, shape (draw,) each."""
    tail = 0.5 * (1.0 - LEVEL)
    return _quantile(means, variances, tail), _quantile(means, variances, 1.0 - tail)


def _quantile(means: Floats, variances: Floats, share: float) -> float:
    """Least whole number up to which the mixture's probability reaches a share."""
    below, above = -1, 1
    while _up_to(above, means, variances) < share:
        below, above = above, 2 * above
    while above - below > 1:
        middle = (below + above) // 2
        if _up_to(middle, means, variances) < share:
            below = middle
        else:
            above = middle
    return float(above)


def _up_to(count: int, means: Floats, variances: Floats) -> float:
    """Probability of at most so many, mean over the mixture, 1."""
    excess = np.maximum(variances - means, _POISSON * means)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = scipy.special.betainc(means**2 / excess, count + 1.0, means / (means + excess))
    plain = scipy.special.gammaincc(count + 1.0, means)
    return float(np.mean(np.where(variances > means * (1.0 + _POISSON), spread, plain)))
