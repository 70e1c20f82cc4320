"""What people read of a comparison: each variant's worth, return, cash and marginal customers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from rich.console import RenderableType
from rich.text import Text

from clvsim.comparison import Standing, standing
from clvsim.intervals import LEVEL, reach, worlds_needed
from clvsim.report import format as say
from clvsim.report.remarks import remarks
from clvsim.report.tables import (
    NO_PLAN,
    Number,
    by_scenario,
    grid,
    has_plan,
    heading,
    luck_alone,
    remark,
    when,
)

_TINY = 2e-3
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
    others_better : float
        Share of worlds in which another scenario than the best has the highest NPV.
    text : str
        One line in plain English.
    """

    best: str
    second: str
    settled: bool
    lead: Number
    others_better: float
    text: str


def verdict(result: xr.Dataset) -> Verdict:
    """The verdict on a comparison of two scenarios or more."""
    npv = result["npv"].transpose("scenario", "world")
    names = _names(result)
    found = standing(npv)
    best, second = found.order[:2]
    better = float((npv.max("scenario") > npv.isel(scenario=best)).mean())
    text = _settled_text(result, found, better) if found.is_settled else _open_text(result, found)
    if float(npv.isel(scenario=best).mean()) < 0.0:
        text += f" Even {names[best]} loses money on average."
    lead = Number(float(found.leads[0]), float(found.errors[0]))
    return Verdict(names[best], names[second], found.is_settled, lead, better, text)


def _by(result: xr.Dataset, found: Standing, rival: int) -> str:
    """How far the best leads one of the others, with the reach of its interval."""
    error = float(reach(found.worlds) * found.errors[rival])
    return say.money(float(found.leads[rival]), result.attrs["currency"], error)


def _settled_text(result: xr.Dataset, found: Standing, better: float) -> str:
    """Sure of the mean, and how often another is better all the same."""
    names = _names(result)
    best, second = found.order[:2]
    cause = "by the luck of customers alone, " if luck_alone(result).all() else ""
    often = (
        f"{cause}in {say.percent(better, min(0.01, better))} of worlds another would "
        "have been better"
        if better > 0.0
        else f"and in each of the {found.worlds:,} worlds none is better"
    )
    by = _by(result, found, 0)
    return (
        f"Settled: {names[best]} is worth most on average, by {by} over {names[second]} (95 %); "
        f"{often}."
    )


def _open_text(result: xr.Dataset, found: Standing) -> str:
    """Which lead may be chance, and how many worlds would tell."""
    names = _names(result)
    # The second, or the first of the others that is not certain to be behind.
    rival = int(np.argmin(found.are_beyond_doubt))
    best, other = names[found.order[0]], names[found.order[1 + rival]]
    lead, error = float(found.leads[rival]), float(found.errors[rival])
    if math.isnan(error):
        return f"Not settled: {best} leads, but one world says nothing about chance: use --worlds."
    if not say.is_uncertain(lead, error) and lead == 0.0:
        return f"No difference: {best} and {other} are worth the same in every world."
    needed = worlds_needed(error * math.sqrt(found.worlds) / lead) if lead else math.inf
    advice = (
        f"about {_rounded_up(needed):,} worlds would tell (use --worlds or --precision)"
        if needed < _MOST_WORLDS
        else "take them as equal, or use --precision"
    )
    by = _by(result, found, rival)
    return f"Not settled: {best} leads {other} by {by} (95 %), which may be chance; {advice}."


def _rounded_up(number: float) -> int:
    """A number of worlds, up to two digits."""
    step: int = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return math.ceil(number / step) * step


def comparison_report(result: xr.Dataset) -> list[RenderableType]:
    """Heading, tables and verdict of a comparison (a result of ``clvsim.compare``)."""
    found = verdict(result)
    return [
        heading(result),
        _worth(result, found.best),
        _plan(result, found.best),
        _business(result, found.best),
        _marginal(result),
        Text(found.text, style="bold"),
        *map(remark, remarks(result)),
    ]


def _names(result: xr.Dataset) -> list[str]:
    return [str(name) for name in result["scenario"].values]


def _marked(name: str, best: str) -> Text:
    return Text(f"{_BEST} {name}", style="bold") if name == best else Text(f"  {name}")


def _worth(result: xr.Dataset, best: str) -> RenderableType:
    """NPV, its difference to the baseline, and the odds."""
    base, currency = result.attrs["baseline"], result.attrs["currency"]
    npv, error = (result[name].values.tolist() for name in ("npv_mean", "npv_se"))
    difference, low, high = (
        result[f"npv_difference{end}"].values.tolist() for end in ("", "_low", "_high")
    )
    scale = say.scale_of(*npv)
    # Differences of a few thousand among millions would be a row of zeros.
    gap = scale if max(map(abs, difference)) > _TINY * scale.factor else say.ONE
    reach = [0.5 * (b - a) for a, b in zip(low, high, strict=True)]
    shown = say.common_places(difference, reach, 2, gap)
    npvs = say.error_column(npv, error, scale)
    odds, losses = by_scenario(result, "best_probability"), by_scenario(result, "loss_probability")
    beyond = by_scenario(result, "residual_share")
    counts_beyond = any(share.value != 0.0 for share in beyond)
    rows: list[list[str | Text]] = []
    for i, name in enumerate(_names(result)):
        ends = low[i] / gap.factor, high[i] / gap.factor
        rows.append(
            [
                _marked(name, best),
                npvs[i],
                say.NOTHING if name == base else say.signed(difference[i] / gap.factor, shown[i]),
                say.NOTHING if name == base else say.interval(*ends, shown[i]),
                say.percent_with_error(odds[i].value, odds[i].error),
                say.percent_with_error(losses[i].value, losses[i].error),
                *([say.percent(beyond[i].value, beyond[i].error)] if counts_beyond else ()),
            ]
        )
    heads = ["NPV", "difference", f"{say.percent(LEVEL)} interval", "P(best)", "P(loss)"]
    return grid(
        f"Net present value in {scale.unit(currency)}, ± one standard error; difference to {base}"
        + ("" if gap == scale else f" in {gap.unit(currency)}"),
        ("", *heads, *(["beyond"] if counts_beyond else ())),
        rows,
        "Beyond: share of the NPV that lies beyond the horizon."
        if counts_beyond
        else "Nothing beyond the horizon is counted.",
    )


def _plan(result: xr.Dataset, best: str) -> RenderableType:
    """What the plan adds to the same worlds without it: NPV, investment, return and its cash."""
    there = [bool(one) for one in has_plan(result).values]
    if not any(there):
        return Text(NO_PLAN)
    heads = {"plan_npv": "plan NPV", "plan_investment": "investment"}
    columns, returns = _columns(result, heads), by_scenario(result, "romi")
    cash = _cash_columns(result, "plan_")
    rows: list[list[str | Text]] = []
    for i, name in enumerate(_names(result)):
        cells = [
            *(column[i] for column in columns.values()),
            say.percent_with_error(returns[i].value, returns[i].error),
            *(column[i] for column in cash.values()),
        ]
        rows.append([_marked(name, best), *(cells if there[i] else [say.NOTHING] * len(cells))])
    return grid(
        f"The plan, ± one standard error; dates ± {result.attrs['step']}s",
        ("", *columns, "ROMI", *cash),
        rows,
        "\n".join(
            (
                "Against the same worlds without channels, offers and programs. Investment: spent",
                "and given away, discounted. Payback and trough: cash inside the horizon.",
                *_not_faster(result, "plan_"),
            )
        ),
    )


def _business(result: xr.Dataset, best: str) -> RenderableType:
    """Customers acquired, what they cost and are worth, and the cash of the business."""
    heads: dict[str, str] = {}
    if bool((result["customers_acquired_mean"] > 0.0).any()):
        heads = {"customers_acquired": "customers", "clv": "CLV", "acquisition_cost": "acq. cost"}
    columns = _columns(result, heads) | _cash_columns(result, "")
    rows: list[list[str | Text]] = [
        [_marked(name, best), *(column[i] for column in columns.values())]
        for i, name in enumerate(_names(result))
    ]
    return grid(
        f"The business, all customers and all costs, ± one standard error; dates ± "
        f"{result.attrs['step']}s",
        ("", *columns),
        rows,
        "\n".join(_not_faster(result, "")),
    )


def _columns(result: xr.Dataset, heads: dict[str, str]) -> dict[str, list[str]]:
    """Cells of some measures by their heading, each measure on one scale."""
    columns: dict[str, list[str]] = {}
    for name, head in heads.items():
        means, errors = (result[f"{name}{end}"].values.tolist() for end in ("_mean", "_se"))
        scale = say.scale_of(*means)
        text = f"{head}, {scale.word}" if scale.word else head
        columns[text] = say.error_column(means, errors, scale)
    return columns


def _cash_columns(result: xr.Dataset, whose: str) -> dict[str, list[str]]:
    """Payback, trough and its date of the plan or the business, by heading."""
    names = ("payback_period", "payback_probability", "cash_trough", "cash_trough_period")
    back, odds, troughs, lowest = (by_scenario(result, f"{whose}{name}") for name in names)
    ((deepest, depths),) = _columns(result, {f"{whose}cash_trough": "cash trough"}).items()
    is_none = [trough.value == 0.0 for trough in troughs]
    return {
        f"payback ({result.attrs['step']})": [
            _payback(result, *one) for one in zip(back, odds, strict=True)
        ],
        deepest: ["none" if none else depth for none, depth in zip(is_none, depths, strict=True)],
        "in": [
            say.NOTHING if none else _dated(result, period)
            for none, period in zip(is_none, lowest, strict=True)
        ],
    }


def _not_faster(result: xr.Dataset, whose: str) -> Iterator[str]:
    """A line on each scenario whose payback periods do not tell whether it is faster."""
    base, names = result.attrs["baseline"], _names(result)
    period, odds, least = (
        by_scenario(result, f"{whose}{name}")
        for name in ("payback_period", "payback_probability", "payback_or_horizon")
    )
    at, step = names.index(base), result.attrs["step"]
    difference = result[f"{whose}payback_period_difference"].values
    for i, name in enumerate(names):
        if math.isnan(difference[i]) and not math.isnan(period[i].value + period[at].value):
            yield (
                f"{name} pays back in {say.percent(odds[i].value, odds[i].error)} of worlds, {base}"
                f" in {say.percent(odds[at].value, odds[at].error)}: the mean of the one leaves "
                f"out its slow worlds, so that neither is said to be faster (with the horizon "
                f"where it never does, {least[i]} and {least[at]} {step}s)"
            )


def _dated(result: xr.Dataset, period: Number) -> str:
    """A date, with the error of its period where that is known and more than nothing."""
    date = when(result, period.value)
    if not say.is_uncertain(period.value, period.error):
        return date
    return f"{date} ± {say.fixed(period.error, say.places(period.error, period.error, 2))}"


def _payback(result: xr.Dataset, period: Number, odds: Number) -> str:
    """When the cash is back for good: date and period, and how often if not always."""
    if odds.value == 0.0:
        return "never"
    often = "" if odds.value == 1.0 else f", {say.percent_with_error(odds.value, odds.error)}"
    if period.value == 0.0:
        return f"at once{often}"
    return (
        f"{when(result, period.value - 1.0)} ({say.with_error(period.value, period.error)}){often}"
    )


def _marginal(result: xr.Dataset) -> RenderableType:
    """Customers that join only under one side of each pair, and what one of them is worth."""
    base, currency = result.attrs["baseline"], result.attrs["currency"]
    names = [name for name in _names(result) if name != base]
    others = [place for place, name in enumerate(_names(result)) if name != base]

    def figures(name: str) -> list[float]:
        found: list[float] = result[name].values[others].tolist()
        return found

    cuts = [f"{_three_digits(cut)}×" if math.isfinite(cut) else say.NOTHING
            for cut in figures("npv_variance_reduction")]  # fmt: skip
    if not any(figures("gained_customers")) and not any(figures("lost_customers")):
        listed = ", ".join(f"{name} {cut}" for name, cut in zip(names, cuts, strict=True))
        return Text(
            "All scenarios have the same customers. Common random numbers cut the variance of the "
            f"difference to {base}: {listed}."
        )
    columns = []
    for side in ("gained", "lost"):
        many, worth = f"{side}_customers", f"{side}_clv"
        columns += [
            say.error_column(figures(many), figures(f"{many}_se")),
            say.error_column(figures(worth), figures(f"{worth}_se")),
        ]
    average = by_scenario(result, "clv_before_acquisition")[_names(result).index(base)]
    worth_of_one = say.money(average.value, currency, average.error)
    return grid(
        f"Marginal customers: who joins only with it (gained), or only with {base} (lost)",
        ("", "gained", "worth each", "lost", "worth each", "noise cut"),
        [[f"  {row[0]}", *row[1:]] for row in zip(names, *columns, cuts, strict=True)],
        f"Worth before acquisition cost; the average customer of {base} is worth {worth_of_one}.\n"
        "Noise cut: variance of the difference with independent over common random numbers.",
    )


def _three_digits(number: float) -> str:
    """A factor to three digits, without an exponent: ``8.26``, ``1,240``."""
    return f"{number:.3g}" if number < 100.0 else f"{float(f'{number:.3g}'):,.0f}"
