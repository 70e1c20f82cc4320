"""Brand campaign: more of the prospects that channels reach convert while it runs."""

import math
from typing import Annotated, Literal

from pydantic import Field

from clvsim.calendar import Calendar
from clvsim.levers import Levers
from clvsim.programs.base import Program
from clvsim.wording import Words, moved


class BrandCampaign(Program):
    """A campaign that multiplies prospects' odds of conversion; its cost counts as acquisition."""

    kind: Literal["brand_campaign"]
    """Kind of program."""
    conversion_odds: Annotated[float, Field(gt=0.0, le=1000.0)]
    """Multiplier of the odds of conversion."""

    def told(self, words: Words) -> list[str]:  # noqa: ARG002 - has neither money nor time
        """What it does, in plain clauses."""
        return [f"the odds that a prospect joins {moved(self.conversion_odds)}"]

    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""
        where = self.where(calendar)
        self.open(name, levers, where).acquires = True
        levers.conversion[levers.joining(where)] += math.log(self.conversion_odds)
