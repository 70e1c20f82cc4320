"""Fits of purchase models: printed figures, recovery of known parameters, odd records."""

import importlib.util
import math
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clvsim.calibration import purchases
from clvsim.calibration.purchases import (
    Summary,
    fit_bg_bb,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_pareto_nbd,
)
from clvsim.verification import cdnow
from clvsim.verification.donations import donors
from tests import customers
from tests.statistics import assert_proportion

ROOT = Path(__file__).parents[2]
NAN = math.nan


@pytest.fixture(scope="module")
def cohort() -> cdnow.Cohort:
    """CDNOW's customers."""
    return cdnow.cohort()


@pytest.fixture(scope="module")
def derive() -> ModuleType:
    """Load the script, which lives outside any package."""
    path = ROOT / "scenarios" / "data" / "derive_cdnow.py"
    spec = importlib.util.spec_from_file_location("derive_cdnow", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rounded(fitted, digits: int) -> list[float]:
    """Parameters as the literature prints them."""
    return [round(value, digits) for value in fitted.parameters.values()]


def summary(rows) -> Summary:
    """A summary from rows (x, t_x, T) or (x, t_x, T, value)."""
    columns = [np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)]
    if len(columns) == 3:
        columns.append(np.where(columns[0] > 0.0, 10.0, NAN))
    return Summary(*columns)


def test_packaged_table_is_derived_from_the_sample(derive: ModuleType):
    sample = derive.SAMPLE.read_text(encoding="ascii")
    assert derive.TABLE.read_text(encoding="ascii") == derive.table(derive.customers(sample))


def test_packaged_table_is_the_literature_s_cohort(cohort):
    seen = cohort.summary
    assert seen.frequency.size == 2357
    assert np.sum(seen.frequency > 0.0) == 946
    assert seen.age.max() == pytest.approx(272.0 / 7.0)
    assert cohort.later.sum() == 1882.0


def test_script_prints_its_totals(derive: ModuleType, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["derive_cdnow.py"])
    derive.main()
    printed = capsys.readouterr().out
    assert "2,357 customers, 946 of whom bought again by 1997-09-30" in printed
    assert "wrote" not in printed


def test_cdnow_fits_to_every_printed_digit(cohort):
    seen = cohort.summary
    bg_nbd = fit_bg_nbd(seen)
    assert rounded(bg_nbd, 3) == [0.243, 4.414, 0.793, 2.426]
    assert round(bg_nbd.log_likelihood, 1) == -9582.4
    pareto_nbd = fit_pareto_nbd(seen)
    assert rounded(pareto_nbd, 3) == [0.553, 10.578, 0.606, 11.669]
    assert round(pareto_nbd.log_likelihood, 1) == -9595.0
    values = fit_gamma_gamma(seen)
    assert rounded(values, 2) == [6.25, 3.74, 15.44]
    assert values.sample_size == 946.0
    assert bg_nbd.notes == pareto_nbd.notes == values.notes == ()
    assert list(bg_nbd.parameters) == ["r", "alpha", "a", "b"]
    assert list(pareto_nbd.parameters) == ["r", "alpha", "s", "beta"]
    assert list(values.parameters) == ["p", "q", "gamma"]


@pytest.mark.parametrize("fit", [fit_bg_nbd, fit_pareto_nbd])
def test_a_search_among_some_customers_finds_the_same(cohort, fit, monkeypatch):
    of_all = fit(cohort.summary)
    monkeypatch.setattr(purchases, "_ROUGH", 100)
    of_some = fit(cohort.summary)
    found, expected = of_some.parameters.values(), of_all.parameters.values()
    assert list(found) == pytest.approx(list(expected), rel=1e-5)
    assert of_some.log_likelihood == pytest.approx(of_all.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(of_some.covariance, of_all.covariance, rtol=1e-4)


def test_donors_fit_to_every_printed_digit():
    fitted = fit_bg_bb(*donors(), 6)
    assert rounded(fitted, 3) == [1.204, 0.750, 0.657, 2.783]
    assert round(fitted.log_likelihood, 1) == -33225.6
    assert fitted.sample_size == 11_104.0
    assert list(fitted.parameters) == ["alpha", "beta", "gamma", "delta"]


@pytest.mark.parametrize("fit", [fit_bg_nbd, fit_pareto_nbd])
def test_the_unit_of_time_changes_only_what_is_in_it(cohort, fit):
    weeks = cohort.summary
    days = Summary(weeks.frequency, 7.0 * weeks.recency, 7.0 * weeks.age, weeks.value)
    one, other = fit(weeks), fit(days)
    for name, value in one.parameters.items():
        factor = 7.0 if name in {"alpha", "beta"} else 1.0
        assert other.parameters[name] == pytest.approx(factor * value, rel=1e-6)
    change = -weeks.frequency.sum() * math.log(7.0)
    assert other.log_likelihood - one.log_likelihood == pytest.approx(change, rel=1e-9)
    np.testing.assert_allclose(other.covariance, one.covariance, rtol=1e-4, atol=1e-7)


def test_the_unit_of_money_changes_only_what_is_in_it(cohort):
    seen = cohort.summary
    cents = Summary(seen.frequency, seen.recency, seen.age, 100.0 * seen.value)
    one, other = fit_gamma_gamma(seen), fit_gamma_gamma(cents)
    for name, factor in (("p", 1.0), ("q", 1.0), ("gamma", 100.0)):
        assert other.parameters[name] == pytest.approx(factor * one.parameters[name], rel=1e-5)
    change = -946.0 * math.log(100.0)
    assert other.log_likelihood - one.log_likelihood == pytest.approx(change, rel=1e-9)


def test_the_order_of_customers_does_not_matter(cohort):
    order = np.random.default_rng(11).permutation(cohort.summary.frequency.size)
    columns = (getattr(cohort.summary, name)[order] for name in Summary.__dataclass_fields__)
    assert fit_bg_nbd(Summary(*columns)).parameters == fit_bg_nbd(cohort.summary).parameters


def test_values_that_are_not_above_zero_are_left_out_with_a_note(cohort):
    seen = cohort.summary
    value = seen.value.copy()
    value[np.flatnonzero(seen.frequency > 0.0)[:3]] = (-5.0, 0.0, -1.0)
    fitted = fit_gamma_gamma(Summary(seen.frequency, seen.recency, seen.age, value))
    assert fitted.sample_size == 943.0
    assert fitted.notes == ("3 customers left out: a mean value that is not above 0.",)


def test_values_without_a_mean_are_noted():
    # The means of customers are 6 over Gamma(0.6), whose mean is infinite.
    values = 6.0 / scipy.stats.gamma(0.6).ppf((np.arange(400) + 0.5) / 400)
    rows = [(300, 2.0, 5.0, value) for value in values]
    fitted = fit_gamma_gamma(summary(rows))
    assert fitted.parameters["q"] == pytest.approx(0.6, rel=0.1)
    assert "infinite" in fitted.notes[-1]


def coverage(fits, truth) -> None:
    """95 % intervals, one by one and all together, cover the truth as often as they say."""
    count = len(fits)
    for name, value in truth.items():
        inside = sum(low <= value <= high for low, high in (one.interval(name) for one in fits))
        assert_proportion(inside, count, 0.95, fault=0.6)
    limit = float(scipy.stats.chi2.ppf(0.95, len(truth)))
    logs = np.log(list(truth.values()))
    within = 0
    for one in fits:
        away = np.log(list(one.parameters.values())) - logs
        within += bool(away @ np.linalg.solve(one.covariance, away) <= limit)
    assert_proportion(within, count, 0.95, fault=0.6)


def drawn(seen: customers.Purchases) -> Summary:
    """A summary of drawn customers, with no values to speak of."""
    value = np.where(seen.frequency > 0.0, 1.0, NAN)
    return Summary(seen.frequency, seen.recency, seen.age, value)


def test_bg_nbd_recovers_known_parameters():
    truth = {"r": 0.9, "alpha": 4.0, "a": 0.8, "b": 2.5}
    generator = np.random.default_rng(12)
    fits = []
    for _ in range(60):
        age = generator.uniform(25.0, 50.0, 1500)
        seen = customers.bg_nbd(generator, tuple(truth.values()), age)
        fits.append(fit_bg_nbd(drawn(seen)))
    coverage(fits, truth)


def test_pareto_nbd_recovers_known_parameters():
    truth = {"r": 1.5, "alpha": 3.0, "s": 1.2, "beta": 12.0}
    generator = np.random.default_rng(13)
    fits = []
    for _ in range(60):
        seen = customers.pareto_nbd(generator, tuple(truth.values()), np.full(500, 50.0))
        fits.append(fit_pareto_nbd(drawn(seen)))
    coverage(fits, truth)


def test_bg_bb_recovers_known_parameters():
    truth = {"alpha": 1.2, "beta": 0.75, "gamma": 0.7, "delta": 2.8}
    generator = np.random.default_rng(14)
    fits = []
    for _ in range(60):
        opportunities = generator.integers(8, 13, 3000).astype(np.float64)
        seen = customers.bg_bb(generator, tuple(truth.values()), opportunities)
        fits.append(fit_bg_bb(seen.frequency, seen.recency, opportunities))
    coverage(fits, truth)


def test_gamma_gamma_recovers_known_parameters():
    truth = {"p": 6.0, "q": 4.0, "gamma": 15.0}
    generator = np.random.default_rng(15)
    fits = []
    for _ in range(60):
        frequency = generator.poisson(3.0, 2000).astype(np.float64)
        value, _ = customers.gamma_gamma(generator, tuple(truth.values()), frequency)
        value[frequency == 0.0] = NAN
        times = np.where(frequency > 0.0, 1.0, 0.0)
        fits.append(fit_gamma_gamma(Summary(frequency, times, np.ones(2000), value)))
    coverage(fits, truth)


@cache
def poisson_customers() -> Summary:
    """Customers who do not differ and do not drop out."""
    generator = np.random.default_rng(16)
    # Quantiles in place of draws: no chance of looking as if customers differed.
    frequency = scipy.stats.poisson(3.0).ppf((np.arange(400) + 0.5) / 400)
    last = generator.random(400) ** (1.0 / np.maximum(frequency, 1.0))
    recency = np.where(frequency > 0.0, 40.0 * last, 0.0)
    return Summary(frequency, recency, np.full(400, 40.0), np.where(frequency > 0.0, 1.0, NAN))


@pytest.mark.parametrize("fit", [fit_bg_nbd, fit_pareto_nbd])
def test_customers_who_do_not_differ_still_have_their_rate(fit):
    seen = poisson_customers()
    fitted = fit(seen)
    assert any("not identified" in note for note in fitted.notes)
    rate = fitted.parameters["r"] / fitted.parameters["alpha"]
    assert rate == pytest.approx(seen.frequency.mean() / 40.0, rel=0.05)


@pytest.mark.parametrize("fit", [fit_bg_nbd, fit_pareto_nbd, fit_gamma_gamma])
@pytest.mark.parametrize(
    "rows",
    [
        [(0, 0.0, 30.0)] * 50,
        [(0, 0.0, 0.0)],
        [(3, 20.0, 30.0)],
        [(10**9, 30.0, 30.0), (10**9, 29.0, 30.0), (0, 0.0, 30.0)],
        [(5, 30.0, 30.0)] * 40,
        [(1, 1e-9, 1e9), (0, 0.0, 1e9), (2, 1e-9, 1e9)],
    ],
    ids=["nobody again", "joined today", "one", "huge", "all equal", "long ago"],
)
def test_odd_customers_give_a_note(fit, rows):
    fitted = fit(summary(rows))
    assert fitted.notes


@pytest.mark.parametrize(
    "columns", [([0], [0], 0), ([0, 0], [0, 0], 5), ([5] * 9, [5] * 9, 5), ([3], [4], 400)]
)
def test_odd_customers_at_opportunities_give_a_note(columns):
    assert fit_bg_bb(*columns).notes


@st.composite
def few_customers(draw):
    """A handful of customers that may be anything that a summary allows."""
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        age = draw(st.floats(1e-6, 1e6))
        x = draw(st.sampled_from([0, 0, 1, 2, 7, 10**6]))
        last = age * draw(st.floats(1e-6, 1.0)) if x else 0.0
        rows.append((x, last, age, draw(st.floats(-10.0, 1e7)) if x else NAN))
    return summary(rows)


@settings(max_examples=15, deadline=None)
@given(few_customers())
@example(summary([(1, 1.0, 1.0, 4.0), (1, 1.0, 1.0, 5e-324), (0, 0.0, 1.0, NAN)]))
def test_fits_of_a_handful_of_customers_never_raise(seen: Summary):
    for fit in (fit_bg_nbd, fit_pareto_nbd):
        fitted = fit(seen)
        assert math.isfinite(fitted.log_likelihood)
        assert all(value > 0.0 for value in fitted.parameters.values())
    # A fit on which only notes can be had says so.
    values = fit_gamma_gamma(seen)
    assert values.notes or values.sample_size > 1.0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1.0], [1.0], [2.0], [1.0, 2.0]), "four lists of the same length"),
        (([], [], [], []), "no customer"),
        (([1.5], [1.0], [2.0], [1.0]), "customer 0: frequency must be a whole number"),
        (([0, 1], [0, 3], [2, 2], [NAN, 1]), "customer 1: recency must not be above age"),
        (([1], [0], [2], [1]), "recency is 0 if, and only if, frequency is 0"),
        (([0], [1], [2], [NAN]), "recency is 0 if, and only if, frequency is 0"),
        (([0], [0], [math.inf], [NAN]), "age must be a number, 0 or more"),
        (([1], [1], [2], [NAN]), "value must be a number where frequency is > 0"),
        (([1e16], [1], [2], [1]), "frequency must be at most 1e"),
    ],
)
def test_what_cannot_be_is_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        Summary(*(np.array(column, dtype=np.float64) for column in columns))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([3], [2], 6), "frequency must not be above recency"),
        (([1], [7], 6), "recency must not be above opportunities"),
        (([1], [1.5], 6), "whole numbers of opportunities"),
    ],
)
def test_opportunities_that_cannot_be_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        fit_bg_bb(*columns)
