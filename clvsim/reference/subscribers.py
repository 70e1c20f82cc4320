"""What a customer is worth to those who paid to win it: subscribers, guests, free months."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Subscriber:
    """A subscriber of "Virgin Mobile USA: Pricing for the Very First Time" (HBS 504-028).

    Attributes
    ----------
    margin : float
        Per year, at its end, M, currency.
    retention : float
        Probability of staying for another year, r, 1.
    interest : float
        Discount rate a year, i, 1.
    acquisition : float
        Cost of winning one, AC, currency.

    """

    margin: float
    retention: float
    interest: float
    acquisition: float

    def value(self) -> float:
        """Lifetime value, currency: ``M/(1 - r + i) - AC``."""
        return self.margin / (1.0 - self.retention + self.interest) - self.acquisition


@dataclass(frozen=True)
class Guest:
    """A guest of "Rosewood Hotels & Resorts: Branding to Increase Customer Profitability".

    HBS 2087. Spend and costs rise from year to year; a year's amounts fall at its end.

    Attributes
    ----------
    spend : float
        Per stay, of today's money, currency.
    margin : float
        Gross margin, share of it, 1.
    nights : float
        What a stay's spend is multiplied by: days of a stay, 1.
    visits : float
        Stays a year, v, 1.
    marketing, branding : float
        Cost of a guest a year, of today's money, and of the common brand besides, e, currency.
    retention : float
        Share of guests that comes back in the next year, r, 1.
    acquisition : float
        Cost of winning one, currency.
    years : int
        That are counted.
    discount, growth, inflation : float
        A year: of value, of spend, of costs, 1.

    """

    spend: float
    margin: float
    nights: float
    visits: float
    marketing: float
    branding: float
    retention: float
    acquisition: float
    years: int
    discount: float
    growth: float
    inflation: float

    def value(self) -> float:
        """Present value, currency: ``-A + Σ r^(t-1)/(1 + d)^t · net of year t``, t = 1..years."""
        earned = self.margin * self.spend * self.nights * self.visits
        paid = self.marketing + self.branding
        return -self.acquisition + math.fsum(
            self.retention ** (year - 1)
            / (1.0 + self.discount) ** year
            * (earned * (1.0 + self.growth) ** year - paid * (1.0 + self.inflation) ** year)
            for year in range(1, self.years + 1)
        )


def net_after_free_months(
    fee: float, free: int, service: float, spent: float, months: int
) -> float:
    """What is earned of a subscriber who stays for some months, the first ones free, currency.

    Undiscounted: ``fee·(months - free) - service·months - spent``.

    Parameters
    ----------
    fee, service : float
        Paid by the subscriber, and cost of serving one, a month, currency.
    free : int
        Months without a fee.
    spent : float
        On winning and installing one, currency.
    months : int
        That it stays, at least the free ones.
    """
    return fee * (months - free) - service * months - spent
