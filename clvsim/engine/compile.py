"""Scenario to arrays: one variant, ready to run."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clvsim.engine import cells as cell_rules
from clvsim.engine.beyond import Later, joined, look_ahead
from clvsim.engine.buyers import compile_buying, refuse_history
from clvsim.engine.cells import CellTable
from clvsim.engine.intake import Intake, take_in
from clvsim.engine.population import Population, compile_population
from clvsim.engine.schedule import (
    build_schedule,
    discounting,
    period_factor,
    timing_index,
)
from clvsim.engine.shocks import Shocks, no_shocks
from clvsim.engine.states import check_chains, compile_moving
from clvsim.engine.targeting import TARGETS, People, aim, fill_gates, ranks
from clvsim.errors import ClvsimError
from clvsim.kernels import buying as b
from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.levers import Levers, Membership, Treatment
from clvsim.scenario.model import Scenario

Floats = NDArray[np.float64]
#: Hazard of a certain adoption: larger than any exponential that can be drawn.
_CERTAIN = 1e9


@dataclass(frozen=True)
class Compiled:
    """One variant, ready to run.

    Attributes
    ----------
    scenario : Scenario
    table : CellTable
    intake : Intake
    levers : Levers
    population : Population
    model : Model
        What the kernels read.
    buying : Buying or None
        What they read besides where customers buy now and then.
    moving : Moving or None
        What they read besides where customers move between states.
    programs : tuple of str
        Enabled programs, the order of all program dimensions.
    walks : bool
        Whether any variant of the run has personal programs: the kernel without them is compiled in
        half the time, and one kernel serves all variants.
    """

    scenario: Scenario
    table: CellTable
    intake: Intake
    levers: Levers
    population: Population
    model: p.Model
    buying: b.Buying | None
    moving: m.Moving | None
    programs: tuple[str, ...]
    walks: bool

    def limits(self) -> dict[tuple[str, str, int], float]:
        """Up to where each cell acquires, by source, segment and joining period."""
        table = self.table
        keys = [
            (table.groups[group].source, table.groups[group].segment, joined)
            for group, joined in zip(table.group.tolist(), table.joined.tolist(), strict=True)
        ]
        return dict(zip(keys, self.intake.limit.tolist(), strict=True))

    def with_rivals(self, rivals: "list[dict[tuple[str, str, int], float]]") -> "Compiled":
        """The same variant, told up to where each cell of its rivals (``limits``) acquires."""
        own = self.limits()
        limits = np.array([[rival.get(key, 0.0) for key in own] for rival in rivals])
        return replace(self, model=self.model._replace(rivals=limits.reshape(len(rivals), -1)))


def compile_scenario(
    scenario: Scenario, shocks: Shocks | None = None, *, aims: bool = True
) -> Compiled:
    """Compile one variant; nothing in it depends on a seed.

    Parameters
    ----------
    scenario : Scenario
    shocks : Shocks, optional
        Common shocks of the world; none unless given.
    aims : bool
        Whether to find whom treatments of the first of a ranking reach; else they reach nobody,
        until ``aimed``.

    Raises
    ------
    ClvsimError
        If states are no chain, a distribution cannot be computed, or two decisions share an
        address.
    """
    check_chains(scenario)
    shocks = shocks or no_shocks(scenario.time.periods)
    table = cell_rules.tabulate(scenario)
    names = [group.segment for group in table.groups]
    population = compile_population(
        {name: scenario.segments[name] for name in sorted(set(names))}, names
    )
    levers = cell_rules.write_levers(scenario, table, scenario.time.periods)
    intake = take_in(scenario, table, levers, population, shocks.conversion)
    facts, schedule, active_cost = build_schedule(scenario, table, levers, intake, shocks)
    personal = _personal(scenario, levers)
    later = look_ahead(scenario, table, levers, facts)
    model = p.Model(
        traits=population.traits,
        facts=facts,
        schedule=joined(schedule, later.rows),
        active_cost=active_cost,
        personal=personal,
        gates=np.zeros((len(personal), p.GATES, len(facts), scenario.time.periods + 1)),
        discounting=discounting(scenario),
        period_factor=period_factor(scenario),
        receipts=timing_index(None, scenario),
        residual=scenario.money.residual == "expected",
        streams=_streams(table, levers),
        rivals=np.zeros((0, len(facts))),
    )
    buying = compile_buying(scenario, table, levers, model)
    refuse_history(buying, levers)
    moving = compile_moving(scenario, table, levers, model)
    _fill_personal(model, buying, moving, levers, later, aims=aims)
    return Compiled(
        scenario, table, intake, levers, population, model, buying, moving,
        tuple(name for name, _ in scenario.enabled_programs()), len(personal) > 0,
    )  # fmt: skip


def _personal(scenario: Scenario, levers: Levers) -> Floats:
    rows = levers.personal()
    table = np.zeros((len(rows), p.PERSONAL_COLUMNS))
    for row, (index, _, own) in zip(table, rows, strict=True):
        effect = own.personal
        row[p.PROGRAM] = index
        row[p.TIMING] = timing_index(own.timing, scenario)
        row[p.ACCEPTANCE] = row[p.SPEND_EFFECT] = 1.0
        if isinstance(effect, Membership):
            row[p.KIND] = p.MEMBERSHIP
            row[p.REVENUE], row[p.COST] = effect.revenue, effect.cost
        elif isinstance(effect, Treatment):
            row[p.KIND] = p.TREATMENT
            row[p.TARGET] = TARGETS[effect.target]
            row[p.DURATION] = effect.duration
            row[p.ACCEPTANCE] = effect.acceptance
            row[p.LIFT_WEIGHT] = effect.lift_weight
            row[p.CONTACT_COST] = effect.contact_cost
            if effect.history is not None:
                row[p.ASKS_FOR_HISTORY] = 1.0
                row[p.LEAST_RECENCY], row[p.MOST_RECENCY] = effect.history.recency
                row[p.LEAST_FREQUENCY], row[p.MOST_FREQUENCY] = effect.history.frequency
                row[p.LEAST_VALUE], row[p.MOST_VALUE] = effect.history.value
        if effect is not None:
            row[p.CHANGES] = effect.changes()
            row[p.HAZARD], row[p.SPEND_EFFECT] = effect.hazard, effect.spend
            row[p.CONCESSION], row[p.ENTRY_COST] = effect.concession, effect.entry_cost
            row[p.CHANGES_SPENDING] = (effect.spend, effect.concession) != (1.0, 0.0)
            row[p.PACE_EFFECT] = effect.rate
        row[p.HEAD_AHEAD] = _heads(timing_index(None, scenario), row, discounting(scenario)[:, 0])
    return table


def _fill_personal(
    model: p.Model,
    buying: b.Buying | None,
    moving: m.Moving | None,
    levers: Levers,
    later: Later,
    *,
    aims: bool,
) -> None:
    """Write the gates of all personal programs, and which cells they can reach."""
    periods = levers.cohorts.periods
    inside = levers.cohorts.period() < periods
    reached = np.zeros(levers.cohorts.count, dtype=bool)
    for row, (_, _, own) in enumerate(levers.personal()):
        gates = model.gates[row]
        if isinstance(own.personal, Membership):
            with np.errstate(divide="ignore"):
                rate = np.minimum(-np.log1p(-own.personal.adoption), _CERTAIN)
            gates[p.GATE, :, :periods] = np.cumsum(np.where(inside, rate, 0.0), axis=1)
            runs = own.personal.on & inside
            gates[p.NEXT, :, 0] = np.where(
                runs.any(axis=1), periods - np.argmax(runs[:, ::-1], 1), 0
            )
            gates[p.NEXT, :, 0] = np.maximum(gates[p.NEXT, :, 0], later.until[row])
            reached |= gates[p.GATE, :, periods - 1] > 0.0
        elif isinstance(own.personal, Treatment):
            fill_gates(model, row, own.personal, levers)
            if not ranks(own.personal):
                reached |= _fill_contacts(gates, periods)
        _fill_effect(model, row)
    model.facts[:, p.IS_PERSONAL] = reached
    if aims:
        _aim(model, buying, moving, levers)


def _aim(
    model: p.Model,
    buying: b.Buying | None,
    moving: m.Moving | None,
    levers: Levers,
    people: People | None = None,
) -> None:
    """Aim the treatments that rank customers, and write which cells they can reach."""
    aim(model, buying, moving, levers, people)
    for row in ranking_rows(levers):
        reached = _fill_contacts(model.gates[row], levers.cohorts.periods)
        model.facts[reached, p.IS_PERSONAL] = 1.0


def _fill_contacts(gates: Floats, periods: int) -> NDArray[np.bool_]:
    """Write when a treatment contacts next, and its lowest gate; the cells that it reaches."""
    due = gates[p.GATE, :, :periods] < np.inf
    gates[p.NEXT, :, periods] = periods
    for step in range(periods - 1, -1, -1):
        gates[p.NEXT, :, step] = np.where(due[:, step], step, gates[p.NEXT, :, step + 1])
    gates[p.LOWEST, :, :periods] = np.minimum.accumulate(
        gates[p.GATE, :, :periods][:, ::-1], axis=1
    )[:, ::-1]
    return np.asarray(due.any(axis=1))


def ranking_rows(levers: Levers) -> list[int]:
    """Rows of the treatments that reach the first of a ranking only."""
    found = [own.personal for _, _, own in levers.personal()]
    return [row for row, one in enumerate(found) if isinstance(one, Treatment) and ranks(one)]


def aimed(compiled: Compiled, people: People) -> Compiled:
    """The same variant, its treatments aimed at the first among some people instead of a pilot."""
    gates, facts = compiled.model.gates.copy(), compiled.model.facts.copy()
    model = compiled.model._replace(gates=gates, facts=facts)
    _aim(model, compiled.buying, compiled.moving, compiled.levers, people)
    return replace(compiled, model=model)


def _fill_effect(model: p.Model, row: int) -> None:
    """Write the discounted margin per head of one row's effect, summed up to each step."""
    heads = _heads(model.receipts, model.personal[row], model.discounting[:, :-1])
    model.gates[row, p.EFFECT_HEAD, :, 1:] = np.cumsum(heads)


def _heads(receipts: int, terms: Floats, factors: Floats) -> Floats:
    """Discounted margin per head of an effect, currency, ``(step,)``.

    Parameters
    ----------
    receipts : int
        Row of the factors for receipts.
    terms : (column,)
        The effect's row of ``Model.personal``.
    factors : (timing, step) or (timing,)
        Discount factors.
    """
    payment = factors[int(terms[p.TIMING])]
    return np.asarray(factors[receipts] * terms[p.REVENUE] - payment * terms[p.COST])


def _streams(table: CellTable, levers: Levers) -> p.Words:
    """Addresses of all decisions, ``(group, stream)``.

    Raises
    ------
    ClvsimError
        If two decisions have the same address (a chance of one in billions).
    """
    decisions = list(p.CORE_STREAMS) + [f"program {name}" for _, name, _ in levers.personal()]
    streams = [[group.stream(decision) for decision in decisions] for group in table.groups]
    words = np.array(streams, dtype=np.uint64).reshape(len(table.groups), len(decisions))
    if len(np.unique(words)) != words.size:
        message = (
            "two decisions share one random address by accident of their names: "
            "rename a channel, a segment or a program"
        )
        raise ClvsimError(message)
    return words
