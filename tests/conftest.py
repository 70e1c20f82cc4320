"""Kernels are compiled before the tests, each by one of the processes that share the work.

Compiling them takes longer than most test files, and side by side every process would do it.
"""

import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

# Fits are of a few numbers: threads of BLAS would only be in the way of the other processes. It
# reads this when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest

from clvsim.engine import known
from clvsim.engine.compile import compile_scenario
from clvsim.engine.relationships import warm_up
from clvsim.scenario.model import Scenario

#: A segment of each loop, the longest to compile first.
SEGMENTS = (
    {"relationship": "bg/nbd", "churn": 0.1, "purchase_rate": 1.0, "spend": 3.0},
    {"churn": 0.1, "spend": 3.0},
    {
        "relationship": "states",
        "states": ["active", "lost"],
        "transitions": [[0.9, 0.1], [0.0, 1.0]],
        "state_values": [1.0, 0.0],
        "spend": 1.0,
    },
)
#: Seconds after which a process goes on by itself: it then compiles what it needs.
PATIENCE = 300.0


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile this process's share of the kernels, and wait for the others'."""
    own = getattr(session.config, "workerinput", None)
    if own is None:
        return
    number, count = int(own["workerid"].removeprefix("gw")), int(own["workercount"])
    for segment in SEGMENTS[number::count]:
        plan = {
            "time": {"periods": 2},
            "segments": {"a": segment},
            "cohorts": {"a": {"segment": "a", "customers": 1}},
        }
        compiled = compile_scenario(Scenario.model_validate(plan))
        for walks in (False, True):
            warm_up(replace(compiled, walks=walks), 64)
            known.warm_up(replace(compiled, walks=walks))
    done = _marks(own)
    done.mkdir(exist_ok=True)
    (done / own["workerid"]).touch()
    end = time.monotonic() + PATIENCE
    while len(list(done.iterdir())) < count and time.monotonic() < end:
        time.sleep(0.2)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no mark."""
    own = getattr(session.config, "workerinput", None)
    if own is not None and own["workerid"] == "gw0":
        shutil.rmtree(_marks(own), ignore_errors=True)


def _marks(own: dict[str, str]) -> Path:
    """Where the processes of one run of the tests say that their kernels are there."""
    return Path(tempfile.gettempdir()) / f"clvsim-kernels-{own['testrunuid']}"
