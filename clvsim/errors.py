"""What goes wrong because of what the user wrote: each fault located, explained and collected."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

#: Parameters as the literature writes them, which SciPy and scenario files call by other letters.
_LATIN = {"alpha": "a", "beta": "b"}


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
        return "\n".join(str(fault) for fault in self.faults)


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
    plain = {_plain(candidate): candidate for candidate in allowed}
    if _plain(word) in plain:
        return plain[_plain(word)]
    near = difflib.get_close_matches(_plain(word), plain, n=1)
    if near:
        return plain[near[0]]
    return plain.get(_LATIN.get(_plain(word).strip("_"), ""), "")


def counted(number: float, noun: str) -> str:
    """A number of things, in words: ``1 customer``, ``2,357 customers``."""
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")


def _plain(word: str) -> str:
    """Spelling without the differences that are never meant: case, hyphens, spaces."""
    return word.casefold().replace("-", "_").replace(" ", "_")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
