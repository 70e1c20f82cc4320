"""Channels: where prospects come from, for a spend or by themselves, and how many join."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Strict, Tag, field_validator, model_validator

from clvsim.fields import Amounts, Money, Name, Period, Probabilities, Probability, Section


class Linear(Section):
    """Reach in proportion to spend."""

    kind: Literal["linear"]
    """Kind of response."""
    cost_per_prospect: Annotated[float, Field(gt=0.0, le=1e15)]
    """Spend per prospect reached, currency."""


class Saturating(Section):
    """Reach ``ceiling * (1 - exp(-rate * spend))`` (Blattberg & Deighton 1996)."""

    kind: Literal["saturating"]
    """Kind of response."""
    ceiling: Annotated[float, Field(gt=0.0, le=1e12)]
    """Prospects per period that no spend exceeds."""
    rate: Annotated[float, Field(gt=0.0, le=1e12)]
    """Per unit of currency."""


class Hill(Section):
    """Reach ``ceiling * s**slope / (s**slope + half**slope)``."""

    kind: Literal["hill"]
    """Kind of response."""
    ceiling: Annotated[float, Field(gt=0.0, le=1e12)]
    """Prospects per period that no spend exceeds."""
    half: Annotated[float, Field(gt=0.0, le=1e15)]
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

    spend: Spend = 0.0
    """Currency per period: a constant, a list of one amount a period (nothing after its end), or
    ``[{from, spend}, …]``. Absent: nothing is spent."""
    reach: Reach | None = None
    """Prospects reached for a spend."""
    organic: Annotated[float, Field(ge=0.0, le=1e12)] = 0.0
    """Prospects per period who come by themselves, whatever is spent; also before the start."""
    earlier_spend: Money | Amounts = ()
    """Spend before the start, currency per period: of the last periods before it, the latest last,
    or one amount for ever. It carries over, and its leads decide inside; it is spent already, and
    no cost of the plan. Absent: none."""
    steady: bool = False
    """Whether the spend of the first period has been the same for ever."""
    carry_over: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of a period's effective spend that carries over to the next (adstock, normalised)."""
    conversion: (
        Annotated[float, Field(ge=0.0, lt=1.0)]
        | dict[Name, Annotated[float, Field(ge=0.0, lt=1.0)]]
    )
    """Share of prospects that join at the list price: a number, or one a segment."""
    segments: dict[Name, Probability]
    """Shares of prospects by segment, adding up to 1."""
    offer: Name | None = None
    """Name of the offer made; absent: the scenario's, or the list price."""
    lead_time: Probabilities = ()
    """Shares of prospects that decide after 0, 1, 2, … periods, adding up to 1; empty: at once."""

    @model_validator(mode="after")
    def _is_reached(self) -> Self:
        spends = self.spend if isinstance(self.spend, tuple) else (self.spend,)
        is_spent = any((one.spend if isinstance(one, SpendStep) else one) > 0.0 for one in spends)
        earlier = self.earlier_spend
        before = any(earlier) if isinstance(earlier, tuple) else earlier > 0.0
        if self.reach is None and (is_spent or before or self.organic == 0.0):
            message = (
                "needs a reach (how many prospects its spend finds), like "
                'reach = { kind = "linear", cost_per_prospect = 40 }, or organic prospects'
            )
            raise ValueError(message)
        if self.steady and earlier != ():
            message = "says what was spent before the start twice: give steady or earlier_spend"
            raise ValueError(message)
        if before and not is_spent:
            message = (
                "has spend before the start and none after it: is the channel's spend missing?"
            )
            raise ValueError(message)
        return self

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
