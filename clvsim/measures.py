"""Measures: figures derived from a result's raw variables, each with its Monte Carlo error.

A measure is carried as one number per world whose mean is the estimate: for a mean over worlds the
world's own value, for a ratio of expectations the estimate plus the world's linearised deviation
(delta method). Standard errors and paired differences then follow the same way for all.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from clvsim.accounts import MARKETING, MEASURES, RISK_MEASURES, rolled_up

#: Quantiles over worlds that every measure is summarised by.
OVER_WORLDS = (0.05, 0.25, 0.5, 0.75, 0.95)
_ALPHA = 0.05


@dataclass(frozen=True)
class Estimate:
    """One measure.

    Attributes
    ----------
    values : DataArray (scenario, world, …)
        The measure in each world; NaN where a world has none.
    influence : DataArray (scenario, world, …)
        Numbers whose mean over worlds is the estimate and whose spread is its error.
    """

    values: xr.DataArray
    influence: xr.DataArray

    @property
    def mean(self) -> xr.DataArray:
        """The estimate."""
        return self.influence.mean("world")

    @property
    def standard_error(self) -> xr.DataArray:
        """Its Monte Carlo standard error; NaN with fewer than two worlds."""
        return standard_error(self.influence)


def standard_error(influence: xr.DataArray) -> xr.DataArray:
    """Standard error of the mean over worlds; NaN with fewer than two."""
    count = influence.notnull().sum("world")
    if influence.sizes["world"] < 2:
        return influence.mean("world") * np.nan
    # Fewer than two have no spread, which some versions of xarray warn of.
    spread = influence.where(count > 1, 0.0).std("world", ddof=1)
    return (spread / np.sqrt(count)).where(count > 1)


def mean_of(values: xr.DataArray) -> Estimate:
    """A mean over worlds (those that have a value)."""
    return Estimate(values, values)


def ratio_of(numerator: xr.DataArray, denominator: xr.DataArray) -> Estimate:
    """A ratio of expectations; NaN where the denominator's is 0."""
    expected = denominator.mean("world")
    expected = expected.where(expected != 0.0)
    ratio = numerator.mean("world") / expected
    influence = ratio + (numerator - ratio * denominator) / expected
    return Estimate(numerator / denominator.where(denominator != 0.0), influence)


def estimates(dataset: xr.Dataset) -> dict[str, Estimate]:
    """All measures of a result by name, and some by segment or channel.

    They carry no labels: their places along a dimension are those of the result. (Comparing labels
    at every step of the arithmetic costs as much as the arithmetic.)

    Parameters
    ----------
    dataset : Dataset
        A result, its raw variables at least.
    """
    bare = unlabelled(dataset)
    found = dict(_customer_measures(bare))
    found.update(_money_measures(bare))
    return found


def unlabelled(dataset: xr.Dataset) -> xr.Dataset:
    """A result without the labels along its dimensions."""
    return dataset.drop_vars(dataset.indexes)


def _customer_measures(ds: xr.Dataset) -> Iterator[tuple[str, Estimate]]:
    """Measures per customer acquired."""
    acquired = ds["acquired"] == 1
    costs = -ds["cash"].isel(account=rolled_up("acquisition")).sum(["account", "period"])
    names = ("customers", "value", "expected_cost", "paid_back")
    new = {name: ds[name].where(acquired, 0.0) for name in names}
    everyone = ["segment", "channel"]
    customers, value = new["customers"].sum(everyone), new["value"].sum(everyone)
    yield "customers_acquired", mean_of(customers)
    yield "clv", ratio_of(value - costs, customers)
    yield "clv_before_acquisition", ratio_of(value, customers)
    yield "clv_quantiles", mean_of(ds["clv_quantiles"])
    yield "acquisition_cost", ratio_of(costs, customers)
    yield "payback_share", ratio_of(new["paid_back"].sum(everyone), customers)
    # NaN where all are under contract: then nobody asks.
    yield "purchases_per_customer", ratio_of(ds["purchases"].sum("period"), ds["buyers"])
    yield "top_20_share", mean_of(ds["top_20_share"])
    yield "gini", mean_of(ds["gini"])
    yield "clv_by_cohort", ratio_of(ds["cohort_value"], ds["cohort_customers"])
    yield "retention_curve", _retention_curve(ds)
    for dim, over in (("segment", "channel"), ("channel", "segment")):
        part = {name: array.sum(over) for name, array in new.items()}
        yield f"customers_acquired_by_{dim}", mean_of(part["customers"])
        yield (
            f"clv_before_acquisition_by_{dim}",
            ratio_of(part["value"], part["customers"]),
        )
        yield f"acquisition_cost_by_{dim}", ratio_of(part["expected_cost"], part["customers"])
        margin = part["value"] - part["expected_cost"]
        yield f"clv_by_{dim}", ratio_of(margin, part["customers"])
        yield f"payback_share_by_{dim}", ratio_of(part["paid_back"], part["customers"])
    yield "clv_quantiles_by_segment", mean_of(ds["clv_quantiles_by_segment"])


def _retention_curve(ds: xr.Dataset) -> Estimate:
    """Share not yet decided to leave on reaching a tenure (1 at 0), after Kaplan & Meier 1958."""
    pooled_risk, pooled_decided = ds["at_risk"].sum("world"), ds["decided"].sum("world")
    hazard = pooled_decided / pooled_risk.where(pooled_risk > 0.0)
    survival = (1.0 - hazard).cumprod("tenure", skipna=False)
    # Delta method on the log of the product; a hazard of 1 ends the curve without error.
    worlds = ds.sizes["world"]
    rest = (1.0 - hazard).where(hazard < 1.0)
    deviation = (ds["decided"] - hazard * ds["at_risk"]) / (pooled_risk / worlds) / rest
    influence = survival - survival * deviation.fillna(0.0).cumsum("tenure")
    own = ds["decided"] / ds["at_risk"].where(ds["at_risk"] > 0.0)
    values = (1.0 - own).cumprod("tenure", skipna=False)
    order = ("scenario", "world", "segment", "tenure")
    # What is left after the decisions of one tenure reaches the next.
    reached, moved = (one.shift(tenure=1, fill_value=1.0) for one in (values, influence))
    return Estimate(reached.transpose(*order), moved.transpose(*order))


def _money_measures(ds: xr.Dataset) -> Iterator[tuple[str, Estimate]]:
    """Measures of the plan as a whole."""
    marketing = rolled_up(*MARKETING)
    present, without = ds["present_value"], ds["present_value_without_plan"]
    npv = present.sum("account")
    investment = -present.isel(account=marketing).sum("account")
    more_investment = investment + without.isel(account=marketing).sum("account")
    yield "npv", mean_of(npv)
    yield "marketing_investment", mean_of(investment)
    yield "romi", ratio_of(npv - without.sum("account"), more_investment)
    balance = ds["cash"].sum("account").cumsum("period")
    trough = balance.min("period")
    # A balance that never falls below zero has no trough: the deepest point is the start.
    yield "cash_trough", mean_of(trough.clip(max=0.0))
    deepest = balance.argmin("period").where(trough < 0.0, 0)
    yield "cash_trough_period", mean_of(deepest.astype(np.float64))
    yield "payback_period", mean_of(payback_period(balance))
    factor = _end_factor(ds)
    yield "customer_equity", mean_of(ds["later_margin"] / factor)


def payback_period(balance: xr.DataArray) -> xr.DataArray:
    """Periods until the cumulated cash flow is at or above zero for good; NaN if it never is.

    0 where it never falls below zero.
    """
    below = balance < 0.0
    last = balance.sizes["period"] - 1
    # Position of the last period below zero, counted from the end.
    from_end = below.isel(period=slice(None, None, -1)).argmax("period")
    after = last - from_end + 1
    # At that period's end as many periods have passed as its number and one.
    passed = (after + 1).where(after <= last)
    return passed.where(below.any("period"), 0).astype(np.float64)


def _end_factor(ds: xr.Dataset) -> xr.DataArray:
    """Discount factor of each period's end, by scenario."""
    return ds["period_factor"] ** xr.DataArray(np.arange(ds.sizes["period"]) + 1, dims="period")


def risk(dataset: xr.Dataset, npv: xr.DataArray) -> dict[str, tuple[xr.DataArray, xr.DataArray]]:
    """Measures of the distribution of NPV over worlds, each with its standard error.

    Value at risk by the empirical 5 % quantile, its error by the binomial spread of the order
    statistic; CVaR by the mean beyond it (Rockafellar & Uryasev 2000), its error by the
    influence function.

    Parameters
    ----------
    dataset : Dataset
    npv : (scenario, world)
    """
    worlds = npv.sizes["world"]
    loss = -npv
    quantile = loss.quantile(1.0 - _ALPHA, "world").drop_vars("quantile")
    excess = quantile + np.maximum(loss - quantile, 0.0) / _ALPHA
    spread = np.sqrt(_ALPHA * (1.0 - _ALPHA) / worlds)
    ends = [float(np.clip(1.0 - _ALPHA + sign * spread, 0.0, 1.0)) for sign in (-1.0, 1.0)]
    around = loss.quantile(ends, "world")
    half = 0.5 * (around.isel(quantile=1, drop=True) - around.isel(quantile=0, drop=True))
    balance = unlabelled(dataset)["cash"].sum("account").cumsum("period")
    enough = worlds > 1
    return {
        "loss_probability": _share(loss > 0.0),
        "var_95": (quantile, half if enough else half * np.nan),
        "cvar_95": (excess.mean("world"), standard_error(excess)),
        "payback_probability": _share(payback_period(balance).notnull()),
        **_spread(npv, unlabelled(dataset)),
    }


def _spread(npv: xr.DataArray, ds: xr.Dataset) -> dict[str, tuple[xr.DataArray, xr.DataArray]]:
    """Spread of NPV over worlds by where it comes from (law of total variance).

    The customers' luck makes the mean of ``luck`` of the variance; uncertain numbers and shocks
    make the rest. Where there are both, uncertain numbers make the covariance with worlds that
    share nothing else.
    """
    worlds = npv.sizes["world"]
    names = ("npv_spread_customers", "npv_spread_parameters", "npv_spread_shocks")
    if worlds < 2:
        nothing = npv.mean("world") * np.nan
        return dict.fromkeys(names, (nothing, nothing))
    correction = worlds / (worlds - 1.0)
    deviation = npv - npv.mean("world")
    numbers, shocks = ds["is_uncertain"], ds["has_shocks"]
    # Where nothing else varies, all of it is luck: no need to estimate that inside the worlds,
    # which a cell of one customer does not allow.
    luck = ds["luck"].where((numbers + shocks) > 0.0, correction * deviation**2)
    common = correction * deviation**2 - luck
    shared = correction * deviation * (ds["npv_twin"] - ds["npv_twin"].mean("world"))
    from_numbers = (numbers * common).where(numbers * shocks == 0.0, shared)
    parts = (luck, from_numbers, shocks * (common - from_numbers))
    return {name: _root(influence) for name, influence in zip(names, parts, strict=True)}


def _root(influence: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Root of a variance estimated by a mean over worlds, and its standard error.

    Delta method; a variance that may well be nothing is known to within the root of its error.
    """
    variance, error = influence.mean("world"), standard_error(influence)
    root = variance.clip(min=0.0) ** 0.5
    slope = error / (2.0 * root.where(root > 0.0, 1.0))
    return root, slope.where(variance > error, error**0.5)


def _share(happens: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Share of worlds, its error not 0 when all worlds agree (Agresti & Coull 1998)."""
    worlds = happens.sizes["world"]
    smooth = (happens.sum("world") + 2.0) / (worlds + 4.0)
    return happens.mean("world"), (smooth * (1.0 - smooth) / (worlds + 4.0)) ** 0.5


def measure(dataset: xr.Dataset, found: Mapping[str, Estimate]) -> xr.Dataset:
    """A result with all measures: by world, and their mean, error and quantiles over worlds.

    Parameters
    ----------
    dataset : Dataset
        Raw variables.
    found : dict of str to Estimate
        As ``estimates`` finds them.
    """
    described = {one.name: one for one in (*MEASURES, *RISK_MEASURES)}
    out: dict[str, xr.DataArray] = {}
    for name, estimate in found.items():
        base = described[name.removesuffix("_by_segment").removesuffix("_by_channel")]
        about = {"units": base.unit, "long_name": base.description}
        out[name] = estimate.values.assign_attrs(about)
        out[f"{name}_mean"] = estimate.mean.assign_attrs(about)
        out[f"{name}_se"] = estimate.standard_error.assign_attrs(
            units=base.unit, long_name=f"Standard error of {name}"
        )
        out[f"{name}_quantiles_over_worlds"] = over_worlds(estimate.values).assign_attrs(
            units=base.unit, long_name=f"Quantiles of {name} over worlds"
        )
    statement = mean_of(dataset["cash"])
    about = {"units": "currency", "long_name": "Profit and loss by account and period, signed"}
    out["profit_and_loss_mean"] = statement.mean.assign_attrs(about)
    out["profit_and_loss_se"] = statement.standard_error.assign_attrs(
        units="currency", long_name="Standard error of profit_and_loss"
    )
    for name, (value, error) in risk(dataset, found["npv"].values).items():
        base = described[name]
        about = {"units": base.unit, "long_name": base.description}
        out[f"{name}_mean"] = value.assign_attrs(about)
        out[f"{name}_se"] = error.assign_attrs(
            units=base.unit, long_name=f"Standard error of {name}"
        )
    return dataset.assign(out)


def over_worlds(values: xr.DataArray) -> xr.DataArray:
    """Quantiles over worlds (those that have a value), dimension ``world_quantile``."""
    last = values.transpose(..., "world")
    # Only where a world lacks a value: NumPy takes such quantiles one by one, 50 times slower.
    quantile = np.nanquantile if bool(last.isnull().any()) else np.quantile
    with warnings.catch_warnings():
        # Where no world has a value there is no quantile: NaN says so.
        warnings.filterwarnings("ignore", message="All-NaN slice encountered")
        found = quantile(last.values, OVER_WORLDS, axis=-1)
    dims = ("world_quantile", *last.dims[:-1])
    coords = {name: last.coords[name] for name in last.dims[:-1] if name in last.coords}
    return xr.DataArray(found, {"world_quantile": list(OVER_WORLDS), **coords}, dims)
