"""What records say of customers' own traits, for lives that are simulated: exact posteriors.

Of customers who are still there each trait has a posterior of its own, independent of the others:
a gamma of the purchase rate, a beta or gamma of dropping out, an inverse gamma of the mean value
(Fader, Hardie & Lee 2005; Schmittlein, Morrison & Colombo 1987; Fader, Hardie & Shang 2010). Their
pasts are judged by the plain model: without seasons and programs, which the records do not tell.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.scoring.fit_file import (
    Beta,
    BgBbSegment,
    BgNbdSegment,
    ContractSegment,
    InverseGamma,
    MovingSegment,
    ParetoNbdSegment,
    model_of,
)
from clvsim.calibration.scoring.purchase import History
from clvsim.engine.known import Belief, Law, Person
from clvsim.engine.population import fitted_churn
from clvsim.kernels import known as k
from clvsim.scenario import model
from clvsim.scenario.chains import chain_of
from clvsim.scenario.segments import lived_under
from clvsim.scenario.tables import to_rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clvsim.calibration.scoring.customers import Customers
    from clvsim.calibration.scoring.fit_file import AnySegment

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

#: Longest tenure that programs tell apart, periods.
_LONGEST = 4096


def scored(segment: model.AnySegment) -> AnySegment:
    """The parts of a scenario's segment that its customers are judged by.

    Raises
    ------
    ValidationError
        If its traits are none that a history can be weighed with.
    TypeError
        If segments of its relationship are not scored.
    """
    kind = model_of(segment.relationship)
    if kind is None:
        raise TypeError(segment)
    table = segment.model_dump(by_alias=True)
    own: dict[str, Any] = {name: table[name] for name in kind.model_fields if name in table}
    own.pop("fit", None)
    if isinstance(segment, model.StatesSegment):
        own["lost"] = int(chain_of(segment).lost)
    churn = getattr(segment, "churn", None)
    if isinstance(churn, model.RetentionTable):
        fitted, _ = fitted_churn(churn)
        own["churn"] = fitted if isinstance(fitted, float) else fitted.model_dump()
    return kind.model_validate(own)


def people_of(
    customers: Customers, own: Whole, ranks: Whole, name: str, segment: AnySegment
) -> Person:
    """Customers of a segment, at places ``own``, as they are today.

    Of one who has not bought again nobody knows what the first purchase was worth: the mean is
    taken, and of others that it was worth what the later ones were.
    """
    nothing, state = np.zeros(own.size), customers.state[own].astype(np.float64)
    if isinstance(segment, (ContractSegment, MovingSegment)):
        tenure = np.nan_to_num(customers.tenure[own]).astype(np.int64)
        return Person(name, tenure, ranks[own], nothing, nothing, nothing, state)
    x, last, age = (one[own] for one in (customers.frequency, customers.recency, customers.age))
    if isinstance(segment, BgBbSegment):
        # The one on joining came before the first opportunity; the next one is due now.
        age = age + 1.0
    known = np.where(x > 0.0, customers.value[own], np.nan)
    value = np.where(np.isnan(known), segment.value.mean(0.0 * x, 0.0 * x), known)
    tenure = np.minimum(np.floor(age), _LONGEST).astype(np.int64)
    return Person(name, tenure, ranks[own], last - age, x + 1.0, (x + 1.0) * value, state)


def ranks_of(customers: Customers) -> Whole:
    """Who each customer is, as a number below 2**32 - 1: a hash of the name, shape (customer,)."""
    digests = b"".join(
        hashlib.blake2s(name.encode(), digest_size=4).digest() for name in customers.names
    )
    return np.minimum(np.frombuffer(digests, dtype="<u4").astype(np.int64), 2**32 - 2)


def belief_of(
    customers: Customers, own: Whole, segment: AnySegment, season: tuple[float, ...]
) -> Belief:
    """What is believed of them, were the segment's numbers these.

    Parameters
    ----------
    customers : Customers
    own : ndarray of int
        Places of those in the segment, shape (customer,).
    segment : Segment
    season : tuple of float
        Multipliers of a contract's hazard by period, which it has lived through.
    """
    if isinstance(segment, ContractSegment):
        return _of_contracts(customers, own, segment, season)
    if isinstance(segment, MovingSegment):
        as_all = _alike(k.AS_ALL, 0.0, np.zeros(own.size))
        there = np.where(customers.state[own] == segment.lost, 0.0, 1.0)
        return Belief(there, as_all, as_all, _known_spend(customers.spend[own]))
    x, age = customers.frequency[own], customers.age[own]
    there = segment.model.alive(History(x, customers.recency[own], age))
    spend = _spend(segment, x, customers.value[own])
    if isinstance(segment, BgBbSegment):
        law = segment.model
        pace = Law(k.BETA_HAZARD, law.alpha + x, law.beta + age - x)
        # Who is there at the next opportunity has stayed once more.
        hazard = _alike(k.BETA_HAZARD, law.gamma, law.delta + age + 1.0)
        return Belief(there, hazard, pace, spend)
    rate = segment.purchase_rate
    pace = Law(k.GAMMA, rate.a + x, 1.0 / (1.0 / rate.scale + age))
    if isinstance(segment, BgNbdSegment):
        return Belief(
            there, _alike(k.BETA_HAZARD, segment.churn.a, segment.churn.b + x), pace, spend
        )
    if isinstance(segment, ParetoNbdSegment):
        death = segment.death_rate
        hazard = _alike(k.GAMMA, death.a, 1.0 / (1.0 / death.scale + age))
        return Belief(there, hazard, pace, spend)
    raise TypeError(segment)


def _spend(
    segment: BgNbdSegment | ParetoNbdSegment | BgBbSegment, frequency: Floats, value: Floats
) -> Law:
    """Mean values of purchases: an inverse gamma, or the same for all."""
    if not isinstance(segment.spend, InverseGamma):
        return _alike(k.KNOWN, float(segment.spend), np.zeros(frequency.size))
    p = segment.spend_shape or 0.0
    spent = np.where(frequency > 0.0, frequency * value, 0.0)
    return Law(k.INVERSE_GAMMA, p * frequency + segment.spend.a, segment.spend.scale + p * spent)


def _of_contracts(
    customers: Customers, own: Whole, segment: ContractSegment, season: tuple[float, ...]
) -> Belief:
    """Of customers who have renewed as often as their tenure says."""
    tenure = customers.tenure[own].astype(np.int64)
    nothing = np.zeros(own.size)
    if isinstance(segment.churn, Beta):
        longest = int(tenure.max())
        lived = np.array(
            [lived_under(segment.hazard_by_tenure, season, one).sum() for one in range(longest + 1)]
        )
        hazard = _alike(k.BETA_HAZARD, segment.churn.a, segment.churn.b + lived[tenure])
    else:
        hazard = _alike(k.KNOWN, float(to_rate(np.array([segment.churn]))[0]), nothing)
    spend = _known_spend(customers.spend[own])
    return Belief(np.ones(own.size), hazard, Law(k.AS_ALL, nothing, nothing), spend)


def _known_spend(spend: Floats) -> Law:
    """What is spent a period, as far as it is known: NaN, that of anybody."""
    return Law(k.AS_ALL if np.isnan(spend).any() else k.KNOWN, spend, np.zeros(spend.size))


def _alike(kind: int, a: float, b: Floats) -> Law:
    return Law(kind, np.full(b.size, a), b)
