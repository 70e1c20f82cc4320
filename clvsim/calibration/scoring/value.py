"""What a purchase is worth to whom: Gamma-Gamma, or the same for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GammaGamma:
    """Values of purchases (Fader, Hardie & Lee 2005, "RFM and CLV").

    Attributes
    ----------
    p, q : float
        Shapes of a customer's values and of their means over customers, 1, q > 1.
    scale : float
        ``pγ``: scale of the inverse gamma that a customer's mean is drawn from, currency.
    """

    p: float
    q: float
    scale: float

    def mean(self, frequency: Floats, value: Floats) -> Floats:
        """Expected mean value of a customer's purchases, currency, shape (customer,).

        ``p(γ + mx)/(px + q - 1)``: between its own mean m and that of all.
        """
        spent = np.where(frequency > 0.0, frequency * value, 0.0)
        return np.asarray((self.scale + self.p * spent) / (self.p * frequency + self.q - 1.0))

    @property
    def single(self) -> float:
        """Mean square of a purchase over the square of the customer's own mean, 1."""
        return 1.0 + 1.0 / self.p

    def squares(self, frequency: Floats) -> Floats:
        """Mean square of a customer's own mean over the square of its expectation, (customer,), 1.

        That of an inverse gamma of shape px + q: infinite up to a shape of 2.
        """
        shape = self.p * frequency + self.q
        with np.errstate(divide="ignore"):
            return np.asarray((shape - 1.0) / np.maximum(shape - 2.0, 0.0))


@dataclass(frozen=True)
class SameValue:
    """Every purchase is worth the same, currency."""

    amount: float
    single: ClassVar[float] = 1.0
    """Mean square of a purchase over the square of the customer's own mean, 1."""

    def mean(self, frequency: Floats, _value: Floats) -> Floats:
        """Value of a purchase, currency, shape (customer,)."""
        return np.full(frequency.size, self.amount)

    def squares(self, frequency: Floats) -> Floats:
        """Mean square of a customer's own mean over the square of its expectation, (customer,), 1.

        All are known.
        """
        return np.ones(frequency.size)


Value = GammaGamma | SameValue
"""How much a purchase is worth."""


def amounts(random: Generator, shapes: Floats) -> Floats:
    """Drawn values of purchases over the customer's own mean, shape (purchase,), 1.

    A gamma of each shape, or the mean itself where they are infinite.
    """
    is_same = shapes.size == 0 or math.isinf(shapes[0])
    return np.ones(shapes.size) if is_same else random.standard_gamma(shapes) / shapes
