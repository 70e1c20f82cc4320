"""The one loop over customers: a block at a time from joining to horizon, in cache.

A task is a run of cells of one group in one world, or a run of ranks of one large cell. Each
task adds to a slot of its own in order of rank, and the slots are summed in order of tasks: the
result does not depend on threads, on the size of a block or on the order of execution.
"""

import math

import numpy as np

from clvsim.kernels import plan as p
from clvsim.kernels.acquisition import arrivals, enough
from clvsim.kernels.beyond import residual_value
from clvsim.kernels.bits import minus_log
from clvsim.kernels.contract import decision_step, walk
from clvsim.kernels.inner import cached, inlined, inner, kernel
from clvsim.kernels.random import fill_uniforms, occasion, uniform_pair
from clvsim.kernels.tally import bin_of, clear, post_cell, post_equity
from clvsim.kernels.traits import (
    CHURN,
    CONSTANT,
    KEENNESS,
    LIFT,
    PURCHASES,
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


@inner
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
    if u.shape[0] > TRAIT_COUNT:
        more = streams[p.STREAM_PURCHASES]
        fill_uniforms(seed, world, more, first_rank, when, count, u[PURCHASES], to[p.SPARE])
    correlated = is_correlated(traits, group)
    if correlated or int(traits.spec[group, LIFT, 0]) != CONSTANT:
        keenness = to[p.SPARE] if keen else u[KEENNESS]
        more = streams[p.STREAM_MORE_TRAITS]
        fill_uniforms(seed, world, more, first_rank, when, count, u[LIFT], keenness)
    if correlated:
        correlate(traits, group, count, block.scratch[0], u)
    # In a loop: with a constant each, numba compiles the function three times.
    for trait in range(CHURN, TRAIT_COUNT):
        fill_trait(traits, group, trait, count, u[trait], to[p.RATE + trait - CHURN])
    if u.shape[0] > TRAIT_COUNT:
        fill_trait(traits, group, PURCHASES, count, u[PURCHASES], to[p.BLOCK_COLUMNS])


@kernel
def draw_lives(address, joined, first_rank, count, to):
    """Thresholds (in units of the cumulated multiplier) of a block's lives, and call uniforms."""
    seed, world, streams = address
    fill_uniforms(
        seed, world, streams[p.STREAM_LIFE], first_rank, occasion(joined, 0), count,
        to[p.LIFE], to[p.CALL],
    )  # fmt: skip
    for i in range(count):
        rate = to[p.RATE, i]
        to[p.THRESHOLD, i] = minus_log(to[p.LIFE, i]) / rate if rate > 0.0 else math.inf


@inner
def keep_survivors(to, count, column, least, wanted):
    """Compress a block to those with ``least`` or more in a column, ``wanted`` at most."""
    kept = 0
    for i in range(count):
        if kept < wanted and to[column, i] >= least:
            for each in range(to.shape[0]):
                to[each, kept] = to[each, i]
            kept += 1
    return kept


@inner
def decide(model, cell, count, to):
    """Decisions and values of a block's customers who share the cell's schedule."""
    facts, schedule = model.facts[cell], model.schedule[cell]
    steps, origin = int(facts[p.STEPS]), facts[p.ORIGIN]
    cumulated, guide, scale = schedule[p.CUMULATED], schedule[p.GUIDE], facts[p.GUIDE_SCALE]
    unit_value, head_value = schedule[p.UNIT_VALUE], schedule[p.HEAD_VALUE]
    for i in range(count):
        decision = decision_step(cumulated, guide, scale, origin, steps, to[p.THRESHOLD, i])
        to[p.DECISION, i] = decision
        to[p.VALUE, i] = to[p.SPEND_OF, i] * unit_value[decision] + head_value[decision]
        to[p.RESIDUAL, i] = math.nan


@inner
def fill_residuals(model, cell, count, to):
    """Residual values of those who have none yet (not a number): no effect of theirs runs on."""
    for i in range(count):
        if math.isnan(to[p.RESIDUAL, i]):
            to[p.RESIDUAL, i] = 0.0
            if model.residual:
                to[p.RESIDUAL, i] = residual_value(
                    model, cell, to[p.RATE, i], to[p.SPEND_OF, i], int(to[p.DECISION, i])
                )


@inner
def draw_adoptions(address, model, cell, count, to, adoptions):
    """Exponentials of the memberships that a block's customers may join, ``(row, B)``; or None."""
    if adoptions is None:
        return
    seed, world, streams = address
    facts, first = model.facts[cell], int(to[p.RANK, 0])
    when, spare = occasion(int(facts[p.JOINED_IN]), int(facts[p.START])), adoptions[-1]
    in_order = int(facts[p.SOURCE]) != p.SURVIVORS
    for row in range(model.personal.shape[0]):
        ever = model.gates[row, p.GATE, cell, int(facts[p.STEPS]) - 1]
        if int(model.personal[row, p.KIND]) == p.MEMBERSHIP and ever > 0.0:
            stream, own = streams[p.PERSONAL_STREAMS + row], adoptions[row]
            if in_order:
                # Four customers at a time: 8 ns each instead of 50.
                fill_uniforms(seed, world, stream, first, when, count, own, spare)
            else:
                for i in range(count):
                    own[i], _ = uniform_pair(seed, world, stream, int(to[p.RANK, i]), when)
            for i in range(count):
                own[i] = minus_log(own[i])
        else:
            adoptions[row, :count] = math.inf


@inner
def decide_each(address, model, cell, count, block, sums):
    """Decisions and values of a block's customers that personal programs may reach."""
    to, schedule = block.customers, model.schedule[cell]
    seed, world, streams = address
    rows = (schedule[p.CUMULATED], schedule[p.GUIDE])
    if count == 0:
        return
    decide(model, cell, count, to)
    draw_adoptions(address, model, cell, count, to, block.adoptions)
    for i in range(count):
        spend = to[p.SPEND_OF, i]
        who = (seed, world, streams, int(to[p.RANK, i]))
        person = (to[p.RATE, i], spend, to[p.LIFT_OF, i])
        untreated = int(to[p.DECISION, i])
        threshold = to[p.THRESHOLD, i]
        decision, extra, residual = walk(
            model, cell, rows, who, person, threshold, untreated, block.adoptions, i,
            block.scratch, sums.posts,
        )  # fmt: skip
        shared = spend * schedule[p.UNIT_VALUE, decision] + schedule[p.HEAD_VALUE, decision]
        to[p.DECISION, i] = decision
        to[p.VALUE, i] = shared + extra
        to[p.RESIDUAL, i] = residual


@inner
def decide_all(address, model, cell, count, block, adoptions, sums):
    """Decisions and values of a block's customers, each alone where personal programs may reach.

    ``adoptions`` are the block's; where they are None no program is personal, and numba leaves out
    all that walks need: half of what there is to compile.
    """
    if adoptions is not None and model.facts[cell, p.IS_PERSONAL] != 0.0:
        decide_each(address, model, cell, count, block, sums)
    else:
        decide(model, cell, count, block.customers)


@inner
def call_to_cancel(model, cell, count, to, later, calls):
    """Let some of those who leave call: a cost each, posted by step to ``later``."""
    facts, schedule = model.facts[cell], model.schedule[cell]
    steps, start, share = int(facts[p.STEPS]), int(facts[p.START]), facts[p.CALL_SHARE]
    for i in range(count):
        decision = int(to[p.DECISION, i])
        if decision < steps and to[p.CALL, i] < share:
            calls[start + decision] += 1.0
            later[decision] += schedule[p.CALL_MARGIN, decision]
            to[p.VALUE, i] += schedule[p.CALL_MARGIN, decision]


@inner
def live(address, model, cell, count, so_far, block, sums, slots, slot):
    """Lives and values of a block's customers, posted to the cell's sums and the slot.

    ``so_far`` is the cell's summed value, its summed square and the summed residual value, all
    discounted to joining; they are returned with the block's customers added one by one, so that
    blocks leave no trace.
    """
    facts, to = model.facts[cell], block.customers
    decide_all(address, model, cell, count, block, block.adoptions, sums)
    fill_residuals(model, cell, count, to)
    if facts[p.CALL_SHARE] > 0.0:
        call_to_cancel(model, cell, count, to, sums.by_step[p.LATER], slots.flows[slot, p.CALLS])
    return add_up(model, cell, count, so_far, to, sums, slots, slot)


@inner
def add_up(model, cell, count, so_far, to, sums, slots, slot):
    """Add a block's decisions and values to the cell's sums and the slot; as ``live``."""
    facts = model.facts[cell]
    customers, spent = sums.by_step[p.CUSTOMERS], sums.by_step[p.SPENT]
    after, before = slots.histogram[slot, 0], slots.histogram[slot, 1]
    cost = facts[p.ACQUISITION_COST]
    total, squares, residuals = so_far
    all_values, square = slots.sums[slot, p.SUM_VALUE], slots.sums[slot, p.SUM_SQUARE]
    paid_back = 0.0
    for i in range(count):
        decision = int(to[p.DECISION, i])
        customers[decision] += 1.0
        spent[decision] += to[p.SPEND_OF, i]
        inside = to[p.VALUE, i]
        value = inside + to[p.RESIDUAL, i]
        to[p.VALUE, i] = value
        total += value
        all_values += value
        square += value * value
        squares += value * value
        residuals += to[p.RESIDUAL, i]
        paid_back += 1.0 if inside >= cost else 0.0
    for i in range(count):
        before[bin_of(to[p.VALUE, i])] += 1
        after[bin_of(to[p.VALUE, i] - cost)] += 1
    slots.sums[slot, p.SUM_CUSTOMERS] += count
    slots.sums[slot, p.SUM_VALUE] = all_values
    slots.sums[slot, p.SUM_SQUARE] = square
    slots.sums[slot, p.SUM_PAID_BACK] += paid_back
    if int(facts[p.SOURCE]) == p.ARRIVALS:
        for rival in range(model.rivals.shape[0]):
            count_only_here(to, count, model.rivals[rival, cell], slots.only[slot, rival])
    return total, squares, residuals


@inner
def count_only_here(to, count, limit, only):
    """Add the customers that arrive beyond a rival's limit, and their value, to ``only (2,)``."""
    for i in range(count):
        if to[p.GAMMA, i] > limit:
            only[0] += 1.0
            only[1] += to[p.VALUE, i]


@inner
def write_rows(model, cell, count, to, rows):
    """One row per customer of a block, ``(count, ROW_COLUMNS)``."""
    facts, steps = model.facts[cell], int(model.facts[cell, p.STEPS])
    for i in range(count):
        decision = int(to[p.DECISION, i])
        row = rows[i]
        row[0], row[1] = cell, to[p.RANK, i]
        row[2], row[3], row[4] = -math.expm1(-to[p.RATE, i]), to[p.SPEND_OF, i], to[p.LIFT_OF, i]
        row[5] = min(int(model.schedule[cell, p.HELD, decision]) + 1, steps)
        stays = decision == steps or model.schedule[cell, p.OVERTIME, decision] > 0.0
        row[6] = 1.0 if stays else 0.0
        row[7] = to[p.VALUE, i] - facts[p.ACQUISITION_COST]


@inner
def draw_block(address, model, cell, rank, end, begun, block):
    """Draw the next customers of a cell: how many, the last arrival, and whether they end.

    Their ranks and traits; lives are left to those who have one of a contract's.
    """
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
    for i in range(drawn):
        to[p.RANK, i] = rank + i
    return drawn, begun, done


@inner
def close_cell(model, cell, place, customers, so_far, sums, slots, slot):
    """Add a cell's totals, as ``add_up`` returned them, to the slot; the next cell begins anew."""
    value, squares, ending = so_far
    post_equity(model, cell, sums, ending, slots, slot)
    to_origin = model.period_factor ** int(model.facts[cell, p.START])
    slots.sums[slot, p.SUM_RESIDUAL] += to_origin * ending
    slots.sums[slot, p.SUM_PRESENT] += to_origin * value
    slots.cells[slot, place, 0] += customers
    slots.cells[slot, place, 1] += value
    slots.cells[slot, place, 2] += squares
    sums.by_step[:] = 0.0
    clear(sums.posts)


@inner
def run_cell(address, model, cell, ranks, block, sums, slots, slot, place, out):
    """All customers of one cell between two ranks, a block at a time; returns their number."""
    facts = model.facts[cell]
    source, wanted = int(facts[p.SOURCE]), int(facts[p.LIMIT])
    rank, end = ranks
    begun, so_far, customers, done = 0.0, (0.0, 0.0, 0.0), 0, False
    while not done:
        count, begun, done = draw_block(address, model, cell, rank, end, begun, block)
        draw_lives(address, int(facts[p.JOINED_IN]), rank, count, block.customers)
        rank += count
        if source == p.SURVIVORS:
            missing = wanted - customers
            least = facts[p.OUTLASTED]
            count = keep_survivors(block.customers, count, p.THRESHOLD, least, missing)
            # Who had decided before, and is held by a term, decides now.
            for i in range(count):
                own = block.customers[p.THRESHOLD, i]
                block.customers[p.THRESHOLD, i] = max(own, facts[p.ORIGIN])
            done = customers + count >= wanted
        elif source == p.FIXED:
            done = rank >= end
        so_far = live(address, model, cell, count, so_far, block, sums, slots, slot)
        if out.shape[0] > 0:
            write_rows(model, cell, count, block.customers, out[customers:])
        customers += count
    if customers > 0:
        post_cell(model, cell, sums, slots, slot)
        close_cell(model, cell, place, customers, so_far, sums, slots, slot)
    return customers


@inlined
def is_empty(model, cell):
    """Whether nobody can be in a cell."""
    return model.facts[cell, p.LIMIT] <= 0.0 or model.facts[cell, p.STEPS] <= 0.0


@inlined
def whereabouts(seed, task, cell, row, model, rows):
    """Address of a cell's draws, its first and last rank, and the rows that are its own."""
    address = (seed, np.uint64(task[TASK_WORLD]), model.streams[int(model.facts[cell, p.GROUP])])
    out = rows[row:] if row >= 0 else rows[:0]
    return address, (task[TASK_RANK], task[TASK_RANK_END]), out


def simulate(
    seed: np.uint64,
    tasks: p.Ints,
    size: int,
    model: p.Model,
    slots: p.Slots,
    rows: p.Floats,
    *,
    walks: bool,
) -> None:
    """Run tasks in blocks of ``size`` customers, each task into a slot of its own.

    Parameters
    ----------
    seed : uint64
    tasks : (task, TASK_COLUMNS) int64
    size : int
        Customers of a block; changes no result.
    model : Model
    slots : Slots
        Zeroed by the caller, as many as tasks.
    rows : (customer, column)
        One row per customer where a task's ``TASK_ROW`` is not negative.
    walks : bool
        As for ``scratch_of``.
    """
    horizon, personal = slots.flows.shape[2], model.personal.shape[0]
    block, sums = p.scratch_of(p.BLOCK_COLUMNS, TRAIT_COUNT, size, personal, horizon, walks=walks)
    run_tasks(seed, tasks, model, slots, rows, block, sums)


@cached
def run_tasks(seed, tasks, model, slots, rows, block, sums):
    """The loop of ``simulate``, without the global interpreter lock."""
    for task in range(tasks.shape[0]):
        first, row = tasks[task, TASK_CELL], tasks[task, TASK_ROW]
        for cell in range(first, tasks[task, TASK_CELL_END]):
            if is_empty(model, cell):
                continue
            address, ranks, out = whereabouts(seed, tasks[task], cell, row, model, rows)
            customers = run_cell(
                address, model, cell, ranks, block, sums, slots, task, cell - first, out
            )
            row = row + customers if row >= 0 else row
