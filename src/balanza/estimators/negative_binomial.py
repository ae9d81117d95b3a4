"""Negative binomial regression with effects of states and of periods: a baseline of the older literature.

The kernel is `balanza.kernels.negative_binomial`. Effects are those of the column that the study clusters by, where
treatment is assigned (a state), so that within it units are compared that may have differed before: that is what a
fixed-effects Poisson regression does not do, and why this is no headline. With `effects: unit` units get their own,
whose number then biases the dispersion and may bias the standard errors. Covariates enter with one slope each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Estimate, Estimates, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _events, _guard, _notes, _summary
from balanza.estimators._events import EventRows
from balanza.kernels import negative_binomial as kernel
from balanza.kernels.jackknife import leaves_out
from balanza.kernels.within import Degenerate, small_sample
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd

SPEC = EstimatorSpec(
    name="negative_binomial",
    title="Negative binomial with state effects",
    estimand="Log ratio of the expected outcome per unit of treatment, the same for all units and periods",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"poisson"}),
    reference="Cameron and Trivedi (1986), Journal of Applied Econometrics 1(1); Lawless (1987), Canadian Journal of"
    " Statistics 15(3)",
    assumptions=(
        "Without treatment, units of the same cluster would have had the same expected outcome per exposure, but for"
        " covariates and for period effects common to all",
        "The variance is the mean plus a multiple of its square; otherwise the standard errors hold and efficiency does"
        " not",
        "The effect is the same for all units and periods",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Clustered where treatment is assigned, with the dispersion estimated, Student's t with G-1 degrees"
    " of freedom: up to 100 clusters the jackknife (CV3), beyond that, and where a coefficient hangs on a single"
    " cluster, the sandwich with G/(G-1) x (n-1)/(n-k), k leaving group and period effects out",
    several_treatments=True,
    options={"effects": "cluster", "draws": 999, "standard_errors": "auto"},
    option_notes={
        "effects": "Of the column that the study clusters by (`cluster`), or of units (`unit`)",
        "draws": _notes.DRAWS,
        "standard_errors": _notes.STANDARD_ERRORS,
    },
    equation=r"""
With the exposure $P_{it}$ (1 without one), effects $\alpha$ of the group $c(i)$ that a unit lies in, covariates
$x_{it}$ with one slope each, and all treatments of the study jointly in $D_{it}$, by maximum likelihood (NB2):

```math
\mathrm{E}[Y_{it}] = \mu_{it} = P_{it} \exp\left(\alpha_{c(i)} + \delta_t + D_{it}'\beta + x_{it}'\gamma\right), \quad
\mathrm{Var}[Y_{it}] = \mu_{it} + \kappa \mu_{it}^2
```

```math
\max \sum w_{it} \left(Y_{it} \log \mu_{it} - (Y_{it} + 1/\kappa) \log(1 + \kappa \mu_{it}) + \log \Gamma(Y_{it} +
1/\kappa) - \log \Gamma(1/\kappa) + Y_{it} \log \kappa\right)
```

Regression and dispersion $\kappa$ are fitted in turn until $\kappa$ settles. The jackknife (CV3) leaves out each
cluster in turn. The sandwich, with $\psi_{it}$ for the influence of a row on the coefficients, that through
$\hat\kappa$ included:

```math
\hat V = \frac{G}{G-1} \frac{n-1}{n-k} \sum_c \psi_c \psi_c', \quad \psi_c = \sum_{(i,t) \in c} \psi_{it}
```

$k$ counts treatments and covariates, and no effects. Weights are scaled to a mean of 1.

The event study puts bins of `event_bins` periods in place of the treatment, around the common start of a dose (times
the unit's dose $d_i$) or the first treated period of an absorbing treatment ($d_i = 1$), without the last bin before:

```math
D_{it} \beta \quad \mathrm{becomes} \quad \sum_{e \neq -1} \beta_e d_i \mathbf{1}\{(i,t) \in e\}
```
""",
    edge_cases=(
        "Groups and periods without any event are left out and counted",
        "Refused where only one cluster has any event",
        "A treatment or covariate without variation of its own beside the other terms is refused, by its name",
        "A coefficient that runs to infinity (separation), or a maximum that is not found, is refused",
        "Where the outcome varies no more than a Poisson one the dispersion is 0, and the fit"
        " that of Poisson regression",
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "Treatments that switch off and doses without a common start have no event study",
        _notes.EVENTS,
    ),
    since="0.1.0",
)


@dataclass(frozen=True)
class _Sample:
    """Units x periods that enter; `treatments` and `covariates` are (k, n_units, n_periods)."""

    outcome: np.ndarray
    exposure: np.ndarray
    weights: np.ndarray
    treatments: np.ndarray
    covariates: np.ndarray
    names: tuple[str, ...]
    group: np.ndarray
    cluster: np.ndarray
    unit: np.ndarray
    period: np.ndarray
    warnings: tuple[str, ...]

    @property
    def seen(self) -> np.ndarray:
        return np.asarray(~np.isnan(self.outcome))


@dataclass(frozen=True)
class _Fit:
    """Coefficients, the influence of clusters on them (n_clusters, n_regressors), and how that was had."""

    coefficients: np.ndarray
    influence: np.ndarray
    dispersion: float
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
    chosen = _guard.options(SPEC, study, effects=("cluster", "unit"), standard_errors=("auto", "jackknife", "sandwich"))
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    sample = _sample(study, panel, chosen["effects"])
    left_out = leaves_out(int(sample.cluster.max()) + 1, chosen["standard_errors"])
    try:
        found = _fit(sample, np.concatenate([sample.treatments, sample.covariates]), left_out)
    except Degenerate as problem:
        raise _refusal(problem, (*(item.name for item in study.treatments), *sample.names)) from None

    def fit(bins: list[_events.Events], others: list[int]) -> tuple[np.ndarray, np.ndarray]:
        regressors = [*(item.regressors for item in bins), sample.treatments[others], sample.covariates]
        joint = _fit(sample, np.concatenate(regressors), left_out)
        return joint.coefficients, joint.influence

    designs = [_events.design(study, panel, treatment, sample.unit, sample.period) for treatment in study.treatments]
    events = _events.fitted(study, designs, fit, len(found.influence), rng, draws)
    covariances = _events.covariances(study, found.influence, events)
    estimates = {
        treatment.name: _estimate(study, panel, sample, found, events, covariances, index)
        for index, treatment in enumerate(study.treatments)
    }
    return estimates if len(estimates) > 1 else estimates[study.treatment.name]


def _sample(study: Study, panel: Panel, effects: str) -> _Sample:
    """Matrices of the rows that enter: without groups and periods in which nothing happened."""
    outcome = panel.matrix("outcome")
    exposure = panel.matrix("exposure") if study.outcome.exposure else np.ones(outcome.shape)
    cluster = panel.by_unit("cluster")
    group = cluster if effects == "cluster" else np.arange(panel.n_units)
    events = np.bincount(group, np.nansum(outcome, axis=1))
    units, periods = events[group] > 0, np.nansum(outcome, axis=0) > 0
    if len(np.unique(cluster[units])) < 2:
        raise Unsupported(
            say("only one cluster has any event"),
            where=SPEC.name,
            cure=say("Use wider rows, or a finer column to cluster by"),
        )
    covariates = _covariates.split(SPEC, study, panel)
    constant = np.repeat(covariates.baseline.T[:, :, None], panel.n_periods, axis=2)
    constants = sorted(name for name in study.covariates if name not in (*covariates.names, "graph"))
    keep = np.ix_(units, periods)
    return _Sample(
        outcome=outcome[keep],
        exposure=exposure[keep],
        weights=panel.matrix("weight")[keep] if study.weights else np.ones(outcome.shape)[keep],
        treatments=np.stack([panel.matrix(f"d_{treatment.name}")[keep] for treatment in study.treatments]),
        covariates=np.concatenate([covariates.varying, constant])[:, units][:, :, periods],
        names=(*covariates.names, *constants),
        group=np.unique(group[units], return_inverse=True)[1],
        cluster=np.unique(cluster[units], return_inverse=True)[1],
        unit=np.flatnonzero(units),
        period=np.flatnonzero(periods),
        warnings=_lost(study, units, periods) + _guard.two_way(study, panel, units),
    )


def _lost(study: Study, units: np.ndarray, periods: np.ndarray) -> tuple[str, ...]:
    """Sentences on what was left out because nothing happened there."""
    found = []
    if not units.all():
        found.append(
            say(
                "{units} of {n_units} units lie in groups without any {column}: left out",
                units=(~units).sum(),
                n_units=len(units),
                column=study.outcome.column,
            )
        )
    if not periods.all():
        found.append(
            say(
                "{periods} of {n_periods} periods have no {column} in any unit: left out",
                periods=(~periods).sum(),
                n_periods=len(periods),
                column=study.outcome.column,
            )
        )
    return tuple(found)


def _fit(sample: _Sample, regressors: np.ndarray, left_out: bool) -> _Fit:
    seen = sample.seen
    unit, period = np.nonzero(seen)
    weights, cluster = sample.weights[seen], sample.cluster[unit]
    rows = kernel.Rows(
        outcome=sample.outcome[seen],
        exposure=sample.exposure[seen],
        regressors=regressors[:, seen],
        group=sample.group[unit],
        period=period,
        weights=weights / weights.mean(),
    )
    found = kernel.fit(rows)
    if left_out:
        influence = kernel.jackknife(rows, found, cluster)
        if influence is not None:
            return _Fit(found.coefficients, influence, found.dispersion, say("jackknife (CV3)"))
    influence = np.column_stack([np.bincount(cluster, values) for values in kernel.influence(rows, found).T])
    factor = small_sample(len(influence), len(unit), len(regressors))
    return _Fit(
        found.coefficients, factor * influence, found.dispersion, say("sandwich, G/(G-1) x (n-1)/(n-k) without effects")
    )


def _refusal(problem: Degenerate, names: tuple[str, ...]) -> Unsupported:
    what = say("a group's or a period's effect") if problem.index is None else names[problem.index]
    collinear = (
        say("{what} has no variation of its own beside group and period effects and the other terms", what=what),
        say("Use rows in which it varies within groups over time, or remove what it repeats"),
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
    value, error = float(fit.coefficients[index]), float(np.linalg.norm(fit.influence[:, index]))
    bounds = _summary.interval(value, error, study.level, freedom)
    treated = (np.nan_to_num(sample.treatments[index]) != 0) & sample.seen
    rate = None
    if study.outcome.exposure and panel.periods_per_year:
        weights = sample.weights[treated]
        rate = _summary.PER_PEOPLE * panel.periods_per_year
        rate *= float(weights @ sample.outcome[treated] / (weights @ sample.exposure[treated]))
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
        n_observations=int(sample.seen.sum()),
        n_units=len(sample.unit),
        n_treated=int(treated.any(axis=1).sum()),
        n_clusters=len(fit.influence),
        standard_error_type=say(
            "clustered by {cluster}, dispersion {dispersion:.4g} estimated, {standard_errors}, t({freedom})",
            cluster=study.cluster,
            dispersion=fit.dispersion,
            standard_errors=fit.standard_errors,
            freedom=freedom,
        ),
        engine="balanza.kernels.negative_binomial",
        percent_change=_summary.log_percent(value, bounds),
        rate_change=_summary.log_rate(value, bounds, rate) if rate is not None else None,
        rows=events.rows.get(treatment.name),
        covariance=covariances,
        warnings=sample.warnings + events.warnings,
    )
