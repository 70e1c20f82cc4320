"""What goes wrong because of what the user wrote: each fault located, explained and collected."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

#: Parameters as the literature writes them, which SciPy and scenario files call by other letters.
_LATIN = {"alpha": "a", "beta": "b"}
#: Faults that are told of many.
_MOST_TOLD = 50
#: Words that are all compared; of more, so many that share the rarest pieces, of which so many are
#: looked up, so many words of each.
_FEW, _COMPARED, _RAREST, _MOST = 150, 16, 6, 100
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
    plain, pieces = _spelt(tuple(allowed))
    wanted = _plain(word)
    if wanted in plain:
        return plain[wanted]
    near = difflib.get_close_matches(wanted, _candidates(wanted, plain, pieces), n=1)
    if near:
        return plain[near[0]]
    return plain.get(_LATIN.get(wanted.strip("_"), ""), "")


@lru_cache(maxsize=32)
def _spelt(allowed: tuple[str, ...]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Words by their plain spelling, and of many words the spellings by their pieces."""
    plain = {_plain(candidate): candidate for candidate in allowed}
    pieces: dict[str, list[str]] = {}
    for word in plain if len(plain) > _FEW else ():
        for piece in _pieces(word):
            pieces.setdefault(piece, []).append(word)
    return plain, pieces


def _candidates(wanted: str, plain: Iterable[str], pieces: dict[str, list[str]]) -> list[str]:
    """Words that a word is compared with: all, or of many those that share the rarest pieces."""
    if not pieces:
        return list(plain)
    found = [pieces[piece] for piece in _pieces(wanted) if piece in pieces]
    shared = Counter(word for words in sorted(found, key=len)[:_RAREST] for word in words[:_MOST])
    return [word for word, _ in shared.most_common(_COMPARED)]


def _pieces(word: str) -> dict[str, None]:
    """Runs of three letters, each once and in their order; ends are letters too."""
    text = f" {word} "
    return dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2))


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
