"""The JSON document of a result: every measure by name, comparison, profit and loss, provenance."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from clvsim.accounts import ACCOUNTS, MEASURES, RISK_MEASURES
from clvsim.comparison import COMPARED, COMPARED_SHARES
from clvsim.measures import OVER_WORLDS, SPLITS, mean_of
from clvsim.report.comparing import verdict
from clvsim.report.remarks import remarks
from clvsim.report.tables import dates, luck_alone
from clvsim.scenario.idle import Note

_MARGINAL = ("gained_customers", "gained_clv", "lost_customers", "lost_clv")


def document(result: xr.Dataset, notes: Iterable[Note] = ()) -> dict[str, Any]:
    """A result as plain tables and lists; NaN and infinity are None.

    Parameters
    ----------
    result : Dataset
    notes : iterable of Note
        On settings of its scenarios that change nothing.

    Returns
    -------
    dict
        ``measures`` by scenario and name (``mean``, ``standard_error``, ``quantiles`` over worlds,
        ``unit``, ``dims`` where the numbers are lists by them, and ``low``, ``high``,
        ``needs_worlds`` where twice the error to each side would not hold), ``luck_alone`` by
        scenario (whether risk figures say nothing of what is not known), ``remarks`` on the result
        and ``notes`` on settings without effect, ``profit_and_loss`` by scenario, ``comparison``
        (None for a single run) and ``provenance``.
    """
    names = [str(name) for name in result["scenario"].values]
    return {
        "measures": {name: _measures(result.sel(scenario=name)) for name in names},
        "luck_alone": dict(zip(names, luck_alone(result).values.tolist(), strict=True)),
        "profit_and_loss": {name: _profit_and_loss(result.sel(scenario=name)) for name in names},
        "comparison": _comparison(result, names) if "baseline" in result.attrs else None,
        "remarks": remarks(result),
        "notes": [asdict(note) for note in notes],
        "provenance": _provenance(result),
    }


def to_json(result: xr.Dataset, notes: Iterable[Note] = ()) -> str:
    """The document as text."""
    return json.dumps(document(result, notes), indent=2, allow_nan=False, ensure_ascii=False)


def _measures(one: xr.Dataset) -> dict[str, Any]:
    """The measures of the registry, and those of them that there are by segment and channel."""
    known = [measure.name for measure in (*MEASURES, *RISK_MEASURES)]
    parts = [f"{name}_by_{dim}" for name in known for dim in SPLITS]
    return {name: _measure(one, name) for name in (*known, *parts) if f"{name}_mean" in one}


def _measure(one: xr.Dataset, name: str) -> dict[str, Any]:
    mean = one[f"{name}_mean"]
    found: dict[str, Any] = {
        "mean": _plain(mean),
        "standard_error": _plain(one[f"{name}_se"]),
        "quantiles": {},
        "unit": mean.attrs["units"],
        "description": mean.attrs["long_name"],
    }
    found.update(_ends(one, name))
    spread = one.get(f"{name}_quantiles_over_worlds")
    if spread is not None:
        for share in OVER_WORLDS:
            found["quantiles"][f"{share:g}"] = _plain(spread.sel(world_quantile=share))
    if mean.dims:
        found["dims"] = {str(dim): mean[dim].values.tolist() for dim in mean.dims}
    return found


def _ends(one: xr.Dataset, name: str) -> dict[str, Any]:
    """Ends of a figure's 95 % interval and the worlds that it needs, where it has them."""
    ends = ("low", "high", "needs_worlds")
    return {end: _plain(one[f"{name}_{end}"]) for end in ends if f"{name}_{end}" in one}


def _profit_and_loss(one: xr.Dataset) -> dict[str, Any]:
    accounts: dict[str, Any] = {}
    for account in ACCOUNTS:
        cash = one["cash"].sel(account=account.name)
        total, present = mean_of(cash.sum("period")), mean_of(
            one["present_value"].sel(account=account.name)
        )  # fmt: skip
        accounts[account.name] = {
            "roll_up": account.roll_up,
            "cash": _plain(cash.mean("world")),
            "cash_standard_error": _plain(mean_of(cash).standard_error),
            "total": _plain(total.mean),
            "total_standard_error": _plain(total.standard_error),
            "present_value": _plain(present.mean),
            "present_value_standard_error": _plain(present.standard_error),
        }
    net = one["cash"].sum("account")
    return {
        "periods": dates(one),
        "accounts": accounts,
        "net_cash": _plain(net.mean("world")),
        "net_cash_standard_error": _plain(mean_of(net).standard_error),
        "cumulated": _plain(net.mean("world").cumsum("period")),
        "cumulated_standard_error": _plain(mean_of(net.cumsum("period")).standard_error),
    }


def _comparison(result: xr.Dataset, names: list[str]) -> dict[str, Any]:
    scenarios: dict[str, Any] = {}
    for name in names:
        one = result.sel(scenario=name)
        scenarios[name] = {
            "differences": {
                measure: {
                    "mean": _plain(one[f"{measure}_difference"]),
                    "standard_error": _plain(one[f"{measure}_difference_se"]),
                    "low": _plain(one[f"{measure}_difference_low"]),
                    "high": _plain(one[f"{measure}_difference_high"]),
                }
                for measure in (*COMPARED, *COMPARED_SHARES)
            },
            **{
                key: {"mean": _plain(one[key]), "standard_error": _plain(one[f"{key}_se"])}
                for key in _MARGINAL
            },
            "best_probability": {
                "mean": _plain(one["best_probability"]),
                "standard_error": _plain(one["best_probability_se"]),
                **_ends(one, "best_probability"),
            },
            "npv_variance_reduction": _plain(one["npv_variance_reduction"]),
        }
    found = verdict(result)
    return {
        "baseline": result.attrs["baseline"],
        "level": float(result.attrs["level"]),
        "best": found.best,
        "settled": found.settled,
        "others_better": found.others_better,
        "verdict": found.text,
        "scenarios": scenarios,
    }


def _provenance(result: xr.Dataset) -> dict[str, Any]:
    attrs = result.attrs
    return {
        "seed": int(attrs["seed"]),
        "worlds": result.sizes["world"],
        "currency": attrs["currency"],
        "step": attrs["step"],
        "python": attrs["python"],
        "versions": json.loads(attrs["versions"]),
        "quantile_table_error": float(attrs["quantile_table_error"]),
        "customer_histogram_error": float(attrs["customer_histogram_error"]),
        "retention_fits": json.loads(attrs["retention_fits"]),
        "scenarios": json.loads(attrs["scenarios"]),
    }


def _plain(array: xr.DataArray) -> Any:
    """A number or nested lists; NaN and infinity as None."""
    return _finite(np.asarray(array.values, dtype=np.float64).tolist())


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if math.isfinite(value) else None
