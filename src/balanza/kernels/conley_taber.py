"""Inference with few treated clusters, after Conley and Taber (2011), with the null imposed.

With few treated clusters the error of a difference-in-differences comes from these few alone: no number of untreated
ones averages it out, and a clustered standard error built on one or two squared residuals is far too small. But the
untreated clusters show how such an error is distributed. Under the hypothesis of an effect `a`, each cluster's outcome
less `a` times its treatment is one that no one treated; the coefficient of the treatment is then compared with those of
the same treatment paths handed to other clusters. The treated clusters count among them, net of `a`: where clusters
are exchangeable the test is exact (it permutes the paths), and else it is Conley and Taber's as untreated clusters
become many.

Clusters of unlike size are not exchangeable: a small one varies more. After Ferman and Pinto (2019), Review of
Economics and Statistics 101(3), the variance of a cluster's contrast is a + b / size, fitted to the untreated ones, and
each assignment's coefficient is brought to the spread of the observed one before it is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import perm

import numpy as np
from scipy.optimize import nnls

MOST = 2_000
REWEIGHTED = 20


@dataclass(frozen=True)
class Placebos:
    """Coefficients under each assignment of the treated clusters' paths, the observed assignment first.

    coefficient : shape (n_assignments,), of the outcome on the assigned treatment, brought to the spread of the first
    overlap : shape (n_assignments,), of the observed treatment on the assigned one, brought to that spread too
    exhaustive : whether these are all assignments
    """

    coefficient: np.ndarray
    overlap: np.ndarray
    exhaustive: bool

    @property
    def value(self) -> float:
        """The estimate."""
        return float(self.coefficient[0])

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided p of the hypothesis that the effect is `null`: the share of assignments with as large a coefficient
        in what is left of the outcome, the observed one counting as one of them."""
        left = np.abs(self.coefficient - null * self.overlap)
        return float(np.mean(left >= left[0] * (1 - 1e-9)))

    def interval(self, level: float) -> tuple[float, float]:
        """All effects that are not refused at `level`; infinite where there are too few assignments to refuse any.

        An assignment does not speak against an effect `a` as long as |coefficient - a overlap| >= |value - a|, which is
        an interval of `a` around the estimate. So p falls on both sides of it, and the bounds are order statistics of
        the ends of these intervals: no search. Where an assignment of less spread overlaps by one or more, it speaks
        against no effect far from the estimate, and is taken to speak against none: the interval is then the wider.
        """
        free = np.abs(self.overlap) < 1 - 1e-12
        ends = np.tile([[-np.inf], [np.inf]], len(free))
        gap, total = self.value - self.coefficient[free], self.value + self.coefficient[free]
        ends[:, free] = np.sort([gap / (1 - self.overlap[free]), total / (1 + self.overlap[free])], axis=0)
        kept = int(np.floor((1 - level) * len(free) + 1e-9))
        return float(np.sort(ends[0])[kept]), float(np.sort(ends[1])[::-1][kept])


def placebos(
    outcome: np.ndarray,
    treatment: np.ndarray,
    weights: np.ndarray,
    draws: int,
    rng: np.random.Generator,
    size: np.ndarray | None = None,
) -> Placebos:
    """Two-way least-squares coefficients of the treatment, as assigned and handed to other clusters.

    Parameters
    ----------
    outcome : ndarray, shape (n_clusters, n_periods)
        Without gaps. Each cluster counts once.
    treatment : ndarray, shape (n_clusters, n_periods)
        Zero throughout for untreated clusters.
    weights : ndarray, shape (n_periods,)
        Positive, for example the length of each period.
    draws : int
        Assignments drawn where there are more than MOST; up to there all are used.
    rng : Generator
    size : ndarray, shape (n_clusters,), optional
        What the variance of a cluster falls with, for example its exposure; by default all are alike.

    Returns
    -------
    Placebos
    """
    treated = np.flatnonzero(treatment.any(axis=1))
    net = _within(np.stack([outcome, treatment]), weights)
    links = net * weights @ treatment[treated].T
    total = links[1, treated, np.arange(len(treated))].sum()
    assigned, exhaustive = _assignments(len(outcome), treated, draws, rng)
    coefficient, overlap = links[:, assigned, np.arange(len(treated))].sum(axis=2) / total
    if size is not None:
        spread = _spread(links[0], assigned, size)
        coefficient, overlap = coefficient * spread[0] / spread, overlap * spread[0] / spread
    return Placebos(coefficient, overlap, exhaustive)


def variance_by_size(contrast: np.ndarray, size: np.ndarray) -> tuple[float, float]:
    """The variance a + b / size of contrasts, neither part negative.

    Non-negative least squares of squared contrasts, reweighted by the variances that they give until these settle,
    since otherwise the smallest clusters alone would decide.

    Parameters
    ----------
    contrast : ndarray, shape (n,)
        Of mean zero.
    size : ndarray, shape (n,)
        Positive.

    Returns
    -------
    tuple
        a and b, both 0 where all contrasts are.
    """
    squares, terms = contrast**2, np.column_stack([np.ones(len(size)), size.mean() / size])
    if not squares.any():
        return 0.0, 0.0
    parts = np.array([squares.mean(), 0.0])
    for _ in range(REWEIGHTED):
        fitted = terms @ parts
        previous, parts = parts, nnls(terms / fitted[:, None], squares / fitted)[0]
        if np.allclose(parts, previous, rtol=1e-6, atol=0):
            break
    return float(parts[0]), float(parts[1] * size.mean())


def _spread(contrasts: np.ndarray, assigned: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Standard deviation of each assignment's coefficient, up to a factor, shape (n_assignments,).

    A coefficient is a sum over the assigned clusters less the mean over all, so that its variance is
    (1 - 2 m / n) sum v(assigned) + sum v(all) / n^2, with m assigned of n clusters: exactly where they start together.

    Parameters
    ----------
    contrasts : ndarray, shape (n_clusters, n_treated)
        Of the outcome with each treated path.
    assigned : ndarray of int, shape (n_assignments, n_treated)
        The observed assignment first. Only clusters without treatment tell the variance: no effect is in theirs.
    size : ndarray, shape (n_clusters,)
    """
    n_clusters, n_treated = contrasts.shape
    controls = np.setdiff1d(np.arange(n_clusters), assigned[0])

    def variance(contrast: np.ndarray) -> np.ndarray:
        own = contrast[controls]
        constant, by_size = variance_by_size(own - own.mean(), size[controls])
        return constant + by_size / size

    each = np.stack([variance(contrast) for contrast in contrasts.T], axis=1)
    mean = variance(contrasts.sum(axis=1)).sum() / n_clusters**2
    share = 1 - 2 * n_treated / n_clusters
    squared = share * each[assigned, np.arange(n_treated)].sum(axis=1) + mean
    return np.sqrt(squared) if (squared > 0).all() else np.ones(len(squared))


def _within(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values net of cluster and period effects, shape (n_values, n_clusters, n_periods)."""
    values = values - (values @ weights / weights.sum())[:, :, None]
    return np.asarray(values - values.mean(axis=1, keepdims=True))


def _assignments(n_clusters: int, treated: np.ndarray, draws: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """The cluster that gets each treated path, shape (n_assignments, n_treated), and whether these are all ways."""
    if perm(n_clusters, len(treated)) > MOST:
        drawn = rng.permuted(np.tile(np.arange(n_clusters), (draws, 1)), axis=1)[:, : len(treated)]
        return np.vstack([treated, drawn]), False
    ways = np.array(list(permutations(range(n_clusters), len(treated))))
    observed = (ways == treated).all(axis=1)
    return np.vstack([treated, ways[~observed]]), True
