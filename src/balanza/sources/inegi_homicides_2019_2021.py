"""Homicides by municipality and year, 2019-2021, from INEGI's death certificates as cuentadesanti compiled them.

A parquet file with a column a year, by INEGI's presumption (`hom_`) and by the codes of ICD-10 (`hom_icd_`); codes
from 900 on (not specified) were left out by the compiler. Source: github.com/cuentadesanti/pobreza-marginacion.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._cells import municipality_codes, read_parquet
from balanza.sources._layout import FETCH_AGAIN, counts, no_blanks, require_columns, unique_keys, validate

_YEARS = (2019, 2020, 2021)
_DEFINITIONS = {"homicides": "hom", "homicides_icd": "hom_icd"}


def schema() -> Any:
    """One row a municipality and year: `cvegeo, year, homicides, homicides_icd`."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_matches(r"[0-9]{5}$")),
            "year": pa.Column("int64", pa.Check.isin(_YEARS)),
            "homicides": pa.Column("int64", pa.Check.ge(0)),
            "homicides_icd": pa.Column("int64", pa.Check.ge(0)),
        },
        unique=["cvegeo", "year"],
        strict=True,
        coerce=False,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the file.

    Parameters
    ----------
    files : mapping of str to Path
        The parquet file, by source id.

    Returns
    -------
    DataFrame
        `cvegeo`, `year`, `homicides` (presumed, people) and `homicides_icd` (by cause of death, people).

    Raises
    ------
    SourceError
        If the file is damaged, lacks a column, holds a bad count or code, or its three years do not add up to its sum.
    """
    (path,) = files.values()
    where = path.name
    raw = read_parquet(path)
    names = [f"{stem}_{end}" for stem in _DEFINITIONS.values() for end in (*_YEARS, "3a")]
    frame = require_columns(raw, ["cvegeo", *names], where=where)
    unique_keys(frame, ["cvegeo"], where=where)
    cvegeo = municipality_codes(frame["cvegeo"], where=where, padded=True)
    figures = frame[names].apply(lambda column: no_blanks(counts(column, where=where), where=where).astype("int64"))
    for stem in _DEFINITIONS.values():
        _check_sum(figures, stem, where)
    years = [
        pd.DataFrame({"cvegeo": cvegeo, "year": year})
        .assign(**{name: figures[f"{stem}_{year}"] for name, stem in _DEFINITIONS.items()})
        .astype({"year": "int64"})
        for year in _YEARS
    ]
    return validate(pd.concat(years), schema(), where=where)


def _check_sum(figures: pd.DataFrame, stem: str, where: str) -> None:
    wrong = figures[[f"{stem}_{year}" for year in _YEARS]].sum(axis=1) != figures[f"{stem}_3a"]
    if wrong.any():
        at = f"{where}, row {wrong.idxmax()}, column {stem}_3a"
        raise SourceError("the years do not add up to the sum of three years", where=at, cure=FETCH_AGAIN)
