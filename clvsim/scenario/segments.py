"""Segments: what customers' traits may be, and the relationships that customers may have."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
    field_validator,
    model_validator,
)

from clvsim.errors import closest
from clvsim.fields import (
    Amounts,
    Money,
    Multipliers,
    Name,
    Numbers,
    Probabilities,
    Probability,
    Section,
    Unit,
)
from clvsim.scenario.fit import Fit
from clvsim.scenario.posterior import Posterior

Floats = NDArray[np.float64]

Relationship = Literal["contract", "bg/nbd", "pareto/nbd", "bg/bb", "states"]
RELATIONSHIPS: tuple[Relationship, ...] = ("contract", "bg/nbd", "pareto/nbd", "bg/bb", "states")
PURCHASES: tuple[Relationship, ...] = ("bg/nbd", "pareto/nbd", "bg/bb")
"""Those in which customers buy now and then."""


IMPATIENCE = 0.5
"""Annual rate at which prospects discount what they save later, unless their segment says."""


class Distribution(Section):
    """Any SciPy distribution by its SciPy name; other keys are its parameters.

    Shapes by their SciPy names, and ``loc`` and ``scale``.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[float, Strict()]] = Field(init=False)

    distribution: Name
    """Name in ``scipy.stats``: ``beta``, ``gamma``, ``lognorm``, ``binom``, …"""

    @property
    def parameters(self) -> dict[str, float]:
        """Shapes, ``loc`` and ``scale`` as written."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        from clvsim.scenario.distributions import check

        check(self.distribution, self.parameters)
        return self


class RetentionTable(Section):
    """An observed cohort, fitted as sBG by maximum likelihood (Fader & Hardie 2007)."""

    survivors: Annotated[Numbers, Field(min_length=2)]
    """Customers still there after 0, 1, 2, … periods of the scenario's step."""

    @field_validator("survivors")
    @classmethod
    def _is_a_cohort(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value[0] <= 0.0:
            message = f"must begin with a positive number of customers, not {value[0]:g}"
            raise ValueError(message)
        for i, (earlier, later) in enumerate(pairwise(value), start=1):
            if not 0.0 <= later <= earlier:
                message = (
                    f"must never rise and never be negative: entry {i} is {later:g} after "
                    f"{earlier:g}"
                )
                if 0.0 < 10.0 * earlier < later:
                    message += f" (if {earlier:.3f} is {1000.0 * earlier:g}, write that)"
                raise ValueError(message)
        return value


def _trait_kind(value: Any) -> str:
    if isinstance(value, dict):
        return "survivors" if "survivors" in value else "distribution"
    if isinstance(value, RetentionTable):
        return "survivors"
    return "distribution" if isinstance(value, Distribution) else "constant"


def _plain_kind(value: Any) -> str:
    return "constant" if _trait_kind(value) == "constant" else "distribution"


SpendTrait = Annotated[
    Annotated[Money, Tag("constant")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_plain_kind),
]
LiftTrait = Annotated[
    Annotated[float, Field(ge=-1000.0, le=1.0), Tag("constant")]
    | Annotated[Distribution, Tag("distribution")],
    Discriminator(_plain_kind),
]
#: What a churn is, and what a rate of buying or leaving is.
_CHURN = Unit("a share of customers: 0.05 is 5 %", "0.05")
_RATE = Unit("times a period: 0.5 is once in two periods", "0.5")
ChurnTrait = Annotated[
    Annotated[Probability, Tag("constant"), _CHURN]
    | Annotated[Distribution, Tag("distribution")]
    | Annotated[RetentionTable, Tag("survivors")],
    Discriminator(_trait_kind),
]


def _refuse_table(_: RetentionTable) -> RetentionTable:
    message = (
        "a retention table counts customers under contract; of those who buy now and then nobody "
        "sees who has left: write a number or a distribution"
    )
    raise ValueError(message)


DropoutTrait = Annotated[
    Annotated[Probability, Tag("constant"), _CHURN]
    | Annotated[Distribution, Tag("distribution")]
    | Annotated[RetentionTable, AfterValidator(_refuse_table), Tag("survivors")],
    Discriminator(_trait_kind),
]
ProbabilityTrait = Annotated[
    Annotated[Probability, Tag("constant")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_plain_kind),
]
RateTrait = Annotated[
    Annotated[float, Field(ge=0.0, le=1e4), Tag("constant"), _RATE]
    | Annotated[Distribution, Tag("distribution")],
    Discriminator(_plain_kind),
]
TraitName = Literal["churn", "spend", "lift", "keenness", "purchases"]


class Correlation(Section):
    """A correlation of two traits' normal scores (Gaussian copula)."""

    between: Annotated[
        tuple[TraitName, ...], Strict(strict=False), Field(min_length=2, max_length=2)
    ]
    """Two of ``churn`` (or death rate), ``spend``, ``lift``, ``keenness``, ``purchases``."""
    value: Annotated[float, Field(gt=-1.0, lt=1.0)]
    """Above -1 and below 1."""

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if len(set(self.between)) != len(self.between):
            message = (
                f"a correlation is between two different traits, not {self.between[0]!r} twice"
            )
            raise ValueError(message)
        return self


def lived_under(by_tenure: Sequence[float], season: Sequence[float], tenure: int) -> Floats:
    """Hazard multipliers of the periods before the horizon that one of a tenure has lived through.

    Parameters
    ----------
    by_tenure, season : sequence of float
        As ``hazard_by_tenure`` and ``hazard_season``; may be empty.
    tenure : int
        Periods.

    Returns
    -------
    (tenure,)
        In their order.
    """
    lived = np.arange(tenure)
    past = np.ones(tenure)
    if len(by_tenure):
        past *= np.array(by_tenure)[np.minimum(lived, len(by_tenure) - 1)]
    if len(season):
        past *= np.array(season)[(lived - tenure) % len(season)]
    return past


SpendMultipliers = Annotated[
    tuple[Annotated[float, Strict(), Field(gt=0.0, le=1e6)], ...], Strict(strict=False)
]


class AnySegment(Section):
    """What customers of every relationship have; traits come from the same distributions."""

    relationship: Relationship = "contract"
    """``contract``; purchases now and then: ``bg/nbd``, ``pareto/nbd`` or ``bg/bb``; ``states``."""
    lift: LiftTrait = 0.0
    """Relative cut of the hazard when treated (may be negative): a number or a distribution."""
    correlations: Annotated[tuple[Correlation, ...], Strict(strict=False)] = ()
    """Correlations between traits."""
    hazard_by_tenure: Multipliers = ()
    """Multipliers of the hazard at tenure 0, 1, 2, … periods; the last holds from there on."""
    hazard_season: Multipliers = ()
    """Multipliers of the hazard by period, repeated from the horizon's start on (and backwards: an
    installed base has lived through them, but not through programs)."""
    cost_share: Probability = 0.0
    """Cost of what is bought, as a share of its list price at the start: it follows what customers
    buy, and neither a discount nor a new price changes it."""
    royalty_share: Probability = 0.0
    """Share of the price paid, discounts taken off, that is owed to others (royalties, fees)."""
    cost_to_serve: Money = 0.0
    """Cost per active customer and period, currency; of purchases: per customer not yet gone."""
    price_sensitivity: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    """Log-odds of conversion for a saving of a whole year's list price."""
    impatience: Annotated[float, Field(ge=0.0, le=1e9)] = IMPATIENCE
    """Effective annual rate at which a prospect discounts what it saves later: 0.5 is 50 % a year.
    What counts is all that an offer, and a change of the price list known to come, make a prospect
    pay less than today's list price (or more: a negative saving), however late, as a share of a
    year at that price. The default lies amid what buyers of durables were found to act on:
    about 20 % (Hausman 1979), 35 to 60 % in the middle fifth of buyers (Meier & Whittier 1983), 45
    % and more (Gately 1980); subscribers to cell-phone plans were found far less patient, at a
    weekly factor of 0.90 (Yao, Mela, Chiang & Chen 2012), students and soldiers anything between
    (Frederick, Loewenstein & O'Donoghue 2002)."""
    price_rise_sensitivity: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    """Log of the hazard multiplier for a price rise of the whole list price."""
    price_rise_periods: Annotated[int, Field(ge=1, le=4096)] = 3
    """Periods that a price rise is felt."""
    fit: Fit | None = None
    """Where the numbers come from, as ``clvsim fit`` writes it: every world draws them anew."""
    posterior: Annotated[tuple[Posterior, ...], Strict(strict=False)] = ()
    """Posteriors of a Bayesian fit: every world takes one draw of each."""


class Segment(AnySegment):
    """Customers under contract: they pay every period until they leave."""

    churn: ChurnTrait
    """Probability of leaving in a period: a number, a distribution, or a retention table."""
    spend: SpendTrait
    """Spend per period at the price list, currency: a number or a distribution."""
    spend_by_tenure: SpendMultipliers = ()
    """Multipliers of spend at tenure 0, 1, 2, … periods, above 0; the last holds from there on."""
    spend_season: SpendMultipliers = ()
    """Multipliers of spend by period, above 0, repeated from the horizon's start on."""
    call_share: Probability = 0.0
    """Share of leavers that call to cancel; the others leave in silence."""
    call_cost: Money = 0.0
    """Cost of a call to cancel, currency."""


class BuyerSegment(AnySegment):
    """Customers who buy now and then, the first time on joining, and leave unseen."""

    spend: SpendTrait
    """Mean value of a customer's purchases, currency: a number or a distribution (a net margin
    may be negative)."""
    spend_shape: Annotated[float, Field(gt=0.0, le=1e6)] | None = None
    """Gamma shape of single purchases around that mean (Gamma-Gamma); absent: all are the mean."""
    cost_per_purchase: Money = 0.0
    """Cost of each purchase, currency."""
    rate_season: Multipliers = ()
    """Multipliers of the purchase rate by period, repeated from the horizon's start on (before it,
    purchases of an installed base come at the plain rate)."""


class BgNbdSegment(BuyerSegment):
    """Purchases at a rate of one's own; after each repeat purchase one may leave.

    Fader, Hardie & Lee 2005.
    """

    purchase_rate: RateTrait
    """Purchases per period while a customer: a number or a distribution."""
    churn: DropoutTrait
    """Probability of leaving after a repeat purchase: a number or a distribution."""


class ParetoNbdSegment(BuyerSegment):
    """Purchases at a rate of one's own, until a moment that is exponential.

    Schmittlein, Morrison & Colombo 1987.
    """

    purchase_rate: RateTrait
    """Purchases per period while a customer: a number or a distribution."""
    death_rate: RateTrait
    """Rate of leaving per period: a number or a distribution."""


class BgBbSegment(BuyerSegment):
    """One opportunity to buy a period, taken with a probability of one's own.

    Fader, Hardie & Shang 2010.
    """

    purchase_probability: ProbabilityTrait
    """Probability of a purchase at each opportunity after the first: a number or a distribution."""
    churn: DropoutTrait
    """Probability of leaving before the next opportunity: a number or a distribution."""


MOST_STATES = 200
"""Most states of a segment."""
StateNames = Annotated[
    tuple[Annotated[Name, Strict()], ...],
    Strict(strict=False),
    Field(min_length=2, max_length=MOST_STATES),
]
StateValues = Annotated[
    tuple[Annotated[float, Strict(), Field(ge=-1e15, le=1e15)], ...], Strict(strict=False)
]
Flags = Annotated[tuple[Annotated[bool, Strict()], ...], Strict(strict=False)]
Odds = Annotated[tuple[Probabilities, ...], Strict(strict=False)]


class StatesSegment(AnySegment):
    """Customers who move between states from one period to the next: a Markov chain.

    Pfeifer & Carraway 2000.
    """

    states: StateNames
    """Names of the states, best first and worst last: a higher hazard leads to worse ones."""
    transitions: Odds
    """Probabilities of the next period's state: a row a state, each adding up to 1."""
    state_values: StateValues
    """Margin of a period in each state, currency (may be negative); times ``spend``."""
    spend: SpendTrait = 1.0
    """What a customer's margins are multiplied by: a number or a distribution."""
    contact_costs: Amounts = ()
    """Cost of contacting a customer in each state, currency a period."""
    contacts: Flags = ()
    """Whether customers in each state are contacted; absent: where that costs something."""
    transitions_uncontacted: Odds = ()
    """Probabilities from states that are not contacted; absent: the same as if they were."""
    start_state: Name | None = None
    """State on joining; absent: the best."""


SEGMENT_KINDS: dict[Relationship, type[AnySegment]] = {
    "contract": Segment,
    "bg/nbd": BgNbdSegment,
    "pareto/nbd": ParetoNbdSegment,
    "bg/bb": BgBbSegment,
    "states": StatesSegment,
}


def relationship_of(table: Any) -> Relationship:
    """The relationship that a segment's table means: a misspelt one, the nearest."""
    if isinstance(table, AnySegment):
        return table.relationship
    wrote = table.get("relationship", "contract") if isinstance(table, dict) else "contract"
    meant = closest(wrote, RELATIONSHIPS) if isinstance(wrote, str) else "contract"
    return next((one for one in RELATIONSHIPS if one == meant), "contract")


SegmentTable = Annotated[
    Annotated[Segment, Tag("contract")]
    | Annotated[BgNbdSegment, Tag("bg/nbd")]
    | Annotated[ParetoNbdSegment, Tag("pareto/nbd")]
    | Annotated[BgBbSegment, Tag("bg/bb")]
    | Annotated[StatesSegment, Tag("states")],
    Discriminator(relationship_of),
]
