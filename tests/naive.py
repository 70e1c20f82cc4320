"""Loop-only twins of the kernels: plain Python, one customer, one period, one amount at a time.

Slow on purpose and written from the model's description: nothing is cumulated, shared or
vectorised. Everything follows from the scenario; only the quantile tables, and the scores from
which treatments contact, are taken from what was compiled.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from clvsim.accounts import ACCOUNT_INDEX, ACCOUNTS
from clvsim.kernels import plan as p
from clvsim.scenario.model import Offer

if TYPE_CHECKING:
    from clvsim.engine.compile import Compiled
    from clvsim.scenario.model import Scenario

KEENNESS, CHURN, SPEND, LIFT = range(4)
TRAITS = ("keenness", "churn", "spend", "lift")
PER_YEAR = {"week": 365.25 / 7.0, "month": 12.0, "quarter": 4.0, "year": 1.0}
START, MID, END = 0.0, 0.5, 1.0
OFFSET = {"start": START, "mid": MID, "end": END}
#: Rate of a probability of one: no exponential drawn from 53 bits is larger.
CERTAIN = 1e9
#: Discounted share of a margin below which nothing more is added.
NOTHING = 1e-17
#: A multiple of the length of every season in a test, and tenures longer than anything lasts.
SEASONS, LONGEST = 12, 24


# Randomness


def philox(counter, key, rounds=10):
    """Philox4x32 on four counter words and two key words (Salmon et al. 2011)."""
    word = 2**32
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        high0, low0 = divmod(c0 * 0xD2511F53, word)
        high1, low1 = divmod(c2 * 0xCD9E8D57, word)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % word, (k1 + 0xBB67AE85) % word
    return c0, c1, c2, c3


def to_unit(high, low):
    """The first 27 bits of one word and 26 of another, at the middle of their cell."""
    cell = (high // 2**5) * 2**26 + low // 2**6
    return min((cell + 0.5) / 2**53, 1.0 - 2.0**-53)


def uniform_pair(seed, world, stream, rank, joined, when):
    """Two uniforms of one address."""
    counter = (rank, stream, world, (joined + 32768) * 65536 + when)
    a, b, c, d = philox(counter, (seed % 2**32, seed // 2**32))
    return to_unit(a, b), to_unit(c, d)


def stream_of(source, segment, decision):
    """32-bit hash of the names of a decision."""
    name = f"{source}\x1f{segment}\x1f{decision}".encode()
    return int.from_bytes(hashlib.blake2s(name, digest_size=4).digest(), "little")


# Traits


def quantile(cubic, u):
    """Quantile from a table: octave and cell are searched one after the other."""
    upper = u > 0.5
    tail = min(1.0 - u if upper else u, 0.5)
    sides = len(cubic) // 2
    octaves = sides // 16
    for octave in range(octaves):
        low = 2.0 ** (-octave - 2)
        if tail >= low or octave == octaves - 1:
            break
    width = low / 16
    cell = 0
    while cell < 15 and tail >= low + (cell + 1) * width:
        cell += 1
    f = max(tail - (low + cell * width), 0.0) / width
    a, b, c, d = cubic[octave * 16 + cell + (sides if upper else 0)]
    return float(a + f * (b + f * (c + f * d)))


def atom(values, cumulated, u):
    """First value whose distribution function reaches ``u``; else the last."""
    for value, reached in zip(values, cumulated, strict=True):
        if reached >= u:
            return float(value)
    return float(values[-1])


def cholesky(matrix):
    """Lower factor of a positive definite matrix (Cholesky-Banachiewicz)."""
    size = len(matrix)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    return lower


def correlate(lower, normal, u):
    """Uniforms of the Gaussian copula; a small keenness quantile is a high score of keenness."""
    scores = [quantile(normal, one) for one in u]
    scores[KEENNESS] *= -1.0
    out = list(u)
    for i in range(1, len(u)):
        z = sum(lower[i][k] * scores[k] for k in range(i + 1))
        tail = math.erfc(abs(z) / math.sqrt(2.0)) / 2.0
        out[i] = tail if z < 0.0 else 1.0 - tail
    return out


# Lives


def arrivals(seed, world, stream, joined, limit):
    """Arrival times of all customers of a cell."""
    times, now = [], 0.0
    while True:
        u, _ = uniform_pair(seed, world, stream, len(times), joined, 0)
        now -= math.log(u)
        if now > limit:
            return times
        times.append(now)


def decision_step(origin, multipliers, threshold):
    """First step at whose end the running sum passes the threshold; their number if none."""
    passed = origin
    for step, multiplier in enumerate(multipliers):
        passed += multiplier
        if passed > threshold:
            return step
    return len(multipliers)


def adoption(rates, u):
    """First step at which the cumulated adoption rate exceeds the exponential of ``u``."""
    total = 0.0
    for step, rate in enumerate(rates):
        total += rate
        if total > -math.log(u):
            return step
    return len(rates)


def contacted(gate, tie, score, by_random, select):
    """Whether a treatment contacts a customer of this score.

    The gate is the score of a customer, as walks have it to the last bit. The twin's own may differ
    in its last digits: so near the gate it is that customer, and tied.
    """
    if by_random:
        return select >= gate
    if math.isclose(score, gate, rel_tol=1e-12):
        return select < tie
    return score > gate


def expected_end(decisions, rate, spend, factor):
    """Expected value beyond the horizon: over all periods in which one may decide to leave.

    Parameters
    ----------
    decisions : list of (hazard multiplier, per unit of spend, per head)
        By period: what one is worth who decides then.
    """
    terms, there, discount = [], 1.0, 1.0
    for hazard, unit, head in decisions:
        stays = math.exp(-rate * hazard)
        terms.append(there * (1.0 - stays) * (spend * unit + head))
        there, discount = there * stays, discount * factor
        if there * discount <= NOTHING:
            break
    # Those still there then are paid for; what they pay later is nothing.
    terms.append(there * (spend * unit + head))
    return math.fsum(terms)


def bin_of(value):
    """Histogram bin: 64 to an octave, from 2**-14, 44 octaves on either side of zero."""
    size, side = abs(value), 44 * 64
    place = 0
    if size >= 2.0**-14:
        mantissa, exponent = math.frexp(size)
        place = min((exponent + 13) * 64 + int((2.0 * mantissa - 1.0) * 64) + 1, side)
    return side + place if value >= 0.0 else side - place


# What a scenario says about one cohort


def discount_factor(scenario):
    """Discount factor of one period."""
    return (1.0 + scenario.money.discount_rate) ** (-1.0 / PER_YEAR[scenario.time.step])


def programs_of(scenario):
    """Enabled programs by name, in order."""
    return [(name, one) for name, one in sorted(scenario.programs.items()) if one.enabled]


def mean_of(trait):
    """Mean of a trait over prospects."""
    if isinstance(trait, float):
        return trait
    return _mean_of(trait.distribution, tuple(trait.parameters.items()))


@cache
def _mean_of(distribution, parameters):
    return float(getattr(stats, distribution)(**dict(parameters)).mean())


@dataclass
class Cohort:
    """One cohort of a scenario, asked period by period."""

    scenario: Scenario
    source: str
    segment_name: str
    kind: str
    joined: int
    offer: Offer
    size: int = 0
    known: dict = field(default_factory=dict)

    def gift(self):
        """Gift and equipment of one who joins."""
        return 0.0 if self.kind == "base" else self.offer.gift + self.offer.equipment_subsidy

    @property
    def segment(self):
        return self.scenario.segments[self.segment_name]

    @property
    def start(self):
        return max(self.joined, 0)

    @property
    def periods(self):
        return range(self.start, self.scenario.time.periods)

    def concerns(self, program, period):
        """Whether a program runs in a period for this cohort, tenure aside."""
        calendar = self.scenario.time.calendar
        last = program.last
        return (
            (not program.segments or self.segment_name in program.segments)
            and (not program.sources or self.source in program.sources)
            and period >= calendar.period(program.first)
            and (last is None or period <= calendar.period(last))
        )

    def let_off(self, period):
        """Share of the price that the offer lets off."""
        tenure = period - self.joined
        if tenure < self.offer.free_periods:
            return 1.0
        if isinstance(self.offer.discount, tuple):
            return self.offer.discount[tenure] if tenure < len(self.offer.discount) else 0.0
        return self.offer.discount if tenure < self.offer.discount_periods else 0.0

    def price(self, period):
        """Price relative to the list at the start."""
        price = 1.0
        for _, program in programs_of(self.scenario):
            if program.kind == "price_change" and self.concerns(program, max(period, 0)):
                price *= 1.0 + program.change
        return price

    def is_free(self, period):
        """Whether the offer gives a period free."""
        return period - self.joined < self.offer.free_periods

    def volume(self, period):
        """Multiplier of spend by tenure and season."""
        segment, multiplier = self.segment, 1.0
        by_tenure = getattr(segment, "spend_by_tenure", ())
        season = getattr(segment, "spend_season", ())
        if by_tenure:
            multiplier *= by_tenure[min(period - self.joined, len(by_tenure) - 1)]
        if season:
            multiplier *= season[period % len(season)]
        return multiplier

    def onboards(self, program, period):
        """Whether an onboarding program takes care of this cohort."""
        return self.concerns(program, period) and period - self.joined < program.tenures

    def hazard(self, period):
        """Multiplier of the hazard that all of the cohort share."""
        segment, multiplier, tenure = self.segment, 1.0, period - self.joined
        if segment.hazard_by_tenure:
            last = len(segment.hazard_by_tenure) - 1
            multiplier *= segment.hazard_by_tenure[min(tenure, last)]
        if segment.hazard_season:
            multiplier *= segment.hazard_season[period % len(segment.hazard_season)]
        for _, program in programs_of(self.scenario):
            if program.kind == "onboarding" and self.onboards(program, period):
                multiplier *= program.hazard
        rises = 0.0
        for lag in range(segment.price_rise_periods):
            if period - lag - 1 >= self.joined:
                paid = self.price(period - lag) * (1.0 - self.let_off(period - lag))
                before = self.price(period - lag - 1) * (1.0 - self.let_off(period - lag - 1))
                rises += max(paid - before, 0.0)
        return multiplier * math.exp(segment.price_rise_sensitivity * rises)

    def past_hazard(self, tenure):
        """Multiplier of the hazard at a tenure before the horizon: no programs yet."""
        segment, multiplier = self.segment, 1.0
        if segment.hazard_by_tenure:
            last = len(segment.hazard_by_tenure) - 1
            multiplier *= segment.hazard_by_tenure[min(tenure, last)]
        if segment.hazard_season:
            season = segment.hazard_season
            multiplier *= season[(self.joined + tenure) % len(season)]
        return multiplier

    def passed(self):
        """Running sum of the multiplier before the horizon."""
        return float(sum(self.past_hazard(tenure) for tenure in range(-min(self.joined, 0))))

    def last_paid(self, decided):
        """Last period paid by one who decides to leave in a period."""
        offer, tenure = self.offer, decided - self.joined
        if offer.term == 0 or offer.on_leaving == "fee":
            return decided
        ends = offer.term
        while offer.renews and ends <= tenure:
            ends += offer.term
        return max(decided, self.joined + ends - 1)

    def fee(self, decided):
        """Fee of one who leaves at the end of a period."""
        offer, tenure = self.offer, decided - self.joined
        if offer.term == 0 or offer.on_leaving == "hold":
            return 0.0
        ends = offer.term
        while offer.renews and ends <= tenure:
            ends += offer.term
        left = ends - 1 - tenure
        if left <= 0:
            return 0.0
        fee = offer.flat_termination_fee + offer.termination_fee * left
        return fee if offer.most_termination_fee is None else min(fee, offer.most_termination_fee)

    def let_go_by(self):
        """Tenures in which whoever decided to leave is gone when the horizon begins."""
        offer, tenure = self.offer, max(-self.joined, 0)
        if offer.term == 0 or offer.on_leaving == "fee":
            return tenure
        if tenure < offer.term:
            return 0
        return tenure - tenure % offer.term if offer.renews else tenure

    def adoption_rates(self, program):
        """Rates at which members join, by period of the cohort."""
        rates, offered = [], False
        for period in self.periods:
            tenure = period - self.joined
            if program.kind == "loyalty":
                open_now = self.concerns(program, period) and tenure >= program.at_tenure
                share = program.member_share if open_now and not offered else 0.0
                offered = offered or open_now
            else:
                open_now = self.concerns(program, period) and tenure >= program.from_tenure
                share = program.adoption if open_now else 0.0
            rates.append(CERTAIN if share == 1.0 else -math.log1p(-share))
        return rates

    def benefits(self, program, period):
        """Whether a member's benefits run in a period."""
        if program.kind == "add_on":
            return period >= self.scenario.time.calendar.period(program.first)
        return self.concerns(program, period) and period - self.joined >= program.at_tenure

    def contact_due(self, program, period):
        """Whether a treatment contacts this cohort in a period."""
        first, tenure = self.scenario.time.calendar.period(program.first), period - self.joined
        return (
            program.share > 0.0
            and self.concerns(program, period)
            and tenure >= program.first_tenure
            and (program.last_tenure is None or tenure <= program.last_tenure)
            and (period - first) % program.every == 0
        )

    def prospects(self):
        """Prospects of this segment that come to a decision in the joining period."""
        if "prospects" not in self.known:
            self.known["prospects"] = self.prospects_of()
        return self.known["prospects"]

    def conversion(self):
        """Share of prospects that join."""
        if "conversion" not in self.known:
            self.known["conversion"] = self.conversion_of()
        return self.known["conversion"]

    def prospects_of(self):
        channel = self.scenario.channels[self.source]
        shares = channel.lead_time or (1.0,)
        deciding = 0.0
        for delay, share in enumerate(shares):
            deciding += share * reached(self.scenario, channel, self.joined - delay)
        return deciding * channel.segments[self.segment_name]

    def conversion_of(self):
        scenario, segment, offer = self.scenario, self.segment, self.offer
        base = scenario.channels[self.source].conversion
        if isinstance(base, dict):
            base = base[self.segment_name]
        if base == 0.0:
            return 0.0
        ahead, saving = 4096 if self.price_changes() else 60, 0.0
        if segment.price_sensitivity:
            saving = self.saving(ahead)
        odds = base / (1.0 - base)
        odds *= math.exp(segment.price_sensitivity * saving - offer.reluctance)
        for _, program in programs_of(scenario):
            if program.kind in {"nurture", "brand_campaign"} and self.concerns(
                program, self.joined
            ):
                odds *= program.conversion_odds
        return odds / (1.0 + odds)

    def price_changes(self):
        """Whether any program changes the price list for this cohort."""
        last = self.scenario.time.periods
        return any(self.price(period) != 1.0 for period in range(self.joined, last + 1))

    def saving(self, ahead):
        """What a prospect saves in all against today's price list, in years at that list."""
        segment, offer, scenario = self.segment, self.offer, self.scenario
        per_year = PER_YEAR[scenario.time.step]
        year = max(1, round(per_year))
        weights = [1.0] * ahead
        if segment.relationship == "states":
            from tests.naive_states import first_year

            weights = first_year(segment, ahead)
        elif segment.relationship != "contract":
            from tests.naive_purchases import mean_purchases

            weights = [mean_purchases(segment) + (not tenure) for tenure in range(ahead)]
        elif segment.spend_by_tenure:
            last = len(segment.spend_by_tenure) - 1
            weights = [segment.spend_by_tenure[min(one, last)] for one in range(ahead)]
        saved, yearly = 0.0, 0.0
        for tenure, weight in enumerate(weights):
            period = self.joined + tenure
            less = weight * (1.0 - self.price(period) * (1.0 - self.let_off(period)))
            saved += less / (1.0 + segment.impatience) ** (tenure / per_year)
            yearly += weight if tenure < year else 0.0
        gift = offer.gift if offer.gift_value is None else offer.gift_value
        return saved / yearly + (gift + offer.equipment_subsidy) / (mean_of(segment.spend) * yearly)

    def limit(self):
        """Expected (or exact) number of customers."""
        return self.prospects() * self.conversion() if self.kind == "channel" else self.size

    def leads(self, program):
        """Leads of this cohort that a program pays for."""
        if self.kind != "channel" or program.kind != "nurture":
            return 0.0
        return self.prospects() if self.concerns(program, self.joined) else 0.0


def spend_in(scenario, channel, period):
    """Spend of a channel in a period; before the start too, and nothing after the horizon."""
    if period >= scenario.time.periods:
        return 0.0
    if period < 0 and channel.steady:
        return spend_in(scenario, channel, 0)
    if period < 0:
        earlier = channel.earlier_spend or 0.0
        if isinstance(earlier, tuple):
            return earlier[period] if -period <= len(earlier) else 0.0
        return earlier
    if not isinstance(channel.spend, tuple):
        return channel.spend
    if channel.spend and not isinstance(channel.spend[0], float):
        now = 0.0
        for step in channel.spend:
            if scenario.time.calendar.period(step.first) <= period:
                now = step.spend
        return now
    return channel.spend[period] if period < len(channel.spend) else 0.0


def has_earlier(channel):
    """Whether anything may have been spent before the start."""
    return channel.steady or channel.earlier_spend is not None


def reached(scenario, channel, period):
    """Prospects reached in a period: adstock written out as a weighted sum, then the response."""
    carry, response = channel.carry_over, channel.reach
    if response.kind == "organic":
        if period >= scenario.time.periods or (period < 0 and not channel.steady):
            return 0.0
        at, given = max(period, 0), response.prospects
        if isinstance(given, tuple):
            return given[at] if at < len(given) else 0.0
        return given
    # What was spent for ever: until nothing of it is left.
    long_ago = math.ceil(math.log(1e-18) / math.log(carry)) if carry else 0
    effective = sum(
        (1.0 - carry) * carry**lag * spend_in(scenario, channel, period - lag)
        for lag in range(max(period, 0) + 1 + (long_ago if has_earlier(channel) else 0))
    )
    if response.kind == "linear":
        return effective / response.cost_per_prospect
    if response.kind == "saturating":
        return response.ceiling * (1.0 - math.exp(-response.rate * effective))
    power = effective**response.slope
    return response.ceiling * power / (power + response.half**response.slope)


def cohorts_of(scenario):
    """All cohorts, sorted by source, segment and joining period."""
    found = []

    def offer(name):
        name = scenario.offer if name is None else name
        return Offer() if name is None else scenario.offers[name]

    for source, channel in scenario.channels.items():
        found += [
            Cohort(scenario, source, segment, "channel", period, offer(channel.offer))
            for segment, share in channel.segments.items()
            if share > 0.0
            for period in range(scenario.time.periods)
        ]
    for source, one in scenario.cohorts.items():
        joins = scenario.time.calendar.period(one.joins)
        found.append(
            Cohort(scenario, source, one.segment, "fixed", joins, offer(one.offer), one.customers)
        )
    for source, base in scenario.installed_base.items():
        for tenure, count in enumerate(base_counts(base)):
            if count:
                under = Offer() if base.offer is None else scenario.offers[base.offer]
                found.append(Cohort(scenario, source, base.segment, "base", -tenure, under, count))
    return sorted(found, key=lambda one: (one.source, one.segment_name, one.joined))


def base_counts(base):
    """Customers by tenure: rounded down, and the missing ones to the largest remainders."""
    if isinstance(base.tenure, int):
        return [0] * base.tenure + [base.customers]
    exact = [base.customers * weight / sum(base.tenure) for weight in base.tenure]
    counts = [math.floor(one) for one in exact]
    for _ in range(base.customers - sum(counts)):
        behind = [one - count for one, count in zip(exact, counts, strict=True)]
        counts[behind.index(max(behind))] += 1
    return counts


# One world


@dataclass
class Customer:
    """One customer: who it is, how long it stayed, what it was worth."""

    cohort: int
    rank: int
    arrival: float
    rate: float
    spend: float
    lift: float
    last: int = -1
    decided: int | None = None
    stays: bool = False
    value: float = 0.0
    value_inside: float = 0.0


@dataclass
class World:
    """What one world came to, in the shapes of ``engine.run.Worlds`` without the world."""

    cash: np.ndarray
    present: np.ndarray
    program_cost: np.ndarray
    flows: np.ndarray
    by_tenure: dict
    program_flows: np.ndarray
    sums: np.ndarray
    acquisition_costs: np.ndarray
    cohorts: np.ndarray
    customers: list = field(default_factory=list)


class Under(NamedTuple):
    """What effects that run change: multipliers, and the share of the price let off."""

    hazard: float = 1.0
    spend: float = 1.0
    concession: float = 0.0
    rate: float = 1.0


class _Simulation:
    """One world in the making."""

    def __init__(self, compiled: Compiled, seed, world) -> None:
        self.compiled, self.seed, self.world = compiled, seed, world
        self.scenario = scenario = compiled.scenario
        self.horizon, self.factor = scenario.time.periods, discount_factor(scenario)
        self.programs = programs_of(scenario)
        self.cells = cohorts_of(scenario)
        self.groups = sorted({(one.source, one.segment_name) for one in self.cells})
        horizon, programs, groups = self.horizon, len(self.programs), len(self.groups)
        self.out = World(
            cash=np.zeros((len(ACCOUNTS), horizon)),
            present=np.zeros(len(ACCOUNTS)),
            program_cost=np.zeros((programs, horizon)),
            flows=np.zeros((p.FLOWS, horizon)),
            by_tenure={name: np.zeros((2, horizon)) for _, name in self.groups},
            program_flows=np.zeros((programs, p.PROGRAM_FLOWS, horizon)),
            sums=np.zeros((groups, p.SUMS)),
            acquisition_costs=np.zeros(groups),
            cohorts=np.zeros((horizon, 2)),
        )
        #: Margin of the customer in hand by period, at time 0.
        self.margin = [0.0] * horizon

    def receipts(self):
        return OFFSET[self.scenario.money.timing]

    def timing(self, program):
        return self.receipts() if program.timing is None else OFFSET[program.timing]

    def post(self, account, period, offset, amount, *, customer=True, program=None):
        """Post one amount, positive as the account's name says."""
        index = ACCOUNT_INDEX[account]
        amount *= ACCOUNTS[index].sign
        present = amount * self.factor ** (period + offset)
        self.out.cash[index, period] += amount
        self.out.present[index] += present
        if customer:
            self.margin[period] += present
        if program is not None:
            self.out.program_cost[program, period] += amount

    # Who there is

    def trait(self, group, trait, u):
        traits = self.compiled.model.traits
        kind, constant, row = traits.spec[group, trait]
        if kind == 0:
            return float(constant)
        if kind == 1:
            return quantile(traits.cubics[int(row)], u)
        first, last = traits.bounds[int(row)], traits.bounds[int(row) + 1]
        return atom(traits.atoms[0, first:last], traits.atoms[1, first:last], u)

    def draw(self, place, rank, arrival, prospects):
        """Draw one customer: traits, threshold, and the uniform of its call."""
        cell = self.cells[place]
        group = self.groups.index((cell.source, cell.segment_name))

        def pair(decision):
            stream = stream_of(cell.source, cell.segment_name, decision)
            return uniform_pair(self.seed, self.world, stream, rank, cell.joined, 0)

        churn, spend = pair("churn, spend")
        lift, keenness = pair("lift, keenness")
        u = [keenness if prospects is None else arrival / prospects, churn, spend, lift]
        if any(one.value != 0.0 for one in cell.segment.correlations):
            matrix = [[float(i == j) for j in range(4)] for i in range(4)]
            for one in cell.segment.correlations:
                i, j = (TRAITS.index(name) for name in one.between)
                matrix[i][j] = matrix[j][i] = one.value
            u = correlate(cholesky(matrix), self.compiled.model.traits.cubics[0], u)
        customer = Customer(
            place, rank, arrival, *(self.trait(group, one, u[one]) for one in (CHURN, SPEND, LIFT))
        )
        life, call = pair("life, call")
        threshold = -math.log(life) / customer.rate if customer.rate > 0.0 else math.inf
        return customer, threshold, call

    def people(self, place):
        """All customers of a cell."""
        cell = self.cells[place]
        if cell.kind == "channel":
            stream = stream_of(cell.source, cell.segment_name, "arrival")
            prospects = cell.prospects()
            limit = prospects * cell.conversion()
            times = arrivals(self.seed, self.world, stream, cell.joined, limit) if limit else []
            return [self.draw(place, rank, time, prospects) for rank, time in enumerate(times)]
        if cell.kind == "fixed":
            return [self.draw(place, rank, 0.0, None) for rank in range(cell.size)]
        found, rank = [], 0
        while len(found) < cell.size:
            one = self.draw(place, rank, 0.0, None)
            if one[1] >= self.least(cell):
                found.append(one)
            rank += 1
        return found

    def least(self, cell):
        """Threshold that one needs to be there when the horizon begins."""
        return sum(cell.past_hazard(one) for one in range(cell.let_go_by()))

    # One life

    def score(self, program, cell, customer):
        """What a treatment ranks a customer by."""
        if program.target == "risk":
            return customer.rate
        if program.target == "lift":
            return customer.lift
        unit, head, hazard = self.lasting(cell)
        margin = customer.spend * unit + head
        return margin / (1.0 - math.exp(-customer.rate * hazard) * self.factor)

    def conditions(self, cell, period, effects=()):
        """Margin of a period per unit of spend and per head, at its start, and its hazard."""
        if period >= self.late(cell):
            period = self.late(cell) + (period - self.late(cell)) % SEASONS
        key = "conditions", cell.source, cell.segment_name, cell.joined, period, effects
        if key not in self.known:
            self.known[key] = self.conditions_in(cell, period, effects)
        return self.known[key]

    def conditions_in(self, cell, period, effects):
        segment, receipt = cell.segment, self.factor ** self.receipts()
        growth, concession = 1.0, 0.0
        head = -segment.cost_to_serve * receipt
        for _, program in self.programs:
            if program.kind == "onboarding" and cell.onboards(program, period):
                head -= program.cost_per_customer * self.factor ** self.timing(program)
        hazard = cell.hazard(period)
        for name, last, multiplier in effects:
            if period <= last:
                program = self.scenario.programs[name]
                cost = 0.0
                if program.kind == "retention":
                    growth, concession = growth * program.spend, concession + program.discount
                elif program.kind == "loyalty":
                    concession, cost = concession + program.benefit, program.cost_per_member
                else:
                    head, cost = head + program.price * receipt, program.cost
                head -= cost * self.factor ** self.timing(program)
                hazard *= multiplier
        paid = cell.price(period) * (1.0 - min(cell.let_off(period) + concession, 1.0))
        kept = paid * (1.0 - segment.royalty_share) - segment.cost_share
        return growth * cell.volume(period) * kept * receipt, head, hazard

    def late(self, cell):
        """A period by which nothing changes any more but the seasons."""
        return max(self.horizon, cell.joined + LONGEST) + LONGEST

    def lasting(self, cell):
        """The mean of ``conditions`` over the seasons, once nothing else changes any more."""
        key = "lasting", cell.source, cell.segment_name, cell.joined
        if key not in self.known:
            seasons = [self.conditions(cell, self.late(cell) + one) for one in range(SEASONS)]
            self.known[key] = [sum(parts) / SEASONS for parts in zip(*seasons, strict=True)]
        return self.known[key]

    def prepare(self, cell, customer):
        """Periods of adoption, and no effect yet."""
        adopted, until = {}, {}
        for name, program in self.programs:
            if program.kind in {"loyalty", "add_on"}:
                stream = stream_of(cell.source, cell.segment_name, f"program {name}")
                u, _ = uniform_pair(
                    self.seed, self.world, stream, customer.rank, cell.joined, cell.start
                )
                adopted[name] = cell.start + adoption(cell.adoption_rates(program), u)
            until[name] = -1
        return adopted, until

    def contact(self, name, program, cell, customer, period):
        """Whether a treatment contacts a customer in a period, and whether it would accept."""
        stream = stream_of(cell.source, cell.segment_name, f"program {name}")
        accept, select = uniform_pair(
            self.seed, self.world, stream, customer.rank, cell.joined, period
        )
        rows = [one for one, other in self.programs if other.kind in PERSONAL]
        gates = self.compiled.model.gates[rows.index(name), :, customer.cohort, period - cell.start]
        by_random = program.target == "random"
        score = 0.0 if by_random else self.score(program, cell, customer)
        gate = 1.0 - program.share if by_random else gates[p.GATE]
        return contacted(gate, gates[p.TIE], score, by_random, select), accept < program.acceptance

    def pay(self, cell, customer, period, under):
        """Post what a customer pays under some effects, what is let off, and what it costs."""
        volume = customer.spend * cell.volume(period) * under.spend
        listed, base = volume * cell.price(period), cell.let_off(period)
        conceded = listed * min(under.concession, 1.0 - base)
        segment, receipts = cell.segment, self.receipts()
        self.post("list_revenue", period, receipts, listed)
        free = cell.is_free(period)
        self.post(
            "free_periods" if free else "introductory_discounts", period, receipts, listed * base
        )
        self.post("concessions", period, receipts, conceded)
        self.post("cost_of_sales", period, receipts, segment.cost_share * volume)
        paid = listed * (1.0 - base) - conceded
        self.post("royalties", period, receipts, segment.royalty_share * paid)
        self.out.flows[p.VOLUMES, period] += volume
        self.out.flows[p.LIST_REVENUE, period] += listed
        self.out.flows[p.GIVEN_FREE if free else p.DISCOUNT, period] += listed * base
        self.out.flows[p.CONCEDED, period] += conceded

    def serve(self, cell, period):
        """Post what every active customer costs in a period."""
        self.out.flows[p.ACTIVE, period] += 1
        self.post("cost_to_serve", period, self.receipts(), cell.segment.cost_to_serve)
        for index, (_, program) in enumerate(self.programs):
            if program.kind == "onboarding" and cell.onboards(program, period):
                cost = program.cost_per_customer
                self.post("member_costs", period, self.timing(program), cost, program=index)
                self.out.program_flows[index, p.ACTIVE_COST, period] += cost

    def treat(self, cell, customer, period, adopted, until):
        """All personal programs in one period: what the effects that run change."""
        under = Under()
        for index, (name, program) in enumerate(self.programs):
            flows, when = self.out.program_flows[index], self.timing(program)
            if program.kind in {"loyalty", "add_on"}:
                if period == adopted[name] and customer.decided is not None:
                    adopted[name] = self.horizon  # one who has decided to leave joins no more
                if period < adopted[name] or not cell.benefits(program, period):
                    continue
                loyal = program.kind == "loyalty"
                if period == adopted[name]:
                    cost = program.enrolment_cost if loyal else program.adoption_cost
                    flows[p.ENTRIES, period] += 1
                    self.post("member_costs", period, when, cost, program=index)
                cost = program.cost_per_member if loyal else program.cost
                self.post("member_costs", period, when, cost, program=index)
                if not loyal:
                    self.post("add_on_revenue", period, self.receipts(), program.price)
                spend, concession = 1.0, program.benefit if loyal else 0.0
                effect = program.hazard
            elif program.kind == "retention":
                if customer.decided is None and cell.contact_due(program, period):
                    reached, accepts = self.contact(name, program, cell, customer, period)
                    if reached:
                        flows[p.CONTACTS, period] += 1
                        cost = program.contact_cost
                        self.post("contacts", period, when, cost, program=index)
                    if reached and accepts:
                        flows[p.ENTRIES, period] += 1
                        self.post("incentives", period, when, program.incentive, program=index)
                        until[name] = period + program.duration - 1
                if period > until[name]:
                    continue
                spend, concession = program.spend, program.discount
                effect = program.hazard
                if program.personal_lift:
                    effect *= max(0.0, 1.0 - customer.lift)
            else:
                continue
            flows[p.MEMBERS, period] += 1
            under = Under(
                under.hazard * effect, under.spend * spend, under.concession + concession,
                under.rate * program.rate,
            )  # fmt: skip
        return under

    def live(self, cell, customer, threshold, call):
        """One customer month by month, and whatever is expected of it beyond the horizon."""
        self.margin = [0.0] * self.horizon
        passed = cell.passed()
        adopted, until = self.prepare(cell, customer)
        last = self.horizon - 1
        for period in cell.periods:
            if period > last:
                break
            self.serve(cell, period)
            under = self.treat(cell, customer, period, adopted, until)
            self.pay(cell, customer, period, under)
            customer.last = period
            if customer.decided is not None:
                continue
            self.by_tenure(cell, period, 0)
            passed += under.hazard * cell.hazard(period)
            if passed > threshold:
                customer.decided, last = period, cell.last_paid(period)
                self.decide(cell, period, call)
        if customer.decided is not None and last < self.horizon:
            self.out.flows[p.LEFT, last] += 1
        residual = 0.0
        if self.scenario.money.residual == "expected":
            effects = self.effects(cell, customer, adopted, until)
            residual = self.beyond(cell, customer, effects)
        self.settle(cell, customer, residual)

    def by_tenure(self, cell, period, row):
        tenure = period - cell.joined
        # Some of those who leave first had decided before.
        is_mixed = period == cell.start and cell.let_go_by() < -cell.joined
        if tenure < self.horizon and not is_mixed:
            self.out.flows[(p.AT_RISK, p.DECIDED)[row], tenure] += 1
            self.out.by_tenure[cell.segment_name][row, tenure] += 1

    def decide(self, cell, period, call):
        """The decision to leave: a fee, perhaps a call."""
        self.by_tenure(cell, period, 1)
        self.post("termination_fees", period, END, cell.fee(period))
        self.out.flows[p.FEES, period] += cell.fee(period)
        if call < cell.segment.call_share:
            self.out.flows[p.CALLS, period] += 1
            self.post("cancellation_calls", period, END, cell.segment.call_cost)

    def effects(self, cell, customer, adopted, until):
        """Programs whose effect runs on beyond the horizon: name, last period, hazard."""
        found = []
        for name, program in self.programs:
            last, multiplier = until[name], 1.0
            if name in adopted:
                is_member = adopted[name] < self.horizon and cell.benefits(program, self.horizon)
                last = math.inf if is_member else -1
            elif program.kind == "retention" and program.personal_lift:
                multiplier = max(0.0, 1.0 - customer.lift)
            if last >= self.horizon:
                found.append((name, last, multiplier * program.hazard))
        return tuple(found)

    def beyond(self, cell, customer, effects):
        """Expected margin beyond the horizon, at time 0, each period under its own conditions."""
        key = "beyond", customer.cohort, effects
        if key not in self.known:
            self.known[key] = self.decisions(cell, effects)
        if customer.decided is None:
            return expected_end(self.known[key], customer.rate, customer.spend, self.factor)
        unit, head = self.paid(cell, effects, cell.last_paid(customer.decided))
        return customer.spend * unit + head

    def decisions(self, cell, effects):
        """Hazard, and value of one who decides to leave, by period beyond the horizon."""
        periods = math.ceil(math.log(NOTHING) / math.log(self.factor)) + 1
        found, unit, head, last = [], 0.0, 0.0, self.horizon - 1
        for decided in range(self.horizon, self.horizon + periods):
            until = cell.last_paid(decided)
            more = self.paid(cell, effects, until, last + 1)
            unit, head, last = unit + more[0], head + more[1], max(last, until)
            leaving = cell.fee(decided) - cell.segment.call_share * cell.segment.call_cost
            leaving *= self.factor ** (decided + END)
            found.append((self.conditions(cell, decided, effects)[2], unit, head + leaving))
        return found

    def paid(self, cell, effects, last, first=None):
        """Margin at time 0, per unit of spend and per head, of periods beyond the horizon."""
        unit, head = 0.0, 0.0
        for period in range(self.horizon if first is None else first, last + 1):
            one = self.conditions(cell, period, effects)
            unit += one[0] * self.factor**period
            head += one[1] * self.factor**period
        return unit, head

    def settle(self, cell, customer, residual):
        """Add one customer's value to all sums."""
        group = self.groups.index((cell.source, cell.segment_name))
        inside, sums = sum(self.margin), self.out.sums[group]
        decided = customer.decided
        customer.stays = decided is None or cell.last_paid(decided) >= self.horizon
        to_joining = self.factor**-cell.start
        customer.value = (inside + residual) * to_joining
        customer.value_inside = inside * to_joining
        cost = self.cost(customer.cohort)
        sums[p.SUM_CUSTOMERS] += 1
        sums[p.SUM_VALUE] += customer.value
        sums[p.SUM_SQUARE] += customer.value**2
        sums[p.SUM_PAID_BACK] += customer.value_inside >= cost
        sums[p.SUM_RESIDUAL] += residual
        sums[p.SUM_PRESENT] += inside + residual
        self.out.present[ACCOUNT_INDEX["residual_value"]] += residual
        for period in cell.periods:
            self.out.flows[p.EQUITY, period] += sum(self.margin[period + 1 :]) + residual
        if cell.kind != "base":
            self.out.acquisition_costs[group] += cell.gift()
            self.out.flows[p.JOINED, cell.joined] += 1
            equipment = cell.offer.equipment_subsidy
            self.post("gifts", cell.joined, START, cell.offer.gift, customer=False)
            self.post("equipment", cell.joined, START, equipment, customer=False)
            self.out.cohorts[cell.joined] += (1.0, customer.value)
        self.out.customers.append(customer)

    def cost(self, place):
        """Expected acquisition cost of one customer of a cell."""
        if place not in self._costs:
            self._costs[place] = self._cost_of(self.cells[place])
        return self._costs[place]

    def _cost_of(self, cell):
        own = [
            one
            for one in self.cells
            if (one.source, one.segment_name) == (cell.source, cell.segment_name)
        ]
        cost = cell.gift() + self.program_cost_of(cell) / cell.limit()
        return cost + self.spend_of(cell) / sum(one.limit() for one in own)

    def spend_of(self, cell):
        """What is spent for the prospects of a cell's source in its segment, over the horizon."""
        if cell.kind == "fixed":
            return self.scenario.cohorts[cell.source].cost_per_customer * cell.size
        if cell.kind == "base":
            return 0.0
        channel = self.scenario.channels[cell.source]
        spend = sum(spend_in(self.scenario, channel, one) for one in range(self.horizon))
        return spend * channel.segments[cell.segment_name]

    def program_cost_of(self, cell):
        """What programs cost for the prospects of a cell: leads, and its part of campaigns."""
        cost = 0.0
        for _, program in self.programs:
            if program.kind in {"nurture", "brand_campaign"}:
                weights = self.bearers(program)
                if sum(weights.values()) > 0.0:
                    share = weights[id(cell)] / sum(weights.values())
                    cost += share * program.fixed_cost * self.runs(program)
            if program.kind == "nurture":
                cost += program.cost_per_lead * cell.leads(program)
        return cost

    def runs(self, program):
        """Periods of the horizon in which a program runs."""
        calendar = self.scenario.time.calendar
        last = self.horizon - 1 if program.last is None else calendar.period(program.last)
        return last - calendar.period(program.first) + 1

    def bearers(self, program):
        """What share of a campaign each cell bears: by prospects, else by who joins."""
        prospects = {
            id(one): one.prospects() if one.kind == "channel" else 0.0 for one in self.cells
        }
        concerned = {
            id(one): prospects[id(one)] if one.concerns(program, one.joined) else 0.0
            for one in self.cells
        }
        joins = {id(one): one.limit() if one.kind != "base" else 0.0 for one in self.cells}
        for weights in (concerned, prospects):
            if sum(weights.values()) > 0.0:
                return weights
        return joins

    # What no customer pays

    def undecided(self):
        """Expected value of those who join after the horizon, at time 0, currency."""
        if self.scenario.money.residual == "none":
            return 0.0
        year, total = max(1, round(PER_YEAR[self.scenario.time.step])), 0.0
        for source, segment in self.groups:
            own = [one for one in self.cells if (one.source, one.segment_name) == (source, segment)]
            late = [one for one in own if one.joined >= self.horizon - year]
            if own[0].kind != "channel" or not sum(one.limit() for one in late) > 0.0:
                continue
            mean = sum(
                one.value for one in self.out.customers if self.cells[one.cohort] in late
            ) / sum(one.limit() for one in late)
            last, channel = own[-1], self.scenario.channels[source]
            for ahead in range(400 if channel.carry_over else len(channel.lead_time)):
                to_come = replace(last, joined=self.horizon + ahead, known={})
                prospects, at = to_come.prospects(), self.factor ** (self.horizon + ahead)
                total += at * prospects * last.conversion() * (mean - last.gift())
                for _, program in self.programs:
                    if last.leads(program):
                        total -= (
                            at * self.factor ** self.timing(program)
                            * program.cost_per_lead * prospects
                        )  # fmt: skip
        return total

    def overheads(self):
        """Post spend in channels, costs of leads, and fixed costs."""
        scenario = self.scenario
        for period in range(self.horizon):
            for channel in scenario.channels.values():
                spend = spend_in(scenario, channel, period)
                self.post("channel_spend", period, START, spend, customer=False)
            for one in scenario.cohorts.values():
                if scenario.time.calendar.period(one.joins) == period:
                    cost = one.cost_per_customer * one.customers
                    self.post("channel_spend", period, START, cost, customer=False)
            fixed = scenario.money.fixed_costs
            if isinstance(fixed, tuple):
                fixed = fixed[period] if period < len(fixed) else 0.0
            self.post("fixed_costs", period, self.receipts(), fixed, customer=False)
            for index, (_, program) in enumerate(self.programs):
                calendar, when = scenario.time.calendar, self.timing(program)
                late = program.last is not None and period > calendar.period(program.last)
                if period >= calendar.period(program.first) and not late:
                    acquires = program.kind in {"nurture", "brand_campaign"}
                    account = "campaigns" if acquires else "program_costs"
                    self.post(
                        account, period, when, program.fixed_cost, customer=False, program=index
                    )
                for cell in self.cells:
                    if cell.joined == period and cell.leads(program):
                        cost = program.cost_per_lead * cell.leads(program)
                        self.post("lead_costs", period, when, cost, customer=False, program=index)
        if scenario.money.fixed_costs_beyond:
            self.out.present[ACCOUNT_INDEX["fixed_costs_beyond"]] -= self.costs_for_ever(fixed)

    def costs_for_ever(self, business):
        """Fixed costs beyond the horizon, period after period, at time 0."""
        costs = [(self.receipts(), business)]
        costs += [
            (self.timing(program), program.fixed_cost)
            for _, program in self.programs
            if program.last is None
        ]
        periods = math.ceil(math.log(NOTHING) / math.log(self.factor)) + 1
        return sum(
            cost * self.factor ** (period + when)
            for period in range(self.horizon, self.horizon + periods)
            for when, cost in costs
        )

    def run(self):
        self._costs: dict[int, float] = {}
        self.known = {}
        self.overheads()
        for place, cell in enumerate(self.cells):
            for customer, threshold, call in self.people(place):
                self.live(cell, customer, max(threshold, cell.passed()), call)
        for place, (source, segment) in enumerate(self.groups):
            own = [one for one in self.cells if (one.source, one.segment_name) == (source, segment)]
            self.out.acquisition_costs[place] += self.spend_of(own[0])
            self.out.acquisition_costs[place] += sum(map(self.program_cost_of, own))
        self.out.present[ACCOUNT_INDEX["undecided_value"]] += self.undecided()
        return self.out


PERSONAL = ("loyalty", "add_on", "retention")


def simulate(compiled: Compiled, seed: int, world: int) -> World:
    """One world of a variant."""
    return _Simulation(compiled, seed, world).run()
