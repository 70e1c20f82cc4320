"""Scores under a scenario: against the closed forms, and what programs change and leave alone."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from clvsim.calibration.scoring import simulated
from clvsim.calibration.scoring.believed import scored
from clvsim.calibration.scoring.customers import Customers
from clvsim.calibration.scoring.fit_file import FitFile
from clvsim.calibration.scoring.group import Terms
from clvsim.calibration.scoring.score import classed, score
from clvsim.calibration.scoring.simulated import simulate
from clvsim.engine import known
from clvsim.scenario.model import Scenario
from tests.statistics import FALSE_ALARM_RATE, assert_mean

PERIODS, WORLDS, EACH = 26, 40, 600
BETA = {"distribution": "beta", "a": 0.793, "b": 2.426}
GAMMA_GAMMA = {"spend": {"distribution": "invgamma", "a": 6.0, "scale": 200.0}, "spend_shape": 6.25}
SEGMENTS = {
    "bg/nbd": {
        "relationship": "bg/nbd",
        "purchase_rate": {"distribution": "gamma", "a": 0.243, "scale": 0.2266},
        "churn": BETA,
        **GAMMA_GAMMA,
    },
    "pareto/nbd": {
        "relationship": "pareto/nbd",
        "purchase_rate": {"distribution": "gamma", "a": 0.553, "scale": 0.0945},
        "death_rate": {"distribution": "gamma", "a": 0.606, "scale": 0.0857},
        **GAMMA_GAMMA,
    },
    "bg/bb": {
        "relationship": "bg/bb",
        "purchase_probability": {"distribution": "beta", "a": 1.204, "b": 0.75},
        "churn": {"distribution": "beta", "a": 0.657, "b": 2.783},
        "spend": 30.0,
    },
    "contract": {
        "churn": {"distribution": "beta", "a": 0.7, "b": 3.0},
        "spend": {"distribution": "gamma", "a": 4.0, "scale": 10.0},
        "hazard_by_tenure": [2.0, 1.0, 0.5],
    },
}
#: Frequency, recency and age of some customers; tenures of others.
PASTS = {
    "bg/nbd": [(0, 0.0, 38.86), (2, 30.43, 38.86), (12, 35.0, 38.0)],
    "pareto/nbd": [(0, 0.0, 38.86), (2, 30.43, 38.86), (12, 35.0, 38.0)],
    "bg/bb": [(0, 0.0, 6.0), (3, 6.0, 6.0), (2, 2.0, 6.0)],
    "contract": [0.0, 1.0, 12.0],
}
LETTER = {"kind": "retention", "every": 3, "contact_cost": 1.0, "rate": 1.5, "duration": 4}
STATES = {
    "relationship": "states",
    "states": ["good", "fair", "gone"],
    "transitions": [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.0, 0.0, 1.0]],
    "state_values": [40.0, 10.0, 0.0],
    "contact_costs": [1.0, 2.0, 0.0],
}


def scenario_of(segment, **changes):
    table = {
        "time": {"periods": PERIODS, "step": "week"},
        "money": {"discount_rate": 0.0, "residual": "none"},
        "segments": {"s": segment},
        **changes,
    }
    return Scenario.model_validate(table)


def customers_of(pasts, each=EACH, state=-1):
    """So many customers of each past, whose names tell them apart."""
    rows = np.repeat(np.array(pasts, dtype=np.float64), each, axis=0)
    size, nothing = len(rows), np.full(len(rows), np.nan)
    names = [f"c{place}" for place in range(size)]
    segment, states = np.zeros(size, dtype=np.int64), np.full(size, state)
    if rows.ndim == 1:
        spend = np.full(size, 25.0)
        return Customers(names, segment, ("s",), *(nothing,) * 4, rows, spend, states)
    x, last, age = rows.T
    value = np.where(x > 0, 40.0, 0.0)
    return Customers(names, segment, ("s",), x, last, age, value, nothing, nothing, states)


def terms(**changes):
    return Terms(step="week", horizon=float(PERIODS), rate=0.0, **changes)


@pytest.mark.parametrize("kind", SEGMENTS)
def test_lives_without_programs_are_worth_what_closed_forms_say(kind):
    scenario, customers = scenario_of(SEGMENTS[kind]), customers_of(PASTS[kind])
    found = simulate(customers, scenario, terms(), WORLDS)
    fit = FitFile("fit", "week", {"s": scored(scenario.segments["s"])}, {})
    exact = score(customers, fit, terms())
    value, bought = exact.value, exact.purchases
    if kind == "contract":
        # Under a scenario the period that begins is paid for; then comes the next renewal.
        shorter = score(customers, fit, dataclasses.replace(terms(), horizon=PERIODS - 1.0))
        value, bought = shorter.value + 25.0, shorter.purchases + 1.0
    np.testing.assert_allclose(found.alive, exact.alive, rtol=1e-6)
    for past in range(len(PASTS[kind])):
        own = slice(past * EACH, (past + 1) * EACH)
        assert_mean(found.value[own], None, value[own][0])
        assert_mean(found.purchases[own], None, bought[own][0])
    # The error that each value is given: of so many customers of a kind, it is what they show.
    own = slice(EACH, 2 * EACH)
    square = found.error_of_value[own] ** 2
    shown = (found.value[own] - value[own][0]) ** 2
    assert_mean(shown - square, None, 0.0, fault=square.mean())


def test_bounds_are_those_of_lives_and_of_none_together():
    lives = np.array([[4.0, 1.0, -3.0], [2.0, 1.0, 5.0]])
    chances = np.array([[0.5, 0.02, 0.02], [0.5, 0.02, 0.08]])
    low, high = simulated._bounds(lives, chances)
    np.testing.assert_array_equal(low, [2.0, 0.0, 0.0])
    np.testing.assert_array_equal(high, [4.0, 0.0, 5.0])
    low, _ = simulated._bounds(lives, 1.5 * chances * [1.0, 1.0, 2.0])
    assert low[2] == -3.0


def test_states_are_worth_what_the_chain_says():
    scenario = scenario_of(STATES)
    for state in (0, 1):
        customers = customers_of([0.0], each=6_000, state=state)
        customers = dataclasses.replace(customers, spend=np.ones(6_000))
        found = simulate(customers, scenario, terms(), 8)
        chances, margin = np.eye(3)[state], np.subtract(STATES["state_values"], [1.0, 2.0, 0.0])
        expected = 0.0
        for _ in range(PERIODS):
            expected += chances @ margin
            chances = chances @ np.array(STATES["transitions"])
        assert_mean(found.value, None, expected, fault=expected - margin[state])


def test_programs_change_only_those_they_touch():
    customers = customers_of(PASTS["bg/nbd"], each=50)
    plain = simulate(customers, scenario_of(SEGMENTS["bg/nbd"]), terms(), 5)
    # Today, those who have bought within the last nine weeks: the second and third kind.
    once = LETTER | {"every": 4096, "recency": {"at_most": 9.0}}
    scenario = scenario_of(SEGMENTS["bg/nbd"], programs={"letter": once})
    found = simulate(customers, scenario, terms(), 5)
    changed = found.value != plain.value
    np.testing.assert_array_equal(changed, np.arange(150) >= 50)
    neutral = once | {"contact_cost": 0.0, "rate": 1.0}
    scenario = scenario_of(SEGMENTS["bg/nbd"], programs={"letter": neutral})
    again = simulate(customers, scenario, terms(), 5)
    np.testing.assert_array_equal(again.value, plain.value)
    np.testing.assert_array_equal(again.high, plain.high)


def test_neither_order_nor_company_matters(monkeypatch):
    customers = customers_of(PASTS["bg/nbd"], each=50)
    scenario = scenario_of(SEGMENTS["bg/nbd"], programs={"letter": LETTER})
    whole = simulate(customers, scenario, terms(), 6)
    for least_or_most in ("_FEWEST", "_MOST"):
        # Aimed by some of the customers only: the same ones, whatever the order.
        monkeypatch.setattr(known, least_or_most, 8)
    ranked = LETTER | {"target": "value", "share": 0.3}
    ranking = scenario_of(SEGMENTS["bg/nbd"], programs={"letter": ranked})
    order = np.random.default_rng(2).permutation(150)
    turned = simulate(customers.some(order), ranking, terms(), 3)
    np.testing.assert_array_equal(
        turned.value, simulate(customers, ranking, terms(), 3).value[order]
    )
    order = np.random.default_rng(3).permutation(150)[:70]
    monkeypatch.setattr(simulated, "_SORTED", 16)
    part = simulate(customers.some(order), scenario, terms(), 6)
    for name in ("value", "low", "high", "alive", "purchases", "error_of_value"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[order])


def test_the_error_of_a_fit_is_told_from_luck():
    fit = {
        "parameters": ["purchase_rate.scale"],
        "covariance": [[0.04]],
        "model": "bg/nbd",
        "customers": 100,
    }
    customers = customers_of(PASTS["bg/nbd"][2:], each=1_000)
    scenario = scenario_of({**SEGMENTS["bg/nbd"], "fit": fit})
    found = simulate(customers, scenario, terms(), 300)
    plain = scenario_of(SEGMENTS["bg/nbd"])
    certain = simulate(customers, plain, terms(), 60)
    assert math.isnan(certain.doubt)
    segment = scored(scenario.segments["s"])
    tables = {"s": segment.model_dump(by_alias=True)}
    segment = segment.model_copy(update={"fit": scenario.segments["s"].fit})
    exact = score(customers, FitFile("fit", "week", {"s": segment}, tables), terms())
    # A variance from n worlds is one of n - 1 degrees of freedom, if totals are normal.
    low, high = scipy.stats.chi2(299).ppf([FALSE_ALARM_RATE, 1.0 - FALSE_ALARM_RATE]) / 299
    for figure in ("value", "alive", "purchases"):
        ratio = found.errors.total(figure).fit / exact.errors.total(figure).fit
        assert low < ratio**2 < high, figure
    classes = [found.errors.of_class("value", number) for number in set(found.group.tolist())]
    assert min(one.simulation for one in classes) > 0.0
    assert max(one.fit for one in classes) < found.doubt
    assert not low < 0.5 < high
    assert not low < 2.0 < high
    # Luck is that of 60,000 lives, whose squares have a kurtosis below 30: 2 % of it at most.
    widest = 0.5 * scipy.stats.norm.isf(FALSE_ALARM_RATE) * math.sqrt(30.0 / 60_000)
    for figure in ("value", "purchases"):
        ratio = certain.errors.total(figure).luck / exact.errors.total(figure).luck
        assert abs(math.log(ratio)) < widest, figure
    totals = [certain.errors.total(figure) for figure in ("value", "purchases")]
    # Of 60 worlds without anything in common, luck over their root.
    low, high = scipy.stats.chi2(59).ppf([FALSE_ALARM_RATE, 1.0 - FALSE_ALARM_RATE]) / 59
    for one in totals:
        assert low < 60.0 * (one.simulation / one.luck) ** 2 < high


def test_whom_luck_picks_is_said_to_be_worth_less():
    random = np.random.default_rng(8)
    true, size = random.gamma(2.0, 50.0, 4_000), 4_000
    noisy = true + random.normal(0.0, 60.0, (2, size))
    (note,) = simulated._flattery(noisy, terms())
    said = float(note.split("some ")[1].split(" %")[0])
    whole = noisy.mean(axis=0)
    _, group = classed(whole, terms())
    flattered = 100.0 * (whole - true)[group == 0].sum() / whole[group == 0].sum()
    assert flattered > 5.0
    assert abs(said - flattered) < 0.35 * flattered
    assert not list(simulated._flattery(np.array([true, true]), terms()))


def test_a_treatment_of_a_ranking_is_aimed_anew_in_every_world(monkeypatch):
    """With the bar of one world for all, totals moved several times as far as was said."""
    for least_or_most in ("_FEWEST", "_MOST"):
        monkeypatch.setattr(known, least_or_most, 64)
    customers = customers_of(PASTS["bg/nbd"], each=30)
    ranked = LETTER | {"target": "value", "share": 0.3, "contact_cost": 40.0}
    scenario = scenario_of(SEGMENTS["bg/nbd"], programs={"letter": ranked})
    found = [simulate(customers, scenario, terms(seed=seed), 20) for seed in range(40)]
    totals = np.array([one.value.sum() for one in found])
    said = np.array([one.errors.total("value").simulation for one in found])
    # Of 39 degrees of freedom each way; what is said is an average of many.
    limit = scipy.stats.chi2(39).isf(FALSE_ALARM_RATE) / 39
    assert totals.var(ddof=1) < limit * np.mean(said**2)
    assert limit < 4.7**2


def test_the_error_of_a_fit_does_not_hang_on_which_half_the_rich_are_in():
    random = np.random.default_rng(11)
    shared, luck = random.normal(1.0, 0.2, 4_000), random.normal(0.0, 0.05, (2, 4_000))
    halves = np.zeros((3, 2, 4, 4_000))
    # Nine tenths of a class in one half; of another, all of it.
    halves[:, 0, 0], halves[:, 1, 0] = 90.0 * (shared + luck[0]), 10.0 * (shared + luck[1])
    halves[:, 0, 3] = 0.001 * shared
    fit, _ = simulated._covariances(halves, varies=True)
    assert math.isclose(math.sqrt(fit[0].sum()), 20.0, rel_tol=0.1)
    assert fit[0, 3, 3] == 0.0
    halves[:, 0, 3] = 50.0 * shared
    fit, _ = simulated._covariances(halves, varies=True)
    assert math.isnan(fit[0, 3, 3])
    assert math.isclose(fit[0, 0, 3], 0.04 * 5_000.0, rel_tol=0.1)


def test_what_worlds_cannot_tell_from_luck_is_said():
    random = np.random.default_rng(12)
    shared, luck = random.normal(0.0, 1.0, 60), random.normal(0.0, 1.0, (2, 60))
    assert not list(simulated._untold(100.0 + 5.0 * shared + luck, 60))
    (note,) = simulated._untold(100.0 + luck, 60)
    assert "it is below some" in note


def test_long_lives_are_ranked_too():
    """Who is known to be there is: however unlikely that was beforehand."""
    customers = customers_of([1_500.0], each=400)
    scenario = scenario_of({"churn": 0.5, "spend": 10.0})
    once = {"kind": "retention", "target": "value", "share": 0.5, "every": 4096,
            "contact_cost": 1.0}  # fmt: skip
    plain = simulate(customers, scenario, terms(), 2)
    found = simulate(customers, scenario_of({"churn": 0.5, "spend": 10.0}, programs={"a": once}),
                     terms(), 2)  # fmt: skip
    contacted = plain.value - found.value
    assert 0.3 < contacted.mean() < 0.7


def test_luck_is_as_large_by_few_worlds_as_by_many():
    customers = customers_of(PASTS["bg/nbd"][1:], each=200)
    scenario = scenario_of(SEGMENTS["bg/nbd"])
    found = [simulate(customers, scenario, terms(seed=seed), 3) for seed in range(40)]
    fit = FitFile("fit", "week", {"s": scored(scenario.segments["s"])}, {})
    exact = score(customers, fit, terms()).errors
    for figure in ("value", "purchases"):
        luck = exact.total(figure).luck ** 2
        drawn = [one.errors.total(figure).luck ** 2 for one in found]
        assert_mean(drawn, None, luck, fault=0.75 * luck)
