"""What could not be used of a file: every row left out is counted by its reason, or refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clvsim.errors import Fault, ScenarioError, closest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.records import Records

#: Share of a file's rows from which a fault is no accident.
_MOST_BAD = 0.5
#: Lines that are named, and longest piece of the user's text that is quoted.
_NAMED, _QUOTED = 3, 40


class Rows(Protocol):
    """Some rows of a file, and its lines that are no rows."""

    @property
    def lines(self) -> NDArray[np.int64]:
        """Line of each row, shape (row,)."""

    @property
    def empty(self) -> NDArray[np.int64]:
        """Lines without anything."""

    @property
    def ragged(self) -> NDArray[np.int64]:
        """Lines with more or fewer fields than there are columns."""

    def text(self, column: str, row: int) -> str:
        """What stands in a column of a row."""


class RecordsError(ScenarioError):
    """Everything that is wrong with a file of records or with what is asked of it, at once."""


@dataclass(frozen=True)
class Reason:
    """Why a row cannot be used.

    Attributes
    ----------
    option : str
        The option that names the column; empty for the row as a whole.
    text : str
        In plain words, plural: "dates that cannot be read".
    allowed : str
        What should stand there.
    is_loss : bool
        Whether the row is left out; False: used all the same, and only counted.
    is_fault : bool
        Whether the file is refused when most of it is like this.
    """

    option: str
    text: str
    allowed: str = ""
    is_loss: bool = True
    is_fault: bool = True


@dataclass
class Count:
    """Rows with one fault: how many, the first lines, and what stands in the first."""

    rows: int = 0
    lines: list[int] = field(default_factory=list)
    example: str | None = None


@dataclass
class Drops:
    """A tally over the pieces of a file.

    Attributes
    ----------
    file : str
        As the user named it.
    unit : {"line", "row"}
        What a place in it is called.
    rows : int
        Rows read, whether used or not.
    counts : dict of Reason to Count
    """

    file: str
    unit: str = "line"
    rows: int = 0
    counts: dict[Reason, Count] = field(default_factory=dict)

    def begin(self, piece: Rows) -> None:
        """Count the rows of a piece, and its lines that are no rows."""
        self.rows += piece.lines.size + piece.empty.size + piece.ragged.size
        self.add(Reason("", "empty lines"), piece.empty)
        what = "lines with more or fewer fields than there are columns"
        self.add(Reason("", what, "as many fields in every line as in the first"), piece.ragged)

    def add(
        self, reason: Reason, lines: NDArray[np.int64], texts: Sequence[str] | None = None
    ) -> None:
        """Count rows with a fault; of all of them the first lines are named.

        Parameters
        ----------
        reason : Reason
        lines : ndarray of int64, shape (fault,)
            Ascending.
        texts : sequence of str, optional
            What stands in these lines, shape (fault,).
        """
        if not lines.size:
            return
        count = self.counts.setdefault(reason, Count())
        count.rows += int(lines.size)
        count.lines = sorted([*count.lines, *lines[:_NAMED].tolist()])[:_NAMED]
        if count.example is None and texts is not None:
            count.example = texts[0][:_QUOTED]

    def keep(
        self,
        reason: Reason,
        good: NDArray[np.bool_],
        among: NDArray[np.bool_],
        piece: Rows,
        column: str,
    ) -> NDArray[np.bool_]:
        """Of the rows still ``among`` the good ones keep those, and count the others.

        A row with several faults is counted once, for the first.
        """
        bad = np.flatnonzero(among & ~good)
        self.add(reason, piece.lines[bad], [piece.text(column, int(at)) for at in bad[:1]])
        return among & good

    def faults(self, share: float = _MOST_BAD) -> list[Fault]:
        """Reasons for which more than a share of the file would be lost, as faults."""
        return [
            Fault(
                self.file,
                count.lines[0] if self.unit == "line" else None,
                reason.option,
                f"{count.rows:,} of {self.rows:,} rows: {reason.text}{_example(count)}",
                reason.allowed,
            )
            for reason, count in self.counts.items()
            if reason.is_fault and count.rows > share * self.rows
        ]

    def told(self) -> list[str]:
        """A line for people for each reason."""
        lines = []
        for reason, count in self.counts.items():
            more = ", …" if count.rows > len(count.lines) else ""
            named = ", ".join(f"{line:,}" for line in count.lines)
            places = f"{self.unit}{'' if count.rows == 1 else 's'} {named}{more}"
            done = "left out" if reason.is_loss else "noted and kept"
            of = f"{count.rows:,} of {self.rows:,} rows {done}"
            option = f" ({reason.option})" if reason.option else ""
            lines.append(f"{of}: {reason.text}{option}{_example(count)}; {places}")
        return lines

    def plain(self) -> list[dict[str, object]]:
        """The same for JSON."""
        return [
            {
                "reason": reason.text,
                "option": reason.option,
                "rows": count.rows,
                "first": count.lines,
                "example": count.example,
                "left_out": reason.is_loss,
            }
            for reason, count in self.counts.items()
        ]


def _example(count: Count) -> str:
    if count.example is None:
        return ""
    return f", the first {count.example!r}" if count.example else ", the first is empty"


def column_faults(records: Records, wanted: Mapping[str, str]) -> list[Fault]:
    """Columns that the file does not have, or has twice.

    Parameters
    ----------
    records : Records
    wanted : mapping of str to str
        Names of columns by the option that names them.
    """
    faults = []
    for option, name in wanted.items():
        if records.header.count(name) == 1:
            continue
        twice = name in records.header
        message = f"there are two columns {name!r}" if twice else f"there is no column {name!r}"
        allowed = ", ".join(records.header)
        near = "" if twice else closest(name, records.header)
        faults.append(Fault(str(records.path), 1, option, message, allowed, near))
    return faults


def refuse(faults: Sequence[Fault], drops: Drops | None = None) -> None:
    """Raise all faults at once, if there are any.

    Parameters
    ----------
    faults : sequence of Fault
    drops : Drops, optional
        Rows that were left out before: what is missing now may have stood in them, so that they
        are told too.

    Raises
    ------
    RecordsError
    """
    if faults:
        raise RecordsError([*faults, *(drops.faults(0.0) if drops else ())])


def repeated(marks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows that are equal to an earlier one, shape (row,)."""
    order = np.argsort(marks, kind="stable")
    ordered = marks[order]
    later = np.zeros(marks.size, dtype=bool)
    later[order[1:]] = ordered[1:] == ordered[:-1]
    return later
