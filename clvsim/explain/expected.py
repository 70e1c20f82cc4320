"""What can be expected without simulating: lives by closed form, joiners by the compiled intake."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvsim.engine import acquisition
from clvsim.engine.cells import tabulate, write_levers
from clvsim.engine.intake import Intake, take_in
from clvsim.engine.shocks import no_shocks
from clvsim.scenario import distributions
from clvsim.scenario.chains import Chain, chain_of, powered
from clvsim.scenario.model import (
    AnySegment,
    BgBbSegment,
    BgNbdSegment,
    BuyerSegment,
    Distribution,
    Offer,
    ParetoNbdSegment,
    Scenario,
    Segment,
    StatesSegment,
)
from clvsim.scenario.surviving import Survival, Trait, survival, survival_of_buyers

Floats = NDArray[np.float64]
#: Longest life that is looked at, periods.
LONGEST = 4096


def mean_of(trait: Trait) -> float:
    """Expected value of a trait that is a number or a distribution."""
    if isinstance(trait, Distribution):
        return distributions.mean(trait.distribution, trait.parameters)
    return float(trait) if isinstance(trait, (int, float)) else np.nan


def multipliers(segment: AnySegment, periods: int) -> Floats:
    """Hazard multipliers of one who joins at the start, by tenure and season, ``(periods,)``."""
    lived, found = np.arange(periods), np.ones(periods)
    if segment.hazard_by_tenure:
        by_tenure = np.array(segment.hazard_by_tenure)
        found *= by_tenure[np.minimum(lived, len(by_tenure) - 1)]
    if segment.hazard_season:
        season = np.array(segment.hazard_season)
        found *= season[lived % len(season)]
    return found


def surviving(segment: AnySegment) -> Survival:
    """Share of those like the segment's still there some periods after the start of the horizon.

    Without programs and offers, whoever they are that join: keenness is not looked at.
    """
    lived = multipliers(segment, LONGEST)

    def past(tenure: int) -> Floats:
        return lived[:tenure]

    if isinstance(segment, Segment):
        return survival(segment.churn, past)
    if isinstance(segment, BgBbSegment):
        return survival(segment.churn, past)
    if isinstance(segment, ParetoNbdSegment):
        return survival_of_buyers("pareto/nbd", [segment.death_rate], past)
    if isinstance(segment, BgNbdSegment):
        return survival_of_buyers("bg/nbd", [segment.churn, segment.purchase_rate], past)
    if isinstance(segment, StatesSegment):
        return _surviving_in_states(chain_of(segment), lived)
    raise TypeError(segment)


def _surviving_in_states(chain: Chain, lived: Floats) -> Survival:
    """As ``chain.survival``, all tenures in one walk."""
    at, shares = np.eye(len(chain.values))[chain.begin], np.ones(LONGEST + 1)
    moves = {factor: powered(chain.transitions, factor) for factor in set(lived.tolist())}
    if chain.lost >= 0:
        for tenure, factor in enumerate(lived.tolist()):
            at = at @ moves[factor]
            shares[tenure + 1] = 1.0 - at[chain.lost]
    return lambda tenure: float(shares[tenure])


def half_life(still_there: Survival) -> int | None:
    """Periods after which half of those who joined are gone; None: not within ``LONGEST``."""
    if still_there(LONGEST) > 0.5:
        return None
    return bisect_left(range(LONGEST), 1, key=lambda tenure: still_there(tenure) <= 0.5)


def purchases_of(segment: AnySegment) -> float | None:
    """Expected purchases per period while a customer; None: every period is paid for."""
    if isinstance(segment, BgBbSegment):
        return mean_of(segment.purchase_probability)
    if isinstance(segment, (BgNbdSegment, ParetoNbdSegment)):
        return mean_of(segment.purchase_rate)
    return None


def spend_of(segment: AnySegment) -> float:
    """Expected spend per period (or purchase; of states: factor of their margins), currency."""
    if isinstance(segment, (Segment, BuyerSegment, StatesSegment)):
        return mean_of(segment.spend)
    raise TypeError(segment)


@dataclass(frozen=True)
class Giving:
    """What an offer gives to one customer of a segment.

    Attributes
    ----------
    saving : float
        As a prospect sees it, in years at the list price, 1.
    let_off : float
        Expected to be let off the price over the offer's time, by those who stay that long,
        currency.
    handed_over : float
        Gift and equipment, currency.
    """

    saving: float
    let_off: float
    handed_over: float


def giving(offer: Offer, segment: AnySegment, per_year: float) -> Giving:
    """What an offer gives to a customer of a segment."""
    spend, purchases = spend_of(segment), purchases_of(segment)
    chain = chain_of(segment) if isinstance(segment, StatesSegment) else None
    lasts = min(acquisition.ends_at(offer), LONGEST)
    looked_at = max(acquisition.year_of(per_year), lasts)
    by_tenure = getattr(segment, "spend_by_tenure", ())
    payments = acquisition.list_payments(looked_at, purchases, chain, by_tenure)
    saving = acquisition.saving(offer, spend, payments, per_year, segment.impatience)
    share = acquisition.let_off_by_tenure(offer, lasts)
    still_there = surviving(segment)
    there = np.array([still_there(tenure) for tenure in range(lasts)])
    bought = np.ones(lasts) if purchases is None else np.full(lasts, purchases)
    if purchases is not None and lasts:
        bought[0] += 1.0
    if chain is not None:
        bought, there = chain.values_by_tenure(lasts), np.ones(lasts)
    let_off = float((share * there * bought).sum()) * spend
    return Giving(saving, let_off, offer.gift + offer.equipment_subsidy)


class Means(NamedTuple):
    """What conversion asks of segments' customers, by segment, as ``engine.population`` has it."""

    mean_spend: dict[str, float]
    mean_purchases: dict[str, float]


@dataclass(frozen=True)
class Joining:
    """Who joins by a channel, expected over the horizon.

    Attributes
    ----------
    spend : (T,)
        Currency by period.
    prospects : float
        Those who come to a decision within the horizon.
    joiners : dict of str to float
        By segment.
    gifts : float
        Gifts, equipment and costs per lead, for all of them, currency.
    """

    spend: Floats
    prospects: float
    joiners: dict[str, float]
    gifts: float

    @property
    def total(self) -> float:
        """Joiners of all segments."""
        return sum(self.joiners.values())

    @property
    def cost_per_joiner(self) -> float:
        """Spend, gifts, equipment and costs per lead for each joiner, currency."""
        return (float(self.spend.sum()) + self.gifts) / self.total if self.total else np.inf


def joining(scenario: Scenario) -> dict[str, Joining]:
    """Who is expected to join by each channel, as the engine takes them in (no common shocks)."""
    table = tabulate(scenario)
    levers = write_levers(scenario, table, scenario.time.periods)
    segments = scenario.segments
    bought = {name: purchases_of(one) for name, one in segments.items()}
    means = Means(
        {name: spend_of(one) for name, one in segments.items()},
        {name: one for name, one in bought.items() if one is not None},
    )
    intake = take_in(scenario, table, levers, means, no_shocks(scenario.time.periods).conversion)
    return {
        source: _joining(source, intake, levers.cohorts.source, levers.cohorts.segment)
        for source in scenario.channels
    }


def _joining(
    source: str, intake: Intake, sources: NDArray[np.str_], segments: NDArray[np.str_]
) -> Joining:
    """The expectations of one channel's cells."""
    cells = sources == source
    joiners = {
        str(name): float(intake.limit[cells & (segments == name)].sum())
        for name in dict.fromkeys(segments[cells].tolist())
    }
    spend = intake.spend[source]
    whole = float((intake.cost[cells] * intake.limit[cells]).sum())
    return Joining(
        spend=spend,
        prospects=float(intake.prospects[cells].sum()),
        joiners=joiners,
        gifts=max(0.0, whole - float(spend.sum())) if sum(joiners.values()) else 0.0,
    )
