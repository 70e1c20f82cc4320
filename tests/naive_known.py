"""Loop-only twin of customers whose past is known: each drawn and lived through alone."""

import math

from clvsim.kernels import known as k
from tests import naive_purchases, naive_states
from tests.naive import Customer, quantile, stream_of, uniform_pair
from tests.naive_purchases import Buyer

TRIES = 256


class Simulation(naive_purchases.Simulation):
    """Customers of one base of known people, in one world."""

    def variate(self, cell, rank, number, shape):
        """A gamma variate (Marsaglia & Tsang 2000)."""
        stream = stream_of(cell.source, cell.segment_name, "known customer")
        normal = self.compiled.model.traits.cubics[0]

        def pair(number):
            return uniform_pair(self.seed, self.world, stream, rank, cell.joined, number)

        if shape < 1.0:
            return self.variate(cell, rank, number, shape + 1.0) * pair(number)[0] ** (1.0 / shape)
        d = shape - 1.0 / 3.0
        while True:
            number += 1
            u, v = pair(number)
            x = quantile(normal, u)
            w = (1.0 + x / math.sqrt(9.0 * d)) ** 3
            if w > 0.0 and math.log(v) < 0.5 * x * x + d - d * w + d * math.log(w):
                return d * w

    def drawn(self, cell, rank, trait, law, place, as_all):
        """One trait of the customer at a place of its list."""
        number, a, b = 2 * trait * TRIES, float(law.a[place]), float(law.b[place])
        if law.kind == k.AS_ALL:
            return as_all
        if law.kind == k.KNOWN:
            return a
        one = self.variate(cell, rank, number, a)
        if law.kind == k.GAMMA:
            return b * one
        if law.kind == k.INVERSE_GAMMA:
            return b / one
        other = self.variate(cell, rank, number + TRIES, b)
        return -math.log(other / (one + other))

    def one(self, people, belief, place):
        """The life of one customer: value, purchases (or periods paid for), stays."""
        joined, rank = -int(people.tenure[place]), int(people.rank[place])
        at = [(one.segment_name, one.joined) for one in self.cells].index((people.segment, joined))
        cell = self.cells[at]
        group = self.groups.index((cell.source, cell.segment_name))

        def pair(decision):
            stream = stream_of(cell.source, cell.segment_name, decision)
            return uniform_pair(self.seed, self.world, stream, rank, cell.joined, 0)

        spend = self.trait(group, naive_purchases.SPEND, pair("churn, spend")[1])
        lift = self.trait(group, naive_purchases.LIFT, pair("lift, keenness")[0])
        life, call = pair("life, call")
        rate = self.drawn(cell, rank, k.HAZARD_LAW, belief.hazard, place, 0.0)
        spend = self.drawn(cell, rank, k.SPEND_LAW, belief.spend, place, spend)
        if self.kind(cell) == "contract":
            who = Customer(at, rank, 0.0, rate, spend, lift)
            threshold = cell.passed() - math.log(life) / rate if rate > 0.0 else math.inf
            self.live(cell, who, threshold, call)
            return who.value, who.last + 1, who.stays
        who = Buyer(at, rank, 0.0, rate, spend, lift)
        who.pace = self.drawn(cell, rank, k.PACE_LAW, belief.pace, place, 0.0)
        who.life = -math.log(life)
        self.next_purchase(cell, who, 1)
        count = int(people.count[place])
        each = float(people.spent[place]) / count
        who.bought = [(float(people.latest[place]), each)] * count
        self.live(cell, who, math.inf, call)
        return who.value, who.purchases, who.stays


class MovingSimulation(naive_states.Simulation):
    """Customers of one base who are known to be in a state, in one world."""

    def one(self, people, belief, place):
        """As ``Simulation.one``; spend is known, or drawn as everybody's."""
        joined, rank = -int(people.tenure[place]), int(people.rank[place])
        at = [(one.segment_name, one.joined) for one in self.cells].index((people.segment, joined))
        cell = self.cells[at]
        group = self.groups.index((cell.source, cell.segment_name))

        def pair(decision):
            stream = stream_of(cell.source, cell.segment_name, decision)
            return uniform_pair(self.seed, self.world, stream, rank, cell.joined, 0)

        spend = self.trait(group, naive_purchases.SPEND, pair("churn, spend")[1])
        if belief.spend.kind == k.KNOWN:
            spend = float(belief.spend.a[place])
        lift = self.trait(group, naive_purchases.LIFT, pair("lift, keenness")[0])
        who = naive_states.Wanderer(at, rank, 0.0, 0.0, spend, lift)
        who.scale, who.state = spend, cell.segment.states[int(people.state[place])]
        self.live(cell, who, math.inf, 0.0)
        return who.value, who.last + 1, who.stays


def lives(compiled, seed, world, people, belief):
    """Rows of all customers of a list: value, purchases, stays."""
    moves = compiled.moving is not None
    simulation = (MovingSimulation if moves else Simulation)(compiled, seed, world)
    simulation._costs, simulation.known, simulation.cache = {}, {}, {}
    return [simulation.one(people, belief, place) for place in range(len(people))]
