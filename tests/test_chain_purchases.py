"""The chain of ``test_chain`` for customers who buy: from purchases to a fit, to worlds, to cash.

Many populations of known rates, dropout and amounts show some customers for 26 to 39 weeks to a fit
of BG/NBD or Pareto/NBD, and of Gamma-Gamma. What other customers of the same population then pay in
a year is held out: its rank among the worlds, which draw the parameters anew from the fit, must be
uniform. (The fitted customers' own later purchases would rank too near the middle: the fit knows
part of their luck, and worlds draw other customers.)
"""

import os
import tomllib

import numpy as np
import pytest
import scipy.stats

from clvsim.calibration.block import block
from clvsim.calibration.drops import Drops
from clvsim.calibration.outcome import Outcome, SegmentFit
from clvsim.calibration.purchases import Summary, fit_bg_nbd, fit_gamma_gamma, fit_pareto_nbd
from clvsim.calibration.transactions import _block_values
from clvsim.verification.estimate import scenario, simulate
from tests import customers
from tests.statistics import FALSE_ALARM_RATE, assert_proportion

# Without the JIT a customer takes a thousand times as long.
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="millions of purchases need the JIT"
)

POPULATIONS, WORLDS = 44, 9
SEEN, WEEKS = 1_500, (26.0, 39.0)
#: So many that their luck is a fifth of what the fit's error does to their payments.
HELD_OUT, AHEAD = 30_000, 52
AMOUNTS = (6.0, 6.0, 20.0)
#: What draws customers, its parameters in the middle, and what fits it: populations alternate.
MODELS = (
    (customers.bg_nbd, (1.0, 6.0, 0.8, 2.5), fit_bg_nbd),
    (customers.pareto_nbd, (1.0, 6.0, 0.8, 15.0), fit_pareto_nbd),
)


def population(random, number):
    """A segment fitted to customers who were seen, and what others pay."""
    draw, middle, fit = MODELS[number % 2]
    own = np.exp(np.log(middle) + 0.1 * random.standard_normal(4))
    spends = np.exp(np.log(AMOUNTS) + 0.1 * random.standard_normal(3))
    seen = draw(random, own, random.uniform(*WEEKS, SEEN))
    value, _ = customers.gamma_gamma(random, spends, seen.frequency)
    value[seen.frequency == 0.0] = np.nan
    summary = Summary(seen.frequency, seen.recency, seen.age, value)
    chosen, amounts = fit(summary), fit_gamma_gamma(summary)
    values, links = _block_values(chosen, amounts)
    name = f"p{number:03}"
    # Whoever is new buys on joining, too.
    bought = draw(random, own, np.full(HELD_OUT, float(AHEAD))).frequency + 1.0
    paid = bought @ customers.gamma_gamma(random, spends, bought)[0]
    return SegmentFit(name, name, SEEN, (), chosen, values, links), float(paid)


@pytest.fixture(scope="module")
def populations():
    """What those held out pay, ``(population,)``, and the segments that were written."""
    random = np.random.default_rng(20_261)
    fits, paid = zip(*(population(random, one) for one in range(POPULATIONS)), strict=True)
    text = block(Outcome("transactions", "log.csv", "week", fits, Drops("log.csv")))
    return np.array(paid), tomllib.loads(text)["segments"]


def worlds_of(segments):
    """What the customers held out pay in each world, shape (world, population)."""
    shop = scenario(
        time={"periods": AHEAD, "step": "week"},
        money={"discount_rate": 0.0, "residual": "none"},
        segments=segments,
        cohorts={name: {"segment": name, "customers": HELD_OUT} for name in segments},
    )
    result = simulate({"baseline": shop}, WORLDS)
    return result["value"].sel(segment=list(segments)).sum("channel").values[0]


@pytest.fixture(scope="module")
def worlds(populations):
    return worlds_of(populations[1])


def assert_uniform(paid, worlds):
    """Ranks 0 to 9 alike: by Pearson's test, and neither too often at the ends nor on one side."""
    found = np.sum(worlds < paid, axis=0)
    counts = np.bincount(found, minlength=WORLDS + 1)
    statistic = float(scipy.stats.chisquare(counts).statistic)
    assert statistic < scipy.stats.chi2.isf(FALSE_ALARM_RATE, WORLDS)
    # Worlds of the estimates alone leave three in four populations at the ends.
    assert_proportion(int(counts[0] + counts[-1]), found.size, 2 / (WORLDS + 1), fault=0.75)
    assert_proportion(int(counts[: (WORLDS + 1) // 2].sum()), found.size, 0.5, fault=0.985)


def test_what_new_customers_pay_ranks_uniformly_among_the_worlds(populations, worlds):
    models = [table["fit"]["model"] for table in populations[1].values()]
    assert models == ["bg/nbd", "pareto/nbd"] * (POPULATIONS // 2)
    assert all(len(table["fit"]["parameters"]) == 7 for table in populations[1].values())
    assert_uniform(populations[0], worlds)


def test_without_the_fit_s_error_it_would_not(populations):
    exact = {
        name: {key: value for key, value in table.items() if key != "fit"}
        for name, table in populations[1].items()
    }
    with pytest.raises(AssertionError):
        assert_uniform(populations[0], worlds_of(exact))


@pytest.mark.parametrize("wrong", [0.88, 1.12])
def test_with_payments_an_eighth_off_it_would_not(populations, worlds, wrong):
    with pytest.raises(AssertionError):
        assert_uniform(populations[0], wrong * worlds)


@pytest.mark.parametrize("model", [0, 1])
def test_with_one_model_s_purchases_a_fifth_off_it_would_not(populations, worlds, model):
    factor = np.where(np.arange(POPULATIONS) % 2 == model, 0.8, 1.0)
    with pytest.raises(AssertionError):
        assert_uniform(populations[0], factor * worlds)
