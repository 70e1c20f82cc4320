"""Loyalty: members get a benefit and stay longer, at a cost per member."""

from typing import Literal

import numpy as np

from clvsim.calendar import Calendar
from clvsim.fields import Money, Multiplier, Periods, Probability
from clvsim.levers import Levers, Membership
from clvsim.programs.base import Program, changes
from clvsim.wording import Words, percent


class Loyalty(Program):
    """A loyalty program: a share of customers enrols at a tenure and keeps the membership."""

    kind: Literal["loyalty"]
    """Kind of program."""
    member_share: Probability = 1.0
    """Share of customers that enrols."""
    at_tenure: Periods = 0
    """Periods since joining at which one may enrol (later where the program starts later)."""
    hazard: Multiplier = 1.0
    """Hazard multiplier of members."""
    rate: Multiplier = 1.0
    """Multiplier of the purchase rate of members."""
    benefit: Probability = 0.0
    """Share of the price let off for members."""
    cost_per_member: Money = 0.0
    """Cost per member and period, currency."""
    enrolment_cost: Money = 0.0
    """Cost per enrolment, currency."""

    def told(self, words: Words) -> list[str]:
        """What it does and costs, in plain clauses."""
        when = f"{words.span(self.at_tenure)} after joining" if self.at_tenure else "on joining"
        clauses = [
            f"{percent(self.member_share)} of customers become members, {when}",
            *changes(words, "members", hazard=self.hazard, rate=self.rate),
        ]
        if self.benefit:
            clauses.append(f"members pay {percent(self.benefit)} less")
        if self.cost_per_member:
            clauses.append(f"{words.each(self.cost_per_member)} for each member")
        if self.enrolment_cost:
            clauses.append(f"{words.money(self.enrolment_cost)} for each enrolment")
        return clauses

    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""
        where = self.where(calendar, first_tenure=self.at_tenure)
        own = self.open(name, levers, where)
        on = levers.where(where)
        first_step = on & (np.cumsum(on, axis=1) == 1)
        own.personal = Membership(
            adoption=first_step * self.member_share,
            on=on,
            hazard=self.hazard,
            rate=self.rate,
            concession=self.benefit,
            cost=self.cost_per_member,
            entry_cost=self.enrolment_cost,
        )
