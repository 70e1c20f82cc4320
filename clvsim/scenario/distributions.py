"""SciPy distributions by name: which there are, what they need, and their quantiles."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvsim.errors import closest
from clvsim.scenario import common

Quantile = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_PLACE = ("loc", "scale")

MOST_VALUES = 1_000_000
"""Most values of a discrete distribution whose quantiles SciPy finds by trying."""


@cache
def _stats() -> Any:
    # Most of a second: only a scenario that names a rare distribution pays for it.
    from scipy import stats

    return stats


@cache
def names() -> tuple[str, ...]:
    """Names of all continuous and discrete distributions of SciPy."""
    stats = _stats()
    kinds = (stats.rv_continuous, stats.rv_discrete)
    return tuple(sorted(name for name, one in inspect.getmembers(stats) if isinstance(one, kinds)))


def check(name: str, parameters: Mapping[str, float]) -> None:
    """Refuse a distribution that SciPy lacks, or parameters that it does not take.

    Raises
    ------
    ValueError
        With every fault of the table in one sentence each.
    """
    if name not in common.FAMILIES and name not in names():
        near = closest(name, names())
        hint = f"; did you mean {near!r}?" if near else ""
        message = f"scipy.stats has no distribution called {name!r}{hint}"
        raise ValueError(message)
    shapes = shape_names(name)
    allowed = shapes + (_PLACE if is_continuous(name) else _PLACE[:1])
    faults = []
    for unknown in sorted(set(parameters) - set(allowed)):
        near = closest(unknown, allowed)
        hint = f", did you mean {near!r}?" if near else ""
        faults.append(f"{name!r} has no parameter {unknown!r}{hint}")
    faults += [
        f"{name!r} needs its parameter {shape!r}" for shape in shapes if shape not in parameters
    ]
    if not faults and not _is_valid(name, parameters):
        faults.append(f"the parameters are outside what {name!r} takes")
    elif not faults and _is_endless(name, parameters):
        faults.append(f"SciPy cannot compute the quantiles of {name!r}: it has too many values")
    if faults:
        raise ValueError("; ".join(faults) + f" (it takes {', '.join(allowed)})")


def shape_names(name: str) -> tuple[str, ...]:
    """Names of the shape parameters of a distribution."""
    if name in common.FAMILIES:
        return common.FAMILIES[name].shapes
    shapes = getattr(_stats(), name).shapes
    return tuple(shapes.replace(",", " ").split()) if shapes else ()


@lru_cache(maxsize=256)
def _freeze(name: str, parameters: tuple[tuple[str, float], ...]) -> Any:
    if name in common.FAMILIES:
        return common.Frozen(name, dict(parameters))
    return getattr(_stats(), name)(**dict(parameters))


def frozen(name: str, parameters: Mapping[str, float]) -> Any:
    """The frozen SciPy distribution (or one that gives the same numbers and costs no import)."""
    return _freeze(name, tuple(sorted(parameters.items())))


def _is_valid(name: str, parameters: Mapping[str, float]) -> bool:
    try:
        with np.errstate(all="ignore"):
            if np.isnan(support(name, parameters)).any():
                return False
            if _is_endless(name, parameters):
                return True
            return bool(np.isfinite(frozen(name, parameters).ppf(0.5)))
    except (ValueError, TypeError, ArithmeticError):
        return False


def _is_endless(name: str, parameters: Mapping[str, float]) -> bool:
    """Whether SciPy would look for a quantile among all values, one after the other."""
    if is_continuous(name):
        return False
    if type(getattr(_stats(), name))._ppf is not _stats().rv_discrete._ppf:  # noqa: SLF001
        return False
    low, high = support(name, parameters)
    return not high - low < MOST_VALUES


def is_continuous(name: str) -> bool:
    """Whether a distribution of SciPy is continuous (else discrete)."""
    return name in common.FAMILIES or isinstance(getattr(_stats(), name), _stats().rv_continuous)


def support(name: str, parameters: Mapping[str, float]) -> tuple[float, float]:
    """Least and greatest value."""
    low, high = frozen(name, parameters).support()
    return float(low), float(high)


def mean(name: str, parameters: Mapping[str, float]) -> float:
    """Mean; may be infinite or NaN."""
    with np.errstate(all="ignore"):
        return float(frozen(name, parameters).mean())
