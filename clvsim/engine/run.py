"""Running worlds: waves of tasks over threads, gathered into arrays by world."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.compile import Compiled
from clvsim.engine.histogram import concentration, quantiles
from clvsim.engine.ledger import keep_ledger
from clvsim.engine.luck import luck_of_customers
from clvsim.engine.relationships import run_tasks
from clvsim.engine.tasks import TaskPlan, new_slots, plan_tasks, slot_bytes, slots_of
from clvsim.kernels import plan as p

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[Any]
Progress = Callable[[int], None]
#: Customers of a block: its columns stay in the second-level cache.
BLOCK = 1024
#: Probabilities of ``clv_quantiles``.
PROBABILITIES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
_WAVE_BYTES = 64 * 2**20
_NO_ROWS = np.zeros((0, len(p.ROW_COLUMNS)))


@dataclass(frozen=True)
class Worlds:
    """Results of some worlds of one variant, ``W`` worlds and ``T`` periods.

    Attributes
    ----------
    first : int
        Number of the first world.
    cash, present, program_cost
        As in ``Ledger``: (W, account, T), (W, account), (W, program, T), currency.
    flows : (W, flow, T)
        Summed over groups; the rows ``AT_RISK`` and ``DECIDED`` by tenure.
    by_tenure : (W, segment, 2, T)
        Customers at risk of a decision to leave, and decided, by segment and tenure.
    program_flows : (W, program, flow, T)
    sums : (W, group, column)
    expected_cost : (W, group)
        Customers times the expected acquisition cost of their cells, currency.
    luck : (W,)
        Variance of the NPV that the customers' own luck makes, estimated, currency squared.
    cohorts : (W, T, 2)
        Customers and their value before acquisition by period of joining.
    only : (W, variant, 2)
    clv_quantiles : (W, probability)
    segment_quantiles : (W, segment, probability)
    gini, top_share : (W,)
    """

    first: int
    cash: Floats
    present: Floats
    program_cost: Floats
    flows: Floats
    by_tenure: Floats
    program_flows: Floats
    sums: Floats
    expected_cost: Floats
    luck: Floats
    cohorts: Floats
    only: Floats
    clv_quantiles: Floats
    segment_quantiles: Floats
    gini: Floats
    top_share: Floats

    @property
    def count(self) -> int:
        """Number of worlds."""
        return len(self.cash)


def join(parts: list[Worlds]) -> Worlds:
    """Consecutive worlds as one."""
    arrays = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Worlds)
        if field.name != "first"
    }
    return Worlds(first=parts[0].first, **arrays)


def default_threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """How to run; none of it changes a result.

    Attributes
    ----------
    threads : int
    block : int
        Customers of a block.
    wave_bytes : int
        Memory for the accumulators of one wave.
    """

    threads: int = 0
    block: int = BLOCK
    wave_bytes: int = _WAVE_BYTES


def run_worlds(
    compiled: Compiled,
    seed: int,
    first: int,
    count: int,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Iterator[Worlds]:
    """Simulate worlds ``first .. first + count``, yielding them a wave at a time.

    Parameters
    ----------
    compiled : Compiled
    seed : int
    first, count : int
    settings : Settings, optional
    progress : callable, optional
        Told the number of customers simulated, now and then.
    """
    settings = settings or Settings()
    tasks = plan_tasks(compiled)
    per_world = slot_bytes(compiled, tasks.widest) * max(len(tasks.tasks), 1)
    wave = max(1, min(count, settings.wave_bytes // per_world))
    with ThreadPoolExecutor(settings.threads or default_threads()) as pool:
        done = 0
        while done < count:
            size = min(wave, count - done)
            slots = _run_wave(compiled, seed, tasks, first + done, size, settings, pool, progress)
            yield _gather(compiled, tasks, slots, first + done, size)
            done += size


def _run_wave(
    compiled: Compiled,
    seed: int,
    plan: TaskPlan,
    first: int,
    worlds: int,
    settings: Settings,
    pool: ThreadPoolExecutor,
    progress: Progress | None,
) -> p.Slots:
    """Simulate some worlds; their slots, world by world."""
    tasks = plan.for_worlds(first, worlds)
    customers = np.tile(plan.customers, worlds)
    slots = new_slots(compiled, len(tasks), plan.widest)

    def work(part: slice) -> int:
        own = slots_of(slots, part)
        run_tasks(compiled, seed, tasks[part], settings.block, own, _NO_ROWS)
        return int(customers[part].sum())

    parts = _parts(customers, settings.threads or default_threads())
    for finished in pool.map(work, parts):
        if progress is not None:
            progress(finished)
    return slots


def _parts(customers: Floats, threads: int) -> list[slice]:
    """Runs of tasks with about equal work, several a thread so that none waits long."""
    if not len(customers):
        return []
    work = np.cumsum(customers + 200.0)
    pieces = min(len(customers), 4 * threads) if threads > 1 else min(len(customers), 8)
    cuts = np.searchsorted(work, work[-1] * np.arange(1, pieces) / pieces)
    edges = np.unique(np.concatenate([[0], cuts, [len(customers)]]))
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def _summed(slots: Numbers, places: Ints, worlds: int, count: int) -> Numbers:
    """Sum each world's slots by the place of its tasks, in their order: ``(world, place, …)``."""
    per_world = slots.reshape(worlds, len(places), *slots.shape[1:])
    out = np.zeros((worlds, count, *slots.shape[1:]), dtype=slots.dtype)
    for task, place in enumerate(places):
        out[:, place] += per_world[:, task]
    return out


def _gather(compiled: Compiled, plan: TaskPlan, slots: p.Slots, first: int, worlds: int) -> Worlds:
    """Slots of some worlds to results by world."""
    table, periods = compiled.table, compiled.scenario.time.periods
    groups = len(table.groups)
    flows = _summed(slots.flows, plan.group, worlds, groups)
    program_flows = _summed(slots.program_flows, plan.group, worlds, groups)
    sums = _summed(slots.sums, plan.group, worlds, groups)
    ledger = keep_ledger(compiled, flows, program_flows, _over(sums[:, :, p.SUM_RESIDUAL]))
    cells = np.zeros((worlds, len(table.group), 3))
    per_world = slots.cells.reshape(worlds, len(plan.tasks), plan.widest, 3)
    for index, task in enumerate(plan.tasks):
        width = task[2] - task[1]
        cells[:, task[1] : task[2]] += per_world[:, index, :width]
    cohorts = np.zeros((worlds, periods, 2))
    expected_cost = np.zeros((worlds, groups))
    for cell, (joined, group) in enumerate(zip(table.joined, table.group, strict=True)):
        if joined >= 0:
            cohorts[:, joined] += cells[:, cell, :2]
        expected_cost[:, group] += cells[:, cell, 0] * compiled.intake.cost[cell]
    segments = segment_names(compiled)
    by_tenure = np.zeros((worlds, len(segments), 2, periods))
    place = np.array([segments.index(group.segment) for group in table.groups], dtype=np.int64)
    for index, segment in enumerate(place):
        by_tenure[:, segment, 0] += flows[:, index, p.AT_RISK]
        by_tenure[:, segment, 1] += flows[:, index, p.DECIDED]
    by_segment = _summed(slots.histogram, place[plan.group], worlds, len(segments))
    total = by_segment.sum(axis=1)
    gini, top_share = concentration(total[:, 1])
    return Worlds(
        first=first,
        cash=ledger.cash,
        present=ledger.present,
        program_cost=ledger.program_cost,
        flows=_over(flows),
        by_tenure=by_tenure,
        program_flows=_over(program_flows),
        sums=sums,
        expected_cost=expected_cost,
        luck=luck_of_customers(compiled, cells),
        cohorts=cohorts,
        only=_over(_summed(slots.only, plan.group, worlds, groups)),
        clv_quantiles=quantiles(total[:, 0], PROBABILITIES),
        segment_quantiles=quantiles(by_segment[:, :, 0], PROBABILITIES),
        gini=gini,
        top_share=top_share,
    )


def _over(array: Floats) -> Floats:
    """Sum over groups (axis 1), one after the other."""
    out = np.zeros((array.shape[0], *array.shape[2:]))
    for group in range(array.shape[1]):
        out += array[:, group]
    return out


def segment_names(compiled: Compiled) -> list[str]:
    """Segments of the variant's groups, sorted."""
    return sorted({group.segment for group in compiled.table.groups})
