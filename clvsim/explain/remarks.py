"""Numbers that are allowed and unlikely: a year's rate as a month's, per cent as a share."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clvsim.explain.expected import Joining, joining, mean_of, purchases_of, spend_of, surviving
from clvsim.scenario.habits import THOUSANDS, has_decimal_commas
from clvsim.scenario.lines import Path
from clvsim.scenario.model import (
    BgBbSegment,
    BgNbdSegment,
    BuyerSegment,
    ParetoNbdSegment,
    Scenario,
    Segment,
    StatesSegment,
)
from clvsim.scenario.toml import Document, dotted
from clvsim.wording import Words, amount, counted, percent, plain

#: Share of joiners left after a year below which a churn looks like a year's.
_FEW_LEFT = 0.15
#: Annual discount rates above which per cent was probably meant, and below which a month's.
_HIGH_RATE, _LOW_RATE = 1.0, 0.015
#: Hazard multiplier below which a share taken off was probably meant.
_LOW_HAZARD = 0.35
#: Share of prospects that join, purchases a year, years of horizon: more is unlikely.
_MANY_JOIN, _MANY_PURCHASES, _LONG = 0.6, 366.0, 60.0
#: First and last year in which plans begin.
_FIRST_YEAR, _LAST_YEAR = 1950, 2100
#: By step: how many periods a list of totals may stand for, and what they are called.
_TOTALS = {
    "week": ((13, "quarters"), (52, "years")),
    "month": ((3, "quarters"), (12, "years")),
    "quarter": ((4, "years"),),
    "year": (),
}
_LEAST_TOTALS = 2
#: Tenures at which lives are looked at between joining and the end of the horizon.
_LOOKS = 25
_KEY = re.compile(r"""\s*["']?([\w.-]+)["']?\s*=""")
_AMOUNTS = re.compile(r"spend|cost|price|gift|fee|incentive|subsidy|value|amount")


@dataclass(frozen=True)
class Remark:
    """Something unlikely: where it stands, and what may have been meant."""

    path: Path
    message: str


def remarks(scenario: Scenario) -> list[Remark]:
    """What is unlikely in a scenario, in the order of the file."""
    words = Words(scenario.money.currency, scenario.time.step)
    return [
        *_of_time(scenario),
        *_of_money(scenario, words),
        *_of_segments(scenario, words),
        *_of_offers(scenario, words),
        *_of_channels(scenario, joining(scenario), words),
        *_of_programs(scenario, words),
    ]


def written_oddly(document: Document) -> list[str]:
    """Numbers that may mean another one where the writer comes from, each with file and line."""
    return [
        f"{layer.file}:{number}: {said}"
        for layer in reversed([one for one in document.layers if not one.below])
        for number, line in enumerate(layer.text.splitlines(), start=1)
        for said in _odd_numbers(line)
    ]


def told(found: list[Remark], document: Document) -> list[str]:
    """Remarks with the file and line of what they are about."""
    lines = []
    for one in found:
        file, line = document.where(one.path)
        place = file if line is None else f"{file}:{line}"
        lines.append(f"{place}: {dotted(one.path)}: {one.message}")
    return lines


def _odd_numbers(line: str) -> Iterator[str]:
    code = re.sub(r""""[^"]*"|'[^']*'|#.*""", lambda found: " " * len(found[0]), line)
    key = _KEY.match(code)
    name = key[1].rpartition(".")[2] if key else ""
    for wrote in dict.fromkeys(THOUSANDS.findall(code)):
        if wrote.endswith("000") or _AMOUNTS.search(name):
            whole = wrote.replace(".", "")
            yield (
                f"{wrote} is {float(wrote):g}; if {int(whole):,} is meant, write {whole} "
                f"(or {int(whole):_})"
            )
    if has_decimal_commas(line):
        yield "a comma parts the items of a list: 0,5 is two numbers, and 0.5 one"


def _of_time(scenario: Scenario) -> Iterator[Remark]:
    time = scenario.time
    years = time.periods / time.calendar.per_year
    if years > _LONG:
        yield Remark(
            ("time", "periods"), f"{time.periods:,} {time.step}s are {years:,.0f} years: is it so?"
        )
    if not _FIRST_YEAR <= int(time.start[:4]) <= _LAST_YEAR:
        yield Remark(("time", "start"), f"the plan begins in the year {int(time.start[:4])}")


def _of_money(scenario: Scenario, words: Words) -> Iterator[Remark]:
    rate, path = scenario.money.discount_rate, ("money", "discount_rate")
    if rate >= _HIGH_RATE:
        cure = f"{plain(rate)} % is written {rate / 100.0:.2f}"
        yield Remark(path, f"{plain(rate)} is {percent(rate)} a year: {cure}")
    elif 0.0 < rate < _LOW_RATE:
        yearly = percent((1.0 + rate) ** 12 - 1.0)
        yield Remark(
            path,
            f"{percent(rate)} a year is little; if it is a month's rate, a year's is {yearly}",
        )
    fixed = scenario.money.fixed_costs
    if isinstance(fixed, tuple):
        yield from _totals(("money", "fixed_costs"), fixed, scenario, words)


def _totals(
    path: Path, amounts: tuple[object, ...], scenario: Scenario, words: Words
) -> Iterator[Remark]:
    """Lists that are as long as the horizon has quarters or years."""
    count, periods = len(amounts), scenario.time.periods
    if not all(isinstance(one, float) for one in amounts):
        return
    for size, called in _TOTALS[scenario.time.step]:
        if count >= _LEAST_TOTALS and count * size == periods:
            yield Remark(
                path,
                f"{count} amounts for {counted(periods, words.step)}: nothing follows the first "
                f"{counted(count, words.step)}; if they are the totals of {called}, divide each by "
                f"{size} and write it {size} times",
            )


def _of_segments(scenario: Scenario, words: Words) -> Iterator[Remark]:
    for name, segment in scenario.segments.items():
        at = ("segments", name)
        if isinstance(segment, Segment):
            yield from _of_churn((*at, "churn"), segment, words)
        elif isinstance(segment, ParetoNbdSegment):
            if mean_of(segment.death_rate) == 0.0:
                yield Remark((*at, "death_rate"), "nobody ever leaves")
        elif isinstance(segment, (BgNbdSegment, BgBbSegment)) and mean_of(segment.churn) == 0.0:
            yield Remark((*at, "churn"), "nobody ever leaves")
        purchases = purchases_of(segment)
        if purchases is not None and purchases * words.per_year > _MANY_PURCHASES:
            yearly = f"{amount(purchases * words.per_year)} purchases a year"
            key = "purchase_rate"
            yield Remark((*at, key), f"{plain(purchases)} a {words.step} are {yearly}")
        yield from _of_margin(at, segment, words)


def _of_churn(path: Path, segment: Segment, words: Words) -> Iterator[Remark]:
    still_there = surviving(segment)
    if still_there(4096) == 1.0:
        yield Remark(path, "nobody ever leaves")
    left, churn = still_there(words.year), 1.0 - still_there(1)
    if words.step != "year" and 0.0 < churn < 1.0 and left < _FEW_LEFT:
        period = percent(1.0 - (1.0 - churn) ** (1.0 / words.per_year))
        yield Remark(
            path,
            f"{percent(churn)} a {words.step} is {percent(1.0 - left)} a year: of 100 who join, "
            f"{100.0 * left:.0f} are left after a year. If {percent(churn)} is a year's figure, "
            f"a {words.step}'s is {period}",
        )


def _of_margin(path: Path, segment: object, words: Words) -> Iterator[Remark]:
    """Customers who cost more than they pay."""
    if isinstance(segment, (Segment, BuyerSegment)):
        spend = spend_of(segment)
        kept = spend * (1.0 - segment.cost_share - segment.royalty_share)
        kept -= segment.cost_to_serve if isinstance(segment, Segment) else segment.cost_per_purchase
        if spend > 0.0 and kept <= 0.0:
            each = f"{words.step}" if isinstance(segment, Segment) else "purchase"
            lost = f"loses {words.money(-kept)}" if kept else "leaves nothing"
            yield Remark(path, f"every {each} {lost} at the list price: are costs and spend right?")


def _of_offers(scenario: Scenario, words: Words) -> Iterator[Remark]:
    yearly = {
        name: spend_of(one) * (1.0 + (purchases_of(one) or 1.0) * (words.year - 1))
        for name, one in scenario.segments.items()
        if not isinstance(one, StatesSegment)
    }
    paid = [spend_of(one) for one in scenario.segments.values() if isinstance(one, Segment)]
    for name, offer in scenario.offers.items():
        most = max(yearly.values(), default=0.0)
        for key in ("gift", "equipment_subsidy"):
            if most and getattr(offer, key) > most:
                yield Remark(
                    ("offers", name, key),
                    f"{words.money(getattr(offer, key))} is more than a customer pays in the first "
                    f"year ({words.money(most)})",
                )
        if paid and offer.termination_fee > max(paid):
            yield Remark(
                ("offers", name, "termination_fee"),
                f"for each {words.step} left it costs more to leave than to stay "
                f"({words.money(max(paid))})",
            )


def _of_channels(
    scenario: Scenario, expected: dict[str, Joining], words: Words
) -> Iterator[Remark]:
    for name, found in expected.items():
        channel, at = scenario.channels[name], ("channels", name)
        if isinstance(channel.spend, tuple):
            yield from _totals((*at, "spend"), channel.spend, scenario, words)
        shares = channel.conversion
        for share in shares.values() if isinstance(shares, dict) else (shares,):
            if share >= _MANY_JOIN:
                yield Remark((*at, "conversion"), f"{percent(share)} of all prospects join")
        if not found.spend.any():
            continue
        if found.total < 1.0:
            what = f"about {plain(found.total)} customers" if found.total else "nobody"
            yield Remark(at, f"over the whole horizon {what} can be expected to join")
        elif (brought := _brought_in(scenario, found)) and found.cost_per_joiner > brought:
            yield Remark(
                at,
                f"a joiner costs {words.money(found.cost_per_joiner)}, and leaves about "
                f"{words.money(brought)} within the horizon, all discounts and programs apart",
            )


def _brought_in(scenario: Scenario, found: Joining) -> float:
    """About what is left of a joiner's payments at the list price within the horizon, currency."""
    whole = 0.0
    for name, joiners in found.joiners.items():
        segment = scenario.segments[name]
        if not isinstance(segment, (Segment, BuyerSegment)):
            return 0.0
        still_there = surviving(segment)
        looked_at = np.linspace(0, scenario.time.periods - 1, _LOOKS).astype(int).tolist()
        seen = [still_there(tenure) for tenure in looked_at]
        paid = float(np.interp(np.arange(scenario.time.periods), looked_at, seen).sum())
        served, purchases = paid, purchases_of(segment)
        if purchases is not None:
            paid = 1.0 + purchases * paid
        kept = spend_of(segment) * (1.0 - segment.cost_share - segment.royalty_share)
        kept -= segment.cost_per_purchase if isinstance(segment, BuyerSegment) else 0.0
        whole += joiners * (paid * kept - served * segment.cost_to_serve)
    return whole / found.total


def _of_programs(scenario: Scenario, words: Words) -> Iterator[Remark]:
    paid = [spend_of(one) for one in scenario.segments.values() if isinstance(one, Segment)]
    for name, one in scenario.programs.items():
        at = ("programs", name)
        hazard, change = getattr(one, "hazard", 1.0), getattr(one, "change", 0.0)
        price = getattr(one, "price", 0.0)
        if 0.0 < hazard < _LOW_HAZARD:
            yield Remark(
                (*at, "hazard"),
                f"{plain(hazard)} means that {percent(1.0 - hazard)} fewer leave; "
                f"{percent(hazard)} fewer is written {plain(1.0 - hazard)}",
            )
        if change >= 1.0:
            cure = f"{plain(change)} % is written {change / 100.0:g}"
            yield Remark((*at, "change"), f"prices rise by {percent(change)}: {cure}")
        if paid and price > max(paid):
            yield Remark(
                (*at, "price"),
                f"{words.each(price)} is more than customers pay for all else "
                f"({words.money(max(paid))} a {words.step})",
            )
