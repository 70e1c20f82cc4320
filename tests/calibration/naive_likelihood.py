"""Loop-only twins of the purchase models' likelihoods: one customer at a time.

Each integrates what is seen of a customer over the distributions that its own rates and
chances come from, as the papers set the models up, with none of their closed forms.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import scipy.integrate


def _integral(log_inside, low: float, high: float) -> float:
    """Integral of exp of a function, in short pieces."""

    def inside(at: float) -> float:
        log = log_inside(at)
        return math.exp(log) if log > -700.0 else 0.0

    edges = np.linspace(low, high, 61)
    pieces = (
        scipy.integrate.quad(inside, *part, epsabs=0.0)[0] for part in itertools.pairwise(edges)
    )
    return math.fsum(pieces)


def _gamma_mean(shape: float, rate: float, power: float, exposure: float) -> float:
    """``E[λ^power exp(-λ exposure)]`` for λ ~ Gamma(shape, rate), over log λ."""
    constant = shape * math.log(rate) - math.lgamma(shape)

    def log_inside(log_rate: float) -> float:
        own = math.exp(log_rate)
        return constant + (shape + power) * log_rate - own * (rate + exposure)

    return _integral(log_inside, -60.0 / shape, 10.0)


def _beta_mean(a: float, b: float, power: float, power_other: float) -> float:
    """``E[p^power (1-p)^power_other]`` for p ~ Beta(a, b), over the log-odds of p."""
    constant = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def log_inside(odds: float) -> float:
        log_p, log_q = -float(np.logaddexp(0.0, -odds)), -float(np.logaddexp(0.0, odds))
        return constant + (a + power) * log_p + (b + power_other) * log_q

    return _integral(log_inside, -40.0 / a, 40.0 / b)


def bg_nbd(parameters, customers) -> float:
    """Log-likelihood of customers (x, t_x, T) that may drop out after a repeat purchase."""
    r, alpha, a, b = parameters
    total = 0.0
    for x, last, until in customers:
        chance = _beta_mean(a, b, 0, x) * _gamma_mean(r, alpha, x, until)
        if x:
            chance += _beta_mean(a, b, 1, x - 1) * _gamma_mean(r, alpha, x, last)
        total += math.log(chance)
    return total


def pareto_nbd(parameters, customers) -> float:
    """Log-likelihood of customers (x, t_x, T) that may drop out at any time."""
    r, alpha, s, beta = parameters
    total = 0.0
    for x, last, until in customers:
        alive = _gamma_mean(r, alpha, x, until) * _gamma_mean(s, beta, 0, until)

        def gone(time: float, x: float = x) -> float:
            return _gamma_mean(r, alpha, x, time) * _gamma_mean(s, beta, 1, time)

        dropped = scipy.integrate.quad(gone, last, until, epsrel=1e-9)[0] if last < until else 0.0
        total += math.log(alive + dropped)
    return total


def bg_bb(parameters, customers) -> float:
    """Log-likelihood of customers (x, t_x, n) at discrete opportunities."""
    alpha, beta, gamma, delta = parameters
    total = 0.0
    for x, last, until in customers:
        chance = _beta_mean(alpha, beta, x, until - x) * _beta_mean(gamma, delta, 0, until)
        for lived in range(last, until):
            bought = _beta_mean(alpha, beta, x, lived - x)
            chance += bought * _beta_mean(gamma, delta, 1, lived)
        total += math.log(chance)
    return total


def gamma_gamma(parameters, customers) -> float:
    """Log-likelihood of customers (x, mean value): values Gamma(p, ν), ν ~ Gamma(q, γ)."""
    p, q, gamma = parameters
    total = 0.0
    for x, mean in customers:
        # The mean of x values is Gamma(px, νx).
        shape = p * x
        constant = shape * math.log(x) + (shape - 1.0) * math.log(mean) - math.lgamma(shape)
        total += constant + math.log(_gamma_mean(q, gamma, shape, x * mean))
    return total
