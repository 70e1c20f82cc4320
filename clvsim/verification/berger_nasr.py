"""Berger & Nasr 1998, case 1: constant margin, constant retention, a promotion in mid-period."""

from collections.abc import Iterator

import numpy as np

from clvsim.reference import BergerNasr
from clvsim.scenario.model import Scenario
from clvsim.verification.estimate import (
    Floats,
    column,
    estimate,
    ratio,
    scaled,
    scenario,
    simulate,
)
from clvsim.verification.verdict import Finding

_CITATION = "Berger & Nasr 1998, case 1"
_RENEWALS = 10
_CUSTOMERS, _WORLDS = 10_000, 120
_FOR_EVER = 4096


def examine(scale: float) -> Iterator[Finding]:
    """Mean and standard deviation of customer value with a horizon, and the mean without."""
    closed, endless = _closed_form(_RENEWALS), _closed_form(None)
    worlds = scaled(_WORLDS, scale)
    result = simulate({"baseline": case_1(_RENEWALS, residual="none")}, worlds)
    totals = [column(result, name) for name in ("value", "value_square", "customers")]
    yield Finding(
        _CITATION,
        "mean value of a customer, 10 renewals",
        closed.value(),
        published="568.78",
        recomputed="568.783067",
        estimate=ratio(totals[0], totals[2]),
    )
    yield Finding(
        _CITATION,
        "standard deviation of value over customers",
        closed.standard_deviation(),
        recomputed="292.229",
        estimate=estimate(_standard_deviation, *totals),
    )
    # The promotion never ends, and what lies beyond the horizon is the expected residual.
    result = simulate({"baseline": case_1(_FOR_EVER, residual="expected")}, worlds)
    yield Finding(
        _CITATION,
        "mean value of a customer, no horizon",
        endless.value(),
        recomputed="571.617209",
        estimate=ratio(column(result, "value"), column(result, "customers")),
    )


def case_1(promotions: int, residual: str) -> Scenario:
    """The case as a scenario: one cohort, and the promotion as a cost per customer."""
    terms = _closed_form(None)
    return scenario(
        time={"step": "year", "periods": _RENEWALS + 1},
        money={"discount_rate": terms.discount, "timing": "start", "residual": residual},
        segments={"all": {"churn": 1.0 - terms.retention, "spend": terms.margin}},
        cohorts={"cohort": {"segment": "all", "customers": _CUSTOMERS}},
        programs={
            "promotion": {
                "kind": "onboarding",
                "tenures": promotions,
                "cost_per_customer": terms.promotion,
                "timing": "mid",
            }
        },
    )


def _closed_form(renewals: int | None) -> BergerNasr:
    return BergerNasr(margin=260.0, promotion=50.0, retention=0.75, discount=0.2, renewals=renewals)


def _standard_deviation(value: Floats, square: Floats, customers: Floats) -> Floats:
    average = value / customers
    return np.asarray(np.sqrt(square / customers - average**2))
