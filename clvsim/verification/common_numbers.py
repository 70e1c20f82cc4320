"""Common random numbers: the same customer's life under two retention rates."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from clvsim.engine.compile import Compiled, compile_scenario
from clvsim.engine.rows import customer_rows
from clvsim.engine.run import default_threads
from clvsim.reference import paired_geometric_lives
from clvsim.verification.estimate import SEED, Floats, estimate, scaled, scenario
from clvsim.verification.verdict import Finding

_CITATION = "Law & Kelton 2000, common random numbers"
_RETENTION = 0.75, 0.8
_CUSTOMERS, _WORLDS = 65_536, 170
#: Periods: a life of retention 0.8 outlasts them once in 1e12.
_HORIZON = 128


def examine(scale: float) -> Iterator[Finding]:
    """Correlation of paired lives, and the variance of their difference, paired and not."""
    worlds = scaled(_WORLDS, scale)
    closed = paired_geometric_lives(*_RETENTION)
    one, other = (_compiled(retention) for retention in _RETENTION)

    def moments(world: int) -> tuple[float, ...]:
        first, second = _lives(one, world), _lives(other, world)
        # Other worlds are other people with other luck.
        stranger = _lives(other, worlds + world)
        lives = first, second, first * first, second * second, first * second
        apart = first - stranger
        return tuple(float(column.mean()) for column in (*lives, apart, apart * apart))

    with ThreadPoolExecutor(default_threads()) as pool:
        columns = np.array(list(pool.map(moments, range(worlds)))).T
    yield Finding(
        _CITATION,
        "correlation of lives, retention 0.75 and 0.80",
        closed.correlation,
        recomputed="0.994663",
        estimate=estimate(_correlation, *columns[:5]),
    )
    yield Finding(
        _CITATION,
        "variance of their difference, common numbers",
        closed.variance,
        recomputed="1.181480",
        estimate=estimate(_variance_of_difference, *columns[:5]),
    )
    yield Finding(
        _CITATION,
        "variance of their difference, independent",
        closed.variance_independent,
        recomputed="32",
        estimate=estimate(lambda mean, square: square - mean**2, *columns[5:]),
    )


def _compiled(retention: float) -> Compiled:
    return compile_scenario(
        scenario(
            time={"periods": _HORIZON},
            segments={"all": {"churn": 1.0 - retention, "spend": 1.0}},
            cohorts={"cohort": {"segment": "all", "customers": _CUSTOMERS}},
        )
    )


def _lives(compiled: Compiled, world: int) -> Floats:
    """Periods that each customer of a world's cohort stays, by rank, ``(customer,)``."""
    rows = customer_rows(compiled, SEED, world)
    return np.concatenate([part.column("periods") for part in rows])


def _correlation(x: Floats, y: Floats, xx: Floats, yy: Floats, xy: Floats) -> Floats:
    return np.asarray((xy - x * y) / np.sqrt((xx - x * x) * (yy - y * y)))


def _variance_of_difference(x: Floats, y: Floats, xx: Floats, yy: Floats, xy: Floats) -> Floats:
    return xx - 2.0 * xy + yy - (x - y) ** 2
