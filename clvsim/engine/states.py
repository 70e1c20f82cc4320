"""The migration relationship compiled: where states lead, and what lies beyond the horizon."""

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.cells import CellTable
from clvsim.errors import ClvsimError
from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.levers import Levers, Membership, Treatment
from clvsim.scenario.chains import CHAIN_TYPES, Chain, chain_of, lost_at_the_start, problems
from clvsim.scenario.model import Scenario, StatesSegment

Floats = NDArray[np.float64]


def compile_moving(
    scenario: Scenario, table: CellTable, levers: Levers, model: p.Model
) -> m.Moving | None:
    """What the loop over customers who move between states reads; None if nobody does.

    Raises
    ------
    ClvsimError
        If they are offered a contract's term, or meet a program that chooses persons.
    """
    kinds = [scenario.segments[group.segment] for group in table.groups]
    if not any(isinstance(kind, StatesSegment) for kind in kinds):
        return None
    chains: list[Chain] = []
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
    _refuse_persons(facts[:, m.IS_STATES] != 0.0, levers)
    widest = max(len(chain.values) for chain in chains)
    falls = np.zeros((len(chains), widest, widest))
    terms = np.zeros((len(chains), m.TERMS, widest))
    for index, chain in enumerate(chains):
        size = len(chain.values)
        falls[index, :size, :size] = falls_of(chain.transitions)
        terms[index, m.BRINGS, :size], terms[index, m.COSTS, :size] = chain.values, chain.costs
    ahead = np.zeros((len(facts), 2, widest))
    if model.residual:
        for cell in np.flatnonzero(facts[:, m.IS_STATES] * model.facts[:, p.STEPS]):
            chain = chains[int(facts[cell, m.TABLE])]
            ahead[cell, :, : len(chain.values)] = beyond(model, int(cell), chain)
    return m.Moving(facts, falls, terms, ahead)


def falls_of(transitions: Floats) -> Floats:
    """Minus the log of the probability of a state or a better one next, ``(state, state)``."""
    better = np.cumsum(transitions, axis=1)
    worse = np.zeros_like(better)
    worse[:, :-1] = np.cumsum(transitions[:, :0:-1], axis=1)[:, ::-1]
    with np.errstate(divide="ignore"):
        # From whichever side is the smaller: no digits are lost near one.
        near_one = -np.log1p(-np.minimum(worse, 0.5))
        return np.where(worse < 0.5, near_one, -np.log(np.minimum(better, 1.0)))


def powered(transitions: Floats, multiplier: float) -> Floats:
    """Transitions under a hazard multiplier, as the kernel draws them, ``(state, state)``."""
    falls = falls_of(transitions)
    with np.errstate(invalid="ignore"):
        reached = np.where(np.isinf(falls), 0.0, np.exp(-multiplier * falls))
    return np.diff(reached, axis=1, prepend=0.0)


def beyond(model: p.Model, cell: int, chain: Chain) -> Floats:
    """Expected margin from the horizon on under the cell's last conditions, ``(2, state)``.

    Per unit of spend and per head, discounted to the horizon: ``[I - P/(1 + d)]⁻¹ R`` (Pfeifer &
    Carraway 2000).
    """
    facts, size = model.facts[cell], len(chain.values)
    kept = powered(chain.transitions, facts[p.RESIDUAL_HAZARD]) * model.period_factor
    heads = facts[p.RESIDUAL_HEAD] - model.discounting[model.receipts, 0] * chain.costs
    heads[np.arange(size) == chain.lost] = 0.0
    gains = np.stack([facts[p.RESIDUAL_UNIT] * chain.values, heads], axis=1)
    return np.asarray(np.linalg.solve(np.eye(size) - kept, gains).T)


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


def _refuse_persons(cells: NDArray[np.bool_], levers: Levers) -> None:
    """Refuse programs that choose persons, or that persons choose, in some cells."""
    for name, own in levers.programs.items():
        personal, reached = own.personal, False
        if isinstance(personal, Membership):
            reached = bool((personal.adoption[cells] > 0.0).any())
        elif isinstance(personal, Treatment):
            reached = bool(personal.contact[cells].any())
        if reached:
            message = (
                f"program {name!r} chooses persons, which does not work yet where customers move "
                "between states"
            )
            raise ClvsimError(message)
