"""Addressed randomness: known answers, the open unit interval, independent addresses."""

import math

import numba
import numpy as np
import pytest
import scipy.stats

from clvsim.kernels.bits import minus_log
from clvsim.kernels.random import (
    JOIN_OFFSET,
    fill_uniforms,
    occasion,
    philox,
    to_unit,
    uniform_pair,
)
from tests import naive
from tests.statistics import FALSE_ALARM_RATE, assert_mean

#: Without compilation an evaluation takes 100 µs.
DRAWS = 4_000 if numba.config.DISABLE_JIT else 200_000
POINTS = 500 if numba.config.DISABLE_JIT else 5_000
SEED = 0x0123_4567_89AB_CDEF
STREAM, WORLD, JOINED, WHEN = 77, 5, 12, 30

#: ``kat_vectors`` of Random123 (Salmon et al. 2011), philox 4x32, 10 rounds.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000 00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def words(text):
    return [int(word, 16) for word in text.split()]


def draw(count, seed=SEED, world=WORLD, stream=STREAM, rank=0, joined=JOINED, when=WHEN):
    """Pairs of ``count`` ranks at one address, ``(2, count)``."""
    out = np.empty((2, count))
    address = np.uint64(seed), np.uint64(world), np.uint64(stream), rank
    fill_uniforms(*address, np.uint64(occasion(joined, when)), count, out[0], out[1])
    return out


@pytest.mark.parametrize(("question", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(question, answer):
    assert [int(word) for word in philox(*(np.uint64(word) for word in words(question)))] == words(
        answer
    )
    counter, key = words(question)[:4], words(question)[4:]
    assert list(naive.philox(counter, key)) == words(answer)


def test_pair_is_philox_of_its_address():
    for seed in (0, 1, SEED, 2**64 - 1):
        for rank, joined, when in ((0, 0, 0), (2**32 - 1, -JOIN_OFFSET, 65_535), (9, 4_096, 1)):
            word = np.uint64(occasion(joined, when))
            world, stream = np.uint64(2**32 - 1), np.uint64(STREAM)
            found = uniform_pair(np.uint64(seed), world, stream, rank, word)
            assert found == naive.uniform_pair(seed, 2**32 - 1, STREAM, rank, joined, when)


def test_block_holds_the_pairs_of_its_ranks():
    expected = [naive.uniform_pair(SEED, WORLD, STREAM, 50 + i, JOINED, WHEN) for i in range(20)]
    np.testing.assert_array_equal(draw(20, rank=50).T, expected)


@pytest.mark.parametrize("high", [0, 1, 31, 32, 2**31, 2**32 - 32, 2**32 - 1])
@pytest.mark.parametrize("low", [0, 63, 64, 2**32 - 64, 2**32 - 1])
def test_unit_is_never_zero_or_one(high, low):
    unit = to_unit(np.uint64(high), np.uint64(low))
    assert 0.0 < unit < 1.0
    assert unit == naive.to_unit(high, low)


def test_units_lie_at_the_middle_of_their_cells():
    assert to_unit(np.uint64(0), np.uint64(0)) == 2.0**-54
    assert to_unit(np.uint64(2**31), np.uint64(0)) == 0.5
    assert to_unit(np.uint64(2**32 - 1), np.uint64(2**32 - 1)) == 1.0 - 2.0**-53


NEIGHBOURS = {
    "other half": lambda: draw(DRAWS)[1],
    "next rank": lambda: draw(DRAWS, rank=1)[0],
    "next stream": lambda: draw(DRAWS, stream=STREAM + 1)[0],
    "next world": lambda: draw(DRAWS, world=WORLD + 1)[0],
    "next joining period": lambda: draw(DRAWS, joined=JOINED + 1)[0],
    "next period": lambda: draw(DRAWS, when=WHEN + 1)[0],
    "next seed": lambda: draw(DRAWS, seed=SEED + 1)[0],
    "upper half of the seed": lambda: draw(DRAWS, seed=SEED + 2**32)[0],
    "joining and event period swapped": lambda: draw(
        DRAWS, joined=WHEN - JOIN_OFFSET, when=JOINED + JOIN_OFFSET
    )[0],
}


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_neighbouring_addresses_are_independent(neighbour):
    here, there = draw(DRAWS)[0], NEIGHBOURS[neighbour]()
    product = 12.0 * (here - 0.5) * (there - 0.5)
    assert_mean(product, None, 0.0, fault=0.2)
    counts = np.histogram2d(here, there, bins=8, range=((0.0, 1.0), (0.0, 1.0)))[0]
    assert scipy.stats.chisquare(counts.ravel()).pvalue > FALSE_ALARM_RATE


@pytest.mark.parametrize("half", [0, 1])
def test_uniforms_are_uniform(half):
    u = draw(DRAWS)[half]
    counts = np.histogram(u, bins=100, range=(0.0, 1.0))[0]
    assert scipy.stats.chisquare(counts).pvalue > FALSE_ALARM_RATE
    assert_mean(u, None, 0.5, fault=0.6)
    # The low bits as well; above one half a double has 52 of them.
    last = np.floor(np.ldexp(u, 52)) % 16.0
    counts = np.histogram(last, bins=16, range=(0.0, 16.0))[0]
    assert scipy.stats.chisquare(counts).pvalue > FALSE_ALARM_RATE


def test_one_address_has_one_pair():
    np.testing.assert_array_equal(draw(10, rank=5), draw(15)[:, 5:])
    everywhere = np.array([one() for one in NEIGHBOURS.values()])
    assert len(np.unique(everywhere[2:, :50])) == everywhere[2:, :50].size


def test_minus_log_is_within_a_unit_of_the_last_place():
    random = np.random.default_rng(1)
    u = np.concatenate(
        [
            random.uniform(size=POINTS),
            10.0 ** random.uniform(-16.0, 0.0, POINTS),
            1.0 - 10.0 ** random.uniform(-15.0, -1.0, POINTS),
            [2.0**-54, np.nextafter(math.sqrt(0.5), 0.0), 0.5, 1.0 - 2.0**-53],
        ]
    )
    exact = np.array([-math.log(one) for one in u])
    found = np.array([minus_log(one) for one in u])
    assert (np.abs(found - exact) <= 1.01 * np.spacing(exact)).all()
