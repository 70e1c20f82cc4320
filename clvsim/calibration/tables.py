"""Files of records as columns of numbers, piece by piece: fast where a piece is plain.

Plain is a piece of as many lines as rows, each with as many fields as there are columns, and
without quotation marks but around whole fields. pandas reads such a piece, as long as all its
numbers are some; any other is read text by text, which decides what it says.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.parquet import as_numbers, as_texts, batches, row_marks
from clvsim.calibration.records import PIECE_ROWS, Lines
from clvsim.calibration.texts import numbers, possible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.records import Piece, Records

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

#: Separators of plain pieces: none of them can stand in a number.
_SEPARATORS = frozenset(",;\t|")
#: Texts that are no number wherever they stand, so that a column with them stays plain.
_NOTHING = ("", "NA", "N/A", "#N/A", "nan", "NaN", "NAN", "null", "NULL", "None")
#: Most bytes of a line: Python's reader of CSV refuses a field that is longer.
_LONGEST = 131_072
_NEWLINE, _QUOTE = ord("\n"), ord('"')


@dataclass(frozen=True)
class Table:
    """Some rows of a file by column.

    Attributes
    ----------
    lines : ndarray of int64, shape (row,)
        Line of each row in a text file, number of each row in a Parquet file; from 1.
    empty, ragged : ndarray of int64
        Lines without anything, and lines with more or fewer fields than there are columns; they
        are not among the rows.
    texts : dict of str to list of str
        Columns of texts, without spaces around; empty where there is no value.
    numbers : dict of str to ndarray, shape (row,)
        Columns of numbers; NaN for what is none, or beyond 1e15.
    text : callable
        What stands in a column, by its name, of a row.
    marks : ndarray of int64, shape (row,)
        A hash of the whole row, all columns of the file: equal rows of a file have equal marks.
        Empty unless asked for.
    """

    lines: Whole
    empty: Whole
    ragged: Whole
    texts: dict[str, list[str]]
    numbers: dict[str, Floats]
    text: Callable[[str, int], str]
    marks: Whole


@dataclass(frozen=True)
class _Wanted:
    """Columns to read: their places by name, and whether rows are marked."""

    width: int
    texts: dict[str, int]
    numbers: dict[str, int]
    is_marked: bool = False


def tables(
    records: Records, texts: Sequence[str], numbers: Sequence[str], *, is_marked: bool = False
) -> Iterator[Table]:
    """The file's rows, `PIECE_ROWS` at a time.

    Parameters
    ----------
    records : Records
    texts, numbers : sequence of str
        Names of columns; one may be in both.
    is_marked : bool
        Whether to hash whole rows, which takes all columns.

    Raises
    ------
    InputError
        If the file is not UTF-8, or not of the format that its name says.
    """
    header = records.header
    wanted = _Wanted(
        len(header),
        {name: header.index(name) for name in texts},
        {name: header.index(name) for name in numbers},
        is_marked,
    )
    yield from _text(records, wanted) if records.separator else _parquet(records, wanted)


def _parquet(records: Records, wanted: _Wanted) -> Iterator[Table]:
    done = 0
    names = None if wanted.is_marked else list({**wanted.texts, **wanted.numbers})
    nothing = np.empty(0, dtype=np.int64)
    for batch in batches(records.path, PIECE_ROWS, names):

        def text(column: str, row: int, batch: Any = batch) -> str:
            return as_texts(batch.column(column).slice(row, 1))[0]

        yield Table(
            lines=np.arange(done + 1, done + 1 + batch.num_rows, dtype=np.int64),
            empty=nothing,
            ragged=nothing,
            texts={name: as_texts(batch.column(name)) for name in wanted.texts},
            numbers={name: as_numbers(batch.column(name)) for name in wanted.numbers},
            text=text,
            marks=row_marks(batch) if wanted.is_marked else nothing,
        )
        done += batch.num_rows


def _text(records: Records, wanted: _Wanted) -> Iterator[Table]:
    with Lines(records) as lines:
        while True:
            found = _plain(records.separator, lines, wanted)
            if found is None:
                piece = lines.piece({**wanted.texts, **wanted.numbers})
                if piece is None:
                    return
                found = _exact(piece, wanted)
            yield found


def _exact(piece: Piece, wanted: _Wanted) -> Table:
    """A piece whose numbers are read text by text."""
    return Table(
        lines=piece.lines,
        empty=piece.empty,
        ragged=piece.ragged,
        texts={name: piece.columns[name] for name in wanted.texts},
        numbers={name: _numbers(piece.columns[name]) for name in wanted.numbers},
        text=piece.text,
        marks=piece.marks,
    )


def _numbers(texts: Sequence[str]) -> Floats:
    # Nothing at all is no error worth its time.
    return numbers([text or "nan" for text in texts])


def _plain(separator: str, lines: Lines, wanted: _Wanted) -> Table | None:
    """The next piece, if it is plain; None: it is still to be read."""
    ahead = lines.ahead()
    # Where there is one column, an empty line looks like a row.
    is_known = separator in _SEPARATORS and wanted.width > 1
    block = _normal(ahead) if ahead and is_known else b""
    bounds = _bounds(block, ord(separator), wanted.width) if block else None
    if bounds is None or not _is_utf8(block):
        return None
    block = block.replace(b'"', b"")
    frame = _frame(block, separator, wanted)
    if frame is None:
        return None
    texts = {name: list(map(str.strip, frame[at].to_list())) for name, at in wanted.texts.items()}
    first = lines.line + 1
    size = bounds.shape[0]
    lines.skip(len(ahead), size)
    nothing = np.empty(0, dtype=np.int64)

    def text(column: str, row: int) -> str:
        line = block.split(b"\n", row + 1)[row].decode()
        return line.split(separator)[({**wanted.texts, **wanted.numbers})[column]].strip()

    return Table(
        lines=np.arange(first, first + size, dtype=np.int64),
        empty=nothing,
        ragged=nothing,
        texts=texts,
        numbers={
            name: _numbers(texts[name]) if name in texts else possible(frame[at].to_numpy())
            for name, at in wanted.numbers.items()
        },
        text=text,
        marks=_marks(block, size) if wanted.is_marked else nothing,
    )


def _marks(block: bytes, size: int) -> Whole:
    """Hashes of lines without quotation marks, shape (row,): as `marks_of` has them."""
    return np.fromiter(map(hash, block[:-1].decode().split("\n")), np.int64, size)


def _normal(block: bytes) -> bytes:
    """Lines that end in a line feed each; empty: they may be none."""
    block = block.replace(b"\r\n", b"\n")
    if b"\r" in block or b"\0" in block or block.startswith(codecs.BOM_UTF8):
        return b""
    return block if block.endswith(b"\n") else block + b"\n"


def _is_utf8(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bounds(block: bytes, separator: int, width: int) -> Whole | None:
    """Where each field ends, shape (row, column); None: not every line has as many.

    Quotation marks stand around whole fields without a separator in them, or it is None too.
    """
    signs = np.frombuffer(block, dtype=np.uint8)
    is_end = signs == _NEWLINE
    is_bound = is_end | (signs == separator)
    flat = np.flatnonzero(is_bound)
    if flat.size % width:
        return None
    bounds = flat.reshape(-1, width)
    # As many ends of lines as rows, and each in the last place.
    if np.count_nonzero(is_end) != bounds.shape[0] or not is_end[bounds[:, -1]].all():
        return None
    if np.diff(bounds[:, -1], prepend=-1).max() > _LONGEST:
        return None
    marks = np.flatnonzero(signs == _QUOTE) if b'"' in block else flat[:0]
    opening, closing = marks[0::2], marks[1::2]
    if opening.size != closing.size:
        return None
    # Of the first byte of all, the one before is the last: an end of a line.
    is_around = is_bound[opening - 1].all() and is_bound[closing + 1].all()
    around = np.searchsorted(flat, opening), np.searchsorted(flat, closing)
    return bounds if is_around and np.array_equal(*around) else None


def _frame(block: bytes, separator: str, wanted: _Wanted) -> Any:
    """A frame of texts and numbers by their places; None: some number is none."""
    import pandas as pd  # type: ignore[import-untyped]  # it ships no types

    kinds: dict[int, type] = dict.fromkeys(wanted.numbers.values(), float)
    kinds |= dict.fromkeys(wanted.texts.values(), object)
    # Before pandas 3.1 numbers were read to the last digit only if asked for, since then always.
    is_exact = tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1)
    precision: dict[str, Any] = {} if is_exact else {"float_precision": "round_trip"}
    try:
        return pd.read_csv(
            io.BytesIO(block),
            sep=separator,
            header=None,
            names=list(range(wanted.width)),
            index_col=False,
            usecols=list(kinds),
            dtype=kinds,
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
            na_values={at: _NOTHING for at, kind in kinds.items() if kind is float},
            skip_blank_lines=False,
            low_memory=False,
            **precision,
        )
    except ValueError:
        return None
