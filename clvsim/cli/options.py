"""Options that several commands share, so that they are called and explained alike."""

import enum
import math
import re
from pathlib import Path
from typing import Annotated

import typer

_MOST = 1e15


class Step(enum.StrEnum):
    """What a period is."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


def amount(text: str) -> float:
    """An amount in currency or time: a number of at least 0, and a number indeed."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 <= value <= _MOST:
        message = f"{text!r} is not a number from 0 to {_MOST:g}"
        raise typer.BadParameter(message)
    return value


def number(value: float | None) -> float | None:
    """A number indeed: some versions of the parser take NaN for one between any two."""
    if value is not None and math.isnan(value):
        message = "nan is not a number"
        raise typer.BadParameter(message)
    return value


Header = Annotated[
    str,
    typer.Option(
        metavar="A,B,…", help="Names of all columns of a file without a header, in their order."
    ),
]
Separator = Annotated[
    str,
    typer.Option(
        metavar="WORD",
        help="comma, semicolon, tab, bar, whitespace or a character; found out unless given.",
    ),
]
AcceptLosses = Annotated[
    bool,
    typer.Option(
        "--accept-losses",
        help="Go on without rows that cannot be read, or whose loss leans to one side.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, no tables.")]
CustomersOut = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv", help="Write every customer as clvsim score reads them (to the cut)."
    ),
]


#: Signs of a date as a spreadsheet has them, the longest first, and as they stand here.
_SPREADSHEET = {
    "yyyy": "%Y", "jjjj": "%Y", "mmmm": "%B", "mmm": "%b", ":mm": ":%M", "yy": "%y", "mm": "%m",
    "dd": "%d", "tt": "%d", "hh": "%H", "ss": "%S", "d": "%d", "m": "%m", "h": "%H",
}  # fmt: skip
_SIGNS = re.compile("|".join(_SPREADSHEET), re.IGNORECASE)


def date_pattern(text: str) -> str:
    """A form of dates, as for ``strptime``; a spreadsheet's is refused with what it is here."""
    if text and "%" not in text:
        meant = _SIGNS.sub(lambda sign: _SPREADSHEET[sign[0].casefold()], text)
        message = f"{text!r} is a spreadsheet's notation: here it is {meant}"
        if meant == text:
            message = f"{text!r} names no part of a date: write it like %d/%m/%Y"
        raise typer.BadParameter(message)
    return text


def column(help_text: str) -> typer.models.OptionInfo:
    """An option that names a column of the file."""
    found: typer.models.OptionInfo = typer.Option(metavar="COLUMN", help=help_text)
    return found
