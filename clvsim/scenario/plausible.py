"""Whether segments can be what they say: traits' ranges, correlations, retention, old tenures."""

import warnings
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from clvsim.errors import Fault
from clvsim.fields import Multipliers
from clvsim.scenario import distributions
from clvsim.scenario.chains import CHAIN_TYPES, chain_of, lost_at_the_start, problems
from clvsim.scenario.lines import Path
from clvsim.scenario.model import (
    ChurnTrait,
    Correlation,
    Distribution,
    InstalledBase,
    LiftTrait,
    Offer,
    RetentionTable,
    SpendTrait,
    TraitName,
)
from clvsim.scenario.retention import fit_retention
from clvsim.scenario.segments import (
    DropoutTrait,
    ProbabilityTrait,
    RateTrait,
    Relationship,
    StatesSegment,
    lived_under,
    relationship_of,
)
from clvsim.scenario.surviving import Past, Survival, Trait, survival, survival_of_buyers
from clvsim.scenario.tables import MOST_ERROR, tabulated
from clvsim.scenario.toml import Document

Floats = NDArray[np.float64]
Tables = Mapping[str, Mapping[str, Any]]

LEAST_SURVIVAL = 1e-4
"""Least share of joiners still there at an installed base's tenure: the survivors are found by
drawing whole cohorts."""
MOST_DRAWN = 4e9
"""Most customers, 1, that can be told apart by their rank in a cohort (32 bits), and a margin."""
MOST_PURCHASES = 1e4
"""Most purchases a period that a customer may make: they are drawn one by one."""
_RATES, _OFTEN = ("purchase_rate", "death_rate"), 1e-6
_LARGEST_MEAN = 1e15
_MOST_VALUES = 5e6
_MARGIN = 1e-9
#: Traits that are turned into hazards.
_HAZARDS = ("churn", "purchase_probability")
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
#: Tail probabilities at which quantiles must be finite, down to those that the kernels can draw.
_TAILS = 2.0 ** -np.array([1.0, 4.0, 12.0, 30.0, 55.0])
#: The same for discrete distributions, which SciPy knows by their distribution function alone.
_LAST = np.array([0.5, 1e-16])


@dataclass(frozen=True)
class _Rule:
    """What a trait may be: its type, its least and greatest value, and that in words."""

    kind: TypeAdapter[Any]
    least: float
    most: float
    allowed: str


RULES = {
    "churn": _Rule(
        TypeAdapter(ChurnTrait, config=_STRICT),
        0.0,
        1.0,
        "a distribution on 0 to 1 (beta, or another between loc and loc + scale)",
    ),
    "spend": _Rule(
        TypeAdapter(SpendTrait, config=_STRICT),
        0.0,
        np.inf,
        "a distribution that is never negative (gamma, lognorm, …)",
    ),
    "lift": _Rule(
        TypeAdapter(LiftTrait, config=_STRICT),
        -np.inf,
        1.0,
        "a distribution that is never above 1: a treatment can take away the whole hazard, no more",
    ),
}
_LIFE = _Rule(
    TypeAdapter(DropoutTrait, config=_STRICT),
    0.0,
    1.0,
    RULES["churn"].allowed,
)
_MULTIPLIERS: TypeAdapter[Any] = TypeAdapter(Multipliers, config=_STRICT)
_STATES: TypeAdapter[StatesSegment] = TypeAdapter(StatesSegment)
_RATE = _Rule(
    TypeAdapter(RateTrait, config=_STRICT),
    0.0,
    np.inf,
    "a distribution that is never negative (gamma, lognorm, …)",
)
_BUYERS = {
    "spend": _Rule(RULES["spend"].kind, -np.inf, np.inf, "a distribution with a finite mean"),
    "lift": RULES["lift"],
}
#: The traits of each relationship.
TRAIT_RULES: dict[Relationship, dict[str, _Rule]] = {
    "contract": RULES,
    "bg/nbd": {"churn": _LIFE, "purchase_rate": _RATE, **_BUYERS},
    "pareto/nbd": {"death_rate": _RATE, "purchase_rate": _RATE, **_BUYERS},
    "bg/bb": {
        "churn": _LIFE,
        "purchase_probability": _Rule(
            TypeAdapter(ProbabilityTrait, config=_STRICT), 0.0, 1.0, RULES["churn"].allowed
        ),
        **_BUYERS,
    },
    "states": {"spend": RULES["spend"], "lift": RULES["lift"]},
}


def segment_faults(document: Document, segments: Tables) -> Iterator[Fault]:
    """Faults of segments beyond single values."""
    for name, segment in segments.items():
        for key, rule in TRAIT_RULES[relationship_of(segment)].items():
            trait = _parsed(rule.kind, segment.get(key))
            if trait is not None:
                yield from _trait_faults(document, ("segments", name, key), trait, rule)
        if relationship_of(segment) == "states":
            yield from _chain_faults(document, ("segments", name), segment)
        yield from _correlation_faults(document, ("segments", name, "correlations"), segment)


def _chain_faults(document: Document, path: Path, segment: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with a segment's states, as far as its single values are right."""
    parts = {
        key: _parsed(TypeAdapter(kind, config=_STRICT), segment[key])
        for key, kind in CHAIN_TYPES.items()
        if key in segment
    }
    found = list(problems({key: part for key, part in parts.items() if part is not None}))
    whole = None if found else _parsed(_STATES, {"relationship": "states", **parts})
    for at, message, allowed in found or (lost_at_the_start(whole) if whole else ()):
        yield document.fault((*path, *at), message, allowed)


def base_faults(
    document: Document, bases: Tables, segments: Tables, offers: Tables
) -> Iterator[Fault]:
    """Installed bases whose tenures almost nobody reaches."""
    for name, item in bases.items():
        base = _parsed(TypeAdapter(InstalledBase), item)
        if base is None:
            continue
        segment = segments.get(base.segment, {})
        relationship = relationship_of(segment)
        if relationship == "states":
            yield from _base_in_states_faults(document, name, base, segment)
            continue
        lives = ["death_rate" if relationship == "pareto/nbd" else "churn"]
        lives += ["purchase_rate"] if relationship == "bg/nbd" else []
        rules = TRAIT_RULES[relationship]
        traits = [_parsed(rules[key].kind, segment.get(key)) for key in lives]
        at = [("segments", base.segment, key) for key in lives]
        under = offers.get(base.offer) if base.offer is not None else None
        past = _past(segment, _parsed(TypeAdapter(Offer), under) or Offer())
        if any(trait is None for trait in traits) or any(
            fault
            for path, key, trait in zip(at, lives, traits, strict=True)
            for fault in _trait_faults(document, path, trait, rules[key])
        ):
            continue
        path = ("installed_base", name, "tenure")
        if relationship in {"contract", "bg/bb"}:
            surviving = survival(traits[0], past)
        else:
            surviving = survival_of_buyers(relationship, traits, past)
        # Under both, a longer tenure met its first periods in another season.
        falls = not (segment.get("hazard_by_tenure") and segment.get("hazard_season"))
        yield from _survival_faults(document, path, base, surviving, lives[0], falls=falls)


def _base_in_states_faults(
    document: Document, name: str, base: InstalledBase, segment: Mapping[str, Any]
) -> Iterator[Fault]:
    """The same where customers move between states."""
    whole = _parsed(_STATES, segment)
    at = ("segments", base.segment)
    if whole is None or any(_chain_faults(document, at, segment)):
        return
    chain, past = chain_of(whole), _past(segment, Offer())
    path = ("installed_base", name, "tenure")
    yield from _survival_faults(
        document,
        path,
        base,
        lambda tenure: chain.survival(past(tenure)),
        "transitions",
        falls=not segment.get("hazard_season"),
    )


def _trait_faults(document: Document, path: Path, trait: Trait, rule: _Rule) -> Iterator[Fault]:
    if isinstance(trait, Distribution):
        yield from _distribution_faults(document, path, trait, rule)
    elif isinstance(trait, RetentionTable):
        yield from _retention_faults(document, path, trait)


def _distribution_faults(
    document: Document, path: Path, trait: Distribution, rule: _Rule
) -> Iterator[Fault]:
    low, high = distributions.support(trait.distribution, trait.parameters)
    # loc + scale rounds: 0.3 + 0.7 may lie an ulp above 1.
    if low < rule.least - _MARGIN or high > rule.most + _MARGIN:
        message = f"{_shown(trait)} goes from {low:g} to {high:g}"
        yield document.fault(path, message, rule.allowed)
        return
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield from _number_faults(document, path, trait)


def _number_faults(document: Document, path: Path, trait: Distribution) -> Iterator[Fault]:
    """Quantiles that cannot be computed, and means that say nothing."""
    frozen = distributions.frozen(trait.distribution, trait.parameters)
    is_continuous = distributions.is_continuous(trait.distribution)
    tails = _TAILS if is_continuous else _LAST
    ends = np.concatenate([frozen.ppf(tails), frozen.isf(tails)])
    if not np.isfinite(ends).all():
        message = f"SciPy cannot compute the tails of {_shown(trait)}"
        yield document.fault(path, message, "other parameters, or another distribution")
    elif not is_continuous and np.ptp(ends) >= _MOST_VALUES:
        message = f"{_shown(trait)} has more than {_MOST_VALUES:,.0f} values that matter"
        yield document.fault(path, message, "a discrete distribution with a shorter tail")
    elif path[-1] in _RATES and frozen.isf(_OFTEN) > MOST_PURCHASES:
        message = f"{_shown(trait)} exceeds {MOST_PURCHASES:,.0f} a period once in a million times"
        yield document.fault(path, message, "a lower rate, or a shorter step")
    elif path[-1] == "spend":
        mean = distributions.mean(trait.distribution, trait.parameters)
        if not abs(mean) <= _LARGEST_MEAN:
            what = f"a mean of {mean:g}" if np.isfinite(mean) else "no finite mean"
            message = f"{_shown(trait)} has {what}, so nobody can say what a customer is worth"
            yield document.fault(path, message, "a distribution with a mean of at most 1e15")
            return
    if is_continuous and np.isfinite(ends).all():
        yield from _table_faults(document, path, trait)


def _table_faults(document: Document, path: Path, trait: Distribution) -> Iterator[Fault]:
    """A distribution that its quantile table would miss: one of almost two points, say."""
    parameters = tuple(sorted(trait.parameters.items()))
    table = tabulated(trait.distribution, parameters, rate=path[-1] in _HAZARDS)
    if table.error > MOST_ERROR:
        message = (
            f"{_shown(trait)} leaps from one value to another: its quantiles would be missed by a "
            f"factor of up to {1.0 + table.error:.3g}"
        )
        yield document.fault(
            path, message, "larger shapes (of a beta, 0.02), or a segment for each of the values"
        )


def _retention_faults(document: Document, path: Path, table: RetentionTable) -> Iterator[Fault]:
    try:
        fit = fit_retention(table.survivors)
    except ValueError as error:
        yield document.fault((*path, "survivors"), str(error))
        return
    if fit.alpha is not None and fit.beta is not None:
        churn = Distribution(distribution="beta", a=fit.alpha, b=fit.beta)
        yield from _table_faults(document, path, churn)


def _correlation_faults(
    document: Document, path: Path, segment: Mapping[str, Any]
) -> Iterator[Fault]:
    """Pairs correlated twice, and correlations that cannot hold together."""
    found = segment.get("correlations")
    values: dict[frozenset[str], float] = {}
    first: dict[frozenset[str], int] = {}
    for position, item in enumerate(found if isinstance(found, list) else []):
        one = _parsed(TypeAdapter(Correlation), item)
        if one is None:
            continue
        pair = frozenset(one.between)
        if pair in first:
            _, line = document.where((*path, first[pair]))
            message = f"the correlation of {' and '.join(one.between)} is already on line {line}"
            yield document.fault((*path, position), message, "one correlation a pair of traits")
            continue
        first[pair], values[pair] = position, one.value
    guilty = _impossible(values)
    if guilty:
        pairs = [
            (*(name for name in get_args(TraitName) if name in pair), value)
            for pair, value in values.items()
            if pair <= guilty
        ]
        text = ", ".join(f"{a} with {b} {value:g}" for a, b, value in pairs)
        message = f"no customers could have these correlations at once: {text}"
        room = _room({pair: value for pair, value in values.items() if pair <= guilty})
        allowed = (
            "a positive definite matrix; all of these multiplied by a number below "
            f"{room:.2g}, for example"
        )
        yield document.fault(path, message, allowed)


def _impossible(values: Mapping[frozenset[str], float]) -> frozenset[str]:
    """The fewest traits whose correlations are not positive definite; empty: they are."""
    for size in range(2, len(get_args(TraitName)) + 1):
        for traits in combinations(get_args(TraitName), size):
            chosen = frozenset(traits)
            among = {pair: value for pair, value in values.items() if pair <= chosen}
            if among and np.linalg.eigvalsh(_matrix(among))[0] < _MARGIN:
                return chosen
    return frozenset()


def _room(values: Mapping[frozenset[str], float]) -> float:
    """Factor below which the correlations would be positive definite."""
    shortest = np.linalg.eigvalsh(_matrix(values) - np.eye(len(get_args(TraitName))))[0]
    return float(np.floor(-100.0 / shortest) / 100.0)


def _matrix(values: Mapping[frozenset[str], float]) -> Floats:
    names = get_args(TraitName)
    matrix = np.eye(len(names))
    for pair, value in values.items():
        i, j = (names.index(name) for name in pair)
        matrix[i, j] = matrix[j, i] = value
    return matrix


def _survival_faults(
    document: Document,
    path: Path,
    base: InstalledBase,
    surviving: Survival,
    life: str,
    *,
    falls: bool,
) -> Iterator[Fault]:
    """The first tenure of an installed base that too few survive.

    Parameters
    ----------
    falls : bool
        Whether fewer survive a longer tenure: then not every tenure needs to be looked at.
    """
    cells = [(tenure, count) for tenure, count in base.by_tenure() if count > 0.0]
    longest = max((tenure for tenure, _ in cells), default=0)
    fine = -1
    if falls:
        fine = _last(surviving, _least(max((count for _, count in cells), default=0.0)), longest)
    word = life.replace("_", " ")
    for tenure, count in cells:
        share = surviving(tenure) if tenure > fine else 1.0
        if share < _least(count):
            drawn = f"{count / share:.1e}" if share > 0.0 else "endlessly many"
            message = (
                f"with the {word} of segment '{base.segment}', {share:.1e} of those who join are "
                f"still there after {tenure:,} periods: {count:,.0f} of them would take {drawn} "
                "joiners"
            )
            most = _last(surviving, _least(count), tenure) if falls else tenure - 1
            allowed = f"tenures of at most {most:,} periods, or a lower {word}"
            where = (*path, tenure) if isinstance(base.tenure, tuple) else path
            yield document.fault(where, message, allowed)
            return


def _least(count: float) -> float:
    """Least share of joiners that must be there at a tenure for so many to be found."""
    return max(LEAST_SURVIVAL, count / MOST_DRAWN)


def _last(surviving: Survival, least: float, longest: int) -> int:
    """Last tenure, up to the longest, that at least some share survives, where it falls."""
    if surviving(longest) >= least:
        return longest
    return bisect_left(range(longest), 1, key=lambda tenure: surviving(tenure) < least) - 1


def _past(segment: Mapping[str, Any], offer: Offer) -> Past:
    """Hazard multipliers before the horizon; none where they are not what they should be.

    Those that one must have outlasted to be there: not those of a term that still holds.
    """
    by_tenure, season = (
        _parsed(_MULTIPLIERS, segment.get(key, ())) or ()
        for key in ("hazard_by_tenure", "hazard_season")
    )
    return lambda tenure: lived_under(by_tenure, season, tenure)[: offer.let_go_by(tenure)]


def _shown(trait: Distribution) -> str:
    terms = ", ".join(f"{name}={value:g}" for name, value in trait.parameters.items())
    return f"{trait.distribution}({terms})"


def _parsed(kind: TypeAdapter[Any], value: Any) -> Any:
    """A value of a type; None where it is not of it."""
    try:
        return kind.validate_python(value)
    except ValidationError:
        return None
