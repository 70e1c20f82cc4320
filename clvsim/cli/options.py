"""Options that several commands share, so that they are called and explained alike."""

import enum
from pathlib import Path
from typing import Annotated

import typer


class Step(enum.StrEnum):
    """What a period is."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


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
