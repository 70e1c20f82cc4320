"""Timing: the same function several times, its fastest and median run, and what machine it was."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clvsim.engine.compile import Compiled
    from clvsim.engine.run import Worlds


def seconds(work: Callable[[], object], repeats: int = 5) -> dict[str, float]:
    """Fastest and median wall time of some runs, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return {"fastest_s": min(times), "median_s": median(times), "runs": repeats}


def simulate(compiled: "Compiled", threads: int) -> "Worlds":
    """One world by the engine."""
    from clvsim.engine.run import Settings, run_worlds

    return run_worlds([compiled], 1, 0, 1, Settings(threads=threads))[0]


def race(
    compiled: "Compiled",
    rival: Callable[[], object],
    name: str,
    per: dict[str, float],
    repeats: int,
) -> dict[str, Any]:
    """The engine on one thread, on two and on all processors against a rival, in turn.

    Parameters
    ----------
    compiled : Compiled
    rival : callable
        Its run; called half as often, since it takes longer.
    name : str
        What the rival is called in the figures.
    per : dict of str to float
        Units of work by name: times are given per one of them, ns.
    repeats : int
    """

    def timed(work: Callable[[], object], times: int) -> dict[str, float]:
        found = seconds(work, times)
        return found | {f"ns_per_{unit}": 1e9 * found["fastest_s"] / n for unit, n in per.items()}

    threads = sorted({1, 2, os.cpu_count() or 1})
    engine = {n: timed(lambda n=n: simulate(compiled, n), repeats) for n in threads}
    theirs = timed(rival, max(1, repeats // 2))
    return {
        **{f"engine_{n}_threads": one for n, one in engine.items()},
        name: theirs,
        **{f"speed_up_{n}_threads": theirs["fastest_s"] / one["fastest_s"]
           for n, one in engine.items()},
    }  # fmt: skip


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
