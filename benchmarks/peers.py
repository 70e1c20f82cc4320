"""Peers: the same plain subscription in the simulators that install with pip.

They are the optional extra ``[peers]`` (``pip install -e ".[peers]"``); one that is not installed
is left out and named. Each steps its customers month by month: churn by sBG, margin, discounting.

    python benchmarks/peers.py [--tiny]
"""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from plain_subscription import (
    ALPHA,
    ANNUAL_RATE,
    BETA,
    MONTHS,
    SCALE,
    SHAPE,
    rival,
    scenario,
    simulate,
)
from timing import report, seconds

from clvsim.engine.compile import compile_scenario

FACTOR = (1.0 + ANNUAL_RATE) ** (-1.0 / 12.0)


def month_loop(customers: int) -> float:
    """NumPy month by month over all customers, leaving nobody out."""
    random = np.random.default_rng(1)
    churn, spend = random.beta(ALPHA, BETA, customers), random.gamma(SHAPE, SCALE, customers)
    alive, value = np.ones(customers, dtype=bool), np.zeros(customers)
    for month in range(MONTHS):
        value += alive * spend * FACTOR**month
        alive &= random.random(customers) >= churn
    return float(value.mean())


def in_mesa(customers: int) -> float:
    """Mesa: one agent a customer, agents that leave are removed."""
    import mesa

    class Customer(mesa.Agent):
        def __init__(self, model: mesa.Model, churn: float, spend: float) -> None:
            super().__init__(model)
            self.churn, self.spend = churn, spend

        def step(self) -> None:
            model = self.model
            model.value += self.spend * model.factor
            if model.draw() < self.churn:
                self.remove()

    class Firm(mesa.Model):
        def __init__(self) -> None:
            super().__init__()
            random = np.random.default_rng(1)
            self.draw = random.random
            self.value, self.factor = 0.0, 1.0
            for churn, spend in zip(
                random.beta(ALPHA, BETA, customers),
                random.gamma(SHAPE, SCALE, customers),
                strict=True,
            ):
                Customer(self, churn, spend)

    firm = Firm()
    for _ in range(MONTHS):
        firm.agents.do("step")
        firm.factor *= FACTOR
    return firm.value / customers


def in_starsim(customers: int) -> float:
    """Starsim: customers as people, churn as a module that removes them."""
    import starsim as ss

    class Churn(ss.Module):
        def __init__(self) -> None:
            super().__init__()
            self.define_states(
                ss.FloatArr("churn", default=ss.random()), ss.FloatArr("spend", default=ss.random())
            )
            self.leave, self.total = ss.random(), 0.0

        def init_post(self) -> None:
            super().init_post()
            random = np.random.default_rng(1)
            self.churn[:] = random.beta(ALPHA, BETA, customers)
            self.spend[:] = random.gamma(SHAPE, SCALE, customers)

        def step(self) -> None:
            people = self.sim.people
            here = people.auids
            self.total += float(self.spend[here].sum()) * FACTOR**self.ti
            leaves = here[self.leave.rvs(here) < self.churn[here]]
            people.request_death(leaves)

    module = Churn()
    sim = ss.Sim(
        n_agents=customers, modules=module, dur=MONTHS - 1, dt=1, verbose=0, copy_inputs=False
    )
    sim.run()
    return module.total / customers


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests: no peers there."""
    customers, repeats = (1_000, 1) if tiny else (1_000_000, 3)
    compiled = compile_scenario(scenario(customers))
    found: dict[str, Any] = {
        "clvsim, 1 thread": seconds(lambda: simulate(compiled, 1), repeats),
        "clvsim, 2 threads": seconds(lambda: simulate(compiled, 2), repeats),
        "NumPy month loop": seconds(lambda: month_loop(customers), repeats),
        "NumPy compacting": seconds(lambda: rival(customers, 1), repeats),
    }
    absent = []
    peers: dict[str, tuple[Callable[[int], float], int]] = {
        "starsim": (in_starsim, customers),
        "mesa": (in_mesa, customers // 10),
    }
    for name, (peer, size) in peers.items():
        if tiny or find_spec(name) is None:
            absent.append(name)
            continue
        values: list[float] = []

        def once(
            peer: Callable[[int], float] = peer, size: int = size, values: list[float] = values
        ) -> None:
            values.append(peer(size))

        timed = seconds(once, 1)
        found[name] = {**timed, "customers": size, "mean_value": values[-1]}
    return {"customers": customers, "months": MONTHS, "runs": found, "not_measured": absent}


if __name__ == "__main__":
    report("peers", measure(tiny="--tiny" in sys.argv))
