"""A log of purchases, read and merged by customer and day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.drops import Drops, Reason, column_faults, refuse, repeated
from clvsim.calibration.lean import AMOUNTS, DAYS, amount_steps
from clvsim.calibration.numerals import Points, number_hint
from clvsim.calibration.shelves import ROW
from clvsim.calibration.tables import tables
from clvsim.calibration.texts import NO_DAY, Codes, Days, date_formats
from clvsim.errors import Fault, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clvsim.calibration.records import Records
    from clvsim.calibration.shelves import Shelves
    from clvsim.calibration.tables import Table

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

DATES = "dates like 1997-01-31, 1997-01-31T09:30, 1997/01/31 or 19970131, or as --date-format says"


#: Share of a day's amounts that rounding may leave of a sum of 0.
_CENT = 1e-9


@dataclass(frozen=True)
class LogColumns:
    """Names of columns."""

    customer: str
    date: str
    amount: str

    def options(self) -> dict[str, str]:
        """Columns by option."""
        return {"--customer": self.customer, "--date": self.date, "--amount": self.amount}


@dataclass(frozen=True)
class Log:
    """A log that was read.

    Attributes
    ----------
    shelves : Shelves
        The rows that can be used.
    begin, end : int, days since 1970-01-01
        First day of a purchase, and last day that was observed.
    names : list of str
        Customers by their number, in the order in which the file has them.
    drop_duplicates : bool
        Whether rows that are equal in every column are one.
    """

    shelves: Shelves
    begin: int
    end: int
    names: list[str]
    drop_duplicates: bool

    def purchases(self) -> Iterator[Purchases]:
        """Purchases by some customers at a time: each customer comes once, with all of them."""
        for rows in self.shelves:
            equal = repeated(rows["mark"])
            lines = np.sort(rows["line"][equal])
            yield _merged(rows[~equal] if self.drop_duplicates else rows, lines)


@dataclass(frozen=True)
class Purchases:
    """Purchases by some customers, those of one on one day made one, by customer and day.

    Attributes
    ----------
    customer : ndarray of int, shape (purchase,)
    day : ndarray of int, shape (purchase,), days since 1970-01-01
    amount : ndarray, shape (purchase,), currency
    merged : int
        Rows that went into another purchase of the same day.
    equal : ndarray of int, shape (row,)
        Lines of the rows that are equal to an earlier one in every column, ascending.
    cancelled : int
        Days of a customer on which returns took away all that was bought, or more.
    returned : float
        What they took away beyond that, currency: it is taken off no purchase.
    """

    customer: Whole
    day: Whole
    amount: Floats
    merged: int
    equal: Whole
    cancelled: int
    returned: float


_NOBODY = Reason("--customer", "no customer", "the customer's name or number in every row")
_DATE = Reason("--date", "dates that cannot be read", DATES, is_cell=True)
_AMOUNT = Reason("--amount", "amounts that are no number", "29.33 or 1,629.77", is_cell=True)
_NEGATIVE = Reason(
    "--amount",
    "amounts below 0 (returns), taken off what the customer bought on the same day",
    "amounts of purchases, 0 or more",
    is_loss=False,
)
_ZERO = Reason(
    "--amount",
    "amounts of 0 (purchases for BG/NBD and Pareto/NBD; customers whose repeat purchases are all 0 "
    "stay out of Gamma-Gamma)",
    is_loss=False,
    is_fault=False,
)
_LATE = Reason("--end", "purchases after --end", "a later --end", may_lean=True)
DUPLICATE = Reason(
    "",
    "equal to an earlier row in every column; purchases of a day are merged anyway, so only "
    "amounts could be too large: --drop-duplicates leaves them out",
    is_loss=False,
    is_fault=False,
)
DUPLICATE_LEFT_OUT = Reason("", "equal to an earlier row in every column (--drop-duplicates)")


def read_log(
    records: Records,
    columns: LogColumns,
    shelves: Shelves,
    *,
    end: int | None = None,
    pattern: str = "",
    drop_duplicates: bool = False,
) -> tuple[Log, Drops, list[str]]:
    """Read the purchases that can be used, and count the other rows.

    Parameters
    ----------
    records : Records
    columns : LogColumns
    shelves : Shelves
        Empty; the log stands there, until they are closed.
    end : int, optional
        Last day observed, days since 1970-01-01; the last day of a purchase unless given.
    pattern : str
        Of dates, as for ``strptime``.
    drop_duplicates : bool
        Whether rows that are equal in every column are one.

    Returns
    -------
    tuple of (Log, Drops, list of str)
        Purchases, what was left out, and notes on time zones.

    Raises
    ------
    RecordsError
        If columns are missing, most of the rows cannot be used, or time zones are mixed.
    ClvsimError
        If the temporary file of a large log cannot be written.
    """
    refuse(column_faults(records, columns.options()))
    drops, codes, days = Drops.of(records), Codes(), Days(pattern)
    begin, last = np.iinfo(np.int64).max, np.iinfo(np.int64).min
    texts = list(dict.fromkeys((columns.customer, columns.date)))
    points = Points()
    for piece in tables(records, texts, [columns.amount], is_marked=True):
        points.look(piece.numbers[columns.amount], partial(piece.text, columns.amount))
        drops.begin(piece, piece.numbers[columns.amount])
        rows = _usable(piece, columns, drops, codes, days, end)
        if rows.size:
            shelves.put(rows)
            begin, last = min(begin, int(rows["day"].min())), max(last, int(rows["day"].max()))
    faults, notes = _zones(records, days)
    refuse([*_faults_of(drops), *faults, *drops.thousands(points, "--amount")])
    if begin > last:
        refuse([Fault(str(records.path), None, "", "has a header, but no usable rows")])
    log = Log(shelves, begin, last if end is None else end, codes.labels, drop_duplicates)
    return log, drops, notes


def _usable(
    piece: Table, columns: LogColumns, drops: Drops, codes: Codes, days: Days, end: int | None
) -> NDArray[np.void]:
    """The rows of a piece that can be used, shape (row,), as `ROW`; the others are counted."""
    customer = codes.encode(piece.texts[columns.customer])
    day, amount = days.read(piece.texts[columns.date], piece.lines), piece.numbers[columns.amount]
    named = customer != codes.names.get("", -1)
    good = drops.keep(_NOBODY, named, np.ones(day.size, dtype=bool), piece, columns.customer)
    good = drops.keep(_DATE, day != NO_DAY, good, piece, columns.date)
    good = drops.keep(_AMOUNT, ~np.isnan(amount), good, piece, columns.amount)
    drops.keep(_NEGATIVE, amount >= 0.0, good, piece, columns.amount)
    drops.keep(_ZERO, amount != 0.0, good, piece, columns.amount)
    if end is not None:
        good = drops.keep(_LATE, day <= end, good, piece, columns.date)
    drops.weigh(AMOUNTS, amount_steps(amount), good)
    drops.weigh(DAYS, np.where(day == NO_DAY, np.nan, day), good)
    rows = np.empty(int(good.sum()), dtype=ROW)
    rows["mark"], rows["line"] = piece.marks[good], piece.lines[good]
    rows["customer"], rows["day"], rows["amount"] = customer[good], day[good], amount[good]
    return rows


def _faults_of(drops: Drops) -> list[Fault]:
    """The faults of the file, with a word on decimal commas and on how dates are written."""
    hint = number_hint(drops.unread(_AMOUNT), "29.33")
    formats = " or ".join(date_formats(drops.unread(_DATE) or ""))
    faults = []
    for one in drops.faults():
        if one.path == "--amount" and hint:
            faults.append(replace(one, allowed=hint))
        elif one.path == "--date" and formats:
            faults.append(replace(one, hint=f"--date-format {formats}"))
        else:
            faults.append(one)
    return faults


def _zones(records: Records, days: Days) -> tuple[list[Fault], list[str]]:
    """Refuse dates of which only some say their time zone; tell of several offsets."""
    written = {zone: found for zone, found in days.zones.items() if zone}
    if written and "" in days.zones:
        rows, text = days.zones[""]
        others = sum(count for count, _ in written.values())
        zone, (_, example) = next(iter(written.items()))
        place, line = days.places[zone], days.places[""]
        message = (
            f"mixed time zones: {counted(others, 'date')} with one ({example!r}, {records.unit} "
            f"{place:,}) and {counted(rows, 'date')} without ({text!r}, {records.unit} {line:,}), "
            "so nobody can say which day they mean"
        )
        allowed = "a time zone in all dates or in none"
        first = max(place, line) if records.unit == "line" else None
        return [Fault(str(records.path), first, "--date", message, allowed)], []
    if len(written) > 1:
        named = ", ".join(f"{zone} ({count:,})" for zone, (count, _) in written.items())
        return [], [f"dates in several time zones: {named}; each counts on the day as written"]
    return [], []


def _merged(rows: NDArray[np.void], equal: Whole) -> Purchases:
    """Rows of one customer on one day as one purchase, amounts added up.

    Where returns take all of it away, or more, there was none.
    """
    order = np.lexsort((rows["day"], rows["customer"]))
    customer, day, paid = (rows[name][order] for name in ("customer", "day", "amount"))
    is_new = np.concatenate(([True], (np.diff(customer) != 0) | (np.diff(day) != 0)))
    starts = np.flatnonzero(is_new)
    amount = np.add.reduceat(paid, starts)
    returned = np.minimum.reduceat(paid, starts) < 0.0
    # What is left of sums that cancel is rounding.
    cents = _CENT * np.add.reduceat(np.abs(paid), starts)
    bought = ~returned | (amount > cents)
    lone = np.flatnonzero(returned & (amount < -cents))
    return Purchases(
        customer=customer[starts][bought].astype(np.int64),
        day=day[starts][bought].astype(np.int64),
        amount=amount[bought],
        merged=rows.size - starts.size,
        equal=equal,
        cancelled=int(np.sum(~bought)),
        returned=-float(amount[lone].sum()),
    )
