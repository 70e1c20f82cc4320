"""The statistical assertions can fail, and say when they cannot."""

import math

import numpy as np
import pytest
import scipy.stats

from tests.statistics import (
    FALSE_ALARM_RATE,
    FAMILY_WISE_RATE,
    POWER,
    STATISTICAL_TESTS,
    CannotDetectError,
    assert_mean,
    assert_proportion,
    z_limit,
)


def test_limit_spends_the_family_wise_rate_once():
    beyond = 2.0 * float(scipy.stats.norm.sf(z_limit()))
    assert beyond * STATISTICAL_TESTS == pytest.approx(FAMILY_WISE_RATE, rel=1e-9)
    assert z_limit() == pytest.approx(6.057, abs=1e-3)


def test_mean_passes_inside_and_fails_outside_its_bounds():
    edge = z_limit() * 0.1
    assert_mean(10.0 + 0.999 * edge, 0.1, 10.0)
    for side in (-1.001, 1.001):
        with pytest.raises(AssertionError, match="expected 10"):
            assert_mean(10.0 + side * edge, 0.1, 10.0)


def test_detectable_fault_is_found_with_the_stated_power():
    verdict = assert_mean(0.0, 1.0, 0.0)
    found = float(scipy.stats.norm.sf(verdict.high, loc=verdict.detectable_high))
    assert found == pytest.approx(POWER, rel=1e-9)
    assert verdict.detectable_low == -verdict.detectable_high


def test_mean_of_a_sample_has_wider_bounds_than_a_known_error_gives():
    sample = np.random.default_rng(1).exponential(size=2_000)
    error = float(np.std(sample, ddof=1)) / math.sqrt(sample.size)
    from_sample = assert_mean(sample, None, 1.0)
    from_error = assert_mean(float(sample.mean()), error, 1.0)
    assert from_sample.high > from_error.high


def test_mean_of_a_sample_finds_a_shift():
    sample = np.random.default_rng(2).normal(1.0, 1.0, size=10_000)
    assert_mean(sample, None, 1.0, fault=1.1)
    with pytest.raises(AssertionError, match="outside"):
        assert_mean(sample, None, 1.1)


def test_mean_that_could_not_find_its_fault_says_so():
    with pytest.raises(CannotDetectError, match="would pass too often"):
        assert_mean(10.0, 0.1, 10.0, fault=10.5)
    assert_mean(10.0, 0.1, 10.0, fault=10.8)


@pytest.mark.parametrize("sample", [[1.0], [1.0] * 19, [[1.0] * 30]])
def test_mean_without_enough_draws_says_so(sample: list[float]):
    with pytest.raises(CannotDetectError):
        assert_mean(sample, None, 1.0)


@pytest.mark.parametrize("se", [math.nan, math.inf, -1.0])
def test_mean_without_an_error_says_so(se: float):
    with pytest.raises(CannotDetectError):
        assert_mean(1.0, se, 1.0)


def test_mean_that_is_not_finite_fails():
    with pytest.raises(AssertionError, match="not finite"):
        assert_mean([1.0] * 30 + [math.nan], None, 1.0)


def test_sample_without_spread_must_be_exact():
    assert_mean([2.0] * 30, None, 2.0)
    with pytest.raises(AssertionError):
        assert_mean([2.0] * 30, None, 2.0 + 1e-9)


@pytest.mark.parametrize(("trials", "p"), [(1000, 0.3), (200_000, 1e-4), (500, 0.97)])
def test_proportion_bounds_are_exact(trials: int, p: float):
    binomial = scipy.stats.binom(trials, p)
    verdict = assert_proportion(round(trials * p), trials, p)
    low, high = round(verdict.low * trials), round(verdict.high * trials)
    half = FALSE_ALARM_RATE / 2.0
    assert binomial.cdf(low - 1) < half <= binomial.cdf(low)
    assert binomial.sf(high) <= half < binomial.sf(high - 1)
    for count in (low, high):
        if 0 <= count <= trials:
            assert_proportion(count, trials, p)
    for count in (low - 1, high + 1):
        if 0 <= count <= trials:
            with pytest.raises(AssertionError, match="outside"):
                assert_proportion(count, trials, p)


def test_detectable_proportions_are_found_with_the_stated_power():
    verdict = assert_proportion(300, 1000, 0.3)
    low, high = round(verdict.low * 1000), round(verdict.high * 1000)
    found = scipy.stats.binom.sf(high, 1000, verdict.detectable_high)
    assert found == pytest.approx(POWER, rel=1e-6)
    found = scipy.stats.binom.cdf(low - 1, 1000, verdict.detectable_low)
    assert found == pytest.approx(POWER, rel=1e-6)


def test_proportion_that_could_not_find_its_fault_says_so():
    with pytest.raises(CannotDetectError, match="would pass too often"):
        assert_proportion(300, 1000, 0.3, fault=0.35)
    assert_proportion(300, 1000, 0.3, fault=0.45)
    # With so rare an event, even none at all is no alarm.
    with pytest.raises(CannotDetectError, match="would pass too often"):
        assert_proportion(10, 100_000, 1e-4, fault=0.0)


def test_proportion_that_cannot_fail_says_so():
    with pytest.raises(CannotDetectError, match="every count would pass"):
        assert_proportion(5, 10, 0.5)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 10), (11, 10)])
def test_proportion_of_no_sample_says_so(successes: int, trials: int):
    with pytest.raises(CannotDetectError):
        assert_proportion(successes, trials, 0.5)


@pytest.mark.parametrize(("p", "wrong"), [(0.0, 1), (1.0, 99)])
def test_certain_events_allow_no_exception(p: float, wrong: int):
    assert_proportion(round(100 * p), 100, p)
    with pytest.raises(AssertionError):
        assert_proportion(wrong, 100, p)
