"""Uniform confidence bands by multiplying influence functions with random signs.

After Callaway and Sant'Anna (2021), Algorithm 1, as in the R package `did` (`mboot`).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Multiplier = Literal["rademacher", "mammen"]
CHUNK = 4_000_000
NORMAL_IQR = 1.3489795003921634
GOLDEN = (1 + 5**0.5) / 2


def critical_value(
    influence: np.ndarray,
    draws: int,
    level: float,
    rng: np.random.Generator,
    multiplier: Multiplier = "rademacher",
) -> float:
    """Number of standard errors that covers all columns at once with probability `level`.

    Parameters
    ----------
    influence : ndarray, shape (n_clusters, n_estimates)
        Influence of each cluster on each estimate, summed within clusters; a standard error is a column's norm.
    draws : int
        Number of bootstrap draws.
    level : float
        For example .95.
    rng : Generator
        Source of the draws.
    multiplier : {"rademacher", "mammen"}
        Signs of equal probability, or Mammen's two points with mean 0 and second and third moment 1.

    Returns
    -------
    float
        The `level` quantile of the largest draw in units of its robust spread (interquartile range); NaN where no
        column varies.
    """
    statistics = _draw(influence, draws, rng, multiplier)
    low, high = np.quantile(statistics, [0.25, 0.75], axis=0, method="inverted_cdf")
    spread = (high - low) / NORMAL_IQR
    varies = spread > 0
    if not varies.any():
        return float("nan")
    largest = np.abs(statistics[:, varies] / spread[varies]).max(axis=1)
    return float(np.quantile(largest, level, method="inverted_cdf"))


def _draw(influence: np.ndarray, draws: int, rng: np.random.Generator, multiplier: Multiplier) -> np.ndarray:
    """Draws of the estimates around zero, shape (draws, n_estimates), in chunks of bounded memory."""
    n_clusters = influence.shape[0]
    size = max(1, CHUNK // n_clusters)
    chunks = [min(size, draws - start) for start in range(0, draws, size)]
    return np.concatenate([_multipliers((chunk, n_clusters), rng, multiplier) @ influence for chunk in chunks])


def _multipliers(shape: tuple[int, int], rng: np.random.Generator, multiplier: Multiplier) -> np.ndarray:
    if multiplier == "rademacher":
        return 2.0 * rng.integers(0, 2, shape, dtype=np.int8) - 1.0
    return np.where(rng.random(shape) < GOLDEN / 5**0.5, 1 - GOLDEN, GOLDEN)
