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

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, Study
from balanza.estimators import _notes, _synthetic

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
    option_notes=_synthetic.OPTION_NOTES,
    equation=r"""
Cohort $g$, with the mean outcome $\bar Y_{gt}$ of its $N_g$ units, $t_0$ periods before treatment and $T_g$ from then
on, is fitted by itself against the $N_0$ never-treated units $j$, with weights that are not negative and add up to one:

```math
\min_{\omega_0, \omega} \sum_{t < g} \left(\bar Y_{gt} - \omega_0 - \sum_j \omega_j Y_{jt}\right)^2 +
\zeta^2 t_0 \|\omega\|^2, \quad \zeta = (N_g T_g)^{1/4} \hat\sigma
```

```math
\min_{\lambda_0, \lambda} \sum_j \left(\bar Y_{j,post} - \lambda_0 - \sum_{t < g} \lambda_t Y_{jt}\right)^2 +
(10^{-6} \hat\sigma)^2 N_0 \|\lambda\|^2
```

$\hat\sigma$ is the standard deviation of the controls' changes from period to period before treatment. Both are solved
by Frank and Wolfe's algorithm, made sparse once (weights up to a quarter of the largest become 0 after 100 steps), and
stopped where a step gains less than $(10^{-5} \hat\sigma)^2$ a row. With the gap
$\hat g_{gt} = \bar Y_{gt} - \sum_j \hat\omega_j Y_{jt}$:

```math
\hat\tau_g = \frac{1}{T_g} \sum_{t \geq g} \hat g_{gt} - \sum_{t < g} \hat\lambda_t \hat g_{gt}, \quad
\hat\tau = \frac{\sum_g N_g T_g \hat\tau_g}{\sum_g N_g T_g}
```

Placebos $b$ give the treatment's cohorts to control clusters, each in turn where one cluster is treated, else `draws`
at random; the jackknife leaves out each cluster $b$ with fixed weights. With $\bar\tau$ for the mean over $b = 1$ to
$B$:

```math
\hat V_{placebo} = \frac{1}{B} \sum_b (\hat\tau_b - \bar\tau)^2, \quad
\hat V_{jackknife} = \frac{B - 1}{B} \sum_b (\hat\tau_b - \bar\tau)^2
```

The p-value is the rank of $|\hat\tau|$ among $|\hat\tau_b|$, itself included; under the jackknife it is normal.
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
        _notes.EVENTS,
    ),
    since="0.1.0",
)
REFERENCE = (
    Published(
        "california_prop99",
        "Arkhangelsky and others (2021), R synthdid 0.0.9",
        {"headline": (-15.60383, None)},  # their error is one of random draws
        tolerance=5e-6,
    ),
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
