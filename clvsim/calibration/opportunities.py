"""``clvsim fit opportunities`` and ``histories``: one opportunity to buy a period, taken or not."""

from __future__ import annotations

import csv
import io
import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import scipy

from clvsim.calibration.drops import refuse
from clvsim.calibration.opportunity_log import read_gifts, read_histories
from clvsim.calibration.outcome import (
    WORDS,
    Candidate,
    Curve,
    Link,
    Outcome,
    SegmentFit,
    keys_of,
    tested_values,
)
from clvsim.calibration.purchase_split import cancelled_notes, lone_gaps
from clvsim.calibration.purchases import Summary, fit_bg_bb, fit_gamma_gamma
from clvsim.calibration.scoring.opportunity import BgBb
from clvsim.calibration.scoring.purchase import History
from clvsim.errors import Fault, counted

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from clvsim.calibration.drops import Drops
    from clvsim.calibration.fitted import Fitted
    from clvsim.calibration.opportunity_log import GiftColumns, Histories, HistoryColumns
    from clvsim.calibration.records import Records

    Floats = NDArray[np.float64]

#: Customers that a cell should have for a chi-squared test, at least, and most cells of one.
_LEAST_EXPECTED, _MOST_CELLS = 5.0, 20_000
#: Periods without any purchase from which a log may hold a wrong one.
_LONG_GAP = 5


def fit_opportunities(
    records: Records,
    columns: GiftColumns,
    *,
    step: str = "year",
    holdout: int = 0,
    end: str = "",
    drop_duplicates: bool = False,
    name: str = "",
) -> Outcome:
    """Fit BG/BB to a log, a row a purchase, and Gamma-Gamma where there are amounts.

    Parameters
    ----------
    records : Records
    columns : GiftColumns
    step : str
        What a period is.
    holdout : int
        Last periods that are not fitted.
    end : str
        Last period, written as in the file.
    drop_duplicates : bool
    name : str
        Of the segment; without one it is the file's.

    Raises
    ------
    RecordsError
        If the file cannot be used, or nobody bought again.

    References
    ----------
    Fader, Hardie & Shang 2010, "Customer-base analysis in a discrete-time noncontractual setting".
    """
    own, drops = read_gifts(
        records, columns, step=step, holdout=holdout, end=end, drop_duplicates=drop_duplicates
    )
    fitted = _fit(records, own, drops)
    spend = _spend(own) if columns.amount else None
    segment = _segment(name or records.path.stem, step, own, fitted, spend)
    notes = tuple(_log_notes(own, step))
    return Outcome(
        "opportunities",
        records.path.name,
        step,
        (segment,),
        drops,
        notes,
        partial(_customer_table, own),
    )


def fit_histories(
    records: Records, columns: HistoryColumns, step: str = "year", name: str = ""
) -> Outcome:
    """Fit BG/BB to a table of histories, a row a customer or a kind of customer.

    The segment is called by its name or, without one, by the file's.

    Raises
    ------
    RecordsError
        If the file cannot be used, or nobody bought again.
    """
    own, drops = read_histories(records, columns)
    fitted = _fit(records, own, drops)
    segment = _segment(name or records.path.stem, step, own, fitted, None)
    return Outcome("histories", records.path.name, step, (segment,), drops)


def _fit(records: Records, own: Histories, drops: Drops) -> Fitted:
    """BG/BB of customers of whom some came back.

    Raises
    ------
    RecordsError
        If nobody did.
    """
    if not own.frequency.any():
        message = "nobody bought at an opportunity after joining: there is nothing to fit"
        refuse([Fault(str(records.path), None, "", message, "customers who come back")], drops)
    return fit_bg_bb(own.frequency, own.recency, own.age, own.count)


def _segment(
    label: str, step: str, own: Histories, fitted: Fitted, spend: Fitted | None
) -> SegmentFit:
    """The one segment of the file: what was fitted, how well, and the block's keys."""
    values, links = _block_values(fitted, spend)
    comments = {"purchase_probability": f"at each {step} after joining, while a customer"}
    if not isinstance(values["spend"], dict):
        comments["spend"] = "no amounts of repeat purchases say more"
    spends = (spend,) if spend else ()
    return SegmentFit(
        key=keys_of([label])[0],
        label=label,
        customers=float(own.count.sum()),
        candidates=(Candidate(fitted, *chi_squared(own, fitted), _holdout_error(own, fitted)),),
        chosen=fitted,
        values=values,
        links=links,
        comments=comments,
        spend=spends,
        of_values=tested_values(_buyers(own), spend) if spend else None,
        facts=_facts(own, fitted),
        notes=tuple(
            f"{WORDS[one.model]}: {note}" for one in (fitted, *spends) for note in one.notes
        ),
        curve=_over_time(own, fitted, step) if own.names else _by_frequency(own, fitted),
    )


def expected_repeats(fitted: Fitted, opportunities: Floats) -> Floats:
    """Expected purchases of a new customer at so many opportunities, shape (count,).

    ``α/(α+β) Σ B(γ, δ+k)/B(γ, δ)`` over the opportunities k: equation 8 before it is summed.
    """
    alpha, beta, gamma, delta = fitted.parameters.values()
    most = int(np.max(opportunities, initial=0.0))
    betaln = scipy.special.betaln
    log = betaln(gamma, delta + np.arange(1.0, most + 1.0)) - betaln(gamma, delta)
    table = np.concatenate(([0.0], np.cumsum(np.exp(log))))
    at = np.maximum(np.rint(opportunities), 0.0).astype(np.int64)
    return np.asarray(alpha / (alpha + beta) * table[at])


def _cells(fitted: Fitted, age: int) -> tuple[Floats, Floats]:
    """All pairs of frequency and recency after so many opportunities, and their probabilities.

    Returns
    -------
    tuple of ndarray
        Frequency and probability, shape (cell,) each; the probabilities add up to 1.
    """
    last, x = np.tril_indices(age)
    recency = np.concatenate(([0], last + 1)).astype(np.float64)
    frequency = np.concatenate(([0], x + 1)).astype(np.float64)
    log = BgBb(**fitted.parameters).log_chance(
        History(frequency, recency, np.full(recency.size, float(age)))
    )
    gammaln = scipy.special.gammaln
    again = np.maximum(frequency, 1.0)
    orders = gammaln(np.maximum(recency, 1.0)) - gammaln(again)
    orders -= gammaln(np.maximum(recency, 1.0) - again + 1.0)
    return frequency, np.exp(log + orders)


def chi_squared(own: Histories, fitted: Fitted) -> tuple[float, int, float]:
    """Pearson's test of the customers by frequency and recency: statistic, freedom, p-value.

    Customers of equal opportunities are told apart; cells in which fewer than 5 are expected are
    put together with those after them. NaN where no degree of freedom is left.
    """
    ages = np.unique(own.age)
    if np.sum(0.5 * ages**2) > _MOST_CELLS:
        return math.nan, 0, math.nan
    statistic, freedom = 0.0, -len(fitted.parameters)
    for age in ages[ages > 0.0].astype(np.int64).tolist():
        frequency, chance = _cells(fitted, age)
        here = own.age == age
        # Cells stand by recency, those of one recency by frequency: 0; 1; 1, 2; 1, 2, 3; …
        cell = own.recency[here] * (own.recency[here] - 1.0) / 2.0 + own.frequency[here]
        seen = _counted(cell, own.count[here], frequency.size)
        expected = chance * own.count[here].sum()
        kept, found = _pooled(seen, expected)
        if kept > 1:
            statistic, freedom = statistic + found, freedom + kept - 1
    if freedom < 1 or not math.isfinite(statistic):
        return math.nan, 0, math.nan
    return statistic, freedom, float(scipy.stats.chi2.sf(statistic, freedom))


def _counted(place: Floats, count: Floats, size: int) -> Floats:
    """Customers by place, shape (size,)."""
    return np.bincount(place.astype(np.int64), count, size).astype(np.float64)


def _pooled(seen: Floats, expected: Floats) -> tuple[int, float]:
    """Cells large enough, those too small put together, and Pearson's statistic of them."""
    cells: list[tuple[float, float]] = []
    observed = hoped = 0.0
    for one, mean in zip(seen.tolist(), expected.tolist(), strict=True):
        observed, hoped = observed + one, hoped + mean
        if hoped >= _LEAST_EXPECTED:
            cells.append((observed, hoped))
            observed = hoped = 0.0
    if cells and hoped:
        cells[-1] = cells[-1][0] + observed, cells[-1][1] + hoped
    return len(cells), sum((one - mean) ** 2 / mean for one, mean in cells)


def _spend(own: Histories) -> Fitted:
    """Gamma-Gamma of what an opportunity taken brought in."""
    return fit_gamma_gamma(_buyers(own))


def _buyers(own: Histories) -> Summary:
    """Customers of a log."""
    return Summary(own.frequency, own.recency, own.age, own.value)


def _block_values(fitted: Fitted, spend: Fitted | None) -> tuple[dict[str, Any], dict[str, Link]]:
    """Keys of a segment with opportunities, and what they are made of."""
    found = fitted.parameters
    block: dict[str, Any] = {
        "relationship": "bg/bb",
        "purchase_probability": {
            "distribution": "beta",
            "a": found["alpha"],
            "b": found["beta"],
        },
        "churn": {"distribution": "beta", "a": found["gamma"], "b": found["delta"]},
    }
    links = {
        "purchase_probability.a": Link(fitted, {"alpha": 1.0}),
        "purchase_probability.b": Link(fitted, {"beta": 1.0}),
        "churn.a": Link(fitted, {"gamma": 1.0}),
        "churn.b": Link(fitted, {"delta": 1.0}),
    }
    if spend is None or not math.isfinite(spend.parameters["p"]):
        block["spend"] = 0.0
        return block, links
    p, q, gamma = spend.parameters.values()
    # A purchase is gamma with shape p and a rate that is gamma(q, γ) over customers.
    block["spend"] = {"distribution": "invgamma", "a": q, "scale": p * gamma}
    block["spend_shape"] = p
    links["spend.a"] = Link(spend, {"q": 1.0})
    links["spend.scale"] = Link(spend, {"p": 1.0, "gamma": 1.0})
    links["spend_shape"] = Link(spend, {"p": 1.0})
    return block, links


def _expected_total(own: Histories, fitted: Fitted, period: float) -> float:
    """Expected repeat purchases of all customers of a log until a period."""
    ahead = (period - own.joined).astype(np.float64)
    return float(expected_repeats(fitted, ahead).sum())


def _in_holdout(own: Histories, fitted: Fitted) -> float:
    return _expected_total(own, fitted, own.end) - _expected_total(own, fitted, own.cut)


def _holdout_error(own: Histories, fitted: Fitted) -> float:
    """Expected less observed repeat purchases in the holdout, as a share of those observed."""
    observed = int(np.sum(own.repeats > own.cut))
    if not observed:
        return math.nan
    return (_in_holdout(own, fitted) - observed) / observed


def _facts(own: Histories, fitted: Fitted) -> dict[str, float]:
    facts = {
        "repeat_purchases": float(own.count @ own.frequency),
        "bought_once": float(own.count @ (own.frequency == 0.0)),
    }
    if own.end > own.cut:
        facts["holdout_observed"] = float(np.sum(own.repeats > own.cut))
        facts[f"holdout_{fitted.model}"] = _in_holdout(own, fitted)
    return facts


def _log_notes(own: Histories, step: str) -> list[str]:
    notes = []
    if own.merged:
        notes.append(
            f"{counted(own.merged, 'row')} merged: a further purchase of a customer in a {step}"
        )
    notes += cancelled_notes(own.cancelled, own.returned, step)
    if own.names:
        notes.append(
            f"the last {step} counts as a whole opportunity: if it still runs, leave it out with "
            "--end"
        )
    if own.end > own.cut:
        notes.append(f"{step}s at the end that were held out: {own.end - own.cut:,}")
    if own.names:
        notes.append(f"the log covers {own.end - own.begin + 1:,} {step}s")
    notes += [
        f"no purchase in {end - begin - 1:,} {step}s after the first {begin - own.begin + 1:,}: "
        "is a period wrong?"
        for begin, end in lone_gaps(np.union1d(own.joined, own.repeats), _LONG_GAP)
    ]
    if own.later:
        notes.append(
            f"{counted(own.later, 'customer')} first bought in the holdout: neither fitted nor "
            "compared"
        )
    return notes


def _over_time(own: Histories, fitted: Fitted, step: str) -> Curve:
    """Repeat purchases of all customers of a log, added up since it began."""
    at = np.arange(own.begin, own.end + 1)
    observed = np.searchsorted(own.repeats, at, side="right").astype(np.float64)
    expected = np.array([_expected_total(own, fitted, period) for period in at.tolist()])
    cut = float(own.cut - own.begin) if own.end > own.cut else math.nan
    times = (at - own.begin).astype(np.float64)
    up = "repeat purchases, added up"
    return Curve(f"{step}s since the first", up, times, observed, {fitted.model: expected}, cut)


def _by_frequency(own: Histories, fitted: Fitted) -> Curve:
    """Customers of a table of histories by how often they bought."""
    most = int(own.age.max())
    observed = _counted(own.frequency, own.count, most + 1)
    many = _counted(own.age, own.count, most + 1)
    expected = {fitted.model: many @ frequency_chances(fitted, most)}
    times = np.arange(most + 1.0)
    return Curve("purchases after joining", "customers", times, observed, expected)


def frequency_chances(fitted: Fitted, most: int) -> Floats:
    """Probability of so many purchases (column) at so many opportunities (row), 0 to ``most``.

    Equation 7: there to the end, or gone after some opportunity.
    """
    alpha, beta, gamma, delta = fitted.parameters.values()
    betaln, gammaln = scipy.special.betaln, scipy.special.gammaln
    lived = np.arange(most + 1.0)
    x, missed = lived[None, :], np.maximum(lived[:, None] - lived[None, :], 0.0)
    log = gammaln(lived[:, None] + 1.0) - gammaln(x + 1.0) - gammaln(missed + 1.0)
    log += betaln(alpha + x, beta + missed) - betaln(alpha, beta)
    bought = np.where(x <= lived[:, None], np.exp(log), 0.0)
    stayed = np.exp(betaln(gamma, delta + lived) - betaln(gamma, delta))
    gone = np.exp(betaln(gamma + 1.0, delta + lived) - betaln(gamma, delta))
    left = np.cumsum(bought * gone[:, None], axis=0)
    left = np.concatenate((np.zeros((1, most + 1)), left[:-1]))
    return np.asarray(bought * stayed[:, None] + left)


def _customer_table(own: Histories) -> str:
    """Customers as ``clvsim score`` reads them: as the fit saw them, in opportunities."""
    if not own.names:
        return ""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("customer", "frequency", "recency", "age", "value"))
    columns = (own.frequency, own.recency, own.age, own.value)
    for name, x, recency, age, value in zip(
        own.names, *(column.tolist() for column in columns), strict=True
    ):
        shown = "" if math.isnan(value) else value
        rows.writerow((name, int(x), int(recency), int(age), shown))
    return file.getvalue()
