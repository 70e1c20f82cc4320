"""How much of a world's NPV is luck: the variance that comes from its customers alone."""

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.compile import Compiled
from clvsim.kernels import plan as p

Floats = NDArray[np.float64]


def luck_of_customers(compiled: Compiled, cells: Floats) -> Floats:
    """Variance of the NPV over customers' luck, given the world: an unbiased estimate.

    Customers of a world are independent of one another. Where they arrive as a Poisson process,
    the variance of a sum over them is the expected sum of squares (compound Poisson); where their
    number is fixed, it is the number times the variance of one.

    Parameters
    ----------
    compiled : Compiled
    cells : (world, cell, 3)
        Customers, their summed value before acquisition, currency, and its summed square.

    Returns
    -------
    (world,)
        Currency squared, at time 0.
    """
    facts = compiled.model.facts
    number, value, square = np.moveaxis(cells, -1, 0)
    # A gift is paid on joining by the number that join, and so is luck where that number is.
    gift = compiled.intake.gift
    arriving = square - 2.0 * gift * value + gift**2 * number
    with np.errstate(divide="ignore", invalid="ignore"):
        fixed = np.where(number > 1.0, (square - value**2 / number) * number / (number - 1.0), 0.0)
    variance = np.where(facts[:, p.SOURCE] == p.ARRIVALS, arriving, fixed)
    variance = variance * compiled.model.period_factor ** (2.0 * facts[:, p.START])
    return np.asarray(np.cumsum(variance, axis=1)[:, -1])
