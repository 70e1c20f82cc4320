"""BG/BB of customers with a history: the paper's closed forms, and drawn values around them."""

import math

import numpy as np
import pytest

from clvsim import reference
from clvsim.calibration.scoring.opportunity import BgBb
from clvsim.calibration.scoring.outlook import Outlook
from clvsim.calibration.scoring.predictive import opportunity_places, spread
from clvsim.calibration.scoring.purchase import History
from clvsim.calibration.scoring.value import GammaGamma, SameValue
from tests.statistics import assert_mean

PARAMETERS = (1.204, 0.75, 0.657, 2.783)
ROWS = np.array([(x, t, 6) for t in range(7) for x in range(min(t, 1), t + 1)], dtype=np.float64)
HISTORY = History(*ROWS.T.copy())


def test_chances_are_those_of_the_paper():
    model, closed = BgBb(*PARAMETERS), reference.BgBb(*PARAMETERS)
    x, last, n = ROWS.T
    assert np.exp(model.log_chance(HISTORY)) == pytest.approx(
        closed.likelihood(x, last, n), rel=1e-12
    )
    alive = model.alive(HISTORY)
    assert alive == pytest.approx(closed.alive(x, last, n), rel=1e-12)
    plain, _ = model.ahead(HISTORY, Outlook(9.0, 0.1))
    assert alive * plain == pytest.approx(closed.conditional_purchases(9.0, x, last, n), rel=1e-10)
    _, endless = model.ahead(HISTORY, Outlook(math.inf, 0.1))
    assert alive * endless == pytest.approx(closed.discounted_purchases(0.1, x, last, n), rel=1e-8)


@pytest.mark.parametrize("shapes", [(3e66, 1e67, 1e86, 3e86), (3e84, 7e85, 5e76, 1e77)])
def test_a_wild_draw_of_the_shapes_has_a_chance_all_the_same(shapes):
    # Where all four are endless, everybody buys and leaves with one probability.
    alive = BgBb(*shapes).alive(HISTORY)
    alpha, beta, gamma, delta = shapes
    buys, leaves = alpha / (alpha + beta), gamma / (gamma + delta)
    x, last, n = ROWS.T
    there = buys**x * (1 - buys) ** (n - x) * (1 - leaves) ** n
    gone = sum(
        np.where(k < n, buys**x * (1 - buys) ** (k - x) * (1 - leaves) ** k * leaves, 0.0)
        * (k >= last)
        for k in range(6)
    )
    assert alive == pytest.approx((1 - leaves) * there / (there + gone), rel=1e-6)


def test_without_end_or_discount_purchases_are_finite_only_where_customers_surely_leave():
    assert np.isinf(BgBb(*PARAMETERS).ahead(HISTORY, Outlook())[0]).all()
    model = BgBb(1.2, 0.75, 3.0, 2.0)
    long, _ = model.ahead(HISTORY, Outlook(4_096.0))
    assert model.ahead(HISTORY, Outlook())[0] == pytest.approx(long, rel=1e-4)


@pytest.mark.parametrize(("x", "n"), [(0, 6), (2, 6), (6, 6), (0, 0)])
@pytest.mark.parametrize("outlook", [Outlook(7.0, 0.1), Outlook(discount=0.2)])
def test_drawn_values_have_the_expected_mean(x, n, outlook):
    model = BgBb(*PARAMETERS)
    drawn = model.values(np.random.default_rng(1), outlook, 4.0, x, n, 20_000)
    one = [np.array([float(count)]) for count in (x, x, n)]
    expected = float(model.ahead(History(*one), outlook)[1][0])
    assert_mean(drawn, None, expected, fault=0.9 * expected)


def test_histories_of_few_opportunities_have_places_of_their_own():
    places = opportunity_places(HISTORY)
    assert places.weights.max(axis=0) == pytest.approx(1.0)
    best = places.corners[np.argmax(places.weights, axis=0), np.arange(len(ROWS))]
    assert places.frequency[best].tolist() == HISTORY.frequency.tolist()
    assert places.age[best].tolist() == HISTORY.age.tolist()
    many = History(np.array([30.0, 0.0]), np.array([40.0, 0.0]), np.array([75.0, 200.0]))
    between = opportunity_places(many)
    for value, name in ((many.frequency, "frequency"), (many.age, "age")):
        found = np.sum(between.weights * getattr(between, name)[between.corners], axis=0)
        assert found == pytest.approx(value)


@pytest.mark.parametrize("value", [SameValue(20.0), GammaGamma(6.0, 3.7, 96.0)], ids=str)
def test_intervals_hold_what_customers_give(value):
    model, outlook, seed = BgBb(*PARAMETERS), Outlook(8.0, 0.1), 3
    one = History(*(np.array([count]) for count in (3.0, 5.0, 6.0)))
    alive = model.alive(one)
    unit = value.mean(one.frequency, np.array([20.0]))
    found = spread(model, value, one, outlook, alive, unit, seed)
    # A generator of its own: one life, one year at a time.
    random, totals = np.random.default_rng(7), np.zeros(20_000)
    there = random.random(totals.size) < alive
    buys, leaves = random.beta(4.204, 3.75, totals.size), random.beta(0.657, 9.783, totals.size)
    mean = np.full(totals.size, 20.0)
    if isinstance(value, GammaGamma):
        mean = (96.0 + 6.0 * 60.0) / random.standard_gamma(6.0 * 3.0 + 3.7, totals.size)
    for year in range(1, 9):
        gives = there & (random.random(totals.size) < buys)
        amount = mean
        if isinstance(value, GammaGamma):
            amount = mean * random.standard_gamma(6.0, totals.size) / 6.0
        totals += np.where(gives, amount * 1.1**-year, 0.0)
        there &= random.random(totals.size) >= leaves
    assert found.high[0] == pytest.approx(np.quantile(totals, 0.95), rel=0.04)
    assert found.low[0] == pytest.approx(np.quantile(totals, 0.05), abs=0.03 * found.high[0])
