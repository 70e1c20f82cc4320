"""Cells of records as people write them: numbers with thousands apart, and words for nothing."""

from __future__ import annotations

import math
import re

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
