"""What people read of a fit: models compared, each estimate with its error, the holdout."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from clvsim.calibration.block import block, errors_of
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.holdout import LEVEL, Prediction
from clvsim.calibration.outcome import WORDS, Candidate, Outcome, SegmentFit
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
#: What is compared in a test of which the models do not say it.
_TESTED = {
    "transactions": "customers by number of repeat purchases; Gamma-Gamma's, by their mean value",
    "opportunities": "customers by frequency and recency; Gamma-Gamma's, by their mean value",
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
        rows += [_model_row(outcome, segment, one) for one in segment.candidates]
        if segment.of_values is not None:
            rows.append(_model_row(outcome, segment, segment.of_values))
    # A column in which nothing stands is none.
    kept = [0, *(at for at in range(1, 6) if any(_has(row[at]) for row in rows))]
    title = f"Models of {outcome.data}"
    caption = "* in the block; of models of the same data, the lower AIC is the better"
    if outcome.what in _TESTED:
        caption += f"; chi-squared: {_TESTED[outcome.what]}"
    return grid(
        title, [heads[at] for at in kept], [[row[at] for at in kept] for row in rows], caption
    )


def _has(cell: str | Text) -> bool:
    return str(cell) not in {"", say.NOTHING}


def _model_row(outcome: Outcome, segment: SegmentFit, one: Candidate) -> list[str | Text]:
    is_chosen = one is segment.of_values or one.fitted.model == segment.chosen.model
    chi = say.NOTHING
    if math.isfinite(one.chi_squared):
        chi = f"{one.chi_squared:,.1f} ({one.freedom})"
    return [
        f"  {WORDS[one.fitted.model]}{' *' if is_chosen else ''}",
        _fixed(one.fitted.log_likelihood, 2),
        _fixed(one.fitted.aic, 1),
        chi,
        p_value(one.p_value),
        _holdout_error(outcome, one),
    ]


def _holdout_error(outcome: Outcome, one: Candidate) -> str:
    """Share of what was held out; of one total with its sign."""
    if math.isnan(one.holdout_error):
        return say.NOTHING
    sign = "+" if outcome.what in _ONCE else ""
    return f"{100.0 * one.holdout_error:{sign}.2f} %"


def _fixed(value: float, places: int) -> str:
    return say.fixed(value, places) if math.isfinite(value) else say.NOTHING


def p_value(value: float) -> str:
    """A p-value, or that it is tiny."""
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
        if fitted.draws is not None:
            low, high = fitted.interval(name)
            yield [label, f"{value:.3g}", f"{low:.3g} to {high:.3g}"]
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
        ["customers", f"{outcome.segments[0].customers:,.0f}", "", ""],
        [_ONCE[outcome.what], f"{facts['bought_once']:,.0f}", "", ""],
        ["repeat purchases fitted", f"{facts['repeat_purchases']:,.0f}", "", ""],
    ]
    candidates = [(segment, one) for segment in outcome.segments for one in segment.candidates]
    if "holdout_observed" in facts:
        rows.append(["repeat purchases held out", f"{facts['holdout_observed']:,.0f}", "", ""])
        for segment, one in candidates:
            name = one.fitted.model
            found = f"{segment.facts[f'holdout_{name}']:,.0f}"
            rows.append([f"  expected by {WORDS[name]}", found, *_interval(one)])
    heads = ("", "number", f"{100.0 * LEVEL:g} % interval", "held out lies")
    shown = 4 if any(one.prediction for _, one in candidates) else 2
    return grid("Purchases", heads[:shown], [row[:shown] for row in rows])


def _interval(one: Candidate) -> tuple[str, str]:
    """Where what was held out had to lie, and whether it does."""
    found = one.prediction
    if found is None:
        return "", ""
    bounds = f"{found.low[-1]:,.0f} to {found.high[-1]:,.0f}"
    return bounds, "inside" if found.is_inside else "outside"


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
    return dumped(document)


def _segment(segment: SegmentFit) -> dict[str, Any]:
    found, tested = segment.correlation, segment.of_values
    return {
        "label": segment.label,
        "customers": _whole(segment.customers),
        "chosen": segment.chosen.model,
        "models": [
            {
                **_fitted(one.fitted),
                **_goodness(one),
                "holdout_error": one.holdout_error,
                "holdout": one.prediction and _prediction(one.prediction),
            }
            for one in segment.candidates
        ],
        "spend": [
            {**_fitted(one), **(_goodness(tested) if tested and tested.fitted is one else {})}
            for one in segment.spend
        ],
        "correlation": found and {"value": found.rho, "standard_error": found.error},
        "values": segment.values,
        **errors_of(segment),
        "facts": {name: _whole(value) for name, value in segment.facts.items()},
        "notes": list(segment.notes),
    }


def _goodness(one: Candidate) -> dict[str, Any]:
    return {
        "chi_squared": one.chi_squared,
        "degrees_of_freedom": one.freedom,
        "p_value": one.p_value,
    }


def _prediction(found: Prediction) -> dict[str, Any]:
    """Purchases held out: the total, and by time since the fit ended."""
    return {
        "observed": found.observed,
        "expected": float(found.expected[-1]),
        "error": found.error,
        "luck": float(found.luck[-1]),
        "fit_error": found.fit_error,
        "level": LEVEL,
        "low": float(found.low[-1]),
        "high": float(found.high[-1]),
        "is_inside": found.is_inside,
        "band": {
            name: getattr(found, name).tolist() for name in ("times", "expected", "low", "high")
        },
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


def dumped(document: dict[str, Any]) -> str:
    """A document as JSON; NaN and infinity are null."""
    return json.dumps(_plain(document), indent=2, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """The same without numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
