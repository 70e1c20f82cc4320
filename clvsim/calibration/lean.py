"""Whether rows that are left out lean to one side of what a fit is about."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Fewest rows of which a lean can be told; standard errors from which it is no chance; and how far
#: from one half, 1, the pairs in which the row left out lies above must be to matter.
_LEAST, _ERRORS, _MATTERS = 5, 3.29, 0.1
#: Steps of a scale of amounts: so many to a doubling.
_PER_DOUBLING = 8.0


@dataclass(frozen=True)
class Scale:
    """What rows are compared by.

    Attributes
    ----------
    lower, higher : str
        What a row is that lies low on it, and one that lies high, plural: "smaller amounts".
    """

    lower: str
    higher: str


AMOUNTS = Scale("smaller amounts", "larger amounts")
"""Amounts of rows, currency, by `amount_steps`."""
DAYS = Scale("earlier dates", "later dates")
"""Dates of rows, periods or days."""
LEFT = Scale("customers who stayed", "customers who left")
"""0: stayed, 1: left."""
TENURES = Scale("short tenures", "long tenures")
"""Periods."""


def amount_steps(amount: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amounts on a scale of even steps, shape (row,); NaN stays."""
    return np.sign(amount) * np.round(_PER_DOUBLING * np.log2(1.0 + np.abs(amount)))


@dataclass
class Sides:
    """Rows kept and rows left out, by their places on a scale.

    Attributes
    ----------
    kept, lost : Counter of float
        Rows by place.
    """

    kept: Counter[float] = field(default_factory=Counter)
    lost: Counter[float] = field(default_factory=Counter)

    def share_above(self) -> float | None:
        """Share of pairs in which a row left out lies above a kept one, ties counting half.

        None where that may be chance (Mann & Whitney 1947, with the variance for ties), where it
        is near one half, or of few rows.
        """
        few, many = self.lost.total(), self.kept.total()
        if few < _LEAST or not many:
            return None
        places = sorted({*self.kept, *self.lost})
        kept = np.array([self.kept[at] for at in places], dtype=np.float64)
        lost = np.array([self.lost[at] for at in places], dtype=np.float64)
        below = np.cumsum(kept) - 0.5 * kept
        share = float(lost @ below) / (few * many)
        both, whole = kept + lost, few + many
        ties = float(np.sum(both**3 - both)) / (whole * (whole - 1.0))
        variance = (whole + 1.0 - ties) / (12.0 * few * many)
        away = abs(share - 0.5)
        if away <= _MATTERS or away <= _ERRORS * math.sqrt(max(variance, 0.0)):
            return None
        return share

    def words(self, scale: Scale) -> str:
        """To which side the rows left out lean, for people; empty: to none."""
        share = self.share_above()
        if share is None:
            return ""
        side, pairs = (scale.higher, share) if share > 0.5 else (scale.lower, 1.0 - share)
        return f"to {side} (in {100.0 * pairs:.0f} of 100 pairs of a row left out and a kept one)"
