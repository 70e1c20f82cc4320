"""Numbers as text: the same as Python's, number by number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clvsim.report.digits import lines


def twin(number):
    return repr(float(f"{number:.9g}"))


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats()))
def test_any_numbers(numbers):
    assert lines([numbers]) == [twin(x) for x in numbers.tolist()]


@given(
    st.lists(
        st.tuples(st.integers(0, 10**10), st.integers(-22, 4)).map(lambda x: x[0] * 10.0 ** x[1]),
        min_size=1,
        max_size=50,
    )
)
def test_short_decimals(numbers):
    assert lines([np.array(numbers)]) == [twin(x) for x in numbers]


@pytest.mark.parametrize("side", [-np.inf, 0.0, np.inf])
def test_powers_of_ten_and_their_neighbours(side):
    powers = 10.0 ** np.arange(-30, 30)
    numbers = np.nextafter(powers, side) if side else powers
    assert lines([numbers]) == [twin(x) for x in numbers.tolist()]


def test_ties_between_two_of_nine_digits():
    numbers = np.array([123456788.5, 123456789.5, 12345678.75, 1.0000000005, 0.99999999995])
    assert lines([numbers]) == [twin(x) for x in numbers.tolist()]
    # Decimals next to a tie: on which side they lie, one multiplication may not tell.
    numbers = np.array(
        [float(f"{first}.{number:08d}5e-7") for first in (1, 9) for number in range(9_000)]
    )
    assert lines([numbers]) == [twin(x) for x in numbers.tolist()]


def test_both_zeros():
    assert lines([np.array([0.0, -0.0])]) == ["0.0", "-0.0"]


def test_columns_stand_side_by_side():
    columns = [np.array([0.0, 1.5]), np.array([1.0, -np.inf]), np.array([2e-7, np.nan])]
    assert lines(columns) == ["0.0,1.0,2e-07", "1.5,-inf,nan"]
