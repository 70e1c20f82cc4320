"""Mean value of a customer's purchases: the Gamma-Gamma model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
