"""Two-way models in which cohorts have coefficients of their own, period by period, without a dense design.

A row of unit i, cohort g and period t has the predictor

    a_i + z_i'c_gt + x_it'b,    c_gt = own coefficients of (g, t) in some cells, and the period's, d_t, in the others,

with z_i = (1, baseline covariates). The choice of cells gives Sun and Abraham (2021: all but the reference periods) or
Wooldridge (2021, 2023: treated cells), by least squares or Poisson. a_i is the unit's own effect (averaged or profiled
out), or z_i times coefficients of the cohort. Within a cohort the design is the same for all units, so that sums by
cohort and pair of periods carry the normal equations: one matrix of the size of the periods per cohort, eliminated by
`balanza.kernels.blocks`.

The effect of a cell compares its observed sum, which its own intercept fits exactly, with its expected sum under d_t in
place of its own coefficients: the average marginal effect of Wooldridge (2023) on the rows of the sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from balanza.kernels.blocks import Blocks, eliminate
from balanza.kernels.saturated_rows import (
    Effects,
    Family,
    Layout,
    Rows,
    columns,
    matrices,
    predictor,
    prepare,
    profiled,
)
from balanza.kernels.within import Degenerate, small_sample

__all__ = ["Degenerate", "Effects", "Family", "Fit", "Layout", "Totals", "fit", "leave_out", "totals"]
REFINEMENTS = 3
MAX_STEPS = 100
DECREMENT = 1e-14
MOVING = 1e-3


@dataclass(frozen=True)
class Fit:
    """A fitted model, from which `totals` takes its sums.

    expected : shape (n_units, n_periods), outcome times weight that rows of own cells would have without their own
        coefficients, and 0 elsewhere
    estimable : bool, shape (n_cohorts, n_periods), own cells with rows, whose expected sum the data pin down
    n_rows, n_coefficients : rows used, and coefficients; unit effects, nested in clusters, count as one
    rows, blocks, mass, counter, scores : the equations, for `totals`; mass and counter are the curvature of the fit and
        of what is expected; scores are, by cohort, the clusters and their scores, shape (n_clusters, n_columns)
    changes : what leaving each cluster out takes from the cohorts' coefficients and from the common ones, shapes
        (n_clusters, n_cohorts, n_columns) and (n_clusters, n_columns); None where the sandwich is asked for
    """

    layout: Layout
    expected: np.ndarray
    estimable: np.ndarray
    n_rows: int
    n_coefficients: int
    rows: Rows
    blocks: Blocks
    mass: np.ndarray
    counter: np.ndarray
    scores: tuple[tuple[np.ndarray, np.ndarray], ...]
    changes: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Totals:
    """Sums over sets of cells, shape (n_sets,), and the influence of clusters on them, shape (n_clusters, n_sets).

    `size` sums the weights or the exposure.
    """

    size: np.ndarray
    observed: np.ndarray
    expected: np.ndarray
    observed_influence: np.ndarray
    expected_influence: np.ndarray


def fit(outcome: np.ndarray, weight: np.ndarray, layout: Layout, family: Family) -> Fit:
    """Fit by least squares or Poisson pseudo-maximum likelihood.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        NaN where there is no row. For Poisson, each cohort and each period needs a positive sum over its cells
        without own coefficients.
    weight : ndarray, shape (n_units, n_periods)
        Weights of least squares, or the exposure; positive, ignored where there is no row. For weighted Poisson
        likelihoods multiply outcome and exposure by the weights.
    layout : Layout
    family : {"gaussian", "poisson"}

    Returns
    -------
    Fit

    Raises
    ------
    Degenerate
        If the Poisson maximum lies at infinity in what is expected, or is not found.
    """
    rows = prepare(outcome, weight, layout, family)
    if family == "poisson":
        mass, expected = _poisson(rows)
        blocks = eliminate(matrices(rows, mass), rows.own)
        residual, counter = np.where(rows.used, rows.y - mass, 0.0), expected
    else:
        mass, counter = rows.weight, rows.weight * rows.treated
        blocks = eliminate(matrices(rows, mass), rows.own)
        residual, expected = _least_squares(rows, blocks)
    return Fit(
        layout=layout,
        expected=expected,
        estimable=_estimable(rows, blocks, counter, mass, layout),
        n_rows=int(rows.used.sum()),
        n_coefficients=blocks.rank + rows.by_unit,
        rows=rows,
        blocks=blocks,
        mass=mass,
        counter=counter,
        scores=tuple(_clustered(rows, residual, layout.cluster, index) for index in range(len(rows.units))),
    )


def totals(fitted: Fit, key: np.ndarray) -> Totals:
    """Sums over sets of own cells, with the influence of each cluster.

    The influence carries the small-sample factor G/(G-1) x (n-1)/(n-k), so that its Gram is the covariance, or is that
    of the jackknife, after `leave_out`. It takes rows as given and outcomes as drawn, as the delta method does.

    Parameters
    ----------
    fitted : Fit
    key : ndarray of int, shape (n_cohorts, n_periods)
        The set that a cell belongs to, from 0 without gaps, -1 for none. Only estimable cells may belong to one.
    """
    rows, n_sets = fitted.rows, int(key.max()) + 1
    n_clusters, width = int(fitted.layout.cluster.max()) + 1, rows.z.shape[1]
    sums = np.zeros((3, n_sets))
    for index, units in enumerate(rows.units):
        member = _member(key[index], n_sets)
        for row, values in enumerate((rows.weight, rows.y, fitted.expected)):
            sums[row] += values[units].sum(axis=0) @ member
    if fitted.changes is not None:
        in_cells = _gradients(rows, fitted.mass * rows.treated, fitted.mass, key, observed=True)
        without = _gradients(rows, fitted.counter, fitted.mass, key)
        moves = _along(fitted.changes, in_cells), _along(fitted.changes, without)
        return Totals(sums[0], sums[1], sums[2], *moves)
    observed, expected = np.zeros((n_clusters, n_sets)), np.zeros((n_clusters, n_sets))
    solved, _ = fitted.blocks.solve(*_gradients(rows, fitted.counter, fitted.mass, key))
    for index, (clusters, scores) in enumerate(fitted.scores):
        observed[clusters] += scores[:, : rows.in_periods : width] @ _member(key[index], n_sets)
        expected[clusters] += scores @ solved[index]
    factor = small_sample(n_clusters, fitted.n_rows, fitted.n_coefficients)
    return Totals(sums[0], sums[1], sums[2], factor * observed, factor * expected)


def leave_out(fitted: Fit) -> Fit | None:
    """The fit with what leaving each cluster out does to it in one Newton step, for the jackknife (CV3).

    After MacKinnon, Nielsen and Webb (2023), Journal of Econometrics 232(2): where few clusters carry the estimate the
    sandwich is too small, and the jackknife far less so.

    Returns
    -------
    Fit or None
        None where a coefficient hangs on a single cluster.
    """
    rows, cluster = fitted.rows, fitted.layout.cluster
    n_clusters, (n_cohorts, size) = int(cluster.max()) + 1, rows.own.shape
    if any(mine.any() and len(clusters) == 1 for mine, (clusters, _) in zip(rows.own, fitted.scores, strict=True)):
        return None
    factor = np.sqrt((n_clusters - 1) / n_clusters)
    changes, common = np.zeros((n_clusters, n_cohorts, size)), np.zeros((n_clusters, size))
    for code in range(n_clusters):
        kept = np.where((cluster == code)[:, None], 0.0, fitted.mass)
        rest = eliminate(matrices(rows, kept), rows.own)
        if rest.rank < fitted.blocks.rank:
            return None
        scores = np.zeros((n_cohorts, size))
        for index, (clusters, own) in enumerate(fitted.scores):
            scores[index] = own[clusters == code].sum(axis=0)
        shared = np.where(rows.own, 0.0, scores).sum(axis=0)
        change, shift = rest.solve(scores[:, :, None], shared[:, None])
        changes[code], common[code] = factor * change[:, :, 0], factor * shift[:, 0]
    return replace(fitted, changes=(np.where(rows.own, changes, 0.0), common))


def _along(changes: tuple[np.ndarray, np.ndarray], gradients: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """What changes of coefficients do to sums with these gradients, shape (n_clusters, n_sets)."""
    return np.asarray(np.einsum("cgd,gds->cs", changes[0], gradients[0]) + changes[1] @ gradients[1])


def _member(key: np.ndarray, n_sets: int) -> np.ndarray:
    """Membership of one cohort's periods in sets, shape (n_periods, n_sets)."""
    return np.asarray((key[:, None] == np.arange(n_sets)).astype(float))


def _gradients(
    rows: Rows, each: np.ndarray, mass: np.ndarray, key: np.ndarray, observed: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of sums over sets of cells, by the cohorts' own columns and by those in common.

    `each` is the curvature of what is summed: of what is expected, or of what is `observed`, which cells' own columns
    fit. Shapes (n_cohorts, n_columns, n_sets) and (n_columns, n_sets). Unit effects follow from the other coefficients.
    """
    n_sets, size = int(key.max()) + 1, rows.own.shape[1]
    own, shared = np.zeros((len(rows.units), size, n_sets)), np.zeros((size, n_sets))
    last, in_periods = slice(size - len(rows.x), size), slice(0, rows.in_periods)
    for index, units in enumerate(rows.units):
        if key[index].max() < 0:
            continue
        member, curvature = _member(key[index], n_sets), each[units]
        sums = curvature.T @ rows.z[units]
        part = (sums[:, :, None] * member[:, None, :]).reshape(-1, n_sets)
        mine = rows.own[index, in_periods, None] & observed
        own[index, in_periods] = np.where(mine, part, 0.0)
        shared[in_periods] += np.where(mine, 0.0, part)
        shared[last] += np.einsum("it,kit->kt", curvature, rows.x[:, units]) @ member
        if rows.by_unit:
            total = mass[units].sum(axis=1)
            shares = columns(rows, index, mass[units]) / np.where(total > 0, total, np.inf)[:, None]
            through_units = shares.T @ (curvature @ member)
            own[index] -= through_units
            shared -= np.where(rows.own[index][:, None], 0.0, through_units)
        elif not observed:
            own[index, rows.in_periods : last.start] = sums.T @ member
    return own, shared


def _estimable(rows: Rows, blocks: Blocks, counter: np.ndarray, mass: np.ndarray, layout: Layout) -> np.ndarray:
    """Own cells with rows whose expected sum the data pin down, shape (n_cohorts, n_periods)."""
    out = np.zeros_like(layout.own)
    for index, units in enumerate(rows.units):
        cells = np.flatnonzero(rows.treated[units].any(axis=0))
        if len(cells):
            key = np.full(out.shape, -1)
            key[index, cells] = np.arange(len(cells))
            own, shared = _gradients(rows, counter, mass, key)
            out[index, cells] = blocks.estimable(index, own[index], shared)
    return out


def _clustered(rows: Rows, residual: np.ndarray, cluster: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    """The clusters of a cohort's units and their scores, shape (n_clusters, n_columns)."""
    units = rows.units[index]
    order = units[np.argsort(cluster[units], kind="stable")]
    codes, first = np.unique(cluster[order], return_index=True)
    scores = columns(rows, index, residual[units])[np.argsort(cluster[units], kind="stable")]
    return codes, scores if len(codes) == len(units) else np.add.reduceat(scores, first, axis=0)


def _step(rows: Rows, blocks: Blocks, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Change of the cohorts' coefficients and of the common ones, and the squared length of the gradient."""
    gradient = np.stack([columns(rows, index, residual[units]).sum(axis=0) for index, units in enumerate(rows.units)])
    shared = np.where(rows.own, 0.0, gradient).sum(axis=0)
    change, common = blocks.solve(gradient[:, :, None], shared[:, None])
    return change[:, :, 0], common[:, 0], float((gradient * change[:, :, 0]).sum())


def _least_squares(rows: Rows, blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Weighted residuals, and what is expected in own cells. Repeated, to remove what rounding left."""
    coefficients, common = np.zeros(rows.own.shape), np.zeros(rows.own.shape[1])
    size = rows.weight.sum(axis=1, keepdims=True)
    for _ in range(REFINEMENTS):
        linear = predictor(rows, coefficients)
        effect = np.zeros_like(size)
        if rows.by_unit:
            effect = (rows.y - rows.weight * linear).sum(axis=1, keepdims=True) / np.where(size > 0, size, 1.0)
        residual = rows.y - rows.weight * (linear + effect)
        expected = rows.weight * rows.treated * (predictor(rows, coefficients, common) + effect)
        change, shift, _ = _step(rows, blocks, residual)
        coefficients, common = coefficients + change, common + shift
    return residual, expected


def _poisson(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method on the likelihood, which is concave, with steps halved until it grows: fitted and expected."""
    coefficients, common = _start(rows)
    mass, expected = _fitted(rows, coefficients, common)
    likelihood, moves = _likelihood(rows, mass), [0.0]
    for _ in range(MAX_STEPS):
        blocks = eliminate(matrices(rows, mass), rows.own)
        change, shift, decrement = _step(rows, blocks, np.where(rows.used, rows.y - mass, 0.0))
        before, factor = expected, 1.0
        while True:
            trial = coefficients + factor * change, common + factor * shift
            mass, expected = _fitted(rows, *trial)
            grown = _likelihood(rows, mass)
            if grown >= likelihood - 1e-12 * abs(likelihood) or factor < 1e-6:
                break
            factor /= 2
        (coefficients, common), likelihood = trial, grown
        moves.append(float(np.abs(expected / np.where(before > 0, before, np.inf) - (before > 0)).max()))
        if decrement < DECREMENT * rows.y.sum():
            # Near a maximum steps shrink to their square; towards infinity each is as long as the last.
            if moves[-1] > MOVING or moves[-2] > np.sqrt(MOVING):
                raise Degenerate("separated", None)
            return mass, expected
    raise Degenerate("diverged", None)


def _start(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Logs of the ratios of sums, over the cells of a period in common and over each own cell."""
    width, common = rows.z.shape[1], np.zeros(rows.own.shape[1])
    free = rows.used & ~rows.treated
    common[: rows.in_periods : width] = _log_ratio((rows.y * free).sum(axis=0), (rows.weight * free).sum(axis=0))
    coefficients = np.tile(common, (len(rows.units), 1))
    for index, units in enumerate(rows.units):
        cells = _log_ratio((rows.y * rows.used)[units].sum(axis=0), (rows.weight * rows.used)[units].sum(axis=0))
        own = rows.own[index, : rows.in_periods : width]
        coefficients[index, : rows.in_periods : width][own] = cells[own]
    return coefficients, common


def _log_ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.log(np.where(above > 0, above, 1.0) / np.where(above > 0, below, 1.0))


def _fitted(rows: Rows, coefficients: np.ndarray, common: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fitted outcome of the rows used, and what is expected in own cells."""
    linear, without = predictor(rows, coefficients), predictor(rows, coefficients, common)
    if not rows.by_unit:
        return rows.weight * rows.used * np.exp(linear), rows.weight * rows.treated * np.exp(without)
    mass, effect = profiled(rows, linear)
    return mass, rows.weight * rows.treated * effect * np.exp(without)


def _likelihood(rows: Rows, mass: np.ndarray) -> float:
    counted = rows.used & (rows.y > 0)
    with np.errstate(divide="ignore"):
        return float(rows.y[counted] @ np.log(mass[counted]) - mass.sum())
