"""The one loop over customers: a block at a time from joining to horizon, in cache.

A task is a run of cells of one group in one world, or a run of ranks of one large cell. Each
task adds to a slot of its own in order of rank, and the slots are summed in order of tasks: the
result does not depend on threads, on the size of a block or on the order of execution.
"""

import math

import numpy as np
from numba import njit

from clvsim.kernels import plan as p
from clvsim.kernels.acquisition import arrivals, enough
from clvsim.kernels.contract import decision_step, residual_value, walk
from clvsim.kernels.random import fill_uniforms, occasion
from clvsim.kernels.tally import bin_of, post_cell, post_equity
from clvsim.kernels.traits import (
    CHURN,
    CONSTANT,
    KEENNESS,
    LIFT,
    SPEND,
    TRAIT_COUNT,
    correlate,
    fill_trait,
    is_correlated,
)

#: Columns of ``tasks``.
TASK_WORLD, TASK_CELL, TASK_CELL_END, TASK_RANK, TASK_RANK_END, TASK_ROW = range(6)
TASK_COLUMNS = 6
#: A rank end that no cell reaches: the cell's own limit ends it.
NO_END = 2**32 - 1


@njit
def draw_traits(address, model, cell, first_rank, count, keen, block):
    """Hazard, spend and lift of ``count`` customers from a rank on, into the block.

    ``keen`` says whether the keenness quantiles already stand in ``block.uniforms[KEENNESS]``.
    """
    seed, world, streams = address
    group, traits = int(model.facts[cell, p.GROUP]), model.traits
    when = occasion(int(model.facts[cell, p.JOINED_IN]), 0)
    u, to = block.uniforms, block.customers
    fill_uniforms(
        seed, world, streams[p.STREAM_TRAITS], first_rank, when, count, u[CHURN], u[SPEND]
    )
    correlated = is_correlated(traits, group)
    if correlated or int(traits.spec[group, LIFT, 0]) != CONSTANT:
        keenness = to[p.SPARE] if keen else u[KEENNESS]
        more = streams[p.STREAM_MORE_TRAITS]
        fill_uniforms(seed, world, more, first_rank, when, count, u[LIFT], keenness)
    if correlated:
        correlate(traits, group, count, block.scratch[0], u)
    fill_trait(traits, group, CHURN, count, u[CHURN], to[p.RATE])
    fill_trait(traits, group, SPEND, count, u[SPEND], to[p.SPEND_OF])
    fill_trait(traits, group, LIFT, count, u[LIFT], to[p.LIFT_OF])


@njit
def draw_lives(address, joined, first_rank, count, to):
    """Thresholds (in units of the cumulated multiplier) of a block's lives, and call uniforms."""
    seed, world, streams = address
    fill_uniforms(
        seed, world, streams[p.STREAM_LIFE], first_rank, occasion(joined, 0), count,
        to[p.LIFE], to[p.CALL],
    )  # fmt: skip
    for i in range(count):
        to[p.RANK, i] = first_rank + i
        rate = to[p.RATE, i]
        to[p.THRESHOLD, i] = -math.log(to[p.LIFE, i]) / rate if rate > 0.0 else math.inf


@njit
def keep_survivors(to, count, tenure, wanted):
    """Compress a block to those whose life passes ``tenure`` periods, ``wanted`` at most."""
    kept = 0
    for i in range(count):
        if kept < wanted and to[p.THRESHOLD, i] >= tenure:
            for column in range(p.BLOCK_COLUMNS):
                to[column, kept] = to[column, i]
            kept += 1
    return kept


@njit
def live(address, model, cell, count, block, sums, slots, slot, out):
    """Lives and values of a block's customers, posted to the cell's sums and the slot.

    ``out`` is the rows to write customers to (none, or ``(count, column)``). Returns the block's
    summed value and residual value, discounted to joining.
    """
    facts, schedule, to = model.facts[cell], model.schedule[cell], block.customers
    steps, start = int(facts[p.STEPS]), int(facts[p.START])
    origin = facts[p.START] - facts[p.JOINED_IN]
    cumulated, guide, scale = schedule[p.CUMULATED], schedule[p.GUIDE], facts[p.GUIDE_SCALE]
    unit_value, head_value = schedule[p.UNIT_VALUE], schedule[p.HEAD_VALUE]
    cost, call_share = facts[p.ACQUISITION_COST], facts[p.CALL_SHARE]
    personal = facts[p.IS_PERSONAL] != 0.0
    customers, spent, later = sums.by_step[0], sums.by_step[1], sums.by_step[2]
    after, before = slots.histogram[slot, 0], slots.histogram[slot, 1]
    rivals = model.rivals.shape[0] if int(facts[p.SOURCE]) == p.ARRIVALS else 0
    total, square, residuals, paid_back = 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        rate, spend, threshold = to[p.RATE, i], to[p.SPEND_OF, i], to[p.THRESHOLD, i]
        extra, residual = 0.0, 0.0
        if personal:
            person = (rate, spend, to[p.LIFT_OF, i])
            who = (address[0], address[1], address[2], int(to[p.RANK, i]))
            decision, extra, residual = walk(
                model, cell, who, person, threshold, block.scratch, sums
            )
        else:
            decision = decision_step(cumulated, guide, scale, origin, steps, threshold)
            if model.residual and decision == steps:
                residual = residual_value(model, cell, rate, spend, 1.0, 0.0)
        customers[decision] += 1.0
        spent[decision] += spend
        if decision < steps and to[p.CALL, i] < call_share:
            slots.flows[slot, p.CALLS, start + decision] += 1.0
            later[decision] += schedule[p.CALL_MARGIN, decision]
            extra += schedule[p.CALL_MARGIN, decision]
        inside = spend * unit_value[decision] + head_value[decision] + extra
        value = inside + residual
        total += value
        square += value * value
        residuals += residual
        paid_back += 1.0 if inside >= cost else 0.0
        after[bin_of(value - cost)] += 1
        before[bin_of(value)] += 1
        for rival in range(rivals):
            if to[p.GAMMA, i] > model.rivals[rival, cell]:
                slots.only[slot, rival, 0] += 1.0
                slots.only[slot, rival, 1] += value
        if out.shape[0] > 0:
            paid = min(int(schedule[p.HELD, decision]) + 1, steps)
            out[i, 0], out[i, 1], out[i, 2] = cell, to[p.RANK, i], -math.expm1(-rate)
            out[i, 3], out[i, 4], out[i, 5] = spend, to[p.LIFT_OF, i], paid
            out[i, 6], out[i, 7] = 1.0 if decision == steps else 0.0, value - cost
    slots.sums[slot, p.SUM_CUSTOMERS] += count
    slots.sums[slot, p.SUM_VALUE] += total
    slots.sums[slot, p.SUM_SQUARE] += square
    slots.sums[slot, p.SUM_PAID_BACK] += paid_back
    return total, residuals


@njit
def draw_block(address, model, cell, rank, end, begun, block):
    """Draw the next customers of a cell: how many, the last arrival, and whether they end."""
    seed, world, streams = address
    facts, to = model.facts[cell], block.customers
    joined, size, keen = int(facts[p.JOINED_IN]), to.shape[1], False
    drawn, done = min(size, end - rank), False
    if int(facts[p.SOURCE]) == p.ARRIVALS:
        limit = facts[p.LIMIT]
        drawn, done = arrivals(
            seed, world, streams[p.STREAM_ARRIVAL], rank, joined, begun, limit,
            enough(limit - begun, size), to[p.GAMMA], to[p.SPARE],
        )  # fmt: skip
        if drawn > 0:
            begun = to[p.GAMMA, drawn - 1]
        keen = True
        for i in range(drawn):
            block.uniforms[KEENNESS, i] = to[p.GAMMA, i] / facts[p.PROSPECTS]
    draw_traits(address, model, cell, rank, drawn, keen, block)
    draw_lives(address, joined, rank, drawn, to)
    return drawn, begun, done


@njit
def run_cell(address, model, cell, ranks, block, sums, slots, slot, place, out):
    """All customers of one cell between two ranks, a block at a time; returns their number."""
    facts = model.facts[cell]
    source, wanted = int(facts[p.SOURCE]), int(facts[p.LIMIT])
    tenure = facts[p.START] - facts[p.JOINED_IN]
    rank, end = ranks
    begun, ending, value, customers, done = 0.0, 0.0, 0.0, 0, False
    while not done:
        count, begun, done = draw_block(address, model, cell, rank, end, begun, block)
        rank += count
        if source == p.SURVIVORS:
            count = keep_survivors(block.customers, count, tenure, wanted - customers)
            done = customers + count >= wanted
        elif source == p.FIXED:
            done = rank >= end
        rows = out[customers : customers + count] if out.shape[0] > 0 else out
        total, residuals = live(address, model, cell, count, block, sums, slots, slot, rows)
        value += total
        ending += residuals
        customers += count
    if customers > 0:
        post_cell(model, cell, sums, slots, slot)
        post_equity(model, cell, sums, ending, slots, slot)
        to_origin = model.period_factor ** int(facts[p.START])
        slots.sums[slot, p.SUM_RESIDUAL] += to_origin * ending
        slots.sums[slot, p.SUM_PRESENT] += to_origin * value
        slots.cells[slot, place, 0] += customers
        slots.cells[slot, place, 1] += value
        sums.by_step[:] = 0.0
        sums.posts[:] = 0.0
    return customers


@njit(nogil=True, cache=True)
def simulate(seed, tasks, size, model, slots, rows):
    """Run tasks in blocks of ``size`` customers, each into a slot of its own.

    Parameters
    ----------
    seed : uint64
    tasks : (task, TASK_COLUMNS) int64
    model : Model
    slots : Slots
        Zeroed by the caller, as many as tasks.
    rows : (customer, column)
        One row per customer where a task's ``TASK_ROW`` is not negative.
    """
    horizon, personal = slots.flows.shape[2], model.personal.shape[0]
    programs = slots.program_flows.shape[1]
    block = p.Block(
        np.empty((p.BLOCK_COLUMNS, size)),
        np.empty((TRAIT_COUNT, size)),
        np.empty((3, max(TRAIT_COUNT, personal))),
    )
    sums = p.CellSums(np.zeros((3, horizon + 1)), np.zeros((programs, p.PROGRAM_FLOWS, horizon)))
    for task in range(tasks.shape[0]):
        world = np.uint64(tasks[task, TASK_WORLD])
        row = tasks[task, TASK_ROW]
        for cell in range(tasks[task, TASK_CELL], tasks[task, TASK_CELL_END]):
            limit = model.facts[cell, p.LIMIT]
            if limit <= 0.0 or model.facts[cell, p.STEPS] <= 0.0:
                continue
            address = (seed, world, model.streams[int(model.facts[cell, p.GROUP])])
            ranks = (tasks[task, TASK_RANK], tasks[task, TASK_RANK_END])
            place = cell - tasks[task, TASK_CELL]
            out = rows[row:] if row >= 0 else rows[:0]
            customers = run_cell(address, model, cell, ranks, block, sums, slots, task, place, out)
            row = row + customers if row >= 0 else row
