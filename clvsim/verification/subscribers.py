"""Teaching cases in which winning a customer is an investment: what comes back of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from clvsim.reference import Guest, Subscriber, net_after_free_months
from clvsim.scenario.model import Scenario
from clvsim.verification.estimate import Estimate, column, mean, scaled, scenario, simulate
from clvsim.verification.verdict import Finding

_VIRGIN = "Virgin Mobile USA, HBS 504-028"
_ROSEWOOD = "Rosewood, HBS 2087"
_NETWORK = "Network provider"
_WORLDS, _CUSTOMERS = 100, 65_536
#: Years: a life of retention 0.76 outlasts them once in 1e9.
_LIFETIMES = 80
_BOUND = Subscriber(margin=264.0, retention=0.76, interest=0.05, acquisition=370.0)
#: Lower prices without contracts, and the same as the case counts it: in whole cents.
_CHEAPER, _IN_CENTS = 264.0 / 1.21, 218.18
_TODAY = Guest(
    spend=750.0,
    margin=0.32,
    nights=2.0,
    visits=1.2,
    marketing=130.0,
    branding=0.0,
    retention=19_169 / 115_000,
    acquisition=150.0,
    years=6,
    discount=0.08,
    growth=0.06,
    inflation=0.03,
)
_BRANDED = replace(_TODAY, visits=1.3, retention=24_919 / 115_000, branding=1e6 / 115_000)
_FEE, _FREE, _SERVICE, _INSTALLING, _MARKETING = 40.0, 3, 25.0, 35.0, 120.0


def examine_virgin(scale: float) -> Iterator[Finding]:
    """Lifetime value of a mobile subscriber, with a contract and without."""
    cheap = replace(_BOUND, acquisition=120.0)
    free = replace(_BOUND, retention=0.28)
    lower = replace(cheap, margin=_CHEAPER)
    bought_for = "a subscriber bought for"
    for what, terms, published, recomputed in (
        (f"{bought_for} 370", _BOUND, "540", "540.345"),
        (f"{bought_for} 120", cheap, "790", "790.345"),
        (f"{bought_for} 120, margin lower by 1.21", lower, None, "632.351"),
        (f"{bought_for} 370 and bound by no contract", free, None, "-27.143"),
    ):
        yield Finding(
            _VIRGIN,
            what,
            terms.value(),
            published=published,
            recomputed=recomputed,
            estimate=_simulated(_subscribers(terms), scale),
            gross=terms.value() + terms.acquisition if terms.value() < 0.0 else None,
        )
    yield Finding(
        _VIRGIN,
        f"{bought_for} 120, lower margin in whole cents",
        replace(cheap, margin=_IN_CENTS).value(),
        published="632.34",
    )


def examine_rosewood(scale: float) -> Iterator[Finding]:
    """Present value of a hotel guest, with brands of single hotels and with a common one."""
    for what, guest, published, recomputed in (
        ("a guest of today", _TODAY, "378.49", "378.486"),
        ("a guest under a common brand", _BRANDED, "461.09", "461.090"),
    ):
        yield Finding(
            _ROSEWOOD,
            what,
            guest.value(),
            published=published,
            recomputed=recomputed,
            estimate=_simulated(_guests(guest), scale),
        )


def examine_network(scale: float) -> Iterator[Finding]:
    """What a subscriber with three free months has earned by the time that it leaves."""
    for months, published in ((15, "-50"), (18, "-5"), (21, "40")):
        yield Finding(
            _NETWORK,
            f"net of a subscriber after {months} months, three of them free",
            net_after_free_months(_FEE, _FREE, _SERVICE, _INSTALLING + _MARKETING, months),
            published=published,
            estimate=_simulated(_free_months(months), scale),
        )


def _simulated(one: Scenario, scale: float) -> Estimate:
    """Value of a customer, after what winning it has cost."""
    return mean(column(simulate({"baseline": one}, scaled(_WORLDS, scale)), "clv"))


def _subscribers(terms: Subscriber) -> Scenario:
    """A year's margin at its end, until the last subscriber has left."""
    return scenario(
        time={"step": "year", "periods": _LIFETIMES},
        money={"discount_rate": terms.interest, "timing": "end"},
        segments={"all": {"churn": 1.0 - terms.retention, "spend": terms.margin}},
        cohorts=_cohort(terms.acquisition),
    )


def _guests(guest: Guest) -> Scenario:
    """Prices that rise every year, and a cost per guest that is each year's own."""
    years = range(guest.years)
    earned = guest.margin * guest.spend * guest.nights * guest.visits
    paid = guest.marketing + guest.branding
    prices: dict[str, Any] = {
        f"prices {year}": {"kind": "price_change", "first": year, "change": guest.growth}
        for year in years
    }
    costs: dict[str, Any] = {
        f"marketing {year}": {
            "kind": "onboarding",
            "tenures": guest.years,
            "first": year,
            "last": year,
            "cost_per_customer": paid * (1.0 + guest.inflation) ** (year + 1),
        }
        for year in years
    }
    return scenario(
        time={"step": "year", "periods": guest.years},
        money={"discount_rate": guest.discount, "timing": "end"},
        segments={"all": {"churn": 1.0 - guest.retention, "spend": earned}},
        cohorts=_cohort(guest.acquisition),
        programs=prices | costs,
    )


def _free_months(months: int) -> Scenario:
    """Subscribers who stay as long as is looked at."""
    return scenario(
        time={"periods": months},
        money={"discount_rate": 0.0},
        segments={"all": {"churn": 0.0, "spend": _FEE, "cost_to_serve": _SERVICE}},
        offers={"free": {"free_periods": _FREE, "equipment_subsidy": _INSTALLING}},
        cohorts=_cohort(_MARKETING, customers=100, offer="free"),
    )


def _cohort(cost: float, customers: int = _CUSTOMERS, **more: str) -> dict[str, Any]:
    """One cohort, all of whom join at the start."""
    own = {"segment": "all", "customers": customers, "cost_per_customer": cost}
    return {"cohort": own | more}
