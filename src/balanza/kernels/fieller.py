"""Confidence sets of ratios, after Fieller (1954), Journal of the Royal Statistical Society B 16(2).

A ratio whose denominator may be zero has no interval: its confidence set is then all numbers outside one, or all
numbers. It is never cut down to something finite here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class RatioSet:
    """A ratio and its confidence set.

    `sort` is `interval` (from `low` to `high`), `outside` (all up to `low` and all from `high` on: unbounded) or `all`
    (nothing is excluded; `low` and `high` are infinite).
    """

    value: float
    sort: Literal["interval", "outside", "all"]
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        return self.sort == "interval"


def ratio(numerator: float, denominator: float, covariance: np.ndarray, critical: float) -> RatioSet:
    """The numbers r for which numerator - r x denominator is not told from zero.

    Parameters
    ----------
    numerator, denominator : float
        Estimates, or a known number with no variance.
    covariance : ndarray, shape (2, 2)
        Of numerator and denominator, in this order.
    critical : float
        Two-sided critical value.

    Returns
    -------
    RatioSet
        `value` is infinite where the denominator is zero.
    """
    square = critical**2
    lead = denominator**2 - square * covariance[1, 1]
    middle = numerator * denominator - square * covariance[0, 1]
    last = numerator**2 - square * covariance[0, 0]
    value = numerator / denominator if denominator else math.copysign(math.inf, numerator)
    root = middle**2 - lead * last
    if lead > 0:
        half = math.sqrt(max(root, 0.0))
        return RatioSet(value, "interval", (middle - half) / lead, (middle + half) / lead)
    if root <= 0 or lead == 0:
        return RatioSet(value, "all", -math.inf, math.inf)
    half = math.sqrt(root)
    return RatioSet(value, "outside", (middle + half) / lead, (middle - half) / lead)
