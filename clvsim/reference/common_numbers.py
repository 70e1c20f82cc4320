"""What common random numbers gain: two lives drawn from the same uniform."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_NEGLIGIBLE = 1e-18
"""Survival, 1, below which the sum over a life is cut."""


@dataclass(frozen=True)
class PairedLives:
    """Two geometric lifetimes compared.

    Attributes
    ----------
    correlation : float
        Correlation of the two lifetimes under common random numbers, 1.
    variance : float
        Variance of their difference under common random numbers, periods².
    variance_independent : float
        Variance of their difference with independent draws, periods².

    """

    correlation: float
    variance: float
    variance_independent: float


def paired_geometric_lives(retention: float, other: float) -> PairedLives:
    """Compare two geometric lifetimes drawn by inversion of one uniform.

    A life lasts more than s periods when ``u < r^s``, so two lives on the same u last
    more than s and t with probability ``min(r₁^s, r₂^t)``; the sum of that over s and
    t is ``E[T₁ T₂]``, the largest that any coupling allows (Fréchet-Hoeffding bound;
    Law & Kelton 2000, on common random numbers).

    Parameters
    ----------
    retention, other : float
        Retention per period of either side, in (0, 1), 1.

    """
    lives = np.arange(math.ceil(math.log(_NEGLIGIBLE) / math.log(retention)))
    outlasts = retention**lives
    # The terms t = 0..reach have r₂^t >= r₁^s, those beyond are a geometric tail.
    reach = np.floor(lives * (math.log(retention) / math.log(other)))
    product = float(np.sum((reach + 1.0) * outlasts + other ** (reach + 1.0) / (1.0 - other)))
    covariance = product - 1.0 / ((1.0 - retention) * (1.0 - other))
    variances = retention / (1.0 - retention) ** 2, other / (1.0 - other) ** 2
    apart = sum(variances)
    return PairedLives(
        correlation=covariance / math.sqrt(math.prod(variances)),
        variance=apart - 2.0 * covariance,
        variance_independent=apart,
    )
