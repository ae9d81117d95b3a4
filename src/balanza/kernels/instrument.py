"""Two-stage least squares with clustered inference that survives weak instruments.

Arrays come net of all that is partialled out (effects, covariates), and multiplied by the square root of weights.
Effective F: Montiel Olea and Pflueger (2013), Journal of Business and Economic Statistics 31(3), with the critical
value of their simplified procedure. Confidence set: Anderson and Rubin (1949), Annals of Mathematical Statistics 20(1),
made robust to clusters as in Chernozhukov and Hansen (2008), Economics Letters 100(1): a value is kept if the
instruments explain nothing of the outcome less that value times the treatment. The variance of the test is that under
the value tested (its scores take the residual outcome as it is, not net of the instruments, as in the S statistic of
Stock and Wright (2000), Econometrica 68(5)): with few clusters, or skewed instruments, residuals on the instruments are
too small in the clusters that matter, and a Wald test rejects the truth too often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.kernels.adjustment import clustered
from balanza.kernels.within import SINGULAR, Degenerate

DIRECTIONS = 4001
BIAS = 0.1


@dataclass(frozen=True)
class TwoStage:
    """Two-stage least squares.

    value : effect of one unit of treatment
    influence : shape (n_clusters,), whose norm is the standard error
    f_robust : Wald statistic of the instruments in the first stage over their number, clustered
    f_effective, f_critical : its size that rules out a bias of more than 10 % of the worst case, at 5 % error
    """

    value: float
    influence: np.ndarray
    f_robust: float
    f_effective: float
    f_critical: float


@dataclass(frozen=True)
class Moments:
    """Sums over all rows of instruments times outcome and treatment, shape (k,) each.

    cross : shape (2, 2, k, k), sums over clusters of products of their own such sums
    """

    outcome: np.ndarray
    treatment: np.ndarray
    cross: np.ndarray


@dataclass(frozen=True)
class ConfidenceSet:
    """Values that a test does not reject: closed pieces, whose ends may be infinite, from left to right."""

    pieces: tuple[tuple[float, float], ...]

    @property
    def bounded(self) -> bool:
        return bool(self.pieces) and bool(np.isfinite(self.pieces).all())


def two_stage(
    outcome: np.ndarray, treatment: np.ndarray, instruments: np.ndarray, cluster: np.ndarray, size: float
) -> TwoStage:
    """Estimate by two-stage least squares.

    Parameters
    ----------
    outcome, treatment : ndarray, shape (n,)
    instruments : ndarray, shape (n, k)
    cluster : ndarray of int, shape (n,)
    size : float
        Small-sample factor of standard errors.

    Raises
    ------
    Degenerate
        If the instruments are collinear, or explain nothing of the treatment.
    """
    z = orthonormal(instruments)
    slopes = z.T @ treatment
    strength = float(slopes @ slopes)
    if strength <= SINGULAR * float(treatment @ treatment):
        raise Degenerate("collinear", None)
    fitted = z @ slopes
    value = float(fitted @ outcome / strength)
    scores = clustered(fitted * (outcome - value * treatment), cluster)
    sums = clustered(z * (treatment - fitted)[:, None], cluster)
    meat = size**2 * sums.T @ sums
    k = len(slopes)
    with np.errstate(divide="ignore"):
        robust = float(slopes @ np.linalg.pinv(meat) @ slopes) / k if np.trace(meat) > 0 else np.inf
        effective = float(np.divide(strength, np.trace(meat)))
    return TwoStage(value, size * scores / strength, robust, effective, effective_critical(meat))


def effective_critical(meat: np.ndarray, bias: float = BIAS, error: float = 0.05) -> float:
    """Critical value of the effective F, by Patnaik's approximation of its distribution.

    Parameters
    ----------
    meat : ndarray, shape (k, k)
        Covariance of first-stage slopes on orthonormal instruments.
    bias : float
        Share of the worst-case bias that is borne.
    error : float
        Chance of calling weak instruments strong.
    """
    from scipy.stats import ncx2

    trace, largest = float(np.trace(meat)), float(np.linalg.eigvalsh(meat)[-1])
    x = 1 / bias
    freedom = 1.0
    if trace > 0:
        freedom = trace**2 * (1 + 2 * x) / (float((meat**2).sum()) + 2 * x * trace * largest)
    return float(ncx2.ppf(1 - error, freedom, freedom * x) / freedom)


def anderson_rubin(outcome: np.ndarray, treatment: np.ndarray, instruments: np.ndarray, cluster: np.ndarray) -> Moments:
    """Moments from which `statistic` and `confidence_set` are made.

    Parameters
    ----------
    outcome, treatment, instruments, cluster : as in `two_stage`
    """
    z = orthonormal(instruments)
    sums = np.stack([clustered(z * column[:, None], cluster) for column in (outcome, treatment)])
    outcomes, treatments = sums.sum(axis=1)
    return Moments(outcomes, treatments, np.einsum("agk,bgl->abkl", sums, sums))


def statistic(moments: Moments, value: float) -> float:
    """Score statistic of the instruments on outcome - value x treatment.

    Chi-square with k degrees of freedom where clusters are many; never above the number of clusters.
    """
    return float(_statistic(moments, np.array([1.0]), np.array([value]))[0])


def confidence_set(moments: Moments, critical: float, centre: float, scale: float) -> ConfidenceSet:
    """All values whose statistic is at most critical: an interval, two rays, the whole line, several pieces, or none.

    Values are walked through as directions, centre + scale x tan(angle), so that infinity is a point like others.

    Parameters
    ----------
    moments : Moments
    critical : float
    centre, scale : float
        Where values matter, and how far apart.
    """
    from scipy.optimize import brentq

    def excess(angle: float | np.ndarray) -> np.ndarray:
        cosine, sine = np.cos(np.atleast_1d(angle)), np.sin(np.atleast_1d(angle))
        return _statistic(moments, cosine, centre * cosine + scale * sine) - critical

    angles = np.linspace(-np.pi / 2, np.pi / 2, DIRECTIONS)
    signs = excess(angles) <= 0
    turns = np.flatnonzero(signs[1:] != signs[:-1])
    roots = [brentq(lambda angle: float(excess(angle)[0]), angles[i], angles[i + 1], xtol=1e-14) for i in turns]
    ends = [centre + scale * float(np.tan(root)) for root in roots]
    ends = ([-np.inf] if signs[0] else []) + ends + ([np.inf] if signs[-1] else [])
    return ConfidenceSet(tuple(zip(ends[::2], ends[1::2], strict=True)))


def orthonormal(instruments: np.ndarray) -> np.ndarray:
    """Instruments of the same span, orthogonal and of length 1.

    Raises
    ------
    Degenerate
        If one is collinear with the others, with its index.
    """
    length = np.linalg.norm(instruments, axis=0)
    if not length.all():
        raise Degenerate("collinear", int(np.argmin(length)))
    q, r = np.linalg.qr(instruments / length)
    own = np.abs(np.diag(r))
    if own.min() < np.sqrt(SINGULAR):
        raise Degenerate("collinear", int(np.argmin(own)))
    return np.asarray(q)


def _statistic(moments: Moments, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Statistics of first x outcome - second x treatment, shape (n_values,)."""
    gap = first[:, None] * moments.outcome - second[:, None] * moments.treatment
    mixed = moments.cross[0, 1] + moments.cross[1, 0]
    square = (first**2)[:, None, None] * moments.cross[0, 0] + (second**2)[:, None, None] * moments.cross[1, 1]
    variance = square - (first * second)[:, None, None] * mixed
    inverse = np.linalg.pinv(variance, hermitian=True)
    return np.asarray(np.einsum("vk,vkl,vl->v", gap, inverse, gap))
