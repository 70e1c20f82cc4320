# /// script
# requires-python = ">=3.11"
# dependencies = ["clvsim", "numpy", "scipy"]
# ///
"""Derive retention, spend and their correlation by contract from the telco sample.

Run as ``python scenarios/data/derive_telco.py`` with clvsim installed; ``--write``
also saves the retention tables as ``telco-retention.csv`` beside this file. What the
figures assume stands in ``README.md`` beside it.
"""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy

from clvsim.calibration.churn import LifeTable as Lives
from clvsim.calibration.churn import fit_sbg
from clvsim.calibration.spend import correlation_with_churn
from clvsim.reference import sbg_survival
from clvsim.scenario.retention import RetentionFit, fit_life_table, fit_retention

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
SAMPLE = HERE / "telco-customer-churn.csv"
TABLES = HERE / "telco-retention.csv"
CONTRACTS = ("Month-to-month", "One year", "Two year")
LAST_MONTH = 60
"""Months of the tables: the last full year with 100 of each contract still at risk.

Tenure stops at 72 months, and in the last year before that stop only a handful of the
monthly customers is left, so those churn rates are noise and the stop's own artefact.
"""

_HORIZONS = (12, 24, 36, LAST_MONTH)


@dataclass(frozen=True)
class Subscribers:
    """Subscribers of one contract type, one entry a subscriber.

    Attributes
    ----------
    tenure : ndarray
        Months observed, shape (n,).
    left : ndarray
        Whether the subscriber left in the last of them, shape (n,).
    spend : ndarray
        Monthly charge, shape (n,), currency a month.

    """

    tenure: NDArray[np.int64]
    left: NDArray[np.bool_]
    spend: NDArray[np.float64]


@dataclass(frozen=True)
class LifeTable:
    """Kaplan-Meier estimate of retention, by month of tenure 1..months.

    Attributes
    ----------
    leavers, at_risk : ndarray
        Subscribers, shape (months,).
    survival : ndarray
        Share still subscribed after each month, shape (months,), 1.
    effective : float
        Cohort that, watched in full, would give survival in the last month the same
        standard error: ``S(1 - S)/Var S``, Greenwood's variance.

    """

    leavers: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    survival: NDArray[np.float64]
    effective: float

    def survivors(self) -> list[int]:
        """Retention table of the effective cohort, customers, shape (months + 1,)."""
        size = round(self.effective)
        return [size, *(round(size * float(share)) for share in self.survival)]


@dataclass(frozen=True)
class Spend:
    """Monthly charge over subscribers: mean, deviation, gamma fit and its misfit.

    Attributes
    ----------
    mean, deviation, scale : float
        Currency a month.
    shape : float
        Shape of the maximum-likelihood gamma distribution, 1.
    distance : float
        Largest gap between its distribution function and the sample's, 1.

    """

    mean: float
    deviation: float
    shape: float
    scale: float
    distance: float


@dataclass(frozen=True)
class Association:
    """How spend and churn go together; positive: who spends more leaves sooner.

    Attributes
    ----------
    residual : float
        Correlation of the normal score of spend and the martingale residual, 1.
    residual_error : float
        Standard error of it without association, 1.
    copula : float or None
        Correlation of spend and churn propensity in a Gaussian copula, 1; None where
        the retention table shows no spread of propensity to correlate with.
    copula_error : float or None
        Standard error of it, 1.

    """

    residual: float
    residual_error: float
    copula: float | None
    copula_error: float | None


def read_sample(path: Path = SAMPLE) -> dict[str, Subscribers]:
    """Read the sample, by contract type."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = {}
    for contract in CONTRACTS:
        own = [row for row in rows if row["Contract"] == contract]
        groups[contract] = Subscribers(
            tenure=np.array([int(row["tenure"]) for row in own], dtype=np.int64),
            left=np.array([row["Churn"] == "Yes" for row in own]),
            spend=np.array([float(row["MonthlyCharges"]) for row in own]),
        )
    return groups


def life_table(group: Subscribers, months: int = LAST_MONTH) -> LifeTable:
    """Estimate retention (Kaplan & Meier 1958), with Greenwood's (1926) variance.

    Leaving with tenure t happens in month t; whoever is still subscribed at tenure t has
    stayed for all of month t, so both are at risk in month t.
    """
    month = np.arange(1, months + 1)
    at_risk = (group.tenure[:, None] >= month).sum(axis=0).astype(np.float64)
    here = group.tenure[:, None] == month
    leavers = (here & group.left[:, None]).sum(axis=0).astype(np.float64)
    survival = np.cumprod(1.0 - leavers / at_risk)
    relative_variance = float(np.sum(leavers / (at_risk * (at_risk - leavers))))
    last = float(survival[-1])
    effective = (1.0 - last) / (last * relative_variance)
    return LifeTable(leavers, at_risk, survival, effective)


def fit_table(table: LifeTable) -> RetentionFit:
    """Fit churn to those at risk, month by month, so that censoring is exact."""
    return fit_life_table(table.leavers, table.at_risk - table.leavers)


def fit_spend(group: Subscribers) -> Spend:
    """Fit a gamma distribution to the monthly charge by maximum likelihood."""
    mean = float(np.mean(group.spend))
    gap = math.log(mean) - float(np.mean(np.log(group.spend)))
    shape = float(
        scipy.optimize.brentq(lambda k: math.log(k) - scipy.special.digamma(k) - gap, 1e-3, 1e6)
    )
    ordered = scipy.special.gammainc(shape, np.sort(group.spend) * shape / mean)
    steps = np.arange(group.spend.size + 1) / group.spend.size
    distance = max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1]))
    deviation = float(np.std(group.spend, ddof=1))
    return Spend(mean, deviation, shape, mean / shape, float(distance))


def normal_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal scores of the ranks (Blom 1958), ties at their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2.0)[place]
    return np.asarray(scipy.special.ndtri((rank - 0.375) / (values.size + 0.25)))


def associate(group: Subscribers) -> Association:
    """Measure how spend and churn go together, observed and behind the observations."""
    residual, residual_error = correlate_residual(group, normal_scores(group.spend))
    return Association(residual, residual_error, *(fit_copula(group) or (None, None)))


def correlate_residual(group: Subscribers, spend: NDArray[np.float64]) -> tuple[float, float]:
    """Correlation of spend and leaving, adjusted for tenure, and its error.

    The martingale residual (Therneau, Grambsch & Fleming 1990) is 1 for a leaver and 0
    for a stayer, less the churn cumulated over the months observed. Its sum times spend
    is the score of Cox's model, in which each leaver's spend is compared with that of
    everyone at risk in the same month: that charges rise with tenure does not bias it.
    Ranks of the residual would be biased so, and are not taken.

    Parameters
    ----------
    group : Subscribers
        The observed lives, n.
    spend : ndarray
        Normal scores of their spend, shape (n,).

    """
    table = life_table(group, int(np.max(group.tenure)))
    cumulated = np.concatenate(([0.0], np.cumsum(table.leavers / table.at_risk)))
    residual: NDArray[np.float64] = group.left - cumulated[group.tenure]
    # Without association, the variance of the score is that of spend at risk.
    variance = sum(
        leavers * float(np.var(spend[group.tenure >= month]))
        for month, leavers in enumerate(table.leavers.tolist(), start=1)
    )
    unit = spend.size * float(np.std(spend)) * float(np.std(residual))
    return float(spend @ residual) / unit, math.sqrt(variance) / unit


def fit_copula(group: Subscribers) -> tuple[float, float] | None:
    """Correlation of churn propensity and spend in a Gaussian copula, and its error.

    As ``clvsim fit tenure`` finds it, with the error of the sBG in it, but from the months of the
    tables alone; None where they show no spread of propensity.
    """
    table = life_table(group)
    churn = fit_sbg(Lives(table.leavers, table.at_risk - table.leavers))
    if churn.model != "sbg":
        return None
    # As in the fit, what happens after the last month of the tables is not counted.
    counted = group.left & (group.tenure <= LAST_MONTH)
    watched = np.minimum(group.tenure, LAST_MONTH)
    found = correlation_with_churn(churn, watched, counted, group.spend)
    return None if found is None else (found.rho, found.error)


def table_rows(groups: dict[str, Subscribers]) -> list[tuple[str, int, int]]:
    """Retention tables as rows of (contract, month, survivors)."""
    return [
        (contract, month, count)
        for contract, group in groups.items()
        for month, count in enumerate(life_table(group).survivors())
    ]


def fitted_survival(fit: RetentionFit, months: int) -> NDArray[np.float64]:
    """Survival by a fit, shape (months,), 1."""
    month = np.arange(1, months + 1)
    if fit.alpha is None or fit.beta is None:
        return np.asarray((1.0 - fit.churn) ** month)
    return sbg_survival(month, fit.alpha, fit.beta)


def describe_horizons(table: LifeTable) -> list[str]:
    """Write what a fit to the table's first months says about all of it."""
    survivors, seen = table.survivors(), np.array(_HORIZONS) - 1
    observed = ", ".join(f"{share:.3f}" for share in table.survival[seen])
    lines = [f"    survival after {_HORIZONS} months: observed {observed}"]
    for horizon in _HORIZONS:
        fit = fit_retention(survivors[: horizon + 1])
        shares = fitted_survival(fit, LAST_MONTH)[seen]
        fitted = ", ".join(f"{share:.3f}" for share in shares)
        which: str = fit.model
        if fit.alpha is not None:
            which = f"sbg ({fit.alpha:.3f}, {fit.beta:.3f})"
        lines.append(f"      fit to months 0..{horizon}, {which}: {fitted}")
    return lines


def describe(groups: dict[str, Subscribers]) -> list[str]:
    """Write the figures for people, one line each."""
    everyone = sum(group.tenure.size for group in groups.values())
    lines = []
    for contract, group in groups.items():
        table, spend = life_table(group), fit_spend(group)
        fit = fit_table(table)
        both = associate(group)
        size, left = group.tenure.size, int(group.left.sum())
        copula = "not identified (one churn rate for all)"
        if both.copula is not None:
            copula = f"{both.copula:+.3f} (standard error {both.copula_error:.3f})"
        lines += [
            f"{contract}: {size} subscribers ({size / everyone:.1%}), {left} left",
            f"  retention, months 0..{LAST_MONTH}: {table.survivors()}",
            (
                f"    effective cohort {table.effective:.1f}; at risk in the last month "
                f"{table.at_risk[-1]:.0f}"
            ),
            f"  fit to those at risk: {fit.note}",
            f"  fit to the table: {fit_retention(table.survivors()).note}",
            *describe_horizons(table),
            (
                f"  monthly charge: mean {spend.mean:.3f}, standard deviation "
                f"{spend.deviation:.3f}; gamma shape {spend.shape:.4f}, scale "
                f"{spend.scale:.4f}, largest gap of its distribution function "
                f"{spend.distance:.3f}"
            ),
            (
                f"  spend and leaving: normal score of charge and martingale residual "
                f"{both.residual:+.3f} (standard error {both.residual_error:.3f})"
            ),
            f"  spend and churn propensity, Gaussian copula: {copula}",
            (
                f"  if leaving was seen only in the last month: {left / size:.1%} of the "
                "subscribers left in that one month"
            ),
            "",
        ]
    return lines


def main() -> None:
    """Print the figures and, if asked to, save the tables."""
    groups = read_sample()
    sys.stdout.write("\n".join(describe(groups)))
    if "--write" in sys.argv[1:]:
        with TABLES.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("contract", "month", "survivors"))
            writer.writerows(table_rows(groups))


if __name__ == "__main__":
    main()
