"""Criminal actors by municipality and day, 2000-2018, extracted from the press: OCVED 2.0 (Osorio and Beltrán 2020).

The workbook's first sheet has one row per date, municipality and actor: `actor_main` is one of ten organisations,
"Other" or "Unidentified Criminal Group" (half of all rows), `actor_sub` the name or role in the text ("Hitman"). Some
dates do not exist (month 0, 30 February): those rows are left out and counted in ``attrs["left_out"]``. Coordinates,
two of which are spoilt text ("24.Others0555556"), are not read, since places come by municipality.

Osorio and Beltrán (2020), "Enhancing the Detection of Criminal Organizations in Mexico using ML and NLP", IJCNN.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._cells import dates, leave_out, municipality_codes, refuse, require_rows
from balanza.sources._layout import counts, no_blanks, require_columns, unique_keys, validate
from balanza.sources._workbook import first_sheet

UNIDENTIFIED = ("Unidentified Criminal Group", "Other")
"""The values of `organisation` that name none."""

_WHOLE = ("year", "month", "day", "state", "mun")
_OFFICIAL = (*_WHOLE, "actor_main", "actor_sub")
_KEYS = ("cvegeo", "date", "organisation", "actor")


def schema() -> Any:
    """The tidy table, one row a municipality, day and actor."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5)),
            "date": pa.Column("datetime64[us]"),
            "actor": pa.Column(str, pa.Check.str_length(min_value=1)),
            "organisation": pa.Column(str, pa.Check.str_length(min_value=1)),
        },
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the presence of criminal actors.

    Parameters
    ----------
    files : mapping of str to Path
        `criminal_presence`.

    Returns
    -------
    DataFrame
        cvegeo, date, actor (`actor_sub`), organisation (`actor_main`); ``attrs["left_out"]`` counts the rows with an
        impossible date.

    Raises
    ------
    SourceError
        On a damaged workbook, another layout, an unknown state, or a row that stands twice.
    """
    path = files["criminal_presence"]
    where = path.name
    raw = require_rows(require_columns(_first_sheet(path), _OFFICIAL, where=where), where=where)
    whole = {name: no_blanks(counts(raw[name], where=where), where=where) for name in _WHOLE}
    cvegeo = municipality_codes(whole["mun"], where=where)
    other = cvegeo.str[:2].astype("int64") != whole["state"]
    refuse(raw["mun"], other, "is in another state than the row says", where=where, cure="Correct the code")
    tidy = pd.DataFrame(
        {
            "cvegeo": cvegeo,
            "date": dates(whole["year"], whole["month"], whole["day"]),
            "actor": raw["actor_sub"].astype("str"),
            "organisation": raw["actor_main"].astype("str"),
        }
    )
    kept = leave_out(tidy, {"impossible date": tidy["date"].isna()})
    unique_keys(kept, _KEYS, where=where)
    return validate(kept, schema(), where=where)


def _first_sheet(path: Path) -> pd.DataFrame:
    """The first sheet, indexed by its row numbers."""
    header, *rows = first_sheet(path)
    return pd.DataFrame(rows, columns=list(header), index=range(2, len(rows) + 2)).dropna(how="all")
