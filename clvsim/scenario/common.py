"""The distributions that nearly every scenario uses, without importing ``scipy.stats``.

That import takes 0.8 s, a fifth of the main job; these need ``scipy.special`` only. A test holds
each to ``scipy.stats``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap
from numpy.typing import NDArray

Floats = NDArray[np.float64]


#: Quantile up to which two terms of its series give it to twelve digits.
_TWO_TERMS = 1e-6


@dataclass(frozen=True)
class Family:
    """One continuous distribution in standard form (``loc`` 0, ``scale`` 1).

    Attributes
    ----------
    shapes : tuple of str
        SciPy's names; each must be positive.
    lower, upper : callable
        Quantile at a lower tail probability, and at an upper one; the shapes come first.
    mean : callable
        Mean, given the shapes.
    support : (least, greatest)
    """

    shapes: tuple[str, ...]
    lower: Callable[..., Floats]
    upper: Callable[..., Floats]
    mean: Callable[..., float]
    support: tuple[float, float] = (0.0, np.inf)


def _special(name: str) -> Callable[..., Floats]:
    """A function of ``scipy.special``, which is imported when it is first called."""

    def call(*arguments: float | Floats) -> Floats:
        return np.asarray(getattr(scipy.special, name)(*arguments))

    return call


def beta_lower(a: float, b: float, q: Floats) -> Floats:
    """Quantile of the beta distribution at a lower tail probability, for all of this package.

    SciPy has none for a ``q`` below 1e-16 where a shape is just above 1: there two terms of the
    series are enough, ``q = x^a/(a B(a, b)) (1 + x a (1-b)/(a+1))``.
    """
    found = np.asarray(scipy.special.betaincinv(a, b, q))
    if not np.isnan(found).any():
        return found
    with np.errstate(all="ignore"):
        first = np.exp((np.log(q) + np.log(a) + scipy.special.betaln(a, b)) / a)
    second = first * (1.0 - first * (1.0 - b) / (a + 1.0))
    return np.where(np.isnan(found) & (first < _TWO_TERMS), second, found)


def beta_upper(a: float, b: float, q: Floats) -> Floats:
    """Quantile of the beta distribution at an upper tail probability.

    Where SciPy has none, it is 1 less the lower one of the mirror image.
    """
    found = np.asarray(scipy.special.betainccinv(a, b, q))
    missing = np.isnan(found)
    if missing.any():
        found = np.where(missing, 1.0 - beta_lower(b, a, q), found)
    return found


_ndtri = _special("ndtri")
#: By SciPy's name.
FAMILIES: dict[str, Family] = {
    "beta": Family(
        ("a", "b"),
        beta_lower,
        beta_upper,
        lambda a, b: a / (a + b),
        (0.0, 1.0),
    ),
    "expon": Family((), lambda q: -np.log1p(-q), lambda q: -np.log(q), lambda: 1.0),
    "gamma": Family(("a",), _special("gammaincinv"), _special("gammainccinv"), lambda a: a),
    "lognorm": Family(
        ("s",),
        lambda s, q: np.exp(s * _ndtri(q)),
        lambda s, q: np.exp(-s * _ndtri(q)),
        lambda s: float(np.exp(0.5 * s * s)),
    ),
    "norm": Family((), _ndtri, lambda q: -_ndtri(q), lambda: 0.0, (-np.inf, np.inf)),
    "uniform": Family((), lambda q: 1.0 * q, lambda q: 1.0 - q, lambda: 0.5, (0.0, 1.0)),
}


class Frozen:
    """A family with its parameters: what is used of a frozen SciPy distribution.

    Parameters that the family does not take give NaN everywhere, as in SciPy.

    Parameters
    ----------
    name : str
        A key of ``FAMILIES``.
    parameters : mapping of str to float
        Shapes, ``loc`` and ``scale``.
    """

    def __init__(self, name: str, parameters: Mapping[str, float]) -> None:
        self._family = FAMILIES[name]
        self._shapes = [parameters[shape] for shape in self._family.shapes]
        self._loc, self._scale = parameters.get("loc", 0.0), parameters.get("scale", 1.0)
        positive = [*self._shapes, self._scale]
        valid = np.isfinite([*positive, self._loc]).all() and min(positive) > 0.0
        if not valid:
            self._loc = np.nan

    def ppf(self, q: Floats | float) -> Floats:
        """Quantile at a lower tail probability."""
        return self._placed(self._family.lower(*self._shapes, np.asarray(q)))

    def isf(self, q: Floats | float) -> Floats:
        """Quantile at an upper tail probability."""
        return self._placed(self._family.upper(*self._shapes, np.asarray(q)))

    def mean(self) -> float:
        """Mean."""
        return self._loc + self._scale * self._family.mean(*self._shapes)

    def support(self) -> tuple[float, float]:
        """Least and greatest value."""
        low, high = self._family.support
        return self._loc + self._scale * low, self._loc + self._scale * high

    def _placed(self, standard: Floats) -> Floats:
        return np.asarray(self._loc + self._scale * standard)
