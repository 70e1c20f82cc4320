"""Price change: a new list price from a period on; a rise makes some customers leave."""

from typing import Annotated, Literal

from pydantic import Field

from clvsim.calendar import Calendar
from clvsim.fields import Multiplier
from clvsim.levers import Levers
from clvsim.programs.base import Program, changes
from clvsim.wording import Words, moved


class PriceChange(Program):
    """A change of the price list for the customers that it concerns."""

    kind: Literal["price_change"]
    """Kind of program."""
    change: Annotated[float, Field(ge=-1.0, le=100.0)]
    """Relative change of the price: 0.05 is five per cent more."""
    rate: Multiplier = 1.0
    """Multiplier of the purchase rate at the new price."""

    def told(self, words: Words) -> list[str]:
        """What it does, in plain clauses."""
        prices = f"prices {moved(1.0 + self.change)}"
        return [prices, *changes(words, "customers", hazard=1.0, rate=self.rate)]

    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""
        where = self.where(calendar)
        self.open(name, levers, where)
        on = levers.where(where)
        levers.price[on] *= 1.0 + self.change
        levers.rate[on] *= self.rate
