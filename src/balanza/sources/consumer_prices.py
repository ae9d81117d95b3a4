"""Mexico's national consumer price index by month from 1982 on: INEGI, base second half of July 2018 = 100.

A csv with PERIODO (first day of the month), GENERAL, SUBYACENTE and NO_SUBYACENTE. GENERAL deflates pesos.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balanza.errors import SourceError
from balanza.sources._fields import amounts
from balanza.sources._layout import FETCH_AGAIN, month_start, no_blanks, read_text, require_columns, table, validate

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


def schema() -> DataFrameSchema:
    """The tidy table: one row per month, without gaps."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "period": pa.Column("datetime64[us]", unique=True),
            "index": pa.Column("float64", pa.Check.gt(0)),
        },
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the index.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    DataFrame
        period (month start), index (second half of July 2018 = 100), month after month.

    Raises
    ------
    SourceError
        If the file is not in this layout, or its months do not follow one another.
    """
    (path,) = files.values()
    where = path.name
    raw = require_columns(table(read_text(path, "utf-8"), where=where), ["PERIODO", "GENERAL"], where=where)
    if raw.empty:
        raise SourceError("the file holds no rows", where=where, cure=FETCH_AGAIN)
    period = _months(raw["PERIODO"], where)
    index = no_blanks(amounts(raw["GENERAL"], where=where), where=where)
    return validate(pd.DataFrame({"period": period, "index": index}, index=raw.index), schema(), where=where)


def _months(cells: pd.Series, where: str) -> np.ndarray:
    parts = cells.str.extract(r"^([0-9]{4})-(0[1-9]|1[0-2])-01$")
    number = parts[0].astype("Int64") * 12 + parts[1].astype("Int64")
    wrong = number.isna() | (number.diff().fillna(1) != 1)
    if wrong.any():
        row: Any = wrong.idxmax()
        raise SourceError(
            f"{cells[row]!r} is not the month after the one before it",
            where=f"{where}, row {row}, column PERIODO",
            cure="One row per month, each by its first day, without gaps or repeats",
        )
    return month_start(parts[0].astype("int64"), parts[1].astype("int64"), where=where)
