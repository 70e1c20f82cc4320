"""Numbers for people: rounded to their precision, with currency, percent, and a dash for NaN."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "–"
_NEGLIGIBLE = 1e-9
_MOST_DIGITS = 6
_MOST_PLACES = 9
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
    return min(shown, max(0, _MOST_DIGITS - 1 - exponent))


def common_places(
    values: Sequence[float], errors: Sequence[float], digits: int = 1, scale: Scale = ONE
) -> list[int]:
    """Places for the numbers of one column, so that their points stand in line.

    Those of the least precise number; only a number that would be rounded to nothing keeps its own.
    """
    pairs = [(v / scale.factor, e / scale.factor) for v, e in zip(values, errors, strict=True)]
    own = [places(value, error, digits) for value, error in pairs]
    known = [
        place
        for place, (value, error) in zip(own, pairs, strict=True)
        if math.isfinite(value) and is_uncertain(value, error)
    ]
    common = min(known) if known else max(own, default=0)
    return [
        place if value and round(value, common) == 0.0 else common
        for place, (value, _) in zip(own, pairs, strict=True)
    ]


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
    if abs(value) >= _BEYOND_WORDS or shown > _MOST_PLACES:
        return f"{value:.4g}"
    rounded = round(value, shown)
    # Adding 0 turns a negative zero into a zero.
    return f"{rounded + 0.0:,.{max(shown, 0)}f}"


def error_column(values: Sequence[float], errors: Sequence[float], scale: Scale = ONE) -> list[str]:
    """Numbers of one column, each with its standard error."""
    shown = common_places(values, errors, 2, scale)
    rows = zip(values, errors, shown, strict=True)
    return [doubtful(value / scale.factor, error / scale.factor, at) for value, error, at in rows]


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
    return f"{doubtful(value, error, places(value, error, digits=2))} {word}".strip()


def signed(value: float, shown: int) -> str:
    """A difference with its sign: ``+0.93``."""
    text = fixed(value, shown)
    return f"+{text}" if round(value, shown) > 0.0 else text


def interval(low: float, high: float, shown: int) -> str:
    """Two ends: ``0.903 to 0.947``."""
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    return f"{fixed(low, shown)} to {fixed(high, shown)}"


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
    return f"{doubtful(value, error, min(places(value, error, 2), _MOST_PERCENT_PLACES))} %"


def doubtful(value: float, error: float, shown: int) -> str:
    """A number and its error to ``shown`` places; alone where nothing is left of the error."""
    alone = not math.isfinite(value) or not is_uncertain(value, error)
    if alone or round(error, shown) == 0.0:
        return fixed(value, shown)
    return f"{fixed(value, shown)} ± {fixed(error, shown)}"
