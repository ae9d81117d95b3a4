"""The joint test of coefficients before treatment, its power against a straight trend, and what passing it does.

After Roth (2022), with a joint test in place of one test for each coefficient, which makes all of it exact. The test
rejects outside an ellipsoid of coefficients. Divided by the root of their covariance they are independent normals of
unit variance, the ellipsoid is a ball, its probability that of a non-central chi-squared variable, and the mean inside
it the mean outside times a ratio of two such probabilities.

The usual critical value, F with clusters less one, rejects far too often as soon as coefficients are not few beside the
clusters that carry the treatment: their inverse covariance is then too large. If the covariance were that of m
independent clusters, the Wald statistic would be Hotelling's T-squared; m is taken as the effective number of clusters,
(sum h)^2 / sum h^2 with h for each one's part in the treatment's variation (compare Carter, Schnepel and Steigerwald
2017, Review of Economics and Statistics 99(4)). As the test has no power where m is hardly above the number of
coefficients, no more than m / 3 of their contrasts are tested: then those of a straight trend, a parabola, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chndtr, fdtrc, fdtri

from balanza.kernels.honest import EventStudy

CLUSTERS_EACH = 3


@dataclass(frozen=True)
class Pretest:
    """Which contrasts of the coefficients before treatment are tested, and against what.

    contrasts : shape (n_contrasts, n_before)
    clusters : effective number, above n_contrasts
    limit : above which the Wald statistic rejects
    """

    contrasts: np.ndarray
    clusters: float
    limit: float


def effective_clusters(part: np.ndarray) -> float:
    """How many clusters of equal part would vary as these do: (sum h)^2 / sum h^2, 0 where no cluster has any.

    Parameters
    ----------
    part : ndarray, shape (n_clusters,)
        Of each cluster in the variation of the treatment, 0 or more.
    """
    squares = float((part**2).sum())
    return float(part.sum() ** 2 / squares) if squares else 0.0


def pretest(n_before: int, clusters: float, level: float) -> Pretest:
    """The test of all coefficients, or where clusters are few of the powers of time through the reference.

    Parameters
    ----------
    n_before : int
        Coefficients before the reference, one step apart.
    clusters : float
        Effective number, CLUSTERS_EACH at least.
    level : float
        One less the size of the test.

    Returns
    -------
    Pretest
    """
    n = min(n_before, int(clusters // CLUSTERS_EACH))
    time = np.arange(-n_before, 0) / n_before
    contrasts = np.eye(n_before) if n == n_before else time ** np.arange(1, n + 1)[:, None]
    limit = n * (clusters - 1) / (clusters - n) * float(fdtri(n, clusters - n, level))
    return Pretest(contrasts, clusters, limit)


def joint_test(study: EventStudy, test: Pretest) -> tuple[float, float]:
    """Hotelling's T-squared as an F with n_contrasts and clusters - n_contrasts degrees of freedom, and its p."""
    n, clusters = len(test.contrasts), test.clusters
    value, covariance = _tested(study, test, study.value[: study.n_before])
    wald = float(value @ np.linalg.solve(covariance, value))
    statistic = wald * (clusters - n) / (n * (clusters - 1))
    return statistic, float(fdtrc(n, clusters - n, statistic))


def usual_test(study: EventStudy, freedom: int) -> float:
    """The p of the Wald statistic of all coefficients by F with `freedom` in the denominator, as packages print it."""
    n = study.n_before
    before, covariance = study.value[:n], study.covariance[:n, :n]
    return float(fdtrc(n, freedom, before @ np.linalg.solve(covariance, before) / n))


def slope_missed(study: EventStudy, time: np.ndarray, test: Pretest, power: float) -> float:
    """The slope of a straight trend that the test finds with a given power, the covariance taken as known.

    Parameters
    ----------
    study : EventStudy
    time : ndarray, shape (n_before + n_after,)
        Of the coefficients, from the reference on.
    test : Pretest
    power : float
        Above the size, below one.

    Returns
    -------
    float
        Positive, per unit of `time`.
    """
    n = len(test.contrasts)
    most = 1.0
    while 1 - chndtr(test.limit, n, most) < power:
        most *= 2
    distance = brentq(lambda value: 1 - chndtr(test.limit, n, value) - power, 0.0, most, xtol=1e-12)
    line, covariance = _tested(study, test, time[: study.n_before].astype(float))
    return float(np.sqrt(distance / (line @ np.linalg.solve(covariance, line))))


def bias(study: EventStudy, time: np.ndarray, weights: np.ndarray, slope: float, test: Pretest) -> tuple[float, float]:
    """What a straight trend adds to a weighted sum of effects: on average, and on average where the test passes.

    Parameters
    ----------
    study, time, test : as in `slope_missed`
    weights : ndarray, shape (n_after,)
        Of the effects.
    slope : float
        Of the trend, per unit of `time`.

    Returns
    -------
    tuple of float
    """
    before, n = study.n_before, len(test.contrasts)
    trend = slope * time
    line, covariance = _tested(study, test, trend[:before])
    inverse = np.linalg.solve(covariance, line)
    distance = float(line @ inverse)
    kept = float(chndtr(test.limit, n + 2, distance) / chndtr(test.limit, n, distance))
    plain = float(weights @ trend[before:])
    cross = weights @ study.covariance[before:, :before] @ test.contrasts.T
    return plain, plain - (1 - kept) * float(cross @ inverse)


def _tested(study: EventStudy, test: Pretest, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Contrasts of values before the reference, and the covariance of these contrasts of the coefficients."""
    part = study.covariance[: study.n_before, : study.n_before]
    return test.contrasts @ values, test.contrasts @ part @ test.contrasts.T
