"""Numbers as people read them: as many digits as are known, and no more."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvsim.report import comparing
from clvsim.report import format as say

NAN, INF = math.nan, math.inf
finite = st.floats(-1e14, 1e14)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1407.5305, 9.11014, "1,407.5 ± 9.1"),
        (7.03878, 0.046645, "7.039 ± 0.047"),
        (3067250.99, 15281.1, "3.067 ± 0.015 M"),
        (4.2e9, 3e6, "4.2000 ± 0.0030 bn"),
        (2.5e13, 1e12, "25.0 ± 1.0 tn"),
        (344571.0, 88.0, "344,571 ± 88"),
        (868200.0, 22300.0, "868,000 ± 22,000"),
        (12.0, 0.0996, "12.00 ± 0.10"),
        (-0.004, 0.0123, "-0.004 ± 0.012"),
        (-0.0001, 0.012, "0.000 ± 0.012"),
        (999_999.7, NAN, "1.0000 M"),
        (10_000.0, 0.0, "10,000"),
        (10_000.0, 1e-8, "10,000"),
        (200.123456, 1e-5, "200.123"),
        (0.0, 0.0, "0"),
        (0.0, NAN, "0"),
        (12.34567, NAN, "12.35"),
        (0.04671, NAN, "0.04671"),
        (0.00012345, 2e-6, "0.0001234 ± 0.0000020"),
        (1.2e-30, NAN, "1.2e-30"),
        (NAN, 1.0, "–"),
        (NAN, NAN, "–"),
        (INF, NAN, "∞"),
        (-INF, NAN, "-∞"),
    ],
)
def test_a_number_and_its_error(value, error, text):
    assert say.with_error(value, error) == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1407.5305, 9.11014, "1,408"),
        (199.9056, 0.717, "199.9"),
        (2878.2, 12.0, "2,880"),
        (1234567.0, 5000.0, "1.235 M"),
        (1234567.0, NAN, "1.235 M"),
        (1e15, NAN, "1,000 tn"),
        (3e19, NAN, "3e+07 tn"),
        (NAN, 0.1, "–"),
    ],
)
def test_a_number_alone(value, error, text):
    assert say.number(value, error) == text.replace("3e+07", "30,000,000")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.9409, 0.0008, "94.09 %"),
        (0.5, 0.05, "50 %"),
        (0.123456, 1e-7, "12.35 %"),
        (1.0, NAN, "100 %"),
        (-0.0791, 0.02, "-8 %"),
        (NAN, NAN, "–"),
    ],
)
def test_a_share(value, error, text):
    assert say.percent(value, error) == text


def test_a_share_and_its_error():
    assert say.percent_with_error(0.71148, 0.00143) == "71.15 ± 0.14 %"
    assert say.percent_with_error(0.0, 0.031) == "0.0 ± 3.1 %"
    assert say.percent_with_error(1.0, 0.0) == "100 %"
    assert say.percent_with_error(NAN, NAN) == "–"


def test_money_has_its_currency():
    assert say.money(3067250.99, "USD", 15281.1) == "3.067 ± 0.015 M USD"
    assert say.money(NAN, "USD") == "–"


def test_a_difference_has_its_sign():
    assert say.signed(0.9251, 3) == "+0.925"
    assert say.signed(-0.0128, 3) == "-0.013"
    assert say.signed(0.0001, 2) == "0.00"


def test_an_interval():
    assert say.interval(0.90281, 0.94744, 3) == "0.903 to 0.947"
    assert say.interval(NAN, NAN, 0) == "–"


def test_the_largest_number_sets_the_scale():
    assert say.scale_of(3.0, -2e6, NAN, INF).word == "M"
    assert say.scale_of(999_999.0).word == ""
    assert say.scale_of().word == ""
    assert say.scale_of(2e6).unit("EUR") == "M EUR"
    assert say.ONE.unit("EUR") == "EUR"


def test_a_column_has_its_points_in_line():
    values, errors = [1407.53, 38.5, 10.0], [2.0, 0.31, 0.0]
    assert say.error_column(values, errors) == ["1,407.5 ± 2.0", "38.5 ± 0.3", "10.0"]


def test_no_number_of_a_column_is_rounded_to_nothing():
    found = say.error_column([5000.0, 0.3, 0.0], [100.0, 0.01, 0.0])
    assert found == ["5,000 ± 100", "0.300 ± 0.010", "0"]


@given(finite, st.floats(0.0, 1e12))
def test_what_is_shown_is_within_its_error(value, error):
    """Rounding moves a number by at most half of the place of its error's second digit."""
    shown = say.places(value, error, digits=2)
    moved = abs(float(say.fixed(value, shown).replace(",", "")) - value)
    if say.is_uncertain(value, error):
        # Where six digits of the value are fewer than its error asks for, those six.
        assert moved <= max(0.05 * error, 1e-5 * abs(value)) + 1e-6
    else:
        assert moved <= max(1e-3 * abs(value), 1e-12)


@given(finite, st.floats(0.0, 1e12))
def test_no_number_is_longer_than_a_column(value, error):
    assert len(say.with_error(value, error)) <= 34
    assert "nan" not in say.with_error(value, error)


@pytest.mark.parametrize(("cut", "said"), [(8.264, "8.26"), (77.04, "77"), (1_239.6, "1,240")])
def test_factors_have_three_digits_and_no_exponent(cut, said):
    assert comparing._three_digits(cut) == said
