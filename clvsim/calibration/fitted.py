"""What a fit says: parameters, how sure they are, and what the data could not tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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

    def __post_init__(self) -> None:
        count = len(self.parameters)
        if self.covariance.shape != (count, count):
            message = (
                f"the covariance of {count} parameters must have shape ({count}, {count}), "
                f"not {self.covariance.shape}"
            )
            raise ValueError(message)

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
        half = NormalDist().inv_cdf(0.5 + 0.5 * level) * self._log_errors()[names.index(name)]
        value = self.parameters[name]
        # An error so large that its exponential overflows leaves the upper bound open.
        top = math.inf if half > 700.0 else value * math.exp(half)
        return value * math.exp(-half), top

    def _log_errors(self) -> list[float]:
        """Standard errors of the logs of the parameters, 1; NaN if not known."""
        variances = np.diag(self.covariance).tolist()
        return [math.sqrt(variance) if variance >= 0.0 else math.nan for variance in variances]
