# /// script
# requires-python = ">=3.11"
# ///
"""Derive what the purchase models need to know of the CDNOW sample.

Run as ``python scenarios/data/derive_cdnow.py``; ``--write`` also saves the table that
``clvsim verify`` fits, inside the package, so that an installed clvsim has it without the
230 kB of the sample. A test holds that file to this script.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SAMPLE = HERE / "cdnow-sample.txt"
TABLE = HERE.parents[1] / "clvsim" / "verification" / "data" / "cdnow.csv"
FITTED_TO = date(1997, 9, 30)
"""Last day of the 39 weeks that the literature fits; 39 more are held out."""


class Customer(NamedTuple):
    """What the models need to know of a customer; the first purchase is no repeat.

    Attributes
    ----------
    purchases : int
        Days with a repeat purchase, to `FITTED_TO`.
    last_day, days : int
        Days from the first purchase to the last one, and to `FITTED_TO`.
    cents : int
        Spent on repeat purchases to `FITTED_TO`, cents.
    later : int
        Days with a purchase afterwards.

    """

    purchases: int
    last_day: int
    days: int
    cents: int
    later: int


def customers(text: str) -> list[Customer]:
    """Customers of the sample, in its order; purchases of the same day are one."""
    spent: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for line in text.splitlines():
        _, customer, day, _, dollars = line.split()
        spent[customer][date.fromisoformat(day)] += round(100 * float(dollars))
    found = []
    for by_day in spent.values():
        first, *repeats = sorted(by_day)
        seen = [day for day in repeats if day <= FITTED_TO]
        found.append(
            Customer(
                purchases=len(seen),
                last_day=(seen[-1] - first).days if seen else 0,
                days=(FITTED_TO - first).days,
                cents=sum(by_day[day] for day in seen),
                later=len(repeats) - len(seen),
            )
        )
    return found


def table(found: list[Customer]) -> str:
    """Customers as comma-separated lines, equal ones counted, under a head."""
    lines = ["purchases,last_day,days,cents,later,customers"]
    lines += [",".join(map(str, (*one, count))) for one, count in sorted(Counter(found).items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the totals; with ``--write``, save the table."""
    found = customers(SAMPLE.read_text(encoding="ascii"))
    again = [one for one in found if one.purchases]
    lines = [
        f"{len(found):,} customers, {len(again):,} of whom bought again by {FITTED_TO}",
        f"{sum(one.purchases for one in found):,} repeat purchases by then",
        f"{sum(one.later for one in found):,} purchases afterwards",
    ]
    if "--write" in sys.argv[1:]:
        TABLE.write_text(table(found), encoding="ascii")
        lines.append(f"wrote {TABLE.name}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
