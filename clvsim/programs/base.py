"""What every program shares: whom it concerns, when it runs, what it costs to have.

A program is a configuration class with one method, ``apply``, that writes levers; ``told`` says it
in plain words. To add one: a file beside this one, and its class in
``clvsim/programs/__init__.py``; no kernel, engine or report changes.
"""

from abc import abstractmethod
from collections.abc import Iterator

from clvsim.calendar import Calendar
from clvsim.fields import Money, Names, Period, Section, Timing
from clvsim.levers import Levers, ProgramLevers, Where
from clvsim.wording import Words, amount, plain, times


class Program(Section):
    """Fields of every program."""

    enabled: bool = True
    """Whether the program runs."""
    segments: Names = ()
    """Segments that it concerns; empty: all."""
    sources: Names = ()
    """Channels, cohorts and installed bases that it concerns; empty: all."""
    first: Period = 0
    """First period (number or date)."""
    last: Period | None = None
    """Last period, included (number or date); absent: it goes on to the horizon's end and, where
    there is a residual value, beyond (no treatment is given there, and nobody new enters)."""
    fixed_cost: Money = 0.0
    """Cost per period while it runs, inside the horizon, currency."""
    timing: Timing | None = None
    """When in a period its costs fall; absent: as the scenario's receipts."""

    def where(
        self, calendar: Calendar, first_tenure: int = 0, last_tenure: int | None = None
    ) -> Where:
        """What the program acts on, periods resolved."""
        return Where(
            segments=self.segments,
            sources=self.sources,
            first=calendar.period(self.first),
            last=None if self.last is None else calendar.period(self.last),
            first_tenure=first_tenure,
            last_tenure=last_tenure,
        )

    def open(self, name: str, levers: Levers, where: Where) -> ProgramLevers:
        """The program's own levers, with its fixed cost and timing written."""
        own = levers.program(name)
        own.timing = self.timing
        end = levers.cohorts.periods if where.last is None else where.last + 1
        own.fixed_cost[where.first : end] += self.fixed_cost
        own.concerns |= levers.joining(where)
        return own

    def settles(self) -> int:
        """Tenure from which on it treats a customer no differently, periods."""
        return 0

    def told(self, words: Words) -> list[str]:  # noqa: ARG002 - the words of money and time
        """What it does and costs, in plain clauses: unless it has its own, its settings by name."""
        own = [
            (field.alias or name, getattr(self, name))
            for name, field in type(self).model_fields.items()
            if name not in Program.model_fields and name != "kind"
        ]
        return [
            f"{key.replace('_', ' ')} {amount(value) if isinstance(value, float) else value}"
            for key, value in own
            if isinstance(value, (str, int, float)) and not isinstance(value, bool)
        ]

    @abstractmethod
    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""


def changes(words: Words, whose: str, *, hazard: float, rate: float = 1.0) -> Iterator[str]:
    """What a program makes of leaving and of buying, in plain clauses."""
    if hazard == 0.0:
        yield f"{whose} never leave"
    elif hazard != 1.0:
        yield f"{whose} leave {times(hazard)}{_example(words, hazard)}"
    if rate != 1.0:
        yield f"{whose} buy {times(rate)}"


def _example(words: Words, hazard: float) -> str:
    """An example of a hazard: what becomes of a churn of 5 per cent."""
    return f" (5 of 100 a {words.step} become {plain(100.0 - 100.0 * 0.95**hazard)})"
