"""Population censuses by municipality and sex: INEGI's interactive query export, 2010 and 2020.

A csv in latin-1 with a preamble of titles, codes such as ``" 01 001 "`` for municipalities and
``"=CONCATENAR(0,01) "`` for states, thousands commas, and a footer that names the census. The export carries its own
totals, and they must close.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._fields import coded_states, require_all_states
from balanza.sources._layout import FETCH_AGAIN, counts, csv_rows, no_blanks, read_text, unique_keys, validate

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

FIGURES = ("population", "men", "women")
_HEADER = re.compile("Total,Hombres?,Mujer(es)?")

_STATE = r"^=CONCATENAR\([0 ]?,([0-9]{2})\)$"
_MUNICIPALITY = r"^([0-9]{2}) ([0-9]{3})$"
_FOOTER = re.compile(r"FUENTE: INEGI\. Censo de Población y Vivienda ([0-9]{4})")


def schema() -> DataFrameSchema:
    """The tidy table: one row per census and municipality, with its people."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "source": pa.Column(str),
            "cvegeo": pa.Column(str, pa.Check.str_matches(r"^[0-9]{5}$")),
            "year": pa.Column("int64", pa.Check.in_range(1900, 2100)),
            **{name: pa.Column("int64", pa.Check.ge(0)) for name in FIGURES},
        },
        strict=True,
        unique=["source", "cvegeo"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the censuses.

    Parameters
    ----------
    files : mapping of str to Path
        One file per census.

    Returns
    -------
    DataFrame
        source, cvegeo, year, population, men, women: one row per census and municipality.

    Raises
    ------
    SourceError
        If a file is not in this layout, or its totals do not close.
    """
    return pd.concat([_read(source, path) for source, path in sorted(files.items())], ignore_index=True)


def _read(source: str, path: Path) -> pd.DataFrame:
    where = path.name
    rows, year = _rows(read_text(path, "cp1252"), where)
    for name in FIGURES:
        rows[name] = no_blanks(counts(rows[name], where=where), where=where).astype("int64")
    states = rows[rows["code"].str.match(_STATE)]
    municipalities = rows[rows["code"].str.match(_MUNICIPALITY)]
    nation = rows[(rows["code"] == "") & (rows["name"] == "Total")]
    _refuse_others(rows.drop([*states.index, *municipalities.index, *nation.index]), where)
    codes = coded_states(states["code"].str.extract(_STATE)[0].rename("code"), states["name"], where=where)
    require_all_states(pd.DataFrame({"state": codes, "year": year}), "year", where=where)
    _close(municipalities, states.set_axis(codes, axis=0), nation, where)
    tidy = pd.DataFrame({"source": source, "cvegeo": municipalities["code"].str.replace(" ", ""), "year": year})
    tidy = tidy.join(municipalities[list(FIGURES)])
    unique_keys(tidy, ["cvegeo"], where=where)
    return validate(tidy, schema(), where=where)


def _rows(text: str, where: str) -> tuple[pd.DataFrame, int]:
    """The rows between the header and the footer, numbered as in the file, and the year that the footer names."""
    lines = [row for _, row in csv_rows(text, where=where)]
    headers = [i for i, row in enumerate(lines) if _HEADER.fullmatch(",".join(row[2:5]))]
    if len(headers) != 1:
        raise SourceError(
            "no header with Total, Hombres, Mujeres", where=where, cure="Export the census by municipality and sex"
        )
    footers = [(i, found) for i, row in enumerate(lines) if row and (found := _FOOTER.match(row[0]))]
    if len(footers) != 1 or footers[0][0] < headers[0]:
        raise SourceError("the footer FUENTE is missing", where=where, cure=FETCH_AGAIN)
    numbered = {i + 1: row for i, row in enumerate(lines[: footers[0][0]]) if i > headers[0] and any(row)}
    for number, row in numbered.items():
        if len(row) != len(FIGURES) + 2:
            raise SourceError(
                f"the row has {len(row)} cells, not 5",
                where=f"{where}, row {number}",
                cure=FETCH_AGAIN,
            )
    names = ["code", "name", *FIGURES]
    return pd.DataFrame.from_dict(numbered, orient="index", columns=names), int(footers[0][1][1])


def _refuse_others(rows: pd.DataFrame, where: str) -> None:
    if len(rows):
        row = rows.index[0]
        raise SourceError(
            f"{rows.loc[row, 'code']!r} is no code of a state or municipality",
            where=f"{where}, row {row}",
            cure="Correct the code, or get the file in its official layout",
        )


def _close(municipalities: pd.DataFrame, states: pd.DataFrame, nation: pd.DataFrame, where: str) -> None:
    """Refuse figures that do not add up: sexes to people, municipalities to states, states to the country."""
    if len(nation) != 1:
        raise SourceError("the row of the country's total is missing", where=where, cure=FETCH_AGAIN)
    for table in (municipalities, states, nation):
        open_rows = table.index[table["population"] != table["men"] + table["women"]]
        if len(open_rows):
            raise SourceError("men and women are not the total", where=f"{where}, row {open_rows[0]}", cure=FETCH_AGAIN)
    for name in FIGURES:
        sums = municipalities.groupby(municipalities["code"].str[:2])[name].sum().reindex(states.index, fill_value=0)
        different = sums.index[sums != states[name]]
        if len(different):
            state = different[0]
            raise SourceError(
                f"the municipalities of state {state} add up to {sums[state]:,}, not {states.loc[state, name]:,}",
                where=f"{where}, column {name}",
                cure=FETCH_AGAIN,
            )
        if sums.sum() != nation[name].sum():
            raise SourceError(
                "the states do not add up to the country", where=f"{where}, column {name}", cure=FETCH_AGAIN
            )
