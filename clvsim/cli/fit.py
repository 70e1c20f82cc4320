"""``clvsim fit``: its commands, their options and examples."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from clvsim.cli.examples import examples
from clvsim.cli.guard import guarded
from clvsim.cli.options import (
    AcceptLosses,
    CustomersOut,
    Header,
    Json,
    Separator,
    Step,
    amount,
    column,
    date_pattern,
)

_RETENTION = (
    "clvsim fit retention survivors.csv --holdout 5 --step year",
    "clvsim fit retention survivors.csv --segment plan --cohort joined --out segments.toml",
)
_TENURE = (
    "clvsim fit tenure telco.csv --tenure tenure --churned Churn",
    "clvsim fit tenure telco.csv --tenure tenure --churned Churn --segment Contract \\",
    "    --spend MonthlyCharges --out segments.toml --plot fit.png",
)
_TRANSACTIONS = (
    "clvsim fit transactions log.csv --customer id --date date --amount paid --holdout 39",
    "clvsim fit transactions cdnow.txt --columns customer,id,date,cds,dollars \\",
    "    --customer id --date date --amount dollars --holdout 39 --plot fit.png",
)
_OPPORTUNITIES = (
    "clvsim fit opportunities gifts.csv --customer donor --period year --amount gift --holdout 3",
    "clvsim fit opportunities gifts.csv --customer donor --period year --plot fit.png",
)
_HISTORIES = (
    "clvsim fit histories donors.csv --count donors --plot fit.png",
    "clvsim fit histories donors.csv --frequency x --recency t_x --opportunities n --step year",
)
_STATES = (
    "clvsim fit states panel.csv --customer id --period month --state recency --value paid",
    "clvsim fit states panel.csv --customer id --period month --state recency --gone lost \\",
    "    --holdout 6 --plot fit.png",
)

fit = typer.Typer(
    name="fit",
    help="Fit segments of a scenario to your own records.",
    short_help="Fit segments to your own records.",
    epilog=examples(
        _RETENTION[0], _TENURE[0], _TRANSACTIONS[0], _OPPORTUNITIES[0], _HISTORIES[0], _STATES[0]
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class ChurnModel(enum.StrEnum):
    """Models of churn that the block can hold."""

    SBG = "sbg"
    GEOMETRIC = "geometric"
    BDW = "bdw"
    BEST = "best"


class PurchaseModel(enum.StrEnum):
    """Models of purchases that the block can hold."""

    BG_NBD = "bg/nbd"
    PARETO_NBD = "pareto/nbd"
    BOTH = "both"
    BEST = "best"


_File = Annotated[Path, typer.Argument(metavar="FILE", help="Records: CSV, text or Parquet.")]
_Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml", help="Write the segments there; without it they go to stdout."
    ),
]
_Plot = Annotated[
    Path | None,
    typer.Option(metavar="FILE.png", help="Draw fit against data (needs matplotlib)."),
]
_Once = Annotated[
    bool, typer.Option("--drop-duplicates", help="Rows equal in every column are one.")
]
_Name = Annotated[
    str,
    typer.Option(metavar="NAME", help="Of the segment in the block; the file's name if not given."),
]
_Step = Annotated[Step, typer.Option(help="What a period is.")]
_Model = Annotated[
    ChurnModel,
    typer.Option(
        help="Model in the block: sbg (customers differ, and how much is as unsure as the data "
        "leave it), geometric (one churn rate for all), bdw, or best (lower AIC of sbg and bdw)."
    ),
]
_Segment = Annotated[str, column("Segments, by name.")]


@fit.command(
    short_help="From a retention table: survivors by period.", epilog=examples(*_RETENTION)
)
@guarded
def retention(
    file: _File,
    *,
    period: Annotated[str, column("Period since joining: 0, 1, 2, …")] = "period",
    survivors: Annotated[str, column("Customers still there after it.")] = "survivors",
    segment: _Segment = "",
    cohort: Annotated[str, column("Cohorts, by name; fitted together.")] = "",
    holdout: Annotated[
        int, typer.Option(min=0, metavar="N", help="Last periods of each cohort to hold out.")
    ] = 0,
    step: _Step = Step.MONTH,
    model: _Model = ChurnModel.SBG,
    columns: Header = "",
    separator: Separator = "",
    accept_losses: AcceptLosses = False,
    out: _Out = None,
    plot: _Plot = None,
    json: Json = False,
) -> None:
    """Fit sBG, one churn rate and beta-discrete-Weibull to cohorts and their survivors.

    Period 0 is the cohort at its start. Columns called segment and cohort are used unasked.
    """
    from clvsim.calibration.retention import RetentionColumns, fit_retention_table
    from clvsim.cli.files import open_file
    from clvsim.cli.fitting import Target, show_fit

    target = Target(file, out, plot, as_json=json)
    records = open_file(file, columns, separator, accept_losses=accept_losses)
    named = RetentionColumns(
        period=period,
        survivors=survivors,
        segment=segment or _if_there("segment", records.header),
        cohort=cohort or _if_there("cohort", records.header),
    )
    show_fit(fit_retention_table(records, named, step.value, model.value, holdout), target)


def _if_there(name: str, header: tuple[str, ...]) -> str:
    return name if name in header else ""


@fit.command(
    short_help="From one row a customer: tenure, and whether it left.", epilog=examples(*_TENURE)
)
@guarded
def tenure(
    file: _File,
    *,
    tenure: Annotated[str, column("Periods as a customer, until leaving or today.")],
    churned: Annotated[str, column("Whether it left: Yes or No, 1 or 0, …")],
    segment: _Segment = "",
    spend: Annotated[str, column("Spend per period, currency.")] = "",
    customer: Annotated[str, column("Names of customers: each counts once.")] = "",
    step: _Step = Step.MONTH,
    model: _Model = ChurnModel.SBG,
    columns: Header = "",
    separator: Separator = "",
    accept_losses: AcceptLosses = False,
    out: _Out = None,
    plot: _Plot = None,
    json: Json = False,
) -> None:
    """Fit churn, spend and their correlation to customers of whom most have not left yet.

    Who has not left is right-censored. Churn: sBG, with draws of what the data leave open; spend:
    gamma or lognormal, the better by AIC; correlation: of a Gaussian copula, by maximum likelihood.
    """
    from clvsim.calibration.tenure import fit_tenure
    from clvsim.calibration.tenure_file import TenureColumns
    from clvsim.cli.files import open_file
    from clvsim.cli.fitting import Target, show_fit

    target = Target(file, out, plot, as_json=json)
    records = open_file(file, columns, separator, accept_losses=accept_losses)
    named = TenureColumns(tenure, churned, segment, spend, customer)
    show_fit(fit_tenure(records, named, step.value, model.value), target)


@fit.command(short_help="From a log of purchases.", epilog=examples(*_TRANSACTIONS))
@guarded
def transactions(
    file: _File,
    *,
    customer: Annotated[str, column("Who bought.")],
    date: Annotated[str, column("When.")],
    amount: Annotated[str, column("For how much, currency.")],
    holdout: Annotated[
        float, typer.Option(parser=amount, metavar="N", help="Last units of time to hold out.")
    ] = 0.0,
    unit: Annotated[Step, typer.Option(help="Unit of time: a period.")] = Step.WEEK,
    end: Annotated[
        str,
        typer.Option(metavar="DATE", help="Last day observed; that of the last purchase if not."),
    ] = "",
    date_format: Annotated[
        str,
        typer.Option(
            metavar="FORMAT", callback=date_pattern, help="Of dates, as in Python: %d.%m.%Y"
        ),
    ] = "",
    drop_duplicates: _Once = False,
    model: Annotated[
        PurchaseModel,
        typer.Option(help="Model in the block; best: the lower AIC; both: a segment for each."),
    ] = PurchaseModel.BEST,
    name: _Name = "",
    columns: Header = "",
    separator: Separator = "",
    accept_losses: AcceptLosses = False,
    out: _Out = None,
    customers: CustomersOut = None,
    plot: _Plot = None,
    json: Json = False,
) -> None:
    """Fit BG/NBD, Pareto/NBD and Gamma-Gamma to purchases, those of a day merged."""
    from clvsim.calibration.purchase_log import LogColumns
    from clvsim.calibration.transactions import fit_transactions
    from clvsim.cli.files import open_file
    from clvsim.cli.fitting import Target, day_of, show_fit

    target = Target(file, out, plot, as_json=json, customers=customers)
    last = day_of(end) if end else None
    records = open_file(file, columns, separator, accept_losses=accept_losses)
    outcome = fit_transactions(
        records,
        LogColumns(customer, date, amount),
        unit=unit.value,
        holdout=holdout,
        end=last,
        pattern=date_format,
        drop_duplicates=drop_duplicates,
        model=model.value,
        name=name,
    )
    show_fit(outcome, target)


@fit.command(
    short_help="From purchases at most once a period: gifts by year.",
    epilog=examples(*_OPPORTUNITIES),
)
@guarded
def opportunities(
    file: _File,
    *,
    customer: Annotated[str, column("Who bought.")],
    period: Annotated[str, column("When; whole numbers like 1996, months like 2026-03, or dates.")],
    amount: Annotated[str, column("For how much, currency.")] = "",
    holdout: Annotated[int, typer.Option(min=0, metavar="N", help="Last periods to hold out.")] = 0,
    end: Annotated[
        str,
        typer.Option(metavar="PERIOD", help="Last period observed; the last of a purchase if not."),
    ] = "",
    drop_duplicates: _Once = False,
    step: _Step = Step.YEAR,
    name: _Name = "",
    columns: Header = "",
    separator: Separator = "",
    accept_losses: AcceptLosses = False,
    out: _Out = None,
    customers: CustomersOut = None,
    plot: _Plot = None,
    json: Json = False,
) -> None:
    """Fit BG/BB, and Gamma-Gamma to amounts, where there is one opportunity to buy a period.

    A row a purchase: a customer joins with its first one, every period after it is an opportunity,
    and purchases of a period are one.
    """
    from clvsim.calibration.opportunities import fit_opportunities
    from clvsim.calibration.opportunity_log import GiftColumns
    from clvsim.cli.files import open_file
    from clvsim.cli.fitting import Target, show_fit

    target = Target(file, out, plot, as_json=json, customers=customers)
    records = open_file(file, columns, separator, accept_losses=accept_losses)
    wanted = GiftColumns(customer, period, amount)
    outcome = fit_opportunities(
        records,
        wanted,
        step=step.value,
        holdout=holdout,
        end=end,
        drop_duplicates=drop_duplicates,
        name=name,
    )
    show_fit(outcome, target)


@fit.command(
    short_help="From counts of opportunities taken: a table of recency and frequency.",
    epilog=examples(*_HISTORIES),
)
@guarded
def histories(
    file: _File,
    *,
    frequency: Annotated[str, column("Opportunities taken.")] = "frequency",
    recency: Annotated[str, column("The last one taken; 0: none.")] = "recency",
    opportunities: Annotated[str, column("All opportunities.")] = "opportunities",
    count: Annotated[
        str, column("Customers a row; 'customers' if there is one, else one a row.")
    ] = "",
    step: _Step = Step.YEAR,
    name: _Name = "",
    columns: Header = "",
    separator: Separator = "",
    accept_losses: AcceptLosses = False,
    out: _Out = None,
    plot: _Plot = None,
    json: Json = False,
) -> None:
    """Fit BG/BB to what customers did with their opportunities, a row a customer or a kind of them.

    As clvsim fit opportunities, for those who keep frequency and recency and no log.
    """
    from clvsim.calibration.opportunities import fit_histories
    from clvsim.calibration.opportunity_log import HistoryColumns
    from clvsim.cli.files import open_file
    from clvsim.cli.fitting import Target, show_fit

    target = Target(file, out, plot, as_json=json)
    records = open_file(file, columns, separator, accept_losses=accept_losses)
    counted = count or _if_there("customers", records.header)
    wanted = HistoryColumns(frequency, recency, opportunities, counted)
    show_fit(fit_histories(records, wanted, step.value, name), target)


@fit.command(short_help="From a panel of states.", epilog=examples(*_STATES))
@guarded
def states(
    file: _File,
    *,
    customer: Annotated[str, column("Who.")],
    period: Annotated[str, column("When: whole numbers, or months like 2026-03.")],
    state: Annotated[str, column("In which state.")],
    value: Annotated[str, column("What the period brought in, currency.")] = "",
    gone: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="State of those whose rows end before the panel does, from then on.",
        ),
    ] = "",
    holdout: Annotated[int, typer.Option(min=0, metavar="N", help="Last periods to hold out.")] = 0,
    step: _Step = Step.MONTH,
    columns: Header = "",
    separator: Separator = "",
    accept_losses: AcceptLosses = False,
    out: _Out = None,
    plot: _Plot = None,
    json: Json = False,
) -> None:
    """Count transitions between states from one period to the next, with their errors.

    Two tests say whether where customers go hangs on where they came from, or on the period.
    """
    from clvsim.calibration.panel import StateColumns
    from clvsim.calibration.states import fit_states
    from clvsim.cli.files import open_file
    from clvsim.cli.fitting import Target, show_states

    target = Target(file, out, plot, as_json=json)
    records = open_file(file, columns, separator, accept_losses=accept_losses)
    wanted = StateColumns(customer, period, state, value)
    show_states(fit_states(records, wanted, step.value, gone, holdout), target)
