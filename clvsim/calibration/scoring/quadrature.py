"""Points and weights for means over a beta distribution and over the time ahead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clvsim.scenario.common import beta_lower, beta_upper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Points of the double-exponential rule (Takahasi & Mori 1974) on probabilities, half of them.
_HALF, _REACH = 56, 3.75
_SINH = math.pi * np.sinh(np.arange(0.5, _HALF) * (_REACH / _HALF))
_COSH = math.pi * np.cosh(np.arange(0.5, _HALF) * (_REACH / _HALF))
#: Probabilities below one half, and their weights; those above are their mirror image.
_TAILS = 1.0 / (1.0 + np.exp(_SINH))
_TAIL_WEIGHTS = (_REACH / _HALF) * _COSH * _TAILS * (1.0 - _TAILS)
#: Points of Gauss and Legendre for the time ahead.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)
#: Fall of the log of a discount factor, 1, below which the rest is cut.
_NEGLIGIBLE = 45.0


def beta_points(a: float, b: float) -> tuple[Floats, Floats]:
    """Points and weights whose weighted sum is a mean over Beta(a, b), shape (point,) each.

    The points are quantiles, spaced double-exponentially towards 0 and 1: no parameters, however
    large or small, make them over- or underflow, as hypergeometric functions do. Purchases of
    BG/NBD come out to 1e-10 for a and b from 0.5 on, to 1e-7 from 0.2 and to 1e-4 from 0.1; where
    both are 0.02, so that customers leave at once or never, to 1 %.
    """
    points = np.concatenate((beta_lower(a, b, _TAILS), beta_upper(a, b, _TAILS)))
    weights = np.concatenate((_TAIL_WEIGHTS, _TAIL_WEIGHTS))
    return points, weights / weights.sum()


def time_steps(horizon: float, force: float, scale: Floats) -> tuple[Floats, Floats]:
    """Times ahead and weights for integrals of what falls like a power of ``1 + time/scale``.

    Gauss and Legendre's points in the logarithm of that, until the horizon or until discounting
    has left nothing.

    Parameters
    ----------
    horizon : float
        Periods, infinite: none.
    force : float
        Continuous discount rate, 1/period.
    scale : ndarray
        Periods, shape (point,).

    Returns
    -------
    tuple of ndarray
        Times, periods, and weights, periods, with the discount in them; shape (point, step).
    """
    end = np.full_like(scale, min(horizon, _NEGLIGIBLE / force if force else math.inf))
    half = 0.5 * np.log1p(end / scale)[:, None]
    grown = half * (_NODES + 1.0)
    time = scale[:, None] * np.expm1(grown)
    return time, half * _WEIGHTS * scale[:, None] * np.exp(grown - force * time)
