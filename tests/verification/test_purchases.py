"""Purchases against the closed forms of the literature, by SciPy directly."""

import numba
import numpy as np
import pytest
from scipy.special import beta as beta_function
from scipy.special import hyp2f1

from clvsim.engine.compile import compile_scenario
from clvsim.engine.run import Settings, run_worlds
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests.statistics import assert_mean
from tests.twins import rows_of

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="a million purchases need the JIT"
)
WORLDS, CUSTOMERS, SEED = 30, 20_000, 3


def compiled_of(periods, segment, **changes):
    return compile_scenario(
        Scenario.model_validate(
            {
                "time": {"periods": periods, "step": "week"},
                "money": {"discount_rate": 0.0},
                "segments": {"a": segment},
                "cohorts": {"a": {"segment": "a", "customers": CUSTOMERS}},
            }
            | changes
        )
    )


def worlds_of(compiled):
    return run_worlds([compiled], SEED, 0, WORLDS, Settings(threads=2))[0]


def repeat_purchases(segment, horizons):
    """Repeat purchases per customer up to some horizons, by world: ``(world, horizon)``."""
    flows = worlds_of(compiled_of(max(horizons), segment)).flows[:, p.PURCHASES]
    return np.cumsum(flows, axis=1)[:, [one - 1 for one in horizons]] / CUSTOMERS - 1.0


def gamma(shape, rate):
    return {"distribution": "gamma", "a": shape, "scale": 1.0 / rate}


def bg_nbd(r, alpha, a, b, t):
    """Fader, Hardie & Lee 2005, equation 9."""
    power = (alpha / (alpha + t)) ** r
    return (a + b - 1) / (a - 1) * (1 - power * hyp2f1(r, b, a + b - 1, t / (alpha + t)))


def pareto_nbd(r, alpha, s, beta, t):
    """Schmittlein, Morrison & Colombo 1987, as in Fader & Hardie 2005, equation 17."""
    return r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + t)) ** (s - 1))


def bg_bb(alpha, beta, gamma, delta, opportunities):
    """Fader, Hardie & Shang 2010: purchases at opportunities that one lives to see."""
    alive = [
        beta_function(gamma, delta + n) / beta_function(gamma, delta)
        for n in range(1, opportunities + 1)
    ]
    return alpha / (alpha + beta) * sum(alive)


HORIZONS = (4, 13, 39, 52, 104)


def test_closed_forms_give_the_published_figures():
    assert bg_nbd(0.243, 4.414, 0.793, 2.426, 39) == pytest.approx(1.196723, abs=5e-7)
    assert bg_nbd(0.243, 4.414, 0.793, 2.426, 52) == pytest.approx(1.446051, abs=5e-7)
    assert pareto_nbd(0.553, 10.58, 0.606, 11.656, 52) == pytest.approx(1.472160, abs=5e-7)


def test_bg_nbd_purchases():
    segment = {
        "relationship": "bg/nbd",
        "purchase_rate": gamma(0.243, 4.414),
        "churn": {"distribution": "beta", "a": 0.793, "b": 2.426},
        "spend": 1.0,
    }
    found = repeat_purchases(segment, HORIZONS)
    for place, horizon in enumerate(HORIZONS):
        expected = bg_nbd(0.243, 4.414, 0.793, 2.426, horizon)
        # A dropout after the first purchase too would take a quarter of them.
        assert_mean(found[:, place], None, expected, fault=0.9 * expected)


def test_pareto_nbd_purchases():
    segment = {
        "relationship": "pareto/nbd",
        "purchase_rate": gamma(0.553, 10.578),
        "death_rate": gamma(0.606, 11.669),
        "spend": 1.0,
    }
    found = repeat_purchases(segment, HORIZONS)
    for place, horizon in enumerate(HORIZONS):
        expected = pareto_nbd(0.553, 10.578, 0.606, 11.669, horizon)
        assert_mean(found[:, place], None, expected, fault=0.93 * expected)


def test_bg_bb_purchases():
    """Parameters of the donors of Fader, Hardie & Shang 2010."""
    parameters = 1.2035, 0.7497, 0.6567, 2.7834
    segment = {
        "relationship": "bg/bb",
        "purchase_probability": {"distribution": "beta", "a": parameters[0], "b": parameters[1]},
        "churn": {"distribution": "beta", "a": parameters[2], "b": parameters[3]},
        "spend": 1.0,
    }
    found = repeat_purchases(segment, (2, 3, 7, 13))
    # The first period holds the purchase on joining, each later one an opportunity.
    for place, opportunities in enumerate((1, 2, 6, 12)):
        expected = bg_bb(*parameters, opportunities)
        assert_mean(found[:, place], None, expected, fault=0.98 * expected)


def test_distribution_of_purchases_is_the_bg_nbd():
    """P(X(t) = x), Fader, Hardie & Lee 2005, equation 8."""
    r, alpha, a, b, t = 0.243, 4.414, 0.793, 2.426, 39
    segment = {
        "relationship": "bg/nbd",
        "purchase_rate": gamma(r, alpha),
        "churn": {"distribution": "beta", "a": a, "b": b},
        "spend": 1.0,
    }
    x = rows_of(compiled_of(t, segment), SEED, 0)[:, p.ROW_PURCHASES] - 1.0
    from scipy.stats import nbinom

    negative = nbinom(r, alpha / (alpha + t))
    for count in range(4):
        stays = beta_function(a, b + count) / beta_function(a, b) * negative.pmf(count)
        leaves = beta_function(a + 1, b + count - 1) / beta_function(a, b) if count else 0.0
        expected = stays + leaves * negative.sf(count - 1)
        assert_mean((x == count).astype(float), None, expected)


def test_amounts_are_gamma_gamma():
    """Mean p γ / (q - 1) of a purchase, and the variance of a customer's mean and around it."""
    shape, q, scale = 6.25, 5.74, 15.44
    segment = {
        "relationship": "bg/nbd",
        "purchase_rate": 2.0,
        "churn": 0.05,
        "spend": {"distribution": "invgamma", "a": q, "scale": shape * scale},
        "spend_shape": shape,
    }
    worlds = worlds_of(compiled_of(12, segment))
    revenue, purchases = worlds.cash[:, 0].sum(axis=1), worlds.flows[:, p.PURCHASES].sum(axis=1)
    mean = shape * scale / (q - 1.0)
    each = revenue / purchases
    assert_mean(each, None, mean, fault=1.02 * mean)
    first = rows_of(compiled_of(1, segment | {"purchase_rate": 0.0}), SEED, 0)
    spread = first[:, 7] - first[:, 3]
    between = mean**2 / (q - 2.0)
    assert_mean(spread, None, 0.0, fault=0.05 * mean)
    within = (between + mean**2) / shape
    assert_mean(spread**2, None, within, fault=1.5 * within)
    assert_mean((first[:, 3] - mean) ** 2, None, between, fault=2.0 * between)


@pytest.mark.parametrize("relationship", ["bg/nbd", "pareto/nbd", "bg/bb"])
def test_the_residual_value_is_what_a_longer_horizon_brings(relationship):
    leaves = "death_rate" if relationship == "pareto/nbd" else "churn"
    buys = "purchase_probability" if relationship == "bg/bb" else "purchase_rate"
    segment = {
        "relationship": relationship,
        buys: {"distribution": "uniform", "loc": 0.2, "scale": 0.6},
        leaves: {"distribution": "uniform", "loc": 0.05, "scale": 0.3},
        "spend": 10.0,
        "cost_to_serve": 0.4,
        "cost_per_purchase": 2.0,
    }
    money = {"discount_rate": 0.8, "timing": "end", "residual": "expected"}
    short, long = (
        worlds_of(compiled_of(periods, segment, money=money)).sums[:, 0, p.SUM_PRESENT] / CUSTOMERS
        for periods in (6, 200)
    )
    # The same people with the same luck: only the expectation beyond differs from what happens.
    assert_mean(short - long, None, 0.0, fault=0.01 * long.mean())


@pytest.mark.parametrize("relationship", ["bg/nbd", "pareto/nbd"])
def test_an_installed_base_is_what_is_left_of_an_earlier_cohort(relationship):
    segment = {
        "bg/nbd": {
            "purchase_rate": gamma(0.8, 3.0),
            "churn": {"distribution": "beta", "a": 0.8, "b": 2.4},
        },
        "pareto/nbd": {"purchase_rate": gamma(0.8, 3.0), "death_rate": gamma(0.6, 5.0)},
    }[relationship] | {"relationship": relationship, "spend": 1.0}
    young = worlds_of(compiled_of(30, segment))
    base = {"a": {"segment": "a", "customers": CUSTOMERS // 2, "tenure": 10}}
    old = worlds_of(compiled_of(20, segment, cohorts={}, installed_base=base))
    for flow in (p.PURCHASES, p.LEFT):
        for period in (0, 5, 19):
            rate = young.flows[:, flow, 10 + period] / young.flows[:, p.ACTIVE, 10]
            same = old.flows[:, flow, period] / old.flows[:, p.ACTIVE, 0]
            assert_mean(same - rate, None, 0.0)


def test_levers_thin_and_stretch_time():
    """BG/NBD with p = 0: twice the rate for half of the time is the same number of purchases."""
    segment = {"relationship": "bg/nbd", "purchase_rate": 0.4, "churn": 0.0, "spend": 1.0}
    seasonal = worlds_of(compiled_of(10, segment | {"rate_season": [2.0, 0.0]}))
    assert not seasonal.flows[:, p.PURCHASES, 1::2].any()
    total = seasonal.flows[:, p.PURCHASES].sum(axis=1) / CUSTOMERS - 1.0
    assert_mean(total, None, 4.0, fault=4.05)
