"""How far customers' own values and purchases lie from what is expected: variances, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.scoring.fit_file import ContractSegment
from clvsim.calibration.scoring.outlook import Outlook
from clvsim.errors import counted

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


def variances_of_purchases(group: Group, expected: Expected) -> Floats:
    """Variances of customers' purchases within the horizon if the fit is right.

    Of those who may be lost, that they may be is in them. Infinite where they are.

    Returns
    -------
    ndarray
        Shape (customer,), 1.
    """
    segment, counted = group.segment, Outlook(group.terms.outlook.horizon)
    if isinstance(segment, ContractSegment):
        return segment.contract.variance(group.tenure, counted)
    square = segment.model.squares(group.history, counted, 1.0)
    with np.errstate(invalid="ignore"):
        found = np.maximum(expected.alive * square - expected.purchases**2, 0.0)
    found[np.isinf(expected.purchases)] = np.inf
    return np.where(expected.alive > 0.0, found, 0.0)


def why_infinite(group: Group, variance: Floats) -> str:
    """What makes the variance of some customers infinite: a note."""
    segment, many = group.segment, np.isinf(variance)
    why = "without a horizon or discounting, some hardly ever leave"
    if not isinstance(segment, ContractSegment):
        means = segment.value.squares(group.history.frequency[many])
        if np.isinf(means).any():
            why = "mean purchases have no finite variance where spend.a is 2 or less"
    return f"{group.name}: the luck of {counted(many.sum(), 'customer')} is infinite: {why}"


def why_uncounted(group: Group, variance: Floats) -> str:
    """That the variance of the purchases of some customers is infinite: a note."""
    many = counted(int(np.isinf(variance).sum()), "customer")
    return (
        f"{group.name}: without a horizon the luck of the purchases of {many} is infinite: some "
        "hardly ever leave; give one with --horizon"
    )
