"""Variants compiled together, and simulated as they are in each world."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.compile import Compiled, compile_scenario
from clvsim.engine.ledger import ledger_of_nobody
from clvsim.engine.memory import (
    refuse_if_too_large,
    refuse_to_compile,
    result_bytes,
    rows_bytes,
    wave_bytes,
)
from clvsim.engine.run import Settings, Worlds, run_worlds
from clvsim.engine.shocks import Shocks, draw_shocks
from clvsim.errors import ClvsimError, InputError, counted
from clvsim.scenario.model import Scenario
from clvsim.scenario.uncertain import is_uncertain
from clvsim.scenario.worlds import in_worlds

Floats = NDArray[np.float64]
#: Customers of one cohort at most: ranks have 32 bits.
_MOST_CUSTOMERS = 4e9


class Rest(NamedTuple):
    """What some worlds of one variant come to without the plan.

    Attributes
    ----------
    cash : (world, account, T)
        Signed, undiscounted, currency.
    present : (world, account)
        Signed, at time 0, currency.
    """

    cash: Floats
    present: Floats


@dataclass(frozen=True)
class Outcome:
    """Some worlds of one variant, and what they are compared with.

    Attributes
    ----------
    worlds : Worlds
    without_plan : Rest
        What the same worlds come to without the plan.
    twins : (world,)
        NPV of worlds with the same uncertain numbers and nothing else in common, currency; 0 where
        numbers or shocks are certain.
    """

    worlds: Worlds
    without_plan: Rest
    twins: Floats


@dataclass(frozen=True)
class _Drawn:
    """The variants as they are in a world.

    Attributes
    ----------
    compiled, without : dict of str to Compiled
        With and without their plans; None where nobody is left without.
    twins : dict of str to Compiled
        With the same uncertain numbers under other shocks: how far their NPV goes with that of the
        worlds themselves tells what the numbers make of the spread, and what the shocks do. Empty
        where only one of both is there.
    """

    compiled: dict[str, Compiled]
    without: dict[str, Compiled | None]
    twins: dict[str, Compiled]


class Variants:
    """Scenarios compiled together, each told up to where the others acquire.

    Parameters
    ----------
    scenarios : dict of str to Scenario
    seed : int
    settings : Settings

    Attributes
    ----------
    compiled : dict of str to Compiled
        The scenarios as they are before anything uncertain is drawn.
    differ_by_world : bool
        Whether uncertain numbers or shocks make every world a scenario of its own.

    Raises
    ------
    InputError
        If the scenarios do not go together, or need more memory than there is.
    """

    def __init__(self, scenarios: Mapping[str, Scenario], seed: int, settings: Settings) -> None:
        _refuse_strangers(scenarios)
        self._model_bytes = refuse_to_compile(scenarios.values())
        self.scenarios, self.seed, self.settings = dict(scenarios), seed, settings
        self.compiled = _compiled(scenarios)
        for name, one in self.compiled.items():
            if crowd := _crowd(one):
                message = f"{name!r}: {crowd}"
                raise InputError(message)
        self._without = _without_plan(scenarios, self._walks)
        self._is_uncertain = any(map(is_uncertain, scenarios.values()))
        self._has_shocks = any(one.shocks for one in scenarios.values())
        self.differ_by_world = self._is_uncertain or self._has_shocks

    def refuse_if_too_large(self, worlds: int, *, writes_rows: bool = False) -> None:
        """Refuse a number of worlds that need more memory than there is.

        Parameters
        ----------
        worlds : int
        writes_rows : bool
            Whether customers are written one by one besides.

        Raises
        ------
        InputError
        """
        plans = self.compiled.values()
        # Variants are simulated one after another: one of them has its waves at a time.
        needed = self.bytes_of_models() + sum(result_bytes(one, worlds) for one in plans)
        needed += max(wave_bytes(one, worlds, self.settings) for one in plans)
        if writes_rows:
            needed += max(map(rows_bytes, plans))
        what = f"{counted(worlds, 'world')} of {counted(len(plans), 'scenario')}"
        refuse_if_too_large(needed, what, taken=self._model_bytes)

    def bytes_of_models(self) -> float:
        """Memory of all variants' levers, with those of the worlds at work, bytes."""
        sets = 0
        if self.differ_by_world:
            # A world, its twin, and both of the next world, which is compiled meanwhile.
            sets = 2 if self._is_uncertain and self._has_shocks else 1
            sets *= 1 if self.settings.threads == 1 else 2
        return (1 + sets) * self._model_bytes

    def simulate(
        self, first: int, end: int, most: int, tell: Callable[[int], None] | None = None
    ) -> Iterator[dict[str, Outcome]]:
        """Simulate worlds ``first .. end`` of every variant, some worlds at a time.

        Parameters
        ----------
        first, end : int
        most : int
            Worlds at a time at most; one where they differ by world.
        tell : callable, optional
            Told the number of customers simulated, now and then.
        """
        size = 1 if self.differ_by_world else most
        # SciPy and the kernels need no interpreter: one world is compiled while the one before is
        # simulated. One thread does one thing at a time.
        looks_ahead = self.differ_by_world and self.settings.threads != 1
        ahead: Future[_Drawn] | None = None
        with ThreadPoolExecutor(1) as other:
            for at in range(first, end, size):
                drawn = self._drawn(at) if ahead is None else ahead.result()
                is_last = at + size >= end
                ahead = (
                    other.submit(self._drawn, at + size) if looks_ahead and not is_last else None
                )
                yield self._outcomes(drawn, at, min(size, end - at), tell)

    def _drawn(self, world: int) -> "_Drawn":
        """The variants as they are from a world on (in that world, where worlds differ)."""
        compiled, without = self._in_world(world, self.seed)
        if not (self._is_uncertain and self._has_shocks):
            return _Drawn(compiled, without, {})
        return _Drawn(compiled, without, self._in_world(world, _another(self.seed))[0])

    def _outcomes(
        self, drawn: "_Drawn", first: int, count: int, tell: Callable[[int], None] | None
    ) -> dict[str, Outcome]:
        """Simulate some worlds of every variant, without the plan too, and their twins."""
        worlds = self._run(drawn.compiled, self.seed, first, count, tell)
        rest = self._rest(drawn.compiled, drawn.without, first, count)
        others = self._run(drawn.twins, _another(self.seed), first, count)
        nothing = np.zeros(count)
        return {
            name: Outcome(
                found,
                rest[name],
                others[name].present.sum(axis=1) if name in others else nothing,
            )
            for name, found in worlds.items()
        }

    def in_world(self, world: int) -> dict[str, Compiled]:
        """The variants as they are in one world."""
        return self._in_world(world, self.seed)[0]

    def _in_world(
        self, world: int, shocks_seed: int
    ) -> tuple[dict[str, Compiled], dict[str, Compiled | None]]:
        """The variants as they are in one world, and what is left of each without its plan."""
        if not self.differ_by_world:
            return self.compiled, self._without
        drawn = in_worlds(self.scenarios, self.seed, world)
        shocks = {name: draw_shocks(one, shocks_seed, world) for name, one in drawn.items()}
        compiled = _compiled(drawn, shocks)
        for name, one in compiled.items():
            if crowd := _crowd(one):
                message = f"world {world:,} of {name!r}: {crowd}"
                raise ClvsimError(message)
        return compiled, _without_plan(drawn, self._walks, shocks)

    @property
    def _walks(self) -> bool:
        """Whether any variant has personal programs."""
        return any(one.walks for one in self.compiled.values())

    def _rest(
        self,
        plans: Mapping[str, Compiled],
        without: Mapping[str, Compiled | None],
        first: int,
        count: int,
    ) -> dict[str, Rest]:
        """What the same worlds come to without the plan, by variant."""
        somebody = {name: one for name, one in without.items() if one is not None}
        worlds = self._run(somebody, self.seed, first, count)
        rest = {name: Rest(found.cash, found.present) for name, found in worlds.items()}
        for name in plans.keys() - somebody.keys():
            alone = plans[name].scenario.without_plan()
            rest[name] = Rest(*ledger_of_nobody(alone, count))
        return rest

    def _run(
        self,
        plans: Mapping[str, Compiled],
        seed: int,
        first: int,
        count: int,
        tell: Callable[[int], None] | None = None,
    ) -> dict[str, Worlds]:
        """Simulated worlds by variant."""
        found = run_worlds(list(plans.values()), seed, first, count, self.settings, tell)
        return dict(zip(plans, found, strict=True))


def _compiled(
    scenarios: Mapping[str, Scenario], shocks: Mapping[str, Shocks] | None = None
) -> dict[str, Compiled]:
    """Scenarios compiled, each told up to where the others acquire."""
    plain = {
        name: compile_scenario(one, (shocks or {}).get(name)) for name, one in scenarios.items()
    }
    limits = [one.limits() for one in plain.values()]
    walks = any(one.walks for one in plain.values())
    return {name: replace(one.with_rivals(limits), walks=walks) for name, one in plain.items()}


def _without_plan(
    scenarios: Mapping[str, Scenario],
    walks: bool,
    shocks: Mapping[str, Shocks] | None = None,
) -> dict[str, Compiled | None]:
    """Scenarios without their plans, compiled; None where nobody is left."""
    rests = {name: one.without_plan() for name, one in scenarios.items()}
    return {
        name: replace(compile_scenario(one, (shocks or {}).get(name)), walks=walks)
        if one.channels or one.cohorts or one.installed_base
        else None
        for name, one in rests.items()
    }


def _another(seed: int) -> int:
    """A seed that has nothing in common with a seed."""
    digest = hashlib.blake2b(seed.to_bytes(8, "little"), digest_size=8, person=b"twin").digest()
    return int.from_bytes(digest, "little")


def _crowd(compiled: Compiled) -> str:
    """A cohort of more customers than ranks can number, which would be simulated for ever."""
    for cell, limit in enumerate(compiled.intake.limit):
        if not limit <= _MOST_CUSTOMERS:
            group = compiled.table.groups[compiled.table.group[cell]]
            return (
                f"{group.source!r} would acquire {limit:.3g} customers of segment "
                f"{group.segment!r} in one period; at most {_MOST_CUSTOMERS:.1g} can be simulated"
            )
    return ""


def _refuse_strangers(scenarios: Mapping[str, Scenario]) -> None:
    """Refuse scenarios that cannot stand side by side."""
    first_name, first = next(iter(scenarios.items()))
    for name, one in scenarios.items():
        for what, own, other in (
            ("time.step", one.time.step, first.time.step),
            ("time.periods", one.time.periods, first.time.periods),
            ("time.start", one.time.start, first.time.start),
            ("money.currency", one.money.currency, first.money.currency),
        ):
            if own != other:
                message = (
                    f"{name!r} and {first_name!r} cannot be compared: {what} is {own!r} in the one "
                    f"and {other!r} in the other"
                )
                raise InputError(message)
