"""The JSON Schema of scenario files: the Scenario model, ``variants`` and ``extends``."""

from typing import Any

from clvsim.scenario.model import Scenario
from clvsim.scenario.overlay import UNSET
from clvsim.scenario.posterior import PosteriorFile, traits_of_posteriors

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


_UNSET = {
    "type": "array",
    "description": "Keys of this table that are taken away of what it is laid over.",
    "items": {"type": "string"},
}
_UNCERTAIN = {
    "type": "object",
    "description": "A number that every world draws anew; the other keys are its parameters.",
    "properties": {
        "uncertain": {"type": "string", "description": "Name in scipy.stats: beta, gamma, …"}
    },
    "required": ["uncertain"],
    "additionalProperties": {"type": "number"},
}


def file_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario file.

    A variant, and a file that extends another, may leave out what is required elsewhere.
    """
    model = Scenario.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = model.pop("$defs")
    del model["properties"]["uncertain"], definitions["Uncertain"]
    definitions["Scenario"] = model
    definitions = {name: _or_uncertain(one) for name, one in definitions.items()}
    model = definitions["Scenario"]
    definitions["Uncertain"] = _UNCERTAIN
    definitions["Posterior"] = PosteriorFile.model_json_schema()
    for one in definitions.values():
        _take_posterior(one)
    # What a posterior says is not in the table: it may then fit several of the kinds.
    segment = model["properties"]["segments"]["additionalProperties"]
    segment["anyOf"] = segment.pop("oneOf")
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


def _take_posterior(definition: dict[str, Any]) -> None:
    """Write how a segment says where its posterior is, and that this may say its traits."""
    found = definition.get("properties", {}).get("posterior")
    if found is None:
        return
    one = {"anyOf": [{"type": "string"}, {"$ref": f"{_REF}Posterior"}]}
    definition["properties"]["posterior"] = {
        "description": found["description"],
        "anyOf": [*one["anyOf"], {"type": "array", "items": one, "minItems": 1}],
    }
    given = [key for key in definition["required"] if key in traits_of_posteriors()]
    definition["required"] = [key for key in definition["required"] if key not in given]
    definition["anyOf"] = [{"required": ["posterior"]}, {"required": given}]


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
    if schema.get("type") == "object" and "const" not in schema:
        changed["properties"] = {**changed.get("properties", {}), UNSET: _UNSET}
    return changed


def _or_uncertain(schema: Any) -> Any:
    """The same schema with an uncertain number wherever a number may stand."""
    if isinstance(schema, list):
        return [_or_uncertain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: _or_uncertain(value) for key, value in schema.items()}
    if schema.get("type") != "number":
        return changed
    about = {key: changed.pop(key) for key in ("title", "description", "default") if key in changed}
    return {"anyOf": [changed, {"$ref": f"{_REF}Uncertain"}], **about}
