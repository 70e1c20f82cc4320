"""What people read of a fit: models compared, each estimate with its error, transitions."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from clvsim.calibration.block import block, state_block
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.outcome import WORDS, Candidate, Outcome, SegmentFit, sampling
from clvsim.calibration.states import StateFit
from clvsim.errors import counted
from clvsim.report import format as say
from clvsim.report.tables import grid

#: p-value below which nobody asks how far.
_TINY = 1e-3
#: Commands that count purchases, and what who never came back did.
_ONCE = {
    "transactions": "bought on one day only",
    "opportunities": "never bought after joining",
    "histories": "never bought after joining",
}


def fit_report(outcome: Outcome) -> list[RenderableType]:
    """Tables of a fit: models compared, estimates of all of them, and the holdout."""
    parts = [_models(outcome), _estimates(outcome)]
    if outcome.what in _ONCE:
        parts.append(_purchases(outcome))
    return parts


def _models(outcome: Outcome) -> RenderableType:
    heads = ["", "log-likelihood", "AIC", "chi-squared (df)", "p", "holdout error"]
    rows: list[list[str | Text]] = []
    for segment in outcome.segments:
        head = Text(f"{segment.label}, {counted(segment.customers, 'customer')}", style="bold")
        rows.append([head, *[""] * 5])
        rows += [_model_row(segment, one) for one in segment.candidates]
    # A column in which nothing stands is none.
    kept = [0, *(at for at in range(1, 6) if any(_has(row[at]) for row in rows))]
    title = f"Models of {outcome.data}"
    caption = "* in the block; of models of the same data, the lower AIC is the better"
    return grid(
        title, [heads[at] for at in kept], [[row[at] for at in kept] for row in rows], caption
    )


def _has(cell: str | Text) -> bool:
    return str(cell) not in {"", say.NOTHING}


def _model_row(segment: SegmentFit, one: Candidate) -> list[str | Text]:
    is_chosen = one.fitted.model == segment.chosen.model
    chi = say.NOTHING
    if math.isfinite(one.chi_squared):
        chi = f"{one.chi_squared:,.1f} ({one.freedom})"
    return [
        f"  {WORDS[one.fitted.model]}{' *' if is_chosen else ''}",
        _fixed(one.fitted.log_likelihood, 2),
        _fixed(one.fitted.aic, 1),
        chi,
        _p_value(one.p_value),
        say.NOTHING if math.isnan(one.holdout_error) else f"{100.0 * one.holdout_error:.2f} %",
    ]


def _fixed(value: float, places: int) -> str:
    return say.fixed(value, places) if math.isfinite(value) else say.NOTHING


def _p_value(value: float) -> str:
    if math.isnan(value):
        return say.NOTHING
    return f"< {_TINY:g}" if value < _TINY else f"{value:.3f}"


def _estimates(outcome: Outcome) -> RenderableType:
    rows: list[list[str | Text]] = []
    for segment in outcome.segments:
        rows.append([Text(segment.label, style="bold"), "", ""])
        for fitted in (*(one.fitted for one in segment.candidates), *segment.spend):
            rows += _estimate_rows(fitted)
        if segment.correlation is not None:
            rho, error = segment.correlation.rho, segment.correlation.error
            low, high = segment.correlation.interval()
            name = "  correlation of churn and spend"
            shown = say.places(rho, error, 2)
            rows.append([name, say.with_error(rho, error), say.interval(low, high, shown)])
    heads = ("", "estimate", "95 % interval")
    return grid("Estimates, each with its standard error", heads, rows)


def _estimate_rows(fitted: Fitted) -> Iterator[list[str | Text]]:
    errors = fitted.standard_errors
    for name, value in fitted.parameters.items():
        error = errors[name]
        label = f"  {WORDS[fitted.model]} {name}"
        if fitted.at_most is not None:
            yield [label, say.number(value), f"0 to {fitted.at_most:.3g} (one-sided)"]
            continue
        if not math.isfinite(error):
            yield [label, f"{value:.4g}" if math.isfinite(value) else say.NOTHING, "not identified"]
            continue
        low, high = fitted.interval(name)
        shown = say.places(value, error, 2)
        yield [label, say.with_error(value, error, say.ONE), say.interval(low, high, shown)]


def _purchases(outcome: Outcome) -> RenderableType:
    """Size of the log, and the holdout against what was expected."""
    facts = outcome.segments[0].facts
    rows: list[list[str | Text]] = [
        ["customers", f"{outcome.segments[0].customers:,.0f}"],
        [_ONCE[outcome.what], f"{facts['bought_once']:,.0f}"],
        ["repeat purchases fitted", f"{facts['repeat_purchases']:,.0f}"],
    ]
    if "holdout_observed" in facts:
        rows.append(["repeat purchases held out", f"{facts['holdout_observed']:,.0f}"])
        for one in outcome.segments[0].candidates:
            name = one.fitted.model
            rows.append([f"  expected by {WORDS[name]}", f"{facts[f'holdout_{name}']:,.0f}"])
    return grid("Purchases", ("", "number"), rows)


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
    return parts


def _share(value: float, error: float) -> str:
    if math.isnan(value):
        return say.NOTHING
    return say.doubtful(value, error, say.places(value, error, 2)) if error else f"{value:g}"


def told(drops: Any, notes: Iterable[str], segments: Iterable[SegmentFit] = ()) -> list[str]:
    """Lines for stderr: what was left out, and what the data could not tell."""
    lines = [f"{drops.file}: {line}" for line in drops.told()]
    lines += [f"note: {note}" for note in notes]
    lines += [f"note: {one.label}: {note}" for one in segments for note in one.notes]
    return lines


def fit_json(outcome: Outcome) -> str:
    """A fit as one JSON document; NaN and infinity are null."""
    document = {
        "command": f"fit {outcome.what}",
        "data": outcome.data,
        "step": outcome.step,
        "segments": {one.key: _segment(one) for one in outcome.segments},
        "rows": outcome.drops.rows,
        "drops": outcome.drops.plain(),
        "notes": list(outcome.notes),
        "block": block(outcome),
    }
    return _dumped(document)


def _segment(segment: SegmentFit) -> dict[str, Any]:
    parameters, covariance = sampling(segment)
    found = segment.correlation
    return {
        "label": segment.label,
        "customers": _whole(segment.customers),
        "chosen": segment.chosen.model,
        "models": [
            {
                **_fitted(one.fitted),
                "chi_squared": one.chi_squared,
                "degrees_of_freedom": one.freedom,
                "p_value": one.p_value,
                "holdout_error": one.holdout_error,
            }
            for one in segment.candidates
        ],
        "spend": [_fitted(one) for one in segment.spend],
        "correlation": found and {"value": found.rho, "standard_error": found.error},
        "values": segment.values,
        "parameters": parameters,
        "covariance": covariance.tolist(),
        "facts": {name: _whole(value) for name, value in segment.facts.items()},
        "notes": list(segment.notes),
    }


def _fitted(fitted: Fitted) -> dict[str, Any]:
    return {
        "model": fitted.model,
        "parameters": fitted.parameters,
        "standard_errors": fitted.standard_errors,
        "covariance_of_logs": fitted.covariance.tolist(),
        "log_likelihood": fitted.log_likelihood,
        "aic": fitted.aic,
        "sample_size": _whole(fitted.sample_size),
        "at_most": fitted.at_most,
    }


def _whole(value: float) -> float:
    """A number of things as whole as it is: 2357, not 2357.0."""
    return int(value) if value == math.floor(value) else value


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
        "rows": fit.drops.rows,
        "drops": fit.drops.plain(),
        "notes": list(fit.notes),
        "block": state_block(fit),
    }
    return _dumped(document)


def _dumped(document: dict[str, Any]) -> str:
    return json.dumps(_plain(document), indent=2, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """The same without numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
