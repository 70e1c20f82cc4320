"""Comparison on common random numbers: paired differences, who is best, the marginal customers."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy.special import stdtrit

from clvsim.measures import Estimate, ratio_of, standard_error, unlabelled

#: Two-sided level of the intervals.
LEVEL = 0.95
#: Measures that are compared; all of them single numbers of a scenario.
COMPARED = (
    "plan_npv",
    "plan_investment",
    "romi",
    "romi_on_spend",
    "plan_payback_period",
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
    "cash_trough",
)


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
        By scenario, for each measure M of ``COMPARED``: ``M_difference``, ``M_difference_se``,
        ``M_difference_low`` and ``_high`` (95 %); ``npv_variance_reduction`` (variance of the
        difference with independent worlds over that with common ones), ``best_probability`` and its
        error, and what customers joined only under one of each pair:
        ``gained_customers``, ``gained_clv``, ``lost_customers``, ``lost_clv`` (before acquisition
        cost), with errors.
    """
    names = [str(name) for name in dataset["scenario"].values]
    place = names.index(base)
    out: dict[str, xr.DataArray] = {}
    for name in COMPARED:
        out.update(_difference(name, found[name], place))
    npv = found["npv"].values
    out["npv_variance_reduction"] = _variance_reduction(npv, place)
    out["best_probability"], out["best_probability_se"] = _best(npv)
    out.update(_matching(unlabelled(dataset.sel(rival=names)), place))
    return xr.Dataset(out, {"scenario": names}, {"baseline": base, "level": LEVEL})


def _difference(name: str, estimate: Estimate, base: int) -> dict[str, xr.DataArray]:
    """Paired difference of one measure to the baseline."""
    paired = estimate.influence - estimate.influence.isel(scenario=base)
    mean, error = paired.mean("world"), standard_error(paired)
    reach = _errors_wide(paired.sizes["world"]) * error
    return {
        f"{name}_difference": mean,
        f"{name}_difference_se": error,
        f"{name}_difference_low": mean - reach,
        f"{name}_difference_high": mean + reach,
    }


def _errors_wide(worlds: int) -> float:
    """Standard errors that an interval reaches to each side: Student's t, as few worlds ask for."""
    return float(stdtrit(max(worlds - 1, 1), 0.5 + LEVEL / 2.0))


def _variance_reduction(npv: xr.DataArray, base: int) -> xr.DataArray:
    """Variance with independent worlds over that with common ones; NaN for the baseline."""
    if npv.sizes["world"] < 2:
        return npv.mean("world") * np.nan
    own = npv.var("world", ddof=1)
    common = (npv - npv.isel(scenario=base)).var("world", ddof=1)
    return (own + own.isel(scenario=base)) / common.where(common > 0.0)


def _best(npv: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Share of worlds in which each scenario has the highest NPV (ties shared), and its error."""
    highest = npv == npv.max("scenario")
    share = highest / highest.sum("scenario")
    worlds = npv.sizes["world"]
    smooth = (share.sum("world") + 2.0) / (worlds + 4.0)
    return share.mean("world"), (smooth * (1.0 - smooth) / (worlds + 4.0)) ** 0.5


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


def ranking_is_settled(dataset: xr.Dataset) -> bool:
    """Whether the best scenario's lead in NPV over the second is beyond 95 % doubt."""
    npv = dataset["present_value"].sum("account")
    means = npv.mean("world")
    order = np.argsort(-means.values, kind="stable")
    if len(order) < 2:
        return True
    lead = npv.isel(scenario=int(order[0])) - npv.isel(scenario=int(order[1]))
    error = float(standard_error(lead))
    return bool(float(lead.mean("world")) > _errors_wide(lead.sizes["world"]) * error)
