"""``clvsim fit retention``: how many of a cohort are left after each period."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.churn import LifeTable, observed_survival, survival
from clvsim.calibration.drops import Drops, Reason, column_faults, refuse
from clvsim.calibration.outcome import Candidate, Curve, Outcome, SegmentFit, fit_churn, keys_of
from clvsim.calibration.tenure import UNKNOWN_SPEND
from clvsim.calibration.tenure_file import EVERYBODY, LONGEST, too_many
from clvsim.calibration.texts import named, whole_numbers
from clvsim.calibration.texts import numbers as read_numbers
from clvsim.errors import Fault, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clvsim.calibration.outcome import ChurnFit
    from clvsim.calibration.records import Records

    Floats = NDArray[np.float64]
    Cells = dict[tuple[str, str], dict[int, tuple[float, int]]]

_NUMBERS = "numbers of customers: how many there are decides how much a table can say"
_PERCENT = 100.0
#: Faults of one kind that are told one by one.
_MOST_ALIKE = 3
_PERIOD = Reason(
    "--period",
    f"periods that are no whole number from 0 to {LONGEST:,}",
    "whole numbers: 0 for the cohort at its start, then 1, 2, …; no months of a calendar",
    is_cell=True,
)
_SURVIVORS = Reason(
    "--survivors",
    "survivors that are no number of customers",
    "numbers of customers, 0 or more",
    is_cell=True,
)
_NO_SEGMENT = Reason("--segment", "no name of a segment", "the name of a segment in every row")
_NO_COHORT = Reason("--cohort", "no name of a cohort", "the name of a cohort in every row")
_AGAIN = Reason("", "equal to an earlier row of the same cohort and period", is_fault=False)


@dataclass(frozen=True)
class RetentionColumns:
    """Names of columns; `segment` and `cohort` may be empty: the file is one."""

    period: str = "period"
    survivors: str = "survivors"
    segment: str = ""
    cohort: str = ""

    def options(self) -> dict[str, str]:
        """Columns that were named, by option."""
        named = {
            "--period": self.period,
            "--survivors": self.survivors,
            "--segment": self.segment,
            "--cohort": self.cohort,
        }
        return {option: name for option, name in named.items() if name}


@dataclass(frozen=True)
class Tables:
    """Retention tables of a file.

    Attributes
    ----------
    cohorts : dict of str to dict of str to ndarray
        Survivors by segment and cohort, each shape (period + 1,), customers.
    silent : list of str
        Names of cohorts that say nothing yet, and are left out.
    """

    cohorts: dict[str, dict[str, Floats]]
    silent: list[str]


def read_retention(records: Records, columns: RetentionColumns) -> tuple[Tables, Drops]:
    """Survivors by segment and cohort, customers.

    Raises
    ------
    RecordsError
        All that is wrong at once: columns, numbers, gaps, survivors that rise.
    """
    wanted = columns.options()
    refuse(column_faults(records, wanted))
    drops, faults = Drops.of(records), []
    cells: Cells = {}
    clashes: list[Fault] = []
    others = [name for name in records.header if name not in wanted.values()]
    apart = (
        "one row a cohort and period: --segment or --cohort with the column that tells them apart"
    )
    allowed = f"{apart} ({', '.join(others)})" if others else apart
    for piece in records.pieces(list(dict.fromkeys(wanted.values()))):
        drops.begin(piece)
        texts = piece.columns
        when = whole_numbers(texts[columns.period])
        count = read_numbers(texts[columns.survivors])
        nobody = [""] * when.size
        names = texts[columns.segment] if columns.segment else [EVERYBODY] * when.size
        cohorts = texts[columns.cohort] if columns.cohort else nobody
        good = np.ones(when.size, dtype=bool)
        is_period = (when >= 0) & (when <= LONGEST)
        good = drops.keep(_PERIOD, is_period, good, piece, columns.period)
        good = drops.keep(_SURVIVORS, count >= 0.0, good, piece, columns.survivors)
        if columns.segment:
            good = drops.keep(_NO_SEGMENT, named(names), good, piece, columns.segment)
        if columns.cohort:
            good = drops.keep(_NO_COHORT, named(cohorts), good, piece, columns.cohort)
        for at in np.flatnonzero(good).tolist():
            line, value = int(piece.lines[at]), float(count[at])
            cohort = cells.setdefault((names[at], cohorts[at]), {})
            earlier = cohort.setdefault(int(when[at]), (value, line))
            if earlier[1] == line:
                continue
            if earlier[0] == value:
                drops.add(_AGAIN, piece.lines[at : at + 1])
                continue
            message = (
                f"period {when[at]:.0f}{_of(names[at], cohorts[at])} has {value:g} survivors here "
                f"and {earlier[0]:g} in {records.unit} {earlier[1]}"
            )
            clashes.append(Fault(str(records.path), line, "--cohort", message, allowed))
    faults += _of_one_cause(clashes)
    faults += drops.faults() + too_many(records, {name for name, _ in cells})
    if not cells and not faults:
        faults.append(Fault(str(records.path), None, "", "has a header, but no usable rows"))
    silent = [one for one, rows in cells.items() if _says_nothing(rows)]
    if silent and len(silent) == len(cells) and not faults:
        message = "no cohort has a customer and a period after its start: nothing says who stays"
        faults.append(Fault(str(records.path), None, "--period", message, "periods 0 and 1"))
    for one in silent:
        del cells[one]
    tables: dict[str, dict[str, Floats]] = {}
    for (name, cohort_name), rows in cells.items():
        # A row that was left out leaves a gap, which is then the thing to be told.
        faults += _cohort_faults(records, name, cohort_name, rows)
        counts = np.array([rows[period][0] for period in sorted(rows)])
        tables.setdefault(name, {})[cohort_name] = counts
    faults += _percent_faults(records, cells)
    refuse(faults, drops)
    return Tables(tables, [_of(*one).removeprefix(" of ") for one in silent]), drops


def _says_nothing(rows: dict[int, tuple[float, int]]) -> bool:
    """Whether a cohort was seen at its start only, as the newest is, or never had a customer."""
    return list(rows) == [0] or not any(count for count, _ in rows.values())


def _percent_faults(records: Records, cells: Cells) -> list[Fault]:
    """Survivors that look like percentages: of 100 at the start, with parts of a customer or often.

    How many customers there are decides how much a table can say.
    """
    of_100 = [rows for rows in cells.values() if rows.get(0, (0.0, 0))[0] == _PERCENT]
    parts = [
        (value, line)
        for rows in of_100
        for value, line in rows.values()
        if value != math.floor(value)
    ]
    if parts:
        value, line = min(parts, key=lambda one: one[1])
        message = f"survivors look like percentages of a cohort (100 at the start, then {value:g})"
    elif len(of_100) > 1 and len(of_100) == len(cells):
        line = of_100[0][0][1]
        message = (
            f"survivors look like percentages: all {len(of_100)} cohorts have 100 at the start"
        )
    else:
        return []
    return [Fault(str(records.path), line, "--survivors", message, _NUMBERS)]


def _of_one_cause(faults: list[Fault]) -> list[Fault]:
    """Faults, of which many say the same: the first one then speaks for all."""
    if len(faults) <= _MOST_ALIKE:
        return faults
    first = faults[0]
    return [replace(first, message=f"{first.message}; so have {len(faults) - 1:,} further rows")]


def _of(segment: str, cohort: str) -> str:
    parts = [repr(part) for part in (segment if segment != EVERYBODY else "", cohort) if part]
    return f" of {' / '.join(parts)}" if parts else ""


def _cohort_faults(
    records: Records, segment: str, cohort: str, rows: dict[int, tuple[float, int]]
) -> Iterator[Fault]:
    """What keeps a cohort from being one."""
    file, who = str(records.path), _of(segment, cohort)
    order = sorted(rows)
    gaps = [period for period in range(order[-1] + 1) if period not in rows]
    if gaps:
        shown = ", ".join(map(str, gaps[:5])) + (", …" if len(gaps) > 5 else "")
        message = f"period{'' if len(gaps) == 1 else 's'} {shown}{who} missing"
        allowed = "every period from 0, the cohort at its start, to the last"
        # Where the table goes on without them.
        after = next(period for period in order if period > gaps[0])
        yield Fault(file, rows[after][1], "--period", message, allowed)
        return
    if len(order) < 2:
        message = f"only one period{who}: nothing is known about who stays"
        yield Fault(file, rows[order[0]][1], "--period", message, "at least periods 0 and 1")
    counts = [rows[period][0] for period in order]
    if counts[0] <= 0.0:
        message = f"the cohort{who} has nobody at its start"
        yield Fault(file, rows[0][1], "--survivors", message, "a positive number in period 0")
    if 0.0 < counts[0] <= 1.0:
        message = f"survivors{who} look like shares of a cohort ({counts[0]:g} at the start)"
        yield Fault(file, rows[0][1], "--survivors", message, _NUMBERS)
    for period in order[1:]:
        if rows[period][0] > rows[period - 1][0]:
            now, before = rows[period][0], rows[period - 1][0]
            message = f"{now:g} survivors{who} after {before:g} the period before"
            allowed = "those left can only become fewer"
            yield Fault(file, rows[period][1], "--survivors", message, allowed)


def fit_retention_table(
    records: Records, columns: RetentionColumns, step: str, model: str, holdout: int
) -> Outcome:
    """Fit geometric, sBG and beta-discrete-Weibull to the cohorts of each segment, stacked.

    Cohorts of one segment share their churn; each is watched for as long as it was, so a triangle
    of cohorts can be given as it is.

    Parameters
    ----------
    records : Records
    columns : RetentionColumns
    step : str
        What a period is.
    model : str
        Of `clvsim.calibration.outcome.CHOICES`.
    holdout : int
        Last periods of every cohort that the fit does not see.

    Raises
    ------
    RecordsError
        If the table cannot be used, or the holdout leaves nothing of a segment.
    """
    found, drops = read_retention(records, columns)
    tables, faults = found.cohorts, []
    for name, cohorts in tables.items():
        longest = max(counts.size for counts in cohorts.values()) - 1
        if holdout >= longest:
            message = (
                f"a holdout of {holdout} leaves nothing of the {longest} periods"
                f"{_of(name, '')} to fit"
            )
            faults.append(
                Fault(str(records.path), None, "--holdout", message, f"0 to {longest - 1}")
            )
    refuse(faults, drops)
    keys = keys_of(tables)
    segments = tuple(
        _fit_segment(key, name, list(tables[name].values()), step, model, holdout)
        for key, name in zip(keys, tables, strict=True)
    )
    notes = tuple(_table_notes(found))
    return Outcome("retention", records.path.name, step, segments, drops, notes)


def _table_notes(found: Tables) -> Iterator[str]:
    """What was left out of a table as a whole, and what may be percentages."""
    if found.silent:
        named = ", ".join(filter(None, found.silent[:_MOST_ALIKE]))
        more = ", …" if len(found.silent) > _MOST_ALIKE else ""
        yield (
            f"{counted(len(found.silent), 'cohort')} left out ({named}{more}): with no customer or "
            "no period after the start nothing is known of who stays"
        )
    all_counts = [counts for cohorts in found.cohorts.values() for counts in cohorts.values()]
    if len(all_counts) == 1 and all_counts[0][0] == _PERCENT:
        yield (
            "the cohort is taken to be of 100 customers: if these are percentages, give numbers of "
            "customers, since how many there are decides how sure the fit is"
        )


def stacked(cohorts: list[Floats]) -> LifeTable:
    """Leavers and stayers of all cohorts by period since joining."""
    periods_seen = max(counts.size for counts in cohorts) - 1
    leavers, stayers = np.zeros(periods_seen), np.zeros(periods_seen)
    for counts in cohorts:
        leavers[: counts.size - 1] += counts[:-1] - counts[1:]
        stayers[: counts.size - 1] += counts[1:]
    return LifeTable(leavers, stayers)


def _fit_segment(
    key: str, label: str, cohorts: list[Floats], step: str, model: str, holdout: int
) -> SegmentFit:
    seen = [counts[: counts.size - holdout] for counts in cohorts if counts.size - holdout > 1]
    life = stacked(seen)
    churn = fit_churn(life, model)
    notes = list(churn.notes)
    if len(seen) < len(cohorts):
        notes.append(
            f"{len(cohorts) - len(seen)} of {len(cohorts)} cohorts are held out as a whole: they "
            "are no longer than the holdout"
        )
    candidates = tuple(
        replace(one, holdout_error=holdout_error(one, cohorts, holdout)) for one in churn.candidates
    )
    return SegmentFit(
        key=key,
        label=label,
        customers=life.customers,
        candidates=candidates,
        chosen=churn.chosen,
        values={**churn.values, "spend": UNKNOWN_SPEND},
        links=churn.links,
        comments={**churn.comments, "spend": "not in the data: what a customer pays a period"},
        facts={"cohorts": float(len(cohorts)), "periods": float(life.periods)},
        notes=tuple(notes),
        curve=_curve(cohorts, churn, step, life.periods if holdout else math.nan),
    )


def holdout_error(candidate: Candidate, cohorts: list[Floats], holdout: int) -> float:
    """Sum of |expected - observed| survivors over what was held out, as a share of it.

    Expected is the cohort's size at its start times the model's survival, as in Fader & Hardie
    2007.
    """
    if not holdout:
        return math.nan
    missed = total = 0.0
    for counts in cohorts:
        expected = counts[0] * survival(candidate.fitted, counts.size - 1)
        first = max(counts.size - holdout, 1)
        missed += float(np.sum(np.abs(expected[first:] - counts[first:])))
        total += float(np.sum(counts[first:]))
    return missed / total if total else math.nan


def _curve(cohorts: list[Floats], churn: ChurnFit, step: str, held_out_from: float) -> Curve:
    whole = stacked(cohorts)
    times = np.arange(whole.periods + 1, dtype=np.float64)
    expected = {one.fitted.model: survival(one.fitted, whole.periods) for one in churn.candidates}
    observed = observed_survival(whole)
    across, up = f"{step}s since joining", "still a customer"
    return Curve(across, up, times, observed, expected, held_out_from)
