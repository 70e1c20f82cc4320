"""Fader, Hardie & Shang 2010: yearly donations, bought or not at each of six opportunities."""

from collections.abc import Iterator

import numpy as np

from clvsim.calibration.purchases import fit_bg_bb
from clvsim.reference import BgBb
from clvsim.verification.estimate import Floats
from clvsim.verification.verdict import Finding

_CITATION = "Fader, Hardie & Shang 2010"
#: Donors of 1995: years with a donation in 1996 to 2001, the last of them, and how many donors.
_DONORS = (
    *((6, 6, 1203), (5, 6, 728), (4, 6, 512), (3, 6, 357), (2, 6, 234), (1, 6, 129)),
    *((5, 5, 335), (4, 5, 284), (3, 5, 225), (2, 5, 173), (1, 5, 119)),
    *((4, 4, 240), (3, 4, 181), (2, 4, 155), (1, 4, 78)),
    *((3, 3, 322), (2, 3, 255), (1, 3, 129)),
    *((2, 2, 613), (1, 2, 277)),
    *((1, 1, 1091), (0, 0, 3464)),
)
_YEARS = 6.0
_PRINTED = {"alpha": "1.204", "beta": "0.750", "gamma": "0.657", "delta": "2.783"}
#: Probability of still being there in 2002 by donations and the last of them.
_ALIVE = (((0.0, 0.0), "0.11"), ((2.0, 4.0), "0.59"), ((6.0, 6.0), "0.93"))


def donors() -> tuple[Floats, Floats]:
    """Donations and year of the last one, each ``(donor,)``."""
    rows = np.array(_DONORS, dtype=np.float64)
    frequency, recency, _ = np.repeat(rows, rows[:, 2].astype(np.int64), axis=0).T
    return frequency, recency


def examine(_scale: float) -> Iterator[Finding]:
    """The fit, who is still there, and the donations of the next five years."""
    frequency, recency = donors()
    fitted = fit_bg_bb(frequency, recency, _YEARS)
    for name, printed in _PRINTED.items():
        yield Finding(_CITATION, name, fitted.parameters[name], published=printed)
    yield Finding(_CITATION, "log-likelihood", fitted.log_likelihood, published="-33225.6")
    model = BgBb(**fitted.parameters)
    for (donations, last), printed in _ALIVE:
        yield Finding(
            _CITATION,
            f"still there in 2002 after {donations:g} donations",
            float(model.alive(donations, last, _YEARS)),
            published=printed,
        )
    yield Finding(
        _CITATION,
        "donations in 2002 to 2006",
        float(model.conditional_purchases(5.0, frequency, recency, _YEARS).sum()),
        published="12884.2",
    )
