"""Customers of one segment of a fit, and what is expected of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calendar import PERIODS_PER_YEAR
from clvsim.calibration.scoring.fit_file import ContractSegment
from clvsim.calibration.scoring.outlook import Outlook
from clvsim.calibration.scoring.purchase import History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from clvsim.calibration.scoring.customers import Customers
    from clvsim.calibration.scoring.fit_file import FitFile, Segment
    from clvsim.fields import Step

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    #: P(alive), purchases and discounted purchases by model: values of purchases move none of them.
    Known = dict[object, tuple[Floats, Floats, Floats]]


@dataclass(frozen=True)
class Terms:
    """How customers are valued and sorted.

    Attributes
    ----------
    step : str
        What a period is.
    horizon : float
        Periods ahead that count; infinite: all.
    rate : float
        Effective annual discount rate, 1.
    margin : float
        Share of an amount that is margin, 1.
    best_share : float
        Share of the customers, from the top, that are the best, 1.
    contact_cost : float
        Value at or below which a customer is never profitable, currency.
    seed : int
        Of drawn lives.
    scenario : str
        Name of the variant that customers live under; empty: none, values are exact.
    currency : str
        Of the scenario; empty: as the amounts of the file.
    """

    step: Step
    horizon: float = math.inf
    rate: float = 0.1
    margin: float = 1.0
    best_share: float = 0.2
    contact_cost: float = 0.0
    seed: int = 1
    scenario: str = ""
    currency: str = ""

    @property
    def outlook(self) -> Outlook:
        """Horizon and discount per period."""
        return Outlook(
            self.horizon, math.expm1(math.log1p(self.rate) / PERIODS_PER_YEAR[self.step])
        )


@dataclass
class Expected:
    """Expectations of some customers.

    Attributes
    ----------
    alive : ndarray, shape (customer,), 1
    purchases : ndarray, shape (customer,), 1
        Within the horizon.
    ahead : ndarray, shape (customer,), 1
        Discounted purchases of those who are alive.
    unit : ndarray, shape (customer,), currency
        Margin of one purchase.
    """

    alive: Floats
    purchases: Floats
    ahead: Floats
    unit: Floats

    @property
    def value(self) -> Floats:
        """Discounted margin ahead, currency."""
        # Who is certainly lost is worth nothing, however long others live.
        with np.errstate(invalid="ignore"):
            return np.where(self.alive > 0.0, self.alive * self.ahead, 0.0) * self.unit


@dataclass(frozen=True)
class Group:
    """Customers of one segment of a fit.

    Attributes
    ----------
    fit : FitFile
    name : str
        Of the segment.
    customers : Customers
        All of the file.
    own : ndarray of int, shape (customer,)
        Places of those in the segment.
    terms : Terms
    """

    fit: FitFile
    name: str
    customers: Customers
    own: Whole
    terms: Terms

    @property
    def segment(self) -> Segment:
        """The segment as it was fitted."""
        return self.fit.segments[self.name]

    @property
    def history(self) -> History:
        """What its customers have bought, of a segment of purchases."""
        own, customers = self.own, self.customers
        return History(customers.frequency[own], customers.recency[own], customers.age[own])

    @property
    def tenure(self) -> Floats:
        """How long its customers have been there, of a segment of contracts, periods."""
        return self.customers.tenure[self.own]

    def some(self, most: int) -> Group:
        """At most so many of its customers, every so many-th of the file."""
        return replace(self, own=self.own[:: -(-self.own.size // most)])

    def moved(self, changes: Mapping[str, float]) -> Segment:
        """The segment with other numbers; as `FitFile.moved`."""
        return self.fit.moved(self.name, changes)

    def drawn(self, place: int) -> Segment:
        """The segment with a draw of its fit; as `FitFile.drawn`."""
        return self.fit.drawn(self.name, place)

    def expected(self, segment: Segment, known: Known | None = None) -> Expected:
        """What is to be expected of the customers, were the segment's numbers these.

        Parameters
        ----------
        segment : Segment
        known : dict, optional
            What was found for models before, and is kept for others with the same.
        """
        known = {} if known is None else known
        model = segment.contract if isinstance(segment, ContractSegment) else segment.model
        if model not in known:
            known[model] = self._ahead(segment)
        own, customers = self.own, self.customers
        if isinstance(segment, ContractSegment):
            # Who is known to spend something spends that.
            amount = np.nan_to_num(customers.spend[own], nan=segment.mean_spend)
        else:
            amount = segment.value.mean(customers.frequency[own], customers.value[own])
        return Expected(*known[model], self.terms.margin * amount)

    def _ahead(self, segment: Segment) -> tuple[Floats, Floats, Floats]:
        """P(alive), purchases and discounted purchases of those alive, shape (customer,) each."""
        outlook = self.terms.outlook
        if isinstance(segment, ContractSegment):
            plain, ahead = segment.contract.payments(self.tenure, outlook)
            return np.ones(self.own.size), plain, ahead
        history = self.history
        alive = segment.model.alive(history)
        plain, ahead = segment.model.ahead(history, outlook)
        with np.errstate(invalid="ignore"):
            return alive, np.where(alive > 0.0, alive * plain, 0.0), ahead
