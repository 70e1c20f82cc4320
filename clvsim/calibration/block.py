"""The segments of a fit as a block of a scenario file, written whole or not at all."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.holdout import LEVEL
from clvsim.calibration.outcome import WORDS
from clvsim.calibration.sampling import drawn_together, sampling
from clvsim.errors import ClvsimError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clvsim.calibration.outcome import Outcome, SegmentFit
    from clvsim.calibration.states import StateFit

_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: Characters of a list on one line; numbers a line of a longer one, and of a row of a matrix.
_LINE, _PER_LINE, _SHORT = 88, 5, 20
#: Rows of a matrix from which several short ones share a line.
_MANY_ROWS = 50
#: Digits of a number that is drawn, and what is said of such numbers.
_DIGITS = 6
_DRAWN = {"draws": "one row a draw of the parameters, all as likely: every world takes one"}


def block(outcome: Outcome) -> str:
    """Segments as TOML, each with where its numbers come from.

    Numbers are written with all their digits: they read back as they are.
    """
    lines = _head(f"clvsim fit {outcome.what}", outcome.data, outcome.step)
    for segment in outcome.segments:
        lines += ["", *_table(("segments", segment.key), segment.values, segment.comments)]
        about = _fit(segment, outcome.data, outcome.step)
        remarks = _scales(about["parameters"]) if "covariance" in about else _DRAWN
        lines += ["", *_table(("segments", segment.key, "fit"), about, remarks)]
    return "\n".join(lines) + "\n"


def state_block(fit: StateFit) -> str:
    """The states of a panel as TOML."""
    lines = _head("clvsim fit states", fit.data, fit.step)
    lines += ["", *_table(("segments", fit.key), fit.block_values(), {})]
    parameters, covariance = fit.sampling()
    free = int(np.sum(np.maximum((fit.counts > 0).sum(axis=1) - 1, 0)))
    about = {
        "model": "markov",
        "data": fit.data,
        "step": fit.step,
        "customers": fit.customers,
        "log_likelihood": fit.log_likelihood,
        "aic": 2.0 * free - 2.0 * fit.log_likelihood,
        "parameters": parameters,
        "covariance": covariance.tolist(),
        "notes": [*fit.notes, *_chain_goodness(fit)],
    }
    lines += ["", *_table(("segments", fit.key, "fit"), about, _scales(parameters))]
    return "\n".join(lines) + "\n"


def _scales(parameters: Sequence[str]) -> dict[str, str]:
    """On what scales the covariance is, as a remark."""
    if not parameters:
        return {}
    remark = "of the logs of the parameters: a variance of 0.01 is an error of 10 %"
    tables = {path.partition(".")[0] for path in parameters}
    remark += "; of atanh of correlations" if "correlations" in tables else ""
    remark += "; of state_values as they are" if "state_values" in tables else ""
    return {"covariance": remark}


def _head(command: str, data: str, step: str) -> list[str]:
    return [
        f"# Written by {command} from {_one_line(data)}.",
        f'# A period is a {step}: the scenario needs time.step = "{step}".',
    ]


def _fit(segment: SegmentFit, data: str, step: str) -> dict[str, Any]:
    """What the block says about its own origin."""
    notes = [*segment.notes, *_goodness(segment)]
    return {
        "model": segment.chosen.model,
        "data": data,
        "step": step,
        "customers": round(segment.customers),
        "log_likelihood": segment.chosen.log_likelihood,
        "aic": segment.chosen.aic,
        **errors_of(segment),
        "notes": notes,
    }


def errors_of(segment: SegmentFit) -> dict[str, Any]:
    """What is known of the errors of a segment's numbers: their covariance, or draws of them."""
    together = drawn_together(segment)
    if together is None:
        parameters, covariance = sampling(segment)
        return {"parameters": parameters, "covariance": covariance.tolist()}
    parameters, draws = together
    rounded = [[float(f"{value:.{_DIGITS}g}") for value in row] for row in draws.tolist()]
    return {"parameters": parameters, "draws": rounded}


def _goodness(segment: SegmentFit) -> Iterator[str]:
    """How well the models in the block describe the data, in words."""
    chosen = [one for one in segment.candidates if one.fitted.model == segment.chosen.model]
    for one in (*chosen, *([segment.of_values] if segment.of_values else [])):
        name = WORDS[one.fitted.model]
        if math.isfinite(one.chi_squared):
            yield (
                f"goodness of fit, {name}: chi-squared {one.chi_squared:.1f} on {one.freedom} "
                f"degrees of freedom, p {one.p_value:.2g}"
            )
        if one.prediction is not None:
            found = one.prediction
            place = "inside" if found.is_inside else "outside"
            yield (
                f"holdout, {name}: {found.observed:.0f} purchases observed, "
                f"{found.expected[-1]:.0f} expected, {100.0 * LEVEL:g} % interval "
                f"{found.low[-1]:.0f} to {found.high[-1]:.0f}: {place}"
            )
        if math.isfinite(one.holdout_error):
            yield f"holdout error, {name}: {100.0 * one.holdout_error:.2g} % of what was observed"


def _chain_goodness(fit: StateFit) -> Iterator[str]:
    """How well a chain describes a panel, in words."""
    for test in fit.tests.values():
        if math.isfinite(test.chi_squared):
            yield (
                f"goodness of fit, {test.claim}: chi-squared {test.chi_squared:.1f} on "
                f"{test.freedom} degrees of freedom, p {test.p_value:.2g}"
            )
    if fit.forecast is not None and math.isfinite(fit.forecast.error):
        yield f"holdout error: {100.0 * fit.forecast.error:.2g} % in another state than expected"


def _table(
    path: tuple[str, ...], values: Mapping[str, Any], comments: Mapping[str, str]
) -> list[str]:
    lines = [f"[{'.'.join(map(key, path))}]"]
    for name, value in values.items():
        remark, written = f"# {_one_line(comments.get(name, ''))}", toml(value)
        if name not in comments:
            lines.append(f"{key(name)} = {written}")
        elif "\n" in written:
            lines += [remark, f"{key(name)} = {written}"]
        else:
            lines.append(f"{key(name)} = {written}  {remark}")
    return lines


def key(name: str) -> str:
    """A key as TOML writes it: bare where that is allowed, in quotes otherwise."""
    return name if _BARE.fullmatch(name) else toml(name)


def toml(value: Any) -> str:
    """A value as TOML writes it.

    Parameters
    ----------
    value : str, bool, int, float, list or dict
        Floats must be finite, as in every scenario file.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON escapes all that TOML does, but for the delete character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        if not math.isfinite(value):
            message = f"a block cannot hold {value}"
            raise ClvsimError(message)
        return repr(float(value))
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key(name)} = {toml(item)}' for name, item in value.items())} }}"
    if isinstance(value, list):
        items = [toml(item) for item in value]
        line = f"[{', '.join(items)}]"
        if len(line) < _LINE:
            return line
        # A matrix has a row a line, unless it is of many short ones; a long list some numbers.
        per = 1 if any(isinstance(item, (str, list, dict)) for item in value) else _PER_LINE
        if len(value) > _MANY_ROWS and isinstance(value[0], list):
            per = max(_PER_LINE // len(value[0]), 1)
        if per > 1 and len(value) <= _SHORT:
            return line
        rows = [items[at : at + per] for at in range(0, len(items), per)]
        return "[\n" + "".join(f"    {', '.join(row)},\n" for row in rows) + "]"
    return str(value)


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)
