"""The distributions that do without ``scipy.stats`` give its numbers."""

import numpy as np
import pytest
from scipy import special, stats

from clvsim.scenario import common, distributions

SHAPES = {
    "beta": {"a": 0.704, "b": 6.2},
    "expon": {},
    "gamma": {"a": 4.4774},
    "lognorm": {"s": 0.8},
    "norm": {},
    "uniform": {},
}
PLACES = [{}, {"loc": 3.0}, {"scale": 14.8}, {"loc": -2.0, "scale": 0.3}]
Q = np.concatenate([2.0 ** -np.arange(1.0, 60.0), np.linspace(0.01, 0.99, 99)])


def test_every_family_is_here():
    assert set(SHAPES) == set(common.FAMILIES)


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_numbers_are_those_of_scipy(name, place):
    own = common.Frozen(name, SHAPES[name] | place)
    theirs = getattr(stats, name)(**SHAPES[name], **place)
    # A few units of the last place: SciPy adds ``loc`` and inverts in another order.
    np.testing.assert_allclose(own.ppf(Q), theirs.ppf(Q), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(own.isf(Q), theirs.isf(Q), rtol=1e-13, atol=1e-300)
    assert own.mean() == pytest.approx(theirs.mean(), rel=1e-13)
    assert own.support() == theirs.support()
    assert common.FAMILIES[name].shapes == tuple(
        (getattr(stats, name).shapes or "").replace(",", "").split()
    )


@pytest.mark.parametrize("near", [0.96, 1.0001, 1.02, 1.05])
@pytest.mark.parametrize("other", [0.2, 0.676, 2.5])
def test_no_tail_of_a_beta_near_1_is_missing(near, other):
    q = 2.0 ** -np.arange(1.0, 60.0)
    found = common.Frozen("beta", {"a": near, "b": other})
    np.testing.assert_allclose(special.betainc(near, other, found.ppf(q)), q, rtol=1e-12)
    mirrored = common.Frozen("beta", {"a": other, "b": near})
    np.testing.assert_allclose(1.0 - mirrored.isf(q), found.ppf(q), atol=2e-16)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("beta", {"a": 0.0, "b": 1.0}),
        ("gamma", {"a": -1.0}),
        ("norm", {"scale": 0.0}),
        ("lognorm", {"s": 1.0, "scale": -2.0}),
    ],
)
def test_parameters_outside_the_family_are_refused(name, parameters):
    assert np.isnan(common.Frozen(name, parameters).ppf(0.5))
    with pytest.raises(ValueError, match="outside what"):
        distributions.check(name, parameters)


def test_they_are_used():
    for name, shapes in SHAPES.items():
        assert isinstance(distributions.frozen(name, shapes), common.Frozen)
        assert distributions.is_continuous(name)
