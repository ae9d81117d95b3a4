"""People and poverty of the synthetic municipalities.

Sizes follow the distribution of municipalities in 2019 by size class (heavier above than the log-normal of log mean
9.51 and log sd 1.59), the states their people of 2020, and the country its path of 1990 to 2040 (CONAPO, base 2020).
Like the official file, all municipalities have people in all years, whether born then or not. The same for every seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from balanza.acquire.synthetic import calibration
from balanza.acquire.synthetic.calibration import STATE_CODES, YEARS, stream
from balanza.acquire.synthetic.geography import Geography, geography

BASE_YEAR = 2020
METROPOLIS = 1.5  # pull of the state's capital on the score of size, fading within 0.3 degrees
CHILD = 2.0  # how far below its parent a municipality born later stands in the score of size
NEIGHBOURHOOD = 0.8  # weight of the neighbours' mean in the score of size
STATE_GROWTH, OWN_GROWTH, SIZE_GROWTH = 0.006, 0.009, 0.005  # yearly, sd and slope; CONAPO 2000-2020
RURALITY, SOUTH = 0.6, 0.5  # what poverty is made of; the rest is noise


@dataclass(frozen=True)
class People:
    """counts : (N, len(YEARS)) people in the middle of the year; poverty : (N,) score with mean 0 and sd 1."""

    counts: np.ndarray
    poverty: np.ndarray

    def of_year(self, year: int) -> np.ndarray:
        """People of one year, shape (N,)."""
        return np.asarray(self.counts[:, year - YEARS[0]])


@cache
def population(size: float = 1.0) -> People:
    """People by municipality and year on the map of that size.

    The country and its states have `size` times their people, so that states weigh as they really do.
    """
    map_ = geography(size)
    random = stream(0, "population")
    base = _sizes_of_base_year(map_, size, random)
    growth = (
        random.normal(0, STATE_GROWTH, len(STATE_CODES))[map_.state]
        + random.normal(0, OWN_GROWTH, len(map_))
        + SIZE_GROWTH * standardised(np.log(base))
    )
    years = np.array(YEARS) - BASE_YEAR
    paths = base[:, None] * np.exp(growth[:, None] * np.where(years > 0, years / 2, years))
    paths *= size * calibration.national_people().to_numpy() / paths.sum(axis=0)
    poverty = -RURALITY * standardised(np.log(base)) - SOUTH * standardised(map_.points[:, 1])
    poverty += random.normal(0, 0.6, len(map_))
    return People(np.maximum(np.rint(paths), 1).astype(np.int64), standardised(poverty))


def standardised(values: np.ndarray) -> np.ndarray:
    """Values less their mean, divided by their standard deviation."""
    return np.asarray((values - values.mean()) / values.std())


def neighbours_mean(values: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """The mean of each unit's neighbours, column by column; its own value where it has none."""
    from scipy.sparse import coo_matrix, diags

    n = len(values)
    count = np.bincount(neighbours[:, 0], minlength=n)
    weights = coo_matrix((np.ones(len(neighbours)), neighbours.T), shape=(n, n)) + diags((count == 0).astype(float))
    return np.asarray((diags(1 / np.maximum(count, 1)) @ weights.tocsr()) @ values)


def _sizes_of_base_year(map_: Geography, size: float, random: np.random.Generator) -> np.ndarray:
    """People in 2020: the national distribution by rank of a score, whose state means give each state its people."""
    noise = random.normal(size=len(map_))
    smooth = neighbours_mean(noise, map_.neighbours)
    anchors = calibration.anchors().groupby("state")[["lon", "lat"]].first().loc[list(STATE_CODES)].to_numpy()
    from_capital = np.hypot(*(map_.points - anchors[map_.state]).T)
    own = standardised(noise + NEIGHBOURHOOD * smooth + METROPOLIS * np.exp(-from_capital / 0.3))
    children = np.flatnonzero(map_.parent != "")
    own[children] = own[np.searchsorted(map_.codes, map_.parent[children])] - CHILD
    count = np.bincount(map_.state, minlength=len(STATE_CODES))
    wanted = calibration.states()["people_2020"].to_numpy(float)
    wanted *= size * calibration.national_people()[BASE_YEAR] / wanted.sum()
    sizes = size_quantiles((np.arange(len(map_)) + 0.5) / len(map_))
    level = np.log(wanted / count)
    for _ in range(60):
        score = level[map_.state] + own
        people = sizes[np.argsort(np.argsort(score))]
        level += 0.3 * np.log(wanted / np.bincount(map_.state, people))
    return np.asarray(people * (wanted / np.bincount(map_.state, people))[map_.state])


def size_quantiles(probability: np.ndarray) -> np.ndarray:
    """People of a municipality at each quantile of the national distribution (knots: size classes of 2019, and E.3)."""
    from scipy.interpolate import PchipInterpolator
    from scipy.special import ndtri

    table = calibration.sizes()
    share, people = table["share"].cumsum().to_numpy()[:-1], table["high"].to_numpy()[:-1]
    share = np.concatenate([[0.0002, 0.05], share, [0.99, 0.9998]])
    people = np.concatenate([[100, 1_002], people, [788_299, 1_820_000]])
    curve = PchipInterpolator(ndtri(share), np.log(people))
    return np.asarray(np.exp(curve(np.clip(ndtri(probability), *ndtri(share[[0, -1]])))))
