"""Traits by inversion: quantile tables and atoms against SciPy; copula; sign of keenness."""

import numba
import numpy as np
import pytest
import scipy.stats

from clvsim.engine.population import compile_population
from clvsim.errors import ClvsimError
from clvsim.kernels.plan import CELLS, OCTAVES
from clvsim.kernels.traits import (
    CHURN,
    KEENNESS,
    LIFT,
    SPEND,
    TRAIT_COUNT,
    TRAITS,
    correlate,
    fill_trait,
    from_table,
    quantile,
)
from clvsim.scenario.model import Segment
from clvsim.scenario.tables import continuous_table, normal_table
from tests import naive
from tests.statistics import FALSE_ALARM_RATE, assert_mean

DRAWS = 4_000 if numba.config.DISABLE_JIT else 40_000
POINTS = 500 if numba.config.DISABLE_JIT else 4_000

#: The error is measured at 0.14, 0.5 and 0.86 of a cell; the residual of a cubic through four even
#: nodes is 0.7 % larger at 0.127 and 0.873, where it peaks.
BETWEEN_PROBES = 1.01
#: A quantile that is zero at a node falls there as fast as the residual: the relative error tends
#: to x (x - 1/3) (x - 2/3) at x = 1, which is 2.54 times what it is at the last probe.
AT_ZERO = 2.55
ROUNDING = 1e-13

POSITIVE = [
    ("beta", {"a": 0.7, "b": 6.0}, True),
    ("beta", {"a": 0.7, "b": 6.0}, False),
    ("beta", {"a": 5.0, "b": 0.5}, True),
    ("uniform", {}, True),
    ("gamma", {"a": 0.3}, False),
    ("gamma", {"a": 4.0, "scale": 10.0}, False),
    ("lognorm", {"s": 1.5, "scale": 30.0}, False),
    ("weibull_min", {"c": 0.6}, False),
    ("triang", {"c": 0.3, "loc": 1.0, "scale": 4.0}, False),
    ("expon", {"scale": 7.0}, False),
    ("pareto", {"b": 2.5}, False),
    ("invgauss", {"mu": 0.5}, False),
    ("uniform", {"loc": -1.0, "scale": 3.0}, False),
    ("norm", {"loc": 10.0, "scale": 3.0}, False),
]
SYMMETRIC = [("t", {"df": 3.0}, False), ("norm", {}, False), ("laplace", {}, False)]
CASES = [(*case, BETWEEN_PROBES) for case in POSITIVE] + [(*case, AT_ZERO) for case in SYMMETRIC]

DISCRETE = [
    ("poisson", {"mu": 3.5}),
    ("poisson", {"mu": 400.0, "loc": -20.0}),
    ("binom", {"n": 12.0, "p": 0.3}),
    ("nbinom", {"n": 2.5, "p": 0.1}),
    ("bernoulli", {"p": 0.15}),
    ("geom", {"p": 0.6}),
    ("randint", {"low": -3.0, "high": 5.0}),
]


def exact_quantiles(name, parameters, *, rate):
    """Quantile functions of a lower and of an upper tail probability, by SciPy."""
    frozen = getattr(scipy.stats, name)(**parameters)

    def hazard(churn):
        return -np.log1p(-np.minimum(churn, 1.0 - 2.0**-53)) if rate else churn

    return (lambda tail: hazard(frozen.ppf(tail)), lambda tail: hazard(frozen.isf(tail)))


@pytest.mark.parametrize(("name", "parameters", "rate", "factor"), CASES)
def test_table_meets_its_stated_error_down_to_the_tails(name, parameters, rate, factor):
    table = continuous_table(name, tuple(sorted(parameters.items())), rate=rate)
    assert table.error < 0.01 if rate else table.error < 5e-6
    random = np.random.default_rng(1)
    tails = np.concatenate(
        [10.0 ** random.uniform(-15.0, np.log10(0.5), POINTS), random.uniform(1e-15, 0.5, POINTS)]
    )
    lower, upper = exact_quantiles(name, parameters, rate=rate)
    floor = 0.01 * float(np.abs(lower(np.array([0.01, 0.25, 0.5, 0.75, 0.99]))).max())
    for side, function in enumerate((lower, upper)):
        exact = function(tails)
        found = np.array([from_table(table.cubics, tail, side) for tail in tails])
        error = np.abs(found - exact) / np.maximum(np.abs(exact), floor)
        assert error.max() <= factor * table.error + ROUNDING


@pytest.mark.parametrize("rate", [True, False])
@pytest.mark.parametrize("name", ["beta", "johnsonsb"])
def test_a_distribution_of_almost_two_points_is_refused_with_its_error(name, rate):
    near = {"beta": {"a": 0.001, "b": 0.001}, "johnsonsb": {"a": 0.0, "b": 0.002}}[name]
    with pytest.raises(ClvsimError, match=r"missed by a factor of up to \d"):
        continuous_table(name, tuple(sorted(near.items())), rate=rate)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("beta", {"a": 0.02, "b": 0.02}),
        ("beta", {"a": 0.001, "b": 5.0}),
        ("gamma", {"a": 0.001, "scale": 10.0}),
    ],
)
def test_an_extreme_table_that_is_not_refused_has_the_right_mean(name, parameters):
    table = continuous_table(name, tuple(sorted(parameters.items())), rate=False)
    width = 2.0 ** (-np.arange(OCTAVES) - 2.0)[:, None] / CELLS
    per_cell = (table.cubics / np.arange(1.0, 5.0)).sum(axis=1).reshape(2, OCTAVES, CELLS)
    expected = getattr(scipy.stats, name)(**parameters).mean()
    assert (per_cell * width).sum() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("name", "parameters", "rate", "factor"), CASES)
def test_table_is_exact_at_nodes_and_goes_through_the_median(name, parameters, rate, factor):
    del factor
    table = continuous_table(name, tuple(sorted(parameters.items())), rate=rate)
    lower, upper = exact_quantiles(name, parameters, rate=rate)
    nodes = 2.0 ** -np.arange(1.0, 51.0)
    for side, function in enumerate((lower, upper)):
        found = [from_table(table.cubics, tail, side) for tail in nodes]
        np.testing.assert_allclose(found, function(nodes), rtol=1e-12, atol=1e-15)
    assert quantile(table.cubics, 0.5) == from_table(table.cubics, 0.5, 0)


@pytest.mark.parametrize(("name", "parameters", "rate", "factor"), CASES)
def test_table_agrees_with_its_naive_twin_and_never_falls(name, parameters, rate, factor):
    del factor
    table = continuous_table(name, tuple(sorted(parameters.items())), rate=rate)
    tails = np.geomspace(2.0**-54, 0.5, 300)
    uniforms = np.unique(np.concatenate([tails, 1.0 - tails, np.linspace(0.001, 0.999, 301)]))
    uniforms = uniforms[uniforms < 1.0]
    found = np.array([quantile(table.cubics, u) for u in uniforms])
    np.testing.assert_array_equal(found, [naive.quantile(table.cubics, u) for u in uniforms])
    slack = 2.0 * table.error * np.abs(found[1:]) + 1e-15
    assert (np.diff(found) >= -slack).all()


def population(**traits):
    """Compiled traits of one segment."""
    segment = Segment.model_validate({"churn": 0.1, "spend": 1.0} | traits)
    return compile_population({"a": segment}, ["a"]).traits


@pytest.mark.parametrize(("name", "parameters"), DISCRETE)
def test_discrete_traits_are_exact(name, parameters):
    traits = population(spend={"distribution": name} | parameters)
    frozen = getattr(scipy.stats, name)(**parameters)
    atoms = np.arange(frozen.ppf(1e-9), frozen.isf(1e-9) + 1.0)
    steps = frozen.cdf(atoms)
    random = np.random.default_rng(2).uniform(size=POINTS)
    u = np.concatenate([random, steps, np.nextafter(steps, 0.0), np.nextafter(steps, 1.0)])
    u = np.sort(np.append(u[(u > 0.0) & (u < 1.0)], [2.0**-54, 1.0 - 2.0**-53]))
    out = np.empty_like(u)
    fill_trait(traits, 0, SPEND, len(u), u, out)
    assert (out == np.round(out)).all()
    # The first value whose distribution function reaches u; 1e-16 of either tail is left out.
    inside = u < 1.0 - 1e-15
    assert (frozen.cdf(out)[inside] >= u[inside]).all()
    assert (frozen.cdf(out - 1.0)[u > 1e-15] < u[u > 1e-15]).all()


def test_discrete_churn_becomes_a_hazard():
    traits = population(churn={"distribution": "bernoulli", "p": 0.25})
    u, out = np.array([0.1, 0.75, 0.750001, 0.99]), np.empty(4)
    fill_trait(traits, 0, CHURN, 4, u, out)
    np.testing.assert_allclose(out, [0.0, 0.0, 53.0 * np.log(2.0), 53.0 * np.log(2.0)])


def test_constants():
    traits = population(churn=0.2, spend=17.0, lift=-0.5)
    u, out = np.array([0.3, 0.6]), np.empty(2)
    for trait, value in ((CHURN, -np.log1p(-0.2)), (SPEND, 17.0), (LIFT, -0.5)):
        fill_trait(traits, 0, trait, 2, u, out)
        np.testing.assert_array_equal(out, value)


def correlated(u, correlations):
    """Uniforms of the copula of some correlations."""
    entries = [{"between": list(pair), "value": value} for pair, value in correlations.items()]
    traits, out = population(correlations=entries), u.copy()
    correlate(traits, 0, u.shape[1], np.empty(TRAIT_COUNT), out)
    return out


CORRELATIONS = {
    ("churn", "keenness"): -0.5,
    ("churn", "spend"): -0.3,
    ("lift", "churn"): 0.6,
    ("keenness", "lift"): 0.1,
}


def test_normal_scores_have_the_stated_correlations():
    u = np.random.default_rng(3).uniform(size=(TRAIT_COUNT, DRAWS))
    out = correlated(u, CORRELATIONS)
    np.testing.assert_array_equal(out[KEENNESS], u[KEENNESS])
    scores = scipy.stats.norm.ppf(out)
    scores[KEENNESS] *= -1.0
    stated = {frozenset(pair): value for pair, value in CORRELATIONS.items()}
    for i in range(TRAIT_COUNT):
        assert scipy.stats.kstest(out[i], "uniform").pvalue > FALSE_ALARM_RATE
        for j in range(i):
            value = stated.get(frozenset((TRAITS[i], TRAITS[j])), 0.0)
            assert_mean(scores[i] * scores[j], None, value, fault=value + 0.3)


def test_copula_agrees_with_its_naive_twin():
    u = np.random.default_rng(4).uniform(size=(TRAIT_COUNT, 200))
    u[:, :3] = [[2.0**-54, 0.5, 1.0 - 2.0**-53]] * TRAIT_COUNT
    out = correlated(u, CORRELATIONS)
    matrix = np.eye(TRAIT_COUNT)
    for (one, other), value in CORRELATIONS.items():
        i, j = TRAITS.index(one), TRAITS.index(other)
        matrix[i, j] = matrix[j, i] = value
    lower = naive.cholesky(matrix.tolist())
    np.testing.assert_allclose(lower @ np.transpose(lower), matrix, atol=1e-15)
    normal = normal_table().cubics
    expected = np.transpose([naive.correlate(lower, normal, list(one)) for one in u.T])
    np.testing.assert_allclose(out, expected, rtol=1e-13)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_keen_have_what_correlates_with_keenness(sign):
    # A small quantile is keen: with everything else at the median, a positive correlation with
    # keenness gives the keen a high churn.
    u = np.full((TRAIT_COUNT, 3), 0.5)
    u[KEENNESS] = [0.01, 0.5, 0.99]
    churn = correlated(u, {("churn", "keenness"): 0.8 * sign})[CHURN]
    assert churn[1] == 0.5
    assert (np.sign(churn[[0, 2]] - 0.5) == [sign, -sign]).all()
    # Normal scores: 0.8 times those of keenness.
    np.testing.assert_allclose(
        scipy.stats.norm.ppf(churn[0]), sign * 0.8 * -scipy.stats.norm.ppf(0.01), rtol=1e-6
    )
