"""The purchase relationship compiled: rates of purchases by step, and what they cost."""

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.beyond import recurring
from clvsim.engine.cells import CellTable, past_of, segment_facts
from clvsim.engine.schedule import fill_guide
from clvsim.errors import ClvsimError
from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.kernels.beyond import NEVER_LEAVES
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


def expected_value(
    model: p.Model, buying: b.Buying, cell: int, person: tuple[Floats, Floats, Floats]
) -> Floats:
    """Expected margin under the conditions that last, for ever, as the kernel has it.

    Parameters
    ----------
    person : tuple of (customer,)
        Hazard, spend (currency) and pace.
    """
    hazard, spend, pace = person
    facts, kind = model.facts[cell], int(buying.facts[cell, b.KIND])
    leaving = hazard * facts[p.LASTING_HAZARD]
    rate = pace * buying.facts[cell, b.LASTING_RATE]
    if kind == b.BG_NBD:
        leaving = rate * -np.expm1(-leaving)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(leaving > 0.0, -np.expm1(-leaving) / leaving, 1.0)
    purchases = -np.expm1(-rate) if kind == b.BG_BB else rate * share
    margin = spend * facts[p.LASTING_UNIT] + buying.facts[cell, b.LATER_PURCHASE]
    margin = purchases * margin + facts[p.LASTING_HEAD]
    lost = 1.0 - np.exp(-leaving) * model.period_factor
    return np.asarray(margin / np.maximum(lost, NEVER_LEAVES))


def there_after(
    model: p.Model,
    buying: b.Buying,
    cell: int,
    step: int,
    person: tuple[Floats, Floats],
    *,
    was_there: bool = False,
) -> Floats:
    """Chance that a customer of a BG/NBD cell has not left before a step, ``(customer,)``.

    Leaving is the Poisson process of purchases, thinned by the probability of leaving then.

    Parameters
    ----------
    person : tuple of (customer,)
        Hazard and pace.
    was_there : bool
        Whether it is known to be there on entering.
    """
    hazard, pace = person
    tenure = int(model.facts[cell, p.START] - model.facts[cell, p.JOINED_IN])
    past = buying.past[cell, : 0 if was_there else tenure]
    lived_under, times = np.unique(past, return_counts=True)
    left = np.zeros_like(hazard)
    for multiplier, periods in zip(lived_under, times, strict=True):
        left = left + periods * -np.expm1(-hazard * multiplier)
    multipliers, which = np.unique(model.schedule[cell, p.MULTIPLIER, :step], return_inverse=True)
    rates = np.bincount(which, buying.schedule[cell, b.MULTIPLIER, :step], len(multipliers))
    for multiplier, rate in zip(multipliers, rates, strict=True):
        left = left + rate * -np.expm1(-hazard * multiplier)
    return np.asarray(np.exp(-pace * left))
