"""Presence of ten criminal groups by municipality and year, 1990-2010 (Coscia and Rios 2012).

One row a municipality and year, INEGI's codes as numbers, one column of 0 and 1 per group, named as published
("Otros" is any other). Municipality 32058 has no row for 2010: that year stays absent.

Coscia and Rios (2012), "Knowing Where and How Criminal Organizations Operate Using Web Content", CIKM.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._cells import municipality_codes, refuse, require_rows
from balanza.sources._layout import counts, no_blanks, read_text, require_columns, table, unique_keys, validate

GROUPS = (
    "Beltran_Leyva",
    "Beltran_Leyva_Family",
    "Familia",
    "Golfo",
    "Juarez",
    "Sinaloa",
    "Sinaloa_Family",
    "Tijuana",
    "Zetas",
    "Otros",
)
"""The columns of groups, as published."""


def schema() -> Any:
    """The tidy table, one row a municipality, year and group."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5)),
            "year": pa.Column("int64", pa.Check.in_range(1990, 2010)),
            "group": pa.Column(str, pa.Check.isin(GROUPS)),
            "present": pa.Column("int64", pa.Check.isin([0, 1])),
        },
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the presence of criminal groups.

    Parameters
    ----------
    files : mapping of str to Path
        `criminal_presence_1990_2010`.

    Returns
    -------
    DataFrame
        cvegeo, year, group, present (0 or 1).

    Raises
    ------
    SourceError
        On another layout, an unknown state, a mark other than 0 and 1, or a municipality and year that stand twice.
    """
    path = files["criminal_presence_1990_2010"]
    where = path.name
    text = table(read_text(path, "utf-8"), where=where)
    raw = require_rows(require_columns(text, ["Code", "State", "Year", *GROUPS], where=where), where=where)
    whole = {name: no_blanks(counts(raw[name], where=where), where=where).astype("int64") for name in raw}
    cvegeo = municipality_codes(whole["Code"], where=where)
    other = cvegeo.str[:2].astype("int64") != whole["State"]
    refuse(raw["Code"], other, "is in another state than the row says", where=where, cure="Correct the code")
    for group in GROUPS:
        refuse(raw[group], whole[group] > 1, "is neither 0 nor 1", where=where, cure="Correct the cell")
    wide = pd.DataFrame({"cvegeo": cvegeo, "year": whole["Year"]} | {group: whole[group] for group in GROUPS})
    unique_keys(wide, ["cvegeo", "year"], where=where)
    tidy = wide.melt(["cvegeo", "year"], var_name="group", value_name="present", ignore_index=False)
    return validate(tidy, schema(), where=where)
