"""Numbers for people: rounded to their precision, with currency, percent, and a dash for NaN."""

import math
from dataclasses import dataclass

NOTHING = "–"
_NEGLIGIBLE = 1e-9
_MOST_DIGITS = 6
_MOST_PERCENT_PLACES = 2
_BEYOND_WORDS = 1e15


@dataclass(frozen=True)
class Scale:
    """What numbers of a column are divided by.

    Attributes
    ----------
    factor : float
    word : str
        Its short name; empty for 1.
    """

    factor: float = 1.0
    word: str = ""

    def unit(self, unit: str) -> str:
        """A unit with the scale before it: ``M USD``."""
        return f"{self.word} {unit}".strip()


ONE = Scale()
_SCALES = (Scale(1e12, "tn"), Scale(1e9, "bn"), Scale(1e6, "M"))


def scale_of(*values: float) -> Scale:
    """The scale that suits the largest of some numbers: one, millions, billions, trillions."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    # 999,999.6 would be written as a million.
    return next((scale for scale in _SCALES if largest >= 0.9999995 * scale.factor), ONE)


def places(value: float, error: float = math.nan, digits: int = 1) -> int:
    """Decimal places worth showing: as many as leave ``digits`` digits of the standard error.

    Negative for places left of the point. Without an error (NaN or 0), four digits of the value.
    """
    exponent = math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0
    if not math.isfinite(value) or not is_uncertain(value, error):
        return 0 if value == round_half(value) else max(0, 3 - exponent)
    rounded = float(f"{error:.{digits - 1}e}")
    shown = digits - 1 - math.floor(math.log10(rounded))
    return min(shown, max(0, _MOST_DIGITS - 1 - max(exponent, 0)))


def is_uncertain(value: float, error: float) -> bool:
    """Whether an error is known and more than the rounding of a sum."""
    return math.isfinite(error) and error > _NEGLIGIBLE * abs(value)


def round_half(value: float) -> float:
    """Nearest whole number; infinities and NaN as they are."""
    return float(round(value)) if math.isfinite(value) else value


def fixed(value: float, shown: int) -> str:
    """A number with thousands separators and ``shown`` places (negative: rounded left)."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0.0 else "-∞"
    if abs(value) >= _BEYOND_WORDS:
        return f"{value:.3g}"
    rounded = round(value, shown)
    # Adding 0 turns a negative zero into a zero.
    return f"{rounded + 0.0:,.{max(shown, 0)}f}"


def number(value: float, error: float = math.nan, scale: Scale | None = None) -> str:
    """A number without its error, to the place of the error's first digit.

    Parameters
    ----------
    value, error : float
    scale : Scale, optional
        What the column is divided by; the number's own, with its word, unless given.
    """
    own = scale or scale_of(value)
    value, error = value / own.factor, error / own.factor
    word = "" if scale or math.isnan(value) else own.word
    return f"{fixed(value, places(value, error))} {word}".strip()


def with_error(value: float, error: float, scale: Scale | None = None) -> str:
    """A number and its standard error, two digits of it: ``1,407.5 ± 9.1``."""
    own = scale or scale_of(value)
    value, error = value / own.factor, error / own.factor
    word = "" if scale or math.isnan(value) else own.word
    shown = places(value, error, digits=2)
    doubt = f" ± {fixed(error, shown)}" if _shows(value, error, shown) else ""
    return f"{fixed(value, shown)}{doubt} {word}".strip()


def signed(value: float, error: float = math.nan, scale: Scale | None = None) -> str:
    """A difference with its sign: ``+0.93``."""
    text = number(value, error, scale)
    return f"+{text}" if value > 0.0 else text


def interval(low: float, high: float, scale: Scale | None = None) -> str:
    """Two ends to the same precision, two digits of the half-width: ``0.903 to 0.947``."""
    own = scale or scale_of(low, high)
    low, high = low / own.factor, high / own.factor
    shown = places(max(low, high, key=abs), 0.5 * (high - low), digits=2)
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    word = "" if scale else own.word
    return f"{fixed(low, shown)} to {fixed(high, shown)} {word}".strip()


def money(value: float, currency: str, error: float = math.nan) -> str:
    """An amount with its error, if it has one, and its currency: ``3.067 ± 0.015 M USD``."""
    return f"{with_error(value, error)} {currency}" if math.isfinite(value) else NOTHING


def percent(value: float, error: float = math.nan) -> str:
    """A share without its error: ``94.1 %``."""
    if math.isnan(value):
        return NOTHING
    value, error = 100.0 * value, 100.0 * error
    return f"{fixed(value, min(places(value, error), _MOST_PERCENT_PLACES))} %"


def percent_with_error(value: float, error: float) -> str:
    """A share and its standard error: ``94.09 ± 0.08 %``."""
    if math.isnan(value):
        return NOTHING
    value, error = 100.0 * value, 100.0 * error
    shown = min(places(value, error, digits=2), _MOST_PERCENT_PLACES)
    doubt = f" ± {fixed(error, shown)}" if _shows(value, error, shown) else ""
    return f"{fixed(value, shown)}{doubt} %"


def _shows(value: float, error: float, shown: int) -> bool:
    """Whether anything of an error is left at ``shown`` places."""
    return math.isfinite(value) and is_uncertain(value, error) and round(error, shown) > 0.0
