"""What BG/NBD and Pareto/NBD say of customers with a history: alive or not, and what they buy.

Both say that a customer who is alive is one of a new cohort with other parameters, so all but
P(alive) hangs on frequency and age alone: it is integrated for few ages of each frequency and
interpolated (`clvsim.calibration.scoring.outlook.by_age`) for the others.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.scoring.outlook import by_age
from clvsim.calibration.scoring.quadrature import beta_points, time_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clvsim.calibration.scoring.outlook import Outlook

    Floats = NDArray[np.float64]

#: Points of Gauss and Legendre for the time of dropout.
_PAST = np.polynomial.legendre.leggauss(32)
#: Fall of the log of an integrand, 1, below which the rest is cut.
_NEGLIGIBLE = 45.0
#: Customers integrated at a time: what they take stays in cache.
_BLOCK = 2_048


@dataclass(frozen=True)
class History:
    """What is known of customers, times in periods since the first purchase.

    Attributes
    ----------
    frequency : ndarray
        Repeat purchases x, shape (customer,).
    recency : ndarray
        Time of the last purchase t_x, shape (customer,).
    age : ndarray
        Time observed T, shape (customer,).
    """

    frequency: Floats
    recency: Floats
    age: Floats

    def blocks(self) -> Iterator[slice]:
        """Customers a block at a time."""
        for start in range(0, self.frequency.size, _BLOCK):
            yield slice(start, start + _BLOCK)


@dataclass(frozen=True)
class Futures:
    """Drawn lives of customers who are alive, shape (customer, draw) each.

    Attributes
    ----------
    rate : ndarray
        Of purchases before the last one, 1/period: their times are a Poisson process.
    life : ndarray
        Time until the customer is lost, periods.
    """

    rate: Floats
    life: Floats


class PurchaseModel(Protocol):
    """A purchase model whose parameters are known."""

    buys_last: ClassVar[bool]
    """Whether a customer is lost at a purchase (BG/NBD), not between two (Pareto/NBD)."""

    @property
    def scale(self) -> float:
        """Age, periods, below which age hardly matters."""

    def alive(self, history: History) -> Floats:
        """Probability that customers have not dropped out, shape (customer,), 1."""

    def ahead(self, history: History, outlook: Outlook) -> tuple[Floats, Floats]:
        """Expected purchases of customers who are alive, and the same discounted, (customer,)."""

    def futures(self, random: Generator, frequency: Floats, age: Floats, draws: int) -> Futures:
        """Lives drawn from the posterior of customers who are alive."""


@dataclass(frozen=True)
class BgNbd:
    """BG/NBD (Fader, Hardie & Lee 2005, "Counting your customers the easy way").

    Attributes
    ----------
    r, alpha : float
        Shape, 1, and rate, periods, of the purchase rate.
    a, b : float
        Of the probability of dropping out after a purchase, 1.
    """

    r: float
    alpha: float
    a: float
    b: float
    buys_last: ClassVar[bool] = True

    @property
    def scale(self) -> float:
        """Age, periods, below which age hardly matters."""
        return self.alpha

    def alive(self, history: History) -> Floats:
        """``1/{1 + [x>0] a/(b+x-1) ((α+T)/(α+t_x))^(r+x)}`` (Fader, Hardie & Lee 2008)."""
        x = history.frequency
        again = np.maximum(x, 1.0)
        since = np.log((self.alpha + history.age) / (self.alpha + history.recency))
        odds = math.log(self.a) - np.log(self.b + again - 1.0) + (self.r + x) * since
        return np.asarray(np.where(x > 0.0, scipy.special.expit(-odds), 1.0))

    def ahead(self, history: History, outlook: Outlook) -> tuple[Floats, Floats]:
        """Integrals over the time ahead of ``(r+x)/(α+T) E[(1 + pt/(α+T))^-(r+x+1)]``.

        That is ``E[λ exp(-λpt)]`` with the purchase rate λ, whose posterior is a gamma, integrated
        out; the mean is over the dropout probability p, a beta. Equation 10 of the paper is its
        integral; discounted it has no closed form.
        """
        if not outlook.is_endless:
            plain, discounted = self._integrated(history, outlook.horizon, (0.0, outlook.force))
            return plain, discounted
        # A share of customers who hardly ever drop out makes the mean infinite.
        share = 1.0 / (self.a - 1.0) if self.a > 1.0 else math.inf
        plain = 1.0 + (self.b + history.frequency) * share
        if outlook.force == 0.0:
            return plain, plain
        return plain, self._integrated(history, outlook.horizon, (outlook.force,))[0]

    def _integrated(self, history: History, horizon: float, forces: tuple[float, ...]) -> Floats:
        """Purchases in the time ahead, discounted, frequency by frequency, (force, customer)."""
        found = np.empty((len(forces), history.frequency.size))
        order = np.argsort(history.frequency, kind="stable")
        x = history.frequency[order]
        changes = np.flatnonzero(x[1:] != x[:-1]) + 1

        def fill(own: NDArray[np.int64]) -> None:
            function = partial(self._integral, float(history.frequency[own[0]]), horizon, forces)
            found[:, own] = by_age(function, self.alpha + history.age[own])

        # NumPy lets other threads work while it works itself; each holds some megabytes.
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            list(pool.map(fill, np.split(order, changes)))
        return found

    def _integral(
        self, count: float, horizon: float, forces: tuple[float, ...], rate: Floats
    ) -> Floats:
        """The same of one frequency by ``rate``, α + T, shape (force, point)."""
        shape = self.r + count
        leaves, weights = beta_points(self.a, self.b + count)
        # A customer of mean rate and mean p is lost at this time: the rest follows from there.
        scale = rate / (1.0 + shape * float(weights @ leaves))
        found = np.empty((len(forces), rate.size))
        times = still = np.empty(0)
        for at, force in enumerate(forces):
            time, steps = time_steps(horizon, force, scale)
            if not np.array_equal(time, times):
                # It takes nearly all the time, and forces differ in it only where they end it.
                grown = np.log1p((time / rate[:, None])[..., None] * leaves)
                times, still = time, np.exp(-(shape + 1.0) * grown) @ weights
            found[at] = shape / rate * np.sum(still * steps, axis=1)
        return found

    def futures(self, random: Generator, frequency: Floats, age: Floats, draws: int) -> Futures:
        """A Poisson process of which each purchase is the last one with the customer's own p."""
        shape = (frequency.size, draws)
        x = frequency[:, None]
        rate = random.standard_gamma(self.r + x, shape) / (self.alpha + age[:, None])
        # A beta as two gammas: its complement keeps its digits.
        leaves = random.standard_gamma(self.a, shape)
        stays = random.standard_gamma(self.b + x, shape)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            # Of shapes so small that both are nothing, one is, in fact, nearly all.
            both = leaves + stays
            leaves, both = np.where(both > 0.0, leaves, 1.0), np.where(both > 0.0, both, 1.0)
            life = random.standard_exponential(shape) * both / (rate * leaves)
            return Futures(rate * (stays / both), life)


@dataclass(frozen=True)
class ParetoNbd:
    """Pareto/NBD (Schmittlein, Morrison & Colombo 1987, "Counting your customers").

    Attributes
    ----------
    r, alpha : float
        Shape, 1, and rate, periods, of the purchase rate.
    s, beta : float
        Shape, 1, and rate, periods, of the dropout rate.
    """

    r: float
    alpha: float
    s: float
    beta: float
    buys_last: ClassVar[bool] = False

    @property
    def scale(self) -> float:
        """Age, periods, below which age hardly matters."""
        return min(self.alpha, self.beta)

    def alive(self, history: History) -> Floats:
        """``1/(1 + odds)``, the odds of having dropped out at any time since the last purchase.

        ``∫ s/(β+t) ((α+T)/(α+t))^(r+x) ((β+T)/(β+t))^s dt`` from t_x to T: the integral that the
        hypergeometric functions of Schmittlein et al. (1987) stand for, in steps of
        ``log(t + min(α, β))``, where those overflow or cancel for many purchases.
        """
        found = np.empty(history.frequency.size)
        for block in history.blocks():
            found[block] = scipy.special.expit(
                -self._log_odds(
                    history.frequency[block], history.recency[block], history.age[block]
                )
            )
        return found

    def _log_odds(self, x: Floats, last: Floats, until: Floats) -> Floats:
        near, far = min(self.alpha, self.beta), max(self.alpha, self.beta)
        # How fast the integrand falls with log(time + near), at least: the rest is cut.
        fall = (self.r + x) * (near + last) / (self.alpha + last)
        fall += self.s * (near + last) / (self.beta + last) - 1.0
        width = np.log((near + until) / (near + last))
        width = np.minimum(width, _NEGLIGIBLE / np.maximum(fall, 1e-9))
        step = 0.5 * width[:, None] * (_PAST[0] + 1.0)
        by_near = (near + last)[:, None] * np.exp(step)
        log_near = np.log(near + last)[:, None] + step
        log_far = np.log(by_near + (far - near))
        by_alpha = self.alpha <= self.beta
        log_alpha, log_beta = (log_near, log_far) if by_alpha else (log_far, log_near)
        log = log_near - (self.r + x)[:, None] * log_alpha - (self.s + 1.0) * log_beta
        top = log.max(axis=1)
        log -= top[:, None]
        total = 0.5 * width * (np.exp(log, out=log) @ _PAST[1])
        with np.errstate(divide="ignore"):
            return np.asarray(
                np.log(self.s * total)
                + top
                + (self.r + x) * np.log(self.alpha + until)
                + self.s * np.log(self.beta + until)
            )

    def ahead(self, history: History, outlook: Outlook) -> tuple[Floats, Floats]:
        """Mean rate times the expected life within the horizon, and the same discounted.

        ``(r+x)/(α+T)`` times the integral of ``((β+T)/(β+T+t))^s``: without discounting equation
        22 of Schmittlein et al. (1987), discounted and without horizon the DERT of Fader, Hardie &
        Lee (2005, "RFM and CLV").
        """
        rate = (self.r + history.frequency) / (self.alpha + history.age)
        dropout = self.beta + history.age
        if outlook.is_endless:
            mean = dropout / (self.s - 1.0) if self.s > 1.0 else np.full_like(dropout, math.inf)
        else:
            mean = by_age(partial(self._life, outlook.horizon, 0.0), dropout)
        if outlook.force == 0.0:
            return rate * mean, rate * mean
        return rate * mean, rate * by_age(
            partial(self._life, outlook.horizon, outlook.force), dropout
        )

    def _life(self, horizon: float, force: float, rate: Floats) -> Floats:
        """Expected life ahead, discounted, by ``rate``, β + T, shape (point,)."""
        time, steps = time_steps(horizon, force, rate / (1.0 + self.s))
        return np.asarray(np.sum(np.exp(-self.s * np.log1p(time / rate[:, None])) * steps, axis=1))

    def futures(self, random: Generator, frequency: Floats, age: Floats, draws: int) -> Futures:
        """A Poisson process that ends at a time of its own."""
        shape = (frequency.size, draws)
        rate = random.standard_gamma(self.r + frequency[:, None], shape)
        rate /= self.alpha + age[:, None]
        with np.errstate(divide="ignore", over="ignore"):
            life = random.standard_exponential(shape) / random.standard_gamma(self.s, shape)
            return Futures(rate, life * (self.beta + age[:, None]))


@dataclass(frozen=True)
class GammaGamma:
    """Values of purchases (Fader, Hardie & Lee 2005, "RFM and CLV").

    Attributes
    ----------
    p, q : float
        Shapes of a customer's values and of their means over customers, 1, q > 1.
    scale : float
        ``pγ``: scale of the inverse gamma that a customer's mean is drawn from, currency.
    """

    p: float
    q: float
    scale: float

    def mean(self, frequency: Floats, value: Floats) -> Floats:
        """Expected mean value of a customer's purchases, currency, shape (customer,).

        ``p(γ + mx)/(px + q - 1)``: between its own mean m and that of all.
        """
        spent = np.where(frequency > 0.0, frequency * value, 0.0)
        return np.asarray((self.scale + self.p * spent) / (self.p * frequency + self.q - 1.0))


@dataclass(frozen=True)
class SameValue:
    """Every purchase is worth the same, currency."""

    amount: float

    def mean(self, frequency: Floats, _value: Floats) -> Floats:
        """Value of a purchase, currency, shape (customer,)."""
        return np.full(frequency.size, self.amount)


Value = GammaGamma | SameValue
"""How much a purchase is worth."""


def amounts(random: Generator, shapes: Floats) -> Floats:
    """Drawn values of purchases over the customer's own mean, shape (purchase,), 1.

    A gamma of each shape, or the mean itself where they are infinite.
    """
    is_same = shapes.size == 0 or math.isinf(shapes[0])
    return np.ones(shapes.size) if is_same else random.standard_gamma(shapes) / shapes
