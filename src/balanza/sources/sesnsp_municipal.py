"""SESNSP, Incidencia delictiva municipal (IDM): investigation files by municipality, month, subtype and modality.

The official layout of 21 columns, in cp1252 as published or in UTF-8 as saved anew. The national file of 2015-2025 has
2.5 million rows, that is 30 million months: subtype and modality come as categories.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._layout import validate
from balanza.sources._sesnsp import BEFORE_RNID, CRIME, read_wide, wide_schema


def schema() -> Any:
    """One row a municipality, month, subtype and modality: `cvegeo, period, crime, subtype, modality, files`."""
    return wide_schema("cvegeo", CRIME)


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the file.

    Parameters
    ----------
    files : mapping of str to Path
        One municipal file, by source id.

    Returns
    -------
    DataFrame
        `cvegeo` (codes x998 and x999, unspecified, as published), `period` (month start), `crime`, `subtype`,
        `modality` (categories), `files` (counts). Months not published yet have no row.

    Raises
    ------
    SourceError
        If the file is not in its layout; see `read_wide`.
    """
    (path,) = files.values()
    tidy = read_wide(path, CRIME, "cp1252", "utf-8", where=path.name, years=BEFORE_RNID, municipal=True)
    return validate(tidy, schema(), where=path.name)
