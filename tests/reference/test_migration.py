"""Pfeifer & Carraway (2000): value by recency."""

import numpy as np
import pytest

from clvsim.reference import markov_value
from clvsim.verification.migration import chain
from tests.statistics import assert_mean

BUYS = (0.3, 0.2, 0.15, 0.05)


@pytest.mark.parametrize(
    ("buys", "periods", "expected"),
    [
        (BUYS, None, (52.319609, 5.553784, 1.250773, -1.820016, 0.0)),
        (BUYS, 4, (50.114969, 4.219907, 0.592110, -1.980131, 0.0)),
        (BUYS[:3], None, (53.149425, 6.620690, 2.643678, 0.0)),
    ],
)
def test_values_as_printed(buys, periods, expected):
    values = markov_value(*chain(buys), 0.2, periods)
    np.testing.assert_allclose(values, expected, rtol=0.0, atol=0.5e-6)


def test_long_horizon_approaches_no_horizon():
    transition, reward = chain(BUYS)
    long = markov_value(transition, reward, 0.2, 300)
    np.testing.assert_allclose(long, markov_value(transition, reward, 0.2), rtol=1e-12)


def test_first_period_alone_is_its_cash_flow():
    transition, reward = chain(BUYS)
    np.testing.assert_array_equal(markov_value(transition, reward, 0.2, 0), reward)


def test_value_is_the_mean_of_customers_who_move():
    transition, reward = chain(BUYS)
    generator, size = np.random.default_rng(10), 50_000
    state, value = np.zeros(size, dtype=np.int64), np.zeros(size)
    bounds = np.cumsum(transition, axis=1)
    for period in range(13):
        value += reward[state] / 1.2**period
        # The last bound is 1 but for rounding.
        state = np.minimum(np.sum(generator.random(size)[:, None] >= bounds[state], axis=1), 4)
    expected = float(markov_value(transition, reward, 0.2, 12)[0])
    assert_mean(value, None, expected, fault=expected - 2.0)
