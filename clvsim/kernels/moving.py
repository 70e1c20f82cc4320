"""What the loop over customers who move between states reads and writes beside ``plan``."""

from typing import NamedTuple

import numpy as np

from clvsim.kernels import plan as p
from clvsim.kernels.plan import Floats, Ints

# Columns of ``Moving.facts``: one number a cell.
#: Whether its customers move between states (0 or 1); row of the tables; number of states; the
#: state on joining; the state of those who have left (-1: nobody ever leaves).
IS_STATES, TABLE, STATES, BEGIN, LOST = range(5)
FACTS = 5

# Rows of ``Moving.terms``: one number a table and state.
#: Margin of a period in the state per unit of spend; cost of contacting a customer in it, currency.
BRINGS, COSTS = 0, 1
#: Minus the log of the probability not to be in the worst state next: what treatments call risk.
RISK = 2
TERMS = 3

# Rows of ``Moving.ahead`` and ``Moving.worth``: one number a cell and state.
#: Expected margin per unit of spend and per head, currency.
AHEAD_UNIT, AHEAD_HEAD = 0, 1

# Columns of a block beside those of ``plan``.
#: State.
STATE_OF = p.BLOCK_COLUMNS
#: Of the customers in ``Wandering.who``, in their order: minus the log of the uniform of a move;
#: uniforms of an even tenure's move and of the next one's, which share an address.
EXPONENTIAL, FIRST_HALF, SECOND_HALF = range(STATE_OF + 1, STATE_OF + 4)
BLOCK_COLUMNS = STATE_OF + 4
# Rows of ``Wandering.who``: place in the block and state of those who have not left; their rank.
PLACE, STATE, RANK = 0, 1, 2
#: Bars that are compared at once.
AT_ONCE = 4


class Moving(NamedTuple):
    """What ``Model`` lacks for states, best state first.

    Attributes
    ----------
    facts : (cell, fact)
    falls : (table, state, state)
        Minus the log of the probability to be in this state or a better one next, by the state now.
    terms : (table, row, state)
    ahead : (cell, row, state)
        Of all periods beyond the horizon, discounted to it.
    worth : (cell, row, state)
        Of all periods to come under the conditions that last: what treatments call value.
    meant : (personal program, table, state)
        Whether a treatment contacts customers in the state (0 or 1).
    past : (cell, period)
        Hazard multiplier before the horizon by tenure, of an installed base.
    """

    facts: Floats
    falls: Floats
    terms: Floats
    ahead: Floats
    worth: Floats
    meant: Floats
    past: Floats


class Wandering(NamedTuple):
    """Scratch of states.

    Attributes
    ----------
    who : (3, B) int64
        Those who have not left, in the order of rank.
    counts, spent : (T + 1, state)
        A cell's customers by step and state, and their summed spend, in the order of rank.
    odds : (state, state)
        Discounted transitions of one period.
    system : (state, state + 2)
        Two linear systems of the same coefficients.
    column : (state,)
        A column of the systems to come.
    known : (1 + 2 personal programs,)
        Cell and effects whose solutions stand in ``system``.
    bars : (state, states but one, up to a multiple of ``AT_ONCE``)
        What the exponential of a move must pass to be worse than a state, by the state now; 0, not
        in its way, beyond the worst but one.
    """

    who: Ints
    counts: Floats
    spent: Floats
    odds: Floats
    system: Floats
    column: Floats
    known: Floats
    bars: Floats


def wandering_of(size: int, horizon: int, states: int, personal: int) -> Wandering:
    """Scratch for blocks of so many customers, periods, states and personal programs."""
    return Wandering(
        who=np.zeros((3, size), dtype=np.int64),
        counts=np.zeros((horizon + 1, states)),
        spent=np.zeros((horizon + 1, states)),
        odds=np.zeros((states, states)),
        system=np.zeros((states, states + 2)),
        column=np.zeros(states),
        known=np.full(1 + 2 * personal, -1.0),
        bars=np.zeros((states, -(-(states - 1) // AT_ONCE) * AT_ONCE)),
    )
