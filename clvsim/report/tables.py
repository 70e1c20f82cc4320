"""What all tables share: a plain aligned grid, the heading, names in plain words."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from clvsim.errors import escaped
from clvsim.report import format as say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import xarray as xr

#: Width where there is no terminal to ask, columns.
PLAIN_WIDTH = 100
#: Width where the one that is said cannot be meant (editors export 0), and the least that can.
UNKNOWN_WIDTH, _LEAST_WIDTH = 80, 20
#: Columns of the page between two columns of a table, and least width of the first.
_GAP, _LEAST = 2, 6
#: Figures over all worlds at once: they have no mean.
_POINTS = {"best_probability"}
_INITIALS = {"clv": "CLV", "npv": "NPV", "romi": "ROMI", "gini": "Gini"}
#: What a scenario without a plan says in the place of the plan.
NO_PLAN = (
    "No plan: no channel, offer or program changes anything against the same worlds without them."
)


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


def by_scenario(result: xr.Dataset, name: str) -> list[Number]:
    """A measure of every scenario of a result that has no dimension besides.

    Choosing a scenario from a whole result takes a hundred times longer than from one variable.
    """
    point = name if name in _POINTS else f"{name}_mean"
    return list(map(Number, result[point].values.tolist(), result[f"{name}_se"].values.tolist()))


def has_plan(result: xr.Dataset) -> xr.DataArray:
    """Whether anything is different with the plan, in any world; by scenario if there are some."""
    found = [(result[name] != result[f"{name}_without_plan"]) for name in ("cash", "present_value")]
    own = [one.any([dim for dim in one.dims if dim != "scenario"]) for one in found]
    return own[0] | own[1]


class _Plain(Console):
    """A console that shows control characters of a text written out, and obeys none."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(escaped(segment.text), segment.style)


def console_for(*, stderr: bool = False) -> Console:
    """A console that takes text as it is: plain and of a fixed width where nobody watches."""
    console = _Plain(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PLAIN_WIDTH
    if console.width < _LEAST_WIDTH:
        console.width = UNKNOWN_WIDTH
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
    # The table's own title and caption would be folded to its width.
    below = [Text(caption, style="dim")] if caption else []
    return Group(Text(title, style="bold"), _Grid(tuple(columns), [*map(tuple, rows)]), *below)


@dataclass(frozen=True)
class _Grid:
    """Columns and rows; where the page is too narrow, several tables one below the other."""

    columns: tuple[str, ...]
    rows: list[tuple[str | Text, ...]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, part in enumerate(self._parts(options.max_width)):
            if number:
                yield Text()
            yield self._table(part)

    def _parts(self, width: int) -> list[range]:
        """Runs of columns that fit beside the first one, about as many each."""
        table = zip(self.columns, *self.rows, strict=True)
        first, *others = (max(map(cell_len, map(str, column))) + _GAP for column in table)
        room = width + _GAP - min(first, max(width * 3 // 10, _LEAST))
        for count in range(1, len(others) + 1):
            size = -(-len(others) // count)
            parts = [range(at, min(at + size, len(others))) for at in range(0, len(others), size)]
            if all(sum(others[at] for at in part) <= room for part in parts):
                return parts
        return [range(at, at + 1) for at in range(len(others))]

    def _table(self, part: range) -> Table:
        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            header_style="",
        )
        table.add_column(self.columns[0], justify="left", overflow="fold", min_width=_LEAST)
        for at in part:
            table.add_column(self.columns[1 + at], justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(row[0], *(row[1 + at] for at in part))
        return table


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


def remark(text: str) -> Text:
    """A remark below the tables."""
    return Text("Note: ", style="bold").append(text, style="not bold")


def luck_alone(result: xr.Dataset) -> xr.DataArray:
    """Whether nothing but the luck of customers makes a scenario's worlds differ, by scenario."""
    return (result["is_uncertain"] == 0.0) & (result["has_shocks"] == 0.0)


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
