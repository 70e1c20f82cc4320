"""Files that are written whole, or not at all."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clvsim.errors import ClvsimError, InputError


def check_writable(path: Path, ending: str = "", inputs: Iterable[Path] = ()) -> None:
    """Refuse a path that a file cannot be put at.

    Parameters
    ----------
    path : Path
    ending : str
        That it must have; empty: any.
    inputs : iterable of Path
        Files that are read: none of them is overwritten.

    Raises
    ------
    InputError
        If the ending is another, the place cannot be written to, or the file is an input.
    """
    if ending and path.suffix.lower() != ending:
        message = f"{path}: must end in {ending}"
        raise InputError(message)
    if path.is_dir():
        message = f"cannot write {path}: it is a folder"
        raise InputError(message)
    if path.exists() and any(one.exists() and path.samefile(one) for one in inputs):
        message = f"cannot write {path}: it is what is read; name another file"
        raise InputError(message)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise InputError(message) from None


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside a file, which takes the file's name when all has been written.

    Raises
    ------
    ClvsimError
        If writing fails; no part of the file is left, and one that was there before stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise ClvsimError(message) from None
    finally:
        temporary.unlink(missing_ok=True)
