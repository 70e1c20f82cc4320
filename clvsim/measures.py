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

from clvsim.accounts import MEASURES, RISK_MEASURES, Measure, invested, rolled_up, spent
from clvsim.intervals import (
    FEWEST_FOR_TAIL,
    FEWEST_THAT_SEE,
    TailFigure,
    conditional_value_at_risk,
    share_bounds,
    value_at_risk,
)

#: Quantiles over worlds that every measure is summarised by.
OVER_WORLDS = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Dimensions that some measures are split by.
SPLITS = ("segment", "channel", "offer")
#: Of all that has flowed so far: a plan's balance closer to zero than that is rounding. (With the
#: plan, the business is added up in another order than without it.)
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """One measure.

    Attributes
    ----------
    values : DataArray (scenario, world, …)
        The measure in each world; NaN where a world has none.
    influence : DataArray (scenario, world, …)
        Numbers whose mean over worlds is the estimate and whose spread is its error.
    worlds : DataArray (scenario, …), optional
        Worlds that have a value, where that is not all of them.
    """

    values: xr.DataArray
    influence: xr.DataArray
    worlds: xr.DataArray | None = None

    @property
    def mean(self) -> xr.DataArray:
        """The estimate."""
        return self.influence.mean("world")

    @property
    def standard_error(self) -> xr.DataArray:
        """Its Monte Carlo standard error; NaN with fewer than two worlds."""
        error = standard_error(self.influence)
        return error if self.worlds is None else error.where(self.worlds > 1)


def standard_error(influence: xr.DataArray) -> xr.DataArray:
    """Standard error of the mean over worlds; NaN with fewer than two."""
    count = influence.notnull().sum("world")
    if influence.sizes["world"] < 2:
        return influence.mean("world") * np.nan
    # Fewer than two have no spread, which some versions of xarray warn of.
    spread = influence.where(count > 1, 0.0).std("world", ddof=1)
    return (spread / np.sqrt(count)).where(count > 1)


def mean_of(values: xr.DataArray) -> Estimate:
    """A mean over the worlds that have a value, given that they have one.

    Where some have none it is a ratio of expectations: a world's influence is its deviation over
    the share that has a value (delta method), and nothing where it has none. The standard error
    is that of the mean of those that have one; and differences of two such means, each over its
    own worlds, are those of the figures printed.
    """
    has_value = values.notnull()
    if bool(has_value.all()):
        return Estimate(values, values)
    count, worlds = has_value.sum("world"), values.sizes["world"]
    known = count.where(count > 1)
    # Divided by those with a value less one, as if there were no others.
    blown = (worlds / known) * ((1.0 - 1.0 / worlds) * known / (known - 1.0)) ** 0.5
    mean = values.mean("world")
    return Estimate(values, ((values - mean) * blown).fillna(0.0) + mean, count)


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
    names = ("customers", "value", "acquisition_costs", "paid_back")
    new = {name: ds[name].where(acquired, 0.0) for name in names}
    everyone = ["segment", "channel"]
    customers, value = new["customers"].sum(everyone), new["value"].sum(everyone)
    costs = new["acquisition_costs"].sum(everyone)
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
        yield f"acquisition_cost_by_{dim}", ratio_of(part["acquisition_costs"], part["customers"])
        margin = part["value"] - part["acquisition_costs"]
        yield f"clv_by_{dim}", ratio_of(margin, part["customers"])
        yield f"payback_share_by_{dim}", ratio_of(part["paid_back"], part["customers"])
    yield "clv_quantiles_by_segment", mean_of(ds["clv_quantiles_by_segment"])
    yield from _prospect_measures(ds, new["customers"])


def _prospect_measures(ds: xr.Dataset, joined: xr.DataArray) -> Iterator[tuple[str, Estimate]]:
    """Prospects and which share of them joins: all, by segment, by channel and by offer.

    What is expected in each world, so that no luck of customers is in it.

    Parameters
    ----------
    joined : (scenario, world, segment, channel)
        Customers acquired.
    """
    names = ("deciding", "expected_customers", "joiners_at_list")
    for suffix in ("", *(f"_by_{dim}" for dim in SPLITS)):
        prospects, joiners, at_list = (_split(ds, ds[name], suffix) for name in names)
        yield f"prospects{suffix}", mean_of(prospects)
        yield f"expected_joiners{suffix}", mean_of(joiners)
        yield f"conversion{suffix}", ratio_of(joiners, prospects)
        yield f"conversion_at_list{suffix}", ratio_of(at_list, prospects)
    yield "customers_acquired_by_offer", mean_of(_split(ds, joined, "_by_offer"))
    undecided = ds["later_customers"]
    yield "undecided_customers", mean_of(undecided.sum(["segment", "channel"]))
    yield "undecided_customers_by_channel", mean_of(undecided.sum("segment"))


def _split(ds: xr.Dataset, by_group: xr.DataArray, suffix: str) -> xr.DataArray:
    """A number by segment and channel, summed over what a measure's suffix does not name."""
    if suffix == "_by_segment":
        return by_group.sum("channel")
    by_channel = by_group.sum("segment")
    if suffix == "_by_offer":
        return (by_channel * ds["offered"]).sum("channel")
    return by_channel if suffix == "_by_channel" else by_channel.sum("channel")


def stem(name: str) -> str:
    """The registry's name of a measure that is split by segment, channel or offer."""
    for dim in SPLITS:
        name = name.removesuffix(f"_by_{dim}")
    return name


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
    """Measures of the plan, and of the business as a whole."""
    present, without = ds["present_value"], ds["present_value_without_plan"]
    npv = present.sum("account")
    of_plan = npv - without.sum("account")
    more = {
        name: without.isel(account=places).sum("account")
        - present.isel(account=places).sum("account")
        for name, places in (("invested", invested()), ("spent", spent()))
    }
    yield "plan_npv", mean_of(of_plan)
    yield "plan_investment", mean_of(more["invested"])
    yield "romi", ratio_of(of_plan, more["invested"])
    yield "romi_on_spend", ratio_of(of_plan, more["spent"])
    yield "plan_cash", mean_of(plan_cash(ds))
    yield from _cash_measures("plan_", plan_balance(ds))
    yield "npv", mean_of(npv)
    yield "residual_share", _residual_share(ds, npv)
    yield "marketing_investment", mean_of(-present.isel(account=invested()).sum("account"))
    yield from _cash_measures("", balance_of(ds))
    factor = _end_factor(ds)
    yield "customer_equity", mean_of(ds["later_margin"] / factor)


def balance_of(ds: xr.Dataset) -> xr.DataArray:
    """Cumulated cash flow of the business, currency, ``(scenario, world, period)``."""
    return ds["cash"].sum("account").cumsum("period")


def plan_cash(ds: xr.Dataset) -> xr.DataArray:
    """Cash flow of the plan, currency, ``(scenario, world, period)``."""
    return ds["cash"].sum("account") - ds["cash_without_plan"].sum("account")


def plan_balance(ds: xr.Dataset) -> xr.DataArray:
    """Cumulated cash flow of the plan, currency, ``(scenario, world, period)``."""
    balance = plan_cash(ds).cumsum("period")
    flowed = abs(ds["cash"]).sum("account") + abs(ds["cash_without_plan"]).sum("account")
    return balance.where(np.abs(balance) > _ROUNDING * flowed.cumsum("period"), 0.0)


def _cash_measures(whose: str, balance: xr.DataArray) -> Iterator[tuple[str, Estimate]]:
    """Trough, its period and payback of a cumulated cash flow; names begin with ``whose``."""
    trough = balance.min("period")
    # A balance that never falls below zero has no trough: the deepest point is the start.
    yield f"{whose}cash_trough", mean_of(trough.clip(max=0.0))
    deepest = balance.argmin("period").where(trough < 0.0, 0)
    yield f"{whose}cash_trough_period", mean_of(deepest.astype(np.float64))
    payback = payback_period(balance)
    yield f"{whose}payback_period", mean_of(payback)
    horizon = float(balance.sizes["period"])
    yield f"{whose}payback_or_horizon", mean_of(payback.fillna(horizon))


def _residual_share(ds: xr.Dataset, npv: xr.DataArray) -> Estimate:
    """Share of the NPV beyond the horizon; NaN where it is not above 0: a loss has no shares."""
    beyond = ds["present_value"].isel(account=rolled_up("residual")).sum("account")
    share = ratio_of(beyond, npv)
    return Estimate(share.values.where(npv > 0.0), share.influence.where(npv.mean("world") > 0.0))


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


@dataclass(frozen=True)
class Figure:
    """A figure of the distribution over worlds, each part by scenario.

    Attributes
    ----------
    value, error : DataArray
    low, high : DataArray, optional
        Ends of its 95 % interval, where twice the error to each side would not hold.
    needs_worlds : DataArray, optional
        Worlds below which it is not told (NaN), if that may be.
    """

    value: xr.DataArray
    error: xr.DataArray
    low: xr.DataArray | None = None
    high: xr.DataArray | None = None
    needs_worlds: xr.DataArray | None = None


def risk(dataset: xr.Dataset, npv: xr.DataArray) -> dict[str, Figure]:
    """Measures of the distribution of NPV over worlds, each with its standard error.

    Parameters
    ----------
    dataset : Dataset
    npv : (scenario, world)
    """
    bare = unlabelled(dataset)
    loss = -npv.transpose("scenario", "world").values
    least = xr.full_like(bare["rarest_event"], float(FEWEST_FOR_TAIL))
    # The mean of the worst worlds is about what is rare; a quantile holds whatever there is.
    seen = -(-FEWEST_THAT_SEE // bare["rarest_event"])
    return {
        "loss_probability": _share(npv < 0.0),
        "var_95": _of_tail(value_at_risk(loss), npv, least),
        "cvar_95": _of_tail(conditional_value_at_risk(loss), npv, seen.clip(min=least)),
        "plan_payback_probability": _share(payback_period(plan_balance(bare)).notnull()),
        "payback_probability": _share(payback_period(balance_of(bare)).notnull()),
        **_spread(npv, bare),
    }


def _of_tail(found: TailFigure, npv: xr.DataArray, needed: xr.DataArray) -> Figure:
    """A figure of the worst worlds; NaN in a scenario that needs more worlds."""
    like, enough = npv.mean("world"), needed.values <= npv.sizes["world"]
    value, error, low, high = (like.copy(data=np.where(enough, part, np.nan)) for part in found)
    return Figure(value, error, low, high, like.copy(data=needed.values))


def _spread(npv: xr.DataArray, ds: xr.Dataset) -> dict[str, Figure]:
    """Spread of NPV over worlds by where it comes from (law of total variance).

    The customers' luck makes the mean of ``luck`` of the variance; uncertain numbers and shocks
    make the rest. Where there are both, uncertain numbers make the covariance with worlds that
    share nothing else.
    """
    worlds = npv.sizes["world"]
    names = ("npv_spread_customers", "npv_spread_parameters", "npv_spread_shocks")
    if worlds < 2:
        nothing = npv.mean("world") * np.nan
        return dict.fromkeys(names, Figure(nothing, nothing))
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


def _root(influence: xr.DataArray) -> Figure:
    """Root of a variance estimated by a mean over worlds, and its standard error.

    Delta method; a variance that may well be nothing is known to within the root of its error.
    """
    variance, error = influence.mean("world"), standard_error(influence)
    root = variance.clip(min=0.0) ** 0.5
    slope = error / (2.0 * root.where(root > 0.0, 1.0))
    return Figure(root, slope.where(variance > error, error**0.5))


def _share(happens: xr.DataArray) -> Figure:
    """Share of worlds, its error not 0 when all worlds agree (Agresti & Coull 1998)."""
    return share_of(happens.sum("world").astype(np.float64), happens.sizes["world"])


def share_of(number: xr.DataArray, worlds: int) -> Figure:
    """The share that a number of worlds is of all of them."""
    smooth = (number + 2.0) / (worlds + 4.0)
    low, high = share_bounds(number.values, worlds)
    error = (smooth * (1.0 - smooth) / (worlds + 4.0)) ** 0.5
    return Figure(number / worlds, error, number.copy(data=low), number.copy(data=high))


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
        base = described[stem(name)]
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
    for name, figure in risk(dataset, found["npv"].values).items():
        out.update(_figure_variables(described[name], figure))
    return dataset.assign(out)


def _figure_variables(described: Measure, figure: Figure) -> Iterator[tuple[str, xr.DataArray]]:
    """Variables of a figure of the distribution over worlds."""
    name, unit = described.name, described.unit
    mean = figure.value.assign_attrs(units=unit, long_name=described.description)
    yield f"{name}_mean", mean
    parts = (
        ("se", figure.error, unit, f"Standard error of {name}"),
        ("low", figure.low, unit, f"Lower end of the 95 % interval of {name}"),
        ("high", figure.high, unit, f"Upper end of the 95 % interval of {name}"),
        ("needs_worlds", figure.needs_worlds, "1", f"Worlds below which {name} is not told"),
    )
    for end, part, measured_in, text in parts:
        if part is not None:
            yield f"{name}_{end}", part.assign_attrs(units=measured_in, long_name=text)


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
