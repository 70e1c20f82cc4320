"""Running worlds: waves of tasks over threads, gathered into arrays by world."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.compile import Compiled
from clvsim.engine.histogram import concentration, quantiles
from clvsim.engine.ledger import keep_ledger
from clvsim.engine.luck import companions, luck_of_customers
from clvsim.engine.relationships import run_tasks
from clvsim.engine.tasks import TaskPlan, new_slots, plan_tasks, slot_bytes, slots_of
from clvsim.engine.undecided import undecided_value
from clvsim.kernels import plan as p

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[Any]
Progress = Callable[[int], None]
#: Customers of a block: its columns stay in the second-level cache.
BLOCK = 1024
#: Probabilities of ``clv_quantiles``.
PROBABILITIES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
_WAVE_BYTES = 32 * 2**20
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
    acquisition_costs : (W, group)
        What is paid for the prospects of each group, and their gifts, currency.
    prospects : (W, group, 4)
        Prospects that come to a decision, those of them expected to join, under their offer and at
        the list price, and who are expected to join after the horizon.
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
    acquisition_costs: Floats
    prospects: Floats
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
        Memory for the accumulators of one wave; two of them are there at a time.
    """

    threads: int = 0
    block: int = BLOCK
    wave_bytes: int = _WAVE_BYTES


def run_worlds(
    plans: Sequence[Compiled],
    seed: int,
    first: int,
    count: int,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> list[Worlds]:
    """Simulate worlds ``first .. first + count`` of each of some compiled scenarios.

    Parameters
    ----------
    plans : sequence of Compiled
    seed : int
    first, count : int
        ``count`` is at least 1.
    settings : Settings, optional
    progress : callable, optional
        Told the number of customers simulated, now and then.

    Returns
    -------
    list of Worlds
        In the order of ``plans``.
    """
    settings = settings or Settings()
    threads = settings.threads or default_threads()
    parts: list[list[Worlds]] = [[] for _ in plans]
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[tuple[int, _Wave]] = deque()
        try:
            for index, compiled in enumerate(plans):
                for wave in _waves(compiled, first, count, settings):
                    wave.start(seed, settings, pool)
                    ahead.append((index, wave))
                    # Kernels need no interpreter: one wave runs while the one before is gathered.
                    # One thread does one thing at a time.
                    if len(ahead) > 1 or threads == 1:
                        owner, ready = ahead.popleft()
                        parts[owner].append(ready.gathered(progress))
            for owner, ready in ahead:
                parts[owner].append(ready.gathered(progress))
        except BaseException:
            # What waits is not begun any more: an interrupt is heeded in a moment.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [join(waves) for waves in parts]


def _waves(compiled: Compiled, first: int, count: int, settings: Settings) -> Iterator["_Wave"]:
    """Runs of worlds whose accumulators fit into the memory of a wave, not yet started."""
    sides = _sides(compiled)
    size = max(1, min(count, settings.wave_bytes // _accumulated(sides)))
    for at in range(first, first + count, size):
        yield _Wave(sides, at, min(size, first + count - at))


class _Side(NamedTuple):
    """What a wave simulates: its variant, or the companions of customers alone in a cell."""

    compiled: Compiled
    plan: TaskPlan


def _sides(compiled: Compiled) -> list[_Side]:
    """The variant, and the companions of those alone in a cell, if anybody is."""
    sides = [_Side(compiled, plan_tasks(compiled))]
    if (pairs := companions(compiled)) is not None:
        sides.append(_Side(pairs, plan_tasks(pairs).of_somebody(pairs)))
    return sides


def _accumulated(sides: list[_Side]) -> int:
    """Memory of the accumulators of one world, bytes."""
    return sum(
        slot_bytes(side.compiled, side.plan.widest) * max(len(side.plan.tasks), 1) for side in sides
    )


def world_bytes(compiled: Compiled) -> int:
    """Memory of the accumulators of one world, those of companions too, bytes."""
    return _accumulated(_sides(compiled))


class _Wave:
    """Worlds of one variant that are simulated side by side.

    Parameters
    ----------
    sides : list of _Side
        The variant, and the companions of those alone in a cell, if anybody is.
    first, worlds : int
    """

    def __init__(self, sides: list[_Side], first: int, worlds: int) -> None:
        self.sides, self.first, self.worlds = sides, first, worlds
        self.slots: list[p.Slots] = []
        self.running: list[Future[int]] = []

    def start(self, seed: int, settings: Settings, pool: ThreadPoolExecutor) -> None:
        """Hand the tasks to a pool of threads."""
        for side in self.sides:
            self._start(side, seed, settings, pool)

    def _start(self, side: _Side, seed: int, settings: Settings, pool: ThreadPoolExecutor) -> None:
        """The same of one side."""
        tasks = side.plan.for_worlds(self.first, self.worlds)
        customers = np.tile(side.plan.customers, self.worlds)
        slots = new_slots(side.compiled, len(tasks), side.plan.widest)
        is_told = side is self.sides[0]

        def work(part: slice) -> int:
            own = slots_of(slots, part)
            run_tasks(side.compiled, seed, tasks[part], settings.block, own, _NO_ROWS)
            return int(customers[part].sum()) if is_told else 0

        parts = _parts(customers, settings.threads or default_threads())
        self.slots.append(slots)
        self.running += [pool.submit(work, part) for part in parts]

    def gathered(self, progress: Progress | None) -> Worlds:
        """Wait for the tasks; their results by world."""
        for one in self.running:
            finished = one.result()
            if progress is not None:
                progress(finished)
        cells, *pairs = (
            _by_cell(side, slots.cells, self.worlds)
            for side, slots in zip(self.sides, self.slots, strict=True)
        )
        compiled, plan = self.sides[0]
        luck = luck_of_customers(compiled, cells, *pairs)
        return _gather(compiled, plan, self.slots[0], cells, luck, self.first)


def _by_cell(side: _Side, sums: Floats, worlds: int) -> Floats:
    """Customers, summed values and summed squares of some worlds, ``(world, cell, 3)``."""
    cells = np.zeros((worlds, len(side.compiled.table.group), 3))
    per_world = sums.reshape(worlds, len(side.plan.tasks), side.plan.widest, 3)
    for index, task in enumerate(side.plan.tasks):
        width = task[2] - task[1]
        cells[:, task[1] : task[2]] += per_world[:, index, :width]
    return cells


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


def _gather(
    compiled: Compiled, plan: TaskPlan, slots: p.Slots, cells: Floats, luck: Floats, first: int
) -> Worlds:
    """Slots of some worlds, and what is known of them by cell, to results by world."""
    table, periods = compiled.table, compiled.scenario.time.periods
    groups, worlds = len(table.groups), len(cells)
    flows = _summed(slots.flows, plan.group, worlds, groups)
    program_flows = _summed(slots.program_flows, plan.group, worlds, groups)
    sums = _summed(slots.sums, plan.group, worlds, groups)
    residual, later = _over(sums[:, :, p.SUM_RESIDUAL]), undecided_value(compiled, cells)
    ledger = keep_ledger(compiled, flows, program_flows, residual, later)
    gifts = np.array([group.gift for group in table.groups])
    cohorts = np.zeros((worlds, periods, 2))
    for cell, (joined, group) in enumerate(zip(table.joined, table.group, strict=True)):
        # Customers of an installed base that came at the start are no cohort of it.
        if table.groups[group].kind != p.SURVIVORS:
            cohorts[:, joined] += cells[:, cell, :2]
    segments = segment_names(compiled)
    by_tenure = np.zeros((worlds, len(segments), 2, periods))
    place = np.array([segments.index(group.segment) for group in table.groups], dtype=np.int64)
    for index, segment in enumerate(place):
        by_tenure[:, segment, 0] += flows[:, index, p.AT_RISK]
        by_tenure[:, segment, 1] += flows[:, index, p.DECIDED]
    # Quantiles of CLV are over the customers acquired, as its mean is; the histogram of values
    # before acquisition keeps the installed base.
    slots.histogram[np.tile(~_in_quantiles(compiled)[plan.group], worlds), 0] = 0
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
        acquisition_costs=compiled.intake.costs + gifts * sums[:, :, p.SUM_CUSTOMERS],
        prospects=_expected(compiled, worlds),
        luck=luck,
        cohorts=cohorts,
        only=_over(_summed(slots.only, plan.group, worlds, groups)),
        clv_quantiles=quantiles(total[:, 0], PROBABILITIES),
        segment_quantiles=quantiles(by_segment[:, :, 0], PROBABILITIES),
        gini=gini,
        top_share=top_share,
    )


def _expected(compiled: Compiled, worlds: int) -> Floats:
    """``Worlds.prospects``: no luck of customers is in it, so that some worlds have the same."""
    intake, table = compiled.intake, compiled.table
    found = np.zeros((len(table.groups), 4))
    for index, later in enumerate(intake.later):
        cells = table.of(index)
        if table.groups[index].kind == p.ARRIVALS:
            by_cell = (intake.prospects, intake.limit, intake.at_list)
            found[index, :3] = [one[cells].sum() for one in by_cell]
        found[index, 3] = later.sum()
    return np.broadcast_to(found, (worlds, *found.shape)).copy()


def _in_quantiles(compiled: Compiled) -> NDArray[np.bool_]:
    """Groups of customers acquired, ``(group,)``; all groups where nobody is."""
    bases = compiled.scenario.installed_base
    acquired = np.array([group.source not in bases for group in compiled.table.groups])
    return acquired if acquired.any() else np.ones(len(acquired), dtype=np.bool_)


def _over(array: Floats) -> Floats:
    """Sum over groups (axis 1), one after the other."""
    out = np.zeros((array.shape[0], *array.shape[2:]))
    for group in range(array.shape[1]):
        out += array[:, group]
    return out


def segment_names(compiled: Compiled) -> list[str]:
    """Segments of the variant's groups, sorted."""
    return sorted({group.segment for group in compiled.table.groups})
