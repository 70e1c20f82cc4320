"""Common random numbers: how much they cut the variance of what a retention program brings.

The rivals are the same two scenarios in independent worlds, and a shared seed consumed in sequence
with one Bernoulli draw per customer and month (what an ad-hoc script does).

    python benchmarks/common_random_numbers.py [--tiny]
"""

import sys
from typing import Any

import numpy as np
from timing import report

import clvsim
from clvsim.scenario.model import Scenario

MONTHS, HAZARD, TREATED = 60, 0.9, 0.2


def scenarios(customers: int) -> dict[str, Scenario]:
    """Without and with a program that cuts the hazard of a fifth of the customers by a tenth."""
    plain: dict[str, Any] = {
        "time": {"periods": MONTHS},
        "segments": {
            "all": {
                "churn": {"distribution": "beta", "a": 0.7, "b": 6.0},
                "spend": {"distribution": "gamma", "a": 4.0, "scale": 16.0},
            }
        },
        "cohorts": {"base": {"segment": "all", "customers": customers}},
    }
    loyalty = {"kind": "loyalty", "member_share": TREATED, "hazard": HAZARD}
    treated = {**plain, "programs": {"loyalty": loyalty}}
    return {
        name: Scenario.model_validate(one) for name, one in (("without", plain), ("with", treated))
    }


def sequential(customers: int, seed: int, *, treated: bool) -> float:
    """Undiscounted revenue with a shared seed and draws consumed month by month."""
    random = np.random.default_rng(seed)
    churn = random.beta(0.7, 6.0, customers)
    spend = random.gamma(4.0, 16.0, customers)
    if treated:
        member = random.random(customers) < TREATED
        churn = np.where(member, 1.0 - (1.0 - churn) ** HAZARD, churn)
    total = 0.0
    for _ in range(MONTHS):
        total += spend.sum()
        stays = random.random(len(churn)) >= churn
        churn, spend = churn[stays], spend[stays]
    return total


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    customers, worlds = (500, 20) if tiny else (10_000, 2_000)
    pair = scenarios(customers)
    npv = clvsim.compare(pair, effort=clvsim.Effort(worlds=worlds))["npv"].values
    gain = npv[1] - npv[0]
    ratio = (npv[0].var(ddof=1) + npv[1].var(ddof=1)) / gain.var(ddof=1)
    seeds = range(min(worlds, 300))
    naive = np.array(
        [[sequential(customers, seed, treated=on) for seed in seeds] for on in (False, True)]
    )
    naive_gain = naive[1] - naive[0]
    naive_ratio = naive.var(axis=1, ddof=1).sum() / naive_gain.var(ddof=1)
    # A ratio of two variances of n normal values each: relative error about sqrt(4 / n).
    return {
        "customers": customers,
        "worlds": worlds,
        "gain": float(gain.mean()),
        "gain_standard_error": float(gain.std(ddof=1) / np.sqrt(worlds)),
        "variance_reduction": float(ratio),
        "variance_reduction_standard_error": float(ratio * np.sqrt(4.0 / worlds)),
        "rival_independent_worlds": 1.0,
        "rival_shared_seed_sequential_draws": float(naive_ratio),
    }


if __name__ == "__main__":
    report("common random numbers", measure(tiny="--tiny" in sys.argv))
