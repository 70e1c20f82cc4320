"""Comparison on common random numbers: paired differences, who is best, the marginal customers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from clvsim.accounts import MEASURES
from clvsim.intervals import LEVEL, reach
from clvsim.measures import Estimate, ratio_of, share_of, standard_error, unlabelled

Floats = NDArray[np.float64]
#: Measures that are compared; all of them single numbers of a scenario.
COMPARED = (
    "plan_npv",
    "plan_investment",
    "romi",
    "romi_on_spend",
    "plan_payback_period",
    "plan_payback_or_horizon",
    "plan_cash_trough",
    "plan_cash_trough_period",
    "npv",
    "residual_share",
    "clv",
    "clv_before_acquisition",
    "customers_acquired",
    "acquisition_cost",
    "marketing_investment",
    "payback_share",
    "payback_period",
    "payback_or_horizon",
    "cash_trough",
)
_WHOLE_PERIODS = {one.name for one in MEASURES if one.unit == "periods"}
#: Shares of worlds that are compared, and the measure that only these worlds have.
COMPARED_SHARES = {
    "plan_payback_probability": "plan_payback_period",
    "payback_probability": "payback_period",
}


def compare_scenarios(dataset: xr.Dataset, found: Mapping[str, Estimate], base: str) -> xr.Dataset:
    """Differences of every scenario of a result to one of them, world by world.

    Parameters
    ----------
    dataset : Dataset
        A result with ``scenario`` and ``world``; the worlds of all scenarios are the same.
    found : dict of str to Estimate
        As ``measures.estimates`` finds them.
    base : str
        Scenario to compare with.

    Returns
    -------
    Dataset
        By scenario, for each measure M of ``COMPARED`` and of ``COMPARED_SHARES``:
        ``M_difference``, ``M_difference_se``, ``M_difference_low`` and ``_high`` (95 %; NaN where
        who has it in fewer worlds would look the faster); ``npv_variance_reduction`` (variance of
        the difference with independent worlds over that with common ones), ``best_probability``,
        its error and bounds, and what customers joined only under one of each pair:
        ``gained_customers``, ``gained_clv``, ``lost_customers``, ``lost_clv`` (before acquisition
        cost), with errors.
    """
    names = [str(name) for name in dataset["scenario"].values]
    place = names.index(base)
    out: dict[str, xr.DataArray] = {}
    for name in COMPARED:
        out.update(_difference(name, found[name], place))
    for share, name in COMPARED_SHARES.items():
        out.update(_difference_of_shares(share, found[name].values.notnull(), place))
        _keep_from_misleading(out, share, name)
    npv = found["npv"].values
    out["npv_variance_reduction"] = _variance_reduction(npv, place)
    out.update(_best(npv))
    out.update(_matching(unlabelled(dataset.sel(rival=names)), place))
    return xr.Dataset(out, {"scenario": names}, {"baseline": base, "level": LEVEL})


def _difference(name: str, estimate: Estimate, base: int) -> dict[str, xr.DataArray]:
    """Paired difference of one measure to the baseline."""
    paired = estimate.influence - estimate.influence.isel(scenario=base)
    worlds = paired.sizes["world"]
    mean, error = paired.mean("world"), standard_error(paired)
    known = estimate.worlds
    if known is None:
        fewer = xr.full_like(mean, worlds)
    else:
        # No more is known of a difference than of the side with fewer worlds.
        fewer = known.where(known < known.isel(scenario=base), known.isel(scenario=base))
        error = error.where(fewer > 1)
    if name in _WHOLE_PERIODS:
        # Most worlds may agree: one more that is a period later, and one that is earlier.
        other = xr.DataArray(np.arange(paired.sizes["scenario"]) != base, dims="scenario")
        step = other * worlds / fewer.where(fewer > 0)
        error = (error**2 + 2.0 * step**2 / ((worlds + 1.0) * (worlds + 2.0))) ** 0.5
    half = error * reach(fewer.values)
    return _with_ends(name, mean, error, mean - half, mean + half)


def _with_ends(name: str, *parts: xr.DataArray) -> dict[str, xr.DataArray]:
    """A difference, its error and the ends of its interval by their names."""
    ends = ("", "_se", "_low", "_high")
    return {f"{name}_difference{end}": part for end, part in zip(ends, parts, strict=True)}


def _difference_of_shares(name: str, happens: xr.DataArray, base: int) -> dict[str, xr.DataArray]:
    """Difference of a share of worlds to the baseline's, in the same worlds.

    One world more on either side of those that differ: then the interval holds, and its error is
    not 0 where no world differs (Bonett & Price 2012).
    """
    reference = happens.isel(scenario=base)
    worlds = happens.sizes["world"]
    more, less = (happens & ~reference).sum("world"), (reference & ~happens).sum("world")
    gained, lost = (more + 1.0) / (worlds + 2.0), (less + 1.0) / (worlds + 2.0)
    is_other = xr.DataArray(np.arange(happens.sizes["scenario"]) != base, dims="scenario")
    error = ((gained + lost - (gained - lost) ** 2) / (worlds + 2.0)) ** 0.5 * is_other
    middle, half = gained - lost, error * float(reach(worlds))
    mean = (more - less) / worlds
    return _with_ends(
        name, mean, error, (middle - half).clip(min=-1.0), (middle + half).clip(max=1.0)
    )


def _keep_from_misleading(out: dict[str, xr.DataArray], share: str, name: str) -> None:
    """Leave out differences by which who has a value in fewer worlds looks the faster.

    The slow worlds are those that never pay back: without them the others' mean is a short one.
    """
    difference = out[f"{name}_difference"]
    less = (out[f"{share}_difference_high"] < 0.0) & (difference < 0.0)
    more = (out[f"{share}_difference_low"] > 0.0) & (difference > 0.0)
    for end in ("", "_se", "_low", "_high"):
        out[f"{name}_difference{end}"] = out[f"{name}_difference{end}"].where(~(less | more))


def _variance_reduction(npv: xr.DataArray, base: int) -> xr.DataArray:
    """Variance with independent worlds over that with common ones; NaN for the baseline."""
    if npv.sizes["world"] < 2:
        return npv.mean("world") * np.nan
    own = npv.var("world", ddof=1)
    common = (npv - npv.isel(scenario=base)).var("world", ddof=1)
    return (own + own.isel(scenario=base)) / common.where(common > 0.0)


def _best(npv: xr.DataArray) -> dict[str, xr.DataArray]:
    """Share of worlds in which each scenario has the highest NPV (ties shared)."""
    highest = npv == npv.max("scenario")
    figure = share_of((highest / highest.sum("scenario")).sum("world"), npv.sizes["world"])
    parts = {"": figure.value, "_se": figure.error, "_low": figure.low, "_high": figure.high}
    return {f"best_probability{end}": part for end, part in parts.items() if part is not None}


def _matching(dataset: xr.Dataset, base: int) -> dict[str, xr.DataArray]:
    """Customers that joined under one of a pair only, and what they are worth."""
    only = dataset[["only_customers", "only_value"]]
    gained = only.isel(rival=base)
    lost = only.isel(scenario=base).rename(rival="scenario")
    out: dict[str, xr.DataArray] = {}
    for word, side in (("gained", gained), ("lost", lost)):
        customers, value = side["only_customers"], side["only_value"]
        worth = ratio_of(value, customers)
        out[f"{word}_customers"] = customers.mean("world")
        out[f"{word}_customers_se"] = standard_error(customers)
        out[f"{word}_clv"] = worth.mean
        out[f"{word}_clv_se"] = worth.standard_error
    return out


@dataclass(frozen=True)
class Standing:
    """The scenarios by their mean NPV in the same worlds.

    Attributes
    ----------
    order : list of int
        Places of the scenarios, the best first.
    leads, errors : ndarray
        NPV of the best less that of each of the others, in their order, and its standard error.
    worlds : int
    """

    order: list[int]
    leads: Floats
    errors: Floats
    worlds: int

    @property
    def are_beyond_doubt(self) -> NDArray[np.bool_]:
        """Whether each lead is beyond 95 % doubt."""
        return np.asarray(self.leads > reach(self.worlds) * self.errors)

    @property
    def is_settled(self) -> bool:
        """Whether all of them are."""
        return bool(self.are_beyond_doubt.all())


def standing(npv: xr.DataArray) -> Standing:
    """Who leads, by how much, and how sure that is.

    Parameters
    ----------
    npv : (scenario, world)
    """
    means = npv.mean("world").values
    best, *others = (int(place) for place in np.argsort(-means, kind="stable"))
    leads = npv.isel(scenario=best, drop=True) - npv.isel(scenario=others)
    mean, error = leads.mean("world").values, standard_error(leads).values
    return Standing([best, *others], mean, error, npv.sizes["world"])


def ranking_is_settled(dataset: xr.Dataset) -> bool:
    """Whether the best scenario's lead in NPV over every other is beyond 95 % doubt."""
    return standing(dataset["present_value"].sum("account")).is_settled
