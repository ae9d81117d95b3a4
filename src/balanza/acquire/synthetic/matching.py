"""Matches the latent violence of one seed to published moments of the real file, before any treatment.

Solved for, given the draws of the seed:
- by size class, the spread and mean of permanent levels and the dispersion of single months, so that in 2019 the class
  has the file's rate, its dispersion across municipalities and its variance over mean within the year (in expectation);
- the share of space in permanent levels, so that Moran's I of the log1p rate has the file's mean over four years;
- the share of space in local drift by year, so that it has the file's value in each of them;
- a tilt of the rates of the size classes by year, so that the top 100 have the file's share of the deaths.
Nothing here sees a treatment, so what is matched is unrelated to treatment given the permanent levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from balanza.acquire.synthetic import calibration
from balanza.acquire.synthetic.calibration import in_year, stream
from balanza.acquire.synthetic.geography import geography
from balanza.acquire.synthetic.moments import moran, top_share
from balanza.acquire.synthetic.population import People, population
from balanza.acquire.synthetic.violence import MONTH_WEIGHT, YEAR, Latent

REFERENCE_YEAR = 2019
SATURATION = (0.85, 0.90, 0.88, 0.95, 0.85, 0.90)  # quantile of the score above which levels rise no more: zero shares
WIDEST_SPREAD = 3.0
LEAST_DISPERSION = 0.002
JUDGED = 40  # classes with fewer municipalities than this may miss their dispersion
STEPS = 6  # halvings of the shares of space, between 0 and 1, and of the tilt
STEEPEST_TILT = 0.15  # log points from one size class to the next
SPREAD_STEPS = 20


@dataclass(frozen=True)
class Match:
    """What was solved for; N municipalities, T months.

    level : (N,) permanent log level; alpha : (N,) dispersion of single months
    clustering : (T,) share of space in local drift; tilt : (T,) log points from one size class to the next
    miss : the largest miss of a class's dispersion across municipalities, as a fraction of it
    """

    level: np.ndarray
    clustering: np.ndarray
    tilt: np.ndarray
    alpha: np.ndarray
    miss: float


def match(parts: Latent, seed: int, size: float) -> Match:
    """Solve for what the module names."""
    wanted = calibration.moment_years()
    years, morans = wanted.index.to_numpy(), wanted["moran_log1p_rate"].to_numpy()
    flat, half = np.zeros(len(years)), np.full(len(years), 0.5)

    def moran_of(spatial: float, clustering: np.ndarray) -> np.ndarray:
        people, neighbours = population(size), geography(size).neighbours
        drawn = _deaths_by_year(parts, spatial, clustering, flat, seed, size)
        return np.array([moran(np.log1p(drawn[year] / people.of_year(year) * 1e5), neighbours) for year in drawn])

    def concentration(tilt: np.ndarray) -> np.ndarray:
        drawn = _deaths_by_year(parts, spatial, clustering, tilt, seed, size)
        return np.array([top_share(deaths, top_number(size)) for deaths in drawn.values()])

    mean = np.array([morans.mean()])
    spatial = float(_solve(lambda x: moran_of(float(x[0]), half).mean(keepdims=True), mean)[0])
    clustering = _solve(lambda x: moran_of(spatial, x), morans)
    top = wanted["top100"].to_numpy()
    steep = STEEPEST_TILT * (2 * _solve(lambda x: concentration(STEEPEST_TILT * (2 * x - 1)), top) - 1)
    steep[years == REFERENCE_YEAR] = 0.0
    by_month = np.interp(YEAR, years, clustering)
    level, alpha, miss = _levels(parts, spatial, by_month, population(size))
    return Match(level, by_month, np.interp(YEAR, years, steep), alpha, miss)


def _solve(function: Callable[[np.ndarray], np.ndarray], wanted: np.ndarray) -> np.ndarray:
    """Arguments between 0 and 1 at which increasing functions have the wanted values, all by halving at once."""
    low, high = np.zeros(len(wanted)), np.ones(len(wanted))
    for _ in range(STEPS):
        middle = (low + high) / 2
        short = function(middle) < wanted
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return (low + high) / 2


def top_number(size: float) -> int:
    """How many municipalities of a map of that size stand for the top 100 of the country."""
    return max(1, round(100 * size))


@cache
def national_share(size: float) -> float:
    """The share of the country's people that live on the map of that size."""
    return float(population(size).of_year(REFERENCE_YEAR).sum() / calibration.national_people()[REFERENCE_YEAR])


def scale_to_year(intensity: np.ndarray, year: int, size: float, tilt: float = 0.0) -> np.ndarray:
    """The months of one year scaled so that the country has its homicides and each size class its relative rate.

    Parameters
    ----------
    intensity : array, shape (N, months of that year on hand)
    tilt : float
        Log points that each size class gains on the one below, beside the relative rates of the reference year.
    """
    people = population(size).of_year(year)
    classes = calibration.size_class(population(size).of_year(REFERENCE_YEAR))
    rates = calibration.sizes()["rate"].to_numpy()
    wanted = rates * np.exp(tilt * np.arange(len(rates))) * np.bincount(classes, people, minlength=len(rates))
    wanted *= homicides_of_year(year, size) / wanted.sum()
    have = np.bincount(classes, intensity.sum(axis=1), minlength=len(rates))
    return np.asarray(intensity * (wanted / np.maximum(have, 1e-300))[classes][:, None])


@cache
def homicides_of_year(year: int, size: float) -> float:
    """Expected homicides of the months on hand of a year."""
    weight = MONTH_WEIGHT[in_year(year)].sum() / MONTH_WEIGHT[in_year(REFERENCE_YEAR)].sum()
    return float(calibration.national("homicides")[year] * min(weight, 1.0) * national_share(size))


def _deaths_by_year(
    parts: Latent, spatial: float, clustering: np.ndarray, tilt: np.ndarray, seed: int, size: float
) -> dict[int, np.ndarray]:
    """Deaths in each of the matched years, (N,) each, with one fixed stream of chance."""
    years = [int(year) for year in calibration.moment_years().index]
    level, alpha, _ = _levels(parts, spatial, np.interp(YEAR, years, clustering), population(size))
    random = stream(seed, "matching")
    drawn = {}
    for year, share, slope in zip(years, clustering, tilt, strict=True):
        months = in_year(year)
        intensity = np.exp(parts.moving(np.full(months.sum(), share), months) + level[:, None])
        noise = random.gamma(12 / alpha, alpha / 12)  # the mean of twelve months that are alike
        drawn[year] = random.poisson(scale_to_year(intensity, year, size, slope).sum(axis=1) * noise)
    return drawn


def _levels(
    parts: Latent, spatial: float, clustering: np.ndarray, people: People
) -> tuple[np.ndarray, np.ndarray, float]:
    """Permanent levels and monthly dispersion, each (N,), given the shares of space, and the largest miss."""
    months = in_year(REFERENCE_YEAR)
    moving = np.exp(parts.moving(clustering[months], months))
    score = parts.permanent(spatial)
    here = people.of_year(REFERENCE_YEAR)
    classes = calibration.size_class(here)
    level, alpha = np.zeros(len(score)), np.full(len(score), LEAST_DISPERSION)
    miss, moments = 0.0, calibration.sizes()[["rate", "alpha_across", "var_mean_within"]].to_numpy(float)
    for place, ((rate, across, within), quantile) in enumerate(zip(moments, SATURATION, strict=True)):
        own = classes == place
        if own.any():
            capped = np.minimum(score[own], np.quantile(score[own], quantile))
            expected = here[own] * rate / 1e5
            level[own], alpha[own], missed = _match_class(moving[own], capped, expected, across, within)
            miss = max(miss, missed if own.sum() >= JUDGED else 0.0)
    return level, alpha, miss


def _match_class(
    moving: np.ndarray, score: np.ndarray, expected: np.ndarray, across: float, within: float
) -> tuple[np.ndarray, float, float]:
    """Log level of each municipality, one dispersion and the miss of `across`, for one size class in one year.

    Parameters
    ----------
    moving : array, shape (n, 12)
        Intensity without permanent levels.
    score : array, shape (n,)
    expected : array, shape (n,)
        Deaths of the year at the common rate.
    across, within : float
        Wanted excess variance of yearly counts around `expected`, and wanted variance over mean within the year.
    """
    yearly, squares = moving.sum(axis=1), (moving**2).sum(axis=1)
    centred = score - score.mean()

    def factors(spread: float) -> np.ndarray:
        raw = np.exp(spread * centred)
        return np.asarray(raw * expected.sum() / (raw @ yearly))

    alpha = 0.05
    for _ in range(3):
        low, high = 0.0, WIDEST_SPREAD
        for _ in range(SPREAD_STEPS):
            factor = factors((low + high) / 2)
            excess = ((factor * yearly - expected) ** 2).sum() + alpha * (factor**2 @ squares)
            too_narrow = excess < across * (expected**2).sum()
            low, high = ((low + high) / 2, high) if too_narrow else (low, (low + high) / 2)
        means = factor * yearly / 12
        systematic = (factor**2 * moving.var(axis=1, ddof=1)).sum()
        alpha = ((within - 1) * means.sum() - systematic) / (factor**2 @ squares / 12)
        alpha = max(float(alpha), LEAST_DISPERSION)
    miss = abs(excess / (across * (expected**2).sum()) - 1)
    return np.log(factor), alpha, float(miss)
