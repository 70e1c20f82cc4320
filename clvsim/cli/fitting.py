"""What the commands of ``clvsim fit`` share: where the results go."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType

from clvsim.calibration.block import block, state_block
from clvsim.calibration.outcome import Outcome
from clvsim.calibration.plot import check_matplotlib, draw, draw_states, hidden_states, left_out
from clvsim.calibration.states import StateFit
from clvsim.calibration.texts import NO_DAY, Days
from clvsim.cli.files import Failures
from clvsim.cli.guard import answer, say, tell
from clvsim.errors import InputError, counted
from clvsim.files import check_writable, whole
from clvsim.report.chains import state_json, state_report
from clvsim.report.fitting import fit_json, fit_report, told
from clvsim.report.tables import console_for


@dataclass(frozen=True)
class Target:
    """Where results go; refused at once where they cannot.

    Parameters
    ----------
    source : Path
        File of the records.
    out : Path or None
        File of the block; None: stdout.
    plot : Path or None
    customers : Path or None
        File of the customers, for ``clvsim score``.
    as_json : bool
        Whether one JSON document is all that goes to stdout.
    """

    source: Path
    out: Path | None
    plot: Path | None
    as_json: bool
    customers: Path | None = None

    def __post_init__(self) -> None:
        if self.out is not None:
            check_writable(self.out, ".toml", [self.source])
        if self.customers is not None:
            check_writable(self.customers, ".csv", [self.source])
        if self.plot is not None:
            check_writable(self.plot, ".png", [self.source])
            check_matplotlib()


def day_of(text: str) -> int:
    """The day of ``--end``, days since 1970-01-01.

    Raises
    ------
    InputError
    """
    day = int(Days().read([text])[0])
    if day == NO_DAY:
        message = f"--end {text!r} is no date: write it like 1998-06-30"
        raise InputError(message)
    return day


def show_fit(outcome: Outcome, target: Target) -> None:
    """Write block and plot, and show the rest."""
    text = block(outcome)
    failures = Failures()
    names: tuple[str, ...] = ()
    if target.plot is not None:
        with failures.kept():
            names = draw(target.plot, outcome)
    if target.customers is not None:
        with failures.kept():
            _write(target.customers, outcome.customers())
    document = fit_json(outcome) if target.as_json else ""
    _show(text, document, fit_report(outcome), target, failures)
    for line in told(outcome.drops, outcome.notes, outcome.segments):
        tell(line)
    failures.tell()
    if target.customers is not None:
        tell(f"{target.customers}: written")
    if target.plot is not None:
        tell(f"{target.plot}: written")
        for note in names:
            tell(f"note: {note}")
    if target.plot is not None and left_out(outcome.segments):
        missing = counted(left_out(outcome.segments), "segment")
        tell(f"note: {missing} had no room in {target.plot}")


def show_states(fit: StateFit, target: Target) -> None:
    """Write block and plot, and show the rest."""
    text = state_block(fit)
    failures = Failures()
    if target.plot is not None:
        with failures.kept():
            draw_states(target.plot, fit)
    document = state_json(fit) if target.as_json else ""
    _show(text, document, state_report(fit), target, failures)
    for line in told(fit.drops, fit.notes):
        tell(line)
    failures.tell()
    if target.plot is not None:
        tell(f"{target.plot}: written")
    if target.plot is not None and hidden_states(fit):
        tell(f"note: {counted(hidden_states(fit), 'state')} had no room in {target.plot}")


def _show(
    text: str,
    document: str,
    report: list[RenderableType],
    target: Target,
    failures: Failures,
) -> None:
    """The block alone on stdout, so that it can be redirected; with ``--out`` the tables there."""
    if target.out is not None:
        with failures.kept():
            _write(target.out, text)
    if document:
        answer(document)
        return
    if target.out is None:
        say(text, ends=False)
    console = console_for(stderr=target.out is None)
    for part in report:
        console.print(part)
        console.print()
    if target.out is not None and failures.first is None:
        tell(f"{target.out}: written")


def _write(path: Path, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
