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

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, RowKind, Study
from balanza.errors import Unsupported
from balanza.estimators import _balanced, _guard, _notes, _rates, _staggered, _summary
from balanza.kernels.group_time import NEVER, Aggregate, GroupTime, Infeasible, group_time
from balanza.kernels.multiplier import Multiplier, critical_value
from balanza.say import say

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
    option_notes={
        "control": "`never`: units never treated; `not_yet`: all units not treated yet in either period of a cell",
        "method": "Of a cell: `dr` (doubly robust), `ipw` (inverse probability weights) or `reg` (outcome regression)",
        "base": "Base of the periods before treatment: `varying` (the period before) or `universal`"
        " (the last clean one)",
        "anticipation": _notes.ANTICIPATION,
        "aggregate": "The headline: `simple`, `dynamic`, `group` or `calendar`",
        "unbalanced": _notes.UNBALANCED,
        "draws": _notes.DRAWS,
        "multiplier": "Of the bootstrap: `rademacher` signs or `mammen`'s two points",
    },
    equation=r"""
For cohort $g$, period $t$ and base period $b$, with $\Delta_i = Y_{it} - Y_{ib}$ and the controls $C$:

```math
\widehat{ATT}(g,t) = \sum_i \left(\omega_i^1 - \omega_i^0\right) \left(\Delta_i - \hat m(X_i)\right)
```

```math
\omega_i^1 = \frac{w_i \mathbf{1}\{g_i = g\}}{\sum_j w_j \mathbf{1}\{g_j = g\}}, \quad
\omega_i^0 = \frac{w_i \mathbf{1}\{i \in C\} \hat p_i / (1 - \hat p_i)}{\sum_{j \in C} w_j \hat p_j / (1 - \hat p_j)}
```

$\hat p_i$ is the fit of a logit of cohort $g$ against $C$ on $X_i$, and $\hat m$ that of weighted least squares of
$\Delta_i$ on $X_i$ in $C$, both with an intercept. `method: ipw` has $\hat m = 0$ and `reg` has $\omega^0 = 0$;
without covariates all three are the difference of mean changes. With $a$ for `anticipation`, `base: varying` takes
$b = t - 1$ where $t < g - a$ and $b = g - a - 1$ from then on; `universal` takes $b = g - a - 1$ throughout. $C$ are
the never-treated, or with `control: not_yet` all other units with $g_i > \max(t, b) + a$. Covariates that change in
time count with their value in $b$.

The headline weighs cohorts by their (weighted) size $\pi_g$:

```math
\hat\theta = \frac{\sum_g \sum_{t \geq g} \pi_g \widehat{ATT}(g,t)}{\sum_g \sum_{t \geq g} \pi_g}
```

With `aggregate: dynamic` it is the plain mean over bins of event time from 0 on, with `calendar` over treated periods,
each of these being a mean weighted by $\pi_g$; with `group` it is the mean, weighted by $\pi_g$, of the plain means of
cohorts over $t \geq g$. The standard error is that of influence functions $\psi_i$ that include the logit, the
regression and the estimated weights $\pi_g$:

```math
\mathrm{se} = \sqrt{\sum_c \left(\sum_{i \in c} \psi_i\right)^2}
```
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.WEIGHTS_BY_UNIT,
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "A cell has no estimate where its logit has no maximum or gives a unit a probability"
        " of 0.999 or more, or where its covariates are collinear among the controls: it is missing from all"
        " aggregates, and counted in a warning",
        "A control with a probability of 0.995 or more has no weight in $\\omega^0$",
        "Refused if no cell after treatment can be estimated",
        "More rows of event time than clusters less one are shown, with the warning that their covariance is singular",
        _notes.KEPT_CELLS,
    ),
    since="0.1.0",
)
LPOP, R_DID = ("lpop",), "R did 2.5.1"
REFERENCE = (
    Published("mpdta", R_DID, {"headline": (-0.039951, 0.012034)}),
    Published("mpdta", R_DID, {"headline": (-0.077240, 0.019965)}, options={"aggregate": "dynamic"}),
    Published("mpdta", R_DID, {"headline": (-0.031018, 0.012446)}, options={"aggregate": "group"}),
    Published("mpdta", R_DID, {"headline": (-0.041700, 0.015972)}, options={"aggregate": "calendar"}),
    Published("mpdta", R_DID, {"headline": (-0.041752, 0.011503)}, LPOP),
    Published("mpdta", R_DID, {"headline": (-0.041969, 0.011445)}, LPOP, options={"method": "reg"}),
    Published("mpdta", R_DID, {"headline": (-0.041777, 0.011500)}, LPOP, options={"method": "ipw"}),
    Published("mpdta", R_DID, {"headline": (-0.039764, 0.012052)}, options={"control": "not_yet"}),
    Published("mpdta", R_DID, {"headline": (-0.041352, 0.011428)}, LPOP, options={"control": "not_yet"}),
    Published("mpdta", R_DID, {"headline": (-0.045206, 0.016683)}, options={"anticipation": 1}),
    Published("mpdta, ever treated", R_DID, {"headline": (-0.041791, 0.020454)}, options={"control": "not_yet"}),
    Published(
        "mpdta",
        "Callaway and Sant'Anna (2021), minimum wages; printed by R did to four digits",
        {
            f"group_time {cohort} {year}": (value, None)
            for cohort, values in {
                2004: (-0.0105, -0.0704, -0.1373, -0.1008),
                2006: (0.0065, -0.0028, -0.0046, -0.0412),
                2007: (0.0305, -0.0027, -0.0311, -0.0261),
            }.items()
            for year, value in zip(range(2004, 2008), values, strict=True)
        },
        tolerance=5.1e-5,
    ),
    Published("castle", "Group-time simple aggregate, Cheng and Hoekstra's data", {"headline": (0.019403, 0.038389)}),
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
            say("no cell can be estimated: no controls overlap with the treated"),
            where=SPEC.name,
            cure=say("Use fewer covariates, or method: reg"),
        ) from None
    rows, influence = _rows(study, panel, found, rng, draws, chosen["multiplier"])
    return _estimate(study, panel, sample, found, chosen["aggregate"], rows, influence)


def _sample(study: Study, panel: Panel, unbalanced: str, anticipation: int) -> _Sample:
    """Matrices of the units and periods that enter, and sentences on those that do not."""
    outcome = _rates.outcome(study, panel)
    full, lacking = _balanced.full_units(SPEC, outcome, unbalanced)
    design = _staggered.design(SPEC, study, panel, full, anticipation)
    units, n_periods, cohort = design.units, design.n_periods, design.cohort[design.units]
    weights, changing = _balanced.unit_weights(study, panel, units)
    cluster = np.unique(panel.by_unit("cluster")[units], return_inverse=True)[1]
    few = _guard.small_cohorts(study, cluster[cohort != NEVER], cohort[cohort != NEVER])
    return _Sample(
        outcome=outcome[units, :n_periods],
        cohort=cohort,
        covariates=_covariates(study, panel, units, n_periods),
        weights=weights,
        cluster=cluster,
        warnings=lacking + design.warnings + few + changing,
    )


def _covariates(study: Study, panel: Panel, units: np.ndarray, n_periods: int) -> np.ndarray | None:
    """Constant covariates as (n_units, k), and as (n_periods, n_units, k) as soon as one changes in time."""
    names = [name for name in study.covariates if name != "graph"]
    if not names:
        return None
    values = np.stack([panel.matrix(name)[units, :n_periods].T for name in names], axis=2)
    for index, name in enumerate(names):
        if values[..., index].min() == values[..., index].max():
            raise Unsupported(
                say("the covariate {name} is the same in all rows", name=name), where=SPEC.name, cure=say("Remove it")
            )
    return values[0] if np.array_equal(values.min(axis=0), values.max(axis=0)) else values


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
        block("group", found.group, group=_staggered.label(panel, found.group.key)),
        block("calendar", found.calendar, period=_staggered.label(panel, found.calendar.key)),
        _summary.rows_frame(
            "group_time",
            cells.att[use],
            cells.standard_error[use],
            study.level,
            uniform=uniform,
            group=_staggered.label(panel, cells.cohort[use]),
            period=_staggered.label(panel, cells.period[use]),
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
    clustered = len(headline.overall_influence)
    return Estimate(
        treatment=study.treatment.name,
        estimand=say(
            "Average effect on the treated on {scale} ({aggregate} aggregate of group-time effects)",
            scale=_rates.scale(study, panel),
            aggregate=aggregate,
        ),
        scale="level",
        value=value,
        standard_error=error,
        interval=bounds,
        p_value=_summary.p_value(value, error),
        n_observations=int(sample.outcome.size),
        n_units=len(sample.cohort),
        n_treated=int((sample.cohort < sample.outcome.shape[1]).sum()),
        n_clusters=clustered,
        standard_error_type=say("analytic, influence functions summed by {cluster}, normal", cluster=study.cluster),
        engine="balanza.kernels.group_time",
        percent_change=_rates.percent_change(study, value, bounds, _untreated(sample, found), sample.outcome.min()),
        rate_change=_rates.rate_change(study, panel, value, bounds),
        rows=rows,
        covariance=_summary.covariance_frame(influence, [str(row) for row in range(influence.shape[1])]),
        warnings=sample.warnings + _warnings(found, clustered),
    )


def _untreated(sample: _Sample, found: GroupTime) -> float:
    """Mean outcome that treated units would have had without treatment."""
    after = np.arange(sample.outcome.shape[1]) >= sample.cohort[:, None]
    weights = after * (1.0 if sample.weights is None else sample.weights[:, None])
    return float((weights * sample.outcome).sum() / weights.sum()) - found.simple.overall


def _warnings(found: GroupTime, n_clusters: int) -> tuple[str, ...]:
    warnings = []
    lost = int(np.isnan(found.cells.att).sum())
    if lost:
        warnings.append(
            say(
                "{lost} of {cells} cells cannot be estimated (no overlap, or too few units for the"
                " covariates) and are missing from all aggregates",
                lost=lost,
                cells=len(found.cells.att),
            )
        )
    if len(found.dynamic.key) > n_clusters - 1:
        warnings.append(
            say(
                "The {rows} event-time rows have a singular covariance with {n_clusters} clusters. Set"
                " `event_bins` to wider bins",
                rows=len(found.dynamic.key),
                n_clusters=n_clusters,
            )
        )
    return tuple(warnings)
