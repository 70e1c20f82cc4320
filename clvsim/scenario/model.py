"""The scenario: frozen sections, every field with its unit, range and default."""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
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
    Timing,
    Unit,
    as_text,
)
from clvsim.programs import AnyProgram
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

LEAST_RATE = 1e-6
"""Least annual discount rate at which a residual value beyond the horizon is a fair figure."""
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


class MoneyRules(Section):
    """Currency, discounting and what lies beyond the horizon."""

    currency: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Z]{3}$"),
        Unit("a currency by its three capital letters", '"EUR"'),
    ] = "USD"
    """ISO 4217 code."""
    discount_rate: Annotated[
        float, Field(ge=0.0, le=10.0), Unit("a share a year: 0.10 is 10 %", "0.10")
    ] = 0.1
    """Effective annual rate: 0.1 is ten per cent a year."""
    timing: Timing = "mid"
    """When in a period receipts and running costs fall."""
    residual: Literal["none", "expected"] = "none"
    """Beyond the horizon: nothing, or the expected margin of each customer still there, given its
    own traits: offers, contract terms, onboarding and the effects of treatments end as agreed,
    hazards go by tenure and season, programs without a last period and their members stay. Nobody
    joins there, nobody is treated anew, common shocks are over, and fixed costs (of the business
    or a program) are not counted: they are no customer's."""
    fixed_costs: Money | Annotated[Amounts, Field(min_length=1)] = 0.0
    """Fixed costs of the business, currency per period: a constant, or a list of one amount a
    period (none after its end)."""

    @model_validator(mode="after")
    def _residual_needs_discounting(self) -> Self:
        if self.residual == "expected" and self.discount_rate < LEAST_RATE:
            message = (
                f"an expected residual value needs a discount_rate of at least {LEAST_RATE:.6f}: "
                "without discounting, customers who never leave would be worth infinitely much"
            )
            raise ValueError(message)
        return self


class Simulation(Section):
    """Worlds and seed; the command line may override both."""

    worlds: Annotated[int, Field(ge=1, le=10_000_000)] = 200
    """Monte Carlo replications."""
    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 1
    """Seed of all randomness."""


class Linear(Section):
    """Reach in proportion to spend."""

    kind: Literal["linear"]
    """Kind of response."""
    cost_per_prospect: Annotated[
        float, Field(gt=0.0, le=1e15), Unit("an amount in the currency of [money]", "40.0")
    ]
    """Spend per prospect reached, currency."""


class Saturating(Section):
    """Reach ``ceiling * (1 - exp(-rate * spend))`` (Blattberg & Deighton 1996)."""

    kind: Literal["saturating"]
    """Kind of response."""
    ceiling: Annotated[float, Field(gt=0.0, le=1e12), Unit("prospects a period", "5_000.0")]
    """Prospects per period that no spend exceeds."""
    rate: Annotated[float, Field(gt=0.0, le=1e12), Unit("1 over an amount of currency", "2e-5")]
    """Per unit of currency."""


class Hill(Section):
    """Reach ``ceiling * s**slope / (s**slope + half**slope)``."""

    kind: Literal["hill"]
    """Kind of response."""
    ceiling: Annotated[float, Field(gt=0.0, le=1e12), Unit("prospects a period", "5_000.0")]
    """Prospects per period that no spend exceeds."""
    half: Annotated[
        float, Field(gt=0.0, le=1e15), Unit("an amount in the currency of [money]", "20_000.0")
    ]
    """Spend that reaches half of the ceiling, currency per period."""
    slope: Annotated[float, Field(gt=0.0, le=20.0)] = 1.0
    """Above 1: S-shaped."""


Reach = Annotated[Linear | Saturating | Hill, Field(discriminator="kind")]


class SpendStep(Section):
    """Spend from a period on."""

    first: Period = Field(alias="from")
    """Period (number or date) from which the amount holds."""
    spend: Money
    """Currency per period."""


def _spend_kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "steps" if value and isinstance(value[0], (dict, SpendStep)) else "list"
    return "constant"


Spend = Annotated[
    Annotated[Money, Tag("constant")]
    | Annotated[Amounts, Field(min_length=1), Tag("list")]
    | Annotated[tuple[SpendStep, ...], Strict(strict=False), Tag("steps")],
    Discriminator(_spend_kind),
]


class Channel(Section):
    """Where prospects are reached for a spend."""

    spend: Spend
    """Currency per period: a constant, a list of one amount a period (nothing after its end), or
    ``[{from, spend}, …]``."""
    reach: Reach
    """Prospects reached for a spend."""
    carry_over: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of a period's effective spend that carries over to the next (adstock, normalised)."""
    conversion: (
        Annotated[float, Field(ge=0.0, lt=1.0), Unit("a share: 0.05 is 5 %", "0.05")]
        | dict[Name, Annotated[float, Field(ge=0.0, lt=1.0)]]
    )
    """Share of prospects that join at the list price: a number, or one a segment."""
    segments: dict[Name, Probability]
    """Shares of prospects by segment, adding up to 1."""
    offer: Name | None = None
    """Name of the offer made; absent: the scenario's, or the list price."""
    lead_time: Probabilities = ()
    """Shares of prospects that decide after 0, 1, 2, … periods, adding up to 1; empty: at once."""

    @field_validator("segments")
    @classmethod
    def _segments_add_up(cls, value: dict[str, float]) -> dict[str, float]:
        _adds_up(value.values(), "the shares of segments")
        return value

    @field_validator("lead_time")
    @classmethod
    def _lead_time_adds_up(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value:
            _adds_up(value, "the shares of the lead time")
        return value


def _adds_up(shares: Any, what: str) -> None:
    total = sum(shares)
    if abs(total - 1.0) > 1e-9:
        message = f"{what} must add up to 1, not {total:.6g}"
        raise ValueError(message)


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
        """The same scenario without channels, offers and programs: ROMI's counterfactual."""
        return self.model_copy(
            update={
                "offer": None,
                "channels": {},
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
