"""Who joins: a unit-rate Poisson process below the expected number of customers of a cell.

Customer k arrives at ``Gamma_k``, a sum of k unit exponentials, and joins where ``Gamma_k`` is
below prospects times conversion: its keenness quantile is ``Gamma_k / prospects``. A better offer
or a bigger budget raises the bound, and so acquires a superset of the same people.
"""

import math

import numpy as np

from clvsim.kernels.bits import minus_log
from clvsim.kernels.inner import cached, kernel
from clvsim.kernels.random import fill_uniforms, occasion


@kernel
def arrivals(seed, world, stream, first_rank, joined, begun, limit, count, gamma, spare):
    """Arrival times of up to ``count`` customers after ``begun`` into ``gamma (B,)``.

    Returns
    -------
    tuple
        Number of customers below ``limit``, and whether the limit was passed.
    """
    fill_uniforms(seed, world, stream, first_rank, occasion(joined, 0), count, gamma, spare)
    for i in range(count):
        begun += minus_log(gamma[i])
        if begun > limit:
            return i, True
        gamma[i] = begun
    return count, False


@kernel
def enough(expected, block):
    """A number of draws that mostly reaches the limit in one go, at most a block."""
    return min(block, int(expected + 6.0 * math.sqrt(expected) + 8.0))


def count_arrivals(
    seed: np.uint64, world: np.uint64, stream: np.uint64, joined: int, limit: float, block: int
) -> int:
    """Number of customers of one cell of arrivals in one world."""
    gamma, spare = np.empty(block), np.empty(block)
    return int(count_below(seed, world, stream, joined, limit, gamma, spare))


@cached
def count_below(seed, world, stream, joined, limit, gamma, spare):
    """Number of arrivals below a limit, drawn in blocks of the size of ``gamma`` and ``spare``."""
    rank, begun = 0, 0.0
    while True:
        drawn = enough(limit - begun, gamma.size)
        count, passed = arrivals(
            seed, world, stream, rank, joined, begun, limit, drawn, gamma, spare
        )
        rank += count
        if passed:
            return rank
        begun = gamma[count - 1]
