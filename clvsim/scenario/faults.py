"""From pydantic's list of errors to located faults: one for each mistake that the user made."""

from collections import defaultdict
from collections.abc import Iterable, Sized
from itertools import chain
from typing import TYPE_CHECKING

from clvsim.scenario import schema
from clvsim.scenario.explain import (
    DOTTED,
    MISSING,
    UNKNOWN_KEY,
    Explained,
    Mistake,
    explained,
    wrong_kind,
)
from clvsim.scenario.habits import line_cure

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from clvsim.errors import Fault
    from clvsim.scenario.lines import Path
    from clvsim.scenario.toml import Document


def faults_of(
    error: "ValidationError",
    document: "Document",
    prefix: "Path" = (),
    *,
    fields: "type[BaseModel]",
) -> list["Fault"]:
    """Turn everything that pydantic found wrong into located faults in plain words.

    Parameters
    ----------
    error : pydantic.ValidationError
        As raised by ``fields.model_validate``.
    document : Document
        Where the validated tables come from.
    prefix : tuple of str and int
        Where in the document they stand, if not at its root.
    fields : type of pydantic.BaseModel
        The model that was validated: it knows the allowed keys.

    Returns
    -------
    list of Fault
        One for each mistake: a value that fits no branch of a union is one mistake, and so is a
        misspelt key that is therefore missing under its right name.
    """
    details = [
        detail for detail in error.errors(include_url=False) if not _counts_only_the_right(detail)
    ]
    mistakes = [Mistake(detail, schema.follow(fields, detail["loc"])) for detail in details]
    places: dict[Path, list[Mistake]] = defaultdict(list)
    for mistake in _likely(mistakes):
        places[mistake.trail.path].append(mistake)
    found = dict.fromkeys(chain.from_iterable(_at_one_place(here) for here in places.values()))
    meant = {
        (*fault.path[:-1], fault.hint) for fault in found if fault.message.startswith(UNKNOWN_KEY)
    }
    # The table before the dot lacks everything, and that is not what is wrong with it.
    halves = {fault.path[:-1] for fault in found if fault.message.endswith(DOTTED)}
    return [
        document.fault(
            prefix + fault.path,
            fault.message,
            line_cure(document.written_at(prefix + fault.path), fault.path) or fault.allowed,
            fault.hint,
        )
        for fault in found
        if not (fault.message == MISSING and (fault.path in meant or fault.path[:-1] in halves))
    ]


def _counts_only_the_right(detail: "ErrorDetails") -> bool:
    """Whether a list is too short only because some of its items are wrong: those were said."""
    if detail["type"] != "too_short" or not isinstance(detail["input"], Sized):
        return False
    return len(detail["input"]) >= int(detail["ctx"]["min_length"])


def _likely(mistakes: Iterable[Mistake], depth: int = 0) -> list[Mistake]:
    """Keep, of each union, the mistakes of the branch that the user probably meant.

    A branch that takes this kind of value at all is likelier than one that does not; then the
    branch with the fewest mistakes. Where no branch takes this kind of value, all are kept.
    """
    kept: list[Mistake] = []
    unions: dict[Path, dict[str, list[Mistake]]] = defaultdict(lambda: defaultdict(list))
    for mistake in mistakes:
        if len(mistake.trail.branches) <= depth:
            kept.append(mistake)
            continue
        position, _, branch = mistake.trail.branches[depth]
        unions[mistake.error["loc"][:position]][branch].append(mistake)
    for branches in unions.values():
        meant = [group for group in branches.values() if not _is_excluded(group, depth)]
        chosen = [min(meant, key=len)] if meant else list(branches.values())
        kept += chain.from_iterable(_likely(group, depth + 1) for group in chosen)
    return kept


def _is_excluded(branch: list[Mistake], depth: int) -> bool:
    """Whether a branch of a union does not take this kind of value at all."""
    return any(
        mistake.is_wrong_kind and len(mistake.trail.path) == mistake.trail.branches[depth][1]
        for mistake in branch
    )


def _at_one_place(here: list[Mistake]) -> list[Explained]:
    """Explain the mistakes at one path, all those of kind as one."""
    kinds = [mistake for mistake in here if mistake.is_wrong_kind]
    others = [explained(mistake) for mistake in here if not mistake.is_wrong_kind]
    return others + ([wrong_kind(kinds)] if kinds else [])
