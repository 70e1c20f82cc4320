"""Laying one plain table over another: how a variant or an extending file changes its baseline."""

from collections.abc import Mapping
from typing import Any

UNSET = "unset"
"""Key of a table whose list names keys that are taken away of what it is laid over."""

DISTRIBUTION_KEYS = frozenset({"distribution", "survivors", "uncertain", "value"})
"""A table with one of these keys says how a number is spread: one value, not parts."""


def overlay(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `change` laid over it.

    Tables merge key by key. Lists and single values replace what stood there, and so does a table
    that names a distribution: the parameters of a Beta mean nothing to a Gamma. For the same reason
    a table replaces one of another ``kind`` or ``relationship``. Keys that ``unset = [...]`` names
    are taken away first; those that are not there stay listed, for the checks to find.

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
    change = dict(change)
    if isinstance(change.get(UNSET), list):
        missing = [key for key in change.pop(UNSET) if not _taken(merged, key)]
        merged |= {UNSET: missing} if missing else {}
    for key, value in change.items():
        below = merged.get(key)
        if (
            isinstance(value, Mapping)
            and isinstance(below, Mapping)
            and not _replaces(value, below)
        ):
            merged[key] = overlay(below, value)
        else:
            merged[key] = _copy(value)
    return merged


def _taken(table: dict[str, Any], key: Any) -> bool:
    """Take a key away; whether it was there."""
    if not isinstance(key, str) or key not in table:
        return False
    del table[key]
    return True


def _replaces(table: Mapping[str, Any], below: Mapping[str, Any]) -> bool:
    """Whether a table stands in the place of another, instead of changing some of its keys."""
    kind, before = table.get("kind"), below.get("kind")
    if isinstance(kind, str) and isinstance(before, str) and kind != before:
        return True
    bond = table.get("relationship")
    # A segment without the word is a contract's, unless a posterior says what it is.
    before = below.get("relationship", bond if "posterior" in below else "contract")
    return is_distribution(table) or (isinstance(bond, str) and bond != before)


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
