"""Triple differences of Ortiz-Villavicencio and Sant'Anna (2025): a policy that reaches eligible units only.

The kernel is `balanza.kernels.triple_difference`. The option `group_column` names the column that is 1 for eligible
units and 0 for others. `first_treated` says when the policy starts where a unit lives, for eligible and ineligible
units alike; where it is given for eligible units only, the option `area_column` names the column of codes (or the one
that the study clusters by) within which the policy starts for all. Without covariates an effect is a difference of two
difference-in-differences; with them, unlike in a three-way fixed-effects regression, each of its parts is doubly
robust. Defaults are those of R `triplediff`: each cohort not yet treated is a comparison of its own, joined by GMM, and
the last period before treatment is the base. A count with exposure enters as its rate per 100,000 a year.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _balanced, _covariates, _guard, _level, _notes, _rates, _staggered
from balanza.kernels.group_time import NEVER, Aggregate, GroupTime, Infeasible
from balanza.kernels.triple_difference import triple_difference
from balanza.say import say

SPEC = EstimatorSpec(
    name="triple_difference",
    title="Triple differences (Ortiz-Villavicencio and Sant'Anna)",
    estimand="Average effect on the eligible where the policy starts, on the scale of the outcome (a count with"
    " exposure: of its rate per 100,000 a year), weighted by eligible units over all cohorts and treated periods",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Ortiz-Villavicencio and Sant'Anna (2025), Better Understanding Triple Differences Estimators,"
    " arXiv:2505.09942",
    assumptions=(
        "The policy is absorbing, reaches eligible units only, and units do not react to it before it starts",
        "Without it, the gap between eligible and ineligible units with the same covariates would have moved in"
        " parallel where the policy starts and where it does not",
        "Each of the four groups has units with such covariates (overlap)",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Analytic, from influence functions summed within clusters, normal intervals; uniform bands by"
    " Rademacher multipliers",
    needs_option="group_column",
    options={
        "group_column": None,
        "area_column": None,
        "control": "not_yet",
        "method": "dr",
        "base": "universal",
        "aggregate": "simple",
        "unbalanced": "refuse",
        "draws": 999,
    },
    option_notes={
        "group_column": "Column that is 1 for eligible units and 0 for others; required",
        "area_column": "Column of areas in which the policy starts for all, where only eligible units have a"
        " first period",
        "control": "`not_yet`: each cohort that has not started yet is a comparison; `never`: areas that never start",
        "method": "Of each difference: `dr` (doubly robust), `ipw` or `reg`; without covariates they agree",
        "base": "Base of the periods before the start: `universal` (the last one before it) or"
        " `varying` (the period before)",
        "aggregate": "The headline: `simple`, `dynamic`, `group` or `calendar`, as in `callaway_santanna`",
        "unbalanced": _notes.UNBALANCED,
        "draws": _notes.DRAWS,
    },
    equation=r"""
$A_g^1$ and $A_g^0$ are the eligible and the ineligible units where the policy starts in period $g$. With $D[A, B]$ for
the difference-in-differences of $A$ against $B$ between the base period and $t$, doubly robust as in
`callaway_santanna`, a comparison cohort $h$ gives

```math
\widehat{DDD}_h(g,t) = D[A_g^1, A_g^0] + D[A_g^1, A_h^1] - D[A_g^1, A_h^0]
```

With `control: not_yet` each cohort $h \neq g$ that starts after $t$ and after the base period, or never, is one. They
are joined with the covariance $\hat\Omega$ over units of their influence functions (GMM):

```math
\widehat{ATT}(g,t) = \frac{1'\hat\Omega^{-1} \widehat{DDD}(g,t)}{1'\hat\Omega^{-1} 1}
```

The headline weighs cohorts by their (weighted) eligible units $\pi_g$, or aggregates as `callaway_santanna` does:

```math
\hat\theta = \frac{\sum_g \sum_{t \geq g} \pi_g \widehat{ATT}(g,t)}{\sum_g \sum_{t \geq g} \pi_g}, \quad
\mathrm{se} = \sqrt{\sum_c \left(\sum_{i \in c} \psi_i\right)^2}
```

$\psi_i$ is its influence function, the estimated weights $\pi_g$ included. Covariates that change in time count with
their value in the base period.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.WEIGHTS_BY_UNIT,
        _notes.CONSTANT_COVARIATE,
        "Refused where `group_column` is missing, not 0 or 1, or changes within a unit",
        "Refused where no ineligible unit is known to live where the policy starts, or where"
        " within an area eligible units start at different times or ineligible ones are treated",
        "A cell that lacks one of the four groups, or their overlap, is missing from all"
        " aggregates and counted; refused where none is left",
        _notes.COHORTS_OF_FEW,
        _notes.EVENTS,
    ),
    since="0.1.0",
)


@dataclass(frozen=True)
class _Sample:
    """A balanced panel: start of the policy where a unit lives, and whether it is eligible."""

    outcome: np.ndarray
    cohort: np.ndarray
    eligible: np.ndarray
    covariates: np.ndarray | None
    weights: np.ndarray | None
    cluster: np.ndarray
    warnings: tuple[str, ...]

    @property
    def treated(self) -> np.ndarray:
        """Rows of eligible units after the start, shape (n_units, n_periods)."""
        return self.eligible[:, None] & (np.arange(self.outcome.shape[1]) >= self.cohort[:, None])


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate all cells, and head the result with the aggregate that was chosen.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time. `percent_change` relates the effect to the mean outcome that the
        eligible would have had without the policy.

    Raises
    ------
    Unsupported
        If the option `group_column` does not tell eligible units, one of the four groups is missing, or the panel is
        unbalanced.
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
    )
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    sample = _sample(study, panel, chosen["group_column"], chosen["area_column"], chosen["unbalanced"])
    try:
        found = triple_difference(
            sample.outcome,
            sample.cohort,
            sample.eligible,
            sample.covariates,
            sample.weights,
            sample.cluster,
            control=chosen["control"],
            method=chosen["method"],
            base=chosen["base"],
            event_bins=study.event_bins,
        )
    except Infeasible:
        raise Unsupported(
            say(
                "no cell can be estimated: eligible and ineligible units are needed both where the policy"
                " starts and where it does not, and with covariates they must overlap"
            ),
            where=SPEC.name,
            cure=say("Check the options `group_column` and `area_column`, use fewer covariates, or method: reg"),
        ) from None
    return _estimate(study, panel, sample, found, getattr(found, chosen["aggregate"]), rng, draws)


def _sample(study: Study, panel: Panel, group: str | None, area: str | None, unbalanced: str) -> _Sample:
    """Matrices of the units and periods that enter, and sentences on those that do not."""
    name = f"g_{study.treatment.name}"
    eligible = _eligible(panel, group)
    starts = _starts(study, panel, eligible, area)
    panel = replace(panel, frame=panel.frame.assign(**{name: starts[panel.frame["unit"].to_numpy()]}))
    outcome = _rates.outcome(study, panel)
    full, gaps = _balanced.full_units(SPEC, outcome, unbalanced)
    design = _staggered.design(SPEC, study, panel, full, 0)
    units, cohort = design.units, design.cohort[design.units]
    weights, weighted = _balanced.unit_weights(study, panel, units)
    others = tuple(column for column in study.covariates if column not in (group, area))
    cluster = np.unique(panel.by_unit("cluster")[units], return_inverse=True)[1]
    reached = eligible[units] & (cohort != NEVER)
    return _Sample(
        outcome=outcome[units, : design.n_periods],
        cohort=cohort,
        eligible=eligible[units],
        covariates=_matrix(replace(study, covariates=others), panel, units, design.n_periods),
        weights=weights,
        cluster=cluster,
        warnings=gaps + design.warnings + weighted + _guard.small_cohorts(study, cluster[reached], cohort[reached]),
    )


def _eligible(panel: Panel, group: str | None) -> np.ndarray:
    """Whether each unit is eligible, from a column of 0 and 1 that does not change within units."""
    if group is None or group not in panel.frame:
        raise Unsupported(
            say("needs the option `group_column`")
            if group is None
            else say("there is no column {group!r}", group=group),
            where=SPEC.name,
            cure=say("Give the option `group_column` the name of a column of 0 and 1 that tells eligible units"),
        )
    values = panel.frame.groupby("unit", sort=True)[group].agg(["min", "max"]).to_numpy(float)
    if not np.isin(values, (0.0, 1.0)).all() or (values[:, 0] != values[:, 1]).any():
        raise Unsupported(
            say("the column {group} is not 0 or 1 throughout a unit", group=group),
            where=SPEC.name,
            cure=say("Fix eligibility before"),
        )
    return np.asarray(values[:, 0] == 1)


def _starts(study: Study, panel: Panel, eligible: np.ndarray, area: str | None) -> np.ndarray:
    """Start of the policy where each unit lives, -1 for never."""
    cohort = panel.by_unit(f"g_{study.treatment.name}")
    if area is None:
        if not (cohort[~eligible] >= 0).any():
            raise Unsupported(
                say(
                    "no ineligible unit has a first treated period, so that none is known to live where the"
                    " policy starts"
                ),
                where=SPEC.name,
                cure=say("Give first_treated to ineligible units too, or name the areas with the option `area_column`"),
            )
        return cohort
    column = "cluster" if area == study.cluster else area
    if column not in panel.frame:
        raise Unsupported(
            say("there is no column {area!r}", area=area), where=SPEC.name, cure=say("Check the option `area_column`")
        )
    areas = np.unique(panel.by_unit(column), return_inverse=True)[1]
    starts = np.full(len(cohort), -1)
    for code in np.unique(areas[cohort >= 0]):
        found = np.unique(cohort[(areas == code) & eligible])
        if len(found) != 1 or (cohort[(areas == code) & ~eligible] >= 0).any():
            raise Unsupported(
                say(
                    "within an area ({area}) eligible units start at different times, or ineligible ones are treated",
                    area=area,
                ),
                where=SPEC.name,
                cure=say("Name the column within which the policy starts for all eligible units and for no other"),
            )
        starts[areas == code] = found[0]
    return starts


def _matrix(study: Study, panel: Panel, units: np.ndarray, n_periods: int) -> np.ndarray | None:
    """Covariates as (n_units, k), or (n_periods, n_units, k) as soon as one changes in time; None without any."""
    found = _covariates.split(SPEC, study, panel)
    constant = found.baseline[units]
    if not len(found.varying):
        return constant if constant.shape[1] else None
    varying = found.varying[:, units, :n_periods].transpose(2, 1, 0)
    return np.concatenate([varying, np.broadcast_to(constant, (n_periods, *constant.shape))], axis=2)


def _estimate(
    study: Study,
    panel: Panel,
    sample: _Sample,
    found: GroupTime,
    headline: Aggregate,
    rng: np.random.Generator,
    draws: int,
) -> Estimate:
    weight = sample.treated * (1.0 if sample.weights is None else sample.weights[:, None])
    lost = int(np.isnan(found.cells.att).sum())
    missing = say(
        "{lost} of {cells} cells cannot be estimated and are missing from all aggregates",
        lost=lost,
        cells=len(found.cells.att),
    )
    dynamic = found.dynamic
    return _level.estimate(
        study,
        panel,
        say("Average effect on the eligible where the policy starts on {scale}", scale=_rates.scale(study, panel)),
        headline.overall,
        float(np.linalg.norm(headline.overall_influence)),
        _level.Sample(
            n_observations=sample.outcome.size,
            n_units=len(sample.outcome),
            n_treated=int(sample.treated.any(axis=1).sum()),
            n_clusters=len(headline.overall_influence),
            untreated=float((weight * sample.outcome).sum() / weight.sum() - found.simple.overall),
            lowest=float(sample.outcome.min()),
            warnings=(*sample.warnings, missing) if lost else sample.warnings,
        ),
        _level.events(study, dynamic.key, dynamic.att, dynamic.influence, rng, draws),
        say("analytic, influence functions summed by {cluster}, normal", cluster=study.cluster),
        "balanza.kernels.triple_difference",
    )
