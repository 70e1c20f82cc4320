"""Customers one by one to a file: CSV, or Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import importlib.util
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from clvsim.errors import InputError
from clvsim.files import whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from clvsim.engine.rows import Rows

#: Columns of the file and what they hold.
COLUMNS: dict[str, str] = {
    "scenario": "Name of the scenario",
    "world": "Number of the world",
    "channel": "Channel, cohort or installed base that the customer comes from",
    "segment": "Name of the segment",
    "joined": "Period of joining (negative: before the horizon)",
    "rank": "Number of the customer in its cohort",
    "churn": "Probability of leaving in a period (bg/nbd: after a purchase; states: 0)",
    "spend": "Spend per period (or mean purchase; states: factor) at the price list, currency",
    "lift": "Relative cut of the hazard when treated",
    "periods_active": "Periods paid inside the horizon",
    "active_at_end": "Whether still a customer at the horizon",
    "clv": "Customer lifetime value after acquisition cost, at the joining date, currency",
    "purchases": "Purchases inside the horizon (0 of all who do not buy now and then)",
}
FORMATS = (".csv", ".parquet")
#: Rows of a Parquet row group, at least.
_GROUP_ROWS = 131_072


class Sink(Protocol):
    """Where rows go; closed by leaving its ``with`` block."""

    def write(self, scenario: str, rows: Rows) -> None:
        """Add the customers of a scenario."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def check_format(path: Path) -> None:
    """Refuse a file that customers cannot be written to.

    Raises
    ------
    InputError
        If the ending is neither ``.csv`` nor ``.parquet``, or pyarrow is missing.
    """
    if path.suffix.lower() not in FORMATS:
        message = f"{path}: customers are written as {' or '.join(FORMATS)}, by the file's ending"
        raise InputError(message)
    if path.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        message = (
            f"{path}: Parquet needs pyarrow: install it with pip install -e '.[parquet]', "
            "or write a .csv"
        )
        raise InputError(message)


def write_customers(path: Path, rows: Iterable[tuple[str, Rows]]) -> int:
    """Write rows, each with the name of its scenario, to a temporary name first.

    Parameters
    ----------
    path : Path
        Ends in ``.csv`` or ``.parquet``.
    rows : iterable of (str, Rows)
        Held in memory one at a time (Parquet: a row group at a time).

    Returns
    -------
    int
        Customers written.

    Raises
    ------
    InputError
        If the ending is neither, or pyarrow is missing.
    ClvsimError
        If writing fails; no part of the file is left.
    """
    check_format(path)
    written, kind = 0, _Csv if path.suffix.lower() == ".csv" else _Parquet
    with whole(path) as temporary, kind(temporary) as sink:
        for scenario, part in rows:
            sink.write(scenario, part)
            written += len(part)
    return written


class _Csv:
    """Rows as text; every float as the shortest text that reads back as itself."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(self, scenario: str, rows: Rows) -> None:
        words = {True: "true", False: "false"}
        self._writer.writerows(
            (scenario, rows.world, rows.source, rows.segment, *numbers, words[active], clv, bought)
            for *numbers, active, clv, bought in zip(
                *(column.tolist() for column in _numbers(rows).values()), strict=True
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class _Parquet:
    """Rows as columns; names as dictionaries. The only user of pyarrow."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
        from pyarrow import parquet

        name = pa.dictionary(pa.int32(), pa.string())
        kinds = {
            **dict.fromkeys(("scenario", "channel", "segment"), name),
            **dict.fromkeys(("world", "joined", "rank", "periods_active"), pa.int64()),
            "active_at_end": pa.bool_(),
        }
        fields = [
            pa.field(column, kinds.get(column, pa.float64()), metadata={"description": text})
            for column, text in COLUMNS.items()
        ]
        self._pa: Any = pa
        self._schema = pa.schema(fields)
        self._writer = parquet.ParquetWriter(path, self._schema)
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, scenario: str, rows: Rows) -> None:
        pa = self._pa
        index = pa.array(np.zeros(len(rows), dtype=np.int32))
        names = {"scenario": scenario, "channel": rows.source, "segment": rows.segment}
        columns: dict[str, Any] = {
            name: pa.DictionaryArray.from_arrays(index, pa.array([text], pa.string()))
            for name, text in names.items()
        }
        columns["world"] = pa.array(np.full(len(rows), rows.world))
        columns |= {name: pa.array(column) for name, column in _numbers(rows).items()}
        arrays = [columns[name] for name in COLUMNS]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows += len(rows)
        if self._rows >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(self._pa.concat_tables(self._waiting).unify_dictionaries())
        self._waiting, self._rows = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()


def _numbers(rows: Rows) -> dict[str, Any]:
    """Columns of numbers by name, as they stand in the file from ``joined`` on."""
    return {
        "joined": rows.joined,
        "rank": rows.column("rank").astype(np.int64),
        "churn": rows.column("churn"),
        "spend": rows.column("spend"),
        "lift": rows.column("lift"),
        "periods_active": rows.column("periods").astype(np.int64),
        "active_at_end": rows.column("active_at_end") > 0.0,
        "clv": rows.column("clv"),
        "purchases": rows.column("purchases").astype(np.int64),
    }
