"""The commands, their options and examples; what they do is imported when they are called."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from clvsim.cli.examples import examples
from clvsim.cli.fit import fit
from clvsim.cli.guard import FAILED, guarded, say
from clvsim.cli.score import EPILOG, SHORT_HELP, score
from clvsim.errors import ScenarioError

_MOST_SEED = 2**64 - 1


app = typer.Typer(
    name="clvsim",
    help="Monte Carlo simulator of customer lifetime value: offers, channels, programs, risk.",
    epilog=examples(
        "clvsim validate plan.toml", "clvsim run plan.toml", "clvsim compare plan.toml"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(fit)
app.command(short_help=SHORT_HELP, epilog=EPILOG)(score)


def _precision(text: str) -> float:
    """``0.5%`` or ``0.005``."""
    number = text.strip().removesuffix("%")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    value = value / 100.0 if text.strip().endswith("%") else value
    if not 0.0 < value < 1.0:
        message = f"{text!r} is not a precision: 0.5% or 0.005, above 0 and below 100 %"
        raise typer.BadParameter(message)
    return value


def _whole(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            message = f"{text!r} is not a whole number from {least} to {most:,}"
            raise typer.BadParameter(message)
        return value

    return parse


_File = Annotated[Path, typer.Argument(metavar="FILE", help="A scenario file (TOML).")]
_Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="Scenario files (TOML).")]
_Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant", metavar="NAME", help="A variant of the file; may be given several times."
    ),
]
_Worlds = Annotated[
    int | None,
    typer.Option(
        parser=_whole(1, 10_000_000),
        metavar="N",
        help="Monte Carlo replications; as the file says unless given.",
    ),
]
_Seed = Annotated[
    int | None,
    typer.Option(
        parser=_whole(0, _MOST_SEED),
        metavar="N",
        help="Seed of all randomness; as the file says unless given.",
    ),
]
_Threads = Annotated[
    int,
    typer.Option(
        parser=_whole(0, 4096),
        metavar="N",
        help="Threads; 0: all processors. Changes no result.",
    ),
]
_Precision = Annotated[
    float | None,
    typer.Option(
        parser=_precision,
        metavar="0.5%",
        help="Add worlds until the 95 % half-width of the mean NPV is at most this share of it.",
    ),
]
_MaxWorlds = Annotated[
    int | None,
    typer.Option(
        parser=_whole(1, 10_000_000),
        metavar="N",
        help="Most worlds that --precision may use (20,000 unless given).",
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.nc",
        help="Save the whole result as NetCDF; it reopens with clvsim.load_result.",
    ),
]
_Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Keep the worlds that --out already has, and add those that are missing.",
    ),
]
_Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document, no tables."),
]
_Customers = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv",
        help="Write a row for every customer of every world: FILE.csv or FILE.parquet.",
    ),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"clvsim {version('clvsim')}")
        raise typer.Exit


@app.callback()
def _clvsim(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Monte Carlo simulator of customer lifetime value: offers, channels, programs, risk."""


@app.command(
    short_help="Check scenario files and their variants.",
    epilog=examples("clvsim validate plan.toml", "clvsim validate scenarios/*.toml"),
)
@guarded
def validate(files: _Files) -> None:
    """Check scenario files and all their variants; say every fault at once, with its line."""
    from clvsim.scenario.load import load

    faults = []
    for file in files:
        try:
            plan = load(file)
        except ScenarioError as error:
            faults += list(error.faults)
            continue
        time = plan.baseline.time
        names = [name for name in plan.scenarios if name != "baseline"]
        count = f"{len(names)} variant{'' if len(names) == 1 else 's'}" if names else "no variants"
        listed = f" ({', '.join(names)})" if names else ""
        steps = f"{time.periods:,} {time.step}{'' if time.periods == 1 else 's'}"
        say(f"{file}: fine; {steps} from {time.start}, {count}{listed}")
    if faults:
        raise ScenarioError(faults)


@app.command(
    short_help="Simulate a scenario and show its measures.",
    epilog=examples(
        "clvsim run plan.toml",
        "clvsim run plan.toml --variant deep_discount --worlds 500",
        "clvsim run plan.toml --out plan.nc --customers plan.parquet",
    ),
)
@guarded
def run(
    file: _File,
    *,
    variant: _Variants = None,
    worlds: _Worlds = None,
    seed: _Seed = None,
    threads: _Threads = 0,
    precision: _Precision = None,
    max_worlds: _MaxWorlds = None,
    out: _Out = None,
    resume: _Resume = False,
    json: _Json = False,
    customers: _Customers = None,
) -> None:
    """Simulate a scenario (the file's baseline unless --variant) and show its measures."""
    from clvsim.cli.simulate import Request, simulate

    simulate(
        Request(
            files=(file,),
            variants=tuple(variant or ()),
            worlds=worlds,
            seed=seed,
            threads=threads,
            precision=precision,
            most_worlds=max_worlds,
            out=out,
            resume=resume,
            as_json=json,
            customers=customers,
        )
    )


@app.command(
    short_help="Compare variants, or files, on the same luck.",
    epilog=examples(
        "clvsim compare plan.toml",
        "clvsim compare plan.toml --variant gift --variant discount --precision 0.5%",
        "clvsim compare north.toml south.toml --baseline south",
        "clvsim compare plan.toml --json | jq .comparison.verdict",
    ),
)
@guarded
def compare(
    files: _Files,
    *,
    variant: _Variants = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What the others are compared with; the first file's baseline."
        ),
    ] = None,
    worlds: _Worlds = None,
    seed: _Seed = None,
    threads: _Threads = 0,
    precision: _Precision = None,
    max_worlds: _MaxWorlds = None,
    out: _Out = None,
    resume: _Resume = False,
    json: _Json = False,
    customers: _Customers = None,
) -> None:
    """Compare all variants of a file, or several files, customer by customer on the same luck.

    With several files, scenarios are called FILE (without its ending) and FILE/VARIANT.
    """
    from clvsim.cli.simulate import Request, simulate

    simulate(
        Request(
            files=tuple(files),
            variants=tuple(variant or ()),
            worlds=worlds,
            seed=seed,
            threads=threads,
            precision=precision,
            most_worlds=max_worlds,
            out=out,
            resume=resume,
            as_json=json,
            customers=customers,
            compares=True,
            baseline=baseline,
        )
    )


@app.command(
    short_help="Check against published figures and closed forms.",
    epilog=examples("clvsim verify", "clvsim verify --json > verdicts.json"),
)
@guarded
def verify(*, json: _Json = False) -> None:
    """Check this installation against published figures and closed forms."""
    from clvsim.cli.verify import show_verdicts

    if not show_verdicts(as_json=json):
        raise typer.Exit(FAILED)


@app.command(
    short_help="Print the JSON Schema of scenario files.",
    epilog=examples("clvsim schema > scenario.schema.json"),
)
@guarded
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors that check and complete TOML."""
    import json

    from clvsim.cli.schema import file_schema

    typer.echo(json.dumps(file_schema(), indent=2, ensure_ascii=False))
