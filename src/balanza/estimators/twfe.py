"""Two-way fixed effects by least squares: one or several treatments, event study in bins.

The kernel is `balanza.kernels.within`, and `balanza.kernels.patterned` for event studies. A count with exposure enters
as its rate per 100,000 a year. Covariates that are constant within units get a slope of their own in each period; those
that change enter as they are. Where effects differ between cohorts or in time, the coefficient weighs them, some
negatively (Goodman-Bacon 2021): it is here to be compared, and is no headline for staggered designs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Estimate, Estimates, EstimatorSpec, Panel, Published, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _events, _guard, _notes, _rates, _summary
from balanza.estimators._events import EventRows
from balanza.kernels import patterned
from balanza.kernels import within as kernel
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd

SPEC = EstimatorSpec(
    name="twfe",
    title="Two-way fixed effects",
    estimand="Change of the outcome (a count with exposure: of its rate per 100,000 a year) per unit of treatment, the"
    " same for all units and periods",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Goodman-Bacon (2021), Journal of Econometrics 225(2); de Chaisemartin and D'Haultfoeuille (2020),"
    " American Economic Review 110(9)",
    assumptions=(
        "Without treatment, the outcomes of all units would have moved in parallel",
        "The effect is the same for all units and periods; otherwise the estimate weighs effects, some negatively",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Sandwich clustered where treatment is assigned, G/(G-1) x (n-1)/(n-k) with k counting the period"
    " effects and not the unit effects, which are nested in clusters (as fixest and reghdfe), Student's t with G-1"
    " degrees of freedom",
    several_treatments=True,
    options={"draws": 999},
    option_notes={
        "draws": _notes.DRAWS,
    },
    equation=r"""
With $z_i = (1,$ covariates that are constant within units$)$, covariates $x_{it}$ that change, and all treatments of
the study jointly in $D_{it}$, by weighted least squares:

```math
Y_{it} = \alpha_i + z_i'\delta_t + D_{it}'\beta + x_{it}'\gamma + \varepsilon_{it}
```

With $\tilde D_{it}$ for treatments and covariates net of the effects and slopes, and $\hat\varepsilon_{it}$ for the
residuals:

```math
\hat V = \frac{G}{G-1} \frac{n-1}{n-k} H^{-1} \left(\sum_c s_c s_c'\right) H^{-1}, \quad
s_c = \sum_{(i,t) \in c} w_{it} \tilde D_{it} \hat\varepsilon_{it}, \quad
H = \sum w_{it} \tilde D_{it} \tilde D_{it}'
```

$k$ counts treatments, changing covariates, period effects and slopes by period, and not the unit effects.

The event study puts bins of `event_bins` periods in place of the treatment, around the common start of a dose (times
the unit's dose $d_i$) or the first treated period of an absorbing treatment ($d_i = 1$), without the last bin before:

```math
D_{it} \beta \quad \mathrm{becomes} \quad \sum_{e \neq -1} \beta_e d_i \mathbf{1}\{(i,t) \in e\}
```
""",
    edge_cases=(
        _notes.RATE,
        "A treatment or covariate without variation of its own beside the other terms is refused, by its name",
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "Treatments that switch off and doses without a common start have no event study",
        _notes.EVENTS,
    ),
    since="0.1.0",
)
FIXEST = "R fixest 0.12.2"
REFERENCE = (
    Published("mpdta", FIXEST, {"headline": (-0.036549, 0.013265)}),
    Published("castle", FIXEST, {"headline": (0.069398, 0.055860)}),
    Published("castle", FIXEST, {"headline": (0.075533, 0.033194)}, weights="popwt"),
    Published("california_prop99", "R synthdid 0.0.9, did_estimate", {"headline": (-27.34911, None)}, tolerance=5e-6),
)


@dataclass(frozen=True)
class _Sample:
    """Units x periods, NaN where there is no row; `treatments` and `covariates` are (k, n_units, n_periods)."""

    outcome: np.ndarray
    weights: np.ndarray
    treatments: np.ndarray
    covariates: np.ndarray
    baseline: np.ndarray
    names: tuple[str, ...]
    cluster: np.ndarray


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimates:
    """Fit all treatments jointly, then their event studies jointly.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate, or mapping of treatment to Estimate where the study has several
        Scale: level. `percent_change` relates the effect to the mean outcome that treated rows would have had.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, or a coefficient is collinear.
    """
    _guard.require(SPEC, study, panel)
    draws = _guard.whole(SPEC, _guard.options(SPEC, study), "draws", 1)
    sample = _sample(study, panel)
    try:
        fit, influence = _fit(sample, np.concatenate([sample.treatments, sample.covariates]))
    except kernel.Degenerate as problem:
        names = (*(treatment.name for treatment in study.treatments), *sample.names)
        raise _refusal(problem, names) from None
    events = _event_study(study, panel, sample, rng, draws)
    covariances = _events.covariances(study, influence, events)
    found = {
        treatment.name: _estimate(study, panel, sample, fit, influence, events, covariances, index)
        for index, treatment in enumerate(study.treatments)
    }
    return found if len(found) > 1 else found[study.treatment.name]


def _sample(study: Study, panel: Panel) -> _Sample:
    covariates = _covariates.split(SPEC, study, panel)
    outcome = _rates.outcome(study, panel)
    return _Sample(
        outcome=outcome,
        weights=panel.matrix("weight") if study.weights else np.ones_like(outcome),
        treatments=np.stack([panel.matrix(f"d_{treatment.name}") for treatment in study.treatments]),
        covariates=covariates.varying,
        baseline=covariates.baseline,
        names=covariates.names,
        cluster=panel.by_unit("cluster"),
    )


def _fit(sample: _Sample, regressors: np.ndarray) -> tuple[kernel.LinearFit, np.ndarray]:
    """Coefficients, and the influence of each cluster on them."""
    fit = kernel.fit(sample.outcome, sample.weights, regressors, sample.baseline)
    return fit, kernel.influence(fit, sample.cluster)


def _refusal(problem: kernel.Degenerate, names: tuple[str, ...]) -> Unsupported:
    what = say("a baseline covariate's slopes") if problem.index is None else names[problem.index]
    return Unsupported(
        say("{what} has no variation of its own beside unit and period effects and the other terms", what=what),
        where=SPEC.name,
        cure=say("Use rows in which it varies between units over time, or remove what it repeats"),
    )


def _event_study(study: Study, panel: Panel, sample: _Sample, rng: np.random.Generator, draws: int) -> EventRows:
    """Event studies of all treatments that have one, fitted jointly."""

    def fit(bins: list[_events.Events], others: list[int]) -> tuple[np.ndarray, np.ndarray]:
        cohort, patterns = _events.patterns(bins)
        others_and_covariates = np.concatenate([sample.treatments[others], sample.covariates])
        found = patterned.fit(
            sample.outcome,
            sample.weights,
            cohort,
            np.unique(sample.cluster, return_inverse=True)[1],
            patterns,
            others_and_covariates,
            sample.baseline,
            "gaussian",
        )
        size = kernel.small_sample(len(found.influence), found.n_rows, found.n_coefficients + panel.n_periods)
        return found.coefficients, size * found.influence

    unit, period = np.arange(panel.n_units), np.arange(panel.n_periods)
    designs = [_events.design(study, panel, treatment, unit, period) for treatment in study.treatments]
    return _events.fitted(study, designs, fit, panel.n_clusters, rng, draws)


def _estimate(
    study: Study,
    panel: Panel,
    sample: _Sample,
    fit: kernel.LinearFit,
    influence: np.ndarray,
    events: EventRows,
    covariances: pd.DataFrame | None,
    index: int,
) -> Estimate:
    treatment, freedom = study.treatments[index], len(influence) - 1
    value, error = float(fit.coefficients[index]), float(np.linalg.norm(influence[:, index]))
    bounds = _summary.interval(value, error, study.level, freedom)
    treated = np.nan_to_num(sample.treatments[index]) != 0
    without = (sample.outcome - value * sample.treatments[index])[treated]
    untreated = float(np.average(without, weights=sample.weights[treated]))
    return Estimate(
        treatment=treatment.name,
        estimand=say(
            "Change of {scale} per {unit}",
            scale=_rates.scale(study, panel),
            unit=treatment.unit or say("unit of treatment"),
        ),
        scale="level",
        value=value,
        standard_error=error,
        interval=bounds,
        p_value=_summary.p_value(value, error, freedom),
        n_observations=fit.n_rows,
        n_units=panel.n_units,
        n_treated=int(treated.any(axis=1).sum()),
        n_clusters=len(influence),
        standard_error_type=say(
            "clustered by {cluster}, G/(G-1) x (n-1)/(n-k) with unit effects nested, t({freedom})",
            cluster=study.cluster,
            freedom=freedom,
        ),
        engine="balanza.kernels.within",
        percent_change=_rates.percent_change(study, value, bounds, untreated, float(np.nanmin(sample.outcome))),
        rate_change=_rates.rate_change(study, panel, value, bounds),
        rows=events.rows.get(treatment.name),
        covariance=covariances,
        warnings=_guard.two_way(study, panel, np.ones(panel.n_units, bool)) + events.warnings,
    )
