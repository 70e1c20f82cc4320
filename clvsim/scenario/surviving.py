"""What share of those who join is still there after a tenure, by the traits of their segment."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from clvsim.scenario import distributions
from clvsim.scenario.retention import fit_retention
from clvsim.scenario.segments import Distribution, Relationship, RetentionTable

Floats = NDArray[np.float64]
Trait = float | Distribution | RetentionTable
"""What a trait may be."""
Survival = Callable[[int], float]
"""Share of joiners still there, by tenure, periods."""
Past = Callable[[int], Floats]
"""Hazard multipliers of the periods that one of a tenure has lived through."""


def survival(churn: Trait, past: Past) -> Survival:
    """Expected share of joiners still there after a tenure, periods.

    Parameters
    ----------
    churn : float, Distribution or RetentionTable
    past : function of tenure
        Hazard multipliers of the periods that one of a tenure has lived through.
    """
    if isinstance(churn, RetentionTable):
        fit = fit_retention(churn.survivors)
        churn = fit.churn
        if fit.alpha is not None and fit.beta is not None:
            churn = Distribution(distribution="beta", a=fit.alpha, b=fit.beta)
    churns, widths = _strata(churn)
    stays = 1.0 - np.clip(churns, 0.0, 1.0)
    return lambda tenure: float(widths @ stays ** past(tenure).sum())


def survival_of_buyers(relationship: Relationship, traits: Sequence[Trait], past: Past) -> Survival:
    """The same of those who buy now and then, traits taken as independent.

    Parameters
    ----------
    relationship : str
        ``pareto/nbd``: they leave at a rate; ``bg/nbd``: after a purchase.
    traits : sequence
        Death rate; or churn and purchase rate.
    past : function of tenure
        As in ``survival``.
    """
    rate, weight = _strata(traits[0])
    if relationship != "bg/nbd":
        return lambda tenure: float(weight @ np.exp(-rate * past(tenure).sum()))
    pace, share = _strata(traits[1])
    stays = 1.0 - np.clip(rate, 0.0, 1.0)

    def surviving(tenure: int) -> float:
        multipliers, periods = np.unique(past(tenure), return_counts=True)
        leaves = (1.0 - stays[:, None] ** multipliers) @ periods
        return float(weight @ np.exp(-np.outer(leaves, pace)) @ share)

    return surviving


def _strata(trait: Trait) -> tuple[Floats, Floats]:
    """Values of a trait and their weights, finest where it is least: there customers stay."""
    if not isinstance(trait, Distribution):
        return np.array([trait], dtype=np.float64), np.ones(1)
    edges = np.concatenate(
        [[0.0], 2.0 ** -np.arange(40.0, 1.0, -0.125), np.arange(0.5, 1.01, 0.02)]
    )
    middles, widths = (edges[1:] + edges[:-1]) / 2.0, np.diff(edges)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        frozen = distributions.frozen(trait.distribution, trait.parameters)
        return np.asarray(frozen.ppf(middles)), widths
