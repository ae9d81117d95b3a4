"""Tables that a user supplies: csv (UTF-8, commas) or parquet, with documented columns and nothing else."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from balanza.errors import SourceError
from balanza.separators import refuse_other_separator
from balanza.sources._cells import read_parquet, refuse, require_rows
from balanza.sources._layout import read_text, require_columns, table


def read_user_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """Read a user's table as cells of text, blank where empty.

    Parameters
    ----------
    path : Path
        A file .csv in UTF-8 with commas, or .parquet.
    required, optional : sequence of str
        The documented columns; optional ones that the file lacks come back blank.

    Returns
    -------
    DataFrame of str
        The columns in the order documented, indexed by row: in a csv the row of the file, in parquet from 1.

    Raises
    ------
    SourceError
        If there is no such file, it is of another kind, empty, in another encoding, separated by something else, lacks
        a required column, or has one that is not documented.
    """
    where = path.name
    if not path.is_file():
        raise SourceError("there is no such file", where=str(path), cure="Correct its path in the configuration")
    if path.suffix == ".csv":
        cells = table(read_text(path, "utf-8"), where=where)
        refuse_other_separator(cells.columns, where, SourceError)
    elif path.suffix == ".parquet":
        cells = read_parquet(path).apply(_as_text)
    else:
        raise SourceError("is neither .csv nor .parquet", where=where, cure="Save it as csv in UTF-8, or as parquet")
    _refuse_unknown(cells, [*required, *optional], where)
    chosen = require_columns(cells, [*required, *(name for name in optional if name in cells)], where=where)
    return require_rows(chosen, where=where).reindex(columns=[*required, *optional], fill_value="")


def months(values: pd.Series, *, where: str) -> pd.Series:
    """Month starts as datetime64[us] from text "2019-07" or "2019-07-01"; NaT where the cell is blank.

    Raises
    ------
    SourceError
        If a cell is neither; names row and column.
    """
    filled = values != ""
    refuse(
        values,
        filled & ~values.str.fullmatch(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])(?:-01)?"),
        "is not a month",
        where=where,
        cure="Write it as YYYY-MM, such as 2019-07",
    )
    return pd.to_datetime(values.str[:7].where(filled), format="%Y-%m").astype("datetime64[us]")


def _as_text(column: pd.Series) -> pd.Series:
    is_date = pd.api.types.is_datetime64_any_dtype(column)
    text: pd.Series = column.dt.strftime("%Y-%m-%d") if is_date else column.astype("str")
    return text.fillna("").str.strip()


def _refuse_unknown(cells: pd.DataFrame, documented: Sequence[str], where: str) -> None:
    for name in map(str, cells.columns):
        if name not in documented:
            near = difflib.get_close_matches(name, documented, n=1, cutoff=0)[0]
            raise SourceError(
                f"column {name!r} is not one of {', '.join(documented)}",
                where=where,
                cure=f"Rename it ({near!r} is the nearest), or take it out",
            )
