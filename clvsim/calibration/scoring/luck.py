"""How far customers' own remaining values lie from what is expected of them: variances, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.scoring.fit_file import ContractSegment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clvsim.calibration.scoring.group import Expected, Group

    Floats = NDArray[np.float64]


def variances(group: Group, expected: Expected) -> Floats:
    """Variances of customers' remaining values if the fit is right, infinite where they are.

    A customer of no value, because it is lost or nothing is earned, has none either.

    Returns
    -------
    ndarray
        Shape (customer,), currency squared.
    """
    segment, outlook = group.segment, group.terms.outlook
    # What is infinite for those alive stays out of the values of those who are worth nothing.
    with np.errstate(invalid="ignore"):
        if isinstance(segment, ContractSegment):
            own = segment.contract.variance(group.tenure, outlook)
        else:
            history, value = group.history, segment.value
            # The customer's own mean value is independent of what it buys.
            square = value.squares(history.frequency)
            square *= segment.model.squares(history, outlook, value.single)
            own = expected.alive * np.maximum(square - expected.alive * expected.ahead**2, 0.0)
        return np.where(expected.value != 0.0, expected.unit**2 * own, 0.0)


def why_infinite(group: Group, variance: Floats) -> str:
    """What makes the variance of some customers infinite: a note."""
    segment, many = group.segment, np.isinf(variance)
    why = "without a horizon or discounting, some hardly ever leave"
    if not isinstance(segment, ContractSegment):
        means = segment.value.squares(group.history.frequency[many])
        if np.isinf(means).any():
            why = "mean purchases have no finite variance where spend.a is 2 or less"
    return f"{group.name}: the luck of {many.sum():,} customers is infinite: {why}"
