"""Texts as numbers."""

import numpy as np
import pytest

from clvsim.calibration.calendars import Periods
from clvsim.calibration.texts import NO_DAY, Days, numbers


@pytest.mark.parametrize("text", ["1_000", "١٢", "１２", "1_0.5"])
def test_what_only_python_takes_for_a_number_is_none(text):
    assert np.isnan(numbers([text, "3"])).tolist() == [True, False]
    assert np.isnan(Periods("month").read([text])[0])


def test_dates_and_months_have_plain_digits():
    assert np.isnan(Periods("month").read(["２０２４-03"])[0])
    assert Days().read(["２０２４-03-01"])[0] == NO_DAY


def test_numbers_that_would_swallow_all_others_are_none():
    found = numbers(["1e15", "-1e15", "1.1e15", "1e308", "inf", "nan", "29.33"])
    np.testing.assert_array_equal(found, [1e15, -1e15, *[np.nan] * 4, 29.33])
