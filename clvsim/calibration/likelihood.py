"""Log-likelihoods of purchase models over groups of equal customers, with their slopes.

Each is a callable of the logs of the parameters that returns the log-likelihood and its
slope in them. Times and amounts are in units in which the data are about 1. Everything is in
logs, and Gamma functions come as products of whole steps, so that neither many purchases
nor parameters near infinity (customers who do not differ) cost digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

_LONGEST_TABLE = 10_000
"""Steps, 1, up to which a rising factorial is added up one by one."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_LOG_WEIGHTS = np.log(0.5 * _WEIGHTS)

_NEGLIGIBLE = 50.0
"""Fall of the log of an integrand, 1, below which the rest is cut."""

_BLOCK = 512
"""Groups integrated at a time: what they take stays in cache."""


def rising(shape: float, counts: Counts) -> tuple[Floats, Floats]:
    """Log of ``Γ(shape + n)/Γ(shape)`` and its slope in ``shape``, for whole n >= 0.

    Parameters
    ----------
    shape : float
        1, > 0.
    counts : ndarray
        n, any shape.

    """
    top = int(counts.max(initial=0))
    if top > _LONGEST_TABLE:
        gammaln, psi = scipy.special.gammaln, scipy.special.psi
        return gammaln(shape + counts) - gammaln(shape), psi(shape + counts) - psi(shape)
    steps = shape + np.arange(top)
    logs = np.concatenate(([0.0], np.cumsum(np.log(steps))))
    slopes = np.concatenate(([0.0], np.cumsum(1.0 / steps)))
    return logs[counts], slopes[counts]


@dataclass(frozen=True)
class BgNbdLikelihood:
    """BG/NBD in log (r, α, a, b): Fader, Hardie & Lee (2005), equation 6.

    Attributes
    ----------
    count : ndarray of int
        Repeat purchases x, (group,).
    last, until : ndarray
        Time of the last purchase t_x and time observed T, (group,), in the unit of time.
    weight : ndarray
        Customers, (group,).

    """

    count: Counts
    last: Floats
    until: Floats
    weight: Floats

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Log-likelihood and slope, shape (4,)."""
        r, alpha, a, b = np.exp(logs)
        x, again = self.count, self.count > 0
        purchases, by_r = rising(r, x)
        stays, stays_b = rising(b, x)
        offered, offered_ab = rising(a + b, x)
        waited = np.log1p(self.until / alpha)
        alive = purchases - x * np.log(alpha + self.until) - r * waited + stays - offered
        # Dropped out after the last purchase, relative to alive.
        since = np.log((alpha + self.until) / (alpha + self.last))
        before = b + np.maximum(x, 1) - 1.0
        odds = np.where(again, logs[2] - np.log(before) + (r + x) * since, -np.inf)
        gone = scipy.special.expit(odds)
        total = self.weight @ (alive + np.logaddexp(0.0, odds))
        later, earlier = 1.0 / (alpha + self.until), 1.0 / (alpha + self.last)
        slopes = (
            by_r - waited + gone * since,
            (r * self.until / alpha - x) * later + gone * (r + x) * (later - earlier),
            gone / a - offered_ab,
            stays_b - offered_ab - gone / before,
        )
        slope = np.array([self.weight @ one for one in slopes])
        return float(total), slope * np.exp(logs)


@dataclass(frozen=True)
class ParetoNbdLikelihood:
    """Pareto/NBD in log (r, α, s, β): Schmittlein, Morrison & Colombo (1987).

    The time of dropout, between the last purchase and the end, is integrated numerically
    (Gauss-Legendre in log(time + min(α, β))): smooth where the paper's hypergeometric
    functions overflow or cancel, and differentiable under the integral.

    Attributes
    ----------
    count : ndarray of int
        Repeat purchases x, (group,).
    last, until : ndarray
        Time of the last purchase t_x and time observed T, (group,), in the unit of time.
    weight : ndarray
        Customers, (group,).

    """

    count: Counts
    last: Floats
    until: Floats
    weight: Floats

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Log-likelihood and slope, shape (4,)."""
        purchases, by_r = rising(float(np.exp(logs[0])), self.count)
        total = float(self.weight @ purchases)
        slope = np.zeros(4)
        slope[0] = self.weight @ by_r
        for start in range(0, self.count.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            value, by_each = self._block(np.exp(logs), block)
            total += float(self.weight[block] @ value)
            slope += by_each @ self.weight[block]
        return total, slope * np.exp(logs)

    def _block(self, parameters: Floats, block: slice) -> tuple[Floats, Floats]:
        """Log-likelihood (group,) without its rising factorial, and slopes (4, group)."""
        r, alpha, s, beta = parameters
        x, last, until = self.count[block], self.last[block], self.until[block]
        bought, left = np.log1p(until / alpha), np.log1p(until / beta)
        alive = -r * bought - s * left - x * np.log(alpha + until)
        alive_slopes = (
            -bought,
            (r * until / alpha - x) / (alpha + until),
            -left,
            s * until / beta / (beta + until),
        )
        near, far = min(alpha, beta), max(alpha, beta)
        # How fast the integrand falls with log(time + near), at least.
        fall = (r + x) * (near + last) / (alpha + last)
        fall += (s + 1.0) * (near + last) / (beta + last) - 1.0
        width = np.log((near + until) / (near + last))
        width = np.minimum(width, _NEGLIGIBLE / np.maximum(fall, 1e-9))
        log_near = np.log1p(last / near)[:, None] + 0.5 * width[:, None] * (_NODES + 1.0)
        by_near = near * np.exp(log_near)
        by_far = by_near + (far - near)
        log_far = np.log(by_far / far)
        alpha_near = bool(alpha <= beta)
        by_alpha, by_beta = (by_near, by_far) if alpha_near else (by_far, by_near)
        log_alpha, log_beta = (log_near, log_far) if alpha_near else (log_far, log_near)
        log = log_near - (r + x)[:, None] * log_alpha - (s + 1.0) * log_beta
        log += _LOG_WEIGHTS
        top = log.max(axis=1)
        share = np.exp(log - top[:, None])
        mass = share.sum(axis=1)
        share /= mass[:, None]
        with np.errstate(divide="ignore"):
            gone = np.log(s * (near / beta) * width * mass) + top - x * np.log(alpha)
        gone_slopes = (
            -np.sum(share * log_alpha, axis=1),
            r / alpha - (r + x) * np.sum(share / by_alpha, axis=1),
            1.0 / s - np.sum(share * log_beta, axis=1),
            s / beta - (s + 1.0) * np.sum(share / by_beta, axis=1),
        )
        weight = scipy.special.expit(gone - alive)
        slopes = np.array(alive_slopes) * (1.0 - weight) + np.array(gone_slopes) * weight
        return np.logaddexp(alive, gone), slopes


@dataclass(frozen=True)
class BgBbLikelihood:
    """BG/BB in log (α, β, γ, δ): Fader, Hardie & Shang (2010), equation 5.

    Attributes
    ----------
    count, last, until : ndarray of int
        Purchases x, opportunity of the last one t_x and opportunities n, (group,).
    weight : ndarray
        Customers, (group,).

    """

    count: Counts
    last: Counts
    until: Counts
    weight: Floats
    _starts: Counts = field(init=False, repr=False)
    _group: Counts = field(init=False, repr=False)
    _lived: Counts = field(init=False, repr=False)
    _gone: Counts = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Every group has one path per opportunity at which it may have dropped out, and a
        # last one on which it did not.
        paths = self.until - self.last + 1
        ends = np.cumsum(paths)
        group = np.repeat(np.arange(paths.size), paths)
        step = np.arange(group.size) - np.repeat(ends - paths, paths)
        object.__setattr__(self, "_starts", ends - paths)
        object.__setattr__(self, "_group", group)
        object.__setattr__(self, "_lived", self.last[group] + step)
        object.__setattr__(self, "_gone", (step < paths[group] - 1).astype(np.int64))

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Log-likelihood and slope, shape (4,)."""
        gamma = math.exp(logs[2])
        each, share, (bought, missed, offered, stayed, faced) = self._paths(logs)
        share *= self.weight[self._group]
        slope = np.array(
            [
                self.weight @ bought - share @ offered,
                share @ (missed - offered),
                share @ (self._gone / gamma - faced),
                share @ (stayed - faced),
            ]
        )
        return float(self.weight @ each), slope * np.exp(logs)

    def each(self, logs: Floats) -> Floats:
        """Log-likelihood of one customer of each group, shape (group,)."""
        return self._paths(logs)[0]

    def _paths(self, logs: Floats) -> tuple[Floats, Floats, tuple[Floats, ...]]:
        """Log-likelihood by group, each path's share in it, and the slopes of its parts."""
        alpha, beta, gamma, delta = np.exp(logs)
        bought_log, bought_slope = rising(alpha, self.count)
        missed_log, missed_slope = rising(beta, self._lived - self.count[self._group])
        offered_log, offered_slope = rising(alpha + beta, self._lived)
        stayed_log, stayed_slope = rising(delta, self._lived)
        faced_log, faced_slope = rising(gamma + delta, self._lived + self._gone)
        path = missed_log - offered_log + stayed_log - faced_log + self._gone * logs[2]
        top = np.maximum.reduceat(path, self._starts)
        share = np.exp(path - top[self._group])
        mass = np.add.reduceat(share, self._starts)
        slopes = bought_slope, missed_slope, offered_slope, stayed_slope, faced_slope
        return bought_log + top + np.log(mass), share / mass[self._group], slopes


@dataclass(frozen=True)
class GammaGammaLikelihood:
    """Gamma-Gamma in log (p, q, γ): Fader & Hardie (2013).

    Attributes
    ----------
    count : ndarray
        Purchases x, (customer,), >= 1.
    mean : ndarray
        Their mean value m, (customer,), in the unit of money, > 0.

    """

    count: Floats
    mean: Floats

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Log-likelihood and slope, shape (3,)."""
        p, q, gamma = np.exp(logs)
        spent = self.count * self.mean
        first = p * self.count
        betaln, psi = scipy.special.betaln, scipy.special.psi
        # Of log(1 + γ/s) and log(1 + s/γ), as a ratio of a few cents to billions can overflow.
        both_logs = np.logaddexp(logs[2], np.log(spent))
        ours, theirs = both_logs - np.log(spent), both_logs - logs[2]
        values = -betaln(first, q) - q * theirs - first * ours - np.log(self.mean)
        both = psi(first + q)
        slope = np.array(
            [
                self.count @ (both - psi(first) - ours),
                np.sum(both - psi(q) - theirs),
                np.sum(q / gamma - (first + q) / (gamma + spent)),
            ]
        )
        return float(values.sum()), slope * np.exp(logs)
