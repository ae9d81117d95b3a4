"""What Sun-Abraham and extended two-way fixed effects share: the sample, sets of cells, rows, and linear estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, RowKind, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _events, _guard, _level, _rates, _staggered, _summary
from balanza.kernels.group_time import NEVER
from balanza.kernels.multiplier import critical_value
from balanza.kernels.saturated import Degenerate, Effects, Family, Fit, Layout, Totals, fit, leave_out, totals
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd

KEPT_CELLS = 500
ERRORS = "G/(G-1) x (n-1)/(n-k)"
Effect = Callable[[Totals], tuple[np.ndarray, np.ndarray]]
"""From totals to effects, shape (n_sets,), NaN where there is none, and their influence, (n_clusters, n_sets)."""


@dataclass(frozen=True)
class Model:
    """Which cells have coefficients of their own, and what stands beside them.

    control : all untreated rows, or never-treated units (then also the cells before the reference periods are own)
    bins : periods of the reference before treatment, with never-treated controls
    """

    control: str
    slopes: bool
    effects: Effects
    anticipation: int
    bins: int


@dataclass(frozen=True)
class Sample:
    """Units and periods that enter; `cohorts` holds the first treated periods behind the layout's codes."""

    outcome: np.ndarray
    weight: np.ndarray
    layout: Layout
    cohorts: np.ndarray
    warnings: tuple[str, ...]

    @property
    def relative(self) -> np.ndarray:
        """Periods since the start of treatment, shape (n_cohorts, n_periods); meaningless for controls."""
        starts = np.where(self.cohorts == NEVER, 0, self.cohorts)
        return np.asarray(np.arange(self.outcome.shape[1]) - starts[:, None])


@dataclass(frozen=True)
class Sets:
    """Cells grouped by one thing: what was found of it, and for each cell its position there, -1 for none."""

    found: np.ndarray
    key: np.ndarray


@dataclass(frozen=True)
class Found:
    """A fit and all that follows from it but the contract's numbers."""

    fit: Fit
    overall: Totals
    treated: np.ndarray
    rows: pd.DataFrame
    covariance: pd.DataFrame | None
    warnings: tuple[str, ...]


def sample(
    spec: EstimatorSpec, study: Study, panel: Panel, outcome: np.ndarray, weight: np.ndarray, model: Model
) -> Sample:
    """Choose units and periods, and lay out the model on them.

    Parameters
    ----------
    spec, study, panel : as in the contract
    outcome, weight : ndarray, shape (n_units, n_periods) of the panel
        NaN where there is no row; weights of least squares, or the exposure.
    model : Model

    Raises
    ------
    Unsupported
        If no treated unit is seen both before and after its treatment beside a control unit, or one cluster is left.
    """
    design = _staggered.design(spec, study, panel, np.ones(panel.n_units, bool), model.anticipation)
    seen = ~np.isnan(outcome[:, : design.n_periods])
    units = design.units & seen.any(axis=1)
    cohorts, cohort = np.unique(design.cohort[units], return_inverse=True)
    codes, cluster = np.unique(panel.by_unit("cluster")[units], return_inverse=True)
    if len(codes) < 2:
        raise Unsupported(
            say("the units that enter lie in one cluster ({cluster})", cluster=study.cluster),
            where=spec.name,
            cure=say("Cluster more finely"),
        )
    covariates = _covariates.split(spec, study, panel)
    part = (units, slice(None, design.n_periods))
    warnings = design.warnings + _guard.small_cohorts(
        study, cluster[cohorts[cohort] != NEVER], cohort[cohorts[cohort] != NEVER]
    )
    if model.effects == "cohort" and not seen[units].all():
        warnings += (
            say(
                "Units lack rows, and cohort effects take the units seen in each period to be alike. The"
                " option effects: unit does not"
            ),
        )
    layout = Layout(
        cohort=cohort,
        cluster=cluster,
        own=_own(cohorts, design.n_periods, model),
        baseline=covariates.baseline[units],
        regressors=covariates.varying[:, part[0], part[1]],
        slopes=model.slopes,
        effects=model.effects,
    )
    return Sample(outcome[part], weight[part], layout, cohorts, warnings)


def _own(cohorts: np.ndarray, n_periods: int, model: Model) -> np.ndarray:
    """Cells with coefficients of their own, shape (n_cohorts, n_periods)."""
    last_clean = np.where(cohorts == NEVER, n_periods, cohorts - model.anticipation - 1)[:, None]
    period = np.arange(n_periods)
    after = period > last_clean
    if model.control == "not_yet":
        return np.asarray(after)
    return np.asarray(after | ((period <= last_clean - model.bins) & (cohorts != NEVER)[:, None]))


def estimated(
    spec: EstimatorSpec,
    study: Study,
    panel: Panel,
    sample: Sample,
    family: Family,
    effect: Effect,
    rng: np.random.Generator,
    draws: int,
    left_out: bool = False,
) -> Found:
    """Fit, and make the rows of all sets of cells.

    Parameters
    ----------
    spec, study, panel : as in the contract
    sample : Sample
    family : {"gaussian", "poisson"}
    effect : callable
        The scale of the rows.
    rng, draws : Generator, int
        For the uniform bands.
    left_out : bool
        Whether errors are those of the jackknife, where no coefficient hangs on a single cluster.

    Raises
    ------
    Unsupported
        If no cell can be estimated, there are as many coefficients as rows, or the likelihood has no maximum.
    """
    try:
        fitted = fit(sample.outcome, sample.weight, sample.layout, family)
    except Degenerate as problem:
        raise _refusal(spec, problem) from None
    after = fitted.estimable & (sample.relative >= 0)
    if not after.any():
        raise Unsupported(
            say("no effect can be told apart from unit and period effects"),
            where=spec.name,
            cure=say("Widen the window, or choose rows in which treated units are seen before their treatment"),
        )
    if fitted.n_rows <= fitted.n_coefficients:
        raise Unsupported(
            say(
                "it has {n_coefficients} coefficients on {n_rows} rows",
                n_coefficients=fitted.n_coefficients,
                n_rows=fitted.n_rows,
            ),
            where=spec.name,
            cure=say("Use finer rows, or fewer covariates"),
        )
    if left_out:
        fitted = leave_out(fitted) or fitted
    overall = totals(fitted, np.where(after, 0, -1))
    rows, covariance, warnings = _rows(study, panel, sample, fitted, effect, rng, draws)
    lost = int(fitted.rows.treated.sum() - fitted.rows.treated[fitted.estimable[sample.layout.cohort]].sum())
    if lost:
        warnings = (
            say(
                "{lost} rows lie in cells that cannot be told apart from unit and period effects, because"
                " no unit links them with untreated rows: they are missing from all aggregates",
                lost=lost,
            ),
            *warnings,
        )
    treated = (fitted.rows.treated & after[sample.layout.cohort]).any(axis=1)
    return Found(fitted, overall, treated, rows, covariance, sample.warnings + warnings)


def _refusal(spec: EstimatorSpec, problem: Degenerate) -> Unsupported:
    sentences = {
        "separated": (
            say(
                "what is expected without treatment runs to zero in some cells, because untreated units"
                " like them have no events"
            ),
            say("Use wider units or periods, or fewer covariates"),
        ),
        "diverged": (
            say("the likelihood's maximum was not found"),
            say("Check the outcome and the exposure for outliers"),
        ),
    }
    text, cure = sentences[problem.reason]
    return Unsupported(text, where=spec.name, cure=cure)


def _sets(values: np.ndarray, use: np.ndarray) -> Sets:
    """Cells in use grouped by their values."""
    key = np.full(use.shape, -1)
    found, key[use] = np.unique(np.broadcast_to(values, use.shape)[use], return_inverse=True)
    return Sets(found, key)


def _rows(
    study: Study,
    panel: Panel,
    sample: Sample,
    fitted: Fit,
    effect: Effect,
    rng: np.random.Generator,
    draws: int,
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Event study, cohorts, periods and cells; the covariance leaves the cells out where they are many."""
    import pandas as pd

    frames, parts, warnings = list[pd.DataFrame](), list[np.ndarray](), list[str]()
    relative, freedom = sample.relative, int(sample.layout.cluster.max())
    after = fitted.estimable & (relative >= 0)
    bins = study.event_bins
    kinds: tuple[tuple[RowKind, Sets], ...] = (
        ("event_time", _sets(relative // bins * bins, fitted.estimable)),
        ("group", _sets(sample.cohorts[:, None], after)),
        ("calendar", _sets(np.arange(relative.shape[1]), after)),
    )
    for kind, sets in kinds:
        value, influence = effect(totals(fitted, sets.key))
        kept = np.isfinite(value)
        values, influence = sets.found[kept], influence[:, kept]
        if kind == "event_time" and (reason := _against(influence)):
            warnings.append(_events.refusal(reason))
            continue
        labels = values if kind == "event_time" else _staggered.label(panel, values)
        name = {"event_time": "event_time", "group": "group", "calendar": "period"}[kind]
        uniform = critical_value(influence, draws, study.level, rng)
        errors = np.linalg.norm(influence, axis=0)
        frames.append(_summary.rows_frame(kind, value[kept], errors, study.level, freedom, uniform, **{name: labels}))
        parts.append(influence)
    frame, influence = _cells(study, panel, sample, fitted, effect)
    frames.append(frame)
    parts.append(influence)
    infinite = int(fitted.estimable.sum()) - len(frame)
    if infinite:
        warnings.append(
            say(
                "{infinite} of {estimable} cells have no {column}, so that their ratio has no logarithm:"
                " they have no row of their own, and count in all aggregates",
                infinite=infinite,
                estimable=int(fitted.estimable.sum()),
                column=study.outcome.column,
            )
        )
    joint = np.hstack(parts)
    covariance = _summary.covariance_frame(joint, [str(row) for row in range(joint.shape[1])])
    return pd.concat(frames, ignore_index=True), covariance, tuple(warnings)


def _against(influence: np.ndarray) -> str | None:
    """The reason against an event study of that influence, shape (n_clusters, n_rows)."""
    reason = _events.too_many(influence.shape[1], len(influence))
    if reason is None and influence.size and _events.singular(influence):
        return say("its covariance is singular")
    return reason


def _cells(study: Study, panel: Panel, sample: Sample, fitted: Fit, effect: Effect) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of single cells, and their influence where it is kept: cohort by cohort, so that memory stays small."""
    keep = int(fitted.estimable.sum()) <= KEPT_CELLS
    values, errors, influences, where = [], [], [], []
    for cohort in np.flatnonzero(fitted.estimable.any(axis=1)):
        use = np.zeros_like(fitted.estimable)
        use[cohort] = fitted.estimable[cohort]
        sets = _sets(np.arange(use.shape[1]), use)
        value, influence = effect(totals(fitted, sets.key))
        kept = np.isfinite(value)
        values.append(value[kept])
        errors.append(np.linalg.norm(influence[:, kept], axis=0))
        influences.append(influence[:, kept] if keep else influence[:, :0])
        where.append(np.column_stack([np.full(kept.sum(), sample.cohorts[cohort]), sets.found[kept]]))
    group, period = np.concatenate(where).T
    frame = _summary.rows_frame(
        "group_time",
        np.concatenate(values),
        np.concatenate(errors),
        study.level,
        int(sample.layout.cluster.max()),
        group=_staggered.label(panel, group),
        period=_staggered.label(panel, period),
        event_time=period - group,
    )
    return frame, np.hstack(influences)


def linear(
    spec: EstimatorSpec, study: Study, panel: Panel, model: Model, rng: np.random.Generator, draws: int
) -> Estimate:
    """The contract's numbers of a least-squares fit: effects on the scale of the outcome.

    Parameters
    ----------
    spec, study, panel, rng : as in the contract
    model : Model
    draws : int

    Raises
    ------
    Unsupported
    """
    outcome = _rates.outcome(study, panel)
    weight = panel.matrix("weight") if study.weights else np.ones_like(outcome)
    chosen = sample(spec, study, panel, outcome, weight, model)
    found = estimated(spec, study, panel, chosen, "gaussian", _difference, rng, draws)
    value, influence = _difference(found.overall)
    freedom = len(influence) - 1
    return _level.estimate(
        study,
        panel,
        say("Average effect on the treated on {scale}, over all treated rows", scale=_rates.scale(study, panel)),
        float(value[0]),
        float(np.linalg.norm(influence)),
        _level.Sample(
            n_observations=found.fit.n_rows,
            n_units=len(chosen.outcome),
            n_treated=int(found.treated.sum()),
            n_clusters=len(influence),
            untreated=float(found.overall.expected[0] / found.overall.size[0]),
            lowest=float(np.nanmin(chosen.outcome)),
            warnings=found.warnings,
        ),
        _level.EventStudy(found.rows, found.covariance, ()),
        say(
            "clustered by {cluster}, {errors} with {effects} effects{nested}, t({freedom})",
            cluster=study.cluster,
            errors=ERRORS,
            effects=model.effects,
            nested=say(" nested") if model.effects == "unit" else "",
            freedom=freedom,
        ),
        "balanza.kernels.saturated",
        freedom,
    )


def _difference(sums: Totals) -> tuple[np.ndarray, np.ndarray]:
    """Mean of what is observed less mean of what is expected."""
    value = (sums.observed - sums.expected) / sums.size
    return value, (sums.observed_influence - sums.expected_influence) / sums.size
