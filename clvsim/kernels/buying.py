"""What the loop over customers who buy reads and writes beside ``plan``: rows with names."""

from typing import NamedTuple

import numpy as np

from clvsim.kernels import plan as p
from clvsim.kernels.plan import Floats, Ints

#: Relationships; a contract is none of purchases.
CONTRACT, BG_NBD, PARETO_NBD, BG_BB = 0, 1, 2, 3

# Columns of ``Buying.facts``: one number a cell.
#: Relationship; guide buckets per unit of cumulated rate; margin of a purchase in a period beyond
#: the horizon apart from its amount, currency; multiplier of the purchase rate that lasts, the mean
#: over the seasons.
KIND, GUIDE_SCALE, LATER_PURCHASE, LASTING_RATE = 0, 1, 2, 3
FACTS = 4

# Rows of ``Buying.schedule``: one number a cell and step, T + 1 wide.
#: Multiplier of the purchase rate; tenure on entering plus its running sum; first guess of the step
#: whose running sum passes a target (indexed by bucket).
MULTIPLIER, CUMULATED, GUIDE = 0, 1, 2
#: Margin of a purchase apart from its amount, discounted to joining, currency.
PURCHASE_MARGIN = 3
SCHEDULE = 4

# Columns of a block beside those of ``plan``.
#: Purchase rate (or hazard of a purchase at an opportunity); cumulated rate at the last purchase;
#: cumulated dropout multiplier; moment of leaving, steps; number of the next purchase; purchases
#: inside the horizon.
PACE = p.BLOCK_COLUMNS
CLOCK, TICKS, DEATH, NUMBER, COUNT = range(PACE + 1, PACE + 6)
#: Of the customers in ``Work.who``, in their order: uniform, exponential and then target of a
#: purchase; uniform and then amount; step.
GAP, AMOUNT, STEP_OF = range(PACE + 6, PACE + 9)
#: What is known of the past: moment of the last purchase, steps; purchases (negative: nothing is)
#: and what they were worth together, currency.
LATEST, BEFORE, SPENT = range(PACE + 9, PACE + 12)
BLOCK_COLUMNS = PACE + 12
# Rows of ``Work.who``: place in the block and rank of the customers who may buy again.
PLACE, RANK = 0, 1

#: Purchases of a customer that are drawn for a whole block at once; later ones follow one by one.
ROUNDS = 64


class Buying(NamedTuple):
    """What ``Model`` lacks for purchases.

    Attributes
    ----------
    facts : (cell, fact)
    schedule : (cell, row, T + 1)
    past : (cell, period)
        Hazard multiplier before the horizon by tenure, of an installed base.
    """

    facts: Floats
    schedule: Floats
    past: Floats


class Work(NamedTuple):
    """Scratch of purchases.

    Attributes
    ----------
    who : (2, B) int64
    counts : (T + 1,)
        A cell's purchases by step.
    amounts : (ROUNDS + 1, T + 1)
        Their value at the price list, currency, by number of the purchase (the last row: all
        later ones). In each row customers stand in the order of rank, whatever the block: so the
        sums do not depend on it.
    used : (1,) int64
        Rows of ``amounts`` that hold anything.
    """

    who: Ints
    counts: Floats
    amounts: Floats
    used: Ints


def work_of(size: int, horizon: int) -> Work:
    """Scratch for blocks of so many customers over so many periods."""
    return Work(
        who=np.zeros((2, size), dtype=np.int64),
        counts=np.zeros(horizon + 1),
        amounts=np.zeros((ROUNDS + 1, horizon + 1)),
        used=np.zeros(1, dtype=np.int64),
    )
