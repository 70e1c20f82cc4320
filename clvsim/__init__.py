"""clvsim: what customers are worth under offers, channels and retention programs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clvsim.api import Effort, Interrupted, compare, run
    from clvsim.results import load_result
    from clvsim.scenario.idle import notes
    from clvsim.scenario.load import load

__all__ = ["Effort", "Interrupted", "compare", "load", "load_result", "notes", "run"]

_HOME = {
    "Effort": "clvsim.api",
    "Interrupted": "clvsim.api",
    "compare": "clvsim.api",
    "load": "clvsim.scenario.load",
    "load_result": "clvsim.results",
    "notes": "clvsim.scenario.idle",
    "run": "clvsim.api",
}


def __getattr__(name: str) -> Any:
    # On first use: numba and xarray take a second that `clvsim --help` must not.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    message = f"module 'clvsim' has no attribute {name!r}"
    raise AttributeError(message)
