"""Negative binomial regression (NB2) with effects of groups and of periods, by maximum likelihood.

After Cameron and Trivedi (1986) and Lawless (1987): the variance is mean + dispersion x mean^2. Group effects are
eliminated from each Newton step and period effects enter by their sums, so that no column of dummies is ever made.
Rows with the same group, period and regressors enter by their sums, too.
Regression and dispersion are fitted in turn; they are asymptotically independent, so that few turns are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
class Cells:
    """Rows with the same group, period and regressors, taken together.

    of_row : shape (n_rows,), codes from 0 without gaps, or None where each row is a cell of its own
    first : shape (n_cells,), one row of each
    group, period : shape (n_cells,)
    regressors : shape (n_regressors, n_cells)
    """

    of_row: np.ndarray | None
    first: np.ndarray
    group: np.ndarray
    period: np.ndarray
    regressors: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Of rows, by cell."""
        return values if self.of_row is None else np.bincount(self.of_row, values, len(self.first))

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Of cells, to their rows."""
        return values if self.of_row is None else values[self.of_row]


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

    @cached_property
    def cells(self) -> Cells:
        """Row by row where there are hardly fewer cells than rows."""
        _, first, of_row = np.unique(self.group * self.n_periods + self.period, return_index=True, return_inverse=True)
        for values in self.regressors:
            if (values != values[first][of_row]).any():
                found, code = np.unique(values, return_inverse=True)
                _, first, of_row = np.unique(of_row * len(found) + code, return_index=True, return_inverse=True)
            if 2 * len(first) > len(of_row):
                return Cells(None, np.arange(len(of_row)), self.group, self.period, self.regressors)
        return Cells(of_row, first, self.group[first], self.period[first], self.regressors[:, first])


@dataclass(frozen=True)
class NegativeBinomialFit:
    """A maximum of the likelihood.

    coefficients : shape (n_regressors,); dispersion : 0 where the outcome varies no more than a Poisson one
    fitted : shape (n_rows,), expected outcomes
    """

    coefficients: np.ndarray
    dispersion: float
    fitted: np.ndarray


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
    linear = np.full(len(rows.cells.first), np.log(rows.weights @ rows.outcome / (rows.weights @ rows.exposure)))
    coefficients, dispersion = np.zeros(len(rows.regressors)), 0.0
    for _ in range(MAX_TURNS):
        coefficients, linear = _newton(rows, coefficients, linear, dispersion)
        mean = _mean(rows, linear)
        last, dispersion = dispersion, _dispersion(rows, mean)
        if abs(dispersion - last) <= SETTLED * dispersion:
            return NegativeBinomialFit(coefficients, dispersion, mean)
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
    cells, size = rows.cells, fitted.dispersion
    mass = cells.sums(_mass(rows, fitted.fitted, size))
    # A column times a cell's slope is its score.
    slope = cells.sums(_slope(rows, fitted.fitted, size))
    mixed, own, second = (cells.sums(values) for values in _dispersion_terms(rows, fitted.fitted, size))
    parts = []
    for mine in _members(cluster[cells.first]):
        # The first period is the reference.
        x = np.vstack([cells.regressors[:, mine], np.arange(1, rows.n_periods)[:, None] == cells.period[mine]])
        score, m = x @ slope[mine], mass[mine]
        if size > 0:
            x, score = np.vstack([x, mixed[mine] / m]), np.append(score, own[mine].sum())
        codes = np.unique(cells.group[mine], return_inverse=True)[1]
        sums = np.array([np.bincount(codes, m * values) for values in x])
        part = (x * m) @ x.T - (sums / np.bincount(codes, m)) @ sums.T
        if size > 0:
            part[-1, -1] += second[mine].sum() - (m * x[-1] ** 2).sum()
        parts.append((part, score))
    information, totals = map(np.stack, zip(*parts, strict=True))
    return leave_out(information, totals, len(rows.regressors))


def _members(cluster: np.ndarray) -> list[np.ndarray]:
    """Positions of each cluster, in the order of their codes."""
    order = np.argsort(cluster, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1)


def _newton(
    rows: Rows, coefficients: np.ndarray, linear: np.ndarray, dispersion: float
) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method on regression and effects for one dispersion; steps are halved until the likelihood grows."""
    likelihood = _likelihood(rows, linear, dispersion)
    for _ in range(MAX_STEPS):
        mean = _mean(rows, linear)
        groups, rest = _sums(rows, _slope(rows, mean, dispersion))
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


def _mean(rows: Rows, linear: np.ndarray) -> np.ndarray:
    """Expected outcomes of rows, given the linear predictor of cells."""
    return np.asarray(rows.exposure * rows.cells.spread(np.exp(linear)))


def _likelihood(rows: Rows, linear: np.ndarray, dispersion: float) -> float:
    """The part of the log-likelihood that depends on the means."""
    mean, counted = _mean(rows, linear), float(rows.cells.sums(rows.weights * rows.outcome) @ linear)
    if dispersion == 0:
        return counted - float(rows.weights @ mean)
    return counted - float(rows.weights @ ((rows.outcome + 1 / dispersion) * np.log1p(dispersion * mean)))


def _slope(rows: Rows, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """First derivative of each row with respect to its linear predictor."""
    return np.asarray(rows.weights * (rows.outcome - mean) / (1 + dispersion * mean))


def _sums(rows: Rows, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of values by group, and by period followed by sums times the regressors."""
    cells, own = rows.cells, rows.cells.sums(values)
    by_period = np.bincount(cells.period, own, rows.n_periods)
    return np.bincount(cells.group, own, rows.n_groups), np.concatenate([by_period, cells.regressors @ own])


def _mass(rows: Rows, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Minus the second derivative of each row with respect to its linear predictor."""
    return np.asarray(rows.weights * mean * (1 + dispersion * rows.outcome) / (1 + dispersion * mean) ** 2)


def _system(rows: Rows, mean: np.ndarray, dispersion: float) -> _System:
    """Minus the second derivatives, with respect to groups, periods and regressors."""
    at, mass = rows.cells, rows.cells.sums(_mass(rows, mean, dispersion))
    groups = np.bincount(at.group, mass, rows.n_groups)
    n_groups, n_periods = rows.n_groups, rows.n_periods
    cells = np.bincount(at.group * n_periods + at.period, mass, n_groups * n_periods).reshape(n_groups, n_periods)
    weighted = at.regressors * mass
    by_group = np.array([np.bincount(at.group, values, n_groups) for values in weighted]).reshape(-1, n_groups)
    by_period = np.array([np.bincount(at.period, values, n_periods) for values in weighted]).reshape(-1, n_periods)
    rest = np.block([[np.diag(cells.sum(axis=0)), by_period.T], [by_period, weighted @ at.regressors.T]])
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


def influence(rows: Rows, fitted: NegativeBinomialFit) -> np.ndarray:
    """Influence of each row on the coefficients, the dispersion being estimated too.

    Parameters
    ----------
    rows : Rows
        As given to `fit`.
    fitted : NegativeBinomialFit

    Returns
    -------
    ndarray, shape (n_rows, n_regressors)
    """
    mean, dispersion = fitted.fitted, fitted.dispersion
    system, n_regressors = _system(rows, mean, dispersion), len(rows.regressors)
    score = _slope(rows, mean, dispersion)
    unit = np.zeros((rows.n_periods + n_regressors, n_regressors))
    unit[rows.n_periods :] = np.eye(n_regressors)
    groups, rest = system.solve(np.zeros((rows.n_groups, n_regressors)), unit)
    found = score[:, None] * rows.cells.spread(_spread(rows, groups, rest))
    if dispersion == 0:
        return np.asarray(found)
    mixed, own, second = _dispersion_terms(rows, mean, dispersion)
    mixed_groups, mixed_rest = _sums(rows, mixed)
    pull = groups.T @ mixed_groups + rest.T @ mixed_rest
    back_groups, back_rest = system.solve(mixed_groups[:, None], mixed_rest[:, None])
    net = float(second.sum()) - float(mixed_groups @ back_groups[:, 0] + mixed_rest @ back_rest[:, 0])
    back = score * rows.cells.spread(_spread(rows, back_groups, back_rest)[:, 0])
    return np.asarray(found - np.outer(own - back, pull) / net)


def _dispersion_terms(rows: Rows, mean: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of rows, with respect to the dispersion: minus mixed derivatives with the linear predictor, scores, minus second.

    All zero where the dispersion is.
    """
    if dispersion == 0:
        nothing = np.zeros(len(mean))
        return nothing, nothing, nothing
    size = 1 / dispersion
    total, residual = size + mean, rows.outcome - mean
    counts, which = np.unique(rows.outcome, return_inverse=True)
    gamma = special.digamma(counts + size) - special.digamma(size)
    curve = special.polygamma(1, counts + size) - special.polygamma(1, size)
    first = gamma[which] - np.log1p(mean / size) - residual / total
    curve = curve[which] + mean / (size * total) + residual / total**2
    own = -(size**2) * rows.weights * first
    mixed = rows.weights * residual * mean / (1 + dispersion * mean) ** 2
    return mixed, own, 2 * size * own - size**4 * rows.weights * curve


def _spread(rows: Rows, groups: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Values of groups, periods and regressors as they meet in each cell, shape (n_cells, n)."""
    at = rows.cells
    return np.asarray(groups[at.group] + rest[at.period] + at.regressors.T @ rest[rows.n_periods :])
