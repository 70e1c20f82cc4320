"""The purchase relationship compiled: rates of purchases by step, and what they cost."""

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.beyond import recurring
from clvsim.engine.cells import CellTable, past_of, segment_facts
from clvsim.engine.schedule import fill_guide
from clvsim.errors import ClvsimError
from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.levers import Levers, Treatment
from clvsim.scenario.model import Scenario

Floats = NDArray[np.float64]
KINDS = {
    "contract": b.CONTRACT,
    "bg/nbd": b.BG_NBD,
    "pareto/nbd": b.PARETO_NBD,
    "bg/bb": b.BG_BB,
    "states": b.CONTRACT,
}


def compile_buying(
    scenario: Scenario, table: CellTable, levers: Levers, model: p.Model
) -> b.Buying | None:
    """What the loop over customers who buy reads beside the model; None if nobody buys.

    Raises
    ------
    ClvsimError
        If customers who buy now and then are offered a contract's term.
    """
    kinds = [KINDS[scenario.segments[group.segment].relationship] for group in table.groups]
    if not any(kinds):
        return None
    for kind, group in zip(kinds, table.groups, strict=True):
        if kind != b.CONTRACT and group.offer.term > 0:
            message = f"segment {group.segment!r} has no contract, so no offer can have a term"
            raise ClvsimError(message)
    cohorts, horizon = levers.cohorts, scenario.time.periods
    facts = np.zeros((cohorts.count, b.FACTS))
    schedule = np.zeros((cohorts.count, b.SCHEDULE, horizon + 1))
    facts[:, b.KIND] = np.array(kinds)[table.group]
    inside = cohorts.period() < horizon
    # As the running sums of the hazard: started from the tenure, added one step after another.
    schedule[:, b.MULTIPLIER, :horizon] = np.where(inside, levers.rate, 0.0)
    schedule[:, b.CUMULATED, 0] = cohorts.start - cohorts.joined
    schedule[:, b.CUMULATED, 1:] = schedule[:, b.MULTIPLIER, :horizon]
    schedule[:, b.CUMULATED] = np.cumsum(schedule[:, b.CUMULATED], axis=1)
    schedule[:, b.CUMULATED, :horizon] = schedule[:, b.CUMULATED, 1:]
    cost = segment_facts(scenario, table, "cost_per_purchase")[:, None]
    schedule[:, b.PURCHASE_MARGIN, :horizon] = -model.discounting[model.receipts, :horizon] * cost
    for cell in range(cohorts.count):
        steps = int(model.facts[cell, p.STEPS])
        if steps > 0:
            own = schedule[cell]
            origin = float(cohorts.start[cell] - cohorts.joined[cell])
            facts[cell, b.GUIDE_SCALE] = fill_guide(own[b.CUMULATED], origin, steps, own[b.GUIDE])
    facts[:, b.LATER_PURCHASE] = -model.discounting[model.receipts, 0] * cost[:, 0]
    facts[:, b.LASTING_RATE] = recurring(model.schedule, model.facts)[:, p.LATER_RATE]
    return b.Buying(facts, schedule, past_of(scenario, table))


def refuse_history(buying: b.Buying | None, levers: Levers) -> None:
    """Refuse treatments that ask for purchases so far where customers make none to ask for.

    Raises
    ------
    ClvsimError
        With the program's name.
    """
    for name, own in levers.programs.items():
        treatment = own.personal
        if not isinstance(treatment, Treatment) or treatment.history is None:
            continue
        reached = treatment.contact.any(axis=1)
        if buying is not None:
            reached &= buying.facts[:, b.KIND] == b.CONTRACT
        if reached.any():
            segment = levers.cohorts.segment[np.argmax(reached)]
            message = (
                f"program {name!r} asks for what customers have bought so far, and those of "
                f"segment {str(segment)!r} do not buy now and then"
            )
            raise ClvsimError(message)
