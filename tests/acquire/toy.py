"""A toy reader, put beside those of the package for a test."""

import importlib
import sys
from pathlib import Path

import pytest

import balanza.sources

TOY_CSV = "state,year,homicides\n01,2020,5\n02,2020,7\n01,2021,11\n02,2021,13\n"
"""Totals by year: 12 in 2020, 24 in 2021."""

TOY_READER = """
import pandas as pd
import pandera.pandas as pa

from balanza.errors import SourceError

SCHEMA = pa.DataFrameSchema(
    {"state": pa.Column(str), "year": pa.Column("int64"), "homicides": pa.Column("int64")},
    strict=True,
    unique=["state", "year"],
)


def read(files):
    (path,) = files.values()
    table = pd.read_csv(path, dtype={"state": str})
    if (table["homicides"] < 0).any():
        raise SourceError("a negative count", where=path.name)
    known = table["state"].isin(["01", "02"])
    kept = SCHEMA.validate(table[known].reset_index(drop=True))
    if not known.all():
        kept.attrs["left_out"] = [{"reason": "unknown state", "rows": int((~known).sum())}]
    return kept
"""


def add_reader(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str = "toy", code: str = TOY_READER) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(code, "utf-8")
    monkeypatch.setattr(balanza.sources, "__path__", [*balanza.sources.__path__, str(folder)])
    sys.modules.pop(f"balanza.sources.{name}", None)
    importlib.invalidate_caches()
