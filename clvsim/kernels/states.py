"""The loop over customers who move between states: a step at a time for a whole block, in cache.

One uniform a customer and period says where it goes, by inversion over the states from best to
worst. A hazard multiplier M turns the probability F of a state or a better one into ``F**M``: with
two states, *stays* and *lost*, this is the contract's ``exp(-hazard * M)``, and a lower multiplier
can only lead to a better state. Those who reach the state of the lost drop out of the block.
Whoever a personal program may reach is walked through alone, with the same numbers.
"""

import numpy as np

from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.kernels.bits import minus_log
from clvsim.kernels.customers import (
    TASK_CELL,
    TASK_CELL_END,
    TASK_ROW,
    add_up,
    close_cell,
    draw_adoptions,
    draw_block,
    is_empty,
    keep_survivors,
    whereabouts,
    write_rows,
)
from clvsim.kernels.inner import cached, inner
from clvsim.kernels.moves import bar_of, next_of, walk
from clvsim.kernels.random import fill_uniforms_of, occasion
from clvsim.kernels.tally import post_lives, post_programs, post_revenue
from clvsim.kernels.traits import TRAIT_COUNT


@inner
def gather_all(count, to, work):
    """Begin with all customers of a block in ``work.who``."""
    for i in range(count):
        work.who[m.PLACE, i], work.who[m.STATE, i] = i, int(to[m.STATE_OF, i])


@inner
def draw_moves(address, joined, tenure, is_first, count, to, work):
    """Exponentials of the moves at a tenure of the customers in ``work.who``, in their order.

    An even tenure and the next one share an address, and are the halves of its pair. Draws of the
    second half are kept from the step before, unless there was none (``is_first``).
    """
    seed, world, streams = address
    half, places, ranks = tenure % 2, work.who[m.PLACE], work.who[m.RANK]
    if is_first or half == 0:
        for i in range(count):
            ranks[i] = int(to[p.RANK, places[i]])
        fill_uniforms_of(
            seed, world, streams[p.STREAM_STATE], ranks, occasion(joined, tenure // 2), count,
            to[m.FIRST_HALF], to[m.SECOND_HALF],
        )  # fmt: skip
    # To a column of its own: where it might be that of the uniforms, the loop does not vectorise.
    u, exponential = to[m.FIRST_HALF + half], to[m.EXPONENTIAL]
    for i in range(count):
        exponential[i] = minus_log(u[i])


@inner
def set_bars(fall, states, multiplier, bars):
    """What exponentials must pass under a multiplier, ``bars (state, ...)``; as ``Wandering``."""
    for state in range(states):
        for better in range(bars.shape[1]):
            to_pass = better < states - 1
            bars[state, better] = bar_of(fall[state, better], multiplier) if to_pass else 0.0


@inner
def age(address, model, moving, cell, count, to, work):
    """Moves before the horizon of an installed base; ``THRESHOLD`` becomes -1 for the lost."""
    facts, own = model.facts[cell], moving.facts[cell]
    states, lost, begin = int(own[m.STATES]), int(own[m.LOST]), int(own[m.BEGIN])
    joined = int(facts[p.JOINED_IN])
    places, state_of = work.who[m.PLACE], work.who[m.STATE]
    exponential, second = to[m.EXPONENTIAL], to[m.SECOND_HALF]
    for i in range(count):
        to[m.STATE_OF, i], to[p.THRESHOLD, i] = begin, -1.0
    gather_all(count, to, work)
    there = count
    for tenure in range(int(facts[p.START]) - joined):
        fall, multiplier = moving.falls[int(own[m.TABLE])], moving.past[cell, tenure]
        set_bars(fall, states, multiplier, work.bars)
        draw_moves(address, joined, tenure, tenure == 0, there, to, work)
        kept = 0
        for i in range(there):
            state = next_of(work.bars, state_of[i], states, exponential[i])
            places[kept], state_of[kept], second[kept] = places[i], state, second[i]
            kept += 0 if state == lost else 1
        there = kept
    for i in range(there):
        to[m.STATE_OF, places[i]], to[p.THRESHOLD, places[i]] = state_of[i], 1.0


@inner
def step_on(address, model, moving, cell, step, count, to, work):
    """One step of the customers in ``work.who``; compress it to those not lost at its end.

    Posts where they are and what they bring in, and moves them, in one loop: with three, each
    finding its customers by their places, a block took half as long again.
    """
    facts, own, shared = model.facts[cell], moving.facts[cell], model.schedule[cell]
    states, lost, table = int(own[m.STATES]), int(own[m.LOST]), int(own[m.TABLE])
    joined, start = int(facts[p.JOINED_IN]), int(facts[p.START])
    brings, costs = moving.terms[table, m.BRINGS], moving.terms[table, m.COSTS]
    unit, head = shared[p.UNIT_MARGIN, step], shared[p.HEAD_MARGIN, step]
    payment = model.discounting[model.receipts, step]
    draw_moves(address, joined, start + step - joined, step == 0, count, to, work)
    set_bars(moving.falls[table], states, shared[p.MULTIPLIER, step], work.bars)
    counts, spent, bars = work.counts[step], work.spent[step], work.bars
    places, state_of = work.who[m.PLACE], work.who[m.STATE]
    exponential, second = to[m.EXPONENTIAL], to[m.SECOND_HALF]
    spend_of, value, decision = to[p.SPEND_OF], to[p.VALUE], to[p.DECISION]
    kept = 0
    for i in range(count):
        place, state = places[i], state_of[i]
        spend = spend_of[place]
        counts[state] += 1.0
        spent[state] += spend
        value[place] += spend * brings[state] * unit + head - payment * costs[state]
        # Of those who leave, it is the last.
        decision[place] = step
        state = next_of(bars, state, states, exponential[i])
        places[kept], state_of[kept], second[kept] = place, state, second[i]
        kept += 0 if state == lost else 1
    return kept


@inner
def live(address, model, moving, cell, count, to, work):
    """Lives and values of a block's customers, posted to the cell's sums by step and state."""
    steps, ahead = int(model.facts[cell, p.STEPS]), moving.ahead[cell]
    gather_all(count, to, work)
    for i in range(count):
        to[p.VALUE, i], to[p.RESIDUAL, i] = 0.0, 0.0
    there = count
    for step in range(steps):
        if there > 0:
            there = step_on(address, model, moving, cell, step, there, to, work)
    for i in range(there):
        place = work.who[m.PLACE, i]
        to[m.STATE_OF, place], to[p.DECISION, place] = work.who[m.STATE, i], steps
    if model.residual:
        factor = model.period_factor**steps
        for i in range(there):
            place = work.who[m.PLACE, i]
            state = int(to[m.STATE_OF, place])
            worth = to[p.SPEND_OF, place] * ahead[m.AHEAD_UNIT, state] + ahead[m.AHEAD_HEAD, state]
            to[p.RESIDUAL, place] = factor * worth


@inner
def live_all(address, model, moving, cell, count, block, adoptions, posts, work):
    """Lives of a block's customers, walked one by one where personal programs may reach them.

    ``adoptions`` are the block's; None as in ``customers.decide_all``.
    """
    if adoptions is not None and model.facts[cell, p.IS_PERSONAL] != 0.0:
        draw_adoptions(address, model, cell, count, block.customers, adoptions)
        walk_each(address, model, moving, cell, count, block, posts, work)
    else:
        live(address, model, moving, cell, count, block.customers, work)


@inner
def walk_each(address, model, moving, cell, count, block, posts, work):
    """Walk all customers of a block through their lives, one after the other."""
    seed, world, streams = address
    to = block.customers
    for i in range(count):
        who = (seed, world, streams, int(to[p.RANK, i]))
        person, state = (to[p.SPEND_OF, i], to[p.LIFT_OF, i]), int(to[m.STATE_OF, i])
        decision, value, extra, residual = walk(
            model, moving, cell, who, person, state, block.adoptions, i, block.scratch, posts, work
        )
        to[p.DECISION, i], to[p.RESIDUAL, i] = decision, residual
        to[p.VALUE, i] = value + extra


@inner
def post_cell(model, moving, cell, sums, work, slots, slot):
    """Turn one cell's sums into flows by period, and add them to a slot.

    The rows ``CUSTOMERS`` and ``SPENT`` of ``sums`` become, in place, those active at each step and
    what they bring in; contacts of states are added to ``LATER``.
    """
    start, later = int(model.facts[cell, p.START]), sums.by_step[p.LATER]
    states = int(moving.facts[cell, m.STATES])
    terms = moving.terms[int(moving.facts[cell, m.TABLE])]
    post_lives(model, cell, sums, slots, slot)
    for step in range(int(model.facts[cell, p.STEPS])):
        brought, contacts = 0.0, 0.0
        for state in range(states):
            brought += work.spent[step, state] * terms[m.BRINGS, state]
            contacts += work.counts[step, state] * terms[m.COSTS, state]
        post_revenue(model, cell, step, brought, sums, slots, slot)
        slots.flows[slot, p.STATE_CONTACTS, start + step] += contacts
        later[step] -= model.discounting[model.receipts, step] * contacts
    post_programs(model, cell, False, sums, slots, slot)


@inner
def run_cell(address, model, moving, cell, ranks, block, sums, work, slots, slot, place, out):
    """All customers of one cell between two ranks, a block at a time; returns their number."""
    facts, to = model.facts[cell], block.customers
    source, wanted = int(facts[p.SOURCE]), int(facts[p.LIMIT])
    rank, end = ranks
    begun, so_far, customers, done = 0.0, (0.0, 0.0, 0.0), 0, False
    while not done:
        count, begun, done = draw_block(address, model, cell, rank, end, begun, block)
        rank += count
        age(address, model, moving, cell, count, to, work)
        if source == p.SURVIVORS:
            count = keep_survivors(to, count, p.THRESHOLD, 0.0, wanted - customers)
            done = customers + count >= wanted
        elif source == p.FIXED:
            done = rank >= end
        live_all(address, model, moving, cell, count, block, block.adoptions, sums.posts, work)
        so_far = add_up(model, cell, count, so_far, to, sums, slots, slot)
        if out.shape[0] > 0:
            write_rows(model, cell, count, to, out[customers:])
        customers += count
    if customers > 0:
        post_cell(model, moving, cell, sums, work, slots, slot)
        close_cell(model, cell, place, customers, so_far, sums, slots, slot)
        work.counts[:] = 0.0
        work.spent[:] = 0.0
    return customers


def simulate_states(
    seed: np.uint64,
    tasks: p.Ints,
    size: int,
    model: p.Model,
    moving: m.Moving,
    slots: p.Slots,
    rows: p.Floats,
    *,
    walks: bool,
) -> None:
    """Run tasks of customers who move between states; as ``customers.simulate``."""
    horizon, states = slots.flows.shape[2], moving.falls.shape[1]
    personal = model.personal.shape[0]
    block, sums = p.scratch_of(m.BLOCK_COLUMNS, TRAIT_COUNT, size, personal, horizon, walks=walks)
    work = m.wandering_of(size, horizon, states, personal)
    run_states(seed, tasks, model, moving, slots, rows, block, sums, work)


@cached
def run_states(seed, tasks, model, moving, slots, rows, block, sums, work):
    """The loop of ``simulate_states``, without the global interpreter lock."""
    for task in range(tasks.shape[0]):
        first, row = tasks[task, TASK_CELL], tasks[task, TASK_ROW]
        for cell in range(first, tasks[task, TASK_CELL_END]):
            if is_empty(model, cell):
                continue
            address, ranks, out = whereabouts(seed, tasks[task], cell, row, model, rows)
            customers = run_cell(
                address, model, moving, cell, ranks, block, sums, work, slots, task, cell - first,
                out,
            )  # fmt: skip
            row = row + customers if row >= 0 else row
