"""Purchases at discrete opportunities: the BG/BB model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_NEAR = 1e-4
"""Distance of γ from 1 below which its printed form cancels."""


@dataclass(frozen=True)
class BgBb:
    """Beta-geometric/beta-Bernoulli of Fader, Hardie & Shang (2010).

    At each opportunity a customer first drops out with probability θ ~ Beta(γ, δ); while
    there, it buys with probability p ~ Beta(α, β).

    Attributes
    ----------
    alpha, beta : float
        Of the purchase probability, 1, > 0.
    gamma, delta : float
        Of the dropout probability, 1, > 0.

    """

    alpha: float
    beta: float
    gamma: float
    delta: float

    def expected_purchases(self, opportunities: ArrayLike) -> NDArray[np.float64]:
        """Expected purchases E[X(n)] in n opportunities, 1 (equation 8).

        ``α/(α+β) · δ/(γ-1) · {1 - Γ(γ+δ)/Γ(γ+δ+n) · Γ(1+δ+n)/Γ(1+δ)}``.

        Parameters
        ----------
        opportunities : array_like
            n, any shape, whole and >= 0.

        """
        n = np.asarray(opportunities, dtype=np.float64)
        buys = self.alpha / (self.alpha + self.beta)
        return buys * self._expected_life(n, np.asarray(self.delta))

    def likelihood(
        self, frequency: ArrayLike, recency: ArrayLike, opportunities: ArrayLike
    ) -> NDArray[np.float64]:
        """Probability of customers' purchases in the order in which they came, 1.

        Equation 5: alive to the end, or dropped out at each opportunity after the last purchase.

        Parameters
        ----------
        frequency, recency, opportunities : array_like
            Purchases x, opportunity of the last one t_x (0 if none), opportunities n, (customer,).

        """
        return np.asarray(np.exp(self._log_likelihood(frequency, recency, opportunities)))

    def _log_likelihood(
        self, frequency: ArrayLike, recency: ArrayLike, opportunities: ArrayLike
    ) -> NDArray[np.float64]:
        """Log of `likelihood`, finite where that would underflow."""
        x, last, n = (
            np.asarray(one, dtype=np.float64) for one in (frequency, recency, opportunities)
        )
        x, last, n = np.broadcast_arrays(x, last, n)
        alive = self._log_alive(x, n)
        betaln = scipy.special.betaln
        steps = np.arange(float(np.max(n - last, initial=0.0)))
        since, x, last = n[..., None] - last[..., None], x[..., None], last[..., None]
        gone = steps < since
        after = np.where(gone, last + steps, last)
        log = betaln(self.alpha + x, self.beta + after - x) - betaln(self.alpha, self.beta)
        log += betaln(self.gamma + 1.0, self.delta + after) - betaln(self.gamma, self.delta)
        paths = np.concatenate([alive[..., None], np.where(gone, log, -np.inf)], axis=-1)
        return np.asarray(scipy.special.logsumexp(paths, axis=-1))

    def alive(
        self, frequency: ArrayLike, recency: ArrayLike, opportunities: ArrayLike
    ) -> NDArray[np.float64]:
        """Probability that customers are there at the next opportunity, n + 1, 1 (equation 11).

        ``B(α+x, β+n-x)/B(α, β) · B(γ, δ+n+1)/B(γ, δ) / L(x, t_x, n)``.

        Parameters
        ----------
        frequency, recency, opportunities : array_like
            Purchases x, opportunity of the last one t_x (0 if none), opportunities n, (customer,).

        """
        n = np.asarray(opportunities, dtype=np.float64)
        stays = (self.delta + n) / (self.gamma + self.delta + n)
        return np.asarray(stays * self._present(frequency, recency, opportunities))

    def conditional_purchases(
        self,
        ahead: ArrayLike,
        frequency: ArrayLike,
        recency: ArrayLike,
        opportunities: ArrayLike,
    ) -> NDArray[np.float64]:
        """Expected purchases E[X(n, n+n*) | x, t_x, n] in n* more opportunities (equation 13), 1.

        Those of a new customer with α + x, β + n - x, γ and δ + n, if it was there at n.

        Parameters
        ----------
        ahead : array_like
            Opportunities to come, n*, >= 0; broadcast with the customers.
        frequency, recency, opportunities : array_like
            Purchases x, opportunity of the last one t_x (0 if none), opportunities n, (customer,).

        """
        more, n = (np.asarray(one, dtype=np.float64) for one in (ahead, opportunities))
        buys = self._buys(frequency, n)
        present = self._present(frequency, recency, opportunities)
        return present * buys * self._expected_life(more, self.delta + n)

    def discounted_purchases(
        self,
        discount: float,
        frequency: ArrayLike,
        recency: ArrayLike,
        opportunities: ArrayLike,
    ) -> NDArray[np.float64]:
        """Discounted expected residual transactions, DERT, 1 (equation 14).

        ``B(α+x+1, β+n-x)/B(α, β) · B(γ, δ+n+1)/(B(γ, δ)(1+d)) · ₂F₁(1, δ+n+1; γ+δ+n+1;
        1/(1+d)) / L(x, t_x, n)``: the next opportunity is one period away.

        Parameters
        ----------
        discount : float
            Discount rate per opportunity, d, 1, > 0.
        frequency, recency, opportunities : array_like
            Purchases x, opportunity of the last one t_x (0 if none), opportunities n, (customer,).

        """
        n = np.asarray(opportunities, dtype=np.float64)
        v = 1.0 / (1.0 + discount)
        third = self.gamma + self.delta + n + 1.0
        lives = v * scipy.special.hyp2f1(1.0, self.delta + n + 1.0, third, v)
        return np.asarray(
            self.alive(frequency, recency, opportunities) * self._buys(frequency, n) * lives
        )

    def _buys(self, frequency: ArrayLike, n: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected purchase probability after x purchases in n opportunities alive, 1."""
        x = np.asarray(frequency, dtype=np.float64)
        return np.asarray((self.alpha + x) / (self.alpha + self.beta + n))

    def _present(
        self, frequency: ArrayLike, recency: ArrayLike, opportunities: ArrayLike
    ) -> NDArray[np.float64]:
        """Probability that customers were still there at opportunity n, 1."""
        x, n = (np.asarray(one, dtype=np.float64) for one in (frequency, opportunities))
        seen = self._log_likelihood(frequency, recency, opportunities)
        return np.asarray(np.exp(self._log_alive(x, n) - seen))

    def _log_alive(self, x: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-probability of the purchases and of being there at opportunity n, 1."""
        betaln = scipy.special.betaln
        bought = betaln(self.alpha + x, self.beta + n - x) - betaln(self.alpha, self.beta)
        stayed = betaln(self.gamma, self.delta + n) - betaln(self.gamma, self.delta)
        return np.asarray(bought + stayed)

    def _expected_life(
        self, n: NDArray[np.float64], delta: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Expected opportunities, of the next n, at which a customer is there, 1."""
        excess = self.gamma - 1.0
        if abs(excess) < _NEAR:
            # Taylor's series of the log of the printed ratio in γ - 1.
            ratio, factor = np.zeros(np.broadcast_shapes(n.shape, delta.shape)), 1.0
            for order in range(3):
                polygamma = scipy.special.polygamma
                change = polygamma(order, 1.0 + delta + n) - polygamma(order, 1.0 + delta)
                factor /= order + 1.0
                ratio = ratio - factor * excess**order * change
            if excess == 0.0:
                return np.asarray(-delta * ratio)
            return np.asarray(-delta * np.expm1(excess * ratio) / excess)
        gammaln = scipy.special.gammaln
        ratio = gammaln(self.gamma + delta) - gammaln(self.gamma + delta + n)
        ratio += gammaln(1.0 + delta + n) - gammaln(1.0 + delta)
        return np.asarray(-delta * np.expm1(ratio) / excess)
