"""What a contract of known tenure is still worth: sBG, or one churn rate for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.scoring.quadrature import beta_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.scoring.outlook import Outlook

    Floats = NDArray[np.float64]

#: Halvings of the number of payments that a quantile is looked for among, at most.
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
    hazard : tuple of float
        Multipliers m of the hazard before the first renewal, the second, …: a customer renews with
        probability ``(1-θ)^m``. The last one holds from there on; empty: all are 1.
    """

    a: float
    b: float = 0.0
    hazard: tuple[float, ...] = ()

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

        Payment by payment as long as the hazard's multiplier changes; from there on `_perpetual`.
        """
        v = 1.0 / (1.0 + discount)
        changing = max(len(self.hazard) - tenure - 1.0, 0.0) if math.isinf(horizon) else horizon
        periods = np.arange(1.0, changing + 1.0)
        first = float(np.exp(self.log_stay(tenure, periods)) @ v ** (periods - 1.0))
        if not math.isinf(horizon):
            return first
        rest = float(np.exp(self.log_stay(tenure, np.array(changing)))) * v**changing
        return first + rest * self._perpetual(tenure + changing, v) if rest else first

    def _perpetual(self, tenure: float, v: float) -> float:
        """Payments without a horizon, the multiplier of the hazard no longer changing.

        The DERL of Fader & Hardie (2010, equation 6) at n = tenure + 1: the mean of
        ``s/(1 - v s)`` over the stay ``s = (1-θ)^m`` of those still there, and undiscounted its
        limit.
        """
        last = self.hazard[-1] if self.hazard else 1.0
        if not self.b:
            stay = (1.0 - self.a) ** last
            return stay / (1.0 - v * stay) if v * stay < 1.0 else math.inf
        if v == 1.0 and (self.a <= 1.0 or last == 0.0):
            return math.inf
        if v == last == 1.0:
            return (self.b + float(self._exposure(tenure))) / (self.a - 1.0)
        log_stays, weights = self._log_stays(tenure)
        leave = v * -np.expm1(log_stays) + 1.0 - v
        return float(weights @ (np.exp(log_stays) / _nonzero(leave)))

    def _log_stays(self, tenure: float) -> tuple[Floats, Floats]:
        """Points and weights for means over the log of a period's stay of those still there."""
        last = self.hazard[-1] if self.hazard else 1.0
        leaves, weights = beta_points(self.a, self.b + float(self._exposure(tenure)))
        with np.errstate(divide="ignore", invalid="ignore"):
            return (last * np.log1p(-leaves) if last else np.zeros_like(leaves)), weights

    def _exposure(self, tenure: Floats | float) -> Floats:
        """Multipliers of the hazard added up over so many renewals; the last one holds on."""
        at = np.asarray(tenure, dtype=np.float64)
        if not self.hazard:
            return at
        table = np.concatenate(([0.0], np.cumsum(self.hazard)))
        known = np.minimum(at, len(self.hazard))
        return np.asarray(table[known.astype(np.int64)] + (at - known) * self.hazard[-1])

    def log_stay(self, tenure: Floats | float, periods: Floats) -> Floats:
        """Log-probability of renewing so many times more after as many as the tenure."""
        before = self._exposure(tenure)
        ahead = self._exposure(np.asarray(tenure) + periods) - before
        if not self.b:
            log = math.log1p(-self.a) if self.a < 1.0 else -math.inf
            return np.multiply(ahead, log, out=np.zeros_like(ahead), where=ahead > 0.0)
        betaln = scipy.special.betaln
        return np.asarray(betaln(self.a, self.b + before + ahead) - betaln(self.a, self.b + before))

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
            made = np.exp(self.log_stay(tenure, periods))
            return max(float(made @ (2.0 * periods - 1.0)) - mean**2, 0.0)
        if self.hazard:
            return self._endless_variance(tenure, mean)
        if not self.b:
            return (1.0 - self.a) / self.a**2 if self.a else math.inf
        if self.a <= 2.0:
            return math.inf
        b = self.b + tenure
        return mean + 2.0 * b * (b + 1.0) / ((self.a - 1.0) * (self.a - 2.0)) - mean**2

    def _endless_variance(self, tenure: float, mean: float) -> float:
        """Variance of the payments without horizon and discount where the hazard changes first.

        ``E[K²] = Σ (2k-1) P(K >= k)``, from the last change on by the mean over the stay s:
        ``(2L-1) s/(1-s) + 2 s/(1-s)²`` for those who made L payments until then.
        """
        if math.isinf(mean) or (self.b and self.a <= 2.0):
            return math.inf
        made = max(len(self.hazard) - tenure - 1.0, 0.0)
        periods = np.arange(1.0, made + 1.0)
        square = float(np.exp(self.log_stay(tenure, periods)) @ (2.0 * periods - 1.0))
        if self.b:
            log_stays, weights = self._log_stays(tenure + made)
        else:
            stay = self.hazard[-1] * (math.log1p(-self.a) if self.a < 1.0 else -math.inf)
            log_stays, weights = np.array([stay]), np.ones(1)
        leave = _nonzero(-np.expm1(log_stays))
        later = np.exp(log_stays) * ((2.0 * made - 1.0) / leave + 2.0 / leave**2)
        square += float(np.exp(self.log_stay(tenure, np.array(made)))) * float(weights @ later)
        return max(square - mean**2, 0.0)


def quantile(
    contracts: Sequence[Contract], tenure: Floats, outlook: Outlook, level: float
) -> Floats:
    """Discounted payments that a customer's own stay below with a probability, (customer,).

    Exact: the least number of payments whose probability to be the last ones, or more than those,
    is at least ``level``.

    Parameters
    ----------
    contracts : sequence of Contract
        What the fit may have been, all as likely; one: it is right.
    """
    own, where = np.unique(tenure, return_inverse=True)
    low, high = np.zeros(own.size), np.full(own.size, min(outlook.horizon, _MOST_PAYMENTS))
    log_more = math.log1p(-level) + math.log(len(contracts))
    for _ in range(_HALVINGS):
        if not np.any(low < high):
            break
        middle = np.floor(0.5 * (low + high))
        # P(payments <= k) >= level is P(payments > k) <= 1 - level.
        logs = [one.log_stay(own, middle + 1.0) for one in contracts]
        enough = np.logaddexp.reduce(logs) <= log_more
        high = np.where(enough, middle, high)
        low = np.where(enough, low, np.minimum(middle + 1.0, high))
    if outlook.discount == 0.0:
        return high[where]
    discounted = -np.expm1(-outlook.force * high) / (1.0 - 1.0 / (1.0 + outlook.discount))
    return np.asarray(discounted[where])


def _nonzero(leave: Floats) -> Floats:
    """Probabilities of leaving; of 0, which rounding makes of what hardly weighs, infinity."""
    return np.where(leave > 0.0, leave, np.inf)
