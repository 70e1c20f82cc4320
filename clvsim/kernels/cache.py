"""Numba's cache on disk, without which everything works, only slower.

Numba takes a damaged, unreadable or full cache for an error of the program, and a damaged entry may
crash the process. Here it is a miss: the kernel is compiled anew, and one line says why that takes
so long.
"""

import hashlib
import pickle
import sys
from pathlib import Path
from typing import Any

from numba.core import caching

#: Bytes of the checksum that stands before what is kept.
_MARK = 32
_ADVICE = "NUMBA_CACHE_DIR can name a folder for them"


def keep(loop: Any, stamp: str) -> None:
    """Keep what is compiled of a function on disk, where there is a place for it.

    Parameters
    ----------
    loop : Dispatcher
    stamp : str
        What was kept under another stamp is of another source.
    """
    try:
        loop._cache = _Cache(loop.py_func, stamp)  # noqa: SLF001 - numba has no public way to say it
    except (OSError, RuntimeError):
        _tell(f"there is no folder to keep them in; {_ADVICE}")


class _Cache(caching.FunctionCache):
    """A cache whose errors are misses."""

    def __init__(self, function: Any, stamp: str) -> None:
        super().__init__(function)
        self._cache_file = _Files(self.cache_path, f"{self._impl.filename_base}.clvsim", stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # noqa: BLE001 - what a damaged pickle raises is anybody's guess
            _tell(f"what is kept in {self.cache_path} cannot be used: {_brief(error)}")
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:  # noqa: BLE001 - the index is read before it is written
            _tell(f"{self.cache_path} cannot be written to ({_brief(error)}); {_ADVICE}")


class _Files(caching.IndexDataCacheFile):
    """An index and entries, all with a checksum; a damaged index is an empty one."""

    def _load_index(self) -> dict[Any, str]:
        try:
            version, stamp, overloads = self._read(self._index_path)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            _tell(f"the index {self._index_path} {error}")
            return {}
        is_own = version == self._version and stamp == self._source_stamp
        return dict(overloads) if is_own else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> Any:
        """What was kept.

        Raises
        ------
        ValueError
            If it is not what was written.
        """
        content = Path(path).read_bytes()
        if hashlib.blake2s(content[_MARK:]).digest() != content[:_MARK]:
            message = "is damaged"
            raise ValueError(message)
        return pickle.loads(content[_MARK:])  # noqa: S301 - as numba does, in the user's own folder

    def _write(self, path: str, what: Any) -> None:
        plain = self._dump(what)
        with self._open_for_write(path) as file:
            file.write(hashlib.blake2s(plain).digest() + plain)


class _Told:
    """Whether the user was told: once is enough."""

    once = False


def _tell(why: str) -> None:
    if not _Told.once and sys.stderr is not None:
        _Told.once = True
        sys.stderr.write(f"clvsim: kernels are compiled anew, which takes a while: {why}\n")


def _brief(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
