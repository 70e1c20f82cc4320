"""The file of customers to score: read in pieces, rows that cannot be are counted by reason."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.drops import Drops, Reason, column_faults, refuse
from clvsim.calibration.numerals import MISSING
from clvsim.calibration.outcome import keys_of
from clvsim.calibration.scoring.fit_file import ContractSegment, MovingSegment
from clvsim.calibration.scoring.value import GammaGamma
from clvsim.calibration.tables import tables
from clvsim.calibration.texts import Codes, flags, named
from clvsim.errors import Fault, closest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.records import Records
    from clvsim.calibration.scoring.fit_file import AnySegment
    from clvsim.calibration.tables import Table

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

#: Share of the rows that may be left out.
_MOST_LOST = 0.5
#: Purchases up to which a number counts one by one.
_MOST = 1e9
_LONGEST = 4096
SPEND, SEGMENT = "spend", "segment"
"""Columns that are used unasked where the file has them."""


@dataclass(frozen=True)
class Columns:
    """Names of columns; ``spend``, ``churned`` and ``segment`` empty: not named."""

    customer: str = "customer"
    frequency: str = "frequency"
    recency: str = "recency"
    age: str = "age"
    value: str = "value"
    tenure: str = "tenure"
    spend: str = ""
    churned: str = ""
    segment: str = ""
    state: str = "state"


@dataclass(frozen=True)
class Customers:
    """Customers that can be scored; NaN where a column was not asked for.

    Attributes
    ----------
    names : list of str
        Shape (customer,).
    segment : ndarray of int
        Place in ``segments``, shape (customer,).
    segments : tuple of str
        Names in the fit.
    frequency, recency, age : ndarray
        Repeat purchases, 1, time of the last one and time observed, periods, shape (customer,).
    value : ndarray
        Mean value of the repeat purchases, shape (customer,), currency; 0 without any.
    tenure : ndarray
        Periods since joining, shape (customer,).
    spend : ndarray
        Spend per period, shape (customer,), currency.
    state : ndarray of int
        Place of the state in those of the segment, shape (customer,); -1: there are none.
    file : str
        Where they stand, as the user named it.
    """

    names: list[str]
    segment: NDArray[np.int64]
    segments: tuple[str, ...]
    frequency: Floats
    recency: Floats
    age: Floats
    value: Floats
    tenure: Floats
    spend: Floats
    state: NDArray[np.int64]
    file: str = ""

    def some(self, places: NDArray[np.int64]) -> Customers:
        """Those at some places."""
        numbers = {name: getattr(self, name)[places] for name in _NUMBERS}
        names = [self.names[at] for at in places.tolist()]
        segment, state = self.segment[places], self.state[places]
        return Customers(names, segment, self.segments, state=state, file=self.file, **numbers)


_NUMBERS = ("frequency", "recency", "age", "value", "tenure", "spend")
_NOBODY = Reason("--customer", "no customer", "the customer's name or number in every row")
_AGAIN = Reason("--customer", "a customer that has a row already", "one row a customer")
_FREQUENCY = Reason(
    "--frequency",
    "frequencies that are no whole number of purchases",
    "whole numbers from 0: purchases after the first, those of a day as one",
    is_cell=True,
)
_RECENCY = Reason(
    "--recency",
    "recencies that are no number from 0",
    "periods from first to last purchase",
    is_cell=True,
)
_AGE = Reason(
    "--age",
    "ages that are no number from 0",
    "periods from first purchase to today",
    is_cell=True,
)
_LATE = Reason("--recency", "recency above age", "last purchases before the end of observation")
_EITHER = Reason(
    "--recency",
    "recency 0 with repeat purchases, or above 0 without",
    "recency 0 if, and only if, frequency is 0",
)
_VALUE = Reason(
    "--value",
    "no mean value from 0 for repeat purchases",
    "the mean amount of the repeat purchases",
    is_cell=True,
)
_TENURE = Reason(
    "--tenure",
    "tenures that are no whole number of periods",
    "periods as a customer until today",
    is_cell=True,
)
_LONG = Reason(
    "--tenure",
    f"tenures above {_LONGEST:,}, scored as {_LONGEST:,} periods",
    "tenures in periods: perhaps of a longer --step",
    is_loss=False,
)
_LEFT = Reason("--churned", "customers who have left", is_fault=False)
_UNCLEAR = Reason(
    "--churned",
    "neither yes nor no",
    "Yes or No, true or false, 1 or 0, Active or Inactive, …",
    is_cell=True,
)
_SPEND = Reason("--spend", "spends that are no number from 0", "29.85 or 1,629.85", is_cell=True)
_STATE = "states that the segment does not have"
_STRANGER = Reason("--segment-column", "segments that the fit does not have")


def read_customers(
    records: Records, columns: Columns, segments: Mapping[str, AnySegment], chosen: str, fit: str
) -> tuple[Customers, Drops]:
    """Read the customers that can be scored, and count the other rows.

    Parameters
    ----------
    records : Records
    columns : Columns
    segments : mapping of str to Segment
        Of the fit.
    chosen : str
        The segment of all customers; empty: as the file says.
    fit : str
        Name of the fit's file, for the faults.

    Raises
    ------
    RecordsError
        If it cannot be told who is in which segment, columns are missing, or more than half of
        the rows cannot be used.
    """
    by_column = _segment_column(records, columns, segments, chosen, fit)
    names = [chosen] if chosen else list(segments)
    used = {name: segments[name] for name in names}
    wanted = _wanted(records, columns, list(used.values()), by_column)
    refuse([*_mixed(used, fit), *column_faults(records, _options(wanted))])
    drops, labels, seen = Drops.of(records), Codes(), set[str]()
    allowed = f"{', '.join(names)} (in {fit})"
    stranger = Reason(_STRANGER.option, _STRANGER.text, allowed)
    states, lost = _states(used)
    parts: list[tuple[list[str], list[NDArray[np.int64]], list[Floats]]] = []
    read = {name: column for name, column in wanted.items() if name in _NUMBERS}
    texts = [column for name, column in wanted.items() if name not in _NUMBERS]
    for piece in tables(records, texts, list(read.values())):
        table = {
            name: piece.numbers[read[name]] if name in read else np.full(piece.lines.size, math.nan)
            for name in _NUMBERS
        }
        drops.begin(piece, table["spend"] if "spend" in read else table["value"])
        good = _named(drops, piece, wanted["customer"], seen)
        own = np.zeros(good.size, dtype=np.int64)
        if by_column:
            codes = labels.encode(piece.texts[by_column])
            own = _places(labels.labels, names)[codes]
            good = drops.keep(stranger, own >= 0, good, piece, by_column)
        good = _possible(drops, piece, wanted, table, good)
        state = np.full(good.size, -1)
        if "state" in wanted:
            texts_of_states = piece.texts[wanted["state"]]
            state[:] = [
                states[place].get(text, -1)
                for place, text in zip(own.tolist(), texts_of_states, strict=True)
            ]
            good = drops.keep(lost, state >= 0, good, piece, wanted["state"])
        kept = itertools.compress(piece.texts[wanted["customer"]], good.tolist())
        numbers = [table[name][good] for name in _NUMBERS]
        parts.append((list(kept), [own[good], state[good]], numbers))
    _refuse_most(records, drops)
    people = [name for part in parts for name in part[0]]
    if not people:
        refuse([Fault(str(records.path), None, "", "has a header, but no customers")])
    found = {
        name: np.concatenate([part[2][at] for part in parts]) for at, name in enumerate(_NUMBERS)
    }
    segment, state = (np.concatenate([part[1][at] for part in parts]) for at in range(2))
    return Customers(people, segment, tuple(names), state=state, file=drops.file, **found), drops


def _states(used: Mapping[str, AnySegment]) -> tuple[list[dict[str, int]], Reason]:
    """Places of states by name of each segment, and why a row with another is left out."""
    lists = [one.states if isinstance(one, MovingSegment) else () for one in used.values()]
    allowed = ", ".join(dict.fromkeys(name for one in lists for name in one))
    places = [{name: place for place, name in enumerate(one)} for one in lists]
    return places, Reason("--state", _STATE, allowed)


def _segment_column(
    records: Records, columns: Columns, segments: Mapping[str, AnySegment], chosen: str, fit: str
) -> str:
    """The column that tells segments apart; empty: all customers are in one."""
    if chosen and chosen not in segments:
        message = f"there is no segment {chosen!r}"
        near = closest(chosen, segments)
        refuse([Fault(fit, None, "--segment", message, ", ".join(segments), near)])
    if chosen:
        return ""
    if columns.segment:
        return columns.segment
    if len(segments) == 1:
        return ""
    if SEGMENT in records.header:
        return SEGMENT
    message = f"has {len(segments)} segments, and nothing says which customer is in which"
    allowed = f"--segment with one of {', '.join(segments)}, or --segment-column with a column"
    refuse([Fault(fit, None, "", message, allowed)])
    return ""


def _wanted(
    records: Records, columns: Columns, used: Sequence[AnySegment], by_column: str
) -> dict[str, str]:
    """Columns to read, by what they mean."""
    names = ["customer"]
    kinds = set(map(_kind, used))
    if _CONTRACTS in kinds or (_MOVING in kinds and columns.tenure in records.header):
        names.append("tenure")
    if _MOVING in kinds:
        names.append("state")
    if _PURCHASES in kinds:
        names += ["frequency", "recency", "age"]
    if any(isinstance(getattr(one, "value", None), GammaGamma) for one in used):
        names.append("value")
    wanted = {name: getattr(columns, name) for name in names}
    if _PURCHASES not in kinds and (columns.spend or SPEND in records.header):
        wanted["spend"] = columns.spend or SPEND
    if "tenure" in wanted and columns.churned:
        wanted["churned"] = columns.churned
    if by_column:
        wanted["segment"] = by_column
    return wanted


def _options(wanted: Mapping[str, str]) -> dict[str, str]:
    return {
        "--segment-column" if name == "segment" else f"--{name}": column
        for name, column in wanted.items()
    }


_KINDS = _CONTRACTS, _PURCHASES, _MOVING = "contracts", "purchases", "states"


def _kind(segment: AnySegment) -> str:
    """What columns its customers need."""
    if isinstance(segment, ContractSegment):
        return _CONTRACTS
    return _MOVING if isinstance(segment, MovingSegment) else _PURCHASES


def _mixed(used: Mapping[str, AnySegment], fit: str) -> list[Fault]:
    """Contracts, purchases and states need different columns."""
    by_kind = {kind: [name for name, one in used.items() if _kind(one) == kind] for kind in _KINDS}
    first, *others = [f"{kind} ({', '.join(own)})" for kind, own in by_kind.items() if own]
    if not others:
        return []
    message = f"has segments of {first} beside {' and '.join(others)}"
    return [Fault(fit, None, "segments", message, "one kind at a time: choose with --segment")]


def _named(drops: Drops, piece: Table, column: str, seen: set[str]) -> Flags:
    """Rows with a customer that had none before; those are added to ``seen``."""
    texts = piece.texts[column]
    own = set(texts)
    is_new = np.ones(len(texts), dtype=bool)
    if len(own) < len(texts) or not own.isdisjoint(seen):
        for at, text in enumerate(texts):
            is_new[at] = text not in seen
            seen.add(text)
    seen |= own
    whole = np.ones(len(texts), dtype=bool)
    is_named = whole if MISSING.isdisjoint(map(str.casefold, own)) else named(texts)
    good = drops.keep(_NOBODY, is_named, whole, piece, column)
    return drops.keep(_AGAIN, is_new, good, piece, column)


def _places(labels: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """Place in ``names`` of each label, as it is or as ``clvsim fit`` would call it; -1: none."""
    known = {name: at for at, name in enumerate(names)}
    found = [
        known.get(label, known.get(keys_of([label])[0], -1)) if label else -1 for label in labels
    ]
    return np.array(found, dtype=np.int64)


def _possible(
    drops: Drops,
    piece: Table,
    wanted: Mapping[str, str],
    table: dict[str, Floats],
    good: Flags,
) -> Flags:
    """Rows that say what can be; values of customers without repeat purchases become 0."""
    if "tenure" in wanted:
        tenure = table["tenure"]
        whole = (tenure >= 0.0) & (tenure == np.floor(tenure))
        good = drops.keep(_TENURE, whole, good, piece, wanted["tenure"])
        drops.keep(_LONG, tenure <= _LONGEST, good, piece, wanted["tenure"])
        table["tenure"] = np.minimum(tenure, _LONGEST)
    if "churned" in wanted:
        left = flags(piece.texts[wanted["churned"]])
        good = drops.keep(_UNCLEAR, ~np.isnan(left), good, piece, wanted["churned"])
        good = drops.keep(_LEFT, left == 0.0, good, piece, wanted["churned"])
    if "spend" in wanted:
        good = drops.keep(_SPEND, table["spend"] >= 0.0, good, piece, wanted["spend"])
    if "frequency" not in wanted:
        return good
    x, last, until = table["frequency"], table["recency"], table["age"]
    whole = (x >= 0.0) & (x <= _MOST) & (x == np.floor(x))
    good = drops.keep(_FREQUENCY, whole, good, piece, wanted["frequency"])
    good = drops.keep(_RECENCY, last >= 0.0, good, piece, wanted["recency"])
    good = drops.keep(_AGE, until >= 0.0, good, piece, wanted["age"])
    good = drops.keep(_LATE, last <= until, good, piece, wanted["recency"])
    good = drops.keep(_EITHER, (x > 0.0) == (last > 0.0), good, piece, wanted["recency"])
    if "value" in wanted:
        table["value"] = np.where(x == 0.0, 0.0, table["value"])
        good = drops.keep(_VALUE, table["value"] >= 0.0, good, piece, wanted["value"])
    return good


def _refuse_most(records: Records, drops: Drops) -> None:
    """Refuse a file of which more than half would be left out."""
    faults = drops.faults()
    lost = sum(count.rows for reason, count in drops.counts.items() if reason.is_fault)
    if not faults and lost > _MOST_LOST * drops.rows:
        told = "; ".join(drops.told())
        message = f"{lost:,} of {drops.rows:,} rows cannot be used: {told}"
        faults = [Fault(str(records.path), None, "", message)]
    refuse(faults)
