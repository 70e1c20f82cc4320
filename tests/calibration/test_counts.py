"""How often customers buy in a time: the published test of CDNOW, quadrature, drawn customers."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from clvsim.calibration.counts import count_chances
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.purchases import fit_bg_nbd, fit_pareto_nbd
from clvsim.calibration.transactions import expected_repeats
from clvsim.verification.cdnow import cohort
from tests import customers
from tests.statistics import assert_proportion

NAMES = {"bg/nbd": ("r", "alpha", "a", "b"), "pareto/nbd": ("r", "alpha", "s", "beta")}
PARAMETERS = {"bg/nbd": (0.8, 4.0, 0.7, 2.5), "pareto/nbd": (0.8, 6.0, 0.6, 11.0)}


def chances(model, parameters, times, most):
    named = dict(zip(NAMES[model], parameters, strict=True))
    return count_chances(model, named, np.atleast_1d(times), most)


@pytest.mark.parametrize(
    ("fit", "statistic", "p_value"), [(fit_bg_nbd, 4.82, 0.19), (fit_pareto_nbd, 11.99, 0.007)]
)
def test_cdnow_s_published_test(fit, statistic, p_value):
    """Fader, Hardie & Lee 2005: customers with 0 to 6 and with 7 or more, 3 degrees of freedom."""
    summary = cohort().summary
    fitted = fit(summary)
    ages, many = np.unique(summary.age, return_counts=True)
    expected = many @ count_chances(fitted.model, fitted.parameters, ages, 6)
    seen = np.bincount(np.minimum(summary.frequency, 7).astype(int))
    found = float(np.sum((seen - expected) ** 2 / expected))
    assert found == pytest.approx(statistic, abs=0.005)
    places = len(str(p_value)) - 2
    assert round(float(scipy.stats.chi2.sf(found, 3)), places) == p_value


@pytest.mark.parametrize("model", NAMES)
def test_rows_add_up_and_their_mean_is_the_expectation(model):
    times = np.array([0.0, 0.5, 7.0, 60.0])
    table = chances(model, PARAMETERS[model], times, 399)
    assert table.shape == (4, 401)
    assert table.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert table[0].tolist() == [1.0] + [0.0] * 400
    assert table[:, -1].max() < 1e-6
    named = dict(zip(NAMES[model], PARAMETERS[model], strict=True))
    expected = expected_repeats(Fitted(model, named, np.eye(4), 0.0, 1.0), times)
    assert table[:, :-1] @ np.arange(400) == pytest.approx(expected, rel=2e-4)


def naive(model, parameters, time, x):
    """The two integrals over what a customer is, one by one."""
    r, alpha, c, d = parameters
    mixed = scipy.stats.nbinom

    def bought(until, n):
        return mixed.pmf(n, r, alpha / (alpha + until))

    if model == "bg/nbd":
        dropout = scipy.stats.beta(c, d)
        more = 1.0 - sum(bought(time, n) for n in range(x))
        left = dropout.expect(lambda p: p * (1 - p) ** (x - 1)) * more if x else 0.0
        return dropout.expect(lambda p: (1 - p) ** x) * bought(time, x) + left
    stays = (d / (d + time)) ** c
    gone, _ = scipy.integrate.quad(
        lambda lost: c / (d + lost) * (d / (d + lost)) ** c * bought(lost, x), 0.0, time
    )
    return stays * bought(time, x) + gone


@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize("parameters", [(0.8, 6.0, 0.6, 11.0), (3.0, 2.0, 4.0, 9.0)])
def test_chances_are_the_integrals(model, parameters):
    found = chances(model, parameters, 20.0, 12)[0]
    for x in (0, 1, 2, 5, 12):
        assert found[x] == pytest.approx(naive(model, parameters, 20.0, x), rel=1e-7)


@pytest.mark.parametrize("model", NAMES)
def test_customers_who_hardly_differ(model):
    """All buy once a week; nobody leaves: a Poisson distribution."""
    found = chances(model, (1e6, 1e6, 1e-6, 1e6), 30.0, 60)[0]
    expected = scipy.stats.poisson(30.0).pmf(np.arange(61))
    assert found[:-1] == pytest.approx(expected, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(
    ("model", "draw"), [("bg/nbd", customers.bg_nbd), ("pareto/nbd", customers.pareto_nbd)]
)
def test_chances_are_shares_of_drawn_customers(model, draw):
    size = 40_000
    drawn = draw(np.random.default_rng(11), PARAMETERS[model], np.full(size, 25.0))
    found = chances(model, PARAMETERS[model], 25.0, 4)[0]
    for x, chance in enumerate(found.tolist()):
        count = int(np.sum(drawn.frequency == x) if x < 5 else np.sum(drawn.frequency > 4))
        assert_proportion(count, size, chance, fault=1.3 * chance)


def test_more_counts_or_fewer_say_the_same():
    for model, parameters in PARAMETERS.items():
        whole, part = (chances(model, parameters, [3.0, 40.0], most) for most in (30, 4))
        assert part[:, :5] == pytest.approx(whole[:, :5], rel=1e-12)
        assert part[:, 5] == pytest.approx(whole[:, 5:].sum(axis=1), rel=1e-9)
        assert math.isclose(part.sum(), 2.0)
