"""Municipal openings of the Guard: three tiers and three phases of 266 regions, hosts and neighbours inside them.

In each state regions open in an order by the world's selection rule, at the dates at which the opened share of the
state's violence reaches the same fraction in all states: so the openings move no state's total against another's, and
the study of state doses and the study of openings do not disturb each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.baseline import Baseline
from balanza.acquire.synthetic.calibration import in_year, month_position, stream
from balanza.acquire.synthetic.geography import geography
from balanza.acquire.synthetic.population import population, standardised
from balanza.acquire.synthetic.regions import REGIONS, regions, units
from balanza.acquire.synthetic.selection import assignment_score
from balanza.acquire.synthetic.world import Settings

TIERS = (("high", 153), ("medium", 54), ("low", 59))  # design rule of 2019
PHASES = (("2019-07", "2019-12", 150), ("2020-01", "2020-12", 50), ("2021-01", "2021-12", 66))  # 150, 200, 266
TIER_YEAR = 2018
TIER_NOISE = 0.8  # sd of what else than recorded homicide set the tier, in sd of log rates
HOSTS = 0.5  # share of a region's violence where a base is built; elsewhere (and so in some regions) none ever is
DECIDED = pd.Timestamp(PHASES[0][0])


@dataclass(frozen=True)
class Openings:
    """region, tier : (N,); start : (N,) position in MONTHS of the opening, -1 for municipalities without a base."""

    region: np.ndarray
    tier: np.ndarray
    start: np.ndarray


def guard_openings(settings: Settings, base: Baseline) -> Openings:
    """Open the regions of one world."""
    region = regions(settings.size)
    turn = _turns(settings, base, region)
    opened = _calendar(len(turn))[turn]
    host = _hosts(settings, base, region, turn)
    return Openings(region, _tiers(settings, base, region)[region], np.where(host, opened[region], -1))


def _turns(settings: Settings, base: Baseline, region: np.ndarray) -> np.ndarray:
    """At which place in the national order each region opens, from 0."""
    state = np.zeros(int(region.max()) + 1, dtype=int)
    state[region] = geography(settings.size).state
    score = assignment_score(settings, base, region, "regions", DECIDED)
    spot = stream(settings.seed, "openings", "regions").random(len(state))
    reached = _reached(score, np.bincount(region, _violence(settings, base)), state, spot)
    return np.argsort(np.argsort(reached))


def _violence(settings: Settings, base: Baseline) -> np.ndarray:
    """Expected deaths of a year at permanent rates, shape (N,)."""
    return np.asarray(np.exp(base.level) * population(settings.size).of_year(TIER_YEAR))


def _reached(score: np.ndarray, violence: np.ndarray, group: np.ndarray, spot: np.ndarray) -> np.ndarray:
    """Share of its group's violence that lies before each place when places are taken from the highest score down.

    A place's own share counts up to a random spot in it, so that the result is uniform on average in every group.
    """
    order = np.lexsort((-score, group))
    share = (violence / np.bincount(group, violence)[group])[order]
    through = np.cumsum(share)
    start = np.searchsorted(group[order], group[order])
    before = through - share - (through - share)[start]
    reached = np.empty(len(score))
    reached[order] = before + spot[order] * share
    return reached


def _calendar(count: int) -> np.ndarray:
    """Months, as positions in MONTHS and ascending, at which the first, second, ... region opens."""
    edges = np.rint(np.cumsum([0, *(planned for _, _, planned in PHASES)]) * count / REGIONS).astype(int)
    dates = []
    for (begin, end, _), number in zip(PHASES, np.diff(edges), strict=True):
        months = np.arange(month_position(begin), month_position(end) + 1)
        dates.append(months[np.arange(number) * len(months) // max(number, 1)])
    return np.concatenate(dates)


def _tiers(settings: Settings, base: Baseline, region: np.ndarray) -> np.ndarray:
    """Tier of each region, by a noisy score of its homicide rate of 2018."""
    people = np.bincount(region, population(settings.size).of_year(TIER_YEAR))
    rate = np.bincount(region, base.intensity[:, in_year(TIER_YEAR)].sum(axis=1)) / people
    noise = stream(settings.seed, "openings", "tiers").normal(0, TIER_NOISE, len(rate))
    order = np.argsort(-(standardised(np.log(rate)) + noise))
    edges = np.rint(np.cumsum([planned for _, planned in TIERS]) * len(rate) / REGIONS).astype(int)
    tier = np.empty(len(rate), dtype=object)
    for (name, _), part in zip(TIERS, np.split(order, edges[:-1]), strict=True):
        tier[part] = name
    return tier


def _hosts(settings: Settings, base: Baseline, region: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Which municipalities get a base, shape (N,), children as their parents.

    The share HOSTS of each region's violence, from the highest score down; what a region falls short of it, because
    its municipalities are lumps, the state's next region makes up for.
    """
    map_ = geography(settings.size)
    unit = np.unique(units(map_), return_inverse=True)[1]
    home, state = np.zeros((2, int(unit.max()) + 1), dtype=int)
    home[unit], state[unit] = region, map_.state
    violence = np.bincount(unit, _violence(settings, base))
    score = assignment_score(settings, base, unit, "hosts", DECIDED)
    region_mean = np.bincount(state, violence) / np.bincount(state[np.unique(home, return_index=True)[1]])
    wanted = region_mean * stream(settings.seed, "openings", "hosts").uniform(-0.5, 0.5, len(region_mean))
    host = np.zeros(len(home), dtype=bool)
    for place in np.argsort(turn):
        members = np.flatnonzero(home == place)
        here = state[members[0]]
        wanted[here] += HOSTS * violence[members].sum()
        for member in members[np.argsort(-score[members])]:
            host[member] = violence[member] / 2 <= wanted[here]
            wanted[here] -= violence[member] * host[member]
    return np.asarray(host[unit])
