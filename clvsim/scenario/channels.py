"""Channels: where prospects are reached, for what spend, and what spend came before."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Strict, Tag, field_validator

from clvsim.calendar import Calendar
from clvsim.fields import Amounts, Money, Name, Period, Probabilities, Probability, Section, Unit

Floats = NDArray[np.float64]
_LONGEST = 4096


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


def _is_list(value: Any) -> str:
    return "list" if isinstance(value, (list, tuple)) else "constant"


def _spend_kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "steps" if value and isinstance(value[0], (dict, SpendStep)) else "list"
    return "constant"


_Number = Annotated[float, Field(ge=0.0, le=1e12)]


class Organic(Section):
    """Prospects that come of their own accord, without any spend."""

    kind: Literal["organic"]
    """Kind of response."""
    prospects: Annotated[
        Annotated[_Number, Tag("constant")]
        | Annotated[
            tuple[Annotated[_Number, Strict()], ...],
            Strict(strict=False),
            Field(min_length=1),
            Tag("list"),
        ],
        Discriminator(_is_list),
    ]
    """Prospects per period: a constant, or a list of one number a period (none after its end)."""


Reach = Annotated[Linear | Saturating | Hill | Organic, Field(discriminator="kind")]


class SpendStep(Section):
    """Spend from a period on."""

    first: Period = Field(alias="from")
    """Period (number or date) from which the amount holds."""
    spend: Money
    """Currency per period."""


Spend = Annotated[
    Annotated[Money, Tag("constant")]
    | Annotated[Amounts, Field(min_length=1), Tag("list")]
    | Annotated[tuple[SpendStep, ...], Strict(strict=False), Tag("steps")],
    Discriminator(_spend_kind),
]
EarlierSpend = Annotated[
    Annotated[Money, Tag("constant")]
    | Annotated[Amounts, Field(min_length=1, max_length=_LONGEST), Tag("list")],
    Discriminator(_is_list),
]


class Channel(Section):
    """Where prospects are reached for a spend."""

    spend: Spend = 0.0
    """Currency per period: a constant, a list of one amount a period (nothing after its end), or
    ``[{from, spend}, …]``; to be left out where prospects are organic."""
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
    earlier_spend: EarlierSpend | None = None
    """What was spent before the start, currency per period: the amounts of the periods just before
    it, the latest last, or a number that was spent for ever. It carries over, and its leads decide
    within the horizon. It is sunk: no cash of the plan, no part of an acquisition cost, and what it
    brings comes without the plan too. Absent or 0: nothing."""
    steady: bool = False
    """Whether the first period's spend (or number of organic prospects) has been the same for ever
    before: instead of ``earlier_spend``."""

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

    def spend_by_period(self, calendar: Calendar) -> Floats:
        """Spend, currency per period, ``(T,)``."""
        spend = np.zeros(calendar.periods)
        if not isinstance(self.spend, tuple):
            return spend + self.spend
        for i, item in enumerate(self.spend):
            if isinstance(item, SpendStep):
                spend[calendar.period(item.first) :] = item.spend
            elif isinstance(item, float) and i < calendar.periods:
                spend[i] = item
        return spend

    def before(self, calendar: Calendar) -> float | tuple[float, ...]:
        """Spend before the start, currency: for ever, or of the last periods before it."""
        if self.steady:
            return float(self.spend_by_period(calendar)[0])
        return 0.0 if self.earlier_spend is None else self.earlier_spend

    def without_plan(self, calendar: Calendar) -> Self | None:
        """What is left of it without spend and offer; None where that is nothing."""
        if isinstance(self.reach, Organic):
            return self.model_copy(update={"offer": None})
        before = self.before(calendar)
        if not np.any(before):
            return None
        rest = {"spend": 0.0, "offer": None, "steady": False, "earlier_spend": before}
        return self.model_copy(update=rest)


def _adds_up(shares: Any, what: str) -> None:
    total = sum(shares)
    if abs(total - 1.0) > 1e-9:
        message = f"{what} must add up to 1, not {total:.6g}"
        raise ValueError(message)
