"""Monthly strength of the National Guard by municipality, as a user supplies it.

No municipal series of the Guard is public. A user who has one gives a file .csv (UTF-8, commas) or .parquet with one
row a municipality and month and these columns:

cvegeo
    INEGI's code, five digits as text ("01001").
period
    The month, YYYY-MM ("2019-07").
elements
    Elements present, a whole number; blank if not known. Zero is a figure: it says that none were there.

A municipality and month that is not in the file counts as not known. Openings, regions and tiers go into a file of
their own: see `deployment`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.sources._cells import municipality_codes
from balanza.sources._layout import counts, no_blanks, refuse_zero_future, unique_keys, validate
from balanza.sources._user import months, read_user_table


def schema() -> Any:
    """The tidy table, one row a municipality and month."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5)),
            "period": pa.Column("datetime64[us]"),
            "elements": pa.Column("Int64", pa.Check.ge(0), nullable=True),
        },
        strict=True,
        unique=["cvegeo", "period"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the monthly strength.

    Parameters
    ----------
    files : mapping of str to Path
        `deployment_elements`.

    Returns
    -------
    DataFrame
        cvegeo, period (month start), elements (missing if not known).

    Raises
    ------
    SourceError
        On other columns, a code or month that is none, a negative or broken number, a municipality and month that
        stand twice, or a last month of nothing but zeros.
    """
    path = files["deployment_elements"]
    where = path.name
    raw = read_user_table(path, ["cvegeo", "period", "elements"])
    tidy = pd.DataFrame(
        {
            "cvegeo": municipality_codes(raw["cvegeo"], where=where, padded=True),
            "period": no_blanks(months(raw["period"], where=where), where=where),
            "elements": counts(raw["elements"], where=where),
        }
    )
    unique_keys(tidy, ["cvegeo", "period"], where=where)
    known = tidy.dropna(subset="elements")
    refuse_zero_future(known["period"], known["elements"].to_numpy(np.int64), where=where)
    return validate(tidy, schema(), where=where)
