"""Interaction-weighted event study of Sun and Abraham (2021), as `sunab` of R fixest.

The kernel is `balanza.kernels.saturated`. Each cohort has a coefficient in each period but its reference, the last
event-time bin before treatment (`event_bins` periods; fixest has one), against never-treated units or, where there are
none, the last cohort up to its own treatment. Effects are weighted by rows, as fixest does, and the weights count as
given. A count with exposure enters as its rate per 100,000 a year. Covariates that change enter as they are; those that
are constant within units get a slope in each period.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, Study
from balanza.estimators import _guard, _notes, _saturated

SPEC = EstimatorSpec(
    name="sun_abraham",
    title="Interaction-weighted event study (Sun and Abraham)",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over all treated rows",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Sun and Abraham (2021), Journal of Econometrics 225(2)",
    assumptions=(
        "Treatment is absorbing, and units do not react to it earlier than `anticipation` periods before",
        "Without treatment, the outcomes of each cohort and of the never-treated would have moved in parallel between"
        " the reference periods and each later one",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Sandwich clustered where treatment is assigned, G/(G-1) x (n-1)/(n-k) with k counting the period"
    " effects and not the unit effects, which are nested in clusters (as fixest), Student's t with G-1 degrees of"
    " freedom; uniform bands by multiplier bootstrap",
    options={"anticipation": 0, "draws": 999},
    option_notes={
        "anticipation": _notes.ANTICIPATION,
        "draws": _notes.DRAWS,
    },
    equation=r"""
With $z_i = (1,$ covariates that are constant within units$)$ and covariates $x_{it}$ that change, by weighted least
squares on all rows:

```math
Y_{it} = \alpha_i + z_i'\delta_t + \sum_g \sum_{s \notin R_g} \mu_{gs} \mathbf{1}\{g_i = g, t = s\}
+ x_{it}'\beta + \varepsilon_{it}
```

The reference $R_g$ is the last `event_bins` periods before $g - a$, with $a$ for `anticipation`. Cells are weighted by
their rows, $N_{gt} = \sum_{g_i = g} w_{it}$ over rows that exist:

```math
\hat\tau = \frac{\sum_g \sum_{t \geq g} N_{gt} \hat\mu_{gt}}{\sum_g \sum_{t \geq g} N_{gt}}, \quad
\hat\nu_e = \frac{\sum_g N_{g,g+e} \hat\mu_{g,g+e}}{\sum_g N_{g,g+e}}
```

The weights count as given. With the covariance $V$ of the coefficients, $H$ the normal equations and $s_c$ the scores
of a cluster,

```math
V = \frac{G}{G-1} \frac{n-1}{n-k} H^{-1} \left(\sum_c s_c s_c'\right) H^{-1}
```

where $k$ counts all coefficients, unit effects as one.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "A cell that no unit links with untreated rows has no estimate: its rows are counted"
        " in a warning and are missing from all aggregates",
        "Refused where no effect can be told apart from unit and period effects, where there"
        " are as many coefficients as rows, or where the units that enter lie in one cluster",
        _notes.EVENTS,
        _notes.KEPT_CELLS,
    ),
    since="0.1.0",
)
REFERENCE = (Published("mpdta", "R fixest 0.12.2, sunab", {"headline": (-0.039951, 0.011796)}),)


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate all cells against the never-treated, and average them over treated rows.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time, group, calendar and group_time; `covariance` joins them all where there
        are no more than 500 cells, and otherwise leaves the cells out. `percent_change` relates the effect to the mean
        outcome that the treated would have had without treatment.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study)
    model = _saturated.Model(
        control="never",
        slopes=False,
        effects="unit",
        anticipation=_guard.whole(SPEC, chosen, "anticipation", 0),
        bins=study.event_bins,
    )
    return _saturated.linear(SPEC, study, panel, model, rng, _guard.whole(SPEC, chosen, "draws", 1))
