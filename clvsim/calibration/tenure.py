"""``clvsim fit tenure``: churn, spend and their correlation from one row a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.churn import LifeTable, observed_survival, survival
from clvsim.calibration.outcome import WORDS, Curve, Link, Outcome, SegmentFit, fit_churn, keys_of
from clvsim.calibration.spend import (
    LEAST_AMOUNTS,
    correlation_with_churn,
    fit_spend,
    largest_gap,
)
from clvsim.calibration.tenure_file import read_tenure
from clvsim.errors import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clvsim.calibration.fitted import Fitted
    from clvsim.calibration.outcome import ChurnFit
    from clvsim.calibration.records import Records
    from clvsim.calibration.spend import Correlation
    from clvsim.calibration.tenure_file import Customers, TenureColumns

    Floats = NDArray[np.float64]

UNKNOWN_SPEND = 1.0
"""Spend in a block whose data say nothing about it, currency."""
_FROM_JOINING = (
    "every life is taken as watched from joining: if customers who left before some date are "
    "missing from the file, the true churn is higher"
)
_COMPLETED = (
    "tenures count completed periods, as some customers left at tenure 0: who left is taken to "
    "have left in the period after"
)
_CONSTANT = "the same for all customers"


def life_table(tenure: NDArray[np.int64], has_left: NDArray[np.bool_]) -> LifeTable:
    """Leavers and stayers by period of those at risk.

    Who left at tenure t stayed for t - 1 periods and left in period t; who had not left at tenure
    t stayed for t periods, and nothing is known of later ones (right-censored).
    """
    last = int(tenure.max())
    left = np.bincount(tenure[has_left], minlength=last + 1).astype(np.float64)
    there = np.bincount(tenure[~has_left], minlength=last + 1).astype(np.float64)
    # At risk in period t: all whose tenure is t or more.
    at_risk = np.cumsum((left + there)[::-1])[::-1]
    return LifeTable(left[1:], at_risk[1:] - left[1:])


def fit_tenure(records: Records, columns: TenureColumns, step: str, model: str) -> Outcome:
    """Churn, spend and their correlation, segment by segment.

    Parameters
    ----------
    records : Records
    columns : TenureColumns
    step : str
        What a tenure of 1 is.
    model : str
        Of `clvsim.calibration.outcome.CHOICES`.
    """
    people, drops = read_tenure(records, columns)
    kept = [at for at, label in enumerate(people.labels) if label]
    keys = keys_of(people.labels[at] for at in kept)
    segments = tuple(
        _fit_segment(key, people.labels[at], people, people.segment == at, step, model)
        for key, at in zip(keys, kept, strict=True)
    )
    newcomers = int(np.sum(people.tenure == 0))
    notes = [_FROM_JOINING, *([_COMPLETED] if people.is_completed else [])]
    if newcomers:
        notes.append(
            f"{counted(newcomers, 'customer')} of tenure 0, not watched for a period yet: nothing "
            "is known of their churn"
        )
    return Outcome("tenure", records.path.name, step, segments, drops, tuple(notes))


def _fit_segment(
    key: str, label: str, people: Customers, own: NDArray[np.bool_], step: str, model: str
) -> SegmentFit:
    tenure, has_left, amounts = people.tenure[own], people.has_left[own], people.spend[own]
    life = life_table(tenure, has_left)
    churn = fit_churn(life, model)
    values, links, notes = dict(churn.values), dict(churn.links), list(churn.notes)
    comments = churn.comments
    known = np.isfinite(amounts)
    models: tuple[Fitted, ...] = ()
    correlation = None
    facts = {"left": float(has_left.sum()), "share_censored": float(1.0 - has_left.mean())}
    if known.sum() >= LEAST_AMOUNTS and np.ptp(amounts[known]) > 0.0:
        models = fit_spend(amounts[known])
        facts["largest_gap_spend"] = largest_gap(amounts[known], models[0])
        chosen = models[0]
        values["spend"] = {"distribution": chosen.model, **chosen.parameters}
        links |= {f"spend.{name}": Link(chosen, {name: 1.0}) for name in chosen.parameters}
        notes.append(_spend_note(models, facts["largest_gap_spend"]))
        correlation = _correlate(churn, tenure[known], has_left[known], amounts[known], notes)
        if correlation is not None:
            between = {"between": ["churn", "spend"], "value": round(correlation.rho, 4)}
            values["correlations"] = [between]
    elif known.any():
        values["spend"] = float(amounts[known].mean())
        comments["spend"] = _CONSTANT if known.sum() >= LEAST_AMOUNTS else "the mean"
    else:
        values["spend"] = UNKNOWN_SPEND
        comments["spend"] = "not in the data: what a customer pays a period"
    return SegmentFit(
        key=key,
        label=label,
        customers=float(tenure.size),
        candidates=churn.candidates,
        chosen=churn.chosen,
        values=values,
        links=links,
        comments=comments,
        spend=models,
        correlation=correlation,
        facts=facts,
        notes=tuple(notes),
        curve=_curve(life, churn, step),
    )


def _spend_note(models: tuple[Fitted, ...], gap: float) -> str:
    better, other = models
    return (
        f"spend: {WORDS[better.model]}, better than the {WORDS[other.model]} by "
        f"{other.aic - better.aic:.1f} in AIC; the largest gap between its distribution and the "
        f"data's is {100.0 * gap:.1f} percentage points"
    )


def _correlate(
    churn: ChurnFit,
    tenure: NDArray[np.int64],
    has_left: NDArray[np.bool_],
    amounts: Floats,
    notes: list[str],
) -> Correlation | None:
    """Correlation of churn and spend, or a note why there is none."""
    if churn.chosen.model != "sbg":
        notes.append(
            "no correlation of churn and spend was fitted: it needs a churn that differs between "
            "customers (sBG)"
        )
        return None
    found = correlation_with_churn(churn.chosen, tenure, has_left, amounts)
    if found is None:
        notes.append(
            "no correlation of churn and spend was fitted: the data tell neither it nor its error"
        )
        return None
    notes.append(
        f"correlation of churn and spend (normal scores): {found.rho:.3f} ± {found.error:.3f}"
    )
    return found


def _curve(life: LifeTable, churn: ChurnFit, step: str) -> Curve:
    times = np.arange(life.periods + 1, dtype=np.float64)
    expected = {one.fitted.model: survival(one.fitted, life.periods) for one in churn.candidates}
    return Curve(
        f"{step}s as a customer", "still a customer", times, observed_survival(life), expected
    )
