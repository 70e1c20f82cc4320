"""Customers whose past is known, under a scenario: an installed base with traits of its own."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.compile import Compiled, aimed, compile_scenario, ranking_rows
from clvsim.engine.run import BLOCK, default_threads
from clvsim.engine.shocks import Shocks
from clvsim.engine.targeting import People
from clvsim.errors import InputError
from clvsim.kernels import known as k
from clvsim.scenario.model import BuyerSegment, InstalledBase, Scenario, StatesSegment

if TYPE_CHECKING:
    from clvsim.kernels.buying import Buying
    from clvsim.kernels.moving import Moving

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Customers by whom treatments are aimed: of each cell, at least and at most, and of all.
_FEWEST, _MOST, _ALL = 64, 4_096, 16_384
#: Customers that one thread takes at a time.
_PIECE = 8_192


class Law(NamedTuple):
    """What a trait of each customer is drawn from.

    Attributes
    ----------
    kind : int
        As in ``kernels.known``: ``AS_ALL``, ``KNOWN``, ``GAMMA``, ``INVERSE_GAMMA`` or
        ``BETA_HAZARD``.
    a, b : (customer,)
    """

    kind: int
    a: Floats
    b: Floats


@dataclass(frozen=True)
class Person:
    """Customers of one segment, as they are when the horizon begins: no world changes that.

    Attributes
    ----------
    segment : str
    tenure : (customer,) int64
        Whole periods since joining.
    rank : (customer,) int64
        Below 2**32: who it is. Those of one rank and tenure share their luck.
    latest : (customer,)
        Moment of the last purchase, periods before now (0 or negative).
    count : (customer,)
        Purchases so far, the one on joining included.
    spent : (customer,)
        What they were worth together, currency.
    state : (customer,)
        Place of the state in those of the segment, of those who move between some.
    """

    segment: str
    tenure: Ints
    rank: Ints
    latest: Floats
    count: Floats
    spent: Floats
    state: Floats

    def __len__(self) -> int:
        return len(self.tenure)


@dataclass(frozen=True)
class Belief:
    """What is believed of the same customers in a world.

    Attributes
    ----------
    there : (customer,)
        Probability of still being a customer, 1.
    hazard, pace, spend : Law
        Traits of those who are.
    """

    there: Floats
    hazard: Law
    pace: Law
    spend: Law


@dataclass(frozen=True)
class Lives:
    """Lives of customers who are still there when the horizon begins, ``(customer,)`` each.

    Attributes
    ----------
    value : ndarray
        Margin of the horizon and beyond it, discounted to now, currency.
    bought : ndarray
        Purchases, or periods paid for, inside the horizon.
    stays : ndarray
        Whether still a customer at its end, 0 or 1.
    """

    value: Floats
    bought: Floats
    stays: Floats


def among(scenario: Scenario, tenures: Mapping[str, Ints]) -> Scenario:
    """The scenario with nobody in it but customers of known tenure, by segment.

    Segments, programs, shocks and money stay as they are; channels, cohorts, offers and installed
    bases go.
    """
    bases = {
        segment: InstalledBase(
            segment=segment,
            customers=len(tenure),
            tenure=tuple(np.bincount(tenure).astype(np.float64).tolist()),
        )
        for segment, tenure in tenures.items()
    }
    change = {"offer": None, "channels": {}, "cohorts": {}, "installed_base": bases}
    return scenario.model_copy(update=change)


class KnownBase:
    """Customers whose past is known, compiled under a scenario as it is in a world.

    Parameters
    ----------
    scenario : Scenario
        Its segments are those of the customers at least; what is uncertain is drawn.
    shocks : Shocks
        Of the world.
    groups : sequence of (Person, Belief)
        Customers by segment; all that there are, as they are ranked against one another.
    seed : int
    world : int
        In which treatments that rank are aimed at first.

    Raises
    ------
    InputError
        If customers who move between states would have to be ranked.
    ClvsimError
        If states are no chain, or a program asks for what its customers do not have.
    """

    def __init__(
        self,
        scenario: Scenario,
        shocks: Shocks,
        groups: Sequence[tuple[Person, Belief]],
        seed: int,
        world: int,
    ) -> None:
        tenures = {people.segment: people.tenure for people, _ in groups}
        compiled = compile_scenario(among(scenario, tenures), shocks, aims=False)
        self.seed = np.uint64(seed)
        self.compiled, self._cells = compiled, _cells(compiled)
        if self.is_ranked:
            _refuse_states(scenario, tenures)
            self.aim(groups, world)

    @property
    def is_ranked(self) -> bool:
        """Whether treatments reach the first of a ranking, by traits that every world draws."""
        return bool(ranking_rows(self.compiled.levers))

    def aim(self, groups: Sequence[tuple[Person, Belief]], world: int) -> None:
        """Aim such treatments among the customers as they are in a world."""
        self.compiled = aimed(self.compiled, self._sample(groups, world))

    def live(self, people: Person, belief: Belief, world: int) -> Lives:
        """Lives of customers of one segment in a world: each its own, whoever else is there."""
        out = self._simulate(people, belief, world)
        return Lives(*(out[:, column] for column in (k.VALUE, k.BOUGHT, k.STAYS)))

    def _simulate(self, people: Person, belief: Belief, world: int) -> Floats:
        """Rows of customers, ``(customer, kernels.known.OUT)``."""
        cell, compiled = self._cells[people.segment][people.tenure], self.compiled
        order = np.argsort(cell, kind="stable")
        found = np.empty((len(people), k.OUT))
        parts = [order[first : first + _PIECE] for first in range(0, len(order), _PIECE)]
        kind = _kind(compiled, people.segment)

        def work(part: Ints) -> None:
            known = _known(people, belief, cell, part, compiled.levers.spend[:, 0])
            found[part] = k.simulate_known(
                self.seed, world, BLOCK, compiled.model, kind, known, walks=compiled.walks
            )

        with ThreadPoolExecutor(default_threads()) as pool:
            list(pool.map(work, parts))
        return found

    def _sample(self, groups: Sequence[tuple[Person, Belief]], world: int) -> People:
        """Some customers of every cell, evenly through their ranks, with the traits drawn here."""
        cells = len(self.compiled.table.joined)
        size = int(np.clip(_ALL // cells, _FEWEST, _MOST))
        found = np.zeros((8, cells, size))
        for people, belief in groups:
            cell = self._cells[people.segment][people.tenure]
            order = np.lexsort((people.rank, cell))
            own, first, count = np.unique(cell[order], return_index=True, return_counts=True)
            chosen = first[:, None] + (np.arange(size) * count[:, None]) // size
            places, where = np.unique(order[chosen], return_inverse=True)
            out = self._simulate(_some(people, places), _believed(belief, places), world)
            where = where.reshape(chosen.shape)
            for row, column in enumerate((k.HAZARD, k.SPEND_OF, k.LIFT_OF, k.PACE)):
                found[row, own] = out[where, column]
            found[4, own] = belief.there[places][where] * (count / size)[:, None]
            for row, past in enumerate((people.latest, people.count, people.spent), 5):
                found[row, own] = past[places][where]
        return People(*found)


def warm_up(compiled: Compiled) -> None:
    """Compile the loops of a variant's segments, or fetch them from Numba's cache; nobody lives."""
    nobody = np.zeros(0, dtype=np.int64)
    known = k.Known(nobody, nobody, np.zeros(3, dtype=np.int64), np.zeros((k.NUMBERS, 0)))
    for segment in {group.segment for group in compiled.table.groups}:
        kind = _kind(compiled, segment)
        k.simulate_known(np.uint64(0), 0, 1, compiled.model, kind, known, walks=compiled.walks)


def _kind(compiled: Compiled, segment: str) -> "Buying | Moving | None":
    """What the loop of a segment's customers reads besides; None: they are under contract."""
    own = compiled.scenario.segments[segment]
    if isinstance(own, BuyerSegment):
        return compiled.buying
    return compiled.moving if isinstance(own, StatesSegment) else None


def _refuse_states(scenario: Scenario, segments: Iterable[str]) -> None:
    """Refuse to rank customers who move between states: their ranks move with them."""
    moving = [one for one in segments if isinstance(scenario.segments[one], StatesSegment)]
    if moving:
        message = (
            f"customers of {moving[0]!r} move between states, and those that a program's share "
            "would reach cannot be told beforehand: name the states it contacts (share = 1.0)"
        )
        raise InputError(message)


def _cells(compiled: Compiled) -> dict[str, Ints]:
    """Cell of each tenure by segment, ``(tenure,)``; -1: nobody is there."""
    table, found = compiled.table, {}
    for index, group in enumerate(table.groups):
        cells = table.of(index)
        tenures = -table.joined[cells]
        found[group.segment] = np.full(int(tenures.max()) + 1, -1)
        found[group.segment][tenures] = np.arange(cells.start, cells.stop)
    return found


def _known(people: Person, belief: Belief, cell: Ints, part: Ints, volume: Floats) -> k.Known:
    """Some of the customers as the kernel reads them.

    Spend that is known is that of the period that begins, under its cell's ``volume``, ``(cell,)``.
    """
    numbers = np.zeros((k.NUMBERS, len(part)))
    laws = (belief.hazard, belief.pace, belief.spend)
    for trait, law in enumerate(laws):
        numbers[2 * trait], numbers[2 * trait + 1] = law.a[part], law.b[part]
    if belief.spend.kind == k.KNOWN:
        numbers[2 * k.SPEND_LAW] /= volume[cell[part]]
    numbers[k.LATEST], numbers[k.COUNT] = people.latest[part], people.count[part]
    numbers[k.SPENT], numbers[k.STATE] = people.spent[part], people.state[part]
    kinds = np.array([law.kind for law in laws], dtype=np.int64)
    return k.Known(cell[part], people.rank[part], kinds, numbers)


def _some(people: Person, places: Ints) -> Person:
    return Person(
        people.segment,
        people.tenure[places],
        people.rank[places],
        people.latest[places],
        people.count[places],
        people.spent[places],
        people.state[places],
    )


def _believed(belief: Belief, places: Ints) -> Belief:
    laws = (belief.hazard, belief.pace, belief.spend)
    some = [Law(law.kind, law.a[places], law.b[places]) for law in laws]
    return Belief(belief.there[places], *some)
