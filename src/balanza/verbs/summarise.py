"""The world at a glance: national series, last year's municipal rates, and outlines light enough for a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from balanza.provenance import replacing, write_parquet

if TYPE_CHECKING:
    import geopandas as gpd

PER = 100_000
TOLERANCE = 0.02
"""Degrees: about 2 km, less than a pixel on a page-wide map of the country."""


def run(panel: Path, out: Path) -> None:
    """Write `national.parquet`, `municipal.parquet`, `municipalities.parquet` and `states.parquet`.

    Parameters
    ----------
    panel : Path
        Folder of the world's panels.
    out : Path
        Folder of the summary. `national` has one row a month (homicides, yearly rate per 100,000, Guard elements);
        `municipal` one row a municipality (homicides and rate of the last year); the others simplified outlines.
    """
    months = pd.read_parquet(panel / "state_month.parquet")
    write_parquet(out / "national.parquet", _national(months))
    columns = ["cvegeo", "state", "year", "population", "homicides"]
    write_parquet(
        out / "municipal.parquet", _municipal(pd.read_parquet(panel / "municipality_month.parquet", columns=columns))
    )
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
    last = rows[rows["year"] == rows["year"].max()]
    total: pd.DataFrame = last.groupby(["cvegeo", "state", "year"], as_index=False, sort=True).agg(
        homicides=("homicides", "sum"), population=("population", "mean")
    )
    return total.assign(rate=PER * total["homicides"] / total["population"])


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
