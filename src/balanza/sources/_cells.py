"""Rows of municipal tables: their codes, states and dates, and those that are left out, counted.

A refusal names file, row, column and cure. Rows that a reader must keep out of its result (an impossible date, a code
that is none) are counted in ``frame.attrs["left_out"]``, a list of ``{"reason": str, "rows": int}`` that survives
parquet and that the quality report shows; it is empty where a reader looked and found none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from balanza import bounded
from balanza.errors import SourceError
from balanza.places import STATES, state_code
from balanza.sources._files import FETCH_AGAIN


def refuse(values: pd.Series, wrong: pd.Series, problem: str, *, where: str, cure: str) -> None:
    """Refuse the first cell that is wrong.

    Parameters
    ----------
    values : Series
        The column as published, indexed by row number in the file; its name is the column's.
    wrong : Series of bool
        Which cells are wrong.
    problem, where, cure : str
        What is wrong with them, the name of the file, and what to do.

    Raises
    ------
    SourceError
        If any cell is wrong; names row and column.
    """
    if wrong.any():
        cell = str(values[wrong].iloc[0])
        raise SourceError(
            f"{cell!r} {problem}", where=f"{where}, row {wrong.idxmax()}, column {values.name}", cure=cure
        )


def require_rows(frame: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """The table, if it has any row.

    Raises
    ------
    SourceError
        If it has none.
    """
    if frame.empty:
        raise SourceError("the file has a header and no rows", where=where, cure="Get the whole file")
    return frame


def read_parquet(path: Path) -> pd.DataFrame:
    """A parquet table, indexed by row from 1.

    Raises
    ------
    SourceError
        If the file is not whole, or `balanza.bounded` refuses it.
    """
    try:
        table = bounded.read_frame(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"not a whole parquet file ({error})", where=path.name, cure=FETCH_AGAIN) from error
    return table.set_axis(range(1, len(table) + 1))


def municipality_codes(values: pd.Series, *, where: str, padded: bool = False) -> pd.Series:
    """Municipality codes as text of five digits.

    Parameters
    ----------
    values : Series
        Whole numbers or text; sources that publish numbers (1001) have lost the leading zero, which is put back.
    where : str
        The name of the file.
    padded : bool
        Whether the file must hold all five digits, so that a lost zero is an error.

    Raises
    ------
    SourceError
        If a cell is no code, or its first two digits are no state; names row and column.
    """
    text = values.astype(str).str.strip()
    refuse(
        values,
        ~text.str.fullmatch(r"[0-9]{5}" if padded else r"[0-9]{4,5}"),
        "is not a municipality code of five digits",
        where=where,
        cure="Write it as text such as 01001; a spreadsheet eats the leading zero unless the column is text",
    )
    codes = text.str.zfill(5)
    refuse(values, ~codes.str[:2].isin(list(STATES)), "is in no state", where=where, cure="States are 01 to 32")
    return codes


def states(names: pd.Series, *, where: str) -> pd.Series:
    """The two-digit codes of a column of states' names.

    Raises
    ------
    SourceError
        If a name is not one of the 32 states; names row and column.
    """
    first = names.drop_duplicates()
    codes = {name: state_code(name, where=f"{where}, row {row}, column {names.name}") for row, name in first.items()}
    return names.map(codes)


def dates(year: pd.Series, month: pd.Series, day: pd.Series) -> pd.Series:
    """Dates as datetime64[us] from whole numbers; NaT where there is no such day."""
    parts = pd.DataFrame({"year": year, "month": month, "day": day}).astype("int64")
    return pd.to_datetime(parts, errors="coerce").astype("datetime64[us]")


def leave_out(frame: pd.DataFrame, reasons: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Keep the rows to which no reason applies, and count the others by their first reason.

    Parameters
    ----------
    frame : DataFrame
        The table.
    reasons : mapping of str to Series of bool
        Which rows to leave out, and why, in the words of the quality report.

    Returns
    -------
    DataFrame
        The rows kept, with the counts in ``attrs["left_out"]``.
    """
    kept = pd.Series(True, index=frame.index)
    left_out = []
    for reason, rows in reasons.items():
        if count := int((kept & rows).sum()):
            left_out.append({"reason": reason, "rows": count})
        kept &= ~rows
    result = frame[kept]
    result.attrs["left_out"] = left_out
    return result
