"""Purchase models: printed figures, quadrature, and customers drawn from them."""

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from clvsim.reference import BgBb, BgNbd, GammaGamma, ParetoNbd
from clvsim.reference import bg_nbd as bg_nbd_code
from clvsim.reference import pareto_nbd as pareto_nbd_code
from tests import customers
from tests.statistics import assert_mean, assert_proportion

CDNOW_BG_NBD = BgNbd(0.243, 4.414, 0.793, 2.426)
CDNOW_PARETO_NBD = ParetoNbd(0.553, 10.578, 0.606, 11.669)
DONORS = BgBb(1.204, 0.750, 0.657, 2.783)
SIZE = 200_000


def printed(digits: int) -> float:
    """Half a unit of the last printed digit."""
    return 0.5 * 10.0**-digits


def test_bg_nbd_expectations_as_printed():
    weeks = np.array([1 / 7, 1.0, 3.0, 223 / 7, 32.0])
    published = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437]
    # The spreadsheet that prints these has the parameters with all their digits.
    expected = BgNbd(0.242595, 4.413602, 0.792922, 2.425907).expected_purchases(weeks)
    np.testing.assert_allclose(expected, published, rtol=0.0, atol=printed(4))
    later = CDNOW_BG_NBD.conditional_purchases(39.0, 2.0, 30.43, 38.86)
    assert later == pytest.approx(1.226, abs=printed(3))


def test_bg_nbd_probabilities_as_printed():
    assert CDNOW_BG_NBD.probability(0, 39.0) == pytest.approx(0.5737864, abs=printed(7))
    assert CDNOW_BG_NBD.probability(10, 2.0) == pytest.approx(1.07869e-07, abs=printed(12))
    several = CDNOW_BG_NBD.probability(np.arange(11, 14), 30.0)
    np.testing.assert_allclose(
        several, [0.0019995214, 0.0015170236, 0.0011633150], rtol=0.0, atol=printed(10)
    )


def test_pareto_nbd_expectations_as_printed():
    at = ParetoNbd(0.553, 10.58, 0.606, 11.656)
    assert at.expected_purchases(52.0) == pytest.approx(1.472160, abs=printed(6))
    later = CDNOW_PARETO_NBD.conditional_purchases(52.0, 26.0, 30.86, 31.0)
    assert later == pytest.approx(25.46, abs=printed(2))


def test_bg_bb_chances_as_printed():
    alive = DONORS.alive([0.0, 2.0, 6.0], [0.0, 4.0, 6.0], 6.0)
    np.testing.assert_allclose(alive, [0.11, 0.59, 0.93], rtol=0.0, atol=printed(2))


def test_gamma_gamma_expectations_as_printed():
    model = GammaGamma(6.25, 3.74, 15.44)
    assert model.expected_value(2.0, 22.35) == pytest.approx(24.663714, abs=printed(6))
    # The spreadsheet that prints this has the parameters with all their digits.
    assert GammaGamma(6.249572, 3.744225, 15.443521).mean() == pytest.approx(35.17, abs=printed(2))
    assert model.expected_value(0.0, math.nan) == pytest.approx(model.mean(), rel=1e-14)
    assert model.expected_value(1e9, 22.35) == pytest.approx(22.35, rel=1e-7)
    assert GammaGamma(6.25, 0.9, 15.44).mean() == math.inf


@pytest.mark.parametrize("model", [CDNOW_BG_NBD, CDNOW_PARETO_NBD, ParetoNbd(0.6, 4.0, 1.3, 9.0)])
def test_probabilities_add_up_and_have_the_expectation_as_mean(model: BgNbd | ParetoNbd):
    counts = np.arange(600)
    chances = model.probability(counts, 20.0)
    assert np.all(chances >= 0.0)
    assert math.fsum(chances) == pytest.approx(1.0, abs=1e-10)
    mean = float(chances @ counts)
    assert mean == pytest.approx(float(model.expected_purchases(20.0)), rel=1e-9)


def integrated_bg_nbd(time: float, r: float, alpha: float, a: float, b: float) -> float:
    """E[X(t)] as ``E_p[{1 - (α/(α + pt))^r}/p]``, over the log-odds of p."""

    def inside(odds: float) -> float:
        log_p, log_q = -np.logaddexp(0.0, -odds), -np.logaddexp(0.0, odds)
        density = np.exp(a * log_p + b * log_q - scipy.special.betaln(a, b))
        p = math.exp(log_p)
        return float(density * -np.expm1(-r * np.log1p(p * time / alpha)) / p)

    edges = np.linspace(-120.0, 180.0, 101)
    parts = itertools.pairwise(edges)
    return math.fsum(scipy.integrate.quad(inside, *part, epsabs=0.0)[0] for part in parts)


@pytest.mark.parametrize(
    ("time", "r", "alpha", "a", "b"),
    [
        (39.0, 0.243, 4.414, 0.793, 2.426),
        (78.0, 0.242595, 4.413602, 0.792922, 2.425907),
        (39.0, 0.8, 4.0, 1.0, 2.5),
        (39.0, 0.8, 4.0, 1.0 + 1e-7, 2.5),
        (52.0, 0.8, 4.0, 0.4, 0.6),
        (52.0, 0.8, 4.0, 0.3, 0.2),
        (10.0, 1000.5, 40.0, 0.7, 1002.0),
        (500.0, 60.0, 3.0, 2.5, 61.0),
    ],
)
def test_bg_nbd_expectation_against_quadrature(time, r, alpha, a, b):
    # The last two are customers with many purchases, where the printed ₂F₁ overflows.
    expected = float(BgNbd(r, alpha, a, b).expected_purchases(time))
    assert expected == pytest.approx(integrated_bg_nbd(time, r, alpha, a, b), rel=1e-8)


def test_bg_nbd_expectation_has_no_step_where_its_form_changes():
    edge = 1.0 + bg_nbd_code._NEAR
    below, above = (
        float(BgNbd(0.8, 4.0, a, 2.5).expected_purchases(39.0)) for a in (edge - 1e-9, edge + 1e-9)
    )
    assert below == pytest.approx(above, rel=1e-8)


def pareto_nbd_by_grid(model: ParetoNbd, x: float, last: float, until: float, ahead: float):
    """P(alive), E[Y(t)] and P(this history) by trapezoids over log λ and log μ."""
    rate, leaving = np.exp(np.linspace(-40.0, 8.0, 901)), np.exp(np.linspace(-40.0, 8.0, 901))
    prior = []
    for value, shape, scale in ((rate, model.r, model.alpha), (leaving, model.s, model.beta)):
        log = shape * np.log(value * scale) - scale * value - math.lgamma(shape)
        prior.append(np.exp(log) * 48.0 / 900)
    bought = prior[0] * rate**x
    both = rate[:, None] + leaving[None, :]
    alive = bought[:, None] * prior[1] * np.exp(-both * until)
    gone = bought[:, None] * prior[1] * leaving / both
    gone *= np.exp(-both * last) - np.exp(-both * until)
    history = alive.sum() + gone.sum()
    rest = -np.expm1(-leaving * ahead) / leaving
    later = (alive * rate[:, None] * rest).sum() / history
    return alive.sum() / history, later, history


@pytest.mark.parametrize("alpha", [3.0, 11.669, 40.0])
@pytest.mark.parametrize(
    ("x", "last", "until"), [(0.0, 0.0, 39.0), (1.0, 2.0, 30.0), (7.0, 35.0, 38.0)]
)
def test_pareto_nbd_chances_against_quadrature(alpha, x, last, until):
    model = ParetoNbd(0.9, alpha, 0.8, 11.669)
    alive, later, _ = pareto_nbd_by_grid(model, x, last, until, 39.0)
    assert float(model.alive(x, last, until)) == pytest.approx(alive, rel=1e-7)
    found = float(model.conditional_purchases(39.0, x, last, until))
    assert found == pytest.approx(later, rel=1e-7)


@pytest.mark.parametrize("alpha", [3.0, 40.0])
def test_pareto_nbd_stays_finite_for_many_purchases(alpha):
    model = ParetoNbd(0.9, alpha, 0.8, 11.669)
    counts = np.array([0.0, 1.0, 1e2, 1e4, 1e6])
    recent = model.alive(counts, np.where(counts > 0.0, 39.0, 0.0), 39.0)
    assert np.all((recent > 0.0) & (recent <= 1.0))
    np.testing.assert_allclose(recent[1:], 1.0, rtol=1e-9)
    old = model.alive(counts, np.where(counts > 0.0, 2.0, 0.0), 39.0)
    assert np.all(np.isfinite(old))
    assert old[-1] == 0.0


def test_bg_nbd_stays_finite_for_many_purchases():
    counts = np.array([1.0, 1e2, 1e4, 1e6])
    with np.errstate(all="raise", under="ignore"):
        recent = CDNOW_BG_NBD.conditional_purchases(39.0, counts, 39.0, 39.0)
        old = CDNOW_BG_NBD.alive(counts, 2.0, 39.0)
    assert np.all(np.isfinite(recent))
    assert np.all(np.diff(recent) > 0.0)
    assert old[-1] == 0.0


def test_pareto_nbd_expectation_at_one_is_the_limit():
    at, near = ParetoNbd(0.5, 10.0, 1.0, 12.0), ParetoNbd(0.5, 10.0, 1.0 + 1e-9, 12.0)
    expected = float(at.expected_purchases(52.0))
    assert expected == pytest.approx(0.5 * 12.0 / 10.0 * math.log1p(52.0 / 12.0), rel=1e-13)
    assert expected == pytest.approx(float(near.expected_purchases(52.0)), rel=1e-8)


@pytest.mark.parametrize("model", [CDNOW_PARETO_NBD, ParetoNbd(0.5, 10.0, 2.0, 12.0)])
def test_pareto_nbd_discounted_purchases_are_the_integral(model: ParetoNbd):
    discount = math.log(1.15) / 52.0
    history = (7.0, 35.0, 38.86)
    found = float(model.discounted_purchases(discount, *history))

    def coming(time: float) -> float:
        step = 1e-4 * (1.0 + time)
        before, after = (
            float(model.conditional_purchases(at, *history)) for at in (time - step, time + step)
        )
        return (after - before) / (2.0 * step) * math.exp(-discount * time)

    parts = itertools.pairwise((1e-3, 50.0, 500.0, 2000.0, 6000.0))
    total = math.fsum(scipy.integrate.quad(coming, *part)[0] for part in parts)
    assert found == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("s", [0.05, 0.606, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("z", [1e-6, 1e-2, 1.0, 30.0])
def test_tricomi_function_against_adaptive_quadrature(s: float, z: float):
    edges = np.linspace(0.0, math.log1p(745.0 / z), 41)

    def inside(step: float) -> float:
        return math.exp((1.0 - s) * step - z * math.expm1(step))

    expected = math.fsum(
        scipy.integrate.quad(inside, *part, epsabs=0.0)[0] for part in itertools.pairwise(edges)
    )
    assert float(pareto_nbd_code._tricomi(s, np.asarray(z))) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("gamma", [0.657, 1.0, 1.0 + 5e-5, 1.0 + 2e-4, 3.0])
def test_bg_bb_expectation_is_the_sum_of_chances(gamma: float):
    model = BgBb(1.204, 0.750, gamma, 2.783)
    betaln = scipy.special.betaln
    there = [math.exp(betaln(gamma, 2.783 + n) - betaln(gamma, 2.783)) for n in range(1, 13)]
    expected = 1.204 / (1.204 + 0.750) * math.fsum(there)
    # The printed form divides a difference by gamma - 1, here as little as 1e-4.
    assert float(model.expected_purchases(12)) == pytest.approx(expected, rel=1e-10)


def test_bg_bb_likelihood_of_all_histories_is_one():
    total = DONORS.likelihood(0.0, 0.0, 5.0)
    for last in range(1, 6):
        for x in range(1, last + 1):
            total += math.comb(last - 1, x - 1) * DONORS.likelihood(x, last, 5.0)
    assert float(total) == pytest.approx(1.0, rel=1e-12)


def test_bg_bb_knows_who_is_there_where_a_history_hardly_has_a_chance():
    # A purchase probability of 1/2, surely: 2^-2000 is no number, what follows from it is one.
    model = BgBb(1e12, 1e12, 1.0, 1.0)
    assert float(model.likelihood(1000.0, 2000.0, 2000.0)) == 0.0
    assert float(model.alive(1000.0, 2000.0, 2000.0)) == pytest.approx(2001.0 / 2002.0)


def test_bg_bb_discounted_purchases_are_the_sum():
    history = (3.0, 5.0, 6.0)
    ahead = np.arange(4001)
    steps = np.diff(DONORS.conditional_purchases(ahead, *history))
    total = float(steps @ 1.1 ** -ahead[1:])
    found = float(DONORS.discounted_purchases(0.1, *history))
    assert found == pytest.approx(total, rel=1e-11)


def check_customers(model, seen: customers.Purchases, ahead: float):
    """Chances and expectations of customers against what befell them, and by history."""
    history = (seen.frequency, seen.recency, seen.age)
    chance = model.alive(*history)
    later = model.conditional_purchases(ahead, *history)
    for part in (np.ones(seen.age.size), seen.frequency > 0.0, seen.frequency > 3.0):
        assert_mean((seen.alive - chance) * part, None, 0.0, fault=0.02)
        assert_mean((seen.later - later) * part, None, 0.0, fault=0.05)


def test_bg_nbd_against_customers():
    model = BgNbd(0.9, 4.0, 0.8, 2.5)
    age = np.random.default_rng(1).uniform(10.0, 30.0, SIZE)
    parameters = (model.r, model.alpha, model.a, model.b)
    seen = customers.bg_nbd(np.random.default_rng(2), parameters, age, 20.0)
    check_customers(model, seen, 20.0)
    assert_mean(seen.frequency - model.expected_purchases(age), None, 0.0, fault=0.1)
    first = customers.bg_nbd(np.random.default_rng(3), parameters, np.full(SIZE, 12.0))
    for count in (0, 1, 5):
        chance = float(model.probability(count, 12.0))
        assert_proportion(int(np.sum(first.frequency == count)), SIZE, chance)


def test_pareto_nbd_against_customers():
    model = ParetoNbd(0.9, 4.0, 0.8, 9.0)
    age = np.random.default_rng(4).uniform(10.0, 30.0, SIZE)
    parameters = (model.r, model.alpha, model.s, model.beta)
    seen = customers.pareto_nbd(np.random.default_rng(5), parameters, age, 20.0)
    check_customers(model, seen, 20.0)
    assert_mean(seen.frequency - model.expected_purchases(age), None, 0.0, fault=0.1)
    first = customers.pareto_nbd(np.random.default_rng(6), parameters, np.full(SIZE, 12.0))
    for count in (0, 1, 5):
        chance = float(model.probability(count, 12.0))
        assert_proportion(int(np.sum(first.frequency == count)), SIZE, chance)


def test_bg_bb_against_customers():
    opportunities = np.random.default_rng(7).integers(4, 9, SIZE).astype(np.float64)
    parameters = (DONORS.alpha, DONORS.beta, DONORS.gamma, DONORS.delta)
    seen = customers.bg_bb(np.random.default_rng(8), parameters, opportunities, 5)
    check_customers(DONORS, seen, 5)
    expected = DONORS.expected_purchases(opportunities)
    assert_mean(seen.frequency - expected, None, 0.0, fault=0.1)


def test_gamma_gamma_against_customers():
    model = GammaGamma(6.0, 4.5, 15.0)
    generator = np.random.default_rng(9)
    frequency = generator.poisson(2.0, SIZE).astype(np.float64)
    value, own = customers.gamma_gamma(generator, (6.0, 4.5, 15.0), frequency)
    expected = model.expected_value(frequency, value)
    for part in (np.ones(SIZE), frequency == 0.0, (frequency > 2.0) & (value > model.mean())):
        assert_mean((own - expected) * part, None, 0.0, fault=1.0)


def test_gamma_gamma_variances_are_those_of_its_integrals():
    model = GammaGamma(6.25, 3.74, 15.44)
    rates = scipy.stats.gamma(model.q, scale=1.0 / model.gamma)
    second, _ = scipy.integrate.quad(
        lambda rate: model.p * (model.p + 1.0) / rate**2 * rates.pdf(rate), 0.0, np.inf
    )
    assert model.variance() == pytest.approx(second - model.mean() ** 2, rel=1e-7)
    means, _ = scipy.integrate.quad(
        lambda rate: (model.p / rate) ** 2 * rates.pdf(rate), 0.0, np.inf
    )
    assert model.variance_of_means() == pytest.approx(means - model.mean() ** 2, rel=1e-7)
    amounts = scipy.stats.loggamma(model.p).var() + scipy.stats.loggamma(model.q).var()
    assert model.log_variance() == pytest.approx(amounts, rel=1e-7)
    assert GammaGamma(6.0, 2.0, 15.0).variance() == math.inf


@pytest.mark.parametrize(("x", "low", "high"), [(1, 0.0, 5.0), (2, 20.0, 25.0), (5, 60.0, 300.0)])
def test_gamma_gamma_expectation_within_bounds_is_that_of_each_mean(x, low, high):
    model = GammaGamma(6.25, 3.74, 15.44)
    # The sum of x purchases is beta prime, in units of gamma.
    sums = scipy.stats.betaprime(model.p * x, model.q, scale=model.gamma)

    def within(weigh):
        return scipy.integrate.quad(
            lambda total: weigh(total) * sums.pdf(total), x * low, x * high
        )[0]

    expected = within(lambda total: float(model.expected_value(x, total / x)))
    assert model.expected_value_within(x, low, high) == pytest.approx(
        expected / within(lambda _: 1.0), rel=1e-7
    )
    narrow = model.expected_value_within(2, 22.35 - 1e-4, 22.35 + 1e-4)
    assert narrow == pytest.approx(24.663714, abs=printed(6))
