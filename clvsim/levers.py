"""Levers: the small fixed set of arrays through which every offer and program acts.

A lever has one number for each cell (cohort of a group) and step (period since the cell entered the
horizon). A program asks for the part of the plane that it acts on with ``Levers.where`` and writes
there; the neutral value of every lever changes nothing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clvsim.fields import Timing

Target = Literal["random", "value", "risk", "lift"]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cohorts:
    """The cells that levers speak of.

    Attributes
    ----------
    segment, source : (cell,) str
        Names.
    joined, start : (cell,) int
        Period of joining (negative: installed base) and first period inside the horizon.
    periods : int
        Horizon.
    """

    segment: NDArray[np.str_]
    source: NDArray[np.str_]
    joined: NDArray[np.int64]
    start: NDArray[np.int64]
    periods: int

    @property
    def count(self) -> int:
        """Number of cells."""
        return len(self.joined)

    def period(self) -> NDArray[np.int64]:
        """Period of every cell and step, ``(cell, T)``; at or past the horizon: no such step."""
        return self.start[:, None] + np.arange(self.periods)[None, :]

    def tenure(self) -> NDArray[np.int64]:
        """Periods since joining of every cell and step, ``(cell, T)``."""
        return self.period() - self.joined[:, None]


@dataclass(frozen=True)
class Where:
    """What a program acts on: segments, sources, periods (first and last), tenures."""

    segments: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    first: int = 0
    last: int | None = None
    first_tenure: int = 0
    last_tenure: int | None = None


@dataclass
class Membership:
    """A state that customers enter of their own accord and keep.

    Attributes
    ----------
    adoption : (cell, T)
        Probability of entering at a step, for those not yet in.
    on : (cell, T) bool
        Whether benefits run at a step; one run of steps a cell.
    hazard, spend, concession : float
        Multipliers of hazard and of spend; share of the price let off.
    rate : float
        Multiplier of the purchase rate.
    revenue, cost, entry_cost : float
        Per member and period, and once on entering, currency.
    """

    adoption: Floats
    on: Mask
    hazard: float = 1.0
    rate: float = 1.0
    spend: float = 1.0
    concession: float = 0.0
    revenue: float = 0.0
    cost: float = 0.0
    entry_cost: float = 0.0

    def changes(self) -> bool:
        """Whether being a member changes anything."""
        levers = (self.hazard, self.rate, self.spend, self.concession, self.revenue, self.cost)
        return levers != (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)


#: Least and greatest of a number, both included.
Range = tuple[float, float]
ANY: Range = (-np.inf, np.inf)


@dataclass(frozen=True)
class History:
    """What a customer must have bought so far, at the beginning of a step.

    Attributes
    ----------
    recency : Range
        Steps since the last purchase.
    frequency : Range
        Purchases, the one on joining included.
    value : Range
        Their mean at the price list, currency.
    """

    recency: Range = ANY
    frequency: Range = ANY
    value: Range = ANY


@dataclass
class Treatment:
    """A contact of customers chosen by a rule, with an effect on those who accept.

    Attributes
    ----------
    contact : (cell, T) bool
        When and whom.
    target : str
        Ranks customers by expected remaining ``value``, churn ``risk``, ``lift`` or at ``random``.
    share : float
        Top share of those eligible at a time that is contacted.
    acceptance : float
        Probability that one contacted accepts.
    hazard, lift_weight : float
        Hazard multiplier of those who accept, and weight of their personal lift in it: the hazard
        is multiplied by ``hazard * max(0, 1 - lift_weight * lift)``.
    rate : float
        Multiplier of the purchase rate while the effect lasts.
    spend, concession : float
        Multiplier of spend and share of the price let off while the effect lasts.
    duration : int
        Periods of effect.
    contact_cost, entry_cost : float
        Per contact and per acceptance, currency.
    history : History or None
        What those chosen must have bought; None: does not matter.
    states : tuple of str
        Names of the states that those chosen must be in; none: does not matter.
    """

    contact: Mask
    target: Target
    share: float
    acceptance: float
    duration: int
    hazard: float = 1.0
    lift_weight: float = 0.0
    rate: float = 1.0
    spend: float = 1.0
    concession: float = 0.0
    contact_cost: float = 0.0
    entry_cost: float = 0.0
    history: History | None = None
    states: tuple[str, ...] = ()

    def changes(self) -> bool:
        """Whether the effect changes anything."""
        levers = (self.hazard, self.rate, self.spend, self.concession, self.lift_weight)
        return levers != (1.0, 1.0, 1.0, 0.0, 0.0)


@dataclass
class ProgramLevers:
    """What one program writes for itself: costs, and the membership or treatment that it is.

    Attributes
    ----------
    active_cost : (cell, T)
        Cost per active customer and period, currency.
    lead_cost : (cell,)
        Cost per deciding prospect, currency.
    fixed_cost : (T,)
        Cost per period, currency.
    acquires : bool
        Whether its costs other than those per customer count as acquisition (else retention).
    concerns : (cell,) bool
        Cells that join while it runs: among their prospects a fixed cost of acquisition is shared.
    timing : str or None
        When in the period its costs fall; None: as the scenario's receipts.
    """

    active_cost: Floats
    lead_cost: Floats
    fixed_cost: Floats
    concerns: Mask
    acquires: bool = False
    timing: Timing | None = None
    personal: Membership | Treatment | None = None


@dataclass
class Levers:
    """All levers of one variant.

    Attributes
    ----------
    cohorts : Cohorts
    hazard : (cell, T)
        Multiplier of the hazard, 1.
    rate : (cell, T)
        Multiplier of the purchase rate, 1 (a probability p becomes ``1 - (1 - p)**rate``).
    price : (cell, T)
        Price relative to the list at the start, 1; a rise makes customers leave.
    spend : (cell, T)
        Multiplier of spend, 1: how much is bought, at whatever price.
    let_off : (cell, T)
        Share of the price let off, 0; its end counts as a rise.
    free : (cell, T)
        The part of ``let_off`` that free periods are, 0.
    conversion : (cell,)
        Log-odds added to a prospect's conversion, 0.
    programs : dict of str to ProgramLevers
    """

    cohorts: Cohorts
    hazard: Floats
    rate: Floats
    price: Floats
    spend: Floats
    let_off: Floats
    free: Floats
    conversion: Floats
    programs: dict[str, ProgramLevers]

    @classmethod
    def neutral(cls, cohorts: Cohorts) -> "Levers":
        """Levers that change nothing."""
        shape = (cohorts.count, cohorts.periods)
        return cls(
            cohorts=cohorts,
            hazard=np.ones(shape),
            rate=np.ones(shape),
            price=np.ones(shape),
            spend=np.ones(shape),
            let_off=np.zeros(shape),
            free=np.zeros(shape),
            conversion=np.zeros(cohorts.count),
            programs={},
        )

    def program(self, name: str) -> ProgramLevers:
        """The named program's own levers, neutral at first."""
        count, periods = self.cohorts.count, self.cohorts.periods
        neutral = ProgramLevers(
            active_cost=np.zeros((count, periods)),
            lead_cost=np.zeros(count),
            fixed_cost=np.zeros(periods),
            concerns=np.zeros(count, dtype=bool),
        )
        return self.programs.setdefault(name, neutral)

    def personal(self) -> list[tuple[int, str, ProgramLevers]]:
        """Index, name and levers of the programs that act on persons, in order."""
        return [
            (index, name, own)
            for index, (name, own) in enumerate(sorted(self.programs.items()))
            if own.personal is not None
        ]

    def ranks_by_value(self) -> bool:
        """Whether any treatment chooses customers by their expected value."""
        found = [own.personal for own in self.programs.values()]
        return any(isinstance(one, Treatment) and one.target == "value" for one in found)

    def cells(self, where: Where) -> Mask:
        """Cells whose segment and source a program names, ``(cell,)``."""
        chosen = np.ones(self.cohorts.count, dtype=bool)
        if where.segments:
            chosen &= np.isin(self.cohorts.segment, where.segments)
        if where.sources:
            chosen &= np.isin(self.cohorts.source, where.sources)
        return chosen

    def where(self, where: Where) -> Mask:
        """Cells and steps that a program acts on, ``(cell, T)``."""
        period, tenure = self.cohorts.period(), self.cohorts.tenure()
        chosen = (period >= where.first) & (tenure >= where.first_tenure)
        if where.last is not None:
            chosen &= period <= where.last
        if where.last_tenure is not None:
            chosen &= tenure <= where.last_tenure
        return chosen & self.cells(where)[:, None]

    def joining(self, where: Where) -> Mask:
        """Cells that join while a program runs, ``(cell,)``."""
        joined = self.cohorts.joined
        chosen = self.cells(where) & (joined >= where.first)
        return chosen if where.last is None else chosen & (joined <= where.last)
