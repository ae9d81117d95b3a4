"""Cluster jackknife for count regressions: what leaving each cluster out does to the coefficients.

After MacKinnon, Nielsen and Webb (2023), Journal of Econometrics 232(2): with few or unequal clusters the sandwich is
too small, and the jackknife far less so. One Newton step stands for each refit.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from balanza.kernels import within
from balanza.kernels.poisson import PoissonFit

FEW = 100
"""Up to how many clusters each is left out in turn: with more it costs more and says the same as the sandwich."""


def leaves_out(n_clusters: int, standard_errors: str = "auto") -> bool:
    """Whether clusters are left out in turn, as `standard_errors` tells (`jackknife`, `sandwich`, or `auto`)."""
    return standard_errors == "jackknife" or (standard_errors == "auto" and n_clusters <= FEW)


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
    x, z = np.where(seen, regressors, 0.0), within.standardised(baseline, len(outcome))
    _, position = np.unique(cluster, return_inverse=True)
    members = [np.flatnonzero(position == code) for code in range(position.max() + 1)]
    parts = [curvature(fitted.fitted[own], x[:, own], z[own]) for own in members]
    # One period's effects are the reference, so that the whole is invertible.
    free = np.r_[: len(x), len(x) + z.shape[1] : len(parts[0])]
    gradients = [
        np.r_[np.einsum("it,kit->k", residual[own], x[:, own]), (residual[own].T @ z[own]).ravel()] for own in members
    ]
    return leave_out(np.stack(parts)[:, free[:, None], free], np.stack(gradients)[:, free], len(x))


def leave_out(information: np.ndarray, scores: np.ndarray, n_coefficients: int) -> np.ndarray | None:
    """One Newton step for each cluster left out.

    Parameters
    ----------
    information : ndarray, shape (n_clusters, n_parameters, n_parameters)
        What each cluster contributes, net of the effects of its own units; coefficients come first, then the rest.
    scores : ndarray, shape (n_clusters, n_parameters)
        Of each cluster at the maximum, where they sum to zero.
    n_coefficients : int

    Returns
    -------
    ndarray, shape (n_clusters, n_coefficients), or None
        Changes of the coefficients, so that their Gram is CV3; None where one hangs on a single cluster.
    """
    total = information.sum(axis=0)
    whole = _own(total, n_coefficients)
    changes = np.empty((len(scores), n_coefficients))
    for code, (own, score) in enumerate(zip(information, scores, strict=True)):
        rest = total - own
        if not _identified(_own(rest, n_coefficients), whole):
            return None
        try:
            changes[code] = -linalg.solve(rest, score, assume_a="sym")[:n_coefficients]
        except linalg.LinAlgError:
            return None
    return np.asarray(changes * np.sqrt((len(scores) - 1) / len(scores)))


def curvature(mass: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Information of some units on coefficients and period x baseline terms, net of the units' own effects.

    Parameters
    ----------
    mass : ndarray, shape (n_units, n_periods)
        Weights, 0 where there is no row; each unit needs a positive sum.
    x : ndarray, shape (n_regressors, n_units, n_periods)
    z : ndarray, shape (n_units, width)
        From `within.standardised`.

    Returns
    -------
    ndarray, shape (n_regressors + n_periods * width,) twice
    """
    totals = mass.sum(axis=1)
    block = within.period_block(mass, z)
    demeaned = x - np.einsum("it,kit->ki", mass / totals[:, None], x)[:, :, None]
    weighted = mass * demeaned
    own = np.tensordot(weighted, x, axes=((1, 2), (1, 2)))
    cross = np.tensordot(weighted, z, axes=(1, 0)).reshape(len(x), len(block))
    return np.block([[own, cross], [cross.T, block]])


def _own(matrix: np.ndarray, n_regressors: int) -> np.ndarray:
    """Information on the coefficients net of all other parameters."""
    nuisance = matrix[n_regressors:, n_regressors:]
    cross = matrix[:n_regressors, n_regressors:]
    return np.asarray(matrix[:n_regressors, :n_regressors] - cross @ within.inverse(nuisance) @ cross.T)


def _identified(rest: np.ndarray, whole: np.ndarray) -> bool:
    """Whether each coefficient keeps variation of its own when a cluster is left out."""
    size = np.sqrt(np.diag(whole))
    return bool(linalg.eigvalsh(rest / np.outer(size, size))[0] > 1e-8)
