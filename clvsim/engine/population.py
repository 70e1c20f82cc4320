"""Traits of the scenario's groups: segments' distributions as tables, correlations as factors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.tables import (
    continuous_table,
    discrete_atoms,
    normal_table,
    to_rate,
)
from clvsim.kernels.plan import Traits
from clvsim.kernels.traits import (
    CHURN,
    CONSTANT,
    CONTINUOUS,
    DISCRETE,
    LIFT,
    SPEND,
    TRAIT_COUNT,
    TRAITS,
)
from clvsim.scenario import distributions
from clvsim.scenario.model import Distribution, RetentionTable, Segment
from clvsim.scenario.retention import RetentionFit, fit_retention

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Compiled traits.

    Attributes
    ----------
    traits : Traits
    fits : dict of str to RetentionFit
        Fits of the segments whose churn is a retention table.
    mean_spend : dict of str to float
        Expected spend by segment, currency per period.
    quantile_error : float
        Largest relative error of the quantile tables between their nodes.
    """

    traits: Traits
    fits: dict[str, RetentionFit]
    mean_spend: dict[str, float]
    quantile_error: float


def fitted_churn(table: RetentionTable) -> tuple[float | Distribution, RetentionFit]:
    """Churn of a retention table: a beta distribution, or a constant where there is no spread."""
    fit = fit_retention(table.survivors)
    if fit.alpha is None or fit.beta is None:
        return fit.churn, fit
    return Distribution(distribution="beta", a=fit.alpha, b=fit.beta), fit


class _Builder:
    """Collects tables and atoms while groups are compiled."""

    def __init__(self) -> None:
        normal = normal_table()
        self.cubics: list[Floats] = [normal.cubics]
        self.index: dict[tuple[object, ...], int] = {}
        self.bounds: list[int] = [0]
        self.atoms: list[Floats] = []
        self.error = normal.error

    def spec(self, trait: float | Distribution, *, rate: bool) -> tuple[float, float, float]:
        """Kind, constant and row of one trait."""
        if not isinstance(trait, Distribution):
            value = float(to_rate(np.array([trait]))[0]) if rate else float(trait)
            return CONSTANT, value, 0
        name, parameters = trait.distribution, tuple(sorted(trait.parameters.items()))
        key = (name, parameters, rate)
        continuous = distributions.is_continuous(name)
        if key not in self.index:
            if continuous:
                table = continuous_table(name, parameters, rate=rate)
                self.index[key] = len(self.cubics)
                self.cubics.append(table.cubics)
                self.error = max(self.error, table.error)
            else:
                values, cumulated = discrete_atoms(name, parameters)
                self.index[key] = len(self.bounds) - 1
                self.atoms.append(np.stack([to_rate(values) if rate else values, cumulated]))
                self.bounds.append(self.bounds[-1] + len(values))
        return (CONTINUOUS if continuous else DISCRETE), 0.0, self.index[key]

    def traits(self, spec: Floats, cholesky: Floats) -> Traits:
        """All groups' traits."""
        return Traits(
            spec=spec,
            cubics=np.stack(self.cubics),
            bounds=np.array(self.bounds, dtype=np.int64),
            atoms=np.concatenate(self.atoms, axis=1) if self.atoms else np.zeros((2, 0)),
            cholesky=cholesky,
        )


def compile_population(segments: dict[str, Segment], groups: list[str]) -> Population:
    """Traits of groups, given the segment of each.

    Parameters
    ----------
    segments : dict of str to Segment
    groups : list of str
        Segment of each group.
    """
    builder = _Builder()
    fits: dict[str, RetentionFit] = {}
    by_segment: dict[str, Floats] = {}
    factors: dict[str, Floats] = {}
    mean_spend: dict[str, float] = {}
    for name, segment in segments.items():
        churn = segment.churn
        if isinstance(churn, RetentionTable):
            churn, fits[name] = fitted_churn(churn)
        spec = np.zeros((TRAIT_COUNT, 3))
        spec[CHURN] = builder.spec(churn, rate=True)
        spec[SPEND] = builder.spec(segment.spend, rate=False)
        spec[LIFT] = builder.spec(segment.lift, rate=False)
        by_segment[name] = spec
        factors[name] = cholesky_factor(segment)
        mean_spend[name] = mean_of(segment.spend)
    return Population(
        traits=builder.traits(
            np.stack([by_segment[name] for name in groups]),
            np.stack([factors[name] for name in groups]),
        ),
        fits=fits,
        mean_spend=mean_spend,
        quantile_error=builder.error,
    )


def mean_of(trait: float | Distribution) -> float:
    """Expected value of a trait."""
    if isinstance(trait, Distribution):
        return distributions.mean(trait.distribution, trait.parameters)
    return float(trait)


def correlation_matrix(segment: Segment) -> Floats:
    """Correlations of the normal scores, order of ``TRAITS``, ``(trait, trait)``."""
    matrix = np.eye(TRAIT_COUNT)
    for correlation in segment.correlations:
        i, j = (TRAITS.index(name) for name in correlation.between)
        matrix[i, j] = matrix[j, i] = correlation.value
    return matrix


def cholesky_factor(segment: Segment) -> Floats:
    """Lower factor of the correlations; zeros where nothing is correlated."""
    if all(correlation.value == 0.0 for correlation in segment.correlations):
        return np.zeros((TRAIT_COUNT, TRAIT_COUNT))
    return np.asarray(np.linalg.cholesky(correlation_matrix(segment)), dtype=np.float64)
