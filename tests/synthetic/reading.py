"""Reads the written files back through the project's own readers."""

import csv
import importlib
from functools import cache
from pathlib import Path

import pandas as pd

CATALOGUE = Path(__file__).resolve().parents[2] / "data" / "sources.csv"
SUPPLIED = {"deployment": {"deployment": "deployment.csv"}, "spending": {"spending": "spending.csv"}}
LABOUR = "Trabajo y Previsión Social"


@cache
def sources() -> dict[str, dict[str, str]]:
    """Reader to (source id to file name), the files of a user included."""
    found: dict[str, dict[str, str]] = {}
    with CATALOGUE.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(row["reader"], {})[row["id"]] = row["file"]
    return found | SUPPLIED


def read(reader: str, folder: Path) -> pd.DataFrame:
    return _read(reader, folder).copy()


@cache
def _read(reader: str, folder: Path) -> pd.DataFrame:
    module = importlib.import_module(f"balanza.sources.{reader}")
    return module.read({source: folder / name for source, name in sources()[reader].items()})


def folded(codes: pd.Series, municipalities: pd.DataFrame) -> pd.Series:
    """Codes with every younger municipality replaced by its parent."""
    parents = municipalities.dropna(subset=["parent"]).set_index("cvegeo")["parent"]
    return codes.map(parents).fillna(codes)
