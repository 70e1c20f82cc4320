"""``clvsim new``, ``explain`` and ``validate``: options and examples; work is imported later."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from clvsim.cli.examples import examples
from clvsim.cli.guard import guarded
from clvsim.cli.options import Json


class Kind(enum.StrEnum):
    """Kinds of business that have a start file."""

    SUBSCRIPTION = "subscription"
    SHOP = "shop"
    DONORS = "donors"
    CATALOGUE = "catalogue"


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(
        short_help="Write a small commented scenario to start from.",
        epilog=examples("clvsim new subscription --out plan.toml", "clvsim new shop"),
    )(new)
    app.command(
        short_help="Say a plan in plain words, or what a key means.",
        epilog=examples(
            "clvsim explain plan.toml",
            "clvsim explain plan.toml --variant half_price",
            "clvsim explain offers.discount",
            "clvsim explain programs.retention",
        ),
    )(explain)
    app.command(
        short_help="Check scenario files and their variants.",
        epilog=examples("clvsim validate plan.toml", "clvsim validate scenarios/*.toml"),
    )(validate)


@guarded
def new(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=f"{', '.join(Kind)}.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Write it there; a file is never replaced."),
    ] = None,
) -> None:
    """Write a small scenario for a kind of business, every line of it explained.

    subscription: customers pay every month until they leave. shop: they buy now and then, and
    nobody sees who has gone. donors: one chance a year to give. catalogue: customers move between
    states by how recently they bought.
    """
    from clvsim.cli.starts import write_start

    write_start(kind.value, out)


@guarded
def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_KEY",
            help="A scenario file (TOML), or a key of scenario files, like offers.discount.",
        ),
    ],
    *,
    variant: Annotated[
        str,
        typer.Option(metavar="NAME", help="A variant of the file; its baseline unless given."),
    ] = "",
    json: Json = False,
) -> None:
    """Say a plan in plain words, in units that people know; or what a key of a file means.

    Nothing is simulated: who stays and who joins is what can be expected on average.
    """
    from clvsim.cli import explaining

    path = Path(what)
    if (
        variant
        or path.suffix.lower() == ".toml"
        or "/" in what.replace("/nbd", "").replace("/bb", "")
    ):
        explaining.explain_file(path, variant, as_json=json)
    elif path.exists():
        explaining.explain_file(path, as_json=json)
    else:
        explaining.explain_key(what, as_json=json)


@guarded
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Scenario files (TOML).")],
    *,
    json: Json = False,
) -> None:
    """Check scenario files and all their variants; say every fault at once, with its line.

    A single file without a fault is explained in plain words; of several, what is unlikely is said.
    """
    from clvsim.cli.explaining import validate_files

    validate_files(files, as_json=json)
