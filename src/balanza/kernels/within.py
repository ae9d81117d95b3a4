"""Two-way within-transforms, weighted, and least squares on what they leave.

Unit effects are averages, period effects (and period-specific slopes of unit-constant covariates) solve normal
equations of the size of the periods, or of the units where these are fewer: exact, without alternating projections.
On balanced panels whose weights do not change within units the solution is in closed form. After Frisch and Waugh
(1933), Econometrica 1(4), and Wansbeek and Kapteyn (1989), Journal of Econometrics 41(3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg

SINGULAR = 1e-10
WELL_CONDITIONED = 1e-8


class Degenerate(ValueError):
    """The data do not pin down a coefficient.

    Attributes
    ----------
    reason : {"collinear", "separated", "diverged"}
        No variation left beside the other terms; the maximum lies at infinity; no convergence.
    index : int or None
        Row of `regressors` that it happened to, None for a slope of the baseline covariates.
    """

    def __init__(self, reason: Literal["collinear", "separated", "diverged"], index: int | None) -> None:
        self.reason, self.index = reason, index
        super().__init__(f"{reason}: coefficient {index}")


@dataclass(frozen=True)
class Projection:
    """Regressors net of fixed effects, and the solution of the period block that made them so.

    regressors : shape (n_regressors, n_units, n_periods)
    weights : shape (n_units, n_periods), shares of the units' totals
    solve : generalised inverse of the period block
    information : shape (n_regressors, n_regressors)
    """

    regressors: np.ndarray
    weights: np.ndarray
    solve: np.ndarray
    information: np.ndarray


@dataclass(frozen=True)
class LinearFit:
    """Least squares net of fixed effects.

    coefficients : shape (n_regressors,)
    information : shape (n_regressors, n_regressors), the Gram matrix after projecting out the fixed effects
    scores : shape (n_units, n_regressors)
    n_rows : rows used
    n_coefficients : all coefficients but the unit effects, which are nested in clusters and count as one
    """

    coefficients: np.ndarray
    information: np.ndarray
    scores: np.ndarray
    n_rows: int
    n_coefficients: int


def within(values: np.ndarray, weights: np.ndarray, baseline: np.ndarray | None = None) -> np.ndarray:
    """Weighted residuals on unit and period effects, and on period x baseline terms.

    Parameters
    ----------
    values : ndarray, shape (n_values, n_units, n_periods)
        Ignored where the weight is zero.
    weights : ndarray, shape (n_units, n_periods)
        Zero where there is no row.
    baseline : ndarray, shape (n_units, n_covariates), optional
        Unit-constant covariates, each with a slope of its own in each period.

    Returns
    -------
    ndarray, shape (n_values, n_units, n_periods)
        Zero where there is no row.
    """
    seen = weights > 0
    x = np.where(seen, values, 0.0)
    z = standardised(baseline, len(weights))
    if seen.all() and (weights == weights[:, :1]).all():
        return _balanced(x, weights[:, 0], z)
    if z.shape[1] == 1 and weights.shape[0] < weights.shape[1]:
        return np.asarray(_unbalanced(x.swapaxes(1, 2), weights.T, np.ones((weights.shape[1], 1))).swapaxes(1, 2))
    return _unbalanced(x, weights, z)


def fit(
    outcome: np.ndarray, weights: np.ndarray, regressors: np.ndarray, baseline: np.ndarray | None = None
) -> LinearFit:
    """Least squares of the outcome on regressors, unit effects, period effects and period x baseline terms.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        NaN where there is no row.
    weights : ndarray, shape (n_units, n_periods)
        Positive; ignored where the outcome is NaN.
    regressors : ndarray, shape (n_regressors, n_units, n_periods)
    baseline : ndarray, shape (n_units, n_covariates), optional

    Raises
    ------
    Degenerate
        If a regressor is collinear with the other terms.
    """
    seen = ~np.isnan(outcome)
    mass = np.where(seen, weights, 0.0) / weights[seen].mean()
    raw = np.concatenate([regressors, outcome[None]])
    net = within(raw, mass, baseline)
    x, y = net[:-1], net[-1]
    flat = x.reshape(len(x), y.size)
    information = (flat * mass.ravel()) @ flat.T
    refuse_collinear(mass, np.where(seen, regressors, 0.0), information)
    coefficients = linalg.solve(information, (flat * mass.ravel()) @ y.ravel(), assume_a="pos")
    residual = mass * (y - np.einsum("k,kit->it", coefficients, x))
    slopes = 0 if baseline is None else baseline.shape[1]
    return LinearFit(
        coefficients=coefficients,
        information=information,
        scores=np.einsum("it,kit->ik", residual, x),
        n_rows=int(seen.sum()),
        n_coefficients=len(x) + y.shape[1] + slopes * (y.shape[1] - 1),
    )


def influence(fitted: LinearFit, cluster: np.ndarray) -> np.ndarray:
    """Influence of each cluster on each coefficient, with the small-sample factor, so that its Gram is the covariance.

    The factor is G/(G-1) times (n-1)/(n-k), where k leaves out the unit effects, which are nested in clusters, and
    counts the period effects: the default of fixest and reghdfe.

    Parameters
    ----------
    fitted : LinearFit
    cluster : ndarray of int, shape (n_units,)

    Returns
    -------
    ndarray, shape (n_clusters, n_regressors)
        Clusters in the order of their sorted codes. The covariance is `influence.T @ influence`.
    """
    codes, position = np.unique(cluster, return_inverse=True)
    sums = np.zeros((len(codes), fitted.scores.shape[1]))
    np.add.at(sums, position, fitted.scores)
    solved: np.ndarray = linalg.solve(fitted.information, sums.T, assume_a="pos").T
    return small_sample(len(codes), fitted.n_rows, fitted.n_coefficients) * solved


def small_sample(n_clusters: int, n_rows: int, n_coefficients: int) -> float:
    """Square root of G/(G-1) x (n-1)/(n-k), by which clustered standard errors grow."""
    return float(np.sqrt(n_clusters / (n_clusters - 1) * (n_rows - 1) / (n_rows - n_coefficients)))


def standardised(baseline: np.ndarray | None, n_units: int) -> np.ndarray:
    """A column of ones beside the covariates in standard units: the same span, well conditioned."""
    ones = np.ones((n_units, 1))
    if baseline is None or baseline.shape[1] == 0:
        return ones
    spread = baseline.std(axis=0)
    return np.hstack([ones, (baseline - baseline.mean(axis=0)) / np.where(spread > 0, spread, 1.0)])


def project(mass: np.ndarray, x: np.ndarray, z: np.ndarray) -> Projection:
    """Weighted residuals of the regressors on unit effects and period x baseline terms.

    Parameters
    ----------
    mass : ndarray, shape (n_units, n_periods)
        Weights, zero where there is no row; each unit needs a positive sum.
    x : ndarray, shape (n_regressors, n_units, n_periods)
    z : ndarray, shape (n_units, width)
        From `standardised`.
    """
    totals = mass.sum(axis=1)
    weights = mass / totals[:, None]
    n_periods, width = mass.shape[1], z.shape[1]
    solve = _pseudoinverse(period_block(mass, z), width)
    demeaned = x - np.einsum("it,kit->ki", weights, x)[:, :, None]
    moments = np.einsum("it,kit,ip->ktp", mass, demeaned, z, optimize=True).reshape(len(x), n_periods * width)
    slopes = (moments @ solve).reshape(len(x), n_periods, width)
    explained = np.einsum("ktp,ip->kit", slopes, z, optimize=True)
    residual = demeaned - explained + np.einsum("it,kit->ki", weights, explained)[:, :, None]
    flat = residual.reshape(len(x), mass.size)
    return Projection(residual, weights, solve, (flat * mass.ravel()) @ flat.T)


def period_block(mass: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Information on the period x baseline terms, net of unit effects, shape (n_periods * width,) twice.

    Parameters
    ----------
    mass, z : as in `project`
    """
    n_periods, width = mass.shape[1], z.shape[1]
    terms = (mass[:, :, None] * z[:, None, :]).reshape(len(mass), n_periods * width)
    block = np.asarray(-(terms / mass.sum(axis=1)[:, None]).T @ terms)
    period = np.arange(n_periods)
    by_period = block.reshape(n_periods, width, n_periods, width)
    by_period[period, :, period, :] += np.tensordot(mass.T, z[:, :, None] * z[:, None, :], axes=1)
    return block


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric, positive semidefinite matrix: by Cholesky, or generalised where it is close to singular.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
    """
    if matrix.size:
        factor, failed = linalg.lapack.dpotrf(matrix, lower=1)
        if not failed and linalg.lapack.dpocon(factor, linalg.norm(matrix, 1), uplo="L")[0] > WELL_CONDITIONED:
            lower = np.tril(linalg.lapack.dpotri(factor, lower=1)[0])
            return np.asarray(lower + np.tril(lower, -1).T)
    return np.asarray(linalg.pinvh(matrix, rtol=1e-12))


def refuse_collinear(mass: np.ndarray, x: np.ndarray, information: np.ndarray) -> None:
    """Refuse regressors without variation of their own: alone first, then jointly.

    Raises
    ------
    Degenerate
    """
    if not len(x):
        return
    centre = np.einsum("it,kit->k", mass, x) / mass.sum()
    raw = np.einsum("it,kit->k", mass, (x - centre[:, None, None]) ** 2)
    own = np.diag(information)
    absorbed = own <= SINGULAR * np.maximum(raw, np.finfo(float).tiny)
    if absorbed.any():
        raise Degenerate("collinear", int(np.argmax(absorbed)))
    values, vectors = linalg.eigh(information / np.sqrt(np.outer(own, own)))
    if values[0] < SINGULAR:
        raise Degenerate("collinear", int(np.argmax(np.abs(vectors[:, 0]))))


def _pseudoinverse(block: np.ndarray, width: int) -> np.ndarray:
    """Of a period block, whose terms unit effects leave known up to a constant per covariate; that is added first."""
    n_periods = len(block) // width
    size = np.trace(block) / len(block)
    constant = np.tile(np.eye(width), (n_periods, n_periods)) / n_periods
    return np.asarray(inverse(block + size * constant) - constant / size)


def _balanced(x: np.ndarray, weight: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Unit means, then a weighted regression of each period on the baseline, all in one product."""
    demeaned = x - x.mean(axis=2, keepdims=True)
    weighted = z * weight[:, None]
    slopes = linalg.pinvh(weighted.T @ z) @ (weighted.T @ demeaned)
    return np.asarray(demeaned - z @ slopes)


def _unbalanced(x: np.ndarray, weights: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The projection, applied twice: the second time removes what rounding left."""
    out = np.zeros_like(x)
    units = weights.sum(axis=1) > 0
    mass = weights[units]
    once = project(mass, x[:, units], z[units]).regressors
    out[:, units] = project(mass, once, z[units]).regressors * (mass > 0)
    return out
