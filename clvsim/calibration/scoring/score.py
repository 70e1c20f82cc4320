"""Scores of customers: remaining value with its interval, chance of being alive, rank and class."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its submodules load on first use: importing this file stays cheap
from pydantic import ValidationError

from clvsim.calendar import PERIODS_PER_YEAR
from clvsim.calibration.drops import refuse
from clvsim.calibration.scoring.contract import quantile
from clvsim.calibration.scoring.fit_file import BgBbSegment, ContractSegment
from clvsim.calibration.scoring.outlook import Outlook
from clvsim.calibration.scoring.predictive import Spread, spread
from clvsim.calibration.scoring.purchase import History
from clvsim.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.scoring.customers import Customers
    from clvsim.calibration.scoring.fit_file import FitFile, Segment
    from clvsim.fields import Step

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    #: P(alive), purchases and discounted purchases by model: values of purchases move none of them.
    _Known = dict[object, tuple[Floats, Floats, Floats]]

CLASSES = ("best", "good", "marginal", "never_profitable")
"""What customers are sorted into, from the top."""
#: Customers by whom the error of the fit is judged, at most, and step of a parameter's log.
_JUDGED, _STEP = 2_000, 1e-3
#: Laws that a fit might as well have been, for the intervals: as many lives are drawn from each.
_DOUBTS = 64
#: Laws tried for that, and the widest error of a number's logarithm: beyond, a fit tells nothing.
_MOST_TRIED, _WIDEST = 128, 2.0
#: Customers for whom a law must not expect for ever what the fit does not.
_FEW = 8
#: Opportunities that a customer can have had, beyond which they are hardly counted right.
_MOST_OPPORTUNITIES = 4_096


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
        Of the drawn lives behind the intervals.
    """

    step: Step
    horizon: float = math.inf
    rate: float = 0.1
    margin: float = 1.0
    best_share: float = 0.2
    contact_cost: float = 0.0
    seed: int = 1

    @property
    def outlook(self) -> Outlook:
        """Horizon and discount per period."""
        return Outlook(
            self.horizon, math.expm1(math.log1p(self.rate) / PERIODS_PER_YEAR[self.step])
        )


@dataclass(frozen=True)
class Scores:
    """What customers are worth, shape (customer,) each.

    Attributes
    ----------
    customers : Customers
    value : ndarray
        Expected remaining value, currency: discounted margin within the horizon.
    low, high : ndarray
        Bounds below which the customer's own remaining value lies with probability 5 % and 95 %,
        the error of the fit included where it says one, currency.
    alive : ndarray
        Probability of still being a customer, 1.
    purchases : ndarray
        Expected purchases, or payments of a contract, within the horizon, 1.
    rank : ndarray
        Share of the customers that are worth less, those worth the same counting half, 1.
    group : ndarray of int
        Place in `CLASSES`.
    luck : float
        Standard deviation of the total value if the fit is right, currency.
    doubt : float
        Standard error of the total value that comes from the fit, currency; NaN: not known.
    notes : tuple of str
    """

    customers: Customers
    value: Floats
    low: Floats
    high: Floats
    alive: Floats
    purchases: Floats
    rank: Floats
    group: Whole
    luck: float
    doubt: float
    notes: tuple[str, ...]

    @property
    def error(self) -> float:
        """Standard error of the total value, luck and doubt together, currency."""
        return math.hypot(self.luck, self.doubt)


@dataclass
class _Expected:
    """Expectations of some customers, shape (customer,) each."""

    alive: Floats
    purchases: Floats
    #: Discounted purchases of those who are alive, and margin of one, currency.
    ahead: Floats
    unit: Floats

    @property
    def value(self) -> Floats:
        """Discounted margin ahead, currency."""
        # Who is certainly lost is worth nothing, however long others live.
        with np.errstate(invalid="ignore"):
            return np.where(self.alive > 0.0, self.alive * self.ahead, 0.0) * self.unit


def score(customers: Customers, fit: FitFile, terms: Terms) -> Scores:
    """Score customers.

    Raises
    ------
    RecordsError
        If their value is infinite: without horizon and discounting, some never leave.
    """
    size = len(customers.names)
    expected = _Expected(*(np.zeros(size) for _ in range(4)))
    low, high, variance, doubt = np.zeros(size), np.zeros(size), 0.0, 0.0
    faults: list[Fault] = []
    notes: list[str] = []
    for number, name in enumerate(customers.segments):
        own = np.flatnonzero(customers.segment == number)
        if not own.size:
            continue
        segment = fit.segments[name]
        wrong = _broken_periods(fit, segment, terms) + _broken_histories(fit, name, customers, own)
        if wrong:
            faults += wrong
            continue
        found = _expected(segment, customers, own, terms, {})
        if not np.isfinite(found.value).all():
            faults.append(_endless(fit, name))
            continue
        if np.isinf(found.purchases).any():
            notes.append(
                f"{name}: expected purchases without a horizon are infinite, as some customers "
                "hardly ever leave; give one with --horizon"
            )
        notes += _notes(name, segment, customers, own)
        doubts = _doubts(fit, name, customers, own, terms)
        if not doubts:
            notes.append(_luck_alone(name, segment))
        for part in ("alive", "purchases", "ahead", "unit"):
            getattr(expected, part)[own] = getattr(found, part)
        # One integrates in NumPy's own time, the other draws: each leaves the other a processor.
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(_doubt, fit, name, customers, own, terms)
            bounds = _spread(segment, doubts, customers, own, terms, found)
            doubt = math.hypot(doubt, waiting.result())
        low[own], high[own] = bounds.low, bounds.high
        variance += float(bounds.variance.sum())
    refuse(faults)
    value = expected.value
    rank = _ranks(value)
    return Scores(
        customers=customers,
        value=value,
        low=low,
        high=high,
        alive=expected.alive,
        purchases=expected.purchases,
        rank=rank,
        group=_groups(value, rank, terms),
        luck=math.sqrt(variance),
        doubt=doubt,
        notes=tuple(notes),
    )


def _expected(
    segment: Segment, customers: Customers, own: Whole, terms: Terms, known: _Known
) -> _Expected:
    outlook = terms.outlook
    model = segment.contract if isinstance(segment, ContractSegment) else segment.model
    if model not in known:
        if isinstance(segment, ContractSegment):
            plain, ahead = segment.contract.payments(customers.tenure[own], outlook)
            known[model] = np.ones(own.size), plain, ahead
        else:
            history = _history(customers, own)
            alive = segment.model.alive(history)
            plain, ahead = segment.model.ahead(history, outlook)
            with np.errstate(invalid="ignore"):
                purchases = np.where(alive > 0.0, alive * plain, 0.0)
            known[model] = alive, purchases, ahead
    if isinstance(segment, ContractSegment):
        # Who is known to spend something spends that.
        amount = np.nan_to_num(customers.spend[own], nan=segment.mean_spend)
    else:
        amount = segment.value.mean(customers.frequency[own], customers.value[own])
    return _Expected(*known[model], terms.margin * amount)


def _history(customers: Customers, own: Whole) -> History:
    return History(customers.frequency[own], customers.recency[own], customers.age[own])


def _spread(
    segment: Segment,
    doubts: Sequence[Segment],
    customers: Customers,
    own: Whole,
    terms: Terms,
    found: _Expected,
) -> Spread:
    """Bounds with the error of the fit in them, and variances without."""
    outlook = terms.outlook
    if not isinstance(segment, ContractSegment):
        history = _history(customers, own)
        laws = [(one.model, one.value) for one in doubts if not isinstance(one, ContractSegment)]
        return spread(
            segment.model, segment.value, history, outlook, found.alive, found.unit, terms.seed,
            laws,
        )  # fmt: skip
    tenure = customers.tenure[own]
    contracts = [one.contract for one in doubts if isinstance(one, ContractSegment)]
    contracts = contracts or [segment.contract]
    low, high = (found.unit * quantile(contracts, tenure, outlook, at) for at in (0.05, 0.95))
    return Spread(low, high, found.unit**2 * segment.contract.variance(tenure, outlook))


def _doubts(
    fit: FitFile, name: str, customers: Customers, own: Whole, terms: Terms
) -> list[Segment]:
    """What a segment's fit might as well have been, all as likely; none where it does not say.

    Its numbers are normal on the scales of their covariance. Those that no segment can have, or
    under which customers are worth infinitely much, are passed over.
    """
    source = fit.segments[name].fit
    paths = [] if source is None else [one for one in source.parameters if _matters(one)]
    if source is None or not paths:
        return []
    places = [source.parameters.index(path) for path in paths]
    values, vectors = np.linalg.eigh(np.array(source.covariance)[np.ix_(places, places)])
    if values[-1] > _WIDEST**2:
        return []
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    shares = scipy.stats.qmc.Sobol(len(values), rng=terms.seed).random(_MOST_TRIED)
    some = own[:: -(-own.size // _FEW)]
    found: list[Segment] = []
    for normal in scipy.special.ndtri(shares):
        changes = dict(zip(paths, (root @ normal).tolist(), strict=True))
        with suppress(ValidationError), np.errstate(over="ignore"):
            moved = fit.moved(name, changes)
            if np.isfinite(_expected(moved, customers, some, terms, {}).value).all():
                found.append(moved)
        if len(found) == _DOUBTS:
            return found
    return []


def _matters(path: str) -> bool:
    """Whether scores hang on a number: churn is judged by tenure or history, not by spend."""
    return not path.startswith("correlations.")


def _luck_alone(name: str, segment: Segment) -> str:
    """Why intervals leave out the error of a segment's fit."""
    why = "says nothing of its error"
    if segment.fit and any(map(_matters, segment.fit.parameters)):
        why = "has an error so wide that numbers drawn from it can hardly be"
    return f"{name}: the fit {why}: intervals of its customers are luck alone"


def _doubt(fit: FitFile, name: str, customers: Customers, own: Whole, terms: Terms) -> float:
    """Standard error of a segment's total that comes from its fitted numbers, currency.

    By the delta method on the scales of the fit's covariance; slopes come from at most 2,000
    customers, every so many-th of the file.
    """
    source = fit.segments[name].fit
    if source is None or not source.parameters:
        return math.nan
    some = own[:: -(-own.size // _JUDGED)]
    known: _Known = {}

    def total(path: str, change: float) -> float:
        moved = fit.moved(name, {path: change})
        return float(_expected(moved, customers, some, terms, known).value.sum())

    try:
        changes = [total(path, _STEP) - total(path, -_STEP) for path in source.parameters]
    except ValidationError:
        # A number so near its bound cannot be moved both ways.
        return math.nan
    slope = np.array(changes) / (2.0 * _STEP) * (own.size / some.size)
    return math.sqrt(max(float(slope @ np.array(source.covariance) @ slope), 0.0))


def _broken_periods(fit: FitFile, segment: Segment, terms: Terms) -> list[Fault]:
    """Contracts and opportunities have no parts of a period."""
    horizon = terms.horizon
    is_whole = math.isinf(horizon) or horizon == math.floor(horizon)
    if is_whole or not isinstance(segment, (ContractSegment, BgBbSegment)):
        return []
    what = "contracts pay" if isinstance(segment, ContractSegment) else "opportunities come"
    message = f"{what} by the period, and {horizon:g} is no whole number of periods"
    return [Fault(fit.name, None, "--horizon", message, "1, 2, 3, …")]


def _broken_histories(fit: FitFile, name: str, customers: Customers, own: Whole) -> list[Fault]:
    """Opportunities are taken or not, and counted."""
    segment = fit.segments[name]
    if not isinstance(segment, BgBbSegment):
        return []
    x, last, n = customers.frequency[own], customers.recency[own], customers.age[own]
    rules = (
        ("--age", n != np.floor(n), "an age that is no whole number of opportunities"),
        ("--recency", last != np.floor(last), "a recency that is no whole number of opportunities"),
        ("--frequency", x > last, "more purchases than opportunities until the last of them"),
        ("--age", n > _MOST_OPPORTUNITIES, f"more than {_MOST_OPPORTUNITIES:,} opportunities"),
    )
    return [
        Fault(
            fit.name,
            None,
            option,
            f"{int(wrong.sum()):,} customers of segments.{name} (bg/bb) have {what}, the first "
            f"{customers.names[int(own[np.argmax(wrong)])]!r}",
            "frequency <= recency <= age, all counting opportunities",
        )
        for option, wrong, what in rules
        if wrong.any()
    ]


def _endless(fit: FitFile, name: str) -> Fault:
    message = (
        "without a horizon and without discounting these customers are worth infinitely much: "
        "some hardly ever leave"
    )
    return Fault(fit.name, None, f"segments.{name}", message, "--horizon N, or --discount-rate")


def _notes(name: str, segment: Segment, customers: Customers, own: Whole) -> Iterator[str]:
    """What a score leaves out."""
    if not isinstance(segment, ContractSegment):
        return
    if any(set(one.between) == {"churn", "spend"} for one in segment.correlations):
        yield (
            f"{name}: the correlation of churn and spend is left out: churn is judged by tenure "
            "alone"
        )
    if np.isnan(customers.spend[own]).any():
        yield (
            f"{name}: no column of spends, so each customer is taken to spend the mean, "
            f"{segment.mean_spend:,.2f} a period; intervals hold that fixed"
        )


def _ranks(value: Floats) -> Floats:
    """Share of the customers that are worth less, those worth the same counting half."""
    order = np.argsort(value)
    ordered = value[order]
    # First place of each run of equal values, and the one after its last.
    begins = np.flatnonzero(np.diff(ordered, prepend=-np.inf))
    ends = np.append(begins[1:], value.size)
    rank = np.empty(value.size)
    rank[order] = np.repeat((begins + ends) / (2.0 * value.size), ends - begins)
    return rank


def _groups(value: Floats, rank: Floats, terms: Terms) -> Whole:
    """Place in `CLASSES` of each customer, from its own value and rank.

    The median parts good and marginal: values are so skewed that the mean often lies among the
    best.
    """
    group = np.where(rank > 0.5, 1, 2)
    group[rank > 1.0 - terms.best_share] = 0
    # Nobody who does not pay for being contacted is good, however many are worse.
    group[value <= terms.contact_cost] = 3
    return group
