"""From a file to frozen scenarios: the baseline and its variants, or every fault at once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from clvsim.errors import Fault, InputError, ScenarioError, closest
from clvsim.fields import Section
from clvsim.scenario import lines
from clvsim.scenario.channels import Channel
from clvsim.scenario.check import check, listed, references
from clvsim.scenario.explain import MISSING, shown
from clvsim.scenario.faults import faults_of
from clvsim.scenario.model import (
    Cohort,
    InstalledBase,
    Offer,
    Scenario,
    Segment,
    Simulation,
    Time,
)
from clvsim.scenario.money import MoneyRules
from clvsim.scenario.overlay import UNSET, overlay
from clvsim.scenario.posterior import files_of, with_posteriors
from clvsim.scenario.segments import SEGMENT_KINDS, relationship_of
from clvsim.scenario.toml import BASELINE, Document, dotted, read, variants
from clvsim.scenario.uncertain import misplaced, settle
from clvsim.scenario.worlds import beyond, seldom_possible

Table = Mapping[str, Any]

SHARED: dict[tuple[str, str], type[Section]] = {
    ("time", "step"): Time,
    ("time", "periods"): Time,
    ("time", "start"): Time,
    ("money", "currency"): MoneyRules,
    ("simulation", "worlds"): Simulation,
    ("simulation", "seed"): Simulation,
}
"""What all scenarios of a file have in common."""

SHARED_BECAUSE = {
    "time": "results of different periods cannot be compared",
    "money": "results in different currencies cannot be compared",
    "simulation": "all variants meet the same worlds, and the same people in them",
}

NOUNS = {
    "segments": "segment",
    "offers": "offer",
    "channels": "channel",
    "cohorts": "cohort",
    "installed_base": "installed base",
    "programs": "program",
}
"""Sections of named tables, and what one table is."""

_MODELS: dict[str, type[Section]] = {
    "segments": Segment,
    "offers": Offer,
    "channels": Channel,
    "cohorts": Cohort,
    "installed_base": InstalledBase,
}
_NEEDED = {
    "programs": ["kind"],
    **{
        section: [key for key, field in model.model_fields.items() if field.is_required()]
        for section, model in _MODELS.items()
    },
}
"""Keys without which a named table is none of its own, but a change of the baseline's."""

_TITLE = ("name", "question")


@dataclass(frozen=True)
class Plan:
    """What one file says.

    Attributes
    ----------
    file : str
    scenarios : dict of str to Scenario
        ``baseline`` first, then the variants in the order of the file.
    document : Document or None
        What was read, which knows its lines; None for scenarios that come from no file.
    sources : tuple of Path
        All files that were read: the file itself, those that it extends, and posteriors.
    """

    file: str
    scenarios: dict[str, Scenario]
    document: Document | None = field(default=None, repr=False, compare=False)
    sources: tuple[Path, ...] = ()

    @property
    def baseline(self) -> Scenario:
        """The scenario without any variant."""
        return self.scenarios[BASELINE]

    def choose(self, names: list[str]) -> dict[str, Scenario]:
        """The named scenarios, in the order named.

        Raises
        ------
        InputError
            If there is no such variant.
        """
        for name in names:
            if name not in self.scenarios:
                near = closest(name, self.scenarios)
                hint = f"; did you mean {near!r}?" if near else ""
                there = ", ".join(self.scenarios)
                message = f"{self.file} has no variant {name!r} (it has {there}){hint}"
                raise InputError(message)
        return {name: self.scenarios[name] for name in names}


def load(path: str | Path, *, needs_customers: bool = True) -> Plan:
    """Read, overlay and check a scenario file.

    Parameters
    ----------
    path : str or Path
    needs_customers : bool
        Whether somebody must join: who is given by a list need not.

    Raises
    ------
    ScenarioError
        With every fault of the baseline and of all variants.
    """
    document = read(path)
    baseline = replace(document, data=_without(document.data, [("variants",)]))
    scenario, faults = _validated(baseline, needs_customers=needs_customers)
    scenarios = {} if scenario is None else {BASELINE: scenario}
    known = {(fault.path, fault.message) for fault in faults}
    try:
        documents = variants(document)
    except ScenarioError as error:
        raise ScenarioError([*faults, *error.faults]) from None
    for name, change in document.data.get("variants", {}).items():
        if not _says_something(change):
            message = "the variant changes nothing"
            allowed = "at least one key with another value than the baseline's"
            faults.append(document.fault(("variants", name), message, allowed))
            continue
        scenario, found = _variant(
            baseline, documents[name], change, needs_customers=needs_customers
        )
        # What is wrong with the baseline was said where the baseline says it.
        prefix = dotted(("variants", name))
        faults += [
            fault
            for fault in found
            if (fault.path.removeprefix(prefix).removeprefix("."), fault.message) not in known
        ]
        if scenario is not None:
            scenarios[name] = scenario
    if faults:
        raise ScenarioError(faults)
    return Plan(str(path), scenarios, document, _sources(documents.values()))


def sources(document: Document) -> tuple[Path, ...]:
    """Files that a document and its variants were read from, posteriors too."""
    return _sources(variants(document).values())


def _sources(documents: Iterable[Document]) -> tuple[Path, ...]:
    """Files that documents were read from."""
    found = [
        file
        for one in documents
        for file in (*(Path(layer.file) for layer in one.layers), *files_of(one))
    ]
    return tuple(dict.fromkeys(found))


def _validated(
    document: Document, strange: Iterable[lines.Path] = (), *, needs_customers: bool
) -> tuple[Scenario | None, list[Fault]]:
    """The scenario of a document, or its faults: of single values, and between sections.

    Parameters
    ----------
    document : Document
    strange : iterable of tuple of str
        Tables whose own values are not checked: what is wrong with them was said.
    needs_customers : bool
        As in ``load``.
    """
    scenario = None
    document, left = _without_unset(document)
    known, unusable = with_posteriors(document)
    settled, faults = settle(known)
    faults = [*left, *unusable, *faults]
    # What a posterior should have said is not missing besides.
    silent = tuple(fault.path.partition(".posterior")[0] for fault in unusable)
    parts = replace(settled, data=_without(settled.data, strange))
    try:
        scenario = Scenario.model_validate(parts.data)
    except ValidationError as error:
        found = faults_of(error, parts, fields=Scenario)
        faults += [
            fault
            for fault in found
            if not (fault.message == MISSING and silent and fault.path.startswith(silent))
        ]
    else:
        faults += [*misplaced(parts, scenario), *beyond(parts, scenario, parts.data)]
    faults += check(settled, needs_customers=needs_customers)
    if scenario is not None and not faults:
        faults += seldom_possible(parts, scenario)
    return scenario, faults


def _without_unset(document: Document) -> tuple[Document, list[Fault]]:
    """A document without lists of keys to unset, each of which names what is not there."""
    faults: list[Fault] = []

    def plain(value: Any, path: lines.Path) -> Any:
        if not isinstance(value, Mapping):
            return value
        left = value.get(UNSET)
        if isinstance(left, list):
            there = [key for key in value if key != UNSET]
            for key in left:
                message = f"there is no {shown(key)} to unset"
                near = closest(str(key), there)
                faults.append(document.fault((*path, UNSET), message, listed(there), near))
        return {
            key: plain(item, (*path, key))
            for key, item in value.items()
            if not (key == UNSET and isinstance(left, list))
        }

    return replace(document, data=plain(document.data, ())), faults


def _variant(
    baseline: Document, variant: Document, change: Table, *, needs_customers: bool
) -> tuple[Scenario | None, list[Fault]]:
    """The scenario of a variant, or its faults."""
    own = dict(_changes_of_shared(baseline, variant))
    strange = dict(_strangers(baseline, variant, change))
    data = overlay(variant.data, {})
    for section, key in own:
        before = baseline.data.get(section, {})
        # One fault is enough: dates are then judged by the horizon that all have in common.
        if key in before:
            data.setdefault(section, {})[key] = before[key]
        else:
            del data[section][key]
    whole = replace(variant, data=data)
    scenario, faults = _validated(whole, strange, needs_customers=needs_customers)
    return scenario, [*own.values(), *strange.values(), *faults]


def _changes_of_shared(
    baseline: Document, variant: Document
) -> Iterator[tuple[tuple[str, str], Fault]]:
    """Keys that a variant changes, or unsets, although results could then not be compared."""
    for (section, key), model in SHARED.items():
        before, after = baseline.data.get(section, {}), variant.data.get(section, {})
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            continue
        default = model.model_fields[key].get_default()
        value, other = before.get(key, default), after.get(key, default)
        if PydanticUndefined in (value, other):
            continue
        if value != other:
            message = f"a variant cannot change {section}.{key}: {SHARED_BECAUSE[section]}"
            fault = variant.fault((section, key), message, f"{shown(value)}, or no such key")
            yield (section, key), fault


def _strangers(
    baseline: Document, variant: Document, change: Table
) -> Iterator[tuple[lines.Path, Fault]]:
    """Tables that a variant changes although the baseline has none of that name.

    A variant may bring a table of its own: then it is whole, and an offer or a segment is used.
    """
    used = {(kind, word) for _, kind, word in references(variant)}
    for section, noun in NOUNS.items():
        items, there = change.get(section), baseline.data.get(section, {})
        if not isinstance(items, Mapping) or not isinstance(there, Mapping):
            continue
        for name, item in items.items():
            if name in there or not isinstance(item, Mapping):
                continue
            needed = _NEEDED[section]
            if section == "segments":
                fields = SEGMENT_KINDS[relationship_of(item)].model_fields
                needed = [key for key, field in fields.items() if field.is_required()]
            missing = [key for key in needed if not closest(key, item)]
            if missing:
                aside = f"one of its own would need {', '.join(missing)} as well"
            elif noun in {"offer", "segment"} and (noun, name) not in used:
                aside = "nothing in the variant uses one of its own"
            else:
                continue
            message = f"the baseline has no {noun} '{name}', and {aside}"
            allowed = listed(list(there)) or f"none: the baseline has no {noun}s"
            path = (section, name)
            yield path, variant.fault(path, message, allowed, closest(name, there))


def _says_something(change: Any) -> bool:
    """Whether a variant has a value besides its title."""
    return any(_has_value(item) for key, item in change.items() if key not in _TITLE)


def _has_value(item: Any) -> bool:
    return not isinstance(item, Mapping) or any(map(_has_value, item.values()))


def _without(data: Table, paths: Iterable[lines.Path]) -> dict[str, Any]:
    """A copy without the tables at some paths of existing tables."""
    copied = overlay(data, {})
    for *above, last in paths:
        table: Any = copied
        for key in above:
            table = table[key]
        table.pop(last, None)
    return copied
