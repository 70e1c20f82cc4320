"""Timing: the same function several times, its fastest and median run, and what machine it was."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any


def seconds(work: Callable[[], object], repeats: int = 5) -> dict[str, float]:
    """Fastest and median wall time of some runs, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return {"fastest_s": min(times), "median_s": median(times), "runs": repeats}


def report(name: str, figures: dict[str, Any]) -> None:
    """Print one benchmark as a JSON document."""
    machine = {
        "processor": processor(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    json.dump({"benchmark": name, "machine": machine, **figures}, sys.stdout, indent=2)
    print()


def processor() -> str:
    """Name of the processor, where the system tells it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            names = [
                line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
