"""Clashes of the army with presumed criminal groups, January 2007 to January 2021.

SEDENA's answer to transparency request 0000700007321, as Intersecta published it: one row a clash, in UTF-8 with a
byte-order mark, dates like 11-Jan-07 beside year, month and day, states and municipalities by name in capitals with
abbreviations ("CD. VICTORIA", "GRAL. TREVIÑO", "COCULA (JAL)"), S/D for a municipality not stated, and a last row
TOTAL A LA FECHA. SEDENA calls the civilians it fought aggressors, and other civilians victims.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._cells import dates, refuse, states
from balanza.sources._files import FETCH_AGAIN
from balanza.sources._layout import counts, no_blanks, read_text, require_columns, table, validate

COUNTS = {
    "enfrentamientos": "clashes",
    "mil_mu": "soldiers_killed",
    "civ_mu": "aggressors_killed",
    "vic_mu": "victims_killed",
    "mil_her": "soldiers_wounded",
    "civ_her": "aggressors_wounded",
    "vic_her": "victims_wounded",
    "civ_det": "aggressors_detained",
}
"""Official names of the counts, to tidy ones."""

_NOT_STATED = "S/D"


def schema() -> Any:
    """The tidy table: `event` is the place in the file, since equal rows are clashes of their own."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "event": pa.Column("int64", unique=True),
            "date": pa.Column("datetime64[us]"),
            "state": pa.Column(str, pa.Check.str_length(2, 2)),
            "municipality": pa.Column(str, nullable=True),
        }
        | {name: pa.Column("int64", pa.Check.ge(0)) for name in COUNTS.values()},
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the clashes.

    Parameters
    ----------
    files : mapping of str to Path
        `army_clashes`.

    Returns
    -------
    DataFrame
        event, date, state (code), municipality (text as published, missing where not stated), clashes, and people
        killed, wounded and detained by side.

    Raises
    ------
    SourceError
        On another layout, an unknown state, a date that contradicts its parts, or sums that miss the TOTAL row.
    """
    path = files["army_clashes"]
    where = path.name
    official = ["fecha", "entidad", "municipio", *COUNTS, "year", "month", "day"]
    raw = require_columns(table(read_text(path, "utf-8"), where=where), official, where=where)
    rows, totals = _split_total(raw, where)
    figures = {name: no_blanks(counts(rows[column], where=where), where=where) for column, name in COUNTS.items()}
    _check_totals(figures, totals, where)
    tidy = pd.DataFrame(
        {
            "event": range(1, len(rows) + 1),
            "date": _dates(rows, where),
            "state": states(rows["entidad"], where=where),
            "municipality": rows["municipio"].where(~rows["municipio"].isin([_NOT_STATED, ""])),
        },
        index=rows.index,
    ).assign(**{name: figure.astype("int64") for name, figure in figures.items()})
    return validate(tidy, schema(), where=where)


def _split_total(raw: pd.DataFrame, where: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    is_total = raw["fecha"].str.upper().str.startswith("TOTAL")
    if is_total.sum() != 1 or not is_total.iloc[-1]:
        raise SourceError(
            "the last row is not the only row TOTAL",
            where=where,
            cure=FETCH_AGAIN,
        )
    return raw.iloc[:-1], raw.iloc[-1:]


def _check_totals(figures: Mapping[str, pd.Series], totals: pd.DataFrame, where: str) -> None:
    for column, name in COUNTS.items():
        total = no_blanks(counts(totals[column], where=where), where=where).iloc[0]
        if (added := figures[name].sum()) != total:
            raise SourceError(
                f"the rows of column {column} add up to {added:,}, the row TOTAL says {total:,}",
                where=where,
                cure=FETCH_AGAIN,
            )


def _dates(rows: pd.DataFrame, where: str) -> pd.Series:
    year, month, day = (no_blanks(counts(rows[name], where=where), where=where) for name in ("year", "month", "day"))
    found = dates(year, month, day)
    written = pd.to_datetime(rows["fecha"], format="%d-%b-%y", errors="coerce")
    refuse(
        rows["fecha"],
        found.isna() | (written != found),
        "is not the date of the columns year, month and day",
        where=where,
        cure="Correct the date, written like 11-Jan-07, or its parts",
    )
    return found
