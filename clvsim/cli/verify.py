"""``clvsim verify``: the verdicts of the verification suite as a table or JSON."""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from clvsim.cli.progress import Bar
from clvsim.report import format as say
from clvsim.report.tables import console_for, grid

if TYPE_CHECKING:
    from clvsim.verification import Verdict


def show_verdicts(*, as_json: bool) -> bool:
    """Run all cases and print them; whether all passed."""
    from clvsim.verification import run_cases

    with Bar(console_for(stderr=True), "verifying", "cases") as bar:
        verdicts = run_cases(progress=bar)
    passed = all(verdict.passed for verdict in verdicts)
    if as_json:
        found = {"passed": passed, "verdicts": [_plain(verdict) for verdict in verdicts]}
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
        return passed
    heads = ("", "published", "closed form", "simulated", "z", "verdict")
    console = console_for()
    console.print(grid("Verification against the literature", heads, _rows(verdicts)))
    failed = sum(not verdict.passed for verdict in verdicts)
    console.print(f"\n{len(verdicts) - failed} of {len(verdicts)} figures agree.")
    return passed


def _rows(verdicts: "list[Verdict]") -> Iterator[list[str | Text]]:
    """Figures under their citations."""
    for citation, group in itertools.groupby(verdicts, key=lambda verdict: verdict.citation):
        yield [Text(citation, style="bold"), *[""] * 5]
        yield from map(_row, group)


def _row(verdict: "Verdict") -> list[str | Text]:
    nothing = math.nan
    simulated = nothing if verdict.simulated is None else verdict.simulated
    error = nothing if verdict.standard_error is None else verdict.standard_error
    return [
        f"  {verdict.quantity}",
        say.NOTHING if verdict.published is None else f"{verdict.published:,.6g}",
        f"{verdict.closed_form:,.6g}",
        say.with_error(simulated, error),
        say.NOTHING if verdict.z is None else f"{verdict.z:+.1f}",
        "agrees" if verdict.passed else Text("DIFFERS", style="bold"),
    ]


def _plain(verdict: "Verdict") -> dict[str, Any]:
    fields = dataclasses.asdict(verdict)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }
