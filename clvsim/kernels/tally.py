"""Adding up: the histogram of customer values, and a cell's sums turned into flows by period."""

import numpy as np

from clvsim.kernels import plan as p
from clvsim.kernels.bits import float_bits
from clvsim.kernels.inner import inlined, inner, scalar
from clvsim.kernels.plan import Floats

#: Bins per octave, 64: the edges of a bin differ by at most 1/64 (1.6 %).
BIN_BITS = 6
_PER_OCTAVE = 1 << BIN_BITS
_OCTAVES = 44
_LOWEST_EXPONENT = 1023 - 14
_SIDE = _OCTAVES * _PER_OCTAVE
#: Negative values, zero (and all within 2**-14 of it), positive values.
BINS = 2 * _SIDE + 1
ZERO_BIN = _SIDE


@scalar
def bin_of(value):
    """Histogram bin of a value: sign, octave and 1/64 of the octave; ends are clamped."""
    bits = float_bits(abs(value))
    place = ((bits >> (52 - BIN_BITS)) - (_LOWEST_EXPONENT << BIN_BITS)) + 1
    place = min(max(place, 0), _SIDE)
    return ZERO_BIN + place if value >= 0.0 else ZERO_BIN - place


def bin_edges() -> Floats:
    """Lower edges of the bins and the upper edge of the last, ``(BINS + 1,)``, ascending."""
    exponents = np.arange(_SIDE + 1) // _PER_OCTAVE + _LOWEST_EXPONENT - 1023
    fractions = 1.0 + (np.arange(_SIDE + 1) % _PER_OCTAVE) / _PER_OCTAVE
    positive = fractions * 2.0**exponents
    return np.concatenate([-positive[::-1], positive])


@inner
def post_cell(model, cell, sums, slots, slot):
    """Turn one cell's sums by step of decision into flows by period, and add them to a slot.

    The rows ``CUSTOMERS`` and ``SPENT`` of ``sums`` become, in place, those active at each step;
    the amounts on leaving are added to ``LATER``.
    """
    facts, schedule = model.facts[cell], model.schedule[cell]
    steps, start, joined = int(facts[p.STEPS]), int(facts[p.START]), int(facts[p.JOINED_IN])
    customers, spend, later = sums.by_step[0], sums.by_step[1], sums.by_step[2]
    flows, horizon = slots.flows[slot], slots.flows.shape[2]
    joins = 0.0
    for step in range(steps + 1):
        joins += customers[step]
    if int(facts[p.SOURCE]) != p.SURVIVORS:
        flows[p.JOINED, start] += joins

    # Those that can decide to leave and those that do, by tenure: before a contract holds them.
    # Among those who leave an installed base first may be some who had decided before.
    alive, tenure = joins, start - joined
    unseen = 1 if facts[p.OUTLASTED] < facts[p.ORIGIN] else 0
    for step in range(steps):
        if tenure + step < horizon and step >= unseen:
            flows[p.AT_RISK, tenure + step] += alive
            flows[p.DECIDED, tenure + step] += customers[step]
        alive -= customers[step]

    # A decision is carried out at the last step paid.
    for step in range(steps - 1, -1, -1):
        flows[p.FEES, start + step] += customers[step] * schedule[p.FEE, step]
        later[step] += customers[step] * schedule[p.LEAVING_MARGIN, step]
        paid = int(schedule[p.HELD, step])
        if paid != step:
            customers[paid] += customers[step]
            spend[paid] += spend[step]
            customers[step] = 0.0
            spend[step] = 0.0
    active, spent = customers[steps], spend[steps]
    for step in range(steps - 1, -1, -1):
        period = start + step
        flows[p.LEFT, period] += customers[step]
        active += customers[step]
        spent += spend[step]
        customers[step] = active
        spend[step] = spent
        flows[p.ACTIVE, period] += active
        post_spend(model, cell, step, spent, slots, slot)
    post_programs(model, cell, True, sums, slots, slot)


@inner
def post_lives(model, cell, sums, slots, slot):
    """Add one cell's customers by step to a slot, where nothing holds whoever decides to leave.

    The row ``CUSTOMERS`` of ``sums`` becomes, in place, those active at each step.
    """
    facts, customers = model.facts[cell], sums.by_step[p.CUSTOMERS]
    steps, start, joined = int(facts[p.STEPS]), int(facts[p.START]), int(facts[p.JOINED_IN])
    flows, horizon, tenure = slots.flows[slot], slots.flows.shape[2], start - joined
    alive = 0.0
    for step in range(steps + 1):
        alive += customers[step]
    if int(facts[p.SOURCE]) != p.SURVIVORS:
        flows[p.JOINED, start] += alive
    for step in range(steps):
        leaving = customers[step]
        if tenure + step < horizon:
            flows[p.AT_RISK, tenure + step] += alive
            flows[p.DECIDED, tenure + step] += leaving
        flows[p.LEFT, start + step] += leaving
        flows[p.ACTIVE, start + step] += alive
        customers[step] = alive
        alive -= leaving


@inlined
def post_spend(model, cell, step, amount, slots, slot):
    """Add what is spent in a step, at the price list of the start, to a slot's flows."""
    schedule, flows = model.schedule[cell], slots.flows[slot]
    period = int(model.facts[cell, p.START]) + step
    volume = amount * schedule[p.VOLUME, step]
    listed = volume * schedule[p.PRICE, step]
    flows[p.VOLUMES, period] += volume
    flows[p.LIST_REVENUE, period] += listed
    flows[p.DISCOUNT, period] += listed * (schedule[p.LET_OFF, step] - schedule[p.FREE, step])
    flows[p.GIVEN_FREE, period] += listed * schedule[p.FREE, step]


@inlined
def post_revenue(model, cell, step, amount, sums, slots, slot):
    """Add what one cell's customers spend in a step, at the price list, to a slot."""
    sums.by_step[p.SPENT, step] = amount
    post_spend(model, cell, step, amount, slots, slot)


@inner
def post_programs(model, cell, spends_on, sums, slots, slot):
    """Add one cell's program flows by step to a slot (``CUSTOMERS``: those active)."""
    post_active(model, cell, sums, slots, slot)
    post_members(model, cell, spends_on, sums, sums.posts, slots, slot)


@inner
def post_members(model, cell, spends_on, sums, posts, slots, slot):
    """Add one cell's flows under personal programs to a slot; ``posts``: of ``sums``, or None."""
    if posts is not None:
        for row in range(model.personal.shape[0]):
            post_personal(model, cell, row, sums, slots, slot)
        post_effects(model, cell, spends_on, sums, slots, slot)


@inner
def clear(posts):
    """Forget a cell's posts, if there are any."""
    if posts is not None:
        posts[:] = 0.0


@inner
def post_active(model, cell, sums, slots, slot):
    """Add the programs' costs per active customer of one cell to a slot."""
    start, steps = int(model.facts[cell, p.START]), int(model.facts[cell, p.STEPS])
    active = sums.by_step[p.CUSTOMERS]
    for program in range(model.active_cost.shape[0]):
        to = slots.program_flows[slot, program, p.ACTIVE_COST]
        for step in range(steps):
            to[start + step] += active[step] * model.active_cost[program, cell, step]


@inner
def post_personal(model, cell, row, sums, slots, slot):
    """Add one personal program's posts of a cell to a slot, its margin per head to ``LATER``."""
    facts, terms = model.facts[cell], model.personal[row]
    start, steps = int(facts[p.START]), int(facts[p.STEPS])
    posts, later, heads = sums.posts[row], sums.by_step[p.LATER], model.gates[row, p.EFFECT_HEAD]
    to, members = slots.program_flows[slot, int(terms[p.PROGRAM])], 0.0
    for step in range(steps):
        period = start + step
        contacts, entries = posts[p.POST_CONTACTS, step], posts[p.POST_ENTRIES, step]
        members += posts[p.POST_MEMBERS, step]
        to[p.CONTACTS, period] += contacts
        to[p.ENTRIES, period] += entries
        to[p.MEMBERS, period] += members
        payment = model.discounting[int(terms[p.TIMING]), step]
        costs = contacts * terms[p.CONTACT_COST] + entries * terms[p.ENTRY_COST]
        later[step] += members * (heads[cell, step + 1] - heads[cell, step]) - payment * costs


@inner
def post_effects(model, cell, spends_on, sums, slots, slot):
    """Add what all effects change of a cell's spending to a slot, and its margin to ``LATER``.

    Under a contract customers spend on as long as effects last (``spends_on``); purchases are
    posted one by one.
    """
    schedule, steps = model.schedule[cell], int(model.facts[cell, p.STEPS])
    start, flows = int(model.facts[cell, p.START]), slots.flows[slot]
    posts, later = sums.posts[-1], sums.by_step[p.LATER]
    under, grown, conceded = 0.0, 0.0, 0.0
    for step in range(steps):
        under += posts[p.POST_UNDER, step]
        if not spends_on:
            grown, conceded = posts[p.POST_GROWN, step], posts[p.POST_CONCEDED, step]
        elif under > 0.0:
            grown += posts[p.POST_GROWN, step]
            conceded += posts[p.POST_CONCEDED, step]
        else:
            # Nobody spends nothing: no rounding is left of those who are gone.
            grown, conceded = 0.0, 0.0
        if grown != 0.0 or conceded != 0.0:
            post_spend(model, cell, step, grown, slots, slot)
            listed = conceded * schedule[p.VOLUME, step] * schedule[p.PRICE, step]
            flows[p.CONCEDED, start + step] += listed
            later[step] += (
                grown * schedule[p.UNIT_MARGIN, step] - conceded * schedule[p.WORTH, step]
            )


@inner
def post_equity(model, cell, sums, ending, slots, slot):
    """Add one cell's value of all later margin to the slot's equity by period.

    ``sums`` holds active customers and their spend by step (after ``post_cell``); ``ending`` is the
    cell's discounted residual value, currency.
    """
    start = int(model.facts[cell, p.START])
    schedule, by_step = model.schedule[cell], sums.by_step
    to_origin = model.period_factor**start
    value = ending
    for step in range(int(model.facts[cell, p.STEPS]) - 1, -1, -1):
        slots.flows[slot, p.EQUITY, start + step] += to_origin * value
        value += (
            by_step[p.SPENT, step] * schedule[p.UNIT_MARGIN, step]
            + by_step[p.CUSTOMERS, step] * schedule[p.HEAD_MARGIN, step]
            + by_step[p.LATER, step]
        )
