"""Numbers that nobody knows exactly: ``{ uncertain = "beta", a = 20, b = 80 }``, one draw a world.

Any number of a scenario may be written so, except those that all worlds must share. The scenario
itself then holds the mean; ``drawn`` puts a world's draw in its place. The numbers of a fit
(``Segment.fit``) are drawn together from their sampling distribution, which is normal on the scale
of each (``fit.moved``) or given in draws, those of a Bayesian fit (``Segment.posterior``) from its
posterior.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap
from pydantic import Field, Strict

from clvsim.errors import closest
from clvsim.fields import Section
from clvsim.scenario import distributions
from clvsim.scenario.fit import keys_of, moved, number_at, paths_of
from clvsim.scenario.root import symmetric_root

if TYPE_CHECKING:
    from clvsim.errors import Fault
    from clvsim.scenario.model import Scenario
    from clvsim.scenario.toml import Document

KEY = "uncertain"
#: Probability of each tail that no world is drawn from: what is checked beforehand is all there is.
TAIL = 1e-6
#: Sections whose numbers are the same in all worlds.
_SHARED = {
    ("time",): "all worlds have the same horizon",
    ("simulation",): "it says how worlds are drawn",
    ("shocks",): "a shock is drawn in every world as it is",
    ("money", "discount_rate"): "amounts of all worlds are compared at one rate",
}
#: Tables whose rows are probabilities that add up to 1.
_ROWS = ("transitions.", "transitions_uncontacted.")
_ALLOWED = '{ uncertain = "NAME", … } with the name and parameters of a SciPy distribution'


class Uncertain(Section):
    """A number that is drawn anew in every world."""

    path: Annotated[tuple[str | int, ...], Strict(strict=False)]
    """Where it stands."""
    distribution: str
    """Name in ``scipy.stats``."""
    parameters: dict[str, float] = Field(default_factory=dict)
    """Its parameters by their SciPy names."""

    def quantile(self, share: float) -> float:
        """The value that a share of worlds stays below."""
        return float(distributions.frozen(self.distribution, self.parameters).ppf(share))

    def centre(self) -> float:
        """Mean, or median where there is no finite mean."""
        mean = distributions.mean(self.distribution, self.parameters)
        return mean if np.isfinite(mean) else self.quantile(0.5)


def settle(document: "Document") -> tuple["Document", list["Fault"]]:
    """A document with plain numbers, its uncertain ones listed under ``uncertain``; and faults."""
    found: list[Uncertain] = []
    faults: list[Fault] = []

    def plain(value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, Mapping):
            if path and isinstance(value.get(KEY), str):
                one = _read(document, path, value, faults)
                if one is None:
                    return 0.5
                found.append(one)
                return one.centre()
            return {key: plain(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item, (*path, place)) for place, item in enumerate(value)]
        return value

    if KEY in document.data:
        message = "is not a table of the scenario"
        faults.append(document.fault((KEY,), message, f"{_ALLOWED}, in the place of a number"))
    rest = {key: item for key, item in document.data.items() if key != KEY}
    data = plain(rest, ())
    if found:
        data[KEY] = [one.model_dump() for one in found]
    return replace(document, data=data), faults


def _read(
    document: "Document",
    path: tuple[str | int, ...],
    table: Mapping[str, Any],
    faults: list["Fault"],
) -> Uncertain | None:
    """One uncertain number; None where it is not one, which is then said."""
    for shared, why in _SHARED.items():
        if path[: len(shared)] == shared:
            faults.append(document.fault(path, f"cannot be uncertain: {why}", "a number"))
            return None
    parameters = {key: value for key, value in table.items() if key != KEY}
    wrong = [
        key
        for key, value in parameters.items()
        if isinstance(value, bool) or not isinstance(value, (int, float))
    ]
    faults += [document.fault((*path, key), "is not a number", "a number") for key in wrong]
    if wrong:
        return None
    numbers = {key: float(value) for key, value in parameters.items()}
    try:
        distributions.check(table[KEY], numbers)
    except ValueError as error:
        faults.append(document.fault(path, str(error), _ALLOWED))
        return None
    return Uncertain(path=path, distribution=table[KEY], parameters=numbers)


def misplaced(document: "Document", scenario: "Scenario") -> Iterator["Fault"]:
    """Faults of fits that name what is no number of their segment."""
    for name, segment in scenario.segments.items():
        table = segment.model_dump(by_alias=True)
        for path in segment.fit.parameters if segment.fit is not None else ():
            if number_at(table, path) is None:
                message = f"names {path!r}, which is no number of the segment"
                place = ("segments", name, "fit", "parameters")
                near = closest(path, paths_of(table))
                yield document.fault(place, message, "dotted paths inside it, like churn.a", near)


def is_uncertain(scenario: "Scenario") -> bool:
    """Whether any number of a scenario is drawn anew in every world."""
    return bool(scenario.uncertain) or any(
        segment.posterior or (segment.fit is not None and segment.fit.parameters)
        for segment in scenario.segments.values()
    )


def drawn(scenario: "Scenario", seed: int, world: int, mark: str) -> dict[str, Any]:
    """A scenario's tables with every uncertain number drawn at its place, and a mark.

    Whether they are a scenario that can be is not looked at: ``worlds`` does.
    """
    data = scenario.model_dump(by_alias=True)
    for name, segment in scenario.segments.items():
        if segment.fit is not None and segment.fit.draws:
            share = uniform(seed, world, f"segments.{name}.fit{mark}")
            draw = segment.fit.draws[int(share * len(segment.fit.draws))]
            for path, value in zip(segment.fit.parameters, draw, strict=True):
                put(data, ("segments", name, *keys_of(path)), value)
        elif segment.fit is not None and segment.fit.parameters:
            place = f"segments.{name}.fit"
            scores = [
                float(scipy.special.ndtri(uniform(seed, world, f"{place}.{path}{mark}")))
                for path in segment.fit.parameters
            ]
            changes = (symmetric_root(segment.fit.covariance) @ np.array(scores)).tolist()
            for path, change in zip(segment.fit.parameters, changes, strict=True):
                keys = ("segments", name, *keys_of(path))
                put(data, keys, moved(path, _get(data, keys), change))
            _rows_to_one(data["segments"][name], segment.fit.parameters)
        for number, posterior in enumerate(segment.posterior):
            share = uniform(seed, world, f"segments.{name}.posterior.{number}{mark}")
            draw = posterior.draws[int(share * len(posterior.draws))]
            for path, value in zip(posterior.parameters, draw, strict=True):
                put(data, ("segments", name, *path.split(".")), value)
    for one in scenario.uncertain:
        share = uniform(seed, world, ".".join(map(str, one.path)) + mark)
        put(data, one.path, one.quantile(min(max(share, TAIL), 1.0 - TAIL)))
    return data


def uniform(seed: int, world: int, place: str) -> float:
    """A uniform in (0, 1) for a place of the scenario in a world: a keyed hash (BLAKE2b)."""
    digest = hashlib.blake2b(
        place.encode(),
        digest_size=8,
        key=seed.to_bytes(8, "little"),
        salt=world.to_bytes(8, "little"),
        person=b"uncertain",
    ).digest()
    return ((int.from_bytes(digest, "little") >> 11) + 0.5) * 2.0**-53


def _rows_to_one(segment: dict[str, Any], paths: tuple[str, ...]) -> None:
    """Bring rows of transitions that were drawn back to a sum of 1, their odds as drawn."""
    for path in sorted({path.rpartition(".")[0] for path in paths if path.startswith(_ROWS)}):
        values = _get(segment, keys_of(path))
        total = float(sum(values))
        for place, value in enumerate(values):
            put(segment, (*keys_of(path), place), value / total)


def _get(data: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        data = data[key]
    return data


def put(data: Any, path: tuple[str | int, ...], value: float) -> None:
    """Put a number in its place; lists on the way are copied, as tuples cannot be written to."""
    *above, last = path
    for key in above:
        if isinstance(data[key], tuple):
            data[key] = list(data[key])
        data = data[key]
    data[last] = value


def copied(value: Any) -> Any:
    """Tables and lists that can be written to."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return [*map(copied, value)] if isinstance(value, (list, tuple)) else value
