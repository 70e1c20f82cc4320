"""Nurture: leads are kept warm until they decide, so that more of them convert."""

import math
from typing import Annotated, Literal

from pydantic import Field

from clvsim.calendar import Calendar
from clvsim.fields import Money
from clvsim.levers import Levers
from clvsim.programs.base import Program
from clvsim.wording import Words, moved


class Nurture(Program):
    """Lead nurturing: a cost per lead, and better odds of conversion."""

    kind: Literal["nurture"]
    """Kind of program."""
    conversion_odds: Annotated[float, Field(gt=0.0, le=1000.0)]
    """Multiplier of the odds of conversion."""
    cost_per_lead: Money = 0.0
    """Cost per lead that comes to a decision, currency."""

    def told(self, words: Words) -> list[str]:
        """What it does and costs, in plain clauses."""
        clauses = [f"the odds that a lead joins {moved(self.conversion_odds)}"]
        if self.cost_per_lead:
            clauses.append(f"{words.money(self.cost_per_lead)} for each lead")
        return clauses

    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""
        where = self.where(calendar)
        own = self.open(name, levers, where)
        own.acquires = True
        joining = levers.joining(where)
        levers.conversion[joining] += math.log(self.conversion_odds)
        own.lead_cost[joining] += self.cost_per_lead
