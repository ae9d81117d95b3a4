"""CONAPO's municipal marginalization index of 2010, 2015 and 2020, from R data files with one table IMM_<year> each.

All three files hold the index by the distance method DP2 (Peña Trapero 1977), with which CONAPO replaced the first
principal component in 2020 ("Índices de marginación 2020"). Its sign is the opposite of the older index: a HIGHER
value is LESS marginalised, and the reader refuses a file where it is not. Weights, reference and cuts between grades
are each year's own, and so is the minimum wage behind `low_income`: levels of different years are not comparable,
ranks within a year are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._cells import municipality_codes, refuse, require_rows
from balanza.sources._layout import counts, no_blanks, require_columns, unique_keys, validate
from balanza.sources._r_objects import read_r

COMPONENTS = {
    "ANALF": "illiterate",
    "SBASC": "without_basic_education",
    "OVSDE": "without_drainage",
    "OVSEE": "without_electricity",
    "OVSAE": "without_piped_water",
    "OVPT": "dirt_floor",
    "VHAC": "overcrowded",
    "PL.5000": "small_localities",
    "PO2SM": "low_income",
}
"""Official names of the nine components, to tidy ones; each in per cent of the people concerned."""

GRADES = {"Muy alto": "very high", "Alto": "high", "Medio": "medium", "Bajo": "low", "Muy bajo": "very low"}
"""Official grades from the most to the least marginalised, to tidy ones."""


def schema() -> Any:
    """The tidy table, one row a municipality and year."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "source": pa.Column(str),
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5)),
            "year": pa.Column("int64"),
            "population": pa.Column("int64", pa.Check.gt(0)),
            "index": pa.Column("float64", pa.Check.gt(0)),
            "grade": pa.Column(str, pa.Check.isin(list(GRADES.values()))),
            "index_normalised": pa.Column("float64", pa.Check.in_range(0, 1)),
        }
        | {name: pa.Column("float64", pa.Check.in_range(0, 100)) for name in COMPONENTS.values()},
        strict=True,
        unique=["cvegeo", "year"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the index of all years given.

    Parameters
    ----------
    files : mapping of str to Path
        `marginalization_2010`, `marginalization_2015`, `marginalization_2020`.

    Returns
    -------
    DataFrame
        source, cvegeo, year, population, index (higher is less marginalised), grade ("very high" to "very low"
        marginalization), index_normalised (index over its largest possible value), and the nine components in per
        cent.

    Raises
    ------
    SourceError
        On a damaged file, another layout, an unknown state or grade, or an index that runs the other way.
    """
    tidy = pd.concat([_read_one(source, path) for source, path in files.items()])
    return validate(tidy, schema(), where="marginalization")


def _read_one(source: str, path: Path) -> pd.DataFrame:
    where = path.name
    name, table = _r_table(path)
    year = name.removeprefix("IMM_")
    index = {f"IM_{year}": "index", f"GM_{year}": "grade", f"IMN_{year}": "index_normalised"}
    official = {"CVE_MUN": "CVE_MUN", "POB_TOT": "POB_TOT"} | index | COMPONENTS
    raw = require_rows(require_columns(table, official, where=where), where=where)
    grades = raw["grade"].map(GRADES)
    refuse(raw["grade"], grades.isna(), "is not a grade", where=where, cure=f"Grades are {', '.join(GRADES)}")
    tidy = pd.DataFrame(
        {
            "source": source,
            "cvegeo": municipality_codes(raw["CVE_MUN"], where=where, padded=True),
            "year": int(year),
            "population": no_blanks(counts(raw["POB_TOT"], where=where), where=where).astype("int64"),
            "index": raw["index"],
            "grade": grades.astype(str),
            "index_normalised": raw["index_normalised"],
        }
    ).join(raw[list(COMPONENTS.values())])
    unique_keys(tidy, ["cvegeo"], where=where)
    _check_sign(tidy, where)
    return tidy


def _r_table(path: Path) -> tuple[str, pd.DataFrame]:
    objects = read_r(path, "rda")
    name = next(iter(objects), "")
    if len(objects) != 1 or not name.removeprefix("IMM_").isdigit() or not isinstance(objects[name], pd.DataFrame):
        raise SourceError(
            f"expected one table IMM_<year>, found {', '.join(objects)}",
            where=path.name,
            cure="Get the file in its official layout",
        )
    table = objects[name]
    return name, table.set_axis(range(1, len(table) + 1)).astype(
        dict.fromkeys(table.columns[table.dtypes == "string"], object)
    )


def _check_sign(tidy: pd.DataFrame, where: str) -> None:
    means = tidy.groupby("grade")["index"].mean().reindex(list(GRADES.values())).dropna()
    if not means.is_monotonic_increasing:
        raise SourceError(
            "the index does not rise from grade Muy alto to Muy bajo",
            where=where,
            cure="This is not the DP2 index: get the file that CONAPO computed by that method",
        )
