"""What people read of scores, and the file of one row a customer."""

from __future__ import annotations

import csv
import itertools
import json
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.scoring.score import CLASSES
from clvsim.calibration.scoring.totals import Error
from clvsim.files import whole
from clvsim.report import format as say
from clvsim.report.digits import lines
from clvsim.report.tables import grid, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from clvsim.calibration.drops import Drops
    from clvsim.calibration.scoring.group import Terms
    from clvsim.calibration.scoring.score import Scores

COLUMNS: dict[str, str] = {
    "customer": "Name of the customer",
    "fit_segment": "Segment of the fit that it was scored with",
    "value": "Expected remaining value: discounted margin within the horizon, currency",
    "value_low": "The customer's own remaining value lies below with probability 5 %, currency",
    "value_high": "The customer's own remaining value lies below with probability 95 %, currency",
    "p_alive": "Probability of still being a customer",
    "expected_purchases": "Expected purchases, or payments of a contract, within the horizon",
    "percentile": "Share of the customers worth less, in per cent; those worth the same count half",
    "segment": "best, good, marginal or never_profitable",
}
"""Columns of the file and what they hold."""
ERROR_OF_VALUE = "value_error"
"""The column that simulated scores have besides, after the value."""
_ERROR_OF_VALUE = "Monte Carlo standard error of the value, currency"
#: Rows turned into text at a time: they stay in cache.
_ROWS = 4_096
#: Signs that make a text need quotation marks.
_QUOTED = ',"\r\n'


def write_scores(path: Path, scores: Scores) -> None:
    """Write a row a customer, in the order of the input, to a temporary name first.

    Numbers have nine digits in CSV, and all of them in Parquet.

    Parameters
    ----------
    path : Path
        Ends in ``.csv`` or ``.parquet``.
    scores : Scores

    Raises
    ------
    ClvsimError
        If writing fails; no part of the file is left.
    """
    write = _write_parquet if path.suffix.lower() == ".parquet" else _write_csv
    with whole(path) as temporary:
        write(temporary, scores)


def columns_of(scores: Scores) -> dict[str, str]:
    """Columns of the file of scores and what they hold."""
    found = dict(COLUMNS)
    if scores.error_of_value is not None:
        names = list(found)
        names.insert(names.index("value") + 1, ERROR_OF_VALUE)
        found = {name: found.get(name, _ERROR_OF_VALUE) for name in names}
    return found


def _numbers(scores: Scores) -> dict[str, Any]:
    """Columns of numbers by name, in the order of `columns_of`."""
    error = scores.error_of_value
    return {
        "value": scores.value,
        **({} if error is None else {ERROR_OF_VALUE: error}),
        "value_low": scores.low,
        "value_high": scores.high,
        "p_alive": scores.alive,
        "expected_purchases": scores.purchases,
        "percentile": 100.0 * scores.rank,
    }


def _write_csv(path: Path, scores: Scores) -> None:
    people, columns = scores.customers, list(_numbers(scores).values())
    segments = np.array([f",{name}," for name in _fields(people.segments)], dtype=object)
    groups = np.array([f",{name}\n" for name in CLASSES], dtype=object)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(columns_of(scores)) + "\n")
        for start in range(0, len(people.names), _ROWS):
            part = slice(start, start + _ROWS)
            rows = zip(
                _fields(people.names[part]),
                segments[people.segment[part]].tolist(),
                lines([column[part] for column in columns]),
                groups[scores.group[part]].tolist(),
                strict=True,
            )
            file.write("".join(itertools.chain.from_iterable(rows)))


def _fields(texts: Sequence[str]) -> Sequence[str]:
    """Texts as fields of a CSV file: in quotation marks where they need them."""
    whole = "".join(texts)
    if not any(sign in whole for sign in _QUOTED):
        return texts
    fields: list[str] = []
    writer = csv.writer(SimpleNamespace(write=fields.append), lineterminator="\n")
    writer.writerows(zip(texts, strict=True))
    return [field[:-1] for field in fields]


def _write_parquet(path: Path, scores: Scores) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
    from pyarrow import parquet

    def coded(codes: Any, names: tuple[str, ...]) -> Any:
        return pa.DictionaryArray.from_arrays(
            pa.array(codes.astype(np.int32)), pa.array(names, pa.string())
        )

    people = scores.customers
    columns = {
        "customer": pa.array(people.names, pa.string()),
        "fit_segment": coded(people.segment, people.segments),
        **{name: pa.array(column) for name, column in _numbers(scores).items()},
        "segment": coded(scores.group, CLASSES),
    }
    told = columns_of(scores)
    arrays = [columns[name] for name in told]
    schema = pa.schema(
        [
            pa.field(name, array.type, metadata={"description": text})
            for (name, text), array in zip(told.items(), arrays, strict=True)
        ]
    )
    parquet.write_table(pa.Table.from_arrays(arrays, schema=schema), path)


def score_report(scores: Scores, terms: Terms, name: str) -> list[RenderableType]:
    """Tables: classes, and totals with their errors."""
    return [_classes(scores, terms, name), _totals(scores)]


def _classes(scores: Scores, terms: Terms, name: str) -> RenderableType:
    found = list(_by_class(scores))
    scale = say.scale_of(*(one["value"] for one in found))
    heads = (
        "", "customers", "share", f"value, {scale.word}" if scale.word else "value",
        "share of value", "mean value", "mean p_alive",
    )  # fmt: skip
    # Each to two digits of its own error: those of classes differ tenfold.
    columns = [
        [say.with_error(*_number(one, figure), own) for one in found]
        for figure, own in (("value", scale), ("mean_value", say.ONE), ("mean_p_alive", say.ONE))
    ]
    rows = [
        [
            words(one["segment"]),
            f"{one['customers']:,}",
            say.percent(one["share"]),
            value,
            say.percent_with_error(*_number(one, "share_of_value")),
            mean,
            alive,
        ]
        for one, value, mean, alive in zip(found, *columns, strict=True)
    ]
    periods = f"{terms.horizon:g} {terms.step}s ahead"
    span = "without horizon" if math.isinf(terms.horizon) else periods
    if terms.scenario:
        span = f"as simulated ({terms.scenario}), {terms.currency}, {periods}"
    caption = (
        f"value: margin {span}, discounted at {say.percent(terms.rate)} a year; ± one standard "
        "error, all that is known\n"
        f"best: the top {say.percent(terms.best_share)}; good: above the median; never profitable: "
        f"worth {terms.contact_cost:g} or less; errors are of those who are in a class now"
    )
    return grid(f"Customers of {name}", heads, rows, caption)


def _number(one: dict[str, Any], figure: str) -> tuple[float, float]:
    """A figure of a class, and its error as far as that is known."""
    parts = (one[f"{figure}_standard_error_of_{of}"] for of in ("the_fit", "luck", "simulation"))
    return one[figure], Error(*parts).known


def _by_class(scores: Scores) -> Iterator[dict[str, Any]]:
    """Figures of each class."""
    sums = np.array([float(scores.value[scores.group == at].sum()) for at in range(len(CLASSES))])
    total, errors = float(sums.sum()), scores.errors
    for number, name in enumerate(CLASSES):
        own = scores.group == number
        count, value = int(own.sum()), float(sums[number])
        of_value, of_alive = (errors.of_class(figure, number) for figure in ("value", "alive"))
        yield {
            "segment": name,
            "customers": count,
            "share": count / own.size,
            **_figure("value", value, of_value),
            **_figure(
                "share_of_value",
                value / total if total else math.nan,
                errors.of_share("value", number, sums),
            ),
            **_figure("mean_value", value / count if count else math.nan, of_value.over(count)),
            **_figure(
                "mean_p_alive",
                float(scores.alive[own].mean()) if count else math.nan,
                of_alive.over(count),
            ),
        }


def _figure(name: str, value: float, error: Error) -> dict[str, float]:
    """A figure and its standard errors."""
    return {
        name: value,
        f"{name}_standard_error": error.all,
        f"{name}_standard_error_of_the_fit": error.fit,
        f"{name}_standard_error_of_luck": error.luck,
        f"{name}_standard_error_of_simulation": error.simulation,
    }


def _sums(scores: Scores) -> list[tuple[str, float, Error]]:
    """Figures of all customers, by the names of JSON."""
    value, alive, purchases = (
        float(one.sum()) for one in (scores.value, scores.alive, scores.purchases)
    )
    errors, size = scores.errors, scores.value.size
    return [
        ("value", value, errors.total("value")),
        ("mean_value", value / size, errors.total("value").over(size)),
        ("alive", alive, errors.total("alive")),
        ("expected_purchases", purchases, errors.total("purchases")),
    ]


_TOTALS = {
    "value": "remaining value",
    "mean_value": "mean remaining value",
    "alive": "still customers",
    "expected_purchases": "expected purchases",
}


def _totals(scores: Scores) -> RenderableType:
    heads = ["", "total", "error from the fit", "luck of these customers", "error of simulation"]
    rows = [
        [
            _TOTALS[name],
            say.with_error(value, error.known),
            *(say.number(x, 0.1 * x) for x in (error.fit, error.luck, error.simulation)),
        ]
        for name, value, error in _sums(scores)
    ]
    if scores.error_of_value is None:
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return grid("Totals, each with its standard error, and what that comes from", heads, rows)


def score_json(scores: Scores, terms: Terms, drops: Drops, notes: list[str]) -> str:
    """Classes and totals as one JSON document; NaN and infinity are null."""
    document = {
        "command": "score",
        "file": drops.file,
        "customers": int(scores.value.size),
        "terms": {
            "step": terms.step,
            "horizon": terms.horizon,
            "discount_rate": terms.rate,
            "margin": terms.margin,
            "best_share": terms.best_share,
            "contact_cost": terms.contact_cost,
            "seed": terms.seed,
            "scenario": terms.scenario or None,
            "currency": terms.currency or None,
        },
        "segments": list(_by_class(scores)),
        "total": {
            key: number
            for name, value, error in _sums(scores)
            for key, number in _figure(name, value, error).items()
        },
        "columns": columns_of(scores),
        "rows": drops.rows,
        "drops": drops.plain(),
        "notes": notes,
    }
    return json.dumps(_plain(document), indent=2, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """The same without numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
