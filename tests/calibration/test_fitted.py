"""Errors and intervals of a fit."""

import math
from dataclasses import replace

import numpy as np
import pytest

from clvsim.calibration.fitted import Fitted
from clvsim.calibration.outcome import Link
from clvsim.calibration.sampling import covariance_of

FIT = Fitted("bg/nbd", {"r": 2.0, "alpha": 0.5}, np.diag([0.04, math.nan]), -12.5, 30.0)


def test_akaike_counts_parameters():
    assert FIT.aic == 29.0


def test_standard_errors_are_in_natural_units():
    errors = FIT.standard_errors
    assert list(errors) == ["r", "alpha"]
    assert errors["r"] == pytest.approx(0.4, rel=1e-14)
    assert math.isnan(errors["alpha"])


def test_interval_is_log_normal():
    low, high = FIT.interval("r")
    assert low == pytest.approx(2.0 * math.exp(-1.959964 * 0.2), rel=1e-6)
    assert low * high == pytest.approx(4.0, rel=1e-14)
    narrow = FIT.interval("r", 0.5)
    assert low < narrow[0] < 2.0 < narrow[1] < high
    assert all(math.isnan(bound) for bound in FIT.interval("alpha"))


def test_interval_of_a_parameter_hardly_known_is_open_above():
    wide = Fitted("sbg", {"alpha": 1.0}, np.array([[1e6]]), 0.0, 1.0)
    assert wide.interval("alpha") == (0.0, math.inf)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="no parameter 'a'; it has r, alpha"):
        FIT.interval("a")
    with pytest.raises(ValueError, match="between 0 and 1, not 1"):
        FIT.interval("r", 1.0)
    with pytest.raises(ValueError, match=r"shape \(1, 1\), not \(2, 2\)"):
        Fitted("geometric", {"churn": 0.1}, np.eye(2), 0.0, 1.0)


def test_numbers_are_drawn_by_what_the_data_tell_of_them_together():
    # a and b of a beta are not identified, their ratio is: 0.02 is the variance of its log.
    unknown = np.full((3, 3), np.nan)
    unknown[2, 2] = 0.25
    told = np.array([[0.005, -0.005, 0.0], [-0.005, 0.005, 0.0], [0.0, 0.0, 0.25]])
    fitted = Fitted("bg/nbd", {"a": 2e4, "b": 2e5, "r": 0.5}, unknown, -1.0, 10.0, (), told)
    links = {
        "churn.a": Link(fitted, {"a": 1.0}),
        "churn.b": Link(fitted, {"b": 1.0}),
        "rate.a": Link(fitted, {"r": 1.0}),
        "rate.scale": Link(replace(fitted, told=np.zeros((3, 3))), {"r": 1.0}),
    }
    paths, table = covariance_of(links)
    # What is held as it is has no error, and is not drawn.
    assert paths == ["churn.a", "churn.b", "rate.a"]
    np.testing.assert_allclose(table, told)
    ratio = np.array([1.0, -1.0, 0.0])
    assert ratio @ table @ ratio == pytest.approx(0.02)
    # People are told that neither is known.
    assert math.isnan(fitted.standard_errors["a"])
    assert fitted.standard_errors["r"] == pytest.approx(0.25)


def test_the_interval_of_a_probability_stays_one():
    fitted = Fitted("geometric", {"churn": 0.2}, np.array([[0.8]]), -1.0, 1.0)
    low, high = fitted.interval("churn")
    reach = 1.959964 * math.sqrt(0.8) / 0.8
    assert low / (1.0 - low) == pytest.approx(0.25 * math.exp(-reach), rel=1e-6)
    assert high / (1.0 - high) == pytest.approx(0.25 * math.exp(reach), rel=1e-6)
