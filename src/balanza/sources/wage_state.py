"""Monthly wage of those who work, by state and quarter from 2010 on, in current pesos: INEGI ENOE via DataMexico.

A csv in UTF-8: State ID, State, Quarter ID, Quarter ("2019-Q3"), Monthly Wage, Workforce. The second quarter of
2020 has no survey, and single states may be missing in a quarter: such rows are absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.sources._fields import amounts, coded_states, quarter_start
from balanza.sources._layout import (
    counts,
    no_blanks,
    read_text,
    refuse_zero_future,
    require_columns,
    table,
    unique_keys,
    validate,
)

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


def schema() -> DataFrameSchema:
    """The tidy table: one row per state and quarter."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "state": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}$")),
            "period": pa.Column("datetime64[us]"),
            "wage": pa.Column("float64", pa.Check.gt(0)),
            "workforce": pa.Column("int64", pa.Check.ge(0)),
        },
        strict=True,
        unique=["state", "period"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the quarters.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    DataFrame
        state, period (quarter start), wage (mean, current pesos a month), workforce (people who work).

    Raises
    ------
    SourceError
        If the file is not in this layout.
    """
    (path,) = files.values()
    where = path.name
    columns = ["State ID", "State", "Quarter", "Monthly Wage", "Workforce"]
    raw = require_columns(table(read_text(path, "utf-8"), where=where), columns, where=where)
    tidy = pd.DataFrame(
        {
            "state": coded_states(raw["State ID"], raw["State"], where=where),
            "period": quarter_start(raw["Quarter"], where=where),
            "wage": no_blanks(amounts(raw["Monthly Wage"], where=where), where=where),
            "workforce": no_blanks(counts(raw["Workforce"], where=where), where=where).astype("int64"),
        }
    )
    refuse_zero_future(tidy["period"], tidy["workforce"], where=where)
    unique_keys(tidy, ["state", "period"], where=where)
    return validate(tidy, schema(), where=where)
