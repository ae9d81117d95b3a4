"""Treatments other than the state's Guard: joint operations of 2006-2008, and what a user supplies by municipality."""

from __future__ import annotations

import pandas as pd

from balanza.panel.geography import Geography, fold
from balanza.panel.quality import Quality

MONTH = "datetime64[us]"


def operations(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """First month of a joint operation in each state, and in each municipality of an operation of city scope.

    Only openings count: captures, visits and reinforcements are none. An operation of city scope also opens its state.

    Parameters
    ----------
    table : DataFrame
        operation, kind, scope, places (codes joined by commas), state, start.

    Returns
    -------
    by_state, by_city : Series of datetime
        Month starts, by state code and by municipality code.
    """
    openings = table[table["kind"] == "opening"]
    month = openings["start"].dt.to_period("M").dt.to_timestamp().astype(MONTH)
    by_state = month.groupby(openings["state"]).min()
    cities = openings.assign(month=month)[openings["scope"] == "city"]
    places = cities.assign(place=cities["places"].str.split(",")).explode("place")
    return by_state, places.groupby("place")["month"].min()


def openings(table: pd.DataFrame, geography: Geography, quality: Quality) -> pd.DataFrame:
    """A user's municipal openings in constant units: the earliest of a unit, with its region and tier.

    Parameters
    ----------
    table : DataFrame
        cvegeo, opening, region, tier.

    Returns
    -------
    DataFrame
        cvegeo, guard_opening, guard_region, guard_tier.
    """
    rows = table.assign(cvegeo=geography.unit_of(table["cvegeo"], "deployment"))
    rows = rows.sort_values(["cvegeo", "opening"], na_position="last", kind="stable")
    merged = int(rows.duplicated("cvegeo").sum())
    if merged:
        quality.note("dropped", source="deployment", reason="a later opening in the same unit of 2000", rows=merged)
    first = rows.drop_duplicates("cvegeo")
    unknown = int((~geography.units["cvegeo"].isin(first["cvegeo"])).sum())
    if unknown:
        quality.note(
            "imputed",
            column="guard_opening",
            rule="not in the user's file: empty, as where the Guard did not open",
            **{"from": None, "to": None},
            cells=unknown,
        )
    return first.rename(columns={"opening": "guard_opening", "region": "guard_region", "tier": "guard_tier"})


def elements(table: pd.DataFrame, geography: Geography) -> pd.DataFrame:
    """A user's monthly elements by municipality in constant units: cvegeo, period, guard_elements_municipal.

    Where one of the municipalities of a unit is not known, the unit is not.
    """
    rows = table.rename(columns={"elements": "guard_elements_municipal"})
    rows = rows.assign(unknown=rows["guard_elements_municipal"].isna().astype("int64"))
    rows["guard_elements_municipal"] = rows["guard_elements_municipal"].fillna(0).astype("int64")
    values = ["guard_elements_municipal", "unknown"]
    units, _ = fold(rows, geography, by=["period"], values=values, source="deployment_elements")
    known = units["guard_elements_municipal"].astype("float64").where(units["unknown"] == 0)
    return units.assign(guard_elements_municipal=known).drop(columns="unknown")


def spending(table: pd.DataFrame, worth: pd.Series, geography: Geography) -> pd.DataFrame:
    """A user's prevention spending by municipality and year, all programmes, in pesos of 2021.

    Returns
    -------
    DataFrame
        cvegeo, year, prevention_pesos_municipal.
    """
    rows = table.assign(cvegeo=geography.unit_of(table["cvegeo"], "spending"))
    pesos = rows.groupby(["cvegeo", "year"], as_index=False)[["pesos"]].sum()
    pesos["prevention_pesos_municipal"] = pesos["pesos"] * pesos["year"].map(worth)
    return pesos.drop(columns="pesos")
