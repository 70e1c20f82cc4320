"""What a key of scenario files means: its unit, range, default and an example, from the model."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from clvsim.errors import InputError, closest
from clvsim.explain.plan import Part
from clvsim.scenario import schema
from clvsim.scenario.model import Scenario
from clvsim.scenario.samples import sample_of, unit_of, written
from clvsim.scenario.schema import Spot

NAME = "NAME"
"""Stands for a name that the user chooses."""
#: Depth of tables, and keys that are told in full.
_DEEPEST, _IN_FULL = 6, 6
_UNLISTED = {"uncertain"}


@dataclass(frozen=True, eq=False)
class Key:
    """One key of scenario files.

    Attributes
    ----------
    path : tuple of str
        With ``NAME`` where the user's names stand.
    kind : str
        Of its table (``retention``, ``bg/nbd``), where tables come in kinds; else empty.
    field : FieldInfo
    """

    path: tuple[str, ...]
    kind: str
    field: FieldInfo

    @property
    def spot(self) -> Spot:
        """Its type."""
        return schema.bare(Spot(self.field.annotation, tuple(self.field.metadata)))

    @property
    def meaning(self) -> str:
        """What it means, in a sentence or two."""
        return " ".join((self.field.description or "").replace("``", "'").split())

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "path": ".".join(self.path),
            "kind": self.kind or None,
            "meaning": self.meaning,
            "allowed": self.allowed or None,
            "unit": unit_of(self.spot) or None,
            "required": self.field.is_required(),
            "default": None if self.field.is_required() else written(self.field.get_default()),
            "example": self.example,
        }

    @property
    def example(self) -> str:
        """As it is written in a file."""
        *above, last = self.path
        value = sample_of(self.field)
        header = f"[{'.'.join(above)}]\n" if above else ""
        return f"{header}{last} = {value}" if value else ""

    @property
    def allowed(self) -> str:
        """What may stand there."""
        spot = self.spot
        options = [_option(one) for one in schema.members_of(spot) or [spot]]
        return " or ".join(dict.fromkeys(filter(None, options)))

    @property
    def inside(self) -> list[str]:
        """Keys of the table that it is, if it is one."""
        spot = self.spot
        options = schema.members_of(spot) or [spot]
        if not all(
            schema.is_table(get_origin(one.annotation) or one.annotation) for one in options
        ):
            return []
        while schema.is_table(get_origin(spot.annotation)):
            spot = schema.bare(Spot(get_args(spot.annotation)[-1]))
        return schema.keys_of([spot])


def keys_at(wrote: str) -> list[Key]:
    """The keys that a dotted path means: one, one for each kind of table, or those of a table.

    Names that users choose may be written or left out; the last word alone will do.

    Raises
    ------
    InputError
        If there is no such key; with near ones.
    """
    words = [word for word in wrote.strip().split(".") if word]
    if words[:1] == ["variants"]:
        words = words[2:]
    everything = all_keys()
    left = {} if not words else {key: _left_of(key, words) for key in everything}
    if exact := [key for key, rest in left.items() if rest == 0]:
        return exact
    if below := [key for key, rest in left.items() if rest is not None]:
        return below
    inside = [key for key in everything if words and key.path[-1] == words[-1]]
    if inside and len(words) == 1:
        return inside
    paths = {".".join(_plain(key)): key for key in everything}
    near = closest(".".join(words), paths) or _by_last_word(words[-1:], paths)
    hint = f"; did you mean {near!r}?" if near else ""
    known = ", ".join(dict.fromkeys(key.path[0] for key in everything))
    message = (
        f"there is no key {wrote!r} in scenario files, and no file of that name{hint} "
        f"(keys begin with {known})"
    )
    raise InputError(message)


def key_parts(keys: list[Key]) -> list[Part]:
    """Keys as parts of a page; those of the same words once."""
    if len(keys) > _IN_FULL:
        return [_brief(keys)]
    parts: dict[tuple[str, ...], list[Key]] = {}
    for key in keys:
        parts.setdefault((".".join(key.path), *_told(key)), []).append(key)
    return [Part(_titled(same), _told(same[0])) for same in parts.values()]


def _brief(keys: list[Key]) -> Part:
    """Many keys: what each means, and a way to more."""
    lines = dict.fromkeys(f"{'.'.join(key.path)}: {key.meaning}" for key in keys)
    return Part(f"{len(lines)} keys; clvsim explain says more of each", tuple(lines))


@cache
def all_keys() -> tuple[Key, ...]:
    """All keys of scenario files."""
    return tuple(_below(schema.bare(Spot(Scenario)), (), "", 0))


def _below(spot: Spot, path: tuple[str, ...], kind: str, depth: int) -> Iterator[Key]:
    """Keys of what may stand at a place, and of what stands below."""
    if depth > _DEEPEST:
        return
    for member in schema.members_of(spot) or [spot]:
        origin = get_origin(member.annotation) or member.annotation
        if schema.is_model(member.annotation):
            own = _kind(member.annotation) or kind
            for name, field in schema.fields_of(member.annotation):
                if path or name not in _UNLISTED:
                    yield Key((*path, name), own, field)
                    inner = schema.bare(Spot(field.annotation, tuple(field.metadata)))
                    yield from _below(inner, (*path, name), own, depth + 1)
        elif member is not spot:
            yield from _below(member, path, kind, depth + 1)
        elif schema.is_table(origin) and get_args(member.annotation):
            inner = schema.bare(Spot(get_args(member.annotation)[-1]))
            yield from _below(inner, (*path, NAME), kind, depth + 1)
        elif schema.is_list(origin):
            for item in get_args(member.annotation)[:1]:
                yield from _below(schema.bare(Spot(item)), path, kind, depth + 1)


def _kind(model: Any) -> str:
    """The word that tells a table from those of other kinds."""
    fields = dict(schema.fields_of(model))
    if "kind" in fields:
        return str(get_args(fields["kind"].annotation)[0])
    return _RELATIONSHIPS.get(model, "")


def _relationships() -> dict[Any, str]:
    from clvsim.scenario.segments import SEGMENT_KINDS

    return {model: name for name, model in SEGMENT_KINDS.items()}


_RELATIONSHIPS = _relationships()


def _left_of(key: Key, words: list[str]) -> int | None:
    """How many parts of a key's path follow where words lead; None: they lead elsewhere.

    A word that is no key is a kind, or a name of the user's.
    """
    waiting = list(words)
    if {*waiting[1:2]} & _kinds() - {key.kind}:
        return None
    for place, part in enumerate(key.path):
        if not waiting:
            return len(key.path) - place
        if part == NAME:
            if waiting[0] == key.kind or (len(waiting) > 1 and waiting[0] not in _after(key)):
                waiting.pop(0)
        elif waiting[0] == part:
            waiting.pop(0)
        elif waiting[0] != key.kind:
            return None
        else:
            waiting.pop(0)
            if waiting[:1] != [part]:
                return None
            waiting.pop(0)
    return None if waiting else 0


def _option(spot: Spot) -> str:
    """One thing that may stand at a place."""
    if schema.is_list(get_origin(spot.annotation)):
        item = schema.described(schema.bare(Spot(get_args(spot.annotation)[0])))
        return f"a list of {item.replace('a number', 'numbers').replace('a table', 'tables')}"
    if schema.is_model(spot.annotation) and "distribution" in spot.annotation.model_fields:
        return "a distribution"
    if schema.is_model(spot.annotation) and "survivors" in spot.annotation.model_fields:
        return "a retention table, { survivors = [100, 80, 70] }"
    return schema.described(spot)


@cache
def _kinds() -> set[str]:
    """Words for kinds of tables that are not keys as well."""
    kinds = {key.kind for key in all_keys() if key.kind}
    return kinds - {part for key in all_keys() for part in key.path}


def _after(key: Key) -> set[str]:
    """Keys that stand where a name has just been left out."""
    return _keys_of_tables()[key.path[0]]


@cache
def _keys_of_tables() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key in all_keys():
        if len(_plain(key)) > 1:
            found[key.path[0]].add(_plain(key)[1])
    return found


def _plain(key: Key) -> tuple[str, ...]:
    """The path without the user's names."""
    return tuple(part for part in key.path if part != NAME)


def _by_last_word(last: list[str], paths: Iterable[str]) -> str:
    """The first path whose last word is the nearest to a word."""
    by_word: dict[str, str] = {}
    for path in paths:
        by_word.setdefault(path.rpartition(".")[2], path)
    return by_word.get(closest(last[0], by_word), "") if last else ""


def _titled(same: list[Key]) -> str:
    kinds = list(dict.fromkeys(key.kind for key in same if key.kind))
    told = f" (of {', '.join(kinds)})" if kinds else ""
    return f"{'.'.join(same[0].path)}{told}"


def _told(key: Key) -> tuple[str, ...]:
    """What is said of a key, a line each."""
    allowed, unit, inside = key.allowed, unit_of(key.spot), key.inside
    lines = [key.meaning]
    lines.append(f"Allowed: {allowed}" if allowed and not inside else "")
    lines.append(f"Unit: {unit}" if unit and not inside else "")
    lines.append(f"Keys: {', '.join(inside)}" if inside else "")
    required = key.field.is_required()
    default = "none, it must be given" if required else written(key.field.get_default())
    lines.append(f"Default: {default}" if required or not inside else "")
    if key.example:
        lines += ["Example:", *(f"  {line}" for line in key.example.splitlines())]
    return tuple(filter(None, lines))
