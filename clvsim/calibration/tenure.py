"""``clvsim fit tenure``: one row a customer, how long it stayed, and whether it has left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration import drops as why
from clvsim.calibration.churn import LifeTable, observed_survival, survival
from clvsim.calibration.drops import Drops, Reason, column_faults, refuse, repeated
from clvsim.calibration.outcome import WORDS, Curve, Link, Outcome, SegmentFit, fit_churn, keys_of
from clvsim.calibration.spend import (
    LEAST_AMOUNTS,
    correlation_with_churn,
    fit_spend,
    largest_gap,
)
from clvsim.calibration.texts import Codes, flags, looks_decimal, periods
from clvsim.calibration.texts import numbers as read_numbers
from clvsim.errors import Fault, counted

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from numpy.typing import NDArray

    from clvsim.calibration.fitted import Fitted
    from clvsim.calibration.outcome import ChurnFit
    from clvsim.calibration.records import Records
    from clvsim.calibration.spend import Correlation

    Floats = NDArray[np.float64]

LONGEST = 4096
"""Longest tenure, periods."""
EVERYBODY = "customers"
"""Name of the one segment where no column tells segments apart."""
MOST_SEGMENTS = 100
"""Most segments, beyond which the column is hardly one of segments."""
UNKNOWN_SPEND = 1.0
"""Spend in a block whose data say nothing about it, currency."""
_FROM_JOINING = (
    "every life is taken as watched from joining: if customers who left before some date are "
    "missing from the file, the true churn is higher"
)
_CONSTANT = "the same for all customers"


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
    has_left : ndarray of bool, shape (customer,)
    spend : ndarray, shape (customer,), currency
        NaN where it is not known.
    segment : ndarray of int, shape (customer,)
        Place in `labels`.
    labels : list of str
        Names of the segments.
    """

    tenure: NDArray[np.int64]
    has_left: NDArray[np.bool_]
    spend: Floats
    segment: NDArray[np.int64]
    labels: list[str]


_TENURE = Reason(
    "--tenure",
    "tenures that are no whole number of periods",
    f"whole numbers from 0 to {LONGEST:,}: periods as a customer, until leaving or until today",
)
_CHURNED = Reason(
    "--churned", "neither yes nor no", "Yes or No, true or false, 1 or 0: whether the customer left"
)
_AT_ONCE = Reason(
    "--tenure",
    "customers who left at tenure 0",
    "a tenure of at least 1 for those who left: the period in which they did",
)
_NO_SEGMENT = Reason("--segment", "no name of a segment", "the name of a segment in every row")
_NO_AMOUNT = Reason(
    "--spend", "amounts that are no number (used for churn, not for spend)", "29.85", is_loss=False
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
    drops, codes, seen = Drops(str(records.path), records.unit), Codes(), Codes()
    parts: list[tuple[NDArray[Any], ...]] = []
    marks: list[NDArray[np.int64]] = []
    lines: list[NDArray[np.int64]] = []
    for piece in records.pieces(list(dict.fromkeys(wanted.values()))):
        drops.begin(piece)
        texts = piece.columns
        tenure = periods(texts[columns.tenure])
        left = flags(texts[columns.churned])
        good = np.ones(tenure.size, dtype=bool)
        if columns.customer:
            before = len(seen.names)
            number = seen.encode(texts[columns.customer])
            is_new = np.zeros(number.size, dtype=bool)
            is_new[np.unique(number, return_index=True)[1]] = True
            good = drops.keep(_AGAIN, is_new & (number >= before), good, piece, columns.customer)
        else:
            marks.append(piece.marks)
            lines.append(piece.lines)
        whole = (tenure >= 0) & (tenure <= LONGEST)
        good = drops.keep(_TENURE, whole, good, piece, columns.tenure)
        good = drops.keep(_CHURNED, ~np.isnan(left), good, piece, columns.churned)
        good = drops.keep(_AT_ONCE, ~((tenure == 0) & (left > 0)), good, piece, columns.tenure)
        segment = np.zeros(tenure.size, dtype=np.int64)
        if columns.segment:
            named = np.array([bool(text) for text in texts[columns.segment]], dtype=bool)
            good = drops.keep(_NO_SEGMENT, named, good, piece, columns.segment)
            segment = codes.encode(texts[columns.segment])
        spend = np.full(tenure.size, math.nan)
        if columns.spend:
            spend = read_numbers(texts[columns.spend])
            known = drops.keep(_NO_AMOUNT, ~np.isnan(spend), good, piece, columns.spend)
            known = drops.keep(_NOT_POSITIVE, spend > 0.0, known, piece, columns.spend)
            spend = np.where(known, spend, math.nan)
        # Narrow while many rows are held: a tenure is at most `LONGEST`.
        own = tenure[good].astype(np.int16), left[good] > 0, spend[good], segment[good]
        parts.append(own)
    if marks:
        is_equal = repeated(np.concatenate(marks))
        marks.clear()
        drops.add(_EQUAL, np.concatenate(lines)[is_equal])
        lines.clear()
    refuse(_comma_hint(drops))
    if not parts:
        refuse([Fault(str(records.path), None, "", "has a header, but no rows")])
    tenures, lefts, spends, segments = (np.concatenate(one) for one in zip(*parts, strict=True))
    labels = codes.labels if columns.segment else [EVERYBODY]
    parts.clear()
    people = Customers(tenures.astype(np.int64), lefts, spends, segments, labels)
    refuse(too_many(records, labels) or _empty_segments(records, people), drops)
    return people, drops


def too_many(records: Records, labels: Collection[str]) -> list[Fault]:
    """A column with a name of its own in nearly every row is none of segments."""
    if len(labels) <= MOST_SEGMENTS:
        return []
    message = f"{len(labels):,} different segments, such as {next(iter(labels))!r}"
    allowed = f"at most {MOST_SEGMENTS} segments: a column of groups, not of customers"
    return [Fault(str(records.path), None, "--segment", message, allowed)]


def _comma_hint(drops: Drops) -> list[Fault]:
    """The faults of the file, with a word on decimal commas."""
    amounts = drops.counts.get(_NO_AMOUNT, why.Count())
    return [
        Fault(one.file, one.line, one.path, one.message, "a decimal point, as in 29.85")
        if one.path == "--spend" and looks_decimal(amounts.example)
        else one
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


def life_table(tenure: NDArray[np.int64], has_left: NDArray[np.bool_]) -> LifeTable:
    """Leavers and stayers by period of those at risk.

    Who left at tenure t stayed for t - 1 periods and left in period t; who had not left at tenure
    t stayed for t periods, and nothing is known of later ones (right-censored).
    """
    last = int(tenure.max())
    left = np.bincount(tenure[has_left], minlength=last + 1).astype(np.float64)
    there = np.bincount(tenure[~has_left], minlength=last + 1).astype(np.float64)
    # At risk in period t: all whose tenure is t or more.
    at_risk = np.cumsum((left + there)[::-1])[::-1]
    return LifeTable(left[1:], at_risk[1:] - left[1:])


def fit_tenure(records: Records, columns: TenureColumns, step: str, model: str) -> Outcome:
    """Churn, spend and their correlation, segment by segment.

    Parameters
    ----------
    records : Records
    columns : TenureColumns
    step : str
        What a tenure of 1 is.
    model : str
        Of `clvsim.calibration.outcome.CHOICES`.
    """
    people, drops = read_tenure(records, columns)
    kept = [at for at, label in enumerate(people.labels) if label]
    keys = keys_of(people.labels[at] for at in kept)
    segments = tuple(
        _fit_segment(key, people.labels[at], people, people.segment == at, step, model)
        for key, at in zip(keys, kept, strict=True)
    )
    newcomers = int(np.sum(people.tenure == 0))
    notes = [_FROM_JOINING]
    if newcomers:
        notes.append(
            f"{counted(newcomers, 'customer')} of tenure 0, not watched for a period yet: nothing "
            "is known of their churn"
        )
    return Outcome("tenure", records.path.name, step, segments, drops, tuple(notes))


def _fit_segment(
    key: str, label: str, people: Customers, own: NDArray[np.bool_], step: str, model: str
) -> SegmentFit:
    tenure, has_left, amounts = people.tenure[own], people.has_left[own], people.spend[own]
    life = life_table(tenure, has_left)
    churn = fit_churn(life, model)
    values, links, notes = dict(churn.values), dict(churn.links), list(churn.notes)
    comments = churn.comments
    known = np.isfinite(amounts)
    models: tuple[Fitted, ...] = ()
    correlation = None
    facts = {"left": float(has_left.sum()), "share_censored": float(1.0 - has_left.mean())}
    if known.sum() >= LEAST_AMOUNTS and np.ptp(amounts[known]) > 0.0:
        models = fit_spend(amounts[known])
        facts["largest_gap_spend"] = largest_gap(amounts[known], models[0])
        chosen = models[0]
        values["spend"] = {"distribution": chosen.model, **chosen.parameters}
        links |= {f"spend.{name}": Link(chosen, {name: 1.0}) for name in chosen.parameters}
        notes.append(_spend_note(models, facts["largest_gap_spend"]))
        correlation = _correlate(churn, tenure[known], has_left[known], amounts[known], notes)
        if correlation is not None:
            between = {"between": ["churn", "spend"], "value": round(correlation.rho, 4)}
            values["correlations"] = [between]
    elif known.any():
        values["spend"] = float(amounts[known].mean())
        comments["spend"] = _CONSTANT if known.sum() >= LEAST_AMOUNTS else "the mean"
    else:
        values["spend"] = UNKNOWN_SPEND
        comments["spend"] = "not in the data: what a customer pays a period"
    return SegmentFit(
        key=key,
        label=label,
        customers=float(tenure.size),
        candidates=churn.candidates,
        chosen=churn.chosen,
        values=values,
        links=links,
        comments=comments,
        spend=models,
        correlation=correlation,
        facts=facts,
        notes=tuple(notes),
        curve=_curve(life, churn, step),
    )


def _spend_note(models: tuple[Fitted, ...], gap: float) -> str:
    better, other = models
    return (
        f"spend: {WORDS[better.model]}, better than the {WORDS[other.model]} by "
        f"{other.aic - better.aic:.1f} in AIC; the largest gap between its distribution and the "
        f"data's is {100.0 * gap:.1f} percentage points"
    )


def _correlate(
    churn: ChurnFit,
    tenure: NDArray[np.int64],
    has_left: NDArray[np.bool_],
    amounts: Floats,
    notes: list[str],
) -> Correlation | None:
    """Correlation of churn and spend, or a note why there is none."""
    if churn.chosen.model != "sbg":
        notes.append(
            "no correlation of churn and spend was fitted: it needs a churn that differs between "
            "customers (sBG)"
        )
        return None
    found = correlation_with_churn(churn.chosen, tenure, has_left, amounts)
    if found is None:
        notes.append(
            "no correlation of churn and spend was fitted: the data tell neither it nor its error"
        )
        return None
    notes.append(
        f"correlation of churn and spend (normal scores): {found.rho:.3f} ± {found.error:.3f}"
    )
    return found


def _curve(life: LifeTable, churn: ChurnFit, step: str) -> Curve:
    times = np.arange(life.periods + 1, dtype=np.float64)
    expected = {one.fitted.model: survival(one.fitted, life.periods) for one in churn.candidates}
    return Curve(
        f"{step}s as a customer", "still a customer", times, observed_survival(life), expected
    )
