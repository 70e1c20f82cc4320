"""Mean value of a customer's purchases: the Gamma-Gamma model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class GammaGamma:
    """Values of purchases are Gamma(p, ν), and ν is Gamma(q, γ) over customers.

    Fader, Hardie & Lee (2005, "RFM and CLV"), section on monetary value; Fader & Hardie
    (2013, "The Gamma-Gamma model of monetary value").

    Attributes
    ----------
    p, q : float
        Shapes, 1, > 0.
    gamma : float
        Rate of the distribution of ν, currency, > 0.

    """

    p: float
    q: float
    gamma: float

    def mean(self) -> float:
        """Mean value of a purchase over customers, currency: ``pγ/(q - 1)``, q > 1.

        Infinite for q <= 1.
        """
        return self.p * self.gamma / (self.q - 1.0) if self.q > 1.0 else math.inf

    def variance_of_means(self) -> float:
        """Variance of customers' mean values, currency squared: ``mean²/(q - 2)``, q > 2.

        Their distribution is inverse-gamma with shape q and scale pγ. Infinite for q <= 2.
        """
        return self.mean() ** 2 / (self.q - 2.0) if self.q > 2.0 else math.inf

    def variance(self) -> float:
        """Variance of a purchase over customers and purchases, currency squared, q > 2.

        That of the means, and that around them, ``E[M²]/p``. Infinite for q <= 2.
        """
        between = self.variance_of_means()
        return between + (between + self.mean() ** 2) / self.p

    def log_variance(self) -> float:
        """Variance of the log of a purchase, 1: ``ψ'(p) + ψ'(q)``, that of two logs of gammas."""
        trigamma = scipy.special.polygamma(1, np.array([self.p, self.q]))
        return float(trigamma.sum())

    def expected_value_within(self, frequency: int, low: float, high: float) -> float:
        """Expected mean value, currency, of customers whose purchases average between bounds.

        ``E[M | x, low < m < high] = p(γ + E[mx | low < m < high])/(px + q - 1)``: the sum of x
        purchases is γ times a beta prime of px and q (Fader & Hardie 2013, equation 3), q > 1.

        Parameters
        ----------
        frequency : int
            Purchases, x, > 0.
        low, high : float
            Bounds of their mean, m, currency, 0 <= low < high.

        """
        x = float(frequency)
        sums = np.array([low, high]) * x / self.gamma
        share = sums / (1.0 + sums)
        below = scipy.special.betainc(self.p * x, self.q, share)
        first = scipy.special.betainc(self.p * x + 1.0, self.q - 1.0, share)
        mean = self.p * x / (self.q - 1.0) * (first[1] - first[0]) / (below[1] - below[0])
        return float(self.p * self.gamma * (1.0 + mean) / (self.p * x + self.q - 1.0))

    def expected_value(self, frequency: ArrayLike, value: ArrayLike) -> NDArray[np.float64]:
        """Expected mean value, currency, of purchases of customers of known history.

        ``E[M | m, x] = p(γ + mx)/(px + q - 1)`` (Fader, Hardie & Lee 2005; Fader &
        Hardie 2013): between the customer's own mean and that of all.

        Parameters
        ----------
        frequency : array_like
            Purchases, x, any shape, >= 0.
        value : array_like
            Their mean value, m, currency, same shape; of no account where x = 0.

        Returns
        -------
        ndarray
            Shape of both, currency; infinite where px + q <= 1.

        """
        x, mean = np.asarray(frequency, dtype=np.float64), np.asarray(value, dtype=np.float64)
        spent = np.where(x > 0.0, x, 0.0) * np.where(x > 0.0, mean, 0.0)
        shape = self.p * x + self.q - 1.0
        expected = self.p * (self.gamma + spent) / np.where(shape > 0.0, shape, 1.0)
        return np.asarray(np.where(shape > 0.0, expected, np.inf))
