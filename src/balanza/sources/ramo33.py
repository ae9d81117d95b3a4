"""Federal transfers to the states by fund of Ramo 33, approved budgets 1998-2014, in current pesos: SHCP.

A wide csv in UTF-8: id, estado, yr and a column per fund, in millions of pesos with a blank as the thousands separator
("124 857.3"). Row 00 is the country. A blank cell makes no row, and neither does a fund that is zero in every state of
a year: that fund was not published, as FASP in 2014. Mexico City's total holds money for schools that no fund shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.errors import SourceError
from balanza.sources._fields import amounts, coded_states, require_all_states
from balanza.sources._layout import counts, no_blanks, read_text, require_columns, table, unique_keys, validate

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

FUNDS = {
    "r33_total": "total",
    "r33_faeb": "faeb",
    "r33_fasa": "fassa",
    "r33_fis": "fais",
    "r33_fise": "fise",
    "r33_fism": "fism",
    "r33_multiple": "fam",
    "r33_alimenticio": "fam_food",
    "r33_infraeduca": "fam_schools",
    "r33_edusuperior": "fam_universities",
    "r33_fortamun": "fortamun",
    "r33_edutecnologica": "faeta",
    "r33_segurid": "fasp",
    "r33_fortaestados": "fafef",
}
"""Columns of the file, to the official short names of the funds (fais = fise + fism, fam = its three parts)."""

COUNTRY_DIFFERS = {(2010, "total"), (2010, "faeb"), (2010, "fassa"), (2010, "faeta")}
"""Years and funds in which the published row of the country is not the sum of the published states."""

_MILLION = 1e6
_ROUNDING = 33 * 0.05 * _MILLION


def schema() -> DataFrameSchema:
    """The tidy table: one row per state, year and fund."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "state": pa.Column(str, pa.Check.str_matches(r"^[0-9]{2}$")),
            "year": pa.Column("int64", pa.Check.in_range(1998, 2100)),
            "fund": pa.Column(str, pa.Check.isin(list(FUNDS.values()))),
            "pesos": pa.Column("float64", pa.Check.ge(0)),
        },
        strict=True,
        unique=["state", "year", "fund"],
    )


def read(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the funds.

    Parameters
    ----------
    files : mapping of str to Path
        The one source of this reader.

    Returns
    -------
    DataFrame
        state, year, fund (official short name), pesos (current): the states only.

    Raises
    ------
    SourceError
        If the file is not in this layout, a state is missing in a year, or the states do not add up to the country.
    """
    (path,) = files.values()
    where = path.name
    raw = require_columns(table(read_text(path, "utf-8"), where=where), ["id", "estado", "yr", *FUNDS], where=where)
    unique_keys(raw, ["id", "yr"], where=where)
    frame = pd.DataFrame({FUNDS[name]: _pesos(raw[name], where) for name in FUNDS})
    frame.insert(0, "year", no_blanks(counts(raw["yr"], where=where), where=where).astype("int64"))
    of_country = (raw["id"] == "00") & (raw["estado"] == "Nacional")
    country, states = frame[of_country], frame[~of_country]
    codes = coded_states(raw.loc[~of_country, "id"], raw.loc[~of_country, "estado"], where=where)
    states.insert(0, "state", codes)
    require_all_states(states, "year", where=where)
    _close(states, country, where)
    tidy = states.melt(["state", "year"], var_name="fund", value_name="pesos", ignore_index=False).dropna()
    published = tidy.groupby(["year", "fund"])["pesos"].transform("max") > 0
    return validate(tidy[published].astype({"fund": "str"}), schema(), where=where)


def _pesos(cells: pd.Series, where: str) -> pd.Series:
    return amounts(cells.str.replace(r"(?<=[0-9]) (?=[0-9]{3})", "", regex=True), where=where) * _MILLION


def _close(states: pd.DataFrame, country: pd.DataFrame, where: str) -> None:
    """Refuse states that do not add up to the row of the country, but for what is known to be published so."""
    funds = list(FUNDS.values())
    sums = states.groupby("year")[funds].sum().melt(ignore_index=False, var_name="fund", value_name="states")
    rows = country.set_index("year")[funds].melt(ignore_index=False, var_name="fund", value_name="country")
    both = sums.reset_index().merge(rows.reset_index(), on=["year", "fund"], how="outer").fillna(0)
    for year, fund, added, printed in both.itertuples(index=False):
        if abs(added - printed) > _ROUNDING and (year, fund) not in COUNTRY_DIFFERS:
            raise SourceError(
                f"the states add up to {added:,.0f} pesos of {fund} in {year}, row 00 says {printed:,.0f}",
                where=where,
                cure="Correct the file; if published so, list it in COUNTRY_DIFFERS of balanza/sources/ramo33.py",
            )
