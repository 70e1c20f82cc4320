"""Remarks: what a reader of the tables should know before trusting them, in plain sentences."""

import json
from collections.abc import Iterator

import xarray as xr

from clvsim.engine.ledger import fixed_costs_beyond
from clvsim.report import format as say
from clvsim.report.tables import by_scenario
from clvsim.scenario.model import Scenario

#: Share of the NPV beyond the horizon above which it is worth a remark.
_LARGE = 0.5


def remarks(result: xr.Dataset) -> list[str]:
    """Remarks on a result: one sentence or two each, none where there is nothing to say.

    Parameters
    ----------
    result : Dataset
        Of one scenario or several, along ``scenario``.
    """
    return [*_mostly_beyond(result), *_costs_that_end(result)]


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


def _costs_that_end(result: xr.Dataset) -> Iterator[str]:
    """Scenarios whose customers are valued beyond the horizon while fixed costs are not counted."""
    names = [str(name) for name in result["scenario"].values]
    described = json.loads(result.attrs["scenarios"])
    costs = {name: _left_out(described[name]) for name in names}
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


def _left_out(described: dict[str, object]) -> float:
    """Fixed costs beyond the horizon that a scenario does not count, at time 0, currency."""
    scenario = Scenario.model_validate_json(json.dumps(described))
    if scenario.money.residual == "none" or scenario.money.fixed_costs_beyond:
        return 0.0
    money = scenario.money.model_copy(update={"fixed_costs_beyond": True})
    return fixed_costs_beyond(scenario.model_copy(update={"money": money}))


def _each(texts: dict[str, str], scenarios: int) -> str:
    """What each of some scenarios has; once, where all of them have the same."""
    if len(set(texts.values())) == 1 and len(texts) == scenarios:
        return next(iter(texts.values()))
    return ", ".join(f"{name} {text}" for name, text in texts.items())
