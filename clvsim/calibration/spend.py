"""What customers spend: gamma or lognormal, and how spend goes with churn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
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
#: Points of the Gauss-Hermite rule, and their weights in a mean over normal scores.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
_WEIGHTS /= _WEIGHTS.sum()
_LARGEST_SCORE = math.atanh(0.999)
#: Step in atanh ρ, wide enough that the kinks of the table do not matter, and in log shapes.
_WIDE, _STEP = 0.02, 0.01


@dataclass(frozen=True)
class Correlation:
    """Correlation of the normal scores of churn and spend, and how sure it is.

    Attributes
    ----------
    rho : float
    churn : Fitted
        The sBG that it goes with.
    variance : float
        Of Fisher's z, ``atanh ρ``, 1.
    with_churn : ndarray, shape (parameter,), 1
        Covariance of Fisher's z and the logs of the parameters of `churn`.
    """

    rho: float
    churn: Fitted
    variance: float
    with_churn: Floats

    @property
    def error(self) -> float:
        """Standard error of ρ (delta method)."""
        return (1.0 - self.rho**2) * math.sqrt(self.variance)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval that covers ρ with probability ``level``, normal in Fisher's z."""
        half = NormalDist().inv_cdf(0.5 + 0.5 * level) * math.sqrt(self.variance)
        centre = math.atanh(self.rho)
        return math.tanh(centre - half), math.tanh(centre + half)


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
) -> Correlation | None:
    """Correlation of the normal scores of churn and spend.

    A customer's churn probability is never seen, only how long it stayed, and often not to the
    end. So the Gaussian copula's correlation ρ is found by maximum pseudo-likelihood (Genest,
    Ghoudi & Rivest 1995): spend enters by its rank, as the normal score ``z``; churn follows the
    fitted sBG; and the chance of what was seen of a customer, ``(1-θ)^(t-1) θ`` if it left in
    period t and ``(1-θ)^t`` if it was still there after t, is averaged over θ's normal score,
    which is normal with mean ``ρ z`` and variance ``1 - ρ²`` (Gauss-Hermite, 32 points).

    The error of the sBG counts (two steps, Murphy & Topel 1985): with ``g`` the cross information
    of ``atanh ρ`` and the log shapes over the information ``I`` of ``atanh ρ``, and ``V`` the
    covariance of the log shapes, the variance is ``1/I + g V g'`` and the covariance ``-V g'``.
    The two steps' scores are uncorrelated: what tenures are alone does not hang on ρ. That spend
    enters by its rank moves the error by 1 % in simulations, and is left out.

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
    Correlation or None
        None where the data cannot tell it: the likelihood rises up to -1 or 1, or the error of ρ
        or of the sBG is not known.
    """
    lives = _lives(tenure, has_left, amounts)
    shapes = np.array([churn.parameters["alpha"], churn.parameters["beta"]])
    chances = _log_chances(shapes)
    found = scipy.optimize.minimize_scalar(
        lambda angle: -_log_likelihood(lives, angle, chances),
        bounds=(-_LARGEST_SCORE, _LARGEST_SCORE),
        method="bounded",
        options={"xatol": 1e-5},
    )
    angle = float(found.x)
    sides = sum(_log_likelihood(lives, angle + step, chances) for step in (-_WIDE, _WIDE))
    information = -(sides + 2.0 * float(found.fun)) / _WIDE**2
    if abs(angle) > _LARGEST_SCORE - _WIDE or not information > 0.0:
        return None
    ratio = -_slopes_by_shape(lives, angle, shapes) / information
    with_churn = -churn.covariance @ ratio
    variance = 1.0 / information - float(ratio @ with_churn)
    if not math.isfinite(variance):
        return None
    return Correlation(math.tanh(angle), churn, variance, with_churn)


@dataclass(frozen=True)
class _Lives:
    """Customers as the likelihood reads them: those who left first.

    Attributes
    ----------
    scores : ndarray, shape (customer, 1), 1
        Normal scores of spend.
    stayed : ndarray, shape (customer, 1), periods
    left : int
        Customers who left.
    """

    scores: Floats
    stayed: Floats
    left: int


def _lives(tenure: NDArray[np.int64], has_left: NDArray[np.bool_], amounts: Floats) -> _Lives:
    ranks = scipy.stats.rankdata(amounts)
    scores = scipy.special.ndtri(ranks / (ranks.size + 1.0))
    # Only those who left need the chance of leaving.
    order = np.argsort(~has_left, kind="stable")
    stayed = (tenure - has_left)[order].astype(np.float64)
    return _Lives(scores[order, None], stayed[:, None], int(has_left.sum()))


def _log_chances(shapes: Floats) -> Floats:
    """Logs of churn and of its complement by normal score of churn, shape (2, point)."""
    grid = np.linspace(-_REACH, _REACH, _POINTS)
    a, b = shapes
    # Either end from its own side: 1 - θ keeps its digits where θ is nearly 1.
    leave = beta_lower(a, b, scipy.special.ndtr(grid))
    stay = beta_lower(b, a, scipy.special.ndtr(-grid))
    return np.log(np.maximum([leave, stay], _LEAST_CHANCE))


def _log_likelihood(lives: _Lives, angle: float, chances: Floats) -> float:
    """Log-likelihood at ``atanh ρ``, given a table of `_log_chances`."""
    (log_leave, log_stay), (leave_rise, stay_rise) = chances, np.diff(chances)
    at = math.tanh(angle) * lives.scores + _NODES / math.cosh(angle)
    place = np.clip((at + _REACH) * ((_POINTS - 1) / (2.0 * _REACH)), 0.0, _POINTS - 1.001)
    below = place.astype(np.intp)
    part = place - below
    seen = lives.stayed * (log_stay[below] + part * stay_rise[below])
    gone, part = below[: lives.left], part[: lives.left]
    seen[: lives.left] += log_leave[gone] + part * leave_rise[gone]
    return float(np.log(np.maximum(np.exp(seen) @ _WEIGHTS, _LEAST_CHANCE)).sum())


def _slopes_by_shape(lives: _Lives, angle: float, shapes: Floats) -> Floats:
    """How the slope of the log-likelihood in ``atanh ρ`` moves with each log shape, shape (2,)."""

    def slope(logs: Floats) -> float:
        chances = _log_chances(shapes * np.exp(logs))
        above, below = (_log_likelihood(lives, angle + step, chances) for step in (_WIDE, -_WIDE))
        return (above - below) / (2.0 * _WIDE)

    steps = _STEP * np.eye(shapes.size)
    return np.array([slope(step) - slope(-step) for step in steps]) / (2.0 * _STEP)
