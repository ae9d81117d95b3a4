"""Triple differences with staggered adoption, after Ortiz-Villavicencio and Sant'Anna (2025), as in R `triplediff`.

A policy starts in period g where a unit lives (its cohort) and reaches eligible units only. A cell's effect joins three
difference-in-differences of the eligible of cohort g: against the ineligible of cohort g, plus against the eligible of
a comparison cohort, less against the ineligible of that cohort. Each is one of Sant'Anna and Zhao (2020), from
`balanza.kernels.group_time`. With several comparison cohorts that are not yet treated, their effects must not be pooled
before differencing: each gives an estimate of its own, and these are joined by the inverse of their covariance over
units (GMM). Clusters, which may be too few for that, enter the standard errors only.
"""

from __future__ import annotations

import numpy as np

from balanza.kernels.group_time import (
    NEVER,
    Base,
    Cells,
    Control,
    GroupTime,
    Infeasible,
    Method,
    Sums,
    arranged,
    group_time,
)
from balanza.say import say

Found = tuple[np.ndarray, np.ndarray]


def triple_difference(
    outcome: np.ndarray,
    cohort: np.ndarray,
    eligible: np.ndarray,
    covariates: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    *,
    control: Control = "never",
    method: Method = "dr",
    base: Base = "varying",
    event_bins: int = 1,
) -> GroupTime:
    """Estimate all cells and their aggregates, which weigh cohorts by their eligible units.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        Without missing values.
    cohort : ndarray of int, shape (n_units,)
        Code of the period in which the policy starts where the unit lives, eligible or not; `NEVER` for never.
    eligible : ndarray of bool, shape (n_units,)
    covariates : ndarray, shape (n_units, k) or (n_periods, n_units, k), optional
    weights : ndarray, shape (n_units,), optional
    cluster : ndarray of int, shape (n_units,), optional
        Codes from 0 without gaps.
    control : {"never", "not_yet"}
        Compare with cohorts where the policy never starts, or with each that has not started by then.
    method, base, event_bins : as in `group_time`

    Returns
    -------
    GroupTime
        Without the influence functions of cells.

    Raises
    ------
    Infeasible
        If no cell after the start of the policy can be estimated.
    """
    codes = np.arange(len(cohort)) if cluster is None else cluster
    data = arranged(outcome, np.where(eligible, cohort, NEVER), None, weights, codes)
    cohorts = np.unique(cohort[eligible & (cohort != NEVER)])
    sums = Sums(data, cohorts, event_bins)
    others = np.unique(cohort) if control == "not_yet" else np.array([NEVER])
    parts: list[Cells] = []

    def against(g: int, units: np.ndarray) -> Found:
        mine = eligible & (cohort == g)
        return _difference(outcome, mine, units, g, covariates, weights, method, base)

    for g in cohorts:
        if (others == g).all():
            raise Infeasible(say("there is no cohort to compare with"))
        period, rest = _periods(outcome.shape[1], int(g), base), others[others != g]
        own = against(int(g), (cohort == g) & ~eligible)
        triples = [
            _triple(own, *(against(int(g), (cohort == other) & mine) for mine in (eligible, ~eligible)))
            for other in rest
        ]
        effects, influence = _join(triples, rest[:, None] > np.maximum(period, _base(period, int(g), base)))
        influence = _by_cluster(influence, codes)
        sums.add(int(g), period, effects, influence)
        errors = np.where(np.isnan(effects), np.nan, np.linalg.norm(influence, axis=1))
        parts.append(Cells(np.full(len(period), g), period, effects, errors, None))
    cells = Cells(
        cohort=np.concatenate([part.cohort for part in parts]),
        period=np.concatenate([part.period for part in parts]),
        att=np.concatenate([part.att for part in parts]),
        standard_error=np.concatenate([part.standard_error for part in parts]),
        influence=None,
    )
    if np.isnan(cells.att[cells.period >= cells.cohort]).all():
        raise Infeasible(say("no cell after the start can be estimated"))
    return sums.aggregate(cells)


def _periods(n_periods: int, g: int, base: Base) -> np.ndarray:
    period = np.arange(n_periods)
    return period[1:] if base == "varying" else period[period != g - 1]


def _base(period: np.ndarray, g: int, base: Base) -> np.ndarray:
    return np.where(period < g, period - 1, g - 1) if base == "varying" else np.full(len(period), g - 1)


def _difference(
    outcome: np.ndarray,
    mine: np.ndarray,
    others: np.ndarray,
    g: int,
    covariates: np.ndarray | None,
    weights: np.ndarray | None,
    method: Method,
    base: Base,
) -> Found:
    """Effects of one cohort against one group, shape (n_cells,), and units' influence (n_cells, n_units)."""
    n_cells = len(_periods(outcome.shape[1], g, base))
    effects, influence = np.full(n_cells, np.nan), np.zeros((n_cells, len(mine)))
    units = mine | others
    if not others.any():
        return effects, influence
    try:
        found = group_time(
            outcome[units],
            np.where(mine, g, NEVER)[units],
            None if covariates is None else covariates[..., units, :],
            None if weights is None else weights[units],
            method=method,
            base=base,
            keep_influence=True,
        ).cells
    except Infeasible:
        return effects, influence
    assert found.influence is not None  # noqa: S101 - asked for above
    influence[:, units] = found.influence.T
    return found.att, influence


def _by_cluster(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Sums within clusters: (n_cells, n_units) to (n_cells, n_clusters)."""
    order = np.argsort(cluster, kind="stable")
    return np.add.reduceat(values[:, order], np.flatnonzero(np.diff(cluster[order], prepend=-1)), axis=1)


def _triple(own: Found, eligible: Found, ineligible: Found) -> Found:
    """Differences against the cohort's ineligible, and a comparison cohort's eligible and ineligible, put together."""
    return own[0] + eligible[0] - ineligible[0], own[1] + eligible[1] - ineligible[1]


def _join(triples: list[Found], valid: np.ndarray) -> Found:
    """Per cell, the combination of the valid comparisons that has the least variance.

    triples : effects (n_cells,) and influences (n_cells, n_units) by comparison; valid : (n_comparisons, n_cells)
    """
    effects, influence = np.full_like(triples[0][0], np.nan), np.zeros_like(triples[0][1])
    for cell in range(len(effects)):
        use = [found for found, ok in zip(triples, valid[:, cell], strict=True) if ok and np.isfinite(found[0][cell])]
        if not use:
            continue
        each, psi = np.array([found[0][cell] for found in use]), np.array([found[1][cell] for found in use])
        inverse = np.linalg.pinv(psi @ psi.T, hermitian=True)
        share = inverse.sum(axis=0) / inverse.sum() if inverse.sum() > 0 else np.full(len(use), 1 / len(use))
        effects[cell], influence[cell] = share @ each, share @ psi
    return effects, influence
