"""Two-way fixed-effects Poisson with exposure: one or several treatments, event study in bins.

The kernel is `balanza.kernels.poisson`. Units without any event are determined by their own effect alone; they are
left out and counted. The event study of a dose multiplies the unit's dose by bins around the common start; that of a
binary treatment uses bins around each unit's first treated period. Its reference is the last bin before treatment,
which therefore has no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Estimate, Estimates, EstimatorSpec, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.estimators import _guard, _summary
from balanza.kernels import poisson as kernel
from balanza.kernels.multiplier import critical_value

if TYPE_CHECKING:
    import pandas as pd

SPEC = EstimatorSpec(
    name="poisson",
    title="Two-way fixed-effects Poisson",
    estimand="Log ratio of the expected outcome per unit of treatment, the same for all units and periods",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"poisson"}),
    reference="Wooldridge (1999), Journal of Econometrics 90(1); Correia, Guimaraes and Zylkin (2020), Stata Journal",
    assumptions=(
        "Without treatment, expected outcomes per exposure would have moved in the same proportion in all units",
        "The effect is the same for all units and periods; otherwise the estimate weighs effects, some negatively",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Jackknife over the clusters where treatment is assigned (CV3), Student's t with G-1 degrees of"
    " freedom; the option `sandwich` gives G/(G-1) x (n-1)/(n-k), with k leaving the fixed effects out, as fixest does;"
    " it stands in where a coefficient hangs on a single cluster",
    several_treatments=True,
    options={"draws": 999, "standard_errors": "jackknife"},
)
SINGULAR = 1e-10


@dataclass(frozen=True)
class _Sample:
    """Units x periods that enter, weighted; `treatments` and `covariates` are (k, n_units, n_periods)."""

    outcome: np.ndarray
    exposure: np.ndarray
    treatments: np.ndarray
    covariates: np.ndarray
    baseline: np.ndarray
    names: tuple[str, ...]
    cluster: np.ndarray
    unit: np.ndarray
    period: np.ndarray
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Events:
    """Event-time bins of one treatment: first period of each bin relative to the start, and the regressors."""

    treatment: Treatment
    time: np.ndarray
    period: np.ndarray | None
    regressors: np.ndarray


@dataclass(frozen=True)
class _EventRows:
    rows: dict[str, pd.DataFrame]
    influence: dict[str, np.ndarray]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Fit:
    """A fit, the clusters' influence on its coefficients (n_clusters, n_regressors), and how that was had."""

    kernel: kernel.PoissonFit
    influence: np.ndarray
    standard_errors: str


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimates:
    """Fit all treatments jointly, then their event studies jointly.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate, or mapping of treatment to Estimate where the study has several
        Scale: log. `rate_change` is the change by the last unit of treatment at the observed rate of treated rows.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, or a coefficient is collinear or runs to infinity.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study, standard_errors=("jackknife", "sandwich"))
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    sample = _sample(study, panel)
    names = (*(treatment.name for treatment in study.treatments), *sample.names)
    try:
        fit = _fit(sample, np.concatenate([sample.treatments, sample.covariates]), chosen["standard_errors"])
    except kernel.Degenerate as problem:
        raise _refusal(problem, names) from None
    events = _event_study(study, panel, sample, rng, draws, chosen["standard_errors"])
    covariances = _covariances(study, fit.influence, events)
    found = {
        treatment.name: _estimate(study, panel, sample, fit, events, covariances, index)
        for index, treatment in enumerate(study.treatments)
    }
    return found if len(found) > 1 else found[study.treatment.name]


def _sample(study: Study, panel: Panel) -> _Sample:
    """Matrices of the rows that enter: without units and periods in which nothing happened."""
    outcome = panel.matrix("outcome")
    exposure = panel.matrix("exposure") if study.outcome.exposure else np.where(np.isnan(outcome), np.nan, 1.0)
    weight = panel.matrix("weight") if study.weights else 1.0
    units, periods = np.nansum(outcome, axis=1) > 0, np.nansum(outcome, axis=0) > 0
    columns = {name: panel.matrix(name) for name in study.covariates if name != "graph"}
    for name, values in columns.items():
        if np.nanmin(values) == np.nanmax(values):
            raise Unsupported(f"the covariate {name} is the same in all rows", where=SPEC.name, cure="Remove it")
    constant = {name for name, values in columns.items() if np.array_equal(np.nanmin(values, 1), np.nanmax(values, 1))}
    cluster = panel.by_unit("cluster")[units]
    if len(np.unique(cluster)) < 2:
        raise Unsupported(
            "only one cluster has any event", where=SPEC.name, cure="Use wider rows, or a finer column to cluster by"
        )
    keep = np.ix_(units, periods)
    varying = [name for name in columns if name not in constant]
    return _Sample(
        outcome=(outcome * weight)[keep],
        exposure=(exposure * weight)[keep],
        treatments=np.stack([panel.matrix(f"d_{treatment.name}")[keep] for treatment in study.treatments]),
        covariates=np.array([columns[name][keep] for name in varying]).reshape(-1, units.sum(), periods.sum()),
        baseline=np.array([np.nanmin(columns[name], 1)[units] for name in sorted(constant)]).reshape(-1, units.sum()).T,
        names=tuple(varying),
        cluster=cluster,
        unit=np.flatnonzero(units),
        period=np.flatnonzero(periods),
        warnings=_lost(study, panel, exposure, units, periods) + _small(study, panel, units),
    )


def _fit(sample: _Sample, regressors: np.ndarray, standard_errors: str) -> _Fit:
    found = kernel.fit(sample.outcome, sample.exposure, regressors, sample.baseline)
    if standard_errors == "jackknife":
        influence = kernel.jackknife(sample.outcome, found, regressors, sample.cluster, sample.baseline)
        if influence is not None:
            return _Fit(found, influence, "jackknife (CV3)")
    influence = kernel.influence(found, sample.cluster)
    return _Fit(found, influence, "sandwich, G/(G-1) x (n-1)/(n-k) without fixed effects")


def _lost(study: Study, panel: Panel, exposure: np.ndarray, units: np.ndarray, periods: np.ndarray) -> tuple[str, ...]:
    """Sentences on what was left out because nothing happened there."""
    found, people = [], ""
    if study.outcome.exposure:
        people = f", {np.nanmean(exposure, axis=1)[~units].sum():,.0f} {study.outcome.exposure}"
    if not units.all():
        treated = np.logical_or.reduce([_ever(panel.matrix(f"d_{item.name}")) for item in study.treatments])
        found.append(
            f"{(~units).sum()} of {len(units)} units have no {study.outcome.column} in any period and tell nothing of a"
            f" proportional effect: left out ({np.isfinite(exposure[~units]).sum():,} rows{people},"
            f" {treated[~units].sum()} of these units treated)"
        )
    if not periods.all():
        found.append(
            f"{(~periods).sum()} of {len(periods)} periods have no {study.outcome.column} in any unit: left out"
            f" ({np.isfinite(exposure[:, ~periods]).sum():,} rows)"
        )
    return tuple(found)


def _small(study: Study, panel: Panel, units: np.ndarray) -> tuple[str, ...]:
    """Warnings of cohorts of few clusters, for each absorbing treatment."""
    found: tuple[str, ...] = ()
    for treatment in study.treatments:
        if treatment.kind == "binary":
            cohort = panel.by_unit(f"g_{treatment.name}")
            treated = units & (cohort >= 0)
            found += _guard.small_cohorts(study, panel.by_unit("cluster")[treated], cohort[treated])
    return found


def _ever(treatment: np.ndarray) -> np.ndarray:
    """Units with any treatment, shape (n_units,)."""
    return np.asarray(np.nan_to_num(treatment).any(axis=1))


def _refusal(problem: kernel.Degenerate, names: tuple[str, ...]) -> Unsupported:
    what = "a baseline covariate's slopes" if problem.index is None else names[problem.index]
    sentences = {
        "collinear": (
            f"{what} has no variation of its own beside unit and period effects and the other terms",
            "Use rows in which it varies between units over time, or remove what it repeats",
        ),
        "separated": (
            f"the coefficient of {what} runs to infinity, because the outcome is zero wherever it would show",
            "Use wider units or periods, or remove it",
        ),
        "diverged": ("the likelihood's maximum was not found", "Check the outcome and the exposure for outliers"),
    }
    text, cure = sentences[problem.reason]
    return Unsupported(text, where=SPEC.name, cure=cure)


def _estimate(
    study: Study,
    panel: Panel,
    sample: _Sample,
    fit: _Fit,
    events: _EventRows,
    covariances: pd.DataFrame | None,
    index: int,
) -> Estimate:
    treatment, freedom = study.treatments[index], len(fit.influence) - 1
    value, error = float(fit.kernel.coefficients[index]), float(np.linalg.norm(fit.influence[:, index]))
    bounds = _summary.interval(value, error, study.level, freedom)
    treated = np.nan_to_num(sample.treatments[index]) != 0
    rate = None
    if study.outcome.exposure and panel.periods_per_year:
        rate = _summary.PER_PEOPLE * panel.periods_per_year
        rate *= float(sample.outcome[treated].sum() / sample.exposure[treated].sum())
    return Estimate(
        treatment=treatment.name,
        estimand=f"Log ratio of the expected {study.outcome.column} per {treatment.unit or 'unit of treatment'}",
        scale="log",
        value=value,
        standard_error=error,
        interval=bounds,
        p_value=_summary.p_value(value, error, freedom),
        n_observations=fit.kernel.n_rows,
        n_units=len(sample.unit),
        n_treated=int(treated.any(axis=1).sum()),
        n_clusters=len(fit.influence),
        standard_error_type=f"clustered by {study.cluster}, {fit.standard_errors}, t({freedom})",
        engine="balanza.kernels.poisson",
        percent_change=_summary.log_percent(value, bounds),
        rate_change=_summary.log_rate(value, bounds, rate) if rate is not None else None,
        rows=events.rows.get(treatment.name),
        covariance=covariances,
        warnings=sample.warnings + events.warnings,
    )


def _event_study(
    study: Study, panel: Panel, sample: _Sample, rng: np.random.Generator, draws: int, standard_errors: str
) -> _EventRows:
    """Event studies of all treatments that have one, fitted jointly; without rows, and saying so, where refused."""
    designs = [_events(study, panel, sample, treatment) for treatment in study.treatments]
    bins = [design for design in designs if design is not None and len(design.time)]
    if not bins:
        return _EventRows({}, {}, ())
    n_bins = sum(len(design.time) for design in bins)
    n_clusters = len(np.unique(sample.cluster))
    if n_bins > n_clusters - 1:
        return _refused(f"it has {n_bins} free coefficients and only {n_clusters} clusters")
    named = {design.treatment.name for design in bins}
    others = [index for index, item in enumerate(study.treatments) if item.name not in named]
    regressors = [*(design.regressors for design in bins), sample.treatments[others], sample.covariates]
    try:
        fit = _fit(sample, np.concatenate(regressors), standard_errors)
    except kernel.Degenerate as problem:
        return _refused(f"a coefficient is {problem.reason}")
    influence = fit.influence[:, :n_bins]
    if _singular(influence):
        return _refused("its covariance is singular")
    splits = np.cumsum([len(design.time) for design in bins])[:-1]
    rows, parts = {}, np.split(influence, splits, axis=1)
    for design, values, part in zip(bins, np.split(fit.kernel.coefficients[:n_bins], splits), parts, strict=True):
        rows[design.treatment.name] = _summary.rows_frame(
            "event_time",
            values,
            np.linalg.norm(part, axis=0),
            study.level,
            n_clusters - 1,
            critical_value(part, draws, study.level, rng),
            event_time=design.time,
            period=design.period,
        )
    return _EventRows(rows, {design.treatment.name: part for design, part in zip(bins, parts, strict=True)}, ())


def _refused(reason: str) -> _EventRows:
    return _EventRows({}, {}, (f"The event study is not shown: {reason}. Set `event_bins` to wider bins",))


def _singular(influence: np.ndarray) -> bool:
    size = np.linalg.norm(influence, axis=0)
    if not size.all():
        return True
    return bool(np.linalg.svd(influence / size, compute_uv=False)[-1] ** 2 < SINGULAR)


def _events(study: Study, panel: Panel, sample: _Sample, treatment: Treatment) -> _Events | None:
    """Bins x dose around a common start, or bins around each unit's first treated period."""
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")[sample.unit]
        size = (cohort >= 0).astype(float)
        relative = sample.period - cohort[:, None]
    elif treatment.kind == "dose" and treatment.dose == "mean_post" and treatment.name in panel.start:
        start = panel.start[treatment.name]
        size = _dose(panel.matrix(f"d_{treatment.name}")[sample.unit, start:])
        relative = np.broadcast_to(sample.period - start, sample.outcome.shape)
    else:
        return None
    bins = relative // study.event_bins
    free = np.unique(bins[size != 0])
    free = free[free != -1]
    time = free * study.event_bins
    labels = None
    if treatment.kind == "dose":
        labels = panel.period_labels[np.maximum(time + panel.start[treatment.name], 0)]
    regressors = size[:, None] * (bins == free[:, None, None])
    return _Events(treatment, time, labels, regressors.reshape(-1, *sample.outcome.shape))


def _dose(after: np.ndarray) -> np.ndarray:
    """The unit's dose, which is the same in all its rows after the start."""
    return np.asarray(np.nanmean(after, axis=1))


def _covariances(study: Study, influence: np.ndarray, events: _EventRows) -> pd.DataFrame | None:
    """Covariance of the event-study rows; with several treatments joint, and with the effects as `:headline`."""
    if len(study.treatments) == 1:
        part = events.influence.get(study.treatment.name)
        return None if part is None else _summary.covariance_frame(part, [str(row) for row in range(part.shape[1])])
    columns, labels = [], []
    for index, treatment in enumerate(study.treatments):
        part = events.influence.get(treatment.name, np.zeros((len(influence), 0)))
        columns.append(np.column_stack([influence[:, index], part]))
        labels += [f"{treatment.name}:headline", *(f"{treatment.name}:{row}" for row in range(part.shape[1]))]
    return _summary.covariance_frame(np.hstack(columns), labels)
