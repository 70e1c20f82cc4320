"""Where a segment's numbers come from: the fit to records that gave them, and their errors."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, Strict, StringConstraints, field_validator, model_validator

from clvsim.fields import Name, Numbers, Section, Step

#: Most that rounding to printed digits may take away from a matrix, relative to its entries.
_ROUNDING = 1e-6
_Path = Annotated[str, StringConstraints(pattern=r"^\w+(\.\w+)*$")]
_Texts = Annotated[tuple[Annotated[str, Strict()], ...], Strict(strict=False)]
_Paths = Annotated[tuple[Annotated[_Path, Strict()], ...], Strict(strict=False)]
_Rows = Annotated[tuple[Numbers, ...], Strict(strict=False)]


#: Tables of a segment whose numbers may have either sign.
_CORRELATIONS, _AMOUNTS = "correlations", "state_values"


def keys_of(path: str) -> tuple[str | int, ...]:
    """The keys of a dotted path; a whole number is a place in a list, from 0."""
    return tuple(int(key) if key.isdecimal() else key for key in path.split("."))


def number_at(table: Any, path: str) -> float | None:
    """The number of a segment's table at a dotted path; None where there is none."""
    for key in keys_of(path):
        try:
            table = table[key]
        except (KeyError, IndexError, TypeError):
            return None
    return table if isinstance(table, (int, float)) and not isinstance(table, bool) else None


def paths_of(table: Any, above: str = "") -> Iterator[str]:
    """Dotted paths of all numbers of a segment's table, but for those that tell of its fit."""
    if isinstance(table, Mapping):
        items = [item for item in table.items() if above or item[0] not in {"fit", "posterior"}]
    else:
        items = list(enumerate(table)) if isinstance(table, list | tuple) else []
    for key, value in items:
        path = f"{above}.{key}" if above else str(key)
        if isinstance(value, (Mapping, list, tuple)):
            yield from paths_of(value, path)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield path


def moved(path: str, value: float, change: float) -> float:
    """A number of a segment, changed on the scale of ``Fit.covariance``.

    Parameters
    ----------
    path : str
        Where it stands inside the segment: that tells the scale.
    value : float
    change : float
        Of the logarithm; of a correlation, of Fisher's z; of the value of a state, currency.
    """
    table = path.partition(".")[0]
    if table == _CORRELATIONS:
        return math.tanh(math.atanh(value) + change)
    return value + change if table == _AMOUNTS else value * float(np.exp(change))


class Fit(Section):
    """How a segment's numbers were fitted to records, as ``clvsim fit`` writes it."""

    model: Name
    """Model that was fitted: ``sbg``, ``geometric``, ``bdw``, ``bg/nbd``, ``pareto/nbd``, …"""
    data: str = ""
    """Name of the file of records."""
    step: Step | None = None
    """What a period of the segment's numbers is: ``time.step`` of the scenario must be the same."""
    customers: Annotated[float, Field(ge=0.0, le=1e15)] = 0.0
    """Customers that the fit used."""
    log_likelihood: float | None = None
    """Log-likelihood at the maximum; constants that no parameter moves are left out."""
    aic: float | None = None
    """Akaike's information criterion, lower is better."""
    parameters: _Paths = ()
    """Numbers of the segment that were fitted, as dotted paths inside it: ``churn.a``, or
    ``transitions.0.1`` for the second number of the first row."""
    covariance: _Rows = ()
    """Covariance of these numbers: of their logarithms, of ``atanh`` of correlations (Fisher's z),
    of ``state_values`` as they are; one row and one column each."""
    draws: _Rows = ()
    """Draws of these numbers, all as likely, in place of a covariance: one row a draw, one number
    for each of ``parameters``. Every world takes one."""
    notes: _Texts = ()
    """What the data could not tell, and how well the model describes them."""

    @field_validator("parameters")
    @classmethod
    def _are_different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({path for path in value if value.count(path) > 1})
        if twice:
            message = f"names {', '.join(twice)} more than once"
            raise ValueError(message)
        return value

    @field_validator("covariance")
    @classmethod
    def _is_a_covariance(
        cls, value: tuple[tuple[float, ...], ...]
    ) -> tuple[tuple[float, ...], ...]:
        size = len(value)
        for number, row in enumerate(value):
            if len(row) != size:
                message = (
                    f"must be square: it has {size} rows, but row {number} has {len(row)} numbers"
                )
                raise ValueError(message)
        if not size:
            return value
        table = np.array(value)
        spread = np.sqrt(np.abs(np.diag(table)))
        margin = _ROUNDING * (np.outer(spread, spread) + np.finfo(float).tiny)
        rows, columns = np.nonzero(np.abs(table - table.T) > 2.0 * margin)
        if rows.size:
            i, j = int(rows[0]), int(columns[0])
            message = (
                f"must be symmetric: row {i}, column {j} is {value[i][j]:g}, and row {j}, column "
                f"{i} is {value[j][i]:g}"
            )
            raise ValueError(message)
        least = float(np.linalg.eigvalsh(0.5 * (table + table.T))[0])
        if least < -_ROUNDING * max(float(np.max(np.diag(table))), 0.0):
            message = (
                "must be positive semi-definite, as every covariance is: its least eigenvalue is "
                f"{least:.3g}"
            )
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _fits_its_parameters(self) -> Self:
        if self.draws and self.covariance:
            message = "has both a covariance and draws: only one of them can say the errors"
            raise ValueError(message)
        for number, row in enumerate(self.draws):
            if len(row) != len(self.parameters):
                message = (
                    f"draw {number} has {len(row)} numbers for {len(self.parameters)} parameters "
                    f"({', '.join(self.parameters)})"
                )
                raise ValueError(message)
        if not self.draws and len(self.covariance) != len(self.parameters):
            message = (
                f"the covariance has {len(self.covariance)} rows for {len(self.parameters)} "
                f"parameters ({', '.join(self.parameters)}): it needs one row and one column each"
            )
            raise ValueError(message)
        return self
