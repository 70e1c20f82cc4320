"""Faults between sections: names that nothing has, dates outside the horizon, impossible traits."""

from clvsim.errors import Fault
from clvsim.scenario.model import Scenario
from clvsim.scenario.toml import Document


def check(document: Document, scenario: Scenario | None) -> list[Fault]:
    """Faults of a document beyond single values."""
    return []
