"""Traits by inversion: quantile tables, the Gaussian copula, and a block of customers' traits.

A continuous quantile function is stored as cubics on a grid that is uniform within each octave of
the tail probability, on both sides of the median: cell width shrinks with the tail, so a power
law or an exponential tail is met with the same relative error as the centre.
"""

import math

from clvsim.kernels.bits import float_bits, small_integer
from clvsim.kernels.inner import kernel, scalar
from clvsim.kernels.plan import CELL_BITS, CELLS, OCTAVES

SIDE = OCTAVES * CELLS
_FRACTION_BITS = 52 - CELL_BITS
_FRACTION_MASK = (1 << _FRACTION_BITS) - 1
_FRACTION_UNIT = 1.0 / (1 << _FRACTION_BITS)
_CELL_MASK = CELLS - 1
#: Biased exponent of a double in [0.25, 0.5), the topmost octave of a tail probability.
_TOP_EXPONENT = 1021
_SQRT_HALF = math.sqrt(0.5)

CONSTANT, CONTINUOUS, DISCRETE = 0, 1, 2
KEENNESS, CHURN, SPEND, LIFT = 0, 1, 2, 3
#: Traits of a contract; those who buy have one more, and a table of single purchases.
TRAIT_COUNT = 4
PURCHASES, BASKET = 4, 5
TRAITS = ("keenness", "churn", "spend", "lift", "purchases")
#: Places in ``Traits.spec``.
SPECS = 6


@scalar
def table_cell(tail, upper):
    """Cell and fraction of a tail probability in (0, 0.5] on the lower or upper side."""
    bits = float_bits(tail)
    cell = ((_TOP_EXPONENT - (bits >> 52)) << CELL_BITS) + ((bits >> _FRACTION_BITS) & _CELL_MASK)
    # A tail of exactly one half lies one octave above the grid: it is the first octave's end.
    inside = cell >= 0
    fraction = small_integer(bits & _FRACTION_MASK) * _FRACTION_UNIT if inside else 1.0
    cell = min(cell, SIDE - 1) if inside else _CELL_MASK
    return cell + SIDE * upper, fraction


@scalar
def from_table(cubic, tail, upper):
    """Quantile at a tail probability (lower or upper side) from one table ``(cell, 4)``."""
    j, f = table_cell(tail, upper)
    return cubic[j, 0] + f * (cubic[j, 1] + f * (cubic[j, 2] + f * cubic[j, 3]))


@scalar
def quantile(cubic, u):
    """Quantile at a uniform ``u`` from one table ``(cell, 4)``."""
    return from_table(cubic, min(u, 1.0 - u), u > 0.5)


@kernel
def atom_index(cumulated, first, last, u):
    """Index of the first atom in ``[first, last)`` whose distribution function reaches ``u``."""
    low, high = first, last - 1
    while low < high:
        middle = (low + high) >> 1
        if cumulated[middle] >= u:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def fill_trait(traits, group, trait, count, u, out):
    """One trait of a block by inversion of ``u (count,)`` into ``out (count,)``."""
    kind = int(traits.spec[group, trait, 0])
    row = int(traits.spec[group, trait, 2])
    if kind == CONSTANT:
        value = traits.spec[group, trait, 1]
        for i in range(count):
            out[i] = value
    elif kind == CONTINUOUS:
        cubic = traits.cubics[row]
        for i in range(count):
            out[i] = quantile(cubic, u[i])
    else:
        first, last = traits.bounds[row], traits.bounds[row + 1]
        for i in range(count):
            out[i] = traits.atoms[0, atom_index(traits.atoms[1], first, last, u[i])]


@kernel
def is_correlated(traits, group):
    """Whether a group's traits are tied by a copula."""
    return traits.cholesky[group, 0, 0] != 0.0


@kernel
def correlate(traits, group, count, scores, u):
    """Turn independent uniforms ``u (trait, count)`` into those of the Gaussian copula, in place.

    ``u[KEENNESS]`` is the prospect's quantile: small is keen. Its normal score is therefore taken
    with the opposite sign, so that a correlation with keenness means what it says. It is given
    by acquisition and stays as it is; the others follow it by the Cholesky factor.
    """
    factor, normal = traits.cholesky[group], traits.cubics[0]
    traits_here = u.shape[0]
    for i in range(count):
        scores[KEENNESS] = -quantile(normal, u[KEENNESS, i])
        for j in range(1, traits_here):
            scores[j] = quantile(normal, u[j, i])
        for j in range(1, traits_here):
            z = 0.0
            for k in range(j + 1):
                z += factor[j, k] * scores[k]
            # Both tails by the complementary error function: no digits are lost near one.
            tail = 0.5 * math.erfc(abs(z) * _SQRT_HALF)
            u[j, i] = tail if z < 0.0 else 1.0 - tail
