"""Synthetic control of Abadie, Diamond and Hainmueller (2010), with placebo inference.

The kernel is `balanza.kernels.synthetic`. Never-treated units are weighted so that the level of their outcome before
treatment is that of the treated, as `sc_estimate` of R `synthdid` 0.0.9 does: all outcomes before treatment are
matched, and nothing else. Cohorts are fitted one by one and averaged by their treated rows. A count with exposure
enters as its rate per 100,000 a year. Placebos: 200 draws, or each control cluster in turn where one cluster is
treated; where there are no more control clusters than treated ones, the jackknife with fixed weights.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, Study
from balanza.estimators import _notes, _synthetic

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
    option_notes=_synthetic.OPTION_NOTES,
    equation=r"""
Cohort $g$, with the mean outcome $\bar Y_{gt}$ of its $N_g$ units, $t_0$ periods before treatment and $T_g$ from then
on, is fitted by itself against the never-treated units $j$, with weights that are not negative and add up to one:

```math
\min_\omega \sum_{t < g} \left(\bar Y_{gt} - \sum_j \omega_j Y_{jt}\right)^2 + (10^{-6} \hat\sigma)^2 t_0 \|\omega\|^2
```

$\hat\sigma$ is the standard deviation of the controls' changes from period to period before treatment. It is solved by
Frank and Wolfe's algorithm, made sparse once (weights up to a quarter of the largest become 0 after 100 steps), and
stopped where a step gains less than $(10^{-5} \hat\sigma)^2$ a row. With the gap
$\hat g_{gt} = \bar Y_{gt} - \sum_j \hat\omega_j Y_{jt}$:

```math
\hat\tau = \frac{\sum_g N_g \sum_{t \geq g} \hat g_{gt}}{\sum_g N_g T_g}
```

Placebos $b$ give the treatment's cohorts to control clusters, each in turn where one cluster is treated, else `draws`
at random; the jackknife leaves out each cluster $b$ with fixed weights. With $\bar\tau$ for the mean over $b = 1$ to
$B$:

```math
\hat V_{placebo} = \frac{1}{B} \sum_b (\hat\tau_b - \bar\tau)^2, \quad
\hat V_{jackknife} = \frac{B - 1}{B} \sum_b (\hat\tau_b - \bar\tau)^2
```

The p-value is the rank, among placebos and itself included, of the ratio of root mean squares of the gap after and
before treatment, over all cohorts; under the jackknife it is normal.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.NO_COVARIATES,
        "Studies with weights are refused",
        "`auto` takes the jackknife where control clusters are no more than treated ones, or"
        " than two; `placebo` is refused there",
        "The jackknife is refused where a cohort lies in one cluster, or all controls do",
        "With so few placebos that their number alone keeps p above one less the level, a warning says so",
        "Under the jackknife cohorts that lie in one or two clusters are counted in a warning",
        "Where the treated lie outside the range of all controls before treatment a warning"
        " counts the periods: no weights can fit them",
        _notes.EVENTS,
    ),
    since="0.1.0",
)
REFERENCE = (
    Published("california_prop99", "R synthdid 0.0.9, sc_estimate", {"headline": (-19.61966, None)}, tolerance=5e-6),
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
