"""Options that several commands share, so that they are called and explained alike."""

import enum
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


def column(help_text: str) -> typer.models.OptionInfo:
    """An option that names a column of the file."""
    found: typer.models.OptionInfo = typer.Option(metavar="COLUMN", help=help_text)
    return found
