"""INEGI's interactive query of homicides by year of registration and municipality of occurrence, 1990-2019.

The workbook's first sheet: a preamble, a row `estado` with a number above each state's column, a row `año` of names,
a row a year, a footer. A state's column is followed by those of its municipalities, which add up to it; after the last
state come "Extranjero" (abroad) and "No especificado". Blanks are zeros. There are no codes, and two pairs of
municipalities of Oaxaca share a name: `homonym` tells them apart, in the order of the sheet, which is that of codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import SourceError
from balanza.places import state_code
from balanza.sources._layout import counts, no_blanks, validate
from balanza.sources._workbook import first_sheet

_OUTSIDE = {"Extranjero": "33", "No especificado": "99"}


def schema() -> Any:
    """One row a municipality and year: `state, municipality, homonym, year, homicides`."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "state": pa.Column(str, pa.Check.str_matches(r"[0-9]{2}$")),
            "municipality": pa.Column(str, pa.Check.str_length(min_value=1)),
            "homonym": pa.Column("int64", pa.Check.ge(1)),
            "year": pa.Column("int64"),
            "homicides": pa.Column("int64", pa.Check.ge(0)),
        },
        unique=["state", "municipality", "homonym", "year"],
        strict=True,
        coerce=False,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the workbook.

    Parameters
    ----------
    files : mapping of str to Path
        The workbook, by source id.

    Returns
    -------
    DataFrame
        `state` (33 abroad, 99 not specified), `municipality` (as published), `homonym` (1, or 2 for the second of that
        name in its state), `year` of registration, `homicides`.

    Raises
    ------
    SourceError
        If the workbook is damaged or not in the layout, or its totals do not add up.
    """
    (path,) = files.values()
    where = path.name
    sheet = pd.DataFrame(first_sheet(path), dtype=object)
    sheet.index += 1
    titles, body = _parts(sheet, where)
    columns = _columns(sheet.iloc[titles - 2], sheet.iloc[titles - 1], where)
    years = no_blanks(counts(body[0].rename("año"), where=where), where=where).astype("int64")
    figures = body.drop(columns=0).apply(counts, where=where).fillna(0).astype("int64")
    if (figures.drop(columns=columns.index) != 0).any(axis=None):
        raise SourceError("a column of figures has no name", where=where, cure="Get the sheet in its layout, whole")
    _check_totals(figures, columns, years, where)
    places = columns[columns["role"] == "municipality"]
    tidy = places[["state", "municipality", "homonym"]].loc[places.index.repeat(len(years))]
    tidy = tidy.assign(year=list(years) * len(places), homicides=figures[places.index].to_numpy().T.ravel())
    return validate(tidy.reset_index(drop=True), schema(), where=where)


def _parts(sheet: pd.DataFrame, where: str) -> tuple[int, pd.DataFrame]:
    """The row number of the names, and the rows of years between them and the footer."""
    first = sheet[0].astype(str).str.strip().str.lower()
    titles, ends = first.index[first == "año"], first.index[first.str.startswith("fuente")]
    if len(titles) != 1 or len(ends) != 1 or titles[0] == 1 or first[titles[0] - 1] != "estado":
        problem = "needs a row estado, below it a row año, and a footer FUENTE in the first column"
        raise SourceError(problem, where=where, cure="Get the sheet in its layout, whole")
    body = sheet.loc[titles[0] + 1 : ends[0] - 1]
    return int(titles[0]), body[body.notna().any(axis=1)]


def _columns(numbers: pd.Series, names: pd.Series, where: str) -> pd.DataFrame:
    """What each column of figures is: `name`, `role` (nation, state or municipality), `state`, `homonym`."""
    state, found = "", {}
    for column in names.index[1:]:
        name, number = str(names[column] or "").strip(), numbers[column]
        role = "nation" if name == "Total" else "municipality" if number is None else "state"
        if role == "state":
            state = state_code(name, where=f"{where}, column {column + 1}")
            if str(number).split(".")[0].zfill(2) != state:
                at = f"{where}, row estado, column {column + 1}"
                raise SourceError(f"{name} is state {state}, not {number}", where=at, cure="Correct the number")
        elif name == "Extranjero" or state == _OUTSIDE["Extranjero"]:
            state = _OUTSIDE.get(name, state)
        if name:
            found[column] = (name, role, state)
    frame = pd.DataFrame.from_dict(found, orient="index", columns=["municipality", "role", "state"])
    frame["homonym"] = frame.groupby(["role", "state", "municipality"]).cumcount() + 1
    return frame


def _check_totals(figures: pd.DataFrame, columns: pd.DataFrame, years: pd.Series, where: str) -> None:
    """Municipalities must add up to their state, states and places outside to the nation."""
    parts = columns[columns["role"] == "municipality"]
    sums = figures[parts.index].T.groupby(parts["state"]).sum().T
    wholes = columns[columns["role"] != "municipality"].sort_values("role", ascending=False)  # states, then the nation
    for column, (name, role, state, _) in wholes.iterrows():
        added = sums.sum(axis=1) if role == "nation" else sums[state] if state in sums else 0 * years
        wrong = figures[column] != added
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            stated, got, year = figures[column].iloc[row], added.iloc[row], years.iloc[row]
            raise SourceError(
                f"{name} has {stated:,} homicides in {year}, but its parts add up to {got:,}",
                where=f"{where}, row {figures.index[row]}",
                cure="Get the sheet as INEGI exports it",
            )
