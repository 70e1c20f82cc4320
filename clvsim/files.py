"""Files that are written whole, or not at all, and over nothing that is read."""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from clvsim.errors import ClvsimError, InputError
from clvsim.signals import held

fcntl: Any
try:
    import fcntl
except ImportError:  # a system without such locks
    fcntl = None

#: How temporary names begin and end; what stands between is random.
_BEFORE, _BEHIND = ".clvsim-", ".part"
#: Where files that were written are noted, the innermost `recorded` last.
_RECORDS: list[list[Path]] = []


@contextmanager
def recorded() -> Iterator[list[Path]]:
    """A list of the files that are written in this context, as it grows."""
    _RECORDS.append([])
    try:
        yield _RECORDS[-1]
    finally:
        _RECORDS.pop()


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
        If the ending is another, the place cannot be written to, the name is too long, or what is
        there is a folder, a device, read-only or an input.
    """
    if ending and path.suffix.lower() != ending:
        message = f"{path}: must end in {ending}"
        raise InputError(message)
    refuse_inputs(path, inputs)
    target = _target(path)
    try:
        there = _status(target)
        if there is not None:
            _refuse_what_is_there(path, target, there)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except (OSError, ValueError) as error:
        message = f"cannot write {path}: {_reason(error)}"
        raise InputError(message) from None


def refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse to overwrite what is read, under whatever name.

    Raises
    ------
    InputError
    """
    with suppress(OSError, ValueError):
        for one in inputs:
            if path.exists() and one.exists() and path.samefile(one):
                message = f"cannot write {path}: it is what is read; name another file"
                raise InputError(message)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside a file, which takes the file's name when all has been written.

    A link is written through: the temporary file stands beside what it leads to. A file that was
    there keeps its mode. Temporary files that a run left which was killed are removed.

    Raises
    ------
    ClvsimError
        If writing fails; no part of the file is left, and one that was there before stays.
    """
    target = _target(path)
    place: int | None = None
    temporary: Path | None = None
    try:
        _remove_left(target.parent)
        place, temporary = _temporary(target.parent)
        yield temporary
        _take_mode(temporary, target)
        with held():
            temporary.replace(target)
            temporary = None
            if _RECORDS:
                _RECORDS[-1].append(path)
    except OSError as error:
        message = f"cannot write {path}: {_reason(error)}"
        raise ClvsimError(message) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if place is not None:
            os.close(place)


def _target(path: Path) -> Path:
    """What a path leads to, which need not be there."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def _status(target: Path) -> os.stat_result | None:
    try:
        return target.stat()
    except FileNotFoundError:
        return None


def _refuse_what_is_there(path: Path, target: Path, there: os.stat_result) -> None:
    """Refuse to replace what is no plain file that may be written.

    Raises
    ------
    InputError
    """
    why = ""
    if stat.S_ISDIR(there.st_mode):
        why = "it is a folder"
    elif not stat.S_ISREG(there.st_mode):
        why = "it is not a regular file"
    elif not there.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        # Asked for besides: to the administrator every file seems writable.
        why = "it is read-only"
    elif not os.access(target, os.W_OK):
        why = "it is not yours to change"
    if why:
        message = f"cannot write {path}: {why}"
        raise InputError(message)


def _temporary(folder: Path) -> tuple[int, Path]:
    """A new file of a name that nobody can foresee, open and locked as long as it is in use."""
    while True:
        place, name = tempfile.mkstemp(suffix=_BEHIND, prefix=_BEFORE, dir=folder)
        if fcntl is None:
            return place, Path(name)
        with suppress(OSError):
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Before it was locked, another run may have taken it for left over.
        with suppress(OSError):
            if os.path.samestat(os.fstat(place), os.lstat(name)):
                return place, Path(name)
        os.close(place)


def _take_mode(temporary: Path, target: Path) -> None:
    """Give a file the mode of the one that it replaces, or the usual one."""
    there = _status(target)
    if there is None:
        mask = os.umask(0o077)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        return
    temporary.chmod(stat.S_IMODE(there.st_mode))
    with suppress(OSError, AttributeError):
        os.chown(temporary, there.st_uid, there.st_gid)


def _remove_left(folder: Path) -> None:
    """Remove temporary files of this user that no run has open any more."""
    if fcntl is None:
        return
    with suppress(OSError):
        for one in folder.glob(f"{_BEFORE}*{_BEHIND}"):
            with suppress(OSError):
                _remove_if_left(one)


def _remove_if_left(path: Path) -> None:
    there = path.lstat()
    if not stat.S_ISREG(there.st_mode) or there.st_uid != os.geteuid():
        return
    place = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        # Fails while the run that writes it lives.
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(place)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
