"""Pydantic's errors in a strategist's words: what is wrong, what is allowed, what was meant."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from pydantic_core import ErrorDetails

from clvsim.errors import closest, counted
from clvsim.scenario import samples, schema
from clvsim.scenario.habits import value_cure
from clvsim.scenario.lines import Path
from clvsim.scenario.notation import CURRENCIES, date_cure, number_of

_MOST_PERCENT = 100.0
SHOWN_LENGTH = 40
"""Longest piece of the user's text that a message repeats, characters."""

UNKNOWN_KEY, MISSING = "unknown key", "is missing"
DOTTED = "has a dot in its name"

#: What a text must look like, by the pattern of its form, and an example.
_FORMS = {
    r"^[A-Z]{3}$": "three capital letters, such as EUR",
    r"^\d{4}-\d{2}(-\d{2})?$": "a date like 2026-01 or 2026-01-15",
}

_DATE = "a date such as 2026-01-31"
_NUMBERS = ("float_type", "float_parsing", "int_type", "int_parsing", "int_from_float")
_WORDS = ("literal_error", "enum")
_KINDS = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text in quotes",
    **dict.fromkeys(_WORDS, "one of the allowed values"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "a table"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), _DATE),
    **dict.fromkeys(("date_from_datetime_inexact", "datetime_type", "datetime_parsing"), _DATE),
    "datetime_from_date_parsing": _DATE,
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One of pydantic's errors, and where it leads in the model."""

    error: ErrorDetails
    trail: schema.Trail

    @property
    def is_wrong_kind(self) -> bool:
        """Whether the value is of another kind than asked for (text for a number, say)."""
        return self.error["type"] in _KINDS or self.error["type"] in _NUMBERS

    @property
    def asked(self) -> str:
        """The kind of value asked for."""
        kind = self.error["type"]
        if kind not in _NUMBERS:
            return _KINDS[kind]
        number = schema.number(self.trail.spots)
        return "a whole number" if kind.startswith("int") and number == "a number" else number

    @property
    def words(self) -> list[str]:
        """The values allowed, where they can be listed."""
        expected = self.error.get("ctx", {}).get("expected", "")
        return _listed(expected) if self.error["type"] in _WORDS else []


@dataclass(frozen=True, slots=True)
class Explained:
    """A mistake in plain words, at a path of the user's tables."""

    path: Path
    message: str
    allowed: str = ""
    hint: str = ""


def explained(mistake: Mistake) -> Explained:
    """Say in plain words what is wrong with a value of the right kind."""
    kind = mistake.error["type"]
    if mistake.error["loc"][-1:] == (schema.KEY_MARK,):
        return _wrong_name(mistake)
    return _EXPLAIN.get(kind, _other)(mistake)


def wrong_kind(mistakes: list[Mistake]) -> Explained:
    """Say what kinds of value are allowed at one place, for all that were tried there."""
    wrote = mistakes[0].error["input"]
    kinds = [mistake.asked for mistake in mistakes]
    if not any(mistake.words for mistake in mistakes):
        kinds += [schema.described(spot) for mistake in mistakes for spot in mistake.trail.others]
    asked = " or ".join(dict.fromkeys(filter(None, kinds)))
    words = [word for mistake in mistakes for word in mistake.words]
    allowed = ", ".join(words)
    if asked == "a table":
        keys = schema.keys_of(mistakes[0].trail.spots)
        allowed = f"a table with the keys {', '.join(keys)}" if keys else ""
    hint = closest(wrote, words) if isinstance(wrote, str) else ""
    if isinstance(wrote, str) and not words:
        allowed = _unquoted(wrote) or allowed
    return Explained(mistakes[0].trail.path, f"must be {asked}, not {shown(wrote)}", allowed, hint)


def _unquoted(wrote: str) -> str:
    """What a text in quotation marks should have been, where it is a number, a date or a yes."""
    habit = value_cure(wrote)
    if habit is not None:
        return habit.allowed if "is text" not in habit.message else ""
    return f"without quotation marks: {wrote}" if number_of(wrote) is not None else ""


def shown(value: Any) -> str:
    """Return a value as the user wrote it, in brief."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= SHOWN_LENGTH else value[: SHOWN_LENGTH - 1] + "…")
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return f"a list of {counted(len(value), 'item')}" if value else "an empty list"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value)


def _unknown_key(mistake: Mistake) -> Explained:
    path, wrote = mistake.trail.path, mistake.error["input"]
    keys = schema.keys_of(mistake.trail.tables)
    if len(path) > 1 and isinstance(wrote, Mapping) and {*wrote} & {*keys}:
        name = f"{path[-2]}.{path[-1]}"
        return Explained(path, f"'{name}' {DOTTED}", f'in quotation marks: "{name}"')
    if mistake.trail.tables and schema.is_file(mistake.trail.tables[0]):
        keys = [key for key in keys if key != "uncertain"] + ["variants", "extends"]
    hint = closest(str(path[-1]), keys)
    return Explained(path, f"{UNKNOWN_KEY} '{path[-1]}'", ", ".join(keys), hint)


def _missing(mistake: Mistake) -> Explained:
    path = mistake.trail.path
    if path and isinstance(path[-1], int):
        wrote = shown(mistake.error["input"])
        return Explained(path[:-1], f"the list is too short: it is {wrote}")
    allowed = " or ".join(filter(None, map(schema.described, mistake.trail.spots)))
    if allowed == "a table" and path and (example := samples.sample(mistake.trail.spots[0])):
        allowed = f"a table, such as {path[-1]} = {example}"
    return Explained(path, MISSING, allowed)


def _out_of_range(mistake: Mistake) -> Explained:
    asked = schema.number(mistake.trail.spots)
    if asked in {"a number", "a whole number"}:  # the condition stands where types do not show it
        return _other(mistake)
    wrote = mistake.error["input"]
    message = f"must be {asked}, not {shown(wrote)}"
    return Explained(mistake.trail.path, message, _as_share(mistake, wrote))


def _as_share(mistake: Mistake, wrote: Any) -> str:
    """How a share is written, where per cent was probably meant."""
    is_share = any(samples.unit_of(spot).startswith("a share") for spot in mistake.trail.spots)
    if not is_share or not isinstance(wrote, (int, float)) or not 1.0 < wrote <= _MOST_PERCENT:
        return ""
    return f"a share: {wrote:g} % is written {wrote / 100.0:g}"


def _not_finite(mistake: Mistake) -> Explained:
    asked = schema.number(mistake.trail.spots).replace("a number", "a finite number")
    return Explained(mistake.trail.path, f"must be {asked}, not {shown(mistake.error['input'])}")


def _unknown_tag(mistake: Mistake) -> Explained:
    context = mistake.error["ctx"]
    tag, tags = str(context["tag"]), _listed(context["expected_tags"])
    key, path = context["discriminator"].strip("'"), mistake.trail.path
    known = key.isidentifier()
    message = f"unknown {key} '{tag}'" if known else f"unknown kind '{tag}'"
    path = (*path, key) if known else path
    return Explained(path, message, ", ".join(tags), closest(tag, tags))


def _no_tag(mistake: Mistake) -> Explained:
    key, wrote = mistake.error["ctx"]["discriminator"].strip("'"), mistake.error["input"]
    path = mistake.trail.path
    if not key.isidentifier():
        return Explained(path, f"cannot tell what is meant by {shown(wrote)}")
    tags = ", ".join(schema.tags_of(mistake.trail.spots, key))
    hint = closest(key, wrote) if isinstance(wrote, Mapping) else ""
    return Explained(path, f"the key '{key}' is missing", tags, key if hint else "")


def _wrong_length(mistake: Mistake) -> Explained:
    context, wrote = mistake.error["ctx"], mistake.error["input"]
    noun = "character" if isinstance(wrote, str) else "item"
    if "min_length" in context:
        asked = f"at least {counted(context['min_length'], noun)}"
    else:
        asked = f"at most {counted(context['max_length'], noun)}"
    path = mistake.trail.path
    return Explained(path, f"must have {asked}, not {len(wrote)}")


def _pattern(mistake: Mistake) -> Explained:
    pattern, wrote = mistake.error["ctx"]["pattern"], mistake.error["input"]
    allowed, path = _FORMS.get(pattern), mistake.trail.path
    if allowed is None:
        message = f"{shown(wrote)} is not of the form asked for"
        return Explained(path, message, f"text that matches {pattern}")
    meant = date_cure(wrote) if "date" in allowed else _currency(wrote)
    return Explained(path, f"must be {allowed}, not {shown(wrote)}", meant)


def _currency(wrote: str) -> str:
    """The code of a currency, in quotation marks, by its sign or its word; empty: unknown."""
    plain = wrote.strip()
    code = CURRENCIES.get(plain) or CURRENCIES.get(plain.casefold(), "")
    if not code and len(plain) == len("EUR") and plain.isascii() and plain.isalpha():
        code = plain.upper()
    return f'"{code}"' if code else ""


def _wrong_name(mistake: Mistake) -> Explained:
    context = mistake.error.get("ctx", {})
    message = f"{shown(mistake.error['input'])} cannot be a name here"
    allowed = ""
    if "pattern" in context:
        allowed = f"names that match {context['pattern']}"
    elif "max_length" in context:
        allowed = f"names of at most {counted(context['max_length'], 'character')}"
    elif "min_length" in context:
        allowed = f"names of at least {counted(context['min_length'], 'character')}"
    elif "error" in context:
        message += f": {context['error']}"
    return Explained(mistake.trail.path, message, allowed)


def _own_words(mistake: Mistake) -> Explained:
    """Pass on what a validator of the model says, which is in plain words already."""
    wrote = mistake.error["input"]
    meant = date_cure(wrote) if isinstance(wrote, str) else ""
    is_date = meant and any("date" in samples.unit_of(spot) for spot in mistake.trail.spots)
    allowed = meant if is_date else ""
    return Explained(mistake.trail.path, str(mistake.error["ctx"]["error"]), allowed)


def _other(mistake: Mistake) -> Explained:
    message = mistake.error["msg"].replace("Input should be", "must be")
    wrote = mistake.error["input"]
    if not isinstance(wrote, Mapping):
        message += f", not {shown(wrote)}"
    return Explained(mistake.trail.path, message[:1].lower() + message[1:])


def _listed(words: str) -> list[str]:
    """Read pydantic's lists of words: ``'beta', 'gamma' or 'weibull'``."""
    try:
        return [str(word) for word in ast.literal_eval(f"[{words.replace(' or ', ', ')}]")]
    except (SyntaxError, ValueError):
        return [words]


_EXPLAIN: dict[str, Callable[[Mistake], Explained]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than": _out_of_range,
    "less_than_equal": _out_of_range,
    "finite_number": _not_finite,
    "union_tag_invalid": _unknown_tag,
    "union_tag_not_found": _no_tag,
    "too_short": _wrong_length,
    "too_long": _wrong_length,
    "string_too_short": _wrong_length,
    "string_too_long": _wrong_length,
    "string_pattern_mismatch": _pattern,
    "value_error": _own_words,
    "assertion_error": _own_words,
}
