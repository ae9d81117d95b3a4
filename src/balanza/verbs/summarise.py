"""The world at a glance: national series, each place by year with its peers and gaps, and outlines for a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.municipal import gaps, peers
from balanza.panel.codebook import load_codebook
from balanza.panel.geography import load_births
from balanza.provenance import replacing, write_parquet

if TYPE_CHECKING:
    import geopandas as gpd

PER = 100_000
MONEY = ["jcf_pesos_per_capita", "jcf_beneficiaries", "fasp_per_capita", "security_agreements_per_capita"]
RULES = Path("data")
TOLERANCE = 0.03
"""Degrees: about 3 km, less than a pixel on a page-wide map of the country."""


def run(panel: Path, out: Path, rules: Path = RULES) -> None:
    """Write the tables that the pages of the country and of its municipalities show.

    Parameters
    ----------
    panel : Path
        Folder of the world's panels.
    out : Path
        Folder of the summary. `national` has one row a month (homicides, yearly rate per 100,000, Guard elements);
        `municipal` and `states_by_year` one row a place and year; `peers` as in `balanza.municipal.peers`; `gaps` as
        in `balanza.municipal.gaps`; `columns` what the panels measure; `births` the municipalities created since 2000
        with their parents; `municipalities` and `states` simplified outlines.
    rules : Path
        Folder of the codebook and of the table of births.
    """
    months = pd.read_parquet(panel / "state_month.parquet")
    write_parquet(out / "national.parquet", _national(months))
    write_parquet(out / "states_by_year.parquet", _states(months, pd.read_parquet(panel / "state_year.parquet")))
    rows = pd.read_parquet(panel / "municipality_month.parquet")
    yearly = _municipal(rows)
    write_parquet(out / "municipal.parquet", yearly)
    write_parquet(out / "peers.parquet", peers.nearest(yearly, peers.years_before(months)))
    columns = _columns(rules)
    write_parquet(out / "columns.parquet", columns)
    write_parquet(out / "gaps.parquet", gaps.spans(rows, columns.loc[columns["municipal"], "name"]))
    births = load_births(rules / "municipality_births.csv")
    here = births["parent"].isin(yearly["cvegeo"])
    write_parquet(out / "births.parquet", births[here].sort_values("child", ignore_index=True))
    _outlines(panel / "municipalities.parquet", out)


def _national(months: pd.DataFrame) -> pd.DataFrame:
    known = months[months["homicides"].notna()]
    total: pd.DataFrame = known.groupby("period", as_index=False, sort=True).agg(
        homicides=("homicides", "sum"),
        population=("population", "sum"),
        guard_elements=("guard_elements", lambda values: values.sum(min_count=len(values))),
    )
    return total.assign(rate=12 * PER * total["homicides"] / total["population"])


def _municipal(rows: pd.DataFrame) -> pd.DataFrame:
    """Each municipality by year; the homicides of a year are known where those of its twelve months are."""
    by_year = rows.groupby(["cvegeo", "state", "year"], sort=True)
    total = by_year.agg(population=("population", "mean"))
    total["homicides"] = by_year["homicides"].sum(min_count=12)
    total["rate"] = PER * total["homicides"] / total["population"].where(total["population"] > 0)
    return total.reset_index()


def _states(months: pd.DataFrame, years: pd.DataFrame) -> pd.DataFrame:
    """Each state by year, with the mean of the Guard's known months and how many these are."""
    guard = months.assign(year=months["period"].dt.year).groupby(["state", "year"], sort=True)["guard_per_100k"]
    known = pd.DataFrame({"guard_per_100k": guard.mean(), "guard_months": guard.count()}).reset_index()
    kept = years[["state", "year", "population", "homicides", *MONEY]].merge(known, on=["state", "year"], how="left")
    rate = PER * kept["homicides"] / kept["population"]
    return kept.assign(rate=rate).sort_values(["state", "year"], ignore_index=True)


def _columns(rules: Path) -> pd.DataFrame:
    """The measured columns of places: name, en, es (labels), municipal and state (whether such a panel has it).

    An empty cell of one of these is an unknown; an empty month (of another type) says that a thing never began.
    """
    rows = []
    for variable in load_codebook(rules / "variables.yaml"):
        municipal, state = (table in variable.tables for table in ("municipality_month", "state_month"))
        if (municipal or state) and variable.type in ("count", "number", "text") and variable.role != "key":
            rows.append({"name": variable.name, **variable.label, "municipal": municipal, "state": state})
    return pd.DataFrame(rows)[["name", "en", "es", "municipal", "state"]]


def _outlines(source: Path, out: Path) -> None:
    import geopandas as gpd
    from shapely import coverage_simplify

    full = gpd.read_parquet(source)
    light = full.set_geometry(gpd.GeoSeries(coverage_simplify(full.geometry.array, TOLERANCE), crs=full.crs))
    _write(light[["cvegeo", "state", "municipality", "geometry"]], out / "municipalities.parquet")
    states = light[["state", "geometry"]].dissolve(by="state", method="unary").reset_index()
    _write(states, out / "states.parquet")


def _write(frame: gpd.GeoDataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        frame.to_parquet(temporary, index=False)
