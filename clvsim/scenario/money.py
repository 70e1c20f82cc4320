"""Rules of money: currency, discounting, fixed costs and what lies beyond the horizon."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from clvsim.fields import Amounts, Money, Section, Timing, Unit

LEAST_RATE = 1e-6
"""Least annual discount rate at which a residual value beyond the horizon is a fair figure."""


class MoneyRules(Section):
    """Currency, discounting and what lies beyond the horizon."""

    currency: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Z]{3}$"),
        Unit("a currency by its three capital letters", '"EUR"'),
    ] = "USD"
    """ISO 4217 code."""
    discount_rate: Annotated[
        float, Field(ge=0.0, le=10.0), Unit("a share a year: 0.10 is 10 %", "0.10")
    ] = 0.1
    """Effective annual rate: 0.1 is ten per cent a year."""
    timing: Timing = "mid"
    """When in a period receipts and running costs fall."""
    residual: Literal["none", "expected"] = "none"
    """Beyond the horizon: nothing, or the expected margin of each customer still there, given its
    own traits: offers, contract terms, onboarding and the effects of treatments end as agreed,
    hazards go by tenure and season, programs without a last period and their members stay. Nobody
    joins there, nobody is treated anew, common shocks are over, and fixed costs (of the business
    or a program) are not counted, unless ``fixed_costs_beyond`` says so: they are no customer's."""
    fixed_costs: Money | Annotated[Amounts, Field(min_length=1)] = 0.0
    """Fixed costs of the business, currency per period: a constant, or a list of one amount a
    period (none after its end)."""
    fixed_costs_beyond: bool = False
    """Whether the fixed costs of the last period (of the business, and of the programs without a
    last period) go on beyond the horizon for ever, discounted; needs residual = "expected"."""

    @field_validator("fixed_costs_beyond")
    @classmethod
    def _needs_a_residual(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("residual") == "none":
            message = (
                'needs residual = "expected": costs for ever would be set against customers who '
                "end with the horizon"
            )
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _residual_needs_discounting(self) -> Self:
        if self.residual == "expected" and self.discount_rate < LEAST_RATE:
            message = (
                f"an expected residual value needs a discount_rate of at least {LEAST_RATE:.6f}: "
                "without discounting, customers who never leave would be worth infinitely much"
            )
            raise ValueError(message)
        return self
