"""Customer equity and the spending that maximises it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy  # its submodules load on first use: importing this file stays cheap


@dataclass(frozen=True)
class EquityOptimum:
    """Spending that maximises customer equity, and the equity that it gives.

    Attributes
    ----------
    acquisition : float
        Acquisition spend A*, currency per prospect.
    retention : float
        Retention spend R*, currency per customer and period.
    equity : float
        Customer equity, currency per prospect.

    """

    acquisition: float
    retention: float
    equity: float


@dataclass(frozen=True)
class BlattbergDeighton:
    """Customer equity of Blattberg & Deighton (1996).

    Spending ``s`` acquires (or retains) a share ``ceiling · (1 - exp(-slope · s))``.

    Attributes
    ----------
    acquisition_ceiling, retention_ceiling : float
        Largest share that spending can acquire or retain, 1.
    acquisition_slope, retention_slope : float
        How fast spending approaches the ceiling, 1/currency.
    margin : float
        Margin per customer and period, currency.
    discount : float
        Discount rate per period, 1.

    """

    acquisition_ceiling: float
    acquisition_slope: float
    retention_ceiling: float
    retention_slope: float
    margin: float
    discount: float

    def acquired(self, spend: float) -> float:
        """Share of prospects acquired, a, 1, for ``spend`` in currency per prospect."""
        return -self.acquisition_ceiling * math.expm1(-self.acquisition_slope * spend)

    def retained(self, spend: float) -> float:
        """Share of customers retained, r, 1, for ``spend`` in currency a period."""
        return -self.retention_ceiling * math.expm1(-self.retention_slope * spend)

    def customer_value(self, retention: float) -> float:
        """Value of an acquired customer, currency: ``m + (m - R/r)·r'/(1 - r')``.

        ``r' = r/(1 + d)``; written as ``(m·r - R)/(1 + d - r)``, it also holds at R = 0.
        """
        kept = self.retained(retention)
        later = (self.margin * kept - retention) / (1.0 + self.discount - kept)
        return self.margin + later

    def equity(self, acquisition: float, retention: float) -> float:
        """Customer equity, currency per prospect (Blattberg & Deighton 1996).

        Parameters
        ----------
        acquisition : float
            Acquisition spend A, currency per prospect.
        retention : float
            Retention spend R, currency per customer and period.

        """
        value = self.customer_value(retention)
        return self.acquired(acquisition) * value - acquisition

    def optimum(self) -> EquityOptimum:
        """Spending at which the derivatives of :meth:`equity` vanish, or 0.

        The best retention spend does not depend on acquisition, so it comes first.
        """
        retention = 0.0
        if self._gain_from_retention(0.0) > 0.0:
            # Past the margin itself, another unit of retention spend cannot pay.
            root = scipy.optimize.brentq(self._gain_from_retention, 0.0, self.margin, xtol=1e-13)
            retention = float(root)
        value = self.customer_value(retention)
        first = self.acquisition_ceiling * self.acquisition_slope * value
        acquisition = math.log(first) / self.acquisition_slope if first > 1.0 else 0.0
        return EquityOptimum(acquisition, retention, self.equity(acquisition, retention))

    def _gain_from_retention(self, spend: float) -> float:
        """Sign of d(customer value)/dR; strictly falling in ``spend`` up to m(1 + d)."""
        kept = self.retained(spend)
        slope = self.retention_slope * (self.retention_ceiling - kept)
        left = 1.0 + self.discount - kept
        return (self.margin * slope - 1.0) * left + (self.margin * kept - spend) * slope
