"""The scenario: frozen sections, every field with its unit, range and default."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    Strict,
    StringConstraints,
    field_validator,
    model_validator,
)

from clvsim.calendar import PERIODS_PER_YEAR, Calendar, parse_date
from clvsim.fields import (
    Amounts,
    Count,
    Money,
    Name,
    Names,
    Period,
    Periods,
    Probabilities,
    Probability,
    Section,
    Step,
    Unit,
    as_text,
)
from clvsim.programs import AnyProgram
from clvsim.scenario.channels import Channel
from clvsim.scenario.money import MoneyRules
from clvsim.scenario.segments import (
    AnySegment,
    BgBbSegment,
    BgNbdSegment,
    BuyerSegment,
    ChurnTrait,
    Correlation,
    Distribution,
    LiftTrait,
    ParetoNbdSegment,
    RetentionTable,
    Segment,
    SegmentTable,
    SpendTrait,
    StatesSegment,
    TraitName,
)
from clvsim.scenario.shocks import Shock
from clvsim.scenario.uncertain import Uncertain

_LONGEST_TENURE = 4096


class Time(Section):
    """Horizon and step."""

    step: Step = "month"
    """Length of a period."""
    periods: Annotated[int, Field(ge=1, le=4096)]
    """Horizon, periods."""
    start: Annotated[
        str,
        StringConstraints(pattern=r"^\d{4}-\d{2}(-\d{2})?$"),
        BeforeValidator(as_text),
        Unit("a month or a day: year-month, or year-month-day", '"2026-01"'),
    ] = "2026-01"
    """First day of period 0: ``2026-01`` or ``2026-01-15``."""

    @field_validator("start")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        try:
            parse_date(value)
        except ValueError:
            message = f"must be a date like '2026-01' or '2026-01-15', not {value!r}"
            raise ValueError(message) from None
        return value

    @model_validator(mode="after")
    def _ends_in_four_digits(self) -> Self:
        years = self.periods / PERIODS_PER_YEAR[self.step]
        if int(self.start[:4]) + years > 9998.0:
            message = f"the horizon must end before the year 9999 (it starts in {self.start})"
            raise ValueError(message)
        return self

    @property
    def calendar(self) -> Calendar:
        """Periods and dates."""
        return Calendar(self.step, self.periods, parse_date(self.start))


class Simulation(Section):
    """Worlds and seed; the command line may override both."""

    worlds: Annotated[int, Field(ge=1, le=10_000_000)] = 200
    """Monte Carlo replications."""
    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 1
    """Seed of all randomness."""


class Offer(Section):
    """What a prospect is offered on joining."""

    discount: Probability | Annotated[Probabilities, Field(min_length=1)] = 0.0
    """Share of the price let off: one for ``discount_periods``, or a list by tenure."""
    discount_periods: Periods = 0
    """Periods since joining that a single ``discount`` lasts."""
    free_periods: Periods = 0
    """Periods since joining that are free."""
    gift: Money = 0.0
    """Cost of a gift on joining, currency."""
    gift_value: Money | None = None
    """What the gift is worth to a prospect, currency; absent: its cost."""
    equipment_subsidy: Money = 0.0
    """Equipment paid for the customer on joining, currency; the prospect counts it as a saving."""
    term: Periods = 0
    """Contract term, periods; 0: none."""
    renews: bool = False
    """Whether the term begins anew when it ends."""
    on_leaving: Literal["hold", "fee"] = "hold"
    """Within the term: hold the decision to leave until it ends, or take a fee and let go."""
    termination_fee: Money = 0.0
    """Fee for each period left of the term, currency."""
    flat_termination_fee: Money = 0.0
    """Fee for leaving within the term, however much of it is left, currency."""
    most_termination_fee: Money | None = None
    """The most that both fees together can be, currency; absent: any."""
    reluctance: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    """Log-odds of conversion that the term costs."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if isinstance(self.discount, float) and self.discount > 0.0 and self.discount_periods == 0:
            message = (
                "a discount needs discount_periods (how long it lasts), or a list by tenure like "
                "discount = [0.5, 0.5, 0.25]"
            )
            raise ValueError(message)
        fees = self.termination_fee + self.flat_termination_fee
        if self.term == 0 and (self.renews or fees > 0.0 or self.reluctance > 0.0):
            message = "renews, reluctance and termination fees need a term above 0"
            raise ValueError(message)
        if self.most_termination_fee is not None and fees == 0.0:
            message = "most_termination_fee needs a fee that it limits"
            raise ValueError(message)
        return self

    def let_go_by(self, tenure: int) -> int:
        """Tenures in which whoever decided to leave is gone at a tenure, periods.

        Fewer than all where a term holds those who have decided in it.
        """
        if self.term == 0 or self.on_leaving == "fee":
            return tenure
        if tenure < self.term:
            return 0
        return tenure - tenure % self.term if self.renews else tenure


class Cohort(Section):
    """A fixed number of customers that join in one period."""

    segment: Name
    """Name of their segment."""
    customers: Count
    """How many."""
    joins: Period = 0
    """Period of joining (number or date)."""
    offer: Name | None = None
    """Name of their offer; absent: the scenario's, or the list price."""
    cost_per_customer: Money = 0.0
    """Acquisition cost per customer, currency."""


class InstalledBase(Section):
    """Customers that joined before the horizon and are still there."""

    segment: Name
    """Name of their segment."""
    customers: Count
    """How many are there at the start."""
    tenure: (
        Annotated[int, Field(ge=0, le=_LONGEST_TENURE)]
        | Annotated[Amounts, Field(max_length=_LONGEST_TENURE + 1)]
    )
    """Periods since joining: a number, or weights of 0, 1, 2, … periods."""
    offer: Name | None = None
    """Name of the offer that they joined under; absent: the list price. Their tenure says how much
    of it is left: what it still lets off, the term, the fee and whom it holds (who has decided to
    leave and is held is one of those still there). It was made before the plan, and stays without
    it; no gift is given again."""

    @field_validator("tenure")
    @classmethod
    def _has_weight(cls, value: int | tuple[float, ...]) -> int | tuple[float, ...]:
        if isinstance(value, tuple) and not sum(value) > 0.0:
            message = "needs at least one weight above 0"
            raise ValueError(message)
        return value

    def by_tenure(self) -> list[tuple[int, float]]:
        """Customers by tenure; they add up exactly (largest remainders)."""
        if isinstance(self.tenure, int):
            return [(self.tenure, float(self.customers))]
        weights = np.array(self.tenure)
        exact = self.customers * weights / weights.sum()
        counts = np.floor(exact)
        missing = round(self.customers - counts.sum())
        counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1.0
        return [(tenure, float(count)) for tenure, count in enumerate(counts) if count > 0.0]


class Scenario(Section):
    """One scenario file after overlays: a baseline or one of its variants."""

    is_file: ClassVar[bool] = True
    """Tells the top of a file from its tables."""

    name: Name = "scenario"
    """Title in reports."""
    question: str = ""
    """The question that the scenario answers."""
    time: Time
    """Horizon and step."""
    money: MoneyRules = MoneyRules()
    """Currency, discounting, residual value."""
    simulation: Simulation = Simulation()
    """Worlds and seed."""
    offer: Name | None = None
    """Name of the offer made everywhere unless a channel or cohort says otherwise."""
    segments: Annotated[dict[Name, SegmentTable], Field(min_length=1)]
    """Segments by name."""
    offers: dict[Name, Offer] = {}
    """Offers by name."""
    channels: dict[Name, Channel] = {}
    """Channels by name."""
    cohorts: dict[Name, Cohort] = {}
    """Fixed cohorts by name."""
    installed_base: dict[Name, InstalledBase] = {}
    """Installed bases by name."""
    programs: dict[Name, AnyProgram] = {}
    """Programs by name."""
    shocks: dict[Name, Shock] = {}
    """Common shocks by name."""
    uncertain: Annotated[tuple[Uncertain, ...], Strict(strict=False)] = ()
    """Numbers that every world draws anew; in a file they stand in the place of the number."""

    def enabled_programs(self) -> list[tuple[str, AnyProgram]]:
        """Enabled programs by name, the order of all program dimensions."""
        return [(name, one) for name, one in sorted(self.programs.items()) if one.enabled]

    def without_plan(self) -> "Scenario":
        """The same scenario without its plan: ROMI's counterfactual.

        No programs, no offers, nothing spent in channels. Those come all the same who would have
        come without: organic prospects, and those whom spend before the start still brings.
        """
        rests = {
            name: channel.without_plan(self.time.calendar)
            for name, channel in self.channels.items()
        }
        return self.model_copy(
            update={
                "offer": None,
                "channels": {name: rest for name, rest in rests.items() if rest is not None},
                "programs": {},
                "cohorts": {
                    name: cohort.model_copy(update={"offer": None})
                    for name, cohort in self.cohorts.items()
                },
            }
        )


__all__ = [
    "AnySegment",
    "BgBbSegment",
    "BgNbdSegment",
    "BuyerSegment",
    "ChurnTrait",
    "Correlation",
    "Distribution",
    "LiftTrait",
    "Names",
    "ParetoNbdSegment",
    "RetentionTable",
    "Scenario",
    "Segment",
    "SpendTrait",
    "StatesSegment",
    "TraitName",
]
