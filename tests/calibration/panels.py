"""Panels of customers who move by known transitions, drawn for tests."""

import numpy as np

from clvsim.calibration.panel import Panel

#: From c customers may leave for d, for good.
CHAIN = np.array(
    [[0.6, 0.3, 0.1, 0.0], [0.25, 0.5, 0.15, 0.1], [0.1, 0.2, 0.5, 0.2], [0.0, 0.0, 0.0, 1.0]]
)


def drawn(seed, customers, periods, chain=CHAIN):
    """Customers who join in one of the first three periods, from 5 on, and have a row in each.

    ``chain`` has shape (state, state), or (period, state, state).
    """
    generator = np.random.default_rng(seed)
    first = generator.integers(0, 3, customers)
    state = generator.integers(0, 3, customers)
    chains = np.broadcast_to(chain, (periods, *np.shape(chain)[-2:]))
    table = np.empty((customers, periods), dtype=np.int64)
    for period, bounds in enumerate(chains.cumsum(axis=2)):
        table[:, period] = state
        to = (generator.random(customers)[:, None] > bounds[state]).sum(axis=1)
        state = np.where(first <= period, np.minimum(to, len(chains[0]) - 1), state)
    return panel_of(table, np.arange(periods) >= first[:, None])


def panel_of(table, is_there, labels="abcd"):
    """A panel of states, shape (customer, period), where customers are there."""
    who, when = np.nonzero(is_there)
    return Panel(who, when + 5, table[who, when], np.full(who.size, np.nan), tuple(labels))


def counted(panel):
    """Transitions and their probabilities."""
    followed = panel.is_followed
    counts = np.zeros((len(panel.states), len(panel.states)))
    np.add.at(counts, (panel.state[:-1][followed], panel.state[1:][followed]), 1.0)
    leaving = counts.sum(axis=1, keepdims=True)
    return counts, np.where(leaving > 0, counts / np.maximum(leaving, 1.0), np.eye(len(counts)))
