"""The block that ``clvsim fit`` writes, as models that customers can be scored with."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    Strict,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from clvsim.calibration.scoring.contract import Contract
from clvsim.calibration.scoring.opportunity import BgBb
from clvsim.calibration.scoring.purchase import BgNbd, ParetoNbd
from clvsim.calibration.scoring.value import GammaGamma, SameValue
from clvsim.errors import Fault, ScenarioError, closest
from clvsim.fields import Money, Multipliers, Probability, Section, Step
from clvsim.scenario.distributions import mean
from clvsim.scenario.faults import faults_of
from clvsim.scenario.fit import Fit, keys_of, moved, number_at, paths_of
from clvsim.scenario.model import Correlation, Distribution, SpendTrait
from clvsim.scenario.toml import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clvsim.calibration.scoring.purchase import PurchaseModel
    from clvsim.calibration.scoring.value import Value
    from clvsim.scenario.toml import Document

_Positive = Annotated[float, Field(gt=0.0, le=1e15)]
_CONTRACT = "contract"


class Gamma(Section):
    """A gamma distribution."""

    distribution: Literal["gamma"]
    a: _Positive
    """Shape."""
    scale: _Positive
    """Scale."""


class Beta(Section):
    """A beta distribution."""

    distribution: Literal["beta"]
    a: _Positive
    """First shape."""
    b: _Positive
    """Second shape."""


class InverseGamma(Section):
    """An inverse gamma distribution with a finite mean."""

    distribution: Literal["invgamma"]
    a: Annotated[float, Field(gt=1.0, le=1e15)]
    """Shape; the mean over customers is finite above 1 only."""
    scale: _Positive
    """Scale, currency."""


def _kind(value: Any) -> str:
    return "distribution" if isinstance(value, (dict, Section)) else "constant"


_Spend = Annotated[
    Annotated[Money, Tag("constant")] | Annotated[InverseGamma, Tag("distribution")],
    Discriminator(_kind),
]
_Churn = Annotated[
    Annotated[Probability, Tag("constant")] | Annotated[Beta, Tag("distribution")],
    Discriminator(_kind),
]


class _Values(Section):
    """What all purchase models have."""

    spend: _Spend
    """Value of a purchase: a number, or the distribution of the customers' means."""
    spend_shape: _Positive | None = None
    """Shape of a customer's values around its mean (Gamma-Gamma p)."""
    fit: Fit | None = None
    """Where the numbers come from."""

    @model_validator(mode="after")
    def _has_both_or_neither(self) -> Self:
        if isinstance(self.spend, InverseGamma) != (self.spend_shape is not None):
            message = "spend and spend_shape go together: an invgamma needs one, a number has none"
            raise ValueError(message)
        return self

    @property
    def value(self) -> Value:
        """Model of the value of a purchase."""
        if isinstance(self.spend, InverseGamma) and self.spend_shape is not None:
            return GammaGamma(self.spend_shape, self.spend.a, self.spend.scale)
        return SameValue(float(self.spend))  # type: ignore[arg-type]  # a number, as validated


class _Purchases(_Values):
    """What both purchase models in continuous time have."""

    purchase_rate: Gamma
    """Purchases per period while alive."""


class BgNbdSegment(_Purchases):
    """A segment of BG/NBD customers."""

    relationship: Literal["bg/nbd"]
    """Model of purchases."""
    churn: Beta
    """Probability of dropping out after a purchase."""

    @property
    def model(self) -> PurchaseModel:
        """Model of purchases."""
        rate = self.purchase_rate
        return BgNbd(rate.a, 1.0 / rate.scale, self.churn.a, self.churn.b)


class ParetoNbdSegment(_Purchases):
    """A segment of Pareto/NBD customers."""

    relationship: Literal["pareto/nbd"]
    """Model of purchases."""
    death_rate: Gamma
    """Dropouts per period."""

    @property
    def model(self) -> PurchaseModel:
        """Model of purchases."""
        rate, death = self.purchase_rate, self.death_rate
        return ParetoNbd(rate.a, 1.0 / rate.scale, death.a, 1.0 / death.scale)


class BgBbSegment(_Values):
    """A segment of BG/BB customers: one opportunity a period."""

    relationship: Literal["bg/bb"]
    """Model of purchases."""
    purchase_probability: Beta
    """Probability of a purchase at each opportunity, while a customer."""
    churn: Beta
    """Probability of dropping out before an opportunity."""

    @property
    def model(self) -> BgBb:
        """Model of purchases."""
        buys, leaves = self.purchase_probability, self.churn
        return BgBb(buys.a, buys.b, leaves.a, leaves.b)


class ContractSegment(Section):
    """A segment of customers with a contract."""

    relationship: Literal["contract"] = "contract"
    """Kind of relationship."""
    churn: _Churn
    """Probability of leaving in a period: a number, or a beta distribution (sBG)."""
    spend: SpendTrait
    """Spend per period: a number or a distribution."""
    correlations: Annotated[tuple[Correlation, ...], Strict(strict=False)] = ()
    """Correlations between traits."""
    hazard_by_tenure: Multipliers = ()
    """Multipliers of the hazard by tenure."""
    fit: Fit | None = None
    """Where the numbers come from."""

    @field_validator("spend")
    @classmethod
    def _has_a_mean(cls, value: float | Distribution) -> float | Distribution:
        if isinstance(value, Distribution) and not math.isfinite(_mean(value)):
            message = f"the mean of this {value.distribution} is not finite"
            raise ValueError(message)
        return value

    @property
    def contract(self) -> Contract:
        """Model of leaving."""
        if isinstance(self.churn, Beta):
            return Contract(self.churn.a, self.churn.b, self.hazard_by_tenure)
        return Contract(self.churn, hazard=self.hazard_by_tenure)

    @property
    def mean_spend(self) -> float:
        """Expected spend of a customer per period, currency."""
        return _mean(self.spend) if isinstance(self.spend, Distribution) else self.spend


class MovingSegment(Section):
    """A segment of customers who move between states: scored under a scenario."""

    relationship: Literal["states"]
    """Kind of relationship."""
    states: Annotated[tuple[str, ...], Strict(strict=False)]
    """Names of the states, best first."""
    lost: int = -1
    """Place of the state of those who have left; -1: nobody ever does."""
    spend: SpendTrait = 1.0
    """What a customer's margins are multiplied by: a number or a distribution."""


def _mean(spend: Distribution) -> float:
    return mean(spend.distribution, spend.parameters)


Segment = BgNbdSegment | ParetoNbdSegment | BgBbSegment | ContractSegment
"""A segment that can be scored."""
AnySegment = Segment | MovingSegment
"""A segment that can be scored under a scenario."""
_MODELS: dict[str, type[Segment]] = {
    _CONTRACT: ContractSegment,
    "bg/nbd": BgNbdSegment,
    "pareto/nbd": ParetoNbdSegment,
    "bg/bb": BgBbSegment,
}


def model_of(relationship: str) -> type[AnySegment] | None:
    """What segments of a relationship are scored as under a scenario; None: they cannot be."""
    return MovingSegment if relationship == "states" else _MODELS.get(relationship)


class _Time(Section):
    """What a period is."""

    step: Step
    """What a period is."""


class _File(Section):
    """What stands in the file beside the segments' own keys."""

    segments: dict[str, Any] = Field(min_length=1)
    """Segments by name."""
    time: _Time | None = None
    """What a period is."""


@dataclass(frozen=True)
class FitFile:
    """A block.

    Attributes
    ----------
    name : str
        The file, as the user named it.
    step : str
        What a period is; empty where the file does not say.
    segments : dict of str to Segment
    tables : dict of str to dict
        The same as written.
    """

    name: str
    step: str
    segments: dict[str, Segment]
    tables: dict[str, dict[str, Any]]

    def moved(self, name: str, changes: Mapping[str, float]) -> Segment:
        """A segment with some of its numbers changed, by dotted path (``scenario.fit.moved``).

        Raises
        ------
        ValidationError
            If no segment can have these.
        """
        table = self.tables[name]
        return self._with(
            name,
            {
                path: moved(path, number_at(table, path) or 0.0, change)
                for path, change in changes.items()
            },
        )

    def drawn(self, name: str, place: int) -> Segment:
        """A segment with the numbers of a draw of its fit.

        Raises
        ------
        ValidationError
            If no segment can have these.
        """
        source = self.segments[name].fit
        if source is None:
            return self.segments[name]
        return self._with(name, dict(zip(source.parameters, source.draws[place], strict=True)))

    def _with(self, name: str, numbers: Mapping[str, float]) -> Segment:
        """A segment with some numbers in place of its own, by dotted path."""
        table = copy.deepcopy(self.tables[name])
        for path, value in numbers.items():
            *above, key = keys_of(path)
            at: Any = table
            for part in above:
                at = at[part]
            at[key] = value
        return type(self.segments[name]).model_validate(table)


def read_fit(path: Path) -> FitFile:
    """Read a block that ``clvsim fit`` wrote.

    Raises
    ------
    ScenarioError
        With every fault of the file.
    """
    document = read(path)
    faults: list[Fault] = []
    time = None
    try:
        time = _File.model_validate(document.data).time
    except ValidationError as error:
        faults += faults_of(error, document, fields=_File)
    tables = document.data.get("segments")
    segments: dict[str, Segment] = {}
    for name, table in tables.items() if isinstance(tables, dict) else ():
        prefix = ("segments", name)
        relationship = table.get("relationship", _CONTRACT) if isinstance(table, dict) else ""
        model = _MODELS.get(relationship if isinstance(relationship, str) else "")
        if isinstance(table, dict) and (relationship == "states" or "posterior" in table):
            key = "posterior" if "posterior" in table else "relationship"
            message = "these customers are scored under a scenario only: say how far ahead"
            faults.append(document.fault((*prefix, key), message, "[time] with step and periods"))
            continue
        if not isinstance(table, dict):
            faults.append(document.fault(prefix, "a segment must be a table"))
        elif model is None:
            message = f"customers with the relationship {relationship!r} cannot be scored"
            faults.append(document.fault((*prefix, "relationship"), message, ", ".join(_MODELS)))
        else:
            try:
                segments[name] = model.model_validate(table)
            except ValidationError as error:
                faults += faults_of(error, document, prefix, fields=model)
            else:
                faults += _unknown_paths(document, name, segments[name], table)
    if faults:
        raise ScenarioError(faults)
    written = [one.fit.step for one in segments.values() if one.fit and one.fit.step]
    step = time.step if time else next(iter(written), "")
    return FitFile(str(path), step, segments, dict(document.data["segments"]))


def _unknown_paths(
    document: Document, name: str, segment: Segment, table: Mapping[str, Any]
) -> list[Fault]:
    """Fitted parameters that are no numbers of the segment."""
    return [
        document.fault(
            ("segments", name, "fit", "parameters"),
            f"names {path!r}, which is no number of the segment",
            hint=closest(path, paths_of(table)),
        )
        for path in (segment.fit.parameters if segment.fit else ())
        if number_at(table, path) is None
    ]
