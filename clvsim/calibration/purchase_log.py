"""A log of purchases, read and merged by customer and day, and cut where the holdout begins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.drops import Count, Drops, Reason, column_faults, refuse, repeated
from clvsim.calibration.purchases import Summary
from clvsim.calibration.texts import NO_DAY, Codes, Days, day_text, looks_decimal, numbers
from clvsim.errors import Fault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clvsim.calibration.records import Records

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

DAYS_PER_UNIT = {
    "week": 7.0,
    "month": 365.25 / 12,
    "quarter": 365.25 / 4,
    "year": 365.25,
}
"""Units of time, days."""
DATES = "dates like 1997-01-31, 1997-01-31T09:30, 1997/01/31 or 19970131, or as --date-format says"


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
    """Purchases, those of a customer on one day made one, sorted by customer and day.

    Attributes
    ----------
    customer : ndarray of int, shape (purchase,)
    day : ndarray of int, shape (purchase,), days since 1970-01-01
    amount : ndarray, shape (purchase,), currency
    end : int
        Last day that was observed.
    merged : int
        Rows that went into another purchase of the same day.
    names : list of str
        Customers by their number.
    """

    customer: Whole
    day: Whole
    amount: Floats
    end: int
    merged: int
    names: list[str]


_NOBODY = Reason("--customer", "no customer", "the customer's name or number in every row")
_DATE = Reason("--date", "dates that cannot be read", DATES)
_AMOUNT = Reason("--amount", "amounts that are no number", "29.33")
_NEGATIVE = Reason("--amount", "amounts below 0 (returns)", "amounts of purchases, 0 or more")
_ZERO = Reason(
    "--amount",
    "amounts of 0 (purchases for BG/NBD and Pareto/NBD; customers whose repeat purchases are all 0 "
    "stay out of Gamma-Gamma)",
    is_loss=False,
    is_fault=False,
)
_LATE = Reason("--end", "purchases after --end", "a later --end")
_EQUAL = Reason(
    "",
    "equal to an earlier row in every column; purchases of a day are merged anyway, so only "
    "amounts could be too large: --drop-duplicates leaves them out",
    is_loss=False,
    is_fault=False,
)
_TWICE = Reason("", "equal to an earlier row in every column (--drop-duplicates)")


def read_log(
    records: Records,
    columns: LogColumns,
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
    """
    wanted = columns.options()
    refuse(column_faults(records, wanted))
    drops, codes, days = Drops(str(records.path), records.unit), Codes(), Days(pattern)
    # One list a column, so that each is freed as soon as it is put together.
    parts: list[list[NDArray[Any]]] = [[] for _ in range(5)]
    for piece in records.pieces(list(dict.fromkeys(wanted.values()))):
        drops.begin(piece)
        names, amounts = piece.columns[columns.customer], piece.columns[columns.amount]
        day, amount = days.read(piece.columns[columns.date]), numbers(amounts)
        named = np.array([bool(name) for name in names], dtype=bool)
        good = drops.keep(_NOBODY, named, np.ones(day.size, dtype=bool), piece, columns.customer)
        good = drops.keep(_DATE, day != NO_DAY, good, piece, columns.date)
        good = drops.keep(_AMOUNT, ~np.isnan(amount), good, piece, columns.amount)
        good = drops.keep(_NEGATIVE, amount >= 0.0, good, piece, columns.amount)
        drops.keep(_ZERO, amount > 0.0, good, piece, columns.amount)
        if end is not None:
            good = drops.keep(_LATE, day <= end, good, piece, columns.date)
        code = codes.encode(names)
        for part, column in zip(parts, (code, day, amount, piece.marks, piece.lines), strict=True):
            part.append(column[good])
    faults, notes = _zones(records, days)
    refuse([*_faults_of(drops), *faults])
    if not sum(column.size for column in parts[0]):
        refuse([Fault(str(records.path), None, "", "has a header, but no usable rows")])
    equal = repeated(_joined(parts[3]))
    lines = _joined(parts[4])[equal]
    drops.add(_TWICE if drop_duplicates else _EQUAL, np.sort(lines))
    customer, day, amount = _joined(parts[0]), _joined(parts[1]), _joined(parts[2])
    if drop_duplicates:
        customer, day, amount = customer[~equal], day[~equal], amount[~equal]
    last = int(day.max()) if end is None else end
    return _merged(customer, day, amount, last, codes.labels), drops, notes


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """A column as one; its parts are given up."""
    column = np.concatenate(parts)
    parts.clear()
    return column


def _faults_of(drops: Drops) -> list[Fault]:
    """The faults of the file, with a word on decimal commas."""
    example = drops.counts.get(_AMOUNT, Count()).example
    return [
        Fault(one.file, one.line, one.path, one.message, "a decimal point, as in 29.33")
        if one.path == "--amount" and looks_decimal(example)
        else one
        for one in drops.faults()
    ]


def _zones(records: Records, days: Days) -> tuple[list[Fault], list[str]]:
    """Refuse dates of which only some say their time zone; tell of several offsets."""
    written = {zone: found for zone, found in days.zones.items() if zone}
    if written and "" in days.zones:
        rows, text = days.zones[""]
        others = sum(count for count, _ in written.values())
        example = next(iter(written.values()))[1]
        message = (
            f"mixed time zones: {others:,} dates name one ({example!r}) and {rows:,} do not "
            f"({text!r}), so nobody can say which day they mean"
        )
        allowed = "a time zone in all dates or in none"
        return [Fault(str(records.path), None, "--date", message, allowed)], []
    if len(written) > 1:
        named = ", ".join(f"{zone} ({count:,})" for zone, (count, _) in written.items())
        return [], [f"dates in several time zones: {named}; each counts on the day as written"]
    return [], []


def _merged(customer: Whole, day: Whole, amount: Floats, end: int, names: list[str]) -> Log:
    """Purchases of one customer on one day as one, amounts added up."""
    order = np.lexsort((day, customer))
    customer, day, amount = customer[order], day[order], amount[order]
    is_new = np.concatenate(([True], (np.diff(customer) != 0) | (np.diff(day) != 0)))
    starts = np.flatnonzero(is_new)
    total = np.add.reduceat(amount, starts)
    merged = int(customer.size - starts.size)
    return Log(customer[starts], day[starts], total, end, merged, names)


@dataclass(frozen=True)
class Split:
    """A log up to the day on which the holdout begins.

    Attributes
    ----------
    summary : Summary
        Of customers with a purchase until then; times in units.
    first : ndarray, shape (customer,), days since 1970-01-01
        First purchase of these customers.
    cut : int
        Last day that the fit sees.
    begin : int
        First day of the log.
    repeats : ndarray, shape (purchase,), days since 1970-01-01
        Days of the repeat purchases of these customers, in the holdout too; sorted.
    later : int
        Customers who first bought in the holdout.
    names : list of str
        These customers.
    """

    summary: Summary
    first: Whole
    cut: int
    begin: int
    repeats: Whole
    later: int
    names: list[str]


def split_log(log: Log, unit: str, holdout: float, file: str) -> Split:
    """Summarise a log by recency, frequency, age and value of repeat purchases.

    Parameters
    ----------
    log : Log
    unit : str
        From `DAYS_PER_UNIT`.
    holdout : float
        Last units of the log that the fit does not see.
    file : str
        For the fault.

    Raises
    ------
    RecordsError
        If the holdout is longer than the log, or nobody bought again before it.
    """
    length, begin = DAYS_PER_UNIT[unit], int(log.day.min())
    cut = log.end - round(holdout * length)
    if cut <= begin:
        most = math.floor((log.end - begin - 1) / length)
        message = (
            f"a holdout of {holdout:g} {unit}s is longer than the log, which goes from "
            f"{day_text(begin)} to {day_text(log.end)}"
        )
        allowed = f"0 to {most}" if most > 0 else "0: or a shorter --unit"
        refuse([Fault(file, None, "--holdout", message, allowed)])
    starts = np.flatnonzero(np.concatenate(([True], np.diff(log.customer) != 0)))
    sizes = np.diff(np.append(starts, log.customer.size))
    first_of_all = log.day[starts]
    first = np.repeat(first_of_all, sizes)
    is_repeat = np.ones(log.day.size, dtype=bool)
    is_repeat[starts] = False
    seen = is_repeat & (log.day <= cut)
    frequency = np.add.reduceat(seen.astype(np.float64), starts)
    last = np.maximum.reduceat(np.where(log.day <= cut, log.day, first), starts)
    spent = np.add.reduceat(np.where(seen, log.amount, 0.0), starts)
    known = first_of_all <= cut
    value = np.divide(spent, frequency, out=np.full(spent.size, math.nan), where=frequency > 0)
    summary = Summary(
        frequency=frequency[known],
        recency=(last - first_of_all)[known] / length,
        age=(cut - first_of_all)[known] / length,
        value=value[known],
    )
    if not summary.frequency.any():
        message = f"nobody bought on a second day until {day_text(cut)}: there is nothing to fit"
        refuse([Fault(file, None, "", message, "a log in which customers come back")])
    repeats = np.sort(log.day[is_repeat & (first <= cut)])
    names = [log.names[code] for code in log.customer[starts][known].tolist()]
    return Split(summary, first_of_all[known], cut, begin, repeats, int(np.sum(~known)), names)
