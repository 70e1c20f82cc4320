"""``clvsim run`` and ``clvsim compare``: check the request, simulate, save, show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer
import xarray as xr
from rich.console import Console

from clvsim.api import Effort, Session
from clvsim.cli.files import Failures
from clvsim.cli.guard import answer, tell
from clvsim.cli.progress import Bar, waiting
from clvsim.engine.rows import Rows, customer_rows, expected_rows, warm_up
from clvsim.errors import InputError, ScenarioError, closest, counted
from clvsim.files import check_writable, refuse_inputs
from clvsim.intervals import reach
from clvsim.report.comparing import comparison_report
from clvsim.report.customers import check_format, write_customers
from clvsim.report.document import to_json
from clvsim.report.single import scenario_report
from clvsim.report.tables import console_for
from clvsim.results import load_whole_result, save
from clvsim.scenario.idle import Note, notes
from clvsim.scenario.load import Plan, load
from clvsim.scenario.model import Scenario
from clvsim.scenario.toml import BASELINE
from clvsim.signals import exit_code, held


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
    ClvsimError
        If a file cannot be written; the report is shown all the same.
    Exit
        If the run was interrupted.
    """
    _check_options(request)
    plans = read_plans(request.files)
    for path in (request.out, request.customers):
        if path is not None:
            refuse_inputs(path, (source for plan in plans for source in plan.sources))
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
        if request.customers is not None:
            session.variants.refuse_if_too_large(session.worlds, writes_rows=True)
    with waiting(watcher, "compiling kernels, once per installation"):
        warm_up(next(iter(session.variants.compiled.values())))
    stop = _simulated(session, earlier, watcher)
    end = _End(
        request, session, base if request.compares else None, idle, is_partial=stop is not None
    )
    try:
        # What has been computed is put in safety, and shown, before an interrupt is heeded.
        with held():
            end.save_and_show()
        if stop is None and request.customers is not None:
            end.write_customers(request.customers)
    except KeyboardInterrupt as pressed:
        stop = pressed
    end.tell(stop)


def _simulated(
    session: Session, earlier: xr.Dataset | None, watcher: Console
) -> KeyboardInterrupt | None:
    """Simulate; an interrupt that leaves whole worlds is returned, any other raised."""
    try:
        with Bar(watcher, "simulating", "customers") as bar:
            session.progress = bar
            session.simulate(earlier)
    except KeyboardInterrupt as stop:
        if session.whole_worlds == 0:
            raise
        return stop
    return None


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
        return load_whole_result(request.out)
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


class _End:
    """What is done with the worlds that are whole: saved, shown, and told of.

    Parameters
    ----------
    request : Request
    session : Session
    baseline : str or None
        Scenario that the others are compared with.
    idle : sequence of Note
        On settings that change nothing.
    is_partial : bool
        Whether an interrupt has ended the simulation.
    """

    def __init__(
        self,
        request: Request,
        session: Session,
        baseline: str | None,
        idle: Sequence[Note],
        *,
        is_partial: bool,
    ) -> None:
        self._request, self._session, self._baseline = request, session, baseline
        self._idle = idle
        self._is_partial = is_partial
        self._worlds: list[int] = []
        self._failures = Failures()
        self._saved: list[Path] = []

    def save_and_show(self) -> None:
        """Measure, save and show; what hinders saving is told at the end."""
        request = self._request
        result = self._session.measured(self._baseline)
        self._worlds = result["world"].values.tolist()
        if request.out is not None:
            with self._failures.kept():
                save(result, request.out)
                self._saved.append(request.out)
        _show(request, result, self._idle)
        if self._saved:
            tell(f"{request.out}: {counted(len(self._worlds), 'world')}")
        _tell_precision(request, result)

    def write_customers(self, path: Path) -> None:
        """Write the rows of all scenarios and worlds."""
        session = self._session
        expected = len(self._worlds) * sum(map(expected_rows, session.variants.compiled.values()))
        with Bar(console_for(stderr=True), f"writing {path.name}", "customers") as bar:

            def rows() -> Iterator[tuple[str, Rows]]:
                done = 0
                for world in self._worlds:
                    for name, compiled in session.variants.in_world(world).items():
                        for part in customer_rows(compiled, session.seed, world):
                            yield name, part
                            done += len(part)
                            bar(done, expected)

            written = write_customers(path, rows())
        self._saved.append(path)
        tell(f"{path}: {counted(written, 'customer')}")

    def tell(self, stop: KeyboardInterrupt | None) -> None:
        """Say what an interrupt, or a failure, has left.

        Raises
        ------
        ClvsimError
            If the result could not be written.
        Exit
            If the run was interrupted.
        """
        if stop is None:
            self._failures.tell()
            return
        text = f"clvsim: interrupted: {counted(self._session.whole_worlds, 'world')} are whole"
        if self._request.out in self._saved:
            text += f" and saved in {self._request.out}"
            text += "; --resume adds the rest" if self._is_partial else ""
        elif self._request.out is not None:
            text += f"; {self._failures.first or f'{self._request.out} was not written'}"
        if self._request.customers not in {None, *self._saved}:
            text += f"; {self._request.customers} was not written"
        tell(text)
        raise typer.Exit(exit_code(stop))


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


def _tell_precision(request: Request, result: xr.Dataset) -> None:
    """Say whether the precision asked for was reached."""
    if request.precision is None:
        return
    worlds = result.sizes["world"]
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
