"""``clvsim score``: the options and what they do; work is imported when it is called."""

import enum
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvsim.cli.examples import examples
from clvsim.cli.guard import guarded, tell

if TYPE_CHECKING:
    from clvsim.calibration.scoring.customers import Columns
    from clvsim.calibration.scoring.score import Terms

EPILOG = examples(
    "clvsim score customers.csv --fit segments.toml --out scores.csv",
    "clvsim score customers.csv --fit segments.toml --horizon 52 --contact-cost 3",
    "clvsim score telco.csv --fit segments.toml --customer customerID --tenure tenure \\",
    "    --spend MonthlyCharges --churned Churn --segment-column Contract --out scores.parquet",
)
SHORT_HELP = "Score customers with a fit: what each is still worth."


class Step(enum.StrEnum):
    """Periods of a fit."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


def _column(help_text: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(metavar="COLUMN", help=help_text)
    return found


@guarded
def score(
    file: Annotated[
        Path, typer.Argument(metavar="CUSTOMERS", help="A row a customer: CSV, text or Parquet.")
    ],
    *,
    fit: Annotated[Path, typer.Option(metavar="FIT.toml", help="The block that clvsim fit wrote.")],
    segment: Annotated[
        str, typer.Option(metavar="NAME", help="Segment of the fit for all customers.")
    ] = "",
    horizon: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            max=4096,
            metavar="N",
            help="Periods ahead that count; all of them unless given.",
        ),
    ] = None,
    discount_rate: Annotated[
        float, typer.Option(min=0.0, max=10.0, metavar="0.1", help="Effective annual rate.")
    ] = 0.1,
    margin: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="1.0", help="Share of amounts that is margin."),
    ] = 1.0,
    step: Annotated[
        Step | None, typer.Option(help="What a period is; as the fit says unless given.")
    ] = None,
    best_share: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="0.2",
            help="Share of the customers that are the best: 0.2, the top fifth, whose share of the "
            "value clvsim run shows too.",
        ),
    ] = 0.2,
    contact_cost: Annotated[
        float,
        typer.Option(
            min=0.0,
            metavar="AMOUNT",
            help="What it takes to keep in touch with a customer; who is worth no more is never "
            "profitable. At 0 only those who are worth nothing.",
        ),
    ] = 0.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**64 - 1, metavar="N", help="Of the lives behind intervals.")
    ] = 1,
    customer: Annotated[str, _column("Who.")] = "customer",
    frequency: Annotated[
        str, _column("Repeat purchases: days with one after the first.")
    ] = "frequency",
    recency: Annotated[str, _column("Periods from the first purchase to the last.")] = "recency",
    age: Annotated[str, _column("Periods from the first purchase until today.")] = "age",
    value: Annotated[str, _column("Mean amount of the repeat purchases.")] = "value",
    tenure: Annotated[str, _column("Contracts: periods as a customer until today.")] = "tenure",
    spend: Annotated[
        str, _column("Contracts: amount per period; 'spend' if there is one, else the mean.")
    ] = "",
    churned: Annotated[
        str, _column("Contracts: whether a customer has left (Yes or No); those are left out.")
    ] = "",
    segment_column: Annotated[
        str, _column("Segment of each customer; 'segment' if there is one and it is needed.")
    ] = "",
    columns: Annotated[
        str,
        typer.Option(metavar="A,B,…", help="Names of all columns of a file without a header."),
    ] = "",
    separator: Annotated[
        str,
        typer.Option(
            metavar="WORD",
            help="comma, semicolon, tab, bar, whitespace or a character; found out unless given.",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write the scores: FILE.csv or FILE.parquet."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, no tables.")
    ] = False,
) -> None:
    """Score customers with a fit: remaining value, chance of being alive, rank and class.

    Customers of purchase segments need frequency, recency, age and, with Gamma-Gamma, value, in
    the periods of the fit; those of contracts a tenure, and are valued just before their next
    renewal. The interval of a value holds the customer's own remaining value with probability
    90 % if the fit is right (from 4,096 drawn lives a place on a lattice of histories; exact for
    contracts). Who is lost with more than 95 % has both bounds at 0 and a value a little above.

    Classes: best, the top --best-share; good, above the median (the mean of values so skewed often
    lies among the best); marginal, above --contact-cost; never_profitable, at or below it.
    """
    from clvsim.calibration.scoring.customers import Columns

    named = Columns(
        customer, frequency, recency, age, value, tenure, spend, churned, segment_column
    )
    terms = {
        "horizon": math.inf if horizon is None else horizon,
        "rate": discount_rate,
        "margin": margin,
        "best_share": best_share,
        "contact_cost": contact_cost,
        "seed": seed,
    }
    _score(file, fit, segment, named, step, terms, columns, separator, out, json)


def _score(
    file: Path,
    fit: Path,
    segment: str,
    columns: "Columns",
    step: Step | None,
    terms: dict[str, float],
    header: str,
    separator: str,
    out: Path | None,
    as_json: bool,
) -> None:
    from clvsim.calibration.scoring.customers import read_customers
    from clvsim.calibration.scoring.fit_file import read_fit
    from clvsim.calibration.scoring.score import score as score_all
    from clvsim.cli.fitting import open_file
    from clvsim.report.scoring import score_json, score_report, write_scores
    from clvsim.report.tables import console_for

    if out is not None:
        _check_target(out)
    fitted = read_fit(fit)
    valued = _terms(fitted.name, step.value if step else fitted.step, terms)
    records = open_file(file, header, separator)
    customers, drops = read_customers(records, columns, fitted.segments, segment, fitted.name)
    scores = score_all(customers, fitted, valued)
    if out is not None:
        write_scores(out, scores)
    if as_json:
        typer.echo(score_json(scores, valued, drops, list(scores.notes)))
    else:
        console = console_for()
        for part in score_report(scores, valued, str(file)):
            console.print(part)
            console.print()
    for line in drops.told():
        tell(f"{drops.file}: {line}")
    for note in scores.notes:
        tell(f"note: {note}")
    tell(f"{out}: written" if out else "note: --out FILE.csv writes a row a customer")


def _check_target(out: Path) -> None:
    """Refuse at once a file that cannot be written."""
    from clvsim.calibration.block import check_target
    from clvsim.report.customers import check_format

    check_format(out)
    check_target(out, out.suffix.lower())


def _terms(fit: str, step: str, terms: dict[str, float]) -> "Terms":
    """Terms with the period that option or fit says.

    Raises
    ------
    InputError
        If neither does.
    """
    from clvsim.calibration.scoring.score import Terms
    from clvsim.errors import InputError

    if not step:
        message = (
            f"{fit} does not say what a period is: say it with --step, or in the file with "
            '[time] step = "month"'
        )
        raise InputError(message)
    return Terms(step=step, **terms)  # type: ignore[arg-type]  # both were validated
