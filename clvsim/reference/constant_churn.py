"""Value of a customer at constant retention, and of a life of known length."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BergerNasr:
    """Case 1 of Berger & Nasr (1998): a constant margin and a constant retention.

    The margin comes at the start of each period, the first one included; the
    promotion is paid in the middle of each period, by every customer active in it.

    Attributes
    ----------
    margin : float
        Gross contribution per customer and period, GC, currency.
    promotion : float
        Promotion cost per active customer and period, M, currency.
    retention : float
        Probability of staying from one period to the next, r, 1.
    discount : float
        Discount rate per period, d, 1.
    renewals : int or None
        Last renewal counted, n; None for a life without a horizon.

    """

    margin: float
    promotion: float
    retention: float
    discount: float
    renewals: int | None = None

    def value(self) -> float:
        """Expected value of a customer, currency (Berger & Nasr 1998, case 1)."""
        v = 1.0 / (1.0 + self.discount)
        kept = self.retention * v
        past_margin = past_promotion = 0.0
        if self.renewals is not None:
            past_promotion = kept**self.renewals
            past_margin = past_promotion * kept
        margins = self.margin * (1.0 - past_margin)
        promotions = self.promotion * math.sqrt(v) * (1.0 - past_promotion)
        return (margins - promotions) / (1.0 - kept)

    def standard_deviation(self) -> float:
        """Standard deviation of value over customers, currency.

        The number of renewals L that a customer makes is geometric, and its value is
        ``GC (1 - v^(L+1))/(1 - v) - M √v (1 - v^min(L+1, n))/(1 - v)``; this is the
        spread of that value, which Berger & Nasr (1998) leave out.
        """
        r, v = self.retention, 1.0 / (1.0 + self.discount)
        if self.renewals is None:
            mean = (1.0 - r) * v / (1.0 - r * v)
            mean_square = (1.0 - r) * v**2 / (1.0 - r * v**2)
            spread = math.sqrt(mean_square - mean**2)
            return abs(self.margin - self.promotion * math.sqrt(v)) / (1.0 - v) * spread
        made = np.arange(self.renewals + 1)
        probability = r**made * np.where(made < self.renewals, 1.0 - r, 1.0)
        margins = self.margin * np.cumsum(v**made)
        paid = np.minimum(made + 1, self.renewals)
        promotions = np.concatenate(([0.0], np.cumsum(v ** (made[1:] - 0.5))))[paid]
        value = margins - self.promotion * promotions
        mean = float(probability @ value)
        return math.sqrt(float(probability @ (value - mean) ** 2))


def mean_life(retention: float) -> float:
    """Mean life, periods, the first one included, at constant retention: ``1/(1-r)``."""
    return 1.0 / (1.0 - retention)


def fixed_life_value(amount: float, periods: int, discount: float = 0.0) -> float:
    """Value, currency, of ``amount`` at the start of each of a known number of periods.

    The annuity due ``amount · Σ v^t``, t = 0..periods - 1. A widget at 25 bought three
    times is worth 75; a yoga studio at 25 a month kept 15 months is worth 375.
    """
    v = 1.0 / (1.0 + discount)
    return amount * math.fsum(v**t for t in range(periods))


def constant_churn_value(margin: float, retention: float, discount: float) -> float:
    """Expected value, currency, of a new customer at constant retention.

    ``m/(1 - r·v) = m(1 + d)/(1 + d - r)``, the margin at the start of each period, the
    first one included (Fader & Hardie 2012, "Reconciling and clarifying CLV formulas",
    equation 1).
    """
    return margin * (1.0 + discount) / (1.0 + discount - retention)


def residual_value(margin: float, retention: float, discount: float, timing: float = 0.0) -> float:
    """Expected value, currency, at the horizon of a customer who is still alive there.

    Under constant conditions the rest of the life is a new life: the value at joining,
    paid later by ``timing``. The customer has already stayed for the period that
    starts at the horizon; for one who has still to decide, multiply by ``retention``.
    The mean over customers of unequal retention is the mean of this, not this at the
    mean (Fader & Hardie 2010).

    Parameters
    ----------
    margin : float
        Margin per period, currency.
    retention : float
        The customer's own probability of staying, 1.
    discount : float
        Discount rate per period, 1.
    timing : float
        When a period pays, 0 for its start, 0.5 for its middle, 1 for its end, periods.

    """
    delay: float = (1.0 + discount) ** -timing
    return delay * constant_churn_value(margin, retention, discount)
