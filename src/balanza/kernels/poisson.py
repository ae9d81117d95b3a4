"""Two-way fixed-effects Poisson pseudo-maximum likelihood with exposure.

After Wooldridge (1999) and Correia, Guimaraes and Zylkin (2020). Unit effects are profiled out in closed form, period
effects (and period-specific slopes of unit-constant covariates) are solved for explicitly, so that a Newton step costs
one system of the size of the periods, whatever the number of units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg

MAX_STEPS = 100
DECREMENT = 1e-14
MOVING = 1e-3
SINGULAR = 1e-10


class Degenerate(ValueError):
    """The likelihood does not pin down a coefficient.

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
class PoissonFit:
    """A maximum of the likelihood.

    coefficients : shape (n_regressors,)
    information : shape (n_regressors, n_regressors), expected, after projecting out the fixed effects
    scores : shape (n_units, n_regressors), of each unit at the maximum, after the same projection
    fitted : shape (n_units, n_periods), expected outcome, 0 where there is no row
    n_rows, n_coefficients : rows used, and coefficients that are no fixed effect
    steps : Newton steps taken
    """

    coefficients: np.ndarray
    information: np.ndarray
    scores: np.ndarray
    fitted: np.ndarray
    n_rows: int
    n_coefficients: int
    steps: int


@dataclass(frozen=True)
class _Projection:
    """Regressors net of fixed effects, and the solution of the period block that made them so."""

    regressors: np.ndarray
    weights: np.ndarray
    solve: np.ndarray
    information: np.ndarray


def fit(
    outcome: np.ndarray,
    exposure: np.ndarray,
    regressors: np.ndarray,
    baseline: np.ndarray | None = None,
) -> PoissonFit:
    """Maximise the Poisson likelihood of E[y] = exposure * exp(unit + period + period x baseline + regressors @ b).

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        Non-negative, NaN where there is no row. Each unit and each period needs a positive sum. For weighted
        likelihoods multiply outcome and exposure by the weights.
    exposure : ndarray, shape (n_units, n_periods)
        Positive; ignored where the outcome is NaN.
    regressors : ndarray, shape (n_regressors, n_units, n_periods)
        Ignored where the outcome is NaN. May have no regressor at all.
    baseline : ndarray, shape (n_units, n_covariates), optional
        Unit-constant covariates, each with a slope of its own in each period.

    Returns
    -------
    PoissonFit

    Raises
    ------
    Degenerate
        If a coefficient is collinear with the other terms, separated (its maximum lies at infinity), or the
        iteration does not end.
    """
    seen = ~np.isnan(outcome)
    scale = outcome[seen].mean()
    y = np.where(seen, outcome, 0.0) / scale
    exposed = np.where(seen, exposure, 0.0)
    x = np.where(seen, regressors, 0.0)
    z = _standardised(baseline, len(y))
    coefficients, linear, steps = _newton(y, exposed, x, z)
    mass = _profile(y, exposed, linear)
    projection = _project(mass, x, z)
    return PoissonFit(
        coefficients=coefficients,
        information=projection.information * scale,
        scores=np.einsum("it,kit->ik", y - mass, projection.regressors) * scale,
        fitted=mass * scale,
        n_rows=int(seen.sum()),
        n_coefficients=len(x) + (z.shape[1] - 1) * (y.shape[1] - 1),
        steps=steps,
    )


def project(fitted: np.ndarray, regressors: np.ndarray, baseline: np.ndarray | None = None) -> np.ndarray:
    """Regressors net of unit and period effects, weighted by the fitted outcome.

    The score of a new regressor at a fit is the sum of (outcome - fitted) times what this returns: all that score
    tests, score bootstraps and randomization of the treatment need.

    Parameters
    ----------
    fitted : ndarray, shape (n_units, n_periods)
        From a `PoissonFit`, 0 where there is no row.
    regressors : ndarray, shape (n_regressors, n_units, n_periods)
    baseline : ndarray, shape (n_units, n_covariates), optional

    Returns
    -------
    ndarray, shape (n_regressors, n_units, n_periods)
    """
    return _project(fitted, np.where(fitted > 0, regressors, 0.0), _standardised(baseline, len(fitted))).regressors


def influence(fitted: PoissonFit, cluster: np.ndarray) -> np.ndarray:
    """Influence of each cluster on each coefficient, with the small-sample factor, so that its Gram is the covariance.

    The factor is G/(G-1) times (n-1)/(n-k), where k leaves the fixed effects out: `ssc(k_adj=True, k_fixef="none",
    G_adj=True)` of fixest. With one regressor the second part is 1, so that state and municipal rows of a treatment
    assigned by state agree.

    Parameters
    ----------
    fitted : PoissonFit
    cluster : ndarray of int, shape (n_units,)

    Returns
    -------
    ndarray, shape (n_clusters, n_regressors)
        Clusters in the order of their sorted codes. The covariance is `influence.T @ influence`.
    """
    codes, position = np.unique(cluster, return_inverse=True)
    sums = np.zeros((len(codes), fitted.scores.shape[1]))
    np.add.at(sums, position, fitted.scores)
    clusters = len(codes) / (len(codes) - 1)
    rows = (fitted.n_rows - 1) / (fitted.n_rows - fitted.n_coefficients)
    solved: np.ndarray = linalg.solve(fitted.information, sums.T, assume_a="pos").T
    return np.asarray(np.sqrt(clusters * rows) * solved)


def jackknife(
    outcome: np.ndarray,
    fitted: PoissonFit,
    regressors: np.ndarray,
    cluster: np.ndarray,
    baseline: np.ndarray | None = None,
) -> np.ndarray | None:
    """What leaving a cluster out does to each coefficient, in one Newton step, period effects included.

    The Gram is the covariance CV3 of MacKinnon, Nielsen and Webb (2023), which with few or unequal clusters is far less
    too small than the sandwich. It needs every coefficient to be identified without any one of the clusters.

    Parameters
    ----------
    outcome, regressors, baseline
        As given to `fit`.
    fitted : PoissonFit
    cluster : ndarray of int, shape (n_units,)

    Returns
    -------
    ndarray, shape (n_clusters, n_regressors), or None
        Clusters in the order of their sorted codes; None where a coefficient hangs on a single cluster.
    """
    seen = ~np.isnan(outcome)
    residual = np.where(seen, outcome - fitted.fitted, 0.0)
    x, z = np.where(seen, regressors, 0.0), _standardised(baseline, len(outcome))
    _, position = np.unique(cluster, return_inverse=True)
    members = [np.flatnonzero(position == code) for code in range(position.max() + 1)]
    parts = [_curvature(fitted.fitted[own], x[:, own], z[own]) for own in members]
    # One period's effects are the reference, so that the whole is invertible.
    free = np.r_[: len(x), len(x) + z.shape[1] : len(parts[0])]
    total = np.sum(parts, axis=0)
    changes = np.empty((len(members), len(x)))
    for code, own in enumerate(members):
        gradient = np.r_[np.einsum("it,kit->k", residual[own], x[:, own]), (residual[own].T @ z[own]).ravel()]
        rest = (total - parts[code])[np.ix_(free, free)]
        if not _identified(rest, total[np.ix_(free, free)], len(x)):
            return None
        changes[code] = -linalg.solve(rest, gradient[free], assume_a="sym")[: len(x)]
    return np.asarray(changes * np.sqrt((len(members) - 1) / len(members)))


def _curvature(mass: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Information of some units on coefficients and period x baseline terms, net of the units' own effects."""
    totals = mass.sum(axis=1)
    block = _period_block(mass, z, totals)
    demeaned = x - np.einsum("it,kit->ki", mass / totals[:, None], x)[:, :, None]
    own = np.einsum("it,kit,lit->kl", mass, demeaned, x, optimize=True)
    cross = np.einsum("it,kit,ip->ktp", mass, demeaned, z, optimize=True).reshape(len(x), len(block))
    return np.block([[own, cross], [cross.T, block]])


def _identified(rest: np.ndarray, total: np.ndarray, n_regressors: int) -> bool:
    """Whether each coefficient keeps variation of its own when a cluster is left out."""

    def own(matrix: np.ndarray) -> np.ndarray:
        nuisance = matrix[n_regressors:, n_regressors:]
        cross = matrix[:n_regressors, n_regressors:]
        return np.asarray(matrix[:n_regressors, :n_regressors] - cross @ linalg.pinvh(nuisance, rtol=1e-12) @ cross.T)

    size = np.sqrt(np.diag(own(total)))
    return bool(linalg.eigvalsh(own(rest) / np.outer(size, size))[0] > 1e-8)


def _standardised(baseline: np.ndarray | None, n_units: int) -> np.ndarray:
    """A column of ones beside the covariates in standard units: the same span, well conditioned."""
    ones = np.ones((n_units, 1))
    if baseline is None or baseline.shape[1] == 0:
        return ones
    spread = baseline.std(axis=0)
    return np.hstack([ones, (baseline - baseline.mean(axis=0)) / np.where(spread > 0, spread, 1.0)])


def _profile(y: np.ndarray, exposed: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """Expected outcome given the linear predictor without unit effects, which follow from the units' sums."""
    shares = exposed * np.exp(linear - linear.max(axis=1, keepdims=True))
    return np.asarray(shares * (y.sum(axis=1) / shares.sum(axis=1))[:, None])


def _likelihood(y: np.ndarray, mass: np.ndarray) -> float:
    counted = y > 0
    with np.errstate(divide="ignore"):
        return float(y[counted] @ np.log(mass[counted]))


def _project(mass: np.ndarray, x: np.ndarray, z: np.ndarray) -> _Projection:
    """Weighted residuals of the regressors on unit effects and period x baseline terms."""
    totals = mass.sum(axis=1)
    weights = mass / totals[:, None]
    n_periods, width = mass.shape[1], z.shape[1]
    block = _period_block(mass, z, totals)
    # Unit effects leave the period terms known up to a constant per covariate: a generalised inverse.
    solve = linalg.pinvh(block, rtol=1e-12)
    demeaned = x - np.einsum("it,kit->ki", weights, x)[:, :, None]
    moments = np.einsum("it,kit,ip->ktp", mass, demeaned, z, optimize=True).reshape(len(x), n_periods * width)
    slopes = (moments @ solve).reshape(len(x), n_periods, width)
    explained = np.einsum("ktp,ip->kit", slopes, z, optimize=True)
    residual = demeaned - explained + np.einsum("it,kit->ki", weights, explained)[:, :, None]
    flat = residual.reshape(len(x), mass.size)
    return _Projection(residual, weights, solve, (flat * mass.ravel()) @ flat.T)


def _period_block(mass: np.ndarray, z: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Information on the period x baseline terms, net of unit effects, shape (n_periods * width,) twice."""
    n_periods, width = mass.shape[1], z.shape[1]
    terms = (mass[:, :, None] * z[:, None, :]).reshape(len(mass), n_periods * width)
    block = np.asarray(-(terms / totals[:, None]).T @ terms)
    for period in range(n_periods):
        own = slice(period * width, (period + 1) * width)
        block[own, own] += (z * mass[:, period, None]).T @ z
    return block


def _newton(y: np.ndarray, exposed: np.ndarray, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Newton's method on the profiled likelihood, which is concave; steps are halved until it grows."""
    coefficients = np.zeros(len(x))
    linear = np.broadcast_to(np.log(y.sum(axis=0) / exposed.sum(axis=0)), y.shape).copy()
    mass = _profile(y, exposed, linear)
    likelihood = _likelihood(y, mass)
    for step in range(1, MAX_STEPS + 1):
        projection = _project(mass, x, z)
        if step == 1:
            _refuse_collinear(mass, x, projection)
        change, direction, decrement = _direction(y - mass, x, z, projection)
        factor = 1.0
        while True:
            trial = linear + factor * direction
            mass = _profile(y, exposed, trial)
            grown = _likelihood(y, mass)
            if grown >= likelihood - 1e-12 * abs(likelihood) or factor < 1e-6:
                break
            factor /= 2
        coefficients, linear, likelihood = coefficients + factor * change, trial, grown
        if decrement < DECREMENT:
            _refuse_separated(change, direction, exposed, projection)
            return coefficients, linear, step
    raise Degenerate("diverged", None)


def _direction(
    residual: np.ndarray, x: np.ndarray, z: np.ndarray, projection: _Projection
) -> tuple[np.ndarray, np.ndarray, float]:
    """The Newton step: of the coefficients, of the linear predictor, and the squared length of the gradient."""
    gradient = np.einsum("it,kit->k", residual, projection.regressors)
    change = _solve(projection.information, gradient)
    period_gradient = (residual.T @ z).ravel()
    period_change = projection.solve @ period_gradient
    direction = np.einsum("k,kit->it", change, projection.regressors)
    direction += z @ period_change.reshape(residual.shape[1], -1).T
    decrement = float(gradient @ change + period_gradient @ period_change)
    return change, direction, decrement


def _solve(information: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    if not len(gradient):
        return gradient
    size = np.sqrt(np.diag(information))
    size[size == 0] = 1.0
    return np.asarray(linalg.pinvh(information / np.outer(size, size), rtol=1e-14) @ (gradient / size) / size)


def _refuse_collinear(mass: np.ndarray, x: np.ndarray, projection: _Projection) -> None:
    """Refuse regressors without variation of their own: alone first, then jointly."""
    if not len(x):
        return
    centre = np.einsum("it,kit->k", mass, x) / mass.sum()
    raw = np.einsum("it,kit->k", mass, (x - centre[:, None, None]) ** 2)
    own = np.diag(projection.information)
    absorbed = own <= SINGULAR * np.maximum(raw, np.finfo(float).tiny)
    if absorbed.any():
        raise Degenerate("collinear", int(np.argmax(absorbed)))
    values, vectors = linalg.eigh(projection.information / np.sqrt(np.outer(own, own)))
    if values[0] < SINGULAR:
        raise Degenerate("collinear", int(np.argmax(np.abs(vectors[:, 0]))))


def _refuse_separated(change: np.ndarray, direction: np.ndarray, exposed: np.ndarray, projection: _Projection) -> None:
    """A gradient of zero with a step that does not shrink means a maximum at infinity."""
    moved = np.where(exposed > 0, direction, 0.0)
    moved = moved - np.einsum("it,it->i", projection.weights, moved)[:, None]
    if np.abs(np.where(exposed > 0, moved, 0.0)).max() < MOVING:
        return
    shares = np.abs(change) * np.abs(projection.regressors).max(axis=(1, 2)) if len(change) else np.zeros(1)
    raise Degenerate("separated", int(np.argmax(shares)) if shares.max() > MOVING else None)
