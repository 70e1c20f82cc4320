"""Value of customers who move between states: Markov chains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def markov_value(
    transition: ArrayLike, reward: ArrayLike, discount: float, periods: int | None = None
) -> NDArray[np.float64]:
    """Expected value, currency, of a customer by the state that it is in at t = 0.

    ``V = Σ_t [P/(1 + d)]^t R`` over t = 0..periods, and ``V = [I - P/(1 + d)]⁻¹ R``
    without a horizon (Pfeifer & Carraway 2000).

    Parameters
    ----------
    transition : array_like
        Probability, 1, of moving from one state to another in a period, P, shape (state,
        state): a row adds up to 1.
    reward : array_like
        Cash flow, currency, on being in a state at the start of a period, R, shape (state,).
    discount : float
        Discount rate per period, d, 1.
    periods : int, optional
        Last period counted, T; None for no horizon, which takes d > 0.

    Returns
    -------
    ndarray
        Value by state, shape (state,), currency.

    """
    kept = np.asarray(transition, dtype=np.float64) / (1.0 + discount)
    gain = np.asarray(reward, dtype=np.float64)
    if periods is None:
        return np.asarray(np.linalg.solve(np.eye(gain.size) - kept, gain))
    value = gain
    for _ in range(periods):
        value = gain + kept @ value
    return value
