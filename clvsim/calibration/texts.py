"""From the texts of a column to numbers, days, yes or no, and codes of names."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import math
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.numerals import is_foreign, is_missing, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NO_DAY = np.iinfo(np.int64).min
"""In place of a day that cannot be read."""
YES = frozenset({
    "yes", "y", "true", "t", "1", "1.0", "churned", "churn", "churner", "left", "inactive", "gone",
    "lost", "lapsed", "cancelled", "canceled", "closed", "terminated", "expired", "ended", "quit",
    "exited", "departed", "attrited", "attrited customer", "former", "unsubscribed", "deactivated",
})  # fmt: skip
"""Words for a customer who has left."""
NO = frozenset({
    "no", "n", "false", "f", "0", "0.0", "active", "stayed", "stay", "retained", "existing",
    "existing customer", "current", "open", "live", "alive", "subscribed", "renewed", "not churned",
})  # fmt: skip
"""Words for one who has not."""
_MOST = 1e15
_EPOCH = dt.date(1970, 1, 1).toordinal()
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{4}/\d{2}/\d{2}|\d{8}", re.ASCII)
#: Signs of a date with its separators, and dates and times of day that are not read twice.
_DATE_SIGNS, _RECALLED = 10, 100_000
#: How dates are written elsewhere, and the times of day behind them.
_FORMATS = (
    "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y",
    "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", "T%H:%M:%S", " %I:%M %p")


def numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Numbers of a column, shape (row,); NaN for what is none, or as `possible` says."""
    # Text by text takes twice the time, which most columns can be spared.
    read = number if is_foreign("".join(texts)) else float
    try:
        found = np.fromiter(map(read, texts), np.float64, len(texts))
    except ValueError:
        found = np.fromiter(map(number, texts), np.float64, len(texts))
    return possible(found)


def possible(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers that records can hold; NaN for those beyond 1e15, which would swallow all others."""
    return np.where(np.abs(found) <= _MOST, found, np.nan)


def whole_numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Whole numbers of a column, shape (row,); NaN for what is none."""
    found = numbers(texts)
    return np.where(found == np.floor(found), found, np.nan)


def named(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Whether there is a name in a cell, shape (row,): neither nothing nor a word for it."""
    known = {text: not is_missing(text) for text in set(texts)}
    return np.fromiter(map(known.__getitem__, texts), np.bool_, len(texts))


def flags(texts: Sequence[str]) -> NDArray[np.float64]:
    """1 for yes, 0 for no, NaN for what is neither, shape (row,)."""
    known = {text: _flag(text) for text in set(texts)}
    return np.fromiter(map(known.__getitem__, texts), np.float64, len(texts))


def _flag(text: str) -> float:
    plain = text.casefold()
    return 1.0 if plain in YES else 0.0 if plain in NO else math.nan


@dataclass
class Days:
    """Reads days, each different text of a piece once.

    Parameters
    ----------
    pattern : str
        As for ``datetime.strptime``; empty: ``1997-01-31`` with or without a time, ``19970131``,
        ``1997/01/31``.

    Attributes
    ----------
    zones : dict of str to (int, str)
        Offsets from UTC that were met (empty: none was written), with the rows and the first text
        of each.
    places : dict of str to int
        Line of that first text by offset, where lines were given.
    """

    pattern: str = ""
    zones: dict[str, tuple[int, str]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    def read(
        self, texts: Sequence[str], lines: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Days since 1970-01-01, shape (row,); `NO_DAY` for what is none.

        A time of day is dropped: a purchase counts on the day that was written down.

        Parameters
        ----------
        texts : sequence of str
        lines : ndarray of int64, shape (row,), optional
            Where they stand.
        """
        known: dict[str, int] = {}
        for text, count in Counter(texts).items():
            day, zone = self._day(text)
            known[text] = day
            if day != NO_DAY:
                if zone not in self.zones and lines is not None:
                    self.places[zone] = int(lines[texts.index(text)])
                rows, first = self.zones.get(zone, (0, text))
                self.zones[zone] = rows + count, first
        return np.fromiter(map(known.__getitem__, texts), np.int64, len(texts))

    def _day(self, text: str) -> tuple[int, str]:
        try:
            if self.pattern:
                return _day_of(dt.datetime.strptime(text, self.pattern))  # noqa: DTZ007 - a day
            # Of many texts, days and times of day are few.
            date, time = text[:_DATE_SIGNS], text[_DATE_SIGNS:]
            later, zone = _time(time.replace("/", "-") if "/" in date else time)
            return _date(date) + later, zone
        except ValueError:
            return NO_DAY, ""


def _day_of(when: dt.datetime) -> tuple[int, str]:
    """Days since 1970-01-01, and the time zone; empty: there is none."""
    offset = when.utcoffset()
    zone = "" if offset is None else str(dt.timezone(offset))
    return when.toordinal() - _EPOCH, zone


@functools.lru_cache(_RECALLED)
def _date(text: str) -> int:
    """The day of a date without time.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return _day_of(dt.datetime.fromisoformat(text.replace("/", "-")))[0]


@functools.lru_cache(_RECALLED)
def _time(text: str) -> tuple[int, str]:
    """What follows a date: the days until then (24:00 is the next day), and the time zone.

    Raises
    ------
    ValueError
        If it is no time of day.
    """
    if text and (text[0] not in "T " or "\n" in text):
        raise ValueError(text)
    return _day_of(dt.datetime.fromisoformat(f"1970-01-01{text}"))


def date_formats(text: str) -> list[str]:
    """Formats, as for ``strptime``, by which a text is a date that `Days` does not read by itself.

    Several where nobody can say which comes first, the day or the month.
    """
    found = []
    for date, time in itertools.product(_FORMATS, _CLOCKS):
        with suppress(ValueError):
            dt.datetime.strptime(text, date + time)  # noqa: DTZ007 - a day
            found.append(date + time)
    return found


def day_text(day: float) -> str:
    """``1997-01-31`` for days since 1970-01-01."""
    return dt.date.fromordinal(int(day) + _EPOCH).isoformat()


class _Numbers(dict[str, int]):
    """Texts by their number, given when one is first looked up; all words for nothing are one."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: list[str] = []

    def __missing__(self, text: str) -> int:
        if text and is_missing(text):
            found = self[text] = self[""]
            return found
        found = self[text] = len(self.labels)
        self.labels.append(text)
        return found


@dataclass
class Codes:
    """Names by whole numbers, in the order in which they were first met.

    Words for nothing (NA, NULL, None, …) are all the name that is empty.
    """

    names: _Numbers = field(default_factory=_Numbers)

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Codes of names, shape (row,)."""
        return np.fromiter(map(self.names.__getitem__, texts), np.int64, len(texts))

    @property
    def labels(self) -> list[str]:
        """Names in the order of their codes."""
        return self.names.labels
