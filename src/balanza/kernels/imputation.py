"""Untreated outcomes fitted on untreated rows and imputed everywhere, and means of what is left, with their errors.

Points after Borusyak, Jaravel and Spiess (2024) and Gardner (2022): unit effects, period effects (with slopes of
unit-constant covariates by period) and slopes of covariates are fitted by weighted least squares on untreated rows
only. Errors are either the conservative ones of Borusyak, Jaravel and Spiess (Theorem 3) or those of Gardner's two
steps taken as one method of moments. Unit effects are profiled out, so that everything is solved on the side of the
periods; sums over units and over periods stand in for a design matrix, on balanced and unbalanced panels alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from balanza.kernels.within import SINGULAR, Degenerate, refuse_collinear, small_sample, standardised

DETERMINED = 1e-6


@dataclass(frozen=True)
class Imputation:
    """The fit on untreated rows, carried to all rows.

    effect : shape (n_units, n_periods), outcome less imputed untreated outcome; residuals in untreated rows; 0 where
        there is no row or the imputation is not determined
    determined : shape (n_units, n_periods), rows whose unit and period effects untreated rows determine
    weights : shape (n_units, n_periods), of all rows; untreated : the same, 0 in treated rows
    """

    effect: np.ndarray
    determined: np.ndarray
    weights: np.ndarray
    untreated: np.ndarray
    _share: np.ndarray
    _baseline: np.ndarray
    _inverse: np.ndarray
    _covariates: np.ndarray
    _gram: np.ndarray


@dataclass(frozen=True)
class Means:
    """Weighted means of effects by key, or coefficients of leads.

    value : shape (n_keys,); influence : (n_clusters, n_keys), whose Gram matrix is the covariance. Clusters come in
    the order of their sorted codes.
    """

    value: np.ndarray
    influence: np.ndarray


@dataclass(frozen=True)
class _Moments:
    """Regressors that are dummies by key, in terms of the first step.

    unit : shape (n_units, n_keys), sums; period : (n_periods x n_baseline, n_keys), solution of the period block;
    inner : (n_keys, n_keys), the part of their Gram matrix that period effects explain; covariate : (k, n_keys), sums
    of the covariates net of the fixed effects.
    """

    unit: np.ndarray
    period: np.ndarray
    inner: np.ndarray
    covariate: np.ndarray


def impute(
    outcome: np.ndarray,
    treated: np.ndarray,
    weights: np.ndarray | None = None,
    covariates: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
) -> Imputation:
    """Fit the untreated outcome on untreated rows, and take it from the outcome of all rows.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        NaN where there is no row.
    treated : ndarray of bool, shape (n_units, n_periods)
        Rows that may be affected.
    weights : ndarray, shape (n_units, n_periods), optional
        Positive; ignored where there is no row.
    covariates : ndarray, shape (n_covariates, n_units, n_periods), optional
        Each with one slope.
    baseline : ndarray, shape (n_units, n_baseline), optional
        Unit-constant covariates, each with a slope of its own in each period.

    Returns
    -------
    Imputation

    Raises
    ------
    Degenerate
        If a covariate does not vary in untreated rows beside the other terms.
    """
    seen = ~np.isnan(outcome)
    w = np.where(seen, 1.0 if weights is None else weights, 0.0)
    untreated = np.where(treated, 0.0, w)
    totals = untreated.sum(axis=1, keepdims=True)
    share = untreated / np.where(totals > 0, totals, 1.0)
    z = standardised(baseline, len(outcome))
    inverse, determined = _period_block(untreated, share, z)
    first = Imputation(
        effect=np.zeros_like(w),
        determined=determined & seen,
        weights=w,
        untreated=untreated,
        _share=share,
        _baseline=z,
        _inverse=inverse,
        _covariates=np.zeros((0, *w.shape)),
        _gram=np.zeros((0, 0)),
    )
    if covariates is not None and len(covariates):
        first = _with_covariates(first, np.where(seen, covariates, 0.0))
    return replace(first, effect=np.where(first.determined, _net(first, np.where(seen, outcome, 0.0)), 0.0))


def imputation_means(
    fit: Imputation,
    key: np.ndarray,
    cluster: np.ndarray,
    group: np.ndarray,
    *,
    leave_one_out: bool = False,
) -> Means:
    """Mean effects of treated rows by key, with the conservative errors of Borusyak, Jaravel and Spiess (2024).

    Parameters
    ----------
    fit : Imputation
    key : ndarray of int, shape (n_units, n_periods)
        Codes from 0 without gaps of the mean that a row enters, -1 for none. Rows must be determined.
    cluster : ndarray of int, shape (n_units,)
    group : ndarray of int, shape (n_units, n_periods)
        Rows across which effects are taken to be alike when their noise is told from their heterogeneity; the coarser,
        the more conservative. The authors' default is cohort by period.
    leave_one_out : bool
        Compare each cluster with the others of its group (their appendix A.9); not defined for a group of one cluster,
        which then keeps its plain residual.

    Returns
    -------
    Means
    """
    from pandas import factorize  # codes by hashing, where numpy would sort millions of rows

    rows = np.flatnonzero(key.ravel() >= 0)
    keys, weight, effect = key.ravel()[rows], fit.weights.ravel()[rows], fit.effect.ravel()[rows]
    clusters = np.unique(cluster, return_inverse=True)[1]
    n_keys, n_clusters = int(keys.max()) + 1, int(clusters.max()) + 1
    groups = factorize(group.ravel()[rows])[0]
    # One entry for each cluster, group and key: the sums of its weights and of its weighted effects.
    cell, cells = factorize((groups * n_keys + keys) * n_clusters + clusters[rows // key.shape[1]])
    size, total = np.bincount(cell, weight), np.bincount(cell, weight * effect)
    pools, pool = np.unique(cells // n_clusters, return_inverse=True)
    squares = np.bincount(pool, size**2)
    residual = total - size * (np.bincount(pool, size * total) / squares)[pool]
    if leave_one_out:
        rest = 1 - size**2 / squares[pool]
        residual /= np.where(rest > SINGULAR, rest, 1.0)
    own = np.bincount((pools[pool] % n_keys) * n_clusters + cells % n_clusters, residual, n_keys * n_clusters)
    return _means(fit, rows, keys, clusters, own.reshape(n_keys, n_clusters).T)


def two_stage_means(fit: Imputation, key: np.ndarray, cluster: np.ndarray) -> Means:
    """Mean effects by key, treated and untreated rows alike, with the errors of Gardner's (2022) two steps.

    Parameters
    ----------
    fit : Imputation
    key : ndarray of int, shape (n_units, n_periods)
        Codes from 0 without gaps of the dummy of a row in the second step, -1 for none. Rows must be determined.
    cluster : ndarray of int, shape (n_units,)

    Returns
    -------
    Means
        No small-sample factor, as in the author's `did2s`.
    """
    rows = np.flatnonzero(key.ravel() >= 0)
    keys, weight, effect = key.ravel()[rows], fit.weights.ravel()[rows], fit.effect.ravel()[rows]
    clusters = np.unique(cluster, return_inverse=True)[1]
    n_keys, n_clusters = int(keys.max()) + 1, int(clusters.max()) + 1
    mean = np.bincount(keys, weight * effect) / np.bincount(keys, weight)
    where = keys * n_clusters + clusters[rows // key.shape[1]]
    own = np.bincount(where, weight * (effect - mean[keys]), n_keys * n_clusters)
    return _means(fit, rows, keys, clusters, own.reshape(n_keys, n_clusters).T)


def leads(fit: Imputation, key: np.ndarray, cluster: np.ndarray) -> Means:
    """Coefficients of dummies in a regression on untreated rows only: the pre-trend test of Borusyak and others.

    Parameters
    ----------
    fit : Imputation
    key : ndarray of int, shape (n_units, n_periods)
        Codes from 0 without gaps of the dummy of an untreated row, -1 for none.
    cluster : ndarray of int, shape (n_units,)

    Returns
    -------
    Means
        With the factor G/(G-1) x (n-1)/(n-k), k counting all but the unit effects, as in the authors' `reghdfe`.

    Raises
    ------
    Degenerate
        If the dummies are collinear beside the fixed effects.
    """
    rows = np.flatnonzero((key.ravel() >= 0) & (fit.untreated.ravel() > 0))
    keys = key.ravel()[rows]
    weight = fit.untreated.ravel()[rows]
    moments = _moments(fit, rows, keys, weight)
    total = fit.untreated.sum(axis=1, keepdims=True)
    gram = np.diag(np.bincount(keys, weight)) - moments.unit.T @ (moments.unit / np.where(total > 0, total, 1.0))
    gram -= moments.inner + moments.covariate.T @ fit._gram @ moments.covariate
    size = np.sqrt(np.bincount(keys, weight))
    if linalg.eigvalsh(gram / np.outer(size, size))[0] < SINGULAR:
        raise Degenerate("collinear", None)
    value = linalg.solve(gram, np.bincount(keys, weight * fit.effect.ravel()[rows]), assume_a="pos")
    fitted = np.zeros(key.size)
    fitted[rows] = value[keys]
    error = fit.untreated * (fit.effect - _net(fit, fitted.reshape(key.shape)))
    clusters = np.unique(cluster, return_inverse=True)[1]
    n_keys, n_clusters = len(value), int(clusters.max()) + 1
    where = keys * n_clusters + clusters[rows // key.shape[1]]
    scores = np.bincount(where, error.ravel()[rows], n_keys * n_clusters).reshape(n_keys, n_clusters).T
    scores = scores - _through_first_step(fit, moments, error, clusters)
    n_periods = int(fit.untreated.any(axis=0).sum())
    width = n_keys + len(fit._gram) + 1 + fit._baseline.shape[1] * (n_periods - 1)
    factor = small_sample(n_clusters, int((fit.untreated > 0).sum()), width)
    return Means(value, factor * linalg.solve(gram, scores.T, assume_a="pos").T)


def _period_block(untreated: np.ndarray, share: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A generalised inverse of the period block net of unit effects, and which rows it determines."""
    n_periods, width = untreated.shape[1], z.shape[1]
    terms = (untreated[:, :, None] * z[:, None, :]).reshape(len(z), -1)
    block = -((share[:, :, None] * z[:, None, :]).reshape(len(z), -1).T @ terms)
    for period in range(n_periods):
        own = slice(period * width, (period + 1) * width)
        block[own, own] += (z * untreated[:, period, None]).T @ z
    diagonal = np.einsum("it,ip->tp", untreated, z**2).ravel()
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = linalg.eigh(block * np.outer(scale, scale), overwrite_a=True)
    vectors *= scale[:, None]
    free = values < SINGULAR
    inverse = (vectors[:, ~free] / values[~free]) @ vectors[:, ~free].T
    determined = np.broadcast_to(share.any(axis=1, keepdims=True) & untreated.any(axis=0), untreated.shape).copy()
    covered = np.repeat(untreated.any(axis=0), width)
    for vector in vectors[:, free].T:
        loose = np.where(covered, vector, 0.0)
        if loose.any():
            path = z @ (loose / np.abs(loose).max()).reshape(n_periods, width).T
            determined &= np.abs(path - (share * path).sum(axis=1, keepdims=True)) < DETERMINED
    return inverse, determined


def _with_covariates(first: Imputation, covariates: np.ndarray) -> Imputation:
    """Add covariates net of the fixed effects, and the inverse of their Gram matrix."""
    net = np.stack([_without_effects(first, values) for values in covariates])
    gram = np.einsum("it,jit,kit->jk", first.untreated, net, net, optimize=True)
    refuse_collinear(first.untreated, covariates, gram)
    return replace(first, _covariates=net, _gram=np.asarray(linalg.inv(gram)))


def _without_effects(fit: Imputation, values: np.ndarray) -> np.ndarray:
    """All rows less the unit and period effects that untreated rows have in these values."""
    z = fit._baseline
    demeaned = values - (fit._share * values).sum(axis=1, keepdims=True)
    slopes = fit._inverse @ ((fit.untreated * demeaned).T @ z).ravel()
    explained = z @ slopes.reshape(-1, z.shape[1]).T
    return np.asarray(demeaned - explained + (fit._share * explained).sum(axis=1, keepdims=True))


def _net(fit: Imputation, values: np.ndarray) -> np.ndarray:
    """All rows less the whole first step, fitted to the untreated rows of these values."""
    net = _without_effects(fit, values)
    if not len(fit._gram):
        return net
    slopes = fit._gram @ np.einsum("it,kit->k", fit.untreated * net, fit._covariates)
    return np.asarray(net - np.einsum("k,kit->it", slopes, fit._covariates))


def _moments(fit: Imputation, rows: np.ndarray, keys: np.ndarray, weight: np.ndarray) -> _Moments:
    n_units, n_periods = fit.weights.shape
    n_keys, z = int(keys.max()) + 1, fit._baseline
    unit, period = np.divmod(rows, n_periods)
    by_unit = np.bincount(unit * n_keys + keys, weight, n_units * n_keys).reshape(n_units, n_keys)
    sums = np.empty((n_periods, z.shape[1], n_keys))
    for column, values in enumerate(z.T):
        direct = np.bincount(period * n_keys + keys, weight * values[unit], n_periods * n_keys)
        sums[:, column] = direct.reshape(n_periods, n_keys) - (fit._share * values[:, None]).T @ by_unit
    flat = sums.reshape(-1, n_keys)
    solved = fit._inverse @ flat
    covariate = [np.bincount(keys, weight * values.ravel()[rows], n_keys) for values in fit._covariates]
    return _Moments(by_unit, solved, flat.T @ solved, np.array(covariate).reshape(-1, n_keys))


def _through_first_step(fit: Imputation, moments: _Moments, error: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """What weighted errors of untreated rows do to sums by key through the first step, (n_clusters, n_keys).

    Unit effects play no part, since the errors of each unit add up to zero.
    """
    n_periods, z = error.shape[1], fit._baseline
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    by_period = np.empty((len(starts), n_periods, z.shape[1]))
    for column, values in enumerate(z.T):
        by_period[:, :, column] = np.add.reduceat((error * values[:, None])[order], starts, axis=0)
    found = by_period.reshape(len(starts), -1) @ moments.period
    if len(fit._gram):
        units = np.einsum("it,kit->ik", error, fit._covariates)
        found += np.add.reduceat(units[order], starts, axis=0) @ fit._gram @ moments.covariate
    return np.asarray(found)


def _means(fit: Imputation, rows: np.ndarray, keys: np.ndarray, cluster: np.ndarray, own: np.ndarray) -> Means:
    """Means by key, and their influence: that of their own rows, and that of untreated rows through the first step."""
    weight = fit.weights.ravel()[rows]
    total = np.bincount(keys, weight)
    moments = _moments(fit, rows, keys, weight)
    first = _through_first_step(fit, moments, fit.untreated * fit.effect, cluster)
    value = np.bincount(keys, weight * fit.effect.ravel()[rows]) / total
    return Means(value, (own - first) / total)
