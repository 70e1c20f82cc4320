"""The Python interface: ``run`` and ``compare`` scenarios; ``load`` reads them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from clvsim.accounts import ACCOUNT_INDEX, ACCOUNTS
from clvsim.comparison import compare_scenarios
from clvsim.engine.compile import Compiled, compile_scenario
from clvsim.engine.histogram import RELATIVE_ERROR
from clvsim.engine.ledger import present_fixed_costs
from clvsim.engine.memory import model_bytes, refuse_if_too_large, run_bytes
from clvsim.engine.run import Settings, Worlds, join, run_worlds
from clvsim.engine.shocks import Shocks, draw_shocks
from clvsim.errors import InputError
from clvsim.measures import measure
from clvsim.results import provenance, raw, side_by_side, to_dataset
from clvsim.scenario.load import Plan, load
from clvsim.scenario.model import Scenario
from clvsim.scenario.toml import BASELINE
from clvsim.scenario.uncertain import in_world, is_uncertain

#: Worlds that ``precision`` adds at most, unless told otherwise.
MOST_WORLDS = 20_000
#: Told the customers done so far and the customers in all.
Progress = Callable[[float, float], None]
#: A file, what was read from it, one scenario, or several by name.
Source = str | Path | Plan | Scenario | Mapping[str, Scenario]
_FEWEST_FOR_PRECISION = 30
#: Customers of a round, about a second's work: an interrupt loses one round at most.
_ROUND = 5_000_000
#: Customers of one cohort at most: ranks have 32 bits.
_MOST_CUSTOMERS = 4e9


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
        Add worlds until the 95 % half-width of the mean NPV, relative to it, is at most this.
    most_worlds : int
        Cap of ``precision``.
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
    """
    chosen = scenarios_of(source, (BASELINE,) if variants is None else variants)
    return Session(chosen, effort or Effort(), progress).result(earlier)


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
    result = Session(chosen, effort or Effort(), progress).result(earlier)
    compared = compare_scenarios(result, baseline)
    return result.assign(compared.data_vars).assign_attrs(compared.attrs)


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
        _refuse_strangers(scenarios)
        self.scenarios, self.effort, self.progress = dict(scenarios), effort, progress
        self.seed = first.simulation.seed if effort.seed is None else effort.seed
        self.worlds = first.simulation.worlds if effort.worlds is None else effort.worlds
        self.settings = Settings(threads=effort.threads, block=effort.block)
        refuse_if_too_large(sum(map(model_bytes, scenarios.values())), "compiling the scenario")
        self.compiled = _compiled(scenarios)
        for name, one in self.compiled.items():
            _refuse_crowds(name, one)
        self.rivals = names = list(scenarios)
        needed = sum(run_bytes(one, self.worlds, self.settings) for one in self.compiled.values())
        refuse_if_too_large(needed, f"{self.worlds:,} worlds of {len(names)} scenario(s)")
        self.without = _without_plan(scenarios)
        self.is_uncertain = any(map(is_uncertain, scenarios.values()))
        self.has_shocks = any(one.shocks for one in scenarios.values())
        self.twins: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
        self.parts: dict[str, list[Worlds]] = {name: [] for name in names}
        self.rest: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
        self.interrupted = False

    def result(self, earlier: xr.Dataset | None = None) -> xr.Dataset:
        """Simulate as many worlds as asked for (or as the precision needs), and measure.

        An interrupt (``KeyboardInterrupt``) ends the simulation early: the worlds that are whole
        are measured, and ``interrupted`` is set.

        Raises
        ------
        KeyboardInterrupt
            If not even one round of worlds is whole.
        """
        begin = self.effort.first_world
        if earlier is not None:
            earlier = self._accepted(earlier)
            begin = int(earlier["world"].values[-1]) + 1
        end = max(begin, self.effort.first_world + self.worlds)
        try:
            self._simulate(begin, end)
            while self.effort.precision is not None:
                more = self._missing(self._collected(earlier), self.effort.precision)
                if more == 0:
                    break
                self._simulate(end, end + more)
                end += more
        except KeyboardInterrupt:
            if earlier is None and not any(self.parts.values()):
                raise
            self.interrupted = True
        return measure(self._collected(earlier)).assign_attrs(self.attributes())

    def attributes(self) -> dict[str, str]:
        """Provenance of the result."""
        texts = {name: one.model_dump_json(by_alias=True) for name, one in self.scenarios.items()}
        first = next(iter(self.scenarios.values()))
        errors = [one.population.quantile_error for one in self.compiled.values()]
        fits = {
            f"{name}: {segment}": fit.note
            for name, one in self.compiled.items()
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
        if end <= first:
            return
        per_world = sum(float(one.intake.limit.sum()) for one in self.compiled.values())
        total, done = per_world * (end - first), 0.0
        # Uncertain numbers and shocks make every world a scenario of its own.
        varies = self.is_uncertain or self.has_shocks
        size = 1 if varies else max(1, int(_ROUND / max(per_world, 1.0)))

        def tell(customers: int) -> None:
            nonlocal done
            done += customers
            if self.progress is not None:
                self.progress(done, total)

        for at in range(first, end, size):
            count = min(size, end - at)
            compiled, without = self.in_world(at)
            worlds = {
                name: join(list(run_worlds(one, self.seed, at, count, self.settings, tell)))
                for name, one in compiled.items()
            }
            rest = {
                name: self._present_of(compiled[name], without[name], at, count) for name in worlds
            }
            twins = self._twins(at, count)
            for name, found in worlds.items():
                self.parts[name].append(found)
                self.rest[name].append(rest[name])
                self.twins[name].append(twins[name])

    def in_world(
        self, world: int, shocks_seed: int | None = None
    ) -> tuple[dict[str, Compiled], dict[str, Compiled | None]]:
        """The variants as they are in one world, and what is left of each without its plan."""
        if not (self.is_uncertain or self.has_shocks):
            return self.compiled, self.without
        seed = self.seed if shocks_seed is None else shocks_seed
        drawn = {name: in_world(one, self.seed, world) for name, one in self.scenarios.items()}
        shocks = {name: draw_shocks(one, seed, world) for name, one in drawn.items()}
        return _compiled(drawn, shocks), _without_plan(drawn, shocks)

    def _twins(self, first: int, count: int) -> dict[str, NDArray[np.float64]]:
        """NPV of worlds with the same uncertain numbers and nothing else in common.

        How far it goes with that of the worlds themselves tells what the numbers make of the
        spread, and what the shocks do. 0 where only one of both is there.
        """
        if not (self.is_uncertain and self.has_shocks):
            return {name: np.zeros(count) for name in self.compiled}
        seed = _another(self.seed)
        compiled, _ = self.in_world(first, seed)
        return {
            name: join(list(run_worlds(one, seed, first, count, self.settings))).present.sum(axis=1)
            for name, one in compiled.items()
        }

    def _present_of(
        self, plan: Compiled, compiled: Compiled | None, first: int, count: int
    ) -> NDArray[np.float64]:
        """Present values of the same worlds without the plan, ``(world, account)``."""
        fixed = np.zeros((count, len(ACCOUNTS)))
        if compiled is None:
            fixed[:, ACCOUNT_INDEX["fixed_costs"]] = -present_fixed_costs(plan.scenario)
            return fixed
        return join(list(run_worlds(compiled, self.seed, first, count, self.settings))).present

    def _collected(self, earlier: xr.Dataset | None) -> xr.Dataset:
        """Raw variables of all worlds so far."""
        found = [] if earlier is None else [earlier]
        if any(self.parts.values()):
            variants = {
                name: to_dataset(
                    self.compiled[name],
                    join(parts),
                    np.concatenate(self.rest[name]),
                    np.concatenate(self.twins[name]),
                    self.rivals,
                )
                for name, parts in self.parts.items()
            }
            found.append(side_by_side(variants))
        if len(found) == 1:
            return found[0]
        return xr.concat(
            found, dim="world", data_vars="minimal", coords="minimal", compat="override"
        )

    def _missing(self, dataset: xr.Dataset, precision: float) -> int:
        """Worlds still to add until every mean NPV is as precise as asked (0: none)."""
        npv = dataset["present_value"].sum("account")
        worlds = npv.sizes["world"]
        most = max(0, self.effort.most_worlds - worlds)
        if worlds < _FEWEST_FOR_PRECISION:
            return min(_FEWEST_FOR_PRECISION - worlds, most)
        mean, spread = np.abs(npv.mean("world")), npv.std("world", ddof=1)
        reach = NormalDist().inv_cdf(0.975)
        with np.errstate(divide="ignore", invalid="ignore"):
            needed = float(((reach * spread / (precision * mean)) ** 2).max())
        if not np.isfinite(needed):
            return most
        # Never much more than there are: the spread is an estimate itself.
        return int(max(0, min(np.ceil(needed) - worlds, 2 * worlds, most)))

    def _accepted(self, earlier: xr.Dataset) -> xr.Dataset:
        """The raw part of an earlier result, if it is one of the same scenarios and seed."""
        own = self.attributes()
        for key, what in (("scenarios", "scenarios"), ("seed", "seed"), ("versions", "versions")):
            if earlier.attrs.get(key) != own[key]:
                message = f"the earlier result is one of other {what}: it cannot be resumed"
                raise InputError(message)
        return raw(earlier)


def _compiled(
    scenarios: Mapping[str, Scenario], shocks: Mapping[str, Shocks] | None = None
) -> dict[str, Compiled]:
    """Scenarios compiled, each told up to where the others acquire."""
    plain = {
        name: compile_scenario(one, (shocks or {}).get(name)) for name, one in scenarios.items()
    }
    limits = [one.limits() for one in plain.values()]
    return {name: one.with_rivals(limits) for name, one in plain.items()}


def _without_plan(
    scenarios: Mapping[str, Scenario], shocks: Mapping[str, Shocks] | None = None
) -> dict[str, Compiled | None]:
    """Scenarios without their plans, compiled; None where nobody is left."""
    rests = {name: one.without_plan() for name, one in scenarios.items()}
    return {
        name: compile_scenario(one, (shocks or {}).get(name))
        if one.cohorts or one.installed_base
        else None
        for name, one in rests.items()
    }


def _another(seed: int) -> int:
    """A seed that has nothing in common with a seed."""
    digest = hashlib.blake2b(seed.to_bytes(8, "little"), digest_size=8, person=b"twin").digest()
    return int.from_bytes(digest, "little")


def _refuse_crowds(name: str, compiled: Compiled) -> None:
    """Refuse a cohort of more customers than ranks can number, before it is simulated for ever."""
    for cell, limit in enumerate(compiled.intake.limit):
        if not limit <= _MOST_CUSTOMERS:
            group = compiled.table.groups[compiled.table.group[cell]]
            message = (
                f"{name!r}: {group.source!r} would acquire {limit:.3g} customers of segment "
                f"{group.segment!r} in one period; at most {_MOST_CUSTOMERS:.1g} can be simulated"
            )
            raise InputError(message)


def _refuse_strangers(scenarios: Mapping[str, Scenario]) -> None:
    """Refuse scenarios that cannot stand side by side."""
    first_name, first = next(iter(scenarios.items()))
    for name, one in scenarios.items():
        for what, own, other in (
            ("time.step", one.time.step, first.time.step),
            ("time.periods", one.time.periods, first.time.periods),
            ("time.start", one.time.start, first.time.start),
            ("money.currency", one.money.currency, first.money.currency),
        ):
            if own != other:
                message = (
                    f"{name!r} and {first_name!r} cannot be compared: {what} is {own!r} in the one "
                    f"and {other!r} in the other"
                )
                raise InputError(message)
