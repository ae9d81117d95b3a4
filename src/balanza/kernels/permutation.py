"""Score statistics of a treatment under reassignments over clusters, from one fit under the null.

After Fisher's sharp null; studentised after Wu and Ding (2021), so that unequal clusters do not drive the test.
One fit without the treatment serves all draws. The null model may hold unit and period effects, period x baseline terms
and further regressors of the units; what the draws need of it is summed to clusters once, so that a draw costs a few
products of the size of clusters x periods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.kernels import within

BATCH_CELLS = 4_000_000


@dataclass(frozen=True)
class _Null:
    """The fit under the null, summed to clusters; `j` is the cluster whose path is handed to cluster `c`.

    residual : shape (n_clusters, n_periods), net of unit effects
    path_means : shape (n_units, n_clusters), weighted mean of path j over the periods of a unit
    mass : shape (n_clusters, n_periods, width), weights times baseline terms
    unit_mass : shape (n_units, n_periods * width), the same by unit
    terms : shape (n_periods * width, n_clusters), sums of residual times baseline terms
    solve : generalised inverse of the block of the period x baseline terms
    own : shape (n_clusters, n_clusters), weighted sum of squares of path j in cluster c, net of unit effects
    raw : the same without taking out unit effects
    others : shape (n_others, n_clusters, n_clusters), weighted sum of path j times each further regressor
    other_scores : shape (n_clusters, n_others)
    other_solve : inverse Gram matrix of the further regressors
    """

    residual: np.ndarray
    path_means: np.ndarray
    mass: np.ndarray
    unit_mass: np.ndarray
    terms: np.ndarray
    solve: np.ndarray
    own: np.ndarray
    raw: np.ndarray
    others: np.ndarray
    other_scores: np.ndarray
    other_solve: np.ndarray


def score_statistics(
    residual: np.ndarray,
    weights: np.ndarray,
    treatment: np.ndarray,
    orders: np.ndarray,
    others: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
) -> np.ndarray:
    """Studentised scores of the treatment's paths handed to other clusters.

    Parameters
    ----------
    residual, weights, treatment, orders, others, cluster, baseline : as in `score_fits`

    Returns
    -------
    ndarray, shape (n_draws,)
        The sum of a cluster's scores over clusters, divided by the root of their sum of squares; 0 where a draw
        leaves the treatment without variation of its own.
    """
    return score_fits(residual, weights, treatment, orders, others, cluster, baseline)[1]


def score_fits(
    residual: np.ndarray,
    weights: np.ndarray,
    treatment: np.ndarray,
    orders: np.ndarray,
    others: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and studentised scores of the treatment's paths handed to other clusters.

    Parameters
    ----------
    residual : ndarray, shape (n_units, n_periods)
        Outcome minus its fit under the null (times the weights for least squares), 0 where there is no row.
    weights : ndarray, shape (n_units, n_periods)
        The fit under the null for Poisson, the weights for least squares, 0 where there is no row. Each unit needs a
        positive sum.
    treatment : ndarray, shape (n_clusters, n_periods)
        The observed paths, in all periods of all clusters.
    orders : ndarray of int, shape (n_draws, n_clusters)
        Row b gives cluster i the path of cluster ``orders[b, i]``.
    others : ndarray, shape (n_others, n_units, n_periods), optional
        Further regressors of the null model, kept where they are.
    cluster : ndarray of int, shape (n_units,), optional
        The cluster of each unit; by default each unit is one. A cluster without units weighs nothing.
    baseline : ndarray, shape (n_units, n_covariates), optional
        Unit-constant covariates of the null model, each with a slope of its own in each period.

    Returns
    -------
    coefficient : ndarray, shape (n_draws,)
        Of least squares; for Poisson one Newton step from the fit under the null. NaN where a draw leaves the treatment
        without variation of its own.
    statistic : ndarray, shape (n_draws,)
        The sum of a cluster's scores over clusters, divided by the root of their sum of squares; 0 there.
    """
    cluster = np.arange(len(weights)) if cluster is None else cluster
    others = np.empty((0, *weights.shape)) if others is None else np.where(weights > 0, others, 0.0)
    null = _null(residual, weights, treatment, others, cluster, within.standardised(baseline, len(weights)))
    size = max(1, BATCH_CELLS // max(treatment.size, weights.size))
    parts = [_batch(null, treatment, orders[start : start + size], cluster) for start in range(0, len(orders), size)]
    coefficient, statistic = np.concatenate(parts, axis=1)
    return coefficient, statistic


def _null(
    residual: np.ndarray,
    weights: np.ndarray,
    treatment: np.ndarray,
    others: np.ndarray,
    cluster: np.ndarray,
    z: np.ndarray,
) -> _Null:
    """Everything that draws need of the null model, with `z` the baseline terms of each unit."""
    (n_units, n_periods), (n_clusters, width) = weights.shape, (len(treatment), z.shape[1])

    def summed(values: np.ndarray) -> np.ndarray:
        out = np.zeros((n_clusters, *values.shape[1:]))
        np.add.at(out, cluster, values)
        return out

    projection = within.project(weights, others, z)
    shares, net = projection.weights, projection.regressors
    residual = residual - shares * residual.sum(axis=1, keepdims=True)
    terms = (weights[:, :, None] * z[:, None, :]).reshape(n_units, n_periods * width)
    means = shares @ treatment.T
    cells = summed(weights)
    raw = cells @ (treatment**2).T
    return _Null(
        residual=summed(residual),
        path_means=means,
        mass=summed(terms).reshape(n_clusters, n_periods, width),
        unit_mass=terms,
        terms=summed((residual[:, :, None] * z[:, None, :]).reshape(n_units, n_periods * width)).T,
        solve=projection.solve,
        own=raw - summed(weights.sum(axis=1, keepdims=True) * means**2),
        raw=raw,
        others=np.stack([summed(weights * item) @ treatment.T for item in net]) if len(net) else np.empty((0, 1, 1)),
        other_scores=summed(np.einsum("it,kit->ik", residual, net)),
        other_solve=np.linalg.inv(projection.information),
    )


def _batch(null: _Null, treatment: np.ndarray, orders: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Coefficients and statistics of some draws, (2, n_draws): Frisch and Waugh's projection, summed to clusters."""
    paths, receiver = treatment[orders], np.arange(len(treatment))
    means = null.path_means[np.arange(len(cluster)), orders[:, cluster]]
    moments = np.einsum("bct,ctp->btp", paths, null.mass, optimize=True).reshape(len(orders), -1)
    moments -= means @ null.unit_mass
    slopes = moments @ null.solve
    other_moments = null.others[:, receiver, orders].sum(axis=2).T if len(null.others) else np.zeros((len(orders), 0))
    other_slopes = other_moments @ null.other_solve
    scores = np.einsum("bct,ct->bc", paths, null.residual) - slopes @ null.terms - other_slopes @ null.other_scores.T
    left = null.own[receiver, orders].sum(axis=1) - (moments * slopes).sum(axis=1)
    left -= (other_moments * other_slopes).sum(axis=1)
    spread = np.sqrt((scores**2).sum(axis=1))
    varies = left > 1e-10 * null.raw[receiver, orders].sum(axis=1)
    total, usable = scores.sum(axis=1), varies & (spread > 0)
    coefficient = np.divide(total, left, out=np.full(len(orders), np.nan), where=varies)
    return np.stack([coefficient, np.where(usable, total / np.where(spread > 0, spread, 1.0), 0.0)])


def p_value(observed: float, drawn: np.ndarray) -> float:
    """Two-sided p of an observed statistic among drawn ones, counting the observed assignment as one of the draws."""
    return float((1 + np.sum(np.abs(drawn) >= np.abs(observed) * (1 - 1e-12))) / (1 + len(drawn)))
