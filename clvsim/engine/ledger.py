"""From flows to accounts: every amount of a world, signed, by account and period."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvsim.accounts import ACCOUNT_INDEX, ACCOUNTS
from clvsim.engine.compile import Compiled
from clvsim.engine.schedule import TIMINGS, discounting, period_factor, timing_index
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from clvsim.scenario.money import MoneyRules

Floats = NDArray[np.float64]
_START, _END = TIMINGS.index("start"), TIMINGS.index("end")


@dataclass(frozen=True)
class Ledger:
    """Amounts of some worlds.

    Attributes
    ----------
    cash : (world, account, T)
        Signed, undiscounted, currency.
    present : (world, account)
        Signed, at time 0, currency; with what lies beyond the horizon.
    program_cost : (world, program, T)
        What each program costs (negative), currency; price let off is not a cost.
    """

    cash: Floats
    present: Floats
    program_cost: Floats


class _Book:
    """Collects postings of some worlds."""

    def __init__(self, worlds: int, periods: int, factors: Floats) -> None:
        self.cash = np.zeros((worlds, len(ACCOUNTS), periods))
        self.present = np.zeros((worlds, len(ACCOUNTS)))
        self.factors = factors[:, :periods]

    def post(self, account: str, timing: int, amount: Floats) -> None:
        """Add amounts ``(world, T)`` or ``(T,)`` (positive as the account's name says)."""
        index = ACCOUNT_INDEX[account]
        signed = ACCOUNTS[index].sign * amount
        self.cash[:, index] += signed
        self.present[:, index] += (signed * self.factors[timing]).sum(axis=-1)


def keep_ledger(
    compiled: Compiled,
    flows: Floats,
    program_flows: Floats,
    residual: Floats,
    undecided: Floats,
) -> Ledger:
    """Accounts of some worlds from their flows.

    Parameters
    ----------
    flows : (world, group, flow, T)
    program_flows : (world, group, program, flow, T)
    residual, undecided : (world,)
        Discounted residual value, and that of those who join after the horizon, currency.
    """
    scenario = compiled.scenario
    book = _Book(len(flows), scenario.time.periods, discounting(scenario))
    _post_customers(compiled, book, flows)
    for spend in compiled.intake.spend.values():
        book.post("channel_spend", _START, spend)
    _post_overheads(scenario, book)
    program_cost = (
        np.stack(
            [
                _post_program(compiled, book, index, program_flows[:, :, index])
                for index in range(len(compiled.programs))
            ],
            axis=1,
        )
        if compiled.programs
        else np.zeros((len(flows), 0, scenario.time.periods))
    )
    book.present[:, ACCOUNT_INDEX["residual_value"]] = residual
    book.present[:, ACCOUNT_INDEX["undecided_value"]] = undecided
    return Ledger(book.cash, book.present, program_cost)


def fixed_costs(money: MoneyRules, periods: int) -> Floats:
    """Fixed costs by period, currency, ``(T,)``."""
    if isinstance(money.fixed_costs, tuple):
        costs = np.zeros(periods)
        given = money.fixed_costs[:periods]
        costs[: len(given)] = given
        return costs
    return np.full(periods, money.fixed_costs)


def ledger_of_nobody(scenario: Scenario, worlds: int) -> tuple[Floats, Floats]:
    """``Ledger.cash`` and ``Ledger.present`` of a scenario without customers or programs."""
    book = _Book(worlds, scenario.time.periods, discounting(scenario))
    _post_overheads(scenario, book)
    return book.cash, book.present


def fixed_costs_beyond(scenario: Scenario) -> float:
    """Fixed costs that go on beyond the horizon for ever, at time 0, currency.

    Those of the last period, of the business and of the programs without a last period: a
    perpetuity from period ``T`` on is ``cost * factor(T) / (1 - period_factor)``.
    """
    if not scenario.money.fixed_costs_beyond:
        return 0.0
    periods = scenario.time.periods
    from_end_on = discounting(scenario)[:, periods] / (1.0 - period_factor(scenario))
    business = float(fixed_costs(scenario.money, periods)[-1])
    total = business * float(from_end_on[timing_index(None, scenario)])
    for _, program in scenario.enabled_programs():
        if program.last is None:
            total += program.fixed_cost * float(from_end_on[timing_index(program.timing, scenario)])
    return total


def _post_overheads(scenario: Scenario, book: _Book) -> None:
    """Post the fixed costs of the business, and all that go on beyond the horizon."""
    costs = fixed_costs(scenario.money, scenario.time.periods)
    book.post("fixed_costs", timing_index(None, scenario), costs)
    book.present[:, ACCOUNT_INDEX["fixed_costs_beyond"]] -= fixed_costs_beyond(scenario)


def _post_customers(compiled: Compiled, book: _Book, flows: Floats) -> None:
    """Post what customers pay and what it costs to serve them."""
    scenario, receipts = compiled.scenario, compiled.model.receipts
    segments = [scenario.segments[group.segment] for group in compiled.table.groups]
    offers = [group.offer for group in compiled.table.groups]

    def summed(flow: int, weights: list[float]) -> Floats:
        # Group after group in a fixed order: a matrix product may add in any.
        total = np.zeros_like(flows[:, 0, flow])
        for group, weight in enumerate(weights):
            total += weight * flows[:, group, flow]
        return total

    ones = [1.0] * len(segments)
    book.post("list_revenue", receipts, summed(p.LIST_REVENUE, ones))
    book.post("introductory_discounts", receipts, summed(p.DISCOUNT, ones))
    book.post("free_periods", receipts, summed(p.GIVEN_FREE, ones))
    book.post("concessions", receipts, summed(p.CONCEDED, ones))
    book.post("termination_fees", _END, summed(p.FEES, ones))
    shares = [segment.cost_share for segment in segments]
    book.post("cost_of_sales", receipts, summed(p.VOLUMES, shares))
    owed = [segment.royalty_share for segment in segments]
    let_off = sum(summed(flow, owed) for flow in (p.DISCOUNT, p.GIVEN_FREE, p.CONCEDED))
    book.post("royalties", receipts, summed(p.LIST_REVENUE, owed) - let_off)
    serving = [segment.cost_to_serve for segment in segments]
    book.post("cost_to_serve", receipts, summed(p.ACTIVE, serving))
    each = [float(getattr(segment, "cost_per_purchase", 0.0)) for segment in segments]
    book.post("cost_to_serve", receipts, summed(p.PURCHASES, each))
    calls = [float(getattr(segment, "call_cost", 0.0)) for segment in segments]
    book.post("cancellation_calls", _END, summed(p.CALLS, calls))
    book.post("gifts", _START, summed(p.JOINED, [offer.gift for offer in offers]))
    equipment = [offer.equipment_subsidy for offer in offers]
    book.post("equipment", _START, summed(p.JOINED, equipment))
    book.post("contacts", receipts, summed(p.STATE_CONTACTS, ones))


def _post_program(compiled: Compiled, book: _Book, index: int, flows: Floats) -> Floats:
    """Post one program from its flows ``(world, group, flow, T)``; returns what it costs."""
    own = compiled.levers.programs[compiled.programs[index]]
    timing = timing_index(own.timing, compiled.scenario)
    total = np.zeros(flows.shape[:1] + flows.shape[2:])
    for group in range(flows.shape[1]):
        total += flows[:, group]
    rows = compiled.model.personal
    row = rows[rows[:, p.PROGRAM] == index]
    terms = row[0] if len(row) else np.zeros(p.PERSONAL_COLUMNS)
    is_treatment = bool(len(row)) and terms[p.KIND] == p.TREATMENT
    entries = terms[p.ENTRY_COST] * total[:, p.ENTRIES]
    members = terms[p.COST] * total[:, p.MEMBERS] + total[:, p.ACTIVE_COST]
    contacts = terms[p.CONTACT_COST] * total[:, p.CONTACTS]
    leads = np.zeros(own.fixed_cost.shape)
    np.add.at(
        leads,
        np.maximum(compiled.table.joined, 0),
        own.lead_cost * compiled.intake.prospects,
    )
    book.post("add_on_revenue", compiled.model.receipts, terms[p.REVENUE] * total[:, p.MEMBERS])
    book.post("incentives" if is_treatment else "member_costs", timing, entries)
    book.post("member_costs", timing, members)
    book.post("contacts", timing, contacts)
    book.post("lead_costs", timing, leads)
    book.post("campaigns" if own.acquires else "program_costs", timing, own.fixed_cost)
    cost: Floats = -(entries + members + contacts + leads + own.fixed_cost)
    return cost
