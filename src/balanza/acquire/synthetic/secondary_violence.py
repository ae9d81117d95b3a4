"""Violence that the world does not hold: deaths by registration, and the prosecutors' files by place and crime.

Registration follows occurrence with a lag (domain: 5 to 8 per cent arrive in the next year's file). The files of a
state are a share of its victims (INEGI's deaths are 1.1 to 1.34 times the files), and its municipalities share them by
their deaths, so that whatever moves the recording of a state moves its municipal files too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.crimes import CULPABLE, FEMICIDE, HOMICIDE, KIDNAPPING, Crime
from balanza.acquire.synthetic.world import World
from balanza.places import STATES
from balanza.provenance import derive_seed

FIRST_REGISTERED, LAST_REGISTERED = 1990, 2021
FIRST_FILE = pd.Timestamp("2015-01-01")
RESIDUAL = {"09": 998, "14": 998, "20": 999, "22": 998, "26": 999, "30": 998}
"""States that keep files of unspecified municipalities, and the number they keep them under."""

OAXACA_ZEROS = (
    *(pd.Timestamp(2015, month, 1) for month in (1, 3, 4, 6, 7, 9, 10, 12)),
    pd.Timestamp("2016-10-01"),
)
"""Months that Oaxaca never reported, and that are stored as zero."""

# National homicides by year of registration, INEGI, 1990 to 2000.
_NATIONAL = np.array([14493, 15128, 16594, 16040, 15839, 15612, 14505, 13552, 13656, 12249, 10737])
# Shares of deaths registered so many months after they occurred.
_LAGS = {0: 0.8, 1: 0.12, 2: 0.03, 4: 0.02, 8: 0.015, 13: 0.015}
_UNSPECIFIED_SHARE = 0.004
_WEIGHT_OF_PEOPLE = 300  # deaths of the whole country that files are shared by people and not by deaths
_FILES_PER_VICTIM = {HOMICIDE: (0.82, 0.94), CULPABLE: (0.82, 0.92)}


def generator(world: World, *names: str) -> np.random.Generator:
    """The random generator of one secondary series: the same whatever else is written."""
    return np.random.default_rng(derive_seed(world.settings.seed, "secondary", *names))


def states_of(world: World) -> np.ndarray:
    """The position of each municipality's state among the 32, shape (N,)."""
    return np.asarray(pd.Index(STATES).get_indexer(pd.Index(world.municipalities["state"])))


def by_state(world: World, counts: np.ndarray) -> np.ndarray:
    """Municipal counts summed over the states, shape (32, ...)."""
    sums = np.zeros((len(STATES), *counts.shape[1:]), counts.dtype)
    np.add.at(sums, states_of(world), counts)
    return sums


def merged_after(world: World, counts: np.ndarray, date: pd.Timestamp) -> tuple[pd.DataFrame, np.ndarray]:
    """Municipalities born until a date, and counts in which later ones are still part of their parents."""
    frame = world.municipalities
    kept = ~(pd.to_datetime(frame["born"]) > date).to_numpy()
    positions = pd.Series(np.arange(len(frame)), index=frame["cvegeo"])
    into = np.where(kept, np.arange(len(frame)), positions.reindex(frame["parent"]).fillna(-1).to_numpy()).astype(int)
    merged = np.zeros_like(counts)
    np.add.at(merged, into, counts)
    return frame[kept], merged[kept]


@dataclass(frozen=True)
class Registered:
    """Homicides by month of registration, 1990 to 2021.

    municipal : shape (N, 384)
    unspecified : shape (32, 384), deaths in a state whose municipality is not known
    abroad : shape (2, 384), in the United States and elsewhere in Latin America
    nowhere : shape (32,), a year's deaths of which not even the state is known
    """

    municipal: np.ndarray
    unspecified: np.ndarray
    abroad: np.ndarray
    nowhere: np.ndarray

    def year(self, year: int) -> slice:
        """The columns of a year."""
        start = 12 * (year - FIRST_REGISTERED)
        return slice(start, start + 12)

    def yearly(self, counts: np.ndarray) -> np.ndarray:
        """Monthly counts summed by year, shape (..., 32)."""
        return np.asarray(counts.reshape(counts.shape[0], -1, 12).sum(axis=2))


def registered(world: World) -> Registered:
    """Homicides by registration: deaths of the years before the world from its first rates and the national path."""
    rng = generator(world, "registered")
    last = int((world.months.year <= LAST_REGISTERED).sum())
    occurred = np.concatenate([_before(world, rng), world.homicides[:, :last]], axis=1)
    municipal = np.zeros_like(occurred)
    waiting, unsettled = occurred.copy(), 1.0
    for lag, share in _LAGS.items():
        arrived = rng.binomial(waiting, min(1.0, share / unsettled))
        waiting, unsettled = waiting - arrived, unsettled - share
        municipal[:, lag:] += arrived[:, : occurred.shape[1] - lag]
    states = by_state(world, municipal)
    years = np.arange(FIRST_REGISTERED, LAST_REGISTERED + 1)
    total = states.sum() / len(years)
    abroad = np.where(np.repeat(years, 12) < 2004, total * np.array([[4e-4], [1e-5]]), total * 5e-6)
    nowhere = np.where(years >= 2017, rng.poisson(total * 0.03, len(years)), 0)
    return Registered(municipal, rng.poisson(_UNSPECIFIED_SHARE * states), rng.poisson(abroad), nowhere)


def _before(world: World, rng: np.random.Generator) -> np.ndarray:
    """Deaths of 1990 to 1999 by municipality and month, shape (N, 120)."""
    people = world.population[2000].to_numpy(float)
    first = world.homicides[:, :36].sum(axis=1)
    expected = first.sum() * people / people.sum()
    rate = (first + expected / 4) / (36 * 1.25) * (people > 0)
    path = np.repeat(_NATIONAL[:-1] / _NATIONAL[-1], 12)
    return np.asarray(rng.poisson(rate[:, None] * path))


@dataclass(frozen=True)
class Files:
    """The prosecutors' files from January 2015 on, T months.

    months : T month starts
    state : by subtype (both homicides, femicide, kidnapping), shape (32, T)
    municipal : by subtype, shape (N, T)
    residual : by subtype, files of unspecified municipalities, shape (32, T)
    """

    months: pd.DatetimeIndex
    state: dict[str, np.ndarray]
    municipal: dict[str, np.ndarray]
    residual: dict[str, np.ndarray]


def files(world: World) -> Files:
    """The files of the crimes that the world simulates, Oaxaca's gaps included."""
    rng = generator(world, "files")
    since = world.months >= FIRST_FILE
    months = world.months[since]
    here = reported(months)[states_of(world)]
    municipal, residual = {}, {}
    for subtype, (low, high) in _FILES_PER_VICTIM.items():
        share = rng.uniform(low, high, (len(STATES), 1))
        opened = rng.binomial(victims(world, subtype, months), share)
        residual[subtype] = rng.binomial(opened, _residual_share())
        municipal[subtype] = _shared(world, opened - residual[subtype], since, rng)
    for subtype, counts in {FEMICIDE: world.feminicides, KIDNAPPING: world.kidnappings}.items():
        municipal[subtype] = counts[:, since] * here
        residual[subtype] = np.zeros((len(STATES), len(months)), np.int64)
    residual[KIDNAPPING][list(STATES).index("14")] = rng.poisson(0.05, len(months))
    state = {subtype: by_state(world, counts) + residual[subtype] for subtype, counts in municipal.items()}
    return Files(months, state, municipal, residual)


def _residual_share() -> np.ndarray:
    return np.array([[0.01 if state in RESIDUAL else 0.0] for state in STATES])


def _shared(world: World, opened: np.ndarray, since: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A state's files over its municipalities, by their deaths of the month and a little by their people."""
    people = world.population[2020].to_numpy(float)
    weight = world.homicides[:, since] + _WEIGHT_OF_PEOPLE * (people / people.sum())[:, None]
    weight = np.where(_born(world)[:, since], weight, 0.0)
    shared = np.zeros(weight.shape, dtype=np.int64)
    places = states_of(world)
    for state in range(len(STATES)):
        rows = np.flatnonzero(places == state)
        if len(rows):
            parts = weight[rows] / weight[rows].sum(axis=0)
            shared[rows] = rng.multinomial(opened[state], parts.T).T
    return shared


def _born(world: World) -> np.ndarray:
    """Whether a municipality exists in a month, shape (N, T)."""
    born = pd.to_datetime(world.municipalities["born"]).fillna(world.months[0])
    return np.asarray(world.months.to_numpy()[None, :] >= born.to_numpy()[:, None])


def victims(world: World, subtype: str, months: pd.DatetimeIndex) -> np.ndarray:
    """The world's victims of a subtype of crime as recorded, shape (32, T); zero where it has none."""
    rows = world.victims[world.victims["subtype"] == subtype]
    table = rows.pivot_table(index="state", columns="period", values="count", aggfunc="sum", observed=True)
    counts = table.reindex(index=list(STATES), columns=months).fillna(0).to_numpy(np.int64)
    return np.asarray(counts * reported(months))


def reported(months: pd.DatetimeIndex) -> np.ndarray:
    """1 where a state reported a month and 0 where it is stored as zero, shape (32, T)."""
    table = np.ones((len(STATES), len(months)), dtype=np.int64)
    table[list(STATES).index("20"), months.isin(OAXACA_ZEROS)] = 0
    return table


def simulated(world: World) -> frozenset[str]:
    """The subtypes of crime whose victims the world holds."""
    return frozenset(world.victims["subtype"].unique())


def other_crime(world: World, crime: Crime, months: pd.DatetimeIndex, unit: str) -> np.ndarray:
    """A crime that the world does not simulate: Poisson around a rate of its own by state, shape (32, T)."""
    rng = generator(world, "crime", unit, crime.subtype)
    people = by_state(world, np.stack([world.population[year].to_numpy(float) for year in months.year], axis=1))
    level = np.exp(rng.normal(0, 0.35, (len(STATES), 1)))
    drift = np.exp(rng.normal(0, 0.02, (len(STATES), len(months))).cumsum(axis=1))
    return np.asarray(rng.poisson(crime.rate / 12e5 * people * level * drift) * reported(months))
