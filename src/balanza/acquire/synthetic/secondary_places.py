"""Places that the world does not describe further: sexes, deprivation by municipality, people before a birth.

Every indicator loads on the poverty that the world assigns its programmes by.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.secondary_violence import generator, merged_after
from balanza.acquire.synthetic.world import World

CENSUS = {2010: pd.Timestamp("2010-06-12"), 2015: pd.Timestamp("2015-03-15"), 2020: pd.Timestamp("2020-03-15")}
"""Days of the census and of the survey between, after which a municipality is not yet in their tables."""

_COUNTED = 0.985
"""Share of the people whom the census finds."""

COMPONENTS = {
    "ANALF": (-2.4, 0.7, 0.3),
    "SBASC": (-0.2, 0.5, 0.35),
    "OVSDE": (-4.0, 0.9, 0.9),
    "OVSEE": (-4.6, 0.7, 0.8),
    "OVSAE": (-3.4, 0.7, 1.1),
    "OVPT": (-2.9, 0.9, 0.8),
    "VHAC": (-1.0, 0.5, 0.3),
    "PL.5000": (1.2, 1.8, 1.2),
    "PO2SM": (1.6, 0.6, 0.4),
}
"""Logit level, loading on deprivation and own spread of CONAPO's nine components."""

_EASING = {2010: 0.5, 2015: 0.2, 2020: 0.0}
_LARGEST_INDEX = {2010: 0.0244, 2015: 0.0184, 2020: 0.0157}
"""What a unit of the index is worth once normalised: each year has its own scale."""

_GRADES = ("Muy alto", "Alto", "Medio", "Bajo", "Muy bajo")
_GRADE_SHARES = (0.08, 0.29, 0.5, 0.73)

CONEVAL = {
    "rezago_educ": (-1.1, 0.45),
    "car_salud": (-1.2, 0.1),
    "car_segsoc": (1.0, 0.6),
    "car_vivienda": (-1.9, 0.7),
    "car_servbas": (-0.6, 1.2),
    "car_alim": (-1.2, 0.35),
    "lp_ingreso": (0.7, 0.8),
    "lp_ingreso_ext": (-0.9, 0.9),
}
"""Logit level and loading of CONEVAL's deprivations."""


def people_of_census(world: World, year: int) -> pd.DataFrame:
    """Municipalities of a census with what it counts: cvegeo, state, name, total, men, women."""
    counted = np.rint(world.population[year].to_numpy(float) * _COUNTED).astype(np.int64)
    frame, total = merged_after(world, counted, CENSUS[year])
    share = generator(world, "sexes").normal(0.488, 0.008, len(world.municipalities))[frame.index]
    men = np.rint(total * share).astype(np.int64)
    return frame[["cvegeo", "state", "name"]].assign(total=total, men=men, women=total - men)


def people_by_year(world: World) -> pd.DataFrame:
    """People of each municipality in each year, where those before a birth are taken from the parent's."""
    table = world.population.copy()
    births = world.municipalities.dropna(subset=["born"]).sort_values("born", ascending=False)
    for child, parent in zip(births["cvegeo"], births["parent"], strict=True):
        unborn = table.columns[(table.loc[child] == 0).to_numpy()]
        if parent not in table.index or unborn.empty:
            continue
        first = unborn.max() + 1
        share = table.loc[child, first] / (table.loc[child, first] + table.loc[parent, first])
        earlier = np.rint(table.loc[parent, unborn].to_numpy(float) * share).astype(np.int64).clip(1)
        table.loc[child, unborn] = earlier
        table.loc[parent, unborn] -= earlier
    return table


def deprivation(world: World) -> np.ndarray:
    """Poverty of each municipality, standardised, shape (N,)."""
    poverty = world.municipalities["poverty"].to_numpy(float)
    return np.asarray((poverty - poverty.mean()) / poverty.std())


def marginalization(world: World, year: int) -> pd.DataFrame:
    """CONAPO's table of a year: nine components, index, grade and normalised index, in its own column names."""
    rng = generator(world, "marginalization")
    level = deprivation(world)
    noise = {name: rng.normal(0, spread, len(level)) for name, (_, _, spread) in COMPONENTS.items()}
    kept = people_of_census(world, year)
    values = {
        name: 100 / (1 + np.exp(-(base + _EASING[year] + loading * level + noise[name])))
        for name, (base, loading, _) in COMPONENTS.items()
    }
    parts = pd.DataFrame(values).iloc[kept.index]
    normalised = 1 - 1.2 * parts.drop(columns="PL.5000").mean(axis=1) / 100
    cuts = np.quantile(normalised, _GRADE_SHARES)
    grades = np.array(_GRADES)[np.searchsorted(cuts, normalised)]
    index = normalised / _LARGEST_INDEX[year]
    computed = pd.DataFrame({f"IM_{year}": index, f"GM_{year}": grades, f"IMN_{year}": normalised})
    return pd.concat([kept, parts, computed], axis=1)


def indicators(world: World) -> pd.DataFrame:
    """CONEVAL's deprivations of 2020 by municipality, in per cent and people; none for the three youngest."""
    kept = people_of_census(world, 2020)
    born = pd.to_datetime(world.municipalities.loc[kept.index, "born"])
    unsampled = born.isin(born.dropna().nlargest(3))
    level = deprivation(world)[kept.index]
    rng = generator(world, "coneval")
    people = np.rint(kept["total"] * rng.normal(1.01, 0.02, len(kept))).clip(lower=50)
    table = pd.DataFrame({"cvegeo": kept["cvegeo"], "pob_2020_coneval": people.mask(unsampled)})
    for name, (base, loading) in CONEVAL.items():
        percent = 100 / (1 + np.exp(-(base + loading * level + rng.normal(0, 0.3, len(kept)))))
        table[f"{name}_pct"] = pd.Series(percent, index=kept.index).mask(unsampled)
        table[f"{name}_num"] = np.rint(table[f"{name}_pct"] / 100 * table["pob_2020_coneval"])
    return table.assign(coneval_completo=~unsampled)
