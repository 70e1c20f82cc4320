"""The profit and loss statement of one scenario: accounts, subtotals, cash by span of periods."""

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from clvsim.accounts import ACCOUNTS, RollUp, given_away, invested
from clvsim.calendar import parse_date
from clvsim.measures import mean_of

Floats = NDArray[np.float64]
Kind = Literal["account", "subtotal", "balance", "memo"]
#: Subtotals in the order of the statement; revenue less service is the service margin.
_ORDER: tuple[RollUp, ...] = ("revenue", "service", "acquisition", "retention", "overhead")
#: Last line, where anything is given away.
GIVEN_AWAY = "of it given away"
#: Months that columns may span, ascending.
_SPANS = (1, 3, 12, 24, 60, 120)
_DAYS_PER_MONTH = 365.25 / 12.0


@dataclass(frozen=True)
class Span:
    """Consecutive periods shown as one column.

    Attributes
    ----------
    label : str
        ``2026``, ``2026 Q1``, ``2026-05``; for a shorter last one, its end: ``to 2028-06``.
    first, end : int
        Periods ``first .. end``.
    """

    label: str
    first: int
    end: int


@dataclass(frozen=True)
class Line:
    """One line of the statement; means over worlds, signed, currency.

    Attributes
    ----------
    label : str
    kind : str
        An account, a subtotal, the cash balance at each span's end, or a memo: what is counted in
        the lines above, added up another way.
    amounts, errors : (span,)
        And their standard errors.
    total, error : float
        Over the horizon, and its standard error; NaN for the balance.
    """

    label: str
    kind: Kind
    amounts: Floats
    errors: Floats
    total: float
    error: float


def spans(dates: list[str], most: int) -> list[Span]:
    """The shortest spans that give at most ``most`` columns.

    Single periods, then quarters, years and several years, counted from the horizon's start.

    Parameters
    ----------
    dates : list of str
        First day of each period.
    most : int
    """
    if len(dates) <= most:
        return [Span(date, i, i + 1) for i, date in enumerate(dates)]
    months = _months(dates)
    found: list[Span] = []
    for length in _SPANS:
        found = list(_cut(dates, months, length))
        if len(found) <= most:
            break
    return found


def _months(dates: list[str]) -> list[float]:
    """Months from the start to the first day of each period."""
    days = [parse_date(date) for date in dates]
    if any(len(date) > len("2026-03") for date in dates):
        return [(day - days[0]).days / _DAYS_PER_MONTH for day in days]
    first = _month(days[0])
    return [float(_month(day) - first) for day in days]


def _month(day: dt.date) -> int:
    return 12 * day.year + day.month - 1


def _cut(dates: list[str], months: list[float], length: int) -> Iterator[Span]:
    """Cut periods into spans of some months."""
    # Half a week's slack: 52 weeks are a day or two short of a year.
    place = [int((month + 0.1) // length) for month in months]
    edges = [i for i, here in enumerate(place) if i == 0 or here != place[i - 1]] + [len(dates)]
    step = months[1] - months[0]
    for first, end in itertools.pairwise(edges):
        is_whole = end - first >= int(length / step)
        if end == len(dates) and first > 0 and not is_whole:
            yield Span(f"to {dates[-1]}", first, end)
        else:
            yield Span(_label(dates[first], length), first, end)


def _label(date: str, length: int) -> str:
    day = parse_date(date)
    if length == 3 and day.month % 3 == 1:
        return f"{day.year} Q{day.month // 3 + 1}"
    if length < 12:
        return date
    if day.month > 1:
        return f"from {date}"
    return f"{day.year}" if length == 12 else f"{day.year}–{day.year + length // 12 - 1}"


def profit_and_loss(result: xr.Dataset, cut: list[Span]) -> list[Line]:
    """Lines of the statement of one scenario, from its raw variables.

    Accounts that nothing was posted to are left out, and so is the account of a roll-up that
    consists of it alone. Where something is given away, the marketing investment comes last.

    Parameters
    ----------
    result : Dataset
        Of one scenario (without the dimension).
    cut : list of Span
    """
    by_account = {
        account.name: result["cash"].sel(account=account.name)
        for account in ACCOUNTS
        if account.cash
    }
    posted = {name: cash for name, cash in by_account.items() if bool((cash != 0.0).any())}
    lines: list[Line] = []
    for roll_up in _ORDER:
        names = [one.name for one in ACCOUNTS if one.roll_up == roll_up and one.name in posted]
        if not names:
            continue
        if len(names) > 1 or roll_up == "service":
            lines += [_line(label(name), "account", posted[name], cut) for name in names]
        if roll_up == "service":
            margin = _sum(by_account, "revenue") + _sum(by_account, "service")
            lines.append(_line("service margin", "subtotal", margin, cut))
        else:
            lines.append(_line(roll_up, "subtotal", _sum(by_account, roll_up), cut))
    net = result["cash"].sum("account")
    lines.append(_line("net cash", "subtotal", net, cut))
    ends = net.cumsum("period").isel(period=[span.end - 1 for span in cut])
    balance = mean_of(ends.transpose(..., "period"))
    amounts, errors = balance.mean.values, balance.standard_error.values
    lines.append(Line("cumulated", "balance", amounts, errors, float("nan"), float("nan")))
    return [*lines, *_investment(result["cash"], cut)]


def _investment(cash: xr.DataArray, cut: list[Span]) -> Iterator[Line]:
    """What is invested in marketing, and what of it is given away, where anything is."""
    given = cash.isel(account=given_away())
    if bool((given != 0.0).any()):
        whole = cash.isel(account=invested())
        yield _line("marketing investment", "memo", whole.sum("account"), cut)
        yield _line(GIVEN_AWAY, "memo", given.sum("account"), cut)


def label(name: str) -> str:
    """An account's name in plain words."""
    return name.replace("_", " ")


def _sum(by_account: dict[str, xr.DataArray], roll_up: RollUp) -> xr.DataArray:
    """Cash of all accounts of a roll-up."""
    parts = [by_account[one.name] for one in ACCOUNTS if one.roll_up == roll_up and one.cash]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _line(text: str, kind: Kind, cash: xr.DataArray, cut: list[Span]) -> Line:
    """One line from cash by world and period."""
    parts = [cash.isel(period=slice(span.first, span.end)).sum("period") for span in cut]
    by_span = mean_of(xr.concat(parts, dim="span"))
    total = mean_of(cash.sum("period"))
    return Line(
        text,
        kind,
        by_span.mean.values,
        by_span.standard_error.values,
        float(total.mean),
        float(total.standard_error),
    )
