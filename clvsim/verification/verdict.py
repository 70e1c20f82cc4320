"""Findings and verdicts: what was compared, and the rule by which it passes."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from clvsim.verification.estimate import Estimate, Floats

#: Largest deviation of a simulated figure that chance explains, standard errors: a correct
#: simulator fails a figure by chance once in 16,000 (6.3e-5), one of 80 figures once in 200 seeds.
Z_LIMIT = 4.0
#: Largest relative standard error at which agreement means something.
PRECISION = 1e-3
#: Relative difference that is rounding where a simulation has no Monte Carlo error.
EXACT = 1e-9
#: Relative standard error that is rounding.
_NO_ERROR = 1e-12


@dataclass(frozen=True)
class Prediction:
    """An observation beside the distribution that was predicted of it.

    Attributes
    ----------
    observed : float
    expected, deviation : float
        Mean and standard deviation of the predictive distribution.
    level : float
        Probability of the interval, 1.
    low, high : float
        Bounds that the prediction lies below and above with the same probability.
    tail : float
        Probability of a value at least as far out as the observed one, both sides together, 1.
    """

    observed: float
    expected: float
    deviation: float
    level: float
    low: float
    high: float
    tail: float

    @property
    def z(self) -> float:
        """Distance of the observation from the expectation, standard deviations."""
        return (self.observed - self.expected) / self.deviation

    @property
    def holds(self) -> bool:
        """Whether the interval holds the observation."""
        return self.low <= self.observed <= self.high


def prediction(observed: float, draws: Floats, level: float = 0.95) -> Prediction:
    """An observation beside draws of its predictive distribution, ``(world,)``."""
    half = 0.5 * (1.0 - level)
    low, high = np.quantile(draws, [half, 1.0 - half])
    tail = 2.0 * min(float(np.mean(draws <= observed)), float(np.mean(draws >= observed)))
    return Prediction(
        observed=float(observed),
        expected=float(np.mean(draws)),
        deviation=float(np.std(draws, ddof=1)),
        level=level,
        low=float(low),
        high=float(high),
        tail=min(tail, 1.0),
    )


@dataclass(frozen=True)
class Finding:
    """A figure from the literature, its closed form and what the simulator says.

    Attributes
    ----------
    citation, quantity : str
    closed_form : float
        From ``clvsim.reference`` (or, for a fit, from what fits a scenario or records).
    published : str or None
        As printed in the publication, with all its digits; None where it prints none.
    recomputed : str or None
        Recomputed outside clvsim from the published inputs, with all digits given.
    estimate : Estimate or None
        Of the simulator; None for a closed form alone.
    prediction : Prediction or None
        What was observed of the quantity later, against what was predicted of it.
    departs : bool
        Whether what was observed is known to lie outside of the predictive interval: a fault of
        the model from the literature, not of the simulator.
    gross : float or None
        Where the figure is a small difference of large amounts, the larger of them: the standard
        error is a share of it. None: of the figure itself.
    """

    citation: str
    quantity: str
    closed_form: float
    published: str | None = None
    recomputed: str | None = None
    estimate: Estimate | None = None
    prediction: Prediction | None = None
    departs: bool = False
    gross: float | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether one figure is reproduced.

    Attributes
    ----------
    citation, quantity : str
    published : float or None
        As printed in the publication; None where it prints none.
    closed_form : float
    simulated, standard_error, z : float or None
        Of the simulator, and its deviation from the closed form in standard errors; None for a
        closed form alone. Without any Monte Carlo error ``z`` is 0 where both are equal to
        ``EXACT``, else infinite.
    passed : bool
        Closed form as printed and as recomputed, to every digit; ``|z|`` at most ``Z_LIMIT``; the
        relative standard error at most ``PRECISION``; what was observed inside of its predictive
        interval or, where it is known to depart, outside.
    prediction : Prediction or None
    departs : bool
        Whether the observation is known to lie outside.
    gross : float or None
        What the standard error is a share of where that is not the figure itself.
    """

    citation: str
    quantity: str
    published: float | None
    closed_form: float
    simulated: float | None
    standard_error: float | None
    z: float | None
    passed: bool
    prediction: Prediction | None = None
    departs: bool = False
    gross: float | None = None


@dataclass(frozen=True)
class Case:
    """A group of findings from one or a few simulations.

    Attributes
    ----------
    name : str
    examine : callable
        Finds, given the share of the full number of worlds to simulate.
    """

    name: str
    examine: Callable[[float], Iterable[Finding]]


def judge(finding: Finding, precision: float = PRECISION) -> Verdict:
    """Verdict on a finding, given the largest relative standard error that is accepted."""
    as_printed = all(
        agrees(finding.closed_form, text)
        for text in (finding.published, finding.recomputed)
        if text is not None
    )
    estimate, z, precise = finding.estimate, None, True
    if estimate is not None:
        z = deviation(estimate, finding.closed_form)
        whole = finding.closed_form if finding.gross is None else finding.gross
        precise = estimate.standard_error <= precision * abs(whole)
    later = finding.prediction
    # A departure that is none would be told wrongly, too.
    as_told = later is None or later.holds != finding.departs
    return Verdict(
        citation=finding.citation,
        quantity=finding.quantity,
        published=None if finding.published is None else float(finding.published),
        closed_form=finding.closed_form,
        simulated=None if estimate is None else estimate.value,
        standard_error=None if estimate is None else estimate.standard_error,
        z=z,
        passed=as_printed and precise and as_told and (z is None or abs(z) <= Z_LIMIT),
        prediction=later,
        departs=finding.departs,
        gross=finding.gross,
    )


def agrees(value: float, printed: str) -> bool:
    """Whether a value rounds to a printed figure, to its last digit."""
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * 10.0**-decimals


def deviation(estimate: Estimate, expected: float) -> float:
    """Deviation of an estimate in standard errors; NaN (which never passes) if it is not finite."""
    difference = estimate.value - expected
    if estimate.standard_error <= _NO_ERROR * abs(estimate.value):
        close = abs(difference) <= EXACT * max(abs(expected), abs(estimate.value))
        return 0.0 if close else math.copysign(math.inf, difference)
    return difference / estimate.standard_error
