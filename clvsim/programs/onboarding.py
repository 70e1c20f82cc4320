"""Onboarding: care in the first periods of a customer's life lowers the hazard there."""

from typing import Annotated, Literal

from pydantic import Field

from clvsim.calendar import Calendar
from clvsim.fields import Money, Multiplier
from clvsim.levers import Levers
from clvsim.programs.base import Program, changes
from clvsim.wording import Words


class Onboarding(Program):
    """An onboarding program for customers in their first periods."""

    kind: Literal["onboarding"]
    """Kind of program."""
    tenures: Annotated[int, Field(ge=1, le=4096)]
    """Number of periods since joining that it lasts."""
    hazard: Multiplier = 1.0
    """Hazard multiplier during onboarding."""
    rate: Multiplier = 1.0
    """Multiplier of the purchase rate of customers during onboarding."""
    cost_per_customer: Money = 0.0
    """Cost per customer and period of onboarding, currency."""

    def settles(self) -> int:
        """Tenure from which on it treats a customer no differently, periods."""
        return self.tenures

    def told(self, words: Words) -> list[str]:
        """What it does and costs, in plain clauses."""
        clauses = [
            f"care for {words.span(self.tenures)} after joining",
            *changes(words, "in that time customers", hazard=self.hazard, rate=self.rate),
        ]
        if self.cost_per_customer:
            whole = words.money(self.cost_per_customer * self.tenures)
            clauses.append(
                f"{words.money(self.cost_per_customer)} a {words.step} for each customer, {whole} "
                "for one who stays to its end"
            )
        return clauses

    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""
        where = self.where(calendar, last_tenure=self.tenures - 1)
        own = self.open(name, levers, where)
        on = levers.where(where)
        levers.hazard[on] *= self.hazard
        levers.rate[on] *= self.rate
        own.active_cost[on] += self.cost_per_customer
