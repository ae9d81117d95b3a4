"""SESNSP's municipal files of one crime as JSON, 2015-2024: feminicide and kidnapping, by MaracasBarragan.

A list of records in near-official columns, one for each municipality, month, subtype and modality with a file: a cell
that is not there is a zero. Names only. Source: github.com/MaracasBarragan/Incidencia_Delictiva.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._cells import states
from balanza.sources._layout import (
    counts,
    month_number,
    month_start,
    no_blanks,
    require_columns,
    unique_keys,
    validate,
)
from balanza.sources._records import read_json, records_table

_COLUMNS = {
    "Año": "Año",
    "Entidad": "Entidad",
    "Municipio": "municipality",
    "Tipo de delito": "crime",
    "Subtipo de delito": "subtype",
    "Modalidad": "modality",
    "Mes": "Mes",
    "Cantidad": "Cantidad",
}
_TEXT = ("municipality", "crime", "subtype", "modality")


def schema() -> Any:
    """One row a file, municipality, month, subtype and modality with at least one investigation file."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "source": pa.Column(str),
            "state": pa.Column(str, pa.Check.str_matches(r"[0-9]{2}$")),
            "municipality": pa.Column(str, pa.Check.str_length(min_value=1)),
            "period": pa.Column("datetime64[us]"),
            "crime": pa.Column(str, pa.Check.str_length(min_value=1)),
            "subtype": pa.Column(str, pa.Check.str_length(min_value=1)),
            "modality": pa.Column(str, pa.Check.str_length(min_value=1)),
            "files": pa.Column("int64", pa.Check.ge(1)),
        },
        unique=["state", "municipality", "period", "crime", "subtype", "modality"],
        strict=True,
        coerce=False,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the files of all crimes.

    Parameters
    ----------
    files : mapping of str to Path
        One JSON file a crime, by source id.

    Returns
    -------
    DataFrame
        `source`, `state`, `municipality` (name as published; "Otros Municipios" and "No Especificado" are a state's
        residual), `period` (month start), `crime`, `subtype`, `modality`, `files` (1 or more).

    Raises
    ------
    SourceError
        If a file is cut short or not in its layout, a state is unknown, a key stands twice, or a count is bad; rows
        are records, numbered from 1.
    """
    return validate(pd.concat([_read_crime(*item) for item in files.items()]), schema(), where="sesnsp_json")


def _read_crime(source: str, path: Path) -> pd.DataFrame:
    where = path.name
    frame = require_columns(records_table(read_json(path), where=where), _COLUMNS, where=where)
    year, cells = (no_blanks(counts(frame[name], where=where), where=where) for name in ("Año", "Cantidad"))
    text = {name: no_blanks(frame[name], where=where).astype(str).str.strip() for name in _TEXT}
    month = {name: month_number(name, where=f"{where}, column Mes") for name in frame["Mes"].astype(str).unique()}
    tidy = pd.DataFrame(
        {
            "source": source,
            "state": states(frame["Entidad"].astype(str), where=where),
            "period": month_start(year, frame["Mes"].astype(str).map(month), where=where),
            **text,
            "files": cells.astype("int64"),
        }
    ).astype({"source": str})
    unique_keys(tidy, ["state", "municipality", "period", *_TEXT[1:]], where=where)
    return tidy[["source", "state", "municipality", "period", *_TEXT[1:], "files"]]
