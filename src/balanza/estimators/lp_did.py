"""Local projections difference-in-differences of Dube, Girardi, Jorda and Taylor (2025), as in their Stata `lpdid`.

The kernel is `balanza.kernels.local_projections`. Units entering treatment are compared with clean controls, those
still untreated at the end of the window of horizons, in one regression of long differences for each window. The
headline pools the horizons from 0 to `horizon`, by default as many as every cohort shows; rows are windows of
`event_bins` horizons. The base is the mean of the last bin before treatment, which is the last period, as in the
paper, with `event_bins: 1`, or of all earlier periods with `base: all` (premean-differenced). By default the
regression weighs cohorts by their variance of treatment; `weighting: equal` weighs them by their treated units (the
authors' `rw`; with covariates by regression adjustment). Covariates enter with their value in the period before entry.
A count with exposure enters as its rate per 100,000 a year.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _guard, _level, _notes, _rates, _staggered
from balanza.estimators._staggered import Design
from balanza.kernels.group_time import NEVER
from balanza.kernels.local_projections import Paths, Projection, paths, project
from balanza.say import say

SPEC = EstimatorSpec(
    name="lp_did",
    title="Local projections (Dube, Girardi, Jorda and Taylor)",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over the first `horizon` periods after the start of treatment",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Dube, Girardi, Jorda and Taylor (2025), Journal of Applied Econometrics 40(7)",
    assumptions=(
        "Treatment is absorbing, and units do not react to it before it starts",
        "Without treatment, units entering treatment and clean controls with the same covariates would have moved in"
        " parallel",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Sandwich of each horizon's regression clustered by cluster, G/(G-1) x (n-1)/(n-k) with k counting"
    " the period effects, Student's t with G-1 degrees of freedom; uniform bands by Rademacher multipliers",
    options={"horizon": None, "weighting": "variance", "base": "last", "control": "not_yet", "draws": 999},
    option_notes={
        "horizon": "Last horizon of the pooled effect; by default as many as every cohort shows",
        "weighting": "Of cohorts: by their `variance` of treatment, or `equal`: by their treated units",
        "base": "What is subtracted: the mean of the `last` bin before entry, or of `all` earlier periods",
        "control": "Clean controls: units `not_yet` treated at the window's end, or `never` treated",
        "draws": _notes.DRAWS,
    },
    equation=r"""
For a window of horizons from $h$ to $k$, over periods of entry $t$, the units that enter treatment in $t$ and the clean
controls, $g_i > t + \max(k, 0)$, by least squares with weights $w_{it}$:

```math
\bar Y_{i,t+h \ldots t+k} - \bar Y_{i,t-b \ldots t-1} = \delta_t + \beta \mathbf{1}\{g_i = t\} + x_{i,t-1}'\gamma +
\varepsilon_{it}
```

$b$ is `event_bins` (fewer at the panel's start); with `base: all` the mean is that of all periods before $t$. The
headline is $\hat\beta$ of the window from 0 to `horizon`. Least squares weighs periods of entry by $N_t s_t (1 - s_t)$,
with $N_t$ the weight of their rows and $s_t$ the share that enters; `weighting: equal` divides weights by $1 - s_t$,
which makes it the weight of those that enter. With covariates that is regression adjustment: $\delta_t$ and $\gamma$
are fitted on the controls, and

```math
\hat\beta = \frac{\sum_{g_i = t} w_{it} (\Delta_{it} - \hat\delta_t - x_{i,t-1}'\hat\gamma)}{\sum_{g_i = t} w_{it}}
```

with $\Delta_{it}$ for the left side above. The covariance is a sandwich over clusters times
$G/(G-1) \cdot (n-1)/(n-k)$, $k$ counting the treatment, covariates and periods of entry.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.CONSTANT_COVARIATE,
        "A unit enters a regression with all rows of the window and of the base (with `base:"
        " all`, at least one) and the row of entry; treated units that the pooled window leaves out are counted in a"
        " warning",
        "Refused where no cohort is seen over the pooled window beside clean controls, or"
        " covariates are collinear there",
        "Windows of the event study without treated units beside controls have no row",
        _notes.COHORTS_OF_FEW,
        _notes.EVENTS,
    ),
    since="0.1.0",
)
WEIGHTS = {"variance": say("variance of treatment"), "equal": say("treated units")}


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate the pooled effect, and one for each window of horizons.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time. `percent_change` relates the effect to the mean outcome that treated
        units would have had in the pooled horizons.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(
        SPEC, study, weighting=("variance", "equal"), base=("last", "all"), control=("not_yet", "never")
    )
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    design = _staggered.design(SPEC, study, panel, np.ones(panel.n_units, bool), 0)
    data = _paths(study, panel, design)
    treated = data.cohort[data.cohort != NEVER]
    horizon = design.n_periods - 1 - int(treated.max())
    if chosen["horizon"] is not None:
        horizon = _guard.whole(SPEC, chosen, "horizon", 0)
    pooled = _project(study, data, chosen, 0, horizon)
    if pooled is None:
        raise Unsupported(
            say(
                "no cohort is seen for {horizon} period(s) after its first treated one beside clean"
                " controls, or the covariates are collinear there",
                horizon=horizon,
            ),
            where=SPEC.name,
            cure=say("Set the option `horizon` to a smaller number, or use fewer covariates"),
        )
    return _estimate(study, panel, design, data, pooled, horizon, chosen, rng, draws)


def _paths(study: Study, panel: Panel, design: Design) -> Paths:
    part = (design.units, slice(None, design.n_periods))
    covariates = _covariates.split(SPEC, study, panel)
    constant = np.repeat(covariates.baseline.T[:, :, None], panel.n_periods, axis=2)
    return paths(
        _rates.outcome(study, panel)[part],
        design.cohort[design.units],
        panel.by_unit("cluster")[design.units],
        panel.matrix("weight")[part] if study.weights else None,
        np.concatenate([covariates.varying, constant])[:, part[0], part[1]],
    )


def _project(study: Study, data: Paths, chosen: Mapping[str, Any], first: int, last: int) -> Projection | None:
    return project(
        data,
        first,
        last,
        base=study.event_bins if chosen["base"] == "last" else None,
        control=chosen["control"],
        reweight=chosen["weighting"] == "equal",
    )


def _windows(study: Study, data: Paths, design: Design) -> list[tuple[int, int]]:
    """First and last horizon of each bin but the reference, within the horizons that some cohort shows."""
    treated, width = data.cohort[data.cohort != NEVER], study.event_bins
    lowest, highest = -int(treated.max()), design.n_periods - 1 - int(treated.min())
    bins = [code for code in range(lowest // width, highest // width + 1) if code != -1]
    return [(max(code * width, lowest), min((code + 1) * width - 1, highest)) for code in bins]


def _estimate(
    study: Study,
    panel: Panel,
    design: Design,
    data: Paths,
    pooled: Projection,
    horizon: int,
    chosen: Mapping[str, Any],
    rng: np.random.Generator,
    draws: int,
) -> Estimate:
    found = [(first, _project(study, data, chosen, first, last)) for first, last in _windows(study, data, design)]
    rows = [(first, result) for first, result in found if result is not None]
    n_clusters = len(np.unique(data.cluster[pooled.used]))
    freedom = n_clusters - 1
    cohort, cluster = data.cohort[pooled.treated], data.cluster[pooled.treated]
    return _level.estimate(
        study,
        panel,
        say(
            "Average effect on the treated on {scale}, over the first {horizon} treated period(s),"
            " cohorts weighted by their {weights}",
            scale=_rates.scale(study, panel),
            horizon=horizon + 1,
            weights=WEIGHTS[chosen["weighting"]],
        ),
        pooled.value,
        float(np.linalg.norm(pooled.influence)),
        _level.Sample(
            n_observations=int(data.seen[:, pooled.used].sum()),
            n_units=int(pooled.used.sum()),
            n_treated=int(pooled.treated.sum()),
            n_clusters=n_clusters,
            untreated=pooled.level - pooled.value,
            lowest=float(np.nanmin(_rates.outcome(study, panel)[design.units, : design.n_periods])),
            warnings=design.warnings + _lost(data, pooled, horizon) + _guard.small_cohorts(study, cluster, cohort),
        ),
        _level.events(
            study,
            np.array([first // study.event_bins * study.event_bins for first, _ in rows]),
            np.array([result.value for _, result in rows]),
            np.array([result.influence for _, result in rows]).reshape(len(rows), -1).T,
            rng,
            draws,
            freedom,
        ),
        say("clustered by {cluster}, G/(G-1) x (n-1)/(n-k), t({freedom})", cluster=study.cluster, freedom=freedom),
        "balanza.kernels.local_projections",
        freedom,
    )


def _lost(data: Paths, pooled: Projection, horizon: int) -> tuple[str, ...]:
    """A sentence on treated units that the pooled horizons leave out."""
    lost = int((data.cohort != NEVER).sum() - pooled.treated.sum())
    if not lost:
        return ()
    return (
        say(
            "{lost} of {treated} treated units are not seen for {horizon} period(s) after their first"
            " treated one, or without clean controls, and are not in the pooled effect",
            lost=lost,
            treated=lost + int(pooled.treated.sum()),
            horizon=horizon,
        ),
    )
