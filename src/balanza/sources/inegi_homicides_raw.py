"""INEGI's export of homicides by municipality of occurrence and month of registration, one file a year, 1990-2015.

The layout: cp1252; a preamble that says what was asked; a header with Total and the months; a row for the nation, one
for each state ("=CONCATENAR(0,01) "), one for each municipality with a homicide (" 01 001 "), x999 for municipalities
not specified, and 33 to 35 for places abroad; thousands commas, blanks for zeros; a footer with the source. Totals add
up in every direction, and a file in which they do not is refused. Source: INEGI, Estadisticas de mortalidad.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.errors import SourceError
from balanza.places import STATES, plain_name, state_code
from balanza.sources._cells import refuse
from balanza.sources._layout import (
    FETCH_AGAIN,
    MONTH_NAMES,
    MONTHS,
    counts,
    csv_rows,
    read_text,
    require_columns,
    unique_keys,
    validate,
)

_UNSPECIFIED = "No especificado"
_STATE = re.compile(r"=CONCATENAR\(\s*0?\s*,\s*([0-9]{2})\s*\)")
_MUNICIPALITY = re.compile(r"([0-9]{2}) ([0-9]{3})")
_ABROAD = "33"


def schema() -> Any:
    """One row a file, municipality and month: `source, cvegeo, year, month, homicides`."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "source": pa.Column(str),
            "cvegeo": pa.Column(str, pa.Check.str_matches(r"[0-9]{5}$")),
            "year": pa.Column("int64"),
            "month": pa.Column("Int64", pa.Check.in_range(1, 12), nullable=True),
            "homicides": pa.Column("int64", pa.Check.ge(0)),
        },
        unique=["cvegeo", "year", "month"],
        strict=True,
        coerce=False,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the files of all years.

    Parameters
    ----------
    files : mapping of str to Path
        One file a year, by source id; an id that ends in a year must hold that year.

    Returns
    -------
    DataFrame
        `source`, `cvegeo` (x999 not specified; 33999 to 35999 abroad), `year` and `month` of registration (month NA
        where not specified), `homicides`. Municipalities without a homicide in a year have no row in it.

    Raises
    ------
    SourceError
        If a file is not in the layout, is cut short, or its totals do not add up.
    """
    tidy = pd.concat([_read_year(source, path) for source, path in files.items()], ignore_index=True)
    return validate(tidy, schema(), where="inegi_homicides_raw")


def _read_year(source: str, path: Path) -> pd.DataFrame:
    where = path.name
    lines = csv_rows(read_text(path, "cp1252"), where=where)
    year, header = _preamble(lines, source, where)
    body = _body(lines, header, where)
    figures = body.drop(columns=["code", "name"]).apply(counts, where=where).fillna(0).astype("int64")
    rows = _rows(body, where)
    unique_keys(rows.dropna(subset="cvegeo"), ["cvegeo"], where=where)
    _check_totals(rows, figures, where)
    cells = figures.drop(columns="Total")[rows["cvegeo"].notna()]
    months = pd.array([MONTHS.get(label.lower()) for label in cells.columns], dtype="Int64")
    long = {
        "source": source,
        "cvegeo": rows["cvegeo"].dropna().repeat(len(months)).to_numpy(),
        "year": year,
        "month": months.take(np.tile(np.arange(len(months)), len(cells))),
        "homicides": cells.to_numpy().ravel(),
    }
    return pd.DataFrame(long).astype({"source": str, "cvegeo": str, "year": "int64"})


def _preamble(lines: list[tuple[int, list[str]]], source: str, where: str) -> tuple[int, int]:
    """The year of registration, and the position of the header row."""
    cure = "Export homicides by municipality of occurrence and month of registration, one year a file"
    header = next((index for index, (_, row) in enumerate(lines) if "Total" in row and "Enero" in row), None)
    if header is None:
        raise SourceError("has no header row with Total and the months", where=where, cure=cure)
    said = " ".join(cell for _, row in lines[:header] for cell in row)
    asked = plain_name(said)
    year = re.search(r"ano de registro ([0-9]{4})", asked)
    if year is None or "mun de ocurrencia" not in asked or "mes de registro" not in asked:
        raise SourceError(f"the preamble asks for something else: {said!r}", where=where, cure=cure)
    suffix = source.rpartition("_")[2]
    if suffix.isdigit() and suffix != year[1]:
        raise SourceError(f"holds the year {year[1]}, not {suffix}", where=where, cure="Put the files in their places")
    return int(year[1]), header


def _body(lines: list[tuple[int, list[str]]], header: int, where: str) -> pd.DataFrame:
    """The rows between header and footer, with the columns code, name, Total and the months, by row number."""
    width = max(index for index, label in enumerate(lines[header][1]) if label) + 1
    labels = ["code", "name", *lines[header][1][2:width]]
    ends = [index for index, (_, row) in enumerate(lines) if row and row[0].startswith("FUENTE")]
    if not ends:
        raise SourceError("the footer FUENTE is missing; the file may be cut short", where=where, cure=FETCH_AGAIN)
    rows = [(number, row) for number, row in lines[header + 1 : ends[0]] if any(row)]
    for number, row in rows:
        if len(row) < width:
            at = f"{where}, row {number}"
            raise SourceError(f"the row has {len(row)} cells, the header {width}", where=at, cure=FETCH_AGAIN)
    cells = [row[:width] for _, row in rows]
    frame = pd.DataFrame(cells, columns=labels, index=[number for number, _ in rows], dtype=str)
    unspecified = [_UNSPECIFIED] if _UNSPECIFIED in labels else []
    return require_columns(frame, ["code", "name", "Total", *MONTH_NAMES, *unspecified], where=where)


def _rows(body: pd.DataFrame, where: str) -> pd.DataFrame:
    """What each row is: `name`, `state` (of a state's row), `cvegeo` (of a municipality's), `head` (its state row)."""
    state = body["code"].str.extract(_STATE)[0]
    part = body["code"].str.extract(_MUNICIPALITY)
    nation = (body["code"] == "") & (body["name"] == "Total")
    cure = "Get the file as INEGI exports it"
    refuse(body["code"], ~nation & state.isna() & part[0].isna(), "is no code of the layout", where=where, cure=cure)
    named = zip(body.index, state, body["name"], strict=True)
    others = [code in STATES and state_code(name, where=f"{where}, row {row}") != code for row, code, name in named]
    refuse(body["name"], pd.Series(others, index=body.index), "is the name of another state", where=where, cure=cure)
    above = state.ffill()
    elsewhere = part[0].notna() & (part[0] != above) & ~((above == _ABROAD) & (part[0] > _ABROAD))
    refuse(body["code"], elsewhere, "stands under another state", where=where, cure=cure)
    head = pd.Series(body.index, index=body.index).where(state.notna()).ffill()
    return pd.DataFrame({"name": body["name"], "state": state, "cvegeo": part[0] + part[1], "head": head})


def _check_totals(rows: pd.DataFrame, figures: pd.DataFrame, where: str) -> None:
    """Rows must add up to their Total, municipalities to their state, states to the nation."""
    is_state, is_part = rows["state"].notna(), rows["cvegeo"].notna()
    months = figures.drop(columns="Total").sum(axis=1).to_frame("Total")
    _add_up(figures[["Total"]], months, rows["name"], where)
    parts = figures[is_part].groupby(rows["head"][is_part]).sum()
    _add_up(figures[is_state], parts.reindex(rows.index[is_state], fill_value=0), rows["name"], where)
    nation = figures[~is_state & ~is_part]
    states = pd.DataFrame([figures[is_state].sum()] * len(nation), index=nation.index)
    _add_up(nation, states, rows["name"], where)


def _add_up(stated: pd.DataFrame, sums: pd.DataFrame, names: pd.Series, where: str) -> None:
    total, added = stated.to_numpy(), sums[stated.columns].to_numpy()
    if (total != added).any():
        at = tuple(np.argwhere(total != added)[0])
        row, column = stated.index[at[0]], stated.columns[at[1]]
        raise SourceError(
            f"{names[row]} has {total[at]:,} homicides, but its parts add up to {added[at]:,}",
            where=f"{where}, row {row}, column {column}",
            cure="Get the file as INEGI exports it",
        )
