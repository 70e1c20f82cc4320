"""Results as an xarray Dataset: built from arrays, provenance, NetCDF that reopens alone."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from clvsim.accounts import ACCOUNT_NAMES
from clvsim.engine.compile import Compiled
from clvsim.engine.run import PROBABILITIES, Worlds, segment_names
from clvsim.errors import InputError
from clvsim.kernels import plan as p
from clvsim.scenario.segments import PURCHASES
from clvsim.scenario.uncertain import is_uncertain

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Dimensions of the raw variables, their unit and what they are. Measures follow from these alone.
RAW: dict[str, tuple[tuple[str, ...], str, str]] = {
    "cash": (("world", "account", "period"), "currency", "Cash flow by account, signed"),
    "present_value": (("world", "account"), "currency", "Amounts discounted to time 0, signed"),
    "present_value_without_plan": (
        ("world", "account"), "currency", "The same in the same worlds without the plan",
    ),
    "program_cost": (("world", "program", "period"), "currency", "What each program costs"),
    "contacts": (("world", "program", "period"), "1", "Contacts by treatments"),
    "entries": (("world", "program", "period"), "1", "Acceptances and adoptions"),
    "members": (("world", "program", "period"), "customers", "Customers under an effect"),
    "active": (("world", "period"), "customers", "Active customers"),
    "joined": (("world", "period"), "customers", "Customers that join"),
    "left": (("world", "period"), "customers", "Customers that leave at the period's end"),
    "purchases": (("world", "period"), "1", "Purchases, first ones included"),
    "buyers": (("world",), "customers", "Customers simulated that buy now and then"),
    "cancellation_calls_made": (("world", "period"), "1", "Calls to cancel"),
    "later_margin": (
        ("world", "period"), "currency",
        "Margin after the period of the customers so far, discounted to time 0",
    ),
    "at_risk": (("world", "segment", "tenure"), "customers", "Customers free to decide to leave"),
    "decided": (("world", "segment", "tenure"), "customers", "Customers that decide to leave"),
    "customers": (("world", "segment", "channel"), "customers", "Customers simulated"),
    "value": (("world", "segment", "channel"), "currency", "Summed CLV before acquisition"),
    "value_square": (("world", "segment", "channel"), "currency2", "Summed squares of it"),
    "paid_back": (("world", "segment", "channel"), "customers", "Customers that pay back"),
    "expected_cost": (
        ("world", "segment", "channel"), "currency", "Expected acquisition cost of the customers",
    ),
    "luck": (("world",), "currency2", "Variance of the NPV from the customers' own luck"),
    "npv_twin": (
        ("world",), "currency",
        "NPV of a world with the same uncertain numbers and nothing else in common",
    ),
    "is_uncertain": ((), "1", "Whether any number is drawn anew in every world"),
    "has_shocks": ((), "1", "Whether common shocks befall the worlds"),
    "cohort_customers": (("world", "cohort"), "customers", "Customers by joining period"),
    "cohort_value": (("world", "cohort"), "currency", "Summed CLV before acquisition"),
    "clv_quantiles": (("world", "quantile"), "currency", "Quantiles of CLV over customers"),
    "clv_quantiles_by_segment": (
        ("world", "segment", "quantile"), "currency", "Quantiles of CLV over customers",
    ),
    "gini": (("world",), "1", "Gini coefficient of customer value"),
    "top_20_share": (("world",), "share", "Share of value of the top 20 % of customers"),
    "only_customers": (("world", "rival"), "customers", "Customers that the rival lacks"),
    "period_factor": ((), "1", "Discount factor of one period"),
    "only_value": (("world", "rival"), "currency", "Their summed CLV before acquisition"),
}  # fmt: skip


def to_dataset(
    compiled: Compiled,
    worlds: Worlds,
    without_plan: "NDArray[np.float64]",
    twins: "NDArray[np.float64]",
    rivals: list[str],
) -> xr.Dataset:
    """Worlds of one variant as a Dataset without the dimension ``scenario``.

    Parameters
    ----------
    compiled : Compiled
    worlds : Worlds
    without_plan : (world, account)
        Present values of the same worlds without the plan, currency.
    twins : (world,)
        NPV of worlds with the same uncertain numbers and nothing else in common; 0: not needed.
    rivals : list of str
        Names of the variants that ``Worlds.only`` compares with.
    """
    scenario = compiled.scenario
    calendar = scenario.time.calendar
    groups = compiled.table.groups
    segments = segment_names(compiled)
    channels = sorted({group.source for group in groups})
    arrays: dict[str, NDArray[np.float64]] = {
        "cash": worlds.cash,
        "present_value": worlds.present,
        "present_value_without_plan": without_plan,
        "program_cost": worlds.program_cost,
        "contacts": worlds.program_flows[:, :, p.CONTACTS],
        "entries": worlds.program_flows[:, :, p.ENTRIES],
        "members": worlds.program_flows[:, :, p.MEMBERS],
        "active": worlds.flows[:, p.ACTIVE],
        "joined": worlds.flows[:, p.JOINED],
        "left": worlds.flows[:, p.LEFT],
        "purchases": worlds.flows[:, p.PURCHASES],
        "buyers": worlds.sums[:, _buying(compiled), p.SUM_CUSTOMERS].sum(axis=1),
        "cancellation_calls_made": worlds.flows[:, p.CALLS],
        "later_margin": worlds.flows[:, p.EQUITY],
        "at_risk": worlds.by_tenure[:, :, 0],
        "decided": worlds.by_tenure[:, :, 1],
        "luck": worlds.luck,
        "npv_twin": twins,
        "is_uncertain": np.array(float(is_uncertain(scenario))),
        "has_shocks": np.array(float(bool(scenario.shocks))),
        "cohort_customers": worlds.cohorts[:, :, 0],
        "cohort_value": worlds.cohorts[:, :, 1],
        "clv_quantiles": worlds.clv_quantiles,
        "clv_quantiles_by_segment": worlds.segment_quantiles,
        "gini": worlds.gini,
        "top_20_share": worlds.top_share,
        "only_customers": worlds.only[:, :, 0],
        "only_value": worlds.only[:, :, 1],
        "period_factor": np.array(compiled.model.period_factor),
    }
    by_group = {
        "customers": worlds.sums[:, :, p.SUM_CUSTOMERS],
        "value": worlds.sums[:, :, p.SUM_VALUE],
        "value_square": worlds.sums[:, :, p.SUM_SQUARE],
        "paid_back": worlds.sums[:, :, p.SUM_PAID_BACK],
        "expected_cost": worlds.expected_cost,
    }
    for name, array in by_group.items():
        square = np.zeros((worlds.count, len(segments), len(channels)))
        for index, group in enumerate(groups):
            place = segments.index(group.segment), channels.index(group.source)
            square[:, place[0], place[1]] = array[:, index]
        arrays[name] = square
    periods = np.arange(calendar.periods)
    coords = {
        "world": np.arange(worlds.first, worlds.first + worlds.count),
        "period": periods,
        "cohort": periods,
        "tenure": periods,
        "account": list(ACCOUNT_NAMES),
        "program": np.array(compiled.programs, dtype=object),
        "segment": np.array(segments, dtype=object),
        "channel": np.array(channels, dtype=object),
        "quantile": PROBABILITIES,
        "rival": np.array(rivals, dtype=object),
    }
    variables = {
        name: (RAW[name][0], array, {"units": RAW[name][1], "long_name": RAW[name][2]})
        for name, array in arrays.items()
    }
    dataset = xr.Dataset(variables, coords)
    is_acquired = [channel not in scenario.installed_base for channel in channels]
    dataset["acquired"] = ("channel", np.array(is_acquired, dtype=np.int8))
    labels = np.array([calendar.label(i) for i in range(calendar.periods)], dtype=np.str_)
    dataset["date"] = ("period", labels)
    return dataset.set_coords(["acquired", "date"])


def _buying(compiled: Compiled) -> "NDArray[np.bool_]":
    """Groups whose customers buy now and then, ``(group,)``."""
    segments = compiled.scenario.segments
    groups = compiled.table.groups
    relationships = [segments[group.segment].relationship for group in groups]
    return np.array([one in PURCHASES for one in relationships], dtype=np.bool_)


def side_by_side(variants: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Variants along ``scenario``; what one of them lacks (a channel, a program) is 0."""
    joined = xr.concat(
        list(variants.values()),
        dim=xr.DataArray(list(variants), dims="scenario", name="scenario"),
        join="outer",
        fill_value=0,
        coords="minimal",
        compat="override",
        combine_attrs="drop_conflicts",
    )
    union: dict[str, int] = {}
    for dataset in variants.values():
        union.update(zip(dataset["channel"].values, dataset["acquired"].values, strict=True))
    order = [int(union[name]) for name in joined["channel"].values]
    return joined.assign_coords(acquired=("channel", np.array(order, dtype=np.int8)))


def provenance(scenarios: Mapping[str, str], seed: int) -> dict[str, str]:
    """Attributes that a result carries: scenarios (JSON), seed and versions."""
    packages = {name: version(name) for name in ("clvsim", "numpy", "numba", "scipy", "xarray")}
    return {
        "title": "clvsim result",
        "scenarios": json.dumps({name: json.loads(text) for name, text in scenarios.items()}),
        "seed": str(seed),
        "python": platform.python_version(),
        "versions": json.dumps(packages),
    }


def raw(dataset: xr.Dataset) -> xr.Dataset:
    """The raw variables of a result, from which all measures follow."""
    return dataset[[name for name in RAW if name in dataset]]


def save(dataset: xr.Dataset, path: Path) -> None:
    """Write a result as NetCDF, to a temporary name first.

    Raises
    ------
    InputError
        If the path cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        dataset.to_netcdf(temporary, engine="h5netcdf")
        temporary.replace(path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise InputError(message) from None
    finally:
        temporary.unlink(missing_ok=True)


def load_result(path: str | Path) -> xr.Dataset:
    """Reopen a result from its file alone, wholly in memory.

    Raises
    ------
    InputError
        If the file is not a result of clvsim.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            loaded = dataset.load()
    except (OSError, ValueError) as error:
        message = f"cannot read {path} as a result of clvsim: {error}"
        raise InputError(message) from None
    if loaded.attrs.get("title") != "clvsim result":
        message = f"{path} is not a result of clvsim"
        raise InputError(message)
    return loaded
