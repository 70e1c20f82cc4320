"""Add-on selling: customers adopt an add-on, pay for it, and leave less."""

from typing import Literal

import numpy as np

from clvsim.calendar import Calendar
from clvsim.fields import Money, Multiplier, Periods, Probability
from clvsim.levers import Levers, Membership
from clvsim.programs.base import Program, changes
from clvsim.wording import Words, percent


class AddOn(Program):
    """An add-on (cross-sell or up-sell) adopted at a constant rate and kept."""

    kind: Literal["add_on"]
    """Kind of program."""
    adoption: Probability
    """Probability of adopting in a period, for those who have not yet."""
    from_tenure: Periods = 0
    """Tenure from which it is offered, periods."""
    price: Money = 0.0
    """Revenue per adopter and period, currency."""
    cost: Money = 0.0
    """Cost of the add-on per adopter and period, currency."""
    hazard: Multiplier = 1.0
    """Hazard multiplier of adopters."""
    rate: Multiplier = 1.0
    """Multiplier of the purchase rate of adopters."""
    adoption_cost: Money = 0.0
    """Cost per adoption (sale, installation), currency."""

    def told(self, words: Words) -> list[str]:
        """What it does and costs, in plain clauses."""
        since = f", from {words.span(self.from_tenure)} after joining" if self.from_tenure else ""
        taken = f"{percent(self.adoption)} of those without it take each {words.step}{since}"
        clauses = [
            f"an add-on that {taken}, for {words.each(self.price)}",
            *changes(words, "who have it", hazard=self.hazard, rate=self.rate),
        ]
        if self.cost:
            clauses.append(f"it costs {words.money(self.cost)} a {words.step} to provide")
        if self.adoption_cost:
            clauses.append(f"{words.money(self.adoption_cost)} for each sale")
        return clauses

    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""
        where = self.where(calendar, first_tenure=self.from_tenure)
        own = self.open(name, levers, where)
        offered = levers.where(where)
        own.personal = Membership(
            adoption=np.where(offered, self.adoption, 0.0),
            # An adopter keeps the add-on when selling stops.
            on=levers.cohorts.period() >= where.first,
            hazard=self.hazard,
            rate=self.rate,
            revenue=self.price,
            cost=self.cost,
            entry_cost=self.adoption_cost,
        )
