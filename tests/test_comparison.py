"""Intervals of paired differences: as wide as so few worlds ask for."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm, t

from clvsim.comparison import LEVEL, _difference
from clvsim.measures import mean_of
from tests.statistics import assert_proportion


@pytest.mark.parametrize("worlds", [2, 4, 30])
def test_an_interval_covers_as_often_as_it_says(worlds):
    # The baseline is 0, and every other scenario differs from it by luck alone.
    values = np.random.default_rng(7).standard_normal((20_001, worlds))
    values[0] = 0.0
    estimate = mean_of(xr.DataArray(values, dims=("scenario", "world")))
    found = {name: one.values[1:] for name, one in _difference("npv", estimate, 0).items()}
    holds = (found["npv_difference_low"] <= 0.0) & (found["npv_difference_high"] >= 0.0)
    # By the normal distribution, as if worlds were many, it would cover less often.
    reach = norm.isf((1.0 - LEVEL) / 2.0)
    normal = 1.0 - 2.0 * t.sf(reach, worlds - 1)
    assert_proportion(int(holds.sum()), holds.size, LEVEL, fault=normal if worlds < 30 else None)
