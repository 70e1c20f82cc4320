"""Field types that scenario sections and programs share: ranges, units, periods."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
)


class Section(BaseModel):
    """A frozen table of a scenario file: unknown keys are faults, numbers are finite."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


@dataclass(frozen=True)
class Unit:
    """What a value is counted in, and an example of it as it is written in a file."""

    text: str
    example: str


Step = Literal["week", "month", "quarter", "year"]
Timing = Literal["start", "mid", "end"]
#: A probability or a share: a number from 0 to 1.
Probability = Annotated[float, Field(ge=0.0, le=1.0), Unit("a share: 0.25 is 25 %", "0.25")]
#: An amount in the scenario's currency, never negative.
Money = Annotated[
    float, Field(ge=0.0, le=1e15), Unit("an amount in the currency of [money]", "20.0")
]
#: A factor: 1 changes nothing.
Multiplier = Annotated[
    float,
    Field(ge=0.0, le=1e6),
    Unit("a factor: 1 changes nothing, 0.8 is 20 % less, 1.2 is 20 % more", "0.8"),
]
#: A number of customers.
Count = Annotated[int, Field(ge=0, le=4_000_000_000), Unit("a number of customers", "1_000")]
#: A number of periods.
Periods = Annotated[
    int, Field(ge=0, le=4096), Unit("a number of periods: months, where time.step is month", "3")
]


def _is_legible(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        message = "a name must be printable and neither begin nor end with a space"
        raise ValueError(message)
    return value


class Between(Section):
    """The numbers between two, both included."""

    at_least: Annotated[float, Field(ge=0.0, le=1e15)] | None = None
    """The least; absent: any."""
    at_most: Annotated[float, Field(ge=0.0, le=1e15)] | None = None
    """The greatest; absent: any."""


class BetweenCounts(Section):
    """The whole numbers between two, both included."""

    at_least: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """The least; absent: any."""
    at_most: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """The greatest; absent: any."""


#: What the user calls a segment, channel, offer, program, cohort, installed base.
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80),
    AfterValidator(_is_legible),
    Unit("a name of your own", '"a_name"'),
]

_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?")


def as_text(value: Any) -> Any:
    """A date of TOML, written without quotes, as the text that it is with quotes."""
    return value.isoformat() if type(value) is dt.date else value


def _date_or_number(value: int | str) -> int | str:
    if isinstance(value, str) and not _DATE.fullmatch(value):
        message = f"must be a period number or a date like '2026-03' or '2026-03-15', not {value!r}"
        raise ValueError(message)
    if isinstance(value, str):
        try:
            dt.date.fromisoformat(value if len(value) > len("2026-03") else f"{value}-01")
        except ValueError:
            message = f"there is no such day as {value}"
            raise ValueError(message) from None
    if isinstance(value, int) and not 0 <= value <= 4096:
        message = f"must be a period number from 0 to 4096, not {value}"
        raise ValueError(message)
    return value


#: A period of the horizon: its number (from 0), or a date (``"2026-03"``, ``"2026-03-15"``).
Period = Annotated[
    int | str,
    BeforeValidator(as_text),
    AfterValidator(_date_or_number),
    Unit("a period: its number, from 0, or a date in it", '"2026-03"'),
]


Numbers = Annotated[tuple[Annotated[float, Strict()], ...], Strict(strict=False)]
Probabilities = Annotated[tuple[Annotated[Probability, Strict()], ...], Strict(strict=False)]
Amounts = Annotated[tuple[Annotated[Money, Strict()], ...], Strict(strict=False)]
Names = Annotated[tuple[Annotated[Name, Strict()], ...], Strict(strict=False)]
Multipliers = Annotated[tuple[Annotated[Multiplier, Strict()], ...], Strict(strict=False)]
