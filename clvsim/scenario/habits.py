"""What people write that is not TOML, and how it is written here.

A spreadsheet's or a language's habits: decimal commas, percent and currency signs, names with
accents or spaces, yes and no, slanted quotation marks, dates as they are spoken.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clvsim.scenario.notation import CURRENCIES, date_cure, number_cure

_TRUE = {"yes", "on", "true", "y", "ja", "si", "sí", "oui", "wahr"}
_FALSE = {"no", "off", "false", "n", "nein", "non", "falsch"}
_NOTHING = {"none", "null", "na", "n/a", "nil", "nan", "#n/a", "-"}
_SLANTED = "“”„‟‘’‚‛«»‹›＂＇`´"
#: Spaces that look like others and are none to TOML.
_ODD_SPACES = "\u00a0\u2007\u2009\u202f\u200b\ufeff\u3000"
_HEADER = re.compile(r"\s*\[{1,2}([^\]\n]*)")
#: A value up to what ends it: between values a comma followed by no figure, a bracket, a remark.
_TOKEN = re.compile(
    r"(?:[^\s,;\[\]{}=#]|,(?=\d)|"
    r"(?<=\S)[ \u00a0\u202f](?=\d{3}(?!\d)|[%€$£¥A-Za-z])|(?<=[a-z,]) (?=\d)|(?<=[A-Z]) (?=\d))+"
)
#: Longest line, and longest number or date, that a person wrote, characters.
_LONGEST, _LONGEST_VALUE = 1_000, 60
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Cure:
    """What is wrong with a piece of text, and how it is written here."""

    message: str
    allowed: str


def cure(text: str, line: int, column: int | None) -> Cure | None:
    """What a fault of TOML's grammar probably comes from; None where nobody knows.

    Parameters
    ----------
    text : str
        The file.
    line, column : int
        Where the parser stopped, from 1; without a column, at the end.
    """
    lines = text.split("\n")
    if not 1 <= line <= len(lines) or len(lines[line - 1]) > _LONGEST:
        return None
    wrote = lines[line - 1].rstrip("\r")
    at = len(wrote) if column is None else column - 1
    code = _without_remark(wrote)
    if code.lstrip().startswith("[") and "=" not in code.partition("]")[0]:
        return _of_header(code)
    return next((found for rule in _RULES if (found := rule(code, at)) is not None), None)


def _without_remark(line: str) -> str:
    """A line up to its remark; # inside quotation marks is none."""
    return re.match(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|[^#"']|["'])*""", line)[0]  # type: ignore[index]


def _masked(code: str) -> str:
    """The same with what stands in straight quotation marks blotted out."""
    return re.sub(r""""(?:\\.|[^"\\])*"|'[^']*'""", lambda one: '"' * len(one[0]), code)


def _of_header(code: str) -> Cure | None:
    """Names in a header that need quotation marks."""
    inner = _HEADER.match(code)
    if inner is None:
        return None
    parts = [part.strip() for part in _split(inner[1])]
    wrong = next((part for part in parts if not _is_name(part)), None)
    if wrong is None:
        if code.count("]") < code.count("["):
            return Cure("the bracket is not closed", f"{code.strip()}{']' * code.count('[')}")
        return None
    if not wrong:
        return Cure("a name is missing between two dots", "[segments.a_name]")
    right = ".".join(part if _is_name(part) else _quoted(part) for part in parts)
    return Cure(f"{_why(wrong)}: put the name in quotation marks", f"[{right}]")


def _split(names: str) -> list[str]:
    """Names parted by dots, those in quotation marks whole."""
    return [
        one[0] for one in re.finditer(r"""(?:"[^"]*"|'[^']*'|[^."'])+|(?<=\.)(?=\.|$)""", names)
    ]


def _is_name(part: str) -> bool:
    return bool(_BARE.fullmatch(part)) or (part[:1] in {'"', "'"} and part[:1] == part[-1:])


def _quoted(part: str) -> str:
    return '"' + part.strip(_SLANTED + "\"' ") + '"'


def _why(word: str) -> str:
    """What a bare name has that it cannot have."""
    sign = next(sign for sign in word if not _BARE.fullmatch(sign))
    if sign in _SLANTED:
        return f"{word} has slanted quotation marks, and straight ones are needed"
    if sign.isspace():
        return f"'{word}' has a space"
    if sign.isalpha():
        accented = len(unicodedata.normalize("NFD", sign)) > 1
        return f"'{word}' has {'an accented letter' if accented else 'a letter'} ({sign})" + (
            "" if accented else " beyond a to z"
        )
    return f"'{word}' has the sign {sign}"


def _slanted(code: str, at: int) -> Cure | None:
    """Slanted quotation marks, as word processors write them."""
    del at
    found = re.search(f"[{_SLANTED}]([^{_SLANTED}]*)[{_SLANTED}]?", _masked(code))
    if found is None:
        return None
    return Cure(
        f"slanted quotation marks ({found[0][:1]}…), as word processors write them",
        f'straight quotation marks: "{found[1].strip()}"',
    )


def _colon(code: str, at: int) -> Cure | None:
    """A colon, or nothing, or two signs, between key and value."""
    del at
    plain = _masked(code)
    found = re.match(r"\s*([\w.-]+|\"+)\s*(:=|:|==|=>|->)\s*(\S.*)", plain)
    if found is not None:
        key, value = code[found.start(1) : found.end(1)], code[found.start(3) :].strip()
        return Cure(f"between a key and its value stands =, not {found[2]}", f"{key} = {value}")
    bare = re.match(r"\s*([A-Za-z_][\w.-]*)\s+([\d.\"'].*)$", plain)
    if bare is not None and "=" not in plain:
        return Cure("the sign = is missing", f"{bare[1]} = {code[bare.start(2) :].strip()}")
    return None


def _key(code: str, at: int) -> Cure | None:
    """A key with an accent or a space, at the start of a line or inside braces."""
    plain = _masked(code)
    for found in re.finditer(r"(?:^|[{,])\s*([^={},\[\]]*[^={},\[\]\s])\s*=", plain):
        key = code[found.start(1) : found.end(1)]
        parts = [part.strip() for part in _split(key)]
        near = found.start(1) - 1 <= at <= found.end() + 1
        wrong = next((part for part in parts if not _is_name(part)), "")
        if near and wrong and not key[:1].isdigit():
            right = ".".join(part if _is_name(part) else _quoted(part) for part in parts)
            return Cure(f"{_why(wrong)}: put the name in quotation marks", f"{right} = …")
    return None


def _tokens(code: str, at: int) -> Iterator[str]:
    """Pieces of the values of a line, those at a place first."""
    plain = _masked(code)
    if "=" not in plain and plain.lstrip()[:1].isalpha():  # neither a value nor items of a list
        return
    first = plain.find("=") + 1
    found = [one for one in _TOKEN.finditer(plain, first) if '"' not in one[0]]
    found.sort(key=lambda one: (not one.start() <= at <= one.end() + 1, one.start()))
    yield from (one[0].strip() for one in found)


def _value(code: str, at: int) -> Cure | None:
    """A value that people write otherwise than TOML does."""
    for token in _tokens(code, at):
        found = value_cure(token)
        if found is not None:
            return found
    return None


def value_cure(token: str) -> Cure | None:
    """How a value is written here; None where it is right, or nobody knows."""
    plain = token.strip(_ODD_SPACES + " ")
    if len(plain) > _LONGEST_VALUE:
        return None
    word = plain.casefold()
    if re.fullmatch(r"[-+]?(0|[1-9](_?\d)*)(\.\d+)?([eE][-+]?\d+)?|true|false", plain):
        return None
    if found := date_cure(plain):
        is_bare = found == f'"{plain}"'
        what = "is no date without quotation marks" if is_bare else "is no date here"
        return Cure(f"{plain} {what}", f"a date in quotation marks: {found}")
    if wrong := number_cure(plain):
        return Cure(*wrong)
    if word in _TRUE or word in _FALSE:
        return Cure(f"{plain} is no value here", "true" if word in _TRUE else "false")
    if word in _NOTHING:
        return Cure(f"{plain} is no value here", "leave the key out")
    if plain in CURRENCIES:
        return Cure(f"{plain} is no value here", f'in quotation marks: "{CURRENCIES[plain]}"')
    if re.match(r"[^\W\d]", plain) and not re.search(r"[\"']", plain):
        return Cure(f"{plain} is text", f'text stands in quotation marks: "{plain}"')
    return None


#: A number with a point and three figures, as thousands are written elsewhere.
THOUSANDS = re.compile(r"(?<![\w.+-])[1-9]\d{0,2}\.\d{3}(?![\w.])")
#: Figures on both sides of a comma without a space, and a comma with one.
_TIGHT, _LOOSE = re.compile(r"\d,\d"), re.compile(r"\d, +-?\d")


def has_decimal_commas(line: str) -> bool:
    """Whether a list on a line is probably one of numbers with decimal commas."""
    code = _masked(_without_remark(line)) if len(line) <= _LONGEST else ""
    return "[" in code and bool(_TIGHT.search(code)) and bool(_LOOSE.search(code))


def line_cure(line: str, path: tuple[str | int, ...]) -> str:
    """How a number that cannot be is written, where the line that has it tells; else empty."""
    code = _masked(_without_remark(line)) if len(line) <= _LONGEST else ""
    inside = path and isinstance(path[-1], int)
    if inside and "[" in code and (found := _TIGHT.search(code)):
        right = re.search(r"\d+,\d+", code)
        wrote = right[0] if right else found[0]
        return f"decimals with a point: {wrote} is two numbers, {wrote.replace(',', '.')} is one"
    if not inside and (thousands := THOUSANDS.search(code)) and code.count("=") == 1:
        return f"{thousands[0].replace('.', '')}, if {thousands[0]} has a thousands separator"
    return ""


def _spaces(code: str, at: int) -> Cure | None:
    """Spaces that only look like others."""
    del at
    if any(sign in code for sign in _ODD_SPACES):
        return Cure("the line has a space that is none to TOML", "ordinary spaces (type it anew)")
    return None


def _endings(code: str, at: int) -> Cure | None:
    """Semicolons, and remarks as other languages have them."""
    del at
    plain = _masked(code)
    if re.search(r"(^|\s)(//|--|/\*|;|%)", plain) and not re.search(r"=\s*-", plain):
        return Cure("a remark begins with #", "# …")
    if plain.rstrip().endswith((";", ",")) and "=" in plain and not re.search(r"[\[{]", plain):
        return Cure("a line ends without a sign", code.rstrip().rstrip(";,"))
    if ";" in plain:
        return Cure("a comma parts the items of a list, not a semicolon", code.replace(";", ","))
    return None


_RULES: tuple[Callable[[str, int], Cure | None], ...] = (
    _slanted, _colon, _key, _value, _endings, _spaces
)  # fmt: skip
