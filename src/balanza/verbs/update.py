"""Bring a newer file of a source into the catalogue, and show which numbers of table and panel it moves."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from balanza.acquire.catalogue import PATH, Source, by_reader, hosts, load, select
from balanza.acquire.fetch import CACHE, cached, check_mirror, fetch, is_pinned, looks_like_page
from balanza.acquire.update import VINTAGES, moved, renewed, replace_row
from balanza.config import USER_FILES, RunConfig, load_config
from balanza.errors import ConfigError, SourceError
from balanza.provenance import file_digest, replacing, write_text
from balanza.strict import read_yaml
from balanza.verbs.tidy import find_reader, read, write

MOST_BYTES = 4 << 30
MOST_ROWS = 60
PANEL_KEYS = {
    "municipality_month": ["cvegeo", "period"],
    "state_month": ["state", "period"],
    "state_year": ["state", "year"],
    "municipalities": ["cvegeo"],
}


def run(
    source: str,
    file: Path | None = None,
    url: str | None = None,
    date: str | None = None,
    *,
    raw: Path = Path("data/raw/mexico"),
    results: Path = Path("results/mexico"),
    mirror: Path | None = None,
    catalogue: Path = PATH,
    vintages: Path = VINTAGES,
    cache: Path = CACHE,
) -> None:
    """Replace the pinned file of a source, if its reader and the panel take the new one.

    Parameters
    ----------
    source : str
        An id of the catalogue.
    file : Path, optional
        The newer file; without it the address is downloaded.
    url : str
        The public address of the newer file. A new host becomes one of the catalogue's.
    date : str, optional
        When it was retrieved, YYYY-MM-DD; today by default.
    raw, results : Path
        The real world's raw files and results. Where all tidy tables are there, the panel is built twice, with the old
        and the new file, and compared.
    mirror : Path, optional
        A folder to take the old files from.
    catalogue, vintages, cache : Path
        data/sources.csv, data/vintages.csv and data/cache.

    Raises
    ------
    ConfigError, SourceError, PanelError
        If an argument is not usable, or the reader or the panel refuses the new file. Then nothing has changed.
    """
    sources = load(catalogue)
    (old,) = select(sources, [source])
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    if url is None:
        raise ConfigError("needs the public address of the newer file", where=source, cure="Give it with --url")
    check_mirror(mirror)
    new = renewed(old, url=url, retrieved=date or today)
    readers = by_reader(sources)
    with tempfile.TemporaryDirectory(prefix="balanza-") as name:
        work = Path(name)
        path = _incoming(new, file, work / "incoming")
        new = renewed(new, sha256=file_digest(path), bytes=path.stat().st_size)
        if (new.sha256, new.url) == (old.sha256, old.url):
            print(f"{source}: already the pinned file at the pinned address; nothing to do")
            return
        files = _old_files(readers[old.reader], raw, mirror, cache, hosts(sources.values()), work / "old")
        before, after = read(old.reader, files), read(old.reader, files | {source: path})
        changes = moved(old.reader, before, after, _keys(old.reader))
        tables = _tables(readers, results)
        if unread := _unread(tables, results):
            lacking = ", ".join(unread[:3]) + (", ..." if len(unread) > 3 else "")
            print(f"The panel is not compared: no {lacking} in {results / 'tidy'}; run the real world first")
        else:
            changes = pd.concat([changes, _panel_moved(old.reader, before, after, tables, results, work)])
        _keep(old, files[source], cache)
        _keep(new, path, cache)
    replace_row(sources, new, catalogue, vintages, today)
    _tell(old, new, changes, results / "vintages" / f"{source}-{old.sha256[:8]}-{new.sha256[:8]}.csv")
    print(f"Rows that the reader left out: {_left_out(before):,} -> {_left_out(after):,}")
    print(f"{catalogue} pins the newer file; the old row is in {vintages}, both files in {cache}")


def _incoming(newer: Source, file: Path | None, folder: Path) -> Path:
    """The newer file under the name of the catalogue."""
    folder.mkdir()
    path = folder / newer.file
    if file is None:
        _download(newer, path)
    elif file.is_file():
        shutil.copyfile(file, path)
    else:
        raise ConfigError("there is no such file", where=str(file), cure="Check the path")
    if looks_like_page(path):
        raise SourceError("is a web page", where=str(file or newer.url), cure="Give the address of the file itself")
    return path


def _download(newer: Source, path: Path) -> None:
    from balanza.acquire.download import download

    def check(part: Path) -> None:
        if part.stat().st_size > MOST_BYTES:
            raise SourceError(f"{newer.url} sends more than {MOST_BYTES:,} bytes", cure="Check the address")

    download(newer.url, path, size=MOST_BYTES, sha256=None, hosts=hosts([newer]), progress=True, check=check)


def _old_files(
    sources: Mapping[str, Source], raw: Path, mirror: Path | None, cache: Path, allowed: frozenset[str], folder: Path
) -> dict[str, Path]:
    """The pinned files of a reader: those of the last run, or fetched."""
    files = {name: raw / source.file for name, source in sources.items()}
    for name, source in sources.items():
        if not is_pinned(files[name], source):
            files[name] = folder / source.file
            fetch(source, files[name], mirror=mirror, offline=False, cache=cache, hosts=allowed, progress=True)
    return files


def _keys(reader: str) -> list[str] | None:
    """The columns that identify a row of a tidy table, from its schema."""
    module = find_reader(reader)
    schema = module.schema() if hasattr(module, "schema") else module.SCHEMA
    alone = [name for name, column in schema.columns.items() if column.unique]
    return list(schema.unique or []) or alone[:1] or None


def _left_out(table: pd.DataFrame) -> int:
    return sum(item["rows"] for item in table.attrs.get("left_out", []))


def _tables(readers: Iterable[str], results: Path) -> list[str]:
    """The tidy tables of the last run: one a reader of the catalogue, and those of the user's own files."""
    config = _last_config(results)
    return [*readers, *(name for key, name in USER_FILES.items() if getattr(config, key))]


def _unread(readers: Iterable[str], results: Path) -> list[str]:
    return [reader for reader in readers if not (results / "tidy" / f"{reader}.parquet").is_file()]


def _panel_moved(
    reader: str, before: pd.DataFrame, after: pd.DataFrame, readers: Iterable[str], results: Path, work: Path
) -> pd.DataFrame:
    """Which numbers of the panels move: both are built anew, so that nothing but the new file tells them apart."""
    old = _panel(reader, before, readers, results, work / "before")
    new = _panel(reader, after, readers, results, work / "after")
    tables = []
    for name, keys in PANEL_KEYS.items():
        one, other = (pd.read_parquet(folder / f"{name}.parquet") for folder in (old, new))
        tables.append(moved(f"panel/{name}", one, other, keys))
    return pd.concat(tables)


def _last_config(results: Path) -> RunConfig:
    settings = results / "config.yaml"
    return load_config(read_yaml(settings) if settings.is_file() else {"world": "mexico"}, str(settings))


def _panel(reader: str, table: pd.DataFrame, readers: Iterable[str], results: Path, work: Path) -> Path:
    """Build the panels from the tidy tables of the last run, with one of them replaced."""
    from balanza.verbs import panel

    replaced = work / f"{reader}.parquet"
    write(table, replaced)
    tables = [replaced if name == reader else results / "tidy" / f"{name}.parquet" for name in readers]
    panel.run(tables, work / "panel", work / "quality.json", _last_config(results))
    return work / "panel"


def _keep(source: Source, path: Path, cache: Path) -> None:
    """Put a version into the cache, where the next run finds it under its digest."""
    if not is_pinned(cached(source, cache), source):
        with replacing(cached(source, cache)) as temporary:
            shutil.copyfile(path, temporary)


def _tell(old: Source, new: Source, changes: pd.DataFrame, record: Path) -> None:
    print(f"{old.id}: {old.bytes:,} bytes, sha256 {old.sha256} -> {new.bytes:,} bytes, sha256 {new.sha256}")
    if changes.empty:
        print("No number moved")
        return
    write_text(record, changes.to_csv(index=False, lineterminator="\n"))
    print(changes.head(MOST_ROWS).to_string(index=False, na_rep="", float_format="{:,.12g}".format))
    more = len(changes) - MOST_ROWS
    print(f"{f'... and {more} more rows; a' if more > 0 else 'A'}ll of it is in {record}")
