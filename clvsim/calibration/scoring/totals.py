"""Sums of scores, over all customers and by class: the error of the fit in them, and the luck."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

FIGURES = ("value", "alive", "purchases")
"""What is summed over customers: currency, customers, purchases."""


@dataclass(frozen=True)
class Slopes:
    """How what is expected of customers of a segment moves with the numbers of its fit.

    Attributes
    ----------
    customers : ndarray of int, shape (customer,)
        Places of all in the segment.
    some : ndarray of int, shape (some,)
        Places of those whose slopes are known; none of them: the fit does not say how sure it is.
    each : ndarray, shape (figure, number, some)
        Slopes of `FIGURES` on the scales of the covariance.
    covariance : ndarray, shape (number, number)
        Of the fitted numbers, on their scales.
    """

    customers: Whole
    some: Whole
    each: Floats
    covariance: Floats


@dataclass(frozen=True)
class Error:
    """Standard errors of a figure.

    Attributes
    ----------
    fit : float
        That comes from the fitted numbers; NaN: not known.
    luck : float
        Standard deviation if the fit is right; it may be infinite.
    simulation : float
        Monte Carlo standard error; 0: the figure is exact.
    """

    fit: float
    luck: float
    simulation: float = 0.0

    @property
    def all(self) -> float:
        """All of them together, NaN where that of the fit is not known."""
        return math.hypot(self.fit, self.luck, self.simulation)

    @property
    def known(self) -> float:
        """All of them together as far as they are known, and finite."""
        return self.all if math.isfinite(self.all) else math.hypot(self.luck, self.simulation)

    def over(self, number: float) -> Error:
        """The same of the figure over a number."""
        if not number:
            return _NOTHING
        return Error(self.fit / number, self.luck / number, self.simulation / number)


_NOTHING = Error(math.nan, math.nan)


@dataclass(frozen=True)
class Errors:
    """Errors of sums over the customers of each class, held in the classes that they are in.

    Attributes
    ----------
    fit : ndarray, shape (figure, class, class)
        Covariance of the classes' sums that comes from the fits; NaN: not known.
    luck : ndarray, shape (figure, class)
        Variance of the classes' sums if the fits are right; customers have theirs independently.
    simulation : ndarray, shape (figure, class, class)
        Covariance of the classes' sums over drawn worlds.
    """

    fit: Floats
    luck: Floats
    simulation: Floats

    def total(self, figure: str) -> Error:
        """Of the sum over all customers."""
        at = FIGURES.index(figure)
        return _error(self.fit[at].sum(), self.luck[at].sum(), self.simulation[at].sum())

    def of_class(self, figure: str, number: int) -> Error:
        """Of the sum over a class."""
        at = FIGURES.index(figure)
        own = at, number, number
        return _error(self.fit[own], self.luck[at, number], self.simulation[own])

    def of_share(self, figure: str, number: int, sums: Floats) -> Error:
        """Of a class's share of the sum over all, by the delta method.

        Parameters
        ----------
        figure : str
        number : int
            Of the class.
        sums : ndarray, shape (class,)
            Of the figure.
        """
        at, total = FIGURES.index(figure), float(sums.sum())
        if not total:
            return _NOTHING
        slope = (np.eye(sums.size)[number] - sums[number] / total) / total
        with np.errstate(invalid="ignore"):
            # What is infinite for a class that is not weighed stays out.
            luck = np.where(slope != 0.0, slope**2 * self.luck[at], 0.0).sum()
        return _error(slope @ self.fit[at] @ slope, luck, slope @ self.simulation[at] @ slope)


def _error(*variances: float) -> Error:
    # Rounding may leave less than nothing of a variance; NaN stays.
    return Error(*np.sqrt(np.maximum(variances, 0.0)).tolist())


def errors(
    parts: Iterable[Slopes], figures: Sequence[Floats], variances: Sequence[Floats], group: Whole,
    classes: int,
) -> Errors:  # fmt: skip
    """Errors of the sums by class.

    Parameters
    ----------
    parts : iterable of Slopes
        Of each segment; their fits are independent of one another.
    figures : sequence of ndarray
        Expected `FIGURES` of each customer, shape (customer,).
    variances : sequence of ndarray
        Variances of the same if the fits are right, shape (customer,).
    group : ndarray of int, shape (customer,)
        Class of each customer.
    classes : int
        How many there are.
    """
    fit = np.zeros((len(FIGURES), classes, classes))
    for part in parts:
        moved = _by_class(part, figures, group, classes)
        with np.errstate(invalid="ignore"):
            fit += np.einsum("fcn,nm,fdm->fcd", moved, part.covariance, moved)
    luck = [np.bincount(group, one, classes) for one in variances]
    return Errors(fit, np.array(luck), np.zeros_like(fit))


def _by_class(part: Slopes, figures: Sequence[Floats], group: Whole, classes: int) -> Floats:
    """Slopes of a segment's sums by class, shape (figure, class, number).

    Those whose slopes are known stand for the others of their class in proportion to the figure.
    """
    numbers = part.covariance.shape[0]
    found = np.zeros((len(FIGURES), classes, numbers))
    has = np.bincount(group[part.customers], minlength=classes) > 0
    if not part.some.size:
        found[:, has] = math.nan
        return found
    own, judged = group[part.customers], group[part.some]
    for at, figure in enumerate(figures):
        every = np.bincount(own, figure[part.customers], classes)
        some = np.bincount(judged, figure[part.some], classes)
        slopes = np.array([np.bincount(judged, one, classes) for one in part.each[at]])
        with np.errstate(invalid="ignore", divide="ignore"):
            # A class of which nobody was judged moves as all together do.
            alike = every / some.sum() * slopes.sum(axis=1, keepdims=True)
            scaled = np.where(every == some, 1.0, every / some) * slopes
            found[at] = np.where((some == 0.0) & (every != 0.0), alike, scaled).T
    return found
