"""Parquet by pyarrow, which may be missing: a file, and its columns as texts or numbers."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.texts import numbers, possible
from clvsim.errors import InputError, counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


#: What pyarrow raises of a damaged file besides its own errors.
_DAMAGE = (OSError, ValueError, TypeError, LookupError, RuntimeError, MemoryError)
#: Bytes of a value on average at most; of a column of a row group whatever its rows, and at most.
_LONGEST, _ALWAYS, _MOST = 131_072, 1_000_000, 4_000_000_000


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
        _check_sizes(path, file.metadata)
    except InputError:
        raise
    except (*_DAMAGE, pa.ArrowException) as error:
        message = f"{path}: is not a Parquet file, or damaged: {_brief(error)}"
        raise InputError(message) from None
    if file.metadata.num_rows == 0:
        message = f"{path}: is empty"
        raise InputError(message)
    return file


def batches(path: Path, rows: int, columns: list[str] | None = None) -> Iterator[Any]:
    """The rows of a Parquet file, some at a time.

    Parameters
    ----------
    path : Path
    rows : int
        At a time.
    columns : list of str, optional
        Only these.

    Raises
    ------
    InputError
        As `open_parquet`, and if the file is damaged further on.
    """
    found = open_parquet(path).iter_batches(batch_size=rows, columns=columns)
    import pyarrow as pa

    while True:
        try:
            batch = next(found, None)
            if batch is not None:
                batch.validate(full=True)
        except (*_DAMAGE, pa.ArrowException) as error:
            message = f"{path}: is damaged: {_brief(error)}"
            raise InputError(message) from None
        if batch is None:
            return
        yield batch


def _check_sizes(path: Path, metadata: Any) -> None:
    """Refuse columns with more in a row than any record has, before they are loaded.

    Raises
    ------
    InputError
    """
    for group in range(metadata.num_row_groups):
        part = metadata.row_group(group)
        for place in range(part.num_columns):
            column = part.column(place)
            size = column.total_uncompressed_size
            if size > _ALWAYS + _LONGEST * part.num_rows or size > _MOST:
                message = (
                    f"{path}: the column {column.path_in_schema!r} declares {size / 1e9:,.3g} GB "
                    f"in {counted(part.num_rows, 'row')}: it is damaged, or no records"
                )
                raise InputError(message)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


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
