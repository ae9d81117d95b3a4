"""Honest intervals under a smooth trend, after Rambachan and Roth (2023): the shortest of fixed length.

The slope of the trend that treated units would have had, less that of the others, may change by no more than `bound`
from one event time to the next. The target's coefficients less a weighted sum of those before treatment then have a
bias that is known to be no larger than some B; the weights are those for which the interval around it is shortest.
They must take out any straight line, whose slope is free. The length is convex in the weights, so that one call of a
sequential quadratic programme finds them; should it stop early, its interval is valid all the same, and longer.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import ndtr, ndtri

from balanza.kernels.honest import EventStudy

FAR = 6.0


def smoothness(study: EventStudy, weights: np.ndarray, bound: float, level: float) -> tuple[float, float]:
    """The shortest interval of fixed length for a weighted sum of effects.

    Parameters
    ----------
    study : EventStudy
        With at least one coefficient before the reference.
    weights : ndarray, shape (n_after,)
        Of the effects, not all zero.
    bound : float
        Largest change of the trend's slope from one event time to the next, 0 or more, in units of the outcome.
    level : float
        Of the interval, one half or more.

    Returns
    -------
    tuple of float
    """
    time = np.delete(np.arange(len(study.value) + 1), study.n_before) - float(study.n_before)
    target = np.concatenate([np.zeros(study.n_before), weights])
    bends = _bends(time)
    scale = float(np.sqrt(target @ study.covariance @ target))
    base, free = _without_lines(study, time, target)
    candidates = [base]
    if bound and free.shape[1]:
        candidates.append(_shortest(study.covariance / scale**2, base, free, bends * (bound / scale), level))
    intervals = [
        _around(study.value, study.covariance, chosen, bound * np.abs(chosen @ bends).sum(), level)
        for chosen in candidates
    ]
    return min(intervals, key=lambda ends: ends[1] - ends[0])


def folded_quantile(ratio: float, level: float) -> float:
    """The level's quantile of |Z + ratio|, Z standard normal."""
    if ratio > FAR:
        return float(ratio + ndtri(level))

    def missing(value: float) -> float:
        return float(ndtr(value - ratio) - ndtr(-value - ratio) - level)

    return float(brentq(missing, 0.0, ratio + FAR + 4, xtol=1e-13))


def _bends(time: np.ndarray) -> np.ndarray:
    """What each bend adds to the trend at each time, (n, n_bends): a kink at 0 and at all inner times on both sides."""
    before, after = np.arange(int(time.min()) + 1, 0), np.arange(1, int(time.max()))
    left, right = np.maximum(before - time[:, None], 0.0), np.maximum(time[:, None] - after, 0.0)
    return np.hstack([left, np.maximum(time, 0.0)[:, None], right])


def _without_lines(study: EventStudy, time: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of all coefficients that take out a line, the best without bends, and directions that leave it out."""
    n_before = study.n_before
    line = time[:n_before]
    free = np.zeros((len(time), n_before - 1))
    free[:n_before] = np.linalg.svd(line[None, :])[2][1:].T
    base = target.copy()
    base[:n_before] = -line * (target @ time) / (line @ line)
    if n_before > 1:
        covariance = study.covariance
        base = base - free @ np.linalg.solve(free.T @ covariance @ free, free.T @ covariance @ base)
    return base, free


def _shortest(
    covariance: np.ndarray, base: np.ndarray, free: np.ndarray, bends: np.ndarray, level: float
) -> np.ndarray:
    """Weights base + free x whose interval is shortest; `bends` times the bound, all in units of the target's error.

    The sum of absolute biases enters as that of variables that lie above each of them with both signs.
    """
    n_free, n_bends = free.shape[1], bends.shape[1]
    fixed, moving = base @ bends, (free.T @ bends).T
    quadratic, linear = free.T @ covariance @ free, free.T @ covariance @ base
    constant = float(base @ covariance @ base)

    def length(point: np.ndarray) -> tuple[float, np.ndarray]:
        x, bias = point[:n_free], max(float(point[n_free:].sum()), 0.0)
        error = np.sqrt(constant + 2 * x @ linear + x @ quadratic @ x)
        ratio = bias / error
        quantile = folded_quantile(ratio, level)
        up, down = np.exp(-((quantile - ratio) ** 2) / 2), np.exp(-((quantile + ratio) ** 2) / 2)
        slope = (up - down) / (up + down)
        of_error = (quantile - ratio * slope) * (linear + quadratic @ x) / error
        return error * quantile, np.concatenate([of_error, np.full(n_bends, slope)])

    identity = np.eye(n_bends)
    matrix = np.vstack([np.hstack([-moving, identity]), np.hstack([moving, identity])])
    offset = np.concatenate([-fixed, fixed])
    start = np.concatenate([np.zeros(n_free), np.abs(fixed)])
    found = minimize(
        length,
        start,
        jac=True,
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda point: matrix @ point + offset, "jac": lambda point: matrix},
        options={"maxiter": 500, "ftol": 1e-12},
    )
    return np.asarray(base + free @ np.nan_to_num(found.x[:n_free]))


def _around(
    value: np.ndarray, covariance: np.ndarray, weights: np.ndarray, bias: float, level: float
) -> tuple[float, float]:
    centre, error = float(weights @ value), float(np.sqrt(weights @ covariance @ weights))
    half = error * folded_quantile(bias / error, level)
    return centre - half, centre + half
