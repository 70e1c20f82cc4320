"""What ``clvsim score`` does: check the request, read, score, write, show."""

from dataclasses import dataclass
from pathlib import Path

import typer

from clvsim.calibration.scoring.customers import Columns, read_customers
from clvsim.calibration.scoring.fit_file import FitFile, read_fit
from clvsim.calibration.scoring.group import Terms
from clvsim.calibration.scoring.score import score
from clvsim.cli.files import open_file
from clvsim.cli.guard import tell
from clvsim.cli.progress import waiting
from clvsim.errors import InputError, counted
from clvsim.files import check_writable
from clvsim.report.customers import check_format
from clvsim.report.scoring import score_json, score_report, write_scores
from clvsim.report.tables import console_for


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes
    ----------
    file, fit : Path
        Customers, and the block that they are scored with.
    segment : str
        Of the fit, for all customers; empty: as the file says.
    columns : Columns
    step : str
        What a period is; empty: as the fit says.
    horizon, rate, margin, best_share, contact_cost, seed
        As in `Terms`.
    header, separator : str
        Names of columns of a file without any, and what parts its fields; empty: as the file says.
    out : Path or None
        File of the scores.
    as_json : bool
        Whether one JSON document is all that goes to stdout.
    """

    file: Path
    fit: Path
    segment: str
    columns: Columns
    step: str
    horizon: float
    rate: float
    margin: float
    best_share: float
    contact_cost: float
    seed: int
    header: str
    separator: str
    out: Path | None
    as_json: bool


def score_customers(request: Request) -> None:
    """Score, write and show.

    Raises
    ------
    InputError, ScenarioError
        For what is wrong with the request or the files, before anything is written.
    ClvsimError
        If the scores cannot be written; no part of them is left.
    """
    if request.out is not None:
        check_format(request.out)
        check_writable(request.out, inputs=[request.file, request.fit])
    watcher = console_for(stderr=True)
    fit = read_fit(request.fit)
    terms = _terms(request, fit)
    records = open_file(request.file, request.header, request.separator)
    with waiting(watcher, f"reading {request.file.name}"):
        customers, drops = read_customers(
            records, request.columns, fit.segments, request.segment, fit.name
        )
    with waiting(watcher, f"scoring {counted(len(customers.names), 'customer')}"):
        scores = score(customers, fit, terms)
    if request.out is not None:
        with waiting(watcher, f"writing {request.out.name}"):
            write_scores(request.out, scores)
    if request.as_json:
        typer.echo(score_json(scores, terms, drops, list(scores.notes)))
    else:
        console = console_for()
        for part in score_report(scores, terms, str(request.file)):
            console.print(part)
            console.print()
    for line in drops.told():
        tell(f"{drops.file}: {line}")
    for note in scores.notes:
        tell(f"note: {note}")
    written = f"{request.out}: written"
    tell(written if request.out else "note: --out FILE.csv writes a row a customer")


def _terms(request: Request, fit: FitFile) -> Terms:
    """Terms with the period that option or fit says.

    Raises
    ------
    InputError
        If neither does, or each says another.
    """
    if request.step and fit.step and request.step != fit.step:
        message = f"--step {request.step}: the numbers of {fit.name} are by {fit.step}"
        raise InputError(message)
    step = request.step or fit.step
    if not step:
        message = (
            f"{fit.name} does not say what a period is: say it with --step, or in the file with "
            '[time] step = "month"'
        )
        raise InputError(message)
    return Terms(
        step=step,  # type: ignore[arg-type]  # the command line and the fit's reader checked it
        horizon=request.horizon,
        rate=request.rate,
        margin=request.margin,
        best_share=request.best_share,
        contact_cost=request.contact_cost,
        seed=request.seed,
    )
