"""Memory: the peak of a run by number of customers, each in a process of its own.

python benchmarks/memory.py [--tiny]
"""

import json
import resource
import subprocess
import sys
import time
from typing import Any

from plain_subscription import scenario
from timing import report, simulate

SIZES = (1_000_000, 10_000_000, 100_000_000)


def one(customers: int) -> dict[str, float]:
    """Peak resident memory and time of one world, measured from inside its process."""
    from clvsim.engine.compile import compile_scenario

    compiled = compile_scenario(scenario(customers))
    begin = time.perf_counter()
    world = simulate(compiled, 2)
    taken = time.perf_counter() - begin
    # Linux counts kilobytes, macOS bytes.
    unit = 1.0 if sys.platform == "darwin" else 1024.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {
        "customers": float(world.sums.sum(axis=(0, 1))[0]),
        "peak_megabytes": peak / 1e6,
        "simulation_s": taken,
    }


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    sizes = (1_000, 200_000) if tiny else SIZES
    found = []
    for size in sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    return {"runs": found}


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(one(int(sys.argv[-1]))))
    else:
        report("memory", measure(tiny="--tiny" in sys.argv))
