"""Goodness of fit of purchase models: p-values under the right model, and under wrong ones."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats

from clvsim.calibration.goodness import chi_squared_of_counts, chi_squared_of_values, pearson
from clvsim.calibration.purchases import Summary, fit_bg_nbd, fit_gamma_gamma, fit_pareto_nbd
from clvsim.verification.cdnow import cohort
from tests import customers
from tests.statistics import assert_mean

#: Mean p-value, 1, under a right model, and its standard deviation.
HALF, SPREAD = 0.5, math.sqrt(1.0 / 12.0)
#: Data sets that each test of a right model is put to: fits take their time. Enough to find a test
#: that mostly rejects; that p-values are exact is seen where a fit is a mean.
SETS = 25


def of(drawn):
    """What a fit sees of drawn customers."""
    unknown = np.where(drawn.frequency > 0, 1.0, np.nan)
    return Summary(drawn.frequency, drawn.recency, drawn.age, unknown)


def spent(generator, count, p, q, gamma):
    """Customers whose purchases are gamma with a scale of their own."""
    often = 1.0 + generator.poisson(2.0, count)
    value = generator.gamma(p * often) / generator.gamma(q, 1.0 / gamma, count) / often
    return Summary(often, np.ones(count), np.full(count, 2.0), value)


# CDNOW


def test_cdnow_as_it_is():
    summary = cohort().summary
    bg, pareto = fit_bg_nbd(summary), fit_pareto_nbd(summary)
    assert chi_squared_of_counts(summary, bg) == pytest.approx((12.550, 10, 0.352), abs=5e-4)
    assert chi_squared_of_counts(summary, pareto) == pytest.approx((20.104, 9, 0.0450), abs=5e-4)
    # Most bought one or two CDs of about one price: no smooth distribution has that.
    statistic, freedom, p_value = chi_squared_of_values(summary, fit_gamma_gamma(summary))
    assert (statistic, freedom) == (pytest.approx(106.7, abs=0.1), 16)
    assert p_value < 1e-12


# The right model: p-values are uniform


def exponential_p_values(sets, size=400, cells=4):
    """Tests of exponential lifetimes by equal cells, their mean fitted to each whole set."""
    at = -np.log1p(-np.arange(1, cells) / cells)
    found = []
    for seed in range(sets):
        lives = np.random.default_rng(seed).exponential(size=size)
        mean = lives.mean()
        seen = np.bincount(np.searchsorted(at * mean, lives), minlength=cells).astype(float)

        def chances(logs, bounds=at * mean):
            below = -np.expm1(-bounds / np.exp(logs))
            return np.diff(below, prepend=0.0, append=1.0)[None, :]

        fitted = SimpleNamespace(parameters={"mean": mean}, drawn=np.array([[1.0 / size]]))
        found.append(pearson(seen, np.array([float(size)]), chances, fitted))
    return np.array(found)


def test_p_values_are_uniform_where_a_table_of_chi_squared_is_not():
    """Chernoff & Lehmann 1954: a fit to the whole data takes less than a degree of freedom."""
    statistic, freedom, p_value = exponential_p_values(4_000).T
    assert set(freedom) == {2.0}
    table = scipy.stats.chi2.sf(statistic, freedom)
    naive = float(table.mean())
    error = SPREAD / math.sqrt(p_value.size)
    assert_mean(float(p_value.mean()), error, HALF, fault=naive)
    with pytest.raises(AssertionError):
        assert_mean(naive, error, HALF)
    # Not the mean alone: as many in each tenth, but for a counted statistic's steps.
    assert scipy.stats.kstest(p_value, "uniform").pvalue > 1e-9
    assert scipy.stats.kstest(table, "uniform").pvalue < 1e-9


@pytest.mark.parametrize(
    ("draw", "fit", "parameters"),
    [
        (customers.bg_nbd, fit_bg_nbd, (1.0, 4.0, 1.0, 4.0)),
        (customers.pareto_nbd, fit_pareto_nbd, (1.0, 6.0, 1.0, 20.0)),
    ],
)
def test_right_models_of_purchases_are_not_rejected(draw, fit, parameters):
    found = []
    for seed in range(SETS):
        generator = np.random.default_rng(seed)
        summary = of(draw(generator, parameters, 30.0 + generator.integers(0, 3, 150)))
        found.append(chi_squared_of_counts(summary, fit(summary))[2])
    assert_mean(float(np.mean(found)), SPREAD / math.sqrt(SETS), HALF, fault=0.05)


def test_right_values_are_not_rejected():
    found = []
    for seed in range(SETS):
        summary = spent(np.random.default_rng(seed), 100, 6.25, 3.74, 15.44)
        found.append(chi_squared_of_values(summary, fit_gamma_gamma(summary))[2])
    assert_mean(float(np.mean(found)), SPREAD / math.sqrt(SETS), HALF, fault=0.05)


# Wrong models: rejected


@pytest.mark.parametrize("fit", [fit_bg_nbd, fit_pareto_nbd])
def test_customers_of_two_kinds_are_no_gamma(fit):
    generator, size = np.random.default_rng(4), 2_000
    rate = np.where(np.arange(size) % 2, 0.5, 0.02)
    age = np.full(size, 30.0)
    often = generator.poisson(rate * age).astype(float)
    recency = np.where(often > 0, age * generator.random(size) ** (1.0 / np.maximum(often, 1)), 0.0)
    summary = Summary(often, recency, age, np.where(often > 0, 1.0, np.nan))
    assert chi_squared_of_counts(summary, fit(summary))[2] < 1e-6


def test_values_of_two_prices_are_no_gamma_gamma():
    generator, size = np.random.default_rng(5), 500
    value = np.where(np.arange(size) % 2, 10.0, 40.0) * generator.gamma(50.0, 0.02, size)
    summary = Summary(np.ones(size), np.ones(size), np.full(size, 2.0), value)
    assert chi_squared_of_values(summary, fit_gamma_gamma(summary))[2] < 1e-6


# Edges


def test_too_few_customers_have_no_test():
    few = of(customers.bg_nbd(np.random.default_rng(1), (1.0, 4.0, 1.0, 4.0), np.full(12, 9.0)))
    statistic, freedom, p_value = chi_squared_of_counts(few, fit_bg_nbd(few))
    assert math.isnan(statistic)
    assert freedom == 0
    assert math.isnan(p_value)
    values = spent(np.random.default_rng(1), 20, 6.0, 4.0, 15.0)
    assert math.isnan(chi_squared_of_values(values, fit_gamma_gamma(values))[0])


def test_customers_left_out_of_gamma_gamma_are_not_tested():
    summary = spent(np.random.default_rng(2), 200, 6.0, 4.0, 15.0)
    zero = np.zeros(3)
    more = Summary(
        np.concatenate((summary.frequency, [0.0, 2.0, 1.0])),
        np.concatenate((summary.recency, [0.0, 1.0, 1.0])),
        np.concatenate((summary.age, zero + 2.0)),
        np.concatenate((summary.value, [np.nan, 0.0, 0.0])),
    )
    fitted = fit_gamma_gamma(summary)
    assert chi_squared_of_values(more, fitted) == chi_squared_of_values(summary, fitted)


def test_very_many_purchases_are_one_cell():
    generator = np.random.default_rng(3)
    summary = of(customers.bg_nbd(generator, (2.0, 0.01, 1.0, 9.0), np.full(300, 9.0)))
    assert summary.frequency.max() > 1_000
    statistic, freedom, p_value = chi_squared_of_counts(summary, fit_bg_nbd(summary))
    assert freedom > 1
    assert 0.0 < p_value < 1.0
    assert statistic > 0.0
