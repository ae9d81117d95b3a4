"""Clashes of public forces with organised crime, January 2007 to November 2011, from the CIDE-PPD database A-E.

Atuesta, Siordia and Madrazo Lajous (2018), "The 'War on Drugs' in Mexico: (Official) Database of Events between
December 2006 and November 2011", Journal of Conflict Resolution: one row a clash, tab-separated, in UTF-8 with a
byte-order mark, INEGI's codes as numbers, 9999 for a figure not reported (which does not say zero). The markers of
circumstances (columns AC to VAL) are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._cells import dates, municipality_codes, refuse, require_rows
from balanza.sources._layout import counts, no_blanks, read_text, require_columns, table, unique_keys, validate

FIGURES = {
    "DE": "detained",
    "PF": "killed",
    "MIF": "soldiers_killed",
    "MAF": "marines_killed",
    "PFF": "federal_police_killed",
    "AFIF": "federal_investigators_killed",
    "PEF": "state_police_killed",
    "PMF": "ministerial_police_killed",
    "PMUF": "municipal_police_killed",
    "AMPF": "prosecutors_killed",
    "DOF": "organised_crime_killed",
    "CIF": "civilians_killed",
    "PL": "wounded",
    "MIL": "soldiers_wounded",
    "MAL": "marines_wounded",
    "PFL": "federal_police_wounded",
    "AFIFL": "federal_investigators_wounded",
    "PEL": "state_police_wounded",
    "PML": "ministerial_police_wounded",
    "PMUL": "municipal_police_wounded",
    "AMPL": "prosecutors_wounded",
    "DOL": "organised_crime_wounded",
    "CIL": "civilians_wounded",
    "ARL": "long_arms_seized",
    "ARC": "short_arms_seized",
    "CARG": "magazines_seized",
    "CART": "cartridges_seized",
    "VE": "vehicles_seized",
}
"""Official names of the figures, to tidy ones; killed and wounded are the sums over the groups that follow them."""

_NOT_REPORTED = 9999
_UNSPECIFIED = 999


def schema() -> Any:
    """The tidy table: `event` is the number that the database gives a clash."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "event": pa.Column("int64", unique=True),
            "date": pa.Column("datetime64[us]"),
            "state": pa.Column(str, pa.Check.str_length(2, 2)),
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5)),
        }
        | {name: pa.Column("Int64", pa.Check.ge(0), nullable=True) for name in FIGURES.values()},
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the clashes.

    Parameters
    ----------
    files : mapping of str to Path
        `clashes_ppd`.

    Returns
    -------
    DataFrame
        event, date, state, cvegeo (state and 999 where the municipality is not reported), and the figures, missing
        where not reported.

    Raises
    ------
    SourceError
        On another layout, an unknown state, an impossible date, or a clash that stands twice.
    """
    path = files["clashes_ppd"]
    where = path.name
    keys = ["ID", "DIA", "MES", "AÑO", "ESTADO", "Municipio"]
    text = table(read_text(path, "utf-8"), where=where, delimiter="\t")
    raw = require_rows(require_columns(text, [*keys, *FIGURES], where=where), where=where)
    whole = {name: no_blanks(counts(raw[name], where=where), where=where) for name in raw}
    date = dates(whole["AÑO"], whole["MES"], whole["DIA"])
    cure = "Correct the cell, or get the file in its official layout"
    refuse(raw["DIA"], date.isna(), "is no day of its month and year", where=where, cure=cure)
    place = whole["Municipio"].replace(_NOT_REPORTED, _UNSPECIFIED)
    refuse(raw["Municipio"], place > _UNSPECIFIED, "is no number of a municipality", where=where, cure=cure)
    cvegeo = municipality_codes((whole["ESTADO"] * 1000 + place).rename("ESTADO"), where=where)
    tidy = pd.DataFrame(
        {"event": whole["ID"].astype("int64"), "date": date, "state": cvegeo.str[:2], "cvegeo": cvegeo}
    ).assign(**{name: whole[column].mask(whole[column] == _NOT_REPORTED) for column, name in FIGURES.items()})
    unique_keys(tidy, ["event"], where=where)
    return validate(tidy, schema(), where=where)
