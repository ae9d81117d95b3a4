"""Adjustment by regression, inverse probability weighting and both, with the influence of each row on the effect.

The influence counts the estimation of all nuisance coefficients (stacked estimating equations): Stefanski and Boos
(2002), American Statistician 56(1); Lunceford and Davidian (2004), Statistics in Medicine 23(19).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from balanza.kernels.logit import fit_logits
from balanza.kernels.within import SINGULAR, Degenerate

Target = Literal["ate", "att"]


@dataclass(frozen=True)
class Adjusted:
    """An effect, and the influence of each row, shape (n,), whose sum is zero and whose Gram is the variance.

    n_coefficients : nuisance coefficients and the effect, for small-sample factors
    propensity : shape (n,), probability of treatment; empty for regression
    """

    value: float
    influence: np.ndarray
    n_coefficients: int
    propensity: np.ndarray


def least_squares(outcome: np.ndarray, regressors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ordinary least squares, and the influence of each row on each coefficient.

    Parameters
    ----------
    outcome : ndarray, shape (n,)
    regressors : ndarray, shape (n, k)
        With an intercept, if there is to be one.

    Returns
    -------
    ndarray, shape (k,), and ndarray, shape (n, k)

    Raises
    ------
    Degenerate
        If the regressors are collinear.
    """
    inverse = _inverse(regressors.T @ regressors)
    coefficients = inverse @ (regressors.T @ outcome)
    residual = outcome - regressors @ coefficients
    return coefficients, regressors * residual[:, None] @ inverse


def regression(outcome: np.ndarray, treatment: np.ndarray, covariates: np.ndarray) -> Adjusted:
    """Coefficient of the treatment beside an intercept and the covariates.

    Parameters
    ----------
    outcome, treatment : ndarray, shape (n,)
    covariates : ndarray, shape (n, k)

    Raises
    ------
    Degenerate
        If the treatment is collinear with the covariates (index 0), or they with each other.
    """
    design = np.column_stack([treatment, _intercept(covariates)])
    coefficients, influence = least_squares(outcome, design)
    return Adjusted(float(coefficients[0]), influence[:, 0], design.shape[1], np.empty(0))


def weighting(outcome: np.ndarray, treatment: np.ndarray, covariates: np.ndarray, target: Target) -> Adjusted:
    """Difference of weighted means (Hajek), weighted by a logit without penalty.

    Parameters
    ----------
    outcome : ndarray, shape (n,)
    treatment : ndarray, shape (n,)
        0 or 1.
    covariates : ndarray, shape (n, k)
        In standard units.
    target : {"ate", "att"}
        All units, or the treated.

    Raises
    ------
    Degenerate
        If the covariates separate treated from untreated rows, or are collinear.
    """
    x = _intercept(covariates)
    chance, score = _propensity(treatment, x)
    control, odds = 1 - treatment, chance / (1 - chance)
    if target == "ate":
        arms = ((treatment / chance, -treatment / odds), (control / (1 - chance), control * odds))
    else:
        arms = ((treatment, 0 * treatment), (control * odds, control * odds))
    means, influences = [], []
    for weight, slope in arms:  # slope: derivative of the weight by the logit's linear index
        mean = float(weight @ outcome / weight.sum())
        gap = outcome - mean
        influences.append((weight * gap + score @ (x.T @ (slope * gap))) / weight.sum())
        means.append(mean)
    return Adjusted(means[0] - means[1], influences[0] - influences[1], x.shape[1] + 2, chance)


def doubly_robust(outcome: np.ndarray, treatment: np.ndarray, covariates: np.ndarray) -> Adjusted:
    """Average effect over all rows: a linear regression, mended by the weighted mean of its residuals.

    As in DoWhy, the regression has one slope per covariate for both arms, and the weights are not normalised.

    Parameters
    ----------
    outcome, treatment, covariates : as in `weighting`

    Raises
    ------
    Degenerate
        As `weighting`.
    """
    n, x = len(outcome), _intercept(covariates)
    chance, score = _propensity(treatment, x)
    design = np.column_stack([treatment, x])
    coefficients, fitted = least_squares(outcome, design)
    residual = outcome - design @ coefficients
    up, down = treatment / chance, (1 - treatment) / (1 - chance)
    parts = coefficients[0] + (up - down) * residual
    by_slope = np.column_stack([1 - up, (down - up)[:, None] * x]).mean(axis=0)
    by_chance = x.T @ (-residual * (up * (1 - chance) + down * chance))
    influence = (parts - parts.mean()) / n + fitted @ by_slope + score @ by_chance / n
    return Adjusted(float(parts.mean()), influence, design.shape[1] + 1, chance)


def clustered(influence: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Influence summed within clusters, shape (n_clusters, ...), in the order of their sorted codes."""
    codes, position = np.unique(cluster, return_inverse=True)
    sums = np.zeros((len(codes), *influence.shape[1:]))
    np.add.at(sums, position, influence)
    return sums


def _propensity(treatment: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of treatment, and the influence of each row on the logit's coefficients, shape (n, k)."""
    chance = fit_logits(x, treatment, (1 - treatment)[None])[0]
    if np.isnan(chance).any():
        raise Degenerate("separated", None)
    information = (x * (chance * (1 - chance))[:, None]).T @ x
    return chance, (x * (treatment - chance)[:, None]) @ _inverse(information)


def _intercept(covariates: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(covariates)), covariates])


def _inverse(gram: np.ndarray) -> np.ndarray:
    """Inverse of a Gram matrix.

    Raises
    ------
    Degenerate
        If it is singular; the index is 0 where the first column is to blame.
    """
    size = np.sqrt(np.diag(gram))
    if not size.all():
        raise Degenerate("collinear", int(np.argmin(size)))
    values, vectors = np.linalg.eigh(gram / np.outer(size, size))
    if values[0] < SINGULAR:
        raise Degenerate("collinear", 0 if abs(vectors[0, 0]) > SINGULAR else None)
    return np.asarray((vectors / values) @ vectors.T / np.outer(size, size))
