"""Levers to schedules: everything that all customers of a cell share, step by step."""

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.acquisition import ends_at, let_off_by_tenure
from clvsim.engine.cells import CellTable, pasts, segment_facts
from clvsim.engine.intake import Intake
from clvsim.engine.shocks import Shocks
from clvsim.fields import Timing
from clvsim.kernels import plan as p
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
    multiplies the hazard by ``exp(sensitivity * rise)`` for some periods; rises add up. Of an
    installed base, those of its offer before the horizon are felt in it as long as any other.
    """
    paid = levers.price * (1.0 - levers.let_off)
    rise = np.zeros_like(paid)
    rise[:, 1:] = np.maximum(paid[:, 1:] - paid[:, :-1], 0.0)
    sensitivity = segment_facts(scenario, table, "price_rise_sensitivity")
    felt = segment_facts(scenario, table, "price_rise_periods").astype(int)
    log_multiplier = np.zeros_like(paid)
    for length in np.unique(felt):
        cells = felt == length
        # By rise, not by period after one: prices seldom rise, and may be felt for ever.
        for period in np.flatnonzero(rise[cells].any(axis=0))[::-1]:
            log_multiplier[cells, period : period + length] += rise[cells, period, None]
    for cell, group in enumerate(table.group.tolist()):
        tenure = int(levers.cohorts.start[cell] - levers.cohorts.joined[cell])
        if tenure > 0 and ends_at(table.groups[group].offer) > 0:
            let_off = let_off_by_tenure(table.groups[group].offer, tenure + 1)
            before = levers.price[cell, 0] * (1.0 - let_off)
            _add_earlier_rises(before, int(felt[cell]), log_multiplier[cell])
    return np.asarray(np.exp(np.minimum(sensitivity[:, None] * log_multiplier, _EVERYBODY)))


def _add_earlier_rises(paid: Floats, felt: int, log_multiplier: Floats) -> None:
    """Add the rises of one cell's price up to its first step, as far as they are felt from there.

    Parameters
    ----------
    paid : (tenure,)
        Share of the list price that was paid, and last what is paid in the first step.
    felt : int
        Periods that a rise is felt.
    log_multiplier : (step,)
        Written to.
    """
    for ago, rise in enumerate(np.diff(paid)[::-1][:felt].tolist()):
        if rise > 0.0:
            log_multiplier[: felt - ago] += rise


def held_steps(offer: Offer, steps: int, entered: int = 0) -> NDArray[np.int64]:
    """Last step paid by one who decides to leave at each step, ``(steps,)``.

    Parameters
    ----------
    entered : int
        Tenure at step 0, periods: above 0 of an installed base.
    """
    tenure = entered + np.arange(steps)
    if offer.term == 0 or offer.on_leaving == "fee":
        return tenure - entered
    if offer.renews:
        return (tenure // offer.term + 1) * offer.term - 1 - entered
    return np.maximum(tenure, offer.term - 1) - entered


def fees(offer: Offer, steps: int, entered: int = 0) -> Floats:
    """Early-termination fee by step of decision, currency, ``(steps,)``; as ``held_steps``."""
    if offer.term == 0 or offer.on_leaving == "hold":
        return np.zeros(steps)
    tenure = entered + np.arange(steps)
    ends = (tenure // offer.term + 1) * offer.term if offer.renews else np.full(steps, offer.term)
    left = np.maximum(ends - 1 - tenure, 0)
    due = np.where(left > 0, offer.flat_termination_fee, 0.0) + offer.termination_fee * left
    most = np.inf if offer.most_termination_fee is None else offer.most_termination_fee
    return np.asarray(np.minimum(due, most))


def build_schedule(
    scenario: Scenario, table: CellTable, levers: Levers, intake: Intake, shocks: Shocks
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

    lived = pasts(scenario, table)
    facts[:, p.ORIGIN] = np.array([past.sum() for past in lived])
    offers = [table.groups[group].offer for group in table.group]
    facts[:, p.OUTLASTED] = [
        past[: offer.let_go_by(len(past))].sum() for offer, past in zip(offers, lived, strict=True)
    ]

    inside = cohorts.period() < horizon
    period = np.minimum(cohorts.period(), horizon - 1)
    schedule[:, p.PRICE, :horizon] = levers.price
    schedule[:, p.VOLUME, :horizon] = levers.spend * shocks.spend[period]
    schedule[:, p.LET_OFF, :horizon] = levers.let_off
    schedule[:, p.FREE, :horizon] = levers.free
    facts[:, p.CLIPPED] = clipped(levers)
    multiplier = levers.hazard * price_response(scenario, table, levers)
    schedule[:, p.MULTIPLIER, :horizon] = np.where(inside, multiplier * shocks.hazard[period], 0.0)
    # The walk adds one step after another, starting from the origin: the same order here, so
    # that both agree to the last bit.
    schedule[:, p.CUMULATED, 0] = facts[:, p.ORIGIN]
    schedule[:, p.CUMULATED, 1:] = schedule[:, p.MULTIPLIER, :horizon]
    schedule[:, p.CUMULATED] = np.cumsum(schedule[:, p.CUMULATED], axis=1)
    schedule[:, p.CUMULATED, :horizon] = schedule[:, p.CUMULATED, 1:]

    factors = discounting(scenario)
    volume = schedule[:, p.VOLUME, :horizon]
    unit, head, worth = margins(scenario, table, levers, volume, factors[:, :horizon])
    schedule[:, p.UNIT_MARGIN, :horizon], schedule[:, p.HEAD_MARGIN, :horizon] = unit, head
    schedule[:, p.WORTH, :horizon] = worth
    schedule[:, p.UNIT_BEFORE, 1:] = np.cumsum(unit, axis=1)
    schedule[:, p.WORTH_BEFORE, 1:] = np.cumsum(worth, axis=1)
    call_cost = segment_facts(scenario, table, "call_cost")[:, None]
    schedule[:, p.CALL_MARGIN, :horizon] = -factors[_END, :horizon] * call_cost
    entered = cohorts.start - cohorts.joined
    for index, group in enumerate(table.groups):
        own = (table.group == index) & (facts[:, p.STEPS] > 0.0)
        # Without a term nothing of a decision depends on the tenure.
        at = entered if group.offer.term > 0 else np.zeros_like(entered)
        for tenure in np.unique(at[own]).tolist():
            cells = np.flatnonzero(own & (at == tenure))
            steps = facts[cells, p.STEPS].astype(np.int64)
            schedule[cells] = _with_decisions(
                group.offer, schedule[cells], steps, factors[_END], tenure
            )
    for cell in np.flatnonzero(facts[:, p.STEPS] > 0.0):
        steps, origin = int(facts[cell, p.STEPS]), float(facts[cell, p.ORIGIN])
        facts[cell, p.GUIDE_SCALE] = fill_guide(
            schedule[cell, p.CUMULATED], origin, steps, schedule[cell, p.GUIDE]
        )
    return facts, schedule, active_cost


def margins(
    scenario: Scenario, table: CellTable, levers: Levers, volume: Floats, factors: Floats
) -> tuple[Floats, Floats, Floats]:
    """Margin per unit of spend and per head, and the worth of a unit, currency, ``(cell, step)``.

    Costs follow what is bought, not its price; royalties follow what is paid for it. The worth of a
    unit of spend is what it brings in at the price list, less royalties: that of a share let off.

    Parameters
    ----------
    levers : Levers
    volume : (cell, step)
        Multiplier of spend.
    factors : (timing, step) or (timing, 1)
        Discount factors.
    """
    receipt = factors[timing_index(None, scenario)]
    cost_share = segment_facts(scenario, table, "cost_share")[:, None]
    kept = 1.0 - segment_facts(scenario, table, "royalty_share")[:, None]
    cost_to_serve = segment_facts(scenario, table, "cost_to_serve")[:, None]
    unit = receipt * volume * (levers.price * (1.0 - levers.let_off) * kept - cost_share)
    head = np.zeros_like(unit) - receipt * cost_to_serve
    for _, own in sorted(levers.programs.items()):
        head -= factors[timing_index(own.timing, scenario)] * own.active_cost
    return unit, head, receipt * volume * levers.price * kept


def clipped(levers: Levers) -> NDArray[np.int64]:
    """Step from which on nobody can be let off more than the whole price, ``(cell,)``."""
    programs = sum(own.personal.concession for _, _, own in levers.personal() if own.personal)
    beyond = levers.let_off + programs > 1.0
    steps = np.arange(1, beyond.shape[1] + 1)
    return np.asarray((beyond * steps).max(axis=1, initial=0))


def _with_decisions(
    offer: Offer, rows: Floats, steps: NDArray[np.int64], at_end: Floats, entered: int
) -> Floats:
    """Values by step of decision of one group's cells, written into its schedule.

    Parameters
    ----------
    offer : Offer
    rows : (cell, row, T + 1)
        The cells' part of ``Model.schedule``; written to.
    steps : (cell,)
        At least 1.
    at_end : (T + 1,)
        Discount factors of period ends.
    entered : int
        Tenure of the cells at step 0.
    """
    horizon = rows.shape[2] - 1
    step, last = np.arange(horizon + 1), steps[:, None]
    until = held_steps(offer, horizon + 1, entered)
    held = np.where(step < last, np.minimum(until, last), last)
    fee = np.where(step < last, fees(offer, horizon + 1, entered), 0.0)
    rows[:, p.HELD], rows[:, p.FEE] = held, fee
    overtime = until + 1 - last
    rows[:, p.OVERTIME] = np.where(step < last, np.maximum(overtime, 0), 0)
    rows[:, p.LEAVING_MARGIN] = fee * at_end
    paid = np.minimum(held, last - 1)
    for value, margin in ((p.UNIT_VALUE, p.UNIT_MARGIN), (p.HEAD_VALUE, p.HEAD_MARGIN)):
        summed = np.cumsum(rows[:, margin, :horizon], axis=1)
        rows[:, value] = np.where(step <= last, np.take_along_axis(summed, paid, axis=1), 0.0)
    rows[:, p.HEAD_VALUE] += rows[:, p.LEAVING_MARGIN]
    return rows


def fill_guide(cumulated: Floats, origin: float, steps: int, guide: Floats) -> float:
    """Fill one cell's ``guide (bucket,)``: where the search for a step may begin.

    Returns its scale, buckets per unit of the cumulated multiplier.
    """
    span = cumulated[steps - 1] - origin
    if not span > 0.0:
        return 0.0
    scale = float((guide.size - 1) / span)
    reached = origin + np.arange(guide.size) / scale
    guide[:] = np.minimum(np.searchsorted(cumulated[:steps], reached, side="right"), steps - 1)
    return scale
