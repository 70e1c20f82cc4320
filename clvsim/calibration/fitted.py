"""What a fit says: parameters, how sure they are, and what the data could not tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


PROBABILITY = "churn"
"""The one parameter that is a probability."""


@dataclass(frozen=True)
class Fitted:
    """A model fitted to records by maximum likelihood.

    Attributes
    ----------
    model : str
        "bg/nbd", "pareto/nbd", "bg/bb", "gamma-gamma", "sbg", "geometric", "bdw", ...
    parameters : dict of str to float
        By the names of the literature and in its order; all positive, or 0 at an edge.
    covariance : ndarray
        Of the logs of the parameters, shape (parameter, parameter), 1; NaN in the row and
        column of a parameter whose error is not known.
    log_likelihood : float
        At these parameters; constants that no parameter moves are left out as in the
        literature, so compare it only between models of the same data.
    sample_size : float
        Customers that the fit used.
    notes : tuple of str
        What is not identified and what was fallen back to, for people.
    told : ndarray, optional
        As `covariance` where all of that is known; where it is not, the covariance over what the
        data tell of the parameters together, the rest being held as it is. Numbers are drawn by it.
    draws : ndarray, optional
        Parameters that the data might as well come from, all as likely, shape (draw, parameter):
        where a normal distribution of the logs is no likeness of what the data say. Numbers are
        then drawn from these.
    at_most : float, optional
        Where the one parameter is a probability of 0, the highest at which that would still happen
        one time in twenty: its one-sided bound at 95 %.

    Raises
    ------
    ValueError
        The covariance has not one row and one column for each parameter.

    """

    model: str
    parameters: dict[str, float]
    covariance: NDArray[np.float64]
    log_likelihood: float
    sample_size: float
    notes: tuple[str, ...] = ()
    told: NDArray[np.float64] | None = None
    at_most: float | None = None
    draws: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        count = len(self.parameters)
        if self.covariance.shape != (count, count):
            message = (
                f"the covariance of {count} parameters must have shape ({count}, {count}), "
                f"not {self.covariance.shape}"
            )
            raise ValueError(message)

    @property
    def drawn(self) -> NDArray[np.float64]:
        """Covariance of the logs by which numbers are drawn, shape (parameter, parameter), 1."""
        return self.covariance if self.told is None else self.told

    @property
    def aic(self) -> float:
        """Akaike's information criterion (Akaike 1974): ``2k - 2 log L``, lower is better."""
        return 2.0 * len(self.parameters) - 2.0 * self.log_likelihood

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard errors in the units of the parameters (delta method); NaN if not known."""
        return {
            name: value * error
            for (name, value), error in zip(
                self.parameters.items(), self._log_errors(), strict=True
            )
        }

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Interval that covers a parameter with probability ``level``, log-normal.

        Of ``churn``, which is a probability, by its log-odds; of draws, between their quantiles.

        Parameters
        ----------
        name : str
            Of the parameter.
        level : float
            Between 0 and 1.

        Returns
        -------
        tuple of float
            Lower and upper bound in the units of the parameter; NaN if not known.

        Raises
        ------
        ValueError
            There is no such parameter, or the level is not between 0 and 1.

        """
        names = list(self.parameters)
        if name not in names:
            message = f"{self.model} has no parameter {name!r}; it has {', '.join(names)}"
            raise ValueError(message)
        if not 0.0 < level < 1.0:
            message = f"the level of an interval must lie between 0 and 1, not {level:g}"
            raise ValueError(message)
        if self.draws is not None:
            column = self.draws[:, names.index(name)]
            low, high = np.quantile(column, [0.5 - 0.5 * level, 0.5 + 0.5 * level]).tolist()
            return low, high
        half = NormalDist().inv_cdf(0.5 + 0.5 * level) * self._log_errors()[names.index(name)]
        value = self.parameters[name]
        if name == PROBABILITY and 0.0 < value < 1.0:
            # Of its log-odds, as no probability is above 1.
            odds, half = value / (1.0 - value), min(half / (1.0 - value), 700.0)
            low, high = odds * math.exp(-half), odds * math.exp(half)
            return low / (1.0 + low), high / (1.0 + high)
        # An error so large that its exponential overflows leaves the upper bound open.
        top = math.inf if half > 700.0 else value * math.exp(half)
        return value * math.exp(-half), top

    def _log_errors(self) -> list[float]:
        """Standard errors of the logs of the parameters, 1; NaN if not known."""
        variances = np.diag(self.covariance).tolist()
        return [math.sqrt(variance) if variance >= 0.0 else math.nan for variance in variances]
