"""Interaction-weighted event study of Sun and Abraham (2021), as `sunab` of R fixest.

The kernel is `balanza.kernels.saturated`. Each cohort has a coefficient in each period but its reference, the last
event-time bin before treatment (`event_bins` periods; fixest has one), against never-treated units or, where there are
none, the last cohort up to its own treatment. Effects are weighted by rows, as fixest does, and the weights count as
given. A count with exposure enters as its rate per 100,000 a year. Covariates that change enter as they are; those that
are constant within units get a slope in each period.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.estimators import _guard, _saturated

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
)


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
