"""Gamma-Gamma: simulated amounts of purchases, and what a history says of a customer's mean."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clvsim.engine.compile import compile_scenario
from clvsim.engine.rows import customer_rows
from clvsim.reference import GammaGamma
from clvsim.verification.estimate import SEED, Floats, estimate, mean, ratio, scaled, scenario
from clvsim.verification.verdict import Finding

_CITATION = "Fader & Hardie 2013, Gamma-Gamma"
#: CDNOW's, as printed. With q below 4 an amount has no fourth moment, so that a simulated variance
#: has no error: the variance of its log stands in, which answers to both shapes.
_CDNOW = GammaGamma(6.25, 3.74, 15.44)
#: The same with a tail thin enough for variances.
_THIN = GammaGamma(6.25, 16.0, 75.0)
_WORLDS, _THIN_WORLDS, _CUSTOMERS = 60, 160, 65_536
#: Purchases, and bounds of their mean: below, at and above what most customers spend.
_HISTORIES = ((1, 10.0, 20.0), (2, 20.0, 25.0), (2, 60.0, 120.0), (5, 35.0, 50.0))


@dataclass(frozen=True)
class _Customers:
    """Customers of one world.

    Attributes
    ----------
    means : (customer,)
        The mean that a customer's purchases vary about, currency.
    observed : (customer,)
        Mean of its purchases, currency.
    """

    means: Floats
    observed: Floats


def examine(scale: float) -> Iterator[Finding]:
    """Mean and variances of amounts, and the mean of customers of known history."""
    once = [_moments(one.observed) for one in _worlds(_CDNOW, 1, scaled(_WORLDS, scale))]
    amounts, logs, squares = np.array(once).T
    yield Finding(_CITATION, "mean of a purchase", _CDNOW.mean(), estimate=mean(amounts))
    yield Finding(
        _CITATION,
        "variance of the log of a purchase",
        _CDNOW.log_variance(),
        estimate=estimate(_variance, logs, squares),
    )
    thin = [
        (*_powers(one.observed), *_powers(one.means))
        for one in _worlds(_THIN, 1, scaled(_THIN_WORLDS, scale))
    ]
    first, second, between_first, between_second = np.array(thin).T
    yield Finding(
        _CITATION,
        f"variance of a purchase, q {_THIN.q:g}",
        _THIN.variance(),
        estimate=estimate(_variance, first, second),
    )
    yield Finding(
        _CITATION,
        f"variance of customers' means, q {_THIN.q:g}",
        _THIN.variance_of_means(),
        estimate=estimate(_variance, between_first, between_second),
    )
    for purchases, low, high in _HISTORIES:
        yield _given_history(purchases, low, high, scaled(_WORLDS, scale))


def _given_history(purchases: int, low: float, high: float, worlds: int) -> Finding:
    """Mean of the customers whose purchases average between two bounds."""
    totals, counts = [], []
    for one in _worlds(_CDNOW, purchases, worlds):
        inside = (one.observed >= low) & (one.observed < high)
        totals.append(float(one.means[inside].sum()))
        counts.append(float(inside.sum()))
    times = "1 purchase" if purchases == 1 else f"{purchases} purchases"
    return Finding(
        _CITATION,
        f"mean of customers after {times} of {low:g} to {high:g}",
        _CDNOW.expected_value_within(purchases, low, high),
        estimate=ratio(np.array(totals), np.array(counts)),
    )


def _worlds(model: GammaGamma, purchases: int, worlds: int) -> Iterator[_Customers]:
    """Customers who all buy so many times, world by world."""
    shop = scenario(
        time={"periods": purchases, "step": "week"},
        money={"discount_rate": 0.0},
        segments={
            "all": {
                "relationship": "bg/bb",
                "purchase_probability": 1.0,
                "churn": 0.0,
                "spend": {"distribution": "invgamma", "a": model.q, "scale": model.p * model.gamma},
                "spend_shape": model.p,
            }
        },
        cohorts={"cohort": {"segment": "all", "customers": _CUSTOMERS}},
    )
    compiled = compile_scenario(shop)
    for world in range(worlds):
        found = list(customer_rows(compiled, SEED, world))
        yield _Customers(
            np.concatenate([one.column("spend") for one in found]),
            np.concatenate([one.column("clv") / one.column("purchases") for one in found]),
        )


def _moments(amounts: Floats) -> tuple[float, float, float]:
    """Mean, and first two moments of the log."""
    return float(amounts.mean()), *_powers(np.log(amounts))


def _powers(values: Floats) -> tuple[float, float]:
    """First two moments."""
    return float(values.mean()), float((values @ values) / values.size)


def _variance(first: Floats, second: Floats) -> Floats:
    return np.asarray(second - first**2)
