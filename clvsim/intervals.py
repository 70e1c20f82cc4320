"""Intervals that hold: of means (Student), of shares (exact), of the worst worlds (ranks)."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv, stdtrit

Floats = NDArray[np.float64]
#: Two-sided level of the intervals.
LEVEL = 0.95
#: Share of worlds that value at risk and CVaR speak of.
TAIL = 0.05
#: Worst worlds that they need at least.
_FEWEST_IN_TAIL = 5
#: Worlds below which they have no figure.
FEWEST_FOR_TAIL = round(_FEWEST_IN_TAIL / TAIL)
#: Worlds that must be expected to see what is rare, and as many that are spared, before a mean
#: over worlds can be believed: with ten a 95 % interval holds in about 93 % of cases.
FEWEST_THAT_SEE = 10
#: Worlds that a pilot begins with, and its share of the worlds that it asks for.
FEWEST_OF_PILOT, PILOT_SHARE = 30, 0.125
#: Standard errors by which a pilot's answer is put higher: it is then seldom too few.
_CAUTION = 1.645
_HALF_LEVEL = 0.5 + LEVEL / 2.0


def reach(worlds: float | NDArray[np.generic]) -> Floats:
    """Standard errors that an interval of a mean reaches to each side: Student's t.

    Parameters
    ----------
    worlds : float or ndarray
        Worlds that have a value; those that reach to infinity (fewer than two) count as two.
    """
    return np.asarray(stdtrit(np.maximum(np.asarray(worlds) - 1.0, 1.0), _HALF_LEVEL))


def worlds_needed(spread: float) -> float:
    """Fewest worlds whose interval of the mean reaches as far as asked.

    Parameters
    ----------
    spread : float
        Standard deviation over worlds over the distance that the interval may reach, 1.
    """
    if not math.isfinite(spread):
        return math.inf

    def are_enough(worlds: float) -> bool:
        return float(reach(worlds)) * spread <= math.sqrt(worlds)

    low, high = 1.0, 2.0
    while not are_enough(high):
        low, high = high, 2.0 * high
    while high - low > 1.0:
        middle = math.floor(0.5 * (low + high))
        low, high = (low, middle) if are_enough(middle) else (middle, high)
    return high


def worlds_for_precision(npv: Floats, precision: float) -> float:
    """Worlds that a mean known to some share of itself needs, on the safe side.

    Parameters
    ----------
    npv : (scenario, world)
        Of a pilot: worlds that are not among those which the mean is taken over, so that how many
        these are does not depend on what they say (Stein 1945; stopping where the running mean
        is high would bias it).
    precision : float
        Half the 95 % interval over the mean, 1.
    """
    worlds = npv.shape[1]
    mean, spread = npv.mean(axis=1), npv.std(axis=1, ddof=1)
    most = 0.0
    for value, sd, own in zip(mean, spread, npv - mean[:, None], strict=True):
        if sd == 0.0:
            continue
        if value == 0.0:
            return math.inf
        # Error of the logarithm of spread over mean (delta method).
        influence = 0.5 * ((own / sd) ** 2 - 1.0) - own / value
        error = float(influence.std(ddof=1)) / math.sqrt(worlds)
        with np.errstate(over="ignore"):
            relative = sd / abs(value) * np.exp(_CAUTION * error)
        most = max(most, worlds_needed(float(relative) / precision))
    return most


def share_bounds(number: Floats, worlds: int) -> tuple[Floats, Floats]:
    """Exact bounds of a share of worlds (Clopper & Pearson 1934).

    Parameters
    ----------
    number : ndarray
        Worlds in which it happens (ties may count in part).
    worlds : int
    """
    rest = worlds - number
    low = betaincinv(np.maximum(number, 1e-9), rest + 1.0, 1.0 - _HALF_LEVEL)
    high = betaincinv(number + 1.0, np.maximum(rest, 1e-9), _HALF_LEVEL)
    return np.where(number > 0.0, low, 0.0), np.where(rest > 0.0, high, 1.0)


class TailFigure(NamedTuple):
    """A figure of the worst worlds, its standard error and the ends of its 95 % interval."""

    value: Floats
    error: Floats
    low: Floats
    high: Floats


def value_at_risk(loss: Floats) -> TailFigure:
    """The loss that 95 % of worlds stay below; NaN below ``FEWEST_FOR_TAIL`` worlds.

    The value is the median-unbiased quantile (Hyndman & Fan 1996, definition 8), its bounds are
    order statistics, which hold for any distribution (David & Nagaraja 2003, 7.1).

    Parameters
    ----------
    loss : (scenario, world)
    """
    worlds = loss.shape[1]
    if worlds < FEWEST_FOR_TAIL:
        return _unknown(len(loss))
    ordered = np.sort(loss, axis=1)
    below, above = _ranks(worlds)
    spread = math.sqrt(TAIL * (1.0 - TAIL) / worlds)
    ends = [1.0 - TAIL - spread, 1.0 - TAIL, 1.0 - TAIL + spread]
    left, middle, right = np.quantile(ordered, ends, axis=1, method="median_unbiased")
    return TailFigure(middle, 0.5 * (right - left), ordered[:, below - 1], ordered[:, above - 1])


def conditional_value_at_risk(loss: Floats) -> TailFigure:
    """Mean loss of the worst 5 % of worlds; NaN below ``FEWEST_FOR_TAIL`` worlds.

    The mean of the worst 5 % of a sample is too low; of half a world less it is not (measured).
    The error is that of the excess over the value at risk (Rockafellar & Uryasev 2000). The upper
    end follows its skewness (Hall 1992, "On the removal of skewness by transformation"). The lower
    one is Student's, and not above the mean of as many worst worlds as may belong to the 5 %: an
    event of about that probability has no spread beyond it. Degrees of freedom: of the worst.

    Parameters
    ----------
    loss : (scenario, world)
    """
    worlds = loss.shape[1]
    if worlds < FEWEST_FOR_TAIL:
        return _unknown(len(loss))
    ordered = np.sort(loss, axis=1)
    quantile = np.quantile(ordered, 1.0 - TAIL, axis=1, keepdims=True)
    excess = np.maximum(ordered - quantile, 0.0) / TAIL
    own = excess - excess.mean(axis=1, keepdims=True)
    spread = own.std(axis=1)
    error = spread * np.sqrt(1.0 / (worlds - 1.0))
    skewness = (own**3).mean(axis=1) / np.where(spread > 0.0, spread, 1.0) ** 3
    value = _mean_of_worst(ordered, TAIL * worlds - 0.5)
    wide = float(reach(TAIL * worlds))
    below, _ = _ranks(worlds)
    low = np.minimum(value - wide * error, _mean_of_worst(ordered, float(worlds - below)))
    return TailFigure(value, error, low, value + error * _skewed(wide, skewness, worlds))


def _unknown(scenarios: int) -> TailFigure:
    nothing = np.full(scenarios, np.nan)
    return TailFigure(nothing, nothing, nothing, nothing)


def _ranks(worlds: int) -> tuple[int, int]:
    """Ranks, from 1, of the losses between which the value at risk lies."""
    chance = bdtr(np.arange(worlds, dtype=np.float64), worlds, 1.0 - TAIL)
    below = int(np.searchsorted(chance, 1.0 - _HALF_LEVEL, side="left"))
    above = int(np.searchsorted(chance, _HALF_LEVEL, side="left")) + 1
    return below, min(above, worlds)


def _mean_of_worst(ordered: Floats, number: float) -> Floats:
    """Mean of the last ``number`` of ascending losses, one of them in part, ``(scenario,)``."""
    whole = math.floor(number)
    last = ordered.shape[1] - whole
    part = number - whole
    return np.asarray((ordered[:, last:].sum(axis=1) + part * ordered[:, last - 1]) / number)


def _skewed(wide: float, skewness: Floats, worlds: int) -> Floats:
    """Standard errors from a mean up to the end of its interval, given the skewness."""
    bend = np.where(skewness > 0.0, skewness, 0.0) / math.sqrt(worlds)
    bent = np.where(bend > 0.0, bend, 1.0)
    up = 3.0 / bent * (1.0 - np.cbrt(1.0 - bent * (wide + bent / 6.0)))
    return np.where(bend > 1e-9, up, wide)
