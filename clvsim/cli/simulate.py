"""``clvsim run`` and ``clvsim compare``: check the request, simulate, save, show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer
import xarray as xr

from clvsim.api import Effort, Session
from clvsim.cli.guard import FAILED, answer, tell
from clvsim.cli.progress import Bar, waiting
from clvsim.engine.rows import Rows, customer_rows, expected_rows, warm_up
from clvsim.errors import InputError, ScenarioError, closest, counted
from clvsim.files import check_writable
from clvsim.intervals import reach
from clvsim.report.comparing import comparison_report
from clvsim.report.customers import check_format, write_customers
from clvsim.report.document import to_json
from clvsim.report.single import scenario_report
from clvsim.report.tables import console_for
from clvsim.results import load_result, save
from clvsim.scenario.idle import Note, notes
from clvsim.scenario.load import Plan, load
from clvsim.scenario.model import Scenario
from clvsim.scenario.toml import BASELINE


@dataclass(frozen=True)
class Request:
    """What the user asked for; names as the options."""

    files: tuple[Path, ...]
    variants: tuple[str, ...] = ()
    worlds: int | None = None
    seed: int | None = None
    threads: int = 0
    precision: float | None = None
    most_worlds: int | None = None
    out: Path | None = None
    resume: bool = False
    as_json: bool = False
    customers: Path | None = None
    compares: bool = False
    baseline: str | None = None


def simulate(request: Request) -> None:
    """Simulate, save and show.

    Raises
    ------
    InputError, ScenarioError
        For what is wrong with the request, before anything is simulated or written.
    Exit
        With a failure, if the run was interrupted.
    """
    _check_options(request)
    plans = read_plans(request.files)
    scenarios = chosen_scenarios(request, plans)
    base = _baseline_of(request, scenarios)
    idle = [note for plan in plans for note in notes(plan)]
    for note in idle:
        tell(str(note))
    watcher = console_for(stderr=True)
    earlier = _earlier(request)
    effort = _effort(request, scenarios, earlier)
    with waiting(watcher, "preparing the scenarios"):
        session = Session(scenarios, effort)
    with waiting(watcher, "compiling kernels, once per installation"):
        warm_up(next(iter(session.variants.compiled.values())))
    with Bar(watcher, "simulating", "customers") as bar:
        session.progress = bar
        result = session.result(earlier, base if request.compares else None)
    if request.out is not None:
        save(result, request.out)
    _show(request, result, idle)
    _report_effort(request, result)
    if request.customers is not None and not session.interrupted:
        try:
            _write_customers(request.customers, session, result)
        except KeyboardInterrupt:
            tell(f"clvsim: interrupted: {request.customers} was not written")
            raise typer.Exit(FAILED) from None
    if session.interrupted:
        _report_interrupt(request, result.sizes["world"])


def _check_options(request: Request) -> None:
    """Refuse options that contradict, and files that cannot be written."""
    message = ""
    if request.resume and request.out is None:
        message = "--resume needs --out: the file with the earlier worlds"
    elif request.most_worlds is not None and request.precision is None:
        message = "--max-worlds is the most that --precision may use: give both, or --worlds"
    elif request.out is not None and request.out.suffix.lower() != ".nc":
        message = f"--out {request.out}: results are saved as NetCDF, in a file ending in .nc"
        if request.out.suffix.lower() in {".csv", ".parquet"}:
            message += " (customers one by one: --customers)"
    if message:
        raise InputError(message)
    if request.customers is not None:
        check_format(request.customers)
    for path in (request.out, request.customers):
        if path is not None:
            check_writable(path, inputs=request.files)


def chosen_scenarios(request: Request, plans: list[Plan]) -> dict[str, Scenario]:
    """The scenarios to simulate, by name, of those that the files say.

    Of one file: the baseline for ``run``, all for ``compare``, or those named, and for ``compare``
    what they are compared with. Of several: ``stem`` for a baseline and ``stem/variant``.

    Raises
    ------
    InputError
        For a name that there is not.
    """
    everything = _all_scenarios(request.files, plans)
    if not request.variants:
        if request.compares and len(everything) == 1:
            message = f"{request.files[0]} has no variants to compare: use clvsim run"
            raise InputError(message)
        return everything if request.compares else {BASELINE: everything[BASELINE]}
    wanted: dict[str, Scenario] = {}
    if request.compares:
        first = _known(request.baseline, everything) if request.baseline else next(iter(everything))
        wanted[first] = everything[first]
    for name in request.variants:
        found = [full for full in everything if full == name or full.endswith(f"/{name}")]
        for full in found or [_known(name, everything)]:
            wanted[full] = everything[full]
    if request.compares and len(wanted) == 1:
        message = f"{next(iter(wanted))!r} has nothing to be compared with: name another --variant"
        raise InputError(message)
    return wanted


def read_plans(files: tuple[Path, ...]) -> list[Plan]:
    """What all files say.

    Raises
    ------
    ScenarioError
        With all faults of all files.
    """
    plans: list[Plan] = []
    faults = []
    for file in files:
        try:
            plans.append(load(file))
        except ScenarioError as error:
            faults += list(error.faults)
    if faults:
        raise ScenarioError(faults)
    return plans


def _all_scenarios(files: tuple[Path, ...], plans: list[Plan]) -> dict[str, Scenario]:
    """All scenarios of all files."""
    if len(plans) == 1:
        return plans[0].scenarios
    stems = [file.stem for file in files]
    everything: dict[str, Scenario] = {}
    for file, plan in zip(files, plans, strict=True):
        own = file.stem if stems.count(file.stem) == 1 else str(file.with_suffix(""))
        for name, scenario in plan.scenarios.items():
            full = own if name == BASELINE else f"{own}/{name}"
            if full in everything:
                message = f"two scenarios would be called {full!r}: give each file once"
                raise InputError(message)
            everything[full] = scenario
    return everything


def _known(name: str, everything: Mapping[str, Scenario]) -> str:
    """A name that there is."""
    if name not in everything:
        near = closest(name, everything)
        hint = f"; did you mean {near!r}?" if near else ""
        message = f"there is no scenario {name!r} (there is {', '.join(everything)}){hint}"
        raise InputError(message)
    return name


def _baseline_of(request: Request, scenarios: Mapping[str, Scenario]) -> str:
    return _known(request.baseline, scenarios) if request.baseline else next(iter(scenarios))


def _earlier(request: Request) -> xr.Dataset | None:
    """The result to add worlds to."""
    if request.resume and request.out is not None and request.out.exists():
        return load_result(request.out)
    return None


def _effort(
    request: Request, scenarios: Mapping[str, Scenario], earlier: xr.Dataset | None
) -> Effort:
    """How much to simulate: never fewer worlds than there are."""
    asked = Effort(worlds=request.worlds, seed=request.seed, threads=request.threads)
    first = next(iter(scenarios.values()))
    worlds = first.simulation.worlds if asked.worlds is None else asked.worlds
    if earlier is not None:
        worlds = max(worlds, earlier.sizes["world"])
    most = asked.most_worlds if request.most_worlds is None else request.most_worlds
    if request.precision is not None and most < worlds:
        if request.most_worlds is not None and earlier is None:
            message = f"--max-worlds {most:,} is less than the {worlds:,} worlds to begin with"
            raise InputError(message)
        most = worlds
    return replace(asked, worlds=worlds, precision=request.precision, most_worlds=most)


def _write_customers(path: Path, session: Session, result: xr.Dataset) -> None:
    """Write the rows of all scenarios and worlds."""
    worlds = [int(world) for world in result["world"].values]
    expected = len(worlds) * sum(map(expected_rows, session.variants.compiled.values()))
    with Bar(console_for(stderr=True), f"writing {path.name}", "customers") as bar:

        def rows() -> Iterator[tuple[str, Rows]]:
            done = 0
            for world in worlds:
                for name, compiled in session.variants.in_world(world).items():
                    for part in customer_rows(compiled, session.seed, world):
                        yield name, part
                        done += len(part)
                        bar(done, expected)

        written = write_customers(path, rows())
    tell(f"{path}: {counted(written, 'customer')}")


def _show(request: Request, result: xr.Dataset, idle: Sequence[Note]) -> None:
    if request.as_json:
        answer(to_json(result, idle))
        return
    console = console_for()
    report = (
        comparison_report(result) if request.compares else scenario_report(result, console.width)
    )
    for part in report:
        console.print(part)
        console.print()


def _report_effort(request: Request, result: xr.Dataset) -> None:
    """Say what was saved, and whether the precision asked for was reached."""
    worlds = result.sizes["world"]
    if request.out is not None:
        tell(f"{request.out}: {counted(worlds, 'world')}")
    if request.precision is None:
        return
    errors = result["npv_se"] / abs(result["npv_mean"])
    reached = float(reach(worlds) * errors.max(skipna=False))
    if not reached <= 1.01 * request.precision:
        most = Effort().most_worlds if request.most_worlds is None else request.most_worlds
        # A pilot says how many worlds; to add some because of what they say would bias the mean.
        advice = "raise --max-worlds" if worlds >= most else "ask for less, say two thirds of it"
        tell(
            f"clvsim: precision {100 * request.precision:g} % was not reached: NPV is known to "
            f"{100 * reached:.2g} % after {counted(worlds, 'world')}; {advice}"
        )


def _report_interrupt(request: Request, worlds: int) -> None:
    """Say what an interrupt has left."""
    text = f"clvsim: interrupted: {worlds:,} worlds are whole"
    if request.out is not None:
        text += f" and saved in {request.out}; --resume adds the rest"
    if request.customers is not None:
        text += f"; {request.customers} was not written"
    tell(text)
    raise typer.Exit(FAILED)
