"""Event-time bins beside unit and period effects, by least squares or Poisson, without a dense design.

A bin is on in certain periods of a cohort, times a size of the unit (1, or its dose). Within a cohort the pattern is
the same for all units, so that the bins are linear combinations of the columns of `balanza.kernels.saturated_rows`:
sums by cohort and pair of periods carry the normal equations, whatever the number of bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from balanza.kernels.saturated_rows import Family, Layout, Rows, columns, matrices, predictor, prepare, profiled
from balanza.kernels.within import Degenerate

__all__ = ["Degenerate", "Pattern", "PatternFit", "fit"]
SINGULAR = 1e-10
REFINEMENTS = 3
MAX_STEPS = 100
DECREMENT = 1e-14
MOVING = 1e-3


@dataclass(frozen=True)
class Pattern:
    """The bins of one treatment.

    size : shape (n_units,)
    key : int, shape (n_cohorts, n_periods), the bin that is on, from 0 without gaps, -1 for none
    """

    size: np.ndarray
    key: np.ndarray


@dataclass(frozen=True)
class PatternFit:
    """A fit of all bins.

    coefficients : shape (n_bins,), in the order of the patterns
    influence : shape (n_clusters, n_bins), without small-sample factor
    n_rows, n_coefficients : rows used, and coefficients that are no fixed effect, the slopes of the baseline included
    """

    coefficients: np.ndarray
    influence: np.ndarray
    n_rows: int
    n_coefficients: int


@dataclass(frozen=True)
class _Design:
    """Data, and for each cohort the map from period terms and coefficients to its columns."""

    rows: Rows
    maps: tuple[np.ndarray, ...]
    n_bins: int
    n_free: int


def fit(
    outcome: np.ndarray,
    weight: np.ndarray,
    cohort: np.ndarray,
    cluster: np.ndarray,
    patterns: Sequence[Pattern],
    regressors: np.ndarray,
    baseline: np.ndarray,
    family: Family,
) -> PatternFit:
    """Fit the outcome on bins, regressors, unit and period effects, and period x baseline terms.

    Parameters
    ----------
    outcome, weight : ndarray, shape (n_units, n_periods)
        As in `balanza.kernels.saturated.fit`.
    cohort, cluster : ndarray of int, shape (n_units,)
        Codes from 0 without gaps; units of a cohort share the keys of all patterns.
    patterns : sequence of Pattern
    regressors : ndarray, shape (n_regressors, n_units, n_periods)
    baseline : ndarray, shape (n_units, n_covariates)
        Unit-constant covariates, each with a slope of its own in each period.
    family : {"gaussian", "poisson"}

    Returns
    -------
    PatternFit

    Raises
    ------
    Degenerate
        If a bin is collinear with the other terms or its coefficient runs to infinity, or the iteration does not end.
    """
    design = _design(outcome, weight, cohort, cluster, patterns, regressors, baseline, family)
    solution, residual, system = (_poisson if family == "poisson" else _least_squares)(design)
    rows, sums = design.rows, np.zeros((int(cluster.max()) + 1, len(solution)))
    for index, (units, mapped) in enumerate(zip(rows.units, design.maps, strict=True)):
        np.add.at(sums, cluster[units], columns(rows, index, residual[units]) @ mapped)
    n_free, chosen = design.n_free, slice(design.n_free, design.n_free + design.n_bins)
    return PatternFit(
        coefficients=solution[chosen],
        influence=system.solve(sums.T).T[:, chosen],
        n_rows=int(rows.used.sum()),
        n_coefficients=len(solution) - n_free + baseline.shape[1] * (rows.y.shape[1] - 1),
    )


@dataclass(frozen=True)
class _System:
    """Normal equations of all terms: period terms by a generalised inverse, the others net of them."""

    n_free: int
    inverse: np.ndarray
    across: np.ndarray
    information: np.ndarray

    def solve(self, values: np.ndarray) -> np.ndarray:
        """Solve for right-hand sides, shape (n_terms, n)."""
        pull = self.inverse @ self.across
        own = _solve(self.information, values[self.n_free :] - pull.T @ values[: self.n_free])
        return np.vstack([self.inverse @ values[: self.n_free] - pull @ own, own])


def _design(
    outcome: np.ndarray,
    weight: np.ndarray,
    cohort: np.ndarray,
    cluster: np.ndarray,
    patterns: Sequence[Pattern],
    regressors: np.ndarray,
    baseline: np.ndarray,
    family: Family,
) -> _Design:
    n_periods, n_cohorts, kept = outcome.shape[1], int(cohort.max()) + 1, 1 + baseline.shape[1]
    varies = [item.size.min() < item.size.max() for item in patterns]
    sizes = [item.size for item, varying in zip(patterns, varies, strict=True) if varying]
    terms = np.column_stack([baseline, *sizes])
    layout = Layout(cohort, cluster, np.zeros((n_cohorts, n_periods), bool), terms, regressors)
    rows = prepare(outcome, weight, layout, family)
    column = np.where(varies, kept - 1 + np.cumsum(varies), 0)
    first = n_periods * kept + np.cumsum([0, *(int(item.key.max()) + 1 for item in patterns)])
    shape = (n_periods, rows.z.shape[1], int(first[-1]))
    maps = []
    for index in range(n_cohorts):
        mapped = np.zeros(shape)
        for free in range(kept):
            mapped[np.arange(n_periods), free, np.arange(n_periods) * kept + free] = 1.0
        for item, own, start in zip(patterns, column, first[:-1], strict=True):
            on = np.flatnonzero(item.key[index] >= 0)
            # A size is an intercept and a slope on itself in standard units.
            mapped[on, 0, start + item.key[index, on]] = item.size.mean()
            if own:
                mapped[on, own, start + item.key[index, on]] = item.size.std()
        maps.append(linalg.block_diag(mapped.reshape(rows.in_periods, -1), np.eye(len(regressors))))
    return _Design(rows, tuple(maps), int(first[-1] - first[0]), int(first[0]))


def _system(design: _Design, mass: np.ndarray) -> _System:
    total = sum(
        mapped.T @ matrix @ mapped for mapped, matrix in zip(design.maps, matrices(design.rows, mass), strict=True)
    )
    free = design.n_free
    block, across, rest = total[:free, :free], total[:free, free:], total[free:, free:]
    inverse = linalg.pinvh(block, rtol=1e-12)
    return _System(free, inverse, across, rest - across.T @ inverse @ across)


def _solve(information: np.ndarray, values: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.diag(information))
    size[size == 0] = 1.0
    scaled = linalg.pinvh(information / np.outer(size, size), rtol=1e-14)
    return np.asarray(scaled @ (values / size[:, None]) / size[:, None])


def _refuse_collinear(design: _Design, mass: np.ndarray, system: _System) -> None:
    """Refuse bins without variation of their own: alone first, then jointly."""
    rows, raw = design.rows, np.zeros(len(system.information))
    for index, (units, mapped) in enumerate(zip(rows.units, design.maps, strict=True)):
        squares = columns(rows, index, mass[units])[:, : rows.in_periods].T
        shape = (rows.y.shape[1], rows.z.shape[1])
        moments = (squares @ rows.z[units]).reshape(*shape, -1)
        part = mapped[: rows.in_periods, design.n_free :].reshape(*shape, -1)
        raw += np.einsum("tpb,tpq,tqb->b", part, moments, part, optimize=True)
        raw[design.n_bins :] += np.einsum("it,kit->k", mass[units], rows.x[:, units] ** 2)
    own = np.diag(system.information)
    absorbed = own <= SINGULAR * np.maximum(raw, np.finfo(float).tiny)
    if absorbed.any():
        raise Degenerate("collinear", int(np.argmax(absorbed)))
    values, vectors = linalg.eigh(system.information / np.sqrt(np.outer(own, own)))
    if values[0] < SINGULAR:
        raise Degenerate("collinear", int(np.argmax(np.abs(vectors[:, 0]))))


def _gradient(design: _Design, residual: np.ndarray) -> np.ndarray:
    """Derivative by all terms, shape (n_terms, 1)."""
    rows = design.rows
    parts = [
        columns(rows, index, residual[units]).sum(axis=0) @ mapped
        for index, (units, mapped) in enumerate(zip(rows.units, design.maps, strict=True))
    ]
    return np.asarray(np.sum(parts, axis=0)[:, None])


def _linear(design: _Design, solution: np.ndarray) -> np.ndarray:
    return predictor(design.rows, np.stack([mapped @ solution for mapped in design.maps]))


def _least_squares(design: _Design) -> tuple[np.ndarray, np.ndarray, _System]:
    """Solution, weighted residuals and equations. Repeated, to remove what rounding left."""
    rows = design.rows
    system = _system(design, rows.weight)
    _refuse_collinear(design, rows.weight, system)
    solution, below = np.zeros(design.maps[0].shape[1]), rows.weight.sum(axis=1, keepdims=True)
    for _ in range(REFINEMENTS):
        linear = _linear(design, solution)
        effect = (rows.y - rows.weight * linear).sum(axis=1, keepdims=True) / np.where(below > 0, below, 1.0)
        residual = rows.y - rows.weight * (linear + effect)
        solution = solution + system.solve(_gradient(design, residual))[:, 0]
    return solution, residual, system


def _poisson(design: _Design) -> tuple[np.ndarray, np.ndarray, _System]:
    """Newton's method on the profiled likelihood, with steps halved until it grows."""
    rows = design.rows
    solution, kept = np.zeros(design.maps[0].shape[1]), design.n_free // rows.y.shape[1]
    seen = rows.weight * rows.used
    solution[: design.n_free : kept] = np.log((rows.y * rows.used).sum(axis=0) / seen.sum(axis=0))
    counted = rows.used & (rows.y > 0)

    def fitted(trial: np.ndarray) -> tuple[np.ndarray, float]:
        mass, _ = profiled(rows, _linear(design, trial))
        with np.errstate(divide="ignore"):
            return mass, float(rows.y[counted] @ np.log(mass[counted]))

    mass, likelihood = fitted(solution)
    for step in range(MAX_STEPS):
        system = _system(design, mass)
        if step == 0:
            _refuse_collinear(design, mass, system)
        gradient = _gradient(design, np.where(rows.used, rows.y - mass, 0.0))
        change, factor = system.solve(gradient)[:, 0], 1.0
        while True:
            mass, grown = fitted(solution + factor * change)
            if grown >= likelihood - 1e-12 * abs(likelihood) or factor < 1e-6:
                break
            factor /= 2
        solution, likelihood = solution + factor * change, grown
        if gradient[:, 0] @ change < DECREMENT * rows.y.sum():
            moved = np.abs(change[design.n_free :])
            if moved.max(initial=0.0) > MOVING:
                raise Degenerate("separated", int(np.argmax(moved)))
            return solution, np.where(rows.used, rows.y - mass, 0.0), _system(design, mass)
    raise Degenerate("diverged", None)
