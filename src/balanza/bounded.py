"""Parquet files from outside, within limits: a few kilobytes can promise thousand millions of cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 20_000
MOST_CELLS = 1 << 28
"""Of the columns asked for: 2 GiB of numbers, twenty times the monthly panel."""


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Read a flat table whose size was looked at first.

    Parameters
    ----------
    path : Path
    columns : sequence of str, optional
        Those to read; all if left out.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    ValueError
        If the file has more columns or cells than are read, a column that is asked for is not there or holds lists or
        records, or the file is no parquet.
    OSError
        If it is cut short or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # The container limit holds while the footer is parsed, which is what a million columns make slow.
    with pq.ParquetFile(path, thrift_container_size_limit=MOST_COLUMNS) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        names = list(schema.names) if columns is None else list(columns)
        if missing := [name for name in names if name not in schema.names]:
            raise ValueError(f"there is no column {missing[0]!r}")
        if nested := [name for name in names if any(pa.types.is_nested(item.type) for item in _fields(schema, name))]:
            raise ValueError(f"column {nested[0]!r} holds lists or records")
        if len(names) * rows > MOST_CELLS:
            raise ValueError(f"{rows:,} rows of {len(names):,} columns, more than the {MOST_CELLS:,} cells allowed")
        return file.read(columns=columns)


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The same as a DataFrame; errors as in `read_parquet`, and ValueError if what pandas noted in it is damaged."""
    table = read_parquet(path, columns)
    try:
        frame: pd.DataFrame = table.to_pandas()
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"its notes for pandas, or values, are damaged ({error!r})") from error
    return frame


def _fields(schema: Any, name: str) -> list[Any]:
    return [schema.field(position) for position in schema.get_all_field_indices(name)]
