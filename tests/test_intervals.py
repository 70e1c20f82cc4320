"""Intervals: how often they hold what is true, at the numbers of worlds that people use."""

import numpy as np
import pytest
import scipy.stats

from clvsim.intervals import (
    FEWEST_FOR_TAIL,
    LEVEL,
    TAIL,
    conditional_value_at_risk,
    reach,
    share_bounds,
    value_at_risk,
    worlds_for_precision,
    worlds_needed,
)
from tests.statistics import FALSE_ALARM_RATE

RUNS = 3000
#: Losses by the random numbers, and what they stand for.
LOSSES = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "gains are skewed": lambda random, shape: -np.exp(0.5 * random.standard_normal(shape)),
    "losses are skewed": lambda random, shape: np.exp(0.5 * random.standard_normal(shape)),
    "a drift multiplies": lambda random, shape: (
        0.3 * random.standard_normal(shape) - np.exp(0.8 * random.standard_normal(shape))
    ),
    "an event of 5 %": lambda random, shape: (
        random.standard_normal(shape) + 10.0 * (random.random(shape) < 0.05)
    ),
    # Beyond the event there is little spread: Student's interval alone holds in 79 of 100 cases.
    "an event of 4.5 %": lambda random, shape: (
        random.standard_normal(shape) + 10.0 * (random.random(shape) < 0.045)
    ),
}


@pytest.fixture(scope="module")
def truth():
    """Value at risk, CVaR and standard deviation of each, from four million losses."""
    found = {}
    for name, draw in LOSSES.items():
        losses = np.sort(draw(np.random.default_rng(99), 4_000_000))
        worst = losses[-round(TAIL * losses.size) :]
        found[name] = float(worst[0]), float(worst.mean()), float(losses.std())
    return found


@pytest.mark.parametrize("worlds", [100, 200, 500])
@pytest.mark.parametrize("name", LOSSES)
def test_value_at_risk_and_cvar_hold_as_often_as_they_say(name, worlds, truth):
    losses = LOSSES[name](np.random.default_rng(worlds), (RUNS, worlds))
    fewest = scipy.stats.binom(RUNS, LEVEL).ppf(FALSE_ALARM_RATE)
    figures = value_at_risk(losses), conditional_value_at_risk(losses)
    for figure, expected in zip(figures, truth[name], strict=False):
        assert ((figure.low <= expected) & (expected <= figure.high)).sum() >= fewest
        assert (figure.low <= figure.value).all()
        assert (figure.value <= figure.high).all()


@pytest.mark.parametrize("worlds", [100, 200])
@pytest.mark.parametrize("name", [name for name in LOSSES if "event" not in name])
def test_value_at_risk_and_cvar_do_not_understate(name, worlds, truth):
    losses = LOSSES[name](np.random.default_rng(worlds + 1), (RUNS, worlds))
    value, mean, _ = truth[name]
    # The mean of the worst 5 % of a sample does.
    ordered = np.sort(losses, axis=1)
    plain = ordered[:, -round(TAIL * worlds) :].mean(axis=1)
    assert plain.mean() < mean - 0.07 * plain.std()
    for figure, expected in (
        (value_at_risk(losses), value),
        (conditional_value_at_risk(losses), mean),
    ):
        chance = 5.5 * figure.value.std() / np.sqrt(RUNS)
        assert abs(figure.value.mean() - expected) <= 0.1 * figure.value.std() + chance


def test_few_worlds_have_no_tail():
    few = np.random.default_rng(1).standard_normal((2, FEWEST_FOR_TAIL - 1))
    for measure in (value_at_risk, conditional_value_at_risk):
        assert np.isnan(measure(few)).all()
        assert np.isfinite(measure(np.concatenate([few, few[:, :1]], axis=1))).all()


def test_losses_that_are_all_the_same():
    for measure in (value_at_risk, conditional_value_at_risk):
        value, error, low, high = measure(np.full((1, 150), 3.0))
        assert error == pytest.approx(0.0, abs=1e-12)
        assert value == pytest.approx(3.0)
        assert low == pytest.approx(3.0)
        assert high == pytest.approx(3.0)


def test_the_reach_is_students():
    for worlds in (2, 3, 10, 1000):
        assert reach(worlds) == pytest.approx(scipy.stats.t.ppf(0.5 + LEVEL / 2.0, worlds - 1))


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.7, 19.6, 300.0])
def test_the_fewest_worlds_are_enough_and_one_less_is_not(spread):
    worlds = worlds_needed(spread)
    assert reach(worlds) * spread <= np.sqrt(worlds)
    assert worlds == 2.0 or reach(worlds - 1.0) * spread > np.sqrt(worlds - 1.0)


def test_bounds_of_a_share_are_exact():
    for number, worlds in ((0, 20), (1, 20), (13, 50), (50, 50)):
        exact = scipy.stats.binomtest(number, worlds).proportion_ci(LEVEL, method="exact")
        low, high = share_bounds(np.array([float(number)]), worlds)
        assert (low[0], high[0]) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize("skewed", [False, True])
def test_a_pilot_asks_for_enough_worlds_in_nine_of_ten_cases(skewed):
    random, runs, precision = np.random.default_rng(3), 800, 0.05
    worlds = 200

    def npv(shape):
        return random.gamma(1.0, size=shape) if skewed else 1.0 + random.standard_normal(shape)

    right = worlds_needed(1.0 / precision)
    asked = [worlds_for_precision(npv((1, worlds)), precision) for _ in range(runs)]
    enough = sum(one >= right for one in asked)
    # The bare ratio would be enough every other time.
    assert enough >= scipy.stats.binom(runs, 0.9).ppf(FALSE_ALARM_RATE)
    assert np.median(asked) < 1.6 * right


def test_a_pilot_of_a_mean_of_nothing_has_no_end():
    assert worlds_for_precision(np.array([[1.0, -1.0] * 20]), 0.1) == np.inf
    assert worlds_for_precision(np.full((1, 30), 5.0), 0.1) == 0.0
