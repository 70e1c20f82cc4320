"""What the types of a pydantic model allow at a place in the tables that the user wrote.

Pydantic locates an error by keys *and* by the branches of unions that it tried. A strategist wrote
keys only, so the location is followed through the model's types to tell the two apart.
"""

import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt
from pydantic import BaseModel, RootModel, Tag
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from clvsim.scenario.lines import Path

KEY_MARK = "[key]"
"""What pydantic appends to a location when the key itself, not its value, is wrong."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One type that may stand at a place: the bare type, and the conditions attached to it."""

    annotation: Any
    conditions: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """A pydantic location, told apart.

    Attributes
    ----------
    path : tuple of str and int
        The keys and list positions that the user wrote.
    branches : tuple of (int, int, str)
        For each union on the way: where in the location its branch is named, how many parts of
        `path` lead to it, and the branch.
    spots : tuple of Spot
        What may stand at `path`, as far as the model tells.
    tables : tuple of Spot
        What may stand one step above.
    others : tuple of Spot
        What may stand at `path` besides: the branches of its union that pydantic left out.
    """

    path: Path
    branches: tuple[tuple[int, int, str], ...]
    spots: tuple[Spot, ...]
    tables: tuple[Spot, ...]
    others: tuple[Spot, ...] = ()


def follow(model: type[BaseModel], location: Sequence[str | int]) -> Trail:
    """Follow a pydantic location through the types of `model`."""
    path: list[str | int] = []
    branches: list[tuple[int, int, str]] = []
    tables = spots = [bare(Spot(model))]
    others: list[Spot] = []
    for position, part in enumerate(location):
        if part == KEY_MARK:
            continue
        inner = [found for spot in spots for found in _step(spot, part)]
        members = [member for spot in spots for member in members_of(spot)]
        if inner or not members:
            path.append(part)
            tables, spots, others = spots, inner, []
        else:
            branches.append((position, len(path), str(part)))
            spots = [member for member in members if _is_named(member, str(part))] or members
            others += [member for member in members if member not in spots]
    return Trail(tuple(path), tuple(branches), tuple(spots), tuple(tables), tuple(others))


def keys_of(spots: Iterable[Spot]) -> list[str]:
    """Return the keys that a table standing at one of `spots` may have, in the model's order."""
    models = (model for spot in spots for model in _models(spot))
    return list(dict.fromkeys(key for model in models for key, _ in fields_of(model)))


def is_file(spot: Spot) -> bool:
    """Whether a place is the top of a scenario file."""
    return bool(getattr(spot.annotation, "is_file", False))


def tags_of(spots: Iterable[Spot], discriminator: str) -> list[str]:
    """Return the words that tell the branches of a union apart."""
    tags: list[str] = []
    for member in (member for spot in spots for member in members_of(spot)):
        tags += [str(item.tag) for item in member.conditions if isinstance(item, Tag)]
        for model in _models(member):
            field = dict(fields_of(model)).get(discriminator)
            tags += [str(word) for word in _words(field.annotation)] if field else []
    return list(dict.fromkeys(tags))


def members_of(spot: Spot) -> list[Spot]:
    """Return the branches of a union; empty for any other type."""
    if get_origin(spot.annotation) not in {Union, types.UnionType}:
        return []
    branches = (arg for arg in get_args(spot.annotation) if arg is not type(None))
    return [bare(Spot(branch)) for branch in branches]


def described(spot: Spot) -> str:
    """Return what may stand at `spot`, in plain words; empty where the model does not tell."""
    kind = spot.annotation
    origin = get_origin(kind) or kind
    if members := members_of(spot):
        return " or ".join(dict.fromkeys(filter(None, map(described, members))))
    if kind is float or kind is int:
        return number([spot])
    if origin is Literal:
        return ", ".join(map(str, get_args(kind)))
    plain = {bool: "true or false", str: "text in quotes", list: "a list", tuple: "a list"}
    if origin in plain:
        return plain[origin]
    return "a table" if is_table(origin) else ""


def number(spots: Iterable[Spot]) -> str:
    """Return ``a number between 0 and 1``: the number that `spots` allow, in plain words."""
    spots = [spot for spot in spots if spot.annotation in {float, int}]
    whole = bool(spots) and all(spot.annotation is int for spot in spots)
    noun = "a whole number" if whole else "a number"
    limits = {type(item): item for spot in spots for item in spot.conditions}
    least, above = limits.get(Ge), limits.get(Gt)
    most, under = limits.get(Le), limits.get(Lt)
    if least and most:
        return f"{noun} between {plain_number(least.ge)} and {plain_number(most.le)}"
    low = f"of at least {plain_number(least.ge)}" if least else ""
    low = f"above {plain_number(above.gt)}" if above else low
    high = f"at most {plain_number(most.le)}" if most else ""
    high = f"below {plain_number(under.lt)}" if under else high
    if high and not low:
        return f"{noun} {'of ' if most else ''}{high}"
    return " ".join(filter(None, (noun, low, "and" if high else "", high)))


def plain_number(value: float) -> str:
    """Return a number as a strategist writes it: ``1``, ``4,000,000``, ``1e15``."""
    if abs(value) >= 1e12:
        return f"{value:g}".replace("e+", "e")
    return f"{int(value):,}" if value == int(value) else str(value)


def _step(spot: Spot, part: str | int) -> list[Spot]:
    """Types that may stand one key or list position below `spot`."""
    kind = spot.annotation
    origin = get_origin(kind) or kind
    if isinstance(part, int):
        items = [arg for arg in get_args(kind) if arg is not Ellipsis]
        if origin is tuple:
            items = items[part : part + 1] or items[-1:]
        return [bare(Spot(item)) for item in items] if is_list(origin) else []
    if is_model(kind):
        field = dict(fields_of(kind)).get(part)
        return [bare(Spot(field.annotation, tuple(field.metadata)))] if field else []
    if is_table(origin) and get_args(kind):
        return [bare(Spot(get_args(kind)[-1]))]
    return []


def bare(spot: Spot) -> Spot:
    """Strip `Annotated`, `Optional`, aliases and root models; keep the conditions they state."""
    kind, conditions = spot.annotation, list(spot.conditions)
    while True:
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            conditions += more
        elif isinstance(kind, TypeAliasType):
            kind = kind.__value__
        elif is_model(kind) and issubclass(kind, RootModel):
            kind = kind.model_fields["root"].annotation
        elif get_origin(kind) in {Union, types.UnionType}:
            some = [arg for arg in get_args(kind) if arg is not type(None)]
            if len(some) != 1:
                break
            kind = some[0]
        else:
            break
    return Spot(kind, tuple(_expanded(conditions)))


def _expanded(conditions: Iterable[Any]) -> Iterator[Any]:
    for condition in conditions:
        if isinstance(condition, FieldInfo):
            yield from _expanded(condition.metadata)
        elif isinstance(condition, GroupedMetadata):
            yield from _expanded(condition)
        else:
            yield condition


def _is_named(member: Spot, branch: str) -> bool:
    """Whether `branch`, pydantic's name for a branch of a union, means `member`."""
    tags = [item.tag for item in member.conditions if isinstance(item, Tag)]
    if tags:
        return branch in tags
    kind = member.annotation
    if is_model(kind):
        words = (word for _, field in fields_of(kind) for word in _words(field.annotation))
        return branch == kind.__name__ or branch in words
    outer = re.sub(r"^(?:function-\w+\[.*?\(\), )+", "", branch).split("[")[0].rstrip("]")
    if members_of(member):
        return outer == "tagged-union"
    name = "literal" if get_origin(kind) is Literal else _name(get_origin(kind) or kind)
    return name in outer.split("-")


def _models(spot: Spot) -> Iterator[type[BaseModel]]:
    if is_model(spot.annotation):
        yield spot.annotation
    for member in members_of(spot):
        yield from _models(member)


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Fields by the key that the user writes."""
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def _words(annotation: Any) -> tuple[Any, ...]:
    kind = bare(Spot(annotation)).annotation
    return get_args(kind) if get_origin(kind) is Literal else ()


def is_model(kind: Any) -> bool:
    """Whether a type is a table of the model."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_table(kind: Any) -> bool:
    """Whether values of a type are tables."""
    return isinstance(kind, type) and issubclass(kind, BaseModel | Mapping)


def is_list(kind: Any) -> bool:
    """Whether values of a type are lists."""
    return isinstance(kind, type) and issubclass(kind, Sequence | set | frozenset)


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))
