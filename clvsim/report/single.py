"""What people read of one scenario: measures, segments, channels, cash, programs, retention."""

import json
import math
from collections.abc import Iterator

import numpy as np
import xarray as xr
from rich.console import RenderableType
from rich.text import Text

from clvsim.accounts import MEASURES, RISK_MEASURES, Unit
from clvsim.measures import OVER_WORLDS, mean_of, ratio_of
from clvsim.report import format as say
from clvsim.report.statement import Line, profit_and_loss, spans
from clvsim.report.tables import Number, dates, estimate, grid, heading, words

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
    "var_95": "Value at risk, 95 % (loss)",
    "cvar_95": "CVaR, 95 % (mean loss beyond)",
    "top_20_share": "Share of the top 20 %",
    "loss_probability": "P(loss)",
    "payback_probability": "P(payback)",
}
#: Columns of the statement beside its spans: the label, and the total with its error.
_STATEMENT_FIXED, _STATEMENT_SPAN = 37, 8


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
        parts += [_measures(one), *_groups(one), _clv_quantiles(one), _statement(one, width)]
        parts += [*_programs(one, name), _retention(one), *_fits(result, name)]
    return parts


def _measures(one: xr.Dataset) -> RenderableType:
    """All single measures."""
    step = one.attrs["step"]
    places = [OVER_WORLDS.index(share) for share in _SHOWN]
    rows = []
    for measure in (*MEASURES, *RISK_MEASURES):
        if measure.dims:
            continue
        found = estimate(one, measure.name)
        name = f"{measure.name}_quantiles_over_worlds"
        spread = one[name].values[places].tolist() if name in one else [math.nan] * len(places)
        cells = [_in_unit(value, math.nan, measure.unit, found.error) for value in spread]
        text = _LABELS.get(measure.name, words(measure.name))
        unit = f", {step}s" if measure.unit == "periods" else ""
        rows.append((text + unit, _in_unit(found.value, found.error, measure.unit), *cells))
    quantiles = [f"{say.percent(share)} of worlds" for share in _SHOWN]
    return grid("Measures, ± one standard error", ("", "mean", *quantiles), rows)


def _in_unit(value: float, error: float, unit: Unit, like: float = math.nan) -> str:
    """A measure in its unit; without an error of its own as precise as one of error ``like``."""
    if unit == "share":
        return say.percent_with_error(value, error) if error == error else say.percent(value, like)
    return say.with_error(value, error) if error == error else say.number(value, like)


def _groups(one: xr.Dataset) -> Iterator[RenderableType]:
    """Customers by segment and by channel, where there is more than one."""
    for dim, over in (("segment", "channel"), ("channel", "segment")):
        names = [str(name) for name in one[dim].values]
        if len(names) < 2:
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
    worth, count = ratio_of(value, customers), mean_of(customers)
    return {
        "customers_acquired": Number(float(count.mean), float(count.standard_error)),
        "clv_before_acquisition": Number(float(worth.mean), float(worth.standard_error)),
    }


def _clv_quantiles(one: xr.Dataset) -> RenderableType:
    """Quantiles of CLV over customers: all, and by segment."""
    shares = one["quantile"].values.tolist()
    segments = [str(name) for name in one["segment"].values]
    rows = [("all", *(str(estimate(one, "clv_quantiles", quantile=share)) for share in shares))]
    for name in segments if len(segments) > 1 else []:
        found = (
            estimate(one, "clv_quantiles_by_segment", segment=name, quantile=share)
            for share in shares
        )
        rows.append((name, *map(str, found)))
    heads = [f"{say.percent(share)} of customers" if not i else say.percent(share)
             for i, share in enumerate(shares)]  # fmt: skip
    return grid("CLV over customers: this share is worth less than", ("", *heads), rows)


def _statement(one: xr.Dataset, width: int) -> RenderableType:
    """Profit and loss by span of periods, with the way from cash to NPV."""
    cut = spans(dates(one), max((width - _STATEMENT_FIXED) // _STATEMENT_SPAN, 1))
    lines = profit_and_loss(one, cut)
    factor, word = _statement_scale(lines)
    rows = [_statement_row(line, factor) for line in lines]
    unit = f"{word} {one.attrs['currency']}".strip()
    present = one["present_value"]
    residual = mean_of(present.sel(account="residual_value"))
    cash = mean_of(present.sum("account") - present.sel(account="residual_value"))
    npv = estimate(one, "npv")
    bridge = f"Discounted: cash {Number(float(cash.mean), float(cash.standard_error))}"
    if float(residual.mean) != 0.0:
        beyond = Number(float(residual.mean), float(residual.standard_error))
        bridge += f" + residual value beyond the horizon {beyond}"
    bridge += f" = NPV {npv}"
    heads = [span.label for span in cut]
    return grid(f"Profit and loss, {unit}", ("", *heads, "total"), rows, bridge)


def _statement_scale(lines: list[Line]) -> tuple[float, str]:
    """Divisor and word that leave at most five digits."""
    amounts = [np.abs(line.amounts).max() for line in lines]
    largest = max(*amounts, *(abs(line.total) for line in lines if line.total == line.total))
    steps = ((1.0, ""), (1e3, "thousand"), (1e6, "million"), (1e9, "billion"), (1e12, "trillion"))
    return next((one for one in steps if largest < 99_999.5 * one[0]), steps[-1])


def _statement_row(line: Line, factor: float) -> list[str | Text]:
    is_sum = line.kind != "account"
    style = "bold" if is_sum else ""
    name = words(line.label) if is_sum else f"  {words(line.label).lower()}"
    largest = float(np.abs(line.amounts).max()) / factor
    shown = 0 if largest >= 100.0 else 1 if largest >= 10.0 else 2
    cells = [say.fixed(amount / factor, shown) for amount in line.amounts.tolist()]
    total = "" if line.kind == "balance" else say.with_error(
        line.total / factor, line.error / factor, say.ONE
    )  # fmt: skip
    return [Text(text, style=style) for text in (name, *cells, total)]


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
        cells = [Number(float(each.mean), float(each.standard_error)) for each in estimates]
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


def _retention(one: xr.Dataset) -> RenderableType:
    """Retention curve at a few tenures, by segment."""
    step, last = one.attrs["step"], one.sizes["tenure"] - 1
    tenures = [tenure for tenure in _TENURES[step] if tenure <= last] or [last]
    rows = []
    for name in one["segment"].values:
        found = [estimate(one, "retention_curve", segment=name, tenure=t) for t in tenures]
        rows.append((str(name), *(say.percent(each.value, each.error) for each in found)))
    heads = [f"{tenures[0]} {step}{'' if tenures[0] == 1 else 's'}", *map(str, tenures[1:])]
    return grid("Retention: customers that have not decided to leave after", ("", *heads), rows)


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


