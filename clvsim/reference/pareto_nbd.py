"""Purchases of customers who drop out at any time: the Pareto/NBD model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(128)
_NEGLIGIBLE = 80.0
"""Fall of the log of an integrand, 1, below which the rest is cut."""


@dataclass(frozen=True)
class ParetoNbd:
    """Pareto/NBD of Schmittlein, Morrison & Colombo (1987, "Counting your customers").

    A customer buys at rate λ ~ Gamma(r, α) until it drops out, at rate μ ~ Gamma(s, β).
    Times count from the first purchase, which is no repeat. Expressions are those of
    Fader & Hardie (2005, "A note on deriving the Pareto/NBD model and related expressions").

    Attributes
    ----------
    r, s : float
        Shapes of the purchase and dropout rates, 1, > 0.
    alpha, beta : float
        Rates of the purchase and dropout rates, time, > 0.

    """

    r: float
    alpha: float
    s: float
    beta: float

    def expected_purchases(self, time: ArrayLike) -> NDArray[np.float64]:
        """Expected repeat purchases E[X(t)] by a time t, 1.

        ``rβ/(α(s-1)) · {1 - [β/(β+t)]^(s-1)}`` (Schmittlein et al. 1987), and ``(rβ/α)
        log(1 + t/β)`` at s = 1.

        Parameters
        ----------
        time : array_like
            Since the first purchase, t, any shape, >= 0.

        """
        t = np.asarray(time, dtype=np.float64)
        return self.r / self.alpha * self._expected_life(t, np.asarray(self.beta))

    def probability(self, count: ArrayLike, time: ArrayLike) -> NDArray[np.float64]:
        """Probability P(X(t) = n) of n repeat purchases by a time t, 1.

        Fader & Hardie (2006, "Deriving an expression for P(X(t) = x) under the Pareto/NBD
        model"). It is a difference of two probabilities, good to about 1e-12 absolute.

        Parameters
        ----------
        count : array_like
            Repeat purchases, n, whole and >= 0.
        time : array_like
            Since the first purchase, t, > 0; broadcast with ``count``.

        """
        n, t = np.broadcast_arrays(
            np.asarray(count, dtype=np.int64), np.asarray(time, dtype=np.float64)
        )
        found = [
            self._probability(int(one), float(at))
            for one, at in zip(n.ravel(), t.ravel(), strict=True)
        ]
        return np.array(found).reshape(n.shape)

    def alive(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> NDArray[np.float64]:
        """Probability that customers have not dropped out, 1.

        ``1/{1 + s/(r+s+x) · (α+T)^(r+x) (β+T)^s A₀}`` (Fader & Hardie 2005), A₀ a
        difference of two ₂F₁. These overflow for many purchases; by Euler's transformation
        they become powers times a ₂F₁ that is bounded.

        Parameters
        ----------
        frequency, recency, age : array_like
            Repeat purchases x, time of the last one t_x, time observed T, (customer,).

        """
        x, last, until = (np.asarray(one, dtype=np.float64) for one in (frequency, recency, age))
        # Logs of how much the two rates' distributions narrow after the last purchase.
        buying = np.log((self.alpha + until) / (self.alpha + last))
        leaving = np.log((self.beta + until) / (self.beta + last))
        if self.alpha >= self.beta:
            growth, scale = (self.r + x) * buying + self.s * leaving, np.ones_like(until)
        else:
            growth = (self.r + x - 1.0) * buying + (self.s + 1.0) * leaving
            scale = (self.alpha + until) / (self.beta + until)
        with np.errstate(over="ignore"):
            died = np.exp(growth) * self._bounded(x, last) - self._bounded(x, until)
        # Rounding may leave a tiny negative chance for one who bought at the very end.
        odds = self.s / (self.r + self.s + x) * scale * np.maximum(died, 0.0)
        return np.asarray(1.0 / (1.0 + odds))

    def conditional_purchases(
        self, time: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> NDArray[np.float64]:
        """Expected purchases E[Y(t) | x, t_x, T] in the time t to come, 1.

        ``P(alive) · (r+x)(β+T)/((α+T)(s-1)) · {1 - [(β+T)/(β+T+t)]^(s-1)}``
        (Schmittlein et al. 1987).

        Parameters
        ----------
        time : array_like
            Time to come, t, >= 0; broadcast with the customers.
        frequency, recency, age : array_like
            Repeat purchases x, time of the last one t_x, time observed T, (customer,).

        """
        t, x, until = (np.asarray(one, dtype=np.float64) for one in (time, frequency, age))
        rate = (self.r + x) / (self.alpha + until)
        alive = self.alive(frequency, recency, age)
        return alive * rate * self._expected_life(t, self.beta + until)

    def discounted_purchases(
        self, discount: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> NDArray[np.float64]:
        """Discounted expected residual transactions, DERT, 1.

        ``P(alive) · (r+x)/(α+T) · (β+T)^s δ^(s-1) Ψ(s, s; δ(β+T))``, Ψ the confluent
        hypergeometric function of the second kind (Fader, Hardie & Lee 2005, "RFM and CLV").

        Parameters
        ----------
        discount : float
            Continuous discount rate δ, 1/time, > 0: log(1 + d) for an effective rate d.
        frequency, recency, age : array_like
            Repeat purchases x, time of the last one t_x, time observed T, (customer,).

        """
        x, until = (np.asarray(one, dtype=np.float64) for one in (frequency, age))
        dropout = self.beta + until
        rest = dropout * _tricomi(self.s, discount * dropout)
        rate = (self.r + x) / (self.alpha + until)
        return np.asarray(self.alive(frequency, recency, age) * rate * rest)

    def _expected_life(
        self, time: NDArray[np.float64], beta: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Expected time alive within ``time``, if μ ~ Gamma(s, ``beta``)."""
        grown = np.log1p(time / beta)
        if self.s == 1.0:
            return np.asarray(beta * grown)
        return np.asarray(-beta * np.expm1((1.0 - self.s) * grown) / (self.s - 1.0))

    def _bounded(
        self, frequency: NDArray[np.float64], time: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The ₂F₁ of A₀ at a time, freed of its powers, 1."""
        third = self.r + self.s + frequency + 1.0
        second = self.r + frequency if self.alpha >= self.beta else self.s + 1.0
        distance = abs(self.alpha - self.beta) / (max(self.alpha, self.beta) + time)
        return np.asarray(scipy.special.hyp2f1(1.0, second, third, distance))

    def _probability(self, count: int, time: float) -> float:
        """P(X(t) = n) for one n and t, 1."""
        gammaln, betaln = scipy.special.gammaln, scipy.special.betaln
        r, alpha, s, beta = self.r, self.alpha, self.s, self.beta
        still = gammaln(r + count) - gammaln(r) - gammaln(count + 1.0)
        still -= r * np.log1p(time / alpha) + s * np.log1p(time / beta)
        if count:
            still += count * np.log(time / (alpha + time))
        earlier = np.arange(count + 1.0)
        steps = gammaln(r + s + earlier) - gammaln(r + s) - gammaln(earlier + 1.0)
        steps += earlier * np.log(time)
        common = r * np.log(alpha) + s * np.log(beta) + betaln(r + count, s + 1.0) - betaln(r, s)
        ever = np.exp(common + self._log_term(count, np.zeros(1), 0.0))[0]
        later = np.exp(common + steps + self._log_term(count, earlier, time)).sum()
        return float(np.exp(still) + max(ever - later, 0.0))

    def _log_term(
        self, count: int, earlier: NDArray[np.float64], time: float
    ) -> NDArray[np.float64]:
        """Log of ``₂F₁(r+s+i, ·; r+s+n+1; ·)/(max(α, β)+t)^(r+s+i)``."""
        first, third = self.r + self.s + earlier, self.r + self.s + count + 1.0
        largest = max(self.alpha, self.beta) + time
        distance = abs(self.alpha - self.beta) / largest
        if self.alpha >= self.beta:
            log = np.log(scipy.special.hyp2f1(first, self.s + 1.0, third, distance))
        else:
            # Euler's transformation: the ₂F₁ of the paper overflows for many purchases.
            bounded = scipy.special.hyp2f1(count + 1.0 - earlier, self.s + 1.0, third, distance)
            log = np.log(bounded) + (1.0 - self.r - earlier) * np.log1p(-distance)
        return np.asarray(log - first * np.log(largest))


def _tricomi(s: float, z: NDArray[np.float64]) -> NDArray[np.float64]:
    """``z^(s-1) Ψ(s, s; z) = ∫₀^∞ e^(-zu) (1+u)^(-s) du``, by Gauss-Legendre in log(1 + u).

    SciPy's Ψ (``hyperu``) is off by up to its whole value for whole s and small z.
    """
    end = np.log1p(_NEGLIGIBLE / z)
    if s > 1.0:
        end = np.minimum(end, _NEGLIGIBLE / (s - 1.0))
    step = 0.5 * end[..., None] * (_NODES + 1.0)
    log = (1.0 - s) * step - z[..., None] * np.expm1(step)
    return np.asarray(0.5 * end * (np.exp(log) @ _WEIGHTS))
