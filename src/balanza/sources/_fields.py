"""Fields that several layouts share: states by code and name, amounts, quarters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balanza.errors import SourceError
from balanza.places import STATES, state_codes
from balanza.sources._layout import FETCH_AGAIN, month_start

_AMOUNT = r"-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
_LARGEST = 1e15
"""Of an amount: beyond it pesos are no longer told apart from their cents, and no budget comes near."""


def coded_states(codes: pd.Series, names: pd.Series, *, where: str) -> pd.Series:
    """Two-digit state codes, if each agrees with the name beside it.

    Parameters
    ----------
    codes, names : Series of str
        The state's code ("1" or "01") and its name in any official spelling, indexed by row number in the file.
    where : str
        The name of the file.

    Raises
    ------
    SourceError
        If a name is unknown, or a code is not that of the name; names the row.
    """
    padded = codes.str.zfill(2)
    spelled = names.map(state_codes(names, where=f"{where}, column {names.name}"))
    wrong = padded != spelled
    if wrong.any():
        row: Any = wrong.idxmax()
        raise SourceError(
            f"code {codes[row]!r} is not that of {names[row]!r}, which is {spelled[row]!r}",
            where=f"{where}, row {row}, column {codes.name}",
            cure="Correct the code or the name",
        )
    return padded


def require_all_states(frame: pd.DataFrame, by: str, *, where: str) -> None:
    """Refuse a table that lacks one of the 32 states in any group.

    Parameters
    ----------
    frame : DataFrame
        With the columns `state` and `by`.
    by : str
        The column that makes the groups, such as the year.
    where : str
        The name of the file.

    Raises
    ------
    SourceError
        If the table is empty or a state is missing; names the group and the states.
    """
    if frame.empty:
        raise SourceError("the file holds no rows", where=where, cure=FETCH_AGAIN)
    for group, states in frame.groupby(by)["state"]:
        if missing := sorted(set(STATES) - set(states)):
            names = ", ".join(STATES[code] for code in missing)
            raise SourceError(
                f"{len(STATES) - len(missing)} of {len(STATES)} states in {by} {group}; missing: {names}",
                where=where,
                cure=f"The file may be cut short: {FETCH_AGAIN.lower()}",
            )


def amounts(series: pd.Series, *, where: str, negative: bool = False) -> pd.Series:
    """Numbers of a column of text; blanks become NaN, and what a blank means is the caller's to say.

    Parameters
    ----------
    series : Series of str
        The column, indexed by row number in the file; its name is the column's.
    where : str
        The name of the file.
    negative : bool
        Whether a negative amount makes sense.

    Returns
    -------
    Series of float64

    Raises
    ------
    SourceError
        If a cell is no number, or is negative and must not be; names row and column.
    """
    text = series.str.strip()
    filled = text != ""
    no_number = filled & ~text.str.fullmatch(_AMOUNT)
    below = filled & text.str.startswith("-") & (not negative)
    numbers = pd.Series(pd.to_numeric(text.where(filled & ~no_number)), index=series.index).astype("float64")
    large = numbers.abs() > _LARGEST
    if (no_number | below | large).any():
        row: Any = (no_number | below | large).idxmax()
        kind = "is not a number" if no_number[row] else "is too large" if large[row] else "is negative"
        raise SourceError(
            f"the amount {series[row][:40]!r} {kind}",
            where=f"{where}, row {row}, column {series.name}",
            cure="Correct the cell",
        )
    return numbers


def quarter_start(series: pd.Series, *, where: str) -> np.ndarray:
    """The first days of quarters written as "2019-Q3", as datetime64[us].

    Raises
    ------
    SourceError
        If a cell is no quarter; names row and column.
    """
    parts = series.str.extract(r"^([0-9]{4})-Q([1-4])$")
    wrong = parts[0].isna()
    if wrong.any():
        row: Any = wrong.idxmax()
        raise SourceError(
            f"{series[row]!r} is not a quarter",
            where=f"{where}, row {row}, column {series.name}",
            cure='Write it as in "2019-Q3"',
        )
    return month_start(parts[0].astype("int64"), 3 * parts[1].astype("int64") - 2, where=where)
