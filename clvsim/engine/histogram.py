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
    out = np.full((len(flat), len(probabilities)), np.nan)
    for row, histogram in zip(out, flat, strict=True):
        filled = np.flatnonzero(histogram)
        if not len(filled):
            continue
        cumulated = np.cumsum(histogram[filled])
        wanted = probabilities * cumulated[-1]
        place = np.minimum(np.searchsorted(cumulated, wanted), len(filled) - 1)
        below = cumulated[place] - histogram[filled[place]]
        share = (wanted - below) / histogram[filled[place]]
        low, high = _EDGES[filled[place]], _EDGES[filled[place] + 1]
        row[:] = low + np.clip(share, 0.0, 1.0) * (high - low)
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
    gini = np.full(len(counts), np.nan)
    share = np.full(len(counts), np.nan)
    for world, histogram in enumerate(counts):
        filled = np.flatnonzero(histogram)
        number = histogram[filled].astype(np.float64)
        value = number * _MIDDLES[filled]
        total = value.sum()
        if not len(filled) or total <= 0.0:
            continue
        people = np.concatenate([[0.0], np.cumsum(number)]) / number.sum()
        lorenz = np.concatenate([[0.0], np.cumsum(value)]) / total
        gini[world] = 1.0 - np.sum(np.diff(people) * (lorenz[1:] + lorenz[:-1]))
        share[world] = 1.0 - np.interp(1.0 - top, people, lorenz)
    return gini, share
