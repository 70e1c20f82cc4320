"""``clvsim fit transactions``: purchases and dropout, the value of a purchase, and a holdout."""

from __future__ import annotations

import csv
import io
import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import scipy

from clvsim.calibration.goodness import chi_squared_of_counts
from clvsim.calibration.holdout import LEVEL, predict
from clvsim.calibration.outcome import (
    WORDS,
    Band,
    Candidate,
    Curve,
    Link,
    Outcome,
    SegmentFit,
    keys_of,
    tested_values,
)
from clvsim.calibration.purchase_log import read_log
from clvsim.calibration.purchase_split import (
    DAYS_PER_UNIT,
    cancelled_notes,
    lone_gaps,
    split_log,
)
from clvsim.calibration.purchases import fit_bg_nbd, fit_gamma_gamma, fit_pareto_nbd
from clvsim.calibration.scoring.quadrature import beta_points
from clvsim.calibration.shelves import Shelves
from clvsim.calibration.texts import day_text
from clvsim.errors import counted

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from clvsim.calibration.fitted import Fitted
    from clvsim.calibration.purchase_log import LogColumns
    from clvsim.calibration.purchase_split import Split
    from clvsim.calibration.records import Records

    Floats = NDArray[np.float64]

#: Distance of a parameter from 1 at which the limit of a formula is taken.
_NEAR_ONE = 1e-7
#: Fewest customers with a repeat purchase to correlate frequency and value.
_LEAST_PAIRS = 10
#: Days without any purchase from which a log may hold a wrong date.
_LONG_GAP = 60
#: Most points of the curve, and points of its band.
_MOST_POINTS, _BAND_POINTS = 400, 8


def expected_repeats(fitted: Fitted, times: Floats) -> Floats:
    """Expected repeat purchases of a new customer until some time after its first, shape (time,).

    Parameters
    ----------
    fitted : Fitted
        "bg/nbd" or "pareto/nbd".
    times : ndarray, shape (time,), in the unit of the fit
        Negative: not yet a customer, so 0.

    References
    ----------
    Fader, Hardie & Lee 2005, "Counting your customers the easy way", eq. 9, as the mean over the
    dropout probability p of ``(1 - (α/(α + p t))^r)/p`` (its hypergeometric function overflows
    where rates or probabilities hardly differ); Schmittlein, Morrison & Colombo 1987, eq. 17.
    """
    since = np.maximum(np.asarray(times, dtype=np.float64), 0.0)
    found = fitted.parameters
    r, alpha = found["r"], found["alpha"]
    if fitted.model == "pareto/nbd":
        s, beta = _off_one(found["s"]), found["beta"]
        shares = -np.expm1((s - 1.0) * np.log(beta / (beta + since)))
        return np.asarray(r * beta / (alpha * (s - 1.0)) * shares)
    leaves, weights = beta_points(found["a"], found["b"])
    bought = -np.expm1(-r * np.log1p(since[:, None] * (leaves / alpha)))
    # Who never leaves buys at the mean rate for good.
    lasting = np.outer(since, np.full_like(leaves, r / alpha))
    return np.asarray(np.divide(bought, leaves, out=lasting, where=leaves > 0.0) @ weights)


def _off_one(value: float) -> float:
    """A parameter kept off the value at which the formula is 0/0."""
    return value if abs(value - 1.0) > _NEAR_ONE else 1.0 + _NEAR_ONE


def fit_transactions(
    records: Records,
    columns: LogColumns,
    *,
    unit: str = "week",
    holdout: float = 0.0,
    end: int | None = None,
    pattern: str = "",
    drop_duplicates: bool = False,
    model: str = "best",
    name: str = "",
) -> Outcome:
    """Fit BG/NBD, Pareto/NBD and Gamma-Gamma to a log.

    Parameters
    ----------
    records : Records
    columns : LogColumns
    unit : str
        Of time; a period of the scenario that the block is for.
    holdout : float
        Last units that the fit does not see.
    end : int, optional
        Last day observed, days since 1970-01-01.
    pattern : str
        Of dates, as for ``strptime``.
    drop_duplicates : bool
    model : {"best", "bg/nbd", "pareto/nbd", "both"}
        Model in the block: "best" is the one with the lower AIC, "both" a segment for each.
    name : str
        Of the segment; without one it is the file's.

    Raises
    ------
    RecordsError
        If the log cannot be used.
    """
    with Shelves() as shelves:
        log, drops, notes = read_log(
            records, columns, shelves, end=end, pattern=pattern, drop_duplicates=drop_duplicates
        )
        split = split_log(log, unit, holdout, drops)
    return Outcome(
        "transactions",
        records.path.name,
        unit,
        _segments(split, name or records.path.stem, unit, model, is_held_out=holdout > 0),
        drops,
        (*notes, *_log_notes(split, holdout)),
        partial(_customer_table, split),
    )


def _segments(
    split: Split, label: str, unit: str, model: str, *, is_held_out: bool
) -> tuple[SegmentFit, ...]:
    """The three models fitted to a log: one of purchases in the block, or each in its own."""
    fits = (fit_bg_nbd(split.summary), fit_pareto_nbd(split.summary))
    values = fit_gamma_gamma(split.summary)
    if model == "both":
        return tuple(
            _segment(split, f"{label}, {WORDS[one.model]}", unit, one, (one,), values, is_held_out)
            for one in fits
        )
    chosen = min(fits, key=lambda one: one.aic)
    if model != "best":
        chosen = next(one for one in fits if one.model == model)
    return (_segment(split, label, unit, chosen, fits, values, is_held_out),)


def _segment(
    split: Split,
    label: str,
    unit: str,
    chosen: Fitted,
    fits: tuple[Fitted, ...],
    values_fit: Fitted,
    is_held_out: bool,
) -> SegmentFit:
    """A segment of a chosen model, those that it is compared with, and how well they do."""
    values, links = _block_values(chosen, values_fit)
    candidates = tuple(_candidate(split, one, unit) for one in fits)
    told = [f"{WORDS[one.model]}: {note}" for one in (*fits, values_fit) for note in one.notes]
    return SegmentFit(
        key=keys_of([label])[0],
        label=label,
        customers=float(split.first.size),
        candidates=candidates,
        chosen=chosen,
        values=values,
        links=links,
        comments={"purchase_rate": f"purchases a {unit} while alive", **_spend_comment(values)},
        spend=(values_fit,),
        of_values=tested_values(split.summary, values_fit),
        facts=_facts(split, candidates),
        notes=(*told, *_value_notes(split), *_narrow_notes(candidates)),
        curve=_curve(split, candidates, chosen, unit, is_held_out=is_held_out),
    )


def _candidate(split: Split, fitted: Fitted, unit: str) -> Candidate:
    """A model, how well it describes the purchases, and what it says of those held out."""
    chi_squared = chi_squared_of_counts(split.summary, fitted)
    horizon = (split.end - split.cut) / DAYS_PER_UNIT[unit]
    if not horizon:
        return Candidate(fitted, *chi_squared)
    times = np.linspace(0.0, horizon, _BAND_POINTS + 1)[1:]
    found = predict(split.summary, fitted, times, float(split.held_out))
    return Candidate(fitted, *chi_squared, holdout_error=found.error, prediction=found)


def _customer_table(split: Split) -> str:
    """Customers as ``clvsim score`` reads them: as the fit saw them, in units of time."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("customer", "frequency", "recency", "age", "value"))
    one = split.summary
    columns = (one.frequency, one.recency, one.age, one.value)
    for name, x, recency, age, value in zip(
        split.names, *(column.tolist() for column in columns), strict=True
    ):
        rows.writerow((name, int(x), recency, age, "" if math.isnan(value) else value))
    return file.getvalue()


def _block_values(chosen: Fitted, values: Fitted) -> tuple[dict[str, Any], dict[str, Link]]:
    """Keys of a segment of buyers, and what they are made of."""
    found = chosen.parameters
    rate = {"distribution": "gamma", "a": found["r"], "scale": 1.0 / found["alpha"]}
    block: dict[str, Any] = {"relationship": chosen.model, "purchase_rate": rate}
    links = {
        "purchase_rate.a": Link(chosen, {"r": 1.0}),
        "purchase_rate.scale": Link(chosen, {"alpha": -1.0}),
    }
    if chosen.model == "bg/nbd":
        block["churn"] = {"distribution": "beta", "a": found["a"], "b": found["b"]}
        links |= {"churn.a": Link(chosen, {"a": 1.0}), "churn.b": Link(chosen, {"b": 1.0})}
    else:
        death = {"distribution": "gamma", "a": found["s"], "scale": 1.0 / found["beta"]}
        block["death_rate"] = death
        links["death_rate.a"] = Link(chosen, {"s": 1.0})
        links["death_rate.scale"] = Link(chosen, {"beta": -1.0})
    p, q, gamma = values.parameters.values()
    if math.isfinite(p):
        # A purchase is gamma with shape p and a rate that is gamma(q, γ) over customers.
        block["spend"] = {"distribution": "invgamma", "a": q, "scale": p * gamma}
        block["spend_shape"] = p
        links["spend.a"] = Link(values, {"q": 1.0})
        links["spend.scale"] = Link(values, {"p": 1.0, "gamma": 1.0})
        links["spend_shape"] = Link(values, {"p": 1.0})
    else:
        block["spend"] = 0.0
    return block, links


def _spend_comment(values: dict[str, Any]) -> dict[str, str]:
    is_known = isinstance(values["spend"], dict)
    return {} if is_known else {"spend": "no repeat purchase of an amount above 0 says more"}


def _expected_total(fitted: Fitted, split: Split, day: float, unit: str) -> float:
    """Expected repeat purchases of all customers until a day."""
    days, counts = np.unique(split.first, return_counts=True)
    return float(counts @ expected_repeats(fitted, np.subtract(day, days) / DAYS_PER_UNIT[unit]))


def _facts(split: Split, candidates: tuple[Candidate, ...]) -> dict[str, float]:
    frequency = split.summary.frequency
    facts = {
        "purchases": float(split.purchases),
        "repeat_purchases": float(frequency.sum()),
        "bought_once": float(np.sum(frequency == 0)),
    }
    for one in candidates:
        if one.prediction is not None:
            facts["holdout_observed"] = one.prediction.observed
            facts[f"holdout_{one.fitted.model}"] = float(one.prediction.expected[-1])
    return facts


def _narrow_notes(candidates: tuple[Candidate, ...]) -> list[str]:
    """Predictions whose intervals are too narrow, and why."""
    notes = []
    for one in candidates:
        if one.prediction is None:
            continue
        if not np.isfinite(one.fitted.covariance).all():
            why = "it takes as known what the data do not tell of the parameters"
        elif math.isnan(one.prediction.fit_error):
            why = "the error of the fit is too wide to draw numbers from it"
        else:
            continue
        name = WORDS[one.fitted.model]
        notes.append(f"{name}: the interval of the holdout is too narrow: {why}")
    return notes


def _value_notes(split: Split) -> list[str]:
    """Whether value goes with frequency, which Gamma-Gamma says it does not."""
    summary = split.summary
    again = (summary.frequency > 0) & (np.nan_to_num(summary.value) > 0.0)
    count, value = summary.frequency[again], summary.value[again]
    if again.sum() < _LEAST_PAIRS or not np.ptp(count) or not np.ptp(value):
        return []
    rank = float(scipy.stats.spearmanr(count, value).statistic)
    error = 1.0 / math.sqrt(float(again.sum()) - 1.0)
    note = (
        "Gamma-Gamma takes the value of a purchase as independent of how often a customer buys: "
        f"their rank correlation is {rank:.2f} ± {error:.2f}"
    )
    return [note]


def _log_notes(split: Split, holdout: float) -> list[str]:
    notes = []
    if split.merged:
        notes.append(
            f"{counted(split.merged, 'row')} merged: a further purchase of a customer on a day"
        )
    notes += cancelled_notes(split.cancelled, split.returned, "day")
    once = int(np.sum(split.summary.frequency == 0))
    notes.append(
        f"{once:,} of {split.first.size:,} customers bought on one day only: kept for how often "
        "customers buy, left out of Gamma-Gamma"
    )
    if holdout:
        notes.append(
            f"fitted on {day_text(split.begin)} to {day_text(split.cut)}, held out until "
            f"{day_text(split.end)}"
        )
    else:
        notes.append(f"fitted on {day_text(split.begin)} to {day_text(split.end)}")
    days = np.union1d(split.first, split.begin + np.flatnonzero(split.repeats))
    notes += [
        f"no purchase between {day_text(begin)} and {day_text(end)}: is a date wrong?"
        for begin, end in lone_gaps(days, _LONG_GAP)
    ]
    if split.later:
        notes.append(
            f"{counted(split.later, 'customer')} first bought in the holdout: neither fitted nor "
            "compared"
        )
    return notes


def _curve(
    split: Split,
    candidates: tuple[Candidate, ...],
    chosen: Fitted,
    unit: str,
    *,
    is_held_out: bool,
) -> Curve:
    """Repeat purchases of all customers, added up since the log began."""
    length = DAYS_PER_UNIT[unit]
    count = min(max(int((split.end - split.begin) / length), 1), _MOST_POINTS)
    times = np.linspace(0.0, (split.end - split.begin + 1) / length, count + 1)
    days = split.begin - 1 + times * length
    until = np.concatenate(([0], np.cumsum(split.repeats)))
    observed = until[np.floor(days).astype(np.int64) + 1 - split.begin].astype(np.float64)
    expected = {
        one.fitted.model: np.array([_expected_total(one.fitted, split, day, unit) for day in days])
        for one in candidates
    }
    cut = (split.cut - split.begin + 1) / length if is_held_out else math.nan
    up = "repeat purchases, added up"
    across = f"{unit}s since {day_text(split.begin)}"
    band = next((_band(split, one, cut) for one in candidates if one.fitted is chosen), None)
    return Curve(across, up, times, observed, expected, cut, band)


def _band(split: Split, one: Candidate, cut: float) -> Band | None:
    """Where the chosen model, from what was bought until the cut, predicts purchases to lie."""
    found = one.prediction
    if found is None:
        return None
    before = float(split.summary.frequency.sum())
    middle, low, high = (
        before + np.concatenate(([0.0], line)) for line in (found.expected, found.low, found.high)
    )
    return Band(cut + np.concatenate(([0.0], found.times)), middle, low, high, LEVEL)
