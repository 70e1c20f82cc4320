"""Scores of customers against the same expectations by hypergeometric functions.

A million customers drawn from Pareto/NBD with the parameters of CDNOW, all different; out come
P(alive), discounted purchases ahead, the value of a purchase and, in ``with_intervals``, the bounds
of each customer's own value.

The rivals give BG/NBD purchases in 52 weeks by the ₂F₁ of Fader, Hardie & Lee (2005, equation 10):
one customer at a time, at a size of its own and scaled up, and all at once in NumPy. They neither
discount nor give intervals: ``bg_nbd_same_figure`` is what they are compared with.

    python benchmarks/scoring.py [--tiny]
"""

import math
import sys
from typing import Any

import numpy as np
import scipy.special
from timing import report, seconds

from clvsim.calibration.scoring.outlook import Outlook
from clvsim.calibration.scoring.predictive import spread
from clvsim.calibration.scoring.purchase import BgNbd, History, ParetoNbd, PurchaseModel
from clvsim.calibration.scoring.value import GammaGamma

BG, PARETO = (0.243, 4.414, 0.793, 2.426), (0.553, 10.578, 0.606, 11.669)
VALUE = GammaGamma(6.25, 3.74, 6.25 * 15.44)
WEEKS, LONGEST = 52.0, 200.0
WEEKLY = math.expm1(math.log1p(0.1) * 7.0 / 365.25)


def customers(size: int) -> tuple[History, np.ndarray]:
    """Histories of a Pareto/NBD cohort, and mean values of its purchases."""
    random = np.random.default_rng(7)
    r, alpha, s, beta = PARETO
    age = random.uniform(1.0, LONGEST, size)
    life = random.exponential(size=size) / random.gamma(s, 1.0 / beta, size)
    watched = np.minimum(life, age)
    frequency = random.poisson(random.gamma(r, 1.0 / alpha, size) * watched).astype(np.float64)
    last = random.random(size) ** (1.0 / np.maximum(frequency, 1.0))
    recency = np.where(frequency > 0.0, watched * last, 0.0)
    return History(frequency, recency, age), random.gamma(6.0, 6.0, size)


def scores(model: PurchaseModel, history: History, value: np.ndarray, outlook: Outlook) -> Any:
    """All that a score has of them."""
    alive, ahead, unit = expectations(model, history, value, outlook)
    return alive * ahead * unit, spread(model, VALUE, history, outlook, alive, unit, 1)


def expectations(
    model: PurchaseModel, history: History, value: np.ndarray, outlook: Outlook
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P(alive), discounted purchases of those who are, and expected value of one."""
    alive = model.alive(history)
    return alive, model.ahead(history, outlook)[1], VALUE.mean(history.frequency, value)


def loop(history: History) -> np.ndarray:
    """Rival: BG/NBD purchases ahead, customer by customer."""
    rows = zip(history.frequency, history.recency, history.age, strict=True)
    return np.array([formula(*row) for row in rows])


def formula(x: Any, last: Any, age: Any) -> Any:
    """Equation 10 as printed, for one customer or for many."""
    r, alpha, a, b = BG
    below = alpha + age
    odds = (x > 0) * a / (b + np.maximum(x, 1) - 1.0) * (below / (alpha + last)) ** (r + x)
    second = scipy.special.hyp2f1(r + x, b + x, a + b + x - 1.0, WEEKS / (below + WEEKS))
    share = 1.0 - (below / (below + WEEKS)) ** (r + x) * second
    return (a + b + x - 1.0) / (a - 1.0) * share / (1.0 + odds)


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    size, repeats, few = (500, 1, 50) if tiny else (1_000_000, 3, 20_000)
    history, value = customers(size)
    table = np.column_stack((history.frequency, history.recency, history.age))
    figures: dict[str, Any] = {
        "customers": size,
        "different": len(np.unique(table, axis=0)),
        "frequencies": len(np.unique(history.frequency)),
    }
    outlooks = {"52_weeks": Outlook(WEEKS, WEEKLY), "unlimited": Outlook(math.inf, WEEKLY)}
    for name, model in (("bg_nbd", BgNbd(*BG)), ("pareto_nbd", ParetoNbd(*PARETO))):
        for ahead, outlook in outlooks.items():
            arguments = (model, history, value, outlook)
            figures[f"{name}_{ahead}"] = {
                "expectations": seconds(lambda given=arguments: expectations(*given), repeats),
                "with_intervals": seconds(lambda given=arguments: scores(*given), repeats),
            }
    model = BgNbd(*BG)

    def same(people: History) -> np.ndarray:
        return model.alive(people) * model.ahead(people, Outlook(WEEKS))[0]

    some = History(history.frequency[:few], history.recency[:few], history.age[:few])
    figures["bg_nbd_same_figure"] = seconds(lambda: same(history), repeats)
    looped = seconds(lambda: loop(some), repeats)
    figures["rival_loop_over_hyp2f1"] = {
        **looped,
        "customers": few,
        "scaled_up_s": looped["fastest_s"] / few * size,
    }
    theirs = formula(history.frequency, history.recency, history.age)
    figures["rival_numpy_hyp2f1"] = seconds(
        lambda: formula(history.frequency, history.recency, history.age), repeats
    )
    figures["largest_relative_difference"] = float(np.max(np.abs(theirs / same(history) - 1.0)))
    fastest = figures["bg_nbd_same_figure"]["fastest_s"]
    figures["speed_up"] = {
        "over_the_loop": figures["rival_loop_over_hyp2f1"]["scaled_up_s"] / fastest,
        "over_numpy": figures["rival_numpy_hyp2f1"]["fastest_s"] / fastest,
    }
    return figures


if __name__ == "__main__":
    report("scoring", measure(tiny="--tiny" in sys.argv))
