"""The imputation estimator of Borusyak, Jaravel and Spiess (2024), as in their Stata `did_imputation`.

The kernel is `balanza.kernels.imputation`. Untreated outcomes are fitted on untreated rows and imputed to treated ones;
the effect is the mean of what is left. A count with exposure enters as its rate per 100,000 a year. Unit-constant
covariates have a slope in each period, others one slope. Rows before treatment are coefficients of a separate
regression on untreated rows only, so that they are no mirror image of those after it: with `leads: all` against the
last bin before treatment, with a number k, as the authors advise, the last k bins against all earlier ones.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, Study
from balanza.estimators import _guard, _imputed, _level, _notes
from balanza.estimators._imputed import Sample
from balanza.kernels.group_time import NEVER
from balanza.kernels.imputation import Means, imputation_means, leads
from balanza.kernels.within import Degenerate
from balanza.say import say

SPEC = EstimatorSpec(
    name="imputation",
    title="Imputation (Borusyak, Jaravel and Spiess)",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over all treated rows",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Borusyak, Jaravel and Spiess (2024), Review of Economic Studies 91(6)",
    assumptions=_imputed.ASSUMPTIONS,
    standard_errors="Conservative, clustered (Theorem 3): effects are compared with the mean of their cohort and period"
    " (`variance_groups`), normal intervals; uniform bands by Rademacher multipliers",
    options={"leads": "all", "variance_groups": "cohort_period", "residuals": "pooled", "draws": 999},
    option_notes={
        "leads": "Rows before treatment: `all` bins against the last one before treatment, or a number"
        " k of bins against all earlier ones; 0 for none",
        "variance_groups": "Treated rows whose effects count as alike in the variance: `cohort_period`, `cohort`"
        " or `event_time`; the coarser, the more conservative",
        "residuals": "`pooled`, or `leave_one_out`: each cluster against the others of its group",
        "draws": _notes.DRAWS,
    },
    equation=r"""
Unit effects, period effects (with slopes of constant covariates, $z_i = (1, \ldots)$) and slopes of covariates
$x_{it}$ that change are fitted by weighted least squares on untreated rows only, and carried to all rows:

```math
\hat\tau_{it} = Y_{it} - \hat\alpha_i - z_i'\hat\delta_t - x_{it}'\hat\beta, \quad
\hat\tau = \frac{\sum_{t \geq g_i} w_{it} \hat\tau_{it}}{\sum_{t \geq g_i} w_{it}}
```

$\hat\tau = \sum v_{it} Y_{it}$ is linear in the outcomes. In its variance the residuals $\tilde\varepsilon_{it}$ are
those of the fit in untreated rows, and $\hat\tau_{it} - \tilde\tau_E$ in the rows of a group $E$ of treated ones:

```math
\hat V = \sum_c \left(\sum_{(i,t) \in c} v_{it} \tilde\varepsilon_{it}\right)^2, \quad
\tilde\tau_E = \frac{\sum_c S_{cE} T_{cE}}{\sum_c S_{cE}^2}, \quad
S_{cE} = \sum_{(i,t) \in c \cap E} v_{it}, \quad
T_{cE} = \sum_{(i,t) \in c \cap E} v_{it} \hat\tau_{it}
```

`residuals: leave_one_out` divides a cluster's sum in $E$ by $1 - S_{cE}^2 / \sum_b S_{bE}^2$. Rows before treatment
are coefficients $\phi_e$ of a regression on untreated rows only,

```math
Y_{it} = \alpha_i + z_i'\delta_t + x_{it}'\beta + \sum_e \phi_e \mathbf{1}\{t - g_i \in e\} + \varepsilon_{it},
```

clustered, with the factor $G/(G-1) \cdot (n-1)/(n-k)$, $k$ counting unit effects as one.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "A treated row whose unit and period no untreated row links cannot be imputed: left"
        " out and counted; refused where none can",
        "A covariate that does not vary in untreated rows beside the other terms is refused",
        "Rows before treatment are left out, with a sentence, where their coefficients are not determined",
        "A group of one cluster keeps its plain residual under `leave_one_out`",
        _notes.EVENTS,
    ),
    since="0.1.0",
)
REFERENCE = (
    Published("mpdta", "Borusyak, Jaravel and Spiess's imputation", {"headline": (-0.047710, 0.013222)}),
    Published("castle", "Borusyak, Jaravel and Spiess's imputation", {"headline": (0.066900, 0.056694)}),
)


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Impute untreated outcomes and average what is left, over all treated rows and by event time.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time. `percent_change` relates the effect to the mean imputed outcome.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(
        SPEC,
        study,
        variance_groups=("cohort_period", "cohort", "event_time"),
        residuals=("pooled", "leave_one_out"),
    )
    draws = _guard.whole(SPEC, chosen, "draws", 1)
    n_leads = None if chosen["leads"] == "all" else _guard.whole(SPEC, chosen, "leads", 0)
    sample = _imputed.sample(SPEC, study, panel)
    groups, alone = _groups(sample, chosen["variance_groups"]), chosen["residuals"] == "leave_one_out"

    def means(key: np.ndarray) -> Means:
        return imputation_means(sample.fit, key, sample.cluster, groups, leave_one_out=alone)

    overall = means(np.where(sample.treated, 0, -1))
    bins = sample.relative // study.event_bins
    after, key = _imputed.codes(bins, sample.treated)
    before, warnings = _leads(sample, bins, n_leads)
    time, found = zip(*before, (after, means(key)), strict=True)
    events = _level.events(
        study,
        np.concatenate(time) * study.event_bins,
        np.concatenate([item.value for item in found]),
        np.hstack([item.influence for item in found]),
        rng,
        draws,
        warnings=warnings,
    )
    error_type = say("conservative (Borusyak, Jaravel and Spiess)") + (say(", leave-one-out") if alone else "")
    return _imputed.estimate(study, panel, sample, overall, events, error_type)


def _groups(sample: Sample, which: str) -> np.ndarray:
    """Codes of the rows whose effects are taken to be alike in the variance."""
    n_periods = sample.outcome.shape[1]
    cohort = np.broadcast_to(np.where(sample.cohort == NEVER, 0, sample.cohort)[:, None], sample.outcome.shape)
    if which == "event_time":
        return sample.relative
    return np.asarray(cohort if which == "cohort" else cohort * n_periods + np.arange(n_periods))


def _leads(
    sample: Sample, bins: np.ndarray, n_leads: int | None
) -> tuple[list[tuple[np.ndarray, Means]], tuple[str, ...]]:
    """Bins before treatment with their coefficients; nothing, and a sentence, where they are not determined."""
    use = sample.untreated & (sample.cohort != NEVER)[:, None]
    use &= (bins < -1) if n_leads is None else (bins >= -n_leads)
    if not use.any():
        return [], ()
    time, key = _imputed.codes(bins, use)
    try:
        return [(time, leads(sample.fit, key, sample.cluster))], ()
    except Degenerate:
        return [], (
            say(
                "Rows before treatment are not shown: beside unit and period effects their coefficients"
                " are not determined, for want of rows in the reference. Set the option `leads` to a"
                " smaller number"
            ),
        )
