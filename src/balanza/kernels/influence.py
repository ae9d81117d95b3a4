"""Who drives a coefficient of a two-way fit: shares of its own variation, and what leaving units out does.

The weight of an observation is the square of its treatment net of all other terms (Aronow and Samii 2016, American
Journal of Political Science 60(1)); what leaving a unit out does is DFBETA, with the other terms held (Belsley, Kuh and
Welsch 1980). From the clusters' weights follows how many equal clusters they are worth (Carter, Schnepel and
Steigerwald 2017, Review of Economics and Statistics 99(4)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.kernels import within
from balanza.kernels.cluster_moments import inverse
from balanza.kernels.jackknife import curvature


@dataclass(frozen=True)
class Influence:
    """Of each group of units on one coefficient.

    coefficient : of the fit
    share : shape (n_groups,), of the regressor's own variation; they sum to 1
    change : shape (n_groups,), of the coefficient where the group is left out, other terms held
    """

    coefficient: float
    share: np.ndarray
    change: np.ndarray


def influence(
    response: np.ndarray,
    mass: np.ndarray,
    regressors: np.ndarray,
    index: int,
    baseline: np.ndarray | None = None,
    group: np.ndarray | None = None,
) -> Influence:
    """Influence of units, or groups of them, on the coefficient of one regressor in weighted two-way least squares.

    Parameters
    ----------
    response : ndarray, shape (n_units, n_periods)
        Ignored where the mass is zero; for counts the working response of a fit.
    mass : ndarray, shape (n_units, n_periods)
        Weights, 0 where there is no row; each unit needs a positive sum.
    regressors : ndarray, shape (n_regressors, n_units, n_periods)
        Not collinear.
    index : int
        Which of them.
    baseline : ndarray, shape (n_units, n_covariates), optional
        Unit-constant covariates, each with a slope of its own in each period.
    group : ndarray of int, shape (n_units,), optional
        Codes from 0; by default each unit is one.
    """
    seen, group = mass > 0, np.arange(len(mass)) if group is None else group
    x, z = np.where(seen, regressors, 0.0), within.standardised(baseline, len(mass))
    row = inverse(curvature(mass, x, z))[index]
    net = np.tensordot(row[: len(x)], x, axes=1) + z @ row[len(x) :].reshape(mass.shape[1], -1).T
    net = (net - ((mass * net).sum(axis=1) / mass.sum(axis=1))[:, None]) / row[index]
    own = np.bincount(group, (mass * net**2).sum(axis=1))
    information = own.sum()
    outcome = within.within(np.where(seen, response, 0.0)[None], mass, baseline)[0]
    others = within.within(np.delete(x, index, axis=0), mass, baseline)
    coefficient = float((mass * net * outcome).sum() / information)
    rest = outcome - coefficient * within.within(x[index][None], mass, baseline)[0]
    if len(others):
        flat = others.reshape(len(others), -1)
        slopes = np.linalg.solve((flat * mass.ravel()) @ flat.T, (flat * mass.ravel()) @ rest.ravel())
        rest = rest - np.tensordot(slopes, others, axes=1)
    score = np.bincount(group, (mass * net * rest).sum(axis=1))
    left = information - own
    change = np.where(left > 1e-10 * information, -score / np.where(left > 0, left, 1.0), np.nan)
    return Influence(coefficient, own / information, change)


def effective_clusters(share: np.ndarray) -> float:
    """How many equal clusters are worth as much: G / (1 + squared coefficient of variation of their weights).

    With errors that do not depend on each other within clusters, as MacKinnon, Nielsen and Webb (2023) advise where
    units have effects of their own.

    Parameters
    ----------
    share : ndarray, shape (n_clusters,)
        Each cluster's share of the regressor's own variation.
    """
    return float(share.sum() ** 2 / (share**2).sum())
