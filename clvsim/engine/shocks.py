"""The common shocks of one world: factors by period that all its customers share."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from clvsim.scenario.model import Scenario
from clvsim.scenario.shocks import Drift
from clvsim.scenario.uncertain import uniform

Floats = NDArray[np.float64]


class Shocks(NamedTuple):
    """Factors by period of the horizon.

    Attributes
    ----------
    hazard, spend : (T,)
        Multipliers, 1.
    conversion : (T,)
        Log-odds added, 0.
    """

    hazard: Floats
    spend: Floats
    conversion: Floats


def no_shocks(periods: int) -> Shocks:
    """Nothing happens."""
    return Shocks(np.ones(periods), np.ones(periods), np.zeros(periods))


def draw_shocks(scenario: Scenario, seed: int, world: int) -> Shocks:
    """The shocks of one world; they depend on their names, the seed and the world only.

    Parameters
    ----------
    scenario : Scenario
    seed, world : int
    """
    calendar = scenario.time.calendar
    found = no_shocks(calendar.periods)
    for name, shock in sorted(scenario.shocks.items()):
        place = f"shocks.{name}"
        if isinstance(shock, Drift):
            score = _autoregression(shock.persistence, seed, world, place, calendar.periods)
            found.hazard[:] *= np.exp(shock.hazard * score - 0.5 * shock.hazard**2)
            found.spend[:] *= np.exp(shock.spend * score - 0.5 * shock.spend**2)
            found.conversion[:] += shock.conversion * score
        elif uniform(seed, world, place) < shock.probability:
            first = calendar.period(shock.first)
            during = slice(first, first + shock.periods)
            found.hazard[during] *= shock.hazard
            found.spend[during] *= shock.spend
            found.conversion[during] += np.log(shock.conversion)
    return found


def _autoregression(persistence: float, seed: int, world: int, place: str, periods: int) -> Floats:
    """A stationary AR(1) path of variance 1, ``(periods,)``."""
    fresh = ndtri([uniform(seed, world, f"{place}.{period}") for period in range(periods)])
    path = np.empty(periods)
    path[0] = fresh[0]
    for period in range(1, periods):
        kept = persistence * path[period - 1]
        path[period] = kept + np.sqrt(1.0 - persistence**2) * fresh[period]
    return path
