"""What BG/BB says of customers with a history of opportunities taken and missed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.likelihood import BgBbLikelihood, rising
from clvsim.calibration.scoring.quadrature import beta_points
from clvsim.calibration.scoring.value import amounts

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from clvsim.calibration.scoring.outlook import Outlook
    from clvsim.calibration.scoring.purchase import History

    Floats = NDArray[np.float64]

#: Fall of the log of a discount factor, 1, beyond which nothing counts.
_NEGLIGIBLE = 40.0
#: Purchase probability, 1, below which nobody lives to see one.
_LEAST = 1e-15
#: Purchases of a life that are drawn one by one.
_ONE_BY_ONE = 1_024


@dataclass(frozen=True)
class BgBb:
    """BG/BB (Fader, Hardie & Shang 2010, "Customer-base analysis in a discrete-time setting").

    At each opportunity a customer first drops out with probability θ ~ Beta(γ, δ); while there, it
    buys with probability p ~ Beta(α, β). Of a history, frequency, recency and age count
    opportunities: x taken, the last of them t_x, and all n.

    Attributes
    ----------
    alpha, beta : float
        Of the purchase probability, 1.
    gamma, delta : float
        Of the dropout probability, 1.
    """

    alpha: float
    beta: float
    gamma: float
    delta: float

    def log_chance(self, history: History) -> Floats:
        """Log-probability of each history, its purchases in their order, (customer,), 1.

        Equation 5; there are ``C(t_x - 1, x - 1)`` orders.
        """
        whole = [
            np.rint(one).astype(np.int64)
            for one in (history.frequency, history.recency, history.age)
        ]
        rows, own = np.unique(np.column_stack(whole), axis=0, return_inverse=True)
        count, last, until = rows.T.copy()
        likelihood = BgBbLikelihood(count, last, until, np.ones(len(rows)))
        logs = np.log([self.alpha, self.beta, self.gamma, self.delta])
        return likelihood.each(logs)[own.ravel()]

    def alive(self, history: History) -> Floats:
        """Probability of being there at the next opportunity, n + 1 (equation 11), (customer,)."""
        # By products, as in `log_chance`: differences of log-betas lose all digits where shapes are
        # large.
        x, n = (np.rint(one).astype(np.int64) for one in (history.frequency, history.age))
        log = rising(self.alpha, x)[0] + rising(self.beta, n - x)[0]
        log -= rising(self.alpha + self.beta, n)[0]
        log += rising(self.delta, n + 1)[0] - rising(self.gamma + self.delta, n + 1)[0]
        return np.asarray(np.minimum(np.exp(log - self.log_chance(history)), 1.0))

    def ahead(self, history: History, outlook: Outlook) -> tuple[Floats, Floats]:
        """Expected purchases of who is there at the next one, and the same discounted, (customer,).

        Equations 13 and 14 over P(alive): the expected purchase probability times opportunities at
        which the customer is there, the first of which is one period away.
        """
        x, n = history.frequency, history.age
        buys = (self.alpha + x) / (self.alpha + self.beta + n)
        own, where = np.unique(n, return_inverse=True)
        plain = np.array([self._lives(float(at), outlook.horizon, 0.0) for at in own])
        if outlook.discount == 0.0:
            return buys * plain[where], buys * plain[where]
        found = [self._lives(float(at), outlook.horizon, outlook.discount) for at in own]
        return buys * plain[where], buys * np.array(found)[where]

    def _lives(self, age: float, horizon: float, discount: float) -> float:
        """Discounted opportunities ahead of who is there at the next one."""
        v = 1.0 / (1.0 + discount)
        delta = self.delta + age + 1.0
        if math.isinf(horizon):
            if not discount:
                total = self.gamma + delta - 1.0
                return total / (self.gamma - 1.0) if self.gamma > 1.0 else math.inf
            leaves, weights = beta_points(self.gamma, delta)
            return float(weights @ (v / (1.0 - v + v * leaves)))
        stays = self._stays(age, horizon)
        return float(stays @ v ** np.arange(1.0, stays.size + 1.0))

    def squares(self, history: History, outlook: Outlook, single: float) -> Floats:
        """Mean square of the discounted values of who is there at the next one, (customer,), 1.

        In units of the customer's own mean value of a purchase, of which ``single`` is that of one
        alone; infinite where it is. Each purchase counts with its own square, and each pair of
        opportunities that the customer is there to see with the expected p².
        """
        x, n = history.frequency, history.age
        buys = (self.alpha + x) / (self.alpha + self.beta + n)
        again = (self.alpha + x + 1.0) / (self.alpha + self.beta + n + 1.0)
        own, where = np.unique(n, return_inverse=True)
        twice = outlook.discount * (2.0 + outlook.discount)
        lives = np.array([self._lives(float(at), outlook.horizon, twice) for at in own])
        pairs = np.array([self._pairs(float(at), outlook) for at in own])
        return np.asarray(buys * (single * lives[where] + 2.0 * again * pairs[where]))

    def _pairs(self, age: float, outlook: Outlook) -> float:
        """Discounted pairs of opportunities ahead of who is there at the next one.

        Without horizon the mean of ``v³(1-θ)/((1-v(1-θ))(1-v²(1-θ)))``: undiscounted it is finite
        for γ > 2.
        """
        v = 1.0 / (1.0 + outlook.discount)
        delta = self.delta + age + 1.0
        if not outlook.is_endless:
            stays = self._stays(age, outlook.horizon)
            factor = v ** np.arange(1.0, stays.size + 1.0)
            return float(stays @ (factor * (np.cumsum(factor) - factor)))
        if not outlook.discount:
            if self.gamma <= 2.0:
                return math.inf
            total = self.gamma + delta - 1.0
            return delta * total / ((self.gamma - 1.0) * (self.gamma - 2.0))
        leaves, weights = beta_points(self.gamma, delta)
        first, second = (1.0 - power + power * leaves for power in (v, v * v))
        return float(weights @ (v**3 * (1.0 - leaves) / (first * second)))

    def _stays(self, age: float, horizon: float) -> Floats:
        """Chance of being there at each opportunity of who is there at the next, (opportunity,)."""
        ahead = np.arange(math.floor(horizon), dtype=np.float64)
        delta, betaln = self.delta + age + 1.0, scipy.special.betaln
        return np.asarray(np.exp(betaln(self.gamma, delta + ahead) - betaln(self.gamma, delta)))

    def values(
        self,
        random: Generator,
        outlook: Outlook,
        shape: float | Floats,
        frequency: float,
        age: float,
        draws: int,
    ) -> Floats:
        """Drawn discounted values of who is there at the next opportunity, ``(draw,)``, 1.

        In units of the customer's own mean value of a purchase.

        Parameters
        ----------
        random : Generator
        outlook : Outlook
        shape : float, or array of shape (draw,)
            Of the gamma that purchases come from; infinite: all are the mean.
        frequency, age : float
            Opportunities taken, x, and all, n.
        draws : int
        """
        chance = random.beta(self.alpha + frequency, self.beta + age - frequency, draws)
        log_miss = np.log1p(-np.clip(chance, _LEAST, 1.0 - _LEAST))
        leaves = random.beta(self.gamma, self.delta + age + 1.0, draws)
        log_stay = np.log1p(-np.clip(leaves, _LEAST, 1.0 - _LEAST))
        # By inversion; the next opportunity is certainly met.
        life = 1.0 + np.floor(-random.standard_exponential(draws) / log_stay)
        end = min(outlook.horizon, _NEGLIGIBLE / outlook.force if outlook.force else math.inf)
        life = np.minimum(life, end)
        total, time = np.zeros(draws), np.zeros(draws)
        going, shapes = np.arange(draws), np.broadcast_to(shape, draws)
        for _ in range(_ONE_BY_ONE):
            if not going.size:
                return total
            misses = np.floor(-random.standard_exponential(going.size) / log_miss[going])
            time[going] += 1.0 + misses
            going = going[time[going] <= life[going]]
            factor = np.exp(-outlook.force * time[going])
            total[going] += factor * amounts(random, shapes[going])
        # So many more that they hardly differ from what is expected of them.
        left, force = life[going] - time[going], outlook.force
        if force:
            left = np.exp(-force * time[going]) * -np.expm1(-force * left) / math.expm1(force)
        total[going] += chance[going] * left
        return total
