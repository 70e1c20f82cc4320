"""``clvsim score``: its options and examples; work is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from clvsim.cli.examples import examples
from clvsim.cli.guard import guarded
from clvsim.cli.options import AcceptLosses, Header, Json, Separator, Step, amount, column, number

EPILOG = examples(
    "clvsim score customers.csv --fit segments.toml --out scores.csv",
    "clvsim score customers.csv --fit segments.toml --horizon 52 --contact-cost 3",
    "clvsim score telco.csv --fit segments.toml --customer customerID --tenure tenure \\",
    "    --spend MonthlyCharges --churned Churn --segment-column Contract --out scores.parquet",
    "clvsim score customers.csv --fit scenario.toml --variant mail_the_best --worlds 200",
)
SHORT_HELP = "Score customers with a fit: what each is still worth."


_File = Annotated[
    Path, typer.Argument(metavar="CUSTOMERS", help="A row a customer: CSV, text or Parquet.")
]
_Fit = Annotated[
    Path,
    typer.Option(
        metavar="FIT.toml", help="The block that clvsim fit wrote, or a scenario to live under."
    ),
]
_Variant = Annotated[
    str, typer.Option(metavar="NAME", help="Variant of the scenario; its baseline unless given.")
]
_Worlds = Annotated[
    int | None,
    typer.Option(
        min=2,
        max=100_000,
        metavar="N",
        help="Lives of each customer under a scenario, one a world; as it says unless given.",
    ),
]
_Segment = Annotated[
    str, typer.Option(metavar="NAME", help="Segment of the fit for all customers.")
]
_Horizon = Annotated[
    float | None,
    typer.Option(
        min=1e-6, max=4096, metavar="N", help="Periods ahead that count; all of them unless given."
    ),
]
_Rate = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=10.0,
        callback=number,
        metavar="0.1",
        help="Effective annual rate; 0.1 unless given.",
    ),
]
_Margin = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        callback=number,
        metavar="1.0",
        help="Share of amounts that is margin; all unless given.",
    ),
]
_Step = Annotated[Step | None, typer.Option(help="What a period is; as the fit says unless given.")]
_BestShare = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        callback=number,
        metavar="0.2",
        help="Share of the customers that are the best: 0.2, the top fifth, whose share of the "
        "value clvsim run shows too.",
    ),
]
_ContactCost = Annotated[
    float,
    typer.Option(
        parser=amount,
        metavar="AMOUNT",
        help="What it takes to keep in touch with a customer; who is worth no more is never "
        "profitable. At 0 only those who are worth nothing.",
    ),
]
_Seed = Annotated[
    int | None,
    typer.Option(
        min=0, max=2**64 - 1, metavar="N", help="Of drawn lives; 1, or as the scenario says."
    ),
]
_Customer = Annotated[str, column("Who.")]
_Frequency = Annotated[str, column("Repeat purchases: days with one after the first.")]
_Recency = Annotated[str, column("Periods from the first purchase to the last.")]
_Age = Annotated[str, column("Periods from the first purchase until today.")]
_Value = Annotated[str, column("Mean amount of the repeat purchases.")]
_Tenure = Annotated[str, column("Contracts: periods as a customer until today.")]
_Spend = Annotated[
    str, column("Contracts: amount per period; 'spend' if there is one, else the mean.")
]
_Churned = Annotated[
    str, column("Contracts: whether a customer has left (Yes or No); those are left out.")
]
_State = Annotated[str, column("States: the one that a customer is in.")]
_SegmentColumn = Annotated[
    str, column("Segment of each customer; 'segment' if there is one and it is needed.")
]
_Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE.csv", help="Write the scores: FILE.csv or FILE.parquet."),
]


@guarded
def score(
    file: _File,
    *,
    fit: _Fit,
    segment: _Segment = "",
    horizon: _Horizon = None,
    discount_rate: _Rate = None,
    margin: _Margin = None,
    step: _Step = None,
    best_share: _BestShare = 0.2,
    contact_cost: _ContactCost = 0.0,
    seed: _Seed = None,
    variant: _Variant = "",
    worlds: _Worlds = None,
    customer: _Customer = "customer",
    frequency: _Frequency = "frequency",
    recency: _Recency = "recency",
    age: _Age = "age",
    value: _Value = "value",
    tenure: _Tenure = "tenure",
    spend: _Spend = "",
    churned: _Churned = "",
    segment_column: _SegmentColumn = "",
    state: _State = "state",
    columns: Header = "",
    separator: Separator = "",
    accept_losses: AcceptLosses = False,
    out: _Out = None,
    json: Json = False,
) -> None:
    """Score customers with a fit: remaining value, chance of being alive, rank and class.

    Customers of purchase segments need frequency, recency, age and, with Gamma-Gamma, value, in
    the periods of the fit; those of contracts a tenure, and are valued just before their next
    renewal. The interval of a value holds the customer's own remaining value with probability
    90 %: its luck, and the fit's error where the block says one (64 sets of parameters drawn from
    it; 48 lives each at every place of a lattice of histories, exact for contracts). Bounds from
    drawn lives differ by some per cent with the seed (CDNOW: 5 %). Who is lost with more than 95 %
    has both bounds at 0 and a value a little above.

    Where FIT.toml is a scenario (with a horizon, programs, money or shocks), customers live under
    it: its segments, costs, programs, uncertain numbers and posteriors, from today on, one life a
    world each. The scenario says horizon, discount rate, margin and step; the list says who is
    there, so its channels, offers and cohorts play no part. Values then have a Monte Carlo error
    (value_error), and customers under contract pay for the period that begins.

    Classes: best, the top --best-share; good, above the median (the mean of values so skewed often
    lies among the best); marginal, above --contact-cost; never_profitable, at or below it.
    """
    from clvsim.calibration.scoring.customers import Columns
    from clvsim.cli.scoring import Request, score_customers

    request = Request(
        file=file,
        fit=fit,
        segment=segment,
        columns=Columns(
            customer, frequency, recency, age, value, tenure, spend, churned, segment_column, state
        ),
        step=step.value if step else "",
        horizon=horizon,
        rate=discount_rate,
        margin=margin,
        variant=variant,
        worlds=worlds,
        best_share=best_share,
        contact_cost=contact_cost,
        seed=seed,
        header=columns,
        separator=separator,
        accepts_losses=accept_losses,
        out=out,
        as_json=json,
    )
    score_customers(request)
