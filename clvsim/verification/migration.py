"""Pfeifer & Carraway 2000: value of customers by how long ago they last bought."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clvsim.reference import markov_value
from clvsim.scenario.model import Scenario
from clvsim.verification.estimate import Floats, column, ratio, scaled, scenario, simulate
from clvsim.verification.verdict import Finding

_CITATION = "Pfeifer & Carraway 2000"
_MARGIN, _CONTACT, _DISCOUNT = 40.0, 4.0, 0.2
#: Probability of a purchase one, two, three and four periods after the last.
_BUYS = (0.3, 0.2, 0.15, 0.05)
_HORIZON = 4
#: Value that is no more than about a contact, currency.
_SMALL = 5.0
_WORLDS = 100
#: Value by recency, recomputed: for ever, through t = 4, and if contact ends after recency 3.
_FOR_EVER = ("52.319609", "5.553784", "1.250773", "-1.820016")
_THROUGH = ("50.114969", "4.219907", "0.592110", "-1.980131")
_SHORTER = ("53.149425", "6.620690", "2.643678")


@dataclass(frozen=True)
class _Policy:
    """How long customers are contacted and counted.

    Attributes
    ----------
    name : str
    contacted : int
        Greatest recency that is contacted.
    periods : int or None
        Last period counted; None: for ever.
    recomputed : tuple of str
        Value by recency.
    horizon : int
        Periods that are simulated.
    residual : str
        What lies beyond: counted at its expectation, or so far away that it is nothing.
    customers : tuple of int
        Customers simulated in each world by recency on joining.
    """

    name: str
    contacted: int
    periods: int | None
    recomputed: tuple[str, ...]
    horizon: int
    residual: str
    customers: tuple[int, ...]


_POLICIES = (
    _Policy("", 4, None, _FOR_EVER, 40, "none", (5_000, 280_000, 50_000, 180_000)),
    _Policy(
        f" through t = {_HORIZON}",
        4,
        _HORIZON,
        _THROUGH,
        _HORIZON + 1,
        "none",
        (5_000, 25_000, 50_000, 180_000),
    ),
    _Policy(
        " without contact after recency 3",
        3,
        None,
        _SHORTER,
        _HORIZON,
        "expected",
        (5_000, 160_000, 60_000),
    ),
)


def examine(scale: float) -> Iterator[Finding]:
    """Value by recency under three policies.

    Where it is no more than about a contact it is what contacts leave of margins that are much
    larger: to know it to a thousandth would take up to a thousand million customers. There the
    error is held to a thousandth of the margins: odds of buying 0.5 % off are still found.
    """
    for policy in _POLICIES:
        moves, flows = chain(_BUYS[: policy.contacted])
        values = markov_value(moves, flows, _DISCOUNT, policy.periods)
        margins = markov_value(moves, np.eye(len(flows))[0] * _MARGIN, _DISCOUNT, policy.periods)
        for recency, printed in enumerate(policy.recomputed, start=1):
            result = simulate({"baseline": mailing(policy, recency)}, scaled(_WORLDS, scale))
            yield Finding(
                _CITATION,
                f"value at recency {recency}{policy.name}",
                float(values[recency - 1]),
                recomputed=printed,
                estimate=ratio(column(result, "value"), column(result, "customers")),
                gross=float(margins[recency - 1]) if abs(values[recency - 1]) < _SMALL else None,
            )


def mailing(policy: _Policy, recency: int) -> Scenario:
    """A policy as a scenario: one cohort, all of the same recency; nobody buys unless contacted."""
    transitions, _ = chain(_BUYS)
    states = [*(f"recency {one}" for one in range(1, len(_BUYS) + 1)), "lost"]
    contacts = [recency <= policy.contacted for recency in range(1, len(states))]
    catalogue = {
        "relationship": "states",
        "states": states,
        "transitions": transitions.tolist(),
        "transitions_uncontacted": [[0.0] * len(_BUYS) + [1.0]] * len(states),
        "state_values": [_MARGIN] + [0.0] * len(_BUYS),
        "contact_costs": [_CONTACT] * len(states),
        "contacts": [*contacts, False],
        "start_state": f"recency {recency}",
    }
    return scenario(
        time={"step": "year", "periods": policy.horizon},
        money={"discount_rate": _DISCOUNT, "timing": "start", "residual": policy.residual},
        segments={"catalogue": catalogue},
        cohorts={"cohort": {"segment": "catalogue", "customers": policy.customers[recency - 1]}},
    )


def chain(buys: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Transitions and cash flows of the states recency 1, 2, … and lost.

    A purchase leads back to recency 1, where its margin is earned; every customer but the lost is
    contacted.
    """
    lost = len(buys)
    transition = np.zeros((lost + 1, lost + 1))
    for recency, probability in enumerate(buys):
        transition[recency, 0] = probability
        transition[recency, recency + 1] = 1.0 - probability
    transition[lost, lost] = 1.0
    reward = np.full(lost + 1, -_CONTACT)
    reward[0] += _MARGIN
    reward[lost] = 0.0
    return transition, reward
