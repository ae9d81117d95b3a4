"""A small invented country: panels as the verb `panel` writes them, of which every number can be worked out by hand."""

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd
from shapely.geometry import box

from balanza.panel.codebook import load_codebook
from balanza.verbs import summarise

CODEBOOK = Path(__file__).resolve().parents[2] / "data" / "variables.yaml"
STATES = ("01", "02")
CODES = tuple(f"{state}{number:03d}" for state in STATES for number in range(1, 5))
MONTHS = pd.date_range("2013-01-01", "2020-12-01", freq="MS")
BORN = {"child": "02007", "parent": "02002"}
"""San Felipe, of the repository's table of births; its other parents are not in this country."""


def write(folder: Path, names: Mapping[str, str] | None = None) -> Path:
    """Write the panels into a folder, with names of municipalities where they are not to be `Place 01001` and so on."""
    folder.mkdir(parents=True)
    towns = municipal()
    towns.to_parquet(folder / "municipality_month.parquet")
    months = states()
    months.to_parquet(folder / "state_month.parquet")
    yearly = months.assign(year=months["period"].dt.year).groupby(["state", "year"], as_index=False)
    years = yearly.agg(population=("population", "first"), homicides=("homicides", "sum"))
    years.assign(**dict.fromkeys(summarise.MONEY, 12.5)).to_parquet(folder / "state_year.parquet")
    squares = [
        box(-105 + int(code[2:]), 20 + int(code[:2]), -104 + int(code[2:]), 21 + int(code[:2])) for code in CODES
    ]
    called = [(names or {}).get(code, f"Place {code}") for code in CODES]
    frame = {"cvegeo": CODES, "state": [code[:2] for code in CODES], "municipality": called}
    gpd.GeoDataFrame(frame, geometry=squares, crs=4326).to_parquet(folder / "municipalities.parquet")
    return folder


def municipal() -> pd.DataFrame:
    """Number n of a state has n - 1 homicides in each month, among n thousand people.

    Of 01004 no homicide figure is known in March 2016, and of no place a kidnapping before 2015.
    """
    rows = pd.MultiIndex.from_product([CODES, MONTHS], names=["cvegeo", "period"]).to_frame(index=False)
    number = rows["cvegeo"].str[2:].astype(int)
    rows = rows.assign(
        state=rows["cvegeo"].str[:2], year=rows["period"].dt.year, population=1000 * number, homicides=number - 1.0
    )
    rows.loc[(rows["cvegeo"] == "01004") & (rows["period"] == "2016-03-01"), "homicides"] = None
    described = [variable.name for variable in load_codebook(CODEBOOK) if "municipality_month" in variable.tables]
    rows = rows.assign(**dict.fromkeys([column for column in described if column not in rows], 0.0))
    rows["kidnappings"] = rows["kidnappings"].where(rows["year"] >= 2015)
    return rows


def states() -> pd.DataFrame:
    """State 01 has 10 elements per 100,000 people from July 2019 on, and 02 has 20; none is known after July 2020."""
    rows = pd.MultiIndex.from_product([STATES, MONTHS], names=["state", "period"]).to_frame(index=False)
    here = (rows["period"] >= "2019-07-01").astype(float).where(rows["period"] <= "2020-07-01")
    rows["guard_per_100k"] = here * 10 * rows["state"].astype(int)
    return rows.assign(guard_elements=rows["guard_per_100k"] / 10, population=10_000, homicides=6.0)
