"""Fits of CDNOW's 2,357 customers against a simplex search over the same likelihood in NumPy.

The rival maximises the BG/NBD's log-likelihood (Fader, Hardie & Lee 2005, equation 6) over the logs
of its parameters by Nelder and Mead, as spreadsheets and first drafts do: every customer at every
step, no slope, and no covariance of what it finds.

    python benchmarks/fitting.py [--tiny]
"""

import sys
from typing import Any

import numpy as np
import scipy.optimize
from scipy.special import betaln, gammaln
from timing import report, seconds

from clvsim.calibration.purchases import (
    Summary,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_pareto_nbd,
)
from clvsim.verification import cdnow


def rival(summary: Summary) -> float:
    """Largest log-likelihood of the BG/NBD that the simplex finds."""
    x, recency, age = summary.frequency, summary.recency, summary.age
    again = np.maximum(x, 1.0)

    def falling(logs: np.ndarray) -> float:
        r, alpha, a, b = np.exp(logs)
        common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
        alive = betaln(a, b + x) - (r + x) * np.log(alpha + age)
        lost = betaln(a + 1.0, b + again - 1.0) - (r + x) * np.log(alpha + recency)
        return -float(np.sum(common + np.logaddexp(alive, np.where(x > 0.0, lost, -np.inf))))

    options = {"xatol": 1e-6, "fatol": 1e-6, "maxiter": 5_000}
    found = scipy.optimize.minimize(falling, np.zeros(4), method="Nelder-Mead", options=options)
    return -float(found.fun)


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    summary, repeats = cdnow.cohort().summary, 1 if tiny else 7
    fits = {"bg_nbd": fit_bg_nbd, "pareto_nbd": fit_pareto_nbd, "gamma_gamma": fit_gamma_gamma}
    figures: dict[str, Any] = {"customers": int(summary.frequency.size)}
    for name, fit in fits.items():
        figures[name] = seconds(lambda fit=fit: fit(summary), repeats)
    figures["rival_bg_nbd_simplex"] = seconds(lambda: rival(summary), max(1, repeats // 2))
    fastest = figures["rival_bg_nbd_simplex"]["fastest_s"], figures["bg_nbd"]["fastest_s"]
    figures["speed_up_bg_nbd"] = fastest[0] / fastest[1]
    figures["log_likelihood"] = {
        "bg_nbd": fit_bg_nbd(summary).log_likelihood,
        "rival": rival(summary),
    }
    return figures


if __name__ == "__main__":
    report("fitting", measure(tiny="--tiny" in sys.argv))
