"""Scenario files read into plain tables: `extends`, variants, and where each key was written."""

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from clvsim.errors import Fault, ScenarioError, closest
from clvsim.scenario import lines
from clvsim.scenario.habits import cure
from clvsim.scenario.overlay import overlay

SIZE_LIMIT = 4_000_000
"""Largest scenario file, bytes: about a hundred thousand lines, far beyond any by hand."""

DEPTH_LIMIT = 32
"""Deepest nesting of tables and lists; the deepest legitimate path has about ten."""

_BEYOND = 2**64
_LARGEST = "whole numbers below 18,446,744,073,709,551,616 (2^64)"

BASELINE = "baseline"
NAMED = (
    "segments",
    "channels",
    "offers",
    "programs",
    "variants",
    "cohorts",
    "installed_base",
)
"""Tables whose keys are names that the user chose."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One table of one file, as written: a whole file, or one variant in it.

    Attributes
    ----------
    file : str
        The file as the user named it.
    text : str
        The file's text.
    data : mapping
        The table, parsed.
    below : tuple of str
        Where in the file the table stands; empty for the whole file.
    """

    file: str
    text: str
    data: Mapping[str, Any]
    below: lines.Path = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A scenario as plain tables, with the memory of where each key was written.

    Attributes
    ----------
    file : str
        The file that the user named.
    data : dict
        The merged tables, without ``extends``.
    layers : tuple of Layer
        What was merged, the uppermost first.
    """

    file: str
    data: dict[str, Any]
    layers: tuple[Layer, ...] = field(repr=False)

    def where(self, path: lines.Path) -> tuple[str, int | None]:
        """Return file and line of the key at `path`, or of its nearest existing parent.

        Parameters
        ----------
        path : tuple of str and int
            Table keys, and list positions from 0.

        Returns
        -------
        file : str
        line : int or None
            None for the document as a whole, and where the line cannot be told.
        """
        layer, existing = self._layer_of(path)
        return layer.file, lines.line_index(layer.text).get(layer.below + existing)

    def written_at(self, path: lines.Path) -> str:
        """The line of the key at `path`; empty where it is not written out."""
        layer, existing = self._layer_of(path)
        line = lines.line_index(layer.text).get(layer.below + existing)
        if line is None or len(existing) < len(path):
            return ""
        return layer.text.split("\n")[line - 1]

    def fault(self, path: lines.Path, message: str, allowed: str = "", hint: str = "") -> Fault:
        """Return a fault located at `path`, its name as in the file that wrote it."""
        layer, _ = self._layer_of(path)
        file, line = self.where(path)
        return Fault(file, line, dotted(layer.below + path), message, allowed, hint)

    def _layer_of(self, path: lines.Path) -> tuple[Layer, lines.Path]:
        """Layer whose writing decided what stands at `path`, and the part of `path` that exists.

        What exists in the merged data and in a layer was written by that layer, or by one above.
        """
        existing = path[: _reach(self.data, path)]
        for layer in self.layers:
            if _reach(layer.data, existing) == len(existing):
                return layer, existing
        return self.layers[-1], ()


def read(path: str | Path) -> Document:
    """Read a scenario file and all that it extends.

    Parameters
    ----------
    path : str or Path
        A TOML file. A file that it ``extends`` is named relative to it.

    Returns
    -------
    Document
        The extending file's tables laid over the extended one's.

    Raises
    ------
    ScenarioError
        The file, or one that it extends, cannot be read or is not TOML.
    """
    layers: list[Layer] = []
    seen: set[Path] = set()
    target: Path | None = Path(path)
    origin: Layer | None = None
    while target is not None:
        real = _regular_file(target, origin)
        if real in seen:
            _refuse(target, origin, f"'{target}' extends itself, by way of what it extends")
        seen.add(real)
        origin = _load(target, origin)
        layers.append(origin)
        target = _extended(origin)
    data: dict[str, Any] = {}
    for layer in reversed(layers):
        data = overlay(data, layer.data)
    data.pop("extends", None)
    return Document(str(path), data, tuple(layers))


def variants(document: Document) -> dict[str, Document]:
    """Return the baseline and one document per ``[variants.NAME]`` table, in file order.

    A variant says what it changes. A table of another ``kind`` or ``relationship`` stands in the
    place of the baseline's; ``unset = ["offer"]`` in a table takes keys away (before the rest of
    the table is laid over the baseline's), as it does in a file that extends another.

    Parameters
    ----------
    document : Document
        A scenario as read.

    Returns
    -------
    dict of str to Document
        ``baseline`` first. No document has a ``variants`` table any more.

    Raises
    ------
    ScenarioError
        A variant is not a table, is called ``baseline``, or holds variants of its own.
    """
    base = {key: value for key, value in document.data.items() if key != "variants"}
    named = document.data.get("variants", {})
    faults = list(_variant_faults(document, named))
    if faults:
        raise ScenarioError(faults)
    found = {BASELINE: Document(document.file, base, document.layers)}
    for name, change in named.items():
        changes = tuple(
            Layer(layer.file, layer.text, layer.data["variants"][name], ("variants", name))
            for layer in document.layers
            if _reach(layer.data, ("variants", name)) == len(("variants", name))
        )
        found[name] = Document(document.file, overlay(base, change), changes + document.layers)
    return found


def dotted(path: lines.Path) -> str:
    """Return a path as the user would write it: ``segments."18 to 25".tenures[2]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
        text += ("." if text else "") + (part if bare else _quoted(part))
    return text


def _variant_faults(document: Document, named: Any) -> Iterator[Fault]:
    allowed = "a table of changes to the baseline, such as [variants.deep_discount]"
    if not isinstance(named, Mapping):
        yield document.fault(("variants",), "must be a table of variants", allowed)
        return
    for name, change in named.items():
        path = ("variants", name)
        if not isinstance(change, Mapping):
            yield document.fault(path, "a variant must be a table", allowed)
            continue
        if name == BASELINE:
            message = "'baseline' is the name of the scenario without any variant"
            yield document.fault(path, message, "any other name")
        for key in ("variants", "extends"):
            if key in change:
                yield document.fault((*path, key), f"a variant cannot have '{key}' of its own")


def _extended(layer: Layer) -> Path | None:
    """File that a file extends, from the folder of that file."""
    if "extends" not in layer.data:
        return None
    name = layer.data["extends"]
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        _refuse(Path(layer.file), layer, "must be the path of a file", 'extends = "other.toml"')
    return Path(layer.file).parent / name


def _regular_file(target: Path, origin: Layer | None) -> Path:
    """Refuse what is not a file of a fair size, before a byte of it is read."""
    try:
        status = target.stat()
    except FileNotFoundError:
        _refuse(target, origin, f"the file '{target}' does not exist", hint=_neighbour(target))
    except (OSError, ValueError) as error:
        _refuse(target, origin, f"cannot read '{target}': {_reason(error)}")
    if stat.S_ISDIR(status.st_mode):
        _refuse(target, origin, f"'{target}' is a folder", "a TOML file")
    if not stat.S_ISREG(status.st_mode):
        _refuse(target, origin, f"'{target}' is not a regular file", "a TOML file")
    if status.st_size > SIZE_LIMIT:
        size = f"{status.st_size / 1e6:,.1f} MB"
        allowed = f"a file of at most {SIZE_LIMIT / 1e6:g} MB"
        _refuse(target, origin, f"'{target}' is too large for a scenario: {size}", allowed)
    return target.resolve()


def _load(target: Path, origin: Layer | None) -> Layer:
    file = str(target)
    try:
        raw = target.read_bytes()
    except OSError as error:
        _refuse(target, origin, f"cannot read '{target}': {_reason(error)}")
    text = _text(file, raw)
    try:
        data = tomllib.loads(text)
    except RecursionError:
        _refuse_text(file, None, "tables or lists are nested too deeply", _depth_allowed())
    except ValueError as error:
        _refuse_toml(file, text, error)
    if not data:
        _refuse_text(file, None, "the file is empty", "a scenario in TOML")
    if _too_deep(data):
        _refuse_text(file, None, "tables or lists are nested too deeply", _depth_allowed())
    if large := list(_too_large(data, ())):
        index = lines.line_index(text)
        raise ScenarioError(
            Fault(file, index.get(path), dotted(path), "is a number beyond all use", _LARGEST)
            for path in large
        )
    return Layer(file, text, data)


def _text(file: str, raw: bytes) -> str:
    """Decode a file; the mark that Windows editors put in front is not part of the text."""
    zero = raw.find(b"\0")
    if zero >= 0:
        message = f"not a text file: a zero byte at offset {zero}"
        _refuse_text(file, _line_at(raw, zero), message, "TOML saved as UTF-8")
    try:
        return raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        message = f"not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}"
        _refuse_text(file, _line_at(raw, error.start), message, "TOML saved as UTF-8")


def _refuse_toml(file: str, text: str, error: ValueError) -> NoReturn:
    found = re.fullmatch(
        r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error)
    )
    if found is None:
        # The one plain ValueError of tomllib: an integer of thousands of digits.
        _refuse_text(file, None, f"not TOML: {str(error).partition(';')[0]}")
    message, line, column = found.groups()
    at = int(line) if line else text.count("\n") + (not text.endswith("\n"))
    if "twice" in message or "overwrite" in message or "Duplicate" in message:
        _refuse_twice(file, text, at, message)
    if habit := cure(text, at, int(column) if column else None):
        _refuse_text(file, at, habit.message, habit.allowed)
    place = f"column {column}" if column else "end of the file"
    _refuse_text(file, at, f"not TOML: {message[:1].lower()}{message[1:]} ({place})")


def _refuse_twice(file: str, text: str, line: int, message: str) -> NoReturn:
    found = lines.declared_twice(text, line)
    if found is None:
        _refuse_text(file, line, f"the same key is written twice ({message})")
    path, first = found
    parent = path[-2] if len(path) > 1 else ""
    name = path[-1]
    twice = f"two {parent} of the same name" if parent in NAMED else "the same key is written twice"
    raise ScenarioError(
        [Fault(file, line, dotted(path), f"{twice}: '{name}' is already on line {first}")]
    )


def _refuse_text(file: str, line: int | None, message: str, allowed: str = "") -> NoReturn:
    raise ScenarioError([Fault(file, line, "", message, allowed)])


def _refuse(
    target: Path, origin: Layer | None, message: str, allowed: str = "", hint: str = ""
) -> NoReturn:
    """Refuse a file that cannot be read: at the line that extends it, if one does."""
    if origin is None:
        raise ScenarioError([Fault(str(target), None, "", message, allowed, hint)])
    line = lines.line_index(origin.text).get(("extends",))
    raise ScenarioError([Fault(origin.file, line, "extends", message, allowed, hint)])


def _neighbour(target: Path) -> str:
    """Name of the TOML file in the same folder that was probably meant."""
    try:
        names = [entry.name for entry in os.scandir(target.parent) if entry.name.endswith(".toml")]
    except OSError:
        return ""
    return closest(target.name, sorted(names))


def _reach(data: Any, path: lines.Path) -> int:
    """Count the parts of `path` that lead somewhere in `data`."""
    for depth, part in enumerate(path):
        is_key = isinstance(data, Mapping) and part in data
        is_item = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
        if not (is_key or is_item):
            return depth
        data = data[part]
    return len(path)


def _too_deep(data: dict[str, Any]) -> bool:
    """Whether tables nest beyond the limit: dotted keys nest without recursion in `tomllib`."""
    level: list[Any] = [data]
    for _ in range(DEPTH_LIMIT):
        level = [
            item
            for node in level
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def _too_large(value: Any, path: lines.Path) -> Iterator[lines.Path]:
    """Where whole numbers stand that have more than 64 bits, which TOML has not either."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _too_large(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _too_large(item, (*path, place))
    elif isinstance(value, int) and abs(value) >= _BEYOND:
        yield path


def _depth_allowed() -> str:
    return f"{DEPTH_LIMIT} levels"


def _reason(error: OSError | ValueError) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return reason[:1].lower() + reason[1:]


def _line_at(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(c if c.isprintable() else repr(c)[1:-1] for c in escaped)}"'
