"""Worlds of a scenario: whether all that may be drawn can be, and a world's draw until it can.

What is drawn must pass the checks that what is written must pass: of single values, and of whether
the numbers together can be simulated (``check.number_faults``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from clvsim.errors import ClvsimError, Fault
from clvsim.scenario import distributions
from clvsim.scenario.check import number_faults
from clvsim.scenario.faults import faults_of
from clvsim.scenario.model import Scenario
from clvsim.scenario.shocks import Event
from clvsim.scenario.toml import Document, Layer
from clvsim.scenario.uncertain import TAIL, copied, drawn, is_uncertain, put

#: Draws of a world, each at another place, until all numbers are allowed.
_MOST_ATTEMPTS = 100
#: Worlds that are drawn when a file is read, and how many of them at most may have to be drawn
#: anew: of a distribution that is cut off further, not much is left.
_TRIED, _MOST_AGAIN = 20, 10
_NOWHERE = Document("", {}, (Layer("", "", {}),))


def beyond(document: Document, scenario: Scenario, data: dict[str, Any]) -> Iterator[Fault]:
    """Faults of uncertain numbers that some worlds would draw outside of what is allowed.

    Each number by itself at both of its tails, the others at their means.
    """
    said = {fault.path for fault in number_faults(document)}
    for one in scenario.uncertain:
        for share in (TAIL, 1.0 - TAIL):
            value = one.quantile(share)
            changed = copied(data)
            put(changed, one.path, value)
            fault = next((new for new in _faults(changed, document) if new.path not in said), None)
            if fault is not None:
                message = f"one world in a million would draw {value:g}: {_led(fault, one.path)}"
                narrower = "a distribution with shorter tails"
                allowed = f"{fault.allowed}; or {narrower}" if fault.allowed else narrower
                yield document.fault(one.path, message, allowed)
                break


def _led(fault: Fault, path: tuple[str | int, ...]) -> str:
    """The message of a fault, and where it is if that is not within the table of a path."""
    table = ".".join(map(str, path[:2]))
    return fault.message if fault.path.startswith(table) else f"{fault.path}: {fault.message}"


def seldom_possible(document: Document, scenario: Scenario) -> Iterator[Fault]:
    """The fault of a scenario, otherwise without, of which most worlds would be drawn anew."""
    if not is_uncertain(scenario):
        return
    seed = scenario.simulation.seed
    faults = [
        next(_faults(copied(drawn(scenario, seed, world, "")), document), None)
        for world in range(_TRIED)
    ]
    wrong = [fault for fault in faults if fault is not None]
    if len(wrong) > _MOST_AGAIN:
        message = (
            f"{len(wrong)} of the first {_TRIED} worlds cannot be as they are drawn: the fit or "
            f"posterior says too little, or distributions are too wide; in one, {wrong[0].message}"
        )
        yield replace(wrong[0], message=message)


def _faults(data: dict[str, Any], document: Document) -> Iterator[Fault]:
    """What is wrong with the numbers of some tables, which stand where a document says."""
    try:
        Scenario.model_validate(data)
    except ValidationError as error:
        yield from faults_of(error, document, fields=Scenario)
    else:
        yield from number_faults(replace(document, data=data))


def rarely_seen(scenario: Scenario) -> dict[str, float]:
    """What tells few worlds from the others, or may, and the probability of whichever are fewer.

    Events that may happen or not, and uncertain numbers of two values, by their paths.
    """
    chances = {
        f"shocks.{name}": shock.probability
        for name, shock in scenario.shocks.items()
        if isinstance(shock, Event)
    }
    for one in scenario.uncertain:
        if distributions.is_continuous(one.distribution):
            continue
        low, high = distributions.support(one.distribution, one.parameters)
        if high - low == 1.0:
            frozen = distributions.frozen(one.distribution, one.parameters)
            chances[".".join(map(str, one.path))] = float(frozen.cdf(low))
    # Rounded: 1 - 0.9 would be a little less than 0.1.
    rarer = {path: round(min(chance, 1.0 - chance), 12) for path, chance in chances.items()}
    return {path: chance for path, chance in rarer.items() if chance > 0.0}


def in_world(scenario: Scenario, seed: int, world: int) -> Scenario:
    """The scenario as it is in one world: every uncertain number drawn (as ``in_worlds``)."""
    return in_worlds({scenario.name: scenario}, seed, world)[scenario.name]


def in_worlds(scenarios: Mapping[str, Scenario], seed: int, world: int) -> dict[str, Scenario]:
    """Scenarios as they are in one world: every uncertain number drawn.

    A number's draw depends on the seed, the world and its place only, so that variants share it.
    Numbers may be drawn that cannot be: the sampling distribution of a fit reaches beyond what can
    (a probability above 1), or nobody would be left of an installed base. Then all numbers of all
    the scenarios are drawn anew: the distribution is cut off at what can be in each of them.

    Parameters
    ----------
    scenarios : mapping of str to Scenario
        By variant.
    seed, world : int

    Raises
    ------
    ClvsimError
        If draw after draw cannot be; it names the world, the variant and the number.
    """
    last: Fault | None = None
    name = ""
    for attempt in range(_MOST_ATTEMPTS):
        mark = f"/{attempt}" if attempt else ""
        found: dict[str, Scenario] = {}
        for name, scenario in scenarios.items():
            one = _drawn(scenario, seed, world, mark)
            if isinstance(one, Fault):
                last = one
                break
            found[name] = one
        else:
            return found
    what = f"{last.path}: {last.message}" if last else ""
    message = (
        f"world {world:,} of {name!r} cannot be in {_MOST_ATTEMPTS} of {_MOST_ATTEMPTS} draws of "
        f"its uncertain numbers: the fit says too little, or a distribution is too wide; in the "
        f"last draw, {what}"
    )
    raise ClvsimError(message)


def _drawn(scenario: Scenario, seed: int, world: int, mark: str) -> Scenario | Fault:
    """One draw of a scenario, or why it cannot be."""
    if not is_uncertain(scenario):
        return scenario
    data = copied(drawn(scenario, seed, world, mark))
    try:
        found = Scenario.model_validate(data)
    except ValidationError as error:
        return faults_of(error, _NOWHERE, fields=Scenario)[0]
    return next(number_faults(replace(_NOWHERE, data=data)), found)
