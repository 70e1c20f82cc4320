"""Worlds and customers of the engine against those of its naive twins."""

import numpy as np

from clvsim.engine.rows import customer_rows
from clvsim.engine.run import run_worlds
from clvsim.kernels import plan as p

_COUNTED = (p.ACTIVE, p.JOINED, p.LEFT, p.CALLS, p.PURCHASES, p.AT_RISK, p.DECIDED)
_PROGRAMS_COUNTED = (p.CONTACTS, p.ENTRIES, p.MEMBERS)
_SUMS_COUNTED = (p.SUM_CUSTOMERS, p.SUM_PAID_BACK)


def assert_money(found, expected):
    """Agreement to 1e-12 of the largest amount of the same array."""
    np.testing.assert_allclose(
        found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max(initial=0.0)
    )


def assert_agree(found, expected, counted):
    """Rows of numbers: those counted are the same, all others to 1e-12."""
    np.testing.assert_array_equal(found[list(counted)], expected[list(counted)])
    for row in set(range(len(expected))) - set(counted):
        assert_money(found[row], expected[row])


def rows_of(compiled, seed, world):
    """One world's customers, ``(customer, ROW_COLUMNS)``, in the order of cells and ranks."""
    return np.concatenate([one.numbers for one in customer_rows(compiled, seed, world)])


def assert_world_agrees(compiled, seed, world, twin):
    """Every flow, account and sum of a world."""
    (found,) = run_worlds([compiled], seed, world, 1)
    assert_agree(found.flows[0], twin.flows, _COUNTED)
    for ours, theirs in zip(found.program_flows[0], twin.program_flows, strict=True):
        assert_agree(ours, theirs, _PROGRAMS_COUNTED)
    assert_agree(found.sums[0].T, twin.sums.T, _SUMS_COUNTED)
    assert_agree(found.cohorts[0].T, twin.cohorts.T, [0])
    by_tenure = [twin.by_tenure[name] for name in sorted(twin.by_tenure)]
    np.testing.assert_array_equal(found.by_tenure[0], by_tenure)
    assert_money(found.cash[0], twin.cash)
    assert_money(found.present[0], twin.present)
    assert_money(found.program_cost[0], twin.program_cost)
    assert_money(found.acquisition_costs[0], twin.acquisition_costs)


def assert_customers_agree(compiled, seed, world, twins):
    """Lives, purchases, spend and value of every customer; its rows."""
    rows = rows_of(compiled, seed, world)
    start = compiled.levers.cohorts.start
    lives = [
        (
            one.cohort, one.rank, one.last + 1 - start[one.cohort], one.stays,
            getattr(one, "purchases", 0),
        )
        for one in twins
    ]  # fmt: skip
    np.testing.assert_array_equal(rows[:, [0, 1, 5, 6, p.ROW_PURCHASES]], lives)
    assert_money(rows[:, 3], np.array([one.spend for one in twins]))
    cost = compiled.intake.cost[rows[:, 0].astype(int)]
    assert_money(rows[:, 7] + cost, np.array([one.value for one in twins]))
    return rows
