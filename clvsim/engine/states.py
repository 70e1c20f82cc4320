"""The migration relationship compiled: where states lead, and what lies beyond the horizon."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.cells import CellTable, past_of
from clvsim.errors import ClvsimError
from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.kernels.beyond import NEVER_LEAVES
from clvsim.levers import Levers, Treatment
from clvsim.scenario.chains import (
    CHAIN_TYPES,
    Chain,
    chain_of,
    falls_of,
    lost_at_the_start,
    powered,
    problems,
)
from clvsim.scenario.model import Scenario, StatesSegment

Floats = NDArray[np.float64]
#: A hazard that nobody survives: where the worst state is certain.
CERTAIN = 1e9


def compile_moving(
    scenario: Scenario, table: CellTable, levers: Levers, model: p.Model
) -> m.Moving | None:
    """What the loop over customers who move between states reads; None if nobody does.

    Raises
    ------
    ClvsimError
        If they are offered a contract's term, or a program asks for states that are not there.
    """
    kinds = [scenario.segments[group.segment] for group in table.groups]
    if not any(isinstance(kind, StatesSegment) for kind in kinds):
        _refuse_states(np.zeros(levers.cohorts.count, dtype=bool), [], levers)
        return None
    chains: list[Chain] = []
    names: list[tuple[str, ...]] = []
    facts = np.zeros((levers.cohorts.count, m.FACTS))
    for index, (kind, group) in enumerate(zip(kinds, table.groups, strict=True)):
        if not isinstance(kind, StatesSegment):
            continue
        chain = chain_of(kind)
        if group.offer.term > 0:
            message = f"segment {group.segment!r} has no contract, so no offer can have a term"
            raise ClvsimError(message)
        own = facts[table.of(index)]
        own[:, m.IS_STATES], own[:, m.TABLE] = 1.0, len(chains)
        own[:, m.STATES], own[:, m.BEGIN] = len(chain.values), chain.begin
        own[:, m.LOST] = chain.lost
        chains.append(chain)
        names.append(kind.states)
    _refuse_states(facts[:, m.IS_STATES] != 0.0, names, levers)
    widest = max(len(chain.values) for chain in chains)
    falls = np.zeros((len(chains), widest, widest))
    terms = np.zeros((len(chains), m.TERMS, widest))
    for index, chain in enumerate(chains):
        size = len(chain.values)
        falls[index, :size, :size] = falls_of(chain.transitions)
        terms[index, m.BRINGS, :size], terms[index, m.COSTS, :size] = chain.values, chain.costs
        # Rounded: states of the same risk must not be told apart by the last digit of a sum.
        risk = np.minimum(falls[index, :size, size - 2], CERTAIN)
        terms[index, m.RISK, :size] = np.round(risk, 12)
    odds = Odds(chains, min(model.period_factor, 1.0 - NEVER_LEAVES))
    ahead, worth = np.zeros((2, len(facts), 2, widest))
    for cell in np.flatnonzero(facts[:, m.IS_STATES] * model.facts[:, p.STEPS]):
        which = int(facts[cell, m.TABLE])
        size = len(chains[which].values)
        if model.residual:
            ahead[cell, :, :size] = beyond(model, int(cell), odds, which)
        if levers.ranks_by_value():
            worth[cell, :, :size] = lasting(model, int(cell), odds, which)
    meant = np.ones((len(model.personal), len(chains), widest))
    for row, (_, _, program) in enumerate(levers.personal()):
        wanted = program.personal.states if isinstance(program.personal, Treatment) else ()
        for index, states in enumerate(names):
            if wanted:
                meant[row, index, : len(states)] = np.isin(states, wanted)
    return m.Moving(facts, falls, terms, ahead, worth, meant, past_of(scenario, table))


class Odds:
    """Discounted transitions under hazard multipliers, each made once."""

    def __init__(self, chains: Sequence[Chain], factor: float) -> None:
        """Of some chains, with the discount factor of a period."""
        self.chains, self._factor = chains, factor
        self._found: dict[tuple[int, float], Floats] = {}

    def under(self, table: int, multiplier: float) -> Floats:
        """Transitions of a chain, ``(state, state)``."""
        key = table, multiplier
        if key not in self._found:
            self._found[key] = powered(self.chains[table].transitions, multiplier) * self._factor
        return self._found[key]


def beyond(model: p.Model, cell: int, odds: Odds, table: int) -> Floats:
    """Expected margin from the horizon on, ``(2, state)``, by state then.

    Per unit of spend and per head, discounted to the horizon. Backwards: ``V = R + P/(1 + d) V'``;
    a cycle of recurring conditions makes that ``V = R̃ + P̃ V``, which is solved.
    """
    chain = odds.chains[table]
    ahead, cycle = model.facts[cell, [p.AHEAD, p.CYCLE]].astype(int)
    kept: Floats = np.eye(len(chain.values))
    value: Floats = np.zeros((len(chain.values), 2))
    for period in range(ahead + cycle - 1, -1, -1):
        unit, head, hazard = model.schedule[
            cell, [p.LATER_UNIT, p.LATER_HEAD, p.LATER_HAZARD], period
        ]
        here = odds.under(table, float(hazard))
        value = _gains(model, chain, unit, head) + here @ value
        if period >= ahead:
            kept = here @ kept
        if period == ahead:
            value = np.asarray(np.linalg.solve(np.eye(len(kept)) - kept, value))
    return np.asarray(value.T)


def lasting(model: p.Model, cell: int, odds: Odds, table: int) -> Floats:
    """The same of all periods to come under the conditions that last.

    ``[I - P/(1 + d)]⁻¹ R`` (Pfeifer & Carraway 2000).
    """
    unit, head, hazard = model.facts[cell, [p.LASTING_UNIT, p.LASTING_HEAD, p.LASTING_HAZARD]]
    here = odds.under(table, float(hazard))
    gains = _gains(model, odds.chains[table], unit, head)
    return np.asarray(np.linalg.solve(np.eye(len(here)) - here, gains).T)


def _gains(model: p.Model, chain: Chain, unit: float, head: float) -> Floats:
    """Margin of one period by state, ``(state, 2)``: per unit of spend and per head."""
    heads = head - model.discounting[model.receipts, 0] * chain.costs
    heads[np.arange(len(heads)) == chain.lost] = 0.0
    return np.stack([unit * chain.values, heads], axis=1)


def check_chains(scenario: Scenario) -> None:
    """Refuse a scenario, made without a file, whose states are no chain.

    Raises
    ------
    ClvsimError
        With the first thing that is wrong.
    """
    for name, segment in scenario.segments.items():
        if not isinstance(segment, StatesSegment):
            continue
        parts = {key: getattr(segment, key) for key in CHAIN_TYPES if getattr(segment, key)}
        for path, message, allowed in list(problems(parts)) or lost_at_the_start(segment):
            where = ".".join(map(str, path))
            text = f"segments.{name}.{where} {message}; allowed: {allowed}"
            raise ClvsimError(text)


def _refuse_states(
    cells: NDArray[np.bool_], names: Sequence[tuple[str, ...]], levers: Levers
) -> None:
    """Refuse treatments that ask for states where there are none, or none of that name."""
    for name, own in levers.programs.items():
        treatment = own.personal
        if not isinstance(treatment, Treatment) or not treatment.states:
            continue
        reached = treatment.contact.any(axis=1) & ~cells
        if reached.any():
            segment = str(levers.cohorts.segment[np.argmax(reached)])
            message = (
                f"program {name!r} asks for customers in some states, and those of segment "
                f"{segment!r} do not move between states"
            )
            raise ClvsimError(message)
        for state in treatment.states:
            if not any(state in known for known in names):
                message = f"program {name!r} asks for the state {state!r}, which no segment has"
                raise ClvsimError(message)
