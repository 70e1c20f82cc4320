"""What customers spend: gamma or lognormal, and how spend goes with churn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy

from clvsim.calibration.fitted import Fitted
from clvsim.scenario.common import beta_lower

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_AMOUNTS = 10
"""Fewest amounts, 1, from which a distribution is fitted."""
#: Normal scores between which the quantiles of churn are tabulated, and how many.
_REACH, _POINTS = 9.0, 1441
#: Chance that stands for any smaller one: its log is finite.
_LEAST_CHANCE = 1e-300
#: Points of the Gauss-Hermite rule.
_NODES = 32
_LARGEST_SCORE = math.atanh(0.999)
#: Step of the curvature in atanh ρ: wide enough that the kinks of the table do not matter.
_WIDE = 0.02


def fit_spend(amounts: Floats) -> tuple[Fitted, Fitted]:
    """Gamma and lognormal by maximum likelihood, the better by AIC first.

    Parameters
    ----------
    amounts : ndarray, shape (customer,), currency
        All positive and not all equal.

    Returns
    -------
    tuple of Fitted
        "gamma" with ``a`` (shape) and ``scale``, "lognorm" with ``s`` (standard deviation of the
        log) and ``scale`` (median), as SciPy calls them.
    """
    both = (_fit_gamma(amounts), _fit_lognormal(amounts))
    better, other = sorted(both, key=lambda fitted: fitted.aic)
    return better, other


def _fit_gamma(amounts: Floats) -> Fitted:
    """The shape solves ``log a - ψ(a) = log mean - mean log``; the scale is ``mean / a``."""
    count, mean, logs = amounts.size, float(amounts.mean()), np.log(amounts)
    gap = math.log(mean) - float(logs.mean())

    def excess(log_shape: float) -> float:
        shape = math.exp(log_shape)
        return log_shape - float(scipy.special.digamma(shape)) - gap

    # 1/(2a) < log a - ψ(a) < 1/a brackets the root.
    low, high = math.log(0.5 / gap) - 1e-9, math.log(1.0 / gap) + 1e-9
    shape = math.exp(scipy.optimize.brentq(excess, low, high, xtol=1e-13))
    scale = mean / shape
    log_likelihood = count * (
        (shape - 1.0) * float(logs.mean())
        - shape
        - shape * math.log(scale)
        - float(scipy.special.gammaln(shape))
    )
    curvature = shape**2 * float(scipy.special.polygamma(1, shape))
    information = count * np.array([[curvature, shape], [shape, shape]])
    parameters = {"a": shape, "scale": scale}
    return Fitted("gamma", parameters, np.linalg.inv(information), log_likelihood, float(count))


def _fit_lognormal(amounts: Floats) -> Fitted:
    logs = np.log(amounts)
    count, centre, spread = logs.size, float(logs.mean()), float(logs.std())
    log_likelihood = -count * (centre + math.log(spread) + 0.5 * math.log(2.0 * math.pi) + 0.5)
    covariance = np.diag([0.5 / count, spread**2 / count])
    parameters = {"s": spread, "scale": math.exp(centre)}
    return Fitted("lognorm", parameters, covariance, log_likelihood, float(count))


def largest_gap(amounts: Floats, fitted: Fitted) -> float:
    """Largest gap between the distribution functions observed and fitted (Kolmogorov), 1."""
    frozen = getattr(scipy.stats, fitted.model)(**fitted.parameters)
    return float(scipy.stats.kstest(amounts, frozen.cdf).statistic)


def correlation_with_churn(
    churn: Fitted, tenure: NDArray[np.int64], has_left: NDArray[np.bool_], amounts: Floats
) -> tuple[float, float]:
    """Correlation of the normal scores of churn and spend, and its standard error.

    A customer's churn probability is never seen, only how long it stayed, and often not to the
    end. So the Gaussian copula's correlation ρ is found by maximum pseudo-likelihood (Genest,
    Ghoudi & Rivest 1995): spend enters by its rank, as the normal score ``z``; churn follows the
    fitted sBG; and the chance of what was seen of a customer, ``(1-θ)^(t-1) θ`` if it left in
    period t and ``(1-θ)^t`` if it was still there after t, is averaged over θ's normal score,
    which is normal with mean ``ρ z`` and variance ``1 - ρ²`` (Gauss-Hermite, 32 points). The
    standard error is that of the curvature in ``atanh ρ``; it takes the sBG as known.

    Parameters
    ----------
    churn : Fitted
        An sBG: with one churn rate for all there is nothing to correlate.
    tenure : ndarray of int, shape (customer,), periods
        Periods until leaving, or watched.
    has_left : ndarray of bool, shape (customer,)
    amounts : ndarray, shape (customer,), currency

    Returns
    -------
    tuple of float
        ρ, and its standard error.
    """
    ranks = scipy.stats.rankdata(amounts)
    scores = scipy.special.ndtri(ranks / (ranks.size + 1.0))
    grid = np.linspace(-_REACH, _REACH, _POINTS)
    a, b = churn.parameters["alpha"], churn.parameters["beta"]
    # Either end from its own side: 1 - θ keeps its digits where θ is nearly 1.
    leave = beta_lower(a, b, scipy.special.ndtr(grid))
    stay = beta_lower(b, a, scipy.special.ndtr(-grid))
    log_leave, log_stay = (
        np.log(np.maximum(leave, _LEAST_CHANCE)),
        np.log(np.maximum(stay, _LEAST_CHANCE)),
    )
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights /= weights.sum()
    log_leave_rise, log_stay_rise = np.diff(log_leave), np.diff(log_stay)
    # Those who left come first: only they need the chance of leaving.
    order = np.argsort(~has_left, kind="stable")
    left, scores = int(has_left.sum()), scores[order, None]
    staid = (tenure - has_left)[order].astype(np.float64)[:, None]

    def log_likelihood(angle: float) -> float:
        rho = math.tanh(angle)
        at = rho * scores + math.sqrt(1.0 - rho * rho) * nodes
        place = np.clip((at + _REACH) * ((_POINTS - 1) / (2.0 * _REACH)), 0.0, _POINTS - 1.001)
        below = place.astype(np.intp)
        part = place - below
        seen = staid * (log_stay[below] + part * log_stay_rise[below])
        gone, part = below[:left], part[:left]
        seen[:left] += log_leave[gone] + part * log_leave_rise[gone]
        return float(np.log(np.maximum(np.exp(seen) @ weights, _LEAST_CHANCE)).sum())

    found = scipy.optimize.minimize_scalar(
        lambda angle: -log_likelihood(angle),
        bounds=(-_LARGEST_SCORE, _LARGEST_SCORE),
        method="bounded",
        options={"xatol": 1e-5},
    )
    angle = float(found.x)
    sides = log_likelihood(angle + _WIDE), log_likelihood(angle - _WIDE)
    curvature = (sides[0] + sides[1] + 2.0 * float(found.fun)) / _WIDE**2
    rho = math.tanh(angle)
    error = (1.0 - rho * rho) / math.sqrt(-curvature) if curvature < 0.0 else math.nan
    return rho, error
