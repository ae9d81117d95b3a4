"""The tables of a page as files: the values behind what is shown, in full, as csv and as parquet."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from balanza.contract import Study
from balanza.provenance import plain, write_parquet, write_text

FOLDER = "tables"
LINKS = Markup(
    '<p class="downloads" id="table-{name}">'
    '<a href="{path}.csv" download="{file}.csv" data-table="{name}" aria-label="{name}: csv">csv</a> '
    '<a href="{path}.parquet" download="{file}.parquet" aria-label="{name}: parquet">parquet</a></p>'
)


class Tables:
    """What a page offers: filled while its template is rendered, each table where it stands.

    Parameters
    ----------
    page : str
        Name of the page, the folder of its files.
    """

    def __init__(self, page: str) -> None:
        self.page = page
        self.frames: dict[str, pd.DataFrame] = {}
        self._texts: dict[str, str] = {}

    def links(self, name: str, rows: Iterable[Mapping[str, Any]], only: Sequence[str] | None = None) -> Markup:
        """Take a table, and give the links to its files, which lie beside the page.

        Parameters
        ----------
        name : str
            Its name on the page, each once.
        rows : iterable of mapping
            Rows as the results have them.
        only : sequence of str, optional
            The keys of a row that belong to the table; all if left out.
        """
        if name in self.frames:
            raise ValueError(f"{self.page}: two tables are called {name}")
        frame = flat(rows if only is None else [{key: row.get(key) for key in only} for row in rows])
        self.frames[name], self._texts[name] = frame, frame.to_csv(index=False, lineterminator="\n")
        return LINKS.format(path=f"{FOLDER}/{self.page}/{name}", file=f"{self.page}-{name}", name=name)

    def texts(self) -> dict[str, str]:
        """Each table as csv, with all digits."""
        return dict(self._texts)

    def write(self, out: Path) -> None:
        """Write the files below `out`, the page's own folder, in place of those of an earlier run."""
        folder = out / FOLDER / self.page
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in self.texts().items():
            write_text(folder / f"{name}.csv", text)
            write_parquet(folder / f"{name}.parquet", self.frames[name])


def flat(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of results as a table of plain columns.

    Parameters
    ----------
    rows : iterable of mapping
        What is nested becomes columns of its own, `outer_inner`; an interval becomes `_low` and `_high`, a value with
        its interval these and `_value`; a list of texts is one text, its parts apart by "; ". Charts are left out.

    Returns
    -------
    DataFrame
        One row each, columns in the order in which they occur, empty where a row lacks one.
    """
    records = [dict(_columns(row)) for row in rows]
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: [record.get(name) for record in records] for name in names}
    empty = {name for name, values in columns.items() if all(value is None for value in values)}
    kept = [name for name in names if name not in empty or not _branches(name, names)]
    return pd.DataFrame({name: _typed(columns[name]) for name in kept}, index=range(len(records)))


def _typed(values: list[Any]) -> Any:
    """A column of numbers, of yes and no, or, where it is none of these alone, of text; what is missing stays so."""
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, float}:
        return pd.array(values, dtype="Float64" if float in kinds else "Int64")
    if kinds == {bool}:
        return pd.array(values, dtype="boolean")
    return pd.array([None if value is None else _text(value) for value in values], dtype="string")


def _branches(name: str, names: Iterable[str]) -> bool:
    """Whether what has columns of its own in some rows is missing in others, which leaves a column without values."""
    return any(other.startswith(f"{name}_") for other in names)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _columns(row: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for key, given in row.items():
        name, value = f"{start}{key}", plain(given.name if isinstance(given, Study) else given)
        if isinstance(value, dict):
            yield from _columns(value, f"{name}_")
        elif isinstance(value, list):
            yield from _listed(name, value)
        elif not isinstance(given, Markup):
            yield name, value


def _listed(name: str, items: list[Any]) -> Iterator[tuple[str, Any]]:
    if parts := _parts(items):
        for part, item in zip(parts, items, strict=True):
            yield f"{name}_{part}", item
    elif any(isinstance(item, (dict, list)) for item in items):
        for place, item in enumerate(items, 1):
            yield from _columns({str(place): item}, f"{name}_")
    else:
        yield name, "; ".join(map(str, items)) or None


def _parts(items: list[Any]) -> tuple[str, ...] | None:
    """What the numbers of a list are, if it is an interval, or a value with its interval."""
    if not all(item is None or type(item) in (int, float) for item in items):
        return None
    names = {2: ("low", "high"), 3: ("value", "low", "high")}.get(len(items))
    known = dict(zip(names or (), items, strict=False))
    order = [known[name] for name in ("low", "value", "high") if known.get(name) is not None]
    return names if order == sorted(order) else None
