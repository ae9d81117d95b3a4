"""Rows of a saturated two-way model in the form of its equations: design, normal equations and predictor by cohort.

Within a cohort the design is the same for all units, so that sums by cohort and pair of periods carry the normal
equations, and no design of rows x (cohort x period) is ever made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from balanza.kernels.within import standardised

Family = Literal["gaussian", "poisson"]
Effects = Literal["unit", "cohort"]


@dataclass(frozen=True)
class Layout:
    """What the model holds beside the outcome.

    cohort, cluster : shape (n_units,), codes from 0 without gaps
    own : bool, shape (n_cohorts, n_periods), cells with coefficients of their own
    baseline : shape (n_units, n_covariates), constant covariates, with slopes by period
    regressors : shape (n_regressors, n_units, n_periods), covariates that change, each with one coefficient
    slopes : whether own cells have slopes of the baseline covariates too
    effects : effects of units, or of cohorts (which then include slopes)
    """

    cohort: np.ndarray
    cluster: np.ndarray
    own: np.ndarray
    baseline: np.ndarray
    regressors: np.ndarray
    slopes: bool = True
    effects: Effects = "unit"


@dataclass(frozen=True)
class Rows:
    """Data in the form of the equations. Columns are period x z, the cohort's z unless units have effects, regressors.

    y, weight : shape (n_units, n_periods), 0 where there is no row
    used, treated : bool, the same shape: rows that enter the fit, and rows in own cells
    z, x : shapes (n_units, width) and (n_regressors, n_units, n_periods)
    units : indices of units by cohort
    own : bool, shape (n_cohorts, n_columns)
    """

    y: np.ndarray
    weight: np.ndarray
    used: np.ndarray
    treated: np.ndarray
    z: np.ndarray
    x: np.ndarray
    units: tuple[np.ndarray, ...]
    own: np.ndarray
    by_unit: bool

    @property
    def in_periods(self) -> int:
        """Number of the columns that are period x z."""
        return int(self.y.shape[1] * self.z.shape[1])

    def common(self, cohort: int) -> np.ndarray:
        """Which period x z columns a cohort has in common with others, shape (n_periods, width)."""
        return np.asarray(~self.own[cohort, : self.in_periods].reshape(self.y.shape[1], -1))


def prepare(outcome: np.ndarray, weight: np.ndarray, layout: Layout, family: Family) -> Rows:
    """Rows in the form of the equations.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        NaN where there is no row. Becomes the outcome times its weight for least squares.
    weight : ndarray, shape (n_units, n_periods)
        Weights of least squares, exposure of Poisson.
    layout : Layout
    family : {"gaussian", "poisson"}
        Poisson leaves out what fits exactly at minus infinity: own cells, and with unit effects units, without events.
    """
    seen = ~np.isnan(outcome)
    units = tuple(np.flatnonzero(layout.cohort == index) for index in range(len(layout.own)))
    z = standardised(layout.baseline, len(outcome))
    weight, y = np.where(seen, weight, 0.0), np.where(seen, outcome, 0.0)
    used, treated = seen, seen & layout.own[layout.cohort]
    by_unit = layout.effects == "unit"
    if family == "poisson":
        events = np.array([y[at].sum(axis=0) > 0 for at in units])[layout.cohort]
        used = seen & (events | ~treated)
        if by_unit:
            used = used & ((y * used).sum(axis=1, keepdims=True) > 0)
    else:
        y = y * weight
    in_periods = np.repeat(layout.own[:, :, None], z.shape[1], axis=2)
    in_periods[:, :, 1:] &= layout.slopes
    spread = np.array([values[seen].std() for values in layout.regressors]).reshape(-1, 1, 1)
    x = np.where(seen, layout.regressors, 0.0) / np.where(spread > 0, spread, 1.0)
    n_cohorts = len(units)
    of_cohort = np.ones((n_cohorts, 0 if by_unit else z.shape[1]), bool)
    own = np.hstack([in_periods.reshape(n_cohorts, -1), of_cohort, np.zeros((n_cohorts, len(x)), bool)])
    return Rows(y, weight, used, treated, z, x, units, own, by_unit)


def columns(rows: Rows, index: int, values: np.ndarray) -> np.ndarray:
    """Products of (n_units of the cohort, n_periods) values with the cohort's design, shape (n_units, n_columns)."""
    units = rows.units[index]
    z = rows.z[units]
    parts = [(values[:, :, None] * z[:, None, :]).reshape(len(units), -1)]
    if not rows.by_unit:
        parts.append((values @ rows.common(index)) * z)
    parts.append(np.einsum("it,kit->ik", values, rows.x[:, units]))
    return np.hstack(parts)


def matrices(rows: Rows, mass: np.ndarray) -> np.ndarray:
    """Normal equations by cohort, net of unit effects, shape (n_cohorts, n_columns, n_columns)."""
    return np.stack([_matrix(rows, mass[units], index) for index, units in enumerate(rows.units)])


def _matrix(rows: Rows, mass: np.ndarray, index: int) -> np.ndarray:
    units = rows.units[index]
    z, x, common = rows.z[units], rows.x[:, units], rows.common(index)
    n_periods, width, size = mass.shape[1], z.shape[1], rows.own.shape[1]
    squares = (z[:, :, None] * z[:, None, :]).reshape(len(units), -1)
    each = (mass.T @ squares).reshape(n_periods, width, width)
    in_periods, last = slice(0, rows.in_periods), slice(size - len(x), size)
    out = np.zeros((size, size))
    at = np.arange(n_periods) * width
    for row in range(width):
        for column in range(width):
            out[at + row, at + column] = each[:, row, column]
    with_x = np.zeros((n_periods, width, len(x)))
    if len(x):
        with_x = np.einsum("it,ip,kit->tpk", mass, z, x, optimize=True)
        out[in_periods, last] = with_x.reshape(rows.in_periods, len(x))
        out[last, last] = np.einsum("it,kit,lit->kl", mass, x, x, optimize=True)
    if rows.by_unit:
        total = mass.sum(axis=1)
        kept = total > 0
        products = columns(rows, index, mass)[kept]
        return np.asarray(_mirrored(out, last) - (products / total[kept, None]).T @ products)
    of_cohort = slice(rows.in_periods, size - len(x))
    across = each * common[:, None, :]
    out[in_periods, of_cohort] = across.reshape(rows.in_periods, width)
    out[of_cohort, of_cohort] = (across * common[:, :, None]).sum(axis=0)
    out[of_cohort, last] = np.einsum("tpk,tp->pk", with_x, common)
    return _mirrored(_mirrored(out, last), of_cohort)


def _mirrored(matrix: np.ndarray, columns: slice) -> np.ndarray:
    """The matrix with its upper part in those columns repeated below."""
    matrix[columns, : columns.start] = matrix[: columns.start, columns].T
    return matrix


def predictor(rows: Rows, coefficients: np.ndarray, common: np.ndarray | None = None) -> np.ndarray:
    """z'c + x'b, without unit effects, shape (n_units, n_periods).

    `coefficients` is (n_cohorts, n_columns); with `common`, (n_columns,), in place of own coefficients in periods.
    """
    out = np.empty_like(rows.y)
    for index, units in enumerate(rows.units):
        mine = coefficients[index]
        whole = (mine if common is None else common)[: rows.in_periods].reshape(rows.y.shape[1], -1)
        if not rows.by_unit:
            of_cohort = mine[rows.in_periods : len(mine) - len(rows.x)]
            whole = whole + of_cohort * (rows.common(index) if common is None else 1.0)
        out[units] = rows.z[units] @ whole.T
        if len(rows.x):
            out[units] += np.einsum("k,kit->it", mine[-len(rows.x) :], rows.x[:, units])
    return out


def profiled(rows: Rows, linear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fitted counts, given the predictor without unit effects, and the exponentials of these, shape (n_units, 1)."""
    highest = linear.max(axis=1, keepdims=True)
    shares = rows.weight * rows.used * np.exp(linear - highest)
    below = shares.sum(axis=1, keepdims=True)
    effect = (rows.y * rows.used).sum(axis=1, keepdims=True) / np.where(below > 0, below, 1.0)
    return shares * effect, effect * np.exp(-highest)
