"""Newer versions of a source: what they change in a table, and how the old row is kept as a vintage."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.acquire.catalogue import COLUMNS, Source, as_csv, parse, save
from balanza.errors import ConfigError
from balanza.provenance import write_text

VINTAGES = Path("data/vintages.csv")
VINTAGE_COLUMNS = (*COLUMNS, "replaced_on")
MOVED_COLUMNS = ["table", "column", "year", "added", "removed", "changed", "before", "after"]
ROWS = "(rows)"
_YEAR = "(year)"


def moved(name: str, before: pd.DataFrame, after: pd.DataFrame, keys: Sequence[str] | None) -> pd.DataFrame:
    """Which numbers of a table moved between two versions.

    Parameters
    ----------
    name : str
        The name of the table, for the result.
    before, after : DataFrame
        The two versions.
    keys : sequence of str or None
        Columns that identify a row. Without them a row is itself: it is added or removed, never changed.

    Returns
    -------
    DataFrame
        table, column, year, added, removed, changed, before, after: one row per column and year with a difference.
        `before` and `after` are totals of the column (of its rows for ``"(rows)"``), missing where it is no number;
        `year` is missing where the table knows no year.
    """
    old, new = _with_year(before), _with_year(after)
    values = [column for column in before.columns if keys is None or column not in keys]
    if keys is None:
        for frame in (old, new):
            frame["(occurrence)"] = frame.groupby([_YEAR, *values], dropna=False).cumcount()
        join = [_YEAR, *values, "(occurrence)"]
    else:
        join = [_YEAR, *keys]
    side = "(side)"
    pairs = _paired(old, join, values, "old").merge(
        _paired(new, join, values, "new"), on=join, how="outer", indicator=side
    )
    added, removed = pairs[side] == "right_only", pairs[side] == "left_only"
    changes = {column: _changed(pairs, column, added | removed) for column in values if column != "year"}
    anything = pd.DataFrame(changes, index=pairs.index).any(axis=1)
    facts = [_by_year(pairs[_YEAR], ROWS, added, removed, anything, ~added, ~removed)]
    for column, changed in changes.items():
        left, right = pairs[f"{column} old"], pairs[f"{column} new"]
        facts.append(
            _by_year(pairs[_YEAR], column, added & right.notna(), removed & left.notna(), changed, left, right)
        )
    found = pd.concat(facts, ignore_index=True)
    found = found[(found[["added", "removed", "changed"]] > 0).any(axis=1)]
    return found.assign(table=name)[MOVED_COLUMNS].reset_index(drop=True)


def _with_year(frame: Any) -> pd.DataFrame:
    """A plain copy with a column for the year of each row; a geometry becomes its bytes."""
    plain = pd.DataFrame(frame.to_wkb() if hasattr(frame, "to_wkb") else frame)
    dated = [column for column in plain.columns if pd.api.types.is_datetime64_any_dtype(plain[column])]
    if "year" in plain:
        year = plain["year"]
    elif dated:
        year = plain[dated[0]].dt.year
    else:
        year = pd.Series(pd.NA, index=plain.index)
    return plain.assign(**{_YEAR: year.astype("Int64")})


def _paired(frame: pd.DataFrame, join: list[str], values: list[str], side: str) -> pd.DataFrame:
    return pd.concat([frame[join], frame[values].add_suffix(f" {side}")], axis=1)


def _changed(pairs: pd.DataFrame, column: str, alone: pd.Series) -> pd.Series:
    left, right = pairs[f"{column} old"], pairs[f"{column} new"]
    if left.dtype != right.dtype:
        left, right = left.astype(object), right.astype(object)
    same = (left == right).fillna(False).astype(bool) | (left.isna() & right.isna())
    return ~same & ~alone


def _by_year(
    year: pd.Series,
    column: str,
    added: pd.Series,
    removed: pd.Series,
    changed: pd.Series,
    left: pd.Series,
    right: pd.Series,
) -> pd.DataFrame:
    number = pd.api.types.is_numeric_dtype(left) and pd.api.types.is_numeric_dtype(right)
    facts = {
        "added": added,
        "removed": removed,
        "changed": changed,
        "before": left.astype("Float64") if number else np.nan,
        "after": right.astype("Float64") if number else np.nan,
    }
    sums = pd.DataFrame(facts, index=year.index).groupby(year, dropna=False).sum(min_count=1)
    return sums.reset_index(names="year").assign(column=column)


def renewed(source: Source, **changes: object) -> Source:
    """The row of a source with other cells, checked as those of the catalogue are.

    Raises
    ------
    ConfigError
        If a cell is not what its column asks for.
    """
    cells = [str(changes.get(column, getattr(source, column))) for column in COLUMNS]
    return parse(cells, where=f"new row of {source.id}")


def replace_row(sources: Mapping[str, Source], newer: Source, catalogue: Path, vintages: Path, today: str) -> None:
    """Write a newer row into the catalogue, after its old one is safe among the vintages.

    Parameters
    ----------
    sources : mapping of str to Source
        The catalogue as it was loaded.
    newer : Source
        The row that replaces the one of the same id.
    catalogue, vintages : Path
        data/sources.csv and data/vintages.csv.
    today : str
        For the column `replaced_on`.

    Raises
    ------
    ConfigError
        If the vintages have other columns than these.
    """
    kept = _read_vintages(vintages)
    row = [*(str(cell) for cell in astuple(sources[newer.id])), today]
    if row[:-1] not in [old[:-1] for old in kept]:
        kept.append(row)
    write_text(vintages, as_csv(VINTAGE_COLUMNS, kept))
    save({**sources, newer.id: newer}, catalogue)


def _read_vintages(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream)) or [[]]
    if tuple(header) != VINTAGE_COLUMNS:
        raise ConfigError("other columns than expected", where=str(path), cure=f"Use: {', '.join(VINTAGE_COLUMNS)}")
    return rows
