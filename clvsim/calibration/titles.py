"""Titles of a plot's panels: short enough for them, in a font that has their signs."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Widths of a sign, in columns of plain text, that a title has room for.
_ROOM = 24
_WIDE = frozenset("WF")
#: Fonts with the signs of East Asia, and of nearly everybody, that computers may have.
_OTHERS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Source Han Sans",
    "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Yu Gothic", "Microsoft YaHei",
    "Malgun Gothic", "WenQuanYi Zen Hei", "IPAexGothic", "Droid Sans Fallback", "Noto Sans",
    "Arial Unicode MS", "Unifont",
)  # fmt: skip
_OWN = "DejaVu Sans"


@dataclass(frozen=True)
class Titles:
    """What panels are called.

    Attributes
    ----------
    texts : tuple of str
    fonts : list of str
        Families that have their signs, the first one that does being used.
    notes : tuple of str
        What had to be called otherwise, for people.
    """

    texts: tuple[str, ...]
    fonts: list[str]
    notes: tuple[str, ...]


def titles(labels: Sequence[str]) -> Titles:
    """Short titles for labels, each in signs that some font here has.

    Where none has them the panel is called by its number, and a note says so.
    """
    fonts = [_OWN]
    for other in _OTHERS:
        if not _missing("".join(labels), fonts):
            break
        if _signs(other) & _missing("".join(labels), fonts):
            fonts.append(other)
    texts, notes = [], []
    for number, label in enumerate(labels, start=1):
        if _missing(label, fonts):
            texts.append(f"segment {number}")
            notes.append(
                f"no font here has the signs of {label!r}: the plot calls it segment {number}"
            )
        else:
            texts.append(short(label))
    return Titles(tuple(texts), fonts, tuple(notes))


def short(label: str, room: int = _ROOM) -> str:
    """A label that is no wider than so many columns, with an ellipsis where its middle was.

    Its ends stay: long names often differ in the last word.
    """
    if _width(label) <= room:
        return label
    half = (room - 1) // 2
    return f"{_part(label, room - 1 - half)}…{_part(label[::-1], half)[::-1]}"


def _part(text: str, room: int) -> str:
    """The beginning of a text that is no wider than so many columns."""
    end = next((at for at in range(len(text), 0, -1) if _width(text[:at]) <= room), 0)
    return text[:end].strip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in _WIDE else 1 for sign in text)


def _missing(text: str, fonts: Iterable[str]) -> set[int]:
    """Signs that none of these fonts has."""
    return {ord(sign) for sign in text}.difference(*map(_signs, fonts))


@cache
def _signs(family: str) -> frozenset[int]:
    """Signs of a font; none where it is not installed."""
    from matplotlib import font_manager

    if family not in {one.name for one in font_manager.fontManager.ttflist}:
        return frozenset()
    file = font_manager.findfont(family, fallback_to_default=False)
    return frozenset(font_manager.get_font(file).get_charmap())
