"""Fits under a null hypothesis, whose residuals resampling tests draw from."""

from __future__ import annotations

import numpy as np

from balanza.checks._twoway import Design
from balanza.contract import CheckSpec, Study
from balanza.errors import Unsupported
from balanza.estimators import _guard
from balanza.kernels import poisson, wild_bootstrap, within
from balanza.kernels.wild_bootstrap import Scores, Signs


def fit(
    outcome: np.ndarray, weight: np.ndarray, regressors: np.ndarray, baseline: np.ndarray, counts: bool, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Residuals of a two-way fit, and the weights of its scores.

    Parameters
    ----------
    outcome, weight : ndarray, shape (n_units, n_periods)
        NaN where there is no row; for counts `weight` is the exposure.
    regressors : ndarray, shape (n_regressors, n_units, n_periods)
        Those that the null leaves free.
    baseline : ndarray, shape (n_units, n_baseline)
    counts : bool
        Whether the fit is Poisson.
    where : str
        The check's name, for errors.

    Returns
    -------
    ndarray, ndarray, shape (n_units, n_periods)
        0 where there is no row. Least squares: residuals times weights, and weights. Counts: residuals, and the fit.

    Raises
    ------
    Unsupported
        If the fit has no solution.
    """
    seen = ~np.isnan(outcome)
    try:
        if counts:
            fitted = poisson.fit(outcome, weight, regressors, baseline).fitted
            return np.where(seen, outcome - fitted, 0.0), fitted
        mass = np.where(seen, weight, 0.0)
        found = within.fit(outcome, weight, regressors, baseline)
    except within.Degenerate as problem:
        raise Unsupported(
            f"the fit without the treatment has no solution: a coefficient is {problem.reason}",
            where=where,
            cure="Remove a covariate that repeats others or hardly varies",
        ) from None
    left = outcome - np.einsum("k,kit->it", found.coefficients, np.where(seen, regressors, 0.0))
    return mass * within.within(left[None], mass, baseline)[0], mass


def restricted(design: Design, tested: np.ndarray, effects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fit of a design with some coefficients fixed; parts and errors as `fit`.

    Parameters
    ----------
    design : Design
    tested : ndarray of int, shape (n_tested,)
        Which of the regressors are fixed.
    effects : ndarray, shape (n_tested,)
        At which coefficients.
    """
    regressors = design.regressors
    free = np.delete(regressors, tested, axis=0)
    fixed = np.tensordot(effects, regressors[tested], axes=1)
    if design.counts:
        weight = design.weight * np.exp(fixed)
        return fit(design.outcome, weight, free, design.baseline, True, design.where)
    return fit(design.outcome - fixed, design.weight, free, design.baseline, False, design.where)


def signs(spec: CheckSpec, study: Study, n_clusters: int, rng: np.random.Generator) -> Signs:
    """As many draws of signs as the option `draws` says; ten times those of the run and nine where it is left out.

    Raises
    ------
    Unsupported
        If `draws` is not a whole number from 99 on.
    """
    chosen = dict(_guard.options(spec, study))
    if chosen["draws"] is None:
        chosen["draws"] = 10 * study.draws + 9
    return wild_bootstrap.signs(n_clusters, _guard.whole(spec, chosen, "draws", 99), rng)


def scores(design: Design, tested: np.ndarray, effects: np.ndarray) -> Scores:
    """A fit under the null, summed to clusters; parameters and errors as `restricted`."""
    residual, mass = restricted(design, tested, effects)
    return wild_bootstrap.collect(residual, mass, design.regressors, tested, design.cluster, design.baseline)
