"""Scores under a scenario: what customers are worth with its programs, by simulating their lives.

Every world of the scenario gives every customer one life: with the parameters, uncertain numbers
and shocks of that world, traits drawn from what the customer's past says of them, and luck of its
own that is the same in every variant. Only those who are still there are simulated; the chance of
that is exact. A score is the mean over worlds.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.scoring.believed import belief_of, people_of, ranks_of, scored
from clvsim.calibration.scoring.score import CLASSES, Scores, classed
from clvsim.calibration.scoring.totals import FIGURES, Errors
from clvsim.engine import known
from clvsim.engine.compile import compile_scenario
from clvsim.engine.known import KnownBase
from clvsim.engine.memory import refuse_if_too_large
from clvsim.engine.shocks import draw_shocks
from clvsim.errors import ClvsimError, counted
from clvsim.scenario.uncertain import is_uncertain
from clvsim.scenario.worlds import in_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from clvsim.calibration.scoring.customers import Customers
    from clvsim.calibration.scoring.group import Terms
    from clvsim.engine.known import Belief, Person
    from clvsim.scenario.model import Scenario

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    #: Customers of a segment: their places in the file, who they are, what is believed of them.
    Groups = list[tuple[Whole, Person, Belief]]

#: Customers whose worlds are sorted at a time.
_SORTED = 16_384
#: Share of the total above which a class weighs; least share of a class that a half stands for.
_WEIGHS, _LEAST_SHARE = 0.01, 0.02
#: Share of the value of the best from which on it is said that luck picks them.
_FLATTERED = 0.01
#: Memory of a customer in a world, bytes: value and purchases, and the chance that they are one's.
_BYTES = 12


@dataclass
class _Sums:
    """What is added up over worlds, shape (customer,), and of each world.

    Attributes
    ----------
    values, bought, there : ndarray
        Value and purchases of each customer's life, and the chance of living it, shape (world,
        customer).
    purchases, squares, counts : ndarray
        Purchases, squared values and squared purchases, of lives and of none, added up, shape
        (customer,).
    """

    values: NDArray[np.float32]
    bought: NDArray[np.float32]
    there: NDArray[np.float32]
    purchases: Floats
    squares: Floats
    counts: Floats

    @classmethod
    def of(cls, worlds: int, customers: int) -> _Sums:
        """Nothing so far."""
        shape = (worlds, customers)
        values, bought, there = (np.zeros(shape, dtype=np.float32) for _ in range(3))
        return cls(values, bought, there, *np.zeros((3, customers)))


def simulate(
    customers: Customers,
    scenario: Scenario,
    terms: Terms,
    worlds: int,
    tell: Callable[[int], None] | None = None,
) -> Scores:
    """Scores of customers under a scenario.

    Parameters
    ----------
    customers : Customers
    scenario : Scenario
        Its segments are those of the customers at least. Who else is in it plays no part.
    terms : Terms
        Of these, the classes and the seed.
    worlds : int
        At least 2.
    tell : callable, optional
        Told the number of lives simulated, now and then.

    Raises
    ------
    InputError
        If that needs more memory than there is.
    ClvsimError
        If a world cannot be.
    """
    size = len(customers.names)
    refuse_if_too_large(2 * _BYTES * worlds * size, f"{worlds:,} lives of {size:,} customers each")
    sums, varies = _Sums.of(worlds, size), is_uncertain(scenario) or bool(scenario.shocks)
    ranks = ranks_of(customers)
    base, groups = None, []
    for world in range(worlds):
        if base is None or varies:
            there = in_world(scenario, terms.seed, world)
            groups = _groups(customers, ranks, there, world)
            shocks = draw_shocks(there, terms.seed, world)
            everybody = [(people, belief) for _, people, belief in groups]
            base = KnownBase(there, shocks, everybody, terms.seed, world)
        elif base.is_ranked:
            # A bar of one world for all of them would not average out.
            base.aim([(people, belief) for _, people, belief in groups], world)
        for own, people, belief in groups:
            lives = base.live(people, belief, world)
            sums.values[world, own], sums.there[world, own] = lives.value, belief.there
            sums.bought[world, own] = lives.bought
            sums.purchases[own] += belief.there * lives.bought
            sums.squares[own] += belief.there * lives.value**2
            sums.counts[own] += belief.there * lives.bought**2
            if tell is not None:
                tell(own.size)
    notes = _notes(scenario, customers)
    return _scores(customers, sums, terms, ranks % 2 == 1, notes, varies=varies)


def warm_up(customers: Customers, scenario: Scenario) -> None:
    """Compile the kernels, or fetch them from Numba's cache."""
    there = {customers.segments[number] for number in np.unique(customers.segment).tolist()}
    newcomers = {name: np.zeros(1, dtype=np.int64) for name in there}
    known.warm_up(compile_scenario(known.among(scenario, newcomers)))


def _groups(customers: Customers, ranks: Whole, scenario: Scenario, world: int) -> Groups:
    """Customers by segment, in a world."""
    found: Groups = []
    for number, name in enumerate(customers.segments):
        own = np.flatnonzero(customers.segment == number)
        if not own.size:
            continue
        try:
            segment = scored(scenario.segments[name])
        except ValueError:
            message = (
                f"world {world:,}: customers of segment {name!r} cannot be judged by the numbers "
                "that are drawn: the fit says too little"
            )
            raise ClvsimError(message) from None
        people = people_of(customers, own, ranks, name, segment)
        season = scenario.segments[name].hazard_season
        found.append((own, people, belief_of(customers, own, segment, season)))
    return found


def _scores(
    customers: Customers,
    sums: _Sums,
    terms: Terms,
    odd: NDArray[np.bool_],
    notes: Iterator[str],
    *,
    varies: bool,
) -> Scores:
    """Means over worlds, bounds and errors."""
    worlds, size = sums.values.shape
    value, error, error_of_purchases, low, high = np.zeros((5, size))
    halves = np.zeros((2, size))
    for first in range(0, size, _SORTED):
        part = slice(first, first + _SORTED)
        lives, there = (one[:, part].astype(np.float64) for one in (sums.values, sums.there))
        weighted = lives * there
        value[part] = weighted.mean(axis=0)
        halves[:, part] = weighted[::2].mean(axis=0), weighted[1::2].mean(axis=0)
        error[part] = weighted.std(axis=0, ddof=1) / math.sqrt(worlds)
        bought = sums.bought[:, part] * there
        error_of_purchases[part] = bought.std(axis=0, ddof=1) / math.sqrt(worlds)
        low[part], high[part] = _bounds(lives, there / worlds)
    rank, group = classed(value, terms)
    alive, purchases = sums.there.mean(axis=0, dtype=np.float64), sums.purchases / worlds
    variances = (
        # The mean of few worlds is squared with its own error in it.
        sums.squares / worlds - value**2 + error**2,
        alive * (1.0 - alive),
        sums.counts / worlds - purchases**2 + error_of_purchases**2,
    )
    luck = [np.bincount(group, np.maximum(one, 0.0), len(CLASSES)) for one in variances]
    by_class = _by_class(sums, group, odd)
    fit, simulation = _covariances(by_class, varies=varies)
    if varies:
        notes = itertools.chain(notes, _untold(by_class[0].sum(axis=1), worlds))
    return Scores(
        customers=customers,
        value=value,
        low=low,
        high=high,
        alive=alive,
        purchases=purchases,
        rank=rank,
        group=group,
        errors=Errors(fit, np.array(luck), simulation),
        notes=(*notes, *_flattery(halves, terms), *_nothing_seen(value, error, alive)),
        error_of_value=error,
    )


def _flattery(halves: Floats, terms: Terms) -> Iterator[str]:
    """A note where who is best owes that to the luck of few worlds.

    Those whom half of the worlds picks are worth less in the other half. Twice as many worlds
    flatter them half as much.

    Parameters
    ----------
    halves : (2, customer)
        Values by even and by odd worlds.
    terms : Terms
    """
    said = known = 0.0
    for own, other in (halves, halves[::-1]):
        _, group = classed(own, terms)
        said, known = said + own[group == 0].sum(), known + other[group == 0].sum()
    excess = 0.5 * (said - known)
    if known > 0.0 and excess > _FLATTERED * known:
        share = 100.0 * excess / (known + excess)
        yield (
            f"the best owe some {share:.0f} % of their value to the luck of these worlds, which "
            "picks them: with more --worlds less"
        )


def _nothing_seen(value: Floats, error: Floats, alive: Floats) -> Iterator[str]:
    """A note on customers who may be there, and in no world bring in anything."""
    many = int(np.sum((value == 0.0) & (error == 0.0) & (alive > 0.0)))
    if many:
        yield (
            f"{counted(many, 'customer')} brought in nothing in any of these worlds: what they are "
            "worth is small, not exactly 0; with more --worlds it shows"
        )


def _by_class(sums: _Sums, group: Whole, odd: NDArray[np.bool_]) -> Floats:
    """Sums of `FIGURES` by half and class, shape (figure, half, class, world).

    Halves are by who customers are: which one a customer is in does not hang on the order of the
    file.
    """
    (worlds, size), places = sums.values.shape, odd * len(CLASSES) + group
    found = np.zeros((len(FIGURES), 2 * len(CLASSES), worlds))
    for first in range(0, size, _SORTED):
        part = slice(first, first + _SORTED)
        own = (places[part, None] == np.arange(2 * len(CLASSES))).astype(np.float64)
        there = sums.there[:, part].astype(np.float64)
        for at, figure in enumerate(
            (sums.values[:, part] * there, there, sums.bought[:, part] * there)
        ):
            found[at] += (figure @ own).T
    return found.reshape(len(FIGURES), 2, len(CLASSES), worlds)


def _covariances(halves: Floats, *, varies: bool) -> tuple[Floats, Floats]:
    """Covariances of the classes' sums that come from fit and shocks, and of their means.

    What both halves have in common is what the world makes of them: numbers and shocks. Each half
    stands for its whole class, by what it brings in. A class with one half cannot be told from its
    luck: NaN, or nothing where it hardly weighs.
    """
    totals, worlds = halves.sum(axis=1), halves.shape[-1]
    simulation = np.array([np.cov(one) for one in totals]) / worlds
    if not varies:
        return np.full_like(simulation, math.nan), simulation
    fit = np.empty_like(simulation)
    for at, one in enumerate(halves):
        fit[at] = _shared(*_as_whole(one))
        alone = ~one.any(axis=-1).all(axis=0)
        weighs = np.abs(totals[at].mean(axis=-1)) > _WEIGHS * np.abs(totals[at].sum(axis=0).mean())
        diagonal = np.diag_indices(len(CLASSES))
        fit[at][diagonal] = np.where(alone, np.where(weighs, math.nan, 0.0), fit[at][diagonal])
    # Chances have no luck in them.
    fit[FIGURES.index("alive")] = simulation[FIGURES.index("alive")] * worlds
    return fit, simulation


def _as_whole(halves: Floats) -> Floats:
    """Each half of each class as an estimate of the whole, shape (half, class, world).

    By what it brings in on average; by heads where the halves are of different signs, or one of
    them is nearly nothing. Where one is empty, the other is the whole.
    """
    own = halves.mean(axis=-1)
    whole = own.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = own / whole
        scale = np.where((shares > _LEAST_SHARE).all(axis=0), 1.0 / shares, 2.0)
    there = np.asarray(halves.any(axis=-1))
    scaled = np.where(there.all(axis=0), scale, 1.0)[..., None] * halves
    return np.where(there[..., None], scaled, scaled[::-1])


def _shared(even: Floats, odd: Floats) -> Floats:
    """Covariances of what two halves of customers have in common, shape (class, class)."""
    shared = np.cov(even, odd)[: len(even), len(even) :]
    return 0.5 * (shared + shared.T)


def _untold(halves: Floats, worlds: int) -> Iterator[str]:
    """A note where the error of the fit cannot be told from luck by so many worlds.

    Parameters
    ----------
    halves : (2, world)
        Summed values.
    """
    even, odd = _as_whole(halves[:, None])[:, 0]
    (variance, shared), (_, other) = np.cov(even, odd)
    noise = math.sqrt((variance * other + shared**2) / worlds)
    if shared < 2.0 * noise:
        most = math.sqrt(max(shared, 0.0) + 2.0 * noise)
        yield (
            f"{worlds:,} worlds hardly tell luck from the error of the value that comes from the "
            f"fit and from shocks: it is below some {most:,.0f}; with more --worlds it shows"
        )


def _bounds(lives: Floats, chances: Floats) -> tuple[Floats, Floats]:
    """Values below which customers' own lie with probability 5 % and 95 %.

    Parameters
    ----------
    lives, chances : (world, customer)
        Values of lives and the chance of each; with the rest of it a customer is lost, and worth 0.
    """
    values = np.vstack((lives, np.zeros(lives.shape[1])))
    weights = np.vstack((chances, 1.0 - chances.sum(axis=0)))
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=0), axis=0)
    places = [np.argmax(reached >= level - 1e-9, axis=0)[None] for level in (0.05, 0.95)]
    low, high = (np.take_along_axis(ordered, place, axis=0)[0] for place in places)
    return low, high


def _notes(scenario: Scenario, customers: Customers) -> Iterator[str]:
    """What scores under the scenario leave out."""
    doubted = is_uncertain(scenario)
    for name in customers.segments:
        segment = scenario.segments[name]
        paths = [one.path[:2] for one in scenario.uncertain]
        is_sure = not (segment.posterior or (segment.fit is not None and segment.fit.parameters))
        if doubted and is_sure and ("segments", name) not in paths:
            yield f"{name}: nothing says how sure its numbers are; they are taken as certain"
        if any(one.value != 0.0 for one in segment.correlations):
            yield f"{name}: correlations of traits are left out: each is judged by the past alone"
        is_plain = segment.relationship == "contract" or not (
            segment.hazard_by_tenure or segment.hazard_season or getattr(segment, "rate_season", ())
        )
        if not is_plain:
            yield f"{name}: pasts are judged without seasons and changes of the hazard by tenure"
