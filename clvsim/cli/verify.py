"""``clvsim verify``: the verdicts of the verification suite as a table or JSON."""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from clvsim.cli.guard import say as write
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
        write(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
        return passed
    heads = ("", "published", "closed form", "simulated", "z", "verdict")
    console = console_for()
    console.print(grid("Verification against the literature", heads, _rows(verdicts)))
    later = [verdict for verdict in verdicts if verdict.prediction is not None]
    if later:
        console.print()
        console.print(_held_out(later))
    failed = sum(not verdict.passed for verdict in verdicts)
    departed = sum(verdict.departs and verdict.passed for verdict in verdicts)
    agreed = len(verdicts) - failed - departed
    known = f"; {departed} depart{'s' * (departed == 1)} as known" if departed else ""
    console.print(f"\n{agreed} of {len(verdicts)} figures agree{known}.")
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
        _said(verdict),
    ]


def _held_out(verdicts: "list[Verdict]") -> RenderableType:
    """What was observed after a fit, beside what the fit predicted."""
    heads = ("", "observed", "predicted", "interval", "z", "tail", "verdict")
    caption = (
        "predicted: mean ± standard deviation, the luck of the customers and the error of the fit "
        "together; tail: probability of so far out, on both sides; departs (known): the model of "
        "the literature, correctly fitted, does not predict it"
    )
    title = "What was observed later, against what was predicted of it"
    return grid(title, heads, map(_later_row, verdicts), caption)


def _later_row(verdict: "Verdict") -> list[str | Text]:
    later = verdict.prediction
    if later is None:
        return []
    return [
        verdict.citation.rpartition(", ")[2],
        f"{later.observed:,.0f}",
        say.with_error(later.expected, later.deviation),
        f"{100.0 * later.level:g} %: {later.low:,.0f} to {later.high:,.0f}",
        f"{later.z:+.1f}",
        f"{100.0 * later.tail:.1f} %",
        _said(verdict),
    ]


def _said(verdict: "Verdict") -> str | Text:
    """The verdict in a word."""
    if not verdict.passed:
        return Text("DIFFERS", style="bold")
    return "departs (known)" if verdict.departs else "agrees"


def _plain(verdict: "Verdict") -> dict[str, Any]:
    fields = dataclasses.asdict(verdict)
    if verdict.prediction is not None:
        fields["prediction"] |= {"z": verdict.prediction.z, "holds": verdict.prediction.holds}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }
