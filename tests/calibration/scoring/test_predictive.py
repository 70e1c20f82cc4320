"""Drawn lives against closed forms, and what becomes of customers against their intervals."""

import math
from dataclasses import fields

import numpy as np
import pytest
from scipy.stats import ks_2samp

from clvsim.calibration.scoring import predictive
from clvsim.calibration.scoring.opportunity import BgBb
from clvsim.calibration.scoring.outlook import Outlook
from clvsim.calibration.scoring.predictive import discounted_values, places, spread
from clvsim.calibration.scoring.purchase import BgNbd, Futures, History, ParetoNbd
from clvsim.calibration.scoring.value import GammaGamma, SameValue
from tests import customers as drawn
from tests.statistics import FALSE_ALARM_RATE, assert_mean, assert_proportion, z_limit

BG, PARETO = BgNbd(0.9, 8.0, 1.2, 3.0), ParetoNbd(0.9, 8.0, 1.5, 30.0)
VALUE = GammaGamma(6.0, 5.0, 90.0)


@pytest.mark.parametrize("model", [BG, PARETO])
@pytest.mark.parametrize("outlook", [Outlook(26.0, 0.004), Outlook(math.inf, 0.01), Outlook(40.0)])
@pytest.mark.parametrize(("count", "value"), [(0.0, VALUE), (4.0, SameValue(3.0)), (60.0, VALUE)])
def test_drawn_lives_have_the_expected_value(model, outlook, value, count):
    frequency, age = np.array([count]), np.array([30.0])
    random = np.random.default_rng([int(count), model.buys_last])
    futures = model.futures(random, frequency, age, 20_000)
    found = discounted_values(
        random, futures, outlook, value, frequency, buys_last=model.buys_last
    )[0]
    history = History(frequency, 29.0 * (frequency > 0), age)
    expected = model.ahead(history, outlook)[1][0]
    assert_mean(found, None, expected, fault=1.2 * expected)


def one_by_one(random, futures, outlook, value, count, buys_last):
    """The same purchase by purchase: exponential waiting times."""
    found = []
    for rate, life in zip(futures.rate[0], futures.life[0], strict=True):
        mean = (value.p * count + value.q - 1.0) / random.gamma(value.p * count + value.q)
        end, total = min(life, outlook.horizon), 0.0
        time = random.exponential() / rate
        while time < end:
            total += mean * random.gamma(value.p) / value.p * math.exp(-outlook.force * time)
            time += random.exponential() / rate
        if buys_last and life < outlook.horizon:
            total += mean * random.gamma(value.p) / value.p * math.exp(-outlook.force * life)
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize("model", [BG, PARETO])
@pytest.mark.parametrize(("count", "horizon"), [(2.0, 26.0), (60.0, 40.0)])
def test_drawn_values_are_spread_as_those_of_the_naive_twin(model, count, horizon):
    frequency, outlook = np.array([count]), Outlook(horizon, 0.01)
    random = np.random.default_rng(12)
    futures = model.futures(random, frequency, np.array([30.0]), 6_000)
    if count > 50:
        assert np.mean(futures.rate * np.minimum(futures.life, horizon) > 24) > 0.5
    fast = discounted_values(random, futures, outlook, VALUE, frequency, buys_last=model.buys_last)[
        0
    ]
    slow = one_by_one(random, futures, outlook, VALUE, count, model.buys_last)
    assert ks_2samp(fast, slow).pvalue > FALSE_ALARM_RATE
    assert ks_2samp(fast, 1.3 * slow).pvalue < FALSE_ALARM_RATE


@pytest.mark.parametrize("model", ["bg/nbd", "pareto/nbd"])
def test_one_customer_in_twenty_is_worth_more_than_its_upper_bound(model):
    random = np.random.default_rng(99)
    size, horizon = 20_000, 30.0
    age = random.uniform(5.0, 60.0, size)
    if model == "bg/nbd":
        law, people = BG, drawn.bg_nbd(random, (0.9, 8.0, 1.2, 3.0), age, horizon)
    else:
        law, people = PARETO, drawn.pareto_nbd(random, (0.9, 8.0, 1.5, 30.0), age, horizon)
    seen, own = drawn.gamma_gamma(random, (6.0, 5.0, 15.0), people.frequency)
    later = people.later
    # Sum of the later purchases: gamma with the customer's own scale.
    spent = np.where(later > 0, random.gamma(6.0 * np.maximum(later, 1.0)) * own / 6.0, 0.0)
    history = History(people.frequency, people.recency, people.age)
    alive, outlook = law.alive(history), Outlook(horizon)
    unit = VALUE.mean(people.frequency, np.where(people.frequency > 0, seen, 0.0))
    found = spread(law, VALUE, history, outlook, alive, unit, seed=3)
    # A bound of 0 is passed by whoever buys at all, which is rarer than one in twenty.
    some = found.high > 0.0
    assert some.mean() > 0.5
    above = int(np.sum(spent[some] > found.high[some]))
    assert_proportion(above, int(some.sum()), 0.05, fault=0.065)
    assert np.mean(spent[~some] > 0.0) < 0.05
    assert np.all(found.low <= found.high)
    below = np.mean(spent < found.low)
    assert below <= 0.055


def perturbed(law, random, spread):
    """64 laws whose numbers are the law's times lognormal ones."""
    numbers = np.array([getattr(law, one.name) for one in fields(law)])
    factors = np.exp(spread * random.normal(size=(64, numbers.size)))
    return [type(law)(*row) for row in (numbers * factors).tolist()]


@pytest.mark.parametrize("model", [BG, PARETO, BgBb(1.2, 0.75, 0.66, 2.8)])
def test_one_in_twenty_passes_the_bound_whichever_law_is_right(model):
    random = np.random.default_rng(31)
    steps = 4.0 if isinstance(model, BgBb) else model.scale * (math.exp(0.25 * 5) - 1.0)
    frequency, age = np.array([0.0]), np.array([steps])
    history, outlook, sure = History(frequency, 0.0 * age, age), Outlook(24.0, 0.003), np.ones(1)
    laws = list(
        zip(perturbed(model, random, 0.5), perturbed(GammaGamma(9.0, 9.0, 90.0), random, 0.3),
            strict=True)
    )  # fmt: skip
    value = GammaGamma(9.0, 9.0, 90.0)
    unit = value.mean(frequency, frequency)
    alone = spread(model, value, history, outlook, sure, unit, 5)
    found = spread(model, value, history, outlook, sure, unit, 5, laws)
    size, worth = 1_000, []
    for one, paid in laws:
        if isinstance(one, BgBb):
            each = one.values(random, outlook, paid.p, 0.0, float(age[0]), size)
            known = paid.q
            each = each * (known - 1.0) / random.standard_gamma(known, size)
        else:
            futures = one.futures(random, frequency, age, size)
            each = discounted_values(
                random, futures, outlook, paid, frequency, buys_last=one.buys_last
            )[0]
        worth.append(each * paid.mean(frequency, frequency))
    drawn_values = np.concatenate(worth)
    error = math.sqrt(0.05 * 0.95 * (1.0 / drawn_values.size + 1.0 / 3_072))
    assert abs(np.mean(drawn_values > found.high[0]) - 0.05) < z_limit() * error
    # Luck alone would not do.
    assert np.mean(drawn_values > alone.high[0]) > 0.05 + 1.5 * z_limit() * error


def test_lives_of_a_law_stand_beside_one_another():
    """They are multiplied by the law's own unit, row by row."""
    laws = [(BgNbd(float(law), 1.0, 1.0, 1.0), SameValue(float(law))) for law in range(1, 65)]
    model, value = predictive._together(laws)
    for numbers in (model.r, value.amount):
        np.testing.assert_array_equal(numbers.reshape(64, -1).T, np.tile(np.arange(1, 65), (48, 1)))


WILD = [
    (BgNbd(1e-3, 8.0, 1e-3, 1e-3), Outlook(math.inf)),
    (BgNbd(0.2, 8.0, 0.01, 0.01), Outlook(52.0, 0.002)),
    (ParetoNbd(1e-3, 8.0, 1e-3, 30.0), Outlook(math.inf)),
    (BgBb(1.0, 1.0, 1e-3, 1.0), Outlook(math.inf)),
    (BgBb(1.0, 1.0, 0.5, 1.0), Outlook(math.inf, 0.01)),
]


@pytest.mark.parametrize(("model", "outlook"), WILD)
@pytest.mark.parametrize("value", [VALUE, SameValue(0.0)])
def test_the_wildest_laws_are_drawn_without_a_word(model, outlook, value):
    frequency, age = np.array([0.0, 2.0]), np.array([4.0, 4.0])
    history = History(frequency, np.array([0.0, 3.0]), age)
    unit = value.mean(frequency, np.array([0.0, 10.0]))
    laws = [(model, value)] * 64
    found = spread(model, value, history, outlook, np.ones(2), unit, 3, laws)
    assert not np.isnan(found.high).any()
    assert (found.low <= found.high).all()


def test_bounds_hang_neither_on_the_others_nor_on_their_order():
    random = np.random.default_rng(8)
    age = random.uniform(1.0, 80.0, 300)
    frequency = random.poisson(6.0, 300).astype(float) * random.integers(0, 8, 300)
    history = History(frequency, 0.8 * age * (frequency > 0), age)
    outlook = Outlook(20.0, 0.002)

    def bounds(order):
        part = History(*(x[order] for x in (history.frequency, history.recency, history.age)))
        return spread(PARETO, VALUE, part, outlook, PARETO.alive(part), np.ones(part.age.size), 7)

    whole = bounds(np.arange(300))
    order = random.permutation(300)[:40]
    some = bounds(order)
    np.testing.assert_array_equal(some.high, whole.high[order])
    np.testing.assert_array_equal(some.low, whole.low[order])


def test_places_surround_their_customers():
    random = np.random.default_rng(1)
    frequency = np.array([0.0, 5.0, 12.0, 13.0, 15.0, 1000.0, 98_765.0])
    age = random.uniform(0.0, 300.0, frequency.size)
    lattice = places(History(frequency, 0.0 * age, age), 10.0)
    np.testing.assert_allclose(lattice.weights.sum(axis=0), 1.0)
    assert np.all(lattice.weights >= 0.0)
    found = np.sum(lattice.weights * lattice.frequency[lattice.corners], axis=0)
    np.testing.assert_allclose(found, frequency)
    steps = np.log1p(lattice.age / 10.0)[lattice.corners]
    np.testing.assert_allclose(np.sum(lattice.weights * steps, axis=0), np.log1p(age / 10.0))


def test_sums_of_many_purchases_keep_mean_and_variance():
    random = np.random.default_rng(6)
    number, fall, shape = np.full(100_000, 30), np.full(100_000, 0.4), 5.0
    found = predictive._sums(random, shape, number, fall)
    single = np.exp(-0.4 * random.random((100_000, 30))) * random.gamma(
        shape, 1 / shape, (100_000, 30)
    )
    sums = single.sum(axis=1)
    assert_mean(found, None, 30 * -math.expm1(-0.4) / 0.4, fault=30.0)
    assert found.var() == pytest.approx(sums.var(), rel=0.03)
    assert np.quantile(found, 0.95) == pytest.approx(np.quantile(sums, 0.95), rel=0.005)


def test_who_never_leaves_and_is_not_discounted_is_drawn_too():
    futures = Futures(np.full((1, 3), 2.0), np.full((1, 3), math.inf))
    random = np.random.default_rng(0)
    found = discounted_values(
        random, futures, Outlook(math.inf, 0.5), SameValue(1.0), np.array([0.0]), buys_last=False
    )
    assert np.all(np.isfinite(found))


def test_opportunities_taken_beyond_those_drawn_one_by_one_count_too():
    """Lives of 20,000 opportunities, nearly all of them taken."""
    model, outlook = BgBb(99.0, 1.0, 2.0, 20_000.0), Outlook(math.inf, 1e-4)
    found = model.values(np.random.default_rng(2), outlook, 4.0, 0.0, 0.0, 4_000)
    history = History(*(np.zeros(1) for _ in range(3)))
    expected = model.ahead(history, outlook)[1][0]
    assert expected > 5_000
    assert_mean(found, None, expected, fault=0.9 * expected)
