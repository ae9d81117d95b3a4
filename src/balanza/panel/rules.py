"""Listed rules: small csv files of data/ that say, row by row and with a reason, what the panel does to its sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from balanza.errors import PanelError


def read_rules(path: Path, columns: Sequence[str], key: Sequence[str]) -> pd.DataFrame:
    """Read a list of rules as text, blank where empty.

    Parameters
    ----------
    path : Path
        A csv in UTF-8.
    columns : sequence of str
        The columns that it must have.
    key : sequence of str
        Columns that no two rows share.

    Raises
    ------
    PanelError
        If the file is missing, lacks a column, or has two rules for one thing.
    """
    if not path.is_file():
        raise PanelError("there is no such file", where=str(path), cure="Run from the root of the repository")
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    lacking = [column for column in columns if column not in rows]
    if lacking:
        raise PanelError(f"there is no column {lacking[0]!r}", where=str(path), cure=f"Columns: {', '.join(columns)}")
    twice = rows[rows.duplicated(list(key))]
    if len(twice):
        name = ", ".join(twice.iloc[0][list(key)])
        raise PanelError(f"{name} has two rows", where=f"{path}, row {twice.index[0] + 2}", cure="Leave one")
    return rows[list(columns)]
