"""What a fit says of the purchases that its own customers make after it: drawn lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap

from clvsim.calibration.scoring.outlook import Outlook
from clvsim.calibration.scoring.predictive import discounted_values
from clvsim.calibration.scoring.purchase import BgNbd, History, ParetoNbd
from clvsim.calibration.scoring.value import SameValue
from clvsim.scenario.root import symmetric_root
from clvsim.verification.estimate import SEED

if TYPE_CHECKING:
    from clvsim.calibration.fitted import Fitted
    from clvsim.calibration.purchases import Summary
    from clvsim.verification.estimate import Floats

_MODELS: dict[str, type[BgNbd | ParetoNbd]] = {"bg/nbd": BgNbd, "pareto/nbd": ParetoNbd}
#: Worlds that share one draw of the parameters: those cost more than the customers' lives.
_LIVES = 4


def purchases_ahead(
    fitted: Fitted, summary: Summary, horizon: float, draws: int, *, fit_is_exact: bool = False
) -> Floats:
    """Purchases of all customers in the time ahead, one total a world, ``(4 draws,)``.

    A world draws the parameters from the fit's sampling distribution (normal in their logarithms,
    as every world of a scenario with a fit does), then for each customer whether it is still there
    and its purchases, given its own history. Parameters are points of a scrambled Sobol sequence.

    Parameters
    ----------
    fitted : Fitted
        "bg/nbd" or "pareto/nbd", every parameter identified.
    summary : Summary
        The customers that it was fitted to.
    horizon : float
        In the unit of the fit's time.
    draws : int
        Of the parameters; each serves four worlds.
    fit_is_exact : bool
        Leave the error of the fit out.
    """
    random = np.random.default_rng(SEED)
    sobol = scipy.stats.qmc.Sobol(len(fitted.parameters), rng=np.random.default_rng(SEED + 1))
    scores = scipy.special.ndtri(sobol.random(draws))
    logs = np.log(list(fitted.parameters.values()))
    root = symmetric_root(fitted.covariance) * (0.0 if fit_is_exact else 1.0)
    whole = History(summary.frequency, summary.recency, summary.age)
    # Equal customers have equal chances of being there.
    rows, own = np.unique(
        np.column_stack((whole.frequency, whole.recency, whole.age)), axis=0, return_inverse=True
    )
    each, outlook = History(*rows.T.copy()), Outlook(horizon, 0.0)
    totals = []
    for score in scores:
        model = _MODELS[fitted.model](*np.exp(logs + root @ score).tolist())
        futures = model.futures(random, whole.frequency, whole.age, _LIVES)
        bought = discounted_values(
            random, futures, outlook, SameValue(1.0), whole.frequency, buys_last=model.buys_last
        )
        there = random.random(bought.shape) < model.alive(each)[own.ravel(), None]
        totals.append(np.sum(bought * there, axis=0))
    return np.concatenate(totals)
