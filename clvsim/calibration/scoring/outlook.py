"""How far ahead customers are valued and how later money is discounted; smooth tables by age."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Points by which a function of age is known.
_POINTS = 24


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


def annuity(time: Floats, force: float) -> Floats:
    """One currency a period for so long, discounted: ``(1 - exp(-δt))/δ``, as ``time``, periods."""
    return -np.expm1(-force * time) / force if force else time


def by_age(function: Callable[[Floats], Floats], ages: Floats, points: int = _POINTS) -> Floats:
    """Smooth positive functions at many ages, from their values at few.

    The logarithm of each is a polynomial in the logarithm of the age, through so many of
    Chebyshev's points between the lowest and the highest one.

    Parameters
    ----------
    function : callable
        From ages, shape (point,), to values > 0, shape (…, point).
    ages : ndarray
        Greater than 0, shape (customer,).
    points : int

    Returns
    -------
    ndarray
        Shape (…, customer).
    """
    low, high = float(ages.min()), float(ages.max())
    if low == high:
        return np.repeat(function(ages[:1]), ages.size, axis=-1)
    if ages.size <= 2 * points:
        return function(ages)
    middle, half = 0.5 * math.log(high * low), 0.5 * math.log(high / low)
    angles = (np.arange(points) + 0.5) * (math.pi / points)
    logs = np.log(function(np.exp(middle + half * np.cos(angles))))
    # From values at Chebyshev's points to coefficients of his polynomials.
    coefficients = np.cos(np.outer(np.arange(points), angles)) * (2.0 / points)
    coefficients[0] *= 0.5
    place = (np.log(ages) - middle) / half
    return np.exp(np.polynomial.chebyshev.chebval(place, coefficients @ logs.T))


def by_frequency(
    function: Callable[[float, Floats], Floats],
    frequency: Floats,
    ages: Floats,
    points: int = _POINTS,
) -> Floats:
    """Smooth positive functions of frequency and age: `by_age`, frequency by frequency.

    Parameters
    ----------
    function : callable
        From a frequency and ages, shape (point,), to values > 0, shape (…, point).
    frequency, ages : ndarray
        Shape (customer,).
    points : int

    Returns
    -------
    ndarray
        Shape (…, customer).
    """
    order = np.argsort(frequency, kind="stable")
    x = frequency[order]
    changes = np.flatnonzero(x[1:] != x[:-1]) + 1

    def piece(own: NDArray[np.int64]) -> Floats:
        return by_age(partial(function, float(frequency[own[0]])), ages[own], points)

    # NumPy lets other threads work while it works itself; each holds some megabytes.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        ordered = np.concatenate(list(pool.map(piece, np.split(order, changes))), axis=-1)
    found = np.empty_like(ordered)
    found[..., order] = ordered
    return found
