"""SESNSP's municipal files of homicide and feminicide, January 2024 to June 2025, as sebrodriguezh compiled them.

A row a municipality and month, filled with zeros, with names only. The column of other crimes against life is zero in
every row, which is no count but a gap, and is left out. Source: github.com/sebrodriguezh/SESNSP_Site.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import SourceError
from balanza.places import state_code
from balanza.sources._columns import decoded, read_columns, recode
from balanza.sources._layout import (
    FETCH_AGAIN,
    counts,
    month_number,
    month_start,
    no_blanks,
    refuse_zero_future,
    unique_keys,
    validate,
)

_KEYS = {"Entidad": "Entidad", "Municipio": "municipality", "Año": "Año", "Mes": "Mes"}
CRIMES = ("Feminicidio", "Homicidio culposo", "Homicidio doloso")
_TOTAL = "Total"


def schema() -> Any:
    """One row a municipality, month and crime: `state, municipality, period, crime, files`."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "state": pa.Column(str, pa.Check.str_matches(r"[0-9]{2}$")),
            "municipality": pa.Column(str, pa.Check.str_length(min_value=1)),
            "period": pa.Column("datetime64[us]"),
            "crime": pa.Column("category", pa.Check.isin(CRIMES)),
            "files": pa.Column("int64", pa.Check.ge(0)),
        },
        unique=["state", "municipality", "period", "crime"],
        strict=True,
        coerce=False,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the file.

    Parameters
    ----------
    files : mapping of str to Path
        The csv file, by source id.

    Returns
    -------
    DataFrame
        `state`, `municipality` (name as published; "Otros Municipios" is a state's residual), `period` (month start),
        `crime` (category), `files`.

    Raises
    ------
    SourceError
        If the file is not in its layout, a state is unknown, a key stands twice, a count is bad, the crimes do not add
        up to Total, or the last month is filled with zeros.
    """
    (path,) = files.values()
    where = path.name
    crimes_and_total = (*CRIMES, _TOTAL)
    frame = read_columns(
        path, {**_KEYS, **dict(zip(crimes_and_total, crimes_and_total, strict=True))}, "utf-8", where=where
    )
    places = _places(frame, where)
    unique_keys(places, list(places.columns), where=where)
    figures = pd.DataFrame(
        {name: no_blanks(counts(frame[name], where=where), where=where) for name in crimes_and_total}
    )
    wrong = figures[list(CRIMES)].sum(axis=1) != figures[_TOTAL]
    if wrong.any():
        at = f"{where}, row {wrong.idxmax()}, column {_TOTAL}"
        raise SourceError("the crimes do not add up to this total", where=at, cure=FETCH_AGAIN)
    refuse_zero_future(places["period"], figures[_TOTAL], where=where)
    crimes = [places.assign(crime=name, files=figures[name].astype("int64")) for name in CRIMES]
    return validate(pd.concat(crimes, ignore_index=True).astype({"crime": "category"}), schema(), where=where)


def _places(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    state = recode(frame["Entidad"], lambda name: state_code(name, where=f"{where}, column Entidad"))
    month = recode(frame["Mes"], lambda name: month_number(name, where=f"{where}, column Mes"))
    year = no_blanks(counts(frame["Año"], where=where), where=where)
    return pd.DataFrame(
        {
            "state": decoded(state),
            "municipality": no_blanks(decoded(frame["municipality"]), where=where),
            "period": month_start(year, decoded(month), where=where),
        }
    )
