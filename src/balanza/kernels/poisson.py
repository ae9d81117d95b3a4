"""Two-way fixed-effects Poisson pseudo-maximum likelihood with exposure.

After Wooldridge (1999) and Correia, Guimaraes and Zylkin (2020). Unit effects are profiled out in closed form, period
effects (and period-specific slopes of unit-constant covariates) are solved for explicitly, so that a Newton step costs
one system of the size of the periods, whatever the number of units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from balanza.kernels import within
from balanza.kernels.within import Degenerate

__all__ = ["Degenerate", "PoissonFit", "fit", "influence", "project"]
MAX_STEPS = 100
DECREMENT = 1e-14
MOVING = 1e-3


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
    z = within.standardised(baseline, len(y))
    coefficients, linear, steps = _newton(y, exposed, x, z)
    mass = _profile(y, exposed, linear)
    projection = within.project(mass, x, z)
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
    return within.project(
        fitted, np.where(fitted > 0, regressors, 0.0), within.standardised(baseline, len(fitted))
    ).regressors


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


def _profile(y: np.ndarray, exposed: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """Expected outcome given the linear predictor without unit effects, which follow from the units' sums."""
    shares = exposed * np.exp(linear - linear.max(axis=1, keepdims=True))
    return np.asarray(shares * (y.sum(axis=1) / shares.sum(axis=1))[:, None])


def _likelihood(y: np.ndarray, mass: np.ndarray) -> float:
    counted = y > 0
    with np.errstate(divide="ignore"):
        return float(y[counted] @ np.log(mass[counted]))


def _newton(y: np.ndarray, exposed: np.ndarray, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Newton's method on the profiled likelihood, which is concave; steps are halved until it grows."""
    coefficients = np.zeros(len(x))
    linear = np.broadcast_to(np.log(y.sum(axis=0) / exposed.sum(axis=0)), y.shape).copy()
    mass = _profile(y, exposed, linear)
    likelihood = _likelihood(y, mass)
    for step in range(1, MAX_STEPS + 1):
        projection = within.project(mass, x, z)
        if step == 1:
            within.refuse_collinear(mass, x, projection.information)
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
    residual: np.ndarray, x: np.ndarray, z: np.ndarray, projection: within.Projection
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


def _refuse_separated(
    change: np.ndarray, direction: np.ndarray, exposed: np.ndarray, projection: within.Projection
) -> None:
    """A gradient of zero with a step that does not shrink means a maximum at infinity."""
    moved = np.where(exposed > 0, direction, 0.0)
    moved = moved - np.einsum("it,it->i", projection.weights, moved)[:, None]
    if np.abs(np.where(exposed > 0, moved, 0.0)).max() < MOVING:
        return
    shares = np.abs(change) * np.abs(projection.regressors).max(axis=(1, 2)) if len(change) else np.zeros(1)
    raise Degenerate("separated", int(np.argmax(shares)) if shares.max() > MOVING else None)
