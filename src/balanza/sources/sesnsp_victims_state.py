"""SESNSP, Victimas, nueva metodologia (IDVFC): victims by state, month, sex and age, a zip with one cp1252 csv."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._layout import read_zip_member, validate
from balanza.sources._sesnsp import BEFORE_RNID, CRIME, read_wide, wide_schema

_KEYS = {**CRIME, "Sexo": "sex", "Rango de edad": "age"}
_MAX_BYTES = 500_000_000  # the csv of 2015 to 2025 has 12 million


def schema() -> Any:
    """One row a state, month, subtype, modality, sex and age: these as columns, and `crime`, `period`, `victims`."""
    return wide_schema("state", _KEYS, "victims")


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the file.

    Parameters
    ----------
    files : mapping of str to Path
        The zip file, by source id.

    Returns
    -------
    DataFrame
        `state`, `period` (month start), `crime`, `subtype`, `modality`, `sex`, `age` (categories), `victims` (people).
        Months not published yet have no row.

    Raises
    ------
    SourceError
        If the zip is damaged, or the file in it is not in its layout; see `read_wide`.
    """
    (path,) = files.values()
    content = read_zip_member(path, ".csv", max_bytes=_MAX_BYTES)
    tidy = read_wide(content, _KEYS, "cp1252", where=path.name, years=BEFORE_RNID, value="victims")
    return validate(tidy, schema(), where=path.name)
