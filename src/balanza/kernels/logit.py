"""Many logits on the same covariates at once: maximum likelihood by Newton's method, without a penalty."""

from __future__ import annotations

import numpy as np

MAX_STEPS = 30
TOLERANCE = 1e-9
LIMIT = 30.0


def fit_logits(x: np.ndarray, treated: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Probability of treatment against each of several control groups.

    Parameters
    ----------
    x : ndarray, shape (n_units, k)
        Covariates with an intercept, in standard units.
    treated : ndarray, shape (n_units,)
        Weights of the treated units, 0 elsewhere.
    controls : ndarray, shape (n_groups, n_units)
        Weights of each group's controls, 0 elsewhere and for the treated.

    Returns
    -------
    ndarray, shape (n_groups, n_units)
        Fitted probabilities; NaN throughout for a group whose likelihood has no maximum (separation, collinearity).
    """
    weights = treated + controls
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    coefficients = np.zeros((len(controls), x.shape[1]))
    with np.errstate(divide="ignore"):
        coefficients[:, 0] = np.log(treated.sum() / controls.sum(axis=1))
    alive = np.isfinite(coefficients[:, 0]) & _full_rank(products, weights)
    moving = alive.copy()
    for _ in range(MAX_STEPS):
        if not moving.any():
            break
        fitted = _logistic(coefficients[moving] @ x.T)
        information = _square((weights[moving] * fitted * (1 - fitted)) @ products)
        step = _steps(information, (treated - weights[moving] * fitted) @ x)
        coefficients[moving] += step
        lost = ~(np.abs(coefficients[moving]).max(axis=1) < LIMIT)
        done = np.abs(step).max(axis=1) < TOLERANCE
        alive[np.flatnonzero(moving)[lost]] = False
        moving[np.flatnonzero(moving)[lost | done]] = False
    coefficients[~alive | moving] = np.nan
    return _logistic(coefficients @ x.T)


def _logistic(linear: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-linear)))


def _square(flat: np.ndarray) -> np.ndarray:
    size = round(flat.shape[1] ** 0.5)
    return flat.reshape(-1, size, size)


def _full_rank(products: np.ndarray, weights: np.ndarray) -> np.ndarray:
    grams = _square(weights @ products)
    return np.asarray(np.linalg.cond(grams) < 1 / np.finfo(float).eps)


def _steps(information: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Newton steps; NaN where the information is singular, so that one group does not stop the others."""
    try:
        return np.asarray(np.linalg.solve(information, gradient[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        step = np.full_like(gradient, np.nan)
        for index, matrix in enumerate(information):
            if np.linalg.cond(matrix) < 1 / np.finfo(float).eps:
                step[index] = np.linalg.solve(matrix, gradient[index])
        return step
