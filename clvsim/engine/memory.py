"""Memory: what a run will need, said before it starts."""

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from clvsim.accounts import ACCOUNTS
from clvsim.engine.beyond import settling
from clvsim.engine.cells import tabulate
from clvsim.engine.compile import Compiled
from clvsim.engine.run import PROBABILITIES, Settings, world_bytes
from clvsim.engine.targeting import pilot_size
from clvsim.engine.tasks import plan_tasks
from clvsim.errors import InputError
from clvsim.kernels import buying as b
from clvsim.kernels import plan as p
from clvsim.kernels.pilot import PEOPLE
from clvsim.scenario.model import Scenario
from clvsim.scenario.segments import PURCHASES

#: Copies of the results that exist at once while measures are derived; those that are derived are
#: a part of one. Measured: 2.9 to 3.4 (20 to 10,000 worlds, 24 to 120 periods).
_COPIES = 3.3
#: Numbers by cell and period besides the schedule: levers, costs, tables of a period's tenure; of a
#: program; while a scenario is compiled. Measured, contracts and purchases, 260 to 780 periods.
_BESIDES, _OF_PROGRAM, _PASSING = 15.5, 5.5, 19.5
#: A scenario as tables and models, bytes.
_OF_SCENARIO = 200_000
#: Bytes of a customer while its row is written.
_OF_ROW = 350
_GIGA = 1e9
_OF_RUN = "use fewer worlds, fewer variants or fewer periods"
_OF_MODEL = (
    "use fewer periods or a longer step: it grows with their square, so that half as many periods "
    "take a quarter"
)


def result_bytes(compiled: Compiled, worlds: int) -> float:
    """Memory of the results of some worlds of one variant, bytes."""
    table = compiled.table
    periods, groups = compiled.scenario.time.periods, len(table.groups)
    programs, segments = len(compiled.programs), len(compiled.scenario.segments)
    per_world = periods * (len(ACCOUNTS) + p.FLOWS + programs * (1 + p.PROGRAM_FLOWS) + 4)
    per_world += groups * (p.SUMS + 1) + segments * (2 * periods + len(PROBABILITIES))
    per_world += 2 * len(compiled.model.rivals) + 2 * len(ACCOUNTS)
    # Cash by account without the plan is there besides, once.
    return 8.0 * worlds * (_COPIES * per_world + periods * len(ACCOUNTS))


def model_bytes(scenario: Scenario) -> float:
    """Memory of a scenario's compiled levers, bytes, before they are built."""
    periods, table = scenario.time.periods, tabulate(scenario)
    rows = p.SCHEDULE + _BESIDES + _OF_PROGRAM * len(scenario.programs)
    if any(one.relationship in PURCHASES for one in scenario.segments.values()):
        rows += b.SCHEDULE + 1
    numbers = rows * (periods + 1)
    if scenario.money.residual == "expected":
        # Levers and margins are made once more, as far beyond as conditions change.
        ahead, cycle = settling(scenario, table)
        numbers += p.ROWS * int((ahead + cycle).max(initial=1))
    if any(_ranks(program) for _, program in scenario.enabled_programs()):
        # Pilot customers, by whom rankings are aimed.
        own = PEOPLE + p.SCRATCH * len(scenario.programs)
        numbers += pilot_size(len(table.joined)) * own
    return _OF_SCENARIO + 8.0 * len(table.joined) * numbers


def _ranks(program: object) -> bool:
    """Whether a program contacts the first of a ranking."""
    is_part = 0.0 < getattr(program, "share", 1.0) < 1.0
    return is_part and getattr(program, "target", "random") != "random"


def passing_bytes(scenario: Scenario) -> float:
    """Memory that is needed besides while a scenario is compiled, bytes."""
    return 8.0 * len(tabulate(scenario).joined) * _PASSING * (scenario.time.periods + 1)


def rest_bytes(scenario: Scenario) -> float:
    """Memory of the compiled levers of what is left without the plan, bytes."""
    rest = scenario.without_plan()
    return model_bytes(rest) if rest.cohorts or rest.installed_base else 0.0


def rows_bytes(compiled: Compiled) -> float:
    """Memory of the rows of customers that are written at a time, bytes."""
    return _OF_ROW * float(plan_tasks(compiled).customers.max(initial=0.0))


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


def refuse_if_too_large(
    needed: float, what: str, advice: str = _OF_RUN, taken: float = 0.0
) -> None:
    """Refuse a run that would not fit.

    Parameters
    ----------
    needed : float
        Bytes.
    what : str
        That needs them.
    advice : str
        What to do.
    taken : float
        Bytes of those needed that are taken already.

    Raises
    ------
    InputError
        With what it needs, what there is, and what to do.
    """
    there = available_bytes() + taken
    if needed > there:
        message = (
            f"{what} would need about {needed / _GIGA:,.1f} GB of memory and there are "
            f"{there / _GIGA:,.1f} GB: {advice}"
        )
        raise InputError(message)


def refuse_to_compile(scenarios: Collection[Scenario]) -> float:
    """Refuse scenarios whose levers would not fit; else the memory that they will take, bytes.

    Raises
    ------
    InputError
    """
    kept = sum(model_bytes(one) + rest_bytes(one) for one in scenarios)
    passing = max(map(passing_bytes, scenarios))
    refuse_if_too_large(kept + passing, "compiling the scenario", _OF_MODEL)
    return kept


def wave_bytes(compiled: Compiled, worlds: int, settings: Settings) -> float:
    """Memory of the accumulators of the two waves that are there at a time, bytes."""
    one = world_bytes(compiled)
    return 2.0 * max(one, min(settings.wave_bytes, one * worlds))
