"""What may stand at a place, and an example of it as it is written: from the model's types."""

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from clvsim.fields import Unit
from clvsim.scenario import schema
from clvsim.scenario.schema import Spot

#: Of a distribution, whose parameters its name decides.
_DISTRIBUTION = '{ distribution = "beta", a = 1.0, b = 19.0 }'
_MOST_ITEMS = 3


def unit_of(spot: Spot) -> str:
    """What a value is counted in; empty where the types do not say."""
    found = [_unit(one) for one in (spot, *schema.members_of(spot))]
    return next((unit.text for unit in found if unit), "")


def sample(spot: Spot) -> str:
    """A value that may stand at a place, as it is written in TOML; empty where none is known."""
    kind = spot.annotation
    origin = get_origin(kind) or kind
    if unit := _unit(spot):
        return unit.example
    if members := schema.members_of(spot):
        return next(filter(None, map(sample, members)), "")
    if origin is Literal:
        return json.dumps(get_args(kind)[0])
    if kind in _PLAIN:
        return _number(spot) if kind in {int, float} else _PLAIN[kind]
    if schema.is_model(kind):
        return _table(kind)
    if schema.is_table(origin) and get_args(kind):
        inner = sample(schema.bare(Spot(get_args(kind)[-1])))
        return f"{{ a_name = {inner} }}" if inner else ""
    return _list(spot) if schema.is_list(origin) else ""


def sample_of(field: FieldInfo) -> str:
    """An example of a field: its own where it has one."""
    if field.examples:
        return str(field.examples[0])
    spot, default = schema.bare(Spot(field.annotation, tuple(field.metadata))), field.default
    is_number = isinstance(default, (int, float)) and not isinstance(default, bool)
    if is_number and default and not unit_of(spot):
        return written(default)
    return sample(spot)


def written(value: Any) -> str:
    """A default as it is written in TOML; ``none`` where a key is simply absent."""
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "a table of defaults"
    if isinstance(value, Mapping):
        return "none" if not value else json.dumps(value)
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(written, value))}]" if value else "none"
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


_PLAIN: dict[Any, str] = {bool: "true", str: '"text"', int: "1", float: "1.0"}


def _unit(spot: Spot) -> Unit | None:
    # The outermost says most: it is the last that was written.
    return next((item for item in reversed(spot.conditions) if isinstance(item, Unit)), None)


def _number(spot: Spot) -> str:
    """A number within the limits of a place."""
    limits = {name: value for item in spot.conditions for name, value in _limits(item)}
    most, under = limits.get("le", 1.0), limits.get("lt", 2.0)
    value = 1.0 if most >= 1.0 and under > 1.0 else most / 2.0 if most < 1.0 else under / 2.0
    value = max(value, limits.get("ge", value), limits.get("gt", value))
    return f"{value:.0f}" if spot.annotation is int else f"{value:g}"


def _limits(condition: Any) -> list[tuple[str, float]]:
    return [
        (name, float(getattr(condition, name)))
        for name in ("ge", "gt", "le", "lt")
        if getattr(condition, name, None) is not None
    ]


def _table(model: type[BaseModel]) -> str:
    """An inline table with what it needs."""
    if "distribution" in model.model_fields:
        return _DISTRIBUTION
    needed = {
        field.alias or name: sample_of(field)
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    items = ", ".join(f"{key} = {value}" for key, value in needed.items())
    return f"{{ {items} }}" if items else ""


def _list(spot: Spot) -> str:
    """A list of a few items."""
    items = [arg for arg in get_args(spot.annotation) if arg is not Ellipsis]
    if not items:
        return ""
    one = schema.bare(Spot(items[0]))
    count = min(max([1, *map(_least, spot.conditions)]), _MOST_ITEMS)
    # Words that may be chosen from are different ones.
    words = get_args(one.annotation) if get_origin(one.annotation) is Literal else ()
    shown = [json.dumps(word) for word in words[:count]] or [sample(one)] * count
    return f"[{', '.join(shown)}]"


def _least(condition: Any) -> int:
    return int(getattr(condition, "min_length", 0) or 0)
