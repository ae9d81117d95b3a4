"""Homicides by municipality and month of occurrence, from INEGI's death certificates as M. Gargiulo compiled them.

Pipe-separated csv in gzip, one row a municipality and month, filled with zeros; deaths whose municipality or month is
not known are not in it. Source: github.com/thegargiulian/mexico-homicide-rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._cells import municipality_codes, refuse
from balanza.sources._columns import decoded, read_columns
from balanza.sources._layout import (
    FETCH_AGAIN,
    counts,
    month_start,
    no_blanks,
    refuse_zero_future,
    unique_keys,
    validate,
)

_COLUMNS = {"ent_mun": "ent_mun", "year": "year", "month": "month", "homicides": "homicides"}


def schema() -> Any:
    """One row a municipality and month: `cvegeo, period, homicides`."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_matches(r"[0-9]{5}$")),
            "period": pa.Column("datetime64[us]"),
            "homicides": pa.Column("int64", pa.Check.ge(0)),
        },
        unique=["cvegeo", "period"],
        strict=True,
        coerce=False,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the file.

    Parameters
    ----------
    files : mapping of str to Path
        The gzip file, by source id.

    Returns
    -------
    DataFrame
        `cvegeo`, `period` (month start), `homicides` (people, by place and month of occurrence).

    Raises
    ------
    SourceError
        If the file is not in its layout, a municipality-month stands twice or is missing, a count is bad, or the last
        month is filled with zeros.
    """
    (path,) = files.values()
    where = path.name
    frame = read_columns(path, _COLUMNS, "utf-8", where=where, delimiter="|")
    year, month, homicides = (
        no_blanks(counts(frame[name], where=where), where=where).astype("int64")
        for name in ("year", "month", "homicides")
    )
    refuse(frame["month"], ~month.between(1, 12), "is not a month", where=where, cure="Months are 1 to 12")
    tidy = pd.DataFrame(
        {
            "cvegeo": municipality_codes(decoded(frame["ent_mun"]), where=where, padded=True),
            "period": month_start(year, month, where=where),
            "homicides": homicides,
        }
    )
    unique_keys(tidy, ["cvegeo", "period"], where=where)
    refuse_zero_future(tidy["period"], tidy["homicides"], where=where)
    validated = validate(tidy, schema(), where=where)
    _refuse_gaps(validated, where)
    return validated


def _refuse_gaps(tidy: pd.DataFrame, where: str) -> None:
    rows = tidy.groupby("cvegeo")["period"].size()
    months = tidy["period"].nunique()
    if (rows != months).any():
        cvegeo = rows.index[rows != months][0]
        problem = f"municipality {cvegeo} has {rows[cvegeo]} of {months} months, where zeros should fill all"
        raise SourceError(problem, where=where, cure=f"The file may be cut short: {FETCH_AGAIN.lower()}")
