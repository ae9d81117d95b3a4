"""Honest intervals under bounded relative magnitudes, after Rambachan and Roth (2023), without a linear programme.

The trend that treated units would have had, less that of the others, may change from one event time to the next by no
more than `mbar` times its largest change before treatment. This set is a union, over the change s that is the largest
and over its sign, of sets of linear inequalities; an effect is refused where each of these refuses it, by the hybrid
test of Andrews, Roth and Pakes (2023): least favourable critical values first, then the conditional test.

That test takes the largest of the studentised moments that are left when all other effects are free: the vertices of a
dual linear programme, which the authors' and all other packages solve anew for each effect on a grid. Here these
vertices are known beforehand. With c_t for the sum of the target's weights from event time t on, the inequalities

    |change_t| <= mbar w,   t after the reference,   with w the change s (or minus it) before,

and the target's definition, sum_t c_t change_t = target of the coefficients - effect, leave n + 2 extreme combinations:
the sum with the signs of c, the same with the opposite signs, and for each t the pair that says -2 mbar w <= 0. So all
moments are linear in two estimates, the target's and w, the test is a handful of array operations over all effects at
once, and the least favourable critical value is an integral over one variable: no simulation and no seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

GRID = 401
ZOOMS, FINER = 4, 33
HALVINGS = 30
NODES = 64
REACH = 8.0
FIRST_STAGE = 0.1
"""Share of the size of the test that its first stage takes, as in HonestDiD."""


@dataclass(frozen=True)
class EventStudy:
    """Coefficients by event time without the reference, which is zero, and their covariance.

    value : shape (n_before + n_after,), in the order of time
    covariance : shape (n, n), positive definite
    n_before : those before the reference; the reference lies between
    """

    value: np.ndarray
    covariance: np.ndarray
    n_before: int

    @property
    def n_after(self) -> int:
        """Coefficients after the reference."""
        return len(self.value) - self.n_before


@dataclass(frozen=True)
class _Moments:
    """Studentised moments of each set and vertex: (toward (X - effect) + by w) over a norm, X the target.

    toward, by : shape (n_sets, n_vertices), already divided by their norms
    target : X
    largest : w, shape (n_sets,)
    error, spread : standard deviations of X, and of w with shape (n_sets,)
    joint : covariance of X and w, shape (n_sets,)
    """

    toward: np.ndarray
    by: np.ndarray
    target: float
    largest: np.ndarray
    error: float
    spread: np.ndarray
    joint: np.ndarray

    def covariance(self) -> np.ndarray:
        """Of the vertices' moments, shape (n_sets, n_vertices, n_vertices)."""

        def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
            return np.asarray(left[:, :, None] * right[:, None, :])

        cross = product(self.toward, self.by) + product(self.by, self.toward)
        return np.asarray(
            product(self.toward, self.toward) * self.error**2
            + product(self.by, self.by) * self.spread[:, None, None] ** 2
            + cross * self.joint[:, None, None]
        )


def relative_magnitudes(study: EventStudy, weights: np.ndarray, mbar: float, level: float) -> tuple[float, float]:
    """The interval of a weighted sum of effects: all of them that the hybrid test does not refuse.

    Parameters
    ----------
    study : EventStudy
        With at least one coefficient before the reference.
    weights : ndarray, shape (n_after,)
        Of the effects, not all zero.
    mbar : float
        How many times the largest change of the trend before treatment its later changes may be, 0 or more.
    level : float
        Of the interval.

    Returns
    -------
    tuple of float
        The lowest and the highest effect that is not refused. What is not refused need not be an interval; then this
        is the smallest one that holds it.
    """
    found = _moments(study, weights, mbar)
    limits = _least_favourable(found, FIRST_STAGE * (1 - level))
    steps = np.linspace(0, _reach(found, weights, mbar), GRID)
    ends = []
    for side in (-1.0, 1.0):
        tried = steps
        for _ in range(1 + ZOOMS):
            kept = _accepted(found, limits, found.target + side * tried, level)
            last = int(np.flatnonzero(kept).max(initial=0))
            tried = np.linspace(tried[last], tried[min(last + 1, len(tried) - 1)], FINER)
        ends.append(found.target + side * tried[0])
    return float(ends[0]), float(ends[1])


def breakdown(study: EventStudy, weights: np.ndarray, level: float, most: float, precision: float = 1e-3) -> float:
    """The largest `mbar` at which the interval excludes zero.

    Parameters
    ----------
    study, weights, level : as in `relative_magnitudes`
    most : float
        Where the search ends.
    precision : float
        Of the answer, which is rounded down.

    Returns
    -------
    float
        NaN where zero is inside even at 0, and `most` where it is outside throughout.
    """

    def excludes(mbar: float) -> bool:
        found = _moments(study, weights, mbar)
        limits = _least_favourable(found, FIRST_STAGE * (1 - level))
        beyond = -np.sign(found.target) * np.linspace(0, _reach(found, weights, mbar), GRID)
        return not _accepted(found, limits, beyond, level).any()

    if not excludes(0.0):
        return float("nan")
    below, above = 0.0, 0.5
    while excludes(above):
        if above >= most:
            return most
        below, above = above, min(2 * above, most)
    while above - below > precision:
        middle = (below + above) / 2
        below, above = (middle, above) if excludes(middle) else (below, middle)
    return below


def _reach(found: _Moments, weights: np.ndarray, mbar: float) -> float:
    """How far from the target no effect is accepted."""
    most = (np.abs(found.largest) + REACH * found.spread).max()
    return float(mbar * np.abs(_turns(weights)).sum() * most + REACH * found.error)


def _turns(weights: np.ndarray) -> np.ndarray:
    """How much the target moves with each change after the reference: c, shape (n_after,)."""
    return np.asarray(np.cumsum(weights[::-1])[::-1])


def _changes(study: EventStudy) -> tuple[np.ndarray, np.ndarray]:
    """Rows that take changes between neighbouring event times, (n_before, n) and (n_after, n); the reference is 0."""
    n = len(study.value)
    with_reference = np.insert(np.eye(n), study.n_before, 0.0, axis=0)
    rows = np.diff(with_reference, axis=0)
    return rows[: study.n_before], rows[study.n_before :]


def _moments(study: EventStudy, weights: np.ndarray, mbar: float) -> _Moments:
    before, after = _changes(study)
    signed = np.concatenate([before, -before])
    target = np.concatenate([np.zeros(study.n_before), weights])
    turns = _turns(weights)
    covariance = study.covariance

    def deviation(rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.sqrt(np.maximum(np.einsum("...i,ij,...j->...", rows, covariance, rows), 0.0)))

    bound = mbar * signed[:, None, :]
    upper, lower = deviation(after - bound), deviation(-after - bound)
    rising = turns > 0
    norms = np.column_stack(
        [
            np.where(rising, upper, lower) @ np.abs(turns),
            np.where(rising, lower, upper) @ np.abs(turns),
            upper + lower,
        ]
    )
    by = np.concatenate([np.full(2, -mbar * np.abs(turns).sum()), np.full(len(after), -2 * mbar)])
    toward = np.concatenate([[1.0, -1.0], np.zeros(len(after))])
    return _Moments(
        toward=toward / norms,
        by=by / norms,
        target=float(target @ study.value),
        largest=signed @ study.value,
        error=float(deviation(target)),
        spread=deviation(signed),
        joint=signed @ covariance @ target,
    )


def _least_favourable(found: _Moments, size: float) -> np.ndarray:
    """What the largest moment exceeds with probability `size` where all have mean zero, shape (n_sets,).

    Given w, no moment exceeds a limit where X lies between two lines; that probability is integrated over w.
    """
    node, mass = np.polynomial.legendre.leggauss(NODES)
    slope = found.joint / found.spread
    left = np.sqrt(np.maximum(found.error**2 - slope**2, 1e-12 * found.error**2))
    upward, downward = found.toward[:, 0], -found.toward[:, 1]
    low_w = found.by[:, 2:].min(axis=1)

    def exceeded(limit: np.ndarray) -> np.ndarray:
        """The probability that no moment exceeds a limit, taken from one; w in standard units, z the nodes' values."""
        start = np.full(len(limit), -REACH)
        bounded = low_w < 0
        start[bounded] = np.maximum(start[bounded], limit[bounded] / (low_w[bounded] * found.spread[bounded]))
        half = (REACH - start) / 2
        z = start[:, None] + half[:, None] * (node + 1)
        w = z * found.spread[:, None]
        highest = (limit[:, None] - found.by[:, :1] * w) / upward[:, None]
        lowest = -(limit[:, None] - found.by[:, 1:2] * w) / downward[:, None]
        centre = slope[:, None] * z
        inside = ndtr((highest - centre) / left[:, None]) - ndtr((lowest - centre) / left[:, None])
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        return np.asarray(1 - half * ((np.maximum(inside, 0) * density) @ mass))

    low, high = np.zeros(len(slope)), np.full(len(slope), REACH)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_low = exceeded(middle) > size
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return high


def _accepted(found: _Moments, limits: np.ndarray, effects: np.ndarray, level: float) -> np.ndarray:
    """Whether some set does not refuse each effect, shape (n_effects,)."""
    size = (1 - level) * (1 - FIRST_STAGE) / (1 - FIRST_STAGE * (1 - level))
    offset = found.target - effects
    values = found.toward[:, None, :] * offset[:, None] + (found.by * found.largest[:, None])[:, None, :]
    top = values.argmax(axis=2)
    largest = np.take_along_axis(values, top[:, :, None], axis=2)[:, :, 0]
    covariance = found.covariance()
    own = np.take_along_axis(covariance.diagonal(axis1=1, axis2=2), top, axis=1)
    fixed = own <= 1e-24
    along = np.take_along_axis(covariance, top[:, :, None], axis=1)
    share = along / np.where(fixed, 1.0, own)[:, :, None]
    rest, room = values - share * largest[:, :, None], 1 - share
    near = np.abs(room) < 1e-10
    ratio = rest / np.where(near, 1.0, room)
    low = np.where(~near & (room > 0), ratio, -np.inf).max(axis=2)
    high = np.minimum(np.where(~near & (room < 0), ratio, np.inf).min(axis=2), limits[:, None])
    error = np.sqrt(np.where(fixed, 1.0, own))
    refused = _beyond(largest / error, low / error, high / error) < size
    refused = np.where(largest > limits[:, None], True, refused) & (largest > 0)
    return np.asarray((~np.where(fixed, largest > 0, refused)).any(axis=0))


def _beyond(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Probability that a standard normal cut to [low, high] exceeds `value`, exact far out in the tail."""
    top, own, bottom = log_ndtr(-high), log_ndtr(-value), log_ndtr(-np.minimum(low, value))
    with np.errstate(divide="ignore", invalid="ignore"):
        above = own + np.log1p(-np.exp(np.minimum(top - own, 0.0)))
        total = bottom + np.log1p(-np.exp(np.minimum(top - bottom, 0.0)))
        return np.asarray(np.where(np.isneginf(above), 0.0, np.exp(above - total)))
