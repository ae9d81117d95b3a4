"""Refuters of a two-way fit, all draws at once: placebo treatments, dummy outcomes, made-up common causes.

After the refuters of DoWhy (Sharma and Kiciman 2020, arXiv:2011.04216), rebuilt for clustered panels. Each draw is the
exact least-squares refit; for a Poisson fit it is one Newton step from the fit that the moments were collected at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.kernels.cluster_moments import BATCH_CELLS, IDENTIFIED, Moments, inverse

RANK = 1e-10


@dataclass(frozen=True)
class Draws:
    """Drawn estimates and their clustered t statistics, each shape (n_draws,); NaN where a draw identifies nothing."""

    estimates: np.ndarray
    t: np.ndarray


def placebo_treatment(moments: Moments, index: int, paths: np.ndarray, orders: np.ndarray) -> Draws:
    """Estimates of a treatment whose paths are handed to other clusters.

    Parameters
    ----------
    moments : Moments
        With the treatment among the regressors, whose place the drawn paths take.
    index : int
        Position of the treatment.
    paths : ndarray, shape (n_clusters, n_periods)
        The treatment, the same for all units of a cluster.
    orders : ndarray of int, shape (n_draws, n_clusters)
        Row b gives cluster i the path of cluster ``orders[b, i]``.
    """
    others = np.delete(np.arange(moments.gram.shape[1]), index)
    total = inverse(moments.gram.sum(axis=0)[np.ix_(others, others)])
    null = total @ moments.gradient[:, others].sum(axis=0)
    residual = moments.gradient - moments.gram[:, :, others] @ null
    # Few paths differ in more than size: a cluster's path is its loadings times some shapes.
    left, sizes, shapes = np.linalg.svd(paths, full_matrices=False)
    kept = sizes > RANK * max(sizes[0], np.finfo(float).tiny)
    loadings, shapes = left[:, kept] * sizes[kept], shapes[kept]
    shaped = shapes @ moments.gram[:, moments.periods]  # (n_clusters, rank, p)
    cross_of = shaped[:, :, others]
    own_of = shaped[:, :, moments.periods] @ shapes.T
    residual_of = residual[:, moments.periods] @ shapes.T
    other_gram, other_residual = moments.gram[:, others[:, None], others], residual[:, others]
    parts = []
    size = max(1, BATCH_CELLS // (len(paths) * len(others)))
    for start in range(0, len(orders), size):
        load = np.ascontiguousarray(loadings[orders[start : start + size]].swapaxes(0, 1))  # clusters, draws, rank
        cross = load @ cross_of  # (n_clusters, n_draws, p - 1)
        own = np.einsum("gbr,gbr->bg", load @ own_of, load)
        explained = cross.sum(axis=0) @ total  # (n_draws, p - 1)
        scores = (load @ residual_of[:, :, None])[:, :, 0].T - explained @ other_residual.T
        spread = own - 2 * np.einsum("bp,gbp->bg", explained, cross)
        spread += _quadratic(explained, other_gram)
        parts.append(_studentised(scores, spread, own.sum(axis=1)))
    return _joined(parts)


def dummy_outcome(moments: Moments, index: int, signs: np.ndarray) -> Draws:
    """Estimates of a treatment where the outcome is what all else explains, and noise.

    The noise is what the whole fit leaves of the outcome, with the sign of whole clusters drawn at random, so that its
    size by cluster and its persistence in time are kept. The treatment is in that fit: what it left out of it would be
    the effect itself, which flipped signs turn into noise that goes with the treatment's size.

    Parameters
    ----------
    moments : Moments
        Of a Poisson fit, at the fit with the treatment.
    index : int
        Position of the treatment.
    signs : ndarray, shape (n_draws, n_clusters)
        Of mean 0 and variance 1.
    """
    others = np.delete(np.arange(moments.gram.shape[1]), index)
    total = inverse(moments.gram.sum(axis=0)[np.ix_(others, others)])
    noise = moments.residual
    net = np.zeros(moments.gram.shape[1])
    net[index] = 1.0
    net[others] = -total @ moments.gram.sum(axis=0)[others, index]
    own = moments.gram @ net  # (n_clusters, p)
    spread = np.broadcast_to(own @ net, signs.shape)
    fitted_noise = (signs @ noise[:, others]) @ total
    scores = signs * (noise @ net) - fitted_noise @ own[:, others].T
    raw = moments.gram[:, index, index].sum()
    return _studentised(scores, spread, np.full(len(signs), raw))


def common_cause(moments: Moments, causes: np.ndarray) -> np.ndarray:
    """Estimates with one more regressor, the same for all units of a cluster.

    Parameters
    ----------
    moments : Moments
    causes : ndarray, shape (n_draws, n_clusters, n_periods)

    Returns
    -------
    ndarray, shape (n_draws, n_regressors)
    """
    z = causes.transpose(1, 0, 2)  # (n_clusters, n_draws, n_periods)
    crossed = np.matmul(z, moments.gram[:, moments.periods])  # (n_clusters, n_draws, p)
    cross = crossed.sum(axis=0)
    own = np.einsum("gbt,gbt->b", crossed[:, :, moments.periods], z)
    moved = cross @ moments.inverse
    left = own - np.einsum("bp,bp->b", cross, moved)
    moment = np.einsum("gbt,gt->b", z, moments.residual[:, moments.periods])
    k = moments.n_regressors
    return np.asarray(moments.coefficients[:k] - moved[:, :k] * (moment / left)[:, None])


def _quadratic(vectors: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """v' M v of all vectors (n, p) and matrices (m, p, p), shape (n, m)."""
    return np.stack([np.einsum("bp,bp->b", vectors @ matrix, vectors) for matrix in matrices], axis=1)


def _studentised(scores: np.ndarray, spread: np.ndarray, raw: np.ndarray) -> Draws:
    """Estimates and t statistics from the clusters' scores and information on the treatment net of all else.

    The standard error is the jackknife over clusters with all other terms held, and where a draw hangs on a single
    cluster the sandwich with G/(G-1), as for the estimate itself.

    Parameters
    ----------
    scores, spread : ndarray, shape (n_draws, n_clusters)
        Their sums are moment and information.
    raw : ndarray, shape (n_draws,)
        Information before other terms are partialled out.
    """
    n_clusters, total = scores.shape[1], spread.sum(axis=1)
    usable = total > IDENTIFIED * raw
    total = np.where(usable, total, np.nan)
    estimates = scores.sum(axis=1) / total
    residual = scores - estimates[:, None] * spread
    rest = total[:, None] - spread
    hangs = (rest <= IDENTIFIED * total[:, None]).any(axis=1)
    left_out = residual / np.where(hangs[:, None], np.nan, rest)
    jackknife = np.sqrt((n_clusters - 1) / n_clusters * (left_out**2).sum(axis=1))
    sandwich = np.sqrt(n_clusters / (n_clusters - 1) * (residual**2).sum(axis=1)) / total
    error = np.where(hangs, sandwich, jackknife)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Draws(estimates, estimates / error)


def _joined(parts: list[Draws]) -> Draws:
    return Draws(np.concatenate([part.estimates for part in parts]), np.concatenate([part.t for part in parts]))
