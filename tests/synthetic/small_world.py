"""A hand-made synthetic Mexico of two or three municipalities a state, with rectangles for polygons: quick to write."""

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import box

from balanza.acquire.synthetic.world import Settings, World
from balanza.places import STATES

MONTHS = pd.date_range("2000-01-01", "2026-03-01", freq="MS")
# Municipalities that are newer than 2000, with their parents and first months: before and after each kind of file.
CHILDREN = {
    "23010": ("23002", "2008-02-01"),
    "17033": ("17002", "2017-12-01"),
    "04012": ("04001", "2019-08-01"),
    "04013": ("04002", "2021-01-01"),
    "12085": ("12002", "2021-09-01"),
}
# First joint operation of each state.
OPERATIONS = {
    "2006-12-01": ["16"],
    "2007-01-01": ["02", "08", "10", "12", "25"],
    "2007-02-01": ["19", "28"],
    "2007-05-01": ["30"],
    "2008-03-01": ["26"],
}


def _municipalities() -> pd.DataFrame:
    rows = [
        {
            "cvegeo": f"{state}{number:03d}",
            "state": state,
            "name": f"Álamo {number} de la Peña",
            "parent": None,
            "born": pd.NaT,
        }
        for state in STATES
        for number in (1, 2)
    ]
    rows += [
        {"cvegeo": code, "state": code[:2], "name": f"Nueva Unión {code}", "parent": parent, "born": pd.Timestamp(born)}
        for code, (parent, born) in CHILDREN.items()
    ]
    frame = pd.DataFrame(rows).sort_values("cvegeo", ignore_index=True)
    tiers = np.array(["high", "medium", "low"])
    number = np.arange(len(frame))
    return frame.assign(region=number // 2 + 1, tier=tiers[number % 3], poverty=np.sin(number))


def _geometry(codes: pd.Series) -> gpd.GeoSeries:
    cells = [box(-110 + i % 9, 16 + i // 9, -109 + i % 9, 17 + i // 9) for i in range(len(codes))]
    return gpd.GeoSeries(cells, index=pd.Index(codes, name="cvegeo"), crs="EPSG:4326")


def _population(frame: pd.DataFrame) -> pd.DataFrame:
    people = pd.DataFrame(
        {year: 900 * (1 + np.arange(len(frame)) % 40) ** 2 + 10 * (year - 1990) for year in range(1990, 2041)},
        index=pd.Index(frame["cvegeo"], name="cvegeo"),
    )
    for code, (_, born) in CHILDREN.items():
        people.loc[code, [year for year in people.columns if year < int(born[:4])]] = 0
    return people


def _victims(rng: np.random.Generator) -> pd.DataFrame:
    crimes = {
        ("Homicidio", "Homicidio doloso"): 30,
        ("Homicidio", "Homicidio culposo"): 20,
        ("Feminicidio", "Feminicidio"): 2,
        ("Secuestro", "Secuestro"): 3,
        ("Extorsión", "Extorsión"): 9,
    }
    periods = MONTHS[MONTHS >= "2015-01-01"]
    parts = [
        pd.DataFrame(
            {
                "state": state,
                "period": periods,
                "crime": crime,
                "subtype": subtype,
                "count": rng.poisson(mean, len(periods)),
            }
        )
        for state in STATES
        for (crime, subtype), mean in crimes.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _guard(rng: np.random.Generator) -> pd.DataFrame:
    months = pd.date_range("2019-07-01", "2021-07-01", freq="MS")
    counts = 1000 + rng.integers(0, 200, (32, len(months))).cumsum(axis=1)
    frame = pd.DataFrame(counts, index=pd.Index(STATES, name="state"), columns=months)
    frame.loc["09", frame.columns >= "2020-07-01"] += 6000
    return frame


def small_world(seed: int = 1) -> World:
    """The tiny world, whose counts are drawn but whose shape is fixed."""
    rng = np.random.default_rng(seed)
    frame = _municipalities()
    alive = np.ones((len(frame), len(MONTHS)), dtype=bool)
    for place, born in enumerate(frame["born"]):
        if pd.notna(born):
            alive[place] = born <= MONTHS
    since_2015 = alive & (MONTHS >= "2015-01-01")
    shape = alive.shape
    openings = frame.loc[::2, ["cvegeo", "region", "tier"]].assign(opening=pd.Timestamp("2020-03-01"))
    return World(
        settings=Settings(flavour="null", selection="none", seed=seed, size=0.03),
        municipalities=frame,
        geometry=_geometry(frame["cvegeo"]),
        months=MONTHS,
        population=_population(frame),
        homicides=rng.poisson(4.0, shape) * alive,
        victims=_victims(rng),
        feminicides=rng.poisson(0.2, shape) * since_2015,
        kidnappings=rng.poisson(0.3, shape) * since_2015,
        guard_elements=_guard(rng),
        guard_openings=openings,
        operations={state: pd.Timestamp(month) for month, states in OPERATIONS.items() for state in states},
        jcf_beneficiaries=pd.DataFrame(rng.integers(500, 9000, (32, 4)), index=list(STATES), columns=range(2019, 2023)),
        security_transfers=pd.DataFrame(
            rng.integers(10**8, 10**9, (32, 14)), index=list(STATES), columns=range(2007, 2021)
        ),
        truth={"guard": {"effect": 0.0}},
    )
