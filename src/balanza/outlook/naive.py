"""The forecasts that any other must beat: seasonal-naive and drift, as joint draws.

After Hyndman and Athanasopoulos (2021), "Forecasting: Principles and Practice", 3rd edition, 5.2 and 5.5, with errors
drawn from the past instead of a normal law: all states of a month together, so that national sums keep their spread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
YEAR = 12


def fill(counts: Floats) -> Floats:
    """Months that were not reported, on the line between their neighbours; shape (n_months, n_states)."""
    out = counts.copy()
    time = np.arange(len(out))
    for column in out.T:
        gone = np.isnan(column)
        column[gone] = np.interp(time[gone], time[~gone], column[~gone])
    return out


def seasonal_naive(counts: Floats, horizon: int, draws: int, rng: np.random.Generator) -> Floats:
    """The same month of the last year, and the errors that this made in the past, added up year by year.

    Parameters
    ----------
    counts : ndarray, shape (n_months, n_states)
        More than a year.
    horizon, draws : int
    rng : Generator

    Returns
    -------
    ndarray, shape (draws, horizon, n_states)
        Never negative.
    """
    known = fill(counts)
    errors = known[YEAR:] - known[:-YEAR]
    errors = errors - errors.mean(axis=0)
    years = -(-horizon // YEAR)
    drawn = errors[rng.integers(0, len(errors), (draws, years, YEAR))].cumsum(axis=1)
    paths = (known[-YEAR:] + drawn).reshape(draws, years * YEAR, -1)
    return np.asarray(np.maximum(paths[:, :horizon], 0.0))


def drift(counts: Floats, horizon: int, draws: int, rng: np.random.Generator) -> Floats:
    """The last month, the mean change of the past, and changes around it; the mean change is uncertain too.

    Parameters and what is returned are as in `seasonal_naive`.
    """
    known = fill(counts)
    changes = np.diff(known, axis=0)
    mean = changes.mean(axis=0)
    steps = (changes - mean)[rng.integers(0, len(changes), (draws, horizon))].cumsum(axis=1)
    unsure = changes.std(axis=0) / np.sqrt(len(changes)) * rng.standard_normal((draws, 1, 1))
    ahead = np.arange(1, horizon + 1)[:, None]
    return np.asarray(np.maximum(known[-1] + ahead * (mean + unsure) + steps, 0.0))
