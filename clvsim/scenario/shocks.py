"""Common shocks: what befalls all customers of a world together (a recession, a competitor)."""

from typing import Annotated, Literal

from pydantic import Field

from clvsim.fields import Multiplier, Period, Probability, Section

_Loading = Annotated[float, Field(ge=-5.0, le=5.0)]


class Drift(Section):
    """A factor that wanders: its logarithm is a stationary AR(1) process, drawn in every world.

    Hazard, spend and conversion follow the same score ``z`` of mean 0 and variance 1, each as far
    and in the direction that it says: a recession raises churn and lowers spend.
    """

    kind: Literal["drift"]
    """``drift``: a log-AR(1) factor."""
    persistence: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Correlation of the score with that of the period before."""
    hazard: _Loading = 0.0
    """Standard deviation of the log hazard (mean factor 1); negative: against the score."""
    spend: _Loading = 0.0
    """The same of spend."""
    conversion: _Loading = 0.0
    """Standard deviation of the log-odds of conversion."""


class Event(Section):
    """Something that happens at a date, or may happen: a competitor, a strike, a new law."""

    kind: Literal["event"]
    """``event``: a dated shock."""
    first: Period
    """First period (number or date)."""
    periods: Annotated[int, Field(ge=1, le=4096)] = 1
    """Periods that it lasts."""
    probability: Probability = 1.0
    """Probability that it happens, the same in every world and independent of all else."""
    hazard: Multiplier = 1.0
    """Factor of the hazard while it lasts."""
    spend: Multiplier = 1.0
    """Factor of spend."""
    conversion: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0
    """Factor of the odds of conversion."""


Shock = Annotated[Drift | Event, Field(discriminator="kind")]
