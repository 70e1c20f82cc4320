"""What goes wrong because of what the user wrote: each fault located, explained and collected."""

import difflib
import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

#: Parameters as the literature writes them, which SciPy and scenario files call by other letters.
_LATIN = {"alpha": "a", "beta": "b"}
#: Faults that are told of many.
_MOST_TOLD = 50
#: Words that are all compared; of more, those on each side in the order of the alphabet, read from
#: the front and from the back.
_FEW, _BESIDE = 150, 6
#: What a terminal would obey and not show: control characters, and those that turn the direction.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class ClvsimError(Exception):
    """Base of every error that clvsim raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in an input file.

    Attributes
    ----------
    file : str
        The file that holds the mistake, as the user named it.
    line : int or None
        Line in that file, counted from 1; None where no single line is to blame.
    path : str
        Dotted path of the key (``segments.monthly.churn``); empty for the file as a whole.
    message : str
        What is wrong, with what the user wrote.
    allowed : str
        What may stand there.
    hint : str
        The word that the user probably meant.
    """

    file: str
    line: int | None
    path: str
    message: str
    allowed: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        lines = [": ".join(part for part in (place, self.path, _one_line(self.message)) if part)]
        if self.allowed:
            lines.append(f"  allowed: {_one_line(self.allowed)}")
        if self.hint:
            lines.append(f"  did you mean '{self.hint}'?")
        return "\n".join(lines)


class ScenarioError(ClvsimError):
    """Everything that is wrong with a scenario, reported at once.

    Parameters
    ----------
    faults : iterable of Fault
        At least one. They are kept sorted by file and line, each different one once.
    """

    faults: tuple[Fault, ...]

    def __init__(self, faults: Iterable[Fault]) -> None:
        # A fault of the baseline comes back with every variant that inherits it.
        unique = dict.fromkeys(faults)
        self.faults = tuple(sorted(unique, key=lambda fault: (fault.file, fault.line or 0)))
        if not self.faults:
            message = "a ScenarioError needs at least one fault"
            raise ValueError(message)
        super().__init__(self.faults)

    def __str__(self) -> str:
        """The first faults, and how many there are besides."""
        told = [str(fault) for fault in self.faults[:_MOST_TOLD]]
        more = len(self.faults) - _MOST_TOLD
        return "\n".join([*told, f"… and {counted(more, 'fault')} more"] if more > 0 else told)


class InputError(ClvsimError):
    """An option, an argument or a path on the command line that cannot be used."""


def closest(word: str, allowed: Iterable[str]) -> str:
    """Return the allowed word that `word` was probably meant to be.

    Parameters
    ----------
    word : str
        What the user wrote.
    allowed : iterable of str
        What could have been meant.

    Returns
    -------
    str
        The nearest allowed word, or an empty string where none is near.
    """
    plain, *orders = _spelt(tuple(allowed))
    wanted = _plain(word)
    if wanted in plain:
        return plain[wanted]
    near = difflib.get_close_matches(wanted, _candidates(wanted, plain, orders), n=1)
    if near:
        return plain[near[0]]
    return plain.get(_LATIN.get(wanted.strip("_"), ""), "")


@lru_cache(maxsize=32)
def _spelt(allowed: tuple[str, ...]) -> tuple[dict[str, str], list[str], list[str]]:
    """Words by their plain spelling; the spellings sorted, and sorted from their ends."""
    plain = {_plain(candidate): candidate for candidate in allowed}
    return plain, sorted(plain), sorted(word[::-1] for word in plain)


def _candidates(wanted: str, plain: Iterable[str], orders: list[list[str]]) -> list[str]:
    """Words that a word is compared with: all, or of many those that begin or end like it."""
    forward, backward = orders
    if len(forward) <= _FEW:
        return list(plain)
    at, behind = bisect_left(forward, wanted), bisect_left(backward, wanted[::-1])
    near = forward[max(0, at - _BESIDE) : at + _BESIDE]
    near += [word[::-1] for word in backward[max(0, behind - _BESIDE) : behind + _BESIDE]]
    return list(dict.fromkeys(near))


def escaped(text: str) -> str:
    """A text whose control characters are written out, as TOML has them; lines and tabs stay."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def counted(number: float, noun: str) -> str:
    """A number of things, in words: ``1 customer``, ``2,357 customers``."""
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")


def _plain(word: str) -> str:
    """Spelling without the differences that are never meant: case, hyphens, spaces."""
    return word.casefold().replace("-", "_").replace(" ", "_")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
