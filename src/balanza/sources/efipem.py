"""Public finance of the states and of Mexico City by account, 1989-2020, in current pesos: INEGI's EFIPEM.

Zips of one long csv per year in UTF-8. The rows of a state, year and theme stand in the order of a tree: the theme's
total, then each chapter with its concepts, their items, and their subitems below it. An account's name alone says
little ("Seguridad pública" is an income from fees and a public work), so each row comes with its ancestors, and each
parent must be the sum of its children. The year 2020 is preliminary and has 16 states and Mexico City.

Police money from the federation is income: FASP is subitem "FA para la Seguridad Pública" of item "Aportaciones a
entidades federativas" (all 32 states from 2007 to 2019), and the subsidies (SUBSEMUN, SPA, FORTASEG and others, not
told apart) are item "Convenios para seguridad pública" of concept "Recursos federales reasignados", with a row only
where there is money.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources._fields import amounts
from balanza.sources._layout import (
    FETCH_AGAIN,
    counts,
    decode,
    no_blanks,
    read_zip_members,
    require_columns,
    table,
    unique_keys,
    validate,
)

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

LEVELS = {
    "Tema": "theme",
    "Capítulo": "chapter",
    "Concepto": "concept",
    "Partida Genérica": "item",
    "Subpartida Genérica": "subitem",
}
STATUSES = {"Cifras Definitivas.": "final", "Cifras Preliminares.": "preliminary"}
COLUMNS = {
    "ANIO": "year",
    "ID_ENTIDAD": "state",
    "TEMA": "theme",
    "CATEGORIA": "level",
    "DESCRIPCION_CATEGORIA": "account",
    "VALOR": "pesos",
    "ESTATUS": "status",
}
KEYS = ["source", "state", "year", "theme", "level", "chapter", "concept", "item", "account"]

PUBLISHED_SO = {
    (2014, "18", "Total de ingresos"): 2_810_355,
    (2014, "18", "Impuestos"): -2_810_355,
}
"""Year, state and account whose published figure exceeds the sum of its parts, and by how many pesos."""

_MAX_BYTES = 1 << 28


def schema() -> DataFrameSchema:
    """The tidy table: one row per account; `chapter`, `concept` and `item` are its ancestors, missing above it."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "source": pa.Column(str),
            "state": pa.Column(str, pa.Check.isin(list(STATES))),
            "year": pa.Column("int64", pa.Check.in_range(1900, 2100)),
            "theme": pa.Column(str, pa.Check.isin(["Ingresos", "Egresos"])),
            "level": pa.Column(str, pa.Check.isin(list(LEVELS.values()))),
            "chapter": pa.Column(str, nullable=True),
            "concept": pa.Column(str, nullable=True),
            "item": pa.Column(str, nullable=True),
            "account": pa.Column(str, pa.Check.str_length(min_value=1)),
            "status": pa.Column(str, pa.Check.isin(list(STATUSES.values()))),
            "pesos": pa.Column("float64", pa.Check.ge(0)),
        },
        strict=True,
        unique=KEYS,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the zips.

    Parameters
    ----------
    files : mapping of str to Path
        The zips of the states and of Mexico City, by source id.

    Returns
    -------
    DataFrame
        source, state, year, theme, level, chapter, concept, item, account, status, pesos (current): names as published.

    Raises
    ------
    SourceError
        If a zip or a member is not in this layout, or an account is not the sum of its parts.
    """
    return pd.concat([_read_zip(source, path) for source, path in sorted(files.items())], ignore_index=True)


def _read_zip(source: str, path: Path) -> pd.DataFrame:
    members = read_zip_members(path, "conjunto_de_datos/*.csv", max_bytes=_MAX_BYTES)
    frames = [_read(raw, f"{path.name}, {name.rpartition('/')[2]}") for name, raw in sorted(members.items())]
    tidy = pd.concat(frames, ignore_index=True)
    tidy.insert(0, "source", source)
    unique_keys(tidy, KEYS, where=path.name)
    return validate(tidy[[*KEYS, "status", "pesos"]], schema(), where=path.name)


def _read(raw: bytes, where: str) -> pd.DataFrame:
    frame = require_columns(table(decode(raw, "utf-8", where=where), where=where), COLUMNS, where=where)
    if frame.empty:
        raise SourceError("the file holds no rows", where=where, cure=FETCH_AGAIN)
    frame["year"] = no_blanks(counts(frame["year"], where=where), where=where).astype("int64")
    frame["pesos"] = no_blanks(amounts(frame["pesos"], where=where), where=where)
    for column, values in (("level", LEVELS), ("status", STATUSES)):
        frame[column] = _translated(frame[column], values, where)
    depth = frame["level"].map({name: depth for depth, name in enumerate(LEVELS.values())}).to_numpy()
    last = _ancestors(frame, depth, where)
    account = frame["account"].to_numpy(object)
    for level in ("chapter", "concept", "item"):
        at = last[:, list(LEVELS.values()).index(level)]
        frame[level] = pd.Series(np.where(at >= 0, account[at], None), index=frame.index, dtype="str")
    _close(frame, np.where(depth > 0, last[np.arange(len(depth)), depth - 1], -1), where)
    return frame


def _translated(cells: pd.Series, values: Mapping[str, str], where: str) -> pd.Series:
    unknown = ~cells.isin(values)
    if unknown.any():
        row: Any = unknown.idxmax()
        raise SourceError(
            f"{cells[row]!r} is none of {', '.join(values)}",
            where=f"{where}, row {row}, column {cells.name}",
            cure="Get the file in its official layout",
        )
    return cells.map(values)


def _ancestors(frame: pd.DataFrame, depth: np.ndarray, where: str) -> np.ndarray:
    """Positions of each row's ancestors and of itself, by depth, -1 below it: shape (n_rows, n_levels).

    A tree starts at its theme and goes down one level at a time, or the order of the file is lost.
    """
    place = frame[["state", "year", "theme"]]
    starts = (place != place.shift()).any(axis=1).to_numpy()
    jumps = np.where(starts, depth > 0, np.diff(depth, prepend=0) > 1) | (~starts & (depth == 0))
    if jumps.any():
        raise SourceError(
            "the account does not stand under one of the level above it",
            where=f"{where}, row {frame.index[int(jumps.argmax())]}",
            cure="Keep the rows in the order of the official file; if rows are missing, fetch it again",
        )
    rows = np.arange(len(frame))
    at = [np.maximum.accumulate(np.where(depth == level, rows, -1)) for level in range(len(LEVELS))]
    return np.column_stack([np.where(depth >= level, at[level], -1) for level in range(len(LEVELS))])


def _close(frame: pd.DataFrame, parent: np.ndarray, where: str) -> None:
    """Refuse an account that is not the sum of its parts, but for what is known to be published so."""
    pesos = frame["pesos"].to_numpy()
    child = parent >= 0
    sums = np.bincount(parent[child], weights=pesos[child], minlength=len(frame))
    has_parts = np.bincount(parent[child], minlength=len(frame)) > 0
    for position in np.flatnonzero(has_parts & (pesos != sums)):
        year, state, account = frame[["year", "state", "account"]].iloc[position]
        if PUBLISHED_SO.get((year, state, account)) != pesos[position] - sums[position]:
            raise SourceError(
                f"{account!r} of state {state} is {pesos[position]:,.0f}, its parts {sums[position]:,.0f}",
                where=f"{where}, row {frame.index[int(position)]}",
                cure="Fetch the file again; if published so, list it in PUBLISHED_SO of balanza/sources/efipem.py",
            )
