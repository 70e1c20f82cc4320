"""What all tables share: a plain aligned grid, the heading, names in plain words."""

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from clvsim.report import format as say

#: Width where there is no terminal to ask, columns.
PLAIN_WIDTH = 100
_INITIALS = {"clv": "CLV", "npv": "NPV", "romi": "ROMI", "gini": "Gini"}


@dataclass(frozen=True)
class Number:
    """An estimate and its standard error (NaN: none)."""

    value: float
    error: float = math.nan

    def __str__(self) -> str:
        return say.with_error(self.value, self.error)


def estimate(result: xr.Dataset, name: str, **where: Any) -> Number:
    """A measure of a result, at a place of its dimensions."""
    mean, error = result[f"{name}_mean"], result[f"{name}_se"]
    return Number(float(mean.sel(where)), float(error.sel(where)))


def console_for(*, stderr: bool = False) -> Console:
    """A console that takes text as it is: plain and of a fixed width where nobody watches."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PLAIN_WIDTH
    return console


def grid(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Text]], caption: str = ""
) -> RenderableType:
    """A table: the first column to the left and folded if need be, the others to the right.

    Parameters
    ----------
    title : str
    columns : sequence of str
        Headers.
    rows : iterable of sequence of str or Text
        One cell a column.
    caption : str
        A line below the table.
    """
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style=""
    )
    first, *others = columns
    table.add_column(first, justify="left", overflow="fold", min_width=6)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # The table's own title and caption would be folded to its width.
    below = [Text(caption, style="dim")] if caption else []
    return Group(Text(title, style="bold"), table, *below)


def heading(result: xr.Dataset) -> Text:
    """What was asked, and over what: horizon, worlds, seed, currency."""
    scenarios = json.loads(result.attrs["scenarios"])
    first = next(iter(scenarios.values()))
    time, money = first["time"], first["money"]
    names = list(dict.fromkeys(one["name"] for one in scenarios.values()))
    worlds, periods = result.sizes["world"], time["periods"]
    steps = time["step"] if periods == 1 else f"{time['step']}s"
    rate = money["discount_rate"]
    discounted = f"discounted at {say.percent(rate)} a year" if rate else "not discounted"
    facts = " · ".join(
        (
            f"{periods:,} {steps} from {time['start']}",
            f"{worlds:,} world{'' if worlds == 1 else 's'}",
            f"seed {result.attrs['seed']}",
            f"amounts in {money['currency']}, {discounted}",
        )
    )
    text = Text(", ".join(names), style="bold")
    questions = list(dict.fromkeys(one["question"] for one in scenarios.values()))
    for question in filter(None, questions):
        text.append(f"\n{question.strip()}", style="not bold italic")
    return text.append(f"\n{facts}", style="not bold dim")


def words(name: str) -> str:
    """A name of the registry in plain words: ``clv_by_cohort`` is CLV by cohort."""
    first, *rest = (_INITIALS.get(word, word) for word in name.split("_"))
    return " ".join((first[0].upper() + first[1:], *rest))


def dates(result: xr.Dataset) -> list[str]:
    """First day of each period."""
    return [str(date) for date in result["date"].values]


def when(result: xr.Dataset, period: float) -> str:
    """Date of the period nearest to a mean period."""
    labels = dates(result)
    return labels[min(round(period), len(labels) - 1)] if math.isfinite(period) else say.NOTHING
