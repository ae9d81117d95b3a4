"""The synthetic Mexico against the moments of the real monthly file of homicides.

Targets are the figures of the calibration tables (years.csv, sizes.csv): computed from the public file of homicides by
municipality and month, 2000 to 2021, with CONAPO's population. The tolerances are those that the project promises.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from balanza.acquire.synthetic.geography import geography
from balanza.acquire.synthetic.moments import SizeMoments, YearMoments, size_moments, year_moments
from balanza.acquire.synthetic.simulate import simulate
from balanza.acquire.synthetic.world import Settings, World

# zero share of municipality-months, share of the top 100, Moran's I of the log1p rate, homicides a year
TARGETS = {
    2015: (0.7934, 0.5768, 0.3013, 20262),
    2017: (0.7568, 0.6134, 0.3524, 31712),
    2019: (0.7484, 0.6252, 0.3454, 35188),
    2021: (0.7675, 0.6472, 0.3896, 33626),
}
# negative binomial alpha across municipalities, variance over mean within, 2019, smallest municipalities first
DISPERSION = ((4.0203, 2.0021), (1.4489, 1.5277), (1.3873, 1.7803), (1.3942, 2.6094), (0.9678, 2.611), (1.0645, 3.2503))
SEEDS = [20190701, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3, 4, 5))]
seeds = pytest.mark.parametrize("seed", SEEDS)


@cache
def world(seed: int) -> World:
    return simulate(Settings("beneficial", "level", seed))


def counts_of(found: World, year: int) -> tuple[np.ndarray, np.ndarray]:
    """Deaths by municipality and month of a year, and its people."""
    return found.homicides[:, found.months.year == year], found.population[year].to_numpy()


def moments_of(seed: int, year: int) -> YearMoments:
    return year_moments(*counts_of(world(seed), year), geography(1.0).neighbours)


@seeds
@pytest.mark.parametrize("year", TARGETS)
def test_zeros_concentration_space_and_national_path(year: int, seed: int) -> None:
    found, (zeros, top, moran, total) = moments_of(seed, year), TARGETS[year]
    assert abs(found.zero_month - zeros) < 0.02
    assert abs(found.top100 - top) < 0.04
    assert abs(found.moran_log1p_rate - moran) < 0.05
    assert abs(found.total / total - 1) < 0.02


@seeds
def test_dispersion_by_size(seed: int) -> None:
    found: list[SizeMoments] = size_moments(*counts_of(world(seed), 2019))
    for moments, (across, within) in zip(found, DISPERSION, strict=True):
        assert abs(moments.nb_alpha_across / across - 1) < 0.25
        assert abs(moments.var_mean_within / within - 1) < 0.25


@seeds
def test_the_guard_goes_where_violence_was(seed: int) -> None:
    found = world(seed)
    state = found.municipalities["state"]
    deaths = pd.Series(counts_of(found, 2018)[0].sum(axis=1)).groupby(state).sum()
    people = found.population.groupby(state.to_numpy()).sum()
    dose = found.guard_elements.iloc[:, -1] / people[2021]
    assert abs(spearmanr(dose, deaths / people[2018]).statistic - 0.5) < 0.15
