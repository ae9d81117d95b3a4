"""Partial correlation of two panel variables, tested by handing whole residual paths to other units.

The permuted residuals are those of Freedman and Lane (1983), in the form of Winkler et al. (2014, NeuroImage 92);
the statistic is studentised over clusters after DiCiccio and Romano (2017, JASA 112), so that units of unequal variance
do not drive the test. A unit's path moves as a whole, so that serial dependence is kept in every draw.

Panels are balanced. With more than one period, unit and period effects are taken out of everything; with one, the mean.
With groups, period effects are those of the group, paths are exchanged within the group only, and the groups are the
clusters: dependence between the units of a group then costs power, not validity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.kernels.permutation import p_value
from balanza.kernels.within import Degenerate

BATCH_CELLS = 4_000_000
TOLERANCE = 1e-8
"""Share of a variable's own variation below which nothing of it is left."""


@dataclass(frozen=True)
class PartialCorrelation:
    """`correlation` of the residuals, its studentised `statistic`, and the permutation test's two-sided `p_value`."""

    correlation: float
    statistic: float
    p_value: float
    n_clusters: int


def orders(n_draws: int, n_units: int, rng: np.random.Generator, groups: np.ndarray | None = None) -> np.ndarray:
    """Random exchanges of units, within groups if there are any.

    Parameters
    ----------
    n_draws, n_units : int
    rng : Generator
    groups : ndarray of int, shape (n_units,), optional

    Returns
    -------
    ndarray of int, shape (n_draws, n_units)
        Row b gives unit i the path of unit ``orders[b, i]``.
    """
    drawn = np.tile(np.arange(n_units), (n_draws, 1))
    for members in _blocks(n_units, groups):
        drawn[:, members] = rng.permuted(drawn[:, members], axis=1)
    return drawn


def within(values: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Take out unit means (with more than one period) and the means of each period, by group if there are any.

    Parameters
    ----------
    values : ndarray, shape (..., n_units, n_periods)
    groups : ndarray of int, shape (n_units,), optional

    Returns
    -------
    ndarray, of the shape of `values`
    """
    n_units, n_periods = values.shape[-2:]
    centred = values - values.mean(axis=-1, keepdims=True) if n_periods > 1 else values.astype(float)
    for members in _blocks(n_units, groups):
        centred[..., members, :] -= centred[..., members, :].mean(axis=-2, keepdims=True)
    return centred


def basis(controls: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """An orthonormal basis of what the controls still vary in; collinear controls count once.

    Parameters
    ----------
    controls : ndarray, shape (n_controls, n_units, n_periods)
    groups : ndarray of int, shape (n_units,), optional

    Returns
    -------
    ndarray, shape (rank, n_units, n_periods)
    """
    centred = within(controls, groups)
    size = np.sqrt((centred**2).sum(axis=(1, 2)))
    varies = size > TOLERANCE * np.sqrt((controls**2).sum(axis=(1, 2)))
    if not varies.any():
        return np.empty((0, *controls.shape[1:]))
    scaled = centred[varies] / size[varies, None, None]
    _, values, rows = np.linalg.svd(scaled.reshape(len(scaled), -1), full_matrices=False)
    kept: np.ndarray = rows[values > TOLERANCE * values[0]]
    return kept.reshape(-1, *controls.shape[1:])


def residuals(values: np.ndarray, fixed: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray | None:
    """What effects and controls leave of a variable, or None where that is nothing.

    Parameters
    ----------
    values : ndarray, shape (n_units, n_periods)
    fixed : ndarray, shape (rank, n_units, n_periods)
        From `basis`.
    groups : ndarray of int, shape (n_units,), optional
    """
    centred = within(values, groups)
    left: np.ndarray = centred - np.tensordot(np.tensordot(fixed, centred, axes=2), fixed, axes=(0, 0))
    size = np.linalg.norm(left)
    gone = size <= TOLERANCE * np.linalg.norm(values) or size <= np.sqrt(TOLERANCE) * np.linalg.norm(centred)
    return None if gone else left


def permutation_test(
    left: np.ndarray, right: np.ndarray, controls: np.ndarray, drawn: np.ndarray, groups: np.ndarray | None = None
) -> PartialCorrelation:
    """Test that two variables are uncorrelated given controls and effects.

    Parameters
    ----------
    left, right : ndarray, shape (n_units, n_periods)
        No value may be missing. The residual paths of `right` are permuted.
    controls : ndarray, shape (n_controls, n_units, n_periods)
    drawn : ndarray of int, shape (n_draws, n_units)
        From `orders`.
    groups : ndarray of int, shape (n_units,), optional
        0 .. n_groups - 1. Clusters of the statistic and bounds of the exchange; without them each unit is a cluster.

    Returns
    -------
    PartialCorrelation

    Raises
    ------
    Degenerate
        `collinear`, if controls and effects leave nothing of a variable; `index` is 0 for `left`, 1 for `right`.
    """
    fixed = basis(controls, groups)
    kept = [residuals(values, fixed, groups) for values in (left, right)]
    one, other = kept
    if one is None or other is None:
        raise Degenerate("collinear", 0 if one is None else 1)
    every = np.vstack([np.arange(len(left)), drawn])
    statistics = _statistics(one / np.linalg.norm(one), other / np.linalg.norm(other), fixed, every, groups)
    correlation = float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))
    n_clusters = len(one) if groups is None else len(np.unique(groups))
    return PartialCorrelation(correlation, float(statistics[0]), p_value(statistics[0], statistics[1:]), n_clusters)


def clustered_p_value(left: np.ndarray, right: np.ndarray, controls: np.ndarray) -> float:
    """The same test by the t distribution with as many degrees of freedom as units, less one: quick, for many tests.

    Parameters
    ----------
    left, right, controls : as in `permutation_test`

    Returns
    -------
    float
        Two-sided; 1 where controls and effects leave nothing of a variable, since nothing is then against independence.
    """
    from scipy import stats

    fixed = basis(controls)
    one, other = (residuals(values, fixed) for values in (left, right))
    if one is None or other is None:
        return 1.0
    scores = (one * other).sum(axis=1)
    return float(2 * stats.t.sf(abs(scores.sum()) / np.sqrt((scores**2).sum()), len(scores) - 1))


def _blocks(n_units: int, groups: np.ndarray | None) -> list[np.ndarray]:
    return [np.arange(n_units)] if groups is None else [np.flatnonzero(groups == g) for g in np.unique(groups)]


def _statistics(
    left: np.ndarray, right: np.ndarray, fixed: np.ndarray, every: np.ndarray, groups: np.ndarray | None
) -> np.ndarray:
    """Studentised statistics of all exchanges, shape (n_draws,).

    An exchanged path is again orthogonal to the effects but not to the controls: what it shares with them, `moved`,
    is taken out of each cluster's score.
    """
    size = max(1, BATCH_CELLS // (len(left) * (1 + len(fixed))))
    shared = _by_cluster((fixed * left).sum(axis=2), groups)
    found = []
    for start in range(0, len(every), size):
        products = _products(np.concatenate([left[None], fixed]), right, every[start : start + size], groups)
        moved = products[1:].sum(axis=2)
        scores = _by_cluster(products[0], groups) - moved.T @ shared
        spread = np.sqrt((scores**2).sum(axis=1))
        total = scores.sum(axis=1)
        found.append(np.divide(total, spread, out=np.zeros_like(total), where=spread > 0))
    return np.concatenate(found)


def _products(sides: np.ndarray, right: np.ndarray, order: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Inner products of each unit's paths with the path it is handed, shape (n_sides, n_draws, n_units).

    Those of all pairs of units that can meet are computed once; a draw only picks among them.
    """
    picked = np.empty((len(sides), *order.shape))
    position = np.empty(order.shape[1], dtype=np.int64)
    for members in _blocks(order.shape[1], groups):
        position[members] = np.arange(len(members))
        pairs = (sides[:, members] @ right[members].T).reshape(len(sides), -1)
        where = position[order[:, members]] + len(members) * np.arange(len(members))
        picked[:, :, members] = pairs.take(where, axis=1)
    return picked


def _by_cluster(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Sums over the units of each cluster, shape (..., n_clusters)."""
    if groups is None:
        return values
    return np.stack([values[..., members].sum(axis=-1) for members in _blocks(values.shape[-1], groups)], axis=-1)
