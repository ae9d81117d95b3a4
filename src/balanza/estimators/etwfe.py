"""Extended two-way fixed effects of Wooldridge (2021), as R `etwfe` and Stata `jwdid`.

The kernel is `balanza.kernels.saturated`. Each cohort has a coefficient in each treated period; all untreated rows are
controls (`control: not_yet`), or never-treated units only, with coefficients before treatment too (`control: never`;
without covariates and on a balanced panel that is Sun and Abraham's estimator). On balanced panels without covariates
the effects are those of imputation (Borusyak, Jaravel and Spiess 2024). Covariates that are constant within units have
slopes by period and in each of the cohorts' own cells, as in the packages, so that each effect is that at the cohort's
own covariates; those that change enter as they are. Effects of units are jwdid's default, those of cohorts etwfe's; on
balanced panels whose weights are constant within units they give the same estimates. A count with exposure enters as
its rate per 100,000 a year.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.estimators import _guard, _saturated

SPEC = EstimatorSpec(
    name="etwfe",
    title="Extended two-way fixed effects (Wooldridge)",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over all treated rows",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Wooldridge (2025), Empirical Economics 69, Two-Way Fixed Effects, the Two-Way Mundlak Regression, and"
    " Difference-in-Differences Estimators (working paper 2021)",
    assumptions=(
        "Treatment is absorbing, and units do not react to it earlier than `anticipation` periods before",
        "Without treatment, the outcomes of units with the same covariates would have moved in parallel in all periods"
        " and cohorts (with `control: never`, from the reference periods on)",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Sandwich clustered where treatment is assigned, delta method with the sample's covariates as"
    " given, G/(G-1) x (n-1)/(n-k) with k leaving out unit effects, which are nested in clusters (as fixest and"
    " reghdfe), Student's t with G-1 degrees of freedom; uniform bands by multiplier bootstrap",
    options={"control": "not_yet", "effects": "unit", "anticipation": 0, "draws": 999},
)


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate the effect of each cohort in each treated period, and average them over treated rows.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time (from treatment on, unless `control: never`), group, calendar and
        group_time; `covariance` joins them all where there are no more than 500 cells, and otherwise leaves the cells
        out. `percent_change` relates the effect to the mean outcome that the treated would have had without treatment.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study, control=("not_yet", "never"), effects=("unit", "cohort"))
    model = _saturated.Model(
        control=chosen["control"],
        slopes=True,
        effects=chosen["effects"],
        anticipation=_guard.whole(SPEC, chosen, "anticipation", 0),
        bins=study.event_bins,
    )
    return _saturated.linear(SPEC, study, panel, model, rng, _guard.whole(SPEC, chosen, "draws", 1))
