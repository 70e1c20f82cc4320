"""A log of purchases cut where the holdout begins: what each customer did until then."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.drops import Drops, refuse
from clvsim.calibration.purchase_log import DUPLICATE, DUPLICATE_LEFT_OUT
from clvsim.calibration.purchases import Summary
from clvsim.calibration.texts import day_text
from clvsim.errors import Fault, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clvsim.calibration.purchase_log import Log, Purchases

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

DAYS_PER_UNIT = {
    "week": 7.0,
    "month": 365.25 / 12,
    "quarter": 365.25 / 4,
    "year": 365.25,
}
"""Units of time, days."""


@dataclass(frozen=True)
class Split:
    """A log up to the day on which the holdout begins.

    Attributes
    ----------
    summary : Summary
        Of customers with a purchase until then; times in units.
    first : ndarray, shape (customer,), days since 1970-01-01
        First purchase of these customers.
    begin, cut, end : int, days since 1970-01-01
        First day of the log, last day that the fit sees, and last day that was observed.
    repeats : ndarray of int, shape (day,)
        Repeat purchases by these customers on each day from the first to the last, in the holdout
        too.
    purchases, merged : int
        Purchases by all customers, and rows that went into another purchase of the same day.
    later : int
        Customers who first bought in the holdout.
    names : list of str
        These customers.
    cancelled : int
        Days of a customer on which returns took away all that was bought, or more.
    returned : float
        What they took away beyond that, currency.
    """

    summary: Summary
    first: Whole
    begin: int
    cut: int
    end: int
    repeats: Whole
    purchases: int
    merged: int
    later: int
    names: list[str]
    cancelled: int
    returned: float

    @property
    def held_out(self) -> int:
        """Repeat purchases in the holdout."""
        return int(self.repeats[self.cut + 1 - self.begin :].sum())


def split_log(log: Log, unit: str, holdout: float, drops: Drops) -> Split:
    """Summarise a log by recency, frequency, age and value of repeat purchases.

    Parameters
    ----------
    log : Log
    unit : str
        From `DAYS_PER_UNIT`.
    holdout : float
        Last units of the log that the fit does not see.
    drops : Drops
        Of the file; rows that are equal to an earlier one are counted here.

    Raises
    ------
    RecordsError
        If the holdout is longer than the log, or nobody bought again before it.
    """
    held, span = holdout * DAYS_PER_UNIT[unit], log.end - log.begin
    if span < 1:
        message = f"all purchases are of one day, {day_text(log.end)}: there is nothing to fit"
        refuse([Fault(drops.file, None, "--date", message, "two days or more")], drops)
    if not held < span - 0.5:
        refuse([_long_holdout(log, unit, holdout, drops.file)], drops)
    cut = log.end - round(held)
    repeats = np.zeros(log.end - log.begin + 1, dtype=np.int64)
    purchases = merged = later = cancelled = 0
    returned = 0.0
    parts = []
    for some in log.purchases():
        cancelled += some.cancelled
        returned += some.returned
        merged += some.merged
        drops.add(DUPLICATE_LEFT_OUT if log.drop_duplicates else DUPLICATE, some.equal)
        if not some.day.size:
            continue
        buyers = _buyers(some, cut, repeats, log.begin)
        known = buyers["first"] <= cut
        parts.append(buyers[known])
        purchases += some.day.size
        later += int(np.sum(~known))
    if not parts:
        message = "has returns, but no purchases"
        refuse([Fault(drops.file, None, "--amount", message, "amounts of purchases")], drops)
    buyers = np.concatenate(parts)
    buyers = buyers[np.argsort(buyers["customer"])]
    summary = _summary(buyers, cut, DAYS_PER_UNIT[unit])
    if not summary.frequency.any():
        message = f"nobody bought on a second day until {day_text(cut)}: there is nothing to fit"
        refuse([Fault(drops.file, None, "", message, "a log in which customers come back")], drops)
    names = [log.names[code] for code in buyers["customer"].tolist()]
    return Split(
        summary=summary,
        first=buyers["first"].copy(),
        begin=log.begin,
        cut=cut,
        end=log.end,
        repeats=repeats,
        purchases=purchases,
        merged=merged,
        later=later,
        names=names,
        cancelled=cancelled,
        returned=returned,
    )


def lone_gaps(times: Whole, least: int) -> Iterator[tuple[int, int]]:
    """Gap without any purchase that is longer than all the rest of a log: a far date, by mistake.

    Parameters
    ----------
    times : ndarray of int, shape (time,)
        Days or periods with a purchase, ascending.
    least : int
        Days or periods from which a gap is long at all.
    """
    for begin, end in itertools.pairwise(times.tolist()):
        if end - begin > max((times[-1] - times[0]) / 2, least):
            yield begin, end


def cancelled_notes(cancelled: int, returned: float, time: str) -> list[str]:
    """What returns took away of whole days or periods, and what of earlier ones.

    Parameters
    ----------
    cancelled : int
        Days or periods of a customer that are no purchase any more.
    returned : float
        What is taken off no purchase, currency.
    time : str
        "day", or what a period is.
    """
    if not cancelled:
        return []
    note = f"{counted(cancelled, time)} of a customer on which no purchase is left after returns"
    if returned:
        note += (
            f"; returns of {returned:,.2f} more belong to earlier purchases, from which they are "
            "not taken off"
        )
    return [note]


def _long_holdout(log: Log, unit: str, holdout: float, file: str) -> Fault:
    most = math.floor((log.end - log.begin - 1) / DAYS_PER_UNIT[unit])
    message = (
        f"a holdout of {holdout:g} {unit}s is longer than the log, which goes from "
        f"{day_text(log.begin)} to {day_text(log.end)}"
    )
    allowed = f"0 to {most}" if most > 0 else "0: or a shorter --unit"
    return Fault(file, None, "--holdout", message, allowed)


_BUYER = np.dtype([
    ("customer", np.int64),
    ("first", np.int64),
    ("last", np.int64),
    ("frequency", np.float64),
    ("spent", np.float64),
])  # fmt: skip
"""A customer up to the cut: number, days of first and last purchase, repeats and their amount."""


def _buyers(purchases: Purchases, cut: int, repeats: Whole, begin: int) -> NDArray[np.void]:
    """What each customer did up to the cut, shape (customer,), as `_BUYER`, by number.

    Repeat purchases are added to ``repeats``, shape (day,) since ``begin``; those of customers who
    first bought after the cut are not.
    """
    customer, day = purchases.customer, purchases.day
    starts = np.flatnonzero(np.concatenate(([True], np.diff(customer) != 0)))
    first = np.repeat(day[starts], np.diff(np.append(starts, customer.size)))
    is_repeat = np.ones(day.size, dtype=bool)
    is_repeat[starts] = False
    seen = is_repeat & (day <= cut)
    buyers = np.empty(starts.size, dtype=_BUYER)
    buyers["customer"], buyers["first"] = customer[starts], day[starts]
    buyers["last"] = np.maximum.reduceat(np.where(day <= cut, day, first), starts)
    buyers["frequency"] = np.add.reduceat(seen.astype(np.float64), starts)
    buyers["spent"] = np.add.reduceat(np.where(seen, purchases.amount, 0.0), starts)
    counts = np.bincount(day[is_repeat & (first <= cut)] - begin)
    repeats[: counts.size] += counts
    return buyers


def _summary(buyers: NDArray[np.void], cut: int, length: float) -> Summary:
    """Recency, frequency, age and value, times in units of so many days."""
    frequency, spent = buyers["frequency"].copy(), buyers["spent"]
    return Summary(
        frequency=frequency,
        recency=(buyers["last"] - buyers["first"]) / length,
        age=(cut - buyers["first"]) / length,
        value=np.divide(spent, frequency, out=np.full(spent.size, math.nan), where=frequency > 0),
    )
