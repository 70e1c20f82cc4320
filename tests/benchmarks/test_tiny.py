"""Every benchmark runs, tiny, so that none of them rots; no time is asserted."""

import importlib
import json
import math
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = sorted(path.stem for path in BENCHMARKS.glob("*.py") if path.stem != "timing")


def numbers(figures):
    if isinstance(figures, dict):
        return [number for value in figures.values() for number in numbers(value)]
    if isinstance(figures, list):
        return [number for value in figures for number in numbers(value)]
    return [figures] if isinstance(figures, (int, float)) else []


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_tiny_and_gives_json(name, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module(name)
    figures = module.measure(tiny=True)
    assert json.loads(json.dumps(figures)) == figures
    found = numbers(figures)
    assert found
    assert all(math.isfinite(number) for number in found)
    for loaded in [*NAMES, "timing"]:
        sys.modules.pop(loaded, None)


@pytest.mark.parametrize("name", ["migration", "plain_subscription", "purchases"])
def test_the_rival_agrees_with_the_engine(name, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    value = importlib.import_module(name).measure(tiny=True)["mean_value"]
    # 6 standard errors: a false alarm once in 5e8 runs, and the seeds are fixed.
    assert abs(value["engine"] - value["rival"]) < 6.0 * value["standard_error"]


def test_the_rival_of_the_score_expects_the_same_purchases(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    figures = importlib.import_module("score").measure(tiny=True)
    # Nine digits are written.
    assert figures["largest_relative_difference"] < 1e-8
    for loaded in [*NAMES, "timing"]:
        sys.modules.pop(loaded, None)
