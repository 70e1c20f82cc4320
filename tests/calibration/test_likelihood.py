"""Log-likelihoods against loops with quadrature, their slopes, and where digits could be lost."""

import math

import numpy as np
import pytest
import scipy.special

from clvsim.calibration.likelihood import (
    BgBbLikelihood,
    BgNbdLikelihood,
    GammaGammaLikelihood,
    ParetoNbdLikelihood,
    rising,
)
from clvsim.reference import BgBb
from tests.calibration import naive_likelihood as naive

HISTORIES = [
    (0, 0.0, 1.0),
    (0, 0.0, 0.0),
    (1, 0.3, 1.1),
    (2, 0.9, 0.9),
    (6, 0.2, 1.4),
    (9, 1.0, 1.2),
]
OFFERED = [(0, 0, 4), (1, 1, 4), (2, 4, 4), (1, 3, 5), (5, 5, 5), (2, 3, 7), (0, 0, 0)]
VALUES = [(1, 0.4), (2, 1.3), (5, 0.9), (30, 1.1)]


def in_time(family):
    """A likelihood of the histories, each of them once and the second twice."""
    count, last, until = (np.array(column) for column in zip(*HISTORIES, strict=True))
    return family(count.astype(np.int64), last, until, np.ones(len(HISTORIES)))


def at_opportunities() -> BgBbLikelihood:
    """The likelihood of customers at discrete opportunities."""
    columns = (np.array(column, dtype=np.int64) for column in zip(*OFFERED, strict=True))
    return BgBbLikelihood(*columns, np.ones(len(OFFERED)))


def of_values() -> GammaGammaLikelihood:
    """The likelihood of mean values."""
    return GammaGammaLikelihood(
        *(np.array(one, dtype=np.float64) for one in zip(*VALUES, strict=True))
    )


RATES = [(0.5, 0.3, 0.8, 2.4), (1.7, 0.9, 2.0, 0.6), (0.9, 2.0, 0.7, 0.4), (0.4, 0.05, 1.2, 3.0)]
CASES = [
    *((in_time(BgNbdLikelihood), naive.bg_nbd, HISTORIES, one) for one in RATES),
    *((in_time(ParetoNbdLikelihood), naive.pareto_nbd, HISTORIES, one) for one in RATES),
    *((at_opportunities(), naive.bg_bb, OFFERED, one) for one in RATES),
    *((of_values(), naive.gamma_gamma, VALUES, one[:3]) for one in RATES),
]
LABELS = [f"{case[1].__name__} {case[3]}" for case in CASES]


@pytest.mark.parametrize(("likelihood", "twin", "seen", "parameters"), CASES, ids=LABELS)
def test_likelihood_is_that_of_its_twin(likelihood, twin, seen, parameters):
    value, _ = likelihood(np.log(parameters))
    assert value == pytest.approx(twin(parameters, seen), rel=1e-8)


@pytest.mark.parametrize(("likelihood", "twin", "seen", "parameters"), CASES, ids=LABELS)
def test_slope_is_that_of_the_likelihood(likelihood, twin, seen, parameters):
    del twin, seen
    logs = np.log(parameters)
    _, slope = likelihood(logs)
    steps = 1e-5 * np.eye(logs.size)
    differences = [
        (likelihood(logs + step)[0] - likelihood(logs - step)[0]) / 2e-5 for step in steps
    ]
    np.testing.assert_allclose(slope, differences, rtol=1e-6, atol=1e-7)


def test_groups_count_as_often_as_they_weigh():
    count, last, until = (np.array(column) for column in zip(*HISTORIES, strict=True))
    weight = np.arange(1.0, len(HISTORIES) + 1.0)
    grouped = ParetoNbdLikelihood(count.astype(np.int64), last, until, weight)
    times = weight.astype(np.int64)
    single = ParetoNbdLikelihood(
        *(
            np.repeat(one, times)
            for one in (count.astype(np.int64), last, until, np.ones(times.size))
        )
    )
    logs = np.log(RATES[0])
    assert grouped(logs)[0] == pytest.approx(single(logs)[0], rel=1e-13)
    np.testing.assert_allclose(grouped(logs)[1], single(logs)[1], rtol=1e-11)


def test_many_groups_are_the_sum_of_their_blocks():
    generator = np.random.default_rng(20)
    until = generator.uniform(0.5, 1.5, 1300)
    count = generator.integers(0, 5, 1300)
    last = np.where(count > 0, until * generator.random(1300), 0.0)
    logs = np.log(RATES[1])
    whole = ParetoNbdLikelihood(count, last, until, np.ones(1300))(logs)
    parts = [
        ParetoNbdLikelihood(count[part], last[part], until[part], np.ones(650))(logs)
        for part in (slice(0, 650), slice(650, 1300))
    ]
    assert whole[0] == pytest.approx(parts[0][0] + parts[1][0], rel=1e-13)
    np.testing.assert_allclose(whole[1], parts[0][1] + parts[1][1], rtol=1e-11)


def test_bg_bb_is_the_likelihood_of_the_closed_form():
    parameters = RATES[1]
    model = BgBb(*parameters)
    columns = [np.array(column, dtype=np.float64) for column in zip(*OFFERED, strict=True)]
    expected = float(np.log(model.likelihood(*columns)).sum())
    assert at_opportunities()(np.log(parameters))[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("family", [BgNbdLikelihood, ParetoNbdLikelihood])
def test_customers_who_do_not_differ_are_poisson_to_the_last_digits(family):
    # r and alpha at infinity, no dropout: Gamma functions would have lost all digits here.
    count, until = np.arange(7), np.linspace(0.4, 1.6, 7)
    last = np.where(count > 0, 0.9 * until, 0.0)
    likelihood = family(count, last, until, np.ones(7))
    value, _ = likelihood(np.log([3e12, 1e12, 1e-14, 1.0]))
    poisson = float(np.sum(count * math.log(3.0) - 3.0 * until))
    assert value == pytest.approx(poisson, rel=1e-10)


@pytest.mark.parametrize("family", [BgNbdLikelihood, ParetoNbdLikelihood])
def test_huge_counts_and_extreme_parameters_stay_finite(family):
    count = np.array([0, 10**9, 5])
    likelihood = family(count, np.array([0.0, 0.5, 1e-9]), np.array([1.0, 1.0, 1.0]), np.ones(3))
    for low, high in ((1e-6, 1e6), (1e6, 1e-6), (1e-6, 1e-6), (1e6, 1e6)):
        for parameters in ((low, high, low, high), (low, low, high, high), (high, low, low, high)):
            value, slope = likelihood(np.log(parameters))
            assert math.isfinite(value)
            assert np.all(np.isfinite(slope))


def test_rising_factorial_is_the_same_step_by_step_and_by_gamma_functions():
    counts = np.array([0, 1, 7, 20_000])
    logs, slopes = rising(2.5, counts)
    short_logs, short_slopes = rising(2.5, counts[:3])
    np.testing.assert_allclose(short_logs, logs[:3], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(short_slopes, slopes[:3], rtol=1e-12, atol=1e-14)
    assert slopes[3] == pytest.approx(math.fsum(1.0 / (2.5 + n) for n in range(20_000)), rel=1e-12)
    assert short_logs[2] == pytest.approx(math.log(scipy.special.poch(2.5, 7)), rel=1e-13)
