"""Money and work that the world does not hold: prices, workers and wages, federal funds, municipal subsidies."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.calibration import national
from balanza.acquire.synthetic.secondary_violence import by_state, generator
from balanza.acquire.synthetic.world import World
from balanza.places import STATES

# Consumer prices before the series of the calibration, July 2018 = 100 (INEGI, rounded).
_EARLIER = {1981.5: 0.08, 1983: 0.18, 1985: 0.5, 1987: 1.8, 1988: 4.6, 1989: 6.3, 1992: 11.0, 1995: 17.0, 1997: 31.0}
_RICH = {"02": 1.25, "03": 1.3, "05": 1.2, "08": 1.2, "09": 1.3, "19": 1.45, "26": 1.2, "22": 1.15}
_POOR = {"07": 0.6, "12": 0.7, "20": 0.65, "30": 0.8, "21": 0.8, "13": 0.8, "29": 0.8}


def people_of_states(world: World, years: np.ndarray) -> np.ndarray:
    """People by state in some years, shape (32, years); 1990 for years before it."""
    columns = world.population[np.clip(years, 1990, 2040)].to_numpy(float)
    return by_state(world, columns)


def relative_wealth() -> np.ndarray:
    """How rich each state is against the country, shape (32, 1)."""
    return np.array([[(_RICH | _POOR).get(state, 1.0)] for state in STATES])


def prices(dates: pd.DatetimeIndex) -> np.ndarray:
    """Consumer prices at some dates, July 2018 = 100: log-linear between the middles of years."""
    at, level = _price_marks()
    when = dates.year.to_numpy() + (dates.month.to_numpy() - 0.5) / 12
    return np.asarray(np.exp(np.interp(when, at, level)))


@cache
def _price_marks() -> tuple[np.ndarray, np.ndarray]:
    """Times and logs of prices between which lines run; the months of a year have the mean of the calibration."""
    known = national("prices")
    at = np.array([*_EARLIER, *(known.index + 0.5)])
    level = np.log(np.array([*_EARLIER.values(), *known]))
    months = known.index.to_numpy()[:, None] + (np.arange(12) + 0.5) / 12
    for _ in range(20):
        means = np.exp(np.interp(months, at, level)).mean(axis=1)
        level[len(_EARLIER) :] += np.log(known.to_numpy() / means)
    return at, level


def general_prices(months: pd.DatetimeIndex) -> np.ndarray:
    """The general index in some months, season included: the same in every world."""
    return np.asarray(prices(months) * (1 + 0.004 * np.cos(2 * np.pi * (months.month.to_numpy() - 12) / 12)))


def price_indices(world: World) -> pd.DataFrame:
    """The three indices by month, January 1982 to June 2026, in their own column names."""
    months = pd.date_range("1982-01-01", "2026-06-01", freq="MS")
    general = general_prices(months)
    volatile = np.exp(generator(world, "prices").normal(0, 0.003, len(months)).cumsum())
    volatile /= volatile[months.get_loc("2018-07-01")]
    return pd.DataFrame(
        {
            "PERIODO": months.strftime("%Y-%m-%d"),
            "GENERAL": general.round(3),
            "SUBYACENTE": (general * volatile**-0.3).round(3),
            "NO_SUBYACENTE": (general * volatile).round(3),
        }
    )


def workers_and_wages(world: World) -> pd.DataFrame:
    """Workforce, employed and monthly wage by state and quarter, 2010 to the first of 2025.

    The second quarter of 2020 was not surveyed, and one state is missing in another quarter.
    """
    rng = generator(world, "workers")
    quarters = pd.period_range("2010Q1", "2025Q1", freq="Q")
    quarters = quarters[quarters != pd.Period("2020Q2", "Q")]
    shape = (len(STATES), len(quarters))
    people = people_of_states(world, quarters.year.to_numpy())
    workforce = np.rint(people * (0.455 + rng.normal(0, 0.015, (len(STATES), 1)) + rng.normal(0, 0.006, shape)))
    employed = np.rint(workforce * rng.normal(0.955, 0.006, shape).clip(0.9, 0.99))
    real = prices(quarters.to_timestamp()) / 100
    wage = 5000 * real * relative_wealth() * np.exp(rng.normal(0, 0.03, shape))
    table = pd.DataFrame(
        {
            "state": np.repeat(list(STATES), len(quarters)),
            "quarter": np.tile([f"{quarter.year}-Q{quarter.quarter}" for quarter in quarters], len(STATES)),
            "workforce": workforce.astype(int).reshape(-1),
            "employed": employed.astype(int).reshape(-1),
            "wage": wage.reshape(-1),
        }
    )
    unseen = (table["state"] == "28") & (table["quarter"] == "2020-Q3")
    return table[~unseen]


GROUPS = {
    1: "Gobierno",
    2: "Desarrollo Social",
    3: "Desarrollo Económico",
    4: "Otras no Clasificadas en Funciones Anteriores",
}
_GROUP_PESOS = {1: 2500.0, 2: 15000.0, 3: 8000.0, 4: 7500.0}


def public_spending(world: World) -> pd.DataFrame:
    """Federal spending by state, functional group and year, 2013 to 2023: state, group, year, pesos."""
    rng = generator(world, "public spending")
    years = np.arange(2013, 2024)
    real = prices(pd.to_datetime([f"{year}-07-01" for year in years])) / 100
    parts = []
    for group, pesos in _GROUP_PESOS.items():
        level = pesos * np.exp(rng.normal(0, 0.3, (len(STATES), 1))) * np.exp(rng.normal(0, 0.05, (len(STATES), 11)))
        values = people_of_states(world, years) * level * real
        keys = {"state": np.repeat(list(STATES), len(years)), "year": np.tile(years, len(STATES)), "group": group}
        parts.append(pd.DataFrame(keys | {"pesos": values.reshape(-1)}))
    table = pd.concat(parts)
    return table.sort_values(["year", "state", "group"], ignore_index=True)


def fasp(world: World) -> pd.DataFrame:
    """The police fund FASP in pesos by state, 1999 to 2020: a part of the security transfers of the world.

    All of them until 2007, when the municipal subsidies begin, and in Mexico City; three fifths elsewhere after.
    """
    known = world.security_transfers.loc[list(STATES)].astype(float)
    share = generator(world, "fasp").uniform(0.55, 0.65, (len(STATES), 1))
    share = np.where(np.array([[state == "09"] for state in STATES]), 1.0, share)
    later = known.mul(np.where(np.array(known.columns) == 2007, 1.0, share))
    first = later[2007]
    years = range(1999, 2007)
    earlier = pd.DataFrame({year: first * (0.75 + 0.03 * (year - 1999)) for year in years}, index=first.index)
    return pd.concat([earlier, later], axis=1).round()


FUNDS = {
    "r33_faeb": 2500.0,
    "r33_fasa": 610.0,
    "r33_fise": 60.0,
    "r33_fism": 430.0,
    "r33_alimenticio": 72.0,
    "r33_infraeduca": 40.0,
    "r33_edusuperior": 16.0,
    "r33_fortamun": 490.0,
    "r33_edutecnologica": 48.0,
    "r33_fortaestados": 270.0,
}
"""Pesos of July 2018 per head and fund."""


def federal_funds(world: World) -> pd.DataFrame:
    """Funds of Ramo 33 by state and year, 1998 to 2014, millions of pesos; sums follow from their parts.

    Funds that had not begun, that were not given to the Federal District, or that were not published are NaN;
    FASP is zero in the first version of 2014.
    """
    rng = generator(world, "ramo33")
    years = np.arange(1998, 2015)
    real = prices(pd.to_datetime([f"{year}-07-01" for year in years])) / 100 * people_of_states(world, years) / 1e6
    index = pd.MultiIndex.from_product([list(STATES), years], names=["state", "year"])
    table = pd.DataFrame(index=index)
    for fund, pesos in FUNDS.items():
        level = np.exp(rng.normal(0, 0.25, (len(STATES), 1)))
        table[fund] = (pesos * real * level).reshape(-1).round(1)
    year, state = index.get_level_values("year"), index.get_level_values("state")
    police = fasp(world).reindex(columns=years).to_numpy(float) / 1e6
    table["r33_segurid"] = np.where(year == 2014, 0.0, police.reshape(-1).round(1))
    table.loc[year == 1998, ["r33_edutecnologica", "r33_segurid"]] = np.nan
    table.loc[year < 2008, "r33_fortaestados"] = np.nan
    table.loc[state == "09", ["r33_faeb", "r33_fise", "r33_fism", "r33_infraeduca", "r33_edusuperior"]] = np.nan
    table.loc[year == 2014, ["r33_infraeduca", "r33_edusuperior"]] = 0.0
    return table


_PROGRAMMES = {"FORTASEG": (2008, 2020, 0.12, 14e6), "PRONAPRED": (2013, 2016, 0.03, 28e6)}


def municipal_spending(world: World) -> pd.DataFrame:
    """Prevention spending of the largest municipalities by year and programme: cvegeo, year, programme, pesos."""
    rng = generator(world, "spending")
    people = world.population[2010].to_numpy(float)
    codes = world.municipalities["cvegeo"].to_numpy()
    ranked = np.argsort(-people, kind="stable")
    parts = []
    for programme, (first, last, share, pesos) in _PROGRAMMES.items():
        chosen = np.sort(ranked[: max(1, round(share * len(codes)))])
        size = np.sqrt(people[chosen] / people[chosen].mean())
        for year in range(first, last + 1):
            spent = np.rint(pesos * size * rng.normal(1, 0.05, len(chosen)).clip(0.5))
            parts.append(pd.DataFrame({"cvegeo": codes[chosen], "year": year, "programme": programme, "pesos": spent}))
    table = pd.concat(parts).astype({"pesos": np.int64})
    return table.sort_values(["cvegeo", "year", "programme"], ignore_index=True)
