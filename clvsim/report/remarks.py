"""Remarks: what a reader of the tables should know before trusting them, in plain sentences."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from clvsim.engine.ledger import fixed_costs_beyond
from clvsim.errors import counted
from clvsim.intervals import FEWEST_THAT_SEE
from clvsim.report import format as say
from clvsim.report.tables import by_scenario
from clvsim.scenario.model import Scenario
from clvsim.scenario.uncertain import is_uncertain
from clvsim.scenario.worlds import rarely_seen

#: Share of the NPV beyond the horizon above which it is worth a remark.
_LARGE = 0.5
#: An offer that lifts conversion above so many times that of the list price, or above this share.
_LIFTED, _MOST = 2.0, 0.5
#: Groups of prospects that a remark names at most.
_SHOWN = 3
#: Share of a channel's expected customers from which those to come after the horizon matter.
_FEW = 1e-3


def remarks(result: xr.Dataset) -> list[str]:
    """Remarks on a result: one sentence or two each, none where there is nothing to say.

    Parameters
    ----------
    result : Dataset
        Of one scenario or several, along ``scenario``.
    """
    scenarios = {
        name: Scenario.model_validate_json(json.dumps(one))
        for name, one in json.loads(result.attrs["scenarios"]).items()
        if name in result["scenario"].values
    }
    return [
        *_mostly_beyond(result),
        *_costs_that_end(result, scenarios),
        *_of_each(result),
        *_rarely_seen(scenarios, result.sizes["world"]),
        *_luck_alone(scenarios),
    ]


def _of_each(result: xr.Dataset) -> Iterator[str]:
    """Remarks on single scenarios: once each, with the names of those that it is true of."""
    names = [str(name) for name in result["scenario"].values]
    said: dict[str, list[str]] = {}
    for name in names:
        for text in _of_one(result.sel(scenario=name)):
            said.setdefault(text, []).append(name)
    for text, whose in said.items():
        yield text if len(whose) == len(names) else f"{', '.join(whose)}: {text}"


def _of_one(one: xr.Dataset) -> Iterator[str]:
    """Remarks on one scenario of a result."""
    scenario = json.loads(one.attrs["scenarios"])[str(one["scenario"].item())]
    yield from _conversions(one)
    yield from _cold_starts(scenario)
    yield from _idle_pasts(scenario)
    yield from _undecided(one, scenario)


def _mostly_beyond(result: xr.Dataset) -> Iterator[str]:
    """Scenarios that are worth what is expected beyond the horizon rather than inside it."""
    names = [str(name) for name in result["scenario"].values]
    shares = dict(zip(names, by_scenario(result, "residual_share"), strict=True))
    large = {name: one for name, one in shares.items() if one.value > _LARGE}
    if large:
        whose = "" if len(large) == len(names) else f" of {', '.join(large)}"
        ordered = sorted(large.values(), key=lambda one: one.value)
        ends = dict.fromkeys(say.percent(one.value, one.error) for one in (ordered[0], ordered[-1]))
        yield (
            f"Most of the NPV{whose} lies beyond the horizon ({' to '.join(ends)}): it rests on "
            "customers who go on as the model says, not on cash that this horizon shows."
        )


def _costs_that_end(result: xr.Dataset, scenarios: Mapping[str, Scenario]) -> Iterator[str]:
    """Scenarios whose customers are valued beyond the horizon while fixed costs are not counted."""
    names = [str(name) for name in result["scenario"].values]
    costs = {name: _left_out(scenarios[name]) for name in names}
    left_out = {name: cost for name, cost in costs.items() if cost > 0.0}
    if left_out:
        currency = result.attrs["currency"]
        how_much = _each(
            {name: say.money(float(f"{cost:.3g}"), currency) for name, cost in left_out.items()},
            len(names),
        )
        yield (
            "Customers are valued beyond the horizon, but fixed costs end with it. If they went "
            f"on for ever, they would take {how_much} from the NPV "
            "(fixed_costs_beyond = true in [money])."
        )


def _left_out(scenario: Scenario) -> float:
    """Fixed costs beyond the horizon that a scenario does not count, at time 0, currency."""
    if scenario.money.residual == "none" or scenario.money.fixed_costs_beyond:
        return 0.0
    money = scenario.money.model_copy(update={"fixed_costs_beyond": True})
    return fixed_costs_beyond(scenario.model_copy(update={"money": money}))


def _each(texts: dict[str, str], scenarios: int) -> str:
    """What each of some scenarios has; once, where all of them have the same."""
    if len(set(texts.values())) == 1 and len(texts) == scenarios:
        return next(iter(texts.values()))
    return ", ".join(f"{name} {text}" for name, text in texts.items())


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


def _luck_alone(scenarios: Mapping[str, Scenario]) -> Iterator[str]:
    """Scenarios whose worlds differ by nothing but the luck of customers."""
    alone = [name for name, one in scenarios.items() if not is_uncertain(one) and not one.shocks]
    if not alone:
        return
    where = "" if len(alone) == len(scenarios) else f" in {', '.join(alone)}"
    yield (
        f"No number is uncertain and there are no shocks{where}: worlds differ by the luck of "
        "customers alone. P(loss), value at risk, CVaR, P(best) and spreads over worlds say "
        "nothing of how wrong the numbers of the scenario may be."
    )


def _rarely_seen(scenarios: Mapping[str, Scenario], worlds: int) -> Iterator[str]:
    """Events that too few worlds see, or escape, for a mean over worlds and its error."""
    found: dict[str, float] = {}
    for one in scenarios.values():
        for path, chance in rarely_seen(one).items():
            found[path] = min(chance, found.get(path, 1.0))
    for path, chance in found.items():
        if worlds * chance < FEWEST_THAT_SEE:
            needed = math.ceil(FEWEST_THAT_SEE / chance)
            yield (
                f"{path} is rare: it tells some {100 * chance:.3g} % of worlds from the "
                f"others, {worlds * chance:.2g} of {counted(worlds, 'world')}. Means over worlds "
                f"and their errors know too little of it: use --worlds {needed:,} or more."
            )
