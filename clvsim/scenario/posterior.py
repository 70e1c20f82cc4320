"""Posteriors from elsewhere: draws that PyMC-Marketing saved, read as a segment's parameters.

A NetCDF file with a group ``posterior`` and dimensions ``chain`` and ``draw``, as PyMC-Marketing
and ArviZ write it; PyMC itself is not needed. Every world takes one draw of the joint posterior.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, Strict, ValidationError

from clvsim.calendar import PERIODS_PER_YEAR
from clvsim.errors import closest, counted
from clvsim.fields import Numbers, Section, Step

if TYPE_CHECKING:
    from clvsim.errors import Fault
    from clvsim.scenario.toml import Document

Floats = NDArray[np.float64]
#: Draws that are kept of a file, evenly spaced: more would only make results larger.
MOST_DRAWS = 1_000
#: Fewest chains, and draws of each, by which it can be told whether they agree; R-hat of those that
#: do, at most (Gelman & Rubin 1992).
_FEWEST_CHAINS, _FEWEST_DRAWS, _MOST_R_HAT = 2, 50, 1.1
_DIMS = ("chain", "draw")
#: What PyMC-Marketing calls models that share the names of another's parameters: in the modified
#: BG/NBD customers may leave before they have bought again.
_OTHERS = frozenset({"MBG/NBD"})


class PosteriorFile(Section):
    """Where draws are."""

    file: str
    """NetCDF file, relative to the scenario file."""
    unit: Step
    """Unit of time of the fit, which the file does not say."""
    cohort: str | None = None
    """Which cohort, where the file has parameters for several."""


class Posterior(PosteriorFile):
    """Draws of a segment's parameters from a Bayesian fit; every world takes one."""

    parameters: Annotated[tuple[str, ...], Strict(strict=False)] = Field(min_length=1)
    """Numbers of the segment that they are, as dotted paths inside it."""
    draws: Annotated[tuple[Numbers, ...], Strict(strict=False)] = Field(min_length=1)
    """One row a draw."""


@dataclass(frozen=True)
class _Model:
    """A model of the literature in the file's words, and in the segment's.

    Attributes
    ----------
    name : str
    variables : tuple of str
        Parameters by their names in the file.
    relationship : str or None
        Of the segments that it describes; None: any that buys.
    traits : callable
        From the parameters, ``(parameter, draw)``, and periods a unit of time to numbers by dotted
        path, ``(draw,)`` each.
    distributions : dict of str to str
        Traits that the model gives, and their distributions.
    """

    name: str
    variables: tuple[str, ...]
    relationship: str | None
    traits: Callable[[Floats, float], dict[str, Floats]]
    distributions: dict[str, str]


def _rates(r: Floats, alpha: Floats, pace: float) -> dict[str, Floats]:
    return {"purchase_rate.a": r, "purchase_rate.scale": pace / alpha}


_MODELS = (
    _Model(
        "BG/NBD",
        ("r", "alpha", "a", "b"),
        "bg/nbd",
        lambda x, pace: {**_rates(x[0], x[1], pace), "churn.a": x[2], "churn.b": x[3]},
        {"purchase_rate": "gamma", "churn": "beta"},
    ),
    _Model(
        "Pareto/NBD",
        ("r", "alpha", "s", "beta"),
        "pareto/nbd",
        lambda x, pace: {
            **_rates(x[0], x[1], pace),
            "death_rate.a": x[2],
            "death_rate.scale": pace / x[3],
        },
        {"purchase_rate": "gamma", "death_rate": "gamma"},
    ),
    _Model(
        "Gamma-Gamma",
        ("p", "q", "v"),
        None,
        lambda x, _: {"spend.a": x[1], "spend.scale": x[0] * x[2], "spend_shape": x[0]},
        {"spend": "invgamma"},
    ),
    # Before the sBG, whose names are among these and mean another thing.
    _Model(
        "BG/BB",
        ("alpha", "beta", "gamma", "delta"),
        "bg/bb",
        lambda x, _: {
            "purchase_probability.a": x[0],
            "purchase_probability.b": x[1],
            "churn.a": x[2],
            "churn.b": x[3],
        },
        {"purchase_probability": "beta", "churn": "beta"},
    ),
    _Model(
        "sBG",
        ("alpha", "beta"),
        "contract",
        lambda x, _: {"churn.a": x[0], "churn.b": x[1]},
        {"churn": "beta"},
    ),
)


def traits_of_posteriors() -> frozenset[str]:
    """Keys of a segment that a posterior may say."""
    return frozenset(trait for model in _MODELS for trait in model.distributions)


class _UnusableError(Exception):
    """What is wrong with a posterior, and what is allowed."""

    def __init__(self, message: str, allowed: str = "") -> None:
        super().__init__(message)
        self.allowed = allowed


def files_of(document: "Document") -> list[Path]:
    """Files that the posteriors of a document are in, as far as it names any."""
    found = []
    segments = document.data.get("segments")
    for name, segment in segments.items() if isinstance(segments, Mapping) else ():
        wrote = segment.get("posterior") if isinstance(segment, Mapping) else None
        for one in wrote if isinstance(wrote, list) else [wrote]:
            file = one.get("file") if isinstance(one, Mapping) else one
            if isinstance(file, str):
                origin, _ = document.where(("segments", name, "posterior"))
                found.append(Path(origin).parent / file)
    return found


def with_posteriors(document: "Document") -> tuple["Document", list["Fault"]]:
    """A document whose segments hold what their posteriors say; and faults.

    A segment's ``posterior`` is a table with ``file`` and ``unit``, or a list of such; a file's
    name alone is by the step that the scenario writes down.
    """
    from clvsim.scenario.faults import faults_of

    segments = document.data.get("segments")
    if not isinstance(segments, Mapping):
        return document, []
    faults: list[Fault] = []
    changed: dict[str, Any] = {}
    for name, segment in segments.items():
        if not isinstance(segment, Mapping) or "posterior" not in segment:
            continue
        own = {key: value for key, value in segment.items() if key != "posterior"}
        wrote = segment["posterior"]
        found = []
        for place, one in enumerate(wrote if isinstance(wrote, list) else [wrote]):
            path = ("segments", name, "posterior", *([place] if isinstance(wrote, list) else []))
            try:
                found.append(_settled(document, path, _wanted(document, one), own))
            except ValidationError as error:
                faults += faults_of(error, document, path, fields=PosteriorFile)
            except _UnusableError as error:
                faults.append(document.fault(path, str(error), error.allowed))
        changed[name] = {**own, "posterior": found} if not faults else own
    if not changed:
        return document, faults
    data = {**document.data, "segments": {**segments, **changed}}
    return replace(document, data=data), faults


def _wanted(document: "Document", table: Any) -> PosteriorFile:
    """Where the draws are, as the user wrote it."""
    if not isinstance(table, str):
        return PosteriorFile.model_validate(table)
    time = document.data.get("time")
    step = time.get("step") if isinstance(time, Mapping) else None
    if step not in get_args(Step):
        message = f"{table} does not say its unit of time, and the scenario writes no step"
        allowed = f'{{ file = "{table}", unit = "week" }}, for example, or a step in [time]'
        raise _UnusableError(message, allowed)
    return PosteriorFile.model_validate({"file": table, "unit": step})


def _settled(
    document: "Document", path: tuple[str | int, ...], wanted: PosteriorFile, own: dict[str, Any]
) -> dict[str, Any]:
    """The posterior with its draws, and its medians written into the segment ``own``."""
    file, _ = document.where(path)
    model, values = _read(Path(file).parent / wanted.file, wanted.cohort)
    if model.relationship is not None:
        given = own.setdefault("relationship", model.relationship)
        if given != model.relationship:
            message = f"{wanted.file} is a fit of {model.name}, and the segment is {given!r}"
            raise _UnusableError(message, f"relationship = {model.relationship!r}")
    step = document.data.get("time", {}).get("step", "month")
    if model.name in {"sBG", "BG/BB"} and wanted.unit != step:
        message = f"probabilities by {wanted.unit} cannot be turned into those by {step}"
        raise _UnusableError(message, f"a fit by {step}, or time.step = {wanted.unit!r}")
    pace = PERIODS_PER_YEAR[wanted.unit] / PERIODS_PER_YEAR.get(step, 12)
    traits = model.traits(values, pace)
    for key in {name.partition(".")[0] for name in traits}:
        if key in own:
            message = f"{wanted.file} says what {key!r} is, and so does the segment"
            raise _UnusableError(message, f"no {key!r} in the segment, or no posterior")
    own.update({key: {"distribution": name} for key, name in model.distributions.items()})
    for name, draws in traits.items():
        key, _, part = name.partition(".")
        median = float(np.median(draws))
        if part:
            own[key][part] = median
        else:
            own[key] = median
    return {
        **wanted.model_dump(),
        "parameters": list(traits),
        "draws": np.stack(list(traits.values()), axis=1).tolist(),
    }


def _read(file: Path, cohort: str | None) -> tuple[_Model, Floats]:
    """The model of a file, and its parameters, ``(parameter, draw)``."""
    dataset, kind = _open(file)
    if kind in _OTHERS:
        message = f"{file.name} is a fit of {kind}, whose parameters mean another thing"
        raise _UnusableError(message, ", ".join(one.name for one in _MODELS))
    # Under covariates, alpha and the like are given by customer, and their scale for all.
    there = sorted(map(str, dataset.data_vars))
    scaled = {name.removesuffix("_scale"): name for name in there}
    models = [one for one in _MODELS if set(one.variables) <= set(scaled)]
    if not models:
        message = f"{file.name} has {', '.join(there) or 'no variables'}: no model that we know"
        message += _meant(scaled)
        known = "; ".join(f"{', '.join(one.variables)} ({one.name})" for one in _MODELS)
        raise _UnusableError(message, known)
    model = models[0]
    for other in models[1:]:
        if not set(other.variables) & set(model.variables):
            message = f"{file.name} holds fits of {model.name} and of {other.name}"
            raise _UnusableError(message, "a file for each, and a list of both as the posterior")
    draws = np.stack([_values(dataset[scaled[name]], file, cohort) for name in model.variables])
    _check(model, draws, file)
    found = draws.reshape(len(draws), -1)
    chosen = np.linspace(0, found.shape[1] - 1, min(found.shape[1], MOST_DRAWS)).round().astype(int)
    return model, found[:, chosen]


def _meant(names: Collection[str]) -> str:
    """What misspelt variables were meant to be; empty: nothing is near."""
    for one in sorted(_MODELS, key=lambda one: -len(set(one.variables) & set(names))):
        missing = [name for name in one.variables if name not in names]
        others = [name for name in names if name not in one.variables]
        pairs = [(name, closest(name, others)) for name in missing]
        if len(missing) < len(one.variables) and all(near for _, near in pairs):
            hints = ", ".join(f"{name!r} in place of {near!r}" for name, near in pairs)
            return f"; did you mean {hints} ({one.name})?"
    return ""


def _open(file: Path) -> tuple[Any, str]:
    """The group of a posterior, and the model that the file says it is of; empty: it does not."""
    from clvsim import netcdf

    try:
        dataset, root = netcdf.read(file, ("posterior", None))
    except FileNotFoundError:
        message = f"there is no file {file}"
        raise _UnusableError(message, "a NetCDF file with a group 'posterior'") from None
    except netcdf.NetcdfError as error:
        message = f"{file.name} has no group 'posterior' that can be read: it {error}"
        raise _UnusableError(message, "NetCDF as PyMC-Marketing saves it") from None
    return dataset, str(root.attrs.get("model_type", ""))


def _check(model: _Model, draws: Floats, file: Path) -> None:
    """Refuse draws ``(parameter, chain, draw)`` that are no sample of a posterior."""
    chains, each = draws.shape[1:]
    untold = "nobody can tell whether it has converged"
    if chains < _FEWEST_CHAINS:
        message = f"{file.name} has {counted(chains, 'chain')}: {untold}"
        raise _UnusableError(message, "two chains or more")
    if each < _FEWEST_DRAWS:
        message = f"{file.name} has {counted(each, 'draw')} a chain: {untold}"
        raise _UnusableError(message, f"{_FEWEST_DRAWS} draws a chain or more")
    for name, values in zip(model.variables, draws, strict=True):
        wrong = int(np.sum(~(np.isfinite(values) & (values > 0.0))))
        if wrong:
            share = f"{wrong:,} of {values.size:,} draws of {name}"
            message = f"{file.name}: {share} are not positive numbers"
            raise _UnusableError(message, "draws of a posterior")
        found = r_hat(np.log(values))
        if found > _MOST_R_HAT:
            message = f"{file.name}: the chains disagree on {name} (R-hat {found:.2f})"
            raise _UnusableError(message, f"R-hat of at most {_MOST_R_HAT}: sample for longer")


def r_hat(draws: Floats) -> float:
    """Potential scale reduction of chains split in two, 1 where they agree.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw)

    References
    ----------
    Gelman et al. 2013, "Bayesian Data Analysis", third edition, section 11.4.
    """
    half = draws.shape[1] // 2
    halves = np.concatenate((draws[:, :half], draws[:, -half:]))
    within = float(halves.var(axis=1, ddof=1).mean())
    between = float(halves.mean(axis=1).var(ddof=1))
    if within == 0.0:
        return 1.0 if between == 0.0 else np.inf
    return float(np.sqrt((half - 1.0) / half + between / within))


def _values(variable: Any, file: Path, cohort: str | None) -> Floats:
    """All draws of one parameter, ``(chain, draw)``."""
    rest = [dim for dim in variable.dims if dim not in _DIMS]
    if rest == ["cohort"] or (len(rest) == 1 and cohort is not None):
        names = [str(name) for name in variable[rest[0]].values]
        if cohort not in names:
            message = f"{file.name} has no cohort {cohort!r}" if cohort else "say which cohort"
            near = closest(cohort or "", names)
            hint = f"; did you mean {near!r}?" if cohort and near else ""
            raise _UnusableError(message + hint, ", ".join(names))
        variable = variable.isel({rest[0]: names.index(cohort)})
    elif rest:
        message = f"{file.name}: {variable.name} is given by {', '.join(rest)}, not for all"
        raise _UnusableError(message, f"{variable.name}, or {variable.name}_scale, for all")
    elif cohort is not None:
        message = f"{file.name}: {variable.name} is for all customers, not by cohort"
        raise _UnusableError(message, "no 'cohort', or a fit by cohort")
    if set(variable.dims) != set(_DIMS) or variable.dtype.kind not in "fiu":
        message = f"{file.name}: {variable.name} is no array of numbers by chain and draw"
        raise _UnusableError(message, "dimensions chain and draw, as PyMC-Marketing saves them")
    return np.asarray(variable.transpose(*_DIMS).values, dtype=np.float64)
