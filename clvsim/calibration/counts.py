"""How many repeat purchases customers make in a time: probabilities under BG/NBD and Pareto/NBD."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.likelihood import rising

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Points of Gauss and Legendre for the time of dropout.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
#: Times integrated at once: what they take is some megabytes.
_BLOCK = 64


def count_chances(model: str, parameters: Mapping[str, float], times: Floats, most: int) -> Floats:
    """Probability of 0, 1, …, ``most`` repeat purchases, and of more, by time since the first one.

    Parameters
    ----------
    model : str
        "bg/nbd" or "pareto/nbd".
    parameters : mapping of str to float
        As `clvsim.calibration.fitted.Fitted` has them.
    times : ndarray, shape (time,), in the unit of the fit
        0 or more.
    most : int

    Returns
    -------
    ndarray, shape (time, most + 2), 1
        Rows add up to 1.

    References
    ----------
    Fader, Hardie & Lee 2005, "Counting your customers the easy way", eq. 8, its sum as an
    incomplete beta function; Fader & Hardie 2006, "Deriving an expression for P(X(t) = x) under
    the Pareto/NBD model", whose hypergeometric functions are the integral that is taken here.
    """
    counts = np.arange(most + 1)
    by_model = {"bg/nbd": _bg_nbd, "pareto/nbd": _pareto_nbd}
    found = by_model[model](parameters, np.asarray(times, dtype=np.float64), counts)
    more = np.maximum(1.0 - found.sum(axis=1, keepdims=True), 0.0)
    return np.concatenate((found, more), axis=1)


def _bg_nbd(parameters: Mapping[str, float], times: Floats, counts: NDArray[np.int64]) -> Floats:
    """Still there after x purchases, or gone at the x-th, in time for it, shape (time, count)."""
    r, alpha, a, b = (parameters[name] for name in ("r", "alpha", "a", "b"))
    before = np.maximum(counts - 1, 0)
    offered = rising(a + b, counts)[0]
    stayed = np.exp(rising(b, counts)[0] - offered)
    left = np.where(counts > 0, a * np.exp(rising(b, before)[0] - offered), 0.0)
    in_time = scipy.special.betainc(np.maximum(counts, 1), r, _odds(alpha, times)[:, None])
    return np.asarray(stayed * np.exp(_log_nbd(r, alpha, times, counts)) + left * in_time)


def _pareto_nbd(
    parameters: Mapping[str, float], times: Floats, counts: NDArray[np.int64]
) -> Floats:
    """Still there at the end, or gone some time before, shape (time, count).

    The time of dropout is integrated by Gauss and Legendre in ``log(time + min(α, β))``.
    """
    r, alpha, s, beta = (parameters[name] for name in ("r", "alpha", "s", "beta"))
    near = min(alpha, beta)
    found = np.empty((times.size, counts.size))
    for start in range(0, times.size, _BLOCK):
        until = times[start : start + _BLOCK]
        half = 0.5 * np.log1p(until / near)[:, None]
        grown = half * (_NODES + 1.0)
        lost = near * np.expm1(grown)
        density = s * np.exp(-s * np.log1p(lost / beta)) / (beta + lost)
        weight = half * _WEIGHTS * near * np.exp(grown) * density
        log = _log_nbd(r, alpha, lost.ravel(), counts).reshape(*lost.shape, counts.size)
        gone = np.einsum("tn,tnc->tc", weight, np.exp(log))
        stays = np.exp(-s * np.log1p(until / beta))[:, None]
        found[start : start + _BLOCK] = gone + stays * np.exp(_log_nbd(r, alpha, until, counts))
    return found


def _odds(alpha: float, times: Floats) -> Floats:
    """``t/(α + t)``, shape (time,)."""
    return np.asarray(times / (alpha + times))


def _log_nbd(r: float, alpha: float, times: Floats, counts: NDArray[np.int64]) -> Floats:
    """Log-probability of so many purchases of those who do not leave, shape (time, count)."""
    ways = rising(r, counts)[0] - scipy.special.gammaln(counts + 1.0)
    log = scipy.special.xlogy(counts, _odds(alpha, times)[:, None])
    return np.asarray(log + ways - r * np.log1p(times / alpha)[:, None])
