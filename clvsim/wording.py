"""Numbers, shares, amounts and spans of time as people say them, rounded to what they remember."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clvsim.fields import Step

_PER_YEAR = {"week": 365.25 / 7.0, "month": 12.0, "quarter": 4.0, "year": 1.0}
_MILLION = 1e6
#: Least amount that is told to the cent, and factor from which a change is told as times.
_CENT, _MANY = 0.01, 2.0
#: Years up to which periods need no translation.
_CLEAR = 1.01
#: Per cent between which nobody says more than whole numbers.
_FEW, _MOST = 10.0, 99.0


def amount(value: float) -> str:
    """A number as people say it: ``15``, ``66.40``, ``1,240``, ``2.88 million``."""
    if not math.isfinite(value):
        return "endless" if value > 0.0 else "unknown"
    if abs(value) >= _MILLION:
        return f"{_short(value / _MILLION, 3)} million"
    if abs(value) >= 100.0:
        return f"{value:,.0f}"
    if abs(value) >= _CENT:
        return f"{value:.2f}".removesuffix(".00")
    return _short(value, 2)


def plain(value: float) -> str:
    """A factor, a rate or a number of years to three digits: ``1.2``, ``0.055``."""
    return _short(value, 3)


def percent(share: float) -> str:
    """A share in per cent: ``91 %``, ``3.5 %``, ``0.023 %``, ``99.95 %``."""
    value = 100.0 * share
    if _MOST < value < 100.0:
        return f"{100.0 - float(f'{100.0 - value:.1g}'):.10g} %"
    return f"{value:,.0f} %" if abs(value) >= _FEW else f"{_short(value, 2)} %"


def counted(number: float, noun: str) -> str:
    """A number of things: ``1 month``, ``6,000 prospects``, ``0.4 customers``."""
    return f"{amount(number)} {noun}{'' if number == 1.0 else 's'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words in a row: ``a, b and c``."""
    *first, end = [*words] or [""]
    return f"{', '.join(first)} {last} {end}" if first else end


def times(factor: float, more: str = "more", less: str = "less", many: str = "as much") -> str:
    """A factor as a change: ``15 % less``, ``20 % more``, ``3 times as much``, ``the same``."""
    if factor == 1.0:
        return "the same"
    if factor >= _MANY:
        return f"{plain(factor)} times {many}"
    return f"{percent(abs(factor - 1.0))} {more if factor > 1.0 else less}"


def moved(factor: float) -> str:
    """What becomes of something under a factor: ``rise by 35 %``, ``fall by 9.5 %``."""
    if factor >= _MANY:
        return f"become {plain(factor)} times as high"
    return f"{'rise' if factor >= 1.0 else 'fall'} by {percent(abs(factor - 1.0))}"


@dataclass(frozen=True)
class Words:
    """How a scenario speaks of money and time.

    Attributes
    ----------
    currency : str
    step : str
        Length of a period.
    """

    currency: str
    step: "Step"

    @property
    def per_year(self) -> float:
        """Periods in a year."""
        return _PER_YEAR[self.step]

    @property
    def year(self) -> int:
        """Whole periods that make a year."""
        return max(1, round(self.per_year))

    def money(self, value: float) -> str:
        """An amount with its currency: ``15 EUR``."""
        return f"{amount(value)} {self.currency}"

    def each(self, value: float) -> str:
        """An amount per period, and per year: ``15 EUR a month (180 a year)``."""
        yearly = "" if self.step == "year" else f" ({amount(value * self.per_year)} a year)"
        return f"{self.money(value)} a {self.step}{yearly}"

    def span(self, periods: float) -> str:
        """A number of periods, in years besides where they are many: ``48 months (4 years)``."""
        text = f"{plain(periods)} {self.step}{'' if periods == 1 else 's'}"
        years = periods / self.per_year
        if self.step == "year" or years <= _CLEAR:
            return text
        return f"{text} ({plain(float(f'{years:.2g}'))} years)"


def _short(value: float, digits: int) -> str:
    """A number to some significant digits, without an exponent."""
    if value == 0.0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
