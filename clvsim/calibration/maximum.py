"""Maximum likelihood over positive parameters: the maximum, its error, what is not identified.

Parameters are searched in logs, since all are positive and their likelihoods are closer to
a parabola there. A fit of odd but possible data ends with a note for people, never with an
exception: a parameter may run to a bound, or the data may leave a line of parameters that do
equally well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Objective = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]

LOWEST, HIGHEST = math.log(1e-6), math.log(1e6)
"""Bounds of the log of a parameter, in units in which the data are about 1."""

_SEARCH_TOLERANCE = 1e-7
"""Relative gain in log-likelihood, 1, at which a search hands over to Newton's method."""

_GAIN = 1e-14
"""Gain in log-likelihood still to be had, 1, at which Newton's method stops."""

_CONVERGED = 1e-4
"""The same, at which a maximum counts as found."""

_STEP = 1e-4
"""Step in a log, 1, of the central differences of the slope: their error is about 1e-8."""

_ROUNDING = 1e-14
"""Share of a log-likelihood, 1, that is rounding."""

_AT_BOUND = 1e-3
"""Distance of a log from its bound, 1, at which it counts as there."""

_NEWTON_STEPS = 30
_LONGEST_STEP = 2.0
"""Longest step of Newton's method in a log, 1: a factor of e²."""

_LEAST_INFORMATION = 0.25
"""Information on a direction in logs, 1, below which it is not identified.

The 95 % interval would then reach over a factor of fifty to either side, and worlds drawn from it
would be worth what a few impossible ones are: a log-normal is no likeness of such a likelihood.
"""

_LEAST_CURVATURE = 0.01
"""Curvature of a direction in logs, 1, that Newton's method takes where there is less."""

_LOADING = 0.1
"""Share of a direction, 1, from which a parameter is said to take part in it."""


@dataclass(frozen=True)
class Maximum:
    """Where a log-likelihood is largest.

    Attributes
    ----------
    logs : ndarray
        Logs of the parameters, shape (parameter,).
    log_likelihood : float
        There.
    covariance : ndarray
        Of the logs, shape (parameter, parameter), the inverse of the observed information;
        NaN in the rows and columns of parameters that are not identified.
    told : ndarray
        The same over the directions that are identified, what is not being held as it is: finite.
        Where a and b of a beta run off together their mean is known, and its error is in here.
    notes : tuple of str
        What is not identified or not found, for people.

    """

    logs: NDArray[np.float64]
    log_likelihood: float
    covariance: NDArray[np.float64]
    told: NDArray[np.float64]
    notes: tuple[str, ...]


def maximise(
    objective: Objective,
    names: Sequence[str],
    starts: Sequence[Sequence[float]],
    rough: Objective | None = None,
) -> Maximum:
    """Find the largest log-likelihood between the bounds of the parameters.

    Quasi-Newton searches from all starts, then Newton's method from the best of their ends,
    with the slope's central differences as curvature.

    Parameters
    ----------
    objective : callable
        Log-likelihood and its slope, shape (parameter,), at logs of the parameters.
    names : sequence of str
        Of the parameters, for the notes.
    starts : sequence of sequence of float
        Parameters, not logs, to start from, shape (start, parameter).
    rough : callable, optional
        A cheaper likelihood of nearly the same maximum, such as that of some of the customers: the
        searches are for its maximum, and Newton's method goes on from there. It changes how long a
        fit takes, not what it finds.

    Returns
    -------
    Maximum

    """
    search = None if rough is None else _rough_maximum(rough, starts)
    if search is None:
        search = _best_search(objective, starts)
    logs, information = _newton(objective, search)
    value, slope = objective(logs)
    free = _free(logs, slope)
    level = _level(information, free)
    notes = [*_bound_notes(names, logs, free), *_level_notes(names, level)]
    known = free & ~level
    strength, directions = np.linalg.eigh(information[np.ix_(free, free)])
    told = np.zeros(information.shape)
    told[np.ix_(free, free)] = _inverse(strength, directions)
    covariance = np.where(known & known[:, None], told, np.nan)
    gain = _gain(slope[free], strength, directions)
    if not gain <= max(_CONVERGED, _ROUNDING * abs(value)):
        notes.append(
            "The search for the maximum did not converge: the log-likelihood could still rise by "
            f"about {gain:.1g}."
        )
    return Maximum(logs, value, covariance, told, tuple(notes))


def _best_search(objective: Objective, starts: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Best end of the searches from all starts, logs, shape (parameter,)."""
    return max(
        (_search(objective, np.log(np.asarray(start, dtype=np.float64))) for start in starts),
        key=lambda logs: objective(logs)[0],
    )


def _rough_maximum(
    rough: Objective, starts: Sequence[Sequence[float]]
) -> NDArray[np.float64] | None:
    """Maximum of a cheaper likelihood, logs; None where it does not identify every parameter."""
    logs, information = _newton(rough, _best_search(rough, starts))
    free = _free(logs, rough(logs)[1])
    return logs if free.all() and not _level(information, free).any() else None


def _search(objective: Objective, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """End of a quasi-Newton search, logs, shape (parameter,)."""
    scale = max(abs(objective(np.clip(start, LOWEST, HIGHEST))[0]), 1.0)

    def falling(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = objective(logs)
        return -value / scale, -slope / scale

    found = scipy.optimize.minimize(
        falling,
        np.clip(start, LOWEST, HIGHEST),
        jac=True,
        method="L-BFGS-B",
        bounds=[(LOWEST, HIGHEST)] * start.size,
        options={"ftol": _SEARCH_TOLERANCE, "gtol": 1e-9},
    )
    return np.asarray(found.x, dtype=np.float64)


def _newton(
    objective: Objective, logs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logs at the maximum near a point, and the observed information there."""
    value, slope = objective(logs)
    information = _information(objective, logs)
    for _ in range(_NEWTON_STEPS):
        free = _free(logs, slope)
        strength, directions = np.linalg.eigh(information[np.ix_(free, free)])
        if _gain(slope[free], strength, directions) <= _GAIN:
            break
        # Where the likelihood curves up or hardly at all, follow the slope as if it curved down.
        curved = np.maximum(np.abs(strength), _LEAST_CURVATURE)
        step = np.zeros_like(logs)
        step[free] = directions @ ((directions.T @ slope[free]) / curved)
        step *= min(1.0, _LONGEST_STEP / max(float(np.max(np.abs(step))), 1e-300))
        for _halving in range(20):
            ahead = np.clip(logs + step, LOWEST, HIGHEST)
            there, slope_there = objective(ahead)
            # Close to the maximum a good step gains less than rounding takes.
            if there >= value - _ROUNDING * abs(value):
                break
            step *= 0.5
        else:
            break
        logs, value, slope = ahead, there, slope_there
        information = _information(objective, logs)
    return logs, information


def _information(objective: Objective, logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the second derivatives in the logs, shape (parameter, parameter)."""
    rows = []
    for step in _STEP * np.eye(logs.size):
        ahead, behind = objective(logs + step)[1], objective(logs - step)[1]
        rows.append((behind - ahead) / (2.0 * _STEP))
    table = np.array(rows)
    return np.asarray(0.5 * (table + table.T))


def _free(logs: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which parameters no bound holds back, shape (parameter,)."""
    held_low = (logs <= LOWEST + _AT_BOUND) & (slope <= 0.0)
    held_high = (logs >= HIGHEST - _AT_BOUND) & (slope >= 0.0)
    return np.asarray(~(held_low | held_high))


def _level(information: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which parameters take part in directions that are not identified, shape (parameter,).

    A parameter held by a bound may still have moved with a free one, which then is not
    identified either: so once with those held and once without.
    """
    level = np.zeros_like(free)
    for part in (np.ones_like(free), free):
        strength, directions = np.linalg.eigh(information[np.ix_(part, part)])
        # By the length of its shadow on all of them: of equal ones no basis is the right one.
        loadings = np.linalg.norm(directions[:, strength < _LEAST_INFORMATION], axis=1)
        level[part] |= loadings >= _LOADING
    return level


def _inverse(strength: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance over the directions that are identified, shape (free, free)."""
    sharp = strength >= _LEAST_INFORMATION
    kept = directions[:, sharp]
    return np.asarray((kept / strength[sharp]) @ kept.T)


def _gain(
    slope: NDArray[np.float64], strength: NDArray[np.float64], directions: NDArray[np.float64]
) -> float:
    """Log-likelihood that a Newton step would gain, 1."""
    along = directions.T @ slope
    return float(0.5 * np.sum(along**2 / np.maximum(np.abs(strength), _LEAST_CURVATURE)))


def _bound_notes(
    names: Sequence[str], logs: NDArray[np.float64], free: NDArray[np.bool_]
) -> list[str]:
    """Say which parameters ran to a bound."""
    return [
        f"{name} is not identified: it ran to its {'lower' if log < 0.0 else 'upper'} bound."
        for name, log, inside in zip(names, logs.tolist(), free.tolist(), strict=True)
        if not inside
    ]


def _level_notes(names: Sequence[str], level: NDArray[np.bool_]) -> list[str]:
    """Say along which parameters the likelihood is level."""
    moving = [name for name, inside in zip(names, level.tolist(), strict=True) if inside]
    if not moving:
        return []
    if len(moving) == 1:
        return [f"{moving[0]} is not identified: the likelihood hardly moves with it."]
    together = f"{', '.join(moving[:-1])} and {moving[-1]}"
    note = (
        f"{together} are not identified: the likelihood hardly moves if they change together. What "
        "the data do tell of them, such as a mean, has its error in the block; the rest is held."
    )
    return [note]
