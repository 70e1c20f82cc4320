"""Simulations for the cases: scenarios from tables, and estimates with their error over worlds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from clvsim.api import Effort, Session
from clvsim.scenario.model import Scenario

Floats = NDArray[np.float64]
#: Seed of all cases: fixed, so that a verdict is the same every time.
SEED = 20_260_101
#: Worlds below which an error over worlds is no error.
_FEWEST_WORLDS = 30


@dataclass(frozen=True)
class Estimate:
    """A simulated figure.

    Attributes
    ----------
    value, standard_error : float
    """

    value: float
    standard_error: float


def scenario(**tables: Any) -> Scenario:
    """The scenario that a TOML file with these tables gives."""
    return Scenario.model_validate(tables)


def scaled(worlds: int, scale: float) -> int:
    """Share of a number of worlds, rounded; never too few to have an error."""
    return max(_FEWEST_WORLDS, round(worlds * scale))


def session(scenarios: Mapping[str, Scenario], worlds: int) -> Session:
    """Scenarios on common random numbers, compiled and ready to simulate."""
    return Session(scenarios, Effort(worlds=worlds, seed=SEED))


def simulate(scenarios: Mapping[str, Scenario], worlds: int) -> xr.Dataset:
    """Measured worlds of scenarios on common random numbers."""
    return session(scenarios, worlds).result()


def column(dataset: xr.Dataset, name: str, **where: str) -> Floats:
    """One number a world, ``(world,)``: a variable at some labels, summed over all else."""
    array = dataset[name].sel(where)
    rest = [dim for dim in array.dims if dim != "world"]
    return np.asarray(array.sum(rest).values, dtype=np.float64)


def estimate(function: Callable[..., Any], *columns: Floats) -> Estimate:
    """A function of expectations, with its jackknife standard error (Efron 1982).

    Parameters
    ----------
    function : callable
        Of as many arguments as columns, elementwise.
    columns : (world,)
        Independent draws of the quantities whose expectations it takes.
    """
    worlds = len(columns[0])
    value = float(function(*(draws.mean() for draws in columns)))
    without = [(draws.sum() - draws) / (worlds - 1) for draws in columns]
    each = np.asarray(function(*without), dtype=np.float64)
    spread = each - each.mean()
    return Estimate(value, float(np.sqrt((worlds - 1) / worlds * (spread @ spread))))


def mean(draws: Floats) -> Estimate:
    """An expectation."""
    return estimate(lambda average: average, draws)


def ratio(numerator: Floats, denominator: Floats) -> Estimate:
    """A ratio of expectations."""
    return estimate(lambda above, below: above / below, numerator, denominator)
