"""Where a segment's numbers come from: the fit to records that gave them, and their errors."""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, Strict, StringConstraints, field_validator, model_validator

from clvsim.fields import Name, Numbers, Section, Step

#: Most that rounding to printed digits may take away from a matrix, relative to its entries.
_ROUNDING = 1e-6
_Path = Annotated[str, StringConstraints(pattern=r"^\w+(\.\w+)*$")]
_Texts = Annotated[tuple[Annotated[str, Strict()], ...], Strict(strict=False)]
_Paths = Annotated[tuple[Annotated[_Path, Strict()], ...], Strict(strict=False)]
_Rows = Annotated[tuple[Numbers, ...], Strict(strict=False)]


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
    """Covariance of the logarithms of these numbers: one row and one column each."""
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
        if len(self.covariance) != len(self.parameters):
            message = (
                f"the covariance has {len(self.covariance)} rows for {len(self.parameters)} "
                f"parameters ({', '.join(self.parameters)}): it needs one row and one column each"
            )
            raise ValueError(message)
        return self
