"""JSON files, and lists of flat records in them as tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._files import FETCH_AGAIN, read_text


def read_json(path: Path) -> Any:
    """The content of a JSON file in UTF-8.

    Raises
    ------
    SourceError
        If it is cut short, nested too deep, holds numbers of thousands of digits, or one that JSON does not know.
    """
    text = read_text(path, "utf-8")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"not a whole JSON file ({error})", where=path.name, cure=FETCH_AGAIN) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def records_table(records: Any, *, where: str) -> pd.DataFrame:
    """A list of flat records as a table, numbered from 1.

    Raises
    ------
    SourceError
        If it is none, or a value is a list or a record itself.
    """
    cure = "Get the file in its official layout"
    if not isinstance(records, list) or not records or not all(isinstance(item, dict) for item in records):
        raise SourceError("has no list of records", where=where, cure=cure)
    for number, record in enumerate(records, start=1):
        if nested := [name for name, value in record.items() if isinstance(value, list | dict)]:
            at = f"{where}, row {number}, column {nested[0]}"
            raise SourceError("the value is a list or a record", where=at, cure=cure)
    return pd.DataFrame(records, index=pd.RangeIndex(1, len(records) + 1))
