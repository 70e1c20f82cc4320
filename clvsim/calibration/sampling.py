"""How sure a block is of its numbers: their covariance, or draws of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.scenario.fit import moved, number_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from clvsim.calibration.outcome import Link, SegmentFit
    from clvsim.calibration.spend import Correlation

    Floats = NDArray[np.float64]


def covariance_of(links: Mapping[str, Link]) -> tuple[list[str], Floats]:
    """Paths of which the data tell something, and the covariance of their logs.

    Returns
    -------
    tuple of (list of str, ndarray of shape (path, path))
        Numbers of different fits are taken as independent.
    """
    paths, rows = list(links), list(links.values())
    table = np.zeros((len(rows), len(rows)))
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            if one.fitted is other.fitted:
                table[i, j] = _covariance(one, other)
    # What is held as it is has an error of 0: it is not drawn.
    known = np.diag(table) > 0.0
    kept = [path for path, is_known in zip(paths, known, strict=True) if is_known]
    return kept, table[np.ix_(known, known)]


def sampling(segment: SegmentFit) -> tuple[list[str], Floats]:
    """Paths whose errors are known, and their covariance as a scenario's ``fit`` has it.

    Of logs, and of Fisher's z of the correlation of churn and spend, which goes with the churn that
    it was found with. Those of a model that has draws are not among them.

    Returns
    -------
    tuple of (list of str, ndarray of shape (path, path))
    """
    links = {path: link for path, link in segment.links.items() if link.fitted.draws is None}
    paths, table = covariance_of(links)
    found = segment.correlation
    if found is None:
        return paths, table
    whole = np.zeros((len(paths) + 1, len(paths) + 1))
    whole[:-1, :-1] = table
    whole[-1, :-1] = [_with_correlation(links[path], found) for path in paths]
    whole[:-1, -1] = whole[-1, :-1]
    whole[-1, -1] = found.variance
    return [*paths, "correlations.0.value"], whole


def drawn_together(segment: SegmentFit) -> tuple[list[str], Floats] | None:
    """Paths, and draws of their numbers, all as likely; None where a covariance says it all.

    The numbers of models without draws are normal on their scales, independent of the others.

    Returns
    -------
    tuple of (list of str, ndarray of shape (draw, path)) or None
    """
    links = {path: link for path, link in segment.links.items() if link.fitted.draws is not None}
    draws = segment.chosen.draws
    if not links or draws is None:
        return None
    names = list(segment.chosen.parameters)
    own = np.column_stack([
        np.prod([draws[:, names.index(name)] ** power for name, power in link.powers.items()], 0)
        for link in links.values()
    ])  # fmt: skip
    paths, table = sampling(segment)
    if not paths:
        return list(links), own
    # Each number takes each of evenly spread scores once, in an order of its own.
    random = np.random.default_rng(len(paths))
    ranks = random.permuted(np.tile(np.arange(len(draws)), (len(paths), 1)), axis=1)
    scores = scipy.special.ndtri((ranks.T + 0.5) / len(draws))
    strength, directions = np.linalg.eigh(table)
    root = (directions * np.sqrt(np.maximum(strength, 0.0))) @ directions.T
    values = [number_at(segment.values, path) or 0.0 for path in paths]
    others = np.array([
        [moved(path, value, change) for path, value, change in zip(paths, values, row, strict=True)]
        for row in (scores @ root).tolist()
    ])  # fmt: skip
    return [*links, *paths], np.hstack((own, others))


def _with_correlation(link: Link, found: Correlation) -> float:
    """Covariance of the log of a number and Fisher's z of the correlation."""
    if link.fitted is not found.churn:
        return 0.0
    names = list(found.churn.parameters)
    return sum(
        power * float(found.with_churn[names.index(name)]) for name, power in link.powers.items()
    )


def _covariance(one: Link, other: Link) -> float:
    names = list(one.fitted.parameters)
    return sum(
        power * weight * float(one.fitted.drawn[names.index(name), names.index(second)])
        for name, power in one.powers.items()
        for second, weight in other.powers.items()
    )
