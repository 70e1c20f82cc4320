"""Closed forms from the literature: what a correct simulator and a correct fit must reproduce.

They share no code with the simulator nor with the fits, so that agreement means
something. Periods are whole, retention ``r`` is the probability of staying from one
period to the next, and ``v = 1/(1 + d)`` discounts by one period.
"""

from clvsim.reference.bg_bb import BgBb
from clvsim.reference.bg_nbd import BgNbd
from clvsim.reference.campaign import ProactiveCampaign
from clvsim.reference.common_numbers import PairedLives, paired_geometric_lives
from clvsim.reference.constant_churn import (
    BergerNasr,
    constant_churn_value,
    fixed_life_value,
    mean_life,
    residual_value,
)
from clvsim.reference.equity import BlattbergDeighton, EquityOptimum
from clvsim.reference.gamma_gamma import GammaGamma
from clvsim.reference.migration import markov_value
from clvsim.reference.pareto_nbd import ParetoNbd
from clvsim.reference.sbg import sbg_churn_rate, sbg_del, sbg_derl, sbg_survival
from clvsim.reference.subscribers import Guest, Subscriber, net_after_free_months

__all__ = [
    "BergerNasr",
    "BgBb",
    "BgNbd",
    "BlattbergDeighton",
    "EquityOptimum",
    "GammaGamma",
    "Guest",
    "PairedLives",
    "ParetoNbd",
    "ProactiveCampaign",
    "Subscriber",
    "constant_churn_value",
    "fixed_life_value",
    "markov_value",
    "mean_life",
    "net_after_free_months",
    "paired_geometric_lives",
    "residual_value",
    "sbg_churn_rate",
    "sbg_del",
    "sbg_derl",
    "sbg_survival",
]
