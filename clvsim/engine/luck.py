"""How much of a world's NPV is luck: the variance that comes from its customers alone."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from clvsim.engine.compile import Compiled
from clvsim.engine.undecided import undecided
from clvsim.kernels import plan as p

Floats = NDArray[np.float64]


def companions(compiled: Compiled) -> Compiled | None:
    """Cells of one customer with one more each, and nobody else; None where there is no such cell.

    From one customer nobody can tell how far another would have been from it.
    """
    facts = compiled.model.facts
    alone = (facts[:, p.SOURCE] != p.ARRIVALS) & (facts[:, p.LIMIT] == 1.0)
    if not alone.any():
        return None
    limits = np.where(alone, 2.0, 0.0)
    of_pairs = facts.copy()
    of_pairs[:, p.LIMIT] = limits
    return replace(
        compiled,
        intake=replace(compiled.intake, limit=limits),
        model=compiled.model._replace(facts=of_pairs),
    )


def luck_of_customers(compiled: Compiled, cells: Floats, pairs: Floats | None = None) -> Floats:
    """Variance of the NPV over customers' luck, given the world: an unbiased estimate.

    Customers of a world are independent of one another. Where they arrive as a Poisson process,
    the variance of a sum over them is the expected sum of squares (compound Poisson); where their
    number is fixed, it is the number times the variance of one.

    Parameters
    ----------
    compiled : Compiled
    cells : (world, cell, 3)
        Customers, their summed value before acquisition, currency, and its summed square.
    pairs : (world, cell, 3), optional
        The same of ``companions``: the variance of cells of one customer; 0 unless given.

    Returns
    -------
    (world,)
        Currency squared, at time 0.
    """
    facts = compiled.model.facts
    number, value, square = np.moveaxis(cells, -1, 0)
    # A gift is paid on joining by the number that join, and so is luck where that number is.
    gift = compiled.intake.gift
    # Those who join late stand for those who join after the horizon.
    factor = compiled.model.period_factor ** facts[:, p.START]
    stands = 1.0 + undecided(compiled).weight / factor
    arriving = stands**2 * square - 2.0 * gift * stands * value + gift**2 * number
    with np.errstate(divide="ignore", invalid="ignore"):
        fixed = np.where(number > 1.0, (square - value**2 / number) * number / (number - 1.0), 0.0)
    if pairs is not None:
        _, both, squares = np.moveaxis(pairs, -1, 0)
        fixed = np.where(number == 1.0, squares - both**2 / 2.0, fixed)
    variance = np.where(facts[:, p.SOURCE] == p.ARRIVALS, arriving, fixed)
    variance = variance * compiled.model.period_factor ** (2.0 * facts[:, p.START])
    return np.asarray(np.cumsum(variance, axis=1)[:, -1])
