"""Rows of a log set aside by customer: in memory while they are few, then in a temporary file."""

from __future__ import annotations

import os
import tempfile
from typing import IO, TYPE_CHECKING, Self

import numpy as np

from clvsim.errors import ClvsimError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Rows = NDArray[np.void]
    Whole = NDArray[np.int64]

ROW = np.dtype([
    ("mark", np.int64),
    ("line", np.int64),
    ("amount", np.float64),
    ("day", np.int32),
    ("customer", np.int32),
])  # fmt: skip
"""A row: hash of all its columns, place in the file, currency, days since 1970-01-01, number."""
HELD_ROWS = 1 << 20
"""Rows beyond which those in memory go to the file."""
SHELVES = 256
"""Parts into which the customers of a file fall: one of them at a time is in memory."""


class Shelves:
    """Rows by customer, all those of a customer on one shelf; closed by leaving its ``with`` block.

    Up to `HELD_ROWS` rows stay in memory, as one shelf. Beyond that, a temporary file (in the
    folder that ``TMPDIR`` names) takes them, 32 bytes a row, and `SHELVES` shelves share them, so
    that memory holds one shelf. The system removes the file when it is closed, however that comes.
    """

    def __init__(self) -> None:
        self._held: list[Rows] = []
        self._file: IO[bytes] | None = None
        #: Of each lot that was written: the place, in rows, where each shelf begins and the last
        #: one ends, shape (shelf + 1,).
        self._lots: list[Whole] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.clear()
        if self._file is not None:
            self._file.close()

    def put(self, rows: Rows) -> None:
        """Set rows aside.

        Parameters
        ----------
        rows : ndarray of `ROW`, shape (row,)

        Raises
        ------
        ClvsimError
            If the temporary file cannot be written.
        """
        self._held.append(rows)
        if sum(part.size for part in self._held) > HELD_ROWS:
            self._write()

    def __iter__(self) -> Iterator[Rows]:
        """The rows shelf by shelf, those of a shelf in the order in which they came."""
        if self._file is None:
            if self._held:
                yield np.concatenate(self._held)
            return
        if self._held:
            self._write()
        for shelf in range(SHELVES):
            rows = self._read(self._file, shelf)
            if rows.size:
                yield rows

    def _write(self) -> None:
        """Move the rows in memory to the file, by shelf."""
        rows = np.concatenate(self._held)
        self._held.clear()
        # As few bits as there are shelves: numbers of 8 or 16 bits are sorted by their digits.
        shelf = (rows["customer"] % SHELVES).astype(np.uint16)
        rows = rows[np.argsort(shelf, kind="stable")]
        ends = np.cumsum(np.bincount(shelf, minlength=SHELVES))
        begin = int(self._lots[-1][-1]) if self._lots else 0
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="clvsim-")  # noqa: SIM115 - see __exit__
            self._file.seek(0, os.SEEK_END)
            self._file.write(rows.view(np.uint8).data)
            self._file.flush()
        except OSError as error:
            message = (
                f"cannot set the rows of a large log aside: {error.strerror or error}: name a "
                "folder with more room by TMPDIR"
            )
            raise ClvsimError(message) from None
        self._lots.append(begin + np.concatenate(([0], ends)))

    def _read(self, file: IO[bytes], shelf: int) -> Rows:
        places = [(int(lot[shelf]), int(lot[shelf + 1])) for lot in self._lots]
        rows = np.empty(sum(end - begin for begin, end in places), dtype=ROW)
        done = 0
        for begin, end in places:
            file.seek(begin * ROW.itemsize)
            part = rows[done : done + end - begin]
            part[:] = np.frombuffer(file.read(part.nbytes), dtype=ROW)
            done += part.size
        return rows
