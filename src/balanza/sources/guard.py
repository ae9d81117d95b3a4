"""National Guard elements by state and month, July 2019 to July 2021: transparency request 2800100091921.

Two layouts of the same answer. `guard_2019_2021` has a title, a row of years, a row of months, 32 states, a row of
totals, and columns for months to come that are blank; the yearly sheets have entidad, ano and a column per month. The
figures are read as published, defects included (February 2021 repeats November 2020, March 2021 is rotated among three
states): repairs are the panel's, by a listed rule. What must hold is that all 32 states are there in each month, and
that they add up to the sheet's own totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from balanza.errors import SourceError
from balanza.places import plain_name, state_code
from balanza.sources._fields import require_all_states
from balanza.sources._layout import (
    FETCH_AGAIN,
    counts,
    month_number,
    month_start,
    no_blanks,
    refuse_zero_future,
    unique_keys,
    validate,
)
from balanza.sources._workbook import first_sheet

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

Rows = dict[int, tuple[object, ...]]
Months = dict[int, tuple[int, int]]


def schema() -> DataFrameSchema:
    """The tidy table: one row per source, state and month, with the elements as published."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "source": pa.Column(str),
            "state": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}$")),
            "period": pa.Column("datetime64[us]"),
            "elements": pa.Column("int64", pa.Check.ge(0)),
        },
        strict=True,
        unique=["source", "state", "period"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the sheets, each in whichever of the two layouts it is.

    Parameters
    ----------
    files : mapping of str to Path
        The workbooks, by source id.

    Returns
    -------
    DataFrame
        source, state, period (month start), elements: 32 rows per source and published month.

    Raises
    ------
    SourceError
        If a sheet is in neither layout, a state is unknown or missing in a month, or a total does not close.
    """
    return pd.concat([_read(source, path) for source, path in sorted(files.items())], ignore_index=True)


def _read(source: str, path: Path) -> pd.DataFrame:
    where = path.name
    rows = dict(enumerate(first_sheet(path), start=1))
    if plain_name(str(rows[1][0])) == "entidad":
        states, months = _yearly(rows, where)
        totals: tuple[object, ...] | None = None
    else:
        states, months, totals = _request(rows, where)
    codes = {row: state_code(str(cells[0]), where=f"{where}, row {row}") for row, cells in states.items()}
    figures = {period: _month(states, column, period, totals, where) for column, period in months.items()}
    published = {period: cells for period, cells in figures.items() if len(cells)}
    if not published:
        raise SourceError("no month holds a figure", where=where, cure=FETCH_AGAIN)
    tables = [
        pd.DataFrame(
            {
                "state": pd.Series(codes),
                "period": month_start([period[0]] * len(cells), period[1], where=where),
                "elements": cells,
            }
        )
        for period, cells in published.items()
    ]
    tidy = pd.concat(tables)
    refuse_zero_future(tidy["period"], tidy["elements"], where=where)
    unique_keys(tidy, ["state", "period"], where=where)
    require_all_states(tidy, "period", where=where)
    tidy.insert(0, "source", source)
    return validate(tidy, schema(), where=where)


def _request(rows: Rows, where: str) -> tuple[Rows, Months, tuple[object, ...]]:
    """States, months by column and totals of the answer's own sheet: years over months, states, "Total mensual"."""
    first = {plain_name(str(cells[0])): row for row, cells in rows.items() if cells[0] is not None}
    total = next((row for name, row in first.items() if name.startswith("total")), None)
    if "estado" not in first or total is None or total < first["estado"] + 2:
        raise SourceError(
            f"column Estado or the row of totals is missing (the first column has {', '.join(list(first)[:3])} ...)",
            where=where,
            cure="Get the workbook as it was published; if it is cut short, fetch it again",
        )
    header = first["estado"]
    months: Months = {}
    year: object = None
    for column, (top, name) in enumerate(zip(rows[header], rows[header + 1], strict=True)):
        year = top if column and top is not None else year
        if column and name is not None:
            months[column] = (_year(year, where), month_number(str(name), where=where))
    if beyond := [row for row in rows if row > total and any(cell is not None for cell in rows[row])]:
        raise SourceError("a row stands below the totals", where=f"{where}, row {beyond[0]}", cure="Remove the row")
    return {row: rows[row] for row in range(header + 2, total)}, months, rows[total]


def _yearly(rows: Rows, where: str) -> tuple[Rows, Months]:
    """States and months by column of a yearly sheet: entidad, ano, and a column per month."""
    header = rows[1]
    if len(header) < 3 or plain_name(str(header[1])) != "ano":
        raise SourceError("column ano is missing", where=where, cure="Get the workbook as it was published")
    states = {row: cells for row, cells in rows.items() if row > 1 and any(cell is not None for cell in cells)}
    years = {_year(cells[1], f"{where}, row {row}") for row, cells in states.items()}
    if len(years) != 1:
        raise SourceError(f"column ano has {len(years)} years", where=where, cure="Keep one year per workbook")
    (year,) = years
    unnamed = [column for column, name in enumerate(header) if name is None]
    if any(cells[column] is not None for cells in states.values() for column in unnamed):
        raise SourceError("a column with figures has no month", where=where, cure="Write the month over the column")
    named = [column for column, name in enumerate(header) if column > 1 and name is not None]
    return states, {column: (year, month_number(str(header[column]), where=where)) for column in named}


def _year(cell: object, where: str) -> int:
    if not isinstance(cell, (int, float)) or cell % 1:
        raise SourceError(f"{cell!r} is not a year", where=where, cure="Write the year over its months")
    return int(cell)


def _month(
    states: Rows, column: int, period: tuple[int, int], totals: tuple[object, ...] | None, where: str
) -> pd.Series:
    """Elements in one month by row of the sheet; empty if the column is blank, since it was not published yet."""
    name = f"{period[0]}-{period[1]:02d}"
    values = counts(_cells({row: cells[column] for row, cells in states.items()}, name), where=where)
    if values.isna().all():
        values = values.dropna()
    elements = no_blanks(values, where=where).astype("int64")
    if totals is not None:
        total = counts(_cells({"of totals": totals[column]}, name), where=where)
        if elements.sum() != total.fillna(0).iloc[0]:
            raise SourceError(
                f"the states add up to {elements.sum():,}, the row of totals says {total.iloc[0]}",
                where=f"{where}, column {name}",
                cure=f"The sheet was changed: {FETCH_AGAIN.lower()}",
            )
    return elements


def _cells(cells: Mapping[Any, object], name: str) -> pd.Series:
    return pd.Series({row: "" if cell is None else str(cell) for row, cell in cells.items()}, name=name, dtype="str")
