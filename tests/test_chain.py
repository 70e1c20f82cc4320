"""From records to a fit, to a scenario, to worlds: is what customers pay later where it should be?

Simulation-based calibration (Talts et al. 2018) of the whole chain. Many cohorts of known churn are
watched for three years by a generator of our own, fitted, written as a block, read as a scenario,
and simulated for twenty more by the engine, with the parameters drawn anew from the fit in every
world. The rank of what a cohort truly pays then among the worlds must be uniform.
"""

import os
import tomllib

import numpy as np
import pytest
import scipy.stats

from clvsim.calibration.block import block
from clvsim.calibration.churn import LifeTable, fit_sbg
from clvsim.calibration.drops import Drops
from clvsim.calibration.outcome import Outcome, SegmentFit, _churn_values
from clvsim.verification.estimate import scenario, simulate
from tests.statistics import FALSE_ALARM_RATE, assert_proportion

# Without the JIT a customer takes a thousand times as long.
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="millions of customers need the JIT"
)

COHORTS, CUSTOMERS, WATCHED, AHEAD, WORLDS = 60, 10_000, 3, 20, 9
FEE = 25.0


def lives(random):
    """Customers of one cohort after each year: its churn, beta distributed, is drawn as well."""
    a, b = np.exp(np.log([0.7, 3.8]) + 0.2 * random.standard_normal(2))
    churn = random.beta(a, b, CUSTOMERS)
    there = np.ones(CUSTOMERS, dtype=bool)
    counts = [CUSTOMERS]
    for _ in range(WATCHED + AHEAD):
        there &= random.random(CUSTOMERS) >= churn
        counts.append(int(there.sum()))
    return counts


def segment_of(number, counts):
    """A fit to the years that were watched."""
    watched = np.array(counts[: WATCHED + 1], dtype=np.float64)
    fitted = fit_sbg(LifeTable(-np.diff(watched), watched[1:]))
    values, links = _churn_values(fitted)
    return SegmentFit(f"c{number:03}", f"c{number:03}", watched[0], (), fitted, values, links)


@pytest.fixture(scope="module")
def cohorts():
    random = np.random.default_rng(20_260)
    counts = [lives(random) for _ in range(COHORTS)]
    fits = tuple(segment_of(number, each) for number, each in enumerate(counts))
    text = block(Outcome("retention", "survivors.csv", "year", fits, Drops("survivors.csv")))
    return counts, tomllib.loads(text)["segments"]


def worlds_of(cohorts, change=lambda segment: segment):
    """What each cohort pays in each world, shape (world, cohort)."""
    counts, written = cohorts
    segments = {name: change({**table, "spend": FEE}) for name, table in written.items()}
    shop = scenario(
        time={"periods": AHEAD, "step": "year"},
        money={"discount_rate": 0.0, "residual": "none"},
        segments=segments,
        installed_base={
            name: {"segment": name, "customers": each[WATCHED], "tenure": WATCHED}
            for name, each in zip(segments, counts, strict=True)
        },
    )
    result = simulate({"baseline": shop}, WORLDS)
    return result["value"].sel(segment=list(segments)).sum("channel").values[0]


def ranks(cohorts, worlds):
    """Worlds in which a cohort pays less than it truly does, shape (cohort,)."""
    paid = [FEE * sum(each[WATCHED : WATCHED + AHEAD]) for each in cohorts[0]]
    return np.sum(worlds < np.array(paid), axis=0)


@pytest.fixture(scope="module")
def worlds(cohorts):
    return worlds_of(cohorts)


def assert_uniform(found):
    """Ranks 0 to 9 alike: by Pearson's test, and neither too often at the ends nor on one side."""
    counts = np.bincount(found, minlength=WORLDS + 1)
    statistic = float(scipy.stats.chisquare(counts).statistic)
    assert statistic < scipy.stats.chi2.isf(FALSE_ALARM_RATE, WORLDS)
    # Worlds of the estimates alone are so narrow that seven in ten cohorts lie at the ends.
    assert_proportion(int(counts[0] + counts[-1]), found.size, 2 / (WORLDS + 1), fault=0.7)
    # Payments wrong by 1.65 spreads of the worlds (by 5 %) leave 19 cohorts in 20 on one side.
    assert_proportion(int(counts[: (WORLDS + 1) // 2].sum()), found.size, 0.5, fault=0.95)


def test_what_customers_pay_later_ranks_uniformly_among_the_worlds(cohorts, worlds):
    assert all(table["fit"]["model"] == "sbg" for table in cohorts[1].values())
    assert_uniform(ranks(cohorts, worlds))


def test_without_the_fit_s_error_it_would_not(cohorts):
    def exact(table):
        return {key: value for key, value in table.items() if key != "fit"}

    with pytest.raises(AssertionError):
        assert_uniform(ranks(cohorts, worlds_of(cohorts, exact)))


@pytest.mark.parametrize("wrong", [0.94, 1.06])
def test_with_payments_six_per_cent_off_it_would_not(cohorts, worlds, wrong):
    with pytest.raises(AssertionError):
        assert_uniform(ranks(cohorts, wrong * worlds))
