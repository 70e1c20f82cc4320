"""How far ahead customers are valued and how later money is discounted; smooth tables by age."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Points by which a function of age is known, and customers from which this pays.
_POINTS, _FEW = 24, 48
_ANGLES = (np.arange(_POINTS) + 0.5) * (math.pi / _POINTS)
#: From values at Chebyshev's points to coefficients of his polynomials.
_COEFFICIENTS = np.cos(np.outer(np.arange(_POINTS), _ANGLES)) * (2.0 / _POINTS)
_COEFFICIENTS[0] *= 0.5


@dataclass(frozen=True)
class Outlook:
    """What of the future counts.

    Attributes
    ----------
    horizon : float
        Periods ahead that count; infinite: all of them.
    discount : float
        Effective discount rate per period, 1, >= 0.
    """

    horizon: float = math.inf
    discount: float = 0.0

    @property
    def force(self) -> float:
        """Continuous discount rate δ, 1/period: ``log(1 + d)``."""
        return math.log1p(self.discount)

    @property
    def is_endless(self) -> bool:
        """Whether no horizon cuts the future."""
        return math.isinf(self.horizon)


def by_age(function: Callable[[Floats], Floats], ages: Floats) -> Floats:
    """Smooth positive functions at many ages, from their values at few.

    The logarithm of each is a polynomial of degree 23 in the logarithm of the age, through
    Chebyshev's points between the lowest and the highest one.

    Parameters
    ----------
    function : callable
        From ages, shape (point,), to values > 0, shape (…, point).
    ages : ndarray
        Greater than 0, shape (customer,).

    Returns
    -------
    ndarray
        Shape (…, customer).
    """
    low, high = float(ages.min()), float(ages.max())
    if low == high:
        return np.repeat(function(ages[:1]), ages.size, axis=-1)
    if ages.size <= _FEW:
        return function(ages)
    middle, half = 0.5 * math.log(high * low), 0.5 * math.log(high / low)
    logs = np.log(function(np.exp(middle + half * np.cos(_ANGLES))))
    place = (np.log(ages) - middle) / half
    return np.exp(np.polynomial.chebyshev.chebval(place, _COEFFICIENTS @ logs.T))
