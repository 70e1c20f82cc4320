"""Models of leaving, fitted to a life table: one churn rate, sBG, beta-discrete-Weibull."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy

from clvsim.calibration.fitted import Fitted
from clvsim.calibration.heterogeneity import DRAWS, even_shares, sbg_draws
from clvsim.calibration.maximum import maximise
from clvsim.scenario.life_table import LifeTable as Counts
from clvsim.scenario.retention import GAIN_NEEDED, highest, is_peak, note_geometric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MODELS = ("geometric", "sbg", "bdw")
"""Models of churn, from the simplest on."""
#: Sums of the beta's parameters and shapes to start from.
_STARTS = ((1.0, 1.0), (1.0, 1.5), (10.0, 1.0), (100.0, 1.0))
_LARGEST_LOG, _LEAST_LEAVING = 100.0, 1e-15
#: Argument from which Stirling's series is exact to the last digit.
_FAR = 60.0
#: Leavers that a period should have for a chi-squared test, at least.
_LEAST_EXPECTED = 5.0
#: α+β in place of infinity, where all have one churn, and in place of 0, where all leave at once or
#: never; gain in log-likelihood over one churn, 1, from which the maximum is at neither edge.
_ALIKE, _ALL_OR_NOTHING, _LEAST_GAIN = 1e6, 0.01, 1e-4
#: Standard normal score from which churn certainly rises with tenure: no sBG, however customers
#: differ, comes near to that.
_RISES = 4.0
#: Periods ahead at which two distributions of survival are compared, in those watched, and how far
#: the ends of their intervals may lie apart, in their width.
_AHEAD, _ALIKE_ENOUGH = 3, 0.1
#: Error of a log, 1, from which a normal distribution is no likeness of anything.
_WIDEST = 2.0
_ALIKE_ALL = "No sign that customers differ in churn: one rate for all is used instead of the sBG."
_EDGE = (
    "No sign that customers differ in churn: the likelihood is largest at one constant rate (alpha "
    "and beta to infinity, of which the block has a million)."
)
_AT_ONCE = (
    "All who leave do so in the first period: the likelihood is largest where customers leave at "
    "once or never (alpha and beta to 0, of which the block has a hundredth)."
)
_ONE_PERIOD = "One period cannot tell whether customers differ in churn."
_NO_PEAK = "The search for the sBG's maximum did not converge."
#: How often the bound of a churn of 0 is too low.
_ONE_IN_TWENTY = 0.05


@dataclass(frozen=True)
class LifeTable:
    """Of those at risk in period 1, 2, …, how many left in it and how many did not.

    Attributes
    ----------
    leavers, stayers : ndarray, shape (period,), customers
    """

    leavers: Floats
    stayers: Floats

    @property
    def customers(self) -> float:
        """Customers at risk in the first period."""
        return float(self.leavers[0] + self.stayers[0])

    @property
    def periods(self) -> int:
        """Periods that somebody was watched."""
        return self.leavers.size


def fit_geometric(life: LifeTable) -> Fitted:
    """One churn rate for all: ``leavers / customer-periods``.

    Where nobody left, that is 0 and has no standard error, but an exact bound: ``1 - 0.05^(1/n)``
    of n customer-periods, about 3/n (Clopper & Pearson 1934, one side).
    """
    left, stayed = float(life.leavers.sum()), float(life.stayers.sum())
    churn = left / (left + stayed)
    variance = (1.0 - churn) / left if left and stayed else math.nan
    log_likelihood = _xlogy(left, churn) + _xlogy(stayed, 1.0 - churn)
    return Fitted(
        "geometric",
        {"churn": churn},
        np.array([[variance]]),
        log_likelihood,
        life.customers,
        at_most=-math.expm1(math.log(_ONE_IN_TWENTY) / stayed) if not left else None,
    )


def fit_sbg(life: LifeTable) -> Fitted:
    """The sBG of maximum likelihood, and how much customers may differ in churn.

    One churn rate for all is its edge: where the likelihood is largest there, and where it is
    largest at the other edge (all leave at once or never), alpha and beta are as near to it as
    numbers go. Whatever the maximum, what the table leaves open is kept: as the inverse of the
    observed information in (log α, log β) where that says it, and otherwise in draws
    (`clvsim.calibration.heterogeneity`).

    Returns
    -------
    Fitted
        "geometric" where nobody leaves, nobody stays, or churn rises with tenure, which no sBG can
        say.

    References
    ----------
    Fader & Hardie 2007, "How to project customer retention".
    """
    table = Counts.from_counts(life.leavers, life.stayers)
    constant = fit_geometric(life)
    if not 0.0 < table.churn < 1.0:
        return replace(constant, notes=_never(table))
    if table.trend() < -_RISES:
        return replace(constant, notes=(_ALIKE_ALL, note_geometric(table)))
    logs, covariance, notes = _sbg_maximum(table)
    alpha, beta = np.exp(logs).tolist()
    draws = sbg_draws(table)
    is_normal = _says_the_same(covariance, logs, draws, life.periods)
    if not is_normal:
        notes = (*notes, _kept(constant, table.log_likelihood(logs)))
    return Fitted(
        "sbg",
        {"alpha": alpha, "beta": beta},
        covariance,
        table.log_likelihood(logs),
        life.customers,
        notes,
        draws=None if is_normal else draws,
    )


def _never(table: Counts) -> tuple[str, ...]:
    """Say that nobody leaves, or that nobody stays."""
    if table.churn:
        return (note_geometric(table),)
    never = "In the block nobody ever leaves, and no error of that is drawn: write the bound in"
    return note_geometric(table), f"{never} place of the 0 to see how much depends on it."


def _sbg_maximum(table: Counts) -> tuple[Floats, Floats, tuple[str, ...]]:
    """(log α, log β) at the maximum, or as near to an edge as numbers go; covariance; notes."""
    unknown = np.full((2, 2), math.nan)
    if table.periods > 1 and not np.any(table.leavers[1:]):
        share = float(table.leavers[0]) / table.customers
        logs = np.log(_ALL_OR_NOTHING * np.array([share, 1.0 - share]))
        return logs, unknown, (_AT_ONCE,)
    logs = highest(table)
    if table.log_likelihood(logs) - table.log_likelihood_constant() > _LEAST_GAIN:
        is_found = is_peak(table, logs)
        covariance = _inverse(-table.hessian(logs)) if is_found else unknown
        return logs, covariance, () if is_found else (_NO_PEAK,)
    edge = np.log(_ALIKE * np.array([table.churn, 1.0 - table.churn]))
    return edge, unknown, (_EDGE if table.periods > 1 else _ONE_PERIOD,)


def _says_the_same(covariance: Floats, logs: Floats, draws: Floats, periods: int) -> bool:
    """Whether a normal distribution of the logs gives survival the intervals that draws give it.

    Compared are the ends of the 95 % interval after three times the periods that were watched, in
    units of its width.
    """
    # Of what is not known at all neither is a likeness.
    if not np.diag(covariance).max() < _WIDEST**2:
        return False
    normal = scipy.special.ndtri(even_shares())
    moved = np.exp(logs + normal @ np.linalg.cholesky(covariance).T)
    ends = [
        np.quantile(_survivals(one, _AHEAD * periods), [0.025, 0.975]) for one in (draws, moved)
    ]
    return bool(np.max(np.abs(ends[0] - ends[1])) < _ALIKE_ENOUGH * np.ptp(ends[0]))


def _survivals(shapes: Floats, periods: int) -> Floats:
    """Share still there after so many periods, by α and β, shape (draw,), 1."""
    alpha, beta = shapes.T[:, :, None]
    earlier = np.arange(periods, dtype=np.float64)
    return np.asarray(np.exp(np.log1p(-alpha / (alpha + beta + earlier)).sum(axis=1)))


def _kept(constant: Fitted, best: float) -> str:
    """Say how little is known of how customers differ, and that it is drawn."""
    churn, lower = constant.parameters["churn"], max(best - constant.log_likelihood, 0.0)
    drawn = (
        f"the block holds {DRAWS} draws of alpha and beta in place of a covariance: every world "
        "takes one"
    )
    if lower >= GAIN_NEEDED:
        return f"How much customers differ in churn is known only roughly, so {drawn}."
    return (
        f"Whether customers differ in churn is not known: one churn of {100.0 * churn:.3g} % for "
        f"all does nearly as well (log-likelihood lower by {lower:.2f}). Both are kept: {drawn}."
    )


def fit_bdw(life: LifeTable) -> Fitted:
    """The beta-discrete-Weibull: the sBG with a churn that moves with tenure for each customer.

    ``S(t) = B(γ, δ + t^c) / B(γ, δ)``: c = 1 is the sBG; above 1 a customer's own churn rises.

    References
    ----------
    Fader, Hardie, Liu, Davin & Steenburgh 2018, "How to project customer retention revisited".
    """
    churn = fit_geometric(life).parameters["churn"]
    names = ("gamma", "delta", "c")
    if life.periods < len(names) or not 0.0 < churn < 1.0:
        note = "it needs three periods, some customers who leave and some who stay."
        unknown = dict.fromkeys(names, math.nan)
        nothing = np.full((3, 3), math.nan)
        return Fitted("bdw", unknown, nothing, -math.inf, life.customers, (note,))
    odds = churn / (1.0 - churn)
    # δ is a time to the power of c: in units of the time that was watched, bounds suit it.
    whole = math.log(life.periods)
    starts = [(total * odds, total / life.periods**c, c) for total, c in _STARTS]
    found = maximise(lambda logs: _scaled_log_likelihood(life, logs, whole), names, starts)
    rise = min(math.exp(found.logs[2]) * whole, _LARGEST_LOG)
    logs = found.logs + np.array([0.0, rise, 0.0])
    turn = np.eye(3)
    turn[1, 2] = rise
    return Fitted(
        "bdw",
        dict(zip(names, np.exp(logs).tolist(), strict=True)),
        _turned(found.covariance, turn),
        found.log_likelihood,
        life.customers,
        found.notes,
        turn @ found.told @ turn.T,
    )


def _turned(covariance: Floats, turn: Floats) -> Floats:
    """A covariance of other numbers, ``turn`` times those; NaN where one of them is not known."""
    unknown = np.isnan(np.diag(covariance)).astype(np.float64)
    lost = np.abs(turn) @ unknown > 0.0
    found = turn @ np.nan_to_num(covariance) @ turn.T
    return np.where(lost | lost[:, None], np.nan, found)


def _scaled_log_likelihood(life: LifeTable, logs: Floats, whole: float) -> tuple[float, Floats]:
    """`_bdw_log_likelihood` and its slope where δ is in units of ``exp(whole)`` to the power c."""
    rise = math.exp(logs[2]) * whole
    value, slope = _bdw_log_likelihood(life, logs + np.array([0.0, min(rise, _LARGEST_LOG), 0.0]))
    moves = rise if rise < _LARGEST_LOG else 0.0
    return value, slope + np.array([0.0, 0.0, slope[1] * moves])


def _bdw_log_likelihood(life: LifeTable, logs: Floats) -> tuple[float, Floats]:
    """Log-likelihood and its slope in (log γ, log δ, log c), shape (3,)."""
    gamma, delta, c = np.exp(logs)
    times = _powers(c, life.periods)
    stay = _bdw_log_stay(gamma, delta, c, life.periods)
    leave = np.log(-np.expm1(stay))
    value = float(life.leavers @ leave + life.stayers @ stay)
    # d log h = -(1 - h)/h · d log(1 - h)
    weight = life.stayers - life.leavers * np.exp(stay - leave)
    before, step = times[:-1], np.diff(times)
    common = _digamma_rise(gamma + delta + before, step)
    own = _digamma_rise(delta + before, step)
    by_time = scipy.special.digamma(delta + times) - scipy.special.digamma(gamma + delta + times)
    by_shape = by_time * times * np.log(np.maximum(np.arange(times.size), 1))
    slopes = (-gamma * common, delta * (own - common), c * np.diff(by_shape))
    return value, np.array([float(weight @ slope) for slope in slopes])


def _powers(c: float, periods: int) -> Floats:
    """``t^c`` at 0, 1, …, ``periods``, and never infinite."""
    logs = np.log(np.maximum(np.arange(periods + 1, dtype=np.float64), 0.5))
    powers = np.exp(np.minimum(c * logs, _LARGEST_LOG))
    powers[0] = 0.0
    return np.asarray(powers)


def _bdw_log_stay(gamma: float, delta: float, c: float, periods: int) -> Floats:
    """Log of the retention rate of periods 1, 2, …, shape (period,)."""
    times = _powers(c, periods)
    before, step = times[:-1], np.diff(times)
    logs = _gammaln_rise(delta + before, step) - _gammaln_rise(gamma + delta + before, step)
    # Rounding may leave nobody leaving, whose log is infinite.
    return np.asarray(np.minimum(logs, -_LEAST_LEAVING))


def _gammaln_rise(start: Floats, step: Floats) -> Floats:
    """``log Γ(start + step) - log Γ(start)``; by Stirling's series it keeps its digits far out."""
    end, plain = start + step, scipy.special.gammaln(start + step) - scipy.special.gammaln(start)
    series = (start - 0.5) * np.log1p(step / start) + step * (np.log(end) - 1.0)
    for power, weight in ((1, 1 / 12), (3, -1 / 360), (5, 1 / 1260)):
        series += weight * (end**-power - start**-power)
    return np.asarray(np.where(start > _FAR, series, plain))


def _digamma_rise(start: Floats, step: Floats) -> Floats:
    """``ψ(start + step) - ψ(start)``, the slope of `_gammaln_rise` in its start."""
    end, plain = start + step, scipy.special.digamma(start + step) - scipy.special.digamma(start)
    series = np.log1p(step / start)
    for power, weight in ((1, -1 / 2), (2, -1 / 12), (4, 1 / 120), (6, -1 / 252)):
        series += weight * (end**-power - start**-power)
    return np.asarray(np.where(start > _FAR, series, plain))


def retention_rates(fitted: Fitted, periods: int) -> Floats:
    """Of those at risk in period 1, 2, …, the share that stays, shape (period,), 1."""
    values = fitted.parameters
    if fitted.model == "geometric":
        return np.full(periods, 1.0 - values["churn"])
    if fitted.model == "bdw":
        return np.exp(_bdw_log_stay(values["gamma"], values["delta"], values["c"], periods))
    alpha, beta = values["alpha"], values["beta"]
    earlier = np.arange(periods, dtype=np.float64)
    return (beta + earlier) / (alpha + beta + earlier)


def survival(fitted: Fitted, periods: int) -> Floats:
    """Share still there after 0, 1, …, ``periods`` periods, shape (periods + 1,), 1."""
    return np.concatenate(([1.0], np.cumprod(retention_rates(fitted, periods))))


def observed_survival(life: LifeTable) -> Floats:
    """Kaplan-Meier estimate (1958), shape (periods + 1,), 1."""
    at_risk = life.leavers + life.stayers
    rates = np.divide(life.stayers, at_risk, out=np.full(at_risk.size, math.nan), where=at_risk > 0)
    return np.concatenate(([1.0], np.cumprod(rates)))


def chi_squared(life: LifeTable, fitted: Fitted) -> tuple[float, int, float]:
    """Pearson's test of the leavers by period: statistic, degrees of freedom, p-value.

    Periods with fewer than 5 leavers expected are put together with those after them; NaN where
    no degree of freedom is left.
    """
    rates = 1.0 - retention_rates(fitted, life.periods)
    at_risk = life.leavers + life.stayers
    statistic, cells = 0.0, 0
    seen = expected = variance = 0.0
    for left, risk, rate in zip(life.leavers, at_risk, rates, strict=True):
        seen, expected = seen + left, expected + risk * rate
        variance += risk * rate * (1.0 - rate)
        if expected >= _LEAST_EXPECTED and variance > 0.0:
            statistic, cells = statistic + (seen - expected) ** 2 / variance, cells + 1
            seen = expected = variance = 0.0
    freedom = cells - len(fitted.parameters)
    if freedom < 1 or not math.isfinite(statistic):
        return math.nan, 0, math.nan
    return float(statistic), freedom, float(scipy.stats.chi2.sf(statistic, freedom))


def _inverse(information: Floats) -> Floats:
    """Inverse of an information matrix; NaN where it is not positive definite."""
    if not np.all(np.isfinite(information)) or np.linalg.eigvalsh(information)[0] <= 0.0:
        return np.full_like(information, math.nan)
    inverse = np.linalg.inv(information)
    return np.asarray(0.5 * (inverse + inverse.T))


def _xlogy(count: float, probability: float) -> float:
    return float(scipy.special.xlogy(count, probability))
