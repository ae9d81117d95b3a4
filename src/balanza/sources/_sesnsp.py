"""The official wide layout of SESNSP's crime files: state, victims, municipal and RNID differ in a few key columns.

One row a place, year, subtype and modality, one column a month; cp1252, or UTF-8 where it was saved anew. Oaxaca's
months that are stored as zero though missing (2015 and 2016) stay as published here: the panel knows them.
Source: SESNSP, Incidencia delictiva del fuero comun, nueva metodologia (2015-2025) and RNID (2026-).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import SourceError
from balanza.places import state_code
from balanza.sources._cells import refuse
from balanza.sources._columns import decoded, read_columns, recode
from balanza.sources._layout import MONTH_NAMES, counts, melt_months, no_blanks, unique_keys

CRIME = {"Tipo de delito": "crime", "Subtipo de delito": "subtype", "Modalidad": "modality"}
BEFORE_RNID, RNID = range(2015, 2026), range(2026, 2100)
_PLACE = {"Año": "Año", "Clave_Ent": "Clave_Ent", "Entidad": "Entidad"}
_MONTHS = {name: name for name in MONTH_NAMES}


def read_wide(
    source: Path | bytes,
    keys: Mapping[str, str],
    *encodings: str,
    where: str,
    years: range,
    municipal: bool = False,
    value: str = "files",
) -> pd.DataFrame:
    """Read one file of the layout as a tidy table.

    Parameters
    ----------
    source : Path or bytes
        The file, or the content of a zip member.
    keys : mapping
        Official to tidy names of the columns that tell rows of one place and year apart.
    encodings : str
        The promised encodings.
    where : str
        The name of the file.
    years : range
        The years of the classification of crimes: `BEFORE_RNID` or `RNID`, which must never be spliced unmarked.
    municipal : bool
        Whether places are municipalities (column "Cve. Municipio") and not states.
    value : str
        The name of the figures.

    Returns
    -------
    DataFrame
        `cvegeo` or `state` (text), `period` (month start), the keys (categories), and the figures (int64). Months
        without a figure have no row.

    Raises
    ------
    SourceError
        If the file is not in the layout, a year is of the other classification, a state's name does not fit its code,
        a key stands twice, a count is bad, or a future month is filled with zeros.
    """
    municipality = {"Cve. Municipio": "Cve. Municipio"} if municipal else {}
    frame = read_columns(source, {**_PLACE, **municipality, **keys, **_MONTHS}, *encodings, where=where)
    frame["year"] = _years(frame["Año"], years, where)
    frame["state"] = _states(frame, where)
    place = "cvegeo" if municipal else "state"
    if municipal:
        frame["cvegeo"] = _municipalities(frame, where)
    for key in keys.values():
        no_blanks(frame[key], where=where)
    unique_keys(frame, [place, "year", *keys.values()], where=where)
    long = melt_months(frame, [place, *keys.values()], where=where, value=value)
    long[place] = decoded(long[place])
    long.insert(1, "period", long.pop("period"))  # a selection of columns would copy 30 million rows
    return long


def _years(column: pd.Series, years: range, where: str) -> pd.Series:
    values = no_blanks(counts(column, where=where), where=where).astype("int64")
    cure = "In January 2026 (RNID) SESNSP began to classify crimes anew: each classification has its own reader"
    wrong = ~values.isin(list(years))
    refuse(column, wrong, f"is not a year from {years[0]} to {years[-1]}", where=where, cure=cure)
    return values


def _states(frame: pd.DataFrame, where: str) -> pd.Series:
    """Two-digit codes, held against the names beside them."""
    codes = recode(frame["Clave_Ent"], lambda code: code.zfill(2))
    pairs = pd.DataFrame({"code": codes, "name": frame["Entidad"]}).drop_duplicates().astype(str)
    for row, code, name in pairs.itertuples():
        at = f"{where}, row {row}, column Entidad"
        if state_code(name, where=at) != code:
            raise SourceError(f"{name!r} is not state {code}", where=at, cure="Correct the name or Clave_Ent")
    return codes


def _municipalities(frame: pd.DataFrame, where: str) -> pd.Series:
    """Five-digit codes, held against the state beside them; x998 and x999 (unspecified) stay."""
    codes = recode(frame["Cve. Municipio"], lambda code: code.zfill(5))
    pairs = pd.DataFrame({"Cve. Municipio": codes, "state": frame["state"]}).drop_duplicates().astype(str)
    published = pairs["Cve. Municipio"]
    wrong = ~published.str.fullmatch(r"[0-9]{5}") | (published.str[:2] != pairs["state"])
    problem = "is no municipality of the state beside it"
    refuse(published, wrong, problem, where=where, cure="Correct the code or Clave_Ent")
    return codes


def wide_schema(place: str, keys: Mapping[str, str], value: str = "files") -> Any:
    """The schema of a tidy table of `read_wide`; that its keys are unique `read_wide` has checked on the wide rows."""
    import pandera.pandas as pa

    pattern = r"[0-9]{5}$" if place == "cvegeo" else r"(0[1-9]|[12][0-9]|3[0-2])$"
    columns = {place: pa.Column(str, pa.Check.str_matches(pattern)), "period": pa.Column("datetime64[us]")}
    columns |= {key: pa.Column("category") for key in keys.values()}
    columns[value] = pa.Column("int64", pa.Check.ge(0))
    return pa.DataFrameSchema(columns, strict=True, coerce=False)
