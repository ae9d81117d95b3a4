"""Two-way fixed-effects Poisson with exposure: one or several treatments, event study in bins.

The kernel is `balanza.kernels.poisson`, and `balanza.kernels.patterned` for event studies. Units without any event are
determined by their own effect alone; they are left out and counted. The event study of a dose multiplies the unit's
dose by bins around the common start; that of a binary treatment uses bins around each unit's first treated period. Its
reference is the last bin before treatment, which therefore has no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Estimate, Estimates, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _events, _guard, _notes, _summary
from balanza.estimators._events import EventRows
from balanza.kernels import patterned
from balanza.kernels import poisson as kernel
from balanza.kernels.jackknife import jackknife, leaves_out
from balanza.kernels.within import small_sample
from balanza.say import say

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
    standard_errors="Clustered where treatment is assigned, Student's t with G-1 degrees of freedom: up to 100 clusters"
    " the jackknife (CV3), beyond that, and where a coefficient hangs on a single cluster, the sandwich with G/(G-1) x"
    " (n-1)/(n-k), k leaving the fixed effects out",
    several_treatments=True,
    options={"draws": 999, "standard_errors": "auto"},
    option_notes={
        "draws": _notes.DRAWS,
        "standard_errors": _notes.STANDARD_ERRORS,
    },
    equation=r"""
With the exposure $P_{it}$ (1 without one), $z_i = (1,$ covariates that are constant within units$)$, covariates
$x_{it}$ that change, and all treatments of the study jointly in $D_{it}$, by pseudo-maximum likelihood:

```math
\mathrm{E}[Y_{it}] = \mu_{it} = P_{it} \exp\left(\alpha_i + z_i'\delta_t + D_{it}'\beta + x_{it}'\gamma\right), \quad
\max \sum (Y_{it} \log \mu_{it} - \mu_{it})
```

The study's weights multiply outcome and exposure. The jackknife (CV3) leaves out each cluster in turn, period effects
and all, by one Newton step from $\hat\beta$:

```math
\hat V_3 = \frac{G-1}{G} \sum_c (\hat\beta_{(c)} - \hat\beta)(\hat\beta_{(c)} - \hat\beta)'
```

The sandwich, with $\tilde D_{it}$ for treatments and covariates net of effects and slopes with weights $\hat\mu_{it}$:

```math
\hat V_1 = \frac{G}{G-1} \frac{n-1}{n-k} H^{-1} \left(\sum_c s_c s_c'\right) H^{-1}, \quad
s_c = \sum_{(i,t) \in c} \tilde D_{it} (Y_{it} - \hat\mu_{it}), \quad
H = \sum \hat\mu_{it} \tilde D_{it} \tilde D_{it}'
```

$k$ counts treatments, changing covariates and slopes by period (all but one), and no effects of units and periods. The
reading as a rate is $r (1 - \exp(-\hat\beta))$ with $r$ the rate of treated rows as observed.

The event study puts bins of `event_bins` periods in place of the treatment, around the common start of a dose (times
the unit's dose $d_i$) or the first treated period of an absorbing treatment ($d_i = 1$), without the last bin before:

```math
D_{it} \beta \quad \mathrm{becomes} \quad \sum_{e \neq -1} \beta_e d_i \mathbf{1}\{(i,t) \in e\}
```
""",
    edge_cases=(
        "Units without any event are determined by their own effect alone: left out, and"
        " counted with their rows, exposure and treated units; so are periods without any event",
        "Refused where only one cluster has any event",
        "A treatment or covariate without variation of its own beside the other terms is refused, by its name",
        "A coefficient that runs to infinity (separation), or a maximum that is not found, is refused",
        "Where a coefficient hangs on a single cluster the jackknife gives way to the"
        " sandwich, as the standard-error type says",
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "Treatments that switch off and doses without a common start have no event study",
        _notes.EVENTS,
    ),
    since="0.1.0",
)


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
    chosen = _guard.options(SPEC, study, standard_errors=("auto", "jackknife", "sandwich"))
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    sample = _sample(study, panel)
    names = (*(treatment.name for treatment in study.treatments), *sample.names)
    try:
        left_out = leaves_out(len(np.unique(sample.cluster)), chosen["standard_errors"])
        fit = _fit(sample, np.concatenate([sample.treatments, sample.covariates]), left_out)
    except kernel.Degenerate as problem:
        raise _refusal(problem, names) from None
    events = _event_study(study, panel, sample, rng, draws, left_out)
    covariances = _events.covariances(study, fit.influence, events)
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
    covariates = _covariates.split(SPEC, study, panel)
    cluster = panel.by_unit("cluster")[units]
    if len(np.unique(cluster)) < 2:
        raise Unsupported(
            say("only one cluster has any event"),
            where=SPEC.name,
            cure=say("Use wider rows, or a finer column to cluster by"),
        )
    keep = np.ix_(units, periods)
    return _Sample(
        outcome=(outcome * weight)[keep],
        exposure=(exposure * weight)[keep],
        treatments=np.stack([panel.matrix(f"d_{treatment.name}")[keep] for treatment in study.treatments]),
        covariates=covariates.varying[:, units][:, :, periods],
        baseline=covariates.baseline[units],
        names=covariates.names,
        cluster=cluster,
        unit=np.flatnonzero(units),
        period=np.flatnonzero(periods),
        warnings=_lost(study, panel, exposure, units, periods) + _guard.two_way(study, panel, units),
    )


def _fit(sample: _Sample, regressors: np.ndarray, left_out: bool) -> _Fit:
    found = kernel.fit(sample.outcome, sample.exposure, regressors, sample.baseline)
    if left_out:
        influence = jackknife(sample.outcome, found, regressors, sample.cluster, sample.baseline)
        if influence is not None:
            return _Fit(found, influence, say("jackknife (CV3)"))
    influence = kernel.influence(found, sample.cluster)
    return _Fit(found, influence, say("sandwich, G/(G-1) x (n-1)/(n-k) without fixed effects"))


def _lost(study: Study, panel: Panel, exposure: np.ndarray, units: np.ndarray, periods: np.ndarray) -> tuple[str, ...]:
    """Sentences on what was left out because nothing happened there."""
    found, people = [], ""
    if study.outcome.exposure:
        people = say(
            ", {people:,.0f} {exposure}",
            people=np.nanmean(exposure, axis=1)[~units].sum(),
            exposure=study.outcome.exposure,
        )
    if not units.all():
        treated = np.logical_or.reduce([_ever(panel.matrix(f"d_{item.name}")) for item in study.treatments])
        found.append(
            say(
                "{units} of {n_units} units have no {column} in any period and tell nothing of a"
                " proportional effect: left out ({rows:,} rows{people}, {treated} of these units"
                " treated)",
                units=(~units).sum(),
                n_units=len(units),
                column=study.outcome.column,
                rows=np.isfinite(exposure[~units]).sum(),
                people=people,
                treated=treated[~units].sum(),
            )
        )
    if not periods.all():
        found.append(
            say(
                "{periods} of {n_periods} periods have no {column} in any unit: left out ({rows:,} rows)",
                periods=(~periods).sum(),
                n_periods=len(periods),
                column=study.outcome.column,
                rows=np.isfinite(exposure[:, ~periods]).sum(),
            )
        )
    return tuple(found)


def _ever(treatment: np.ndarray) -> np.ndarray:
    """Units with any treatment, shape (n_units,)."""
    return np.asarray(np.nan_to_num(treatment).any(axis=1))


def _refusal(problem: kernel.Degenerate, names: tuple[str, ...]) -> Unsupported:
    what = say("a baseline covariate's slopes") if problem.index is None else names[problem.index]
    collinear = (
        say("{what} has no variation of its own beside unit and period effects and the other terms", what=what),
        say("Use rows in which it varies between units over time, or remove what it repeats"),
    )
    return _guard.no_solution(SPEC, problem.reason, what, collinear)


def _estimate(
    study: Study,
    panel: Panel,
    sample: _Sample,
    fit: _Fit,
    events: EventRows,
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
        estimand=say(
            "Log ratio of the expected {column} per {unit}",
            column=study.outcome.column,
            unit=treatment.unit or say("unit of treatment"),
        ),
        scale="log",
        value=value,
        standard_error=error,
        interval=bounds,
        p_value=_summary.p_value(value, error, freedom),
        n_observations=fit.kernel.n_rows,
        n_units=len(sample.unit),
        n_treated=int(treated.any(axis=1).sum()),
        n_clusters=len(fit.influence),
        standard_error_type=say(
            "clustered by {cluster}, {standard_errors}, t({freedom})",
            cluster=study.cluster,
            standard_errors=fit.standard_errors,
            freedom=freedom,
        ),
        engine="balanza.kernels.poisson",
        percent_change=_summary.log_percent(value, bounds),
        rate_change=_summary.log_rate(value, bounds, rate) if rate is not None else None,
        rows=events.rows.get(treatment.name),
        covariance=covariances,
        warnings=sample.warnings + events.warnings,
    )


def _event_study(
    study: Study, panel: Panel, sample: _Sample, rng: np.random.Generator, draws: int, left_out: bool
) -> EventRows:
    """Event studies of all treatments that have one, fitted jointly."""

    def fit(bins: list[_events.Events], others: list[int]) -> tuple[np.ndarray, np.ndarray]:
        if left_out:
            regressors = [*(item.regressors for item in bins), sample.treatments[others], sample.covariates]
            dense = _fit(sample, np.concatenate(regressors), left_out)
            return dense.kernel.coefficients, dense.influence
        cohort, patterns = _events.patterns(bins)
        found = patterned.fit(
            sample.outcome,
            sample.exposure,
            cohort,
            np.unique(sample.cluster, return_inverse=True)[1],
            patterns,
            np.concatenate([sample.treatments[others], sample.covariates]),
            sample.baseline,
            "poisson",
        )
        size = small_sample(len(found.influence), found.n_rows, found.n_coefficients)
        return found.coefficients, size * found.influence

    designs = [_events.design(study, panel, treatment, sample.unit, sample.period) for treatment in study.treatments]
    return _events.fitted(study, designs, fit, len(np.unique(sample.cluster)), rng, draws)
