"""Explanations as lines of a page: wrapped, indented, good at 80 columns."""

import shutil
import textwrap
from collections.abc import Iterable, Iterator

from clvsim.explain.plan import Part

#: Widest and narrowest lines of prose, and the width where nobody can say, columns.
_WIDEST, _NARROWEST, _USUAL = 96, 40, 80


def page(parts: Iterable[Part], width: int | None = None) -> str:
    """Parts one below the other.

    Parameters
    ----------
    parts : iterable of Part
    width : int, optional
        Columns; as the terminal has them unless given.
    """
    return "\n\n".join("\n".join(_lines(part, width or _width())) for part in parts)


def _lines(part: Part, width: int) -> Iterator[str]:
    yield from textwrap.wrap(part.title, width)
    for line in part.lines:
        yield textwrap.fill(
            line,
            width,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _width() -> int:
    """Columns of the terminal, as far as prose uses them."""
    columns = shutil.get_terminal_size((_USUAL, 24)).columns
    return min(columns, _WIDEST) if columns >= _NARROWEST else _USUAL
