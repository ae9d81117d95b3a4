"""SESNSP, Incidencia delictiva estatal (IDEFC) of 2015-2025: investigation files by state and month, in cp1252."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._layout import validate
from balanza.sources._sesnsp import BEFORE_RNID, CRIME, read_wide, wide_schema


def schema() -> Any:
    """One row a state, month, subtype and modality: `state, period, crime, subtype, modality, files`."""
    return wide_schema("state", CRIME)


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the file.

    Parameters
    ----------
    files : mapping of str to Path
        The state file, by source id.

    Returns
    -------
    DataFrame
        `state`, `period` (month start), `crime`, `subtype`, `modality` (categories), `files` (counts). Months not
        published yet have no row.

    Raises
    ------
    SourceError
        If the file is not in its layout; see `read_wide`.
    """
    (path,) = files.values()
    tidy = read_wide(path, CRIME, "cp1252", where=path.name, years=BEFORE_RNID)
    return validate(tidy, schema(), where=path.name)
