"""Variances of customers' values: lives drawn from the stories, recursions, and where they end."""

import math

import numpy as np
import pytest
from scipy import special

from clvsim.calibration.scoring.group import Terms
from clvsim.calibration.scoring.opportunity import BgBb
from clvsim.calibration.scoring.outlook import Outlook
from clvsim.calibration.scoring.purchase import BgNbd, History, ParetoNbd
from clvsim.calibration.scoring.value import GammaGamma, SameValue
from tests.calibration.scoring.test_score import BG, CONTRACTS, PARETO, SHOPPERS, scored
from tests.statistics import assert_mean

BG_NBD, PARETO_NBD, BG_BB = (
    BgNbd(0.9, 8.0, 1.2, 3.0),
    ParetoNbd(0.9, 8.0, 1.5, 30.0),
    BgBb(1.2, 0.75, 0.66, 2.8),
)
MODELS = pytest.mark.parametrize("model", [BG_NBD, PARETO_NBD, BG_BB], ids=type)
#: Purchases, time of the last one and age of a customer; mean value of its purchases.
X, LAST, AGE, SPENT = 3.0, 20.0, 25.0, 20.0
VALUE = GammaGamma(2.0, 4.0, 60.0)
SIZE = 400_000


def written(distribution, a, other):
    """A distribution as a fit has it."""
    second = "b" if distribution == "beta" else "scale"
    return f'{{ distribution = "{distribution}", a = {a!r}, {second} = {other!r} }}'


def fitted(model, value):
    """A fit with this model and these values."""
    spend = repr(value.amount) if isinstance(value, SameValue) else (
        f'{written("invgamma", value.q, value.scale)}\nspend_shape = {value.p}'
    )  # fmt: skip
    if isinstance(model, BgBb):
        kind, laws = "bg/bb", {
            "purchase_probability": written("beta", model.alpha, model.beta),
            "churn": written("beta", model.gamma, model.delta),
        }  # fmt: skip
    elif isinstance(model, BgNbd):
        kind, laws = "bg/nbd", {
            "purchase_rate": written("gamma", model.r, 1.0 / model.alpha),
            "churn": written("beta", model.a, model.b),
        }  # fmt: skip
    else:
        kind, laws = "pareto/nbd", {
            "purchase_rate": written("gamma", model.r, 1.0 / model.alpha),
            "death_rate": written("gamma", model.s, 1.0 / model.beta),
        }  # fmt: skip
    lines = [f'relationship = "{kind}"', f"spend = {spend}"]
    lines += [f"{name} = {law}" for name, law in laws.items()]
    return '[time]\nstep = "week"\n[segments.shop]\n' + "\n".join(lines) + "\n"


def bought(random, model, horizon):
    """Times of purchases of those alive with the history above, round by round, (life,).

    Infinite: no longer there.
    """
    if isinstance(model, BgBb):
        buys = random.beta(model.alpha + X, model.beta + AGE - X, SIZE)
        leaves = random.beta(model.gamma, model.delta + AGE + 1.0, SIZE)
        there = np.ones(SIZE, dtype=bool)
        for period in range(1, int(horizon) + 1):
            yield np.where(there & (random.random(SIZE) < buys), float(period), math.inf)
            there &= random.random(SIZE) >= leaves
        return
    rate = random.gamma(model.r + X, 1.0 / (model.alpha + AGE), SIZE)
    life, leaves = np.full(SIZE, math.inf), np.zeros(SIZE)
    if isinstance(model, BgNbd):
        leaves = random.beta(model.a, model.b + X, SIZE)
    else:
        life = random.exponential(size=SIZE) / random.gamma(model.s, 1.0 / (model.beta + AGE), SIZE)
    time = random.exponential(size=SIZE) / rate
    while np.any(time < horizon):
        time[time > np.minimum(life, horizon)] = math.inf
        yield time.copy()
        time[random.random(SIZE) < leaves] = math.inf
        time += random.exponential(size=SIZE) / rate


@MODELS
@pytest.mark.parametrize("rate", [0.0, 0.6])
@pytest.mark.parametrize("value", [SameValue(3.0), VALUE], ids=["same", "own"])
def test_luck_is_the_spread_of_lives_and_purchases_as_the_stories_tell_them(
    tmp_path, model, rate, value
):
    people = f"customer,frequency,recency,age,value\nann,{X},{LAST},{AGE},{SPENT}\n"
    terms = Terms("week", horizon=30.0, rate=rate)
    found = scored(tmp_path, fitted(model, value), people, terms)
    random = np.random.default_rng(31)
    means = np.full(SIZE, 3.0)
    if isinstance(value, GammaGamma):
        means = (value.scale + value.p * X * SPENT) / random.gamma(value.p * X + value.q, size=SIZE)
    worth, count = np.zeros((2, SIZE))
    for time in bought(random, model, terms.horizon):
        amounts = means
        if isinstance(value, GammaGamma):
            amounts = random.gamma(value.p, means / value.p)
        in_time = np.isfinite(time)
        count += in_time
        worth[in_time] += amounts[in_time] * np.exp(-terms.outlook.force * time[in_time])
    is_lost = random.random(SIZE) >= found.alive[0]
    for drawn, mean, figure in (
        (worth, found.value, "value"),
        (count, found.purchases, "purchases"),
    ):
        drawn[is_lost] = 0.0
        variance = found.errors.total(figure).luck ** 2
        assert_mean(np.square(drawn - mean[0]), None, variance, fault=1.1 * variance)


def gamma_points(shape, rate):
    """Points and weights of means over a gamma."""
    points, weights = special.roots_genlaguerre(60, shape - 1.0)
    return points / rate, weights / weights.sum()


def beta_points(a, b):
    """Points and weights of means over a beta."""
    points, weights = special.roots_jacobi(60, b - 1.0, a - 1.0)
    return 0.5 * (1.0 + points), weights / weights.sum()


def recursion(model, force, single):
    """Mean square of all that is ahead, from one purchase to the next, given rates; then the mean.

    What is ahead of a purchase hangs on no time but its own: ``V = e^-δt (g + V')`` where the
    customer stays.
    """
    if isinstance(model, BgBb):
        buys, weights = beta_points(model.alpha + X, model.beta + AGE - X)
        leaves, others = beta_points(model.gamma, model.delta + AGE + 1.0)
        buys, stays, v = buys[:, None], 1.0 - leaves, math.exp(-force)
        mean = v * buys / (1.0 - v * stays)
        square = v**2 * buys * (single + 2.0 * stays * mean) / (1.0 - v**2 * stays)
        return weights @ square @ others
    rate, weights = gamma_points(model.r + X, model.alpha + AGE)
    rate = rate[:, None]
    if isinstance(model, ParetoNbd):
        leaves, others = gamma_points(model.s, model.beta + AGE)
        mean = rate / (leaves + force)
        square = rate * (single + 2.0 * mean) / (leaves + 2.0 * force)
        return weights @ square @ others
    leaves, others = beta_points(model.a, model.b + X)
    once, twice = rate / (rate + force), rate / (rate + 2.0 * force)
    mean = once / (1.0 - once * (1.0 - leaves))
    square = twice * (single + 2.0 * (1.0 - leaves) * mean) / (1.0 - twice * (1.0 - leaves))
    return weights @ square @ others


@pytest.mark.parametrize("force", [0.0, 0.02, 0.4])
@pytest.mark.parametrize(
    "model",
    [BgNbd(2.0, 8.0, 12.5, 9.0), ParetoNbd(2.0, 8.0, 12.5, 250.0), BgBb(2.0, 1.5, 12.5, 9.0)],
    ids=type,
)
def test_all_that_is_ahead_has_the_mean_square_of_a_recursion(model, force):
    one = History(*(np.array([number]) for number in (X, LAST, AGE)))
    found = model.squares(one, Outlook(discount=math.expm1(force)), 1.5)[0]
    assert found == pytest.approx(recursion(model, force, 1.5), rel=1e-6)


@MODELS
def test_all_that_is_ahead_is_that_of_a_distant_horizon(model):
    one = History(*(np.array([number]) for number in (X, LAST, AGE)))
    near, far = (model.squares(one, Outlook(end, 0.02), 1.5) for end in (4_000.0, math.inf))
    assert near == pytest.approx(far, rel=1e-9)


def test_mean_squares_of_many_ages_are_those_of_each():
    random = np.random.default_rng(2)
    age = np.exp(random.uniform(math.log(0.5), math.log(200.0), 2_000))
    history = History(np.repeat([0.0, 7.0], 1_000), 0.0 * age, age)
    for outlook in (Outlook(52.0, 0.002), Outlook(discount=0.002)):
        for model in (BgNbd(0.25, 0.5, 0.8, 2.4), ParetoNbd(0.25, 0.5, 0.6, 10.0)):
            found = model.squares(history, outlook, 1.2)
            for at in range(0, 2_000, 50):
                one = History(*(x[at : at + 1] for x in (history.frequency, 0.0 * age, age)))
                alone = model.squares(one, outlook, 1.2)[0]
                assert found[at] == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize(
    ("endless", "ends"),
    [
        (BgNbd(0.9, 8.0, 2.0, 3.0), BgNbd(0.9, 8.0, 2.01, 3.0)),
        (ParetoNbd(0.9, 8.0, 2.0, 3.0), ParetoNbd(0.9, 8.0, 2.01, 3.0)),
        (BgBb(0.9, 8.0, 2.0, 3.0), BgBb(0.9, 8.0, 2.01, 3.0)),
    ],
    ids=["bg/nbd", "pareto/nbd", "bg/bb"],
)
def test_who_hardly_ever_leaves_varies_without_bound_unless_cut_or_discounted(endless, ends):
    one = History(*(np.array([number]) for number in (X, LAST, AGE)))
    assert endless.squares(one, Outlook(), 1.0)[0] == math.inf
    assert np.isfinite(endless.ahead(one, Outlook())[0]).all()
    for outlook in (Outlook(1_000.0), Outlook(discount=1e-3)):
        assert math.isfinite(endless.squares(one, outlook, 1.0)[0])
    assert math.isfinite(ends.squares(one, Outlook(), 1.0)[0])


def test_means_of_purchases_vary_without_bound_up_to_a_shape_of_two():
    x = np.array([0.0, 1.0, 2.0])
    assert GammaGamma(0.25, 1.5, 9.0).squares(x).tolist() == [math.inf, math.inf, math.inf]
    # Of scale 1, an inverse gamma of shape 3 has mean 1/2 and mean square 1/2, one of 4, 1/3, 1/6.
    assert GammaGamma(1.0, 2.0, 1.0).squares(x).tolist() == [math.inf, 2.0, 1.5]
    assert SameValue(3.0).squares(x).tolist() == [1.0, 1.0, 1.0]


ENDLESS = [
    (BG.replace("a = 3.7", "a = 1.5"), Terms("week"), SHOPPERS, "spend.a"),
    (BG.replace("a = 0.8", "a = 1.4"), Terms("week", rate=0.0), SHOPPERS, "hardly ever leave"),
    (PARETO.replace("a = 0.6", "a = 1.4"), Terms("month", rate=0.0), SHOPPERS, "hardly ever"),
    (
        CONTRACTS.replace("a = 0.4", "a = 1.5"),
        Terms("month", rate=0.0),
        "customer,tenure\na,3\n",
        "hardly ever",
    ),
]


@pytest.mark.parametrize(("fit", "terms", "people", "why"), ENDLESS)
def test_infinite_luck_says_why_and_is_none_where_nothing_is_earned(
    tmp_path, fit, terms, people, why
):
    chosen = "month_to_month" if "tenure" in people else ""
    found = scored(tmp_path, fit, people, terms, chosen=chosen)
    assert found.luck == math.inf
    assert np.isfinite(found.high).all()
    told = [note for note in found.notes if "luck of" in note]
    assert len(told) == 1
    assert why in told[0]
    nothing = Terms(terms.step, rate=terms.rate, margin=0.0)
    assert scored(tmp_path, fit, people, nothing, chosen=chosen).luck == 0.0


def test_who_is_certainly_lost_has_no_luck_however_long_others_live(tmp_path):
    people = "customer,frequency,recency,age,value\ngone,900,30,100000,20\n"
    fit = BG.replace("a = 0.8", "a = 1.4")
    found = scored(tmp_path, fit, people, Terms("week", rate=0.0))
    assert found.alive[0] == 0.0
    assert found.luck == 0.0


def test_luck_hangs_on_no_seed(tmp_path):
    fit = BG.replace("a = 3.7", "a = 2.2")
    luck = {scored(tmp_path, fit, SHOPPERS, Terms("week", seed=seed)).luck for seed in range(1, 5)}
    assert len(luck) == 1
