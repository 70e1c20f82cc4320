"""Parquet by pyarrow, which may be missing: a file, and its columns as texts or numbers."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.texts import numbers, possible
from clvsim.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def open_parquet(path: Path) -> Any:
    """A Parquet file, as pyarrow has it.

    Raises
    ------
    InputError
        If pyarrow is missing, or the file is not Parquet or has no rows.
    """
    if importlib.util.find_spec("pyarrow") is None:
        message = (
            f"{path}: Parquet needs pyarrow: install it with pip install -e '.[parquet]', "
            "or give a .csv"
        )
        raise InputError(message)
    import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except pa.ArrowInvalid as error:
        message = f"{path}: is not a Parquet file: {error}"
        raise InputError(message) from None
    if file.metadata.num_rows == 0:
        message = f"{path}: is empty"
        raise InputError(message)
    return file


def as_texts(column: Any) -> list[str]:
    """A column as it would stand in a CSV file, shape (row,)."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        texts = column.cast(pa.string()).to_pylist()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
    return ["" if text is None else text.strip() for text in texts]


def as_numbers(column: Any) -> NDArray[np.float64]:
    """A column as `numbers` reads its texts, shape (row,)."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not (pa.types.is_float64(column.type) or pa.types.is_integer(column.type)):
        # A text of a number with fewer bits is not the number itself: 0.1, not 0.100000001.
        return numbers([text or "nan" for text in as_texts(column)])
    found = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return possible(found)


def row_marks(batch: Any) -> NDArray[np.int64]:
    """Hashes of the texts of whole rows, shape (row,): equal rows have equal ones."""
    texts = [as_texts(column) for column in batch.columns]
    return np.fromiter(map(hash, zip(*texts, strict=True)), np.int64, batch.num_rows)
