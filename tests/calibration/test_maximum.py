"""The search for a maximum: where it is, how sure, and what it says when there is none."""

import math

import numpy as np
import pytest

from clvsim.calibration.maximum import HIGHEST, LOWEST, maximise

NAMES = ("first", "second", "third")


def parabola(peak, information):
    """A log-likelihood with this peak and information, and its slope."""

    def objective(logs):
        away = logs - peak
        return -0.5 * float(away @ information @ away) - 3.0, -information @ away

    return objective


def test_peak_and_covariance_of_a_parabola():
    peak = np.array([0.7, -2.0, 3.0])
    information = np.array([[40.0, 10.0, 0.0], [10.0, 30.0, -5.0], [0.0, -5.0, 9.0]])
    found = maximise(parabola(peak, information), NAMES, [(1.0, 1.0, 1.0)])
    np.testing.assert_allclose(found.logs, peak, atol=1e-8)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(information), rtol=1e-7)
    assert found.log_likelihood == pytest.approx(-3.0, abs=1e-12)
    assert found.notes == ()


def test_error_of_a_rate_is_that_of_the_textbook():
    # Exponential waiting times: the log of the rate has variance 1/n.
    count, total = 50.0, 20.0

    def objective(logs):
        rate = math.exp(logs[0])
        return count * logs[0] - rate * total, np.array([count - rate * total])

    found = maximise(objective, ("rate",), [(1.0,)])
    assert math.exp(found.logs[0]) == pytest.approx(2.5, rel=1e-7)
    assert found.covariance[0, 0] == pytest.approx(1.0 / 50.0, rel=1e-6)


def test_the_higher_of_two_peaks_is_found():
    def objective(logs):
        near, far = np.exp(-((logs - 4.0) ** 2)), 0.8 * np.exp(-((logs + 4.0) ** 2))
        slope = -2.0 * (logs - 4.0) * near - 2.0 * (logs + 4.0) * far
        return 100.0 * float(near[0] + far[0]), 100.0 * slope

    starts = [(math.exp(-3.5),), (math.exp(3.5),)]
    for order in (starts, starts[::-1]):
        assert maximise(objective, ("only",), order).logs[0] == pytest.approx(4.0, abs=1e-3)
    assert maximise(objective, ("only",), starts[:1]).logs[0] == pytest.approx(-4.0, abs=1e-3)


@pytest.mark.parametrize(
    ("sign", "side", "bound"), [(1.0, "upper", HIGHEST), (-1.0, "lower", LOWEST)]
)
def test_a_parameter_that_runs_to_a_bound_is_named(sign, side, bound):
    def objective(logs):
        return sign * logs[0] - 20.0 * logs[1] ** 2, np.array([sign, -40.0 * logs[1]])

    found = maximise(objective, NAMES[:2], [(1.0, 2.0)])
    assert found.logs[0] == pytest.approx(bound)
    assert f"first is not identified: it ran to its {side} bound." in found.notes
    assert np.all(np.isnan(found.covariance[0]))
    assert found.covariance[1, 1] == pytest.approx(1.0 / 40.0, rel=1e-6)


def test_parameters_that_only_count_together_are_named():
    information = np.array([[50.0, 50.0, 0.0], [50.0, 50.0, 0.0], [0.0, 0.0, 8.0]])
    found = maximise(parabola(np.zeros(3), information), NAMES, [(2.0, 3.0, 4.0)])
    assert found.logs[0] + found.logs[1] == pytest.approx(0.0, abs=1e-6)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("first and second are not identified: ")
    assert np.all(np.isnan(found.covariance[:2]))
    assert found.covariance[2, 2] == pytest.approx(1.0 / 8.0, rel=1e-6)
    # Of their sum the data tell: its information is 50, and their difference is held.
    both = np.array([1.0, 1.0, 0.0])
    assert both @ found.told @ both == pytest.approx(1.0 / 50.0, rel=1e-6)
    other = np.array([1.0, -1.0, 0.0])
    assert other @ found.told @ other == pytest.approx(0.0, abs=1e-9)
    assert found.told[2, 2] == pytest.approx(1.0 / 8.0, rel=1e-6)


def test_a_direction_that_is_hardly_told_is_held():
    # Two standard deviations of the logs and a little more: worlds drawn from it would be wild.
    for strength, is_told in ((0.24, False), (0.26, True)):
        peak, information = np.array([0.5, 0.5]), np.diag([strength, 40.0])
        found = maximise(parabola(peak, information), NAMES[:2], [(1.0, 1.0)])
        np.testing.assert_allclose(found.logs, peak, atol=1e-6)
        assert np.isfinite(found.covariance[0, 0]) == is_told
        assert found.told[0, 0] == pytest.approx(1.0 / strength if is_told else 0.0, rel=1e-6)


def test_a_parameter_without_influence_is_named():
    found = maximise(parabola(np.zeros(2), np.diag([20.0, 0.0])), NAMES[:2], [(2.0, 5.0)])
    assert found.notes == ("second is not identified: the likelihood hardly moves with it.",)
    assert math.exp(found.logs[1]) == pytest.approx(5.0)


def test_one_that_moves_with_a_parameter_at_its_bound_is_not_identified_either():
    # A rate first/second that is known, and a gain from both growing that never ends.
    def objective(logs):
        away, size = logs[0] - logs[1], math.exp(-0.5 * logs[0])
        value = -100.0 * away**2 - size
        return value, np.array([-200.0 * away + 0.5 * size, 200.0 * away])

    found = maximise(objective, NAMES[:2], [(1.0, 1.0)])
    assert np.all(np.isnan(found.covariance))
    assert any("first and second are not identified" in note for note in found.notes)
    # The second is held at its bound; by the first, then, the rate is as sure as it is.
    at_bound = found.logs >= HIGHEST - 1e-3
    assert at_bound.any()
    assert found.told[~at_bound, ~at_bound] == pytest.approx(1.0 / 200.0, rel=1e-3)


def test_a_search_that_stops_short_says_so():
    # A slope that is not that of the likelihood leads nowhere.
    def objective(logs):
        return -50.0 * float(logs @ logs), 80.0 * logs + 5.0

    found = maximise(objective, NAMES[:2], [(1.5, 1.5)])
    assert any("did not converge" in note for note in found.notes)
