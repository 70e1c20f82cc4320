"""Purchases at opportunities: read from a log by period, or from a table of histories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.calendars import PERIODS, Periods
from clvsim.calibration.drops import Drops, Reason, column_faults, refuse, repeated
from clvsim.calibration.lean import AMOUNTS, DAYS, amount_steps
from clvsim.calibration.numerals import Points
from clvsim.calibration.texts import Codes, named, numbers
from clvsim.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clvsim.calibration.records import Records

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Flags = NDArray[np.bool_]

MOST_OPPORTUNITIES = 1_000
"""Periods of a log beyond which its column is hardly one of periods."""
#: Share of a period's amounts that rounding may leave of a sum of 0.
_CENT = 1e-9


@dataclass(frozen=True)
class GiftColumns:
    """Names of a log's columns; `amount` may be empty."""

    customer: str
    period: str
    amount: str = ""

    def options(self) -> dict[str, str]:
        """Columns that were named, by option."""
        named = {"--customer": self.customer, "--period": self.period, "--amount": self.amount}
        return {option: name for option, name in named.items() if name}


@dataclass(frozen=True)
class HistoryColumns:
    """Names of the columns of a table of histories; `count` may be empty: one customer a row."""

    frequency: str = "frequency"
    recency: str = "recency"
    opportunities: str = "opportunities"
    count: str = ""

    def options(self) -> dict[str, str]:
        """Columns by option."""
        named = {
            "--frequency": self.frequency,
            "--recency": self.recency,
            "--opportunities": self.opportunities,
            "--count": self.count,
        }
        return {option: name for option, name in named.items() if name}


@dataclass(frozen=True)
class Histories:
    """What customers did with their opportunities, one entry a customer or a kind of customer.

    Attributes
    ----------
    frequency, recency, age : ndarray, shape (customer,), opportunities
        Taken after joining, the last of them (0: none), and all until the fit's end.
    count : ndarray, shape (customer,)
        Customers that each entry stands for.
    value : ndarray, shape (customer,), currency
        Mean value of the opportunities taken; NaN where it is not known.
    names : list of str
        Of the customers; empty where there are none.
    joined : ndarray, shape (customer,), periods
        Period of joining; empty for a table of histories.
    repeats : ndarray, shape (purchase,), periods
        Periods of all opportunities taken by these customers, in the holdout too.
    begin, cut, end : int
        First period of the log, last one that the fit sees, and last one.
    merged, later : int
        Rows that went into another of the same customer and period; customers who joined in the
        holdout.
    cancelled : int
        Periods of a customer in which returns took away all that was bought, or more.
    returned : float
        What they took away beyond that, currency.
    """

    frequency: Floats
    recency: Floats
    age: Floats
    count: Floats
    value: Floats
    names: list[str]
    joined: Whole
    repeats: Whole
    begin: int = 0
    cut: int = 0
    end: int = 0
    merged: int = 0
    later: int = 0
    cancelled: int = 0
    returned: float = 0.0


_NOBODY = Reason("--customer", "no customer", "the customer's name or number in every row")
_PERIOD = Reason("--period", "periods that cannot be read by this --step", PERIODS, is_cell=True)
_AMOUNT = Reason("--amount", "amounts that are no number", "29.33 or 1,629.77", is_cell=True)
_NEGATIVE = Reason(
    "--amount",
    "amounts below 0 (returns), taken off what the customer bought in the same period",
    "amounts of purchases, 0 or more",
    is_loss=False,
)
_ZERO = Reason(
    "--amount",
    "amounts of 0 (opportunities taken; customers whose amounts are all 0 stay out of Gamma-Gamma)",
    is_loss=False,
    is_fault=False,
)
_LATE = Reason("--end", "purchases after --end", "a later --end", may_lean=True)
_EQUAL = Reason(
    "",
    "equal to an earlier row in every column; purchases of a period are merged anyway, so only "
    "amounts could be too large: --drop-duplicates leaves them out",
    is_loss=False,
    is_fault=False,
)
_TWICE = Reason("", "equal to an earlier row in every column (--drop-duplicates)")
_FREQUENCY = Reason(
    "--frequency", "frequencies that are no whole number", "0, 1, 2, …", is_cell=True
)
_RECENCY = Reason("--recency", "recencies that are no whole number", "0, 1, 2, …", is_cell=True)
_ALL = Reason(
    "--opportunities",
    f"opportunities that are no whole number up to {MOST_OPPORTUNITIES:,}",
    "0, 1, 2, …",
    is_cell=True,
)
_COUNT = Reason("--count", "numbers of customers that are no number from 0", "1203", is_cell=True)
_ORDER = Reason(
    "--recency",
    "a recency above the opportunities or below the frequency",
    "frequency <= recency <= opportunities",
)
_EITHER = Reason(
    "--recency",
    "recency 0 with purchases, or above 0 without",
    "recency 0 if, and only if, frequency is 0",
)


def read_gifts(
    records: Records,
    columns: GiftColumns,
    *,
    step: str,
    holdout: int = 0,
    end: str = "",
    drop_duplicates: bool = False,
) -> tuple[Histories, Drops]:
    """Read a log, a row a purchase, and cut it where the holdout begins.

    A customer joins with its first purchase; every period after it is an opportunity, until the
    last period of the log.

    Parameters
    ----------
    records : Records
    columns : GiftColumns
    step : str
        What a period is.
    holdout : int
        Last periods that are not fitted.
    end : str
        Last period observed, written as in the file; that of the last purchase if empty.
    drop_duplicates : bool
        Whether rows that are equal in every column are one.

    Raises
    ------
    RecordsError
        If the log cannot be used.
    """
    last = float(Periods(step).read([end])[0]) if end else math.inf
    faults = column_faults(records, columns.options())
    if math.isnan(last):
        faults.append(Fault(str(records.path), None, "--end", f"{end!r} is no period", PERIODS))
    refuse(faults)
    drops, codes, calendar = Drops.of(records), Codes(), Periods(step)
    points = Points()
    parts: list[tuple[Whole, Whole, Floats, Whole, Whole]] = []
    for piece in records.pieces(list(dict.fromkeys(columns.options().values()))):
        texts = piece.columns[columns.customer]
        when = calendar.read(piece.columns[columns.period])
        amount = np.full(when.size, math.nan)
        if columns.amount:
            amount = numbers(piece.columns[columns.amount])
            points.look(amount, partial(piece.text, columns.amount))
        drops.begin(piece, amount)
        whole = np.ones(when.size, dtype=bool)
        good = drops.keep(_NOBODY, named(texts), whole, piece, columns.customer)
        good = drops.keep(_PERIOD, ~np.isnan(when), good, piece, columns.period)
        if columns.amount:
            good = drops.keep(_AMOUNT, ~np.isnan(amount), good, piece, columns.amount)
            drops.keep(_NEGATIVE, amount >= 0.0, good, piece, columns.amount)
            drops.keep(_ZERO, amount != 0.0, good, piece, columns.amount)
        good = drops.keep(_LATE, ~(when > last), good, piece, columns.period)
        drops.weigh(AMOUNTS, amount_steps(amount), good)
        drops.weigh(DAYS, when, good)
        code = codes.encode(texts)[good]
        at = when[good].astype(np.int64)
        parts.append((code, at, amount[good], piece.marks[good], piece.lines[good]))
    refuse([*drops.faults(), *calendar.faults(records), *drops.thousands(points, "--amount")])
    if not sum(part[0].size for part in parts):
        refuse([Fault(str(records.path), None, "", "has a header, but no usable rows")], drops)
    customer, period, amount, marks, lines = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    equal = repeated(marks)
    drops.add(_TWICE if drop_duplicates else _EQUAL, lines[equal])
    if drop_duplicates:
        customer, period, amount = customer[~equal], period[~equal], amount[~equal]
    final = int(period.max()) if math.isinf(last) else int(last)
    refuse(list(_span_faults(records, int(period.min()), final, holdout, step)), drops)
    found = _histories(customer, period, amount, final, holdout, codes.labels)
    if not found.names:
        message = "has returns, but no purchases"
        refuse([Fault(str(records.path), None, "--amount", message, "amounts of purchases")], drops)
    return found, drops


def _span_faults(
    records: Records, begin: int, end: int, holdout: int, step: str
) -> Iterator[Fault]:
    """What is wrong with a log of too many periods or too few."""
    span, file = end - begin, str(records.path)
    if span > MOST_OPPORTUNITIES:
        message = f"the log spans {span:,} {step}s: at most {MOST_OPPORTUNITIES:,} are read"
        yield Fault(file, None, "--period", message, PERIODS)
    elif span < 1:
        message = f"all purchases fall in one {step}: nobody has had an opportunity to come back"
        yield Fault(file, None, "--period", message, "two periods or more; perhaps another --step")
    elif holdout >= span:
        message = (
            f"a holdout of {holdout} leaves no opportunity: the log has {span} after the first "
            f"{step}"
        )
        yield Fault(file, None, "--holdout", message, f"0 to {span - 1}")


def _histories(
    customer: Whole, period: Whole, amount: Floats, end: int, holdout: int, labels: list[str]
) -> Histories:
    """Purchases of a customer in a period as one, and what they say up to the cut."""
    order = np.lexsort((period, customer))
    customer, period, amount = customer[order], period[order], amount[order]
    is_new = np.concatenate(([True], (np.diff(customer) != 0) | (np.diff(period) != 0)))
    rows = np.flatnonzero(is_new)
    merged = int(customer.size - rows.size)
    total = np.add.reduceat(amount, rows)
    bought, returned = _bought(amount, rows, total)
    customer, period, total = customer[rows][bought], period[rows][bought], total[bought]
    cut, begin = end - holdout, int(period.min(initial=end))
    starts = np.flatnonzero(np.concatenate(([True], np.diff(customer) != 0)))
    joined = period[starts]
    first = np.repeat(joined, np.diff(np.append(starts, customer.size)))
    is_repeat = period > first
    seen = is_repeat & (period <= cut)
    frequency = np.add.reduceat(seen.astype(np.float64), starts)
    recency = np.maximum.reduceat(np.where(seen, period - first, 0), starts).astype(np.float64)
    spent = np.add.reduceat(np.where(seen, total, 0.0), starts)
    value = np.divide(spent, frequency, out=np.full(spent.size, math.nan), where=frequency > 0)
    known = joined <= cut
    return Histories(
        frequency=frequency[known],
        recency=recency[known],
        age=(cut - joined[known]).astype(np.float64),
        count=np.ones(int(known.sum())),
        value=value[known],
        names=[labels[code] for code in customer[starts][known].tolist()],
        joined=joined[known],
        repeats=np.sort(period[is_repeat & (first <= cut)]),
        begin=begin,
        cut=cut,
        end=end,
        merged=merged,
        later=int(np.sum(~known)),
        cancelled=int(np.sum(~bought)),
        returned=returned,
    )


def _bought(amount: Floats, starts: Whole, total: Floats) -> tuple[Flags, float]:
    """Periods of customers in which returns left something, and what they took beyond the others.

    Parameters
    ----------
    amount : ndarray, shape (row,), currency
        By customer and period; NaN where there is no column of amounts.
    starts : ndarray of int, shape (period,)
        First row of each customer and period.
    total : ndarray, shape (period,), currency
    """
    returned = np.minimum.reduceat(amount, starts) < 0.0
    # What is left of sums that cancel is rounding.
    cents = _CENT * np.add.reduceat(np.abs(amount), starts)
    return ~returned | (total > cents), -float(total[returned & (total < -cents)].sum())


def read_histories(records: Records, columns: HistoryColumns) -> tuple[Histories, Drops]:
    """Read a table of histories, a row a customer or a kind of customer.

    Raises
    ------
    RecordsError
        If the table cannot be used.
    """
    wanted = columns.options()
    refuse(column_faults(records, wanted))
    drops = Drops.of(records)
    parts: list[tuple[Floats, ...]] = []
    for piece in records.pieces(list(dict.fromkeys(wanted.values()))):
        drops.begin(piece)
        x, last, n = (
            numbers(piece.columns[name])
            for name in (columns.frequency, columns.recency, columns.opportunities)
        )
        count = numbers(piece.columns[columns.count]) if columns.count else np.ones(x.size)
        good = np.ones(x.size, dtype=bool)
        for reason, one, column in (
            (_FREQUENCY, x, columns.frequency),
            (_RECENCY, last, columns.recency),
            (_ALL, n, columns.opportunities),
        ):
            is_whole = (one >= 0.0) & (one == np.floor(one)) & (one <= MOST_OPPORTUNITIES)
            good = drops.keep(reason, is_whole, good, piece, column)
        good = drops.keep(_EITHER, (x > 0.0) == (last > 0.0), good, piece, columns.recency)
        good = drops.keep(_ORDER, (x <= last) & (last <= n), good, piece, columns.recency)
        if columns.count:
            good = drops.keep(_COUNT, count >= 0.0, good, piece, columns.count)
        good &= count > 0.0
        parts.append((x[good], last[good], n[good], count[good]))
    refuse(drops.faults())
    if not sum(part[0].size for part in parts):
        refuse([Fault(str(records.path), None, "", "has a header, but no usable rows")])
    x, last, n, count = (np.concatenate(part) for part in zip(*parts, strict=True))
    nothing = np.empty(0, dtype=np.int64)
    unknown = np.full(x.size, math.nan)
    return Histories(x, last, n, count, unknown, [], nothing, nothing), drops
