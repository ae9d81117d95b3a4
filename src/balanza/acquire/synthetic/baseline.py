"""Homicide intensities without treatment, and the uniform draws that turn intensities into deaths.

The same draws serve every flavour, so that two flavours of one seed differ only by the effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from balanza.acquire.synthetic import calibration
from balanza.acquire.synthetic.calibration import MONTHS, in_year, stream
from balanza.acquire.synthetic.geography import geography
from balanza.acquire.synthetic.matching import (
    REFERENCE_YEAR,
    Match,
    homicides_of_year,
    match,
    scale_to_year,
    top_number,
)
from balanza.acquire.synthetic.moments import size_moments, top_share, year_moments
from balanza.acquire.synthetic.population import population
from balanza.acquire.synthetic.violence import YEAR, Latent, latent

ATTEMPTS, WORST_MISS = 8, 0.08
DRAWS = 24  # of the noise of a matched year; see `_matched_noise`


@dataclass(frozen=True)
class Baseline:
    """level : (N,) permanent log level of the rate; intensity : (N, T) expected deaths; uniform : (N, T) in (0, 1)."""

    level: np.ndarray
    intensity: np.ndarray
    uniform: np.ndarray


@lru_cache(maxsize=2)
def baseline(seed: int, size: float) -> Baseline:
    """Intensities of all months, with the noise of single months, before any treatment."""
    parts, found = _matched(seed, size)
    smooth = np.exp(parts.moving(found.clustering) + found.level[:, None])
    shape = (1 / found.alpha)[:, None]
    noise = stream(seed, "noise", "gamma").gamma(shape, 1 / shape, smooth.shape)
    uniform = stream(seed, "noise", "uniform").random(smooth.shape)
    intensity = np.empty_like(smooth)
    for year in np.unique(YEAR).tolist():
        months = in_year(year)
        tilt = float(found.tilt[months][0])
        if year in calibration.moment_years().index:
            noise[:, months], uniform[:, months] = _matched_noise(smooth[:, months], shape, year, tilt, seed, size)
        intensity[:, months] = scale_to_year(smooth[:, months] * noise[:, months], year, size, tilt)
    return Baseline(found.level, intensity, uniform)


def _matched(seed: int, size: float) -> tuple[Latent, Match]:
    """Draw the parts until they can be matched: now and then moving parts alone are wilder than the real dispersion."""
    for attempt in range(ATTEMPTS):
        parts = latent(seed, size, attempt)
        found = match(parts, seed, size)
        if found.miss < WORST_MISS:
            break
    return parts, found


def deaths(intensity: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Poisson counts by inversion: the smallest count whose distribution function reaches `uniform`."""
    from scipy.special import pdtr, pdtrik

    count = np.maximum(np.ceil(pdtrik(uniform, intensity)), 0)
    below = np.maximum(count - 1, 0)
    return np.asarray(np.where((count > 0) & (pdtr(below, intensity) >= uniform), below, count), dtype=np.int64)


def to_national_path(intensity: np.ndarray, size: float) -> np.ndarray:
    """Intensities, effects included, scaled so that each year has the country's expected homicides.

    One factor a year for all municipalities: on the log scale it is a period effect, and leaves every effect as it is.
    """
    years = np.unique(YEAR).tolist()
    factor = np.array([homicides_of_year(year, size) / intensity[:, in_year(year)].sum() for year in years])
    return np.asarray(intensity * factor[YEAR - MONTHS[0].year])


def _matched_noise(
    smooth: np.ndarray, shape: np.ndarray, year: int, tilt: float, seed: int, size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Gamma noise and uniforms of a year with published moments, each (N, 12): the best of some draws.

    The smallest class has 300 deaths a year and the largest 50 cities, so that chance alone moves their dispersion by
    a third; and it moves Moran's I by a third of its tolerance. In the reference year each size class takes the draw
    that comes closest to its dispersion; in the others the country takes the one that comes closest to its moments.
    """
    classes = calibration.size_class(population(size).of_year(REFERENCE_YEAR))
    miss = np.full(int(classes.max()) + 1, np.inf)
    random = stream(seed, "noise", str(year))
    best_noise, best_uniform = np.empty_like(smooth), np.empty_like(smooth)
    for _ in range(DRAWS):
        noise, uniform = random.gamma(shape, 1 / shape, smooth.shape), random.random(smooth.shape)
        counts = deaths(scale_to_year(smooth * noise, year, size, tilt), uniform)
        found = _class_misses(counts, size) if year == REFERENCE_YEAR else np.full(len(miss), _miss(counts, year, size))
        better = (found[: len(miss)] < miss)[classes]
        miss = np.minimum(miss, found[: len(miss)])
        best_noise[better], best_uniform[better] = noise[better], uniform[better]
    return best_noise, best_uniform


def _class_misses(counts: np.ndarray, size: float) -> np.ndarray:
    """How far each size class is from its dispersion in the reference year, as a fraction of it."""
    wanted = calibration.sizes()[["alpha_across", "var_mean_within"]].to_numpy()
    found = size_moments(counts, population(size).of_year(REFERENCE_YEAR))
    got = np.array([(row.nb_alpha_across, row.var_mean_within) for row in found])
    return np.asarray(np.nan_to_num(np.abs(got / wanted - 1).max(axis=1), nan=np.finfo(float).max))


def _miss(counts: np.ndarray, year: int, size: float) -> float:
    """How far the country is from its moments of a year, in units of what may be missed."""
    wanted = calibration.moment_years().loc[year]
    found = year_moments(counts, population(size).of_year(year), geography(size).neighbours)
    top = top_share(counts.sum(axis=1), top_number(size))
    misses = (
        abs(found.total / homicides_of_year(year, size) - 1) / 0.02,
        abs(found.zero_month - wanted["zero_month"]) / 0.02,
        abs(top - wanted["top100"]) / 0.04,
        abs(found.moran_log1p_rate - wanted["moran_log1p_rate"]) / 0.05,
    )
    return float(max(misses))
