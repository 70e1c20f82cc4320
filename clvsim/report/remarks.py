"""Remarks on a result: what its figures rest on and no table says. Each is one plain sentence."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from clvsim.report import format as say

#: An offer that lifts conversion above so many times that of the list price, or above this share.
_LIFTED, _MOST = 2.0, 0.5
#: Groups of prospects that a remark names at most.
_SHOWN = 3
#: Share of a channel's expected customers from which those to come after the horizon matter.
_FEW = 1e-3


def remarks(one: xr.Dataset) -> list[str]:
    """Remarks on one scenario of a result.

    Parameters
    ----------
    one : Dataset
        A result, one of its scenarios selected.
    """
    scenario = json.loads(one.attrs["scenarios"])[str(one["scenario"].item())]
    found = [_conversions(one), _cold_starts(scenario), _idle_pasts(scenario)]
    found.append(_undecided(one, scenario))
    return [text for part in found for text in part]


def _conversions(one: xr.Dataset) -> Iterator[str]:
    """Offers that lift conversion further than one would believe without a look."""
    reached, joiners, at_list = (
        one[name].mean("world") for name in ("deciding", "expected_customers", "joiners_at_list")
    )
    lifted: dict[str, list[tuple[float, str]]] = {}
    for channel in one["channel"].values:
        offered = one["offered"].sel(channel=channel)
        offer = str(one["offer"].values[int(offered.argmax("offer"))])
        for segment in one["segment"].values:
            at = {"channel": channel, "segment": segment}
            prospects = float(reached.sel(at))
            if prospects <= 0.0:
                continue
            share, listed = float(joiners.sel(at)) / prospects, float(at_list.sel(at)) / prospects
            if share > listed and (share > _LIFTED * listed or share > _MOST):
                before, after = (say.percent(part, 0.01 * part) for part in (listed, share))
                text = f"of {segment} in {channel} from {before} to {after}"
                lifted.setdefault(offer, []).append((share, text))
    for offer, found in lifted.items():
        texts = [text for _, text in sorted(found, reverse=True)]
        more = len(texts) - _SHOWN
        texts = [*texts[:_SHOWN], *([f"and {more:,} more"] if more > 0 else [])]
        yield (
            f"The offer {offer} lifts conversion {', '.join(texts)}: is a price_sensitivity like "
            "that known from offers that were made?"
        )


def _cold_starts(scenario: Mapping[str, Any]) -> Iterator[str]:
    """Channels whose spend works late and of which nobody says what was spent before."""
    for name, channel in scenario["channels"].items():
        says = channel["steady"] or channel["earlier_spend"] is not None
        if _works_late(channel) and not says:
            yield (
                f"{name} begins from nothing: its spend works late, and nothing is known to have "
                "been spent before the start. If it ran before, write steady = true or "
                "earlier_spend; if not, earlier_spend = 0."
            )


def _idle_pasts(scenario: Mapping[str, Any]) -> Iterator[str]:
    """Spend before the start that changes nothing, or after which nothing is spent."""
    for name, channel in scenario["channels"].items():
        earlier = channel["earlier_spend"]
        if not (channel["steady"] or np.any(earlier)):
            continue
        key = "steady" if channel["steady"] else "earlier_spend"
        if not _works_late(channel):
            yield (
                f"{key} of {name} changes nothing: without carry_over and lead_time, spend works "
                "in its own period only."
            )
        elif np.any(earlier) and not _spends(channel["spend"]):
            yield (
                f"{name} spends nothing within the horizon: all whom it brings are the work of "
                "what was spent before the start."
            )


def _works_late(channel: Mapping[str, Any]) -> bool:
    """Whether spend brings anybody after its own period."""
    return bool(channel["carry_over"] > 0.0 or np.any(channel["lead_time"][1:]))


def _spends(spend: Any) -> bool:
    """Whether any amount of a channel's spend is above zero."""
    steps = spend if isinstance(spend, list) else [spend]
    return any(one["spend"] if isinstance(one, dict) else one for one in steps)


def _undecided(one: xr.Dataset, scenario: Mapping[str, Any]) -> Iterator[str]:
    """Customers whom channels bring after the horizon, where nothing counts them."""
    later, inside = (
        one[name].mean("world").sum("segment") for name in ("later_customers", "expected_customers")
    )
    valued = scenario["money"]["residual"] == "expected"
    for channel in one["channel"].values:
        to_come, joined = float(later.sel(channel=channel)), float(inside.sel(channel=channel))
        if to_come <= _FEW * joined or (valued and joined > 0.0):
            continue
        text = (
            f"{channel} is expected to bring {say.number(to_come, 0.01 * to_come)} customers after "
            "the horizon, by what carries over and by leads undecided at its end"
        )
        if valued:
            yield f"{text}: nobody joins within it, so that nobody can say what they are worth."
        else:
            yield f'{text}; no figure counts them (money.residual = "expected" does).'
