"""What BG/NBD and Pareto/NBD say of customers with a history: alive or not, and what they buy.

Both say that a customer who is alive is one of a new cohort with other parameters, so all but
P(alive) hangs on frequency and age alone: it is integrated for few ages of each frequency and
interpolated (`clvsim.calibration.scoring.outlook.by_age`) for the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.scoring.outlook import annuity, by_age, by_frequency
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
#: Ages at which mean squares are integrated: 1e-5 is enough for them, where ages differ 400-fold.
_POINTS_OF_SQUARES = 12


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

    def squares(self, history: History, outlook: Outlook, single: float) -> Floats:
        """Mean square of the discounted values of customers who are alive, (customer,), 1.

        In units of the customer's own mean value of a purchase; infinite where it is.

        Parameters
        ----------
        history : History
        outlook : Outlook
        single : float
            Mean square of one purchase in the same units, 1.
        """

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
            forces = (0.0, outlook.force)
            integral = partial(self._integral, outlook.horizon, forces)
            plain, discounted = by_frequency(integral, history.frequency, self.alpha + history.age)
            return plain, discounted
        # A share of customers who hardly ever drop out makes the mean infinite.
        share = 1.0 / (self.a - 1.0) if self.a > 1.0 else math.inf
        plain = 1.0 + (self.b + history.frequency) * share
        if outlook.force == 0.0:
            return plain, plain
        integral = partial(self._integral, math.inf, (outlook.force,))
        return plain, by_frequency(integral, history.frequency, self.alpha + history.age)[0]

    def _integral(
        self, horizon: float, forces: tuple[float, ...], count: float, rate: Floats
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

    def squares(self, history: History, outlook: Outlook, single: float) -> Floats:
        """Mean square of the discounted values of customers who are alive, (customer,), 1.

        Each purchase counts with its own square, each pair of them, the later one at time t, with
        density ``λ² (1-p) exp(-λpt)`` at every time before: the customer stayed at the earlier one.
        Without horizon and discount all count, and the mean of ``2(1-p)/p²`` is finite for a > 2.
        """
        if not outlook.is_endless or outlook.force > 0.0:
            square = partial(self._square, outlook, single)
            return by_frequency(
                square, history.frequency, self.alpha + history.age, _POINTS_OF_SQUARES
            )
        if self.a <= 2.0:
            return np.full(history.frequency.size, math.inf)
        b = self.b + history.frequency
        mean = (self.a + b - 1.0) / (self.a - 1.0)
        return mean * (single + 2.0 * b / (self.a - 2.0))

    def _square(self, outlook: Outlook, single: float, count: float, rate: Floats) -> Floats:
        """The same of one frequency by ``rate``, α + T, shape (point,)."""
        shape, force = self.r + count, outlook.force
        leaves, weights = beta_points(self.a, self.b + count)
        scale = rate / (1.0 + shape * float(weights @ leaves))
        time, steps = time_steps(outlook.horizon, force, scale)
        # In place, which takes a fifth less time.
        grown = (time / rate[:, None])[..., None] * leaves
        still = np.log1p(grown)
        still *= -(shape + 1.0)
        np.exp(still, out=still)
        singles = single * np.exp(-force * time) * (still @ weights)
        grown += 1.0
        still /= grown
        pairs = 2.0 * (shape + 1.0) / rate[:, None] * annuity(time, force)
        pairs *= still @ (weights * (1.0 - leaves))
        return np.asarray(shape / rate * np.sum(steps * (singles + pairs), axis=1))

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

    def squares(self, history: History, outlook: Outlook, single: float) -> Floats:
        """Mean square of the discounted values of customers who are alive, (customer,), 1.

        Each purchase counts with its own square, each pair of them, the later one at time t, with
        density ``λ² exp(-μt)``. Without horizon and discount the mean of ``1/μ²`` is finite for
        s > 2.
        """
        age = self.alpha + history.age
        rate = (self.r + history.frequency) / age
        pairs = 2.0 * rate * (self.r + history.frequency + 1.0) / age
        dropout = self.beta + history.age
        if not outlook.is_endless or outlook.force > 0.0:
            lives, earlier = by_age(partial(self._lives_and_pairs, outlook), dropout)
            return np.asarray(single * rate * lives + pairs * earlier)
        if self.s <= 2.0:
            return np.full_like(dropout, math.inf)
        life = dropout / (self.s - 1.0)
        return life * (single * rate + pairs * dropout / (self.s - 2.0))

    def _life(self, horizon: float, force: float, rate: Floats) -> Floats:
        """Expected life ahead, discounted, by ``rate``, β + T, shape (point,)."""
        time, steps = time_steps(horizon, force, rate / (1.0 + self.s))
        return np.asarray(np.sum(np.exp(-self.s * np.log1p(time / rate[:, None])) * steps, axis=1))

    def _lives_and_pairs(self, outlook: Outlook, rate: Floats) -> Floats:
        """Life ahead discounted twice, and pairs of times in it discounted, shape (2, point)."""
        force = outlook.force
        time, steps = time_steps(outlook.horizon, force, rate / (1.0 + self.s))
        steps *= np.exp(-self.s * np.log1p(time / rate[:, None]))
        twice = np.exp(-force * time)
        return np.array([np.sum(steps * one, axis=1) for one in (twice, annuity(time, force))])

    def futures(self, random: Generator, frequency: Floats, age: Floats, draws: int) -> Futures:
        """A Poisson process that ends at a time of its own."""
        shape = (frequency.size, draws)
        rate = random.standard_gamma(self.r + frequency[:, None], shape)
        rate /= self.alpha + age[:, None]
        with np.errstate(divide="ignore", over="ignore"):
            life = random.standard_exponential(shape) / random.standard_gamma(self.s, shape)
            return Futures(rate, life * (self.beta + age[:, None]))
