"""Periods and dates: what a scenario's step is in years, and which period a date lies in."""

import datetime as dt
from dataclasses import dataclass

from clvsim.fields import Step

PERIODS_PER_YEAR: dict[Step, float] = {
    "week": 365.25 / 7.0,
    "month": 12.0,
    "quarter": 4.0,
    "year": 1.0,
}
_MONTHS: dict[Step, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Calendar:
    """The scenario's periods.

    Attributes
    ----------
    step : str
        Length of a period.
    periods : int
        Horizon.
    start : datetime.date
        First day of period 0.
    """

    step: Step
    periods: int
    start: dt.date

    @property
    def per_year(self) -> float:
        """Periods in a year."""
        return PERIODS_PER_YEAR[self.step]

    def period(self, when: int | str) -> int:
        """Number of the period that a date lies in (numbers pass through); may be outside."""
        if isinstance(when, int):
            return when
        date = parse_date(when)
        if self.step == "week":
            return (date - self.start).days // 7
        months = (date.year - self.start.year) * 12 + date.month - self.start.month
        if len(when) > len("2026-03") and date.day < self.start.day:
            months -= 1
        return months // _MONTHS[self.step]

    def label(self, period: int) -> str:
        """Date of a period's first day: ``2026-03``, or ``2026-03-02`` for weeks."""
        if self.step == "week":
            return (self.start + dt.timedelta(weeks=period)).isoformat()
        months = self.start.year * 12 + self.start.month - 1 + period * _MONTHS[self.step]
        return f"{months // 12:04d}-{months % 12 + 1:02d}"


def parse_date(text: str) -> dt.date:
    """A date from ``2026-03`` (its first day) or ``2026-03-15``.

    Raises
    ------
    ValueError
        If there is no such day.
    """
    return dt.date.fromisoformat(text if len(text) > len("2026-03") else f"{text}-01")
