"""What people read of a fit of states: transitions, tests of the chain, the holdout."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType

from clvsim.calibration.block import state_block
from clvsim.calibration.calendars import period_text
from clvsim.calibration.shares import LEVEL, Forecast, Shares
from clvsim.calibration.states import StateFit
from clvsim.errors import counted
from clvsim.report import format as say
from clvsim.report.fitting import dumped, p_value
from clvsim.report.tables import grid


def state_report(fit: StateFit) -> list[RenderableType]:
    """Counts and probabilities of a panel's transitions."""
    heads = ("from", *(f"to {state}" for state in fit.states))
    share, errors = fit.probabilities, fit.errors
    counts = [
        [state, *(f"{count:,.0f}" for count in row)]
        for state, row in zip(fit.states, fit.counts, strict=True)
    ]
    odds = [
        [state, *(_share(p, e) for p, e in zip(row, error, strict=True))]
        for state, row, error in zip(fit.states, share, errors, strict=True)
    ]
    parts = [
        grid(f"Transitions of {fit.data}, {counted(fit.customers, 'customer')}", heads, counts),
        grid("Transition probabilities, each with its multinomial standard error", heads, odds),
    ]
    known = [at for at, value in enumerate(fit.values) if math.isfinite(value)]
    if known:
        rows = [
            [
                fit.states[at],
                f"{fit.seen[at]:,.0f}",
                say.with_error(float(fit.values[at]), float(fit.value_errors[at])),
            ]
            for at in known
        ]
        parts.append(grid("Mean value by state", ("", "rows", "mean value"), rows))
    parts.append(_goodness(fit))
    if fit.forecast is not None:
        parts.append(_holdout(fit, fit.forecast))
    return parts


def _goodness(fit: StateFit) -> RenderableType:
    """Tests of what a chain takes for granted."""
    rows = [
        [
            test.claim,
            f"{test.chi_squared:,.1f} ({test.freedom})" if test.freedom else say.NOTHING,
            p_value(test.p_value),
        ]
        for test in fit.tests.values()
    ]
    caption = "small p: the data speak against it"
    return grid("Goodness of fit", ("if a chain is right", "chi-squared (df)", "p"), rows, caption)


def _holdout(fit: StateFit, found: Forecast) -> RenderableType:
    """Customers by state at the end of the holdout, against their intervals."""
    rows = [
        [
            state,
            f"{found.observed[-1, at]:,.0f}",
            f"{found.expected[-1, at]:,.1f}",
            f"{found.low[-1, at]:,.0f} to {found.high[-1, at]:,.0f}",
            "inside" if found.is_inside[-1, at] else "outside",
        ]
        for at, state in enumerate(fit.states)
    ]
    heads = ("", "observed", "expected", f"{100.0 * LEVEL:g} % interval", "observed lies")
    last = period_text(int(found.periods[-1]), fit.calendar)
    title = f"{counted(found.customers[-1], 'customer')} in {fit.step} {last}, held out"
    captions = []
    if found.freedom:
        chi = f"chi-squared {found.chi_squared:,.1f} ({found.freedom})"
        captions.append(f"all states together: {chi}, p {p_value(found.p_value)}")
    if math.isfinite(found.error):
        captions.append(f"{100.0 * found.error:.2f} % of all held out elsewhere than expected")
    return grid(title, heads, rows, "; ".join(captions))


def _share(value: float, error: float) -> str:
    if math.isnan(value):
        return say.NOTHING
    return say.doubtful(value, error, say.places(value, error, 2)) if error else f"{value:g}"


def state_json(fit: StateFit) -> str:
    """A panel's transitions as one JSON document."""
    document = {
        "command": "fit states",
        "data": fit.data,
        "step": fit.step,
        "customers": fit.customers,
        "states": list(fit.states),
        "counts": fit.counts.tolist(),
        "probabilities": fit.probabilities.tolist(),
        "standard_errors": fit.errors.tolist(),
        "rows_by_state": fit.seen.tolist(),
        "values": fit.values.tolist(),
        "value_errors": fit.value_errors.tolist(),
        "log_likelihood": fit.log_likelihood,
        "goodness": {
            name: {
                "claim": test.claim,
                "chi_squared": test.chi_squared,
                "degrees_of_freedom": test.freedom,
                "p_value": test.p_value,
            }
            for name, test in fit.tests.items()
        },
        "shares": fit.shares and _shares_json(fit, fit.shares),
        "holdout": fit.forecast and _forecast_json(fit, fit.forecast),
        "rows": fit.drops.rows,
        "drops": fit.drops.plain(),
        "notes": list(fit.notes),
        "block": state_block(fit),
    }
    return dumped(document)


def _shares_json(fit: StateFit, shares: Shares) -> dict[str, Any]:
    return {
        "periods": _periods(fit, shares.periods),
        "customers": shares.customers.tolist(),
        "observed": shares.observed.tolist(),
        "fitted": shares.fitted.tolist(),
    }


def _forecast_json(fit: StateFit, found: Forecast) -> dict[str, Any]:
    return {
        "periods": _periods(fit, found.periods),
        "customers": found.customers.tolist(),
        "observed": found.observed.tolist(),
        "expected": found.expected.tolist(),
        "luck": found.luck.tolist(),
        "fit_error": found.fit_error.tolist(),
        "level": LEVEL,
        "low": found.low.tolist(),
        "high": found.high.tolist(),
        "is_inside": found.is_inside.tolist(),
        "error": found.error,
        "chi_squared": found.chi_squared,
        "degrees_of_freedom": found.freedom,
        "p_value": found.p_value,
    }


def _periods(fit: StateFit, periods: NDArray[np.int64]) -> list[str]:
    """Periods as they are written in the data."""
    return [period_text(period, fit.calendar) for period in periods.tolist()]
