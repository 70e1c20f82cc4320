"""Customers drawn from purchase models with known parameters, and what befalls them.

Written from the stories that the papers tell, customer by customer over all customers at
once, and sharing nothing with `clvsim`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Purchases:
    """What was seen of customers to their ages, and what happens in the time after.

    Attributes
    ----------
    frequency, recency, age : ndarray
        x, t_x and T, (customer,).
    alive : ndarray of bool
        Whether a customer is still there at its age, (customer,).
    later : ndarray
        Purchases in the time ahead, (customer,).

    """

    frequency: NDArray[np.float64]
    recency: NDArray[np.float64]
    age: NDArray[np.float64]
    alive: NDArray[np.bool_]
    later: NDArray[np.float64]


def bg_nbd(
    generator: Generator,
    parameters: tuple[float, float, float, float],
    age: NDArray[np.float64],
    ahead: float = 0.0,
) -> Purchases:
    """Customers who may drop out after each repeat purchase (Fader, Hardie & Lee 2005)."""
    r, alpha, a, b = parameters
    size = age.size
    rate = generator.gamma(r, 1.0 / alpha, size)
    dropout = generator.beta(a, b, size)
    frequency, recency, later = np.zeros(size), np.zeros(size), np.zeros(size)
    alive = np.ones(size, dtype=bool)
    time, here = np.zeros(size), np.arange(size)
    while here.size:
        with np.errstate(divide="ignore", over="ignore"):
            time[here] += generator.exponential(size=here.size) / rate[here]
        here = here[time[here] <= age[here] + ahead]
        seen = time[here] <= age[here]
        frequency[here[seen]] += 1.0
        recency[here[seen]] = time[here[seen]]
        later[here[~seen]] += 1.0
        leaves = generator.random(here.size) < dropout[here]
        alive[here[leaves & seen]] = False
        here = here[~leaves]
    return Purchases(frequency, recency, age, alive, later)


def pareto_nbd(
    generator: Generator,
    parameters: tuple[float, float, float, float],
    age: NDArray[np.float64],
    ahead: float = 0.0,
) -> Purchases:
    """Customers who drop out at any time (Schmittlein, Morrison & Colombo 1987)."""
    r, alpha, s, beta = parameters
    size = age.size
    rate = generator.gamma(r, 1.0 / alpha, size)
    with np.errstate(divide="ignore", over="ignore"):
        life = generator.exponential(size=size) / generator.gamma(s, 1.0 / beta, size)
    watched = np.minimum(life, age)
    frequency = generator.poisson(rate * watched).astype(np.float64)
    # Given their number, purchases are uniform over the time: the last one is their largest.
    last = generator.random(size) ** (1.0 / np.maximum(frequency, 1.0))
    recency = np.where(frequency > 0.0, watched * last, 0.0)
    active = np.clip(life - age, 0.0, ahead)
    later = generator.poisson(rate * active).astype(np.float64)
    return Purchases(frequency, recency, age, life > age, later)


def bg_bb(
    generator: Generator,
    parameters: tuple[float, float, float, float],
    opportunities: NDArray[np.float64],
    ahead: int = 0,
) -> Purchases:
    """Customers at discrete opportunities (Fader, Hardie & Shang 2010)."""
    alpha, beta, gamma, delta = parameters
    size = opportunities.size
    buys = generator.beta(alpha, beta, size)
    dropout = generator.beta(gamma, delta, size)
    frequency, recency, later = np.zeros(size), np.zeros(size), np.zeros(size)
    there = np.ones(size, dtype=bool)
    alive = there.copy()
    for opportunity in range(1, int(opportunities.max()) + ahead + 1):
        there &= generator.random(size) >= dropout
        bought = there & (generator.random(size) < buys)
        seen = opportunity <= opportunities
        frequency[bought & seen] += 1.0
        recency[bought & seen] = opportunity
        later[bought & ~seen & (opportunity <= opportunities + ahead)] += 1.0
        at_next = opportunity == opportunities + 1.0
        alive[at_next] = there[at_next]
    return Purchases(frequency, recency, opportunities, alive, later)


def gamma_gamma(
    generator: Generator, parameters: tuple[float, float, float], frequency: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean value of customers' purchases, and its own expectation (Fader & Hardie 2013).

    The mean of x Gamma(p, ν) values is Gamma(px, νx); customers without purchases get 1.
    """
    p, q, gamma = parameters
    scale = 1.0 / generator.gamma(q, 1.0 / gamma, frequency.size)
    count = np.maximum(frequency, 1.0)
    return generator.gamma(p * count, scale / count), p * scale
