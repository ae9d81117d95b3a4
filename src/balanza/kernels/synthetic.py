"""Synthetic difference-in-differences and synthetic control, many assignments of treatment at once.

After Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), American Economic Review 111(12), and their R package
`synthdid` 0.0.9: weights of control units (and, for synthetic difference-in-differences, of periods before treatment)
by the algorithm of Frank and Wolfe, stopped and made sparse as there. Each step is taken on the Gram matrix, which
all assignments share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Method = Literal["did", "control"]
STEPS = 10_000
STEPS_BEFORE_SPARSE = 100
LEAST_DECREASE = 1e-5
SMALL_PENALTY = 1e-6


@dataclass(frozen=True)
class Synthetic:
    """Fits of several assignments.

    units : shape (n_assignments, n_controls), weights of the controls; 0 where they are not allowed
    periods : shape (n_assignments, n_before), weights of the periods before treatment; 0 for synthetic control
    gap : shape (n_assignments, n_periods), treated less synthetic control, less the weighted mean gap before
    """

    units: np.ndarray
    periods: np.ndarray
    gap: np.ndarray

    @property
    def effect(self) -> np.ndarray:
        """Mean gap after treatment, shape (n_assignments,)."""
        return np.asarray(self.gap[:, self.periods.shape[1] :].mean(axis=1))


def synthetic(
    controls: np.ndarray,
    treated: np.ndarray,
    before: int,
    n_treated: int = 1,
    allowed: np.ndarray | None = None,
    method: Method = "did",
) -> Synthetic:
    """Fit the weights of one or many assignments of treatment.

    Parameters
    ----------
    controls : ndarray, shape (n_controls, n_periods)
        Outcomes of all units that may serve as controls.
    treated : ndarray, shape (n_assignments, n_periods)
        Mean outcome of the treated under each assignment.
    before : int
        Number of periods before treatment, the first ones.
    n_treated : int
        Units behind the mean; more of them and more periods after treatment make the weights more even.
    allowed : ndarray of bool, shape (n_assignments, n_controls), optional
        Which units are controls under each assignment, at least one; all by default.
    method : {"did", "control"}
        Synthetic difference-in-differences, or synthetic control (no period weights, no intercept, almost no penalty).

    Returns
    -------
    Synthetic
    """
    use = np.ones((len(treated), len(controls)), bool) if allowed is None else allowed
    noise = _noise(controls[:, :before], use)
    ratio = (n_treated * (controls.shape[1] - before)) ** 0.25 if method == "did" else SMALL_PENALTY
    units = _unit_weights(controls[:, :before], treated[:, :before], use, noise, ratio, method == "did")
    periods = _period_weights(controls, before, use, noise) if method == "did" else np.zeros((len(treated), before))
    gap = treated - units @ controls
    return Synthetic(units, periods, gap - (periods * gap[:, :before]).sum(axis=1, keepdims=True))


def fixed(controls: np.ndarray, treated: np.ndarray, units: np.ndarray, periods: np.ndarray) -> Synthetic:
    """Assignments with given weights, of which those of units are made to add up to one (the jackknife).

    Parameters
    ----------
    controls : ndarray, shape (n_controls, n_periods)
    treated : ndarray, shape (n_assignments, n_periods)
    units : ndarray, shape (n_assignments, n_controls)
    periods : ndarray, shape (n_before,)

    Returns
    -------
    Synthetic
    """
    shares = units / units.sum(axis=1, keepdims=True)
    gap = treated - shares @ controls
    return Synthetic(shares, np.tile(periods, (len(gap), 1)), gap - (gap[:, : len(periods)] @ periods)[:, None])


def _noise(outcome: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Standard deviation of the controls' changes from period to period, shape (n_assignments,)."""
    change = np.diff(outcome, axis=1)
    count = use.sum(axis=1) * change.shape[1]
    if change.shape[1] == 0:
        return np.zeros(len(use))
    mean = use @ change.sum(axis=1) / count
    square = use @ (change**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(square - count * mean**2, 0.0) / np.maximum(count - 1, 1)))


def _unit_weights(
    outcome: np.ndarray, treated: np.ndarray, use: np.ndarray, noise: np.ndarray, ratio: float, intercept: bool
) -> np.ndarray:
    """Controls whose weighted path comes nearest to the treated's; less the mean path, which loses no digits."""
    mean = outcome.mean(axis=0)
    outcome, treated = outcome - mean, treated - mean
    if intercept:
        outcome = outcome - outcome.mean(axis=1, keepdims=True)
        treated = treated - treated.mean(axis=1, keepdims=True)
    return _frank_wolfe(outcome @ outcome.T, treated @ outcome.T, use, outcome.shape[1], ratio * noise, noise)


def _period_weights(controls: np.ndarray, before: int, use: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Periods before treatment whose weighted mean comes nearest to the controls' mean after it."""
    level = controls[:, :before].mean(axis=1, keepdims=True)
    earlier, later = controls[:, :before] - level, controls[:, before:].mean(axis=1) - level[:, 0]
    grams, products = [], []
    for chosen in use:
        own = earlier[chosen] - earlier[chosen].mean(axis=0)
        grams.append(own.T @ own)
        products.append((later[chosen] - later[chosen].mean()) @ own)
    every = np.ones((len(use), before), bool)
    return _frank_wolfe(np.array(grams), np.array(products), every, use.sum(axis=1), SMALL_PENALTY * noise, noise)


def _frank_wolfe(
    gram: np.ndarray,
    product: np.ndarray,
    use: np.ndarray,
    rows: np.ndarray | int,
    penalty: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """Minimise penalty^2 |x|^2 + |A x - b|^2 / rows over the simplex, from even weights, sparse in between.

    `gram` is A'A, shared (k, k) or by problem (n, k, k); `product` is A'b, (n, k).
    """
    from balanza.kernels.frank_wolfe import descend  # imports a compiler

    ridge = rows * penalty**2
    least = rows * (LEAST_DECREASE * noise) ** 2
    product = np.where(use, product, -(np.finfo(float).max ** 0.9))
    weights = use / use.sum(axis=1, keepdims=True)
    weights = descend(gram, product, weights, ridge, least, STEPS_BEFORE_SPARSE)
    weights = np.where(weights <= weights.max(axis=1, keepdims=True) / 4, 0.0, weights)
    return descend(gram, product, weights / weights.sum(axis=1, keepdims=True), ridge, least, STEPS)
