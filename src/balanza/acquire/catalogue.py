"""The catalogue of pinned sources, data/sources.csv: what each raw file is, where it comes from, and its digest.

Only the standard library, because the Snakefile reads this module at every start.
"""

from __future__ import annotations

import csv
import difflib
import io
import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from balanza.errors import ConfigError
from balanza.provenance import write_text

PATH = Path("data/sources.csv")

ASSET_HOSTS: dict[str, frozenset[str]] = {
    "raw.githubusercontent.com": frozenset({"media.githubusercontent.com"}),
    "github.com": frozenset(
        {
            "codeload.github.com",
            "media.githubusercontent.com",
            "objects.githubusercontent.com",
            "raw.githubusercontent.com",
            "release-assets.githubusercontent.com",
        }
    ),
}
"""Hosts that a host of the catalogue may redirect to: where it keeps large files and releases."""


@dataclass(frozen=True)
class Source:
    """One row of the catalogue: a raw file, pinned by address, size and sha256.

    `reader` is the module of balanza.sources that reads it; `layout` tells the quirks of the file.
    """

    id: str
    file: str
    reader: str
    url: str
    sha256: str
    bytes: int
    agency: str
    title: str
    unit: str
    licence: str
    retrieved: str
    layout: str


COLUMNS = tuple(item.name for item in fields(Source))


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None and plain


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


_RULES: dict[str, tuple[Callable[[str], object], str]] = {
    "id": (lambda text: re.fullmatch(r"[a-z][a-z0-9_]*", text), "lower-case letters, digits and _"),
    "file": (lambda text: re.fullmatch(r"[A-Za-z0-9][\w.-]*", text, re.ASCII), "a plain file name without a folder"),
    "reader": (
        lambda text: text.isidentifier() and text[0] != "_" and not keyword.iskeyword(text),
        "the name of a module of balanza.sources",
    ),
    "url": (_is_address, "an address that starts with https:// and names a host, without a password"),
    "sha256": (lambda text: re.fullmatch(r"[0-9a-f]{64}", text), "64 hexadecimal digits in lower case"),
    "bytes": (lambda text: re.fullmatch(r"[1-9][0-9]{0,14}", text), "a whole number above zero"),
    "retrieved": (_is_date, "a date as YYYY-MM-DD"),
}


def load(path: str | Path = PATH) -> dict[str, Source]:
    """Read and check a catalogue.

    Parameters
    ----------
    path : path
        A csv file in UTF-8 with the columns of `Source`.

    Returns
    -------
    dict of str to Source
        By id, in the order of the file.

    Raises
    ------
    ConfigError
        On a missing or unknown column, an illegal cell, or an id or file that stands twice; names file, line, column.
    """
    rows = _read_rows(Path(path))
    _check_header(rows[0][1] if rows else [], str(path))
    sources: dict[str, Source] = {}
    seen_files: dict[str, int] = {}
    for line, cells in rows[1:]:
        source = parse(cells, where=f"{path}, line {line}")
        for value, seen in ((source.id, sources), (source.file, seen_files)):
            if value in seen:
                raise ConfigError(f"{value!r} stands twice", where=f"{path}, line {line}", cure="Give each row its own")
        sources[source.id], seen_files[source.file] = source, line
    if not sources:
        raise ConfigError("there is no source in it", where=str(path), cure="Restore the catalogue")
    return sources


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    try:
        text = path.read_text("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        return [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError:
        raise ConfigError("there is no such catalogue", where=str(path), cure="Check the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"not in UTF-8 ({error.reason})", where=str(path), cure="Save it as UTF-8") from None
    except csv.Error as error:
        raise ConfigError(f"not readable as csv ({error})", where=str(path), cure="Check its quotes") from None


def _check_header(header: list[str], where: str) -> None:
    for name in header:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0)[0]
            raise ConfigError(f"unknown column {name!r}", where=where, cure=f"Did you mean {near!r}?")
    for name in COLUMNS:
        if header.count(name) != 1:
            raise ConfigError(f"the column {name!r} must stand once", where=where, cure="Add it, or keep one of them")
    if tuple(header) != COLUMNS:
        raise ConfigError("the columns are in another order", where=where, cure=f"Order: {', '.join(COLUMNS)}")


def parse(cells: list[str], where: str) -> Source:
    """Check the cells of one row.

    Parameters
    ----------
    cells : list of str
        In the order of `COLUMNS`; only `layout` may be blank.
    where : str
        File and line, for the error.

    Raises
    ------
    ConfigError
        If a cell is not what its column asks for.
    """
    if len(cells) != len(COLUMNS):
        raise ConfigError(f"{len(cells)} cells for {len(COLUMNS)} columns", where=where, cure="Check commas and quotes")
    row = dict(zip(COLUMNS, cells, strict=True))
    for name, text in row.items():
        at = f"{where}, column {name}"
        if not text.strip() and name != "layout":
            raise ConfigError("the cell is blank", where=at, cure="Fill it in")
        legal, expected = _RULES.get(name, (str.isprintable, "one line of text"))
        if not legal(text):
            raise ConfigError(f"{text!r} is not {expected}", where=at, cure="Correct the cell")
    return Source(**{**row, "bytes": int(row["bytes"])})  # type: ignore[arg-type]


def by_reader(sources: Mapping[str, Source]) -> dict[str, dict[str, Source]]:
    """The sources of each reader, by reader and id, in the order of the catalogue."""
    readers: dict[str, dict[str, Source]] = {}
    for source in sources.values():
        readers.setdefault(source.reader, {})[source.id] = source
    return readers


def select(sources: Mapping[str, Source], ids: Iterable[str]) -> list[Source]:
    """The sources of some ids, or all of them where no id is given.

    Raises
    ------
    ConfigError
        On an id that is not in the catalogue, with the nearest one.
    """
    wanted = list(ids) or list(sources)
    for name in wanted:
        if name not in sources:
            near = difflib.get_close_matches(name, sources, n=1, cutoff=0)[0]
            raise ConfigError("is not a source of the catalogue", where=name, cure=f"Did you mean {near!r}?")
    return [sources[name] for name in wanted]


def hosts(sources: Iterable[Source]) -> frozenset[str]:
    """The hosts that a download may come from: those of the addresses, and where these keep their files."""
    named = {urlsplit(source.url).hostname or "" for source in sources}
    return frozenset(named).union(*(ASSET_HOSTS.get(host, frozenset()) for host in named))


def save(sources: Mapping[str, Source], path: str | Path) -> None:
    """Write a catalogue, whole or not at all; a catalogue loaded and saved is the same bytes."""
    write_text(path, as_csv(COLUMNS, (astuple(source) for source in sources.values())))


def as_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Rows as csv text, with quotes only where needed and newlines alone between lines."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()
