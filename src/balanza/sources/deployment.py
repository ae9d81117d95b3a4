"""Municipal openings of the National Guard, as a user supplies them.

No municipal series of the Guard is public. A user who has one gives a file .csv (UTF-8, commas) or .parquet with one
row a municipality and these columns:

cvegeo
    INEGI's code, five digits as text ("01001").
opening
    First month of the Guard's presence in the municipality, YYYY-MM ("2019-07"); blank if it was not seen to open.
region
    Optional: name or number of the Guard's region that the municipality belongs to; blank if not known.
tier
    Optional: staffing of that region, high, medium or low; blank if not known.

A municipality with a blank `opening` counts as not opened, and so does one that is not in the file, which the panel's
quality report counts; its region and tier are not known. Monthly strength goes into a file of its
own: see `deployment_elements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._cells import municipality_codes, refuse
from balanza.sources._layout import unique_keys, validate
from balanza.sources._user import months, read_user_table

TIERS = ("high", "medium", "low")
FIRST_MONTH = pd.Timestamp("2019-05-01")
"""The Guard's law is of 27 May 2019 (Diario Oficial de la Federación)."""


def schema() -> Any:
    """The tidy table, one row a municipality."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5), unique=True),
            "opening": pa.Column("datetime64[us]", nullable=True),
            "region": pa.Column(str, nullable=True),
            "tier": pa.Column(str, pa.Check.isin(TIERS), nullable=True),
        },
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the openings.

    Parameters
    ----------
    files : mapping of str to Path
        `deployment`.

    Returns
    -------
    DataFrame
        cvegeo, opening (month start, NaT if not opened), region, tier.

    Raises
    ------
    SourceError
        On other columns, a code that is none, a month or tier that is none, an opening before the Guard existed, or a
        municipality that stands twice.
    """
    path = files["deployment"]
    where = path.name
    raw = read_user_table(path, ["cvegeo", "opening"], ["region", "tier"])
    opening = months(raw["opening"], where=where)
    refuse(
        raw["opening"],
        opening < FIRST_MONTH,
        "is before the Guard existed",
        where=where,
        cure=f"Openings start in {FIRST_MONTH:%Y-%m}",
    )
    known = raw["tier"] != ""
    refuse(raw["tier"], known & ~raw["tier"].isin(TIERS), "is no tier", where=where, cure=f"Use {', '.join(TIERS)}")
    tidy = pd.DataFrame(
        {
            "cvegeo": municipality_codes(raw["cvegeo"], where=where, padded=True),
            "opening": opening,
            "region": raw["region"].where(raw["region"] != ""),
            "tier": raw["tier"].where(known),
        }
    )
    unique_keys(tidy, ["cvegeo"], where=where)
    return validate(tidy, schema(), where=where)
