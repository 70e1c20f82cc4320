"""Pfeifer & Carraway 2000: value of customers by how long ago they last bought."""

from collections.abc import Iterator

import numpy as np

from clvsim.reference import markov_value
from clvsim.verification.estimate import Floats
from clvsim.verification.verdict import Finding

_CITATION = "Pfeifer & Carraway 2000"
_MARGIN, _CONTACT, _DISCOUNT = 40.0, 4.0, 0.2
#: Probability of a purchase one, two, three and four periods after the last.
_BUYS = (0.3, 0.2, 0.15, 0.05)
_HORIZON = 4
#: Value by recency, recomputed: for ever, through t = 4, and if contact ends after recency 3.
_FOR_EVER = ("52.319609", "5.553784", "1.250773", "-1.820016")
_THROUGH = ("50.114969", "4.219907", "0.592110", "-1.980131")
_SHORTER = ("53.149425", "6.620690", "2.643678")


def examine(_scale: float) -> Iterator[Finding]:
    """Value by recency under three policies."""
    policies = (
        ("", _BUYS, None, _FOR_EVER),
        (f" through t = {_HORIZON}", _BUYS, _HORIZON, _THROUGH),
        (" without contact after recency 3", _BUYS[:3], None, _SHORTER),
    )
    for policy, buys, periods, recomputed in policies:
        values = markov_value(*chain(buys), _DISCOUNT, periods)
        for recency, printed in enumerate(recomputed, start=1):
            yield Finding(
                _CITATION,
                f"value at recency {recency}{policy}",
                float(values[recency - 1]),
                recomputed=printed,
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
