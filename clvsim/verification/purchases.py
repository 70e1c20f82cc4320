"""Purchases now and then: how many are expected under BG/NBD, Pareto/NBD and BG/BB, by horizon."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from clvsim.reference import BgBb, BgNbd, ParetoNbd
from clvsim.verification.estimate import Floats, mean, scaled, scenario, simulate
from clvsim.verification.verdict import Finding

_BG_NBD = "Fader, Hardie & Lee 2005"
_PARETO_NBD = "Schmittlein, Morrison & Colombo 1987"
_BG_BB = "Fader, Hardie & Shang 2010"
#: The shortest horizon has the largest relative error, 0.08 % of this many customers.
_WORLDS, _CUSTOMERS = 150, 65_536
#: Weeks: a quarter, what CDNOW was fitted to, a year and two.
_WEEKS = (13, 39, 52, 104)
#: CDNOW's parameters, and repeat purchases by week that were recomputed from them.
_LISTENERS, _LISTENERS_BY_WEEK = BgNbd(0.243, 4.414, 0.793, 2.426), {39: "1.196723", 52: "1.446051"}
_FICKLE, _FICKLE_BY_WEEK = ParetoNbd(0.553, 10.58, 0.606, 11.656), {52: "1.472160"}
_DONORS = BgBb(1.2035, 0.7497, 0.6567, 2.7834)
#: Opportunities after the first gift.
_YEARS = (3, 6, 12)


def examine(scale: float) -> Iterator[Finding]:
    """Repeat purchases per customer up to some horizons, all of a model from the same lives."""
    buys = {
        "relationship": "bg/nbd",
        "purchase_rate": _gamma(_LISTENERS.r, _LISTENERS.alpha),
        "churn": {"distribution": "beta", "a": _LISTENERS.a, "b": _LISTENERS.b},
    }
    for weeks, repeats in _repeats(buys, _WEEKS, scale):
        yield Finding(
            _BG_NBD,
            f"repeat purchases in {weeks} weeks",
            float(_LISTENERS.expected_purchases(weeks)),
            recomputed=_LISTENERS_BY_WEEK.get(weeks),
            estimate=mean(repeats),
        )
    leaves = {
        "relationship": "pareto/nbd",
        "purchase_rate": _gamma(_FICKLE.r, _FICKLE.alpha),
        "death_rate": _gamma(_FICKLE.s, _FICKLE.beta),
    }
    for weeks, repeats in _repeats(leaves, _WEEKS, scale):
        yield Finding(
            _PARETO_NBD,
            f"repeat purchases in {weeks} weeks",
            float(_FICKLE.expected_purchases(weeks)),
            recomputed=_FICKLE_BY_WEEK.get(weeks),
            estimate=mean(repeats),
        )
    gives = {
        "relationship": "bg/bb",
        "purchase_probability": {"distribution": "beta", "a": _DONORS.alpha, "b": _DONORS.beta},
        "churn": {"distribution": "beta", "a": _DONORS.gamma, "b": _DONORS.delta},
    }
    # The first period holds the gift on joining, each later one an opportunity.
    for years, repeats in _repeats(gives, [1 + one for one in _YEARS], scale):
        yield Finding(
            _BG_BB,
            f"repeat gifts at {years - 1} opportunities",
            float(_DONORS.expected_purchases(years - 1)),
            estimate=mean(repeats),
        )


def _gamma(shape: float, rate: float) -> dict[str, Any]:
    return {"distribution": "gamma", "a": shape, "scale": 1.0 / rate}


def _repeats(
    segment: dict[str, Any], horizons: Sequence[int], scale: float
) -> Iterator[tuple[int, Floats]]:
    """Repeat purchases per customer in each world, ``(world,)``, by horizon."""
    shop = scenario(
        time={"periods": max(horizons), "step": "week"},
        money={"discount_rate": 0.0},
        segments={"all": {**segment, "spend": 1.0}},
        cohorts={"cohort": {"segment": "all", "customers": _CUSTOMERS}},
    )
    result = simulate({"baseline": shop}, scaled(_WORLDS, scale))
    bought = result["purchases"].sel(scenario="baseline").transpose("world", "period").values
    until = np.cumsum(bought, axis=1) / _CUSTOMERS - 1.0
    for horizon in horizons:
        yield horizon, until[:, horizon - 1]
