"""Laying one plain table over another: how a variant or an extending file changes its baseline."""

from collections.abc import Mapping
from typing import Any

DISTRIBUTION_KEYS = frozenset({"distribution", "survivors", "uncertain", "value"})
"""A table with one of these keys says how a number is spread: one value, not parts."""


def overlay(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `change` laid over it.

    Tables merge key by key. Lists and single values replace what stood there, and so does a table
    that names a distribution: the parameters of a Beta mean nothing to a Gamma.

    Parameters
    ----------
    base : mapping
        What is changed. It is left as it is.
    change : mapping
        What is laid over it.

    Returns
    -------
    dict
        A copy that shares no table or list with either argument.
    """
    merged = {key: _copy(value) for key, value in base.items()}
    for key, value in change.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and not is_distribution(value):
            merged[key] = overlay(below, value)
        else:
            merged[key] = _copy(value)
    return merged


def is_distribution(table: Mapping[str, Any]) -> bool:
    """Whether `table` names a distribution, and so stands for one value.

    A segment may well be called ``value``; that is a table of its own and says nothing here.
    """
    return any(not isinstance(table.get(key, {}), Mapping) for key in DISTRIBUTION_KEYS)


def _copy(value: Any) -> Any:
    """Copy tables and lists; TOML's single values are immutable."""
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
