"""Resuming: an earlier result is checked whole before worlds are added to it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from clvsim.errors import InputError
from clvsim.results import MAY_BE_NAN, NUMERIC_PACKAGES, RAW, raw

#: Keys of a scenario that change no number: its titles, and what the request says anew.
_WITHOUT_EFFECT = (("name",), ("question",), ("simulation", "worlds"), ("simulation", "seed"))
#: Differences that a message names.
_NAMED = 3
_NOWHERE = object()


def accepted(
    earlier: xr.Dataset,
    own: Mapping[str, str],
    labels: Mapping[str, NDArray[Any]],
    first_world: int,
) -> xr.Dataset:
    """The raw part of an earlier result, in the order of this run's labels.

    Parameters
    ----------
    earlier : Dataset
    own : dict of str to str
        Attributes of this run's results: ``scenarios``, ``seed``, ``versions``.
    labels : dict of str to array
        Labels of this run's results by dimension (``results.labels_of``).
    first_world : int
        Number that its first world has.

    Raises
    ------
    InputError
        If anything that changes a number differs, which is named: scenarios, seed, versions of
        what computes; or if worlds, variables or numbers are missing.
    """
    for why in (*_other_numbers(earlier, own), *_damage(earlier, labels, first_world)):
        message = f"the earlier result {why}: it cannot be resumed"
        raise InputError(message)
    found = raw(earlier)
    order = {dim: values for dim, values in labels.items() if dim in found.dims}
    return found.sel({dim: values for dim, values in order.items() if values.dtype.kind == "O"})


def _other_numbers(earlier: xr.Dataset, own: Mapping[str, str]) -> Iterator[str]:
    """What would have made other numbers."""
    try:
        scenarios, here = json.loads(earlier.attrs["scenarios"]), json.loads(own["scenarios"])
        versions, wanted = json.loads(earlier.attrs["versions"]), json.loads(own["versions"])
        seed = earlier.attrs["seed"]
        different = list(_differences(dict(scenarios), dict(here)))
        packages = [
            f"{name} {versions.get(name)} there and {wanted[name]} here"
            for name in NUMERIC_PACKAGES
            if versions.get(name) != wanted[name]
        ]
    except (KeyError, ValueError, TypeError, AttributeError):
        yield "does not say what it was simulated of"
        return
    if different:
        more = len(different) - _NAMED
        aside = f" and {more:,} more" if more > 0 else ""
        yield f"has other scenarios ({'; '.join(different[:_NAMED])}{aside})"
    if seed != own["seed"]:
        yield f"has another seed ({seed} there and {own['seed']} here)"
    if packages:
        yield f"has other versions ({'; '.join(packages)})"


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """Where scenarios differ in what changes a number."""
    for name in here.keys() - there.keys():
        yield f"it lacks {name!r}"
    for name in there.keys() - here.keys():
        yield f"it has {name!r} besides"
    for name in here:
        if name in there:
            yield from (f"{name}: {text}" for text in _unlike(there[name], here[name], ()))


def _unlike(there: Any, here: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Paths at which two tables hold different values."""
    if path in _WITHOUT_EFFECT or there == here:
        return
    if isinstance(there, dict) and isinstance(here, dict):
        for key in dict.fromkeys((*here, *there)):
            yield from _unlike(there.get(key, _NOWHERE), here.get(key, _NOWHERE), (*path, key))
        return
    yield f"{'.'.join(path)} is {_brief(there)} there and {_brief(here)} here"


def _brief(value: Any) -> str:
    if value is _NOWHERE or value is None:
        return "absent"
    if isinstance(value, (dict, list)):
        return "another table" if isinstance(value, dict) else "another list"
    return repr(value)


def _damage(
    earlier: xr.Dataset, labels: Mapping[str, NDArray[Any]], first_world: int
) -> Iterator[str]:
    """What is missing or cannot be in a result of this run's scenarios."""
    sizes = {dim: len(values) for dim, values in labels.items()}
    worlds = earlier["world"].values if "world" in earlier.coords else np.zeros(0)
    if worlds.ndim != 1 or worlds.size == 0 or worlds.dtype.kind not in "iu":
        yield "has no numbered worlds"
        return
    if not np.array_equal(worlds, first_world + np.arange(worlds.size)):
        yield f"has not all worlds from {first_world:,} on, each once and in their order"
    for dim, values in labels.items():
        own = earlier[dim].values if dim in earlier.coords else np.zeros(0)
        if own.shape != values.shape or set(own.tolist()) != set(values.tolist()):
            yield f"has other labels along {dim!r}"
            return
    sizes["world"] = worlds.size
    for name, (dims, _, _) in RAW.items():
        shape = tuple(sizes[dim] for dim in ("scenario", *dims))
        if name not in earlier.data_vars:
            yield f"lacks {name!r}"
        elif earlier[name].dims != ("scenario", *dims) or earlier[name].shape != shape:
            yield f"has {name!r} along other dimensions"
        elif earlier[name].dtype.kind != "f":
            yield f"has {name!r} as something other than numbers"
        elif not _is_possible(name, dims, earlier[name].values):
            yield f"has {name!r} with something that is no number"


def _is_possible(name: str, dims: tuple[str, ...], values: NDArray[np.float64]) -> bool:
    """Whether all are numbers, or NaN where nobody can be."""
    if name in MAY_BE_NAN or "quantile" in dims:
        return not bool(np.isinf(values).any())
    return bool(np.isfinite(values).all())
