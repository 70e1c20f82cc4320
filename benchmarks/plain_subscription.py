"""A plain subscription: the engine against a compacting NumPy loop with the same outputs.

1,000,000 customers over 120 months, sBG churn (0.7, 6), gamma spend, an introductory price for six
months; out come active customers and revenue by month, and one discounted value per customer (the
engine files them in a histogram; the rival keeps them in an array).

    python benchmarks/plain_subscription.py [--tiny]
"""

import sys
from typing import Any

import numpy as np
from timing import race, report, simulate

from clvsim.engine.compile import compile_scenario
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario

ALPHA, BETA = 0.7, 6.0
SHAPE, SCALE = 4.0, 16.0
MONTHS, INTRO_MONTHS, INTRO_SHARE = 120, 6, 0.5
ANNUAL_RATE = 0.1


def scenario(customers: int) -> Scenario:
    """The workload as a scenario."""
    return Scenario.model_validate(
        {
            "time": {"periods": MONTHS},
            "money": {"discount_rate": ANNUAL_RATE, "timing": "start"},
            "segments": {
                "all": {
                    "churn": {"distribution": "beta", "a": ALPHA, "b": BETA},
                    "spend": {"distribution": "gamma", "a": SHAPE, "scale": SCALE},
                }
            },
            "offers": {"intro": {"discount": INTRO_SHARE, "discount_periods": INTRO_MONTHS}},
            "cohorts": {"launch": {"segment": "all", "customers": customers, "offer": "intro"}},
        }
    )


def rival(customers: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Month by month in NumPy, dropping those who left: active, revenue, value per customer."""
    random = np.random.default_rng(seed)
    churn = random.beta(ALPHA, BETA, customers)
    spend = random.gamma(SHAPE, SCALE, customers)
    value = np.zeros(customers)
    alive = np.arange(customers)
    active, revenue = np.zeros(MONTHS), np.zeros(MONTHS)
    factor = (1.0 + ANNUAL_RATE) ** (-1.0 / 12.0)
    for month in range(MONTHS):
        paid = spend * (INTRO_SHARE if month < INTRO_MONTHS else 1.0)
        active[month], revenue[month] = len(alive), paid.sum()
        value[alive] += paid * factor**month
        stays = random.random(len(alive)) >= churn
        alive, churn, spend = alive[stays], churn[stays], spend[stays]
    return active, revenue, value


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    customers, repeats = (2_000, 1) if tiny else (1_000_000, 7)
    compiled = compile_scenario(scenario(customers))
    world = simulate(compiled, 1)
    months = float(world.flows[0, p.ACTIVE].sum())
    figures: dict[str, Any] = {"customers": customers, "active_customer_months": months}
    figures |= race(
        compiled,
        lambda: rival(customers, 1),
        "rival_numpy_compacting",
        {"active_customer_month": months},
        repeats,
    )
    active, _, value = rival(customers, 1)
    figures["mean_value"] = {
        "engine": float(world.sums[0, :, p.SUM_VALUE].sum() / customers),
        "rival": float(value.mean()),
        "standard_error": float(value.std() * np.sqrt(2.0 / customers)),
    }
    figures["active_in_last_month"] = {
        "engine": float(world.flows[0, p.ACTIVE, -1]),
        "rival": float(active[-1]),
    }
    return figures


if __name__ == "__main__":
    report("plain subscription", measure(tiny="--tiny" in sys.argv))
