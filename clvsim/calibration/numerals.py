"""Cells of records as people write them: numbers with thousands apart, and words for nothing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MISSING = frozenset({
    "", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "#na", "<na>", "nan", "-nan", "nat", "null",
    "none", "nil", "missing", "#null!", "#ref!", "#value!", "#div/0!", "#name?", "#num!",
    "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "-", "--", "?",
})  # fmt: skip
"""What programs and people write where there is nothing, in small letters."""
#: Digits in threes, all groups apart by one and the same sign; a 0 does not lead a thousand.
_GROUPED = re.compile(
    r"[-+]?[1-9]\d{0,2}(?P<apart>[,' \u2019\u00a0\u202f])\d{3}(?:(?P=apart)\d{3})*(?:\.\d*)?",
    re.ASCII,
)
_DECIMAL_COMMA = re.compile(r"[-+]?[\d.]*\d,\d+")
_POINTS = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3}){2,}", re.ASCII)
#: Amounts with three digits after a point from which they are no accident, others for one of them
#: at most, where a point parts thousands, and the least amount that would then have two parts.
_LEAST, _OTHERS, _THOUSAND = 3, 0.25, 1000.0
#: Whole numbers of a piece that are looked at, and rounding of a decimal.
_LOOKED_AT, _ROUNDING = 5, 1e-4
_MINUS = "\u2212"


def is_missing(text: str) -> bool:
    """Whether a cell says that there is nothing: it is empty, or NA, NULL, None, #N/A and so on."""
    return text.casefold() in MISSING


def number(text: str) -> float:
    """The number that a text is; NaN: it is none.

    Thousands may stand apart (1,629.77 or 1'629.77 or 1 629.77), and bookkeepers' signs are known:
    (12.50) and 12.50- are less than nothing. A comma before three digits parts thousands; any other
    one is no part of a number here.
    """
    plain = text.replace(_MINUS, "-")
    if plain[:1] == "(" and plain[-1:] == ")":
        return -_unsigned(plain[1:-1].strip())
    if plain[-1:] == "-":
        return -_unsigned(plain[:-1].strip())
    return _signed(plain)


def _unsigned(text: str) -> float:
    return _signed(text) if text[:1].isdecimal() or text[:1] == "." else math.nan


def _signed(text: str) -> float:
    grouped = _GROUPED.fullmatch(text)
    if grouped:
        text = text.replace(grouped["apart"], "")
    try:
        return math.nan if is_foreign(text) else float(text)
    except ValueError:
        return math.nan


def is_foreign(text: str) -> bool:
    """Whether a text has what Python takes in numbers and other programs do not: 1_000, ١٢."""
    return "_" in text or not text.isascii()


def number_hint(text: str | None, plain: str) -> str:
    """How to write a number whose form is not read; empty: nothing is known of it.

    Parameters
    ----------
    text : str or None
        What stands there.
    plain : str
        An example of the same in a form that is read.
    """
    if text is not None and (_DECIMAL_COMMA.fullmatch(text) or _POINTS.fullmatch(text)):
        return f"a decimal point, as in {plain}"
    return ""


@dataclass
class Points:
    """Whether points part the thousands of a column (1.629 for 1629), which no number shows.

    Then there are whole numbers without a point and others with three digits after it, hardly any
    with fewer (1.500 and its like), and none of a thousand or more.

    Attributes
    ----------
    thirds, others : int
        Amounts with exactly three digits after the point, and with any other number of them.
    is_bare : bool
        Whether some whole number has no point.
    most : float
        The largest amount, without signs, currency.
    """

    thirds: int = 0
    others: int = 0
    is_bare: bool = False
    most: float = 0.0

    def look(self, amounts: NDArray[np.float64], text: Callable[[int], str]) -> None:
        """Look at further amounts.

        Parameters
        ----------
        amounts : ndarray, shape (row,), currency
            NaN where there is none.
        text : callable
            What stands in a row.
        """
        known = np.abs(np.nan_to_num(amounts))
        self.most = max(self.most, float(known.max(initial=0.0)))
        if self.most >= _THOUSAND:
            return
        whole = known == np.floor(known)
        third = np.abs(100.0 * known - np.rint(100.0 * known)) > _ROUNDING
        third &= np.abs(1000.0 * known - np.rint(1000.0 * known)) < _ROUNDING
        self.thirds += int(third.sum())
        self.others += int(np.sum(~whole & ~third))
        for row in np.flatnonzero(whole & (known > 0.0))[:_LOOKED_AT].tolist():
            self.is_bare = self.is_bare or "." not in text(row)

    @property
    def part_thousands(self) -> bool:
        """Whether they do, as far as can be told."""
        is_clear = self.thirds >= _LEAST and self.others <= _OTHERS * self.thirds
        return is_clear and self.is_bare and self.most < _THOUSAND

    def message(self) -> str:
        """What is odd about the column."""
        return (
            f"{self.thirds:,} amounts have three digits after a point, others none, and all are "
            "below 1,000: does the point part thousands?"
        )
