"""The imputation estimator of Borusyak, Jaravel and Spiess (2024), as in their Stata `did_imputation`.

The kernel is `balanza.kernels.imputation`. Untreated outcomes are fitted on untreated rows and imputed to treated ones;
the effect is the mean of what is left. A count with exposure enters as its rate per 100,000 a year. Unit-constant
covariates have a slope in each period, others one slope. Rows before treatment are coefficients of a separate
regression on untreated rows only, so that they are no mirror image of those after it: with `leads: all` against the
last bin before treatment, with a number k, as the authors advise, the last k bins against all earlier ones.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.estimators import _guard, _imputed, _level
from balanza.estimators._imputed import Sample
from balanza.kernels.group_time import NEVER
from balanza.kernels.imputation import Means, imputation_means, leads
from balanza.kernels.within import Degenerate

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
    error_type = "conservative (Borusyak, Jaravel and Spiess)" + ", leave-one-out" * alone
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
            "Rows before treatment are not shown: beside unit and period effects their coefficients are not determined,"
            " for want of rows in the reference. Set the option `leads` to a smaller number",
        )
