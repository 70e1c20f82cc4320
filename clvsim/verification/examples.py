"""Worked examples of the field, and how customer value answers to its drivers."""

from collections.abc import Iterator
from typing import Any

from clvsim.reference import constant_churn_value, fixed_life_value, mean_life
from clvsim.scenario.model import Scenario
from clvsim.verification.estimate import (
    column,
    estimate,
    mean,
    ratio,
    scaled,
    scenario,
    simulate,
)
from clvsim.verification.verdict import Finding

_EXAMPLE = "Worked example"
_GUPTA = "Gupta, Lehmann & Stuart 2004"
_WORLDS, _CUSTOMERS = 100, 32_768
#: Years: a life of retention 0.95 outlasts them once in 1e13.
_LIFETIMES = 600
#: A firm of the kind that they study: retention, discount rate, margin, and acquisition cost as a
#: share of customer value before it.
_RETENTION, _DISCOUNT, _MARGIN, _COST_SHARE = 0.9, 0.1, 100.0, 0.09
_CHANGE = 0.01
#: Years: a life of retention 0.909 outlasts them once in 1e8, discounted by as much again.
_HORIZON = 200


def examine_amounts(scale: float) -> Iterator[Finding]:
    """Customers who pay the same amount a known, or an average, number of times."""
    for what, amount, payments, published in (
        ("a widget at 25 bought 3 times", 25.0, 3, "75"),
        ("a yoga studio at 25 a month kept 15 months", 25.0, 15, "375"),
    ):
        result = simulate({"baseline": _committed(amount, payments)}, scaled(0, scale))
        yield Finding(
            _EXAMPLE,
            what,
            fixed_life_value(amount, payments),
            published=published,
            estimate=ratio(column(result, "value"), column(result, "customers")),
        )
    average = _endless(1.0 - 1.0 / 15.0, 25.0)
    result = simulate({"baseline": average}, scaled(_WORLDS, scale))
    yield Finding(
        _EXAMPLE,
        "a yoga studio at 25 a month kept 15 months on average",
        25.0 * mean_life(1.0 - 1.0 / 15.0),
        published="375",
        estimate=mean(column(result, "clv")),
    )


def examine_lives(scale: float) -> Iterator[Finding]:
    """Mean life at a retention of 90 and 95 per cent a year."""
    rates = {"baseline": 0.9, "better": 0.95}
    firms = {name: _endless(rate, 1.0) for name, rate in rates.items()}
    result = simulate(firms, scaled(_WORLDS, scale))
    lives = {name: column(result, "clv", scenario=name) for name in rates}
    for name, published in (("baseline", "10"), ("better", "20")):
        yield Finding(
            _EXAMPLE,
            f"mean life at a retention of {rates[name]:.0%}, years",
            mean_life(rates[name]),
            published=published,
            estimate=mean(lives[name]),
        )
    yield Finding(
        _EXAMPLE,
        "mean life at 95 % over that at 90 %",
        mean_life(0.95) / mean_life(0.9),
        published="2",
        estimate=ratio(lives["better"], lives["baseline"]),
    )


def _committed(amount: float, payments: int) -> Scenario:
    """Customers who would leave at once, held by a contract of a known number of payments."""
    return scenario(
        time={"periods": payments + 1},
        money={"discount_rate": 0.0},
        segments={"all": {"churn": 1.0, "spend": amount}},
        offers={"contract": {"term": payments}},
        cohorts={"cohort": {"segment": "all", "customers": 100, "offer": "contract"}},
    )


def _endless(retention: float, amount: float) -> Scenario:
    """Customers at a constant retention until the last of them has left, undiscounted."""
    return scenario(
        time={"step": "year", "periods": _LIFETIMES},
        money={"discount_rate": 0.0},
        segments={"all": {"churn": 1.0 - retention, "spend": amount}},
        cohorts={"cohort": {"segment": "all", "customers": _CUSTOMERS}},
    )


def examine_elasticities(scale: float) -> Iterator[Finding]:
    """Gain in customer value from a driver that is one per cent better."""
    better = {
        "retention": {"retention": _RETENTION * (1.0 + _CHANGE)},
        "margin": {"margin": _MARGIN * (1.0 + _CHANGE)},
        "acquisition cost": {"cost": _cost() * (1.0 - _CHANGE)},
    }
    firms = {"baseline": _firm()} | {name: _firm(**change) for name, change in better.items()}
    result = simulate(firms, scaled(_WORLDS, scale))
    before = column(result, "clv", scenario="baseline")
    for name, published in (("retention", "5"), ("margin", "1"), ("acquisition cost", "0.1")):
        yield Finding(
            _GUPTA,
            f"gain in value from 1 % better {name}, % (about)",
            _gain(_value(**better[name]), _value()),
            published=published,
            estimate=estimate(_gain, column(result, "clv", scenario=name), before),
        )


def _gain(after: Any, before: Any) -> Any:
    """Relative gain, per cent."""
    return 100.0 * (after / before - 1.0)


def _cost() -> float:
    """Acquisition cost of a customer."""
    return _COST_SHARE * constant_churn_value(_MARGIN, _RETENTION, _DISCOUNT)


def _value(
    retention: float = _RETENTION, margin: float = _MARGIN, cost: float | None = None
) -> float:
    """Customer value after acquisition cost, closed form."""
    before = constant_churn_value(margin, retention, _DISCOUNT)
    return before - (_cost() if cost is None else cost)


def _firm(
    retention: float = _RETENTION, margin: float = _MARGIN, cost: float | None = None
) -> Scenario:
    """The same as a scenario."""
    return scenario(
        time={"step": "year", "periods": _HORIZON},
        money={"discount_rate": _DISCOUNT, "timing": "start"},
        segments={"all": {"churn": 1.0 - retention, "spend": margin}},
        cohorts={
            "cohort": {
                "segment": "all",
                "customers": _CUSTOMERS,
                "cost_per_customer": _cost() if cost is None else cost,
            }
        },
    )
