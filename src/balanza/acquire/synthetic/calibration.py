"""Where the synthetic Mexico takes its numbers from: small tables beside this module, and how they are read.

The tables hold published totals and moments, rounded, and a hand-drawn outline; no file of the real world is needed.

states.csv    municipalities of April 2021, unused running numbers (INEGI) and people of 2020 (CONAPO)
anchors.csv   a few points of each state, by eye; outline.csv: the coast and the borders, by eye
national.csv  people (CONAPO), homicides (INEGI deaths by month of occurrence in 2015, 2017, 2019 and 2021; the yearly
              registered deaths scaled to them in between; our own guess after 2024), victims recorded by the
              prosecutors, consumer prices (yearly mean, July 2018 = 100), money and people of Jovenes Construyendo
              el Futuro (federal accounts, labour ministry), security transfers (FASP and municipal subsidies, rounded)
guard.csv     National Guard elements by month, the total row of the transparency table
sizes.csv     by size of municipality: share of municipalities and the moments of homicide in 2019 that the simulation
              must show
years.csv     the same for the country in four years: empty cells, share of the top 100 municipalities, Moran's I
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from balanza.places import STATES
from balanza.provenance import derive_seed

MONTHS = pd.date_range("2000-01-01", "2026-03-01", freq="MS", unit="us")
YEARS = tuple(range(1990, 2041))
STATE_CODES = tuple(STATES)
PRICE_YEAR = 2021
_FOLDER = Path(__file__).parent


def stream(seed: int, *names: str) -> np.random.Generator:
    """A random generator of its own for each named part, so that no part shifts the draws of another."""
    return np.random.default_rng(derive_seed(seed, "synthetic", *names))


def month_position(month: str | pd.Timestamp) -> int:
    """Position in MONTHS of a month, given by any day of it."""
    return int(MONTHS.searchsorted(pd.Timestamp(month).replace(day=1)))


@cache
def in_year(year: int) -> np.ndarray:
    """Which of MONTHS lie in a year."""
    inside = np.asarray(MONTHS.year == year)
    inside.flags.writeable = False
    return inside


@cache
def table(name: str) -> pd.DataFrame:
    """One of the tables beside this module, by the name of its file."""
    return pd.read_csv(_FOLDER / f"{name}.csv", dtype={"state": str, "unused": str})


def states() -> pd.DataFrame:
    """One row per state, in the order of STATE_CODES: municipalities, unused, people_2020."""
    return table("states").set_index("state").loc[list(STATE_CODES)]


def anchors() -> pd.DataFrame:
    """Points that span the states: state, lon, lat."""
    return table("anchors")


def outline() -> np.ndarray:
    """The ring of the country, shape (n, 2), degrees."""
    return table("outline").to_numpy(float)


def sizes() -> pd.DataFrame:
    """The six size classes with their moments of 2019."""
    return table("sizes")


@cache
def moment_years() -> pd.DataFrame:
    """The national moments of four years, indexed by year."""
    return table("years").set_index("year")


@cache
def national(column: str) -> pd.Series:
    """A national yearly series, without the years that it does not have."""
    return table("national").set_index("year")[column].dropna()


@cache
def national_people() -> pd.Series:
    """People of the country in each of YEARS, interpolated on the log scale."""
    known = national("people")
    years = np.array(YEARS)
    return pd.Series(np.exp(np.interp(years, known.index.to_numpy(), np.log(known))), index=years)


def real_prices(years: pd.Index) -> pd.Series:
    """Factor that turns pesos of each year into pesos of PRICE_YEAR."""
    prices = national("prices")
    return pd.Series(prices[PRICE_YEAR] / prices.reindex(years))


def guard_months() -> pd.Series:
    """National Guard elements of the country, July 2019 to July 2021, by month."""
    months = table("guard")
    return pd.Series(months["elements"].to_numpy(), index=pd.DatetimeIndex(months["month"]).as_unit("us"))


def size_class(people: np.ndarray) -> np.ndarray:
    """The row of `sizes` that each number of people falls in."""
    edges = sizes()["low"].to_numpy()[1:]
    return np.asarray(np.searchsorted(edges, people, side="right"))
