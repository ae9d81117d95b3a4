"""Group-time average treatment effects of Callaway and Sant'Anna (2021), as in R `did` 2.5.1.

The kernel is `balanza.kernels.group_time`. A count with exposure enters as its rate per 100,000 a year, so that all
effects are on the scale of the outcome or of that rate. Defaults are those of R `did`: never-treated controls, doubly
robust, varying base, no anticipation, the simple aggregate, analytic standard errors, uniform bands by Rademacher
multipliers. Units treated in the first period have no before and are left out; without a never-treated unit the last
cohort serves as control, and the periods from its treatment on are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, RowKind, Study, Triple
from balanza.errors import Unsupported
from balanza.estimators import _guard, _summary
from balanza.kernels.group_time import NEVER, Aggregate, GroupTime, Infeasible, group_time
from balanza.kernels.multiplier import Multiplier, critical_value

if TYPE_CHECKING:
    import pandas as pd

SPEC = EstimatorSpec(
    name="callaway_santanna",
    title="Group-time effects (Callaway and Sant'Anna)",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), weighted by cohort size over all cohorts and treated periods (`aggregate: simple`)",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Callaway and Sant'Anna (2021), Journal of Econometrics 225(2); Sant'Anna and Zhao (2020),"
    " Journal of Econometrics 219(1)",
    assumptions=(
        "Treatment is absorbing, and units do not react to it earlier than `anticipation` periods before",
        "Without treatment, the outcomes of treated and control units with the same covariates would have moved in"
        " parallel",
        "For each cohort there are control units with its covariates (overlap)",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Analytic, from influence functions summed within clusters, normal intervals; uniform bands by"
    " multiplier bootstrap",
    options={
        "control": "never",
        "method": "dr",
        "base": "varying",
        "anticipation": 0,
        "aggregate": "simple",
        "unbalanced": "refuse",
        "draws": 999,
        "multiplier": "rademacher",
    },
)
KEPT_CELLS = 500


@dataclass(frozen=True)
class _Sample:
    """A balanced panel whose cohorts all have a before, and with controls; cohorts as codes of `period`."""

    outcome: np.ndarray
    cohort: np.ndarray
    covariates: np.ndarray | None
    weights: np.ndarray | None
    cluster: np.ndarray
    warnings: tuple[str, ...]


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate all cells and aggregates, and head the result with the aggregate that was chosen.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind group_time, event_time, group and calendar; `covariance` joins them all where there
        are no more than 500 cells, and otherwise leaves the cells out. `percent_change` relates the effect to the mean
        outcome that the treated would have had without treatment.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, is unbalanced, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(
        SPEC,
        study,
        control=("never", "not_yet"),
        method=("dr", "ipw", "reg"),
        base=("varying", "universal"),
        aggregate=("simple", "dynamic", "group", "calendar"),
        unbalanced=("refuse", "drop"),
        multiplier=("rademacher", "mammen"),
    )
    anticipation = _guard.whole(SPEC, chosen, "anticipation", 0)
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    sample = _sample(study, panel, chosen["unbalanced"], anticipation)
    treated = np.unique(sample.cohort[sample.cohort != NEVER])
    try:
        found = group_time(
            sample.outcome,
            sample.cohort,
            sample.covariates,
            sample.weights,
            sample.cluster,
            control=chosen["control"],
            method=chosen["method"],
            base=chosen["base"],
            anticipation=anticipation,
            event_bins=study.event_bins,
            keep_influence=len(treated) * sample.outcome.shape[1] <= KEPT_CELLS,
        )
    except Infeasible:
        raise Unsupported(
            "no cell can be estimated: no controls overlap with the treated",
            where=SPEC.name,
            cure="Use fewer covariates, or method: reg",
        ) from None
    rows, influence = _rows(study, panel, found, rng, draws, chosen["multiplier"])
    return _estimate(study, panel, sample, found, chosen["aggregate"], rows, influence)


def _sample(study: Study, panel: Panel, unbalanced: str, anticipation: int) -> _Sample:
    """Matrices of the units and periods that enter, and sentences on those that do not."""
    outcome, warnings = panel.matrix("outcome"), list[str]()
    if _is_rate(study):
        outcome = outcome / panel.matrix("exposure") * _summary.PER_PEOPLE * (panel.periods_per_year or 1.0)
    full = ~np.isnan(outcome).any(axis=1)
    if not full.all() and unbalanced == "refuse":
        raise Unsupported(
            f"takes balanced panels, and {(~full).sum()} of {len(full)} units lack rows",
            where=SPEC.name,
            cure="Fill the rows, or leave these units out with the option unbalanced: drop",
        )
    if not full.all():
        warnings.append(f"{(~full).sum()} of {len(full)} units lack rows and are left out")
    cohort = panel.by_unit(f"g_{study.treatment.name}")
    n_periods = outcome.shape[1]
    cohort = np.where((cohort < 0) | (cohort >= n_periods + anticipation), NEVER, cohort)
    early = full & (cohort <= anticipation)
    if early.any():
        warnings.append(
            f"{early.sum()} units are treated in the first {anticipation + 1} period(s): they have no before and are"
            " left out"
        )
    units = full & ~early
    cohort, n_periods = _with_controls(panel, cohort, units, n_periods, anticipation, warnings)
    if not (cohort[units] < n_periods).any():
        raise Unsupported(
            "no treated unit is seen both before and after its treatment beside a control unit",
            where=SPEC.name,
            cure="Widen the window, or choose rows with units that are treated later or never",
        )
    cluster = np.unique(panel.by_unit("cluster")[units], return_inverse=True)[1]
    treated = cohort[units] != NEVER
    warnings += _guard.small_cohorts(study, cluster[treated], cohort[units][treated])
    return _Sample(
        outcome=outcome[units, :n_periods],
        cohort=cohort[units],
        covariates=_covariates(study, panel, units, n_periods),
        weights=_weights(study, panel, units, warnings),
        cluster=cluster,
        warnings=tuple(warnings),
    )


def _is_rate(study: Study) -> bool:
    return study.outcome.family == "poisson" and study.outcome.exposure is not None


def _with_controls(
    panel: Panel, cohort: np.ndarray, units: np.ndarray, n_periods: int, anticipation: int, warnings: list[str]
) -> tuple[np.ndarray, int]:
    """Where no unit is never treated, the last cohort becomes the controls, up to its own treatment."""
    if not units.any() or (cohort[units] == NEVER).any():
        return cohort, n_periods
    last = int(cohort[units].max())
    end = min(n_periods, last - anticipation)
    first = _label(panel, np.array([last]))[0]
    warnings.append(
        f"No unit is never treated: the {(cohort[units] == last).sum()} units first treated in {first} serve as"
        f" controls, and the last {n_periods - end} period(s), in which they are treated or may react, are left out"
    )
    return np.where(cohort == last, NEVER, cohort), end


def _label(panel: Panel, code: np.ndarray) -> np.ndarray:
    """Text of period codes, also of those after the last one."""
    last = panel.n_periods - 1
    inside = panel.period_labels[np.minimum(code, last)].astype(str)
    return np.array(
        [label if beyond <= 0 else f"{label}+{beyond}" for label, beyond in zip(inside, code - last, strict=True)]
    )


def _covariates(study: Study, panel: Panel, units: np.ndarray, n_periods: int) -> np.ndarray | None:
    """Constant covariates as (n_units, k), and as (n_periods, n_units, k) as soon as one changes in time."""
    names = [name for name in study.covariates if name != "graph"]
    if not names:
        return None
    values = np.stack([panel.matrix(name)[units, :n_periods].T for name in names], axis=2)
    for index, name in enumerate(names):
        if values[..., index].min() == values[..., index].max():
            raise Unsupported(f"the covariate {name} is the same in all rows", where=SPEC.name, cure="Remove it")
    return values[0] if np.array_equal(values.min(axis=0), values.max(axis=0)) else values


def _weights(study: Study, panel: Panel, units: np.ndarray, warnings: list[str]) -> np.ndarray | None:
    if not study.weights:
        return None
    weights = panel.matrix("weight")[units]
    if not np.array_equal(weights.min(axis=1), weights.max(axis=1)):
        warnings.append(f"The weights {study.weights} change within units: each unit keeps that of its first period")
    return np.asarray(weights[:, 0])


def _rows(
    study: Study, panel: Panel, found: GroupTime, rng: np.random.Generator, draws: int, multiplier: Multiplier
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of all kinds, and the influence (n_clusters, n_rows) of the first ones, whose covariance is kept."""
    import pandas as pd

    def block(
        kind: RowKind,
        result: Aggregate,
        group: np.ndarray | None = None,
        period: np.ndarray | None = None,
        event_time: np.ndarray | None = None,
    ) -> pd.DataFrame:
        uniform = critical_value(result.influence, draws, study.level, rng, multiplier)
        errors = np.linalg.norm(result.influence, axis=0)
        return _summary.rows_frame(
            kind, result.att, errors, study.level, uniform=uniform, group=group, period=period, event_time=event_time
        )

    cells, use = found.cells, np.isfinite(found.cells.att)
    parts = [found.dynamic.influence, found.group.influence, found.calendar.influence]
    uniform = None
    if cells.influence is not None:
        parts.append(cells.influence[:, use])
        uniform = critical_value(parts[-1], draws, study.level, rng, multiplier)
    frames = [
        block("event_time", found.dynamic, event_time=found.dynamic.key),
        block("group", found.group, group=_label(panel, found.group.key)),
        block("calendar", found.calendar, period=_label(panel, found.calendar.key)),
        _summary.rows_frame(
            "group_time",
            cells.att[use],
            cells.standard_error[use],
            study.level,
            uniform=uniform,
            group=_label(panel, cells.cohort[use]),
            period=_label(panel, cells.period[use]),
            event_time=(cells.period - cells.cohort)[use],
        ),
    ]
    return pd.concat(frames, ignore_index=True), np.hstack(parts)


def _estimate(
    study: Study,
    panel: Panel,
    sample: _Sample,
    found: GroupTime,
    aggregate: str,
    rows: pd.DataFrame,
    influence: np.ndarray,
) -> Estimate:
    headline: Aggregate = getattr(found, aggregate)
    value, error = headline.overall, float(np.linalg.norm(headline.overall_influence))
    bounds = _summary.interval(value, error, study.level)
    scale = study.outcome.column
    if _is_rate(study):
        scale += (
            f" per {_summary.PER_PEOPLE:,} {study.outcome.exposure} a {'year' if panel.periods_per_year else 'period'}"
        )
    clustered = len(headline.overall_influence)
    return Estimate(
        treatment=study.treatment.name,
        estimand=f"Average effect on the treated on {scale} ({aggregate} aggregate of group-time effects)",
        scale="level",
        value=value,
        standard_error=error,
        interval=bounds,
        p_value=_summary.p_value(value, error),
        n_observations=int(sample.outcome.size),
        n_units=len(sample.cohort),
        n_treated=int((sample.cohort < sample.outcome.shape[1]).sum()),
        n_clusters=clustered,
        standard_error_type=f"analytic, influence functions summed by {study.cluster}, normal",
        engine="balanza.kernels.group_time",
        percent_change=_summary.log_percent(value, bounds)
        if study.outcome.log
        else _percent(sample, found, value, bounds),
        rate_change=(value, *bounds) if _is_rate(study) and panel.periods_per_year else None,
        rows=rows,
        covariance=_summary.covariance_frame(influence, [str(row) for row in range(influence.shape[1])]),
        warnings=sample.warnings + _warnings(found, clustered),
    )


def _percent(sample: _Sample, found: GroupTime, value: float, bounds: tuple[float, float]) -> Triple | None:
    """Per cent of the mean outcome that treated units would have had; None where that is no positive amount."""
    after = np.arange(sample.outcome.shape[1]) >= sample.cohort[:, None]
    weights = after * (1.0 if sample.weights is None else sample.weights[:, None])
    untreated = float((weights * sample.outcome).sum() / weights.sum()) - found.simple.overall
    if sample.outcome.min() < 0 or untreated <= 0:
        return None
    return _summary.scaled(value, bounds, 100 / untreated)


def _warnings(found: GroupTime, n_clusters: int) -> tuple[str, ...]:
    warnings = []
    lost = int(np.isnan(found.cells.att).sum())
    if lost:
        warnings.append(
            f"{lost} of {len(found.cells.att)} cells cannot be estimated (no overlap, or too few units for the"
            " covariates) and are missing from all aggregates"
        )
    if len(found.dynamic.key) > n_clusters - 1:
        warnings.append(
            f"The {len(found.dynamic.key)} event-time rows have a singular covariance with {n_clusters} clusters. Set"
            " `event_bins` to wider bins"
        )
    return tuple(warnings)
