"""Quantile tables: any distribution, compiled once per run, with its error measured.

On each side of the median the tail probability is cut into octaves and each octave into 16 cells;
a cell holds the cubic through the exact quantile at its ends and thirds. The error is measured
between the nodes of every cell, tails included, and reported (``QuantileTable.error``).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from clvsim.errors import ClvsimError
from clvsim.kernels.plan import CELLS, OCTAVES
from clvsim.scenario import distributions
from clvsim.scenario.distributions import Quantile

Floats = NDArray[np.float64]
_NODES = np.array([0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0])
_TO_COEFFICIENTS = np.linalg.inv(np.vander(_NODES, 4, increasing=True))
#: Where between the nodes the error is measured: the places of the cubic's largest deviation.
_PROBES = 0.5 + np.array([-0.5, 0.5]) * np.sqrt(5.0) / 3.0
#: Probability that a discrete distribution's table leaves out in the upper tail.
_LEFT_OUT = 1e-16
_MOST_ATOMS = 5_000_000
#: Error of a table, 1, with which a distribution is still what it says.
MOST_ERROR = 0.1
#: Probabilities of the quantiles to the largest of which small values are compared.
_LARGE = np.array([0.01, 0.25, 0.5, 0.75, 0.99])


@dataclass(frozen=True)
class QuantileTable:
    """A continuous quantile function as cubics.

    Attributes
    ----------
    cubics : (2 * OCTAVES * CELLS, 4)
        Ascending powers of the fraction of a cell; lower side first.
    error : float
        Largest deviation between nodes, relative to the value (or to 1 % of the largest of the
        quartiles and the quantiles at 1 % and 99 %, if that is larger).
    """

    cubics: Floats
    error: float


def tails() -> Floats:
    """Lower ends of the cells' tail probabilities, ``(OCTAVES, CELLS)``, and so their widths."""
    octave = 2.0 ** (-np.arange(OCTAVES) - 2.0)
    return octave[:, None] * (1.0 + np.arange(CELLS)[None, :] / CELLS)


def compile_quantile(lower: Quantile, upper: Quantile) -> QuantileTable:
    """Table of a quantile function given from both tails.

    Parameters
    ----------
    lower, upper : callable
        Quantile at a lower tail probability, and at an upper one (inverse survival function).
    """
    low = tails()[..., None]
    width = 2.0 ** (-np.arange(OCTAVES) - 2.0)[:, None, None] / CELLS
    sides, errors = [], []
    with np.errstate(all="ignore"):
        floor = 0.01 * float(np.abs(lower(_LARGE)).max()) + 1e-300
        for quantile in (lower, upper):
            values = quantile(low + width * _NODES)
            coefficients = values @ _TO_COEFFICIENTS.T
            exact = quantile(low + width * _PROBES)
            near = coefficients @ np.vander(_PROBES, 4, increasing=True).T
            scale = np.maximum(np.abs(exact), floor)
            errors.append(float(np.nanmax(np.abs(near - exact) / scale)))
            sides.append(coefficients.reshape(-1, 4))
    return QuantileTable(np.concatenate(sides), max(errors))


def continuous_table(
    name: str, parameters: tuple[tuple[str, float], ...], *, rate: bool
) -> QuantileTable:
    """Table of a SciPy distribution, or of the hazard ``-log(1 - churn)`` of a churn probability.

    Raises
    ------
    ClvsimError
        If the distribution's quantiles cannot be computed, or the table misses them.
    """
    table = tabulated(name, parameters, rate=rate)
    if not np.isfinite(table.cubics).all():
        message = f"SciPy cannot compute the quantiles of {name!r} at {dict(parameters)}"
        raise ClvsimError(message)
    if table.error > MOST_ERROR:
        message = (
            f"the quantiles of {name!r} at {dict(parameters)} are missed by a factor of up to "
            f"{1.0 + table.error:.3g}: it leaps from one value to another"
        )
        raise ClvsimError(message)
    return table


@lru_cache(maxsize=256)
def tabulated(name: str, parameters: tuple[tuple[str, float], ...], *, rate: bool) -> QuantileTable:
    """The table of ``continuous_table``, whatever its error.

    Parameters
    ----------
    name : str
    parameters : tuple of pairs
        Sorted by name.
    rate : bool
        Whether of the hazard.
    """
    frozen = distributions.frozen(name, dict(parameters))

    def lower(p: Floats) -> Floats:
        return to_rate(frozen.ppf(p)) if rate else np.asarray(frozen.ppf(p))

    def upper(p: Floats) -> Floats:
        return to_rate(frozen.isf(p)) if rate else np.asarray(frozen.isf(p))

    return compile_quantile(lower, upper)


def to_rate(churn: Floats) -> Floats:
    """Hazard of a churn probability: ``-log(1 - churn)``; a churn of 1 is one of 1 - 1e-16."""
    return np.asarray(-np.log1p(-np.minimum(churn, 1.0 - 2.0**-53)))


@lru_cache(maxsize=256)
def discrete_atoms(name: str, parameters: tuple[tuple[str, float], ...]) -> tuple[Floats, Floats]:
    """Support and distribution function of a discrete distribution, without its last 1e-16.

    Raises
    ------
    ClvsimError
        If that needs more than five million atoms.
    """
    frozen = distributions.frozen(name, dict(parameters))
    low, high = frozen.support()
    low = max(low, float(frozen.ppf(_LEFT_OUT)))
    high = min(high, float(frozen.isf(_LEFT_OUT)))
    if not high - low < _MOST_ATOMS:
        message = f"{name!r} has more than {_MOST_ATOMS:,} values that matter; its tail is too long"
        raise ClvsimError(message)
    values = np.arange(low, high + 1.0)
    return values, np.asarray(frozen.cdf(values))


@lru_cache(maxsize=1)
def normal_table() -> QuantileTable:
    """Table of the standard normal distribution."""
    from scipy.special import ndtri

    return compile_quantile(ndtri, lambda p: -ndtri(p))
