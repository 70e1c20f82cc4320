"""Distributions over customers from histograms: quantiles, Gini, share of the top."""

import numpy as np
from numpy.typing import NDArray

from clvsim.kernels.tally import bin_edges

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_EDGES = bin_edges()
_MIDDLES = 0.5 * (_EDGES[1:] + _EDGES[:-1])
#: Largest distance of a quantile from the exact one, relative to it: the width of a bin.
RELATIVE_ERROR = 1.0 / 64.0


def quantiles(counts: Ints, probabilities: Floats) -> Floats:
    """Quantiles of histograms ``(…, bin)``, linear inside a bin; NaN where there is nobody.

    Returns
    -------
    (…, probability)
    """
    flat = counts.reshape(-1, counts.shape[-1])
    filled = np.flatnonzero(flat.any(axis=0))
    if not len(filled):
        return np.full((*counts.shape[:-1], len(probabilities)), np.nan)
    number = flat[:, filled]
    cumulated = np.cumsum(number, axis=1)
    # Never before the first customer: a row's first bins may be empty.
    wanted = np.maximum(probabilities * cumulated[:, -1:], np.finfo(np.float64).tiny)
    place = (cumulated[:, :, None] < wanted[:, None, :]).sum(axis=1)
    place = np.minimum(place, len(filled) - 1)
    inside = np.take_along_axis(number, place, axis=1)
    below = np.take_along_axis(cumulated, place, axis=1) - inside
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip((wanted - below) / inside, 0.0, 1.0)
    low, high = _EDGES[filled][place], _EDGES[filled + 1][place]
    nobody = cumulated[:, -1:] == 0
    out = np.where(nobody, np.nan, low + share * (high - low))
    return out.reshape(*counts.shape[:-1], len(probabilities))


def concentration(counts: Ints, top: float = 0.2) -> tuple[Floats, Floats]:
    """Gini coefficient and share of value of the ``top`` share of customers.

    By the Lorenz curve of the bins' middles (customers of one bin count as equal); NaN where
    there is nobody or the total is not positive.

    Parameters
    ----------
    counts : (world, bin)

    Returns
    -------
    tuple of (world,)
    """
    filled = np.flatnonzero(counts.any(axis=0))
    number = counts[:, filled].astype(np.float64)
    value = number * _MIDDLES[filled]
    if not len(filled):
        return np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    # Running sums add one after the other: other worlds' bins, empty here, leave no trace.
    total = np.cumsum(value, axis=1)[:, -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        people = np.cumsum(number, axis=1) / number.sum(axis=1, keepdims=True)
        lorenz = np.cumsum(value, axis=1) / total
    people, lorenz = (np.pad(curve, ((0, 0), (1, 0))) for curve in (people, lorenz))
    gini = 1.0 - np.cumsum(np.diff(people) * (lorenz[:, 1:] + lorenz[:, :-1]), axis=1)[:, -1]
    share = np.array(
        [1.0 - np.interp(1.0 - top, x, y) for x, y in zip(people, lorenz, strict=True)]
    )
    worth = total[:, 0] > 0.0
    return np.where(worth, gini, np.nan), np.where(worth, share, np.nan)
