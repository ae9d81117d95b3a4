"""Fits under a null hypothesis, whose residuals resampling tests draw from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from balanza.checks import _twoway
from balanza.checks._twoway import Design, Effect
from balanza.contract import CheckSpec, Study
from balanza.errors import Unsupported
from balanza.estimators import _guard
from balanza.kernels import poisson, wild_bootstrap, within
from balanza.kernels.cluster_moments import SANDWICH
from balanza.kernels.jackknife import leaves_out
from balanza.kernels.wild_bootstrap import Scores, Signs
from balanza.say import say

Found = TypeVar("Found")


@dataclass(frozen=True)
class Fit:
    """A two-way fit, shape (n_units, n_periods), 0 where there is no row.

    residual : for least squares times the weights
    mass : the weights; for counts the fit itself
    coefficients : shape (n_regressors,)
    """

    residual: np.ndarray
    mass: np.ndarray
    coefficients: np.ndarray


def fit(
    outcome: np.ndarray, weight: np.ndarray, regressors: np.ndarray, baseline: np.ndarray, counts: bool, where: str
) -> Fit:
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

    Raises
    ------
    Unsupported
        If the fit has no solution.
    """
    seen = ~np.isnan(outcome)
    if not (np.isfinite(outcome[seen]).all() and np.isfinite(weight[seen]).all()):
        raise Unsupported(say("the effect is too large to be fitted"), where=where)
    try:
        if counts:
            count = poisson.fit(outcome, weight, regressors, baseline)
            return Fit(np.where(seen, outcome - count.fitted, 0.0), count.fitted, count.coefficients)
        mass = np.where(seen, weight, 0.0)
        found = within.fit(outcome, weight, regressors, baseline)
    except (within.Degenerate, np.linalg.LinAlgError) as problem:
        reason = _guard.WITHOUT_SOLUTION[problem.reason] if isinstance(problem, within.Degenerate) else str(problem)
        raise Unsupported(
            say("the two-way fit has no solution: {reason}", reason=reason),
            where=where,
            cure=say("Remove a covariate that repeats others or hardly varies"),
        ) from None
    left = outcome - np.einsum("k,kit->it", found.coefficients, np.where(seen, regressors, 0.0))
    return Fit(mass * within.within(left[None], mass, baseline)[0], mass, found.coefficients)


def fit_of(design: Design) -> Fit:
    """The fit of a whole design; errors as `fit`."""
    return fit(design.outcome, design.weight, design.regressors, design.baseline, design.counts, design.where)


def restricted(design: Design, tested: np.ndarray, effects: np.ndarray) -> Fit:
    """The fit of a design with some coefficients fixed; errors as `fit`.

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
        with np.errstate(over="ignore"):
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
    return _collect(design, restricted(design, tested, effects), tested)


def unrestricted(design: Design) -> list[Effect]:
    """The effects that `_twoway.fit` gives, with more than a hundred clusters in memory linear in these.

    Raises
    ------
    Unsupported
        If the fit does not exist.
    """
    n_clusters = int(design.cluster.max()) + 1
    if leaves_out(n_clusters):
        return _twoway.fit(design)[1]
    found = fit_of(design)
    sums = _collect(design, found, np.arange(len(design.regressors)))
    influence = sums.own @ np.linalg.inv(sums.information)
    errors = np.sqrt(n_clusters / (n_clusters - 1) * (influence**2).sum(axis=0))
    return [
        Effect(float(value), float(error), n_clusters - 1, SANDWICH)
        for value, error in zip(found.coefficients, errors, strict=True)
    ]


def _collect(design: Design, found: Fit, tested: np.ndarray) -> Scores:
    return wild_bootstrap.collect(
        found.residual, found.mass, design.regressors, tested, design.cluster, design.baseline
    )


def attempted(fitted: Callable[[float], Found], effect: float) -> Found | None:
    """What a fit with an effect imposed gives, or None where there is none; no effect must have one.

    Raises
    ------
    Unsupported
        If no effect has no fit.
    """
    try:
        return fitted(effect)
    except Unsupported:
        if effect == 0:
            raise
        return None
