"""Normal equations of a two-way fit, cluster by cluster: what resampling, leaving out and reweighting clusters need.

Weighted least squares on unit effects, period x baseline terms and regressors. The units' own effects are profiled out,
and since units lie within clusters, what is left is a sum over clusters: a fit with other weights of the clusters costs
a weighted sum of small matrices and one system of the size of the periods, however many rows there are. A Poisson fit
enters by its working response, so that each such fit is one Newton step. After Frisch and Waugh (1933), Econometrica
1(4), and MacKinnon, Nielsen and Webb (2023), Journal of Econometrics 232(2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from balanza.kernels import within
from balanza.kernels.jackknife import curvature, leaves_out
from balanza.say import say

BATCH_CELLS = 8_000_000
RIDGE = 1e-13
IDENTIFIED = 1e-8
SANDWICH = say("clustered sandwich")


@dataclass(frozen=True)
class Moments:
    """Sums over the rows of each cluster, net of unit effects; p = n_regressors + n_periods * width.

    gram : shape (n_clusters, p, p), of regressors and period x baseline terms
    gradient : shape (n_clusters, p), with the response
    square : shape (n_clusters,), of the response
    n_regressors : how many regressors come first
    width : terms a period, 1 and one for each baseline covariate
    n_rows, n_units
    """

    gram: np.ndarray
    gradient: np.ndarray
    square: np.ndarray
    n_regressors: int
    width: int
    n_rows: int
    n_units: int

    @property
    def n_periods(self) -> int:
        return int((self.gram.shape[1] - self.n_regressors) // self.width)

    @property
    def periods(self) -> np.ndarray:
        """Positions of the plain period effects, shape (n_periods,)."""
        return self.n_regressors + self.width * np.arange(self.n_periods)

    @property
    def freedom(self) -> int:
        """Degrees of freedom that the residuals of all terms leave."""
        return self.n_rows - self.n_units - self.n_regressors - self.width * (self.n_periods - 1)

    @cached_property
    def inverse(self) -> np.ndarray:
        """Generalised inverse of the whole gram matrix, shape (p, p)."""
        return inverse(self.gram.sum(axis=0), self.constants)

    @property
    def constants(self) -> np.ndarray:
        """Sums of terms over periods, which unit effects leave without information, shape (p, width)."""
        over_periods = np.tile(np.eye(self.width), (self.n_periods, 1))
        return np.concatenate([np.zeros((self.n_regressors, self.width)), over_periods])

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Of all terms, shape (p,)."""
        return np.asarray(self.inverse @ self.gradient.sum(axis=0))

    @cached_property
    def residual(self) -> np.ndarray:
        """The clusters' sums of terms times residuals at the coefficients, shape (n_clusters, p)."""
        return np.asarray(self.gradient - self.gram @ self.coefficients)


def inverse(gram: np.ndarray, null: np.ndarray | None = None) -> np.ndarray:
    """Generalised inverse of a symmetric matrix, indifferent to the units of its terms.

    Parameters
    ----------
    gram : ndarray, shape (p, p)
    null : ndarray, shape (p, n), optional
        Sums of terms that are known to hold no information, with no term in two of them: the faster way.
    """
    size = np.sqrt(np.diag(gram))
    size[size == 0] = 1.0
    scale = np.outer(size, size)
    if null is None:
        return np.asarray(within.inverse(gram / scale) / scale)
    directions = size[:, None] * null
    directions /= np.linalg.norm(directions, axis=0)
    filled = directions @ directions.T
    return np.asarray((within.inverse(gram / scale + filled) - filled) / scale)


def collect(
    response: np.ndarray,
    mass: np.ndarray,
    regressors: np.ndarray,
    cluster: np.ndarray,
    baseline: np.ndarray | None = None,
) -> Moments:
    """Sum up a weighted two-way design by clusters.

    Parameters
    ----------
    response : ndarray, shape (n_units, n_periods)
        Ignored where the mass is zero.
    mass : ndarray, shape (n_units, n_periods)
        Weights, 0 where there is no row; each unit needs a positive sum.
    regressors : ndarray, shape (n_regressors, n_units, n_periods)
    cluster : ndarray of int, shape (n_units,)
        Codes from 0, all of which occur.
    baseline : ndarray, shape (n_units, n_covariates), optional
        Unit-constant covariates, each with a slope of its own in each period.

    Raises
    ------
    Degenerate
        If a regressor is collinear with the other terms.
    """
    seen = mass > 0
    x, z = np.where(seen, regressors, 0.0), within.standardised(baseline, len(mass))
    y = np.where(seen, response, 0.0)
    net = mass * (y - ((mass * y).sum(axis=1) / mass.sum(axis=1))[:, None])
    order = np.argsort(cluster, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(cluster))[:-1])
    gram = np.array([curvature(mass[own], x[:, own], z[own]) for own in members])
    gradient = [np.r_[np.tensordot(x[:, own], net[own], axes=2), (net[own].T @ z[own]).ravel()] for own in members]
    square = np.bincount(cluster, (net * y).sum(axis=1))
    found = Moments(gram, np.array(gradient), square, len(x), z.shape[1], int(seen.sum()), len(mass))
    within.refuse_collinear(mass, x, information(found, np.arange(len(x))))
    return found


def information(moments: Moments, terms: np.ndarray, besides: np.ndarray | None = None) -> np.ndarray:
    """Information on some terms net of others.

    Parameters
    ----------
    moments : Moments
    terms : ndarray of int, shape (n,)
    besides : ndarray of int, optional
        The terms that are partialled out; all others by default.

    Returns
    -------
    ndarray, shape (n, n)
    """
    total = moments.gram.sum(axis=0)
    rest = np.setdiff1d(np.arange(len(total)), terms) if besides is None else besides
    cross, null = total[np.ix_(terms, rest)], moments.constants[rest]
    solve = inverse(total[np.ix_(rest, rest)], null[:, null.sum(axis=0) == moments.n_periods])
    return np.asarray(total[np.ix_(terms, terms)] - cross @ solve @ cross.T)


def refitted(moments: Moments, multiplicity: np.ndarray) -> np.ndarray:
    """Coefficients of the regressors where each cluster counts as often as told, period terms fitted anew.

    Parameters
    ----------
    moments : Moments
    multiplicity : ndarray, shape (n_fits, n_clusters)
        How often each cluster counts; 0 leaves it out.

    Returns
    -------
    ndarray, shape (n_fits, n_regressors)
        NaN where a coefficient is not identified.
    """
    size = max(1, BATCH_CELLS // moments.gram[0].size)
    parts = [_refit(moments, multiplicity[start : start + size]) for start in range(0, len(multiplicity), size)]
    return np.concatenate(parts)


def _refit(moments: Moments, multiplicity: np.ndarray) -> np.ndarray:
    k, p = moments.n_regressors, moments.gram.shape[1]
    free = slice(k + moments.width, p)  # the first period's terms are the reference
    gram = (multiplicity @ moments.gram.reshape(len(moments.gram), -1)).reshape(-1, p, p)
    gradient = multiplicity @ moments.gradient
    cross, nuisance = gram[:, free, :k], gram[:, free, free]
    # A period that no chosen cluster was seen in has no terms; the ridge lets the others be solved for.
    diagonal = np.einsum("bff->bf", nuisance)
    diagonal += RIDGE * diagonal.sum(axis=1, keepdims=True)
    right = np.concatenate([cross, gradient[:, free, None]], axis=2)
    solved = np.stack([_solve(*system) for system in zip(nuisance, right, strict=True)])
    own = gram[:, :k, :k] - cross.transpose(0, 2, 1) @ solved[:, :, :k]
    moment = gradient[:, :k] - np.einsum("bfk,bf->bk", cross, solved[:, :, k])
    return _solve_identified(own, moment, information(moments, np.arange(k)))


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a positive definite system, by Cholesky unless rounding forbids."""
    _, solved, failed = linalg.lapack.dposv(matrix, right)
    return np.asarray(np.linalg.solve(matrix, right) if failed else solved)


def _solve_identified(own: np.ndarray, moment: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Solve each system whose information is not negligible beside that of the whole; NaN for the others."""
    size = np.sqrt(np.diag(whole))
    identified = np.linalg.eigvalsh(own / np.outer(size, size))[:, 0] > IDENTIFIED
    out = np.full(moment.shape, np.nan)
    out[identified] = np.linalg.solve(own[identified], moment[identified][:, :, None])[:, :, 0]
    return out


def standard_errors(moments: Moments) -> tuple[np.ndarray, str]:
    """Clustered standard errors of the regressors' coefficients, shape (n_regressors,), and of what sort they are."""
    found, sort = influence(moments)
    return np.sqrt((found**2).sum(axis=0)), sort


def influence(moments: Moments) -> tuple[np.ndarray, str]:
    """What each cluster does to the regressors' coefficients, so that its Gram is their covariance, and of what sort.

    Up to 100 clusters the jackknife CV3 of MacKinnon, Nielsen and Webb (2023); beyond that, and where a coefficient
    hangs on a single cluster, the sandwich with G/(G-1).

    Returns
    -------
    ndarray, shape (n_clusters, n_regressors), and str
    """
    n_clusters, k = len(moments.gram), moments.n_regressors
    if leaves_out(n_clusters):
        left_out = refitted(moments, 1.0 - np.eye(n_clusters))
        if not np.isnan(left_out).any():
            changes = left_out - moments.coefficients[:k]
            return np.sqrt((n_clusters - 1) / n_clusters) * changes, say("cluster jackknife (CV3)")
    return np.sqrt(n_clusters / (n_clusters - 1)) * (moments.residual @ moments.inverse[:, :k]), SANDWICH
