"""Customers one by one: a row for each customer of a world, a task at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvsim.engine import relationships
from clvsim.engine.compile import Compiled
from clvsim.engine.run import BLOCK
from clvsim.engine.tasks import new_slots, plan_tasks
from clvsim.errors import ClvsimError
from clvsim.kernels import plan as p
from clvsim.kernels.acquisition import count_arrivals
from clvsim.kernels.customers import (
    NO_END,
    TASK_CELL,
    TASK_CELL_END,
    TASK_RANK,
    TASK_RANK_END,
    TASK_ROW,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_COLUMN = {name: index for index, name in enumerate(p.ROW_COLUMNS)}


@dataclass(frozen=True)
class Rows:
    """Customers of one source and segment in one world.

    Attributes
    ----------
    world : int
    source, segment : str
    joined : (customer,) int64
        Period of joining; negative: installed base.
    numbers : (customer, column)
        As named by ``kernels.plan.ROW_COLUMNS``.
    """

    world: int
    source: str
    segment: str
    joined: Ints
    numbers: Floats

    def __len__(self) -> int:
        return len(self.numbers)

    def column(self, name: str) -> Floats:
        """One column of ``numbers``, ``(customer,)``."""
        return self.numbers[:, _COLUMN[name]]


def customer_rows(compiled: Compiled, seed: int, world: int, block: int = BLOCK) -> Iterator[Rows]:
    """All customers of one world in the order of tasks, cells and ranks, a task at a time.

    They are the customers that the run of the same scenario, seed and world adds up.

    Parameters
    ----------
    compiled : Compiled
    seed, world : int
    block : int
        Customers of a block; changes no row.

    Raises
    ------
    ClvsimError
        If the kernel finds more or fewer customers than were counted (a fault of clvsim).
    """
    plan = plan_tasks(compiled)
    for task, group in zip(plan.for_worlds(world, 1), plan.group, strict=True):
        count = _customers(compiled, seed, world, task, block)
        if count == 0:
            continue
        task[TASK_ROW] = 0
        numbers = np.zeros((count, len(p.ROW_COLUMNS)))
        slots = _simulate(compiled, seed, task[np.newaxis], numbers, block)
        if slots.sums[0, p.SUM_CUSTOMERS] != count:
            message = f"counted {count} customers and simulated {slots.sums[0, p.SUM_CUSTOMERS]:g}"
            raise ClvsimError(message)
        found = compiled.table.groups[group]
        joined = compiled.table.joined[numbers[:, _COLUMN["cell"]].astype(np.int64)]
        yield Rows(world, found.source, found.segment, joined, numbers)


def warm_up(compiled: Compiled) -> None:
    """Compile the kernels, or fetch them from Numba's cache, without simulating anybody."""
    relationships.warm_up(compiled, BLOCK)


def _simulate(compiled: Compiled, seed: int, tasks: Ints, rows: Floats, block: int) -> p.Slots:
    """Run some tasks and write their customers to ``rows``."""
    widest = int((tasks[:, TASK_CELL_END] - tasks[:, TASK_CELL]).max(initial=1))
    slots = new_slots(compiled, len(tasks), widest)
    relationships.run_tasks(compiled, seed, tasks, block, slots, rows)
    return slots


def expected_rows(compiled: Compiled) -> float:
    """Expected customers of one world."""
    return float(plan_tasks(compiled).customers.sum())


def _customers(compiled: Compiled, seed: int, world: int, task: Ints, block: int) -> int:
    """Customers of one task."""
    total = 0
    for cell in range(task[TASK_CELL], task[TASK_CELL_END]):
        facts = compiled.model.facts[cell]
        if facts[p.LIMIT] <= 0.0 or facts[p.STEPS] <= 0.0:
            continue
        if facts[p.SOURCE] == p.ARRIVALS:
            stream = compiled.model.streams[int(facts[p.GROUP]), p.STREAM_ARRIVAL]
            joined = int(facts[p.JOINED_IN])
            total += count_arrivals(
                np.uint64(seed), np.uint64(world), stream, joined, facts[p.LIMIT], block
            )
        elif task[TASK_RANK_END] == NO_END:
            total += int(facts[p.LIMIT])
        else:
            total += int(task[TASK_RANK_END] - task[TASK_RANK])
    return total
