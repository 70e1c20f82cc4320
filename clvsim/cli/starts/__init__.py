"""Start files by kind of business, beside this file: what ``clvsim new`` writes."""

from importlib import resources
from pathlib import Path

import typer

from clvsim.errors import InputError


def write_start(kind: str, out: Path | None) -> None:
    """Write a start file, or print it.

    Raises
    ------
    InputError
        If a file stands there already, or nothing can be written there.
    """
    text = resources.files(__name__).joinpath(f"{kind}.toml").read_text(encoding="utf-8")
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        message = f"{out} is there already: give another name with --out, or remove it first"
        raise InputError(message) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot write {out}: {reason}"
        raise InputError(message) from None
    typer.echo(f"{out}: written; clvsim explain {out} says what it means, clvsim run {out} runs it")
