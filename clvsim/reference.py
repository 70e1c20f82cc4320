"""Closed forms from the literature: what a correct simulator must reproduce.

They share no code with the simulator, so that agreement between the two means
something. Periods are whole, retention ``r`` is the probability of staying from one
period to the next, and ``v = 1/(1 + d)`` discounts by one period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_NEGLIGIBLE = 1e-18
"""Survival, 1, below which the sum over a life is cut."""


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


def sbg_survival(periods: ArrayLike, alpha: float, beta: float) -> NDArray[np.float64]:
    """Share of a cohort that survives: ``S(t) = B(α, β + t)/B(α, β)``.

    Parameters
    ----------
    periods : array_like
        Periods since joining, t, any shape, whole and >= 0.
    alpha, beta : float
        Beta distribution of the churn probability over customers, > 0.

    Returns
    -------
    ndarray
        Survival, shape of ``periods``, 1 (Fader & Hardie 2007, survivor function).

    """
    t = np.asarray(periods, dtype=np.float64)
    betaln = scipy.special.betaln
    return np.asarray(np.exp(betaln(alpha, beta + t) - betaln(alpha, beta)))


def sbg_churn_rate(periods: ArrayLike, alpha: float, beta: float) -> NDArray[np.float64]:
    """Share of the customers still there that leaves in a period: falls with tenure.

    ``α/(α + β + t - 1)``, one minus the retention rate of Fader & Hardie (2007).

    Parameters
    ----------
    periods : array_like
        Period in which they leave, t, any shape, whole and >= 1.
    alpha, beta : float
        Beta distribution of the churn probability over customers, > 0.

    Returns
    -------
    ndarray
        Churn rate, shape of ``periods``, 1.

    """
    t = np.asarray(periods, dtype=np.float64)
    return np.asarray(alpha / (alpha + beta + t - 1.0))


def sbg_del(alpha: float, beta: float, discount: float) -> float:
    """Discounted expected life of a new customer, periods, the first one included.

    ``₂F₁(1, β; α + β; 1/(1 + d))`` (Fader & Hardie 2010, DEL). Multiplied by the
    margin per period it is the expected customer value.
    """
    v = 1.0 / (1.0 + discount)
    return float(scipy.special.hyp2f1(1.0, beta, alpha + beta, v))


def sbg_derl(period: int, alpha: float, beta: float, discount: float) -> float:
    """Discounted expected residual life just before a renewal, periods.

    ``(β+n-1)/(α+β+n-1) · ₂F₁(1, β+n; α+β+n; 1/(1+d))`` (Fader & Hardie 2010,
    equation 6): the customer is in period n, and the next payment, if it renews, is
    due now.

    Parameters
    ----------
    period : int
        Period that the customer is in, n, >= 1.
    alpha, beta : float
        Beta distribution of the churn probability over customers, > 0.
    discount : float
        Discount rate per period, d, 1.

    """
    renews = (beta + period - 1.0) / (alpha + beta + period - 1.0)
    return renews * sbg_del(alpha, beta + period, discount)


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


@dataclass(frozen=True)
class ProactiveCampaign:
    """Profit of a proactive churn campaign, Neslin et al. (2006).

    Attributes
    ----------
    customers : float
        Customers of the firm, N.
    contacted : float
        Share of them that is contacted, α, 1.
    base_churn : float
        Share of all customers that would leave, β₀, 1.
    lift : float
        Churn among the contacted over ``base_churn``, λ, 1.
    rescued : float
        Share of the contacted would-be leavers that the incentive keeps, γ, 1.
    value : float
        Value of a kept customer, V, currency.
    incentive : float
        Cost of the incentive for one who takes it, Δ, currency.
    contact_cost : float
        Cost per contact, c, currency.
    fixed_cost : float
        Cost of the campaign, A, currency.

    """

    customers: float
    contacted: float
    base_churn: float
    lift: float
    rescued: float
    value: float
    incentive: float
    contact_cost: float
    fixed_cost: float

    def profit(self) -> float:
        """Profit, currency: ``Nα{[γV + Δ(1 - γ)]β₀λ - Δ - c} - A``."""
        per_contact = self._per_leaver() * self.base_churn * self.lift
        per_contact -= self.incentive + self.contact_cost
        return self.customers * self.contacted * per_contact - self.fixed_cost

    def break_even_lift(self) -> float:
        """Lift at which the profit is nil, 1."""
        fixed = self.fixed_cost / (self.customers * self.contacted)
        cost = self.incentive + self.contact_cost + fixed
        return cost / (self._per_leaver() * self.base_churn)

    def _per_leaver(self) -> float:
        """Gain per would-be leaver contacted, currency: the lost refuse the incentive."""
        return self.rescued * self.value + self.incentive * (1.0 - self.rescued)


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
