"""The Python interface: ``run`` and ``compare`` scenarios; ``load`` reads them."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from clvsim.comparison import compare_scenarios
from clvsim.engine.histogram import RELATIVE_ERROR
from clvsim.engine.run import Settings
from clvsim.engine.variants import Outcome, Variants
from clvsim.errors import InputError
from clvsim.intervals import FEWEST_OF_PILOT, PILOT_SHARE, worlds_for_precision
from clvsim.measures import estimates, measure
from clvsim.results import labels_of, provenance, to_dataset
from clvsim.resuming import accepted
from clvsim.scenario.load import Plan, load
from clvsim.scenario.model import Scenario
from clvsim.scenario.toml import BASELINE

#: Worlds that ``precision`` adds at most, unless told otherwise.
MOST_WORLDS = 20_000
#: Told the customers done so far and the customers in all.
Progress = Callable[[float, float], None]
#: A file, what was read from it, one scenario, or several by name.
Source = str | Path | Plan | Scenario | Mapping[str, Scenario]
#: Number of a pilot's first world: no result has worlds from there on.
_PILOT = 2**31
#: Customers of a round, about a second's work: an interrupt loses one round at most.
_ROUND = 5_000_000


class Interrupted(KeyboardInterrupt):
    """A simulation was interrupted; the worlds that are whole are kept.

    Nobody can take part of a run for all of it: ``run`` and ``compare`` return all worlds or raise.

    Parameters
    ----------
    session : Session
    baseline : str, optional
        Scenario that the others are compared with.

    Attributes
    ----------
    worlds : int
        Worlds that are whole, earlier ones included.
    """

    def __init__(self, session: "Session", baseline: str | None) -> None:
        self.worlds = session.whole_worlds
        super().__init__(f"{self.worlds:,} worlds are whole: result() measures them")
        self._session, self._baseline = session, baseline

    def result(self) -> xr.Dataset:
        """A result of the whole worlds, which ``earlier`` takes to add the rest.

        Raises
        ------
        KeyboardInterrupt
            If not even one world is whole.
        """
        if self.worlds == 0:
            raise KeyboardInterrupt
        return self._session.measured(self._baseline)


@dataclass(frozen=True)
class Effort:
    """How much to simulate, and with what.

    Attributes
    ----------
    worlds, seed : int or None
        None: as the scenario says.
    first_world : int
        Worlds are numbered; a run may be split over calls.
    threads : int
        0: all processors.
    precision : float or None
        As many worlds as keep the 95 % half-width of the mean NPV, relative to it, to this (in 83
        to 91 % of cases, as measured). A pilot says how many: worlds that are no part of the
        result, so that chance does not choose when to stop. It takes an eighth of them (30 at
        least).
    most_worlds : int
        Cap of ``precision``; the pilot does not count.
    block : int
        Customers of a block; changes no result.
    """

    worlds: int | None = None
    seed: int | None = None
    first_world: int = 0
    threads: int = 0
    precision: float | None = None
    most_worlds: int = MOST_WORLDS
    block: int = Settings().block

    def __post_init__(self) -> None:
        if self.worlds is not None and self.worlds < 1:
            message = f"worlds must be at least 1, not {self.worlds}"
            raise InputError(message)
        if self.precision is not None and not 0.0 < self.precision < 1.0:
            message = f"precision must lie between 0 and 1 (0.5 % is 0.005), not {self.precision:g}"
            raise InputError(message)
        if self.threads < 0 or self.first_world < 0:
            message = "threads and first_world must not be negative"
            raise InputError(message)


def run(
    source: Source,
    variants: Sequence[str] | None = None,
    *,
    effort: Effort | None = None,
    earlier: xr.Dataset | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate scenarios and measure them.

    Parameters
    ----------
    source : path, Plan, Scenario or mapping of names to Scenario
    variants : sequence of str, optional
        Which scenarios of the source; the baseline alone unless given.
    effort : Effort, optional
    earlier : Dataset, optional
        A result of the same scenarios and seed to which worlds are added.
    progress : callable, optional
        Told the customers done and the customers in all.

    Returns
    -------
    Dataset
        Raw variables by ``scenario`` and ``world``, and all measures (see ``clvsim.measures``).

    Raises
    ------
    ScenarioError, InputError
        For what is wrong with the file or the options.
    Interrupted
        A ``KeyboardInterrupt`` whose ``result()`` has the worlds that were whole.
    """
    chosen = scenarios_of(source, (BASELINE,) if variants is None else variants)
    return _all_worlds(Session(chosen, effort or Effort(), progress), earlier, None)


def compare(
    source: Source,
    variants: Sequence[str] | None = None,
    *,
    baseline: str | None = None,
    effort: Effort | None = None,
    earlier: xr.Dataset | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate scenarios on common random numbers, measure and compare them.

    As ``run``, over all scenarios of the source unless ``variants`` names some; with the
    variables of ``clvsim.comparison.compare_scenarios`` beside the measures.
    """
    chosen = scenarios_of(source, variants)
    base = next(iter(chosen)) if baseline is None else baseline
    if base not in chosen:
        message = f"there is no scenario {base!r} to compare with (there is {', '.join(chosen)})"
        raise InputError(message)
    return _all_worlds(Session(chosen, effort or Effort(), progress), earlier, base)


def _all_worlds(session: "Session", earlier: xr.Dataset | None, baseline: str | None) -> xr.Dataset:
    """The result of a session; an interrupt keeps what is whole, and is raised."""
    try:
        session.simulate(earlier)
        return session.measured(baseline)
    except KeyboardInterrupt:
        raise Interrupted(session, baseline) from None


def scenarios_of(source: Source, variants: Sequence[str] | None) -> dict[str, Scenario]:
    """The chosen scenarios of a source, by name; all of them where none are named."""
    if isinstance(source, (str, Path)):
        source = load(source)
    if isinstance(source, Scenario):
        source = {BASELINE: source}
    plan = source if isinstance(source, Plan) else Plan("the mapping", dict(source))
    return plan.choose(list(variants)) if variants else dict(plan.scenarios)


class Session:
    """Scenarios compiled together, and the worlds simulated of each.

    Parameters
    ----------
    scenarios : dict of str to Scenario
        The first one's worlds and seed hold for all.
    effort : Effort
    progress : callable, optional

    Raises
    ------
    InputError
        If the scenarios do not go together, or need more memory than there is.
    """

    def __init__(
        self, scenarios: Mapping[str, Scenario], effort: Effort, progress: Progress | None = None
    ) -> None:
        first = next(iter(scenarios.values()))
        self.scenarios, self.effort, self.progress = dict(scenarios), effort, progress
        self.seed = first.simulation.seed if effort.seed is None else effort.seed
        self.worlds = first.simulation.worlds if effort.worlds is None else effort.worlds
        settings = Settings(threads=effort.threads, block=effort.block)
        self.variants = Variants(scenarios, self.seed, settings)
        self.variants.refuse_if_too_large(self.worlds)
        self.rounds: list[dict[str, Outcome]] = []
        self._earlier: xr.Dataset | None = None

    @property
    def whole_worlds(self) -> int:
        """Worlds that are whole in all scenarios, earlier ones included."""
        found = 0 if self._earlier is None else self._earlier.sizes["world"]
        return found + sum(next(iter(one.values())).worlds.count for one in self.rounds)

    def result(self, earlier: xr.Dataset | None = None, baseline: str | None = None) -> xr.Dataset:
        """Simulate as many worlds as asked for (or as the precision needs), and measure."""
        self.simulate(earlier)
        return self.measured(baseline)

    def simulate(self, earlier: xr.Dataset | None = None) -> None:
        """Simulate as many worlds as asked for, or as the precision needs.

        Raises
        ------
        InputError
            If worlds cannot be added to the earlier result.
        KeyboardInterrupt
            The worlds that are whole are kept, and can be measured.
        """
        begin = self.effort.first_world
        if earlier is not None:
            labels = labels_of(self.variants.compiled)
            self._earlier = accepted(earlier, self.attributes(), labels, begin)
            begin += self._earlier.sizes["world"]
        end = max(begin, self.effort.first_world + self.worlds)
        self._simulate(begin, end)
        if self.effort.precision is not None:
            have = end - self.effort.first_world
            self._simulate(end, end + self._missing(have, self.effort.precision))

    def measured(self, baseline: str | None = None) -> xr.Dataset:
        """Measures of the whole worlds, of which there is at least one.

        With a ``baseline``, every scenario is compared with that one besides.
        """
        dataset = self._collected()
        found = estimates(dataset)
        result = measure(dataset, found).assign_attrs(self.attributes())
        if baseline is None:
            return result
        compared = compare_scenarios(dataset, found, baseline)
        return result.assign(compared.data_vars).assign_attrs(compared.attrs)

    def attributes(self) -> dict[str, str]:
        """Provenance of the result."""
        texts = {name: one.model_dump_json(by_alias=True) for name, one in self.scenarios.items()}
        first = next(iter(self.scenarios.values()))
        errors = [one.population.quantile_error for one in self.variants.compiled.values()]
        fits = {
            f"{name}: {segment}": fit.note
            for name, one in self.variants.compiled.items()
            for segment, fit in one.population.fits.items()
        }
        return {
            **provenance(texts, self.seed),
            "currency": first.money.currency,
            "step": first.time.step,
            "quantile_table_error": f"{max(errors):.1e}",
            "customer_histogram_error": f"{RELATIVE_ERROR:.1e}",
            "retention_fits": json.dumps(fits),
        }

    def _simulate(self, first: int, end: int) -> None:
        """Worlds ``first .. end`` of all scenarios, in rounds that are whole in all of them."""
        # One by one: an interrupt keeps those that are whole.
        for outcomes in self._rounds(first, end):
            self.rounds.append(outcomes)

    def _rounds(self, first: int, end: int) -> Iterator[dict[str, Outcome]]:
        """Worlds ``first .. end`` of all scenarios, some at a time."""
        if end <= first:
            return
        per_world = sum(float(one.intake.limit.sum()) for one in self.variants.compiled.values())
        total, done = per_world * (end - first), 0.0
        most = max(1, int(_ROUND / max(per_world, 1.0)))

        def tell(customers: int) -> None:
            nonlocal done
            done += customers
            if self.progress is not None:
                self.progress(done, total)

        yield from self.variants.simulate(first, end, most, tell)

    def _collected(self) -> xr.Dataset:
        """Raw variables of all worlds so far."""
        found = [] if self._earlier is None else [self._earlier]
        if self.rounds:
            found.append(to_dataset(self.variants.compiled, self.rounds))
        if len(found) == 1:
            return found[0]
        return xr.concat(
            found, dim="world", data_vars="minimal", coords="minimal", compat="override"
        )

    def _missing(self, worlds: int, precision: float) -> int:
        """Worlds to add to some until every mean NPV is as precise as asked, as a pilot says."""
        room = self.effort.most_worlds - worlds
        if room <= 0:
            return 0
        size, npv = 0, np.zeros((len(self.scenarios), 0))
        largest = max(FEWEST_OF_PILOT, int(PILOT_SHARE * self.effort.most_worlds))
        while True:
            more = min(max(FEWEST_OF_PILOT, size), largest - size)
            npv = np.concatenate([npv, self._pilot(size, size + more)], axis=1)
            size += more
            needed = worlds_for_precision(npv, precision)
            if size >= min(largest, PILOT_SHARE * needed):
                return max(0, math.ceil(min(needed - worlds, room)))

    def _pilot(self, first: int, end: int) -> NDArray[np.float64]:
        """NPV of some worlds of the pilot, ``(scenario, world)``, currency."""
        parts = [
            [outcomes[name].worlds.present.sum(axis=1) for name in self.scenarios]
            for outcomes in self._rounds(_PILOT + first, _PILOT + end)
        ]
        return np.concatenate(parts, axis=1)
