"""What a contract of known tenure is still worth: sBG, or one churn rate for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.scoring.quadrature import beta_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clvsim.calibration.scoring.outlook import Outlook

    Floats = NDArray[np.float64]

#: Halvings of the number of payments that a quantile is looked for among.
_HALVINGS = 70
_MOST_PAYMENTS = 2.0**60


@dataclass(frozen=True)
class Contract:
    """Customers who are known to be there, just before their next renewal.

    A payment is due at once from those who renew (Fader & Hardie 2010, "Customer-base valuation
    in a contractual setting": the period that they are in is tenure + 1), and one a period from
    then on.

    Attributes
    ----------
    a, b : float
        Beta distribution of the churn probability over new customers, 1; b is 0 where all have
        the same, and then ``a`` is this one.
    """

    a: float
    b: float = 0.0

    def payments(self, tenure: Floats, outlook: Outlook) -> tuple[Floats, Floats]:
        """Expected payments within the horizon, and the same discounted, shape (customer,).

        Each different tenure is reckoned once.
        """
        own, where = np.unique(tenure, return_inverse=True)
        plain = np.array([self._annuity(float(at), outlook.horizon, 0.0) for at in own])
        if outlook.discount == 0.0:
            return plain[where], plain[where]
        found = [self._annuity(float(at), outlook.horizon, outlook.discount) for at in own]
        return plain[where], np.array(found)[where]

    def _annuity(self, tenure: float, horizon: float, discount: float) -> float:
        """Discounted payments of one tenure.

        Without a horizon the DERL of Fader & Hardie (2010, equation 6) at n = tenure + 1: the mean
        of ``(1-θ)/(1 - v(1-θ))`` over the churn θ of those still there, and undiscounted its limit.
        """
        v = 1.0 / (1.0 + discount)
        if not self.b:
            stay = 1.0 - self.a
            rest = 1.0 - stay * v
            return stay * (1.0 - float((stay * v) ** horizon)) / rest if rest > 0.0 else horizon
        b = self.b + tenure
        if math.isinf(horizon):
            if not discount:
                return b / (self.a - 1.0) if self.a > 1.0 else math.inf
            leaves, weights = beta_points(self.a, b)
            return float(weights @ ((1.0 - leaves) / (1.0 - v + v * leaves)))
        periods = np.arange(1.0, horizon + 1.0)
        return float(np.exp(self._log_stay(b, periods)) @ v ** (periods - 1.0))

    def _log_stay(self, b: Floats | float, periods: Floats) -> Floats:
        """Log-probability of renewing so many times, after ``b - self.b`` renewals."""
        if not self.b:
            return np.asarray(
                periods * math.log1p(-self.a) if self.a < 1.0 else periods * -math.inf
            )
        betaln = scipy.special.betaln
        return np.asarray(betaln(self.a, b + periods) - betaln(self.a, b))

    def quantile(self, tenure: Floats, outlook: Outlook, level: float) -> Floats:
        """Discounted payments that the customer's own stay below with a probability, (customer,).

        Exact: the least number of payments whose probability to be the last ones, or more than
        those, is at least ``level``.
        """
        own, where = np.unique(tenure, return_inverse=True)
        low, high = np.zeros(own.size), np.full(own.size, min(outlook.horizon, _MOST_PAYMENTS))
        log_more = math.log1p(-level)
        for _ in range(_HALVINGS):
            middle = np.floor(0.5 * (low + high))
            # P(payments <= k) >= level is P(payments > k) <= 1 - level.
            enough = self._log_stay(self.b + own, middle + 1.0) <= log_more
            high = np.where(enough, middle, high)
            low = np.where(enough, low, np.minimum(middle + 1.0, high))
        if outlook.discount == 0.0:
            return high[where]
        discounted = -np.expm1(-outlook.force * high) / (1.0 - 1.0 / (1.0 + outlook.discount))
        return np.asarray(discounted[where])

    def variance(self, tenure: Floats, outlook: Outlook) -> Floats:
        """Variance of the discounted payments of one customer, shape (customer,).

        The annuity of K payments is ``A = (1 - v^K)/(1 - v)``, so its square needs expected
        annuities only: ``E[A²] = (2 E[A] - (1+v) E[A at v²])/(1 - v)``. Undiscounted, sums over
        payments and factorial moments of the beta-geometric. Infinite where it is.
        """
        own, where = np.unique(tenure, return_inverse=True)
        found = [self._variance(float(at), outlook) for at in own]
        return np.array(found)[where]

    def _variance(self, tenure: float, outlook: Outlook) -> float:
        mean = self._annuity(tenure, outlook.horizon, outlook.discount)
        if outlook.discount > 0.0:
            v = 1.0 / (1.0 + outlook.discount)
            squared = self._annuity(tenure, outlook.horizon, (1.0 + outlook.discount) ** 2 - 1.0)
            return max((2.0 * mean - (1.0 + v) * squared) / (1.0 - v) - mean**2, 0.0)
        if not outlook.is_endless:
            periods = np.arange(1.0, outlook.horizon + 1.0)
            made = np.exp(self._log_stay(self.b + tenure, periods))
            return max(float(made @ (2.0 * periods - 1.0)) - mean**2, 0.0)
        if not self.b:
            return (1.0 - self.a) / self.a**2 if self.a else math.inf
        if self.a <= 2.0:
            return math.inf
        b = self.b + tenure
        return mean + 2.0 * b * (b + 1.0) / ((self.a - 1.0) * (self.a - 2.0)) - mean**2
