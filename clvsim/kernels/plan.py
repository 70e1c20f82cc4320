"""What the loop over customers reads and writes: few plain arrays with named rows.

A *cell* is one cohort: the customers of one group (a source and a segment) that join in one
period. Every lever collapses to one row per cell over its *steps* (periods since it entered the
horizon), so the loop never sees a scenario, only rows.

Quantities of a kind share one array, and constants name its rows: with an array each (84 of them)
the kernel took 35 s to compile, because numba unpacks and counts every array at every call.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

#: How a cell's customers come about: a Poisson process of prospects, a fixed number, or the
#: survivors (a fixed number) of an earlier cohort.
ARRIVALS, FIXED, SURVIVORS = 0, 1, 2

#: Streams of the core decisions; those of personal programs follow, one a row.
STREAM_TRAITS, STREAM_LIFE, STREAM_MORE_TRAITS, STREAM_ARRIVAL = 0, 1, 2, 3
STREAM_PURCHASES, STREAM_PURCHASE, STREAM_STATE, STREAM_PAST = 4, 5, 6, 7
STREAM_KNOWN = 8
CORE_STREAMS = (
    "churn, spend", "life, call", "lift, keenness", "arrival", "purchases", "purchase, amount",
    "state", "past purchase", "known customer",
)  # fmt: skip
PERSONAL_STREAMS = len(CORE_STREAMS)

#: Quantile tables: octaves of the tail probability on each side of the median, and their cells.
OCTAVES, CELL_BITS = 54, 4
CELLS = 1 << CELL_BITS

# Columns of ``Model.facts``: one number a cell.
#: Index of the group; joining period (negative: installed base); first period inside the horizon;
#: periods from there to the horizon; how its customers come about.
GROUP, JOINED_IN, START, STEPS, SOURCE = 0, 1, 2, 3, 4
#: Expected customers (``ARRIVALS``) or their exact number; deciding prospects.
LIMIT, PROSPECTS = 5, 6
#: Guide buckets per unit of cumulated multiplier.
GUIDE_SCALE = 7
#: What lasts once offers have ended, the mean over the seasons: margin of a period per unit of
#: spend and per head, currency. Treatments rank customers by it.
LASTING_UNIT, LASTING_HEAD = 8, 9
#: Expected acquisition cost per customer, currency.
ACQUISITION_COST = 10
#: Probability that one who leaves calls to cancel.
CALL_SHARE = 11
#: Whether any personal program can reach the cell (0 or 1).
IS_PERSONAL = 12
#: Step from which on the offer and all programs together cannot let off more than the whole price.
CLIPPED = 13
#: Hazard multiplier that lasts, likewise.
LASTING_HAZARD = 14
#: Running sum of the hazard multiplier on entering: of an installed base, that of its past.
ORIGIN = 15
#: Periods beyond the horizon until conditions only recur; periods after which they do.
AHEAD, CYCLE = 16, 17
#: Whether leaving beyond the horizon costs or brings anything (0 or 1).
LEAVES_WITH = 18
#: Running sum of the hazard multiplier that one must have outlasted to be there on entering: below
#: ``ORIGIN`` where a term still holds some who have decided to leave.
OUTLASTED = 19
FACTS = 20

# Rows of ``Model.schedule``: one number a cell and step (or step of decision), T + 1 wide.
#: Hazard multiplier; ``ORIGIN`` plus its running sum; first guess of the step whose
#: running sum passes a threshold (indexed by bucket).
MULTIPLIER, CUMULATED, GUIDE = 0, 1, 2
#: Last step paid by one who decides to leave at a step (steps: beyond the horizon).
HELD = 3
#: Margin, discounted to joining, per unit of spend and per head, up to a step of decision.
UNIT_VALUE, HEAD_VALUE = 4, 5
#: The same of one step alone, without amounts on leaving.
UNIT_MARGIN, HEAD_MARGIN = 6, 7
#: Amount on leaving (fee) and for a call to cancel, discounted to joining; the fee, currency.
LEAVING_MARGIN, CALL_MARGIN, FEE = 8, 9, 10
#: Price relative to the list at the start, and the share of it that is let off.
PRICE, LET_OFF = 11, 12
#: Periods beyond the horizon that one pays for who decides to leave at a step and is held.
OVERTIME = 13
#: Multiplier of spend, whatever the price; the share of the price that free periods let off (a part
#: of ``LET_OFF``).
VOLUME, FREE = 14, 15
#: What one unit of spend brings in at the price list, discounted to joining, before what is let off
#: and its cost, currency.
WORTH = 16
#: ``UNIT_MARGIN`` and ``WORTH``, each summed up to a step (exclusive).
UNIT_BEFORE, WORTH_BEFORE = 17, 18
SCHEDULE = 19

# More rows of ``Model.schedule``: one number a cell and period beyond the horizon. (No array of
# their own: see above.)
#: Multiplier of the hazard; the same, of those held by a term where they are let go; multiplier of
#: the purchase rate.
LATER_HAZARD, LATER_PAID, LATER_RATE = 19, 20, 21
#: Amount on leaving, discounted to the beginning of its period, currency; periods that one who
#: decides to leave is held beyond the one of the decision.
LATER_LEAVING, LATER_WAIT = 22, 23
#: Margin of the period per unit of spend and per head, discounted to its beginning, currency; then
#: what one unit of spend brings in at the price list (as ``WORTH``), and the share let off.
LATER_UNIT, LATER_HEAD, LATER_WORTH, LATER_LET_OFF = 24, 25, 26, 27
ROWS = 28

#: A step that never comes.
FOR_EVER = 2**30

#: Kinds of personal programs: joined of one's own accord, or contacted by rule.
MEMBERSHIP, TREATMENT = 0, 1
#: What a treatment ranks customers by.
BY_RANDOM, BY_VALUE, BY_RISK, BY_LIFT = 0, 1, 2, 3
# Columns of ``Model.personal``: one number a personal program.
#: Membership or treatment; index of the program; what it ranks by; periods of effect; row of
#: ``Model.discounting`` for its costs.
KIND, PROGRAM, TARGET, DURATION, TIMING = 0, 1, 2, 3, 4
#: Probability of acceptance; hazard multiplier under the effect; weight of the personal lift in it;
#: multiplier of spend; share of the price let off.
ACCEPTANCE, HAZARD, LIFT_WEIGHT, SPEND_EFFECT, CONCESSION = 5, 6, 7, 8, 9
#: Revenue and cost per period of effect; cost of an acceptance (or adoption) and of a contact.
REVENUE, COST, ENTRY_COST, CONTACT_COST = 10, 11, 12, 13
#: Multiplier of the purchase rate under the effect.
PACE_EFFECT = 14
#: Whether the effect changes anything at all (0 or 1).
CHANGES = 22
#: Treatment: whether it asks for what a customer has bought so far (0 or 1); least and greatest
#: recency (steps), number of purchases and their mean value (currency) of those it contacts.
ASKS_FOR_HISTORY, LEAST_RECENCY, MOST_RECENCY, LEAST_FREQUENCY, MOST_FREQUENCY = range(15, 20)
LEAST_VALUE, MOST_VALUE = 20, 21
#: Margin per head of a period of the effect beyond the horizon, discounted to its beginning.
HEAD_AHEAD = 23
#: Whether the effect changes what is spent or what of it is paid (0 or 1).
CHANGES_SPENDING = 24
PERSONAL_COLUMNS = 25
# Rows of ``Model.gates``: one number a personal program, cell and step.
#: Membership: cumulated adoption hazard. Treatment: score from which one is contacted (infinite:
#: nobody), or 1 minus the share for a random target.
GATE = 0
#: Share contacted of those exactly at the gate.
TIE = 1
#: Treatment: next step at or after a step with a contact (T: none). Membership: in its first
#: place, the step at which benefits end, or ``FOR_EVER``.
NEXT = 2
#: Discounted margin of the effect per head, summed up to a step (exclusive).
EFFECT_HEAD = 3
#: Treatment: the lowest gate from a step on.
LOWEST = 4
GATES = 5

# Rows of ``CellSums.posts``, by step: contacts and entries; customers that come under the effect
# (less those it ends for).
POST_CONTACTS, POST_ENTRIES, POST_MEMBERS = range(3)
POSTS = 3
# And of its last place, where all effects stand together: customers whose spending they change, how
# much they spend more, and how much of what they spend is let off, at the price list of the start.
# Under a contract these are what changes at a step; purchases are posted one by one.
POST_UNDER, POST_GROWN, POST_CONCEDED = range(3)

# Rows of ``Slots.flows``, by period: counts, or currency.
ACTIVE, JOINED, LEFT, CALLS, LIST_REVENUE, DISCOUNT, FEES = range(7)
#: Value at time 0 of all margin after each period of the customers joined by then.
EQUITY = 7
#: By tenure instead of period: customers that could decide to leave, and that did.
AT_RISK, DECIDED = 8, 9
#: By period again: purchases.
PURCHASES = 10
#: Contacts of customers by the state they are in, currency.
STATE_CONTACTS = 11
#: Let off by offers' free periods (``DISCOUNT``: by all else of offers) and by programs; spend
#: whatever the price, which costs follow: currency.
GIVEN_FREE, CONCEDED, VOLUMES = 12, 13, 14
FLOWS = 15
# Rows of ``Slots.program_flows``, by period.
CONTACTS, ENTRIES, MEMBERS, ACTIVE_COST = range(4)
PROGRAM_FLOWS = 4
# Columns of ``Slots.sums``; values are CLV before acquisition, ``PRESENT`` at time 0.
SUM_CUSTOMERS, SUM_VALUE, SUM_SQUARE, SUM_PAID_BACK, SUM_RESIDUAL, SUM_PRESENT = range(6)
SUMS = 6

# Columns of a block of customers (``Block.customers``).
LIFE, CALL, GAMMA, SPARE, RATE, SPEND_OF, LIFT_OF, THRESHOLD, RANK = range(9)
#: Step of the decision to leave; margin inside the horizon (then with the residual) and residual
#: value, discounted to joining, currency.
DECISION, VALUE, RESIDUAL = 9, 10, 11
BLOCK_COLUMNS = 12
# Rows of ``CellSums.by_step``: customers and their summed spend by step of decision (``steps``:
# none), and discounted margin by step that does not follow from the cell's schedule.
CUSTOMERS, SPENT, LATER = range(3)
# Rows of ``Block.scratch`` during a walk, by personal program: step of the next event; step at
# which a running effect ends; step at which it began (negative: none runs); the customer's score.
EVENT, UNTIL, SINCE, SCORE = 1, 2, 3, 4
#: Whether a treatment does not ask for the customer as it is now (0 or 1).
HELD_BACK = 5
#: Of all rows together, in the first three places: the step since which they change spending as
#: they do, the multiplier of spend, and the share of the price let off.
SPELL, SPELL_PLACES = 6, 3
SCRATCH = 7
#: Columns of a customer's row (``--customers``).
ROW_COLUMNS = (
    "cell", "rank", "churn", "spend", "lift", "periods", "active_at_end", "clv", "purchases",
)  # fmt: skip
ROW_PURCHASES = 8


class Traits(NamedTuple):
    """Compiled traits of all groups.

    Attributes
    ----------
    spec : (group, trait, 3)
        Kind, constant value (in the trait's unit), row in ``cubics`` or index in ``bounds``.
    cubics : (table, cell, 4)
        Coefficients, ascending powers of the fraction of a table's cell; table 0 is the normal.
    bounds : (discrete + 1,) int64
        Slices of ``atoms``.
    atoms : (2, atom)
        Support and distribution function of discrete traits.
    cholesky : (group, trait, trait)
        Lower factor of the correlation matrix of normal scores; zero where nothing is correlated.
    """

    spec: Floats
    cubics: Floats
    bounds: Ints
    atoms: Floats
    cholesky: Floats


class Model(NamedTuple):
    """All that the loop reads; ``T`` is the horizon in periods.

    Attributes
    ----------
    facts : (cell, fact)
    schedule : (cell, row, T + 1)
        Wider where the horizon's end is that far from what recurs beyond it.
    active_cost : (program, cell, T)
        Cost per active customer and period, currency.
    personal : (personal program, column)
    gates : (personal program, row, cell, T + 1)
    discounting : (timing, T + 1)
        Factor of an amount in a period, by timing within it.
    period_factor : float
        Factor of one whole period.
    receipts : int
        Row of ``discounting`` for receipts and running costs.
    residual : bool
        Whether customers alive at the horizon carry an expected residual value.
    streams : (group, stream) uint64
    rivals : (variant, cell)
        Limits of the same cells in other variants: who joins only here.
    """

    traits: Traits
    facts: Floats
    schedule: Floats
    active_cost: Floats
    personal: Floats
    gates: Floats
    discounting: Floats
    period_factor: float
    receipts: int
    residual: bool
    streams: Words
    rivals: Floats


class Slots(NamedTuple):
    """Accumulators, one slot per task, summed in the order of tasks.

    Attributes
    ----------
    flows : (slot, flow, T)
    program_flows : (slot, program, flow, T)
    sums : (slot, column)
    cells : (slot, cell of the task, 3)
        Customers, their summed value before acquisition and its summed square, by cell.
    only : (slot, variant, 2)
        Customers that another variant lacks and their summed value before acquisition.
    histogram : (slot, 2, bin) int64
        Customers by CLV after and before acquisition cost.
    """

    flows: Floats
    program_flows: Floats
    sums: Floats
    cells: Floats
    only: Floats
    histogram: Ints


class CellSums(NamedTuple):
    """Scratch of one cell, cleared after it.

    Attributes
    ----------
    by_step : (3, T + 1)
    posts : (personal program + 1, row, T + 1)
        The last place is of all programs together. Or None, where the kernel knows no personal
        programs.
    """

    by_step: Floats
    posts: Floats | None


class Block(NamedTuple):
    """Scratch of one block of customers, ``B`` at most.

    Attributes
    ----------
    customers : (column, B)
        At least ``BLOCK_COLUMNS``; more are the relationship's own.
    uniforms : (trait, B)
        As many traits as the relationship has.
    scratch : (SCRATCH, row)
        First the scores of the copula, then what a walk remembers.
    adoptions : (personal program + 1, B)
        Exponentials of the memberships; the last row is spare. None as for ``CellSums``.
    """

    customers: Floats
    uniforms: Floats
    scratch: Floats
    adoptions: Floats | None


def scratch_of(
    columns: int, traits: int, size: int, personal: int, horizon: int, *, walks: bool
) -> tuple[Block, CellSums]:
    """Scratch of a block and of a cell.

    Parameters
    ----------
    columns : int
        Columns of ``Block.customers``.
    traits : int
        Traits of the relationship.
    size : int
        Customers of a block.
    personal, horizon : int
        Personal programs; periods.
    walks : bool
        Whether for the kernel that knows personal programs, which it must where there are any. The
        other one is taken by type (None), and compiled in half the time.
    """
    block = Block(
        np.zeros((columns, size)),
        np.zeros((traits, size)),
        np.zeros((SCRATCH, max(traits, personal, SPELL_PLACES))),
        np.zeros((personal + 1, size)) if walks else None,
    )
    posts = np.zeros((personal + 1, POSTS, horizon + 1)) if walks else None
    return block, CellSums(np.zeros((3, horizon + 1)), posts)
