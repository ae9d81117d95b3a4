"""The parts of homicide before any treatment: permanent levels, wandering states, local drift, conflict episodes.

log intensity = people + season + conflicts + wandering of the state + local drift + permanent level. What makes it
look like Mexico is matched to published moments in `matching`. All moving parts have the same law for every
municipality of a size and start in their long-run state, so that untreated log rates move in parallel in expectation,
whatever fixed trait treatment is assigned by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.acquire.synthetic import calibration
from balanza.acquire.synthetic.calibration import MONTHS, STATE_CODES, YEARS, stream
from balanza.acquire.synthetic.geography import Geography, geography
from balanza.acquire.synthetic.population import neighbours_mean, population, standardised

# Each constant and the moment it serves (targets: the yearly and by-size moments of the real file).
STATE_SHARE = 0.40  # of the variance of permanent levels: spread of state rates (sd of logs .86 in 2019)
STATE_LOG_SPREAD, CONCENTRATION = 0.75, 0.055  # sd of log rates; sum of squared state shares of homicides in 2019
PLACINGS = 40  # of state levels, of which the one with that concentration is kept
SMOOTHING = 5  # passes over the neighbours in the spatial fields: reach of Moran's I
STATE_WANDER, WANDER_MEMORY = 0.35, 0.985  # yearly log change of states (sd .2 to .3)
STATE_SHOCK, SHOCK_MEMORY = 0.08, 0.66  # autocorrelation of state months at lag 1
LOCAL_DRIFT, DRIFT_MEMORY = 0.55, 0.98  # correlation of a municipality's rates between years
CALM_OF_CITIES = 0.3  # the largest class drifts this much less: variance over mean within years, top 10
CONFLICTS, JUMP, JUMP_SPREAD = 5.0, 1.2, 0.3  # a year in the country; log points: heavy tail, Moran's I of raw rates
CONFLICT_MONTHS = (12, 36)
CONFLICT_REACH = (1.0, 0.7, 0.45)  # in the first place, its neighbours, and theirs; fewer rings on a shrunk map
RESISTANCE_OF_CITIES = 0.5  # the jump is this much smaller in the largest class
TURBULENCE = {2015: 0.65, 2017: 0.9, 2019: 1.0, 2021: 1.3}  # size of moving parts: zeros and top 100 by year
SEASON = np.array([0.94, 0.99, 1.0, 1.0, 1.02, 1.03, 1.0, 1.0, 1.045, 1.0, 1.0, 0.966])  # rate per day, E.5

YEAR = MONTHS.year.to_numpy()
MONTH_WEIGHT = SEASON[MONTHS.month.to_numpy() - 1] * MONTHS.days_in_month.to_numpy()


@dataclass(frozen=True)
class Latent:
    """The parts of log intensity, drawn once per seed; N municipalities, T months.

    state_level, field, own : (N,) permanent parts with unit variance: by state, smooth in space, independent
    fixed : (N, T) log of people and season, and conflicts
    wander : (N, T) the state's moving part
    drift, drift_field : (N, T) local moving part, independent and smooth in space
    """

    state_level: np.ndarray
    field: np.ndarray
    own: np.ndarray
    fixed: np.ndarray
    wander: np.ndarray
    drift: np.ndarray
    drift_field: np.ndarray

    def permanent(self, spatial: float) -> np.ndarray:
        """The score of the permanent level where `spatial` is the share of space in what is not the state's, (N,)."""
        local = np.sqrt(spatial) * self.field + np.sqrt(1 - spatial) * self.own
        return np.asarray(np.sqrt(STATE_SHARE) * self.state_level + np.sqrt(1 - STATE_SHARE) * local)

    def moving(self, clustering: np.ndarray, months: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Log intensity without the permanent level in some months; `clustering` is the share of space in each."""
        drift = np.sqrt(clustering) * self.drift_field[:, months] + np.sqrt(1 - clustering) * self.drift[:, months]
        return np.asarray(self.fixed[:, months] + self.wander[:, months] + drift)


def latent(seed: int, size: float, attempt: int = 0) -> Latent:
    """Draw the parts of log intensity for one seed on the map of that size."""
    map_, people = geography(size), population(size)
    city = calibration.size_class(people.of_year(2019)) / (len(calibration.sizes()) - 1)
    months = len(MONTHS)
    turbulence = np.interp(YEAR, list(TURBULENCE), list(TURBULENCE.values()))
    random = stream(seed, "violence", "permanent")
    moving = stream(seed, "violence", "moving", str(attempt))
    wander = autoregressive(moving, WANDER_MEMORY, STATE_WANDER, (len(STATE_CODES), months))
    wander += autoregressive(moving, SHOCK_MEMORY, STATE_SHOCK, (len(STATE_CODES), months))
    scale = LOCAL_DRIFT * (1 - CALM_OF_CITIES * city)[:, None] * turbulence
    drift = autoregressive(moving, DRIFT_MEMORY, 1.0, (len(map_), months))
    drift_field = _smooth(autoregressive(moving, WANDER_MEMORY, 1.0, (len(map_), months)), map_)
    return Latent(
        state_level=_state_levels(random)[map_.state],
        field=_smooth(random.normal(size=(len(map_), 1)), map_)[:, 0],
        own=random.normal(size=len(map_)),
        fixed=np.log(people.counts[:, YEAR - YEARS[0]] * MONTH_WEIGHT) + _conflicts(seed, map_, city),
        wander=(wander * turbulence)[map_.state],
        drift=drift * scale,
        drift_field=drift_field * scale,
    )


def _state_levels(random: np.random.Generator) -> np.ndarray:
    """Permanent level of each state: normal scores, so placed that homicides are as concentrated as they really are."""
    people = calibration.states()["people_2020"].to_numpy(float)
    best, miss = np.empty(0), np.inf
    for _ in range(PLACINGS):
        levels = random.permutation(normal_scores(len(people)))
        deaths = people * np.exp(STATE_LOG_SPREAD * levels)
        found = abs(float(((deaths / deaths.sum()) ** 2).sum()) - CONCENTRATION)
        if found < miss:
            best, miss = levels, found
    return best


def normal_scores(count: int) -> np.ndarray:
    """Evenly spaced quantiles of the normal distribution, with mean 0 and sd 1, ascending."""
    from scipy.special import ndtri

    return standardised(ndtri((np.arange(count) + 0.5) / count))


def autoregressive(random: np.random.Generator, memory: float, spread: float, shape: tuple[int, int]) -> np.ndarray:
    """Stationary autoregressions of order one along the second axis, with standard deviation `spread`."""
    from scipy.signal import lfilter

    shocks = random.normal(0, spread, shape)
    shocks[:, 1:] *= np.sqrt(1 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], shocks, axis=1))


def _smooth(values: np.ndarray, map_: Geography) -> np.ndarray:
    """Columns averaged with their neighbours' mean again and again, then brought to mean 0 and sd 1 by column."""
    for _ in range(SMOOTHING):
        values = (values + neighbours_mean(values, map_.neighbours)) / 2
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def _conflicts(seed: int, map_: Geography, city: np.ndarray) -> np.ndarray:
    """Log points that conflict episodes add, shape (N, T): each starts anywhere, spreads to two rings, and ends."""
    random = stream(seed, "violence", "conflicts")
    months = len(MONTHS)
    longest = CONFLICT_MONTHS[1]
    share = len(map_) / calibration.states()["municipalities"].sum()
    rings = 1 + round((len(CONFLICT_REACH) - 1) * share**0.5)
    added = np.zeros((len(map_), months))
    for _ in range(random.poisson(CONFLICTS / 12 * (months + longest) * share)):
        ring = {int(random.integers(len(map_)))}
        start, length = int(random.integers(-longest, months)), int(random.integers(*CONFLICT_MONTHS, endpoint=True))
        jump, reached = random.normal(JUMP, JUMP_SPREAD), set[int]()
        for reach in CONFLICT_REACH[:rings]:
            rows = np.array(sorted(ring))
            window = np.s_[rows, max(start, 0) : max(start + length, 0)]
            added[window] = np.maximum(added[window], (jump * reach * (1 - RESISTANCE_OF_CITIES * city[rows]))[:, None])
            reached |= ring
            ring = set(map_.neighbours[np.isin(map_.neighbours[:, 0], rows), 1].tolist()) - reached
    return added
