"""Contracts whose hazard moves with tenure, against sums over payments and integrals over churn."""

import math

import numpy as np
import pytest
from scipy import stats

from clvsim.calibration.scoring.contract import Contract, quantile
from clvsim.calibration.scoring.outlook import Outlook

HAZARD = (1.0, 0.7, 1.3, 0.5, 0.4)
BETA = (2.6, 7.0)
ALL = [Contract(*BETA, HAZARD), Contract(0.08, hazard=HAZARD)]


def stays(contract, tenure, most):
    """Probability of renewing 1, 2, … times more, by the renewal, the churn integrated out."""
    steps = [HAZARD[min(tenure + k, len(HAZARD) - 1)] for k in range(most)]
    gone = sum(HAZARD[min(k, len(HAZARD) - 1)] for k in range(tenure))
    exposures = np.cumsum(steps)
    if not contract.b:
        return (1.0 - contract.a) ** exposures
    churn = (np.arange(20_000) + 0.5) / 20_000
    density = stats.beta(contract.a, contract.b).pdf(churn)

    def mean(power):
        return float(density @ (1.0 - churn) ** power) / churn.size

    return np.array([mean(gone + exposure) for exposure in exposures]) / mean(gone)


@pytest.mark.parametrize("contract", ALL, ids=["beta", "constant"])
@pytest.mark.parametrize("tenure", [0, 2, 4, 9])
def test_payments_and_their_variance_are_sums_over_renewals(contract, tenure):
    for discount in (0.0, 0.1):
        outlook = Outlook(12.0, discount)
        chance = stays(contract, tenure, 12)
        v = 1.0 / (1.0 + discount)
        plain, discounted = contract.payments(np.array([float(tenure)]), outlook)
        assert plain[0] == pytest.approx(chance.sum(), rel=1e-8)
        assert discounted[0] == pytest.approx(chance @ v ** np.arange(12), rel=1e-8)
        worth = np.concatenate(([0.0], np.cumsum(v ** np.arange(12))))
        exactly = -np.diff(np.concatenate(([1.0], chance, [0.0])))
        variance = exactly @ worth**2 - (exactly @ worth) ** 2
        found = contract.variance(np.array([float(tenure)]), outlook)
        assert found[0] == pytest.approx(variance, rel=1e-7)
        median = worth[np.searchsorted(np.cumsum(exactly), 0.5)]
        assert quantile([contract], np.array([float(tenure)]), outlook, 0.5)[0] == pytest.approx(
            median
        )


@pytest.mark.parametrize("contract", ALL, ids=["beta", "constant"])
@pytest.mark.parametrize("tenure", [0.0, 3.0, 40.0])
def test_without_a_horizon_payments_are_the_limit_of_a_long_one(contract, tenure):
    at, long = np.array([tenure]), 4_096.0
    near = contract.payments(at, Outlook(long, 0.05))[1]
    far = contract.payments(at, Outlook(math.inf, 0.05))[1]
    assert far == pytest.approx(near, rel=1e-7)
    near = contract.variance(at, Outlook(long, 0.05))
    assert contract.variance(at, Outlook(math.inf, 0.05)) == pytest.approx(near, rel=1e-6)
    endless = contract.payments(at, Outlook())[0]
    assert contract.payments(at, Outlook(long))[0] == pytest.approx(endless, rel=2e-3)
    assert contract.payments(at, Outlook(long))[0] < endless * (1.0 + 1e-12)


def test_variance_without_horizon_or_discount_is_the_limit_too():
    # Of lives so long-tailed only a constant churn comes near its limit within a horizon.
    contract = ALL[1]
    at = np.array([0.0, 3.0, 40.0])
    near = contract.variance(at, Outlook(4_096.0))
    assert contract.variance(at, Outlook()) == pytest.approx(near, rel=1e-9)
    steep = Contract(9.0, 7.0, HAZARD)
    assert steep.variance(at, Outlook()) == pytest.approx(
        steep.variance(at, Outlook(4_096.0)), rel=1e-3
    )
    assert Contract(1.9, 7.0, HAZARD).variance(at[:1], Outlook())[0] == math.inf
    assert Contract(0.9, 7.0, HAZARD).payments(at[:1], Outlook())[0][0] == math.inf


@pytest.mark.parametrize(
    "outlook", [Outlook(7.0, 0.1), Outlook(7.0), Outlook(discount=0.1), Outlook()]
)
@pytest.mark.parametrize("plain", [Contract(2.6, 7.0), Contract(0.08)], ids=["beta", "constant"])
def test_multipliers_of_1_change_nothing(plain, outlook):
    flat = Contract(plain.a, plain.b, (1.0, 1.0, 1.0))
    at = np.array([0.0, 1.0, 8.0])
    for own, other in zip(flat.payments(at, outlook), plain.payments(at, outlook), strict=True):
        assert own == pytest.approx(other, rel=1e-9)
    assert flat.variance(at, outlook) == pytest.approx(plain.variance(at, outlook), rel=1e-6)
    assert quantile([flat], at, outlook, 0.95) == pytest.approx(
        quantile([plain], at, outlook, 0.95)
    )
