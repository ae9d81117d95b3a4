"""How good a forecast by draws was: the continuous ranked probability score, and the coverage of its intervals.

After Gneiting and Raftery (2007), "Strictly Proper Scoring Rules, Prediction, and Estimation", JASA 102. The score of
draws x_1..x_n against y is mean |x_i - y| - sum |x_i - x_j| / (2 n^2), in the unit of the counts; less is better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LEVELS = (0.5, 0.8, 0.95)


def crps(draws: ArrayLike, values: ArrayLike) -> Floats:
    """The score of each value.

    Parameters
    ----------
    draws : array, shape (n_draws, ...)
    values : array, shape (...)
        NaN gives NaN.

    Returns
    -------
    ndarray, shape (...)

    Raises
    ------
    ValueError
        If there are no draws, or a draw is not finite.
    """
    sample, truth = np.sort(np.asarray(draws, float), axis=0), np.asarray(values, float)
    n = len(sample)
    if n == 0 or not np.isfinite(sample).all():
        raise ValueError("draws must be finite, and one at least")
    weights = (2 * np.arange(1, n + 1) - n - 1.0) / n**2
    apart = np.tensordot(weights, sample, axes=1)
    return np.asarray(np.abs(sample - truth).mean(axis=0) - apart)


def bounds(draws: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """The ends of the central interval: order statistics, so that those of counts are counts.

    Parameters
    ----------
    draws : array, shape (n_draws, ...)
    level : float

    Returns
    -------
    low, high : ndarray, shape (...)
    """
    tail = round((1 - level) / 2, 12)  # so that a whole rank stays whole
    sample = np.asarray(draws, float)
    low = np.quantile(sample, tail, axis=0, method="lower")
    high = np.quantile(sample, 1 - tail, axis=0, method="higher")
    return np.asarray(low), np.asarray(high)


def covered(draws: ArrayLike, values: ArrayLike, level: float) -> Floats:
    """1 where a value lies in the central interval, ends included, 0 where not, NaN where there is no value."""
    low, high = bounds(draws, level)
    truth = np.asarray(values, float)
    return np.where(np.isnan(truth), np.nan, ((low <= truth) & (truth <= high)).astype(float))
