"""The simulator against the literature, case by case; and that a wrong one would be caught."""

import itertools
import math
import os
from dataclasses import replace

import numpy as np
import pytest

from clvsim.calibration.purchases import fit_pareto_nbd
from clvsim.verification import Verdict, amounts, migration, purchases, run_cases, subscribers
from clvsim.verification import cases as every_case
from clvsim.verification.cdnow import cohort
from clvsim.verification.estimate import Estimate, estimate, mean, ratio
from clvsim.verification.prediction import purchases_ahead
from clvsim.verification.verdict import (
    EXACT,
    PRECISION,
    Z_LIMIT,
    Finding,
    agrees,
    judge,
    prediction,
)

# Without the JIT a customer takes a thousand times as long: the cases are the compiled engine's.
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="millions of customers need the JIT"
)


@pytest.fixture(scope="module")
def full():
    """Verdicts of all cases at full size, and the progress that was told."""
    told = []
    return run_cases(progress=lambda done, total: told.append((done, total))), told


def test_every_published_result_is_reproduced(full):
    failed = [verdict for verdict in full[0] if not verdict.passed]
    assert not failed, "\n".join(map(str, failed))


def test_every_figure_is_named_once_and_counted(full):
    verdicts, told = full
    names = [(verdict.citation, verdict.quantity) for verdict in verdicts]
    assert len(set(names)) == len(names)
    total = len(every_case.CASES)
    assert told == [(done, total) for done in range(1, total + 1)]


def test_simulated_figures_are_precise_enough_to_say_something(full):
    simulated = [verdict for verdict in full[0] if verdict.simulated is not None]
    assert len(simulated) > 50
    for verdict in simulated:
        assert verdict.standard_error <= PRECISION * abs(verdict.gross or verdict.closed_form)
        assert abs(verdict.z) <= Z_LIMIT


def test_every_value_by_recency_has_a_simulated_number_beside_it(full):
    values = [verdict for verdict in full[0] if verdict.citation == "Pfeifer & Carraway 2000"]
    assert len(values) == 11
    assert all(verdict.simulated is not None for verdict in values)
    # Only what is a small difference of margins and contacts is known less well than itself.
    assert sum(verdict.gross is not None for verdict in values) == 6
    for verdict in values:
        assert verdict.gross is None or abs(verdict.closed_form) < 5.0


def test_scores_are_spread_as_chance_spreads_them(full):
    # Errors that were too large would pass every case. Figures of one simulation are correlated,
    # so the bound is far below the 1 of independent scores.
    scores = [verdict.z for verdict in full[0] if verdict.standard_error]
    assert math.sqrt(math.fsum(z * z for z in scores) / len(scores)) > 0.4


def test_cdnow_s_holdout_lies_inside_where_the_model_holds_and_nowhere_else(full):
    held_out = {one.citation: one for one in full[0] if one.prediction is not None}
    bg_nbd, pareto_nbd = held_out.values()
    for verdict, deviation in ((bg_nbd, 102.0), (pareto_nbd, 132.0)):
        assert verdict.prediction.observed == 1882.0
        assert verdict.prediction.level == 0.95
        # As by the delta method from the fit's covariance and the customers' variances.
        assert verdict.prediction.deviation == pytest.approx(deviation, rel=0.05)
        assert verdict.prediction.expected == pytest.approx(verdict.closed_form, rel=0.015)
    assert pareto_nbd.prediction.holds
    assert not pareto_nbd.departs
    assert not bg_nbd.prediction.holds
    assert bg_nbd.departs
    assert bg_nbd.prediction.z == pytest.approx(2.2, abs=0.1)


def test_without_the_fit_s_error_the_holdout_would_be_outside():
    customers = cohort()
    fitted = fit_pareto_nbd(customers.summary)
    lucky = purchases_ahead(fitted, customers.summary, 39.0, 256, fit_is_exact=True)
    found = prediction(customers.later.sum(), lucky)
    assert found.deviation == pytest.approx(70.0, rel=0.06)
    assert not found.holds
    assert found.tail < 0.01


def test_an_observation_outside_fails_and_so_does_a_departure_that_is_none():
    draws = np.linspace(0.0, 100.0, 1001)
    finding = Finding("somebody", "something", 50.0, prediction=prediction(97.0, draws))
    assert finding.prediction.low == pytest.approx(2.5)
    assert finding.prediction.tail == pytest.approx(0.062, abs=1e-3)
    assert judge(finding).passed
    assert not judge(replace(finding, departs=True)).passed
    finding = replace(finding, prediction=prediction(98.0, draws))
    assert not judge(finding).passed
    assert judge(replace(finding, departs=True)).passed


def as_finding(verdict: Verdict) -> Finding:
    """The finding behind a verdict."""
    return Finding(
        verdict.citation,
        verdict.quantity,
        verdict.closed_form,
        estimate=Estimate(verdict.simulated, verdict.standard_error),
        gross=verdict.gross,
    )


def test_a_simulator_half_a_per_cent_off_is_caught_wherever_it_is_simulated(full):
    # At an error of 0.1 % a fault of 0.5 % stands 5 standard errors from the truth: it is missed
    # where the estimate happens to lie more than one error on the fault's side. Either sign of the
    # fault, then, is caught for every figure, and both for most.
    missed = 0
    simulated = [verdict for verdict in full[0] if verdict.simulated is not None]
    for verdict in simulated:
        finding = as_finding(verdict)
        assert judge(finding).passed
        fault = 0.005 * (finding.gross or finding.closed_form)
        shifted = [
            judge(replace(finding, closed_form=finding.closed_form + change)).passed
            for change in (-fault, fault)
        ]
        assert not all(shifted), verdict
        missed += sum(shifted)
    assert missed <= 0.1 * len(simulated)


def wrong(monkeypatch, module, change):
    """Let a case simulate segments that are changed, and expect what it expects."""
    right = module.scenario

    def scenario(**tables):
        segments = {name: change(dict(one)) for name, one in tables["segments"].items()}
        return right(**{**tables, "segments": segments})

    monkeypatch.setattr(module, "scenario", scenario)


def failed(module, worlds_scale, count=None, *, examine="examine"):
    """Quantities that a smaller run of a case finds wrong, of its first ones."""
    precision = PRECISION / math.sqrt(worlds_scale)
    found = itertools.islice(getattr(module, examine)(worlds_scale), count)
    return [one.quantity for one in found if not judge(one, precision).passed]


def test_purchases_that_are_right_for_a_year_only_are_caught_at_two(monkeypatch):
    slower = {"rate_season": [1.0] * 52 + [0.97] * 52}
    wrong(monkeypatch, purchases, lambda segment: segment | slower)
    assert failed(purchases, 0.5, 8) == ["repeat purchases in 104 weeks"] * 2


def test_amounts_of_the_wrong_shape_are_caught_though_their_mean_is_right(monkeypatch):
    wrong(monkeypatch, amounts, lambda segment: segment | {"spend_shape": 6.5})
    found = failed(amounts, 0.5)
    assert "mean of a purchase" not in found
    assert "variance of customers' means, q 16" not in found
    assert "variance of a purchase, q 16" in found
    assert "variance of the log of a purchase" in found
    assert sum(name.startswith("mean of customers after") for name in found) >= 3


def test_customers_who_differ_too_much_in_what_they_spend_are_caught(monkeypatch):
    def wider(segment):
        shape, scale = segment["spend"]["a"], segment["spend"]["scale"]
        # The same mean.
        scale *= (0.97 * shape - 1.0) / (shape - 1.0)
        return segment | {"spend": {**segment["spend"], "a": 0.97 * shape, "scale": scale}}

    wrong(monkeypatch, amounts, wider)
    found = failed(amounts, 0.5)
    assert "mean of a purchase" not in found
    assert "variance of customers' means, q 16" in found
    assert "variance of the log of a purchase" in found


def test_odds_of_buying_after_three_years_that_are_off_are_caught(monkeypatch):
    def keener(segment):
        moves = [list(row) for row in segment["transitions"]]
        moves[2] = [0.155, 0.0, 0.0, 0.845, 0.0]
        return segment | {"transitions": moves}

    wrong(monkeypatch, migration, keener)
    assert "value at recency 3" in failed(migration, 0.3, 3)


def test_guests_who_come_back_a_little_more_often_are_caught(monkeypatch):
    wrong(monkeypatch, subscribers, lambda segment: segment | {"churn": segment["churn"] - 0.005})
    assert len(failed(subscribers, 0.5, examine="examine_rosewood")) == 2


def test_a_month_too_many_that_is_free_is_caught(monkeypatch):
    monkeypatch.setattr(subscribers, "net_after_free_months", lambda *_: -50.0)
    assert len(failed(subscribers, 0.3, examine="examine_network")) == 2


def test_a_small_difference_is_judged_by_what_it_is_the_difference_of():
    small = Finding("somebody", "something", 0.6, estimate=Estimate(0.605, 0.009))
    assert not judge(small).passed
    assert judge(replace(small, gross=10.0)).passed
    assert not judge(replace(small, gross=8.0)).passed
    assert not judge(replace(small, gross=10.0, closed_form=0.56)).passed


def test_a_wrong_closed_form_is_caught_by_the_printed_digits():
    right = Finding("somebody", "something", 568.783067, published="568.78")
    assert judge(right).passed
    assert not judge(replace(right, closed_form=568.786)).passed
    assert not judge(replace(right, recomputed="568.784")).passed


def test_digits_are_compared_as_rounded():
    assert agrees(0.70407714, "0.704077")
    assert not agrees(0.70407751, "0.704077")
    assert agrees(5.18, "5")
    assert not agrees(5.52, "5")
    assert agrees(-1680.2651879, "-1680.265188")
    assert not agrees(math.nan, "1.0")


def test_an_exact_simulation_must_agree_to_rounding():
    exact = Finding("somebody", "something", 375.0, estimate=Estimate(375.0, 0.0))
    assert judge(exact).z == 0.0
    assert judge(replace(exact, closed_form=375.0 * (1.0 + 0.5 * EXACT))).passed
    off = judge(replace(exact, closed_form=375.0 * (1.0 + 2.0 * EXACT)))
    assert off.z == -math.inf
    assert not off.passed


def test_too_large_an_error_fails_even_without_deviation():
    vague = Finding("somebody", "something", 10.0, estimate=Estimate(10.0, 0.02))
    assert not judge(vague).passed
    assert judge(vague, precision=3e-3).passed
    for broken in (Estimate(math.nan, 0.001), Estimate(10.0, math.nan)):
        assert not judge(replace(vague, estimate=broken)).passed


def test_an_estimate_of_a_mean_has_the_usual_error():
    draws = np.random.default_rng(1).exponential(size=200)
    found = mean(draws)
    assert found.value == pytest.approx(draws.mean(), rel=1e-14)
    assert found.standard_error == pytest.approx(draws.std(ddof=1) / math.sqrt(200), rel=1e-12)


def test_an_estimate_of_a_ratio_has_the_error_of_its_linearisation():
    generator = np.random.default_rng(2)
    below = generator.uniform(0.5, 1.5, 5000)
    above = 3.0 * below + generator.normal(0.0, 0.1, 5000)
    found = ratio(above, below)
    linear = (above - found.value * below) / below.mean()
    assert found.standard_error == pytest.approx(linear.std(ddof=1) / math.sqrt(5000), rel=1e-3)


def test_estimates_without_spread_have_no_error():
    constant = np.full(50, 0.1)
    assert estimate(lambda x, y: x * y, constant, constant).standard_error < 1e-15


def test_a_smaller_run_says_less_and_accepts_more(monkeypatch):
    only = [case for case in every_case.CASES if case.name == "Berger & Nasr 1998"]
    monkeypatch.setattr(every_case, "CASES", tuple(only))
    small = run_cases(worlds_scale=0.25)
    assert all(verdict.passed for verdict in small)
    assert small[0].standard_error > 1.5 * run_cases()[0].standard_error


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ValueError, match="worlds_scale must be above 0"):
        run_cases(worlds_scale=scale)
