"""Numbers as text, many at a time: the shortest that says nine digits.

``repr(float(f"{number:.9g}"))`` of each, in a tenth of its time: digits are put side by side as
bytes, four at a time from a table, and those that are not wanted are left out in one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Words = NDArray[np.uint32]
    Flags = NDArray[np.bool_]

DIGITS = 9
"""Significant digits of a number."""
#: Numbers from and below which nine digits are exact in one multiplication, 1.
_LEAST, _MOST = 1e-13, 1e9
#: Exponent of ten below which Python writes one.
_SMALL = -4
#: Distance from the middle of two neighbours, in units of the last digit, within which rounding is
#: left to Python.
_TIE = 1e-5
#: A number takes nine words of four bytes: 12 digits before the point, the point, 12 after it, an
#: exponent, and what parts it from the next one.
_WORDS, _POINT, _EXPONENT, _END = 9, 3, 7, 8
_WHOLE, _PART = 12, 12
_POWERS = 10.0 ** np.arange(23)
_INT_POWERS = 10 ** np.arange(13, dtype=np.int64)
_GROUP = 10_000
_NUMBERS = np.arange(_GROUP)
#: Four digits as one word, and how many of them are zeros at the end.
_GROUPS = (_NUMBERS[:, None] // [1_000, 100, 10, 1] % 10 + ord("0")).astype(np.uint8)
_GROUP_WORDS = _GROUPS.view(np.uint32).ravel()
_ZEROS = sum((_NUMBERS % 10**power == 0).astype(np.int64) for power in (1, 2, 3, 4))


def _word(text: str) -> int:
    return int(np.frombuffer(text.encode().ljust(4), dtype=np.uint32)[0])


#: ``e-05`` by 5.
_EXPONENTS = np.array([_word(f"e-{power:02d}") for power in range(15)], dtype=np.uint32)


def _kept() -> Flags:
    """Bytes that are wanted by digits before and after the point, and whether with exponent."""
    kept = np.zeros((_WHOLE + 1, _PART + 1, 2, 4 * _WORDS), dtype=bool)
    for whole in range(_WHOLE + 1):
        kept[whole, ..., _WHOLE - whole : _WHOLE] = True
    for part in range(1, _PART + 1):
        after = 4 * (_POINT + 1)
        kept[:, part, :, 4 * _POINT] = True
        kept[:, part, :, after : after + part] = True
    kept[:, :, 1, 4 * _EXPONENT : 4 * _END] = True
    kept[..., 4 * _END] = True
    return kept


_KEPT = _kept()


def lines(columns: Sequence[Floats]) -> list[str]:
    """Numbers of each row with commas between them.

    Parameters
    ----------
    columns : sequence of ndarray
        Shape (row,) each.

    Returns
    -------
    list of str
        Shape (row,).
    """
    size = columns[0].size
    words = np.empty((size, len(columns), _WORDS), dtype=np.uint32)
    kept = np.empty((size, len(columns), 4 * _WORDS), dtype=bool)
    for at, column in enumerate(columns):
        kept[:, at] = _fill(column, words[:, at])
    words[:, :, _END] = _word(",")
    words[:, -1, _END] = _word("\n")
    text = words.view(np.uint8)[kept].tobytes().decode("ascii")
    return text.split("\n")[:-1]


def _fill(column: Floats, words: Words) -> Flags:
    """Write numbers into their words, and say which bytes are wanted, shape (row, byte)."""
    is_zero = (column == 0.0) & ~np.signbit(column)
    is_easy = (column >= _LEAST) & (column < _MOST)
    number = np.where(is_easy, column, 1.0)
    power = np.minimum(np.floor(np.log10(number)).astype(np.int64), DIGITS - 1)
    scaled = number * _POWERS[DIGITS - 1 - power]
    digits = np.rint(scaled)
    # A logarithm may be off near a power of ten, and rounding may reach it.
    is_easy &= (digits >= 10.0 ** (DIGITS - 1)) & (digits < 10.0**DIGITS)
    is_easy &= np.abs(np.abs(scaled - digits) - 0.5) > _TIE
    power = np.where(is_easy, power, 0)
    has_exponent = power < _SMALL
    decimals = DIGITS - 1 - np.where(has_exponent, 0, power)
    unit = _INT_POWERS[decimals]
    mantissa = np.where(is_zero, 0, digits.astype(np.int64))
    whole = mantissa // unit
    part = (mantissa - whole * unit) * _INT_POWERS[_PART - decimals]
    groups = [*_groups(whole), *_groups(part)]
    for at, group in zip((0, 1, 2, 4, 5, 6), groups, strict=True):
        words[:, at] = _GROUP_WORDS[group]
    words[:, _POINT] = _word(".")
    words[:, _EXPONENT] = _EXPONENTS[np.where(has_exponent, -power, 0)]
    *_, first, second, third = groups
    zeros = _ZEROS[third] + (third == 0) * (_ZEROS[second] + (second == 0) * _ZEROS[first])
    # Without an exponent a whole number ends in ".0".
    after = np.maximum(_PART - zeros, np.where(has_exponent, 0, 1))
    before = np.where(has_exponent, 0, np.maximum(power, 0)) + 1
    kept: Flags = _KEPT[before, after, has_exponent.astype(np.int64)]
    hard = np.flatnonzero(~(is_easy | is_zero))
    if hard.size:
        # Each once: a column may be infinite from top to bottom.
        own, where = np.unique(
            np.ascontiguousarray(column[hard]).view(np.int64), return_inverse=True
        )
        texts = [_hard(number) for number in own.view(np.float64).tolist()]
        words[hard] = np.array([text for text, _ in texts])[where]
        kept[hard] = np.array([wanted for _, wanted in texts])[where]
    return kept


def _groups(number: Whole) -> tuple[Whole, Whole, Whole]:
    """Twelve digits as three numbers of four."""
    high = number // _GROUP
    top = high // _GROUP
    return top, high - top * _GROUP, number - high * _GROUP


def _hard(number: float) -> tuple[Words, Flags]:
    """Words of one number by Python, and the bytes of them that are wanted, shape (byte,)."""
    text = repr(float(f"{number:.{DIGITS}g}")).encode()
    words = np.frombuffer(text.ljust(4 * _WORDS), dtype=np.uint32)
    kept: Flags = np.arange(4 * _WORDS) < len(text)
    kept[4 * _END] = True
    return words, kept
