"""Who joins: prospects and which share of them converts, by segment, channel and offer."""

from collections.abc import Iterator

import xarray as xr
from rich.console import RenderableType

from clvsim.measures import SPLITS
from clvsim.report import format as say
from clvsim.report.tables import estimate, grid


def who_joins(one: xr.Dataset) -> Iterator[RenderableType]:
    """Prospects of channels and who joins of them; nothing where there are no prospects."""
    if not estimate(one, "prospects").value > 0.0:
        return
    rows = [_row(one, "all", "")]
    for dim in SPLITS:
        names = [str(name) for name in one[dim].values]
        reached = [
            name for name in names if estimate(one, f"prospects_by_{dim}", **{dim: name}).value
        ]
        if len(reached) > 1 or dim == "offer":
            rows += [_row(one, f"{dim} {name}", f"_by_{dim}", **{dim: name}) for name in reached]
    yield grid(
        "Prospects, and who joins of them",
        ("", "prospects", "conversion", "at list price", "expected to join"),
        rows,
        "expected in every world: no luck of customers is in it",
    )


def _row(one: xr.Dataset, title: str, split: str, **where: str) -> tuple[str, ...]:
    """Prospects, conversion under the offer and at the list price, and who is expected to join."""
    shares = [estimate(one, f"{name}{split}", **where) for name in _SHARES]
    return (
        title,
        str(estimate(one, f"prospects{split}", **where)),
        *(say.percent_with_error(share.value, share.error) for share in shares),
        str(estimate(one, f"expected_joiners{split}", **where)),
    )


_SHARES = ("conversion", "conversion_at_list")
