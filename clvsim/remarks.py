"""Remarks: what must be said of a result beside its figures."""

import math
from collections.abc import Mapping

from clvsim.errors import counted
from clvsim.intervals import FEWEST_THAT_SEE
from clvsim.scenario.model import Scenario
from clvsim.scenario.uncertain import is_uncertain
from clvsim.scenario.worlds import rarely_seen


def remarks(scenarios: Mapping[str, Scenario], worlds: int) -> list[str]:
    """Remarks on a result of some scenarios, a sentence or two each.

    Parameters
    ----------
    scenarios : dict of str to Scenario
    worlds : int
    """
    return [*_luck_alone(scenarios), *_rarely_seen(scenarios, worlds)]


def _luck_alone(scenarios: Mapping[str, Scenario]) -> list[str]:
    """Scenarios whose worlds differ by nothing but the luck of customers."""
    alone = [name for name, one in scenarios.items() if not is_uncertain(one) and not one.shocks]
    if not alone:
        return []
    where = "" if len(alone) == len(scenarios) else f" in {', '.join(alone)}"
    text = (
        f"No number is uncertain and there are no shocks{where}: worlds differ by the luck of "
        "customers alone. P(loss), value at risk, CVaR, P(best) and spreads over worlds say "
        "nothing of how wrong the numbers of the scenario may be."
    )
    return [text]


def _rarely_seen(scenarios: Mapping[str, Scenario], worlds: int) -> list[str]:
    """Events that too few worlds see, or escape, for a mean over worlds and its error."""
    found: dict[str, float] = {}
    for one in scenarios.values():
        for path, chance in rarely_seen(one).items():
            found[path] = min(chance, found.get(path, 1.0))
    said = []
    for path, chance in found.items():
        if worlds * chance < FEWEST_THAT_SEE:
            needed = math.ceil(FEWEST_THAT_SEE / chance)
            said.append(
                f"{path} is rare: it tells some {100 * chance:.3g} % of worlds from the "
                f"others, {worlds * chance:.2g} of {counted(worlds, 'world')}. Means over worlds "
                f"and their errors know too little of it: use --worlds {needed:,} or more."
            )
    return said
