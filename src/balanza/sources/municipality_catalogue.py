"""INEGI's catalogue of municipalities (AGEEML) of April 2021: codes, names, seats and the census of 2020.

A workbook with three title rows, then a header and one row per municipality, all cells as text. The boroughs of Mexico
City have no seat. A municipality created after the census stands with no people (Dzitbalché, 04013).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.errors import SourceError
from balanza.places import plain_name
from balanza.sources._fields import coded_states, require_all_states
from balanza.sources._layout import counts, no_blanks, require_columns, unique_keys, validate
from balanza.sources._workbook import first_sheet

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

COLUMNS = {
    "cve_ent": "state",
    "nom_ent": "state_name",
    "cve_mun": "number",
    "nom_mun": "municipality",
    "nom_cab": "seat",
    "Pob_total": "population",
    "Pob_masculina": "men",
    "Pob_femenina": "women",
    "Total de viviendas habitadas": "dwellings",
}
FIGURES = ("population", "men", "women", "dwellings")


def schema() -> DataFrameSchema:
    """The tidy table: one row per municipality; `seat` is missing in Mexico City, `dwellings` are inhabited ones."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_matches(r"^[0-9]{5}$"), unique=True),
            "state": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}$")),
            "municipality": pa.Column(str, pa.Check.str_length(min_value=1)),
            "seat": pa.Column(str, nullable=True),
            **{name: pa.Column("int64", pa.Check.ge(0)) for name in FIGURES},
        },
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the catalogue.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    DataFrame
        cvegeo, state, municipality, seat, population, men, women, dwellings: one row per municipality.

    Raises
    ------
    SourceError
        If the workbook is not in this layout.
    """
    (path,) = files.values()
    where = path.name
    frame = require_columns(_table(path), COLUMNS, where=where)
    frame["state"] = coded_states(frame["state"], frame["state_name"], where=where)
    require_all_states(frame.assign(file="all"), "file", where=where)
    for name in FIGURES:
        frame[name] = no_blanks(counts(frame[name], where=where), where=where).astype("int64")
    frame["cvegeo"] = frame["state"] + frame["number"].str.zfill(3)
    frame["seat"] = frame["seat"].where(frame["seat"] != "")
    unique_keys(frame, ["cvegeo"], where=where)
    open_rows = frame.index[frame["population"] != frame["men"] + frame["women"]]
    if len(open_rows):
        raise SourceError(
            "men and women are not the total",
            where=f"{where}, row {open_rows[0]}",
            cure="Correct the row, or fetch the file again",
        )
    return validate(frame[["cvegeo", "state", "municipality", "seat", *FIGURES]], schema(), where=where)


def _table(path: Path) -> pd.DataFrame:
    rows = first_sheet(path)
    headers = [i for i, row in enumerate(rows) if plain_name(str(row[0])) == "cve ent"]
    if len(headers) != 1:
        raise SourceError(
            "no header that starts with cve_ent", where=path.name, cure="Get the catalogue in its official layout"
        )
    header = [str(cell or "") for cell in rows[headers[0]]]
    body = {
        number: ["" if cell is None else str(cell).strip() for cell in row]
        for number, row in enumerate(rows, start=1)
        if number > headers[0] + 1 and any(cell is not None for cell in row)
    }
    return pd.DataFrame.from_dict(body, orient="index", columns=header, dtype=str)
