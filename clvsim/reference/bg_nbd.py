"""Purchases of customers who drop out after a purchase: the BG/NBD model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_NEAR = 1e-3
"""Distance of a from 1, and of a + b above 1, below which the printed form cancels."""


@dataclass(frozen=True)
class BgNbd:
    """Beta-geometric/NBD of Fader, Hardie & Lee (2005, "Counting your customers the easy way").

    A customer buys at rate λ ~ Gamma(r, α) and after each purchase drops out with
    probability p ~ Beta(a, b). Times count from the first purchase, which is no repeat.

    Attributes
    ----------
    r : float
        Shape of the purchase rate, 1, > 0.
    alpha : float
        Rate of the purchase rate, time, > 0.
    a, b : float
        Of the dropout probability, 1, > 0.

    """

    r: float
    alpha: float
    a: float
    b: float

    def expected_purchases(self, time: ArrayLike) -> NDArray[np.float64]:
        """Expected repeat purchases E[X(t)] by a time t, 1 (equation 9).

        ``(a+b-1)/(a-1) · {1 - [α/(α+t)]^r ₂F₁(r, b; a+b-1; t/(α+t))}``.

        Parameters
        ----------
        time : array_like
            Since the first purchase, t, any shape, >= 0.

        """
        t = np.asarray(time, dtype=np.float64)
        return _expected(t, np.asarray(self.r), np.asarray(self.alpha), self.a, np.asarray(self.b))

    def probability(self, count: ArrayLike, time: ArrayLike) -> NDArray[np.float64]:
        """Probability P(X(t) = n) of n repeat purchases by a time t, 1 (equation 8).

        Its sum over the NBD's first n terms is an incomplete beta function.

        Parameters
        ----------
        count : array_like
            Repeat purchases, n, whole and >= 0.
        time : array_like
            Since the first purchase, t, > 0; broadcast with ``count``.

        """
        n, t = (np.asarray(one, dtype=np.float64) for one in (count, time))
        betaln, gammaln = scipy.special.betaln, scipy.special.gammaln
        bought = t / (self.alpha + t)
        binomial = gammaln(self.r + n) - gammaln(self.r) - gammaln(n + 1.0)
        stays = betaln(self.a, self.b + n) - betaln(self.a, self.b)
        alive = binomial + stays - self.r * np.log1p(t / self.alpha) + n * np.log(bought)
        bought_before = np.maximum(n, 1.0)
        leaves = betaln(self.a + 1.0, self.b + bought_before - 1.0) - betaln(self.a, self.b)
        reached = scipy.special.betainc(bought_before, self.r, bought)
        return np.asarray(np.exp(alive) + np.where(n > 0.0, np.exp(leaves) * reached, 0.0))

    def alive(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> NDArray[np.float64]:
        """Probability that customers have not dropped out, 1.

        ``1/{1 + [x>0] a/(b+x-1) · [(α+T)/(α+t_x)]^(r+x)}`` (Fader, Hardie & Lee 2008,
        "Computing P(alive) using the BG/NBD model").

        Parameters
        ----------
        frequency, recency, age : array_like
            Repeat purchases x, time of the last one t_x, time observed T, (customer,).

        """
        x, last, until = (np.asarray(one, dtype=np.float64) for one in (frequency, recency, age))
        odds = np.log(self.a / (self.b + np.maximum(x, 1.0) - 1.0))
        odds = odds + (self.r + x) * np.log((self.alpha + until) / (self.alpha + last))
        return np.asarray(np.where(x > 0.0, scipy.special.expit(-odds), 1.0))

    def conditional_purchases(
        self, time: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> NDArray[np.float64]:
        """Expected purchases E[Y(t) | x, t_x, T] in the time t to come, 1 (equation 10).

        Those of a new customer with r + x, α + T, a and b + x, if it is alive.

        Parameters
        ----------
        time : array_like
            Time to come, t, >= 0; broadcast with the customers.
        frequency, recency, age : array_like
            Repeat purchases x, time of the last one t_x, time observed T, (customer,).

        """
        t, x, until = (np.asarray(one, dtype=np.float64) for one in (time, frequency, age))
        later = _expected(t, self.r + x, self.alpha + until, self.a, self.b + x)
        return self.alive(frequency, recency, age) * later


def _expected(
    time: NDArray[np.float64],
    r: NDArray[np.float64],
    alpha: NDArray[np.float64],
    a: float,
    b: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Equation 9 for one or many customers, broadcast, 1.

    The printed ₂F₁ overflows for many purchases; by Euler's transformation its product
    with ``[α/(α+t)]^r`` is ``[α/(α+t)]^(a-1) ₂F₁(a+b-1-r, a-1; a+b-1; t/(α+t))``.
    """
    t, r, alpha, b = np.broadcast_arrays(time, r, alpha, b)
    last = a + b - 1.0
    printed = (np.abs(a - 1.0) > _NEAR) & (last > _NEAR)
    safe = np.where(printed, last, 1.0)
    second = scipy.special.hyp2f1(safe - r, a - 1.0, safe, t / (alpha + t))
    away = 1.0 - np.exp((1.0 - a) * np.log1p(t / alpha)) * second
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(printed, last / (a - 1.0) * away, 0.0)
    for index in np.argwhere(~printed):
        at = tuple(index)
        expected[at] = _integrated(float(t[at]), float(r[at]), float(alpha[at]), a, float(b[at]))
    return np.asarray(expected)


def _integrated(time: float, r: float, alpha: float, a: float, b: float) -> float:
    """The same for one customer where the printed form is 0/0: the rate at u, integrated.

    ``E[λ e^(-λpu)] = (r/α) ₂F₁(r+1, a; a+b; -u/α)``, in steps of log(1 + u/α) and, by
    Pfaff's transformation, with an argument between 0 and 1.
    """

    def rate(step: float) -> float:
        grown = float(np.exp(step))
        second = float(scipy.special.hyp2f1(a + b - r - 1.0, a, a + b, 1.0 - 1.0 / grown))
        return float(second * grown ** (1.0 - a))

    total: float = scipy.integrate.quad(rate, 0.0, float(np.log1p(time / alpha)), epsrel=1e-12)[0]
    return r * total
