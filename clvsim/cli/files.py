"""Opening files of records as the options of a command say, and files that cannot be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from clvsim.calibration.records import Records, open_records
from clvsim.errors import ClvsimError, InputError


class Failures:
    """Files that could not be written: told when everything else has been shown."""

    def __init__(self) -> None:
        self.first: ClvsimError | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep for later that a file cannot be written."""
        try:
            yield
        except ClvsimError as error:
            self.first = self.first or error

    def tell(self) -> None:
        """Say the first one.

        Raises
        ------
        ClvsimError
        """
        if self.first is not None:
            raise self.first


def open_file(file: Path, columns: str, separator: str, *, accept_losses: bool) -> Records:
    """Open a file of records as the options say.

    Parameters
    ----------
    file : Path
    columns, separator : str
    accept_losses : bool
        Whether to go on where what is left out says something, or leans to one side.

    Raises
    ------
    InputError
        If it cannot be opened, or names of columns are empty or given twice.
    """
    names = [name.strip() for name in columns.split(",")] if columns else []
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not all(names):
        what = f"names {', '.join(map(repr, twice))} twice" if twice else "has an empty name"
        message = f"--columns {columns!r} {what}"
        raise InputError(message)
    return replace(open_records(file, names, separator), accepts_losses=accept_losses)
