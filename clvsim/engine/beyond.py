"""What a residual value takes for lasting although it passes."""

import numpy as np

from clvsim.engine.acquisition import let_off_by_tenure
from clvsim.engine.compile import Compiled
from clvsim.kernels import plan as p


def still_running(compiled: Compiled) -> list[str]:
    """Sources whose latest customers are still under their offer when the horizon ends.

    The residual value beyond the horizon goes on as the last period was: it lets them have the
    offer for ever. Empty where the scenario has no residual value.
    """
    scenario, table = compiled.scenario, compiled.table
    if scenario.money.residual != "expected":
        return []
    found = set()
    for index, group in enumerate(table.groups):
        cells = np.flatnonzero(table.group == index)
        steps = compiled.model.facts[cells, p.STEPS]
        counted = steps[(compiled.intake.limit[cells] > 0.0) & (steps > 0.0)]
        if group.kind == p.SURVIVORS or not len(counted):
            continue
        let_off = let_off_by_tenure(group.offer, scenario.time.periods + 1)
        if let_off[int(counted.min()) - 1] != let_off[-1]:
            found.add(group.source)
    return sorted(found)
