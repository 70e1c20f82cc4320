"""Traits of the scenario's groups: segments' distributions as tables, correlations as factors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvsim.kernels.plan import Traits
from clvsim.kernels.traits import (
    BASKET,
    CHURN,
    CONSTANT,
    CONTINUOUS,
    DISCRETE,
    LIFT,
    PURCHASES,
    SPECS,
    SPEND,
    TRAITS,
)
from clvsim.scenario import distributions
from clvsim.scenario.model import (
    AnySegment,
    BgBbSegment,
    BgNbdSegment,
    BuyerSegment,
    Distribution,
    ParetoNbdSegment,
    RetentionTable,
    Segment,
    StatesSegment,
)
from clvsim.scenario.retention import RetentionFit, fit_retention
from clvsim.scenario.tables import (
    continuous_table,
    discrete_atoms,
    normal_table,
    to_rate,
)

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
        Expected spend by segment, currency per period (or per purchase); of
        states, the factor of their margins.
    mean_purchases : dict of str to float
        Expected purchases per period while a customer, of those segments that buy now and then.
    quantile_error : float
        Largest relative error of the quantile tables between their nodes.
    """

    traits: Traits
    fits: dict[str, RetentionFit]
    mean_spend: dict[str, float]
    mean_purchases: dict[str, float]
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


def compile_population(segments: Mapping[str, AnySegment], groups: list[str]) -> Population:
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
    mean_purchases: dict[str, float] = {}
    for name, segment in segments.items():
        spec = np.zeros((SPECS, 3))
        if isinstance(segment, Segment):
            churn = segment.churn
            if isinstance(churn, RetentionTable):
                churn, fits[name] = fitted_churn(churn)
            spec[CHURN] = builder.spec(churn, rate=True)
            spec[SPEND] = builder.spec(segment.spend, rate=False)
            mean_spend[name] = mean_of(segment.spend)
        elif isinstance(segment, BuyerSegment):
            mean_spend[name] = mean_of(segment.spend)
            mean_purchases[name] = _buyer_specs(builder, segment, spec)
        elif isinstance(segment, StatesSegment):
            spec[SPEND] = builder.spec(segment.spend, rate=False)
            mean_spend[name] = mean_of(segment.spend)
        spec[LIFT] = builder.spec(segment.lift, rate=False)
        by_segment[name] = spec
        factors[name] = cholesky_factor(segment)
    return Population(
        traits=builder.traits(
            np.stack([by_segment[name] for name in groups]),
            np.stack([factors[name] for name in groups]),
        ),
        fits=fits,
        mean_spend=mean_spend,
        mean_purchases=mean_purchases,
        quantile_error=builder.error,
    )


def _buyer_specs(builder: _Builder, segment: BuyerSegment, spec: Floats) -> float:
    """Write the traits of a segment that buys now and then; its mean purchases per period."""
    spec[SPEND] = builder.spec(segment.spend, rate=False)
    spec[BASKET] = builder.spec(1.0, rate=False)
    if segment.spend_shape is not None:
        shape = segment.spend_shape
        basket = Distribution.model_validate(
            {"distribution": "gamma", "a": shape, "scale": 1.0 / shape}
        )
        spec[BASKET] = builder.spec(basket, rate=False)
    if isinstance(segment, BgBbSegment):
        spec[CHURN] = builder.spec(dropout(segment), rate=True)
        spec[PURCHASES] = builder.spec(segment.purchase_probability, rate=True)
        return mean_of(segment.purchase_probability)
    if isinstance(segment, ParetoNbdSegment):
        spec[CHURN] = builder.spec(segment.death_rate, rate=False)
        spec[PURCHASES] = builder.spec(segment.purchase_rate, rate=False)
        return mean_of(segment.purchase_rate)
    if isinstance(segment, BgNbdSegment):
        spec[CHURN] = builder.spec(dropout(segment), rate=True)
        spec[PURCHASES] = builder.spec(segment.purchase_rate, rate=False)
        return mean_of(segment.purchase_rate)
    raise TypeError(segment)


def dropout(segment: BgNbdSegment | BgBbSegment) -> float | Distribution:
    """Probability of leaving; retention tables were refused with the segment."""
    if isinstance(segment.churn, RetentionTable):
        raise TypeError(segment.churn)
    return segment.churn


def mean_of(trait: float | Distribution) -> float:
    """Expected value of a trait."""
    if isinstance(trait, Distribution):
        return distributions.mean(trait.distribution, trait.parameters)
    return float(trait)


def correlation_matrix(segment: AnySegment) -> Floats:
    """Correlations of the normal scores, order of ``TRAITS``, ``(trait, trait)``."""
    matrix = np.eye(len(TRAITS))
    for correlation in segment.correlations:
        i, j = (TRAITS.index(name) for name in correlation.between)
        matrix[i, j] = matrix[j, i] = correlation.value
    return matrix


def cholesky_factor(segment: AnySegment) -> Floats:
    """Lower factor of the correlations; zeros where nothing is correlated."""
    if all(correlation.value == 0.0 for correlation in segment.correlations):
        return np.zeros((len(TRAITS), len(TRAITS)))
    return np.asarray(np.linalg.cholesky(correlation_matrix(segment)), dtype=np.float64)
