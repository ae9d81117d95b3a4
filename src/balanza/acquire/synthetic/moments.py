"""The moments of municipal homicide by which the synthetic Mexico is compared with the real one.

The same functions serve both. Computed from the real monthly file they give the figures of calibration: zero shares,
concentration, Moran's I (Moran 1950) with row-standardised queen weights, and dispersion by size of municipality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EDGES = (5_000, 15_000, 50_000, 100_000, 500_000)


@dataclass(frozen=True)
class YearMoments:
    """One year of N municipalities: deaths, shares of empty cells, shares of the most violent, spatial correlation."""

    total: int
    zero_month: float
    zero_year: float
    top10: float
    top50: float
    top100: float
    moran_rate: float
    moran_log1p_rate: float


@dataclass(frozen=True)
class SizeMoments:
    """One size class: `nb_alpha_across` is the negative binomial's excess variance of the yearly counts around the
    common rate, `var_mean_within` the pooled variance of the twelve months over their pooled mean."""

    n: int
    share: float
    rate: float
    zero_month: float
    zero_year: float
    nb_alpha_across: float
    var_mean_within: float


def moran(values: np.ndarray, neighbours: np.ndarray) -> float:
    """Moran's I with row-standardised weights.

    Parameters
    ----------
    values : array, shape (n,)
    neighbours : array of int, shape (n_pairs, 2)
        Ordered pairs of positions; a unit without neighbours has a spatial lag of zero.

    Source: Moran (1950), Notes on continuous stochastic phenomena.
    """
    centred = values - values.mean()
    count = np.bincount(neighbours[:, 0], minlength=len(values))
    lag = np.bincount(neighbours[:, 0], centred[neighbours[:, 1]], minlength=len(values)) / np.maximum(count, 1)
    return float(len(values) / (count > 0).sum() * (centred @ lag) / (centred @ centred))


def top_share(yearly: np.ndarray, number: int) -> float:
    """The share of all deaths in the municipalities with the most, shape of `yearly` (n,)."""
    return float(np.sort(yearly)[::-1][:number].sum() / yearly.sum())


def year_moments(counts: np.ndarray, people: np.ndarray, neighbours: np.ndarray) -> YearMoments:
    """Moments of one year.

    Parameters
    ----------
    counts : array of int, shape (n, 12)
        Deaths by municipality and month.
    people : array, shape (n,)
        People in the middle of that year.
    neighbours : array of int, shape (n_pairs, 2)
    """
    yearly = counts.sum(axis=1)
    rate = yearly / people * 1e5
    return YearMoments(
        total=int(yearly.sum()),
        zero_month=float((counts == 0).mean()),
        zero_year=float((yearly == 0).mean()),
        top10=top_share(yearly, 10),
        top50=top_share(yearly, 50),
        top100=top_share(yearly, 100),
        moran_rate=moran(rate, neighbours),
        moran_log1p_rate=moran(np.log1p(rate), neighbours),
    )


def size_moments(counts: np.ndarray, people: np.ndarray, edges: Sequence[int] = EDGES) -> list[SizeMoments]:
    """Moments of one year by size class, smallest first. Parameters as in `year_moments`; `edges` in people."""
    classes = np.searchsorted(np.asarray(edges), people, side="right")
    total = int(counts.sum())
    return [_class_moments(counts[classes == k], people[classes == k], total) for k in range(len(edges) + 1)]


def _class_moments(counts: np.ndarray, people: np.ndarray, total: int) -> SizeMoments:
    yearly = counts.sum(axis=1)
    rate = yearly.sum() / people.sum()
    expected = people * rate
    return SizeMoments(
        n=len(people),
        share=float(yearly.sum() / total),
        rate=float(rate * 1e5),
        zero_month=float((counts == 0).mean()),
        zero_year=float((yearly == 0).mean()),
        nb_alpha_across=float((((yearly - expected) ** 2).sum() - yearly.sum()) / (expected**2).sum()),
        var_mean_within=float(counts.var(axis=1, ddof=1).sum() / counts.mean(axis=1).sum()),
    )
