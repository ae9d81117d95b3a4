"""Synthetic control of Abadie, Diamond and Hainmueller (2010), with placebo inference.

The kernel is `balanza.kernels.synthetic`. Never-treated units are weighted so that the level of their outcome before
treatment is that of the treated, as `sc_estimate` of R `synthdid` 0.0.9 does: all outcomes before treatment are
matched, and nothing else. Cohorts are fitted one by one and averaged by their treated rows. A count with exposure
enters as its rate per 100,000 a year. Placebos: 200 draws, or each control cluster in turn where one cluster is
treated; where there are no more control clusters than treated ones, the jackknife with fixed weights.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.estimators import _synthetic

SPEC = EstimatorSpec(
    name="synthetic_control",
    title="Synthetic control",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over treated rows",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Abadie, Diamond and Hainmueller (2010), Journal of the American Statistical Association 105(490)",
    assumptions=(
        "Treatment is absorbing, and units do not react to it before it comes",
        "Without treatment, the treated would have gone on like the weighted mean of controls that they were like"
        " before; so they must lie within the range of the controls",
        "Placebo errors: treated and control clusters are equally noisy and equally well fitted",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Placebo: spread of the estimate over treatments given to control clusters, normal intervals,"
    " p-value from the rank of the ratio of the gap after to that before treatment (root mean squares) among placebos;"
    " or jackknife over clusters with fixed weights, normal",
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
        Scale: level. Rows of kind event_time (gaps to the synthetic control; those before treatment show the fit) and
        group (cohorts). A warning says where the treated lie outside the range of all controls.

    Raises
    ------
    Unsupported
        If the panel is unbalanced or holds no comparison, the study has covariates or weights, or there are too few
        clusters for an error.
    """
    return _synthetic.run(SPEC, "control", study, panel, rng)
