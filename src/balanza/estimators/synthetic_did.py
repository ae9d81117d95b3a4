"""Synthetic difference-in-differences of Arkhangelsky and others (2021), as in R `synthdid` 0.0.9.

The kernel is `balanza.kernels.synthetic`. Never-treated units are weighted so that their path before treatment runs
alongside that of the treated, periods before treatment so that they resemble those after it; then differences are
compared. Cohorts are fitted one by one and averaged by their treated rows. A count with exposure enters as its rate per
100,000 a year. Defaults are those of `synthdid`, but that inference is by placebo (200 draws; each control cluster in
turn where one cluster is treated) and, where there are no more control clusters than treated ones, by the jackknife
with fixed weights.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.estimators import _synthetic

SPEC = EstimatorSpec(
    name="synthetic_did",
    title="Synthetic difference-in-differences",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over treated rows",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), American Economic Review 111(12)",
    assumptions=(
        "Treatment is absorbing, and units do not react to it before it comes",
        "Without treatment, the treated would have moved in parallel with the weighted controls, from the weighted"
        " periods before treatment on (outcomes follow unit and period effects and few common factors)",
        "Placebo errors: treated and control clusters are equally noisy",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Placebo: spread of the estimate over treatments given to control clusters, normal intervals,"
    " p-value from the rank among placebos; or jackknife over clusters with fixed weights, normal",
    options=_synthetic.OPTIONS,
)


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate each cohort's effect, and average them.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time (gaps to the synthetic control, less their weighted mean before
        treatment; those before treatment show the fit) and group (cohorts).

    Raises
    ------
    Unsupported
        If the panel is unbalanced or holds no comparison, the study has covariates or weights, or there are too few
        clusters for an error.
    """
    return _synthetic.run(SPEC, "did", study, panel, rng)
