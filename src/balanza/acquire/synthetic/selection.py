"""How assignment looks at violence: a score for places, by the selection rule of the world."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.baseline import Baseline
from balanza.acquire.synthetic.calibration import in_year, month_position, stream
from balanza.acquire.synthetic.matching import REFERENCE_YEAR
from balanza.acquire.synthetic.population import population, standardised
from balanza.acquire.synthetic.violence import normal_scores
from balanza.acquire.synthetic.world import Settings

WITH_LAST_RATE = 0.57  # rule `level`: correlation of the score with the last full year's log rate (Spearman about .5)
WITH_RISE = 0.6  # rule `dip`: correlation of the score with the rise
LARGEST = 0.9  # no rule leaves less to chance than this
RECENT, BEFORE = 12, 36  # months that make a rise: the mean of the last ones against the mean of those before


def assignment_score(
    settings: Settings, base: Baseline, place: np.ndarray, name: str, date: pd.Timestamp
) -> np.ndarray:
    """A score with mean 0 and sd 1 for each place; the highest are treated first or most.

    Parameters
    ----------
    settings : Settings
    base : Baseline
    place : array of int, shape (N,)
        Place (state, region, unit) that each municipality belongs to, numbered without gaps.
    name : str
        Of the treatment, for its own random draws.
    date : Timestamp
        When the decision is taken; later months are not looked at.

    Notes
    -----
    The noise is uncorrelated in the sample with what the rule looks at, and under `level` with the last full year's
    rate too, so that the strength of selection is the same for all seeds. That year's deviation from the permanent
    level is thereby balanced, not selected on.
    """
    random = stream(settings.seed, "assignment", name)
    noise = random.normal(size=int(place.max()) + 1)
    if settings.selection == "none":
        return standardised(noise)
    if settings.selection == "dip":
        seen = standardised(_rise(base, place, date))
        return _mixed(seen, noise, WITH_RISE)
    seen = _ranked(_level(base, place, settings.size))
    last = _ranked(_last_rate(base, place, date, settings.size))
    deviation = _residual(last, seen)
    weight = WITH_LAST_RATE / np.corrcoef(seen, last)[0, 1]
    return _mixed(seen, _residual(noise, deviation), float(np.clip(weight, 0, LARGEST)))


def _mixed(seen: np.ndarray, noise: np.ndarray, weight: float) -> np.ndarray:
    """A score whose correlation with `seen` is `weight`."""
    return np.asarray(weight * seen + np.sqrt(1 - weight**2) * standardised(_residual(noise, seen)))


def _ranked(values: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks."""
    return normal_scores(len(values))[np.argsort(np.argsort(values))]


def _residual(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """What a straight line in `of` leaves of `values`."""
    centred = of - of.mean()
    return np.asarray(values - values.mean() - centred * (centred @ values) / (centred @ centred))


def _level(base: Baseline, place: np.ndarray, size: float) -> np.ndarray:
    """Log of the permanent rate of each place: what no month and no treatment can move."""
    people = population(size).of_year(REFERENCE_YEAR)
    return np.asarray(np.log(np.bincount(place, np.exp(base.level) * people) / np.bincount(place, people)))


def _last_rate(base: Baseline, place: np.ndarray, date: pd.Timestamp, size: float) -> np.ndarray:
    """Log of the rate of each place in the last full year before the decision."""
    year = date.year - 1
    deaths = np.bincount(place, base.intensity[:, in_year(year)].sum(axis=1))
    return np.asarray(np.log(deaths / np.bincount(place, population(size).of_year(year))))


def _rise(base: Baseline, place: np.ndarray, date: pd.Timestamp) -> np.ndarray:
    """Log of the expected deaths of the last months less the log of those of the months before them."""
    end = month_position(date)
    recent = np.bincount(place, base.intensity[:, end - RECENT : end].mean(axis=1))
    before = np.bincount(place, base.intensity[:, end - BEFORE : end - RECENT].mean(axis=1))
    return np.asarray(np.log(recent / before))
