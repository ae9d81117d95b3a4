"""What a two-way coefficient is made of: Goodman-Bacon's (2021) comparisons, and the weights on effects.

With a balanced panel and an absorbing treatment, both follow from the mean outcome of each cohort in each period: no
pair of cohorts needs a fit of its own. Weights are those of de Chaisemartin and D'Haultfoeuille (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.say import say

SORTS = (
    say("treated against never treated"),
    say("earlier against later"),
    say("later against earlier"),
    say("later against always"),
)
FORBIDDEN = SORTS[2:]
"""Comparisons with units that are treated already."""


@dataclass(frozen=True)
class Comparisons:
    """Two-by-two comparisons, each array of shape (n_comparisons,).

    sort : position in SORTS
    treated, control : positions of the cohorts
    weight : positive, with sum one
    value : difference-in-differences
    """

    sort: np.ndarray
    treated: np.ndarray
    control: np.ndarray
    weight: np.ndarray
    value: np.ndarray

    @property
    def coefficient(self) -> float:
        """The two-way least-squares coefficient."""
        return float(self.weight @ self.value)


def cohort_means(
    outcome: np.ndarray, cohort: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cohorts in order, their means by period, shape (n_cohorts, n_periods), and their share of all weight.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        Without gaps.
    cohort : ndarray of int, shape (n_units,)
        First treated period, n_periods for those untreated.
    weights : ndarray, shape (n_units,)
        Positive.
    """
    cohorts, code = np.unique(cohort, return_inverse=True)
    size = np.bincount(code, weights)
    sums = np.zeros((len(cohorts), outcome.shape[1]))
    np.add.at(sums, code, weights[:, None] * outcome)
    return cohorts, sums / size[:, None], size / size.sum()


def decompose(start: np.ndarray, means: np.ndarray, share: np.ndarray) -> Comparisons:
    """All two-by-two comparisons, their weights and their estimates (Goodman-Bacon's theorem 1).

    Parameters
    ----------
    start : ndarray of int, shape (n_cohorts,)
        First treated period, increasing; 0 for always treated, n_periods for never.
    means, share : ndarray, shape (n_cohorts, n_periods) and (n_cohorts,)
        From `cohort_means`.

    Returns
    -------
    Comparisons
        In the order of SORTS, then of cohorts. Empty where the treatment does not vary.
    """
    n_periods = means.shape[1]
    on = 1 - start / n_periods
    sums = np.concatenate([np.zeros((len(start), 1)), np.cumsum(means, axis=1)], axis=1)
    early, late = np.triu_indices(len(start), 1)
    size = share[early] * share[late] * (on[early] - on[late])
    always, never = start[early] == 0, start[late] == n_periods

    def mean(of: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Of a cohort over the periods from `low` up to `high`, which must not be empty."""
        length = np.maximum(high - low, 1)
        return np.asarray((sums[of, high] - sums[of, low]) / length)

    first, between, end = np.zeros(len(early), int), (start[early], start[late]), np.full(len(early), n_periods)
    gap = (mean(early, *between) - mean(early, first, start[early])) - (
        mean(late, *between) - mean(late, first, start[early])
    )
    catching = (mean(late, start[late], end) - mean(late, *between)) - (
        mean(early, start[late], end) - mean(early, *between)
    )
    parts = (
        (0, early, late, size * (1 - on[early]), gap, ~always & never),
        (1, early, late, size * (1 - on[early]), gap, ~always & ~never),
        (2, late, early, size * on[late], catching, ~always & ~never),
        (3, late, early, size * on[late], catching, always & ~never),
    )
    columns = [
        (np.full(kept.sum(), sort), treated[kept], control[kept], weight[kept], value[kept])
        for sort, treated, control, weight, value, kept in parts
    ]
    sort, treated, control, weight, value = (np.concatenate(column) for column in zip(*columns, strict=True))
    total = weight.sum()
    return Comparisons(sort, treated, control, weight / total if total else weight, value)


def effect_weights(start: np.ndarray, share: np.ndarray, n_periods: int) -> np.ndarray:
    """The weight of each cohort's effect in each period in the coefficient, with sum one.

    Parameters
    ----------
    start, share : as in `decompose`
    n_periods : int

    Returns
    -------
    ndarray, shape (n_cohorts, n_periods)
        Zero where untreated; some may be negative.
    """
    treated = (np.arange(n_periods) >= start[:, None]).astype(float)
    by_cohort, by_period = treated.mean(axis=1, keepdims=True), share @ treated
    left = treated - by_cohort - by_period + share @ by_cohort
    weights = share[:, None] * left * treated
    return np.asarray(weights / weights.sum())
