"""What a fit hands to block, table, document and plot: segments, models compared, curves."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.churn import chi_squared, fit_bdw, fit_geometric, fit_sbg
from clvsim.calibration.goodness import chi_squared_of_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from clvsim.calibration.churn import LifeTable
    from clvsim.calibration.drops import Drops
    from clvsim.calibration.fitted import Fitted
    from clvsim.calibration.holdout import Prediction
    from clvsim.calibration.purchases import Summary
    from clvsim.calibration.spend import Correlation

    Floats = NDArray[np.float64]

CHOICES = ("sbg", "geometric", "bdw", "best")
"""Models of churn that a block can be written with."""
WORDS = {
    "sbg": "sBG",
    "geometric": "geometric",
    "bdw": "beta-discrete-Weibull",
    "gamma": "gamma",
    "lognorm": "lognormal",
    "bg/nbd": "BG/NBD",
    "pareto/nbd": "Pareto/NBD",
    "bg/bb": "BG/BB",
    "gamma-gamma": "Gamma-Gamma",
}
"""Models as people write them."""
LONGEST_SHAPE = 120
"""Periods for which the hazard multipliers of a beta-discrete-Weibull are written out."""
#: Largest multiplier of the hazard in a scenario, δ from which θ is nearly a gamma, and log or
#: exponent from which nothing needs to be told apart.
_MOST_HAZARD, _LARGE, _SAFE = 1e6, 1e4, 50.0
#: Difference in AIC from which one model is said to describe the data better.
_CLEAR = 2.0


@dataclass(frozen=True)
class Candidate:
    """A model, and how well it does.

    Attributes
    ----------
    fitted : Fitted
    chi_squared : float
        Pearson's statistic; NaN where there is none.
    freedom : int
        Its degrees of freedom.
    p_value : float
    holdout_error : float
        Sum of the absolute errors over what was held out, as a share of it; of one total, expected
        less observed, with its sign. NaN without holdout.
    prediction : Prediction or None
        What was held out, with a predictive interval.
    """

    fitted: Fitted
    chi_squared: float = math.nan
    freedom: int = 0
    p_value: float = math.nan
    holdout_error: float = math.nan
    prediction: Prediction | None = None


@dataclass(frozen=True)
class Band:
    """What the chosen model predicts of what it has not seen, with its interval.

    Attributes
    ----------
    times : ndarray, shape (time,)
        The first one is the last that it saw.
    middle, low, high : ndarray, shape (time,)
    level : float
        Probability of the interval, 1.
    """

    times: Floats
    middle: Floats
    low: Floats
    high: Floats
    level: float


@dataclass(frozen=True)
class Curve:
    """Data and models over time, for a plot.

    Attributes
    ----------
    across, up : str
        Names of the axes.
    times : ndarray, shape (time,)
    observed : ndarray, shape (time,)
    expected : dict of str to ndarray, shape (time,)
        By model.
    held_out_from : float
        Time from which on the models have not seen the data; NaN: they have seen all.
    band : Band or None
    """

    across: str
    up: str
    times: Floats
    observed: Floats
    expected: dict[str, Floats]
    held_out_from: float = math.nan
    band: Band | None = None


@dataclass(frozen=True)
class Link:
    """A number of the block as a product of powers of fitted parameters.

    Attributes
    ----------
    fitted : Fitted
    powers : dict of str to float
        Exponent of each parameter that takes part.
    """

    fitted: Fitted
    powers: dict[str, float]


@dataclass(frozen=True)
class SegmentFit:
    """One segment.

    Attributes
    ----------
    key : str
        Its name in the block.
    label : str
        Its name in the data.
    customers : float
        That the fit used.
    candidates : tuple of Candidate
        Models that were compared.
    chosen : Fitted
        The one in the block.
    values : dict of str to Any
        Keys of the block and their values.
    comments : dict of str to str
        Remarks behind a key.
    links : dict of str to Link
        What the fitted numbers are made of, by dotted path inside the segment.
    spend : tuple of Fitted
        Models of spend, the one in the block first.
    of_values : Candidate or None
        Gamma-Gamma, and how well it describes the values of purchases.
    correlation : Correlation or None
        Of churn and spend.
    facts : dict of str to float
        Further figures for table and document.
    notes : tuple of str
    curve : Curve or None
    """

    key: str
    label: str
    customers: float
    candidates: tuple[Candidate, ...]
    chosen: Fitted
    values: dict[str, Any]
    links: dict[str, Link]
    comments: dict[str, str] = field(default_factory=dict)
    spend: tuple[Fitted, ...] = ()
    of_values: Candidate | None = None
    correlation: Correlation | None = None
    facts: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    curve: Curve | None = None


@dataclass(frozen=True)
class Outcome:
    """A whole file.

    Attributes
    ----------
    what : str
        The command: "retention", "tenure", "transactions", "opportunities", "histories".
    data : str
        Name of the file.
    step : str
        What a period is.
    segments : tuple of SegmentFit
    drops : Drops
        What was left out.
    notes : tuple of str
        On the file as a whole.
    customers : callable
        Gives what ``clvsim score`` reads of them, as CSV; empty where there is nothing.
    """

    what: str
    data: str
    step: str
    segments: tuple[SegmentFit, ...]
    drops: Drops
    notes: tuple[str, ...] = ()
    customers: Callable[[], str] = str


@dataclass(frozen=True)
class ChurnFit:
    """Models of churn compared on one life table, and what goes into the block."""

    candidates: tuple[Candidate, ...]
    chosen: Fitted
    values: dict[str, Any]
    links: dict[str, Link]
    notes: tuple[str, ...]

    @property
    def comments(self) -> dict[str, str]:
        """Remarks behind the keys of the block."""
        bound = self.chosen.at_most
        if bound is None:
            return {}
        return {"churn": f"nobody left: at most {bound:.3g} (95 %, one-sided)"}


def fit_churn(life: LifeTable, choice: str) -> ChurnFit:
    """Fit all models of churn and choose one.

    Parameters
    ----------
    life : LifeTable
    choice : str
        Of `CHOICES`: "best" takes the lowest AIC, and the sBG where that is the geometric: not to
        tell customers apart is not to know that they are alike.
    """
    geometric, sbg, bdw = fit_geometric(life), fit_sbg(life), fit_bdw(life)
    # Where nobody leaves or stays the sBG is the geometric, and a model may have no fit at all.
    models = [geometric, *([sbg] if sbg.model == "sbg" else [])]
    models += [bdw] if math.isfinite(bdw.log_likelihood) else []
    candidates = tuple(Candidate(one, *chi_squared(life, one)) for one in models)
    chosen = {
        "sbg": sbg,
        "geometric": geometric,
        "bdw": bdw,
        "best": min((sbg, bdw), key=lambda one: one.aic),
    }[choice]
    if not math.isfinite(chosen.log_likelihood):
        chosen = sbg
    notes = [*sbg.notes, *(f"{WORDS['bdw']}: {note}" for note in bdw.notes)]
    rivals = [one for one in models if one is not geometric or chosen.model != "sbg"]
    best = min(rivals, key=lambda one: one.aic)
    if chosen is geometric and sbg.draws is not None:
        notes.append(
            "the geometric takes it as known that customers do not differ in churn, which the data "
            "leave open: --model sbg keeps that doubt"
        )
    if chosen.aic - best.aic > _CLEAR:
        notes.append(
            f"the {WORDS[best.model]} describes the data better than the {WORDS[chosen.model]} "
            f"in the block (AIC lower by {chosen.aic - best.aic:.1f}): --model {best.model} "
            "writes it instead"
        )
    values, links = _churn_values(chosen)
    return ChurnFit(candidates, chosen, values, links, tuple(notes))


def tested_values(summary: Summary, fitted: Fitted) -> Candidate | None:
    """Gamma-Gamma of values, and how well it describes them; None where there was nobody."""
    if not fitted.sample_size:
        return None
    return Candidate(fitted, *chi_squared_of_values(summary, fitted))


def _churn_values(chosen: Fitted) -> tuple[dict[str, Any], dict[str, Link]]:
    """Keys of a segment that say how its customers leave."""
    found = chosen.parameters
    if chosen.model == "geometric":
        links = {"churn": Link(chosen, {"churn": 1.0})} if found["churn"] > 0.0 else {}
        return {"churn": found["churn"]}, links
    names = list(found)[:2]
    values: dict[str, Any] = {
        "churn": {"distribution": "beta", "a": found[names[0]], "b": found[names[1]]}
    }
    known = _given(chosen, "c") if chosen.model == "bdw" else chosen
    links = {
        f"churn.{key}": Link(known, {name: 1.0}) for key, name in zip("ab", names, strict=True)
    }
    if chosen.model == "bdw":
        shape, unit = _hazards(found["c"], found["delta"])
        values["hazard_by_tenure"] = shape.tolist()
        values["churn"]["b"] = found["delta"] / unit
    return values, links


def _hazards(c: float, delta: float) -> tuple[Floats, float]:
    """Multipliers of the hazard by tenure, shape (period,), and what δ is to be divided by.

    A customer's survival is (1-θ)^(t^c), so they are t^c - (t-1)^c. Where these are more than a
    scenario may say, δ is so large that θ is next to nothing and nearly a gamma: a fraction of them
    goes with a fraction of δ, to a relative 1e-4, and by the time that those left exceed what may
    be said nobody is there.
    """
    times = np.arange(LONGEST_SHAPE + 1, dtype=np.float64)
    logs = c * np.log(np.maximum(times, 1e-300))
    unit = 1.0
    if c * times[-1] ** min(c - 1.0, _SAFE) > _MOST_HAZARD:
        unit = max(delta / _LARGE, 1.0)
    powers = np.exp(np.minimum(logs - math.log(unit), _SAFE))
    found = np.minimum(np.diff(powers), _MOST_HAZARD)
    return np.where(logs[1:] - math.log(unit) < _SAFE, found, _MOST_HAZARD), unit


def _given(chosen: Fitted, name: str) -> Fitted:
    """A fit whose covariance is that of the other parameters where one is held as it is.

    The block holds the shape c in numbers for each tenure; γ and δ go with it, so that drawn as if
    they did not they would spread the survival three times too far.
    """
    place, table = list(chosen.parameters).index(name), np.array(chosen.drawn)
    if table[place, place] > 0.0:
        table -= np.outer(table[:, place], table[place]) / table[place, place]
    return replace(chosen, told=table)


def keys_of(labels: Iterable[str]) -> list[str]:
    """Names for a scenario file: ``Month-to-month`` is ``month_to_month``; each one once."""
    keys: list[str] = []
    for label in labels:
        plain = re.sub(r"\W+", "_", label.strip().lower()).strip("_")[:70] or "segment"
        key, number = plain, 1
        while key in keys:
            number += 1
            key = f"{plain}_{number}"
        keys.append(key)
    return keys
