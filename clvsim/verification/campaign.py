"""Neslin et al. 2006: the profit of a proactive churn campaign."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import xarray as xr

from clvsim.reference import ProactiveCampaign
from clvsim.scenario.model import Scenario
from clvsim.verification.estimate import Floats, column, estimate, mean, scaled, scenario, simulate
from clvsim.verification.verdict import Finding

_CITATION = "Neslin et al. 2006"
_TERMS = ProactiveCampaign(
    customers=100_000.0,
    contacted=0.1,
    base_churn=0.05,
    lift=4.0,
    rescued=0.3,
    value=500.0,
    incentive=10.0,
    contact_cost=0.5,
    fixed_cost=10_000.0,
)
_WORLDS = 300
#: Customers simulated for each of the firm's: only leavers differ in what happens to them, so that
#: a stratified sample of many leavers and few stayers says most.
_SAMPLED = {"leavers": 12.0, "stayers": 0.1}


def examine(scale: float) -> Iterator[Finding]:
    """Profit: the difference that the campaign makes to the same customers, and its fixed cost."""
    variants = {"baseline": sample(), "campaign": sample(campaign=True)}
    result = simulate(variants, scaled(_WORLDS, scale))
    gain = {
        name: _per_customer(result, "campaign", name) - _per_customer(result, "baseline", name)
        for name in _SAMPLED
    }
    fixed = column(result, "present_value", scenario="campaign", account="program_costs")
    contacted = _contacted()
    profit = sum((contacted[name] * gain[name] for name in _SAMPLED), start=fixed)
    yield Finding(
        _CITATION,
        "profit of the campaign",
        _TERMS.profit(),
        recomputed="199000",
        estimate=mean(profit),
    )
    yield Finding(
        _CITATION,
        "lift at which the campaign breaks even",
        _TERMS.break_even_lift(),
        recomputed="1.464968",
        estimate=estimate(_break_even, gain["leavers"], gain["stayers"]),
    )
    break_even = replace(_TERMS, lift=_TERMS.break_even_lift())
    yield Finding(_CITATION, "profit at that lift", break_even.profit(), recomputed="0.000000")


def _break_even(per_leaver: Floats, per_stayer: Floats) -> Floats:
    """Lift at which leavers gain what contacting stayers and the fixed cost take."""
    fixed = _TERMS.fixed_cost / (_TERMS.customers * _TERMS.contacted)
    return (fixed - per_stayer) / (per_leaver - per_stayer) / _TERMS.base_churn


def _per_customer(result: xr.Dataset, variant: str, segment: str) -> Floats:
    """Mean value of a segment's customers in each world, currency."""
    where = {"scenario": variant, "segment": segment}
    return column(result, "value", **where) / column(result, "customers", **where)


def _contacted() -> dict[str, float]:
    """Customers of the firm that are contacted: those that would leave, and the others."""
    contacted = _TERMS.customers * _TERMS.contacted
    leavers = contacted * _TERMS.base_churn * _TERMS.lift
    return {"leavers": leavers, "stayers": contacted - leavers}


def sample(*, campaign: bool = False) -> Scenario:
    """A sample of the customers contacted, with or without the campaign.

    A saved customer pays its value once, at the start of the second period.
    """
    contact: dict[str, Any] = {
        "kind": "retention",
        "last": 0,
        "contact_cost": _TERMS.contact_cost,
        "incentive": _TERMS.incentive,
        "hazard": 0.0,
    }
    programs = {
        "for leavers": {
            **contact,
            "segments": ["leavers"],
            "acceptance": _TERMS.rescued,
            "fixed_cost": _TERMS.fixed_cost,
        },
        "for stayers": {**contact, "segments": ["stayers"]},
    }
    return scenario(
        time={"periods": 2},
        money={"discount_rate": 0.0, "timing": "start"},
        segments={
            "leavers": {"churn": 1.0, "spend": _TERMS.value},
            "stayers": {"churn": 0.0, "spend": _TERMS.value},
        },
        cohorts={
            name: {"segment": name, "customers": round(_SAMPLED[name] * customers)}
            for name, customers in _contacted().items()
        },
        programs=programs if campaign else {},
    )
