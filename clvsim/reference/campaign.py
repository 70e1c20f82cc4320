"""Profit of a campaign that contacts customers before they leave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProactiveCampaign:
    """Profit of a proactive churn campaign, Neslin et al. (2006).

    Attributes
    ----------
    customers : float
        Customers of the firm, N.
    contacted : float
        Share of them that is contacted, α, 1.
    base_churn : float
        Share of all customers that would leave, β₀, 1.
    lift : float
        Churn among the contacted over ``base_churn``, λ, 1.
    rescued : float
        Share of the contacted would-be leavers that the incentive keeps, γ, 1.
    value : float
        Value of a kept customer, V, currency.
    incentive : float
        Cost of the incentive for one who takes it, Δ, currency.
    contact_cost : float
        Cost per contact, c, currency.
    fixed_cost : float
        Cost of the campaign, A, currency.

    """

    customers: float
    contacted: float
    base_churn: float
    lift: float
    rescued: float
    value: float
    incentive: float
    contact_cost: float
    fixed_cost: float

    def profit(self) -> float:
        """Profit, currency: ``Nα{[γV + Δ(1 - γ)]β₀λ - Δ - c} - A``."""
        per_contact = self._per_leaver() * self.base_churn * self.lift
        per_contact -= self.incentive + self.contact_cost
        return self.customers * self.contacted * per_contact - self.fixed_cost

    def break_even_lift(self) -> float:
        """Lift at which the profit is nil, 1."""
        fixed = self.fixed_cost / (self.customers * self.contacted)
        cost = self.incentive + self.contact_cost + fixed
        return cost / (self._per_leaver() * self.base_churn)

    def _per_leaver(self) -> float:
        """Gain per would-be leaver contacted, currency: the lost refuse the incentive."""
        return self.rescued * self.value + self.incentive * (1.0 - self.rescued)
