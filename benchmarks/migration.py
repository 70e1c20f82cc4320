"""Customers who move between states: the engine against a NumPy loop over periods.

1,000,000 customers of a catalogue by recency (after Pfeifer & Carraway 2000, with gamma margins)
over 60 periods; out come customers by period, what they bring in, and one discounted value per
customer. The rival knows that one either buys or grows a period older, and drops the lost; the
engine takes any odds between any states.

    python benchmarks/migration.py [--tiny]
"""

import sys
from typing import Any

import numpy as np
from timing import race, report, simulate

from clvsim.engine.compile import compile_scenario
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario

PERIODS, ANNUAL_RATE, MARGIN, COST, SHAPE = 60, 0.2, 40.0, 4.0, 2.0
FACTOR = (1.0 + ANNUAL_RATE) ** (-1.0 / 12.0)
BUYS = (0.30, 0.20, 0.15, 0.05)
"""Odds of the next purchase, one to four periods after the last."""
LOST = len(BUYS)
COSTS = np.array([COST, COST, COST, COST, 0.0])
BRINGS = np.array([MARGIN, 0.0, 0.0, 0.0, 0.0])


def odds() -> np.ndarray:
    """Transition probabilities, ``(state, state)``."""
    table = np.zeros((LOST + 1, LOST + 1))
    table[:LOST, 0] = BUYS
    table[np.arange(LOST), np.arange(LOST) + 1] = 1.0 - np.array(BUYS)
    table[LOST, LOST] = 1.0
    return table


def scenario(customers: int) -> Scenario:
    """The workload as a scenario."""
    return Scenario.model_validate(
        {
            "time": {"periods": PERIODS, "step": "month"},
            "money": {"discount_rate": ANNUAL_RATE, "timing": "start"},
            "segments": {
                "all": {
                    "relationship": "states",
                    "states": ["r1", "r2", "r3", "r4", "lost"],
                    "transitions": odds().tolist(),
                    "state_values": BRINGS.tolist(),
                    "contact_costs": COSTS.tolist(),
                    "spend": {"distribution": "gamma", "a": SHAPE, "scale": 1.0 / SHAPE},
                }
            },
            "cohorts": {"launch": {"segment": "all", "customers": customers}},
        }
    )


def rival(customers: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Period by period in NumPy: active and revenue by period, value per customer."""
    random = np.random.default_rng(seed)
    spend = random.gamma(SHAPE, 1.0 / SHAPE, customers)
    buys = np.array([*BUYS, 0.0])
    value, who = np.zeros(customers), np.arange(customers)
    state = np.zeros(customers, dtype=np.int64)
    active, revenue = np.zeros((2, PERIODS))
    for period in range(PERIODS):
        brought = spend[who] * BRINGS[state]
        active[period], revenue[period] = len(who), brought.sum()
        value[who] += FACTOR**period * (brought - COSTS[state])
        state = np.where(random.random(len(who)) < buys[state], 0, state + 1)
        kept = state < LOST
        who, state = who[kept], state[kept]
    return active, revenue, value


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    customers, repeats = (2_000, 1) if tiny else (1_000_000, 7)
    compiled = compile_scenario(scenario(customers))
    world = simulate(compiled, 1)
    months = float(world.flows[0, p.ACTIVE].sum())
    figures: dict[str, Any] = {"customers": customers, "active_customer_periods": months}
    figures |= race(
        compiled,
        lambda: rival(customers, 1),
        "rival_numpy_by_period",
        {"active_period": months},
        repeats,
    )
    active, _, value = rival(customers, 1)
    figures["mean_value"] = {
        "engine": float(world.sums[0, :, p.SUM_VALUE].sum() / customers),
        "rival": float(value.mean()),
        "standard_error": float(value.std() * np.sqrt(2.0 / customers)),
    }
    figures["active_customer_periods_of_rival"] = float(active.sum())
    return figures


if __name__ == "__main__":
    report("migration", measure(tiny="--tiny" in sys.argv))
