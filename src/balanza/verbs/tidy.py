"""Read raw files of one layout into a tidy table."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from balanza.errors import ConfigError, SourceError
from balanza.provenance import write_json, write_parquet


def run(reader: str, files: Mapping[str, Path], out: Path) -> None:
    """Write the tidy table of a reader, and beside it what the reader left out.

    Parameters
    ----------
    reader : str
        A module of balanza.sources.
    files : mapping of str to Path
        The raw files by source id: all sources of that reader.
    out : Path
        results/<world>/tidy/<reader>.parquet (GeoParquet where the table has a geometry).
        ``<reader>.left_out.json`` goes beside it: a list of {reason, rows}, empty where every row was taken.

    Raises
    ------
    ConfigError
        If there is no such reader.
    SourceError
        If a file is missing or not what its layout promises.
    """
    write(read(reader, files), out)


def write(table: Any, out: Path) -> None:
    """Write a tidy table, and beside it the rows that its reader left out."""
    bare = table.copy(deep=False)
    bare.attrs = {}
    write_json(out.with_name(f"{out.stem}.left_out.json"), table.attrs.get("left_out", []))
    write_parquet(out, bare)


def find_reader(reader: str) -> ModuleType:
    """The module of balanza.sources of that name.

    Raises
    ------
    ConfigError
        If there is none, with the nearest one.
    """
    package = importlib.import_module("balanza.sources")
    names = [item.name for item in pkgutil.iter_modules(package.__path__) if not item.name.startswith("_")]
    if reader not in names:
        near = difflib.get_close_matches(reader, names, n=1, cutoff=0)
        cure = f"Did you mean {near[0]!r}?" if near else None
        raise ConfigError("is not a reader of src/balanza/sources", where=reader, cure=cure)
    return importlib.import_module(f"balanza.sources.{reader}")


class _Files(dict[str, Path]):
    """The files of a reader by source id; one that it asks for in vain is named."""

    def __missing__(self, name: str) -> Path:
        raise ConfigError(f"the reader needs a file of the id {name!r}", where="--file", cure=f"Give {name}=PATH")


def read(reader: str, files: Mapping[str, Path]) -> Any:
    """The tidy table of a reader, a frame whose attrs may hold `left_out`.

    Raises
    ------
    ConfigError, SourceError
        As in `run`.
    """
    module = find_reader(reader)
    for path in files.values():
        if not path.is_file():
            raise SourceError("there is no such file", where=str(path), cure="Fetch it: python -m balanza fetch")
    return module.read(_Files(files))
