"""Retention tables: published fits, the way back to one churn rate, unusable tables."""

import math

import numpy as np
import pytest
import scipy.stats

from clvsim.reference import sbg_survival
from clvsim.scenario.retention import GAIN_NEEDED, fit_life_table, fit_retention

REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]


@pytest.mark.parametrize(
    ("table", "alpha", "beta", "log_likelihood"),
    [
        (REGULAR, 0.704077, 1.182043, -1680.265188),
        (HIGH_END, 0.668088, 3.806095, -1611.158147),
    ],
    ids=["regular", "high end"],
)
def test_published_fits_to_every_digit(
    table: list[float], alpha: float, beta: float, log_likelihood: float
):
    fit = fit_retention(table)
    assert fit.model == "sbg"
    assert fit.alpha == pytest.approx(alpha, abs=0.5e-6)
    assert fit.beta == pytest.approx(beta, abs=0.5e-6)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=0.5e-6)
    assert (fit.periods, fit.customers) == (7, 1000.0)
    assert f"alpha {alpha:.3f}, beta {beta:.3f}" in fit.note


def test_log_likelihoods_are_those_of_the_lives():
    fit = fit_retention(REGULAR)
    table = np.array(REGULAR, dtype=float)
    left = table[:-1] - table[1:]
    assert fit.alpha is not None
    assert fit.beta is not None
    share = sbg_survival(range(8), fit.alpha, fit.beta)
    lives = left @ np.log(share[:-1] - share[1:]) + table[-1] * np.log(share[-1])
    assert fit.log_likelihood == pytest.approx(lives, rel=1e-12)
    assert fit.churn == pytest.approx(left.sum() / table[:-1].sum(), rel=1e-15)
    share = (1.0 - fit.churn) ** np.arange(8)
    lives = left @ np.log(share[:-1] - share[1:]) + table[-1] * np.log(share[-1])
    assert fit.log_likelihood_geometric == pytest.approx(lives, rel=1e-12)


@pytest.mark.parametrize(
    ("alpha", "beta", "customers", "periods"),
    [
        (0.02, 0.03, 1e6, 24),
        (0.7, 1.2, 1e3, 7),
        (50.0, 450.0, 1e6, 24),
        (500.0, 4500.0, 1e9, 60),
    ],
)
def test_expected_tables_give_their_parameters_back(
    alpha: float, beta: float, customers: float, periods: int
):
    table = customers * sbg_survival(np.arange(periods + 1), alpha, beta)
    fit = fit_retention(table.tolist())
    assert fit.alpha == pytest.approx(alpha, rel=1e-6)
    assert fit.beta == pytest.approx(beta, rel=1e-6)


def test_threshold_is_the_boundary_likelihood_ratio_test_at_5_percent():
    # Half of the distribution sits at 0, so 5 % beyond is 10 % of a chi-square's.
    assert pytest.approx(scipy.stats.chi2.isf(0.10, 1) / 2, abs=1e-4) == GAIN_NEEDED


def test_constant_churn_falls_back_to_the_geometric():
    fit = fit_retention([1000, 900, 810, 729, 656, 590])
    assert fit.model == "geometric"
    assert (fit.alpha, fit.beta) == (None, None)
    assert fit.churn == pytest.approx(410 / 4095, rel=1e-15)
    assert fit.log_likelihood == fit.log_likelihood_geometric
    assert "1.35" in fit.note
    assert "10 %" in fit.note


def test_fall_in_churn_within_chance_falls_back_to_the_geometric():
    # The same shares from ten times the customers are beyond chance.
    few = [100, 85, 74, 66, 59]
    assert fit_retention(few).model == "geometric"
    assert fit_retention([10 * count for count in few]).model == "sbg"


def test_rising_churn_is_said():
    fit = fit_retention([1000, 990, 900, 600])
    assert fit.model == "geometric"
    assert "rises with tenure" in fit.note


@pytest.mark.parametrize(
    ("table", "churn"),
    [([500, 500, 500], 0.0), ([10, 0], 1.0), ([1000, 700], 0.3), ([8, 4, 0, 0], 2 / 3)],
)
def test_tables_at_the_edge_give_the_geometric(table: list[float], churn: float):
    fit = fit_retention(table)
    assert fit.model == "geometric"
    assert fit.churn == pytest.approx(churn, rel=1e-15)
    assert math.isfinite(fit.log_likelihood)
    assert fit.note


def test_nobody_leaving_is_noted_with_the_churn_that_it_allows():
    note = fit_retention([100, 100, 100]).note
    # 200 customer-months without a leaver have probability 5 % at this churn.
    assert f"{100 * (1 - 0.05 ** (1 / 200)):.3g} %" in note


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "at least 2 entries"),
        ([1000], "at least 2 entries"),
        ([1000, 800, 801], r"survivors\[2\] is 801, more than the 800"),
        ([1000, -1], r"survivors\[1\] is -1"),
        ([1000, math.nan], r"survivors\[1\] is nan"),
        ([math.inf, 10], r"survivors\[0\] is inf"),
        ([0, 0], "size of the cohort"),
        ([1.0, 0.8, 0.7], "looks like shares"),
        ([1000, 700, 700], "all who leave do so in the first period"),
    ],
)
def test_unusable_tables_are_refused(table: list[float], message: str):
    with pytest.raises(ValueError, match=message):
        fit_retention(table)


def test_life_table_of_a_whole_cohort_is_its_retention_table():
    table = np.array(REGULAR, dtype=float)
    fit = fit_life_table(table[:-1] - table[1:], table[1:])
    assert fit == fit_retention(REGULAR)


def test_customers_watched_for_part_of_the_time_count_for_that_time():
    # Half of the cohort is watched for one period only; expected counts otherwise.
    share = 1000.0 * sbg_survival(np.arange(9), 0.7, 1.2)
    watched = np.where(np.arange(8) < 1, 1.0, 0.5)
    fit = fit_life_table(watched * (share[:-1] - share[1:]), watched * share[1:])
    assert fit.alpha == pytest.approx(0.7, rel=1e-8)
    assert fit.beta == pytest.approx(1.2, rel=1e-8)


@pytest.mark.parametrize(
    ("leavers", "stayers", "message"),
    [
        ([], [], "same length"),
        ([1.0], [1.0, 2.0], "same length"),
        ([-1.0], [1.0], "each >= 0"),
        ([math.nan], [1.0], "each >= 0"),
        ([0.0, 1.0], [0.0, 1.0], "nobody is at risk"),
    ],
)
def test_unusable_life_tables_are_refused(leavers: list[float], stayers: list[float], message: str):
    with pytest.raises(ValueError, match=message):
        fit_life_table(leavers, stayers)
