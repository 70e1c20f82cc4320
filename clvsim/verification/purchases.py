"""Purchases now and then: how many are expected under BG/NBD, Pareto/NBD and BG/BB."""

from collections.abc import Iterator
from typing import Any

from scipy.special import beta, hyp2f1

from clvsim.verification.estimate import column, mean, scaled, scenario, simulate
from clvsim.verification.verdict import Finding

_BG_NBD = "Fader, Hardie & Lee 2005"
_PARETO_NBD = "Schmittlein, Morrison & Colombo 1987"
_BG_BB = "Fader, Hardie & Shang 2010"
_WORLDS, _CUSTOMERS = 120, 65_536
#: Expected repeat purchases of CDNOW's customers by week.
_PUBLISHED = {39: "1.196723", 52: "1.446051"}
_DONORS = 1.2035, 0.7497, 0.6567, 2.7834


def examine(scale: float) -> Iterator[Finding]:
    """Repeat purchases per customer up to some periods."""
    buys = {
        "relationship": "bg/nbd",
        "purchase_rate": {"distribution": "gamma", "a": 0.243, "scale": 1.0 / 4.414},
        "churn": {"distribution": "beta", "a": 0.793, "b": 2.426},
    }
    for weeks, printed in _PUBLISHED.items():
        yield Finding(
            _BG_NBD,
            f"repeat purchases in {weeks} weeks",
            bg_nbd(0.243, 4.414, 0.793, 2.426, weeks),
            recomputed=printed,
            estimate=mean(_repeats(buys, weeks, scale)),
        )
    leaves = {
        "relationship": "pareto/nbd",
        "purchase_rate": {"distribution": "gamma", "a": 0.553, "scale": 1.0 / 10.58},
        "death_rate": {"distribution": "gamma", "a": 0.606, "scale": 1.0 / 11.656},
    }
    yield Finding(
        _PARETO_NBD,
        "repeat purchases in 52 weeks",
        pareto_nbd(0.553, 10.58, 0.606, 11.656, 52),
        recomputed="1.472160",
        estimate=mean(_repeats(leaves, 52, scale)),
    )
    gives = {
        "relationship": "bg/bb",
        "purchase_probability": {"distribution": "beta", "a": _DONORS[0], "b": _DONORS[1]},
        "churn": {"distribution": "beta", "a": _DONORS[2], "b": _DONORS[3]},
    }
    yield Finding(
        _BG_BB,
        "repeat gifts at 6 opportunities",
        bg_bb(*_DONORS, 6),
        estimate=mean(_repeats(gives, 7, scale)),
    )


def _repeats(segment: dict[str, Any], periods: int, scale: float) -> Any:
    """Repeat purchases per customer in each world."""
    shop = scenario(
        time={"periods": periods, "step": "week"},
        money={"discount_rate": 0.0},
        segments={"all": {**segment, "spend": 1.0}},
        cohorts={"cohort": {"segment": "all", "customers": _CUSTOMERS}},
    )
    result = simulate({"baseline": shop}, scaled(_WORLDS, scale))
    return column(result, "purchases") / _CUSTOMERS - 1.0


def bg_nbd(r: float, alpha: float, a: float, b: float, time: float) -> float:
    """Expected repeat purchases, Fader, Hardie & Lee 2005, equation 9."""
    power = (alpha / (alpha + time)) ** r
    tail = power * hyp2f1(r, b, a + b - 1.0, time / (alpha + time))
    return float((a + b - 1.0) / (a - 1.0) * (1.0 - tail))


def pareto_nbd(r: float, alpha: float, s: float, beta_: float, time: float) -> float:
    """Expected repeat purchases, Schmittlein, Morrison & Colombo 1987."""
    left = (beta_ / (beta_ + time)) ** (s - 1.0)
    return float(r * beta_ / (alpha * (s - 1.0)) * (1.0 - left))


def bg_bb(alpha: float, beta_: float, gamma: float, delta: float, opportunities: int) -> float:
    """Expected purchases at opportunities after the first, Fader, Hardie & Shang 2010."""
    alive = [beta(gamma, delta + n) / beta(gamma, delta) for n in range(1, opportunities + 1)]
    return float(alpha / (alpha + beta_) * sum(alive))
