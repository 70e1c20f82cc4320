"""Which loop runs which task: contracts, customers who buy, customers who move between states."""

from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.compile import Compiled
from clvsim.engine.tasks import new_slots, slots_of
from clvsim.kernels import buying as b
from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.kernels.buyers import simulate_buyers
from clvsim.kernels.customers import TASK_CELL, TASK_COLUMNS, simulate
from clvsim.kernels.states import simulate_states

_CONTRACT, _PURCHASES, _STATES = range(3)
#: Blocks of customers who buy, over those of others: late rounds, of few, cost less each (8 % of
#: CDNOW's kind over 104 weeks), and their columns still stay in the second-level cache.
_BUYERS = 3


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
    loops = _loops(compiled)
    first = 0
    for loop, run in groupby(loops[tasks[:, TASK_CELL]].tolist()):
        part = slice(first, first + len(list(run)))
        first = part.stop
        _run(compiled, loop, seed, tasks[part], block, slots_of(slots, part), rows)


def _loops(compiled: Compiled) -> NDArray[np.int64]:
    """Loop that runs each cell, ``(cell,)``."""
    loops = np.full(len(compiled.model.facts), _CONTRACT)
    if compiled.buying is not None:
        loops[compiled.buying.facts[:, b.KIND] != b.CONTRACT] = _PURCHASES
    if compiled.moving is not None:
        loops[compiled.moving.facts[:, m.IS_STATES] != 0.0] = _STATES
    return loops


def _run(
    compiled: Compiled,
    loop: int,
    seed: int,
    tasks: p.Ints,
    block: int,
    slots: p.Slots,
    rows: p.Floats,
) -> None:
    """Run tasks by one loop; as ``run_tasks``."""
    key, model, walks = np.uint64(seed), compiled.model, compiled.walks
    if loop == _PURCHASES and compiled.buying is not None:
        simulate_buyers(
            key, tasks, _BUYERS * block, model, compiled.buying, slots, rows, walks=walks
        )
    elif loop == _STATES and compiled.moving is not None:
        simulate_states(key, tasks, block, model, compiled.moving, slots, rows, walks=walks)
    else:
        simulate(key, tasks, block, model, slots, rows, walks=walks)


def warm_up(compiled: Compiled, block: int) -> None:
    """Compile the loops that a variant needs, or fetch them from Numba's cache; simulate nobody."""
    nothing = np.zeros((0, TASK_COLUMNS), dtype=np.int64)
    slots, rows = new_slots(compiled, 0, 1), np.zeros((0, len(p.ROW_COLUMNS)))
    for loop in np.unique(_loops(compiled)).tolist():
        _run(compiled, loop, 0, nothing, block, slots, rows)
