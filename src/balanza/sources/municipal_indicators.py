"""Municipal indicators of 2020 from CONAPO (marginalization), CONEVAL (poverty) and INEGI, as one parquet table.

Three municipalities founded after CONEVAL drew its sample (04012, 07125, 29048) have CONAPO's figures and none of
CONEVAL's: those stay missing, and `coneval_complete` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from balanza.sources._cells import municipality_codes, read_parquet, require_rows
from balanza.sources._layout import require_columns, unique_keys, validate

CONAPO = {
    "analf_pct": "illiterate",
    "sin_basica_pct": "without_basic_education",
    "sin_drenaje_pct": "without_drainage",
    "sin_electr_pct": "without_electricity",
    "sin_agua_pct": "without_piped_water",
    "piso_tierra_pct": "dirt_floor",
    "hacinam_pct": "overcrowded",
    "loc_peq_pct": "small_localities",
    "ing_2sm_pct": "low_income",
}
"""CONAPO's components, in per cent: official names to those of the reader `marginalization`."""

CONEVAL = {
    "rezago_educ": "educational_lag",
    "car_salud": "without_health_access",
    "car_segsoc": "without_social_security",
    "car_vivienda": "poor_housing",
    "car_servbas": "without_basic_services",
    "car_alim": "without_food_access",
    "lp_ingreso": "below_income_line",
    "lp_ingreso_ext": "below_extreme_income_line",
}
"""CONEVAL's deprivations: official names, without _pct and _num, to tidy ones, without _percent and _people."""

_PERCENT = CONAPO | {f"{official}_pct": f"{name}_percent" for official, name in CONEVAL.items()}
_PEOPLE = {"pob_2020_coneval": "population_coneval"} | {
    f"{official}_num": f"{name}_people" for official, name in CONEVAL.items()
}
_OFFICIAL = (
    {"cvegeo": "cvegeo", "pob_conapo": "population", "coneval_completo": "coneval_complete"} | _PERCENT | _PEOPLE
)


def schema() -> Any:
    """The tidy table, one row a municipality."""
    import pandera.pandas as pa

    conapo = set(CONAPO.values())
    return pa.DataFrameSchema(
        {
            "cvegeo": pa.Column(str, pa.Check.str_length(5, 5), unique=True),
            "population": pa.Column("int64", pa.Check.gt(0)),
            "coneval_complete": pa.Column(bool),
        }
        | {
            name: pa.Column("float64", pa.Check.in_range(0, 100), nullable=name not in conapo)
            for name in _PERCENT.values()
        }
        | {name: pa.Column("float64", pa.Check.ge(0), nullable=True) for name in _PEOPLE.values()},
        strict=True,
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the indicators.

    Parameters
    ----------
    files : mapping of str to Path
        `municipal_indicators_2020`.

    Returns
    -------
    DataFrame
        cvegeo, population, coneval_complete, CONAPO's nine components in per cent, and per deprivation of CONEVAL the
        per cent and the number of people (missing where CONEVAL has none).

    Raises
    ------
    SourceError
        On a damaged file, another layout, an unknown state, or a municipality that stands twice.
    """
    path = files["municipal_indicators_2020"]
    where = path.name
    raw = require_rows(require_columns(read_parquet(path), _OFFICIAL, where=where), where=where)
    tidy = raw.assign(cvegeo=municipality_codes(raw["cvegeo"], where=where, padded=True))
    unique_keys(tidy, ["cvegeo"], where=where)
    return validate(tidy, schema(), where=where)
