"""Faults of channels: spend that is missing, or that organic prospects do not need."""

from collections.abc import Iterator, Mapping
from typing import Any

from clvsim.errors import Fault, closest
from clvsim.scenario.channels import Channel
from clvsim.scenario.toml import Document

Table = Mapping[str, Any]

#: What only those have that reach prospects by spend, and what says so.
_OF_SPEND = {
    "spend": "comes of its own accord and takes no spend",
    "earlier_spend": "comes of its own accord and took no spend (steady = true: as many before)",
    "carry_over": "has no spend that could carry over",
}


def channel_faults(document: Document, channels: Mapping[str, Table]) -> Iterator[Fault]:
    """What is wrong with channels beyond single values."""
    for name, channel in channels.items():
        at, reach = ("channels", name), channel.get("reach")
        kind = reach.get("kind") if isinstance(reach, Mapping) else None
        if kind == "organic":
            for key, why in _OF_SPEND.items():
                if _is_something(channel.get(key)):
                    allowed = f"no {key}, or a reach of another kind"
                    yield document.fault((*at, key), f"who is organic {why}", allowed)
        elif "spend" not in channel and not _misspelt(channel):
            yield document.fault((*at, "spend"), "is missing", "an amount per period, or a list")
        if channel.get("steady") is True and channel.get("earlier_spend") is not None:
            message = "what was spent before the start is said twice: by steady and by this"
            yield document.fault((*at, "earlier_spend"), message, "one of them")


def _is_something(value: Any) -> bool:
    """Whether a value stands for more than nothing."""
    if isinstance(value, list):
        return any(map(_is_something, value))
    if isinstance(value, Mapping):
        return _is_something(value.get("spend"))
    return value is not None and value != 0


def _misspelt(channel: Table) -> bool:
    """Whether an unknown key was probably meant to be the spend."""
    known = Channel.model_fields
    return any(closest(key, known) == "spend" for key in channel if key not in known)
