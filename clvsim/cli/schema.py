"""The JSON Schema of scenario files: the Scenario model, ``variants`` and ``extends``."""

from typing import Any

from clvsim.scenario.model import Scenario

_REF = "#/$defs/"
_CHANGE = "_change"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ADDED = {
    "extends": {
        "type": "string",
        "description": "Path of a scenario file that this one is laid over, relative to this file.",
    },
    "variants": {
        "type": "object",
        "description": "Alternatives to the baseline by name: only what they change.",
        "additionalProperties": {"$ref": f"{_REF}Scenario{_CHANGE}"},
        "propertyNames": {"not": {"const": "baseline"}},
    },
}


def file_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario file.

    A variant, and a file that extends another, may leave out what is required elsewhere.
    """
    model = Scenario.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = model.pop("$defs")
    definitions["Scenario"] = model
    changes = {f"{name}{_CHANGE}": _as_change(one) for name, one in definitions.items()}
    whole = {**model, "properties": {**model["properties"], **_ADDED}}
    change = changes[f"Scenario{_CHANGE}"]
    extending = {**change, "properties": {**change["properties"], **_ADDED}}
    return {
        "$schema": _DRAFT,
        "title": "clvsim scenario",
        "description": model.get("description", ""),
        "type": "object",
        "if": {"required": ["extends"]},
        "then": extending,
        "else": whole,
        "$defs": {**definitions, **changes},
    }


def _as_change(schema: Any) -> Any:
    """The same schema with nothing required: what may be laid over a whole one."""
    if isinstance(schema, list):
        return [_as_change(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed: dict[str, Any] = {}
    for key, value in schema.items():
        if key in {"required", "discriminator"}:
            continue
        if key == "$ref":
            changed[key] = f"{value}{_CHANGE}"
        elif key == "properties":
            # Here keys are the user's words, and one of them may be called "required".
            changed[key] = {name: _as_change(one) for name, one in value.items()}
        else:
            # Without its kind a table may fit several of the branches.
            changed["anyOf" if key == "oneOf" else key] = _as_change(value)
    return changed
