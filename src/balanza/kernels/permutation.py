"""Score statistics of a treatment under reassignments over clusters, from one fit under the null.

After Fisher's sharp null; studentised after Wu and Ding (2021), so that unequal clusters do not drive the test.
One fit without the treatment serves all draws: a draw costs a projection and two sums.
"""

from __future__ import annotations

import numpy as np

from balanza.kernels.poisson import project

BATCH_CELLS = 4_000_000


def score_statistics(
    residual: np.ndarray,
    weights: np.ndarray,
    treatment: np.ndarray,
    orders: np.ndarray,
    others: np.ndarray | None = None,
) -> np.ndarray:
    """Studentised scores of the treatment's paths handed to other clusters.

    Parameters
    ----------
    residual : ndarray, shape (n_clusters, n_periods)
        Outcome minus its fit under the null, 0 where there is no row.
    weights : ndarray, shape (n_clusters, n_periods)
        The fit under the null for Poisson, ones for least squares, 0 where there is no row.
    treatment : ndarray, shape (n_clusters, n_periods)
        The observed paths.
    orders : ndarray of int, shape (n_draws, n_clusters)
        Row b gives cluster i the path of cluster ``orders[b, i]``.
    others : ndarray, shape (n_others, n_clusters, n_periods), optional
        Further regressors of the null model, kept where they are.

    Returns
    -------
    ndarray, shape (n_draws,)
        The sum of a cluster's scores over clusters, divided by the root of their sum of squares; 0 where a draw
        leaves the treatment without variation of its own.
    """
    fixed = project(weights, others) if others is not None and len(others) else np.empty((0, *weights.shape))
    size = max(1, BATCH_CELLS // weights.size)
    parts = [
        _batch(residual, weights, treatment[orders[start : start + size]], fixed)
        for start in range(0, len(orders), size)
    ]
    return np.concatenate(parts)


def _batch(residual: np.ndarray, weights: np.ndarray, paths: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Statistics of some draws, shape (n_draws,), from paths of shape (n_draws, n_clusters, n_periods)."""
    own = project(weights, paths)
    if len(fixed):
        gram = np.einsum("jit,it,kit->jk", fixed, weights, fixed)
        moments = np.einsum("bit,it,kit->bk", own, weights, fixed)
        own = own - np.einsum("bk,kit->bit", np.linalg.solve(gram, moments.T).T, fixed)
    scores = np.einsum("it,bit->bi", residual, own)
    spread = np.sqrt((scores**2).sum(axis=1))
    varies = np.einsum("bit,it,bit->b", own, weights, own) > 1e-10 * np.einsum("bit,it,bit->b", paths, weights, paths)
    usable = varies & (spread > 0)
    return np.where(usable, scores.sum(axis=1) / np.where(spread > 0, spread, 1.0), 0.0)


def p_value(observed: float, drawn: np.ndarray) -> float:
    """Two-sided p of an observed statistic among drawn ones, counting the observed assignment as one of the draws."""
    return float((1 + np.sum(np.abs(drawn) >= np.abs(observed) * (1 - 1e-12))) / (1 + len(drawn)))
