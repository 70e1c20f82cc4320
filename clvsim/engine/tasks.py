"""Cutting a run into tasks: the same cut for any number of threads or worlds at a time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.compile import Compiled
from clvsim.kernels import plan as p
from clvsim.kernels.customers import NO_END, TASK_COLUMNS
from clvsim.kernels.tally import BINS

Ints = NDArray[np.int64]
#: Customers of one fixed cohort that one task takes.
LEAF = 131_072
#: Most tasks that one cohort is cut into.
_MOST_LEAVES = 512


@dataclass(frozen=True)
class TaskPlan:
    """Tasks of one world.

    Attributes
    ----------
    tasks : (task, TASK_COLUMNS) int64
        With world 0; in the order of groups, cells and ranks.
    group : (task,) int64
    customers : (task,)
        Expected customers.
    """

    tasks: Ints
    group: Ints
    customers: NDArray[np.float64]

    def for_worlds(self, first: int, count: int) -> Ints:
        """Tasks of some worlds, world by world."""
        tasks = np.tile(self.tasks, (count, 1))
        tasks[:, 0] = np.repeat(np.arange(first, first + count), len(self.tasks))
        return tasks

    def of_somebody(self, compiled: Compiled) -> "TaskPlan":
        """The tasks in whose cells anybody is."""
        limits = compiled.intake.limit
        some = np.array(
            [bool(limits[begin:end].any()) for begin, end in self.tasks[:, 1:3]], dtype=np.bool_
        )
        return TaskPlan(self.tasks[some], self.group[some], self.customers[some])

    @property
    def widest(self) -> int:
        """Most cells of a task."""
        return int((self.tasks[:, 2] - self.tasks[:, 1]).max(initial=1))


def plan_tasks(compiled: Compiled) -> TaskPlan:
    """Cut one world into tasks: a group's cells, or a run of ranks of one large fixed cohort."""
    rows: list[tuple[int, ...]] = []
    groups: list[int] = []
    customers: list[float] = []
    for index, group in enumerate(compiled.table.groups):
        cells = compiled.table.of(index)
        limits = compiled.intake.limit[cells]
        if cells.start == cells.stop:
            continue
        if group.kind != p.FIXED:
            rows.append((0, cells.start, cells.stop, 0, NO_END, -1))
            groups.append(index)
            customers.append(float(limits.sum()))
            continue
        for cell, limit in zip(range(cells.start, cells.stop), limits, strict=True):
            size = int(limit)
            leaf = max(LEAF, -(-size // _MOST_LEAVES))
            for rank in range(0, max(size, 1), leaf):
                end = min(rank + leaf, size)
                rows.append((0, cell, cell + 1, rank, end, -1))
                groups.append(index)
                customers.append(float(end - rank))
    tasks = np.array(rows, dtype=np.int64).reshape(-1, TASK_COLUMNS)
    return TaskPlan(tasks, np.array(groups, dtype=np.int64), np.array(customers))


def new_slots(compiled: Compiled, tasks: int, widest: int) -> p.Slots:
    """Zeroed accumulators for some tasks."""
    periods = compiled.scenario.time.periods
    return p.Slots(
        flows=np.zeros((tasks, p.FLOWS, periods)),
        program_flows=np.zeros((tasks, len(compiled.programs), p.PROGRAM_FLOWS, periods)),
        sums=np.zeros((tasks, p.SUMS)),
        cells=np.zeros((tasks, widest, 3)),
        only=np.zeros((tasks, len(compiled.model.rivals), 2)),
        histogram=np.zeros((tasks, 2, BINS), dtype=np.int64),
    )


def slots_of(slots: p.Slots, part: slice) -> p.Slots:
    """The slots of a run of tasks."""
    return p.Slots(
        flows=slots.flows[part],
        program_flows=slots.program_flows[part],
        sums=slots.sums[part],
        cells=slots.cells[part],
        only=slots.only[part],
        histogram=slots.histogram[part],
    )


def slot_bytes(compiled: Compiled, widest: int) -> int:
    """Memory of one task's slot, bytes."""
    periods, programs = compiled.scenario.time.periods, len(compiled.programs)
    numbers = (p.FLOWS + programs * p.PROGRAM_FLOWS) * periods + p.SUMS
    return 8 * (numbers + 3 * widest + 2 * len(compiled.model.rivals) + 2 * BINS)
