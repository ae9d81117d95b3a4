"""The two-stage estimator of Gardner (2022), as in `did2s`.

The kernel is `balanza.kernels.imputation`. The first stage fits unit and period effects (and covariates) on untreated
rows, the second regresses what is left of all rows on treatment, or on dummies of event time; standard errors take
both stages as one method of moments. Effects after treatment equal those of the imputation estimator; rows before
treatment are mean residuals of the first stage, without the reference bin and never-treated units, and therefore closer
to zero than a pre-trend estimated for itself. A count with exposure enters as its rate per 100,000 a year.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, Study
from balanza.estimators import _guard, _imputed, _level, _notes
from balanza.kernels.group_time import NEVER
from balanza.kernels.imputation import two_stage_means
from balanza.say import say

SPEC = EstimatorSpec(
    name="two_stage",
    title="Two-stage (Gardner)",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over all treated rows",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Gardner (2022), Two-stage differences in differences, arXiv:2207.05943; Butts and Gardner (2022),"
    " R Journal 14(3)",
    assumptions=_imputed.ASSUMPTIONS,
    standard_errors="Clustered, of both stages as one method of moments, without a small-sample factor, normal"
    " intervals; uniform bands by Rademacher multipliers",
    options={"draws": 999},
    option_notes={
        "draws": _notes.DRAWS,
    },
    equation=r"""
The first stage fits unit effects, period effects (with slopes of constant covariates, $z_i = (1, \ldots)$) and slopes
of covariates $x_{it}$ that change by weighted least squares on untreated rows only. The second regresses what is left
of all rows on dummies $\kappa$: of treated rows, or of bins of event time.

```math
\hat\tau_{it} = Y_{it} - \hat\alpha_i - z_i'\hat\delta_t - x_{it}'\hat\beta, \quad
\hat\tau_\kappa = \frac{\sum_{(i,t) \in \kappa} w_{it} \hat\tau_{it}}{\sum_{(i,t) \in \kappa} w_{it}}
```

Before treatment $\kappa$ holds the untreated rows of units treated later, in bins before the last one. The variance is
that of both stages as one method of moments, with $q_{it}$ for all regressors of the first stage, effects included,
$\hat\varepsilon_{it}$ for its residuals, and without a small-sample factor, as in `did2s`:

```math
\hat V_\kappa = \frac{1}{W_\kappa^2} \sum_c \left(\sum_{(i,t) \in c \cap \kappa} w_{it} (\hat\tau_{it} -
\hat\tau_\kappa) - \sum_{(i,t) \in c \cap U} w_{it} \lambda_{it}^\kappa \hat\varepsilon_{it}\right)^2
```

```math
\lambda_{it}^\kappa = q_{it}' \left(\sum_{(j,s) \in U} w_{js} q_{js} q_{js}'\right)^{-}
\sum_{(j,s) \in \kappa} w_{js} q_{js}, \quad
W_\kappa = \sum_{(i,t) \in \kappa} w_{it}
```

where $U$ are the untreated rows.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "A treated row whose unit and period no untreated row links cannot be imputed: left"
        " out and counted; refused where none can",
        "A covariate that does not vary in untreated rows beside the other terms is refused",
        _notes.EVENTS,
    ),
    since="0.1.0",
)
REFERENCE = (Published("mpdta", "Imputation, of which it has the estimates", {"headline": (-0.047710, None)}),)


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Regress outcomes net of the first stage on treatment, and on event time.

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
    draws = _guard.whole(SPEC, _guard.options(SPEC, study), "draws", 1)
    sample = _imputed.sample(SPEC, study, panel)
    overall = two_stage_means(sample.fit, np.where(sample.treated, 0, -1), sample.cluster)
    bins = sample.relative // study.event_bins
    before = sample.untreated & (sample.cohort != NEVER)[:, None] & (bins < -1)
    time, key = _imputed.codes(bins, sample.treated | before)
    found = two_stage_means(sample.fit, key, sample.cluster)
    events = _level.events(study, time * study.event_bins, found.value, found.influence, rng, draws)
    return _imputed.estimate(study, panel, sample, overall, events, say("two stages, method of moments"))
