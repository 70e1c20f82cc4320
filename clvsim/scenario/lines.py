"""Which line of a TOML text declares which key.

`tomllib` forgets lines, so the text is read a second time with tree-sitter, and only when there
is a fault to locate: a valid scenario never pays for it.
"""

import tomllib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

Path = tuple[str | int, ...]
"""From the root to a key: table keys, and list positions from 0."""

_KEYS = ("bare_key", "quoted_key", "dotted_key")


@lru_cache(maxsize=16)
def line_index(text: str) -> dict[Path, int]:
    """Return the line, from 1, at which each key path of a TOML text first appears.

    Parameters
    ----------
    text : str
        The TOML text; where it is not valid, what can be read of it is in the index.

    Returns
    -------
    dict
        From path (table keys, and list positions from 0) to line. A table that is only named in
        passing (``a`` in ``[a.b]``) has the line of that mention.
    """
    index: dict[Path, int] = {}
    for path, line in _declarations(text):
        for end in range(1, len(path) + 1):
            index.setdefault(path[:end], line)
    return index


def declared_twice(text: str, by_line: int) -> tuple[Path, int] | None:
    """Return the key path that `by_line` declares again, and the line of its first declaration.

    Parameters
    ----------
    text : str
        The TOML text.
    by_line : int
        Line of the second declaration, from 1.
    """
    first: dict[Path, int] = {}
    for path, line in _declarations(text):
        if path in first and line == by_line:
            return path, first[path]
        first.setdefault(path, line)
    return None


def _declarations(text: str) -> list[tuple[Path, int]]:
    """Every key, table header and list item that is written out, in file order."""
    from tree_sitter import Language, Parser
    from tree_sitter_toml import language

    tree = Parser(Language(language())).parse(text.encode())
    try:
        return list(_walk(tree.root_node))
    except RecursionError:  # only text that `tomllib` refuses as well is nested so deeply
        return []


def _walk(document: "Node") -> Iterator[tuple[Path, int]]:
    items: dict[Path, int] = {}  # how many items each array of tables has so far
    for node in document.named_children:
        if node.type == "pair":
            yield from _pair(node, ())
        elif node.type in {"table", "table_array_element"}:
            header = next((child for child in node.named_children if child.type in _KEYS), None)
            if header is None:
                continue
            path = _latest(_words(header), items)
            if node.type == "table_array_element":
                items[path] = items.get(path, 0) + 1
                path = (*path, items[path] - 1)
            yield path, _line(header)
            for child in node.named_children:
                if child.type == "pair":
                    yield from _pair(child, path)


def _latest(words: Path, items: dict[Path, int]) -> Path:
    """Path of a header: below an array of tables it means the latest item of that array."""
    path: Path = ()
    for word in words:
        if path in items:
            path = (*path, items[path] - 1)
        path = (*path, word)
    return path


def _pair(pair: "Node", above: Path) -> Iterator[tuple[Path, int]]:
    parts = [child for child in pair.named_children if child.type != "comment"]
    path = above + _words(parts[0])
    yield path, _line(parts[0])
    if len(parts) > 1:
        yield from _value(parts[-1], path)


def _value(value: "Node", path: Path) -> Iterator[tuple[Path, int]]:
    if value.type == "inline_table":
        for child in value.named_children:
            if child.type == "pair":
                yield from _pair(child, path)
    elif value.type == "array":
        items = [child for child in value.named_children if child.type != "comment"]
        for position, item in enumerate(items):
            yield (*path, position), _line(item)
            yield from _value(item, (*path, position))


def _words(key: "Node") -> Path:
    """Split a bare, quoted or dotted key into its words."""
    words: list[str] = []
    waiting = [key]
    while waiting:
        node = waiting.pop()
        if node.type == "dotted_key":
            waiting.extend(reversed(node.named_children))
        else:
            words.append(_unquoted((node.text or b"").decode()))
    return tuple(words)


def _unquoted(key: str) -> str:
    if key[:1] not in {'"', "'"}:
        return key
    try:
        return next(iter(tomllib.loads(f"{key} = 0")))
    except tomllib.TOMLDecodeError:
        return key


def _line(node: "Node") -> int:
    return int(node.start_point[0]) + 1
