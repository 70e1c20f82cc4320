"""Blattberg & Deighton 1996: how much to spend on acquisition and on retention."""

from collections.abc import Iterator

from clvsim.reference import BlattbergDeighton, EquityOptimum
from clvsim.scenario.model import Scenario
from clvsim.verification.estimate import column, mean, ratio, scaled, scenario, simulate
from clvsim.verification.verdict import Finding

_CITATION = "Blattberg & Deighton 1996"
_TERMS = BlattbergDeighton(
    acquisition_ceiling=0.4,
    acquisition_slope=0.1,
    retention_ceiling=0.7,
    retention_slope=0.05,
    margin=100.0,
    discount=0.2,
)
_PROSPECTS, _WORLDS = 50_000, 300
#: Of those that the channel reaches; the ceiling of its reach makes up for it.
_CONVERSION = 0.5
#: Years: survival beyond is below 1e-10.
_HORIZON = 40
_FOR_EVER = 4096


def examine(scale: float) -> Iterator[Finding]:
    """The best spending, and what a simulated firm earns with it."""
    best = _TERMS.optimum()
    yield Finding(
        _CITATION, "best acquisition spend per prospect", best.acquisition, recomputed="17.027823"
    )
    yield Finding(
        # 31.38501754…, rounded; a list that cuts digits off has 31.385017.
        _CITATION,
        "best retention spend per customer",
        best.retention,
        recomputed="31.385018",
    )
    result = simulate({"baseline": firm(best)}, scaled(_WORLDS, scale))
    yield Finding(
        _CITATION,
        "customer equity per prospect",
        best.equity,
        recomputed="27.864163",
        estimate=mean(column(result, "npv") / _PROSPECTS),
    )
    yield Finding(
        _CITATION,
        "share of prospects acquired",
        _TERMS.acquired(best.acquisition),
        estimate=mean(column(result, "customers") / _PROSPECTS),
    )
    yield Finding(
        _CITATION,
        "value of an acquired customer",
        _TERMS.customer_value(best.retention),
        estimate=ratio(column(result, "value"), column(result, "customers")),
    )


def firm(spending: EquityOptimum) -> Scenario:
    """One campaign in a saturating channel; the retention spend is paid at each year's end."""
    return scenario(
        time={"step": "year", "periods": _HORIZON},
        money={"discount_rate": _TERMS.discount, "timing": "start"},
        segments={
            "all": {"churn": 1.0 - _TERMS.retained(spending.retention), "spend": _TERMS.margin}
        },
        channels={
            "campaign": {
                "spend": [spending.acquisition * _PROSPECTS],
                "reach": {
                    "kind": "saturating",
                    "ceiling": _TERMS.acquisition_ceiling * _PROSPECTS / _CONVERSION,
                    "rate": _TERMS.acquisition_slope / _PROSPECTS,
                },
                "conversion": _CONVERSION,
                "segments": {"all": 1.0},
            }
        },
        programs={
            "care": {
                "kind": "onboarding",
                "tenures": _FOR_EVER,
                "cost_per_customer": spending.retention,
                "timing": "end",
            }
        },
    )
