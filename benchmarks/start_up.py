"""Start-up: ``clvsim --help``, and the main job the first time ever and after that.

The first time includes compiling the kernels: it runs on a copy of the package with an empty cache.

    python benchmarks/start_up.py [--tiny]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from timing import report

ROOT = Path(__file__).resolve().parent.parent
MAIN_JOB = ("compare", str(ROOT / "scenarios" / "cable-loss-leader.toml"))


def timed(arguments: tuple[str, ...], package: Path) -> float:
    """Seconds of one command line of the package found in a directory."""
    command = [sys.executable, "-m", "clvsim", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(package)}
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=package)
    return time.perf_counter() - begin


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests: no compilation there."""
    helps = [timed(("--help",), ROOT) for _ in range(1 if tiny else 7)]
    plain = [timed_python() for _ in helps]
    figures: dict[str, Any] = {
        "help_s": {"fastest": min(helps), "median": median(helps)},
        "rival_bare_python_s": {"fastest": min(plain), "median": median(plain)},
    }
    if tiny:
        return figures
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "clvsim", copy / "clvsim", ignore=ignored)
        figures["main_job_first_time_s"] = timed(MAIN_JOB, copy)
        warm = [timed(MAIN_JOB, copy) for _ in range(5)]
    figures["main_job_after_that_s"] = {"fastest": min(warm), "median": median(warm)}
    return figures


def timed_python() -> float:
    """Seconds of a Python that does nothing."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    report("start-up", measure(tiny="--tiny" in sys.argv))
