"""SESNSP's municipal files of 16 crimes, 2015 to May 2020, as Data Civica compiled them (an R data frame).

A row a municipality, year and crime, with columns for January to May, their sum, and the whole year. Here "Homicidio
doloso" includes feminicide, and the annual figure of 2020 is an extrapolation, which is left out. Source:
github.com/datacivica/blog-incidencia0620covid.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._cells import municipality_codes
from balanza.sources._layout import FETCH_AGAIN, MONTH_NAMES, counts, no_blanks, require_columns, unique_keys, validate
from balanza.sources._r_objects import read_r

_MONTHS = {f"total_{name.lower()}": number for number, name in enumerate(MONTH_NAMES[:5], start=1)}
_SUM, _YEAR = "total_enero_mayo", "total_anual"
_LAST_WHOLE_YEAR = 2019


def schema() -> Any:
    """One row a municipality, crime, and month or year: `cvegeo, year, month, crime, files`; month NA: whole year."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_matches(r"[0-9]{5}$")),
            "year": pa.Column("int64", pa.Check.in_range(2015, 2020)),
            "month": pa.Column("Int64", pa.Check.in_range(1, 5), nullable=True),
            "crime": pa.Column("category"),
            "files": pa.Column("int64", pa.Check.ge(0)),
        },
        strict=True,
        coerce=False,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the file.

    Parameters
    ----------
    files : mapping of str to Path
        The rds file, by source id.

    Returns
    -------
    DataFrame
        `cvegeo` (x998 and x999 not specified), `year`, `month` (1 to 5, or NA for the whole year, none for 2020),
        `crime` (category; "Homicidio doloso" includes feminicide), `files`.

    Raises
    ------
    SourceError
        If the file is damaged, lacks a column, holds a bad count or code, has a key twice, or January to May do not
        add up.
    """
    (path,) = files.values()
    where = path.name
    names = {"year": "year", "cve_mun": "cvegeo", "tipo_delito": "crime"}
    frame = require_columns(_frame(path), {**names, **{name: name for name in [*_MONTHS, _SUM, _YEAR]}}, where=where)
    frame["year"] = no_blanks(counts(frame["year"], where=where), where=where).astype("int64")
    frame["cvegeo"] = municipality_codes(frame["cvegeo"], where=where, padded=True).astype(str)
    frame["crime"] = no_blanks(frame["crime"], where=where).astype(str).astype("category")
    unique_keys(frame, ["cvegeo", "year", "crime"], where=where)
    months = _january_to_may(frame, where)
    whole = frame[frame["year"] <= _LAST_WHOLE_YEAR]
    annual = no_blanks(counts(whole[_YEAR], where=where), where=where)
    parts = [_part(frame, months[name], number) for name, number in _MONTHS.items()] + [_part(whole, annual, None)]
    tidy = validate(pd.concat(parts, ignore_index=True), schema(), where=where)
    if left_out := len(frame) - len(whole):
        tidy.attrs["left_out"] = [{"reason": "the annual figure of 2020 is an extrapolation", "rows": left_out}]
    return tidy


def _january_to_may(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    cells = {name: no_blanks(counts(frame[name], where=where), where=where) for name in [*_MONTHS, _SUM]}
    figures = pd.DataFrame(cells)
    wrong = figures[list(_MONTHS)].sum(axis=1) != figures[_SUM]
    if wrong.any():
        at = f"{where}, row {wrong.idxmax()}, column {_SUM}"
        raise SourceError("January to May do not add up to this sum", where=at, cure=FETCH_AGAIN)
    return figures


def _frame(path: Path) -> pd.DataFrame:
    frame = read_r(path, "rds")
    if not isinstance(frame, pd.DataFrame):
        raise SourceError("holds no data frame", where=path.name, cure="Save the data frame alone with saveRDS()")
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1))


def _part(frame: pd.DataFrame, figures: pd.Series, month: int | None) -> pd.DataFrame:
    months = pd.Series(month, index=frame.index, dtype="Int64")
    part = frame[["cvegeo", "year", "crime"]].assign(month=months, files=figures.astype("int64"))
    return part[["cvegeo", "year", "month", "crime", "files"]]
