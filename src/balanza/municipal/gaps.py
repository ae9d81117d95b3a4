"""What the panel does not know of each municipality: spans of months without a figure, column by column."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

COLUMNS = ("cvegeo", "column", "first", "last")


def spans(rows: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """The spans without a figure.

    Parameters
    ----------
    rows : DataFrame
        cvegeo, period (months, the same for all) and the columns.
    columns : iterable of str
        Those to look at.

    Returns
    -------
    DataFrame
        cvegeo, column, first, last (months as 2021-08), one row a span, sorted; what is known throughout has none.
    """
    ordered = rows.sort_values(["cvegeo", "period"])
    codes, months = ordered["cvegeo"].unique(), pd.DatetimeIndex(ordered["period"].unique()).strftime("%Y-%m")
    found = []
    for column in columns:
        missing = ordered[column].isna().to_numpy().reshape(len(codes), len(months))
        edges = np.diff(np.pad(missing.astype(np.int8), ((0, 0), (1, 1))), axis=1)
        (unit, start), (_, end) = np.nonzero(edges == 1), np.nonzero(edges == -1)
        found.append(
            pd.DataFrame({"cvegeo": codes[unit], "column": column, "first": months[start], "last": months[end - 1]})
        )
    together = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))
    return together.sort_values(list(COLUMNS), ignore_index=True)
