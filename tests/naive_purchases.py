"""Loop-only twin of the purchase relationship: one customer, one moment at a time.

Beside ``naive.py`` for customers who buy now and then: time passes purchase by purchase inside each
period, exponentials are used up bit by bit, and nothing is cumulated, compressed or vectorised.
"""

import math

from clvsim.kernels import plan as p
from tests import naive
from tests.naive import END, Customer, quantile, stream_of, uniform_pair

KEENNESS, CHURN, SPEND, LIFT, PURCHASES, BASKET = range(6)
TRAITS = ("keenness", "churn", "spend", "lift", "purchases")


class Buyer(Customer):
    """A customer who buys now and then."""

    pace = 0.0
    purchases = 0
    #: Exponential of the life, and what is left of it.
    life = 0.0
    #: Number of the next purchase and what is left of its exponential.
    number = 0
    need = 0.0
    #: Moments (periods) and amounts of all purchases so far, in no order.
    bought = ()


def rate_season(cell, period):
    """Multiplier of the purchase rate that all of the cohort share."""
    season, multiplier = cell.segment.rate_season, 1.0
    if season:
        multiplier *= season[period % len(season)]
    for _, program in naive.programs_of(cell.scenario):
        if program.kind == "onboarding" and cell.onboards(program, period):
            multiplier *= program.rate
        if program.kind == "price_change" and cell.concerns(program, period):
            multiplier *= program.rate
    return multiplier


class Simulation(naive._Simulation):
    """One world in which some segments buy now and then."""

    def kind(self, cell):
        return cell.segment.relationship

    # Who there is

    def draw(self, place, rank, arrival, prospects):
        cell = self.cells[place]
        if self.kind(cell) == "contract":
            return super().draw(place, rank, arrival, prospects)
        group = self.groups.index((cell.source, cell.segment_name))

        def pair(decision):
            stream = stream_of(cell.source, cell.segment_name, decision)
            return uniform_pair(self.seed, self.world, stream, rank, cell.joined, 0)

        churn, spend = pair("churn, spend")
        lift, keenness = pair("lift, keenness")
        purchases, _ = pair("purchases")
        keenness = keenness if prospects is None else arrival / prospects
        u = [keenness, churn, spend, lift, purchases]
        if any(one.value != 0.0 for one in cell.segment.correlations):
            matrix = [[float(i == j) for j in range(5)] for i in range(5)]
            for one in cell.segment.correlations:
                i, j = (TRAITS.index(name) for name in one.between)
                matrix[i][j] = matrix[j][i] = one.value
            u = naive.correlate(naive.cholesky(matrix), self.compiled.model.traits.cubics[0], u)
        who = Buyer(
            place, rank, arrival, *(self.trait(group, one, u[one]) for one in (CHURN, SPEND, LIFT))
        )
        who.pace = self.trait(group, PURCHASES, u[PURCHASES])
        life, _ = pair("life, call")
        who.life = -math.log(life)
        self.next_purchase(cell, who, 0)
        threshold = self.past(cell, who)
        return who, threshold, 1.0

    def next_purchase(self, cell, who, number):
        """Exponential and amount of a numbered purchase."""
        who.number = number
        stream = stream_of(cell.source, cell.segment_name, "purchase, amount")
        draw, u = uniform_pair(self.seed, self.world, stream, who.rank, cell.joined, number)
        who.need, who.amount = -math.log(draw), self.amount(cell, who, u)

    def amount(self, cell, who, u):
        """Amount of one purchase at the price list."""
        spec = self.compiled.model.traits.spec
        group = self.groups.index((cell.source, cell.segment_name))
        if cell.segment.spend_shape is not None:
            cubic = self.compiled.model.traits.cubics[int(spec[group, BASKET, 2])]
            return who.spend * quantile(cubic, u)
        return who.spend

    def past(self, cell, who):
        """Live through the time before the horizon; as threshold, how long one is there."""
        who.bought = []
        if cell.joined >= 0:
            return math.inf
        who.bought.append((cell.joined, who.amount))
        self.next_purchase(cell, who, 1)
        if self.kind(cell) != "bg/nbd":
            self.look_back(cell, who)
            threshold = who.life / who.rate if who.rate > 0.0 else math.inf
            who.life -= who.rate * cell.passed()
            return threshold
        now = 0.0
        while who.pace > 0.0 and now + who.need / who.pace < -cell.joined:
            now += who.need / who.pace
            who.life -= who.rate * cell.past_hazard(math.floor(now))
            who.bought.append((cell.joined + now, who.amount))
            if who.life < 0.0:
                return 0.0
            self.next_purchase(cell, who, who.number + 1)
        who.need -= who.pace * (-cell.joined - now)
        return math.inf

    def least(self, cell):
        """A BG/NBD life is lived through before: that of one still there is endless so far."""
        return 1.0 if self.kind(cell) == "bg/nbd" and cell.joined < 0 else super().least(cell)

    def look_back(self, cell, who):
        """Purchases before the horizon that do not matter to the life, from the last one back."""
        number, now, next_amount = 0, 0.0, who.amount
        while who.pace > 0.0:
            number += 1
            stream = stream_of(cell.source, cell.segment_name, "past purchase")
            draw, u = uniform_pair(self.seed, self.world, stream, who.rank, cell.joined, number)
            gap = -math.log(draw) / who.pace
            now -= math.floor(gap) + 1 if self.kind(cell) == "bg/bb" else gap
            if now <= cell.joined:
                break
            who.bought.append((now, self.amount(cell, who, u)))
        who.amount = next_amount

    # One life

    def live(self, cell, customer, threshold, call):
        if self.kind(cell) == "contract":
            super().live(cell, customer, threshold, call)
            return
        self.margin = [0.0] * self.horizon
        adopted, until = self.prepare(cell, customer)
        for period in cell.periods:
            self.serve(cell, period)
            under = self.treat(cell, customer, period, adopted, until)
            customer.last = period
            self.by_tenure(cell, period, 0)
            gone = self.shop(
                cell,
                customer,
                period,
                customer.rate * cell.hazard(period) * under.hazard,
                customer.pace * rate_season(cell, period) * under.rate,
                under,
            )
            if gone:
                customer.decided = period
                self.by_tenure(cell, period, 1)
                self.out.flows[p.LEFT, period] += 1
                break
        residual = 0.0
        if self.scenario.money.residual == "expected" and customer.decided is None:
            effects = self.effects(cell, customer, adopted, until)
            residual = self.beyond_buyer(cell, customer, effects)
        self.settle(cell, customer, residual)

    def shop(self, cell, who, period, hazard, rate, under):
        """One period's purchases; whether one leaves in it."""
        kind, now = self.kind(cell), 0.0
        if who.number == 0:
            self.pay_buyer(cell, who, period, under)
            who.bought.append((period, who.amount))
            self.next_purchase(cell, who, 1)
            if kind == "bg/bb":
                now = END
        if kind == "bg/bb":
            if now < END:
                who.need -= rate
                if who.need < 0.0:
                    self.pay_buyer(cell, who, period, under)
                    who.bought.append((period, who.amount))
                    self.next_purchase(cell, who, who.number + 1)
            who.life -= hazard
            return who.life < 0.0
        while True:
            wait = who.need / rate if rate > 0.0 else math.inf
            if kind == "pareto/nbd" and hazard * min(wait, END - now) > who.life:
                return True
            if now + wait >= END:
                who.need -= rate * (END - now)
                who.life -= hazard * (END - now) * (kind == "pareto/nbd")
                return False
            now += wait
            who.life -= hazard * wait * (kind == "pareto/nbd")
            self.pay_buyer(cell, who, period, under)
            who.bought.append((period + now, who.amount))
            self.next_purchase(cell, who, who.number + 1)
            if kind == "bg/nbd":
                who.life -= hazard
                if who.life < 0.0:
                    return True

    def pay_buyer(self, cell, who, period, under):
        """One purchase under the effects that run."""
        mean, who.spend = who.spend, who.amount
        who.purchases += 1
        self.out.flows[p.PURCHASES, period] += 1
        self.pay(cell, who, period, under)
        self.post("cost_to_serve", period, self.receipts(), cell.segment.cost_per_purchase)
        who.spend = mean

    # Who is contacted

    def contact(self, name, program, cell, customer, period):
        if not self.is_asked_for(program, customer, period):
            return False, False
        return super().contact(name, program, cell, customer, period)

    def is_asked_for(self, program, customer, period):
        """Whether a treatment asks for a customer with these purchases so far."""
        if not isinstance(customer, Buyer):
            return True
        found = {"recency": 0.0, "frequency": len(customer.bought), "value": 0.0}
        if customer.bought:
            found["recency"] = period - max(moment for moment, _ in customer.bought)
            found["value"] = sum(amount for _, amount in customer.bought) / len(customer.bought)
        for key, number in found.items():
            wanted = getattr(program, key)
            if wanted is None:
                continue
            if wanted.at_least is not None and number < wanted.at_least:
                return False
            if wanted.at_most is not None and number > wanted.at_most:
                return False
        return True

    # What is expected

    def score(self, program, cell, customer):
        if self.kind(cell) == "contract" or program.target != "value":
            return super().score(program, cell, customer)
        unit, head, hazard = self.lasting(cell)
        seasons = [self.late(cell) + one for one in range(naive.SEASONS)]
        rate = sum(rate_season(cell, one) for one in seasons) / naive.SEASONS
        purchases, leaving = self.ahead(cell, customer.rate * hazard, customer.pace * rate)
        each = customer.spend * unit - self.each(cell)
        return (purchases * each + head) / (1.0 - math.exp(-leaving) * self.factor)

    def ahead(self, cell, hazard, rate):
        """Expected purchases of a period with constant conditions, and the rate of leaving."""
        kind, leaving = self.kind(cell), hazard
        if kind == "bg/nbd":
            leaving = rate * (1.0 - math.exp(-hazard))
        if kind == "bg/bb":
            return 1.0 - math.exp(-rate), leaving
        return rate * -math.expm1(-leaving) / leaving if leaving > 0.0 else rate, leaving

    def each(self, cell):
        """Cost of a purchase, at the period's start."""
        return cell.segment.cost_per_purchase * self.factor ** self.receipts()

    def beyond_buyer(self, cell, who, effects):
        """Expected margin beyond the horizon, at time 0, each period under its own conditions."""
        key = "buyer", who.cohort, effects
        if key not in self.known:
            self.known[key] = list(self.later(cell, effects))
        terms, there, discount = [], 1.0, self.factor**self.horizon
        for unit, head, hazard, rate in self.known[key]:
            purchases, leaving = self.ahead(cell, who.rate * hazard, who.pace * rate)
            margin = purchases * (who.spend * unit - self.each(cell)) + head
            terms.append(there * discount * margin)
            there, discount = there * math.exp(-leaving), discount * self.factor
            if there * discount < naive.NOTHING:
                break
        return math.fsum(terms)

    def later(self, cell, effects):
        """Conditions by period beyond the horizon, and the multiplier of the purchase rate."""
        for ahead in range(math.ceil(math.log(naive.NOTHING) / math.log(self.factor))):
            period = self.horizon + ahead
            rates = [
                self.scenario.programs[name].rate for name, last, _ in effects if period <= last
            ]
            conditions = self.conditions(cell, period, effects)
            yield *conditions, self.rate_season(cell, period) * math.prod(rates)

    def rate_season(self, cell, period):
        """As ``rate_season``, of which only the seasons change once it is late."""
        if period >= self.late(cell):
            period = self.late(cell) + (period - self.late(cell)) % naive.SEASONS
        key = "rate", cell.source, cell.segment_name, cell.joined, period
        if key not in self.known:
            self.known[key] = rate_season(cell, period)
        return self.known[key]


def mean_purchases(segment):
    """Expected purchases of a customer per period."""
    name = "purchase_probability" if segment.relationship == "bg/bb" else "purchase_rate"
    trait = getattr(segment, name)
    return naive.mean_of(trait)


def simulate(compiled, seed, world):
    """One world of a variant."""
    return Simulation(compiled, seed, world).run()
