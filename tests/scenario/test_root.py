"""The root that draws of a fit's numbers are made with: one for all libraries and processors."""

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg

from clvsim.scenario.root import symmetric_root

EQUAL = [[0.04, 0.02, 0.02], [0.02, 0.04, 0.02], [0.02, 0.02, 0.04]]
#: Shares of 0.5, 0.3 and 0.2 as 40 rows told them: they add up to 1, so one direction is none.
SHARES = ((np.diag([0.5, 0.3, 0.2]) - np.outer([0.5, 0.3, 0.2], [0.5, 0.3, 0.2])) / 40).tolist()
STILL = [[0.09, 0.0, 0.03], [0.0, 0.0, 0.0], [0.03, 0.0, 0.04]]
BLOCKS = np.kron(np.eye(4), [[2.0, 1.0], [1.0, 2.0]]).tolist()
COVARIANCES = {"equal": EQUAL, "shares": SHARES, "still": STILL, "blocks": BLOCKS}
SCENARIO = """\
[time]
periods = 12
[segments.a]
churn = { distribution = "beta", a = 0.8, b = 6.0 }
spend = 10.0
[segments.a.fit]
model = "x"
parameters = ["churn.a", "churn.b", "spend"]
covariance = [[0.04, 0.02, 0.02], [0.02, 0.04, 0.02], [0.02, 0.02, 0.04]]
[cohorts.c]
segment = "a"
customers = 1000
"""
#: What each processor is asked for: draws of a scenario, and roots, some of them of a covariance
#: whose eigenvalues are equal or nothing.
DRAWS = """
import json, sys
from clvsim.scenario.load import load
from clvsim.scenario.root import symmetric_root
from clvsim.scenario.uncertain import drawn
scenario = load(sys.argv[1]).baseline
segments = [drawn(scenario, 1, world, "")["segments"]["a"] for world in range(20)]
numbers = [[one["churn"]["a"], one["churn"]["b"], one["spend"]] for one in segments]
roots = {name: symmetric_root(one).tolist() for name, one in json.load(sys.stdin).items()}
json.dump([numbers, roots], sys.stdout)
"""
#: Kernels of OpenBLAS: without AVX, with AVX2 and FMA, with AVX-512.
PROCESSORS = ("Nehalem", "Haswell", "SkylakeX")


@pytest.mark.parametrize("name", COVARIANCES)
def test_it_is_a_root(name):
    covariance = np.array(COVARIANCES[name])
    root = symmetric_root(covariance)
    np.testing.assert_allclose(root @ root.T, covariance, rtol=1e-12, atol=1e-15)


def test_where_all_vary_alike_it_is_the_symmetric_root():
    np.testing.assert_allclose(symmetric_root(EQUAL), scipy.linalg.sqrtm(np.array(EQUAL)), 1e-12)


def test_what_does_not_vary_is_not_drawn():
    root = symmetric_root(STILL)
    assert np.all(root[1] == 0.0)
    # What shares add up to does not vary: no noise of rounding stands in for it.
    np.testing.assert_allclose(symmetric_root(SHARES).sum(axis=0), 0.0, atol=1e-15)


def test_equal_eigenvalues_are_no_edge():
    """A step of a covariance, in any direction, moves its root by as little."""
    step = 1e-9 * np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 0.0]])
    for sign in (-1.0, 1.0):
        moved = symmetric_root(np.array(EQUAL) + sign * step)
        np.testing.assert_allclose(moved, symmetric_root(EQUAL), rtol=0.0, atol=2e-8)


def test_the_unit_of_one_number_is_nothing_to_the_others():
    unit = np.array([1.0, 1e9, 1.0])
    changed = symmetric_root(np.array(EQUAL) * unit * unit[:, None])
    np.testing.assert_allclose(changed, symmetric_root(EQUAL) * unit[:, None], rtol=1e-12)


def on(processor, path):
    """Draws and roots as a processor makes them."""
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-c", DRAWS, str(path)],
        input=json.dumps(COVARIANCES),
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "OPENBLAS_CORETYPE": processor},
    )
    return json.loads(found.stdout)


@pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"}, reason="the processors are of one family"
)
def test_draws_are_the_same_on_three_processors(tmp_path):
    """To 1e-12: an eigenvalue is known to some 1e-16 of the greatest, a root to ten times that."""
    path = tmp_path / "plan.toml"
    path.write_text(SCENARIO)
    (first, roots), *others = (on(processor, path) for processor in PROCESSORS)
    for numbers, own in others:
        np.testing.assert_allclose(numbers, first, rtol=1e-12)
        for name, root in own.items():
            # Of a root, what is off its diagonal may be next to nothing.
            close = 1e-12 * np.max(np.abs(roots[name]))
            np.testing.assert_allclose(root, roots[name], rtol=0.0, atol=close)
