"""The square root of a covariance: what draws of a fit's numbers are made with."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Least eigenvalue of correlations, relative to their greatest, that is more than rounding: a
#: covariance that is singular by what it is of, such as that of shares that add up to 1, has some
#: of its eigenvalues here, and their roots would be noise.
_ROUNDING = 1e-13


def symmetric_root(covariance: ArrayLike) -> NDArray[np.float64]:
    """Matrix that makes independent standard scores into draws of a covariance.

    The symmetric square root ``V sqrt(D) V'`` of the correlations, each row times its standard
    deviation. A symmetric root that is positive semi-definite is the only one there is, whereas
    signs and bases of eigenvectors, and with them ``V sqrt(D)``, are the choice of whatever library
    computes them on whatever processor. It is continuous where eigenvalues meet; and by way of
    correlations, a change of the units of one number leaves the others' draws as they were.

    Parameters
    ----------
    covariance : array_like, shape (number, number)
        Symmetric and positive semi-definite to rounding; it may be singular, and may have numbers
        that do not vary.

    Returns
    -------
    ndarray, shape (number, number)
        ``root @ root.T`` is the covariance.
    """
    table = np.asarray(covariance, dtype=np.float64)
    spread = np.sqrt(np.maximum(np.diag(table), 0.0))
    scale = np.where(spread > 0.0, spread, 1.0)
    correlations = 0.5 * (table + table.T) / scale / scale[:, None]
    values, vectors = np.linalg.eigh(correlations)
    kept = np.where(values > _ROUNDING * values[-1:], values, 0.0)
    return np.asarray(spread[:, None] * ((vectors * np.sqrt(kept)) @ vectors.T))
