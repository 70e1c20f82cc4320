"""Purchases held out against their predictive interval: expectation, luck, error of the fit."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from clvsim.calibration import holdout
from clvsim.calibration.block import block
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.holdout import Prediction, predict
from clvsim.calibration.outcome import Candidate
from clvsim.calibration.purchase_log import LogColumns
from clvsim.calibration.purchases import Summary, fit_bg_nbd, fit_pareto_nbd
from clvsim.calibration.records import open_records
from clvsim.calibration.transactions import _narrow_notes, fit_transactions
from clvsim.reference import BgNbd, ParetoNbd
from clvsim.report.fitting import fit_json
from clvsim.verification.cdnow import cohort
from clvsim.verification.prediction import purchases_ahead
from tests import customers
from tests.statistics import assert_mean, assert_proportion

NAMES = {"bg/nbd": ("r", "alpha", "a", "b"), "pareto/nbd": ("r", "alpha", "s", "beta")}
DRAW = {"bg/nbd": customers.bg_nbd, "pareto/nbd": customers.pareto_nbd}
MODELS = {"bg/nbd": BgNbd, "pareto/nbd": ParetoNbd}
PARAMETERS = {"bg/nbd": (1.0, 4.0, 1.0, 4.0), "pareto/nbd": (1.0, 6.0, 1.2, 20.0)}
NAMED = LogColumns("who", "when", "paid")


def exactly(model, parameters):
    """A fit without an error that is known."""
    named = dict(zip(NAMES[model], parameters, strict=True))
    return Fitted(model, named, np.full((4, 4), math.nan), 0.0, 1.0)


def of(drawn):
    unknown = np.where(drawn.frequency > 0, 1.0, np.nan)
    return Summary(drawn.frequency, drawn.recency, drawn.age, unknown)


# CDNOW


@pytest.mark.parametrize(
    ("fit", "expected", "is_inside"),
    [(fit_bg_nbd, 1653.4087, False), (fit_pareto_nbd, 1665.513, True)],
)
def test_cdnow_s_weeks_40_to_78(fit, expected, is_inside):
    data = cohort()
    found = predict(data.summary, fit(data.summary), np.array([20.0, 39.0]), 1882.0)
    assert found.expected[-1] == pytest.approx(expected, abs=1e-3)
    assert found.is_inside is is_inside
    assert found.error == pytest.approx(expected / 1882.0 - 1.0, abs=1e-6)
    # The same as customers' lives drawn one by one, under parameters drawn anew.
    fitted = fit(data.summary)
    drawn = purchases_ahead(fitted, data.summary, 39.0, 256)
    whole = math.hypot(found.luck[-1], found.fit_error)
    assert [found.low[-1], found.high[-1]] == pytest.approx(
        np.quantile(drawn, (0.025, 0.975)), abs=0.2 * whole
    )
    assert whole == pytest.approx(float(drawn.std()), rel=0.1)
    exact = purchases_ahead(fitted, data.summary, 39.0, 256, fit_is_exact=True)
    assert found.luck[-1] == pytest.approx(float(exact.std()), rel=0.1)
    assert abs(float(exact.std()) / whole - 1.0) > 0.2


# Expectation and luck


@pytest.mark.parametrize("model", NAMES)
def test_expected_is_the_sum_of_conditional_expectations(model):
    generator = np.random.default_rng(2)
    drawn = DRAW[model](generator, PARAMETERS[model], 20.0 + generator.integers(0, 9, 300))
    times = np.array([1.0, 30.0])
    found = predict(of(drawn), exactly(model, PARAMETERS[model]), times, 9.0)
    law = MODELS[model](*PARAMETERS[model])
    for time, expected in zip(times, found.expected, strict=True):
        each = law.conditional_purchases(time, drawn.frequency, drawn.recency, drawn.age)
        assert expected == pytest.approx(float(np.sum(each)), rel=1e-7)
    assert math.isnan(found.fit_error)


@pytest.mark.parametrize("model", NAMES)
def test_totals_lie_where_luck_puts_them(model):
    """Given the parameters: uniform in their predictive distribution, and by halves too."""
    law, places = exactly(model, PARAMETERS[model]), []
    for seed in range(250):
        generator = np.random.default_rng(seed)
        drawn = DRAW[model](generator, PARAMETERS[model], np.full(60, 20.0), 30.0)
        total = int(drawn.later.sum())
        found = predict(of(drawn), law, np.array([30.0]), float(total))
        below, until = (
            holdout._up_to(count, found.expected, found.luck**2) for count in (total - 1, total)
        )
        places.append(below + generator.random() * (until - below))
    places = np.array(places)
    assert_mean(places, None, 0.5, fault=0.34)
    # With half the luck, scores would be twice as wide: far more of them in the outer thirds.
    outer = int(np.sum(np.abs(places - 0.5) > 1.0 / 3.0))
    score = 0.5 * scipy.stats.norm.isf(1.0 / 6.0)
    assert_proportion(outer, places.size, 1.0 / 3.0, fault=2.0 * float(scipy.stats.norm.sf(score)))


# The error of the fit


def test_intervals_cover():
    """Fitted to each data set: few, as fits take their time, so only gross faults are found."""
    inside = []
    for seed in range(24):
        generator = np.random.default_rng(seed)
        drawn = customers.pareto_nbd(generator, (1.0, 6.0, 1.0, 20.0), np.full(120, 30.0), 30.0)
        summary = of(drawn)
        found = predict(
            summary, fit_pareto_nbd(summary), np.array([30.0]), float(drawn.later.sum())
        )
        inside.append(found.is_inside)
    assert_proportion(sum(inside), len(inside), holdout.LEVEL, fault=0.25)


def test_the_error_of_the_fit_widens_the_interval_by_the_delta_method():
    data = cohort()
    fitted = fit_pareto_nbd(data.summary)
    times = np.array([39.0])
    small = replace(fitted, covariance=1e-4 * fitted.covariance, told=None)
    found = predict(data.summary, small, times, 0.0)
    slopes = []
    for name in fitted.parameters:
        up, down = (
            replace(fitted, parameters={**fitted.parameters, name: fitted.parameters[name] * step})
            for step in (math.exp(1e-3), math.exp(-1e-3))
        )
        change = [predict(data.summary, one, times, 0.0).expected[-1] for one in (up, down)]
        slopes.append((change[0] - change[1]) / 2e-3)
    slope = np.array(slopes)
    expected = math.sqrt(float(slope @ small.covariance @ slope))
    assert found.fit_error == pytest.approx(expected, rel=0.1)
    alone = predict(data.summary, replace(small, covariance=np.zeros((4, 4))), times, 0.0)
    wide = predict(data.summary, fitted, times, 0.0)
    assert wide.high[0] - wide.low[0] > 1.5 * (alone.high[0] - alone.low[0])


def test_a_fit_too_wide_is_luck_alone():
    data = cohort()
    fitted = fit_bg_nbd(data.summary)
    for told in (np.full((4, 4), math.nan), 9.0 * np.eye(4)):
        found = predict(data.summary, replace(fitted, told=told), np.array([39.0]), 0.0)
        assert math.isnan(found.fit_error)
        assert found.low[0] == pytest.approx(1653.4 - 1.96 * found.luck[0], abs=4.0)


def test_some_customers_stand_for_all_in_what_parameters_move(monkeypatch):
    data = cohort()
    fitted = fit_pareto_nbd(data.summary)
    whole = predict(data.summary, fitted, np.array([39.0]), 0.0)
    monkeypatch.setattr(holdout, "_JUDGED", 500)
    some = predict(data.summary, fitted, np.array([39.0]), 0.0)
    assert some.expected.tolist() == whole.expected.tolist()
    assert some.fit_error == pytest.approx(whole.fit_error, rel=0.2)


# Bounds


@pytest.mark.parametrize(("mean", "variance"), [(3.0, 7.0), (1653.4, 4837.0), (0.02, 0.05)])
def test_bounds_of_one_law_are_those_of_a_negative_binomial(mean, variance):
    law = scipy.stats.nbinom(mean**2 / (variance - mean), mean / variance)
    found = holdout._bounds(np.array([mean]), np.array([variance]))
    assert found == tuple(law.ppf((0.025, 0.975)))


@pytest.mark.parametrize("variance", [2.0, 5.0])
def test_bounds_of_what_varies_less_are_poisson_s(variance):
    found = holdout._bounds(np.array([5.0]), np.array([variance]))
    assert found == tuple(scipy.stats.poisson(5.0).ppf((0.025, 0.975)))


def test_bounds_of_a_mixture_hold_its_level():
    means, variances = np.array([50.0, 100.0, 200.0]), np.array([60.0, 150.0, 900.0])
    low, high = holdout._bounds(means, variances)
    laws = scipy.stats.nbinom(means**2 / (variances - means), means / variances)
    assert laws.cdf(low - 1).mean() < 0.025 <= laws.cdf(low).mean()
    assert laws.cdf(high - 1).mean() < 0.975 <= laws.cdf(high).mean()


# As it is told


@pytest.fixture
def log(tmp_path):
    """Customers who come back for so many weeks, of a year that ends with them or does not."""

    def write(weeks):
        generator = np.random.default_rng(7)
        begin = np.datetime64("2026-01-01")
        rows = [
            f"{who},{begin + int(day)},{10 + day % 7}"
            for who in range(200)
            for day in {who % 30, *generator.integers(who % 30, 7 * weeks, generator.poisson(2.0))}
        ]
        path = tmp_path / "log.csv"
        path.write_text("\n".join(("who,when,paid", *rows)) + "\n")
        return open_records(path)

    return write


def test_the_band_begins_with_what_was_bought_and_ends_with_the_total(log):
    (segment,) = fit_transactions(log(40), NAMED, holdout=10.0).segments
    curve, facts = segment.curve, segment.facts
    (found,) = (one.prediction for one in segment.candidates if one.fitted is segment.chosen)
    before = facts["repeat_purchases"]
    assert curve.band.times[0] == curve.held_out_from
    assert curve.band.times[-1] == pytest.approx(curve.times[-1])
    assert [curve.band.low[0], curve.band.high[0]] == [before, before]
    expected = facts[f"holdout_{segment.chosen.model}"]
    assert curve.band.middle[-1] - before == pytest.approx(expected, rel=1e-12)
    assert curve.band.high[-1] - before == pytest.approx(found.high[-1], rel=1e-12)
    assert found.observed == facts["holdout_observed"]
    assert curve.observed[-1] - before == found.observed
    assert np.all(np.diff(curve.band.high) > 0.0)
    assert np.all(np.diff(curve.band.high - curve.band.low) > 0.0)


def test_nothing_bought_in_the_holdout(log):
    end = int(np.datetime64("2027-01-01").astype(int))
    outcome = fit_transactions(log(40), NAMED, holdout=10.0, end=end)
    (segment,) = outcome.segments
    assert segment.facts["holdout_observed"] == 0.0
    document = json.loads(fit_json(outcome))["segments"][segment.key]["models"]
    for one, said in zip(segment.candidates, document, strict=True):
        assert math.isnan(one.holdout_error)
        assert one.prediction.expected[-1] > 0.0
        assert one.prediction.is_inside == (one.prediction.low[-1] == 0.0)
        assert said["holdout_error"] is None
        assert said["holdout"]["error"] is None
        assert said["holdout"]["observed"] == 0.0
        assert said["holdout"]["low"] <= said["holdout"]["expected"] <= said["holdout"]["high"]
        assert len(said["holdout"]["band"]["times"]) == len(one.prediction.times)
    assert "purchases observed" in block(outcome)


def test_intervals_that_are_too_narrow_are_told():
    fitted = exactly("bg/nbd", PARAMETERS["bg/nbd"])
    line = np.array([1.0])
    known = replace(fitted, covariance=np.eye(4))
    predicted = Prediction(line, line, line, line, line, 1.0, 1.0)
    unknown = replace(predicted, fit_error=math.nan)
    for one, prediction, words in (
        (fitted, predicted, "it takes as known what the data do not tell"),
        (known, unknown, "too wide to draw numbers"),
    ):
        (note,) = _narrow_notes((Candidate(one, prediction=prediction),))
        assert words in note
    quiet = Candidate(known, prediction=predicted), Candidate(fitted)
    assert not _narrow_notes(quiet)


def test_without_a_holdout_nothing_is_predicted(log):
    outcome = fit_transactions(log(40), NAMED)
    (segment,) = outcome.segments
    assert all(one.prediction is None for one in segment.candidates)
    assert segment.curve.band is None
    assert json.loads(fit_json(outcome))["segments"][segment.key]["models"][0]["holdout"] is None
