"""Texts as numbers."""

import numpy as np

from clvsim.calibration.texts import numbers


def test_numbers_that_would_swallow_all_others_are_none():
    found = numbers(["1e15", "-1e15", "1.1e15", "1e308", "inf", "nan", "29.33"])
    np.testing.assert_array_equal(found, [1e15, -1e15, *[np.nan] * 4, 29.33])
