"""Beneficiaries of Jovenes Construyendo el Futuro by state, sex and budget year, 2019-2022: STPS.

A JSON file ``{"records": [...]}`` in UTF-8, all values as text: estado, cve_edo, hombres, mujeres, total, id_estado,
anio_presupuestal. People who were beneficiaries at any time of the budget year.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._fields import coded_states, require_all_states
from balanza.sources._layout import (
    counts,
    no_blanks,
    require_columns,
    unique_keys,
    validate,
)
from balanza.sources._records import read_json, records_table

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

COLUMNS = ("cve_edo", "estado", "anio_presupuestal", "hombres", "mujeres", "total")


def schema() -> DataFrameSchema:
    """The tidy table: one row per state and budget year, with its beneficiaries (people)."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "state": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}$")),
            "year": pa.Column("int64", pa.Check.in_range(2019, 2100)),
            "men": pa.Column("int64", pa.Check.ge(0)),
            "women": pa.Column("int64", pa.Check.ge(0)),
            "beneficiaries": pa.Column("int64", pa.Check.ge(0)),
        },
        strict=True,
        unique=["state", "year"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the beneficiaries; records are numbered from 1 in errors.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    DataFrame
        state, year, men, women, beneficiaries: 32 rows per budget year.

    Raises
    ------
    SourceError
        If the file is not in this layout, a state is missing in a year, or the sexes do not add up.
    """
    (path,) = files.values()
    where = path.name
    raw = require_columns(_records(path), COLUMNS, where=where)
    whole = {
        name: no_blanks(counts(raw[name], where=where), where=where).astype("int64")
        for name in ("anio_presupuestal", "hombres", "mujeres", "total")
    }
    tidy = pd.DataFrame(
        {
            "state": coded_states(raw["cve_edo"], raw["estado"], where=where),
            "year": whole["anio_presupuestal"],
            "men": whole["hombres"],
            "women": whole["mujeres"],
            "beneficiaries": whole["total"],
        }
    )
    wrong = tidy.index[tidy["men"] + tidy["women"] != tidy["beneficiaries"]]
    if len(wrong):
        raise SourceError(
            "men and women are not the total", where=f"{where}, row {wrong[0]}", cure="Correct the record"
        )
    unique_keys(tidy, ["state", "year"], where=where)
    require_all_states(tidy, "year", where=where)
    return validate(tidy, schema(), where=where)


def _records(path: Path) -> pd.DataFrame:
    content = read_json(path)
    records = content.get("records") if isinstance(content, dict) else None
    return records_table(records, where=path.name).fillna("").astype(str)
