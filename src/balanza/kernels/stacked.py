"""Stacked difference-in-differences: one clean sub-experiment per cohort, joined by one regression.

With the corrective weights of Wing, Freedman and Hollingsworth (2024) controls of each sub-experiment count as much as
its treated units, and the weighted regression on treated x event time gives the trimmed aggregate effect: the mean over
the treated units of all sub-experiments. Without them, after Cengiz, Dube, Lindner and Zipperer (2019), the regression
weighs sub-experiments by n_treated x n_control / n. Windows are complete, so that these regressions are differences of
means and no stack needs to be built.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from balanza.kernels.within import small_sample

Weighting = Literal["wing", "cengiz"]
Effects = Literal["sub_experiment", "event_time"]


@dataclass(frozen=True)
class Stacked:
    """Effects by bin of event time, and their mean over all periods after treatment.

    time : shape (n_bins,), first period of each bin but the reference
    value : shape (n_bins,); influence : (n_clusters, n_bins), with the small-sample factor; its Gram is the covariance
    overall, overall_influence : of the mean over periods, shape (n_clusters,)
    untreated : mean outcome that treated units would have had after treatment
    cohort : cohorts that enter; treated, control : units of each, shape (n_cohorts,)
    entered : shape (n_units,), units that are in any sub-experiment
    incomplete : units that lack rows in the window of a sub-experiment, counted once for each
    """

    time: np.ndarray
    value: np.ndarray
    influence: np.ndarray
    overall: float
    overall_influence: np.ndarray
    untreated: float
    cohort: np.ndarray
    treated: np.ndarray
    control: np.ndarray
    entered: np.ndarray
    incomplete: int


@dataclass(frozen=True)
class _Experiment:
    """One sub-experiment: its units, and their outcomes by contrast, relative to the reference bin.

    change : shape (n, n_bins + 1), the last being the mean after treatment; level : that mean itself, shape (n,)
    """

    unit: np.ndarray
    treated: np.ndarray
    weight: np.ndarray
    change: np.ndarray
    level: np.ndarray
    incomplete: int


def stacked(
    outcome: np.ndarray,
    cohort: np.ndarray,
    cluster: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    before: int,
    after: int,
    event_bins: int = 1,
    weighting: Weighting = "wing",
    effects: Effects = "sub_experiment",
) -> Stacked | None:
    """Estimate effects in the window of `before` periods before treatment and `after` periods after its first one.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        NaN where there is no row. A unit enters a sub-experiment if it has all rows of its window.
    cohort : ndarray of int, shape (n_units,)
        Code of the first treated period; beyond all periods for never. Controls of cohort g are the units treated
        later than g + after.
    cluster : ndarray of int, shape (n_units,)
        Codes from 0 without gaps.
    weights : ndarray, shape (n_units,), optional
    before, after : int
        At least 1, at least 0. Cohorts whose window is not within the periods, or that have no controls, are left out.
    event_bins : int
        Periods per bin of event time; the reference is the last bin before treatment, as far as the window shows it.
    weighting : {"wing", "cengiz"}
    effects : {"sub_experiment", "event_time"}
        Whether units and event times have effects of their own in each sub-experiment, or, with corrective weights
        only, treated units and event times have the same in all, as in the R code of Wing and others. The estimates
        are the same; the errors of the second grow with shocks that all units share.

    Returns
    -------
    Stacked or None
        None where no cohort can enter.
    """
    w = np.ones(len(cohort)) if weights is None else weights
    n_periods = outcome.shape[1]
    bins = np.arange(-before, after + 1) // event_bins
    inside = [g for g in np.unique(cohort) if before <= g < n_periods - after]
    found = [_experiment(outcome, cohort, w, int(g), bins, before, after) for g in inside]
    use = [experiment for experiment in found if experiment is not None]
    if not use:
        return None
    n_clusters = int(cluster.max()) + 1
    if weighting == "wing":
        use = [_corrected(experiment) for experiment in use]
    value, influence = (_own_effects if effects == "sub_experiment" else _common_effects)(use, cluster, n_clusters)
    levels = np.concatenate([experiment.level[experiment.treated] for experiment in use])
    shares = np.concatenate([experiment.weight[experiment.treated] for experiment in use])
    time = np.unique(bins)
    n_rows = len(bins) * sum(len(experiment.unit) for experiment in use)
    entered = np.zeros(len(cohort), bool)
    entered[np.concatenate([experiment.unit for experiment in use])] = True
    # Unit effects are nested in clusters and count as one; treated x bin, and what else there is, count in full.
    width = len(time) - 1 + (len(use) * len(bins) if effects == "sub_experiment" else len(time) + 1)
    influence = influence * small_sample(len(np.unique(cluster[entered])), n_rows, width)
    return Stacked(
        time=time[time != -1] * event_bins,
        value=value[:-1],
        influence=influence[:, :-1],
        overall=float(value[-1]),
        overall_influence=influence[:, -1],
        untreated=float(shares @ levels / shares.sum() - value[-1]),
        cohort=np.array([g for g, experiment in zip(inside, found, strict=True) if experiment is not None]),
        treated=np.array([experiment.treated.sum() for experiment in use]),
        control=np.array([(~experiment.treated).sum() for experiment in use]),
        entered=entered,
        incomplete=sum(experiment.incomplete for experiment in use),
    )


def _experiment(
    outcome: np.ndarray, cohort: np.ndarray, weight: np.ndarray, g: int, bins: np.ndarray, before: int, after: int
) -> _Experiment | None:
    window = outcome[:, g - before : g + after + 1]
    clean, full = (cohort == g) | (cohort > g + after), ~np.isnan(window).any(axis=1)
    unit = np.flatnonzero(clean & full)
    treated = cohort[unit] == g
    if treated.all() or not treated.any():
        return None
    starts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
    means = np.add.reduceat(window[unit], starts, axis=1) / np.diff(np.append(starts, len(bins)))
    reference = means[:, bins[starts] == -1]
    level = window[unit, before:].mean(axis=1)
    change = np.column_stack([means[:, bins[starts] != -1], level]) - reference
    return _Experiment(unit, treated, weight[unit], change, level, int((clean & ~full).sum()))


def _corrected(experiment: _Experiment) -> _Experiment:
    """Controls weighted up or down to the treated of their sub-experiment."""
    treated = experiment.weight @ experiment.treated
    control = experiment.weight.sum() - treated
    return replace(experiment, weight=experiment.weight * np.where(experiment.treated, 1.0, treated / control))


def _own_effects(use: list[_Experiment], cluster: np.ndarray, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with unit and event-time effects of each sub-experiment."""
    width = use[0].change.shape[1]
    sums, sizes = np.zeros((n_clusters, width)), np.zeros(n_clusters)
    for experiment in use:
        weight, codes = experiment.weight, cluster[experiment.unit]
        net = experiment.treated - weight @ experiment.treated / weight.sum()
        change = experiment.change - weight @ experiment.change / weight.sum()
        np.add.at(sums, codes, (weight * net)[:, None] * change)
        sizes += np.bincount(codes, weight * net**2, n_clusters)
    value = sums.sum(axis=0) / sizes.sum()
    return value, (sums - np.outer(sizes, value)) / sizes.sum()


def _common_effects(use: list[_Experiment], cluster: np.ndarray, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with one effect of the treated and one of each event time: treated mean less control mean."""
    width = use[0].change.shape[1]
    value, influence = np.zeros(width), np.zeros((n_clusters, width))
    for sign in (1, -1):
        sums, sizes = np.zeros((n_clusters, width)), np.zeros(n_clusters)
        for experiment in use:
            mine = experiment.treated if sign > 0 else ~experiment.treated
            weight, codes = experiment.weight[mine], cluster[experiment.unit[mine]]
            np.add.at(sums, codes, weight[:, None] * experiment.change[mine])
            sizes += np.bincount(codes, weight, n_clusters)
        mean = sums.sum(axis=0) / sizes.sum()
        value += sign * mean
        influence += sign * (sums - np.outer(sizes, mean)) / sizes.sum()
    return value, influence
