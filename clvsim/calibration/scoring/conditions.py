"""The scenario that customers are scored under: read, and its segments as they are judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from clvsim.calibration.scoring.believed import scored
from clvsim.calibration.scoring.fit_file import model_of
from clvsim.errors import Fault, ScenarioError, closest
from clvsim.scenario.faults import faults_of
from clvsim.scenario.load import load
from clvsim.scenario.model import Scenario
from clvsim.scenario.toml import BASELINE, read

if TYPE_CHECKING:
    from pathlib import Path

    from clvsim.calibration.scoring.fit_file import AnySegment
    from clvsim.scenario.toml import Document

#: Tables that a fit's block has too.
_OF_A_BLOCK = frozenset({"segments", "time"})


@dataclass(frozen=True)
class Conditions:
    """A scenario for customers who are known.

    Attributes
    ----------
    name : str
        The file, as the user named it.
    scenario : Scenario
    segments : dict of str to Segment
        Those that can be scored, as their customers are judged by them.
    """

    name: str
    scenario: Scenario
    segments: dict[str, AnySegment]


def is_scenario(document: Document) -> bool:
    """Whether a file says more than a fit's block: a horizon, money, programs or the like."""
    time = document.data.get("time")
    has_horizon = isinstance(time, dict) and "periods" in time
    tables = {closest(str(key), Scenario.model_fields) for key in document.data}
    return has_horizon or bool((tables | set(document.data)) & _MORE)


#: Tables that make a file a scenario.
_MORE = (frozenset(Scenario.model_fields) | {"variants"}) - _OF_A_BLOCK - {"name", "question"}


def read_conditions(path: Path, variant: str, chosen: str) -> Conditions:
    """Read a scenario to score customers under.

    Parameters
    ----------
    path : Path
    variant : str
        Name of a variant; empty: the baseline.
    chosen : str
        The segment of all customers; empty: as their file says.

    Raises
    ------
    ScenarioError
        With every fault of the file, or if customers of its segments cannot be judged.
    InputError
        If there is no such variant.
    """
    plan = load(path, needs_customers=False)
    name = variant or BASELINE
    scenario = plan.choose([name])[name]
    document = read(path)
    if chosen and chosen not in scenario.segments:
        message, near = f"there is no segment {chosen!r}", closest(chosen, scenario.segments)
        fault = Fault(str(path), None, "--segment", message, ", ".join(scenario.segments), near)
        raise ScenarioError([fault])
    segments: dict[str, AnySegment] = {}
    faults: list[Fault] = []
    for own, segment in scenario.segments.items():
        if chosen and own != chosen:
            continue
        place = ("segments", own)
        model = model_of(segment.relationship)
        if model is None:
            message = f"customers with the relationship {segment.relationship!r} cannot be scored"
            faults.append(document.fault((*place, "relationship"), message))
            continue
        try:
            segments[own] = scored(segment)
        except ValidationError as error:
            faults += [
                replace(fault, message=f"to be scored: {fault.message}")
                for fault in faults_of(error, document, place, fields=model)
            ]
    # Who is in a segment that cannot be judged is refused by its name, if anybody is.
    if faults and not segments:
        raise ScenarioError(faults)
    return Conditions(str(path), scenario, segments)
