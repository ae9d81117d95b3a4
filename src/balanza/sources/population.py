"""Population of the municipalities by year, 1990-2040: CONAPO's reconstruction and projections, base 2020.

A wide csv in UTF-8: CVE, Entidad, Municipio, and a column per year. The municipalities are those of 2023, given for
all years, so that nobody is counted twice when one of them is newer than the year.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._fields import coded_states, require_all_states
from balanza.sources._layout import counts, no_blanks, read_text, require_columns, table, unique_keys, validate

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


def schema() -> DataFrameSchema:
    """The tidy table: one row per municipality and year, with its people in the middle of the year."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_matches(r"^[0-9]{5}$")),
            "year": pa.Column("int64", pa.Check.in_range(1900, 2100)),
            "population": pa.Column("int64", pa.Check.gt(0)),
        },
        strict=True,
        unique=["cvegeo", "year"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the file.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    DataFrame
        cvegeo, year, population (people): n_municipalities x n_years rows.

    Raises
    ------
    SourceError
        If the file is not in this layout.
    """
    (path,) = files.values()
    raw = table(read_text(path, "utf-8"), where=path.name)
    places = require_columns(raw, {"CVE": "CVE", "Entidad": "Entidad"}, where=path.name)
    unique_keys(places, ["CVE"], where=path.name)
    state = coded_states(places["CVE"].str[:-3], places["Entidad"], where=path.name)
    require_all_states(pd.DataFrame({"state": state, "file": "all"}), "file", where=path.name)
    cvegeo = state + places["CVE"].str[-3:]
    tables = [
        pd.DataFrame({"cvegeo": cvegeo, "year": int(year), "population": _people(raw[year], path.name)})
        for year in _years(raw, path.name)
    ]
    return validate(pd.concat(tables), schema(), where=path.name)


def _people(cells: pd.Series, where: str) -> pd.Series:
    return no_blanks(counts(cells, where=where), where=where).astype("int64")


def _years(raw: pd.DataFrame, where: str) -> list[str]:
    years = [name for name in raw.columns if name.isdigit()]
    if not years or [int(year) for year in years] != list(range(int(years[0]), int(years[0]) + len(years))):
        raise SourceError(
            f"the columns of years do not follow one another ({', '.join(years) or 'none'})",
            where=where,
            cure="Get the file in its official layout, one column per year",
        )
    return years
