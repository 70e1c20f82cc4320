"""What ``clvsim score`` does: check the request, read, score, write, show."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from clvsim.calibration.scoring.conditions import is_scenario, read_conditions
from clvsim.calibration.scoring.customers import Columns, Customers, read_customers
from clvsim.calibration.scoring.fit_file import AnySegment, FitFile, read_fit
from clvsim.calibration.scoring.group import Terms
from clvsim.calibration.scoring.score import Scores, score
from clvsim.calibration.scoring.simulated import simulate, warm_up
from clvsim.cli.files import Failures, open_file
from clvsim.cli.guard import answer, tell
from clvsim.cli.progress import Bar, waiting
from clvsim.errors import InputError, counted
from clvsim.files import check_writable, refuse_inputs
from clvsim.report.customers import check_format
from clvsim.report.scoring import score_json, score_report, write_scores
from clvsim.report.tables import console_for
from clvsim.scenario.load import sources
from clvsim.scenario.toml import BASELINE, read


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
    horizon, rate, margin, seed
        As in `Terms`; None: as the scenario says, or without horizon, 10 %, all of it and 1.
    best_share, contact_cost
        As in `Terms`.
    variant : str
        Of a scenario; empty: its baseline.
    worlds : int or None
        Lives of each customer under a scenario; None: as it says.
    header, separator : str
        Names of columns of a file without any, and what parts its fields; empty: as the file says.
    accepts_losses : bool
        Whether to go on without customers that cannot be read.
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
    horizon: float | None
    rate: float | None
    margin: float | None
    best_share: float
    contact_cost: float
    seed: int | None
    variant: str
    worlds: int | None
    header: str
    separator: str
    accepts_losses: bool
    out: Path | None
    as_json: bool


def score_customers(request: Request) -> None:
    """Score, write and show.

    Raises
    ------
    InputError, ScenarioError
        For what is wrong with the request or the files, before anything is written.
    ClvsimError
        If the scores cannot be written; no part of them is left, and they are shown all the same.
    """
    if request.out is not None:
        check_format(request.out)
        check_writable(request.out, inputs=[request.file, request.fit])
    watcher = console_for(stderr=True)
    segments, terms, scored = _asked(request, watcher)
    records = open_file(
        request.file,
        request.header,
        request.separator,
        accept_losses=request.accepts_losses,
    )
    with waiting(watcher, f"reading {request.file.name}"):
        customers, drops = read_customers(
            records, request.columns, segments, request.segment, str(request.fit)
        )
    scores = scored(customers)
    failures = Failures()
    if request.out is not None:
        with waiting(watcher, f"writing {request.out.name}"), failures.kept():
            write_scores(request.out, scores)
    if request.as_json:
        answer(score_json(scores, terms, drops, list(scores.notes)))
    else:
        console = console_for()
        for part in score_report(scores, terms, str(request.file)):
            console.print(part)
            console.print()
    for line in drops.told():
        tell(f"{drops.file}: {line}")
    for note in scores.notes:
        tell(f"note: {note}")
    failures.tell()
    written = f"{request.out}: written"
    tell(written if request.out else "note: --out FILE.csv writes a row a customer")


def _asked(
    request: Request, watcher: Console
) -> tuple[Mapping[str, AnySegment], Terms, Callable[[Customers], Scores]]:
    """Segments that customers may be in, terms, and how to score: exactly, or under a scenario."""
    document = read(request.fit)
    if request.out is not None:
        refuse_inputs(request.out, sources(document))
    if is_scenario(document):
        return _under_scenario(request, watcher)
    _refuse(request, {"--variant": request.variant or None, "--worlds": request.worlds}, _NO_PLAN)
    fit = read_fit(request.fit)
    terms = _terms(request, fit)

    def scored(customers: Customers) -> Scores:
        with waiting(watcher, f"scoring {counted(len(customers.names), 'customer')}"):
            return score(customers, fit, terms)

    return fit.segments, terms, scored


def _under_scenario(
    request: Request, watcher: Console
) -> tuple[Mapping[str, AnySegment], Terms, Callable[[Customers], Scores]]:
    """The same under a scenario."""
    said = {
        "--horizon": request.horizon,
        "--discount-rate": request.rate,
        "--margin": request.margin,
        "--step": request.step or None,
    }
    _refuse(request, said, _SAYS_ITSELF)
    conditions = read_conditions(request.fit, request.variant, request.segment)
    scenario = conditions.scenario
    terms = Terms(
        step=scenario.time.step,
        horizon=float(scenario.time.periods),
        rate=scenario.money.discount_rate,
        best_share=request.best_share,
        contact_cost=request.contact_cost,
        seed=scenario.simulation.seed if request.seed is None else request.seed,
        scenario=request.variant or BASELINE,
        currency=scenario.money.currency,
    )
    worlds = request.worlds or max(scenario.simulation.worlds, 2)

    def scored(customers: Customers) -> Scores:
        with waiting(watcher, "compiling kernels, once per installation"):
            warm_up(customers, scenario)
        with Bar(watcher, "simulating", "lives") as bar:
            total, done = float(worlds * len(customers.names)), 0

            def tell_done(lives: int) -> None:
                nonlocal done
                done += lives
                bar(float(done), total)

            return simulate(customers, scenario, terms, worlds, tell_done)

    return conditions.segments, terms, scored


_NO_PLAN = "only with a scenario, and {file} is a fit's block"
_SAYS_ITSELF = "not with a scenario: {file} says it itself"


def _refuse(request: Request, options: Mapping[str, object], why: str) -> None:
    """Refuse options that do not go with the file.

    Raises
    ------
    InputError
    """
    given = [name for name, value in options.items() if value is not None]
    if given:
        message = f"{', '.join(given)}: {why.format(file=request.fit)}"
        raise InputError(message)


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
        horizon=math.inf if request.horizon is None else request.horizon,
        rate=0.1 if request.rate is None else request.rate,
        margin=1.0 if request.margin is None else request.margin,
        best_share=request.best_share,
        contact_cost=request.contact_cost,
        seed=1 if request.seed is None else request.seed,
    )
