"""Files of records, CSV or Parquet: what they are, and their columns as texts, piece by piece."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import operator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

import numpy as np

from clvsim.calibration.parquet import as_texts, batches, open_parquet, row_marks
from clvsim.errors import InputError, closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PIECE_ROWS = 32_768
"""Rows held as text at a time: a file of any size fits into memory."""
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "whitespace": " "}
"""What may stand between two fields, by the word that ``--separator`` takes."""
#: Bytes from the start of a file, and lines of it, by which its separator is judged.
_PEEK_BYTES, _PEEK_LINES = 65_536, 50
_LEAST_FIELDS = 2
#: Lines like rows inside one text that are no accident.
_SWALLOWED = 3


@dataclass(frozen=True)
class Piece:
    """Some rows of a file.

    Attributes
    ----------
    lines : ndarray of int64, shape (row,)
        Line of each row in a text file, number of each row in a Parquet file; from 1.
    columns : dict of str to list of str
        Texts of the columns asked for, without spaces around; empty where there is no value.
    marks : ndarray of int64, shape (row,)
        A hash of the whole row, all columns of the file: equal rows have equal marks.
        See `marks_of`.
    empty, ragged : ndarray of int64
        Lines without anything, and lines with more or fewer fields than there are columns; they
        are not among the rows.
    """

    lines: NDArray[np.int64]
    columns: dict[str, list[str]]
    marks: NDArray[np.int64]
    empty: NDArray[np.int64]
    ragged: NDArray[np.int64]

    def text(self, column: str, row: int) -> str:
        """What stands in a column of a row."""
        return self.columns[column][row]


@dataclass(frozen=True)
class Records:
    """A file whose header is known.

    Attributes
    ----------
    path : Path
    header : tuple of str
        Names of all columns.
    separator : str
        Between fields: one character, a space for any white space, empty for Parquet.
    has_header : bool
        Whether the names stand in the first line.
    accepts_losses : bool
        Whether to go on where what is left out says something, or leans to one side.
    """

    path: Path
    header: tuple[str, ...]
    separator: str
    has_header: bool
    accepts_losses: bool = False

    @property
    def unit(self) -> str:
        """What a place in the file is called."""
        return "line" if self.separator else "row"

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """The file's rows, `PIECE_ROWS` at a time.

        Parameters
        ----------
        columns : sequence of str
            Names from `header`.

        Raises
        ------
        InputError
            If the file is not UTF-8, or not of the format that its name says.
        """
        places = {name: self.header.index(name) for name in columns}
        yield from self._parquet(places) if not self.separator else self._text(places)

    def _text(self, places: dict[str, int]) -> Iterator[Piece]:
        with Lines(self) as lines:
            while (piece := lines.piece(places)) is not None:
                yield piece

    def _parquet(self, places: dict[str, int]) -> Iterator[Piece]:
        done = 0
        for batch in batches(self.path, PIECE_ROWS):
            lines = np.arange(done + 1, done + 1 + batch.num_rows, dtype=np.int64)
            columns = {name: as_texts(batch.column(at)) for name, at in places.items()}
            nothing = np.empty(0, dtype=np.int64)
            yield Piece(lines, columns, row_marks(batch), nothing, nothing)
            done += batch.num_rows


def open_records(path: Path, names: Sequence[str] = (), separator: str = "") -> Records:
    """Look at the beginning of a file: its format, separator and columns.

    Parameters
    ----------
    path : Path
        A text file with one row a line, or a file ending in ``.parquet``.
    names : sequence of str
        Names of the columns of a file without a header.
    separator : str
        A word from `SEPARATORS` or the character itself; found out unless given.

    Raises
    ------
    InputError
        If there is no such file, it is a folder, a pipe, empty or not text in UTF-8, Parquet
        without pyarrow, or the separator is none.
    """
    if path.is_dir():
        message = f"{path}: is a folder, not a file of records"
        raise InputError(message)
    if not path.exists():
        near = closest(path.name, _neighbours(path))
        hint = f"; did you mean {str(path.with_name(near))!r}?" if near else ""
        message = f"{path}: there is no such file{hint}"
        raise InputError(message)
    if not path.is_file():
        message = f"{path}: is a pipe or a device, which is read once only: save it to a file first"
        raise InputError(message)
    if path.suffix.lower() in {".parquet", ".pq"}:
        return Records(path, tuple(open_parquet(path).schema_arrow.names), "", has_header=True)
    lines = _first_lines(path)
    chosen = _known_separator(separator) if separator else _sniffed(lines, len(names))
    first = _Reader(lines, chosen).rows(1)[0]
    header = tuple(names) if names else tuple(text.strip() for text in first)
    if names and len(names) != len(first):
        message = (
            f"{path}: --columns names {len(names)} columns ({', '.join(names)}), but the first "
            f"line has {len(first)} fields"
        )
        raise InputError(message)
    return Records(path, header, chosen, has_header=not names)


def _neighbours(path: Path) -> list[str]:
    return [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []


def _first_lines(path: Path) -> list[str]:
    """The first lines of a text file."""
    with path.open("rb") as file:
        start = file.read(_PEEK_BYTES)
    if start[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in start:
        kind = "UTF-16" if start[:2] in {b"\xff\xfe", b"\xfe\xff"} else "not text"
        message = f"{path}: is {kind}: save it as CSV in UTF-8, or as .parquet"
        raise InputError(message)
    whole = start if len(start) < _PEEK_BYTES else start[: start.rfind(b"\n") + 1] or start
    try:
        text = whole.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(_not_utf8(path)) from None
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    if not lines:
        message = f"{path}: is empty"
        raise InputError(message)
    return lines[:_PEEK_LINES]


def _not_utf8(path: Path) -> str:
    """Where a file stops being UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return (
                    f"{path}:{number}: is not UTF-8 text (byte 0x{byte:02x} at position "
                    f"{error.start + 1} of the line): save the file in UTF-8"
                )
    return f"{path}: is not UTF-8 text: save the file in UTF-8"


def _known_separator(word: str) -> str:
    if word in SEPARATORS:
        return SEPARATORS[word]
    if len(word) == 1 or word == "\\t":
        return "\t" if word == "\\t" else word
    near = closest(word, SEPARATORS)
    hint = f"; did you mean {near!r}?" if near else ""
    message = f"--separator {word!r}: allowed are {', '.join(SEPARATORS)} or one character{hint}"
    raise InputError(message)


def _sniffed(lines: list[str], fields: int) -> str:
    """The separator that cuts the most lines into equally many fields.

    Parameters
    ----------
    lines : list of str
        First lines of the file.
    fields : int
        Fields a line that there should be; 0: not known.
    """

    def score(separator: str) -> tuple[float, float]:
        counts = [len(row) for row in _Reader(lines, separator).rows(len(lines))]
        common = fields or counts[0]
        alike = sum(count == common for count in counts) / len(counts)
        return (alike, common) if common >= _LEAST_FIELDS else (0.0, 0.0)

    # Texts hold spaces, so white space must be strictly better than any other separator.
    return max(SEPARATORS.values(), key=score)


class _Reader:
    """Rows of a text file as lists of fields.

    Strict: a quotation mark that is never closed is an error; otherwise it takes all that follows.
    """

    def __init__(
        self,
        file: IO[str] | Iterable[str],
        separator: str,
        *,
        is_strict: bool = False,
        before: int = 0,
    ) -> None:
        self._before = before
        self.line = before
        self._words = map(str.split, file) if separator == " " else None
        self._reader = csv.reader(file, delimiter=separator, strict=is_strict)

    def rows(self, most: int) -> list[list[str]]:
        """The next rows; `line` is then where they end."""
        if self._words is not None:
            rows = list(itertools.islice(self._words, most))
            self.line += len(rows)
            return rows
        try:
            rows = list(itertools.islice(self._reader, most))
        except csv.Error as error:
            what = "is a quotation mark not closed, or not doubled?"
            message = f"up to line {self._before + self._reader.line_num}: {error}: {what}"
            raise csv.Error(message) from None
        self.line = self._before + self._reader.line_num
        return rows


class Lines:
    """A text file from its first row on, a piece at a time; closed by leaving its ``with`` block.

    Parameters
    ----------
    records : Records
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        #: Lines before the next row, and bytes.
        self.line = 0
        self._place = 0

    def __enter__(self) -> Self:
        self._file = self._records.path.open("rb")
        if self._file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            self._place = len(codecs.BOM_UTF8)
        if self._records.has_header:
            self._rows(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def ahead(self) -> bytes:
        """The next `PIECE_ROWS` lines as they stand in the file; they are still to be read."""
        self._file.seek(self._place)
        return b"".join(itertools.islice(self._file, PIECE_ROWS))

    def skip(self, size: int, lines: int) -> None:
        """Leave out so many bytes, which are so many lines."""
        self._place += size
        self.line += lines

    def piece(self, places: dict[str, int]) -> Piece | None:
        """The next `PIECE_ROWS` rows; None: there are no more.

        Parameters
        ----------
        places : dict of str to int
            Places of the columns asked for.

        Raises
        ------
        InputError
            If the file is not UTF-8, or a quotation mark is not closed.
        """
        first = self.line + 1
        rows = self._rows(PIECE_ROWS)
        if not rows:
            return None
        lines = _lines(rows, first, self.line)
        if self.line - first + 1 != len(rows):
            self._refuse_swallowed(rows, lines)
        return _piece(rows, lines, places, len(self._records.header), self._records.separator)

    def _refuse_swallowed(self, rows: list[list[str]], lines: NDArray[np.int64]) -> None:
        """Refuse a text that rows of the file stand in: a stray quotation mark made it.

        Raises
        ------
        InputError
        """
        between = len(self._records.header) - 1
        for row, line in zip(rows, lines.tolist(), strict=True):
            for text in row:
                inner = text.split("\n")[1:-1] if "\n" in text else []
                whole = sum(one.count(self._records.separator) == between for one in inner)
                if between and whole >= _SWALLOWED:
                    message = (
                        f"{self._records.path}:{line}: {whole} rows stand inside one text that "
                        "begins here: is there a stray quotation mark?"
                    )
                    raise InputError(message)

    def _rows(self, most: int) -> list[list[str]]:
        self._file.seek(self._place)
        text = io.TextIOWrapper(self._file, encoding="utf-8", newline="")
        reader = _Reader(
            self._counted(text), self._records.separator, is_strict=True, before=self.line
        )
        try:
            rows = reader.rows(most)
        except UnicodeDecodeError:
            raise InputError(_not_utf8(self._records.path)) from None
        except csv.Error as error:
            message = f"{self._records.path}: {error}"
            raise InputError(message) from None
        finally:
            text.detach()
        self.line = reader.line
        return rows

    def _counted(self, file: Iterable[str]) -> Iterator[str]:
        """Lines, whose bytes are counted."""
        for line in file:
            self._place += len(line) if line.isascii() else len(line.encode())
            yield line


def _lines(rows: list[list[str]], first: int, last: int) -> NDArray[np.int64]:
    """Line on which each row begins, shape (row,)."""
    lines = np.arange(first, first + len(rows), dtype=np.int64)
    if last - first + 1 != len(rows):  # some texts have line ends in them
        taller = [sum(text.count("\n") for text in row) for row in rows]
        lines[1:] += np.cumsum(taller)[:-1]
    return lines


def marks_of(rows: Sequence[Sequence[str]], separator: str) -> NDArray[np.int64]:
    """Hashes of whole rows, shape (row,): of a row as it stands in a file without quotation marks.

    Where a text holds a separator, that would not tell it from two texts: then of its fields.
    """
    return np.fromiter(
        (
            hash(line) if line.count(separator) == len(row) - 1 else hash(tuple(row))
            for line, row in zip(map(separator.join, rows), rows, strict=True)
        ),
        np.int64,
        len(rows),
    )


def _piece(
    rows: list[list[str]],
    lines: NDArray[np.int64],
    places: dict[str, int],
    width: int,
    separator: str,
) -> Piece:
    """Tell whole rows from others, and keep of them what is needed."""
    widths = np.fromiter(map(len, rows), np.int64, len(rows))
    is_whole = widths == width
    is_empty = np.zeros(len(rows), dtype=bool)
    if not is_whole.all():
        is_empty[~is_whole] = [not any(rows[at]) for at in np.flatnonzero(~is_whole).tolist()]
        rows = [row for row, is_good in zip(rows, is_whole.tolist(), strict=True) if is_good]
    return Piece(
        lines=lines[is_whole],
        columns={
            name: list(map(str.strip, map(operator.itemgetter(at), rows)))
            for name, at in places.items()
        },
        marks=marks_of(rows, separator),
        empty=lines[is_empty],
        ragged=lines[~is_whole & ~is_empty],
    )
