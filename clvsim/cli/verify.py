"""``clvsim verify``: the verdicts of the verification suite as a table or JSON."""

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import typer

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
    console = console_for()
    heads = ("", "quantity", "published", "closed form", "simulated", "z", "verdict")
    console.print(grid("Verification against the literature", heads, map(_row, verdicts)))
    failed = sum(not verdict.passed for verdict in verdicts)
    console.print(f"\n{len(verdicts) - failed} of {len(verdicts)} figures agree.")
    return passed


def _row(verdict: "Verdict") -> tuple[str, ...]:
    nothing = math.nan
    simulated = nothing if verdict.simulated is None else verdict.simulated
    error = nothing if verdict.standard_error is None else verdict.standard_error
    return (
        verdict.citation,
        verdict.quantity,
        say.NOTHING if verdict.published is None else f"{verdict.published:,.6g}",
        say.number(verdict.closed_form, 0.1 * error),
        say.with_error(simulated, error),
        say.NOTHING if verdict.z is None else f"{verdict.z:+.1f}",
        "agrees" if verdict.passed else "DIFFERS",
    )


def _plain(verdict: "Verdict") -> dict[str, Any]:
    fields = dataclasses.asdict(verdict)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }
