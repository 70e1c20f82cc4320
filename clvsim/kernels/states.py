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
from clvsim.kernels.moves import next_state, walk
from clvsim.kernels.random import fill_uniforms_of, occasion, uniform_pair
from clvsim.kernels.tally import post_active, post_lives, post_personal, post_revenue
from clvsim.kernels.traits import TRAIT_COUNT


@inner
def age(address, model, moving, cell, count, to):
    """Moves before the horizon of an installed base; ``THRESHOLD`` becomes -1 for the lost."""
    seed, world, streams = address
    facts, own = model.facts[cell], moving.facts[cell]
    states, lost = int(own[m.STATES]), int(own[m.LOST])
    fall, joined = moving.falls[int(own[m.TABLE])], int(facts[p.JOINED_IN])
    tenure = int(facts[p.START]) - joined
    for i in range(count):
        state, rank = int(own[m.BEGIN]), int(to[p.RANK, i])
        for when in range(tenure):
            u, _ = uniform_pair(seed, world, streams[p.STREAM_STATE], rank, occasion(joined, when))
            state = next_state(fall, state, states, minus_log(u), model.past[cell, when])
            if state == lost:
                break
        to[m.STATE_OF, i] = state
        to[p.THRESHOLD, i] = -1.0 if state == lost else 1.0


@inner
def post_step(model, moving, cell, step, count, to, work):
    """Post one step of the customers in ``work.who``: where they are and what they bring in."""
    terms = moving.terms[int(moving.facts[cell, m.TABLE])]
    brings, costs, places = terms[m.BRINGS], terms[m.COSTS], work.who[m.PLACE]
    unit = model.schedule[cell, p.UNIT_MARGIN, step]
    head = model.schedule[cell, p.HEAD_MARGIN, step]
    payment = model.discounting[model.receipts, step]
    counts, spent = work.counts[step], work.spent[step]
    state_of, spend_of, value = to[m.STATE_OF], to[p.SPEND_OF], to[p.VALUE]
    for i in range(count):
        place = places[i]
        state, spend = int(state_of[place]), spend_of[place]
        counts[state] += 1.0
        spent[state] += spend
        value[place] += spend * brings[state] * unit + head - payment * costs[state]


@inner
def move(address, model, moving, cell, step, count, to, work):
    """Move the customers in ``work.who`` at a step's end; compress it to those not lost."""
    seed, world, streams = address
    facts, own = model.facts[cell], moving.facts[cell]
    states, lost = int(own[m.STATES]), int(own[m.LOST])
    fall, multiplier = moving.falls[int(own[m.TABLE])], model.schedule[cell, p.MULTIPLIER, step]
    joined, places, ranks = int(facts[p.JOINED_IN]), work.who[m.PLACE], work.who[m.RANK]
    when = occasion(joined, int(facts[p.START]) + step - joined)
    stream, u = streams[p.STREAM_STATE], to[m.MOVE]
    fill_uniforms_of(seed, world, stream, ranks, when, count, u, to[m.SPARE_HALF])
    for i in range(count):
        u[i] = minus_log(u[i])
    state_of, decision, kept = to[m.STATE_OF], to[p.DECISION], 0
    for i in range(count):
        place = places[i]
        state = next_state(fall, int(state_of[place]), states, u[i], multiplier)
        state_of[place] = state
        decision[place] = step if state == lost else decision[place]
        places[kept], ranks[kept] = place, ranks[i]
        kept += 0 if state == lost else 1
    return kept


@inner
def live(address, model, moving, cell, count, to, work):
    """Lives and values of a block's customers, posted to the cell's sums by step and state."""
    steps, ahead = int(model.facts[cell, p.STEPS]), moving.ahead[cell]
    for i in range(count):
        work.who[m.PLACE, i], work.who[m.RANK, i] = i, int(to[p.RANK, i])
        to[p.DECISION, i], to[p.VALUE, i], to[p.RESIDUAL, i] = steps, 0.0, 0.0
    there, step = count, 0
    while step < steps and there > 0:
        post_step(model, moving, cell, step, there, to, work)
        there = move(address, model, moving, cell, step, there, to, work)
        step += 1
    if model.residual:
        factor = model.period_factor**steps
        for i in range(there):
            place = work.who[m.PLACE, i]
            state = int(to[m.STATE_OF, place])
            worth = to[p.SPEND_OF, place] * ahead[m.AHEAD_UNIT, state] + ahead[m.AHEAD_HEAD, state]
            to[p.RESIDUAL, place] = factor * worth


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
    post_active(model, cell, sums, slots, slot)
    for row in range(model.personal.shape[0]):
        post_personal(model, cell, row, False, sums, slots, slot)


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
        age(address, model, moving, cell, count, to)
        if source == p.SURVIVORS:
            count = keep_survivors(to, count, p.THRESHOLD, 0.0, wanted - customers)
            done = customers + count >= wanted
        elif source == p.FIXED:
            done = rank >= end
        if facts[p.IS_PERSONAL] != 0.0:
            draw_adoptions(address, model, cell, count, to, block.adoptions)
            walk_each(address, model, moving, cell, count, block, sums.posts, work)
        else:
            live(address, model, moving, cell, count, to, work)
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
) -> None:
    """Run tasks of customers who move between states; as ``customers.simulate``."""
    horizon, states = slots.flows.shape[2], moving.falls.shape[1]
    personal = model.personal.shape[0]
    block = p.Block(
        np.zeros((m.BLOCK_COLUMNS, size)),
        np.zeros((TRAIT_COUNT, size)),
        np.zeros((p.SCRATCH, max(TRAIT_COUNT, personal))),
        np.zeros((personal + 1, size)),
    )
    sums = p.CellSums(np.zeros((3, horizon + 1)), np.zeros((personal, p.POSTS, horizon + 1)))
    work = m.Wandering(
        who=np.zeros((2, size), dtype=np.int64),
        counts=np.zeros((horizon + 1, states)),
        spent=np.zeros((horizon + 1, states)),
        odds=np.zeros((states, states)),
        system=np.zeros((states, states + 1)),
        margins=np.zeros(states),
        column=np.zeros(states),
    )
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
