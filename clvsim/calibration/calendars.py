"""Periods as people write them: whole numbers, months, quarters, weeks, and dates."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.numerals import is_missing, number
from clvsim.calibration.texts import NO_DAY, Days
from clvsim.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.records import Records

    Floats = NDArray[np.float64]

PERIODS = (
    "whole numbers like 1996, months like 2026-03 or 202603, quarters like 2026-Q1 or 20261, weeks "
    "like 2026-W05 or 202605, or dates like 2026-03-14"
)
_EPOCH = dt.date(1970, 1, 1).toordinal()
#: Months of a step of the calendar.
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MONTH = re.compile(r"(\d{4})[-/](\d{2})", re.ASCII)
_QUARTER = re.compile(r"(?:(\d{4})[- ]?Q([1-4])|Q([1-4])[- ](\d{4}))", re.ASCII | re.IGNORECASE)
_WEEK = re.compile(r"(\d{4})-?W(\d{2})", re.ASCII | re.IGNORECASE)
#: Years that a calendar's key may begin with.
_KEY = re.compile(r"((?:19|20|21)\d{2})(\d{1,2})", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}.*|\d{4}/\d{2}/\d{2}.*|(?:19|20|21)\d{6}", re.ASCII)


def period_text(period: int, calendar: str) -> str:
    """A period as it is written.

    Parameters
    ----------
    period : int
        As `Periods` counts it.
    calendar : str
        Of `Periods.calendar`.
    """
    if calendar == "month":
        return f"{period // 12:04}-{period % 12 + 1:02}"
    if calendar == "quarter":
        return f"{period // 4:04}-Q{period % 4 + 1}"
    if calendar == "week":
        year, week, _ = dt.date.fromordinal(7 * period - 3 + _EPOCH).isocalendar()
        return f"{year:04}-W{week:02}"
    return str(period)


@dataclass
class Periods:
    """Reads periods of one step, each different text of a piece once.

    Whole numbers stay as they are. What is written by the calendar counts its periods: years are
    years AD, months and quarters are counted from year 0, weeks (Monday to Sunday) from 1970.
    Keys are part of it: 202312 is December 2023 by month, 20234 the fourth quarter by quarter,
    202352 a week by week; 20231231 is a date.

    Parameters
    ----------
    step : str
        What a period is.

    Attributes
    ----------
    kinds : Counter of str
        Rows by how their period is written: "number", "month", "quarter", "week", "date".
    """

    step: str
    kinds: Counter[str] = field(default_factory=Counter)

    def read(self, texts: Sequence[str]) -> Floats:
        """Numbers of periods, shape (row,); NaN for what is none of this step."""
        known: dict[str, float] = {}
        for text, count in Counter(texts).items():
            kind, known[text] = self._period(text)
            if kind:
                self.kinds[kind] += count
        return np.fromiter(map(known.__getitem__, texts), np.float64, len(texts))

    @property
    def calendar(self) -> str:
        """The step, where periods are written by the calendar; empty: they are numbers."""
        return self.step if set(self.kinds) - {"number"} else ""

    def faults(self, records: Records, option: str = "--period") -> list[Fault]:
        """Periods of which some are numbers and others are of the calendar, years apart."""
        if len(self.kinds) < 2 or "number" not in self.kinds or self.step == "year":
            return []
        said = ", ".join(f"{count:,} by {kind}" for kind, count in self.kinds.most_common())
        message = f"periods are written in different ways ({said}), so nobody can count them"
        return [Fault(str(records.path), None, option, message, f"one way in all rows: {PERIODS}")]

    def _period(self, text: str) -> tuple[str, float]:
        """How a period is written, and its number."""
        if is_missing(text):
            return "", math.nan
        plain = text.removesuffix(".0")
        for kind, found in (
            ("month", self._by_month(plain)),
            ("quarter", self._by_quarter(plain)),
            ("week", self._by_week(plain)),
            ("date", self._by_date(plain)),
        ):
            if found is not None:
                return kind, found
        value = number(text)
        if math.isfinite(value) and value == int(value):
            return "number", value
        return "", math.nan

    def _by_month(self, text: str) -> float | None:
        found = _MONTH.fullmatch(text)
        key = _KEY.fullmatch(text)
        if found is None and key and len(key[2]) == 2 and self.step in _MONTHS:
            found = key
        if found is None or (found is not key and not 1 <= int(found[2]) <= 12):
            return None
        if not 1 <= int(found[2]) <= 12:
            # A week or nothing: a month it is not, and no plain number.
            return math.nan
        return self._of_months(12 * int(found[1]) + int(found[2]) - 1)

    def _by_quarter(self, text: str) -> float | None:
        found = _QUARTER.fullmatch(text)
        key = _KEY.fullmatch(text)
        if found:
            year, quarter = int(found[1] or found[4]), int(found[2] or found[3])
        elif key and len(key[2]) == 1 and 1 <= int(key[2]) <= 4:
            year, quarter = int(key[1]), int(key[2])
        else:
            return None
        if self.step in {"month", "week"}:
            return math.nan
        return self._of_months(12 * year + 3 * (quarter - 1))

    def _by_week(self, text: str) -> float | None:
        found = _WEEK.fullmatch(text)
        key = _KEY.fullmatch(text)
        if found is None and key and len(key[2]) == 2 and self.step == "week":
            found = key
        if found is None:
            return None
        try:
            day = dt.date.fromisocalendar(int(found[1]), int(found[2]), 1).toordinal() - _EPOCH
        except ValueError:
            return math.nan
        return (day + 3) // 7 if self.step == "week" else math.nan

    def _by_date(self, text: str) -> float | None:
        if not _DAY.fullmatch(text):
            return None
        day = int(Days().read([text])[0])
        if day == NO_DAY:
            return math.nan
        if self.step == "week":
            return float((day + 3) // 7)
        date = dt.date.fromordinal(day + _EPOCH)
        return self._of_months(12 * date.year + date.month - 1)

    def _of_months(self, months: int) -> float:
        """The period that a month since year 0 is in."""
        return math.nan if self.step == "week" else float(months // _MONTHS[self.step])
