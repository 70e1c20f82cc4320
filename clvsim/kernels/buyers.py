"""The loop over customers who buy: purchase after purchase for a whole block, in cache.

All customers of a block that may buy again draw their next purchase at once; those who do not drop
out of the block. Whoever buys very often, or is reached by a personal program, or was there before
the horizon, is walked through one by one, by the same rules and with the same numbers.
"""

import math

import numpy as np

from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.kernels.bits import minus_log
from clvsim.kernels.contract import decision_step
from clvsim.kernels.customers import (
    TASK_CELL,
    TASK_CELL_END,
    TASK_ROW,
    add_up,
    close_cell,
    draw_adoptions,
    draw_block,
    draw_lives,
    is_empty,
    keep_survivors,
    whereabouts,
    write_rows,
)
from clvsim.kernels.inner import cached, inner
from clvsim.kernels.purchases import (
    clock_after,
    death,
    is_spread,
    next_purchase,
    purchase_moment,
    walk,
)
from clvsim.kernels.purchases_beyond import residual_value
from clvsim.kernels.random import event_address, fill_uniforms_of
from clvsim.kernels.tally import post_lives, post_programs, post_revenue
from clvsim.kernels.traits import BASKET, TRAITS, quantile


@inner
def begin(model, buying, cell, count, to, work):
    """Set every customer of a block to where its purchases begin: on joining, if inside."""
    facts, kind = model.facts[cell], int(buying.facts[cell, b.KIND])
    inside = facts[p.JOINED_IN] >= 0.0
    is_aged = int(facts[p.SOURCE]) == p.SURVIVORS and kind == b.BG_NBD and not inside
    origin = facts[p.START] - facts[p.JOINED_IN]
    # A loop or a fill for each: one loop over so many rows does not vectorise (17 ns a customer).
    places, ranks, rank = work.who[b.PLACE], work.who[b.RANK], to[p.RANK]
    for i in range(count):
        places[i] = i
    for i in range(count):
        ranks[i] = int(rank[i])
    to[p.VALUE, :count] = 0.0
    to[b.COUNT, :count] = 0.0
    to[p.RESIDUAL, :count] = 0.0
    to[b.BEFORE, :count] = -1.0
    if not is_aged:
        to[b.NUMBER, :count] = 0.0 if inside else 1.0
        to[b.CLOCK, :count] = origin
        to[b.TICKS, :count] = 0.0


@inner
def age(address, model, buying, cell, count, to):
    """Purchases before the horizon, which may end a life (BG/NBD): kept in the columns.

    ``DEATH`` becomes 1 for those still there, else -1.
    """
    seed, world, streams = address
    tenure = model.facts[cell, p.START] - model.facts[cell, p.JOINED_IN]
    for i in range(count):
        who = (seed, world, streams, int(to[p.RANK, i]))
        number, clock, ticks, there = 1, 0.0, 0.0, 1.0
        while there > 0.0:
            target, _, _ = next_purchase(model, cell, who, number, clock, to[b.PACE, i], 1.0)
            if target >= tenure:
                break
            clock = target
            ticks += buying.past[cell, int(target)]
            number += 1
            if ticks > to[p.THRESHOLD, i]:
                there = -1.0
        to[b.NUMBER, i] = float(number)
        to[b.CLOCK, i], to[b.TICKS, i], to[b.DEATH, i] = clock, ticks, there


@inner
def fill_amounts(model, cell, count, to, places):
    """Values of the next purchases of customers at some places of a block, from uniforms."""
    spec, amount, spend = model.traits.spec, to[b.AMOUNT], to[p.SPEND_OF]
    group = int(model.facts[cell, p.GROUP])
    if not is_spread(model, cell):
        for i in range(count):
            amount[i] = spend[places[i]]
        return
    # Looked up here, not in ``amount_of``: LLVM cannot know that the loop leaves it as it is.
    cubic = model.traits.cubics[int(spec[group, BASKET, 2])]
    for i in range(count):
        amount[i] = spend[places[i]] * quantile(cubic, amount[i])


@inner
def post_round(model, buying, cell, number, count, to, work):
    """Post a round's purchases: customers ``work.who``, their steps in ``STEP_OF``."""
    places, amount, steps = work.who[b.PLACE], to[b.AMOUNT], to[b.STEP_OF]
    unit, margin = model.schedule[cell, p.UNIT_MARGIN], buying.schedule[cell, b.PURCHASE_MARGIN]
    counts, amounts, value, number_of = work.counts, work.amounts[number], to[p.VALUE], to[b.COUNT]
    for i in range(count):
        step, place = int(steps[i]), places[i]
        counts[step] += 1.0
        amounts[step] += amount[i]
        value[place] += amount[i] * unit[step] + margin[step]
        number_of[place] = number + 1.0


@inner
def buy_first(address, model, buying, cell, count, to, work):
    """The purchases on joining, and when a life ends that purchases do not end."""
    seed, world, streams = address
    joined = int(model.facts[cell, p.JOINED_IN])
    if is_spread(model, cell):
        stream, when = event_address(streams[p.STREAM_PURCHASE], joined, 0)
        ranks = work.who[b.RANK]
        fill_uniforms_of(seed, world, stream, ranks, when, count, to[b.GAP], to[b.AMOUNT])
    fill_amounts(model, cell, count, to, work.who[b.PLACE])
    unit = model.schedule[cell, p.UNIT_MARGIN, 0]
    margin, spent = buying.schedule[cell, b.PURCHASE_MARGIN, 0], work.amounts[0, 0]
    amount, value, number_of = to[b.AMOUNT], to[p.VALUE], to[b.COUNT]
    for i in range(count):
        spent += amount[i]
        value[i] = amount[i] * unit + margin
        number_of[i] = 1.0
    work.amounts[0, 0] = spent
    work.counts[0] += count
    work.used[0] = max(work.used[0], 1)
    start = clock_after(buying, cell, 0, 0.0)
    to[b.CLOCK, :count] = start
    if int(buying.facts[cell, b.KIND]) == b.BG_NBD:
        to[p.DECISION, :count] = model.facts[cell, p.STEPS]
        return
    for i in range(count):
        to[p.DECISION, i], to[b.DEATH, i] = death(model, buying, cell, to[p.THRESHOLD, i])


@inner
def buy_again(address, model, buying, cell, count, to, work):
    """All later purchases, one of each customer at a time; the number of those not yet done."""
    seed, world, streams = address
    joined = int(model.facts[cell, p.JOINED_IN])
    places, again = work.who[b.PLACE], count
    for number in range(1, b.ROUNDS):
        if again == 0:
            break
        stream, when = event_address(streams[p.STREAM_PURCHASE], joined, number)
        ranks = work.who[b.RANK]
        fill_uniforms_of(seed, world, stream, ranks, when, again, to[b.GAP], to[b.AMOUNT])
        again = keep_buyers(model, buying, cell, again, to, work)
        if again > 0:
            fill_amounts(model, cell, again, to, work.who[b.PLACE])
            post_round(model, buying, cell, number, again, to, work)
            work.used[0] = max(work.used[0], number + 1)
            again = keep_alive(model, buying, cell, again, to, work)
    for i in range(again):
        to[b.NUMBER, places[i]] = float(b.ROUNDS)
    return again


@inner
def keep_buyers(model, buying, cell, count, to, work):
    """Compress ``work.who`` to those who buy inside the horizon while they live; how many.

    The exponentials become targets in ``GAP``, their steps stand in ``STEP_OF``. Without branches:
    whether one buys again is a coin that no processor foresees.
    """
    places, ranks = work.who[b.PLACE], work.who[b.RANK]
    gap, amount, clock, pace = to[b.GAP], to[b.AMOUNT], to[b.CLOCK], to[b.PACE]
    end = buying.schedule[cell, b.CUMULATED, int(model.facts[cell, p.STEPS]) - 1]
    for i in range(count):
        gap[i] = minus_log(gap[i])
    kept = 0
    for i in range(count):
        place, rate = places[i], pace[places[i]]
        target = clock[place] + (gap[i] / rate if rate > 0.0 else math.inf)
        places[kept], ranks[kept], gap[kept], amount[kept] = place, ranks[i], target, amount[i]
        kept += 1 if target < end else 0
    steps, last = to[b.STEP_OF], int(model.facts[cell, p.STEPS])
    origin = model.facts[cell, p.START] - model.facts[cell, p.JOINED_IN]
    cumulated, guide = buying.schedule[cell, b.CUMULATED], buying.schedule[cell, b.GUIDE]
    scale = buying.facts[cell, b.GUIDE_SCALE]
    for i in range(kept):
        steps[i] = decision_step(cumulated, guide, scale, origin, last, gap[i])
    if int(buying.facts[cell, b.KIND]) == b.BG_NBD:
        return kept
    count, kept = kept, 0
    for i in range(count):
        place, target, step = places[i], gap[i], steps[i]
        moment = purchase_moment(model, buying, cell, int(step), target)
        places[kept], ranks[kept], gap[kept], amount[kept] = place, ranks[i], target, amount[i]
        steps[kept] = step
        kept += 1 if moment < to[b.DEATH, place] else 0
    return kept


@inner
def keep_alive(model, buying, cell, count, to, work):
    """Compress ``work.who`` to those who do not leave after the round's purchase; how many."""
    places, ranks, gap, steps = work.who[b.PLACE], work.who[b.RANK], to[b.GAP], to[b.STEP_OF]
    kind = int(buying.facts[cell, b.KIND])
    clock, ticks, threshold = to[b.CLOCK], to[b.TICKS], to[p.THRESHOLD]
    decision, passing, kept = to[p.DECISION], model.schedule[cell, p.MULTIPLIER], 0
    if kind != b.BG_NBD:
        for i in range(count):
            clock[places[i]] = clock_after(buying, cell, int(steps[i]), gap[i])
        return count
    for i in range(count):
        place = places[i]
        ticks[place] += passing[int(steps[i])]
        stays = ticks[place] <= threshold[place]
        decision[place] = decision[place] if stays else steps[i]
        clock[place] = gap[i]
        places[kept], ranks[kept] = place, ranks[i]
        kept += 1 if stays else 0
    return kept


@inner
def walk_each(address, model, buying, cell, count, block, posts, work):
    """Walk the first ``count`` customers of ``work.who`` to the end of their lives."""
    seed, world, streams = address
    to, own = block.customers, model.schedule[cell, p.HEAD_VALUE]
    for i in range(count):
        place = work.who[b.PLACE, i]
        who = (seed, world, streams, work.who[b.RANK, i])
        person = (
            to[p.RATE, place], to[p.SPEND_OF, place], to[p.LIFT_OF, place], to[b.PACE, place],
            to[p.THRESHOLD, place],
        )  # fmt: skip
        so_far = (
            int(to[b.NUMBER, place]), to[b.CLOCK, place], to[b.TICKS, place], to[p.VALUE, place],
            int(to[b.COUNT, place]),
        )  # fmt: skip
        before = to[b.LATEST, place], int(to[b.BEFORE, place]), to[b.SPENT, place]
        decision, bought, extra, residual, purchases = walk(
            model, buying, cell, who, person, so_far, before, block.adoptions, place, block.scratch,
            posts, work,
        )  # fmt: skip
        to[p.DECISION, place] = decision
        to[p.VALUE, place] = bought + own[decision] + extra
        to[p.RESIDUAL, place] = residual
        to[b.COUNT, place] = purchases


@inner
def live(address, model, buying, cell, count, block, sums, work):
    """Purchases, lives and values of a block's customers."""
    facts, to = model.facts[cell], block.customers
    begin(model, buying, cell, count, to, work)
    if facts[p.IS_PERSONAL] != 0.0 or int(facts[p.SOURCE]) == p.SURVIVORS:
        draw_adoptions(address, model, cell, count, to, block.adoptions)
        walk_each(address, model, buying, cell, count, block, sums.posts, work)
        return
    buy_first(address, model, buying, cell, count, to, work)
    often = buy_again(address, model, buying, cell, count, to, work)
    steps, heads = int(facts[p.STEPS]), model.schedule[cell, p.HEAD_VALUE]
    if often > 0:
        # Their decisions, and what follows from them, are left to the walk.
        for i in range(often):
            to[p.DECISION, work.who[b.PLACE, i]] = -1.0
    for i in range(count):
        decision = int(to[p.DECISION, i])
        if decision >= 0:
            to[p.VALUE, i] += heads[decision]
            if decision == steps and model.residual:
                person = (to[p.RATE, i], to[p.SPEND_OF, i], to[b.PACE, i])
                to[p.RESIDUAL, i] = residual_value(model, buying, cell, person)
    walk_each(address, model, buying, cell, often, block, sums.posts, work)


@inner
def post_cell(model, buying, cell, sums, work, slots, slot):
    """Turn one cell's sums into flows by period, and add them to a slot.

    The rows ``CUSTOMERS`` and ``SPENT`` of ``sums`` become, in place, those active at each step and
    what is bought in it; margins that do not follow from these are added to ``LATER``.
    """
    start, later = int(model.facts[cell, p.START]), sums.by_step[p.LATER]
    post_lives(model, cell, sums, slots, slot)
    for step in range(int(model.facts[cell, p.STEPS])):
        bought = 0.0
        for row in range(work.used[0]):
            bought += work.amounts[row, step]
        post_revenue(model, cell, step, bought, sums, slots, slot)
        slots.flows[slot, p.PURCHASES, start + step] += work.counts[step]
        later[step] += work.counts[step] * buying.schedule[cell, b.PURCHASE_MARGIN, step]
    post_programs(model, cell, False, sums, slots, slot)


@inner
def run_cell(address, model, buying, cell, ranks, block, sums, work, slots, slot, place, out):
    """All customers of one cell between two ranks, a block at a time; returns their number."""
    facts = model.facts[cell]
    source, wanted = int(facts[p.SOURCE]), int(facts[p.LIMIT])
    tenure = facts[p.START] - facts[p.JOINED_IN]
    rank, end = ranks
    begun, so_far, customers, done = 0.0, (0.0, 0.0, 0.0), 0, False
    while not done:
        count, begun, done = draw_block(address, model, cell, rank, end, begun, block)
        draw_lives(address, int(facts[p.JOINED_IN]), rank, count, block.customers)
        rank += count
        if source == p.SURVIVORS:
            column, least = p.THRESHOLD, facts[p.ORIGIN]
            if int(buying.facts[cell, b.KIND]) == b.BG_NBD and tenure > 0.0:
                age(address, model, buying, cell, count, block.customers)
                column, least = b.DEATH, 0.0
            count = keep_survivors(block.customers, count, column, least, wanted - customers)
            done = customers + count >= wanted
        elif source == p.FIXED:
            done = rank >= end
        live(address, model, buying, cell, count, block, sums, work)
        so_far = add_up(model, cell, count, so_far, block.customers, sums, slots, slot)
        if out.shape[0] > 0:
            write_rows(model, cell, count, block.customers, out[customers:])
            for i in range(count):
                out[customers + i, p.ROW_PURCHASES] = block.customers[b.COUNT, i]
        customers += count
    if customers > 0:
        post_cell(model, buying, cell, sums, work, slots, slot)
        close_cell(model, cell, place, customers, so_far, sums, slots, slot)
        work.counts[:] = 0.0
        work.amounts[: work.used[0]] = 0.0
        work.used[0] = 0
    return customers


def simulate_buyers(
    seed: np.uint64,
    tasks: p.Ints,
    size: int,
    model: p.Model,
    buying: b.Buying,
    slots: p.Slots,
    rows: p.Floats,
    *,
    walks: bool,
) -> None:
    """Run tasks of customers who buy; as ``customers.simulate``."""
    horizon, personal = slots.flows.shape[2], model.personal.shape[0]
    block, sums = p.scratch_of(b.BLOCK_COLUMNS, len(TRAITS), size, personal, horizon, walks=walks)
    work = b.work_of(size, horizon)
    run_buyers(seed, tasks, model, buying, slots, rows, block, sums, work)


@cached
def run_buyers(seed, tasks, model, buying, slots, rows, block, sums, work):
    """The loop of ``simulate_buyers``, without the global interpreter lock."""
    for task in range(tasks.shape[0]):
        first, row = tasks[task, TASK_CELL], tasks[task, TASK_ROW]
        for cell in range(first, tasks[task, TASK_CELL_END]):
            if is_empty(model, cell):
                continue
            address, ranks, out = whereabouts(seed, tasks[task], cell, row, model, rows)
            customers = run_cell(
                address, model, buying, cell, ranks, block, sums, work, slots, task, cell - first,
                out,
            )  # fmt: skip
            row = row + customers if row >= 0 else row
