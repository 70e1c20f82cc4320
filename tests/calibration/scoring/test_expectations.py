"""Expected purchases, chances of being alive and values of contracts, against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from clvsim.calibration.scoring.contract import Contract, quantile
from clvsim.calibration.scoring.outlook import Outlook, by_age
from clvsim.calibration.scoring.purchase import BgNbd, History, ParetoNbd
from clvsim.calibration.scoring.quadrature import beta_points, time_steps
from clvsim.calibration.scoring.value import GammaGamma, SameValue
from clvsim.reference import BgNbd as BgNbdReference
from clvsim.reference import GammaGamma as GammaGammaReference
from clvsim.reference import ParetoNbd as ParetoNbdReference
from clvsim.reference import constant_churn_value, sbg_derl

CDNOW_BG = (0.243, 4.414, 0.793, 2.426)
CDNOW_PARETO = (0.553, 10.578, 0.606, 11.669)
WEEKLY = 1.1 ** (7.0 / 365.25) - 1.0
SEEDS = np.random.SeedSequence(20_260_711).spawn(4)


def histories(seed, size=400, longest=200.0):
    random = np.random.default_rng(seed)
    age = random.uniform(0.5, longest, size)
    frequency = random.poisson(random.gamma(0.3, 20.0, size)).astype(float)
    recency = np.where(
        frequency > 0, age * random.random(size) ** (1 / np.maximum(frequency, 1)), 0
    )
    return History(frequency, recency, age)


def columns(history):
    return history.frequency, history.recency, history.age


def discounted(reference, history, horizon, force):
    """Discounted purchases ahead by parts from the closed form of the undiscounted ones."""

    def later(time, *row):
        return float(reference.conditional_purchases(time, *row))

    found = []
    for row in zip(*columns(history), strict=True):
        inner = integrate.quad(
            lambda t, row=row: math.exp(-force * t) * later(t, *row),
            0.0, horizon, epsrel=1e-11, limit=200,
        )[0]  # fmt: skip
        found.append(math.exp(-force * horizon) * later(horizon, *row) + force * inner)
    return np.array(found)


# BG/NBD


@pytest.mark.parametrize("parameters", [CDNOW_BG, (2.0, 30.0, 1.0, 4.0), (5.0, 8.0, 3.0, 1.5)])
def test_bg_nbd_agrees_with_the_closed_forms(parameters):
    model, reference = BgNbd(*parameters), BgNbdReference(*parameters)
    history = histories(SEEDS[0])
    alive = model.alive(history)
    np.testing.assert_allclose(alive, reference.alive(*columns(history)), rtol=1e-12)
    for horizon in (0.1, 12.0, 520.0):
        purchases, same = model.ahead(history, Outlook(horizon))
        expected = reference.conditional_purchases(horizon, *columns(history))
        np.testing.assert_allclose(alive * purchases, expected, rtol=1e-8)
        np.testing.assert_array_equal(purchases, same)


def test_bg_nbd_discounts_as_its_purchases_come():
    model, reference = BgNbd(*CDNOW_BG), BgNbdReference(*CDNOW_BG)
    history = histories(SEEDS[1], 12)
    force = math.log1p(WEEKLY)
    found = model.alive(history) * model.ahead(history, Outlook(52.0, WEEKLY))[1]
    np.testing.assert_allclose(found, discounted(reference, history, 52.0, force), rtol=1e-8)


def test_bg_nbd_without_a_horizon_is_the_limit_of_long_ones():
    model, history = BgNbd(0.5, 6.0, 1.7, 2.0), histories(SEEDS[2], 60)
    purchases, worth = model.ahead(history, Outlook(math.inf, WEEKLY))
    np.testing.assert_allclose(purchases, 1.0 + (2.0 + history.frequency) / 0.7)
    long = model.ahead(history, Outlook(25_000.0, WEEKLY))[1]
    np.testing.assert_allclose(worth, long, rtol=1e-9)
    assert np.isinf(BgNbd(*CDNOW_BG).ahead(history, Outlook(math.inf, WEEKLY))[0]).all()


def test_the_stated_error_holds_where_dropout_is_nearly_yes_or_no():
    history = History(*(np.array(one) for one in ((0.0, 3.0), (0.0, 40.0), (10.0, 50.0))))
    for shape, error in ((0.5, 1e-10), (0.2, 1e-7), (0.1, 1e-4)):
        model, reference = BgNbd(1.0, 10.0, shape, shape), BgNbdReference(1.0, 10.0, shape, shape)
        found = model.alive(history) * model.ahead(history, Outlook(52.0))[0]
        expected = reference.conditional_purchases(52.0, *columns(history))
        np.testing.assert_allclose(found, expected, rtol=error)


# Pareto/NBD


@pytest.mark.parametrize(
    "parameters", [CDNOW_PARETO, (2.0, 5.0, 1.0, 40.0), (0.5, 20.0, 2.5, 3.0), (1.0, 9.0, 0.7, 9.0)]
)
def test_pareto_nbd_agrees_with_the_closed_forms(parameters):
    model, reference = ParetoNbd(*parameters), ParetoNbdReference(*parameters)
    history = histories(SEEDS[0])
    alive = model.alive(history)
    np.testing.assert_allclose(alive, reference.alive(*columns(history)), atol=1e-11)
    there = alive > 1e-6
    for horizon in (0.1, 52.0, 520.0):
        found = alive * model.ahead(history, Outlook(horizon))[0]
        expected = reference.conditional_purchases(horizon, *columns(history))
        np.testing.assert_allclose(found[there], expected[there], rtol=1e-8)
    found = alive * model.ahead(history, Outlook(math.inf, WEEKLY))[1]
    expected = reference.discounted_purchases(math.log1p(WEEKLY), *columns(history))
    np.testing.assert_allclose(found[there], expected[there], rtol=1e-8)


def test_pareto_nbd_knows_when_its_mean_is_infinite():
    history = histories(SEEDS[1], 5)
    finite, infinite = ParetoNbd(1.0, 5.0, 2.0, 7.0), ParetoNbd(1.0, 5.0, 1.0, 7.0)
    expected = (1.0 + history.frequency) / (5.0 + history.age) * (7.0 + history.age)
    np.testing.assert_allclose(finite.ahead(history, Outlook())[0], expected)
    assert np.isinf(infinite.ahead(history, Outlook())[0]).all()


# What must hold for any customer

numbers = st.floats(0.05, 20.0)


@settings(deadline=None, max_examples=60)
@given(numbers, numbers, numbers, numbers, st.integers(1, 300), st.floats(0.0, 1.0))
def test_a_more_recent_last_purchase_never_lowers_the_chance_to_be_alive(r, alpha, s, b, x, part):
    age = 60.0
    recency = np.linspace(0.01 + 0.9 * part * age, age, 25)
    history = History(np.full(25, float(x)), recency, np.full(25, age))
    for model in (BgNbd(r, alpha, s, b), ParetoNbd(r, alpha, s, b)):
        alive = model.alive(history)
        assert np.all((alive >= 0.0) & (alive <= 1.0))
        assert np.all(np.diff(alive) >= -1e-9)


@settings(deadline=None, max_examples=60)
@given(numbers, numbers, st.floats(0.3, 20.0), st.floats(0.3, 20.0), st.integers(0, 500))
def test_more_time_and_less_discount_never_bring_fewer_purchases(r, alpha, s, b, x):
    history = History(np.array([float(x)]), np.array([20.0 * (x > 0)]), np.array([60.0]))
    for model in (BgNbd(r, alpha, s, b), ParetoNbd(r, alpha, s, b)):
        by_horizon = [model.ahead(history, Outlook(h, 0.01))[1][0] for h in (1, 5, 50, 500, 5e3)]
        assert np.all(np.diff(by_horizon) >= -1e-9 * by_horizon[-1])
        by_rate = [model.ahead(history, Outlook(50, d))[1][0] for d in (0.0, 0.001, 0.1, 2.0)]
        assert np.all(np.diff(by_rate) <= 1e-9 * by_rate[0])
        # No more than the mean rate for the whole time.
        assert by_rate[0] <= (r + x) / (alpha + 60.0) * 50.0 * (1.0 + 1e-9)


@pytest.mark.parametrize("model", [BgNbd(*CDNOW_BG), ParetoNbd(*CDNOW_PARETO)])
def test_each_customer_is_scored_alone(model):
    history, outlook = histories(SEEDS[3], 900), Outlook(52.0, WEEKLY)
    together = model.ahead(history, outlook)[1]
    for at in range(0, 900, 97):
        alone = History(*(column[at : at + 1] for column in columns(history)))
        np.testing.assert_allclose(model.ahead(alone, outlook)[1], together[at], rtol=1e-9)


# Values of purchases


def test_values_agree_with_the_closed_form():
    frequency = np.array([0.0, 2.0, 40.0])
    value = np.array([0.0, 22.35, 100.0])
    found = GammaGamma(6.25, 3.74, 6.25 * 15.44).mean(frequency, value)
    expected = GammaGammaReference(6.25, 3.74, 15.44).expected_value(frequency, value)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[1] == pytest.approx(24.663714, abs=5e-7)
    assert SameValue(7.0).mean(frequency, value).tolist() == [7.0, 7.0, 7.0]


# Contracts


@pytest.mark.parametrize(("alpha", "beta"), [(0.704, 1.182), (0.668, 3.806), (3.0, 9.0)])
def test_contracts_without_a_horizon_have_the_derl_of_fader_and_hardie(alpha, beta):
    tenure = np.array([0.0, 1.0, 2.0, 3.0, 40.0])
    found = Contract(alpha, beta).payments(tenure, Outlook(discount=0.1))[1]
    expected = [sbg_derl(int(at) + 1, alpha, beta, 0.1) for at in tenure]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_contracts_reproduce_printed_figures():
    found = Contract(0.704, 1.182).payments(np.arange(4.0), Outlook(discount=0.1))[1]
    printed = [2.964662, 4.103459, 4.870137, 5.442391]
    np.testing.assert_allclose(found, printed, atol=5.1e-7)


def test_contracts_with_a_horizon_lose_what_lies_beyond():
    alpha, beta, v = 0.7, 1.2, 1.0 / 1.1
    found = Contract(alpha, beta).payments(np.array([3.0]), Outlook(5.0, 0.1))[1][0]
    survival = special.beta(alpha, beta + 8.0) / special.beta(alpha, beta + 3.0)
    beyond = v**5 * survival * sbg_derl(9, alpha, beta, 0.1)
    whole = sbg_derl(4, alpha, beta, 0.1)
    assert found == pytest.approx(whole - beyond, rel=1e-9)


def test_one_churn_rate_for_all_is_an_annuity():
    tenure = np.array([0.0, 30.0])
    plain, worth = Contract(0.2).payments(tenure, Outlook(discount=0.1))
    np.testing.assert_allclose(plain, 4.0)
    np.testing.assert_allclose(worth, constant_churn_value(1.0, 0.8, 0.1) * 0.8)
    assert Contract(0.0).payments(tenure, Outlook(7.0))[0].tolist() == [7.0, 7.0]
    assert Contract(1.0).payments(tenure, Outlook())[0].tolist() == [0.0, 0.0]
    assert np.isinf(Contract(0.9, 2.0).payments(tenure, Outlook())[0]).all()


@pytest.mark.parametrize("contract", [Contract(0.8, 3.0), Contract(2.6, 4.0), Contract(0.15)])
@pytest.mark.parametrize("outlook", [Outlook(12.0, 0.02), Outlook(9.0), Outlook(discount=0.03)])
def test_spread_of_a_contract_follows_from_its_lives(contract, outlook):
    """Every number of payments with its probability, one after the other."""
    last = 4_000 if outlook.is_endless else int(outlook.horizon)
    tenure, stay = 6.0, [1.0]
    for made in range(last):
        if contract.b:
            stay.append(
                stay[-1] * (contract.b + tenure + made) / (contract.a + contract.b + tenure + made)
            )
        else:
            stay.append(stay[-1] * (1.0 - contract.a))
    probability = np.append(-np.diff(stay), stay[-1])
    worth = np.cumsum(np.append(0.0, (1.0 + outlook.discount) ** -np.arange(float(last))))
    mean = probability @ worth
    here = np.array([tenure])
    assert contract.payments(here, outlook)[1][0] == pytest.approx(mean, rel=1e-9)
    variance = probability @ (worth - mean) ** 2
    assert contract.variance(here, outlook)[0] == pytest.approx(variance, rel=1e-7)
    for level in (0.05, 0.5, 0.95):
        expected = worth[np.searchsorted(np.cumsum(probability), level)]
        assert quantile([contract], here, outlook, level)[0] == pytest.approx(expected, rel=1e-9)


def test_spread_without_horizon_and_discount_is_that_of_the_beta_geometric():
    random = np.random.default_rng(5)
    payments = random.geometric(random.beta(5.0, 7.0, 400_000)) - 1
    contract, here = Contract(5.0, 4.0), np.array([3.0])
    assert contract.payments(here, Outlook())[0][0] == pytest.approx(7.0 / 4.0)
    assert contract.variance(here, Outlook())[0] == pytest.approx(payments.var(), rel=0.05)
    assert math.isinf(Contract(2.0, 4.0).variance(here, Outlook())[0])
    assert Contract(0.25).variance(here, Outlook())[0] == pytest.approx(0.75 / 0.0625)
    assert math.isinf(Contract(0.0).variance(here, Outlook())[0])


# What they are computed with


@pytest.mark.parametrize(
    ("a", "b"), [(0.5, 0.5), (0.8, 2.4), (0.001, 1.001), (30.0, 1e6), (1e6, 2e6)]
)
def test_points_of_a_beta_have_its_moments(a, b):
    points, weights = beta_points(a, b)
    assert np.all((points >= 0.0) & (points <= 1.0))
    assert weights @ points == pytest.approx(a / (a + b), rel=1e-7)
    second = a * (a + 1.0) / ((a + b) * (a + b + 1.0))
    assert weights @ points**2 == pytest.approx(second, rel=1e-7)


def test_steps_of_time_integrate_powers_and_discounts():
    scale = np.array([0.01, 5.0, 1e4])
    time, weights = time_steps(math.inf, 0.002, scale)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0 / 0.002, rtol=1e-10)
    time, weights = time_steps(30.0, 0.0, scale)
    found = np.sum((1.0 + time / scale[:, None]) ** -2.0 * weights, axis=1)
    np.testing.assert_allclose(found, 30.0 * scale / (scale + 30.0), rtol=1e-12)


def test_interpolation_by_age_keeps_nine_digits():
    ages = np.random.default_rng(2).uniform(4.0, 400.0, 5_000)
    found = by_age(lambda age: (1.0 + age / 3.0) ** -1.3, ages)
    np.testing.assert_allclose(found, (1.0 + ages / 3.0) ** -1.3, rtol=1e-9)
    assert by_age(np.sqrt, np.full(3, 4.0)).tolist() == [2.0, 2.0, 2.0]


def test_quantiles_of_several_contracts_are_those_of_all_together():
    contracts = [Contract(0.4, 7.0), Contract(2.0, 5.0), Contract(0.02), Contract(0.3)]
    tenure = np.array([0.0, 3.0, 40.0])
    for outlook in (Outlook(24.0), Outlook(math.inf)):
        for level in (0.05, 0.5, 0.95):
            found = quantile(contracts, tenure, outlook, level)
            for at, most in zip(tenure, found, strict=True):
                here = np.array([at])
                more = [
                    np.mean([math.exp(one.log_stay(here, np.array([k]))[0]) for one in contracts])
                    for k in (most, most + 1.0)
                ]
                assert more[1] <= 1.0 - level or most == outlook.horizon
                assert more[0] > 1.0 - level or most == 0.0


def test_quantiles_end_where_nobody_ever_leaves():
    found = quantile([Contract(0.0), Contract(1e-18)], np.array([2.0]), Outlook(math.inf, 0.1), 0.5)
    assert found[0] == pytest.approx(10.0 + 1.0, rel=0.1)
    assert quantile([Contract(0.075, 1.5)], np.array([2.0]), Outlook(math.inf, 0.1), 0.95)[0] > 10.0
