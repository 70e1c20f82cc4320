"""Errors and intervals of a fit."""

import math

import numpy as np
import pytest

from clvsim.calibration.fitted import Fitted

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
