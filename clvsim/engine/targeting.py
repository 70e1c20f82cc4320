"""Whom treatments reach: thresholds of the score for the top share of those active at a time.

Ranking all customers of a world against one another would tie them together. Instead the score from
which the top share is reached is found beforehand, on a pilot sample of every cell, each weighted
with its chance of being active then under the shared levers. A contact is then a rule about
one person: memory stays bounded, and a program changes only those that it touches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from clvsim.engine.buyers import expected_value, there_after
from clvsim.engine.states import scores_by_state, shares_by_state
from clvsim.kernels import buying as b
from clvsim.kernels import moving as m
from clvsim.kernels import plan as p
from clvsim.kernels.beyond import NEVER_LEAVES
from clvsim.kernels.traits import (
    CONSTANT,
    CONTINUOUS,
    KEENNESS,
    TRAIT_COUNT,
    TRAITS,
)
from clvsim.kernels.traits import SIDE as TABLE_SIDE
from clvsim.levers import Levers, Target, Treatment

Floats = NDArray[np.float64]
#: Pilot customers of a cell: the share of those active that is reached is met within about 3 % of
#: itself for one cell alone, and closer for many.
PILOT = 1024
#: The same where customers buy now and then: one trait more, and values that spread further; or
#: where some move between states: as many fewer customers as there are states.
LARGE_PILOT = 4096
TARGETS: dict[Target, int] = {
    "random": p.BY_RANDOM,
    "value": p.BY_VALUE,
    "risk": p.BY_RISK,
    "lift": p.BY_LIFT,
}
#: Steps of an additive recurrence that fills the cube of traits evenly (Roberts 2018): powers of
#: the inverse of the root of x**(traits + 1) = x + 1.
_STEPS = {
    traits: root ** -np.arange(1.0, traits + 1.0)
    for traits, root in ((TRAIT_COUNT, 1.1673039782614187), (len(TRAITS), 1.1347241384015194))
}


@dataclass(frozen=True)
class People:
    """Customers of all cells by whom those that a treatment reaches are judged, instead of a pilot.

    Attributes
    ----------
    hazards, spend, lift, pace : (cell, customer)
        Their traits; pace: 0 under contract.
    weight : (cell, customer)
        How many customers each stands for when it enters the horizon.
    """

    hazards: Floats
    spend: Floats
    lift: Floats
    pace: Floats
    weight: Floats


@dataclass(frozen=True)
class _Pilot:
    """Pilot customers of some cells, ``(cell, customer)``; pace: 0 under contract.

    Where customers move between states, one of each is there in every state, and ``places`` has by
    place of the cell what share of them is in each by step, ``(T, customer)``. Those who are known
    (``People``) say themselves how many they stand for on entering, ``weight``.
    """

    hazards: Floats
    scores: Floats
    pace: Floats
    places: dict[int, Floats]
    weight: Floats | None = None


def fill_gates(
    model: p.Model,
    buying: b.Buying | None,
    moving: m.Moving | None,
    row: int,
    treatment: Treatment,
    levers: Levers,
    people: People | None = None,
) -> None:
    """Write a treatment's gates and tie shares into ``model.gates[row]``.

    ``people`` are ranked instead of pilot customers, where they are known.
    """
    gate, tie = model.gates[row, p.GATE, :, :-1], model.gates[row, p.TIE, :, :-1]
    inside = levers.cohorts.period() < levers.cohorts.periods
    contact = treatment.contact & inside
    gate[...] = np.inf
    if treatment.share <= 0.0:
        return
    if treatment.target == "random":
        gate[contact] = 1.0 - treatment.share
        return
    if treatment.share >= 1.0:
        gate[contact] = -np.inf
        return
    cells = np.flatnonzero(contact.any(axis=1) & (model.facts[:, p.LIMIT] > 0.0))
    if not len(cells):
        return
    if people is not None:
        pilot = _of_people(model, buying, cells, treatment.target, people)
    else:
        pilot = _pilot(model, buying, moving, cells, treatment.target)
    if moving is not None:
        pilot.places.update(_places(model, moving, row, cells, pilot.scores.shape[1]))
    order = np.argsort(-pilot.scores, axis=None, kind="stable")
    ranked = pilot.scores.ravel()[order]
    size = _size_of_each(model, buying, cells, pilot)
    for period in range(levers.cohorts.periods):
        step = period - levers.cohorts.start[cells]
        now = (step >= 0) & contact[cells, np.maximum(step, 0)]
        if not now.any():
            continue
        active = _active(model, buying, cells, step, pilot)
        weight = size * active * now[:, None]
        place, share_of_ties = _top(ranked, weight.ravel()[order], treatment.share)
        gate[cells[now], step[now]] = place
        tie[cells[now], step[now]] = share_of_ties


def _pilot(
    model: p.Model,
    buying: b.Buying | None,
    moving: m.Moving | None,
    cells: NDArray[np.int64],
    target: Target,
) -> _Pilot:
    """The pilot sample: evenly spread, not random."""
    size = PILOT if buying is None and moving is None else LARGE_PILOT
    hazards, scores, pace = np.zeros((3, len(cells), size))
    for i, cell in enumerate(cells):
        buys = buying is not None and buying.facts[cell, b.KIND] != b.CONTRACT
        steps = _STEPS[len(TRAITS) if buys else TRAIT_COUNT]
        place = np.arange(size)[:, None] * steps
        # A shift of its own for every cell: cells of one group fill each other's gaps.
        u = np.clip((0.5 + place + (i + 1) * steps * size) % 1.0, 1e-12, 1.0 - 1e-12).T
        hazards[i], spend, lift, *others = _traits(model, int(cell), u)
        if moving is not None and moving.facts[cell, m.IS_STATES] != 0.0:
            own = scores_by_state(moving, int(cell), spend, lift, target)
            scores[i, : own.size] = own.ravel()
            continue
        if others:
            pace[i] = others[0]
        person = hazards[i], spend, lift, pace[i]
        scores[i] = _score(model, buying, int(cell), target, person)
    return _Pilot(hazards, scores, pace, {})


def _of_people(
    model: p.Model,
    buying: b.Buying | None,
    cells: NDArray[np.int64],
    target: Target,
    people: People,
) -> _Pilot:
    """Customers who are known as a pilot sample."""
    scores = np.zeros((len(cells), people.hazards.shape[1]))
    for i, cell in enumerate(cells.tolist()):
        person = people.hazards[cell], people.spend[cell], people.lift[cell], people.pace[cell]
        scores[i] = _score(model, buying, cell, target, person)
    return _Pilot(people.hazards[cells], scores, people.pace[cells], {}, people.weight[cells])


def _score(
    model: p.Model,
    buying: b.Buying | None,
    cell: int,
    target: Target,
    person: tuple[Floats, Floats, Floats, Floats],
) -> Floats:
    """What a treatment ranks customers by, from hazard, spend, lift and pace, ``(customer,)``."""
    hazard, spend, lift, pace = person
    if target == "risk":
        return hazard
    if target == "lift":
        return lift
    if buying is not None and buying.facts[cell, b.KIND] != b.CONTRACT:
        return expected_value(model, buying, cell, (hazard, spend, pace))
    return _expected_value(model, cell, hazard, spend)


def _places(
    model: p.Model, moving: m.Moving, row: int, cells: NDArray[np.int64], size: int
) -> dict[int, Floats]:
    """What share of its cell each pilot customer stands for, ``(T, customer)``, by cell's place.

    Where customers move between states; 0 in those that the treatment does not ask for.
    """
    which = np.flatnonzero(moving.facts[cells, m.IS_STATES])
    if not len(which):
        return {}
    chosen = cells[which]
    tenure = (model.facts[chosen, p.START] - model.facts[chosen, p.JOINED_IN]).astype(np.int64)
    horizon = model.discounting.shape[1] - 1
    multipliers = moving.past[chosen], model.schedule[chosen, p.MULTIPLIER, :horizon]
    shares = shares_by_state(moving, chosen, multipliers, tenure)
    found = {}
    for place, (i, cell) in enumerate(zip(which, chosen, strict=True)):
        states, table = moving.facts[cell, [m.STATES, m.TABLE]].astype(int)
        each = size // states
        own = shares[:, place, :states] * moving.meant[row, table, :states] / each
        found[int(i)] = np.zeros((len(own), size))
        found[int(i)][:, : each * states] = np.tile(own, each)
    return found


def _traits(model: p.Model, cell: int, u: Floats) -> list[Floats]:
    """Hazard, spend, lift (and pace) at uniforms ``(trait, customer)``, keenness first."""
    facts, traits = model.facts[cell], model.traits
    group = int(facts[p.GROUP])
    if int(facts[p.SOURCE]) == p.ARRIVALS:
        u[KEENNESS] *= facts[p.LIMIT] / facts[p.PROSPECTS]
    factor = traits.cholesky[group]
    if factor.any():
        normal = ndtri(u)
        normal[KEENNESS] *= -1.0
        u[1:] = ndtr(factor[: len(u), : len(u)] @ normal)[1:]
    return [_trait(traits, traits.spec[group, trait], u[trait]) for trait in range(1, len(u))]


def _trait(traits: p.Traits, spec: Floats, u: Floats) -> Floats:
    """One trait at uniforms, from its compiled table."""
    kind, row = int(spec[0]), int(spec[2])
    if kind == CONSTANT:
        return np.full(u.shape, spec[1])
    if kind != CONTINUOUS:
        values, cumulated = traits.atoms[:, traits.bounds[row] : traits.bounds[row + 1]]
        return np.asarray(values[np.minimum(np.searchsorted(cumulated, u), len(values) - 1)])
    tail = np.minimum(np.minimum(u, 1.0 - u), np.nextafter(0.5, 0.0))
    mantissa, exponent = np.frexp(tail)
    octave = np.minimum(-1 - exponent, p.OCTAVES - 1)
    inside = (2.0 * mantissa - 1.0) * p.CELLS
    cubic = traits.cubics[row][(u > 0.5) * TABLE_SIDE + octave * p.CELLS + inside.astype(int)]
    f = inside % 1.0
    return np.asarray(cubic[:, 0] + f * (cubic[:, 1] + f * (cubic[:, 2] + f * cubic[:, 3])))


def _expected_value(model: p.Model, cell: int, hazard: Floats, spend: Floats) -> Floats:
    """Expected margin under the conditions that last, for ever, as the kernel has it."""
    facts = model.facts[cell]
    margin = spend * facts[p.LASTING_UNIT] + facts[p.LASTING_HEAD]
    lost = 1.0 - np.exp(-hazard * facts[p.LASTING_HAZARD]) * model.period_factor
    return np.asarray(margin / np.maximum(lost, NEVER_LEAVES))


def _size_of_each(
    model: p.Model, buying: b.Buying | None, cells: NDArray[np.int64], pilot: _Pilot
) -> Floats:
    """Customers each stands for, over its chance to be there on entering, ``(cell, customer)``.

    Those of a pilot stand for as many each; who is known is certainly there.
    """
    if pilot.weight is not None:
        return pilot.weight
    at_entry = _active(model, buying, cells, np.zeros(len(cells), dtype=np.int64), pilot)
    for place in pilot.places:
        # They are shares of those there on entering already.
        at_entry[place] = 1.0 / at_entry.shape[1]
    size = model.facts[cells, p.LIMIT] / np.maximum(at_entry.sum(axis=1), 1e-300)
    return np.asarray(np.broadcast_to(size[:, None], at_entry.shape))


def _active(
    model: p.Model,
    buying: b.Buying | None,
    cells: NDArray[np.int64],
    step: NDArray[np.int64],
    pilot: _Pilot,
) -> Floats:
    """Chance that each pilot customer is there at a step of its cell, ``(cell, customer)``.

    Of those who are known: of who is there on entering.
    """
    hazards = pilot.hazards
    cumulated = model.schedule[cells, p.CUMULATED]
    origin = model.facts[cells, p.ORIGIN]
    passed = np.where(step > 0, cumulated[np.arange(len(cells)), np.maximum(step - 1, 0)], origin)
    is_known = pilot.weight is not None
    active = np.exp(-hazards * (passed - origin if is_known else passed)[:, None])
    if buying is not None:
        for i in np.flatnonzero(buying.facts[cells, b.KIND] == b.BG_NBD):
            person = hazards[i], pilot.pace[i]
            active[i] = there_after(
                model, buying, int(cells[i]), int(step[i]), person, was_there=is_known
            )
    for place, shares in pilot.places.items():
        active[place] = shares[max(int(step[place]), 0)]
    return np.asarray(active)


def _top(ranked: Floats, weight: Floats, share: float) -> tuple[float, float]:
    """Score from which the top ``share`` of the weight is reached, and the share of ties there."""
    total = weight.sum()
    if total <= 0.0:
        return np.inf, 0.0
    cumulated = np.cumsum(weight)
    place = ranked[min(int(np.searchsorted(cumulated, share * total)), len(ranked) - 1)]
    above = weight[ranked > place].sum()
    at = weight[ranked == place].sum()
    return float(place), float(np.clip((share * total - above) / at, 0.0, 1.0)) if at > 0.0 else 1.0
