"""Public spending executed by state and functional group, 2013-2023, in current pesos: SHCP via DataMexico.

A long csv in UTF-8: State ID, State, Functional Group ID, Functional Group, Amount Executed, Year. Two of its 34 states
are none: spending that cannot be placed, and spending abroad.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.sources._fields import amounts, coded_states, require_all_states
from balanza.sources._layout import counts, no_blanks, read_text, require_columns, table, unique_keys, validate

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

NOT_STATES = {"34": "No distribuible geográficamente", "35": "En el extranjero"}
COLUMNS = ("State ID", "State", "Functional Group", "Amount Executed", "Year")


def schema() -> DataFrameSchema:
    """The tidy table: one row per state, year and functional group; `state` is missing for what is no state."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "state": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}$"), nullable=True),
            "state_name": pa.Column(str, pa.Check.str_length(min_value=1)),
            "year": pa.Column("int64", pa.Check.in_range(1900, 2100)),
            "group": pa.Column(str, pa.Check.str_length(min_value=1)),
            "pesos": pa.Column("float64", pa.Check.ge(0)),
        },
        strict=True,
        unique=["state_name", "year", "group"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the spending.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    DataFrame
        state (missing for the two that are none), state_name, year, group (as published), pesos (current).

    Raises
    ------
    SourceError
        If the file is not in this layout, or a state is missing in a year.
    """
    (path,) = files.values()
    where = path.name
    raw = require_columns(table(read_text(path, "utf-8"), where=where), COLUMNS, where=where)
    placed = raw["State ID"].map(NOT_STATES) != raw["State"]
    state = coded_states(raw.loc[placed, "State ID"], raw.loc[placed, "State"], where=where)
    tidy = pd.DataFrame(
        {
            "state": state.reindex(raw.index),
            "state_name": raw["State"],
            "year": no_blanks(counts(raw["Year"], where=where), where=where).astype("int64"),
            "group": raw["Functional Group"],
            "pesos": no_blanks(amounts(raw["Amount Executed"], where=where), where=where),
        }
    )
    unique_keys(tidy, ["state_name", "year", "group"], where=where)
    require_all_states(tidy, "year", where=where)
    return validate(tidy, schema(), where=where)
