"""How much customers differ in churn, as far as a life table can say: draws of the sBG.

Near one churn rate for all the likelihood of the sBG is level on one side for ever (alpha and beta
to infinity), and a normal distribution is no likeness of it. So alpha and beta are drawn from the
likelihood itself, weighted by how customers usually differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clvsim.scenario.life_table import LifeTable

    Floats = NDArray[np.float64]

DRAWS = 256
"""Draws of alpha and beta, all as likely."""
#: Exponent of the weight of a polarisation φ = 1/(1+α+β), which lies between 0 (one churn for all)
#: and 1 (all leave at once or never): its density is φ to this power. Of -0.3, -0.2, …, 0.5 it is
#: one by which intervals of survival hold the truth as often as they say (see the tests).
_TOWARDS_ONE = -0.2
#: Range of log(α+β), points of a first and a second look, and weight below which nothing counts.
_RANGE, _ROUGH, _FINE, _NOTHING = (-12.0, 16.0), 57, 129, 1e-7
#: Points of the log-odds of mean churn, and how many of its standard errors they reach.
_POINTS, _REACH = 81, 6.0
_STEPS, _LONGEST = 40, 1.0
#: Fractions by which a sequence in the square goes on: even, and each beginning of it too (Roberts
#: 2018, "The unreasonable effectiveness of quasirandom sequences").
_PLASTIC = 1.324717957244746
_TURNS = np.array([1.0 / _PLASTIC, 1.0 / _PLASTIC**2])


def even_shares() -> Floats:
    """Points spread evenly over the square, shape (`DRAWS`, 2), 1."""
    return np.asarray((0.5 + np.outer(np.arange(1, DRAWS + 1), _TURNS)) % 1.0)


def sbg_draws(life: LifeTable) -> Floats:
    """Draws of alpha and beta, shape (draw, 2), 1.

    Likelihood times ``φ^-0.2 dφ d logit m``, with the mean churn m = α/(α+β): a mixture, over all
    φ, that one churn for all is the edge of. They are the same each time, in an order of which each
    beginning is spread evenly.

    Parameters
    ----------
    life : LifeTable
        In which some leave and some stay.
    """
    rough = np.linspace(*_RANGE, _ROUGH)
    weight = _weights(life, rough)
    counts = np.flatnonzero(weight > _NOTHING * weight.max())
    first, last = max(counts[0] - 1, 0), min(counts[-1] + 1, _ROUGH - 1)
    totals = np.linspace(rough[first], rough[last], _FINE)
    shares = even_shares()
    chosen = _quantiles(totals, _weights(life, totals), shares[:, 0])
    odds, logs = _by_odds(life, chosen)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    drawn = np.array([_quantiles(*one) for one in zip(odds, weights, shares[:, 1], strict=True)])
    alpha, beta = scipy.special.expit(drawn), scipy.special.expit(-drawn)
    return np.asarray(np.exp(chosen)[:, None] * np.column_stack((alpha, beta)))


def _weights(life: LifeTable, totals: Floats) -> Floats:
    """Weight of each log(α+β), shape (total,), in units of the largest, mean churn taken out."""
    odds, logs = _by_odds(life, totals)
    polarisation = scipy.special.expit(-totals)
    prior = np.log(polarisation) * (1.0 + _TOWARDS_ONE) + np.log1p(-polarisation)
    width = odds[:, 1] - odds[:, 0]
    whole = scipy.special.logsumexp(logs, axis=1) + np.log(width) + prior
    return np.asarray(np.exp(whole - whole.max()))


def _by_odds(life: LifeTable, totals: Floats) -> tuple[Floats, Floats]:
    """Log-odds of mean churn around its best, and the log-likelihood there, (total, point) each."""
    best, error = _best_odds(life, totals)
    odds = best[:, None] + error[:, None] * np.linspace(-_REACH, _REACH, _POINTS)
    total = np.exp(totals)[:, None]
    log_alpha = totals[:, None] + scipy.special.log_expit(odds)
    beta = total * scipy.special.expit(-odds)
    logs = float(life.leavers.sum()) * log_alpha
    # Period by period: what is needed of a long table fits into memory.
    for earlier, stayers, left in zip(life.earlier, life.stayers, life.leavers, strict=True):
        logs = logs + stayers * np.log(beta + earlier) - (stayers + left) * np.log(total + earlier)
    return odds, logs


def _best_odds(life: LifeTable, totals: Floats) -> tuple[Floats, Floats]:
    """Log-odds of mean churn of the largest likelihood by log(α+β), and its error, (total,) each.

    Newton's method; the error is the curvature's.
    """
    total, left = np.exp(totals), float(life.leavers.sum())
    odds = np.full(totals.size, scipy.special.logit(life.churn))
    bend = np.ones(totals.size)
    for _ in range(_STEPS):
        mean = scipy.special.expit(odds)
        moved = (total * mean * (1.0 - mean))[:, None]
        share = moved / ((total * scipy.special.expit(-odds))[:, None] + life.earlier)
        slope = left * (1.0 - mean) - share @ life.stayers
        bend = left * mean * (1.0 - mean)
        bend = bend + (share * ((1.0 - 2.0 * mean)[:, None] + share)) @ life.stayers
        bend = np.maximum(bend, _NOTHING)
        step = np.clip(slope / bend, -_LONGEST, _LONGEST)
        odds = odds + step
        if np.max(np.abs(step)) < _NOTHING:
            break
    return odds, 1.0 / np.sqrt(bend)


def _quantiles(places: Floats, weights: Floats, shares: Floats) -> Floats:
    """Places below which shares of a weight lie that is straight between places, as ``shares``."""
    pieces = 0.5 * (weights[1:] + weights[:-1]) * np.diff(places)
    below = np.concatenate(([0.0], np.cumsum(pieces)))
    return np.asarray(np.interp(shares, below / below[-1], places))
