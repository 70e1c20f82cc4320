"""Churn that differs between customers: the shifted beta-geometric (sBG)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def sbg_survival(periods: ArrayLike, alpha: float, beta: float) -> NDArray[np.float64]:
    """Share of a cohort that survives: ``S(t) = B(α, β + t)/B(α, β)``.

    Parameters
    ----------
    periods : array_like
        Periods since joining, t, any shape, whole and >= 0.
    alpha, beta : float
        Beta distribution of the churn probability over customers, > 0.

    Returns
    -------
    ndarray
        Survival, shape of ``periods``, 1 (Fader & Hardie 2007, survivor function).

    """
    t = np.asarray(periods, dtype=np.float64)
    betaln = scipy.special.betaln
    return np.asarray(np.exp(betaln(alpha, beta + t) - betaln(alpha, beta)))


def sbg_churn_rate(periods: ArrayLike, alpha: float, beta: float) -> NDArray[np.float64]:
    """Share of the customers still there that leaves in a period: falls with tenure.

    ``α/(α + β + t - 1)``, one minus the retention rate of Fader & Hardie (2007).

    Parameters
    ----------
    periods : array_like
        Period in which they leave, t, any shape, whole and >= 1.
    alpha, beta : float
        Beta distribution of the churn probability over customers, > 0.

    Returns
    -------
    ndarray
        Churn rate, shape of ``periods``, 1.

    """
    t = np.asarray(periods, dtype=np.float64)
    return np.asarray(alpha / (alpha + beta + t - 1.0))


def sbg_del(alpha: float, beta: float, discount: float) -> float:
    """Discounted expected life of a new customer, periods, the first one included.

    ``₂F₁(1, β; α + β; 1/(1 + d))`` (Fader & Hardie 2010, DEL). Multiplied by the
    margin per period it is the expected customer value.
    """
    v = 1.0 / (1.0 + discount)
    return float(scipy.special.hyp2f1(1.0, beta, alpha + beta, v))


def sbg_derl(period: int, alpha: float, beta: float, discount: float) -> float:
    """Discounted expected residual life just before a renewal, periods.

    ``(β+n-1)/(α+β+n-1) · ₂F₁(1, β+n; α+β+n; 1/(1+d))`` (Fader & Hardie 2010,
    equation 6): the customer is in period n, and the next payment, if it renews, is
    due now.

    Parameters
    ----------
    period : int
        Period that the customer is in, n, >= 1.
    alpha, beta : float
        Beta distribution of the churn probability over customers, > 0.
    discount : float
        Discount rate per period, d, 1.

    """
    renews = (beta + period - 1.0) / (alpha + beta + period - 1.0)
    return renews * sbg_del(alpha, beta + period, discount)
