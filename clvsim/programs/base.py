"""What every program shares: whom it concerns, when it runs, what it costs to have.

A program is a configuration class with one method, ``apply``, that writes levers. To add one: a
file beside this one, and its class in ``clvsim/programs/__init__.py``; no kernel, engine or
report changes.
"""

from abc import abstractmethod

from clvsim.calendar import Calendar
from clvsim.fields import Money, Names, Period, Section, Timing
from clvsim.levers import Levers, ProgramLevers, Where


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

    @abstractmethod
    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""
