"""Score statistics of a treatment under reassignments over clusters, from one fit under the null.

After Fisher's sharp null; studentised after Wu and Ding (2021), so that unequal clusters do not drive the test.
One fit without the treatment serves all draws. The null model may hold unit and period effects, period x baseline terms
and further regressors of the units. Periods in which all paths stand still are one stretch, and those in which nobody
is treated drop out: a draw costs a few products of the size of clusters x stretches, and one of clusters x periods.
Nothing has the size of clusters x clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.kernels import within
from balanza.progress import shown

BATCH_CELLS = 4_000_000


@dataclass(frozen=True)
class Scores:
    """What draws say, for residuals of one outcome or several.

    sums : shape (n_draws, n_outcomes), sums of the clusters' scores
    products : shape (n_draws, n_outcomes, n_outcomes), sums over clusters of products of their scores
    information : shape (n_draws,), the reassigned treatment's own variation
    All are 0 in a draw that leaves the treatment without variation of its own.
    """

    sums: np.ndarray
    products: np.ndarray
    information: np.ndarray

    def statistics(self) -> np.ndarray:
        """Sums over the roots of sums of squares, shape (n_draws, n_outcomes); 0 where there is no spread."""
        spread = np.sqrt(np.einsum("bmm->bm", self.products))
        return np.where(spread > 0, self.sums / np.where(spread > 0, spread, 1.0), 0.0)


@dataclass(frozen=True)
class _Null:
    """The fit under the null, summed to clusters, m outcomes; p = n_periods * width period x baseline terms.

    paths : shape (n_clusters, n_stretches)
    stretch : list of ndarray of int, columns of the period terms in each stretch
    residual : shape (n_outcomes, n_clusters, n_stretches), net of unit effects
    terms : shape (n_outcomes, p, n_clusters), sums of residual times baseline terms
    shares : shape (n_units, n_stretches), of a unit's weights
    totals : shape (n_units,), sums of weights
    mass : shape (n_clusters, p), weights times baseline terms
    unit_mass : shape (n_units, p), the same by unit
    cells : shape (n_clusters, n_stretches), sums of weights
    solve : generalised inverse of the block of the period x baseline terms
    others : shape (n_others, n_clusters, n_stretches), sums of weights times each further regressor
    other_scores : shape (n_outcomes, n_clusters, n_others)
    other_solve : inverse Gram matrix of the further regressors
    cluster : shape (n_units,), or None where each unit is one, in order
    """

    paths: np.ndarray
    stretch: list[np.ndarray]
    residual: np.ndarray
    terms: np.ndarray
    shares: np.ndarray
    totals: np.ndarray
    mass: np.ndarray
    unit_mass: np.ndarray
    cells: np.ndarray
    solve: np.ndarray
    others: np.ndarray
    other_scores: np.ndarray
    other_solve: np.ndarray
    cluster: np.ndarray | None


def draw(
    residual: np.ndarray,
    weights: np.ndarray,
    treatment: np.ndarray,
    orders: np.ndarray,
    others: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
) -> Scores:
    """Scores of the treatment's paths handed to other clusters.

    Parameters
    ----------
    residual : ndarray, shape (n_outcomes, n_units, n_periods)
        Outcomes minus their fits under the null (times the weights for least squares), 0 where there is no row.
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
    """
    cluster = np.arange(len(weights)) if cluster is None else cluster
    others = np.empty((0, *weights.shape)) if others is None else np.where(weights > 0, others, 0.0)
    null = _null(residual, weights, treatment, others, cluster, within.standardised(baseline, len(weights)))
    n_stretches = max(1, null.paths.shape[1])
    cells = max(len(treatment) * n_stretches, len(weights) * n_stretches, null.mass.shape[1])
    size = max(1, BATCH_CELLS // cells)
    starts = range(0, len(orders), size)
    parts = [_batch(null, orders[at : at + size]) for at in shown(starts, len(starts), "batches of reassignments")]
    return Scores(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def score_statistics(
    residual: np.ndarray,
    weights: np.ndarray,
    treatment: np.ndarray,
    orders: np.ndarray,
    others: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
) -> np.ndarray:
    """Studentised scores of one outcome, shape (n_draws,).

    Parameters
    ----------
    residual : ndarray, shape (n_units, n_periods)
    weights, treatment, orders, others, cluster, baseline : as in `draw`
    """
    return draw(residual[None], weights, treatment, orders, others, cluster, baseline).statistics()[:, 0]


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
    own = len(cluster) == n_clusters and np.array_equal(cluster, np.arange(n_clusters))

    def summed(values: np.ndarray) -> np.ndarray:
        if own:
            return values
        out = np.zeros((n_clusters, *values.shape[1:]))
        np.add.at(out, cluster, values)
        return out

    paths, place = np.unique(treatment, axis=1, return_inverse=True)
    moving = np.flatnonzero(paths.any(axis=0))
    joined = (place.ravel()[:, None] == moving).astype(float)  # periods x stretches

    def times_terms(values: np.ndarray) -> np.ndarray:
        if width == 1:
            return values
        return np.asarray((values[:, :, None] * z[:, None, :]).reshape(n_units, n_periods * width))

    projection = within.project(weights, others, z)
    shares, net = projection.weights, projection.regressors
    residual = np.stack([one - shares * one.sum(axis=1, keepdims=True) for one in residual])
    unit_mass = times_terms(weights)
    return _Null(
        paths=np.ascontiguousarray(paths[:, moving]),
        stretch=[np.flatnonzero(np.repeat(column > 0, width)) for column in joined.T],
        residual=np.stack([summed(one @ joined) for one in residual]),
        terms=np.stack([summed(times_terms(one)).T for one in residual]),
        shares=shares @ joined,
        totals=weights.sum(axis=1),
        mass=summed(unit_mass),
        unit_mass=unit_mass,
        cells=summed(weights @ joined),
        solve=projection.solve,
        others=np.array([summed((weights * item) @ joined) for item in net]).reshape(len(net), n_clusters, len(moving)),
        other_scores=np.stack([summed(np.einsum("it,kit->ik", one, net)) for one in residual]),
        other_solve=np.linalg.inv(projection.information),
        cluster=None if own else cluster,
    )


def _batch(null: _Null, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parts of `Scores` for some draws: Frisch and Waugh's projection of each draw, summed to clusters."""
    paths = null.paths[orders]
    flat = paths.reshape(len(orders), -1)
    means = np.einsum("bis,is->bi", paths if null.cluster is None else paths[:, null.cluster], null.shares)
    moments = means @ -null.unit_mass
    for place, columns in enumerate(null.stretch):
        moments[:, columns] += paths[:, :, place] @ null.mass[:, columns]
    slopes = moments @ null.solve
    other_moments = np.einsum("bcs,kcs->bk", paths, null.others, optimize=True)
    other_slopes = other_moments @ null.other_solve
    raw = (flat**2) @ null.cells.ravel()
    left = raw - (means**2) @ null.totals - (moments * slopes).sum(axis=1) - (other_moments * other_slopes).sum(axis=1)
    scores = np.stack(
        [
            np.einsum("bcs,cs->bc", paths, residual) - slopes @ terms - other_slopes @ other_scores.T
            for residual, terms, other_scores in zip(null.residual, null.terms, null.other_scores, strict=True)
        ]
    )
    usable = left > 1e-10 * raw
    sums = np.where(usable[:, None], scores.sum(axis=2).T, 0.0)
    products = np.where(usable[:, None, None], np.einsum("mbc,nbc->bmn", scores, scores), 0.0)
    return sums, products, np.where(usable, left, 0.0)


def p_value(observed: float, drawn: np.ndarray) -> float:
    """Two-sided p of an observed statistic among drawn ones, counting the observed assignment as one of the draws."""
    return float((1 + np.sum(np.abs(drawn) >= np.abs(observed) * (1 - 1e-12))) / (1 + len(drawn)))


def reorder(strata: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The observed order and random ones, in which a cluster gets the path of one of its own stratum.

    Parameters
    ----------
    strata : ndarray of int, shape (n_clusters,)
    draws : int
    rng : Generator

    Returns
    -------
    ndarray of int32, shape (1 + draws, n_clusters)
    """
    orders = np.tile(np.arange(len(strata), dtype=np.int32), (draws + 1, 1))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        orders[1:, members] = rng.permuted(orders[1:, members], axis=1)
    return orders


def log_assignments(paths: np.ndarray, strata: np.ndarray) -> float:
    """Logarithm of the number of different ways to hand paths out within strata.

    Parameters
    ----------
    paths : ndarray, shape (n_clusters, n_periods)
    strata : ndarray of int, shape (n_clusters,)
    """
    from scipy.special import gammaln

    _, same = np.unique(paths, axis=0, return_inverse=True)
    total = 0.0
    for stratum in np.unique(strata):
        counts = np.bincount(same.ravel()[strata == stratum])
        total += float(gammaln(counts.sum() + 1) - gammaln(counts + 1).sum())
    return total
