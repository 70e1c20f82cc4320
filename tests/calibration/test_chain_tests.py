"""What a chain takes for granted: tests under the right chain, and under wrong ones."""

import math

import numpy as np
import pytest
import scipy.stats

from clvsim.calibration.chain_tests import goodness_of_chain, pooled
from tests.calibration.panels import CHAIN, drawn, panel_of
from tests.statistics import assert_mean, assert_proportion


def test_order_by_hand():
    """Three states in a row of customers; the table of SciPy for each state in the middle."""
    generator = np.random.default_rng(1)
    table = generator.integers(0, 2, (400, 3))
    found = goodness_of_chain(panel_of(table, np.ones((400, 3), dtype=bool), "ab"))["order"]
    statistic = 0.0
    for middle in range(2):
        some = table[table[:, 1] == middle]
        cells = np.array(
            [[np.sum((some[:, 0] == i) & (some[:, 2] == k)) for k in (0, 1)] for i in (0, 1)]
        )
        statistic += scipy.stats.chi2_contingency(cells, correction=False).statistic
    assert found.chi_squared == pytest.approx(statistic, rel=1e-12)
    assert found.freedom == 2
    assert found.p_value == pytest.approx(scipy.stats.chi2.sf(statistic, 2), rel=1e-12)


@pytest.fixture(scope="module")
def right():
    """Tests of as many panels of a chain."""
    return [goodness_of_chain(drawn(seed, 400, 9)) for seed in range(500)]


@pytest.mark.parametrize("name", ["order", "stationarity"])
def test_p_values_of_a_chain_are_uniform(right, name):
    found = np.array([one[name].p_value for one in right])
    freedom = right[0][name].freedom
    # What a few degrees of freedom too many would give: those of cells that nobody can be in.
    wrong = scipy.stats.chi2.sf([one[name].chi_squared for one in right], freedom + 6).mean()
    assert_mean(found, None, 0.5, fault=float(wrong))
    assert_proportion(int(np.sum(found < 0.2)), found.size, 0.2, fault=0.36)


def test_freedom_counts():
    """From d nobody goes on; from a nobody goes to d: 3 from-states × 3, 3 and 2 ways."""
    found = goodness_of_chain(drawn(3, 20_000, 6))
    # Who is in d came from b, c or d, and all go to d: no freedom. Nobody comes from d to a.
    assert found["order"].freedom == 2 * 2 + 2 * 3 + 2 * 3
    # Five periods of origin: b and c have 3 ways more than one, a has 2.
    assert found["stationarity"].freedom == 4 * (2 + 3 + 3)


def test_customers_who_remember_are_no_chain():
    generator, table = np.random.default_rng(2), np.zeros((300, 8), dtype=np.int64)
    table[:, :2] = generator.integers(0, 2, (300, 2))
    for period in range(2, 8):
        back = generator.random(300) < 0.4
        table[:, period] = np.where(back, table[:, period - 2], generator.integers(0, 2, 300))
    found = goodness_of_chain(panel_of(table, np.ones(table.shape, dtype=bool), "ab"))
    assert found["order"].p_value < 1e-6
    assert found["stationarity"].p_value > 1e-6


def test_movers_and_stayers_are_no_chain():
    generator = np.random.default_rng(4)
    table = generator.integers(0, 2, (400, 6))
    table[:200] = table[:200, :1]
    assert goodness_of_chain(panel_of(table, table >= 0, "ab"))["order"].p_value < 1e-6


def test_odds_that_change_are_no_chain_either():
    later = 0.7 * CHAIN + 0.3 * np.eye(4)
    chains = np.array([CHAIN] * 4 + [later] * 4)
    found = goodness_of_chain(drawn(5, 1_500, 8, chains))
    assert found["stationarity"].p_value < 1e-6
    assert found["order"].p_value > 1e-6


def test_gaps_are_no_steps():
    whole = drawn(6, 200, 9)
    table = np.full((200, 9), -1)
    table[whole.customer, whole.period - 5] = whole.state
    table[:, 4] = -1
    found = goodness_of_chain(panel_of(table, table >= 0))
    halves = [
        goodness_of_chain(panel_of(np.where(here, table, -1), here & (table >= 0)))["order"]
        for here in (np.arange(9) < 4, np.arange(9) > 4)
    ]
    # Triples of either half, and none across the gap: tables add up before they are tested.
    assert found["order"].freedom >= max(half.freedom for half in halves)
    assert math.isfinite(found["order"].p_value)
    assert found["order"].freedom <= goodness_of_chain(whole)["order"].freedom


def test_too_few_have_no_test():
    found = goodness_of_chain(
        panel_of(np.array([[0, 1, 0], [1, 0, 1]]), np.ones((2, 3), dtype=bool), "ab")
    )
    for test in found.values():
        assert math.isnan(test.chi_squared)
        assert test.freedom == 0
        assert math.isnan(test.p_value)


@pytest.mark.parametrize("seed", range(5))
def test_pooling_keeps_customers_and_leaves_five_to_a_cell(seed):
    generator = np.random.default_rng(seed)
    table = generator.poisson(generator.exponential(6.0, (7, 1)) * generator.exponential(1.0, 5))
    found = pooled(table.astype(float))
    assert found.sum() == table.sum()
    assert min(found.shape) == 1 or (
        np.outer(found.sum(axis=1), found.sum(axis=0)).min() >= 5.0 * found.sum()
    )


def test_pooling_by_hand():
    table = np.array([[50.0, 40.0, 2.0], [1.0, 1.0, 0.0], [30.0, 60.0, 3.0], [0.0, 0.0, 0.0]])
    # The row of 2 goes to the smaller of its neighbours, then the column of 5 to its only one.
    assert pooled(table).tolist() == [[51.0, 43.0], [30.0, 63.0]]
