"""Damaged scenarios, results and posteriors: read, or refused by name; never a defect, never long.

``CLVSIM_FUZZ=20000`` tries so many of each instead of a few (some 0.05 s a scenario, 0.2 s a file).
"""

import os
import random
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import clvsim
from clvsim.errors import InputError, ScenarioError
from clvsim.results import load_result, save
from clvsim.scenario.load import load
from clvsim.scenario.model import Scenario
from tests.test_netcdf import PLAN as WITH_POSTERIOR
from tests.test_netcdf import posterior

COUNT = int(os.environ.get("CLVSIM_FUZZ", "0"))
#: Seconds that nothing takes.
LONGEST = 10.0
SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").rglob("*.toml"))
#: What people and programs write where something else belongs.
ODD = (
    "0", "-1", "1e308", "nan", "-inf", "1" + "0" * 400, "0.5", '"x"', '""', '"\\u001b[31m"', "[]",
    "[1, 2]", "{}", "true", "2026-01-31", "12:00:00", '{ uncertain = "beta", a = 2, b = 3 }',
    '{ uncertain = "norm", loc = 1e400 }', '{ distribution = "gamma", a = 1 }', '["a", 3, {}]',
    "{ survivors = [5, 4, 3] }", "{ from = 3 }", "18446744073709551616", '"2026-13"', '"a.b"',
    '{ kind = "linear" }', "{ kind = 3 }", "{ relationship = [] }", "1_000", "0x1F",
)  # fmt: skip
LINES = (
    "unset = ['spend', 3]", "unset = 1", "[variants]", "[variants.v]", "[variants.v.unset]",
    "extends = 3", "[[segments]]", "kind = 'loyalty'", "relationship = 'bg/bb'", "= 3", "[", '"""',
    "segments = 3", "[time]", "posterior = 'none.nc'", "[variants.v.time]", "offer = 'none'",
)  # fmt: skip


def harmed_text(text, rng):
    """A scenario with some lines changed, moved, doubled or lost."""
    lines = text.splitlines()
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        kind = rng.randrange(7)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, rng.choice(LINES))
        elif kind == 2:
            lines.insert(rng.randrange(len(lines)), lines[at])
        elif kind == 3 and lines[at]:
            place = rng.randrange(len(lines[at]))
            lines[at] = lines[at][:place] + rng.choice("\x00\x1b'\"[]{}=é.,# ") + lines[at][place:]
        elif "=" in lines[at]:
            lines[at] = f"{lines[at].partition('=')[0]}= {rng.choice(ODD)}"
        if not lines:
            lines.append("")
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(4))
def test_a_harmed_scenario_is_read_or_refused(tmp_path, seed):
    rng = random.Random(seed)  # noqa: S311 - no secret
    slowest = 0.0
    for number in range(max(10, COUNT // 4)):
        source = rng.choice(SCENARIOS)
        text = harmed_text(source.read_text(), rng)
        path = tmp_path / "plan.toml"
        path.write_text(text)
        begun = time.perf_counter()
        refused = str(tmp_path)
        try:
            load(path)
        except ScenarioError as error:
            refused = str(error)
        except Exception as error:
            error.add_note(f"{source} harmed, seed {seed}, number {number}:\n{text}")
            raise
        assert refused.startswith(str(tmp_path))
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < LONGEST


def harmed(content, rng):
    """A file with some bytes changed, or its end lost."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 40))):
        content[rng.randrange(len(content))] = rng.randrange(256)
    if rng.random() < 0.1:
        del content[rng.randrange(1, len(content)) :]
    return bytes(content)


def unlike(found, result):
    """Names of variables that are not as they were."""
    return [
        name
        for name in result.variables
        if name not in found.variables
        or not np.array_equal(
            found.variables[name].values,
            result.variables[name].values,
            equal_nan=result.variables[name].dtype.kind == "f",
        )
    ]


def test_a_harmed_result_is_as_it_was_or_refused(tmp_path):
    rng = random.Random(1)  # noqa: S311 - no secret
    plan = tomllib.loads("[time]\nperiods=3\n[segments.a]\nchurn=0.1\nspend=2")
    plan["cohorts"] = {"c": {"segment": "a", "customers": 5}}
    result = clvsim.run(Scenario.model_validate(plan), effort=clvsim.Effort(worlds=3))
    path = tmp_path / "x.nc"
    save(result, path)
    whole, slowest = path.read_bytes(), 0.0
    for _ in range(max(10, COUNT)):
        path.write_bytes(harmed(whole, rng))
        begun = time.perf_counter()
        refused, found = "", result
        try:
            found = load_result(path)
        except InputError as error:
            refused = str(error)
        assert not refused or str(path) in refused
        assert unlike(found, result) == []
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < LONGEST


def test_a_harmed_posterior_is_read_or_refused(tmp_path):
    rng = random.Random(1)  # noqa: S311 - no secret
    path, plan = tmp_path / "fit.nc", tmp_path / "plan.toml"
    plan.write_text(WITH_POSTERIOR)
    posterior(path)
    whole, slowest = path.read_bytes(), 0.0
    for _ in range(max(10, COUNT)):
        path.write_bytes(harmed(whole, rng))
        begun = time.perf_counter()
        refused = ""
        try:
            load(plan)
        except ScenarioError as error:
            refused = str(error)
        assert not refused or "segments.a" in refused
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < LONGEST
