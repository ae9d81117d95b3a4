"""Group-time average treatment effects of Callaway and Sant'Anna (2021), with their influence functions.

The estimators of a cell are those of Sant'Anna and Zhao (2020): doubly robust (traditional), inverse probability
(Hajek) and outcome regression. Units are sorted by cohort; one logit serves all cells of a cohort that share a control
group, outcome regressions are linear in the outcome and come in one product for the same cells, and influence
functions are added straight into the aggregates, so that memory does not grow with the number of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from balanza.kernels.logit import fit_logits
from balanza.say import say

Method = Literal["dr", "ipw", "reg"]
Control = Literal["never", "not_yet"]
Base = Literal["varying", "universal"]
NEVER = np.iinfo(np.int64).max
OVERLAP = 0.999
TRIM = 0.995


class Infeasible(ValueError):
    """No cell after treatment can be estimated."""


@dataclass(frozen=True)
class Cells:
    """Effects by cohort and period. NaN where the data do not allow an estimate.

    All of shape (n_cells,); `influence` is (n_clusters, n_cells) where it was asked for.
    """

    cohort: np.ndarray
    period: np.ndarray
    att: np.ndarray
    standard_error: np.ndarray
    influence: np.ndarray | None


@dataclass(frozen=True)
class Aggregate:
    """Weighted means of cells by key (event time, cohort or period), and their overall mean.

    key, att : shape (n_keys,); influence : (n_clusters, n_keys), whose column norms are the standard errors;
    overall_influence : (n_clusters,).
    """

    key: np.ndarray
    att: np.ndarray
    influence: np.ndarray
    overall: float
    overall_influence: np.ndarray


@dataclass(frozen=True)
class GroupTime:
    """All cells and the four aggregates of Callaway and Sant'Anna; `simple` has one key."""

    cells: Cells
    simple: Aggregate
    dynamic: Aggregate
    group: Aggregate
    calendar: Aggregate


@dataclass(frozen=True)
class Data:
    """Units sorted by cohort, the never-treated last. `outcome` is (n_periods, n_units)."""

    outcome: np.ndarray
    cohort: np.ndarray
    covariates: np.ndarray
    weights: np.ndarray
    cluster: np.ndarray
    n_clusters: int

    def by_cluster(self, values: np.ndarray) -> np.ndarray:
        """Sums within clusters: (n, n_units) to (n, n_clusters)."""
        order = np.argsort(self.cluster, kind="stable")
        if self.n_clusters == len(order):
            return np.asarray(values[:, order])
        starts = np.flatnonzero(np.diff(self.cluster[order], prepend=-1))
        return np.add.reduceat(values[:, order], starts, axis=1)


@dataclass(frozen=True)
class _Plan:
    """The cells of one cohort: their periods, their base periods, and where their controls begin."""

    period: np.ndarray
    base: np.ndarray
    control: np.ndarray


def group_time(
    outcome: np.ndarray,
    cohort: np.ndarray,
    covariates: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    *,
    control: Control = "never",
    method: Method = "dr",
    base: Base = "varying",
    anticipation: int = 0,
    event_bins: int = 1,
    keep_influence: bool = False,
) -> GroupTime:
    """Estimate all group-time effects and their aggregates on a balanced panel.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        Without missing values.
    cohort : ndarray of int, shape (n_units,)
        Code of the first treated period, `NEVER` for never. Each treated cohort must have
        `anticipation < cohort < n_periods + anticipation`, some must be below n_periods, and some unit must be NEVER.
    covariates : ndarray, shape (n_units, k) or (n_periods, n_units, k), optional
        Constant, or by period: then a cell takes those of its base period.
    weights : ndarray, shape (n_units,), optional
    cluster : ndarray of int, shape (n_units,), optional
        Codes from 0 without gaps; the units themselves by default.
    control : {"never", "not_yet"}
        Never-treated controls, or all not treated by the cell's period plus the anticipation.
    method : {"dr", "ipw", "reg"}
        Without covariates they agree.
    base : {"varying", "universal"}
        Base of the periods before treatment: the period before, or the last one before treatment throughout.
    anticipation : int
        Periods before treatment that may already be affected.
    event_bins : int
        Periods per event-time bin of the dynamic aggregate.
    keep_influence : bool
        Keep the influence functions of all cells, (n_clusters, n_cells).

    Returns
    -------
    GroupTime

    Raises
    ------
    Infeasible
        If no cell after treatment has overlapping controls.
    """
    data = arranged(outcome, cohort, covariates, weights, cluster)
    treated = np.unique(cohort[cohort != NEVER])
    plans = [_plan(data, int(g), control, base, anticipation) for g in treated]
    sums = Sums(data, treated, event_bins)
    att, errors, kept = [], [], []
    for g, plan in zip(treated, plans, strict=True):
        effects, units = _cohort(data, int(g), plan, method if data.covariates.shape[-1] > 1 else "reg")
        clusters = data.by_cluster(units)
        sums.add(int(g), plan.period, effects, clusters)
        att.append(effects)
        errors.append(np.where(np.isnan(effects), np.nan, np.sqrt(np.einsum("mc,mc->m", clusters, clusters))))
        if keep_influence:
            kept.append(clusters)
    cells = Cells(
        cohort=np.repeat(treated, [len(plan.period) for plan in plans]),
        period=np.concatenate([plan.period for plan in plans]),
        att=np.concatenate(att),
        standard_error=np.concatenate(errors),
        influence=np.concatenate(kept).T if keep_influence else None,
    )
    if np.isnan(cells.att[cells.period >= cells.cohort]).all():
        raise Infeasible(say("no cell after treatment can be estimated"))
    return sums.aggregate(cells)


def arranged(
    outcome: np.ndarray,
    cohort: np.ndarray,
    covariates: np.ndarray | None,
    weights: np.ndarray | None,
    cluster: np.ndarray | None,
) -> Data:
    """Units sorted by cohort, covariates in standard units with an intercept, weights with mean 1."""
    order = np.argsort(cohort, kind="stable")
    n_units = len(order)
    x = np.zeros((n_units, 0)) if covariates is None else covariates
    x = x if x.ndim == 3 else x[None]
    spread = x.std(axis=(0, 1))
    x = (x - x.mean(axis=(0, 1))) / np.where(spread > 0, spread, 1.0)
    codes = np.arange(n_units) if cluster is None else cluster
    return Data(
        outcome=np.ascontiguousarray(outcome[order].T),
        cohort=cohort[order],
        covariates=np.concatenate([np.ones((*x.shape[:2], 1)), x], axis=2)[:, order],
        weights=(np.ones(n_units) if weights is None else weights / weights.mean())[order],
        cluster=codes[order],
        n_clusters=int(codes.max()) + 1,
    )


def _plan(data: Data, g: int, control: Control, base: Base, anticipation: int) -> _Plan:
    """Which cells a cohort has, as in R `did` 2.5.1."""
    n_periods = len(data.outcome)
    last_clean = g - anticipation - 1
    period = np.arange(n_periods)
    if base == "universal":
        period = period[period != last_clean]
        start = np.full(len(period), last_clean)
    else:
        period = period[1:]
        start = np.where(period <= last_clean, period - 1, last_clean)
    until = np.full(len(period), NEVER - 1)
    if control == "not_yet":
        until = np.maximum(period, start) + anticipation
    return _Plan(period, start, np.searchsorted(data.cohort, until, side="right"))


def _cohort(data: Data, g: int, plan: _Plan, method: Method) -> tuple[np.ndarray, np.ndarray]:
    """Effects of one cohort, shape (n_cells,), and units' influence on them, shape (n_cells, n_units)."""
    effects = np.full(len(plan.period), np.nan)
    influence = np.zeros((len(plan.period), len(data.cohort)))
    own = data.cohort == g
    varying = len(data.covariates) > 1
    for base in np.unique(plan.base) if varying else [0]:
        x = data.covariates[base]
        cells = np.flatnonzero(plan.base == base) if varying else np.arange(len(plan.period))
        starts, which = np.unique(plan.control[cells], return_inverse=True)
        controls = (np.arange(len(own)) >= starts[:, None]) & ~own
        scores = None if method == "reg" else fit_logits(x, own * data.weights, controls * data.weights)
        for index, mask in enumerate(controls):
            chosen = cells[which == index]
            units = np.flatnonzero(mask | own)
            change = data.outcome[np.ix_(plan.period[chosen], units)] - data.outcome[np.ix_(plan.base[chosen], units)]
            score = None if scores is None else scores[index, units]
            found = _block(change, x[units], own[units], data.weights[units], score, method)
            if found is not None:
                effects[chosen] = found[0]
                influence[np.ix_(chosen, units)] = found[1]
    return effects, influence


def _block(
    change: np.ndarray, x: np.ndarray, own: np.ndarray, weights: np.ndarray, score: np.ndarray | None, method: Method
) -> tuple[np.ndarray, np.ndarray] | None:
    """Cells of one cohort with the same controls; None where they cannot be estimated.

    `change` is (n_cells, n_units), outcome minus outcome of the base period. Influences are divided by the number of
    units, so that a standard error is the norm of a row. Equations: Sant'Anna and Zhao (2020), DRDID's
    `drdid_panel`, `std_ipw_did_panel` and `reg_did_panel`.
    """
    if own.all() or (score is not None and not score.max() < OVERLAP):
        return None
    treated, control = weights * own, weights * ~own
    treated = treated / treated.sum()
    odds = np.zeros(len(own))
    if score is not None:
        odds = np.where(score < TRIM, control * score / (1 - score), 0.0)
        odds = odds / odds.sum()
    influence_of = treated - odds
    if method != "ipw":
        gram = (x * control[:, None]).T @ x
        if np.linalg.cond(gram, 1) > 1 / np.finfo(float).eps:
            return None
        change = change - (change @ (x * control[:, None]) @ np.linalg.inv(gram)) @ x.T
        influence_of = influence_of - control * (x @ np.linalg.solve(gram, x.T @ (treated - odds)))
    treated_mean, control_mean = change @ treated, change @ odds
    influence = change * influence_of - np.outer(treated_mean, treated) + np.outer(control_mean, odds)
    if score is not None:
        information = (x * (weights * score * (1 - score))[:, None]).T @ x
        moments = change @ (x * odds[:, None]) - np.outer(control_mean, odds @ x)
        influence -= moments @ np.linalg.solve(information, (x * (weights * (own - score))[:, None]).T)
    return treated_mean - control_mean, influence


class Sums:
    """Influence functions of the aggregates, added up cohort by cohort."""

    def __init__(self, data: Data, treated: np.ndarray, bins: int) -> None:
        n_periods, width = len(data.outcome), data.n_clusters
        self.treated, self.bins = treated, bins
        self.offset = int(treated.max()) // bins + 1
        self.people = data.by_cluster((data.cohort == treated[:, None]) * data.weights)
        self.dynamic = np.zeros((self.offset + n_periods // bins + 1, width))
        self.calendar = np.zeros((n_periods, width))
        self.group = np.zeros((len(treated), width))

    def add(self, g: int, period: np.ndarray, effects: np.ndarray, influence: np.ndarray) -> None:
        """Add the cells of a cohort; those that could not be estimated have no influence."""
        row = int(np.searchsorted(self.treated, g))
        weighted = influence * self.people[row].sum()
        keys = (period - g) // self.bins + self.offset
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        self.dynamic[keys[first]] += np.add.reduceat(weighted, first, axis=0)
        post = period >= g
        self.calendar[period[post]] += weighted[post]
        self.group[row] = influence[post].sum(axis=0)

    def aggregate(self, cells: Cells) -> GroupTime:
        """Divide the sums by their weights, and add the influence of the estimated weights."""
        use = ~np.isnan(cells.att)
        row = np.searchsorted(self.treated, cells.cohort)[use]
        post = cells.period[use] >= cells.cohort[use]
        size = self.people.sum(axis=1)
        att, weight = cells.att[use], size[row]
        bins = (cells.period - cells.cohort)[use] // self.bins + self.offset
        dynamic = self._mean(att, row, weight, bins, self.dynamic)
        after = dynamic[0] >= self.offset
        after_row, after_att, after_weight = row[post], att[post], weight[post]
        calendar = self._mean(after_att, after_row, after_weight, cells.period[use][post], self.calendar)
        total = (size[:, None] * self.group).sum(axis=0)[None]
        simple = self._mean(after_att, after_row, after_weight, np.zeros(len(after_row), np.int64), total)
        group = self._mean(after_att, after_row, np.ones(len(after_row)), after_row, self.group, fixed=True)
        found, sizes = group[0], size[group[0]]
        overall = self._mean(
            group[1], found, sizes, np.zeros(len(found), np.int64), (sizes[:, None] * group[2]).sum(axis=0)[None]
        )
        return GroupTime(
            cells=cells,
            simple=Aggregate(*_columns(simple), float(simple[1][0]), simple[2][0]),
            dynamic=Aggregate(
                (dynamic[0] - self.offset) * self.bins,
                dynamic[1],
                dynamic[2].T,
                float(dynamic[1][after].mean()),
                dynamic[2][after].mean(axis=0),
            ),
            group=Aggregate(self.treated[found], group[1], group[2].T, float(overall[1][0]), overall[2][0]),
            calendar=Aggregate(*_columns(calendar), float(calendar[1].mean()), calendar[2].mean(axis=0)),
        )

    def _mean(
        self,
        att: np.ndarray,
        row: np.ndarray,
        weight: np.ndarray,
        key: np.ndarray,
        sums: np.ndarray,
        fixed: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weighted means by key: the keys that occur, their effects, and influences (n_keys, n_clusters)."""
        total = np.bincount(key, weight, len(sums))
        keys = np.flatnonzero(total)
        means = np.zeros(len(sums))
        means[keys] = np.bincount(key, weight * att, len(sums))[keys] / total[keys]
        influence = sums[keys] / total[keys, None]
        if not fixed:
            shares = np.zeros((len(sums), len(self.treated)))
            np.add.at(shares, (key, row), att - means[key])
            influence += (shares[keys] / total[keys, None]) @ self.people
        return keys, means[keys], influence


def _columns(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return found[0], found[1], found[2].T
