"""The loop over customers whose past is known: traits from what it says of them, then their lives.

They stand in cells of an installed base, sorted by cell, and each has a rank of its own: what one
gets hangs neither on who else is there nor on the order. All are still customers when the horizon
begins. Nothing is added up: a row a customer comes back.
"""

import math
from typing import NamedTuple

import numpy as np

from clvsim.kernels import buying as b
from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.kernels.bits import minus_log
from clvsim.kernels.buyers import walk_each as walk_buyers
from clvsim.kernels.customers import decide_all, draw_adoptions, fill_residuals
from clvsim.kernels.inner import cached, inlined, inner
from clvsim.kernels.plan import Floats, Ints
from clvsim.kernels.random import event_address, fill_uniforms_of, occasion, uniform_pair
from clvsim.kernels.states import live_all
from clvsim.kernels.traits import LIFT, SPEND, TRAIT_COUNT, TRAITS, fill_trait, quantile

#: Traits that a past tells of, each with two rows of ``Known.numbers``.
HAZARD_LAW, PACE_LAW, SPEND_LAW = 0, 1, 2
#: What they are drawn from: the segment's distribution, as for everybody; the first number itself;
#: a gamma of shape and scale, or the scale over one; minus the log of one minus a beta.
AS_ALL, KNOWN, GAMMA, INVERSE_GAMMA, BETA_HAZARD = range(5)
# More rows of ``Known.numbers``.
#: Moment of the last purchase, steps from the horizon's start (0 or before); purchases so far and
#: what they were worth together, currency; state.
LATEST, COUNT, SPENT, STATE = 6, 7, 8, 9
NUMBERS = 10
# Columns of what comes back: value to the horizon's start, currency; purchases, or periods paid
# for, inside the horizon; whether still there at its end (0 or 1); traits that were drawn.
VALUE, BOUGHT, STAYS, HAZARD, SPEND_OF, LIFT_OF, PACE = range(7)
OUT = 7
#: Variates of a customer have as many numbered draws each: more are never needed.
_TRIES = 256
_THIRD = 1.0 / 3.0


class Known(NamedTuple):
    """Customers of one segment, sorted by cell.

    Attributes
    ----------
    cell, rank : (customer,) int64
        Ranks below 2**32; who shares one in a cell shares its luck.
    laws : (3,) int64
        What hazard, pace and spend are drawn from.
    numbers : (number, customer)
    """

    cell: Ints
    rank: Ints
    laws: Ints
    numbers: Floats


@inlined
def gamma_variate(address, normal, joined, number, shape):
    """A gamma variate of scale 1, by rejection at numbered draws (Marsaglia & Tsang 2000).

    Parameters
    ----------
    address : tuple of seed, world, stream, rank
    normal : (cell, 4)
        Quantile table of the normal.
    joined : int
    number : int
        Of the first draw.
    shape : float
        Greater than 0; infinitely many customers alike: infinite, and the variate is not a number.
    """
    seed, world, stream, rank = address
    boost = 1.0
    if shape < 1.0:
        own, when = event_address(stream, joined, number)
        u, _ = uniform_pair(seed, world, own, rank, when)
        boost = u ** (1.0 / shape)
        shape += 1.0
    d = shape - _THIRD
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        number += 1
        own, when = event_address(stream, joined, number)
        u, v = uniform_pair(seed, world, own, rank, when)
        x = quantile(normal, u)
        w = 1.0 + c * x
        if w > 0.0:
            w = w * w * w
            if -minus_log(v) < 0.5 * x * x + d * (1.0 - w + math.log(w)):
                return d * w * boost


@inner
def fill_law(address, model, joined, known, trait, first, count, out):
    """One trait of a run of customers into ``out (count,)``, unless it is as for everybody."""
    seed, world, streams = address
    kind, stream, normal = known.laws[trait], streams[p.STREAM_KNOWN], model.traits.cubics[0]
    one, other = known.numbers[2 * trait], known.numbers[2 * trait + 1]
    number = 2 * trait * _TRIES
    if kind == AS_ALL:
        return
    for i in range(count):
        a, scale = one[first + i], other[first + i]
        out[i] = a
        if kind != KNOWN:
            who = (seed, world, stream, known.rank[first + i])
            drawn = gamma_variate(who, normal, joined, number, a)
            out[i] = drawn * scale
            if kind == INVERSE_GAMMA:
                out[i] = scale / drawn
            elif kind == BETA_HAZARD:
                # The odds of a beta are those of two gammas; 0 over 0 would be no number.
                rest = gamma_variate(who, normal, joined, number + _TRIES, scale)
                out[i] = math.log1p(drawn / max(rest, 1e-300))


@inner
def begin(address, model, cell, known, first, count, origin, block):
    """Ranks, traits and lives of a run of a cell's customers, into the block.

    ``origin`` is where the clock of leaving stands: nobody can have left before.
    """
    seed, world, streams = address
    u, to, ranks = block.uniforms, block.customers, known.rank[first : first + count]
    group, joined = int(model.facts[cell, p.GROUP]), int(model.facts[cell, p.JOINED_IN])
    when = occasion(joined, 0)
    for i in range(count):
        to[p.RANK, i] = ranks[i]
    more, spare = streams[p.STREAM_MORE_TRAITS], to[p.SPARE]
    fill_uniforms_of(seed, world, streams[p.STREAM_TRAITS], ranks, when, count, spare, u[SPEND])
    fill_uniforms_of(seed, world, more, ranks, when, count, u[LIFT], spare)
    fill_trait(model.traits, group, SPEND, count, u[SPEND], to[p.SPEND_OF])
    fill_trait(model.traits, group, LIFT, count, u[LIFT], to[p.LIFT_OF])
    fill_law(address, model, joined, known, HAZARD_LAW, first, count, to[p.RATE])
    fill_law(address, model, joined, known, SPEND_LAW, first, count, to[p.SPEND_OF])
    if to.shape[0] > b.PACE:
        # (The pace of who moves between states is as for everybody: nothing is written.)
        fill_law(address, model, joined, known, PACE_LAW, first, count, to[b.PACE])
    lives = streams[p.STREAM_LIFE]
    fill_uniforms_of(seed, world, lives, ranks, when, count, to[p.LIFE], to[p.CALL])
    for i in range(count):
        rate = to[p.RATE, i]
        life = minus_log(to[p.LIFE, i]) / rate if rate > 0.0 else math.inf
        to[p.THRESHOLD, i] = origin + life
        to[p.VALUE, i], to[p.RESIDUAL, i] = 0.0, 0.0


@inlined
def address_of(seed, world, model, cell):
    """Address of a cell's draws."""
    return seed, world, model.streams[int(model.facts[cell, p.GROUP])]


@inlined
def run_of(known, first, size):
    """Customers from one on that share its cell, ``size`` at most; the cell and their number."""
    cell, count = known.cell[first], 1
    last = min(known.cell.shape[0] - first, size)
    while count < last and known.cell[first + count] == cell:
        count += 1
    return cell, count


@inner
def write(model, cell, count, to, out):
    """A row for each customer of a block; of contracts and states, periods paid for."""
    steps, held = int(model.facts[cell, p.STEPS]), model.schedule[cell, p.HELD]
    for i in range(count):
        decision = int(to[p.DECISION, i])
        stays = decision == steps or model.schedule[cell, p.OVERTIME, decision] > 0.0
        out[i, VALUE] = to[p.VALUE, i] + to[p.RESIDUAL, i]
        out[i, BOUGHT] = min(int(held[decision]) + 1, steps)
        out[i, STAYS] = 1.0 if stays else 0.0
        out[i, HAZARD], out[i, SPEND_OF] = to[p.RATE, i], to[p.SPEND_OF, i]
        out[i, LIFT_OF] = to[p.LIFT_OF, i]


@inner
def add_calls(model, cell, count, to):
    """Add the cost of a call to those who leave with one."""
    steps, share = int(model.facts[cell, p.STEPS]), model.facts[cell, p.CALL_SHARE]
    for i in range(count):
        decision = int(to[p.DECISION, i])
        if decision < steps and to[p.CALL, i] < share:
            to[p.VALUE, i] += model.schedule[cell, p.CALL_MARGIN, decision]


@cached
def run_contracts(seed, world, model, known, block, sums, out):
    """Customers under contract, without the global interpreter lock."""
    first, to = 0, block.customers
    while first < known.cell.shape[0]:
        cell, count = run_of(known, first, to.shape[1])
        address = address_of(seed, world, model, cell)
        begin(address, model, cell, known, first, count, model.facts[cell, p.ORIGIN], block)
        decide_all(address, model, cell, count, block, block.adoptions, sums)
        fill_residuals(model, cell, count, to)
        add_calls(model, cell, count, to)
        write(model, cell, count, to, out[first : first + count])
        first += count


@cached
def run_buyers(seed, world, model, buying, known, block, sums, work, out):
    """Customers who buy, without the global interpreter lock."""
    first, to = 0, block.customers
    while first < known.cell.shape[0]:
        cell, count = run_of(known, first, to.shape[1])
        address = address_of(seed, world, model, cell)
        begin(address, model, cell, known, first, count, ticked(model, buying, cell), block)
        clock = model.facts[cell, p.START] - model.facts[cell, p.JOINED_IN]
        for i in range(count):
            work.who[b.PLACE, i], work.who[b.RANK, i] = i, known.rank[first + i]
            # How often one has bought moves none of its later draws; nor does time that has passed
            # say anything of what is left.
            to[b.NUMBER, i], to[b.CLOCK, i], to[b.TICKS, i], to[b.COUNT, i] = 1.0, clock, 0.0, 0.0
            to[b.LATEST, i] = known.numbers[LATEST, first + i]
            to[b.BEFORE, i] = known.numbers[COUNT, first + i]
            to[b.SPENT, i] = known.numbers[SPENT, first + i]
        draw_adoptions(address, model, cell, count, to, block.adoptions)
        walk_buyers(address, model, buying, cell, count, block, sums.posts, work)
        write(model, cell, count, to, out[first : first + count])
        for i in range(count):
            out[first + i, BOUGHT], out[first + i, PACE] = to[b.COUNT, i], to[b.PACE, i]
        first += count


@inlined
def ticked(model, buying, cell):
    """Where the clock of leaving stands: that of a BG/NBD counts the purchases to come."""
    is_counted = int(buying.facts[cell, b.KIND]) == b.BG_NBD
    return 0.0 if is_counted else model.facts[cell, p.ORIGIN]


@cached
def run_states(seed, world, model, moving, known, block, sums, work, out):
    """Customers who move between states, without the global interpreter lock."""
    first, to = 0, block.customers
    while first < known.cell.shape[0]:
        cell, count = run_of(known, first, to.shape[1])
        address = address_of(seed, world, model, cell)
        begin(address, model, cell, known, first, count, 0.0, block)
        for i in range(count):
            to[m.STATE_OF, i] = known.numbers[STATE, first + i]
        live_all(address, model, moving, cell, count, block, block.adoptions, sums.posts, work)
        write(model, cell, count, to, out[first : first + count])
        first += count


def simulate_known(
    seed: np.uint64,
    world: int,
    size: int,
    model: p.Model,
    kind: b.Buying | m.Moving | None,
    known: Known,
    *,
    walks: bool,
) -> Floats:
    """Lives of customers whose past is known, in one world.

    Parameters
    ----------
    seed : uint64
    world : int
    size : int
        Customers of a block; changes no result.
    model : Model
    kind : Buying, Moving or None
        What their relationship reads besides; None: a contract.
    known : Known
    walks : bool
        As in ``plan.scratch_of``.

    Returns
    -------
    (customer, OUT)
    """
    horizon, personal = model.discounting.shape[1] - 1, model.personal.shape[0]
    out, number = np.zeros((len(known.cell), OUT)), np.uint64(world)
    if kind is None:
        block, sums = p.scratch_of(
            p.BLOCK_COLUMNS, TRAIT_COUNT, size, personal, horizon, walks=walks
        )
        run_contracts(seed, number, model, known, block, sums, out)
    elif isinstance(kind, b.Buying):
        block, sums = p.scratch_of(
            b.BLOCK_COLUMNS, len(TRAITS), size, personal, horizon, walks=walks
        )
        run_buyers(seed, number, model, kind, known, block, sums, b.work_of(size, horizon), out)
    else:
        block, sums = p.scratch_of(
            m.BLOCK_COLUMNS, TRAIT_COUNT, size, personal, horizon, walks=walks
        )
        work = m.wandering_of(size, horizon, kind.falls.shape[1], personal)
        run_states(seed, number, model, kind, known, block, sums, work, out)
    return out
