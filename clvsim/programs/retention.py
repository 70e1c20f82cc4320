"""Proactive retention: contacts of chosen customers, an incentive, and a changed hazard."""

from typing import Annotated, Literal

from pydantic import Field

from clvsim.calendar import Calendar
from clvsim.fields import Between, BetweenCounts, Money, Multiplier, Names, Periods, Probability
from clvsim.levers import ANY, History, Levers, Range, Target, Treatment
from clvsim.programs.base import Program, changes
from clvsim.wording import Words, amount, listed, percent, times


class Retention(Program):
    """A retention campaign: a share of customers, chosen by a rule, is contacted every so often.

    The ``share`` is that of those who are there then, whatever this and other programs have done to
    who stays. (Who has decided to leave, and only serves out a term, is contacted no more.)

    Where customers buy now and then, it may ask for what they have bought so far: ``recency``,
    ``frequency`` and ``value`` as they are when the contact's period begins, before its own
    purchases. In the period of joining nothing has been bought yet, and all three are 0. The
    ``share`` is that of all who are eligible by tenure; of those chosen, the others are left out.
    (A customer list of ``clvsim score`` counts repeat purchases only, and its recency begins with
    the first purchase: the words of the purchase models, not those of marketing.)

    The expected remaining ``value`` is that under the conditions that last: offers and onboarding
    over, the mean of the seasons. Where customers move between states, it is that of one in the
    state, and ``risk`` that of the worst state in the next period; the ``share`` is that of those
    eligible by tenure who are in one of the ``states``.
    """

    kind: Literal["retention"]
    """Kind of program."""
    target: Target = "random"
    """Chooses by expected remaining ``value``, churn ``risk``, ``lift``, or at ``random``."""
    share: Probability = 1.0
    """Top share of the eligible customers that is contacted each time."""
    every: Annotated[int, Field(ge=1, le=4096)] = 1
    """Periods from one contact to the next, counted from the first period of the program."""
    first_tenure: Periods = 0
    """Least tenure of those eligible, periods."""
    last_tenure: Periods | None = None
    """Greatest tenure of those eligible, periods; absent: any."""
    states: Names = ()
    """States (where customers move between them) in which they are contacted; empty: any."""
    recency: Between | None = None
    """Periods from the last purchase to the beginning of the contact's period, not rounded."""
    frequency: BetweenCounts | None = None
    """Purchases before the contact's period, the one on joining included."""
    value: Between | None = None
    """Mean amount of these purchases at the price list of the start (no discount), currency."""
    contact_cost: Money = 0.0
    """Cost per contact, currency."""
    acceptance: Probability = 1.0
    """Probability that one contacted accepts."""
    incentive: Money = 0.0
    """Cost of the incentive per acceptance, currency."""
    discount: Probability = 0.0
    """Share of the price let off while the effect lasts."""
    duration: Annotated[int, Field(ge=1, le=4096)] = 1
    """Periods of effect after acceptance."""
    hazard: Multiplier = 1.0
    """Hazard multiplier of those who accept."""
    rate: Multiplier = 1.0
    """Multiplier of the purchase rate of those who accept."""
    personal_lift: bool = False
    """Whether the hazard is also multiplied by 1 minus the customer's ``lift``."""
    spend: Multiplier = 1.0
    """Multiplier of the spend of those who accept."""

    def told(self, words: Words) -> list[str]:
        """What it does and costs, in plain clauses."""
        every = words.step if self.every == 1 else words.span(self.every)
        clauses = [f"every {every}, {self._who(words)} are contacted"]
        if self.acceptance < 1.0:
            clauses.append(f"{percent(self.acceptance)} of them accept")
        theirs = "those who accept" if self.acceptance < 1.0 else "those contacted"
        effects = [*changes(words, theirs, hazard=self.hazard, rate=self.rate)]
        if self.personal_lift:
            effects.append("each responds by a lift of its own")
        if self.spend != 1.0:
            effects.append(f"{theirs} spend {times(self.spend)}")
        if self.discount:
            effects.append(f"{theirs} pay {percent(self.discount)} less")
        clauses += [f"{effect}, for {words.span(self.duration)}" for effect in effects]
        if self.contact_cost:
            clauses.append(f"{words.money(self.contact_cost)} for each contact")
        if self.incentive:
            clauses.append(f"{words.money(self.incentive)} for each who accepts")
        return clauses

    def _who(self, words: Words) -> str:
        """Those who are contacted."""
        among = [f"in state {listed(self.states, 'or')}"] if self.states else []
        if self.first_tenure:
            among.append(f"at least {words.span(self.first_tenure)} after joining")
        if self.last_tenure is not None:
            among.append(f"at most {words.span(self.last_tenure)} after joining")
        for what, asked in (
            (f"{words.step}s since the last purchase", self.recency),
            ("purchases so far", self.frequency),
            (f"{words.currency} a purchase on average", self.value),
        ):
            if asked is not None:
                among.append(f"with {_between(asked)} {what}")
        whose = f" {listed(among)}" if among else ""
        if self.share == 1.0:
            return f"all customers{whose}"
        if self.target == "random":
            return f"{percent(self.share)} of customers{whose}, chosen at random,"
        ranked = {"value": "worth most", "risk": "likeliest to leave", "lift": "easiest to keep"}
        return f"the {percent(self.share)} of customers{whose} who are {ranked[self.target]}"

    def apply(self, name: str, levers: Levers, calendar: Calendar) -> None:
        """Write the levers of the program called ``name``."""
        where = self.where(calendar, self.first_tenure, self.last_tenure)
        own = self.open(name, levers, where)
        due = (levers.cohorts.period() - where.first) % self.every == 0
        own.personal = Treatment(
            contact=levers.where(where) & due,
            target=self.target,
            share=self.share,
            acceptance=self.acceptance,
            duration=self.duration,
            hazard=self.hazard,
            rate=self.rate,
            lift_weight=1.0 if self.personal_lift else 0.0,
            spend=self.spend,
            concession=self.discount,
            contact_cost=self.contact_cost,
            entry_cost=self.incentive,
            history=self._history(),
            states=self.states,
        )

    def _history(self) -> History | None:
        if self.recency is None and self.frequency is None and self.value is None:
            return None
        return History(_range(self.recency), _range(self.frequency), _range(self.value))


def _range(between: Between | BetweenCounts | None) -> Range:
    if between is None:
        return ANY
    least = ANY[0] if between.at_least is None else between.at_least
    return least, ANY[1] if between.at_most is None else between.at_most


def _between(asked: Between | BetweenCounts) -> str:
    """``at least 3``, ``3 to 5``."""
    least, most = asked.at_least, asked.at_most
    if least is not None and most is not None:
        return f"{amount(least)} to {amount(most)}"
    if least is not None:
        return f"at least {amount(least)}"
    return "any number of" if most is None else f"at most {amount(most)}"
