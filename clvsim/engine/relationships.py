"""Which loop runs which task: contracts in one, customers who buy in another."""

from itertools import groupby

import numpy as np

from clvsim.engine.compile import Compiled
from clvsim.engine.tasks import new_slots, slots_of
from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.kernels.buyers import simulate_buyers
from clvsim.kernels.customers import TASK_CELL, TASK_COLUMNS, simulate


def run_tasks(
    compiled: Compiled, seed: int, tasks: p.Ints, block: int, slots: p.Slots, rows: p.Floats
) -> None:
    """Run tasks, each into its slot, by the loop of their relationship.

    Parameters
    ----------
    tasks : (task, TASK_COLUMNS) int64
    block : int
        Customers of a block; changes no result.
    slots : Slots
        As many as tasks.
    rows : (customer, column)
        As in ``kernels.customers.simulate``.
    """
    buying = compiled.buying
    if buying is None:
        simulate(np.uint64(seed), tasks, block, compiled.model, slots, rows)
        return
    is_purchase = buying.facts[tasks[:, TASK_CELL], b.KIND] != b.CONTRACT
    first = 0
    for purchases, run in groupby(is_purchase.tolist()):
        part = slice(first, first + len(list(run)))
        first = part.stop
        own = slots_of(slots, part)
        if purchases:
            simulate_buyers(np.uint64(seed), tasks[part], block, compiled.model, buying, own, rows)
        else:
            simulate(np.uint64(seed), tasks[part], block, compiled.model, own, rows)


def warm_up(compiled: Compiled, block: int) -> None:
    """Compile the loops that a variant needs, or fetch them from Numba's cache; simulate nobody."""
    nothing = np.zeros((0, TASK_COLUMNS), dtype=np.int64)
    slots, rows = new_slots(compiled, 0, 1), np.zeros((0, len(p.ROW_COLUMNS)))
    kinds = np.zeros(1) if compiled.buying is None else compiled.buying.facts[:, b.KIND]
    if (kinds == b.CONTRACT).any():
        simulate(np.uint64(0), nothing, block, compiled.model, slots, rows)
    if compiled.buying is not None:
        simulate_buyers(np.uint64(0), nothing, block, compiled.model, compiled.buying, slots, rows)
