"""What people read of a comparison: each variant's worth, return, cash and marginal customers."""

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from rich.console import RenderableType
from rich.text import Text

from clvsim.comparison import LEVEL, ranking_is_settled
from clvsim.measures import standard_error
from clvsim.report import format as say
from clvsim.report.tables import Number, estimate, grid, heading, when

_REACH = 1.96
_MOST_WORLDS = 1_000_000
_BEST = "★"


@dataclass(frozen=True)
class Verdict:
    """Which scenario is worth most, and whether more worlds could change that.

    Attributes
    ----------
    best, second : str
        Names of the scenarios with the highest mean NPV.
    settled : bool
        Whether the lead is beyond doubt at the level of the intervals.
    lead : Number
        NPV of the best less that of the second, in the same worlds.
    text : str
        One line in plain English.
    """

    best: str
    second: str
    settled: bool
    lead: Number
    text: str


def verdict(result: xr.Dataset) -> Verdict:
    """The verdict on a comparison of two scenarios or more."""
    npv = result["npv"].transpose("scenario", "world")
    means = npv.mean("world").values
    first, second = (int(place) for place in np.argsort(-means, kind="stable")[:2])
    names = [str(name) for name in result["scenario"].values]
    paired = npv.isel(scenario=first, drop=True) - npv.isel(scenario=second, drop=True)
    lead = Number(float(paired.mean("world")), float(standard_error(paired)))
    settled = ranking_is_settled(result)
    text = _verdict_text(result, names[first], names[second], lead, settled)
    if means[first] < 0.0:
        text += f" Even {names[first]} loses money on average."
    return Verdict(names[first], names[second], settled, lead, text)


def _verdict_text(
    result: xr.Dataset, best: str, second: str, lead: Number, settled: bool
) -> str:
    worlds = result.sizes["world"]
    by = say.money(lead.value, result.attrs["currency"], _REACH * lead.error)
    if settled:
        return f"Settled: {best} is worth most, by {by} over {second} (95 %)."
    if math.isnan(lead.error):
        return f"Not settled: {best} leads, but one world says nothing about chance: use --worlds."
    if not say.is_uncertain(lead.value, lead.error) and lead.value == 0.0:
        return f"No difference: {best} and {second} are worth the same in every world."
    needed = worlds * (_REACH * lead.error / lead.value) ** 2 if lead.value else math.inf
    advice = (
        f"about {_rounded_up(needed):,} worlds would tell (use --worlds or --precision)"
        if needed < _MOST_WORLDS
        else "take them as equal, or use --precision"
    )
    return f"Not settled: {best} leads {second} by {by} (95 %), which may be chance; {advice}."


def _rounded_up(number: float) -> int:
    """A number of worlds, up to two digits."""
    step = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return math.ceil(number / step) * step


def comparison_report(result: xr.Dataset) -> list[RenderableType]:
    """Heading, tables and verdict of a comparison (a result of ``clvsim.compare``)."""
    found = verdict(result)
    return [
        heading(result),
        _worth(result, found.best),
        _return_and_cash(result, found.best),
        _marginal(result),
        Text(found.text, style="bold"),
    ]


def _names(result: xr.Dataset) -> list[str]:
    return [str(name) for name in result["scenario"].values]


def _marked(name: str, best: str) -> Text:
    return Text(f"{_BEST} {name}", style="bold") if name == best else Text(f"  {name}")


def _worth(result: xr.Dataset, best: str) -> RenderableType:
    """NPV, its difference to the baseline, and the odds."""
    base, currency = result.attrs["baseline"], result.attrs["currency"]
    scale = say.scale_of(*result["npv_mean"].values.tolist())
    gap = say.scale_of(
        *result["npv_difference_low"].values.tolist(),
        *result["npv_difference_high"].values.tolist(),
    )
    rows = []
    for name in _names(result):
        one = result.sel(scenario=name)
        npv, loss = estimate(one, "npv"), estimate(one, "loss_probability")
        best_in = Number(float(one["best_probability"]), float(one["best_probability_se"]))
        difference, error = float(one["npv_difference"]), float(one["npv_difference_se"])
        ends = float(one["npv_difference_low"]), float(one["npv_difference_high"])
        rows.append(
            (
                _marked(name, best),
                say.with_error(npv.value, npv.error, scale),
                say.NOTHING if name == base else say.signed(difference, error, gap),
                say.NOTHING if name == base else say.interval(*ends, gap),
                say.percent(best_in.value, best_in.error),
                say.percent(loss.value, loss.error),
            )
        )
    return grid(
        f"Net present value, ± one standard error (NPV in {scale.unit(currency)})",
        (
            "",
            "NPV",
            f"against {base}" if gap == scale else f"against {base}, {gap.unit(currency)}",
            f"{say.percent(LEVEL)} interval",
            "P(best)",
            "P(loss)",
        ),
        rows,
    )


def _return_and_cash(result: xr.Dataset, best: str) -> RenderableType:
    """Customers, what they cost and are worth, return on marketing, payback and cash."""
    step = result.attrs["step"]
    columns = ("customers_acquired", "clv", "acquisition_cost")
    scales = [say.scale_of(*result[f"{name}_mean"].values.tolist()) for name in columns]
    rows = []
    for name in _names(result):
        one = result.sel(scenario=name)
        plain = [
            say.number(found.value, found.error, scale)
            for found, scale in zip((estimate(one, of) for of in columns), scales, strict=True)
        ]
        romi = estimate(one, "romi")
        rows.append(
            (
                _marked(name, best),
                *plain,
                say.percent(romi.value, romi.error),
                payback(one),
                *trough(one),
            )
        )
    heads = zip(("customers", "CLV", "acq. cost"), scales, strict=True)
    return grid(
        "Customers, return and cash",
        (
            "",
            *(f"{head}, {scale.word}" if scale.word else head for head, scale in heads),
            "ROMI",
            f"payback ({step})",
            "cash trough",
            "in",
        ),
        rows,
    )


def payback(one: xr.Dataset) -> str:
    """When the cash is back for good: date and period, and how often if not always."""
    period, odds = estimate(one, "payback_period"), estimate(one, "payback_probability")
    if odds.value == 0.0:
        return "never"
    often = "" if odds.value == 1.0 else f", {say.percent(odds.value, odds.error)}"
    if period.value == 0.0:
        return f"at once{often}"
    return f"{when(one, period.value)} ({say.number(period.value, period.error)}){often}"


def trough(one: xr.Dataset) -> tuple[str, str]:
    """Deepest point of the cumulated cash, and its date."""
    depth = estimate(one, "cash_trough")
    if depth.value == 0.0:
        return "none", say.NOTHING
    return say.number(depth.value, depth.error), when(one, estimate(one, "cash_trough_period").value)


def _marginal(result: xr.Dataset) -> RenderableType:
    """Customers that join only under one side of each pair, and what one of them is worth."""
    base = result.attrs["baseline"]
    rows = []
    for name in _names(result):
        if name == base:
            continue
        one = result.sel(scenario=name)
        cells: list[str] = []
        for side in ("gained", "lost"):
            customers = Number(float(one[f"{side}_customers"]), float(one[f"{side}_customers_se"]))
            worth = Number(float(one[f"{side}_clv"]), float(one[f"{side}_clv_se"]))
            cells += [say.number(customers.value, customers.error), str(worth)]
        cut = float(one["npv_variance_reduction"])
        rows.append((Text(f"  {name}"), *cells, say.NOTHING if math.isnan(cut) else f"{cut:,.3g}×"))
    average = estimate(result.sel(scenario=base), "clv_before_acquisition")
    currency = result.attrs["currency"]
    worth_of_one = say.money(average.value, currency, average.error)
    return grid(
        "Marginal customers: those who join under one side only, and CLV before acquisition cost",
        ("", "gained", "worth each", "lost", "worth each", "noise cut"),
        rows,
        f"The average customer of {base} is worth {worth_of_one} before acquisition cost.\n"
        "Noise cut: variance of the difference with independent over common random numbers.",
    )
