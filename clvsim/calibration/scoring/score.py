"""Scores of customers: remaining value with its interval, chance of being alive, rank and class."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.drops import refuse
from clvsim.calibration.scoring import doubt, luck, totals
from clvsim.calibration.scoring.contract import quantile
from clvsim.calibration.scoring.fit_file import BgBbSegment, ContractSegment
from clvsim.calibration.scoring.group import Group
from clvsim.calibration.scoring.predictive import Spread, spread
from clvsim.errors import Fault, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clvsim.calibration.scoring.customers import Customers
    from clvsim.calibration.scoring.fit_file import FitFile, Segment
    from clvsim.calibration.scoring.group import Expected, Terms
    from clvsim.calibration.scoring.totals import Errors, Slopes

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

CLASSES = ("best", "good", "marginal", "never_profitable")
"""What customers are sorted into, from the top."""
#: Opportunities that a customer can have had, beyond which they are hardly counted right.
_MOST_OPPORTUNITIES = 4_096


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
    errors : Errors
        Of the sums of value, alive and purchases, over all customers and by class.
    notes : tuple of str
    error_of_value : ndarray or None
        Monte Carlo standard error of each value, currency; None: values are exact.
    """

    customers: Customers
    value: Floats
    low: Floats
    high: Floats
    alive: Floats
    purchases: Floats
    rank: Floats
    group: Whole
    errors: Errors
    notes: tuple[str, ...]
    error_of_value: Floats | None = None

    @property
    def luck(self) -> float:
        """Standard deviation of the total value if the fit is right, currency, even infinite."""
        return self.errors.total("value").luck

    @property
    def doubt(self) -> float:
        """Standard error of the total value that comes from the fit, currency; NaN: not known."""
        return self.errors.total("value").fit

    @property
    def error(self) -> float:
        """Standard error of the total value, all its errors together, currency."""
        return self.errors.total("value").all


@dataclass(frozen=True)
class _Found:
    """What drawing lives and moving the fit tells of a segment's customers."""

    bounds: Spread
    #: Of value and purchases if the fit is right, shape (customer,) each.
    variances: tuple[Floats, Floats]
    slopes: Slopes
    notes: list[str]


def score(customers: Customers, fit: FitFile, terms: Terms) -> Scores:
    """Score customers.

    Raises
    ------
    RecordsError
        If their value is infinite: without horizon and discounting, some never leave.
    """
    size = len(customers.names)
    alive, purchases, value, low, high, worth, bought = np.zeros((7, size))
    slopes: list[Slopes] = []
    faults: list[Fault] = []
    notes: list[str] = []
    for number, name in enumerate(customers.segments):
        own = np.flatnonzero(customers.segment == number)
        if not own.size:
            continue
        group = Group(fit, name, customers, own, terms)
        wrong = _broken_periods(group) + _broken_histories(group)
        if wrong:
            faults += wrong
            continue
        expected = group.expected(group.segment)
        if np.isinf(expected.ahead[expected.alive > 0.0]).any():
            faults.append(_endless(group))
            continue
        if np.isnan(expected.value).any():
            faults.append(_beyond_numbers(group, expected))
            continue
        found = _score_group(group, expected)
        alive[own], purchases[own] = expected.alive, expected.purchases
        value[own], low[own], high[own] = expected.value, found.bounds.low, found.bounds.high
        worth[own], bought[own] = found.variances
        slopes.append(found.slopes)
        notes += found.notes
    refuse(faults)
    rank, classes = classed(value, terms)
    variances = (worth, alive * (1.0 - alive), bought)
    errors = totals.errors(slopes, (value, alive, purchases), variances, classes, len(CLASSES))
    return Scores(
        customers=customers,
        value=value,
        low=low,
        high=high,
        alive=alive,
        purchases=purchases,
        rank=rank,
        group=classes,
        errors=errors,
        notes=tuple(notes),
    )


def _score_group(group: Group, expected: Expected) -> _Found:
    """Bounds and errors of a segment's customers, and what is left out of them."""
    notes = list(_notes(group, expected))
    laws = doubt.laws(group)
    if not laws:
        notes.append(doubt.luck_alone(group))
    # One integrates in NumPy's own time, the other draws: each leaves the other a processor.
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(doubt.slopes, group)
        bounds = _spread(group, laws, expected)
        variance = luck.variances(group, expected)
        bought = luck.variances_of_purchases(group, expected)
        if np.isinf(variance).any():
            notes.append(luck.why_infinite(group, variance))
        elif np.isinf(bought).any() and np.isfinite(expected.purchases).all():
            notes.append(luck.why_uncounted(group, bought))
        return _Found(bounds, (variance, bought), waiting.result(), notes)


def _spread(group: Group, laws: Sequence[Segment], expected: Expected) -> Spread:
    """Bounds, with the error of the fit in them."""
    segment, outlook = group.segment, group.terms.outlook
    if not isinstance(segment, ContractSegment):
        moved = [(one.model, one.value) for one in laws if not isinstance(one, ContractSegment)]
        return spread(
            segment.model, segment.value, group.history, outlook, expected.alive, expected.unit,
            group.terms.seed, moved,
        )  # fmt: skip
    contracts = [one.contract for one in laws if isinstance(one, ContractSegment)]
    contracts, unit = contracts or [segment.contract], expected.unit
    low, high = (unit * quantile(contracts, group.tenure, outlook, at) for at in (0.05, 0.95))
    return Spread(low, high)


def _broken_periods(group: Group) -> list[Fault]:
    """Contracts and opportunities have no parts of a period."""
    segment, horizon = group.segment, group.terms.horizon
    is_whole = math.isinf(horizon) or horizon == math.floor(horizon)
    if is_whole or not isinstance(segment, (ContractSegment, BgBbSegment)):
        return []
    what = "contracts pay" if isinstance(segment, ContractSegment) else "opportunities come"
    message = f"{what} by the period, and {horizon:g} is no whole number of periods"
    return [Fault("", None, "--horizon", message, "1, 2, 3, …")]


def _broken_histories(group: Group) -> list[Fault]:
    """Opportunities are taken or not, and counted."""
    if not isinstance(group.segment, BgBbSegment):
        return []
    history = group.history
    x, last, n = history.frequency, history.recency, history.age
    rules = (
        ("--age", n != np.floor(n), "an age that is no whole number of opportunities"),
        ("--recency", last != np.floor(last), "a recency that is no whole number of opportunities"),
        ("--frequency", x > last, "more purchases than opportunities until the last of them"),
        ("--age", n > _MOST_OPPORTUNITIES, f"more than {_MOST_OPPORTUNITIES:,} opportunities"),
    )
    return [
        Fault(
            group.customers.file,
            None,
            option,
            f"{counted(wrong.sum(), 'customer')} of segments.{group.name} (bg/bb) with {what}, "
            f"the first {group.customers.names[int(group.own[np.argmax(wrong)])]!r}",
            "frequency <= recency <= age, all counting opportunities",
        )
        for option, wrong, what in rules
        if wrong.any()
    ]


def _endless(group: Group) -> Fault:
    message = (
        "without a horizon and without discounting these customers are worth infinitely much: "
        "some hardly ever leave"
    )
    where = f"segments.{group.name}"
    return Fault(group.fit.name, None, where, message, "--horizon N, or --discount-rate")


def _beyond_numbers(group: Group, expected: Expected) -> Fault:
    """Customers whose value the numbers of a computer cannot hold: not infinite, but not known."""
    lost = np.flatnonzero(np.isnan(expected.value))
    first = group.customers.names[int(group.own[lost[0]])]
    message = (
        f"the value of {counted(lost.size, 'customer')}, the first {first!r}, cannot be computed "
        "with these numbers: the fit is at an edge at which they leave no digits"
    )
    allowed = "a fit whose parameters are not near 0, or a file without these customers"
    return Fault(group.fit.name, None, f"segments.{group.name}", message, allowed)


def _notes(group: Group, expected: Expected) -> Iterator[str]:
    """What a score leaves out."""
    if np.isinf(expected.purchases).any():
        yield (
            f"{group.name}: expected purchases without a horizon are infinite, as some customers "
            "hardly ever leave; give one with --horizon"
        )
    segment = group.segment
    if not isinstance(segment, ContractSegment):
        return
    if segment.churn == 0.0:
        yield (
            f"{group.name}: a churn of 0, so nobody ever leaves, and no figure holds the error of "
            "that: an upper bound in its place shows how much hangs on it"
        )
    if any(set(one.between) == {"churn", "spend"} for one in segment.correlations):
        yield (
            f"{group.name}: the correlation of churn and spend is left out: churn is judged by "
            "tenure alone"
        )
    if np.isnan(group.customers.spend[group.own]).any():
        yield (
            f"{group.name}: no column of spends, so each customer is taken to spend the mean, "
            f"{segment.mean_spend:,.2f} a period; intervals hold that fixed"
        )


def classed(value: Floats, terms: Terms) -> tuple[Floats, Whole]:
    """Rank and class of customers from their values, as in `Scores`, shape (customer,) each."""
    rank = _ranks(value)
    return rank, _groups(value, rank, terms)


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
