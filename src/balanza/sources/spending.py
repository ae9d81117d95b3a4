"""Municipal prevention spending, as a user supplies it.

A user who has figures by municipality gives a file .csv (UTF-8, commas) or .parquet with one row a municipality, year
and programme and these columns:

cvegeo
    INEGI's code, five digits as text ("01001").
year
    The calendar year in which the money was spent, four digits.
programme
    The name of the programme, such as FORTASEG.
pesos
    Pesos spent, current (not deflated), not in thousands; a negative amount or a blank is refused. Zero is a figure:
    it says that nothing was spent. Where the amount is not known, leave out the row.

The programmes of a municipality and year are summed, so that one that is not in the file adds nothing. A municipality
and year without any row counts as not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._cells import municipality_codes, refuse
from balanza.sources._fields import amounts
from balanza.sources._layout import no_blanks, unique_keys, validate
from balanza.sources._user import read_user_table


def schema() -> Any:
    """The tidy table, one row a municipality, year and programme."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5)),
            "year": pa.Column("int64"),
            "programme": pa.Column(str, pa.Check.str_length(min_value=1)),
            "pesos": pa.Column("float64", pa.Check.ge(0)),
        },
        strict=True,
        unique=["cvegeo", "year", "programme"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the spending.

    Parameters
    ----------
    files : mapping of str to Path
        `spending`.

    Returns
    -------
    DataFrame
        cvegeo, year, programme, pesos (current).

    Raises
    ------
    SourceError
        On other columns, a code or year that is none, a blank, negative or broken amount, or a municipality, year and
        programme that stand twice.
    """
    path = files["spending"]
    where = path.name
    raw = read_user_table(path, ["cvegeo", "year", "programme", "pesos"])
    year = raw["year"]
    refuse(year, ~year.str.fullmatch("(?:19|20)[0-9]{2}"), "is not a year", where=where, cure="Write four digits")
    programme = raw["programme"]
    refuse(programme, programme == "", "names no programme", where=where, cure="Fill the cell")
    tidy = pd.DataFrame(
        {
            "cvegeo": municipality_codes(raw["cvegeo"], where=where, padded=True),
            "year": year.astype("int64"),
            "programme": programme,
            "pesos": no_blanks(amounts(raw["pesos"], where=where), where=where),
        }
    )
    unique_keys(tidy, ["cvegeo", "year", "programme"], where=where)
    return validate(tidy, schema(), where=where)
