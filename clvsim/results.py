"""Results as an xarray Dataset: built from arrays, provenance, NetCDF that reopens alone."""

import hashlib
import io
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from clvsim import netcdf
from clvsim.accounts import ACCOUNT_NAMES
from clvsim.engine.compile import Compiled
from clvsim.engine.run import PROBABILITIES, segment_names
from clvsim.engine.variants import Outcome
from clvsim.errors import InputError
from clvsim.files import whole
from clvsim.kernels import plan as p
from clvsim.scenario.segments import PURCHASES
from clvsim.scenario.uncertain import is_uncertain
from clvsim.scenario.worlds import rarely_seen

#: What a result calls itself, and where its checksum stands.
TITLE, _CHECKSUM = "clvsim result", "checksum"
#: Packages whose versions may change a number.
NUMERIC_PACKAGES = ("clvsim", "numpy", "numba", "scipy")
#: How variables of more than a few numbers are written.
_COMPRESSED = {"zlib": True, "complevel": 1, "shuffle": True}
_SMALL = 128
#: Raw variables that are NaN where nobody is; so are those by quantile.
MAY_BE_NAN = frozenset({"gini", "top_20_share"})
_BY_GROUP = ("world", "segment", "channel")
#: Dimensions of the raw variables, their unit and what they are. Measures follow from these alone.
RAW: dict[str, tuple[tuple[str, ...], str, str]] = {
    "cash": (("world", "account", "period"), "currency", "Cash flow by account, signed"),
    "cash_without_plan": (
        ("world", "account", "period"), "currency", "The same in the same worlds without the plan",
    ),
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
    "acquisition_costs": (
        ("world", "segment", "channel"), "currency",
        "What is paid for those reached: spend and campaigns by prospects, leads, gifts",
    ),
    "deciding": (
        ("world", "segment", "channel"), "prospects", "Prospects that come to a decision",
    ),
    "expected_customers": (
        ("world", "segment", "channel"), "customers", "Of these, those expected to join",
    ),
    "joiners_at_list": (
        ("world", "segment", "channel"), "customers", "Of these, those if the list price were made",
    ),
    "later_customers": (
        ("world", "segment", "channel"), "customers",
        "Expected to join after the horizon, by carry-over and undecided leads",
    ),
    "offered": (("channel", "offer"), "1", "Whether the channel makes the offer"),
    "luck": (("world",), "currency2", "Variance of the NPV from the customers' own luck"),
    "npv_twin": (
        ("world",), "currency",
        "NPV of a world with the same uncertain numbers and nothing else in common",
    ),
    "is_uncertain": ((), "1", "Whether any number is drawn anew in every world"),
    "has_shocks": ((), "1", "Whether common shocks befall the worlds"),
    "rarest_event": (
        (), "1", "Least probability of what tells some worlds from the others: an event, a number",
    ),
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
    variants: Mapping[str, Compiled], rounds: Sequence[Mapping[str, Outcome]]
) -> xr.Dataset:
    """Raw variables of simulated worlds, along ``scenario`` and the dimensions of ``RAW``.

    Parameters
    ----------
    variants : dict of str to Compiled
    rounds : sequence of dict of str to Outcome
        Consecutive worlds, each of all variants.

    Notes
    -----
    What a variant lacks (a channel, a program) is 0; quantiles over nobody are NaN.
    """
    labels = labels_of(variants)
    known = [next(iter(outcomes.values())).worlds for outcomes in rounds]
    labels["world"] = np.concatenate([one.first + np.arange(one.count) for one in known])
    filled = {}
    for name, (dims, _, _) in RAW.items():
        shape = (len(variants), *(len(labels[dim]) for dim in dims))
        filled[name] = np.full(shape, np.nan if "quantile" in dims else 0.0)
    for place, (name, compiled) in enumerate(variants.items()):
        own = {name: array[place, ...] for name, array in filled.items()}
        for group in compiled.table.groups:
            at_offer = _place(labels["offer"], group.offered)
            own["offered"][_place(labels["channel"], group.source), at_offer] = 1.0
        at = 0
        for outcomes in rounds:
            worlds = slice(at, at := at + outcomes[name].worlds.count)
            _put(own, worlds, compiled, outcomes[name], labels)
    variables: dict[str, Any] = {
        name: (("scenario", *dims), filled[name], {"units": unit, "long_name": text})
        for name, (dims, unit, text) in RAW.items()
    }
    calendar = next(iter(variants.values())).scenario.time.calendar
    dates = np.array([calendar.label(i) for i in range(calendar.periods)], dtype=np.str_)
    acquired = np.array(_channels(variants)[1], dtype=np.int8)
    coords = {**labels, "acquired": ("channel", acquired), "date": ("period", dates)}
    return xr.Dataset(variables, coords)


def labels_of(variants: Mapping[str, Compiled]) -> dict[str, NDArray[Any]]:
    """Labels of every dimension of the raw variables but ``world``."""
    first = next(iter(variants.values()))
    periods = np.arange(first.scenario.time.periods)
    groups = chain.from_iterable(one.table.groups for one in variants.values())
    return {
        "scenario": _words(variants),
        "period": periods,
        "cohort": periods,
        "tenure": periods,
        "account": _words(ACCOUNT_NAMES),
        "program": _words(dict.fromkeys(chain(*(one.programs for one in variants.values())))),
        "segment": _words(sorted({*chain(*map(segment_names, variants.values()))})),
        "channel": _words(_channels(variants)[0]),
        "offer": _words(sorted({group.offered for group in groups})),
        "quantile": PROBABILITIES,
        "rival": _words(variants),
    }


def _put(
    whole: Mapping[str, NDArray[Any]],
    worlds: slice,
    compiled: Compiled,
    outcome: Outcome,
    labels: Mapping[str, NDArray[Any]],
) -> None:
    """Put raw variables of some worlds of one variant where their labels are."""
    segments, channels = labels["segment"], labels["channel"]
    own = {
        "program": [_place(labels["program"], one) for one in compiled.programs],
        "segment": [_place(segments, one) for one in segment_names(compiled)],
    }
    groups = [
        (_place(segments, group.segment), _place(channels, group.source))
        for group in compiled.table.groups
    ]
    for name, array in _arrays(compiled, outcome).items():
        dims, into = RAW[name][0], whole[name]
        if dims == _BY_GROUP:
            for index, (segment, channel) in enumerate(groups):
                into[worlds, segment, channel] = array[:, index]
        elif not dims:
            into[...] = array
        elif len(dims) > 1 and dims[1] in own:
            into[worlds, own[dims[1]]] = array
        else:
            into[worlds] = array


def _words(names: Iterable[str]) -> NDArray[Any]:
    return np.array(list(names), dtype=object)


def _place(labels: NDArray[Any], word: str) -> int:
    return int(np.flatnonzero(labels == word)[0])


def _channels(variants: Mapping[str, Compiled]) -> tuple[list[str], list[bool]]:
    """Sources of all variants by name, and whether they acquire (an installed base does not)."""
    bases = {name for one in variants.values() for name in one.scenario.installed_base}
    groups = chain(*(one.table.groups for one in variants.values()))
    channels = sorted({group.source for group in groups})
    return channels, [channel not in bases for channel in channels]


def _arrays(compiled: Compiled, outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Raw variables of some worlds of one variant, by name; some by group instead of its names."""
    worlds, scenario = outcome.worlds, compiled.scenario
    sums, flows, programs = worlds.sums, worlds.flows, worlds.program_flows
    return {
        "cash": worlds.cash,
        "cash_without_plan": outcome.without_plan.cash,
        "present_value": worlds.present,
        "present_value_without_plan": outcome.without_plan.present,
        "program_cost": worlds.program_cost,
        "contacts": programs[:, :, p.CONTACTS],
        "entries": programs[:, :, p.ENTRIES],
        "members": programs[:, :, p.MEMBERS],
        "active": flows[:, p.ACTIVE],
        "joined": flows[:, p.JOINED],
        "left": flows[:, p.LEFT],
        "purchases": flows[:, p.PURCHASES],
        "buyers": sums[:, _buying(compiled), p.SUM_CUSTOMERS].sum(axis=1),
        "cancellation_calls_made": flows[:, p.CALLS],
        "later_margin": flows[:, p.EQUITY],
        "at_risk": worlds.by_tenure[:, :, 0],
        "decided": worlds.by_tenure[:, :, 1],
        "customers": sums[:, :, p.SUM_CUSTOMERS],
        "value": sums[:, :, p.SUM_VALUE],
        "value_square": sums[:, :, p.SUM_SQUARE],
        "paid_back": sums[:, :, p.SUM_PAID_BACK],
        "acquisition_costs": worlds.acquisition_costs,
        "deciding": worlds.prospects[:, :, 0],
        "expected_customers": worlds.prospects[:, :, 1],
        "joiners_at_list": worlds.prospects[:, :, 2],
        "later_customers": worlds.prospects[:, :, 3],
        "luck": worlds.luck,
        "npv_twin": outcome.twins,
        "is_uncertain": np.array(float(is_uncertain(scenario))),
        "has_shocks": np.array(float(bool(scenario.shocks))),
        "rarest_event": np.array(min(rarely_seen(scenario).values(), default=1.0)),
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


def _buying(compiled: Compiled) -> NDArray[np.bool_]:
    """Groups whose customers buy now and then, ``(group,)``."""
    segments = compiled.scenario.segments
    groups = compiled.table.groups
    relationships = [segments[group.segment].relationship for group in groups]
    return np.array([one in PURCHASES for one in relationships], dtype=np.bool_)


def provenance(scenarios: Mapping[str, str], seed: int) -> dict[str, str]:
    """Attributes that a result carries: scenarios (JSON), seed and versions."""
    packages = {name: version(name) for name in (*NUMERIC_PACKAGES, "xarray")}
    return {
        "title": TITLE,
        "scenarios": json.dumps({name: json.loads(text) for name, text in scenarios.items()}),
        "seed": str(seed),
        "python": platform.python_version(),
        "versions": json.dumps(packages),
    }


def raw(dataset: xr.Dataset) -> xr.Dataset:
    """The raw variables of a result, from which all measures follow."""
    return dataset[[name for name in RAW if name in dataset]]


def save(dataset: xr.Dataset, path: Path) -> None:
    """Write a result as NetCDF: compressed, with a checksum, to a temporary name first.

    Raises
    ------
    ClvsimError
        If the path cannot be written.
    """
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    image = io.BytesIO()
    encoding = {
        str(name): {"_FillValue": None, **(_COMPRESSED if variable.size > _SMALL else {})}
        for name, variable in dataset.variables.items()
        if variable.dtype.kind in "fiub"
    }
    marked = dataset.assign_attrs({_CHECKSUM: checksum(dataset)})
    # In memory first: where the disk is full, HDF5 cannot close its file, and crashes.
    with h5netcdf.File(image, "w") as file:
        marked.dump_to_store(H5NetCDFStore(file), encoding=encoding)
    with whole(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def load_result(path: str | Path) -> xr.Dataset:
    """Reopen a result from its file alone, wholly in memory.

    Raises
    ------
    InputError
        If the file is not a result of clvsim, is damaged, or names other files.
    """
    return _read(Path(path))[0]


def load_whole_result(path: Path) -> xr.Dataset:
    """The same of a file that says by its checksum that nothing in it has changed.

    Raises
    ------
    InputError
        Also if it has no checksum: another program has written it.
    """
    dataset, is_checked = _read(path)
    if not is_checked:
        message = f"{path} has no checksum: clvsim has not written it, so it cannot be resumed"
        raise InputError(message)
    return dataset


def _read(path: Path) -> tuple[xr.Dataset, bool]:
    """A result, and whether it has a checksum, which is then right."""
    try:
        (dataset,) = netcdf.read(path)
    except FileNotFoundError:
        message = f"cannot read {path} as a result of clvsim: there is no such file"
        raise InputError(message) from None
    except netcdf.NetcdfError as error:
        message = f"cannot read {path} as a result of clvsim: it {error}"
        raise InputError(message) from None
    if dataset.attrs.get("title") != TITLE:
        message = f"{path} is not a result of clvsim"
        raise InputError(message)
    said = dataset.attrs.pop(_CHECKSUM, None)
    if said is not None and said != checksum(dataset):
        message = f"{path} is damaged: its checksum is another than its data's"
        raise InputError(message)
    return dataset, said is not None


def checksum(dataset: xr.Dataset) -> str:
    """BLAKE2b over names, dimensions, values and attributes of a result, in hexadecimal."""
    found = hashlib.blake2b(digest_size=16)
    attributes = {str(name): str(value) for name, value in dataset.attrs.items()}
    found.update(json.dumps(attributes, sort_keys=True).encode())
    for name in sorted(map(str, dataset.variables)):
        variable = dataset.variables[name]
        values = np.asarray(variable.values)
        found.update(f"{name}{variable.dims}{values.shape}".encode())
        if values.size == 0:
            # A file does not say of what kind nothing is.
            continue
        if values.dtype.kind in "OUST":
            found.update(json.dumps([str(text) for text in values.ravel()]).encode())
        else:
            # Of numbers every NaN is the same.
            plain = values.astype(np.float64)
            found.update(np.where(np.isnan(plain), np.nan, plain).tobytes())
    return found.hexdigest()
