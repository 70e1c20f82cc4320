"""Paired differences: intervals as wide as so few worlds ask for, of what each scenario has."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom, norm, t

from clvsim.comparison import (
    _difference,
    _difference_of_shares,
    _keep_from_misleading,
    standing,
)
from clvsim.intervals import LEVEL
from clvsim.measures import mean_of
from tests.statistics import FALSE_ALARM_RATE, assert_proportion


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


def _payback(random, runs, worlds):
    """Payback of a plan and of a rival in the same worlds; neither always pays back."""
    common = random.standard_normal((runs, worlds))
    base = 15.0 + 4.0 * common + random.standard_normal((runs, worlds))
    rival = 14.0 + 4.0 * common + 2.0 * random.standard_normal((runs, worlds))
    both = np.stack([base, rival])
    return xr.DataArray(np.where(both <= 20.0, both, np.nan), dims=("scenario", "run", "world"))


@pytest.mark.parametrize("worlds", [15, 60])
def test_a_difference_of_payback_is_that_of_the_figures_beside_it(worlds):
    runs = 3000
    values = _payback(np.random.default_rng(2), runs, worlds)
    found = mean_of(values)
    np.testing.assert_allclose(found.mean, values.mean("world"))
    own = values.std("world", ddof=1) / values.notnull().sum("world") ** 0.5
    np.testing.assert_allclose(found.standard_error, own)
    paired = _difference("payback", found, 0)
    base, rival = values.mean("world").values
    np.testing.assert_allclose(paired["payback_difference"][1], rival - base)
    truth = _payback(np.random.default_rng(3), 1, 2_000_000).mean("world").values[:, 0]
    low, high = (paired[f"payback_difference_{end}"].values[1] for end in ("low", "high"))
    holds = int(((low <= truth[1] - truth[0]) & (truth[1] - truth[0] <= high)).sum())
    assert binom(runs, LEVEL).ppf(FALSE_ALARM_RATE) <= holds
    # Only worlds in which both pay back make another difference.
    both = values.where(values.notnull().all("scenario")).mean("world").values
    assert abs((both[1] - both[0]).mean() - (truth[1] - truth[0])) > 0.1


def test_a_difference_that_few_worlds_show_is_not_certain():
    # In one world of twenty the rival pays back two periods later; ten worlds may show none.
    runs, random = 4000, np.random.default_rng(8)
    later = 2.0 * (random.random((runs, 10)) < 0.05)
    values = xr.DataArray(
        np.stack([12.0 + 0.0 * later, 12.0 + later]), dims=("scenario", "run", "world")
    )
    for name, is_enough in (("payback_period", True), ("npv", False)):
        found = _difference(name, mean_of(values), 0)
        low, high = (found[f"{name}_difference_{end}"].values[1] for end in ("low", "high"))
        holds = int(((low <= 0.1) & (high >= 0.1)).sum())
        assert (holds >= binom(runs, LEVEL).ppf(FALSE_ALARM_RATE)) == is_enough
        assert (found[f"{name}_difference_se"][0] == 0.0).all()


def test_worlds_without_a_value_are_not_counted_on():
    values = np.full((2, 10), np.nan)
    values[:, :3] = [[1.0, 2.0, 3.0], [2.0, 2.0, 8.0]]
    values[0, 3] = 4.0
    found = _difference("clv", mean_of(xr.DataArray(values, dims=("scenario", "world"))), 0)
    error = float(found["clv_difference_se"][1])
    wide = float(found["clv_difference_high"][1] - found["clv_difference"][1])
    assert wide == pytest.approx(t.isf((1.0 - LEVEL) / 2.0, 2) * error)
    one = xr.DataArray([[1.0, np.nan, np.nan]], dims=("scenario", "world"))
    assert mean_of(one).mean == 1.0
    assert np.isnan(mean_of(one).standard_error).all()
    assert np.isnan(mean_of(one * np.nan).mean).all()


def test_a_mean_of_all_worlds_is_not_touched():
    values = xr.DataArray(np.random.default_rng(1).random((2, 7)), dims=("scenario", "world"))
    assert mean_of(values).influence is values


@pytest.mark.parametrize(("worlds", "often"), [(20, 0.95), (20, 0.5), (200, 0.9)])
def test_a_difference_of_shares_holds_as_often_as_it_says(worlds, often):
    runs, random = 4000, np.random.default_rng(5)
    luck = random.random((runs, worlds))
    other = np.where(random.random((runs, worlds)) < 0.7, luck, random.random((runs, worlds)))
    happens = np.stack([luck < often, other < often - 0.2])
    found = _difference_of_shares("p", xr.DataArray(happens, dims=("scenario", "run", "world")), 0)
    low, high = (found[f"p_difference_{end}"].values[1] for end in ("low", "high"))
    holds = int(((low <= -0.2) & (high >= -0.2)).sum())
    assert binom(runs, LEVEL).ppf(FALSE_ALARM_RATE) <= holds
    assert (found["p_difference_se"][0] == 0.0).all()
    assert (found["p_difference_se"][1] > 0.0).all()


def test_who_pays_back_less_often_does_not_look_faster():
    # The rival pays back early or never, the baseline always; a third is slower and always does.
    worlds = np.arange(40)
    early = np.where(worlds % 2 == 0, 10.0, np.nan)
    values = np.stack([20.0 + worlds % 3, early, 22.0 + worlds % 3])
    period = xr.DataArray(values, dims=("scenario", "world"))
    for place, sign in ((0, -1.0), (1, 1.0)):
        out = _difference("payback_period", mean_of(period), place)
        assert np.sign(out["payback_period_difference"][1 - place]) == sign
        out |= _difference_of_shares("payback_probability", period.notnull(), place)
        _keep_from_misleading(out, "payback_probability", "payback_period")
        for end in ("", "_se", "_low", "_high"):
            assert np.isnan(out[f"payback_period_difference{end}"][1 - place])
        assert out["payback_probability_difference"][1 - place] == sign * 0.5
    out = _difference("payback_period", mean_of(period), 0)
    assert out["payback_period_difference"][2] == pytest.approx(2.0)


def test_a_lead_is_settled_by_students_t():
    lead = np.array([1.0, 2.0, 6.0])
    npv = xr.DataArray(np.stack([np.zeros(3), lead]), dims=("scenario", "world"))
    # 3 ± 1.53: beyond 1.96 standard errors, within 4.30.
    found = standing(npv)
    assert found.order == [1, 0]
    assert found.leads[0] == pytest.approx(3.0)
    assert 1.96 * found.errors[0] < 3.0 < 4.3 * found.errors[0]
    assert not found.is_settled
    assert standing(npv.where(npv == 0.0, 3.0)).is_settled
