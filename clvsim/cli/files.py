"""Opening files of records as the options of a command say."""

from pathlib import Path

from clvsim.calibration.records import Records, open_records
from clvsim.errors import InputError


def open_file(file: Path, columns: str, separator: str) -> Records:
    """Open a file of records as the options say.

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
    return open_records(file, names, separator)
