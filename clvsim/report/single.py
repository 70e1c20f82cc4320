"""What people read of one scenario: measures, segments, channels, cash, programs, retention."""

import json
import math
from collections.abc import Iterator

import numpy as np
import xarray as xr
from rich.console import RenderableType
from rich.text import Text

from clvsim.accounts import ACCOUNTS, MEASURES, RISK_MEASURES, Unit
from clvsim.measures import OVER_WORLDS, Estimate, mean_of, ratio_of
from clvsim.report import format as say
from clvsim.report.joining import who_joins
from clvsim.report.remarks import remarks
from clvsim.report.statement import GIVEN_AWAY, Line, Span, label, profit_and_loss, spans
from clvsim.report.tables import (
    NO_PLAN,
    Number,
    dates,
    estimate,
    grid,
    has_plan,
    heading,
    remark,
    words,
)

#: Quantiles over worlds that are shown.
_SHOWN = (0.05, 0.5, 0.95)
#: Tenures of the retention table by step.
_TENURES = {
    "week": (4, 13, 26, 52, 104, 156, 260),
    "month": (1, 3, 6, 12, 24, 36, 48, 60),
    "quarter": (1, 2, 4, 8, 12, 16, 20),
    "year": (1, 2, 3, 5, 10),
}
_LABELS = {
    "var_95": "Value at risk, 95 %",
    "cvar_95": "CVaR, 95 %",
    "top_20_share": "Share of the top 20 %",
    "loss_probability": "P(loss)",
    "payback_probability": "P(payback)",
    "plan_payback_probability": "P(plan payback)",
}
#: Ratios that are shown in per cent.
_AS_SHARES = {"romi", "romi_on_spend"}
#: Single measures that other tables show.
_ELSEWHERE = ("prospects", "conversion", "conversion_at_list", "expected_joiners")
#: Columns of the page that a span of the statement takes at least.
_LEAST_SPAN = 8


def scenario_report(result: xr.Dataset, width: int) -> list[RenderableType]:
    """Heading and tables of every scenario of a result.

    Parameters
    ----------
    result : Dataset
    width : int
        Columns of the page: the statement shows as many spans as fit.
    """
    parts: list[RenderableType] = [heading(result)]
    names = [str(name) for name in result["scenario"].values]
    for name in names:
        one = result.sel(scenario=name)
        if len(names) > 1:
            parts.append(Text(f"— {name} —", style="bold"))
        parts += [*_plan_and_business(one), *who_joins(one), *_groups(one)]
        parts += [_clv_quantiles(one), _statement(one, width), *_programs(one, name)]
        parts += [*_retention(one), *_fits(result, name)]
    return parts + list(map(remark, remarks(result)))


def _plan_and_business(one: xr.Dataset) -> Iterator[RenderableType]:
    """All single measures: those of the plan first."""
    what = "mean ± one standard error, and quantiles over worlds"
    if bool(has_plan(one)):
        yield _measures(
            one,
            f"The plan: {what}",
            "Against the same worlds without channels, offers and programs. Investment: spent\n"
            "and given away, discounted; ROMI: plan NPV per unit of it. Payback and trough:\n"
            "cash inside the horizon, not discounted.",
            of_plan=True,
        )
    else:
        yield Text(NO_PLAN)
    yield _measures(
        one,
        f"The business, all customers and all costs: {what}",
        "Value at risk and CVaR are losses of NPV (a negative one is a gain), with the ends of\n"
        "their 95 % intervals.",
        of_plan=False,
    )


def _measures(one: xr.Dataset, title: str, caption: str, *, of_plan: bool) -> RenderableType:
    """Single measures of the plan, or of the business."""
    step = one.attrs["step"]
    places = [OVER_WORLDS.index(share) for share in _SHOWN]
    rows = []
    for measure in (*MEASURES, *RISK_MEASURES):
        elsewhere = measure.dims or measure.name in _ELSEWHERE
        if elsewhere or measure.of_plan != of_plan:
            continue
        found = estimate(one, measure.name)
        is_short = _is_short_of_worlds(one, measure.name)
        is_nothing = measure.name == "undecided_customers" and found.value == 0.0
        is_none = math.isnan(found.value) and measure.unit != "periods" and not is_short
        if is_nothing or is_none:
            continue
        name = f"{measure.name}_quantiles_over_worlds"
        spread = one[name].values[places].tolist() if name in one else [math.nan] * len(places)
        measured_in: Unit = "share" if measure.name in _AS_SHARES else measure.unit
        cells = [_as_precise(value, found.error, measured_in) for value in spread]
        text = _LABELS.get(measure.name, words(measure.name))
        unit = f", {step}s" if measure.unit == "periods" else ""
        shown = _needs(one, measure.name) if is_short else _with_error(found, measured_in)
        if f"{measure.name}_needs_worlds" in one and not is_short:
            shown = _with_ends(one, measure.name)
        rows.append((text + unit, shown, *cells))
    return grid(title, ("", "mean", *map(say.percent, _SHOWN)), rows, caption)


def _is_short_of_worlds(one: xr.Dataset, name: str) -> bool:
    """Whether a measure has no figure for want of worlds."""
    needed = one.get(f"{name}_needs_worlds")
    return needed is not None and float(needed) > one.sizes["world"]


def _needs(one: xr.Dataset, name: str) -> str:
    return f"needs {float(one[f'{name}_needs_worlds']):,.0f} worlds"


def _with_ends(one: xr.Dataset, name: str) -> str:
    """A figure and its 95 % interval: ``2,059 (1,790 to 2,410)``."""
    value, low, high = (float(one[f"{name}_{end}"]) for end in ("mean", "low", "high"))
    scale = say.scale_of(value, low, high)
    value, low, high = (one / scale.factor for one in (value, low, high))
    at = say.places(value, 0.5 * (high - low), digits=2)
    return f"{say.fixed(value, at)} ({say.interval(low, high, at)}) {scale.word}".strip()


def _with_error(found: Number, unit: Unit) -> str:
    """A measure and its error in its unit."""
    write = say.percent_with_error if unit == "share" else say.with_error
    return write(found.value, found.error)


def _as_precise(value: float, error: float, unit: Unit) -> str:
    """A figure of one world, to the precision of a mean with that error."""
    return (say.percent if unit == "share" else say.number)(value, error)


def _groups(one: xr.Dataset) -> Iterator[RenderableType]:
    """Customers by segment and by channel, where there is more than one."""
    for dim, over in (("segment", "channel"), ("channel", "segment")):
        names = [str(name) for name in one[dim].values]
        # An installed base has no measures by segment; by channel, it says what it is worth.
        only_base = not bool((one["acquired"] == 1).any())
        if (dim == "segment" and only_base) or (len(names) < 2 and not only_base):
            continue
        rows, with_base = [], False
        for name in names:
            at = {dim: name}
            is_base = dim == "channel" and int(one["acquired"].sel(channel=name)) == 0
            with_base |= is_base
            base = _installed(one, name, over) if is_base else {}
            columns = [
                base.get(measure) or estimate(one, f"{measure}_by_{dim}", **at)
                for measure in (
                    "customers_acquired", "clv_before_acquisition", "acquisition_cost", "clv",
                )
            ]  # fmt: skip
            share = estimate(one, f"payback_share_by_{dim}", **at)
            rows.append(
                (
                    f"{name} *" if is_base else name,
                    *map(str, columns),
                    say.percent_with_error(share.value, share.error),
                )
            )
        yield grid(
            f"By {dim}, per customer",
            ("", "customers", "CLV before cost", "acq. cost", "CLV", "paying back"),
            rows,
            "* installed base: there from the start, and what they are still worth then"
            if with_base
            else "",
        )


def _installed(one: xr.Dataset, name: str, over: str) -> dict[str, Number]:
    """Customers of an installed base and what they are worth."""
    here = one.sel(channel=name)
    customers, value = here["customers"].sum(over), here["value"].sum(over)
    return {
        "customers_acquired": _number(mean_of(customers)),
        "clv_before_acquisition": _number(ratio_of(value, customers)),
    }


def _number(found: Estimate) -> Number:
    """An estimate without dimensions."""
    return Number(float(found.mean), float(found.standard_error))


def _clv_quantiles(one: xr.Dataset) -> RenderableType:
    """Quantiles of CLV over customers: all, and by segment."""
    shares, width = one["quantile"].values.tolist(), float(one.attrs["customer_histogram_error"])
    segments = [str(name) for name in one["segment"].values]
    rows = [("all", *(str(estimate(one, "clv_quantiles", quantile=share)) for share in shares))]
    for name in segments if len(segments) > 1 else []:
        found = (
            estimate(one, "clv_quantiles_by_segment", segment=name, quantile=share)
            for share in shares
        )
        rows.append((name, *map(str, found)))
    return grid(
        "CLV over customers: what this share of them is worth at most",
        ("", *map(say.percent, shares)),
        rows,
        f"read off a histogram: within {say.percent(width)} of what they are",
    )


def _statement(one: xr.Dataset, width: int) -> RenderableType:
    """Profit and loss by span of periods, with the way from cash to NPV."""
    most = max(width // _LEAST_SPAN, 1)
    cut, rows, word = _statement_rows(one, most)
    while _width_of(rows) > width and len(cut) > 1:
        cut, rows, word = _statement_rows(one, len(cut) - 1)
    unit = f"{word} {one.attrs['currency']}".strip()
    bridge = _bridge(one)
    if str(rows[-1][0]) == words(GIVEN_AWAY):
        bridge += (
            "\nMarketing investment: of the lines above, what is spent and what is given away."
        )
    bridge += "\nEvery ± is one standard error; a line of them belongs to the line above it."
    heads = [span.label for span in cut]
    return grid(f"Profit and loss, {unit}", ("", *heads, "total"), rows, bridge)


def _bridge(one: xr.Dataset) -> str:
    """The way from discounted cash to the NPV, and the share of it beyond the horizon."""
    present = one["present_value"]
    beyond = [account.name for account in ACCOUNTS if not account.cash]
    amounts = {label(name): _number(mean_of(present.sel(account=name))) for name in beyond}
    inside = present.sum("account") - present.sel(account=beyond).sum("account")
    amounts = {"cash": _number(mean_of(inside)), **amounts, "NPV": estimate(one, "npv")}
    scale = say.scale_of(*(amount.value for amount in amounts.values()))
    said = {
        name: f"{name} {say.with_error(amount.value, amount.error, scale)}"
        for name, amount in amounts.items()
        if amount.value != 0.0 or name in {"cash", "NPV"}
    }
    whole = said.pop("NPV")
    share = estimate(one, "residual_share")
    text = f"Discounted, {scale.unit(one.attrs['currency'])}: {' + '.join(said.values())} = {whole}"
    if share.value != 0.0 and not math.isnan(share.value):
        text += (
            f"\nBeyond the horizon: {say.percent_with_error(share.value, share.error)} of the NPV."
        )
    return text


def _statement_rows(one: xr.Dataset, most: int) -> tuple[list[Span], list[list[str | Text]], str]:
    """At most so many spans, the rows for them and the word for their scale."""
    cut = spans(dates(one), most)
    lines = profit_and_loss(one, cut)
    factor, word = _statement_scale(lines)
    largest = max(float(np.abs(line.amounts).max()) for line in lines) / factor
    shown = 0 if largest >= 1000.0 else 1
    rows = []
    for line in lines:
        rows.append(_statement_row(line, factor, shown))
        if line.kind in {"subtotal", "balance"} and bool((line.errors > 0.0).any()):
            rows.append(_error_row(line, factor))
    return cut, rows, word


def _width_of(rows: list[list[str | Text]]) -> int:
    """Columns of the page that a grid of these rows takes."""
    return sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) - 2


def _statement_scale(lines: list[Line]) -> tuple[float, str]:
    """Divisor and word that leave at most five digits."""
    amounts = [np.abs(line.amounts).max() for line in lines]
    largest = max(*amounts, *(abs(line.total) for line in lines if line.total == line.total))
    steps = ((1.0, ""), (1e3, "thousand"), (1e6, "million"), (1e9, "billion"), (1e12, "trillion"))
    return next((one for one in steps if largest < 99_999.5 * one[0]), steps[-1])


def _statement_row(line: Line, factor: float, shown: int) -> list[str | Text]:
    is_sum = line.kind in {"subtotal", "balance"}
    style = {"memo": "dim"}.get(line.kind, "bold" if is_sum else "")
    name = f"  {words(line.label).lower()}" if line.kind == "account" else words(line.label)
    cells = [say.fixed(amount / factor, shown) for amount in line.amounts.tolist()]
    total, error = line.total / factor, line.error / factor
    at = min(say.places(total, error, digits=2), shown)
    cells.append("" if line.kind == "balance" else say.doubtful(total, error, at))
    return [Text(text, style=style) for text in (name, *cells)]


def _error_row(line: Line, factor: float) -> list[str | Text]:
    """Standard errors of a line's amounts."""
    cells = []
    for amount, error in zip(line.amounts / factor, line.errors / factor, strict=True):
        is_known = say.is_uncertain(amount, error)
        at = say.places(error, error, digits=2)
        cells.append(f"± {say.fixed(error, at)}" if is_known else "")
    return [Text(text, style="dim italic") for text in ("  standard error", *cells, "")]


def _programs(one: xr.Dataset, name: str) -> Iterator[RenderableType]:
    """What each enabled program did and cost."""
    configured = json.loads(one.attrs["scenarios"])[name]["programs"]
    enabled = [key for key, program in configured.items() if program["enabled"]]
    rows = []
    for key in enabled:
        here = one.sel(program=key)
        members = mean_of(here["members"].mean("period"))
        cost, contacts = -here["program_cost"].sum("period"), here["contacts"].sum("period")
        counts = (mean_of(contacts), mean_of(here["entries"].sum("period")), members)
        estimates = (*counts, mean_of(cost), ratio_of(cost, contacts))
        cells = [_number(each) for each in estimates]
        rows.append((key, *(say.NOTHING if cell.value == 0.0 else str(cell) for cell in cells)))
    if rows:
        heads = ("contacts", "acceptances", "members", "cost", "per contact")
        yield grid(
            "Programs",
            ("", *heads),
            rows,
            "Acceptances: and adoptions. Members: under an effect, mean over periods. "
            "Cost: undiscounted.",
        )


def _retention(one: xr.Dataset) -> Iterator[RenderableType]:
    """Retention curve at a few tenures, by segment; an installed base alone may be past them."""
    step, last = one.attrs["step"], one.sizes["tenure"] - 1
    tenures = [tenure for tenure in _TENURES[step] if tenure <= last]
    rows = []
    for name in one["segment"].values:
        found = [estimate(one, "retention_curve", segment=name, tenure=t) for t in tenures]
        if not all(math.isnan(each.value) for each in found):
            cells = (say.percent_with_error(each.value, each.error) for each in found)
            rows.append((str(name), *cells))
    if rows:
        heads = [f"{tenures[0]} {step}{'' if tenures[0] == 1 else 's'}", *map(str, tenures[1:])]
        yield grid(
            "Retention: customers that have not left or decided to leave after", ("", *heads), rows
        )


def _fits(result: xr.Dataset, name: str) -> Iterator[RenderableType]:
    """What was fitted to retention tables."""
    fits = json.loads(result.attrs.get("retention_fits", "{}"))
    lines = [
        f"  {key.removeprefix(f'{name}: ')}: {note}"
        for key, note in fits.items()
        if key.startswith(f"{name}: ")
    ]
    if lines:
        yield Text("Fits of retention tables\n", style="bold").append(
            "\n".join(lines), style="not bold"
        )
