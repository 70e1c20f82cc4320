"""Shares of states over time and their forecast: by hand, unbiased, as uncertain as they say."""

import math

import numpy as np
import pytest

from clvsim.calibration.shares import LEVEL, forecast, shares_of
from tests.calibration.panels import CHAIN, counted, drawn, panel_of
from tests.statistics import assert_mean, assert_proportion

CUT = 10


def forecast_of(panel, cut=CUT, gone=None):
    counts, table = counted(panel.until(cut))
    return forecast(panel, cut, counts, table, gone)


def test_shares_by_hand():
    table = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]])
    there = np.array([[1, 1, 1], [1, 1, 1], [0, 1, 1], [1, 0, 1]], dtype=bool)
    chain = np.array([[0.8, 0.2], [0.4, 0.6]])
    found = shares_of(panel_of(table, there, "ab"), chain, None)
    assert found.periods.tolist() == [5, 6, 7]
    assert found.customers.tolist() == [3.0, 3.0, 4.0]
    assert found.observed.tolist() == [[1.0, 0.0], [2 / 3, 1 / 3], [0.5, 0.5]]
    twice = chain @ chain
    assert found.fitted[1] == pytest.approx((2 * chain[0] + np.array([1.0, 0.0])) / 3)
    # The last one has a gap: two steps at once.
    assert found.fitted[2] == pytest.approx((3 * twice[0] + chain[0]) / 4)


def test_forecast_by_hand():
    table = np.array([[0, 1, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1]])
    there = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 1, 1]], dtype=bool)
    counts = np.array([[30.0, 10.0], [20.0, 20.0]])
    chain = counts / 40.0
    found = forecast(panel_of(table, there, "ab"), 6, counts, chain, None)
    assert found.periods.tolist() == [7, 8]
    # The last customer first comes in the holdout; the third has no row in its first period.
    assert found.customers.tolist() == [2.0, 3.0]
    assert found.observed.tolist() == [[2.0, 0.0], [2.0, 1.0]]
    assert found.expected[0] == pytest.approx(2 * chain[1])
    steps = [chain @ chain, chain @ chain @ chain]
    assert found.expected[1] == pytest.approx(2 * steps[0][1] + steps[1][0])
    p, q = steps[0][1, 0], steps[1][0, 0]
    assert found.luck[1, 0] ** 2 == pytest.approx(2 * p * (1 - p) + q * (1 - q))


def test_the_error_of_the_fit_is_that_of_its_counts():
    """Slopes by small changes of each row, along the lines that keep it adding up to 1."""
    panel = drawn(1, 150, 9)
    counts, table = counted(panel.until(CUT))
    found = forecast(panel, CUT, counts, table, None)
    variance = np.zeros_like(found.expected)
    for row in range(3):
        own = table[row]
        covariance = (np.diag(own) - np.outer(own, own)) / counts[row].sum()
        values, vectors = np.linalg.eigh(covariance)
        for value, direction in zip(values, vectors.T, strict=True):
            if value < 1e-12:
                continue
            step = np.zeros_like(table)
            step[row] = 1e-5 * direction
            up, down = (
                forecast(panel, CUT, counts, table + sign * step, None).expected for sign in (1, -1)
            )
            variance += value * ((up - down) / 2e-5) ** 2
    assert found.fit_error == pytest.approx(np.sqrt(variance), rel=1e-5)


def test_who_is_gone_counts_without_rows():
    whole = drawn(2, 300, 9)
    lost = 3
    is_first_there = (whole.state == lost) & ~(
        np.concatenate(([False], (whole.state[:-1] == lost) & (np.diff(whole.customer) == 0)))
    )
    kept = (whole.state != lost) | is_first_there
    short = type(whole)(
        whole.customer[kept], whole.period[kept], whole.state[kept], whole.value[kept], whole.states
    )
    for one, other in zip(
        (shares_of(whole, CHAIN, None), forecast_of(whole)),
        (shares_of(short, CHAIN, lost), forecast_of(short, gone=lost)),
        strict=True,
    ):
        assert one.customers.tolist() == other.customers.tolist()
        assert one.observed == pytest.approx(other.observed, abs=1e-12)
    assert shares_of(whole, CHAIN, None).fitted == pytest.approx(
        shares_of(short, CHAIN, lost).fitted, abs=1e-12
    )
    assert forecast_of(whole).expected == pytest.approx(forecast_of(short, gone=lost).expected)


@pytest.fixture(scope="module")
def forecasts():
    return [forecast_of(drawn(seed, 150, 9)) for seed in range(700)]


def test_forecasts_are_unbiased_and_as_uncertain_as_they_say(forecasts):
    for period in (0, 2):
        for state in range(4):
            scores = np.array(
                [
                    (one.observed - one.expected)[period, state]
                    / math.hypot(one.luck[period, state], one.fit_error[period, state])
                    for one in forecasts
                ]
            )
            assert_mean(scores, None, 0.0, fault=0.45)
            # Without the error of the fit, or with that alone, squares would be others.
            assert_mean(scores**2, None, 1.0, fault=1.7)


def test_intervals_cover_and_p_values_are_uniform(forecasts):
    inside = np.array([one.is_inside[-1] for one in forecasts])
    for state in range(4):
        # Whole customers: a little more often than they say.
        assert_proportion(int(inside[:, state].sum()), len(inside), LEVEL + 0.01, fault=0.83)
    p_values = np.array([one.p_value for one in forecasts])
    assert_mean(p_values, None, 0.5, fault=0.38)
    assert {one.freedom for one in forecasts} == {3}


def test_another_chain_in_the_holdout_is_found():
    later = 0.5 * CHAIN + 0.5 * np.eye(4)
    found = forecast_of(drawn(7, 2_000, 9, np.array([CHAIN] * 5 + [later] * 4)))
    assert found.p_value < 1e-6
    assert not found.is_inside[-1].all()
    assert found.error > 0.02


def test_error_is_the_share_elsewhere():
    found = forecast_of(drawn(8, 100, 9))
    moved = np.abs(found.expected - found.observed).sum() / 2.0
    assert found.error == pytest.approx(moved / found.customers.sum())


def test_bounds_are_numbers_of_customers():
    found = forecast_of(drawn(9, 12, 9))
    assert np.all(found.low >= 0.0)
    assert np.all(found.high <= found.customers[:, None])
    assert np.all(found.low == np.round(found.low))
    assert np.all(found.low <= found.expected + 0.5)
    assert np.all(found.high >= found.expected - 0.5)
