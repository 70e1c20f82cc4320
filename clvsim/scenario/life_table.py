"""A life table (leavers and stayers by period) and the likelihood of the sBG (Fader & Hardie 2007).

The likelihood is in churn rates, with its first and second derivatives in log (α, β).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class LifeTable:
    """Those at risk of leaving in each period, and the sBG's likelihood of what became of them.

    Attributes
    ----------
    leavers, stayers : (periods,)
        Customers.
    earlier : (periods,)
        Periods before each: 0, 1, ….
    """

    leavers: NDArray[np.float64]
    stayers: NDArray[np.float64]
    earlier: NDArray[np.float64]

    @classmethod
    def from_counts(
        cls,
        leavers: Sequence[float] | NDArray[np.float64],
        stayers: Sequence[float] | NDArray[np.float64],
    ) -> LifeTable:
        """Build a table of counts.

        Raises
        ------
        ValueError
            If they are not numbers of customers, or nobody is at risk in the first period.
        """
        left = np.asarray(leavers, dtype=np.float64)
        stayed = np.asarray(stayers, dtype=np.float64)
        if left.ndim != 1 or left.shape != stayed.shape or not left.size:
            message = "leavers and stayers must be two lists of the same length, >= 1"
            raise ValueError(message)
        both = np.concatenate((left, stayed))
        if not np.all(np.isfinite(both)) or np.any(both < 0.0):
            message = "leavers and stayers must be numbers of customers, each >= 0"
            raise ValueError(message)
        if left[0] + stayed[0] <= 0.0:
            message = "nobody is at risk of leaving in the first period"
            raise ValueError(message)
        return cls(left, stayed, np.arange(left.size, dtype=np.float64))

    @property
    def periods(self) -> int:
        """Periods observed."""
        return self.leavers.size

    @property
    def customers(self) -> float:
        """Customers at risk in the first period."""
        return float(self.leavers[0] + self.stayers[0])

    @property
    def exposure(self) -> float:
        """Customer-periods at risk."""
        return float(np.sum(self.leavers) + np.sum(self.stayers))

    @property
    def churn(self) -> float:
        """Constant churn probability of maximum likelihood, 1."""
        return float(np.sum(self.leavers)) / self.exposure

    @property
    def size(self) -> str:
        """The table's size, as the start of a sentence."""
        plural, people = ("" if number == 1 else "s" for number in (self.periods, self.customers))
        return f"Over {self.periods} period{plural} from {self.customers:,.10g} customer{people}"

    def log_likelihood_constant(self) -> float:
        """Log-likelihood of one constant churn rate at its maximum."""
        left, stayed = float(np.sum(self.leavers)), float(np.sum(self.stayers))
        return _times_log(left, self.churn) + _times_log(stayed, 1.0 - self.churn)

    def log_likelihood_edge(self) -> float:
        """Supremum of the sBG's, not attained, if all leaving is in the first period."""
        left, stayed = float(self.leavers[0]), float(self.stayers[0])
        share = left / (left + stayed)
        return _times_log(left, share) + _times_log(stayed, 1.0 - share)

    def log_likelihood(self, logs: NDArray[np.float64]) -> float:
        """Log-likelihood of the sBG at ``logs`` = (log α, log β).

        In churn rates α/(α+β+t-1), which need no Beta function and so keep their digits
        where α and β are large.
        """
        alpha, beta = np.exp(logs)
        total = np.log(alpha + beta + self.earlier)
        left = self.leavers @ (logs[0] - total)
        return float(left + self.stayers @ (np.log(beta + self.earlier) - total))

    def gradient(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Slope of `log_likelihood` in (log α, log β), shape (2,)."""
        alpha, beta = np.exp(logs)
        common = np.sum((self.leavers + self.stayers) / (alpha + beta + self.earlier))
        by_alpha = np.sum(self.leavers) / alpha - common
        by_beta = np.sum(self.stayers / (beta + self.earlier)) - common
        return np.array([alpha * by_alpha, beta * by_beta])

    def hessian(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Curvature of `log_likelihood` in (log α, log β), shape (2, 2)."""
        alpha, beta = np.exp(logs)
        at_risk = self.leavers + self.stayers
        common = np.sum(at_risk / (alpha + beta + self.earlier) ** 2)
        own_alpha = common - np.sum(self.leavers) / alpha**2
        own_beta = common - np.sum(self.stayers / (beta + self.earlier) ** 2)
        cross = alpha * beta * common
        curvature = [[alpha**2 * own_alpha, cross], [cross, beta**2 * own_beta]]
        return np.array(curvature) + np.diag(self.gradient(logs))

    def trend(self) -> float:
        """Score test of the geometric against churn that moves with tenure, 1.

        Standard normal under one constant rate; positive where churn falls with tenure
        (as under the sBG, whose score at its edge this is), negative where it rises.
        """
        at_risk = self.leavers + self.stayers
        variance = self.churn * (1.0 - self.churn)
        centred = self.earlier - self.earlier @ at_risk / self.exposure
        information = float(centred**2 @ at_risk) * variance
        if information <= 0.0:
            return 0.0
        return float(-centred @ self.leavers) / math.sqrt(information)


def _times_log(count: float, probability: float) -> float:
    """``count · log(probability)``, and 0 where nobody is counted."""
    return count * math.log(probability) if count > 0.0 else 0.0
