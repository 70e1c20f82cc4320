"""Purchases now and then: the engine against NumPy, event by event over all customers in bulk.

1,000,000 customers of CDNOW's kind (BG/NBD, Gamma-Gamma; Fader, Hardie & Lee 2005) over 104 weeks;
out come purchases, revenue and living customers by week, and one discounted value per customer (the
engine files them in a histogram; the rival keeps them in an array). The rival draws the next
purchase of all customers who may buy again at once, and drops those who do not.

    python benchmarks/purchases.py [--tiny]
"""

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
from timing import race, report, seconds, simulate

from clvsim.engine.compile import compile_scenario
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario

R, ALPHA, A, B = 0.243, 4.414, 0.793, 2.426
SHAPE, Q, GAMMA = 6.25, 3.74, 15.44
WEEKS, ANNUAL_RATE = 104, 0.1
FACTOR = (1.0 + ANNUAL_RATE) ** (-7.0 / 365.25)


def scenario(customers: int) -> Scenario:
    """The workload as a scenario."""
    return Scenario.model_validate(
        {
            "time": {"periods": WEEKS, "step": "week"},
            "money": {"discount_rate": ANNUAL_RATE, "timing": "start"},
            "segments": {
                "all": {
                    "relationship": "bg/nbd",
                    "purchase_rate": {"distribution": "gamma", "a": R, "scale": 1.0 / ALPHA},
                    "churn": {"distribution": "beta", "a": A, "b": B},
                    "spend": {"distribution": "invgamma", "a": Q, "scale": SHAPE * GAMMA},
                    "spend_shape": SHAPE,
                }
            },
            "cohorts": {"launch": {"segment": "all", "customers": customers}},
        }
    )


def rival(customers: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Purchase by purchase in NumPy: purchases, revenue, active by week, value per customer."""
    random = np.random.default_rng(seed)
    rate = random.gamma(R, 1.0 / ALPHA, customers)
    leaves = random.beta(A, B, customers)
    mean = SHAPE * GAMMA / random.gamma(Q, 1.0, customers)
    value = mean * random.gamma(SHAPE, 1.0 / SHAPE, customers)
    purchases, revenue, left = np.zeros((3, WEEKS))
    purchases[0], revenue[0] = customers, value.sum()
    factors = FACTOR ** np.arange(WEEKS)
    who, clock = np.arange(customers), np.zeros(customers)
    while len(who):
        with np.errstate(divide="ignore"):
            clock += random.exponential(1.0, len(who)) / rate
        buys = clock < WEEKS
        who, clock, rate, leaves, mean = (one[buys] for one in (who, clock, rate, leaves, mean))
        week = clock.astype(np.int64)
        amount = mean * random.gamma(SHAPE, 1.0 / SHAPE, len(who))
        value[who] += amount * factors[week]
        purchases += np.bincount(week, minlength=WEEKS)
        revenue += np.bincount(week, amount, WEEKS)
        stays = random.random(len(who)) >= leaves
        left += np.bincount(week[~stays], minlength=WEEKS)
        who, clock, rate, leaves, mean = (one[stays] for one in (who, clock, rate, leaves, mean))
    active = customers - np.concatenate([[0.0], np.cumsum(left)[:-1]])
    return purchases, revenue, active, value


def lifetimes_peer(customers: int) -> float:
    """The generator of ``lifetimes``: one customer at a time; repeat purchases per customer."""
    from lifetimes.generate_data import beta_geometric_nbd_model

    found = beta_geometric_nbd_model(WEEKS, R, ALPHA, A, B, size=customers)
    return float(found["frequency"].mean())


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    customers, repeats = (2_000, 1) if tiny else (1_000_000, 7)
    compiled = compile_scenario(scenario(customers))
    world = simulate(compiled, 1)
    bought = float(world.flows[0, p.PURCHASES].sum())
    figures: dict[str, Any] = {"customers": customers, "purchases": bought}
    figures |= race(
        compiled,
        lambda: rival(customers, 1),
        "rival_numpy_by_event",
        {"customer": customers, "purchase": bought},
        repeats,
    )
    purchases, _, active, value = rival(customers, 1)
    figures["mean_value"] = {
        "engine": float(world.sums[0, :, p.SUM_VALUE].sum() / customers),
        "rival": float(value.mean()),
        "standard_error": float(value.std() * np.sqrt(2.0 / customers)),
    }
    figures["purchases_per_customer"] = {
        "engine": bought / customers,
        "rival": float(purchases.sum() / customers),
    }
    figures["active_in_last_week"] = {
        "engine": float(world.flows[0, p.ACTIVE, -1]),
        "rival": float(active[-1]),
    }
    if not tiny and find_spec("lifetimes") is not None:
        size = customers // 100
        peer = seconds(lambda: lifetimes_peer(size), 1)
        figures["lifetimes"] = {**peer, "ns_per_customer": 1e9 * peer["fastest_s"] / size}
    return figures


if __name__ == "__main__":
    report("purchases", measure(tiny="--tiny" in sys.argv))
