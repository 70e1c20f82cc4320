"""One row a customer, how long it stayed and whether it has left: read and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.drops import Drops, Reason, column_faults, refuse, repeated
from clvsim.calibration.lean import LEFT, TENURES
from clvsim.calibration.numerals import number_hint
from clvsim.calibration.texts import Codes, flags, named, whole_numbers
from clvsim.calibration.texts import numbers as read_numbers
from clvsim.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from numpy.typing import NDArray

    from clvsim.calibration.records import Piece, Records

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Flags = NDArray[np.bool_]

LONGEST = 4096
"""Longest tenure, periods."""
EVERYBODY = "customers"
"""Name of the one segment where no column tells segments apart."""
MOST_SEGMENTS = 100
"""Most segments, beyond which the column is hardly one of segments."""
#: Leavers at tenure 0 for one at tenure 1, at least, where tenures count completed periods; and
#: rows of which fewer may be an accident.
_AS_MANY, _FEW = 0.25, 5


@dataclass(frozen=True)
class TenureColumns:
    """Names of columns; empty: not given."""

    tenure: str
    churned: str
    segment: str = ""
    spend: str = ""
    customer: str = ""

    def options(self) -> dict[str, str]:
        """Columns that were named, by option."""
        named = {
            "--tenure": self.tenure,
            "--churned": self.churned,
            "--segment": self.segment,
            "--spend": self.spend,
            "--customer": self.customer,
        }
        return {option: name for option, name in named.items() if name}


@dataclass(frozen=True)
class Customers:
    """Rows that can be used.

    Attributes
    ----------
    tenure : ndarray of int, shape (customer,), periods
        Of who has left, the period in which: 1 is the first one. Of others, periods stayed.
    has_left : ndarray of bool, shape (customer,)
    spend : ndarray, shape (customer,), currency
        NaN where it is not known.
    segment : ndarray of int, shape (customer,)
        Place in `labels`.
    labels : list of str
        Names of the segments.
    is_completed : bool
        Whether the file counts the periods that leavers completed, one less than ``tenure``.
    """

    tenure: NDArray[np.int64]
    has_left: NDArray[np.bool_]
    spend: Floats
    segment: NDArray[np.int64]
    labels: list[str]
    is_completed: bool = False


_TENURE = Reason(
    "--tenure",
    "tenures that are no whole number of periods",
    "whole numbers from 0: periods as a customer, until leaving or until today",
    is_cell=True,
)
_LONG = Reason(
    "--tenure",
    f"tenures above {LONGEST:,}, counted as still there after {LONGEST:,} periods",
    "tenures in periods: perhaps of a longer --step",
    is_loss=False,
)
_CHURNED = Reason(
    "--churned",
    "neither yes nor no",
    "Yes or No, true or false, 1 or 0, Active or Inactive, …: whether the customer left",
    is_cell=True,
)
_AT_ONCE = Reason(
    "--tenure",
    "customers who left at tenure 0",
    "a tenure of at least 1 for those who left: the period in which they did",
)
_NO_SEGMENT = Reason("--segment", "no name of a segment", "the name of a segment in every row")
_NO_AMOUNT = Reason(
    "--spend",
    "amounts that are no number (used for churn, not for spend)",
    "29.85 or 1,629.85",
    is_loss=False,
    is_cell=True,
)
_NOT_POSITIVE = Reason(
    "--spend",
    "amounts of 0 or less (used for churn, not for spend)",
    "amounts above 0",
    is_loss=False,
)
_AGAIN = Reason("--customer", "a customer that has a row already", "one row a customer")
_EQUAL = Reason(
    "",
    "equal to an earlier row in every column; two customers may be alike, so name the column that "
    "tells them apart with --customer",
    is_loss=False,
    is_fault=False,
)


def read_tenure(records: Records, columns: TenureColumns) -> tuple[Customers, Drops]:
    """Read the rows that can be used, and count the others.

    Raises
    ------
    RecordsError
        If a column is missing, most of the rows cannot be used, or a segment has none.
    """
    wanted = columns.options()
    refuse(column_faults(records, wanted))
    drops, codes, seen = Drops.of(records), Codes(), Codes()
    parts: list[tuple[NDArray[Any], ...]] = []
    marks: list[Whole] = []
    lines: list[Whole] = []
    for piece in records.pieces(list(dict.fromkeys(wanted.values()))):
        spend = np.full(piece.lines.size, math.nan)
        if columns.spend:
            spend = read_numbers(piece.columns[columns.spend])
        drops.begin(piece, spend)
        if not columns.customer:
            marks.append(piece.marks)
            lines.append(piece.lines)
        parts.append(_usable(piece, columns, drops, codes, seen, spend))
    if marks:
        is_equal = repeated(np.concatenate(marks))
        marks.clear()
        drops.add(_EQUAL, np.concatenate(lines)[is_equal])
        lines.clear()
    if not parts:
        refuse([Fault(str(records.path), None, "", "has a header, but no rows")])
    tenures, lefts, spends, segments, places = (
        np.concatenate(one) for one in zip(*parts, strict=True)
    )
    parts.clear()
    labels = codes.labels if columns.segment else [EVERYBODY]
    tenure = tenures.astype(np.int64)
    at_once = lefts & (tenure == 0)
    is_completed = _counts_completed(tenure, lefts)
    if is_completed:
        # The period in which they left is one more than those that they completed.
        tenure += lefts
    else:
        drops.add(_AT_ONCE, places[at_once], ["0"])
    faults = [*_comma_hint(drops), *_one_sided(drops, lefts)]
    if at_once.any() and not is_completed and not drops.accepts:
        faults.append(_few_at_once(drops, places[at_once]))
    refuse(faults)
    good = is_completed | ~at_once
    own = tenure[good], lefts[good], spends[good], segments[good]
    people = Customers(*own, labels, is_completed)
    refuse(too_many(records, labels) or _empty_segments(records, people), drops)
    return people, drops


def _counts_completed(tenure: Whole, has_left: Flags) -> bool:
    """Whether tenures of leavers count the periods that they completed: many left at 0.

    Few of them, beside those at 1, are no way of counting, but an accident.
    """
    at_0, at_1 = (int(np.sum(has_left & (tenure == at))) for at in (0, 1))
    return at_0 >= max(_FEW, _AS_MANY * at_1)


def _few_at_once(drops: Drops, lines: Whole) -> Fault:
    """Leavers at 0, too few to be how the file counts, and all on one side."""
    message = (
        f"{lines.size:,} of {drops.rows:,} rows: {_AT_ONCE.text}, too few for tenures that count "
        "completed periods; without them churn is too low"
    )
    line = int(lines[0]) if drops.unit == "line" else None
    allowed = f"{_AT_ONCE.allowed}; or --accept-losses to go on without them"
    return Fault(drops.file, line, _AT_ONCE.option, message, allowed)


def _one_sided(drops: Drops, has_left: Flags) -> list[Fault]:
    """A column that only says who has left, or only who has not, and nothing of the others."""
    count = drops.counts.get(_CHURNED)
    if count is None or drops.accepts or not has_left.size:
        return []
    silent = count.rows - (count.unread.rows if count.unread else 0)
    if silent < _FEW:
        return []
    if 0 < has_left.sum() < has_left.size:
        return []
    said, other = ("left", "stayed") if has_left.all() else ("stayed", "left")
    message = (
        f"all who say it have {said}, and {silent:,} of {drops.rows:,} rows say nothing: have "
        f"those {other}?"
    )
    allowed = "a word for it in these rows too; or --accept-losses if nobody knows"
    line = count.lines[0] if drops.unit == "line" else None
    return [Fault(drops.file, line, "--churned", message, allowed)]


def _usable(
    piece: Piece, columns: TenureColumns, drops: Drops, codes: Codes, seen: Codes, spend: Floats
) -> tuple[NDArray[Any], ...]:
    """Tenure, whether left, spend, segment and line of the rows that can be used, (row,) each."""
    texts = piece.columns
    tenure, left = whole_numbers(texts[columns.tenure]), flags(texts[columns.churned])
    good = np.ones(tenure.size, dtype=bool)
    if columns.customer:
        before = len(seen.labels)
        number = seen.encode(texts[columns.customer])
        is_new = np.zeros(number.size, dtype=bool)
        is_new[np.unique(number, return_index=True)[1]] = True
        # Nobody knows whether those without a name are the same.
        is_new = (is_new & (number >= before)) | ~named(texts[columns.customer])
        good = drops.keep(_AGAIN, is_new, good, piece, columns.customer)
    good = drops.keep(_TENURE, tenure >= 0, good, piece, columns.tenure)
    good = drops.keep(_CHURNED, ~np.isnan(left), good, piece, columns.churned)
    segment = np.zeros(tenure.size, dtype=np.int64)
    if columns.segment:
        good = drops.keep(_NO_SEGMENT, named(texts[columns.segment]), good, piece, columns.segment)
        segment = codes.encode(texts[columns.segment])
    drops.weigh(LEFT, left, good)
    drops.weigh(TENURES, tenure, good)
    drops.keep(_LONG, tenure <= LONGEST, good, piece, columns.tenure)
    if columns.spend:
        known = drops.keep(_NO_AMOUNT, ~np.isnan(spend), good, piece, columns.spend)
        known = drops.keep(_NOT_POSITIVE, spend > 0.0, known, piece, columns.spend)
        spend = np.where(known, spend, math.nan)
    # Who was there for longer than is counted had not left by then.
    has_left = (left[good] > 0) & (tenure[good] <= LONGEST)
    # Narrow while many rows are held.
    narrow = np.minimum(tenure[good], LONGEST).astype(np.int16)
    return narrow, has_left, spend[good], segment[good], piece.lines[good]


def too_many(records: Records, labels: Collection[str]) -> list[Fault]:
    """A column with a name of its own in nearly every row is none of segments."""
    if len(labels) <= MOST_SEGMENTS:
        return []
    message = f"{len(labels):,} different segments, such as {next(iter(labels))!r}"
    allowed = f"at most {MOST_SEGMENTS} segments: a column of groups, not of customers"
    return [Fault(str(records.path), None, "--segment", message, allowed)]


def _comma_hint(drops: Drops) -> list[Fault]:
    """The faults of the file, with a word on decimal commas."""
    hint = number_hint(drops.unread(_NO_AMOUNT), "29.85")
    return [
        replace(one, allowed=hint) if one.path == "--spend" and hint else one
        for one in drops.faults()
    ]


def _empty_segments(records: Records, people: Customers) -> list[Fault]:
    """Segments of which nobody was watched for a period."""
    watched = np.bincount(people.segment[people.tenure > 0], minlength=len(people.labels))
    return [
        Fault(
            str(records.path),
            None,
            "--segment",
            f"the segment {label!r} has no customer who was watched for a period",
            "at least one usable row with a tenure of 1 or more",
        )
        for label, count in zip(people.labels, watched, strict=True)
        # Names on rows that were left out are no segments of their own.
        if count == 0 and label
    ]
