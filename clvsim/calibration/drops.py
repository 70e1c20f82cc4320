"""What could not be used of a file: every row left out is counted by its reason, or refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from clvsim.calibration.lean import Sides
from clvsim.calibration.numerals import is_missing
from clvsim.errors import Fault, ScenarioError, closest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.lean import Scale
    from clvsim.calibration.numerals import Points
    from clvsim.calibration.records import Records

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Flags = NDArray[np.bool_]

#: Share of a file's rows from which a fault is no accident.
_MOST_BAD = 0.5
#: Places of a scale beyond which rows are not counted by a table of all of them.
_NARROW = 100_000
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


#: What to do where nothing can be done about what is left out.
_OR_ACCEPT = "or --accept-losses to go on without them"


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
        Whether the file is refused when most of it is like this, or what is like this leans to one
        side.
    is_cell : bool
        Whether a cell is to blame that cannot be read. One that says nothing (empty, NA, NULL, …)
        is left out; of one that says something nobody knows what, so that the file is refused.
    may_lean : bool
        Whether what is left out is one side by its nature: what came after the end.
    """

    option: str
    text: str
    allowed: str = ""
    is_loss: bool = True
    is_fault: bool = True
    is_cell: bool = False
    may_lean: bool = False


_RAGGED = Reason(
    "",
    "lines with more or fewer fields than there are columns",
    "as many fields in every line as in the first (thousands apart by commas need quotation marks)",
)


@dataclass
class Count:
    """Rows with one fault.

    Attributes
    ----------
    rows : int
    lines : list of int
        The first of them.
    example : str or None
        What stands in the first.
    unread : Count or None
        Those of a cell that says something.
    amount : float
        Their amounts together, as far as they can be read, without signs, currency.
    """

    rows: int = 0
    lines: list[int] = field(default_factory=list)
    example: str | None = None
    unread: Count | None = None
    amount: float = 0.0

    def add(self, lines: Whole, example: str | None) -> None:
        """Count further rows, their lines ascending."""
        self.rows += int(lines.size)
        self.lines = sorted([*self.lines, *lines[:_NAMED].tolist()])[:_NAMED]
        if self.example is None and example is not None:
            self.example = example[:_QUOTED]


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
    accepts : bool
        Whether the user goes on in spite of what is left out (``--accept-losses``).
    amount : float
        Amounts of all rows that were read, without signs, currency; 0: they have none.
    """

    file: str
    unit: str = "line"
    rows: int = 0
    counts: dict[Reason, Count] = field(default_factory=dict)
    accepts: bool = False
    amount: float = 0.0
    #: Rows kept by place on each scale, and rows left out, by reason.
    _kept: dict[Scale, Counter[float]] = field(default_factory=dict)
    _away: dict[tuple[Reason, Scale], Counter[float]] = field(default_factory=dict)
    #: Of the piece that is being read: amounts, and rows left out by reason.
    _amounts: Floats | None = None
    _lost: list[tuple[Reason, Whole]] = field(default_factory=list)

    @classmethod
    def of(cls, records: Records) -> Self:
        """A tally of a file, in which nothing is counted yet."""
        return cls(str(records.path), records.unit, accepts=records.accepts_losses)

    def begin(self, piece: Rows, amounts: Floats | None = None) -> None:
        """Count the rows of a piece, and its lines that are no rows.

        Parameters
        ----------
        piece : Rows
        amounts : ndarray, shape (row,), optional
            Currency: what is left out is then told in money too.
        """
        self._amounts, self._lost = None, []
        self.rows += piece.lines.size + piece.empty.size + piece.ragged.size
        self.add(Reason("", "empty lines"), piece.empty)
        self.add(_RAGGED, piece.ragged)
        if amounts is not None:
            self._amounts = np.abs(np.nan_to_num(amounts))
            self.amount += float(self._amounts.sum())

    def add(self, reason: Reason, lines: Whole, texts: Sequence[str] | None = None) -> None:
        """Count rows with a fault; of all of them the first lines are named.

        Parameters
        ----------
        reason : Reason
        lines : ndarray of int64, shape (fault,)
            Ascending.
        texts : sequence of str, optional
            What stands in these lines; that of the first is enough.
        """
        if lines.size:
            self.counts.setdefault(reason, Count()).add(lines, texts[0] if texts else None)

    def keep(self, reason: Reason, good: Flags, among: Flags, piece: Rows, column: str) -> Flags:
        """Of the rows still ``among`` the good ones keep those, and count the others.

        A row with several faults is counted once, for the first.
        """
        bad = np.flatnonzero(among & ~good)
        if not bad.size:
            return among & good
        self.add(reason, piece.lines[bad], [piece.text(column, int(bad[0]))])
        count = self.counts[reason]
        if reason.is_cell:
            self._add_unread(count, bad, piece, column)
        if self._amounts is not None:
            count.amount += float(self._amounts[bad].sum())
        if reason.is_loss:
            self._lost.append((reason, bad))
        return among & good

    def _add_unread(self, count: Count, bad: Whole, piece: Rows, column: str) -> None:
        """Of rows with a cell that cannot be read count those in which something stands."""
        texts = [piece.text(column, at) for at in bad.tolist()]
        says = np.array([not is_missing(text) for text in texts], dtype=bool)
        if says.any():
            count.unread = count.unread or Count()
            count.unread.add(piece.lines[bad[says]], texts[int(np.argmax(says))])

    def weigh(self, scale: Scale, places: Floats, kept: Flags) -> None:
        """Compare the rows of a piece that were left out with those that were kept.

        Parameters
        ----------
        scale : Scale
        places : ndarray, shape (row,)
            Where each row lies on it, in steps; NaN: not known.
        kept : ndarray of bool, shape (row,)
        """
        known = ~np.isnan(places)
        self._kept.setdefault(scale, Counter()).update(_counted(places[kept & known]))
        for reason, bad in self._lost:
            if reason.is_fault and not reason.may_lean:
                own = self._away.setdefault((reason, scale), Counter())
                own.update(_counted(places[bad[known[bad]]]))

    def faults(self, share: float = _MOST_BAD) -> list[Fault]:
        """What the file is refused for.

        That more than a share of it would be left out for one reason; and, unless that is accepted,
        cells that say something that cannot be read, and losses that lean to one side.
        """
        return [
            fault for reason, count in self.counts.items() if reason.is_fault
            for fault in self._faults_of(reason, count, share)
        ]  # fmt: skip

    def _faults_of(self, reason: Reason, count: Count, share: float) -> list[Fault]:
        if count.rows > share * self.rows:
            return [self._fault(reason, count, "")]
        if self.accepts:
            return []
        if count.unread is not None:
            return [self._fault(reason, count.unread, "", _OR_ACCEPT)]
        if reason is _RAGGED:
            return [self._fault(reason, count, "", _OR_ACCEPT)]
        sides = [
            Sides(self._kept[scale], lost).words(scale)
            for (one, scale), lost in self._away.items()
            if one == reason
        ]
        leans = " and ".join(filter(None, sides))
        more = f"; they lean {leans}"
        return [self._fault(reason, count, more, _OR_ACCEPT)] if leans else []

    def _fault(self, reason: Reason, count: Count, more: str, way_out: str = "") -> Fault:
        line = count.lines[0] if self.unit == "line" and count.lines else None
        message = f"{count.rows:,} of {self.rows:,} rows: {reason.text}{_example(count)}{more}"
        allowed = f"{reason.allowed}; {way_out}" if reason.allowed and way_out else reason.allowed
        return Fault(self.file, line, reason.option, message, allowed or way_out)

    def thousands(self, points: Points, option: str) -> list[Fault]:
        """The fault of amounts whose points seem to part thousands, unless that is accepted."""
        if self.accepts or not points.part_thousands:
            return []
        allowed = "1629 for one thousand; or as many digits after the point in all rows"
        return [Fault(self.file, None, option, points.message(), allowed)]

    def unread(self, reason: Reason) -> str | None:
        """What stands in the first cell that cannot be read, of a reason; None: there is none."""
        count = self.counts.get(reason)
        return count.unread.example if count and count.unread else None

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
            lines.append(f"{of}: {reason.text}{option}{_example(count)}; {places}{self._of(count)}")
        return lines

    def _of(self, count: Count) -> str:
        """The money of some rows, and its share of all; empty: they have none that is known."""
        if not count.amount:
            return ""
        share = 100.0 * count.amount / self.amount
        return f"; {count.amount:,.2f} in money, {share:.2g} % of all"

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
                "amount": count.amount if self.amount else None,
            }
            for reason, count in self.counts.items()
        ]


def _counted(places: Floats) -> dict[float, int]:
    """How many rows are at each place, whole numbers."""
    if not places.size:
        return {}
    least = float(places.min())
    if places.max() - least < _NARROW:
        # A fifth of the time of sorting them.
        counts = np.bincount((places - least).astype(np.int64))
        at = np.flatnonzero(counts)
        return dict(zip((at + least).tolist(), counts[at].tolist(), strict=True))
    values, many = np.unique(places, return_counts=True)
    return dict(zip(values.tolist(), many.tolist(), strict=True))


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
    if not faults:
        return
    known = {(one.path, one.line) for one in faults}
    others = drops.faults(0.0) if drops else []
    raise RecordsError([*faults, *(one for one in others if (one.path, one.line) not in known)])


def repeated(marks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows that are equal to an earlier one, shape (row,)."""
    order = np.argsort(marks, kind="stable")
    ordered = marks[order]
    later = np.zeros(marks.size, dtype=bool)
    later[order[1:]] = ordered[1:] == ordered[:-1]
    return later
