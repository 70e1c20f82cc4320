"""From a file to frozen scenarios: the baseline and its variants, or every fault at once."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from clvsim.errors import Fault, InputError, ScenarioError, closest
from clvsim.scenario.check import check
from clvsim.scenario.faults import faults_of
from clvsim.scenario.model import Scenario
from clvsim.scenario.toml import BASELINE, Document, read, variants


@dataclass(frozen=True)
class Plan:
    """What one file says.

    Attributes
    ----------
    file : str
    scenarios : dict of str to Scenario
        ``baseline`` first, then the variants in the order of the file.
    """

    file: str
    scenarios: dict[str, Scenario]

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
                has = ", ".join(self.scenarios)
                message = f"{self.file} has no variant {name!r} (it has {has}){hint}"
                raise InputError(message)
        return {name: self.scenarios[name] for name in names}


def load(path: str | Path) -> Plan:
    """Read, overlay and check a scenario file.

    Raises
    ------
    ScenarioError
        With every fault of the baseline and of all variants.
    """
    documents = variants(read(path))
    scenarios: dict[str, Scenario] = {}
    faults: list[Fault] = []
    for name, document in documents.items():
        scenario, found = _validated(document)
        faults += found
        if scenario is not None:
            scenarios[name] = scenario
    if faults:
        raise ScenarioError(faults)
    return Plan(str(path), scenarios)


def _validated(document: Document) -> tuple[Scenario | None, list[Fault]]:
    """The scenario of a document, or its faults: of single values, and between sections."""
    scenario, faults = None, []
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        faults = faults_of(error, document, fields=Scenario)
    return scenario, faults + check(document, scenario)
