"""What the error of a fit does to scores: laws that it might as well have been, and slopes."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap
from pydantic import ValidationError

from clvsim.calibration.scoring.totals import FIGURES, Slopes
from clvsim.scenario.root import symmetric_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from clvsim.calibration.scoring.fit_file import Segment
    from clvsim.calibration.scoring.group import Group, Known

    Floats = NDArray[np.float64]

#: Customers by whom the error of the fit is judged, at most, and step of a parameter's log.
_JUDGED, _STEP = 2_000, 1e-3
LAWS = 64
"""Laws that a fit might as well have been, for the intervals: as many lives are drawn from each."""
#: Laws tried for that, and the widest error of a number's logarithm: beyond, a fit tells nothing.
_MOST_TRIED, _WIDEST = 128, 2.0
#: Customers for whom a law must not expect for ever what the fit does not.
_FEW = 8


def laws(group: Group) -> list[Segment]:
    """What a segment's fit might as well have been, all as likely; none where it does not say.

    Its numbers are normal on the scales of their covariance. Those that no segment can have, or
    under which customers are worth infinitely much, are passed over.
    """
    source = group.segment.fit
    paths = [] if source is None else [one for one in source.parameters if _matters(one)]
    if source is None or not paths:
        return []
    if source.draws:
        return _possible(group, (partial(group.drawn, at) for at in range(len(source.draws))))
    places = [source.parameters.index(path) for path in paths]
    covariance = np.array(source.covariance)[np.ix_(places, places)]
    if np.linalg.eigvalsh(covariance)[-1] > _WIDEST**2:
        return []
    root = symmetric_root(covariance)
    shares = scipy.stats.qmc.Sobol(len(places), rng=group.terms.seed).random(_MOST_TRIED)
    changes = (
        dict(zip(paths, (root @ normal).tolist(), strict=True))
        for normal in scipy.special.ndtri(shares)
    )
    return _possible(group, (partial(group.moved, one) for one in changes))


def _possible(group: Group, draws: Iterable[Callable[[], Segment]]) -> list[Segment]:
    """The first `LAWS` of draws that can be and under which nobody is worth infinitely much."""
    some = group.some(_FEW)
    found: list[Segment] = []
    for draw in draws:
        with suppress(ValidationError), np.errstate(over="ignore"):
            law = draw()
            if np.isfinite(some.expected(law).value).all():
                found.append(law)
        if len(found) == LAWS:
            return found
    return []


def _matters(path: str) -> bool:
    """Whether scores hang on a number: churn is judged by tenure or history, not by spend."""
    return not path.startswith("correlations.")


def luck_alone(group: Group) -> str:
    """Why intervals leave out the error of a segment's fit: a note."""
    why = "says nothing of its error"
    source = group.segment.fit
    if source and any(map(_matters, source.parameters)):
        why = "has an error so wide that numbers drawn from it can hardly be"
    return f"{group.name}: the fit {why}: intervals of its customers are luck alone"


def slopes(group: Group) -> Slopes:
    """How what is expected of a segment's customers moves with its fitted numbers.

    Differences over small steps on the scales of the fit's covariance, of at most 2,000 customers,
    every so many-th of the file. Of none where the fit does not say how sure it is.
    """
    source = group.segment.fit
    unknown = Slopes(group.own, group.own[:0], np.zeros((len(FIGURES), 1, 0)), np.ones((1, 1)))
    if source is None or not source.parameters:
        return unknown
    some = group.some(_JUDGED)
    if source.draws:
        return _deviations(group, some) or unknown
    known: Known = {}

    def figures(path: str, change: float) -> Floats:
        found = some.expected(group.moved({path: change}), known)
        return np.array([found.value, found.alive, found.purchases])

    try:
        # What is infinite has no slope.
        with np.errstate(invalid="ignore"):
            each = [figures(path, _STEP) - figures(path, -_STEP) for path in source.parameters]
    except ValidationError:
        # A number so near its bound cannot be moved both ways.
        return unknown
    slope = np.stack(each, axis=1) / (2.0 * _STEP)
    return Slopes(group.own, some.own, slope, np.array(source.covariance))


def _deviations(group: Group, some: Group) -> Slopes | None:
    """What draws of a fit do, as slopes in as many numbers that are independent of each other.

    None where too many of the draws leave somebody worth infinitely much.
    """
    found = laws(group)
    if not found:
        return None
    each = [some.expected(one) for one in found]
    figures = np.array([[one.value, one.alive, one.purchases] for one in each])
    with np.errstate(invalid="ignore"):
        away = (figures - figures.mean(axis=0)) / math.sqrt(len(found) - 1.0)
    return Slopes(group.own, some.own, away.transpose(1, 0, 2), np.eye(len(found)))
