"""One look at a setting of one scenario: whether it can change anything there."""

from dataclasses import dataclass

from clvsim.scenario.lines import Path


@dataclass(frozen=True, slots=True)
class Look:
    """A setting, and why it changes nothing.

    Attributes
    ----------
    path : tuple
        Where it stands.
    why : str
        Why it changes nothing; empty: it can change something.
    about : str
        What of it, where there is more than one thing to ask.
    hint : str
        What it would take.
    """

    path: Path
    why: str
    about: str = ""
    hint: str = ""
