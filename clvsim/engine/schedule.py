"""Levers to schedules: everything that all customers of a cell share, step by step."""

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.cells import CellTable, Intake, segment_facts
from clvsim.fields import Timing
from clvsim.kernels import plan as p
from clvsim.kernels.contract import build_guide
from clvsim.levers import Levers
from clvsim.scenario.model import Offer, Scenario

Floats = NDArray[np.float64]
TIMINGS: tuple[Timing, ...] = ("start", "mid", "end")
_OFFSET: dict[Timing, float] = {"start": 0.0, "mid": 0.5, "end": 1.0}
_END = TIMINGS.index("end")
#: Log of a hazard multiplier after which nobody stays; larger ones would overflow.
_EVERYBODY = 40.0


def period_factor(scenario: Scenario) -> float:
    """Discount factor of one period."""
    years = 1.0 / scenario.time.calendar.per_year
    return float((1.0 + scenario.money.discount_rate) ** -years)


def discounting(scenario: Scenario) -> Floats:
    """Discount factors by timing and period, ``(timing, T + 1)``."""
    periods = np.arange(scenario.time.periods + 1)
    factor = period_factor(scenario)
    return np.stack([factor ** (periods + _OFFSET[timing]) for timing in TIMINGS])


def timing_index(timing: Timing | None, scenario: Scenario) -> int:
    """Row of ``discounting`` for a timing; None: that of receipts."""
    return TIMINGS.index(scenario.money.timing if timing is None else timing)


def price_response(scenario: Scenario, table: CellTable, levers: Levers) -> Floats:
    """Hazard multiplier after price rises, ``(cell, T)``.

    A rise of the share of the list price that is paid (an introductory price ending counts as one)
    multiplies the hazard by ``exp(sensitivity * rise)`` for some periods; rises add up.
    """
    paid = levers.price * (1.0 - levers.let_off)
    rise = np.zeros_like(paid)
    rise[:, 1:] = np.maximum(paid[:, 1:] - paid[:, :-1], 0.0)
    sensitivity = segment_facts(scenario, table, "price_rise_sensitivity")
    felt = segment_facts(scenario, table, "price_rise_periods").astype(int)
    log_multiplier = np.zeros_like(paid)
    for length in np.unique(felt):
        cells = felt == length
        for lag in range(min(int(length), paid.shape[1])):
            log_multiplier[cells, lag:] += rise[cells, : paid.shape[1] - lag]
    return np.asarray(np.exp(np.minimum(sensitivity[:, None] * log_multiplier, _EVERYBODY)))


def held_steps(offer: Offer, steps: int) -> NDArray[np.int64]:
    """Last step paid by one who decides to leave at each step, ``(steps,)``."""
    step = np.arange(steps)
    if offer.term == 0 or offer.on_leaving == "fee":
        return step
    if offer.renews:
        return (step // offer.term + 1) * offer.term - 1
    return np.maximum(step, offer.term - 1)


def fees(offer: Offer, steps: int) -> Floats:
    """Early-termination fee by step of decision, currency, ``(steps,)``."""
    if offer.term == 0 or offer.on_leaving == "hold":
        return np.zeros(steps)
    step = np.arange(steps)
    ends = (step // offer.term + 1) * offer.term if offer.renews else np.full(steps, offer.term)
    return np.asarray(offer.termination_fee * np.maximum(ends - 1 - step, 0))


def build_schedule(
    scenario: Scenario, table: CellTable, levers: Levers, intake: Intake
) -> tuple[Floats, Floats, Floats]:
    """Facts, schedule and active costs of all cells.

    Returns
    -------
    tuple
        ``Model.facts``, ``Model.schedule`` and ``Model.active_cost``.
    """
    horizon, cohorts = scenario.time.periods, levers.cohorts
    facts = np.zeros((cohorts.count, p.FACTS))
    schedule = np.zeros((cohorts.count, p.SCHEDULE, horizon + 1))
    costs = [own.active_cost for _, own in sorted(levers.programs.items())]
    active_cost = np.stack(costs) if costs else np.zeros((0, cohorts.count, horizon))

    facts[:, p.GROUP] = table.group
    facts[:, p.JOINED_IN] = cohorts.joined
    facts[:, p.START] = cohorts.start
    facts[:, p.STEPS] = np.maximum(horizon - cohorts.start, 0)
    facts[:, p.SOURCE] = np.array([group.kind for group in table.groups])[table.group]
    facts[:, p.LIMIT] = intake.limit
    facts[:, p.PROSPECTS] = intake.prospects
    facts[:, p.ACQUISITION_COST] = intake.cost
    facts[:, p.CALL_SHARE] = segment_facts(scenario, table, "call_share")
    facts[:, p.COST_SHARE] = segment_facts(scenario, table, "cost_share")

    inside = cohorts.period() < horizon
    schedule[:, p.PRICE, :horizon] = levers.price
    schedule[:, p.LET_OFF, :horizon] = levers.let_off
    multiplier = levers.hazard * price_response(scenario, table, levers)
    schedule[:, p.MULTIPLIER, :horizon] = np.where(inside, multiplier, 0.0)
    # The walk adds one step after another, starting from the tenure: the same order here, so
    # that both agree to the last bit.
    schedule[:, p.CUMULATED, 0] = cohorts.start - cohorts.joined
    schedule[:, p.CUMULATED, 1:] = schedule[:, p.MULTIPLIER, :horizon]
    schedule[:, p.CUMULATED] = np.cumsum(schedule[:, p.CUMULATED], axis=1)
    schedule[:, p.CUMULATED, :horizon] = schedule[:, p.CUMULATED, 1:]

    _margins(scenario, table, levers, active_cost, schedule)
    at_end = discounting(scenario)[_END]
    factor = period_factor(scenario)
    for cell in range(cohorts.count):
        steps = int(facts[cell, p.STEPS])
        if steps > 0:
            offer = table.groups[table.group[cell]].offer
            _decisions(offer, schedule[cell], steps, at_end)
            origin = float(cohorts.start[cell] - cohorts.joined[cell])
            facts[cell, p.GUIDE_SCALE] = build_guide(
                schedule[cell, p.CUMULATED], origin, steps, schedule[cell, p.GUIDE]
            )
            last = schedule[cell, :, steps - 1] / factor ** (steps - 1)
            facts[cell, p.RESIDUAL_UNIT] = last[p.UNIT_MARGIN]
            facts[cell, p.RESIDUAL_HEAD] = last[p.HEAD_MARGIN]
    return facts, schedule, active_cost


def _margins(
    scenario: Scenario, table: CellTable, levers: Levers, active_cost: Floats, schedule: Floats
) -> None:
    """Write the discounted margins by step and the margin of a call."""
    horizon = scenario.time.periods
    factors = discounting(scenario)
    receipt = factors[timing_index(None, scenario), :horizon]
    cost_share = segment_facts(scenario, table, "cost_share")[:, None]
    cost_to_serve = segment_facts(scenario, table, "cost_to_serve")[:, None]
    schedule[:, p.UNIT_MARGIN, :horizon] = (
        receipt * levers.price * (1.0 - levers.let_off - cost_share)
    )
    schedule[:, p.HEAD_MARGIN, :horizon] = -receipt * cost_to_serve
    for (_, own), costs in zip(sorted(levers.programs.items()), active_cost, strict=True):
        payment = factors[timing_index(own.timing, scenario), :horizon]
        schedule[:, p.HEAD_MARGIN, :horizon] -= payment * costs
    call_cost = segment_facts(scenario, table, "call_cost")[:, None]
    schedule[:, p.CALL_MARGIN, :horizon] = -factors[_END, :horizon] * call_cost


def _decisions(offer: Offer, row: Floats, steps: int, at_end: Floats) -> None:
    """Write one cell's values by step of decision; ``at_end (T + 1,)`` discounts period ends."""
    held = np.minimum(held_steps(offer, steps), steps)
    row[p.HELD, :steps] = held
    row[p.HELD, steps:] = steps
    row[p.FEE, :steps] = fees(offer, steps)
    row[p.LEAVING_MARGIN, :steps] = row[p.FEE, :steps] * at_end[:steps]
    last = np.append(np.minimum(held, steps - 1), steps - 1)
    row[p.UNIT_VALUE, : steps + 1] = np.cumsum(row[p.UNIT_MARGIN, :steps])[last]
    row[p.HEAD_VALUE, : steps + 1] = np.cumsum(row[p.HEAD_MARGIN, :steps])[last]
    row[p.HEAD_VALUE, :steps] += row[p.LEAVING_MARGIN, :steps]
