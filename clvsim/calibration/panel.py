"""A panel: in which state each customer is in each period, a row a customer and period."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.calendars import PERIODS, Periods
from clvsim.calibration.drops import Drops, Reason, column_faults, refuse
from clvsim.calibration.lean import AMOUNTS, DAYS, amount_steps
from clvsim.calibration.texts import Codes, named, numbers
from clvsim.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.records import Piece, Records

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Flags = NDArray[np.bool_]

MOST_STATES = 200
"""Most different states, beyond which the column is hardly one of states."""

_NOBODY = Reason("--customer", "no customer", "the customer's name or number in every row")
_PERIOD = Reason("--period", "periods that cannot be read by this --step", PERIODS, is_cell=True)
_STATE = Reason("--state", "no name of a state", "the name of a state in every row")
_VALUE = Reason(
    "--value",
    "values that are no number (used for transitions all the same)",
    "29.33 or 1,629.33",
    is_loss=False,
    is_cell=True,
)
_AGAIN = Reason("", "equal to an earlier row of the same customer and period", is_fault=False)
_CONFLICT = Reason(
    "--state",
    "another state than an earlier row of the same customer and period",
    "one state a customer and period",
)


@dataclass(frozen=True)
class StateColumns:
    """Names of columns; `value` may be empty."""

    customer: str
    period: str
    state: str
    value: str = ""

    def options(self) -> dict[str, str]:
        """Columns that were named, by option."""
        named = {
            "--customer": self.customer,
            "--period": self.period,
            "--state": self.state,
            "--value": self.value,
        }
        return {option: name for option, name in named.items() if name}


@dataclass(frozen=True)
class Panel:
    """Rows in the order of customers, and of periods in each.

    Attributes
    ----------
    customer : ndarray of int, shape (row,)
        Number of the customer.
    period : ndarray of int, shape (row,)
    state : ndarray of int, shape (row,)
        Place in `states`.
    value : ndarray, shape (row,), currency
        What the period brought in; NaN where it is not known.
    states : tuple of str
        In the order of numbers where all are numbers, of names otherwise.
    calendar : str
        What periods are by the calendar (`Periods.calendar`); empty: numbers.
    """

    customer: Whole
    period: Whole
    state: Whole
    value: Floats
    states: tuple[str, ...]
    calendar: str = ""

    @property
    def is_first(self) -> Flags:
        """Whether a row is its customer's first, shape (row,)."""
        return np.concatenate(([True], np.diff(self.customer) != 0))

    @property
    def is_last(self) -> Flags:
        """Whether a row is its customer's last, shape (row,)."""
        return np.concatenate((np.diff(self.customer) != 0, [True]))

    @property
    def is_followed(self) -> Flags:
        """Whether the row after it is the same customer's next period, shape (row - 1,)."""
        return np.asarray((np.diff(self.customer) == 0) & (np.diff(self.period) == 1))

    @property
    def gaps(self) -> int:
        """Rows that are followed by a later period of the same customer than the next."""
        return int(np.sum((np.diff(self.customer) == 0) & (np.diff(self.period) > 1)))

    @property
    def vanishes(self) -> Flags:
        """Whether a row is its customer's last although the panel goes on, shape (row,)."""
        return np.asarray(self.is_last & (self.period < self.period.max()))

    def until(self, period: int) -> Panel:
        """The rows up to a period."""
        seen = self.period <= period
        return Panel(
            self.customer[seen],
            self.period[seen],
            self.state[seen],
            self.value[seen],
            self.states,
            self.calendar,
        )

    def with_gone(self, gone: str) -> Panel:
        """The panel with a row in the state ``gone`` for each who vanishes from another."""
        labels = [*self.states, *([] if gone in self.states else [gone])]
        left = self.vanishes & (self.state != labels.index(gone))
        count = int(left.sum())
        return _in_order(
            np.concatenate((self.customer, self.customer[left])),
            np.concatenate((self.period, self.period[left] + 1)),
            np.concatenate((self.state, np.full(count, labels.index(gone)))),
            np.concatenate((self.value, np.zeros(count))),
            labels,
            calendar=self.calendar,
        )


def _in_order(
    customer: Whole,
    period: Whole,
    state: Whole,
    value: Floats,
    labels: Sequence[str],
    *,
    calendar: str,
) -> Panel:
    """A panel of rows in any order, its states as people expect them."""
    values = numbers(labels)
    keys = values if np.isfinite(values).all() else np.array(labels, dtype=np.str_)
    order = np.argsort(keys, kind="stable")
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[order] = np.arange(len(labels))
    sort = np.lexsort((period, customer))
    states = tuple(labels[at] for at in order.tolist())
    rows = customer[sort], period[sort], ranks[state][sort], value[sort]
    return Panel(*rows, states, calendar)


def read_panel(records: Records, columns: StateColumns, step: str) -> tuple[Panel, Drops]:
    """Read a panel; the first row of a customer and period stands for it.

    Parameters
    ----------
    records : Records
        Rows in any order.
    columns : StateColumns
    step : str
        What a period is.

    Raises
    ------
    RecordsError
        If a column is missing, most of the rows cannot be used, or there are too many states.
    """
    refuse(column_faults(records, columns.options()))
    drops, calendar = Drops.of(records), Periods(step)
    people, names = Codes(), Codes()
    parts = []
    for piece in records.pieces(list(dict.fromkeys(columns.options().values()))):
        good, when, value = _usable(piece, columns, drops, calendar)
        kept = np.flatnonzero(good)
        texts = piece.columns
        person = people.encode(texts[columns.customer])[kept]
        # States only of rows that are used: a stray word in a bad row is none.
        state = names.encode([texts[columns.state][row] for row in kept.tolist()])
        parts.append((person, when[kept].astype(np.int64), state, value[kept], piece.lines[kept]))
    if not sum(part[0].size for part in parts):
        refuse(drops.faults() or [Fault(str(records.path), None, "", "has no usable rows")])
    person, at, state, amount, lines = (np.concatenate(part) for part in zip(*parts, strict=True))
    is_kept = _without_repeats(person, at, state, lines, drops)
    faults, labels = [*drops.faults(), *calendar.faults(records)], names.labels
    if len(labels) > MOST_STATES:
        message = f"{len(labels):,} different states, among them {labels[0]!r} and {labels[1]!r}"
        allowed = f"at most {MOST_STATES} states: a column of names or classes, not of numbers"
        faults.append(Fault(str(records.path), None, "--state", message, allowed))
    refuse(faults)
    panel = _in_order(
        person[is_kept],
        at[is_kept],
        state[is_kept],
        amount[is_kept],
        labels,
        calendar=calendar.calendar,
    )
    return panel, drops


def _usable(
    piece: Piece, columns: StateColumns, drops: Drops, calendar: Periods
) -> tuple[Flags, Floats, Floats]:
    """Which rows of a piece can be used, their periods and values; the others are counted."""
    texts = piece.columns
    when = calendar.read(texts[columns.period])
    good = np.ones(when.size, dtype=bool)
    value = np.full(when.size, math.nan)
    if columns.value:
        value = numbers(texts[columns.value])
    drops.begin(piece, value)
    for reason, column in ((_NOBODY, columns.customer), (_STATE, columns.state)):
        good = drops.keep(reason, named(texts[column]), good, piece, column)
    good = drops.keep(_PERIOD, ~np.isnan(when), good, piece, columns.period)
    drops.weigh(AMOUNTS, amount_steps(value), good)
    drops.weigh(DAYS, when, good)
    if columns.value:
        drops.keep(_VALUE, ~np.isnan(value), good, piece, columns.value)
    return good, when, value


def _without_repeats(person: Whole, at: Whole, state: Whole, lines: Whole, drops: Drops) -> Flags:
    """Which rows are the first of a customer and period, shape (row,); the others are counted."""
    order = np.lexsort((lines, at, person))
    again = np.concatenate(([False], (np.diff(person[order]) == 0) & (np.diff(at[order]) == 0)))
    first = np.maximum.accumulate(np.where(again, 0, np.arange(again.size)))
    differs = again & (state[order] != state[order][first])
    drops.add(_AGAIN, np.sort(lines[order][again & ~differs]))
    drops.add(_CONFLICT, np.sort(lines[order][differs]))
    is_kept = np.empty(again.size, dtype=bool)
    is_kept[order] = ~again
    return is_kept
