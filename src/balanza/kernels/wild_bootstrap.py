"""Restricted wild cluster bootstrap and score bootstrap, from sums by cluster.

Least squares: WCR of Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90(3), in the algebra of
Roodman, MacKinnon, Nielsen and Webb (2019), Stata Journal 19(1). Counts: the score bootstrap of Kline and Santos
(2012), Journal of Econometric Methods 1(1), the same algebra on the scores and weights of the fit under the null. A
draw flips the sign of each cluster's residuals (Rademacher) and costs products of the size of clusters x terms: no row
is touched again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.kernels import within
from balanza.kernels.cluster_moments import inverse
from balanza.kernels.jackknife import curvature

BATCH_CELLS = 4_000_000


@dataclass(frozen=True)
class Scores:
    """A fit under the null, summed to clusters; terms are regressors and period x baseline effects, p in all.

    residual : shape (n_clusters, p), terms times residuals
    net : shape (n_tested, n_clusters, p), terms times a tested regressor net of all terms that are not tested
    own : shape (n_clusters, n_tested), net regressors times residuals
    solve : shape (p, p), generalised inverse of the terms' gram matrix
    information : shape (n_tested, n_tested), gram matrix of the net regressors
    """

    residual: np.ndarray
    net: np.ndarray
    own: np.ndarray
    solve: np.ndarray
    information: np.ndarray


@dataclass(frozen=True)
class Signs:
    """Rademacher draws of all clusters, one bit each; the first draw is the observed one, all plus.

    packed : uint8, shape (n_draws, n_bytes)
    exhaustive : whether these are all that there are
    only : the clusters that a fit has, where it lacks some
    """

    packed: np.ndarray
    n_clusters: int
    exhaustive: bool
    only: np.ndarray | None = None

    def batch(self, start: int, stop: int) -> np.ndarray:
        """Some draws as +1 and -1, shape (stop - start, n_clusters), or with those clusters that are left."""
        bits = np.unpackbits(self.packed[start:stop], axis=1, count=self.n_clusters)
        return np.asarray(1.0 - 2.0 * (bits if self.only is None else bits[:, self.only]))


def signs(n_clusters: int, draws: int, rng: np.random.Generator) -> Signs:
    """The observed signs and `draws` random ones, or each of the 2^G possible ones once where these are no more.

    Parameters
    ----------
    n_clusters, draws : int
    rng : Generator
        Not used where all are listed.
    """
    if n_clusters <= np.log2(draws):
        codes = np.arange(2**n_clusters)
        bits = (codes[:, None] >> np.arange(n_clusters)) & 1
        return Signs(np.packbits(bits.astype(np.uint8), axis=1), n_clusters, True)
    packed = rng.integers(0, 256, (draws + 1, -(-n_clusters // 8)), dtype=np.uint8)
    packed[0] = 0
    return Signs(packed, n_clusters, False)


def collect(
    residual: np.ndarray,
    mass: np.ndarray,
    regressors: np.ndarray,
    tested: np.ndarray,
    cluster: np.ndarray,
    baseline: np.ndarray | None = None,
) -> Scores:
    """Sum a fit under the null to clusters.

    Parameters
    ----------
    residual : ndarray, shape (n_units, n_periods)
        Outcome minus its fit under the null (times the weights for least squares), 0 where there is no row.
    mass : ndarray, shape (n_units, n_periods)
        The fit under the null for counts, the weights for least squares, 0 where there is no row; each unit needs a
        positive sum.
    regressors : ndarray, shape (n_regressors, n_units, n_periods)
        Tested ones and others, not collinear.
    tested : ndarray of int, shape (n_tested,)
        Which of them the null fixes.
    cluster : ndarray of int, shape (n_units,)
        Codes from 0, all of which occur.
    baseline : ndarray, shape (n_units, n_covariates), optional
        Unit-constant covariates, each with a slope of its own in each period.
    """
    x, z = np.where(mass > 0, regressors, 0.0), within.standardised(baseline, len(mass))
    n_clusters, k = int(cluster.max()) + 1, len(x)

    def summed(values: np.ndarray) -> np.ndarray:
        by_unit = [np.einsum("it,kit->ik", values, x), (values[:, :, None] * z[:, None, :]).reshape(len(values), -1)]
        out = np.zeros((n_clusters, k + mass.shape[1] * z.shape[1]))
        np.add.at(out, cluster, np.hstack(by_unit))
        return out

    solve = inverse(curvature(mass, x, z))
    block = solve[np.ix_(tested, tested)]
    combine = np.linalg.solve(block, solve[tested])  # weights of the terms that give the net regressors
    net = np.einsum("jk,kit->jit", combine[:, :k], x)
    net += np.einsum("jtp,ip->jit", combine[:, k:].reshape(len(tested), mass.shape[1], -1), z)
    net -= (np.einsum("it,jit->ji", mass, net) / mass.sum(axis=1))[:, :, None]
    sums = summed(residual)
    return Scores(sums, np.stack([summed(mass * one) for one in net]), sums @ combine.T, solve, np.linalg.inv(block))


def draw(scores: Scores, flips: Signs) -> tuple[np.ndarray, np.ndarray]:
    """Sums of scores of all draws and their covariances, each draw fitted anew.

    Parameters
    ----------
    scores : Scores
    flips : Signs

    Returns
    -------
    ndarray, shape (n_draws, n_tested), and ndarray, shape (n_draws, n_tested, n_tested)
        The observed ones come first. The square of a t statistic is the sum's square over its variance, up to factors
        that all draws share.
    """
    n_clusters, p = scores.residual.shape
    size = max(1, BATCH_CELLS // max(n_clusters, p))
    few = n_clusters <= p
    fitted = [scores.solve @ one.T for one in scores.net]
    # Of the residuals of other clusters, what the refit puts into a cluster's score.
    fitted = [scores.residual @ one for one in fitted] if few else fitted
    sums, covariances = [], []
    for start in range(0, len(flips.packed), size):
        sign = flips.batch(start, start + size)
        passed = sign if few else sign @ scores.residual
        own = np.stack([sign * score - passed @ one for score, one in zip(scores.own.T, fitted, strict=True)])
        sums.append(sign @ scores.own)
        covariances.append(np.einsum("jbg,kbg->bjk", own, own))
    return np.concatenate(sums), np.concatenate(covariances)


def wald(sums: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Root of the joint statistic of each draw; 0 where the scores do not vary in as many directions.

    Parameters
    ----------
    sums, covariances : from `draw`

    Returns
    -------
    ndarray, shape (n_draws,)
    """
    size = np.sqrt(np.einsum("bjj->bj", covariances))
    size = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(covariances / (size[:, :, None] * size[:, None, :]))
    usable = values[:, 0] > 1e-10
    rotated = np.einsum("bjk,bj->bk", vectors, sums / size)
    squares = (rotated**2 / np.where(usable[:, None], values, 1.0)).sum(axis=1)
    return np.where(usable, np.sqrt(squares), 0.0)
