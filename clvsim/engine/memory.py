"""Memory: what a run will need, said before it starts."""

import os
from pathlib import Path

import numpy as np

from clvsim.accounts import ACCOUNTS
from clvsim.engine.beyond import settling
from clvsim.engine.cells import tabulate
from clvsim.engine.compile import Compiled
from clvsim.engine.run import Settings, world_bytes
from clvsim.engine.targeting import pilot_size
from clvsim.errors import InputError
from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.kernels.pilot import PEOPLE
from clvsim.scenario.model import Scenario
from clvsim.scenario.segments import PURCHASES

#: Copies of the results that exist at once while measures are derived.
_COPIES = 3
_GIGA = 1e9


def result_bytes(compiled: Compiled, worlds: int) -> float:
    """Memory of the results of some worlds of one variant, bytes."""
    table = compiled.table
    periods, groups = compiled.scenario.time.periods, len(table.groups)
    programs = len(compiled.programs)
    # Cash by account is there with the plan and without it.
    per_world = periods * (2 * len(ACCOUNTS) + p.FLOWS + programs * (1 + p.PROGRAM_FLOWS) + 4)
    per_world += groups * (p.SUMS + 1 + 2 * periods)
    return 8.0 * _COPIES * worlds * per_world


def model_bytes(scenario: Scenario) -> float:
    """Memory of a scenario's compiled levers, bytes, before they are built."""
    periods, table = scenario.time.periods, tabulate(scenario)
    rows = p.SCHEDULE + 8 + 6 * len(scenario.programs)
    if any(one.relationship in PURCHASES for one in scenario.segments.values()):
        rows += b.SCHEDULE
    numbers = rows * (periods + 1)
    if scenario.money.residual == "expected":
        # Levers and margins are made once more, as far beyond as conditions change.
        ahead, cycle = settling(scenario, table)
        width = int((ahead + cycle).max(initial=1))
        numbers += 2 * p.ROWS * width
        numbers += (12 + 2 * len(scenario.programs)) * (periods + width)
    if scenario.programs:
        # Pilot customers, by whom rankings are aimed.
        own = PEOPLE + p.SCRATCH * len(scenario.programs)
        numbers += pilot_size(len(table.joined)) * own
    return 8.0 * len(table.joined) * numbers


def available_bytes() -> float:
    """Memory that this process may still take, bytes; infinite where the system does not say."""
    limits = []
    try:
        with Path("/proc/meminfo").open() as lines:
            free = [line for line in lines if line.startswith("MemAvailable:")]
        limits += [1024.0 * float(line.split()[1]) for line in free]
    except OSError:
        pass
    if not limits and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(float(text))
    return min(limits, default=np.inf)


def refuse_if_too_large(needed: float, what: str) -> None:
    """Refuse a run that would not fit.

    Raises
    ------
    InputError
        With what it needs, what there is, and what to do.
    """
    there = available_bytes()
    if needed > there:
        message = (
            f"{what} would need about {needed / _GIGA:,.1f} GB of memory and there are "
            f"{there / _GIGA:,.1f} GB: use fewer worlds, fewer periods or a longer step"
        )
        raise InputError(message)


def run_bytes(compiled: Compiled, worlds: int, settings: Settings) -> float:
    """Memory of a run of one variant: its results and one wave of accumulators, bytes."""
    return result_bytes(compiled, worlds) + 2.0 * max(world_bytes(compiled), settings.wave_bytes)
