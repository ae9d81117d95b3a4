"""Selection on the outcome itself: who stands highest or rose most in a year, and what chance would pick alike.

For placebos of regression to the mean (Galton 1886; Ashenfelter 1978, Review of Economics and Statistics 60(1)).
"""

from __future__ import annotations

import numpy as np


def yearly(values: np.ndarray, end: int, year: int) -> np.ndarray:
    """Sums over whole years counted back from a period.

    Parameters
    ----------
    values : ndarray, shape (n_units, n_periods)
        NaN counts as nothing.
    end : int
        The first period behind the last year.
    year : int
        Periods a year.

    Returns
    -------
    ndarray, shape (n_units, end // year)
        The earliest year first; the periods before it are left out.
    """
    count = end // year
    inside = np.nan_to_num(values[:, end - count * year : end])
    return np.asarray(inside.reshape(len(values), count, year).sum(axis=2))


def highest(values: np.ndarray, count: int) -> np.ndarray:
    """The units with the highest values, bool of the same shape; the first of equal ones, and none without a value.

    Parameters
    ----------
    values : ndarray, shape (n_units,)
    count : int
        How many.
    """
    order = np.argsort(np.where(np.isnan(values), np.inf, -values), kind="stable")[:count]
    out = np.zeros(len(values), bool)
    out[order] = True
    return np.asarray(out & ~np.isnan(values))


def overlap_p_value(both: int, one: int, other: int, total: int) -> float:
    """How likely two random picks share so many units or more (hypergeometric)."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(both - 1, total, one, other))
