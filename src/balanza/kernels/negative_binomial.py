"""Negative binomial regression (NB2) with effects of groups and of periods, by maximum likelihood.

After Cameron and Trivedi (1986) and Lawless (1987): the variance is mean + dispersion x mean^2. Group effects are
eliminated from each Newton step and period effects enter by their sums, so that no column of dummies is ever made.
Regression and dispersion are fitted in turn; they are asymptotically independent, so that few turns are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize, special

from balanza.kernels.jackknife import leave_out
from balanza.kernels.within import SINGULAR, Degenerate

MAX_TURNS = 50
MAX_STEPS = 100
DECREMENT = 1e-14
SETTLED = 1e-10
MOVING = 1e-3
LARGEST = 16.0  # of the dispersion's logarithm, either way


@dataclass(frozen=True)
class Rows:
    """Rows of a panel, shape (n_rows,), and regressors, shape (n_regressors, n_rows).

    group, period : codes from 0 without gaps; weights multiply the likelihood of a row.
    """

    outcome: np.ndarray
    exposure: np.ndarray
    regressors: np.ndarray
    group: np.ndarray
    period: np.ndarray
    weights: np.ndarray

    @property
    def n_groups(self) -> int:
        return int(self.group.max()) + 1

    @property
    def n_periods(self) -> int:
        return int(self.period.max()) + 1


@dataclass(frozen=True)
class NegativeBinomialFit:
    """A maximum of the likelihood.

    coefficients : shape (n_regressors,); dispersion : 0 where the outcome varies no more than a Poisson one
    fitted : shape (n_rows,), expected outcomes
    influence : shape (n_rows, n_regressors), of each row on the coefficients
    """

    coefficients: np.ndarray
    dispersion: float
    fitted: np.ndarray
    influence: np.ndarray


@dataclass(frozen=True)
class _System:
    """Second derivatives: groups (diagonal), groups x rest, and the generalised inverse of the rest net of groups."""

    groups: np.ndarray
    cross: np.ndarray
    inverse: np.ndarray

    def solve(self, groups: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve for right-hand sides (n_groups, n) and (n_rest, n)."""
        solved = self.inverse @ (rest - self.cross.T @ (groups / self.groups[:, None]))
        return (groups - self.cross @ solved) / self.groups[:, None], solved


def fit(rows: Rows) -> NegativeBinomialFit:
    """Maximise the likelihood of E[y] = exposure x exp(group + period + regressors @ b).

    Parameters
    ----------
    rows : Rows
        Each group and each period needs a positive outcome.

    Returns
    -------
    NegativeBinomialFit

    Raises
    ------
    Degenerate
        If a coefficient is collinear with the other terms, separated (its maximum lies at infinity), or the
        iteration does not end.
    """
    linear = np.full(len(rows.outcome), np.log(rows.weights @ rows.outcome / (rows.weights @ rows.exposure)))
    coefficients, dispersion = np.zeros(len(rows.regressors)), 0.0
    for _ in range(MAX_TURNS):
        coefficients, linear = _newton(rows, coefficients, linear, dispersion)
        mean = rows.exposure * np.exp(linear)
        last, dispersion = dispersion, _dispersion(rows, mean)
        if abs(dispersion - last) <= SETTLED * dispersion:
            return NegativeBinomialFit(coefficients, dispersion, mean, _influence(rows, mean, dispersion))
    raise Degenerate("diverged", None)


def jackknife(rows: Rows, fitted: NegativeBinomialFit, cluster: np.ndarray) -> np.ndarray | None:
    """What leaving each cluster out does to the coefficients, in one Newton step: the Gram is CV3.

    Period effects and the dispersion take the step too; groups go with their cluster.

    Parameters
    ----------
    rows : Rows
        As given to `fit`; each group lies in one cluster.
    fitted : NegativeBinomialFit
    cluster : ndarray of int, shape (n_rows,)

    Returns
    -------
    ndarray, shape (n_clusters, n_regressors), or None
        Clusters in the order of their sorted codes; None where a coefficient hangs on a single cluster.
    """
    mean, dispersion = fitted.fitted, fitted.dispersion
    slope = rows.weights * (rows.outcome - mean) / (1 + dispersion * mean)
    mass = _mass(rows, mean, dispersion)
    # The first period is the reference. A column times a row's slope is its score.
    columns = np.vstack([rows.regressors, np.arange(1, rows.n_periods)[:, None] == rows.period])
    scores, second = columns * slope, None
    if dispersion > 0:
        own, second = _dispersion_terms(rows, mean, 1 / dispersion)
        scores = np.vstack([scores, own])
        columns = np.vstack([columns, slope * mean / (1 + dispersion * mean) / mass])
    parts = []
    for code in np.unique(cluster):
        mine = np.flatnonzero(cluster == code)
        x, m = columns[:, mine], mass[mine]
        codes = np.unique(rows.group[mine], return_inverse=True)[1]
        sums = np.array([np.bincount(codes, m * values) for values in x])
        part = (x * m) @ x.T - (sums / np.bincount(codes, m)) @ sums.T
        if second is not None:
            part[-1, -1] += second[mine].sum() - (m * x[-1] ** 2).sum()
        parts.append((part, scores[:, mine].sum(axis=1)))
    information, totals = map(np.stack, zip(*parts, strict=True))
    return leave_out(information, totals, len(rows.regressors))


def _newton(
    rows: Rows, coefficients: np.ndarray, linear: np.ndarray, dispersion: float
) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method on regression and effects for one dispersion; steps are halved until the likelihood grows."""
    likelihood = _likelihood(rows, linear, dispersion)
    for _ in range(MAX_STEPS):
        mean = rows.exposure * np.exp(linear)
        groups, rest = _sums(rows, rows.weights * (rows.outcome - mean) / (1 + dispersion * mean))
        step = _system(rows, mean, dispersion).solve(groups[:, None], rest[:, None])
        decrement = float(groups @ step[0][:, 0] + rest @ step[1][:, 0])
        change, direction = step[1][rows.n_periods :, 0], _spread(rows, *step)[:, 0]
        factor = 1.0
        while True:
            trial = linear + factor * direction
            grown = _likelihood(rows, trial, dispersion)
            if grown >= likelihood - 1e-12 * abs(likelihood) or factor < 1e-6:
                break
            factor /= 2
        coefficients, linear, likelihood = coefficients + factor * change, trial, grown
        if decrement < DECREMENT * max(1.0, float(rows.outcome.sum())):
            if np.abs(direction).max() > MOVING:
                raise Degenerate("separated", _widest(change, rows.regressors))
            return coefficients, linear
    raise Degenerate("diverged", None)


def _widest(change: np.ndarray, regressors: np.ndarray) -> int | None:
    moved = np.abs(change) * np.abs(regressors).max(axis=1) if len(change) else np.zeros(1)
    return int(np.argmax(moved)) if moved.max() > MOVING else None


def _likelihood(rows: Rows, linear: np.ndarray, dispersion: float) -> float:
    """The part of the log-likelihood that depends on the means."""
    mean = rows.exposure * np.exp(linear)
    if dispersion == 0:
        return float(rows.weights @ (rows.outcome * linear - mean))
    return float(rows.weights @ (rows.outcome * linear - (rows.outcome + 1 / dispersion) * np.log1p(dispersion * mean)))


def _sums(rows: Rows, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of values by group, and by period followed by sums times the regressors."""
    by_period = np.bincount(rows.period, values, rows.n_periods)
    return np.bincount(rows.group, values, rows.n_groups), np.concatenate([by_period, rows.regressors @ values])


def _mass(rows: Rows, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Minus the second derivative of each row with respect to its linear predictor."""
    return np.asarray(rows.weights * mean * (1 + dispersion * rows.outcome) / (1 + dispersion * mean) ** 2)


def _system(rows: Rows, mean: np.ndarray, dispersion: float) -> _System:
    """Minus the second derivatives, with respect to groups, periods and regressors."""
    mass = _mass(rows, mean, dispersion)
    groups = np.bincount(rows.group, mass, rows.n_groups)
    n_groups, n_periods = rows.n_groups, rows.n_periods
    cells = np.bincount(rows.group * n_periods + rows.period, mass, n_groups * n_periods).reshape(n_groups, n_periods)
    weighted = rows.regressors * mass
    by_group = np.array([np.bincount(rows.group, values, n_groups) for values in weighted]).reshape(-1, n_groups)
    by_period = np.array([np.bincount(rows.period, values, n_periods) for values in weighted]).reshape(-1, n_periods)
    rest = np.block([[np.diag(cells.sum(axis=0)), by_period.T], [by_period, weighted @ rows.regressors.T]])
    cross = np.hstack([cells, by_group.T])
    scale = np.sqrt(np.where(np.diag(rest) > 0, np.diag(rest), 1.0))
    net = rest - cross.T @ (cross / groups[:, None])
    values, vectors = linalg.eigh(net / np.outer(scale, scale))
    null = values < SINGULAR
    loading = np.abs(vectors[n_periods:, null])
    if loading.size and loading.max() > np.sqrt(SINGULAR):
        raise Degenerate("collinear", int(np.argmax(loading.max(axis=1))))
    kept = vectors[:, ~null] / scale[:, None]
    return _System(groups, cross, (kept / values[~null]) @ kept.T)


def _dispersion(rows: Rows, mean: np.ndarray) -> float:
    """The dispersion that maximises the likelihood for these means, 0 where it falls from 0 on."""
    excess = float(rows.weights @ ((rows.outcome - mean) ** 2 - rows.outcome))
    if excess <= 0:
        return 0.0
    counts, which = np.unique(rows.outcome, return_inverse=True)
    frequency = np.bincount(which, rows.weights)

    def slope(log_size: float) -> float:
        size = float(np.exp(log_size))
        gammas = frequency @ (special.digamma(counts + size) - special.digamma(size))
        ratio = (rows.outcome - mean) / (size + mean)
        return float(gammas - rows.weights @ (np.log1p(mean / size) + ratio))

    # From the moments' dispersion outwards: far out rounding would decide on the sign.
    low = high = float(np.log(rows.weights @ mean**2 / excess))
    while slope(low) <= 0:
        low -= 1
        if low < -LARGEST:
            raise Degenerate("diverged", None)
    while slope(high) >= 0:
        high += 1
        if high > LARGEST:
            return 0.0
    return float(np.exp(-optimize.brentq(slope, low, high, xtol=1e-13)))


def _influence(rows: Rows, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Influence of each row on the coefficients, (n_rows, n_regressors), the dispersion being estimated too."""
    system, n_regressors = _system(rows, mean, dispersion), len(rows.regressors)
    score = rows.weights * (rows.outcome - mean) / (1 + dispersion * mean)
    unit = np.zeros((rows.n_periods + n_regressors, n_regressors))
    unit[rows.n_periods :] = np.eye(n_regressors)
    groups, rest = system.solve(np.zeros((rows.n_groups, n_regressors)), unit)
    found = score[:, None] * _spread(rows, groups, rest)
    if dispersion == 0:
        return np.asarray(found)
    own, second = _dispersion_terms(rows, mean, 1 / dispersion)
    mixed = rows.weights * (rows.outcome - mean) * mean / (1 + dispersion * mean) ** 2
    mixed_groups, mixed_rest = _sums(rows, mixed)
    pull = groups.T @ mixed_groups + rest.T @ mixed_rest
    back_groups, back_rest = system.solve(mixed_groups[:, None], mixed_rest[:, None])
    net = float(second.sum()) - float(mixed_groups @ back_groups[:, 0] + mixed_rest @ back_rest[:, 0])
    back = score * _spread(rows, back_groups, back_rest)[:, 0]
    return np.asarray(found - np.outer(own - back, pull) / net)


def _dispersion_terms(rows: Rows, mean: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores of rows with respect to the dispersion, and minus their second derivatives."""
    total, residual = size + mean, rows.outcome - mean
    first = special.digamma(rows.outcome + size) - special.digamma(size) - np.log1p(mean / size) - residual / total
    curve = special.polygamma(1, rows.outcome + size) - special.polygamma(1, size)
    curve = curve + mean / (size * total) + residual / total**2
    own = -(size**2) * rows.weights * first
    return own, 2 * size * own - size**4 * rows.weights * curve


def _spread(rows: Rows, groups: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Values of groups, periods and regressors as they meet in each row, shape (n_rows, n)."""
    return np.asarray(groups[rows.group] + rest[rows.period] + rows.regressors.T @ rest[rows.n_periods :])
