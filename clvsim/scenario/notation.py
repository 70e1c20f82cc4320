"""Numbers, shares, currencies and dates as people write them elsewhere, and as they stand here."""

import re
from contextlib import suppress
from datetime import datetime

#: By sign or word.
CURRENCIES = {
    "€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₺": "TRY",
    "zł": "PLN", "kr": "SEK", "R$": "BRL", "US$": "USD", "Fr.": "CHF", "SFr.": "CHF",
    "euro": "EUR", "euros": "EUR", "Euro": "EUR", "dollar": "USD", "dollars": "USD",
    "pound": "GBP", "pounds": "GBP", "yen": "JPY", "franc": "CHF", "francs": "CHF",
}  # fmt: skip
_NUMBER = r"[-+]?[\d.,'’ \u00a0\u202f_]*\d[\d.,'’ \u00a0\u202f_]*"
_MONEY = re.compile(rf"([^\d\s.,+-]+)\s*({_NUMBER})|({_NUMBER})\s*([^\d\s.,%+-]+)")
_SCALES = {"k": 1e3, "tsd": 1e3, "m": 1e6, "mio": 1e6, "mn": 1e6, "mm": 1e6, "bn": 1e9, "mrd": 1e9}
_ISO = re.compile(r"(\d{4})[-/. ](\d{1,2})(?:[-/. ](\d{1,2}))?")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})")
_MONTH_FIRST = re.compile(r"(\d{1,2})[-/. ](\d{4})")
_WORDS = (
    "%b %Y", "%B %Y", "%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%d %b %y", "%b %y", "%Y %b",
    "%Y %B", "%b-%y", "%b-%Y", "%d-%b-%Y",
)  # fmt: skip


def number_of(text: str) -> float | None:
    """The number that somebody means, with whatever decimal and thousands signs; None: none.

    ``0,035``, ``1.234,56``, ``1,234.56``, ``120'000``, ``20 000``.
    """
    plain = re.sub(r"['’ \u00a0\u202f_]", "", text)
    if "," in plain and "." in plain:
        thousands = "," if plain.rfind(",") < plain.rfind(".") else "."
        plain = plain.replace(thousands, "").replace(",", ".")
    elif plain.count(",") > 1 or re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", plain):
        plain = plain.replace(",", "")
    elif plain.count(".") > 1:
        plain = plain.replace(".", "")
    plain = plain.replace(",", ".")
    with suppress(ValueError):
        return float(plain) if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", plain) else None
    return None


def written(value: float) -> str:
    """A number as it stands here."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.12g}"


def number_cure(text: str) -> tuple[str, str] | None:
    """What is wrong with a number as it is written, and how it is written here."""
    if share := re.fullmatch(rf"({_NUMBER})\s*(%|percent|per cent|pct|Prozent)", text):
        value = number_of(share[1])
        if value is not None:
            return (
                f"{text} has a percent sign",
                f"a share: {text} is written {written(value / 100)}",
            )
    if (money := _MONEY.fullmatch(text)) and (found := _amount(money)):
        return found
    if parts := re.fullmatch(r"(\d+(?:/\d+)+)", text):
        return _divided(parts[1])
    if re.fullmatch(r"[\d.]+\s*[*+^x]\s*[\d.*+^x ]+", text):
        return f"{text} is a sum", "a number: sums are not worked out here"
    value = number_of(text)
    if value is None or not re.fullmatch(_NUMBER + r"|[-+]?\.\d+", text):
        return None
    if re.fullmatch(r"[-+]?\d*,\d+", text) and number_of(text) != value * 1000:
        decimal = text.replace(",", ".")
        if re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", text):
            return (
                f"{text} has a comma",
                f"{written(value)} without a thousands separator, or {decimal} with a point",
            )
        return f"{text} has a decimal comma", f"write the decimal with a point: {decimal}"
    if re.fullmatch(r"[-+]?\.\d+|[-+]?\d+\.", text):
        return f"{text} lacks a figure beside the point", f"{value}"
    if re.fullmatch(r"0\d+", text):
        return f"{text} begins with a zero", written(value)
    grouped = f", or {int(value):_}" if value == int(value) else ""
    return f"{text} has thousands separators", f"{written(value)}{grouped}"


def _amount(found: "re.Match[str]") -> tuple[str, str] | None:
    """A number with a currency or a scale before or behind it."""
    sign, digits = (found[1] or found[4]).strip(), found[2] or found[3]
    value = number_of(digits.strip())
    if value is None:
        return None
    if scale := _SCALES.get(sign.rstrip(".").casefold()):
        return f"{found[0]} is not written out", f"{written(value * scale)}"
    is_currency = sign in CURRENCIES or re.fullmatch(r"[A-Z]{3}|\W+|[A-Z]{1,2}\$", sign)
    if not is_currency:
        return None
    return (
        f"{found[0]} has a currency sign",
        f"{written(value)}: no currency sign, money.currency says it",
    )


def _divided(text: str) -> tuple[str, str]:
    """A fraction, shares in a row, or a date."""
    numbers = [int(part) for part in text.split("/")]
    if found := date_cure(text):
        return f"{text} is no date here", f"a date in quotation marks: {found}"
    if sum(numbers) == 100:
        shares = ", ".join(written(number / 100) for number in numbers)
        return f"{text} are shares in per cent", f"one share a name, adding up to 1: {shares}"
    if len(numbers) == 2 and numbers[1]:
        return f"{text} is a fraction", f"{numbers[0] / numbers[1]:.6g}"
    return f"{text} are several numbers", "one number"


def date_cure(text: str) -> str:
    """A date as it is written here, in quotation marks, of one as it is elsewhere; empty: none.

    Both, where nobody can say which comes first, the day or the month.
    """
    first, *others = _dates(text.strip())
    if not others:
        return f'"{first}"' if first else ""
    return f'"{first}" (day first) or "{others[0]}" (month first)'


def _dates(plain: str) -> list[str]:
    """What a text may mean as a date; one empty text where it is none."""
    if found := _ISO.fullmatch(plain):
        return [_date(found[1], found[2], found[3])]
    if found := _DAY_FIRST.fullmatch(plain):
        day, month, year = found.groups()
        both = [_date(year, month, day), _date(year, day, month)]
        return list(dict.fromkeys(filter(None, both))) or [""]
    if found := _MONTH_FIRST.fullmatch(plain):
        return [_date(found[2], found[1], None)]
    if found := re.fullmatch(r"[Qq]([1-4])[ -/]?(\d{4})|(\d{4})[ -/]?[Qq]([1-4])", plain):
        quarter, year = int(found[1] or found[4]), found[2] or found[3]
        return [f"{year}-{3 * quarter - 2:02d}"]
    tidy = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", plain.replace(",", " ").replace(".", " "))
    for form in _WORDS:
        with suppress(ValueError):
            date = datetime.strptime(" ".join(tidy.split()), form)  # noqa: DTZ007 - a day
            has_day = "%d" in form
            return [date.strftime("%Y-%m-%d" if has_day else "%Y-%m")]
    return [""]


def _date(year: str, month: str, day: str | None) -> str:
    """``2026-01`` or ``2026-01-15``; empty where there is no such day."""
    with suppress(ValueError):
        date = datetime(int(year), int(month), int(day or 1))  # noqa: DTZ001 - a day
        return f"{date:%Y-%m-%d}" if day else f"{date:%Y-%m}"
    return ""
