"""Loop-only twin of the migration relationship: one customer, one period, one state at a time.

Beside ``naive.py`` for customers who move between states: odds are added up and raised to a power
where they are needed, and what lies beyond the horizon is added up period by period.
"""

import math

from clvsim.kernels import plan as p
from tests import naive
from tests.naive import Customer, stream_of, uniform_pair

NOTHING = naive.NOTHING


class Wanderer(Customer):
    """A customer who moves between states; ``spend`` is what the state brings in while it does."""

    state = ""
    #: What margins are multiplied by.
    scale = 0.0


def is_contacted(segment, state):
    """Whether the rule contacts customers in a state."""
    place = segment.states.index(state)
    if segment.contacts:
        return segment.contacts[place]
    return bool(segment.contact_costs) and segment.contact_costs[place] > 0.0


def odds(segment, state):
    """Probability of each state next, by name."""
    rows = segment.transitions
    if segment.transitions_uncontacted and not is_contacted(segment, state):
        rows = segment.transitions_uncontacted
    return dict(zip(segment.states, rows[segment.states.index(state)], strict=True))


def contact_cost(segment, state):
    """What it costs to contact a customer in a state, currency."""
    if not segment.contact_costs or not is_contacted(segment, state):
        return 0.0
    return segment.contact_costs[segment.states.index(state)]


def is_lost(segment, state):
    """Whether a state is that of the lost: worst, for good, and without money."""
    return (
        state == segment.states[-1]
        and odds(segment, state)[state] == 1.0
        and segment.state_values[-1] == 0.0
        and contact_cost(segment, state) == 0.0
    )


def reached(segment, state, multiplier):
    """Probability of each state or a better one next, under a hazard multiplier."""
    chances, found = odds(segment, state), []
    for place, name in enumerate(segment.states):
        better = math.fsum(chances[one] for one in segment.states[: place + 1])
        found.append((name, better**multiplier if better > 0.0 else 0.0))
    return found


def moved(segment, state, multiplier, u):
    """Next state: the best whose chance, or a better one's, exceeds the uniform."""
    for name, chance in reached(segment, state, multiplier):
        if u < chance:
            return name
    return segment.states[-1]


def first_year(segment, periods):
    """Expected margin by tenure of one who joins, per unit of spend."""
    at = dict.fromkeys(segment.states, 0.0)
    at[segment.start_state or segment.states[0]] = 1.0
    found = []
    for _ in range(periods):
        values = zip(segment.states, segment.state_values, strict=True)
        found.append(sum(at[name] * value for name, value in values))
        after = dict.fromkeys(segment.states, 0.0)
        for now, there in at.items():
            for then, chance in odds(segment, now).items():
                after[then] += there * chance
        at = after
    return found


class Simulation(naive._Simulation):
    """One world in which customers of some segments move between states."""

    def moves(self, cell):
        return cell.segment.relationship == "states"

    def move(self, cell, who, tenure, multiplier):
        """One move at the end of a period: an even tenure's and the next share a pair."""
        stream, number = stream_of(cell.source, cell.segment_name, "state"), tenure // 2
        pair = uniform_pair(self.seed, self.world, stream, who.rank, cell.joined, number)
        who.state = moved(cell.segment, who.state, multiplier, pair[tenure % 2])

    def draw(self, place, rank, arrival, prospects):
        customer, threshold, call = super().draw(place, rank, arrival, prospects)
        cell = self.cells[place]
        if not self.moves(cell):
            return customer, threshold, call
        who = Wanderer(place, rank, arrival, 0.0, customer.spend, customer.lift)
        who.scale = customer.spend
        who.state = cell.segment.start_state or cell.segment.states[0]
        for tenure in range(-min(cell.joined, 0)):
            if not is_lost(cell.segment, who.state):
                self.move(cell, who, tenure, cell.past_hazard(tenure))
        return who, -math.inf if is_lost(cell.segment, who.state) else math.inf, call

    def live(self, cell, customer, threshold, call):
        if not self.moves(cell):
            super().live(cell, customer, threshold, call)
            return
        self.margin = [0.0] * self.horizon
        segment, spend = cell.segment, customer.scale
        adopted, until = self.prepare(cell, customer)
        for period in cell.periods:
            customer.spend = spend * segment.state_values[segment.states.index(customer.state)]
            self.serve(cell, period)
            under = self.treat(cell, customer, period, adopted, until)
            self.pay(cell, customer, period, under)
            customer.spend = spend
            cost = contact_cost(segment, customer.state)
            self.post("contacts", period, self.receipts(), cost)
            self.out.flows[p.STATE_CONTACTS, period] += cost
            customer.last = period
            self.by_tenure(cell, period, 0)
            self.move(cell, customer, period - cell.joined, cell.hazard(period) * under.hazard)
            if is_lost(segment, customer.state):
                customer.decided = period
                self.by_tenure(cell, period, 1)
                self.out.flows[p.LEFT, period] += 1
                break
        residual = 0.0
        if self.scenario.money.residual == "expected" and customer.decided is None:
            effects = self.effects(cell, customer, adopted, until)
            per_unit, per_head = self.ahead(cell, effects, self.horizon)[customer.state]
            residual = (spend * per_unit + per_head) * self.factor**self.horizon
        self.settle(cell, customer, residual)

    def contact(self, name, program, cell, customer, period):
        if not self.moves(cell):
            return super().contact(name, program, cell, customer, period)
        if program.states and customer.state not in program.states:
            return False, False
        rows = [one for one, other in self.programs if other.kind in naive.PERSONAL]
        self.gate = self.compiled.model.gates[
            rows.index(name), p.GATE, customer.cohort, period - cell.start
        ]
        return super().contact(name, program, cell, customer, period)

    def score(self, program, cell, customer):
        if not self.moves(cell):
            return super().score(program, cell, customer)
        if program.target == "lift":
            return customer.lift
        if program.target == "risk":
            below = reached(cell.segment, customer.state, 1.0)[-2][1]
            score = -math.log(below) if below > 0.0 else 1e9
        else:
            per_unit, per_head = self.ahead(cell, (), None)[customer.state]
            score = customer.scale * per_unit + per_head
        # Many stand exactly at the gate: a rounding of the last digits must not part them.
        return self.gate if math.isclose(score, self.gate, rel_tol=1e-11) else score

    def ahead(self, cell, effects, begin):
        """Expected margin from a period on by state, discounted to it: per unit of spend, per head.

        Without a period: under the conditions that last, the mean over the seasons.
        """
        key = cell.source, cell.segment_name, cell.joined, effects, begin
        if key not in self.cache:
            self.cache[key] = self.later(cell, effects, begin)
        return self.cache[key]

    def later(self, cell, effects, begin):
        segment, receipt = cell.segment, self.factor ** self.receipts()
        many = math.ceil(math.log(NOTHING) / math.log(self.factor))
        worth = dict.fromkeys(segment.states, (0.0, 0.0))
        # The value of n periods more follows from that of n - 1: the last one first.
        for ahead in reversed(range(many)):
            unit, head, hazard = (
                self.lasting(cell)
                if begin is None
                else self.conditions(cell, begin + ahead, effects)
            )
            now = {}
            for name, value in zip(segment.states, segment.state_values, strict=True):
                is_gone = is_lost(segment, name)
                own = 0.0 if is_gone else head - contact_cost(segment, name) * receipt
                below, totals = 0.0, [value * unit, own]
                for then, chance in self.reached(segment, name, hazard):
                    for one in range(2):
                        totals[one] += self.factor * (chance - below) * worth[then][one]
                    below = chance
                now[name] = tuple(totals)
            worth = now
        return worth

    def reached(self, segment, state, multiplier):
        key = id(segment), state, multiplier
        if key not in self.cache:
            self.cache[key] = reached(segment, state, multiplier)
        return self.cache[key]

    def run(self):
        self.cache = {}
        return super().run()


def simulate(compiled, seed, world):
    """One world of a variant."""
    return Simulation(compiled, seed, world).run()
