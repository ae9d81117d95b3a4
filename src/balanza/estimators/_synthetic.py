"""What synthetic difference-in-differences and synthetic control share: cohorts, inference, rows.

Each cohort is fitted by itself against the never-treated, and cohorts are averaged by their treated rows, as in the
appendix of Arkhangelsky and others (2021). Placebo inference gives the treatment's cohorts, cluster by cluster, to
never-treated clusters; with one treated cluster each control cluster has its turn, otherwise they are drawn. Clusters
are drawn in the order of their outcomes, so that their names do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _balanced, _events, _guard, _notes, _rates, _staggered, _summary
from balanza.kernels.group_time import NEVER
from balanza.kernels.multiplier import critical_value
from balanza.kernels.synthetic import Method, Synthetic, fixed, synthetic
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd

OPTIONS = {"inference": "auto", "unbalanced": "refuse", "draws": 200}
OPTION_NOTES = {
    "inference": "By `placebo`, by `jackknife`, or `auto`: placebos wherever control clusters suffice",
    "unbalanced": _notes.UNBALANCED,
    "draws": "Draws of the placebos, where more than one cluster is treated",
}


@dataclass(frozen=True)
class _Sample:
    """Controls and treated units apart, outcomes as (n_units, n_periods); `cohort` numbers `start`, from 0."""

    controls: np.ndarray
    control_cluster: np.ndarray
    treated: np.ndarray
    treated_cluster: np.ndarray
    cohort: np.ndarray
    start: np.ndarray
    warnings: tuple[str, ...]

    @property
    def size(self) -> np.ndarray:
        """Treated units by cohort."""
        return np.bincount(self.cohort)

    @property
    def n_clusters(self) -> int:
        return len(np.unique(np.concatenate([self.control_cluster, self.treated_cluster])))


@dataclass(frozen=True)
class _Gaps:
    """Gaps of one or many assignments, (n_assignments, n_cohorts, n_periods), and the weight of each cohort in each."""

    gap: np.ndarray
    size: np.ndarray
    start: np.ndarray

    def mean(self, chosen: np.ndarray) -> np.ndarray:
        """Mean over chosen cohorts and periods, (n_cohorts, n_periods), by assignment."""
        weight = self.size[:, :, None] * chosen
        return np.asarray((self.gap * weight).sum(axis=(1, 2)) / weight.sum(axis=(1, 2)))

    @property
    def since(self) -> np.ndarray:
        """Periods since the cohort's treatment, shape (n_cohorts, n_periods)."""
        return np.asarray(np.arange(self.gap.shape[2]) - self.start[:, None])

    @property
    def ratio(self) -> np.ndarray:
        """Root mean square of the gap after treatment, as a multiple of that before, by assignment."""
        square = _Gaps(self.gap**2, self.size, self.start)
        after, before = square.mean(self.since >= 0), square.mean(self.since < 0)
        whole = np.divide(after, before, out=np.where(after > 0, np.inf, 0.0), where=before > 0)
        return np.asarray(np.sqrt(whole))


@dataclass(frozen=True)
class _Inference:
    """Gaps under other assignments, the factor that makes their deviations an influence, and how to name it."""

    gaps: _Gaps
    factor: float
    placebo: bool
    name: str

    def influence(self, chosen: np.ndarray) -> np.ndarray:
        """Deviations of a mean whose norm is its standard error, shape (n_assignments,)."""
        drawn = self.gaps.mean(chosen)
        return np.asarray((drawn - drawn.mean()) * self.factor)


def run(spec: EstimatorSpec, method: Method, study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate by cohort, average, and infer.

    Parameters
    ----------
    spec : EstimatorSpec
        With the options OPTIONS.
    method : {"did", "control"}
    study, panel, rng : as in the contract

    Raises
    ------
    Unsupported
        If the panel is unbalanced or holds no comparison, the study has covariates or weights, an option is not legal,
        or neither placebos nor the jackknife can be had.
    """
    _guard.require(spec, study, panel)
    chosen = _guard.options(spec, study, inference=("auto", "placebo", "jackknife"), unbalanced=("refuse", "drop"))
    draws = _guard.whole(spec, chosen, "draws", 2)
    _balanced.no_covariates(spec, study)
    if study.weights:
        raise Unsupported(
            say("takes no weights"), where=spec.name, cure=say("Remove them, or choose another estimator")
        )
    sample = _sample(spec, study, panel, chosen["unbalanced"])
    fits = [
        _fit(sample, sample.controls, _mean(sample, index)[None], None, index, method) for index in _cohorts(sample)
    ]
    found = _Gaps(np.stack([fit.gap for fit in fits], axis=1), sample.size[None], sample.start)
    if _placebo(spec, sample, chosen["inference"]):
        drawn = _placebos(study, sample, method, draws, rng)
    else:
        drawn = _jackknife(spec, study, sample, fits)
    return _estimate(spec, method, study, panel, sample, found, drawn, rng)


def _sample(spec: EstimatorSpec, study: Study, panel: Panel, unbalanced: str) -> _Sample:
    outcome = _rates.outcome(study, panel)
    full, lost = _balanced.full_units(spec, outcome, unbalanced)
    design = _staggered.design(spec, study, panel, full, 0)
    outcome, cluster = outcome[:, : design.n_periods], panel.by_unit("cluster")
    never = design.units & (design.cohort == NEVER)
    treated = design.units & (design.cohort < design.n_periods)
    start, cohort = np.unique(design.cohort[treated], return_inverse=True)
    return _Sample(
        controls=outcome[never],
        control_cluster=cluster[never],
        treated=outcome[treated],
        treated_cluster=cluster[treated],
        cohort=cohort,
        start=start,
        warnings=lost + design.warnings,
    )


def _cohorts(sample: _Sample) -> range:
    return range(len(sample.start))


def _mean(sample: _Sample, index: int) -> np.ndarray:
    return np.asarray(sample.treated[sample.cohort == index].mean(axis=0))


def _fit(
    sample: _Sample, controls: np.ndarray, treated: np.ndarray, allowed: np.ndarray | None, index: int, method: Method
) -> Synthetic:
    return synthetic(controls, treated, int(sample.start[index]), int(sample.size[index]), allowed, method)


def _treated_clusters(sample: _Sample) -> list[int]:
    """Number of clusters by cohort."""
    return [len(np.unique(sample.treated_cluster[sample.cohort == index])) for index in _cohorts(sample)]


def _placebo(spec: EstimatorSpec, sample: _Sample, inference: str) -> bool:
    """Whether inference is by placebos: as the option says, and by default wherever controls suffice."""
    controls, treated = len(np.unique(sample.control_cluster)), sum(_treated_clusters(sample))
    enough = controls > max(treated, 2)
    if inference == "placebo" and not enough:
        raise Unsupported(
            say(
                "needs more control clusters than treated ones for placebos, and has {controls} and {treated}",
                controls=controls,
                treated=treated,
            ),
            where=spec.name,
            cure=say("Set inference: jackknife, or cluster by a finer column"),
        )
    return inference == "placebo" or (inference == "auto" and enough)


def _placebos(study: Study, sample: _Sample, method: Method, draws: int, rng: np.random.Generator) -> _Inference:
    """Refit with the treatment given to control clusters."""
    assigned = _assignments(sample, draws, rng)
    gaps = []
    for index in _cohorts(sample):
        own = assigned == index
        treated = own @ sample.controls / own.sum(axis=1, keepdims=True)
        gaps.append(_fit(sample, sample.controls, treated, assigned < 0, index, method).gap)
    size = np.broadcast_to(sample.size, (len(assigned), len(sample.start)))
    count = say("{n} placebo assignments by {cluster}", n=len(assigned), cluster=study.cluster)
    return _Inference(_Gaps(np.stack(gaps, axis=1), size, sample.start), len(assigned) ** -0.5, True, count)


def _assignments(sample: _Sample, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Cohort of each control unit under each placebo, -1 for none; shape (n_placebos, n_controls)."""
    labels, position = np.unique(sample.control_cluster, return_inverse=True)
    sums = np.zeros((len(labels), sample.controls.shape[1]))
    np.add.at(sums, position, sample.controls)
    rank = np.empty(len(labels), np.int64)
    rank[np.lexsort((sums / np.bincount(position)[:, None]).T[::-1])] = np.arange(len(labels))
    counts = _treated_clusters(sample)
    given = np.full(len(labels), -1)
    given[: sum(counts)] = np.repeat(np.arange(len(counts)), counts)
    if sum(counts) == 1:
        by_rank = np.where(np.eye(len(labels), dtype=bool), 0, -1)
    else:
        by_rank = rng.permuted(np.tile(given, (draws, 1)), axis=1)
    return np.asarray(by_rank[:, rank[position]])


def _jackknife(spec: EstimatorSpec, study: Study, sample: _Sample, fits: list[Synthetic]) -> _Inference:
    """Leave out each cluster in turn, with fixed weights."""
    if min(_treated_clusters(sample)) < 2 or len(np.unique(sample.control_cluster)) < 2:
        raise Unsupported(
            say("has a cohort in one cluster and too few control clusters for placebos: no error can be told"),
            where=spec.name,
            cure=say("Cluster by a finer column, or choose rows with more units that are never treated"),
        )
    labels = np.unique(np.concatenate([sample.control_cluster, sample.treated_cluster]))
    stays = sample.control_cluster != labels[:, None]
    gaps, sizes = [], []
    for index, fit in enumerate(fits):
        own = (sample.treated_cluster != labels[:, None]) & (sample.cohort == index)
        units = np.where(stays, fit.units, 0.0)
        units[units.sum(axis=1) == 0] = 1.0
        treated = own @ sample.treated / own.sum(axis=1, keepdims=True)
        gaps.append(fixed(sample.controls, treated, np.where(stays, units, 0.0), fit.periods[0]).gap)
        sizes.append(own.sum(axis=1))
    factor = ((len(labels) - 1) / len(labels)) ** 0.5
    name = say("jackknife over {cluster} with fixed weights", cluster=study.cluster)
    return _Inference(_Gaps(np.stack(gaps, axis=1), np.stack(sizes, axis=1), sample.start), factor, False, name)


def _estimate(
    spec: EstimatorSpec,
    method: Method,
    study: Study,
    panel: Panel,
    sample: _Sample,
    found: _Gaps,
    drawn: _Inference,
    rng: np.random.Generator,
) -> Estimate:
    after = found.since >= 0
    value, error = float(found.mean(after)[0]), float(np.linalg.norm(drawn.influence(after)))
    bounds = _summary.interval(value, error, study.level)
    observed = np.stack([_mean(sample, index) for index in _cohorts(sample)])[None]
    untreated = float(_Gaps(observed, found.size, found.start).mean(after)[0]) - value
    lowest = min(sample.controls.min(), sample.treated.min())
    rows, influence, refused = _rows(study, panel, sample, found, drawn, rng)
    p_value, how = _p_value(method, found, drawn, value, error)
    return Estimate(
        treatment=study.treatment.name,
        estimand=say("Average effect on the treated on {scale}, over treated rows", scale=_rates.scale(study, panel)),
        scale="level",
        value=value,
        standard_error=error,
        interval=bounds,
        p_value=p_value,
        n_observations=sample.controls.size + sample.treated.size,
        n_units=len(sample.controls) + len(sample.treated),
        n_treated=len(sample.treated),
        n_clusters=sample.n_clusters,
        standard_error_type=say("{name}, normal interval, {how}", name=drawn.name, how=how),
        engine="balanza.kernels.synthetic",
        percent_change=_rates.percent_change(study, value, bounds, untreated, lowest),
        rate_change=_rates.rate_change(study, panel, value, bounds),
        rows=rows,
        covariance=_summary.covariance_frame(influence, [str(row) for row in range(influence.shape[1])]),
        warnings=sample.warnings + _warnings(method, study, sample, drawn) + refused,
    )


def _p_value(method: Method, found: _Gaps, drawn: _Inference, value: float, error: float) -> tuple[float, str]:
    """Two-sided p among placebos, the assignment as it was being one of them; else from the normal distribution."""
    if not drawn.placebo:
        return _summary.p_value(value, error), say("normal p-value")
    if method == "control":
        own, others, what = found.ratio[0], drawn.gaps.ratio, say("ratio of fit after to before treatment")
    else:
        own, others, what = abs(value), np.abs(drawn.gaps.mean(found.since >= 0)), "size"
    p_value = (1 + np.sum(others >= own * (1 - 1e-9))) / (1 + len(others))
    return float(p_value), say("p-value from the rank of its {what} among placebos", what=what)


def _rows(
    study: Study, panel: Panel, sample: _Sample, found: _Gaps, drawn: _Inference, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray, tuple[str, ...]]:
    """Rows by bins of event time and by cohort, their influence, and a sentence where the former are refused."""
    import pandas as pd

    bins = found.since // study.event_bins
    keys = np.unique(bins)
    cohorts = [(found.since >= 0) & (np.arange(len(sample.start)) == index)[:, None] for index in _cohorts(sample)]
    events = [bins == key for key in keys]
    spread = np.column_stack([drawn.influence(cells) for cells in events])
    reason = _events.too_many(len(keys), sample.n_clusters)
    if reason is None and _events.singular(spread):
        reason = say("its covariance is singular")
    groups = np.column_stack([drawn.influence(cells) for cells in cohorts])
    frames = [
        _summary.rows_frame(
            "group",
            np.array([found.mean(cells)[0] for cells in cohorts]),
            np.linalg.norm(groups, axis=0),
            study.level,
            group=_staggered.label(panel, sample.start),
        )
    ]
    if reason is not None:
        return frames[0], groups, (_events.refusal(reason),)
    uniform = critical_value(spread, study.draws, study.level, rng)
    values = np.array([found.mean(cells)[0] for cells in events])
    errors = np.linalg.norm(spread, axis=0)
    event_rows = _summary.rows_frame(
        "event_time", values, errors, study.level, uniform=uniform, event_time=keys * study.event_bins
    )
    return pd.concat([event_rows, *frames], ignore_index=True), np.hstack([spread, groups]), ()


def _warnings(method: Method, study: Study, sample: _Sample, drawn: _Inference) -> tuple[str, ...]:
    warnings: tuple[str, ...] = ()
    if not drawn.placebo:
        warnings += _guard.small_cohorts(study, sample.treated_cluster, sample.cohort)
    elif 1 / (1 + len(drawn.gaps.gap)) > 1 - study.level:
        warnings += (
            say(
                "There are only {placebos} placebos: the p-value cannot be below {least:.2g}",
                placebos=len(drawn.gaps.gap),
                least=1 / (1 + len(drawn.gaps.gap)),
            ),
        )
    if method == "control":
        low, high = sample.controls.min(axis=0), sample.controls.max(axis=0)
        means = np.stack([_mean(sample, index) for index in _cohorts(sample)])
        before = np.arange(means.shape[1]) < sample.start[:, None]
        outside = before & ((means < low) | (means > high))
        if outside.any():
            warnings += (
                say(
                    "The treated lie outside the range of all controls in {outside} of {before} periods"
                    " before treatment: no weights can fit them there",
                    outside=outside.sum(),
                    before=before.sum(),
                ),
            )
    return warnings
