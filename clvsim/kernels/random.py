"""Addressed randomness: every uniform is a pure function of who, when and what for.

The generator is Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as
easy as 1, 2, 3"). The address fills its counter, the seed its key:

========= =====================================================================
counter 0 rank of the customer in its cohort
counter 1 stream: a 32-bit hash of the names of group and decision
counter 2 world
counter 3 period of joining (16 bits, offset) and period of the event (16 bits)
key       the 64-bit seed
========= =====================================================================

One evaluation gives two uniforms of 53 bits, so decisions come in pairs ("halves").
Words are carried in ``uint64`` with the upper half zero: the 32 x 32 bit products then never
overflow, with or without compilation, and LLVM vectorises them.
"""

import numpy as np

from clvsim.kernels.bits import small_integer
from clvsim.kernels.inner import kernel, scalar

U64 = np.uint64
_MULTIPLIER_0 = U64(0xD2511F53)
_MULTIPLIER_1 = U64(0xCD9E8D57)
_WEYL_0 = U64(0x9E3779B9)
_WEYL_1 = U64(0xBB67AE85)
_LOW = U64(0xFFFFFFFF)
_32 = U64(32)
_16 = U64(16)
_TWO_26 = 2.0**26
_6 = U64(6)
_5 = U64(5)
_ROUNDS = 10
_UNIT = 2.0**-53
#: Joining periods are stored with this offset, so that an installed base may have joined before 0.
JOIN_OFFSET = 32768


@scalar
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 on four counter words and two key words, each a ``uint64`` below 2**32."""
    for _ in range(_ROUNDS):
        p0 = c0 * _MULTIPLIER_0
        p1 = c2 * _MULTIPLIER_1
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@scalar
def to_unit(high, low):
    """Two 32-bit words to a double strictly inside (0, 1): 53 bits, at the cell's midpoint.

    The topmost cell's midpoint would round to 1: it is the only one that is taken a bit lower.
    """
    bits = small_integer(high >> _5) * _TWO_26 + small_integer(low >> _6)
    return min((bits + 0.5) * _UNIT, 1.0 - _UNIT)


@scalar
def occasion(joined, when):
    """Counter word 3: period of joining (may be negative) and period of the event."""
    return (U64(joined + JOIN_OFFSET) << _16) | U64(when)


@scalar
def uniform_pair(seed, world, stream, rank, occasion_word):
    """Two uniforms in (0, 1) for one address: the halves of one decision pair."""
    a, b, c, d = philox(U64(rank), stream, world, occasion_word, seed & _LOW, seed >> _32)
    return to_unit(a, b), to_unit(c, d)


@scalar
def event_address(stream, joined, number):
    """Stream and counter word 3 of a customer's numbered event (a purchase, say).

    Beyond 16 bits the number's upper half moves the stream.
    """
    number = U64(number)
    return (stream + (number >> _16) * _WEYL_0) & _LOW, occasion(joined, number & U64(0xFFFF))


@kernel
def fill_uniforms_of(seed, world, stream, ranks, occasion_word, count, first, second):
    """Write the pairs of ``ranks (count,)``, which need not be consecutive, to two blocks."""
    k0 = seed & _LOW
    k1 = seed >> _32
    for i in range(count):
        a, b, c, d = philox(U64(ranks[i]), stream, world, occasion_word, k0, k1)
        first[i] = to_unit(a, b)
        second[i] = to_unit(c, d)


@kernel
def fill_uniforms(seed, world, stream, first_rank, occasion_word, count, first, second):
    """Write the pairs of ranks ``first_rank .. first_rank + count`` to two blocks ``(count,)``."""
    k0 = seed & _LOW
    k1 = seed >> _32
    for i in range(count):
        a, b, c, d = philox(U64(first_rank + i), stream, world, occasion_word, k0, k1)
        first[i] = to_unit(a, b)
        second[i] = to_unit(c, d)
