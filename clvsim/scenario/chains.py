"""The Markov chain that a segment of states means, and what may be wrong with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvsim.fields import Amounts, Name
from clvsim.scenario.segments import Flags, Odds, StateNames, StatesSegment, StateValues

Floats = NDArray[np.float64]
#: Deviation of a row's sum from 1 that is rounding; rows are brought to 1 afterwards.
ROUNDING = 1e-6
_NEEDED = ("transitions", "state_values")


@dataclass(frozen=True)
class Chain:
    """A segment's chain under its contact rule.

    Attributes
    ----------
    transitions : (state, state)
        Probability of the next period's state, by the state now; best state first.
    values : (state,)
        Margin of a period in the state per unit of spend, currency.
    costs : (state,)
        Cost of contacting a customer per period, currency; 0 where the rule contacts nobody.
    begin : int
        State on joining.
    lost : int
        State of those who have left; -1 if nobody ever leaves.
    """

    transitions: Floats
    values: Floats
    costs: Floats
    begin: int
    lost: int

    def values_by_tenure(self, periods: int) -> Floats:
        """Expected margin of one who joins, per unit of spend, ``(periods,)``."""
        at, values = np.eye(len(self.values))[self.begin], np.zeros(periods)
        for tenure in range(periods):
            values[tenure] = at @ self.values
            at = at @ self.transitions
        return values

    def survival(self, multipliers: Floats) -> float:
        """Share of joiners not lost after periods under some hazard multipliers, one each."""
        if self.lost < 0:
            return 1.0
        at = np.eye(len(self.values))[self.begin]
        for multiplier in multipliers:
            at = at @ powered(self.transitions, multiplier)
        return float(1.0 - at[self.lost])


def falls_of(transitions: Floats) -> Floats:
    """Minus the log of the probability of a state or a better one next, ``(state, state)``."""
    better = np.cumsum(transitions, axis=1)
    worse = np.zeros_like(better)
    worse[:, :-1] = np.cumsum(transitions[:, :0:-1], axis=1)[:, ::-1]
    with np.errstate(divide="ignore"):
        # From whichever side is the smaller: no digits are lost near one.
        near_one = -np.log1p(-np.minimum(worse, 0.5))
        return np.where(worse < 0.5, near_one, -np.log(np.minimum(better, 1.0)))


def powered(transitions: Floats, multiplier: float) -> Floats:
    """Transitions under a hazard multiplier, as the kernel draws them, ``(state, state)``."""
    falls = falls_of(transitions)
    with np.errstate(invalid="ignore"):
        reached = np.where(np.isinf(falls), 0.0, np.exp(-multiplier * falls))
    return np.diff(reached, axis=1, prepend=0.0)


def contacts_of(segment: StatesSegment) -> tuple[bool, ...]:
    """Who is contacted, by state: unless the rule says, those who cost something."""
    return segment.contacts or tuple(cost > 0.0 for cost in costs_of(segment))


def costs_of(segment: StatesSegment) -> tuple[float, ...]:
    """Cost of a contact by state, currency."""
    return segment.contact_costs or (0.0,) * len(segment.states)


def chain_of(segment: StatesSegment) -> Chain:
    """The chain of a segment without problems.

    A worst state that holds for good, and brings in and costs nothing, is that of the lost.
    """
    contacts = np.array(contacts_of(segment))
    rows = np.array(segment.transitions)
    if segment.transitions_uncontacted:
        rows = np.where(contacts[:, None], rows, np.array(segment.transitions_uncontacted))
    rows /= rows.sum(axis=1, keepdims=True)
    values, costs = np.array(segment.state_values), np.array(costs_of(segment)) * contacts
    is_end = rows[-1, -1] == 1.0 and values[-1] == 0.0 and costs[-1] == 0.0
    begin = segment.start_state or segment.states[0]
    return Chain(
        rows, values, costs, segment.states.index(begin), len(values) - 1 if is_end else -1
    )


Problem = tuple[tuple[str | int, ...], str, str]
#: Fields that make up a chain, and their types.
CHAIN_TYPES: dict[str, Any] = {
    "states": StateNames,
    "transitions": Odds,
    "state_values": StateValues,
    "contact_costs": Amounts,
    "contacts": Flags,
    "transitions_uncontacted": Odds,
    "start_state": Name,
}


def problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """All that is wrong beyond single values: path inside the segment, message, allowed.

    Parameters
    ----------
    parts : mapping
        Fields of ``CHAIN_TYPES`` that are given and right by themselves.
    """
    states: tuple[str, ...] = parts.get("states", ())
    if not states:
        return
    names = ", ".join(states)
    for position, name in enumerate(states):
        if name in states[:position]:
            yield ("states", position), f"'{name}' is already the name of a state", "another name"
    for key in ("transitions", "transitions_uncontacted"):
        yield from _row_problems(key, parts.get(key, ()), states)
    for key, part in parts.items():
        is_list = key not in {"states", "start_state"}
        if is_list and len(part) != len(states) and (part or key in _NEEDED):
            what = "rows" if key.startswith("transitions") else "entries"
            message = f"has {len(part):,} {what} for {len(states):,} states"
            yield (key,), message, f"one for each of {names}"
    if parts.get("transitions_uncontacted") and not {"contacts", "contact_costs"} & set(parts):
        message = "nobody says who is contacted: no state has a cost, and there is no rule"
        yield ("transitions_uncontacted",), message, "with contacts or contact_costs"
    start = parts.get("start_state")
    if start is not None and start not in states:
        yield ("start_state",), f"no state is called '{start}'", names


def lost_at_the_start(segment: StatesSegment) -> Iterator[Problem]:
    """Whether those who join have left already (of a segment without other problems)."""
    chain = chain_of(segment)
    if chain.begin == chain.lost:
        message = f"whoever joins is lost at once: '{segment.states[chain.begin]}' is for good"
        yield ("start_state",), message, ", ".join(segment.states[:-1])


def _row_problems(
    key: str, rows: tuple[tuple[float, ...], ...], states: tuple[str, ...]
) -> Iterator[Problem]:
    for position, row in enumerate(rows):
        if len(row) != len(states):
            message = f"has {len(row):,} entries for {len(states):,} states"
            yield (key, position), message, "the odds of each state next"
        elif abs(sum(row) - 1.0) > ROUNDING:
            yield (key, position), f"adds up to {sum(row):.6g}", "a row that adds up to 1"
