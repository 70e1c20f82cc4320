"""Statistical assertions whose tolerance follows from sample size and false-alarm rate.

A correct program fails one run of the whole suite in a million (`FAMILY_WISE_RATE`),
shared out evenly over at most `STATISTICAL_TESTS` assertions (Bonferroni). An assertion
may name the ``fault`` that it is there to find, the figure that a wrong program would
give; if it could not find that, it says so instead of passing (`CannotDetectError`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FAMILY_WISE_RATE = 1e-6
"""Chance, 1, that a correct program fails any statistical assertion of the suite."""

STATISTICAL_TESTS = 720
"""Assertions that share it; raise it before the suite has more."""

FALSE_ALARM_RATE = FAMILY_WISE_RATE / STATISTICAL_TESTS
"""Chance, 1, that a correct program fails one assertion, either side together."""

POWER = 0.95
"""Chance, 1, with which a fault that an assertion is meant for must be found."""

_FEWEST = 20
"""Sample size below which skewness cannot be judged, nor a mean's error."""


class CannotDetectError(Exception):
    """The assertion could not find the fault that it is meant for: enlarge the sample.

    Not an `AssertionError`: the program may be right, the test is wrong.
    """


@dataclass(frozen=True)
class Verdict:
    """What an assertion that passed has shown.

    Attributes
    ----------
    estimate : float
        The observed mean or proportion.
    low, high : float
        Bounds between which it had to lie.
    detectable_low, detectable_high : float
        Nearest true values below and above the expected one that would have been found
        with probability `POWER`; infinite where there are none.

    """

    estimate: float
    low: float
    high: float
    detectable_low: float
    detectable_high: float


def z_limit() -> float:
    """Largest absolute standard normal score that is no alarm, 1."""
    return float(scipy.stats.norm.isf(FALSE_ALARM_RATE / 2.0))


def assert_mean(
    sample_or_mean: ArrayLike,
    se: float | None,
    expected: float,
    *,
    fault: float | None = None,
) -> Verdict:
    """Assert that a mean is the expected one, within its own Monte Carlo error.

    Parameters
    ----------
    sample_or_mean : array_like
        Independent draws, shape (n,), or their mean.
    se : float or None
        Standard error of the mean; None to take it from the draws. Then Student's t
        replaces the normal, and the bounds widen for the skewness g of the draws by
        ``|g| (2z² + 1)/(6 √n)`` standard errors (Hall 1992, the Cornish-Fisher term of
        a studentised mean).
    expected : float
        The mean under a correct program.
    fault : float, optional
        The mean under the wrong program that this assertion is there to find.

    Returns
    -------
    Verdict
        The bounds, and what would have been found.

    Raises
    ------
    AssertionError
        The mean lies outside its bounds or is not finite.
    CannotDetectError
        A program with mean ``fault`` would pass more often than 1 - `POWER`, or no
        standard error can be had.

    """
    draws = np.asarray(sample_or_mean, dtype=np.float64)
    if not np.all(np.isfinite(draws)):
        message = "the sample holds values that are not finite"
        raise AssertionError(message)
    if se is None:
        error, limit = _sample_error(draws)
    else:
        error, limit = float(se), z_limit()
    if not (math.isfinite(error) and error >= 0.0):
        message = f"a standard error of {error:g} can judge nothing"
        raise CannotDetectError(message)
    reach = (limit + float(scipy.stats.norm.ppf(POWER))) * error
    verdict = Verdict(
        estimate=float(np.mean(draws)),
        low=expected - limit * error,
        high=expected + limit * error,
        detectable_low=expected - reach,
        detectable_high=expected + reach,
    )
    return _judge(verdict, expected, fault, "mean")


def assert_proportion(
    successes: int, trials: int, p: float, *, fault: float | None = None
) -> Verdict:
    """Assert that a count of successes agrees with probability ``p``: exact binomial.

    Parameters
    ----------
    successes, trials : int
        Observed count and number of independent trials.
    p : float
        Probability of a success under a correct program, 1.
    fault : float, optional
        That under the wrong program that this assertion is there to find, 1.

    Returns
    -------
    Verdict
        The bounds as proportions, and what would have been found.

    Raises
    ------
    AssertionError
        Fewer or more successes than chance allows.
    CannotDetectError
        A program with probability ``fault`` would pass more often than 1 - `POWER`, or
        every count would pass.

    """
    if trials <= 0 or not 0 <= successes <= trials:
        message = f"{successes} successes of {trials} trials are not a sample"
        raise CannotDetectError(message)
    binomial = scipy.stats.binom(trials, p)
    # ppf(q) is the first count whose cdf reaches q, so either tail keeps within its half
    # of the rate: P(X < low) < rate/2 and P(X > high) <= rate/2.
    low = int(binomial.ppf(FALSE_ALARM_RATE / 2.0))
    high = int(binomial.isf(FALSE_ALARM_RATE / 2.0))
    if low <= 0 and high >= trials:
        message = f"with {trials} trials at probability {p:g} every count would pass"
        raise CannotDetectError(message)
    below, above = -math.inf, math.inf
    if low > 0:
        below = float(scipy.stats.beta.ppf(1.0 - POWER, low, trials - low + 1))
    if high < trials:
        above = float(scipy.stats.beta.ppf(POWER, high + 1, trials - high))
    verdict = Verdict(
        estimate=successes / trials,
        low=low / trials,
        high=high / trials,
        detectable_low=below,
        detectable_high=above,
    )
    return _judge(verdict, p, fault, "proportion")


def _sample_error(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Standard error of the mean of draws, and how many of them are no alarm."""
    if draws.ndim != 1 or draws.size < _FEWEST:
        message = f"draws of shape {draws.shape}: give a list of at least {_FEWEST}"
        raise CannotDetectError(message)
    size = draws.size
    deviation = float(np.std(draws, ddof=1))
    if deviation == 0.0:
        return 0.0, 0.0
    skewness = float(np.mean(((draws - np.mean(draws)) / deviation) ** 3))
    student = float(scipy.stats.t.isf(FALSE_ALARM_RATE / 2.0, size - 1))
    widened = abs(skewness) * (2.0 * student**2 + 1.0) / (6.0 * math.sqrt(size))
    return deviation / math.sqrt(size), student + widened


def _judge(verdict: Verdict, expected: float, fault: float | None, what: str) -> Verdict:
    """Return the verdict, or raise what speaks against the program or the test."""
    low, high = verdict.detectable_low, verdict.detectable_high
    found = f"detectable: below {low:.6g} or above {high:.6g}"
    if fault is not None and low < fault < high:
        message = (
            f"a {what} of {fault:.6g} in place of {expected:.6g} would pass too often; {found}"
        )
        raise CannotDetectError(message)
    if not verdict.low <= verdict.estimate <= verdict.high:
        message = (
            f"{what} {verdict.estimate:.8g}, expected {expected:.8g}: outside "
            f"[{verdict.low:.8g}, {verdict.high:.8g}] ({found}; false alarms "
            f"{FALSE_ALARM_RATE:.0e})"
        )
        raise AssertionError(message)
    return verdict
