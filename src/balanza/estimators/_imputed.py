"""What imputation and two-stage estimators share: the sample, the first step, and the numbers of the contract."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _covariates, _guard, _level, _rates, _staggered
from balanza.kernels.group_time import NEVER
from balanza.kernels.imputation import Imputation, Means, impute
from balanza.kernels.within import Degenerate
from balanza.say import say

ASSUMPTIONS = (
    "Treatment is absorbing, and units do not react to it before it starts",
    "Without treatment, the outcome is the sum of a unit effect, a period effect and the covariates' terms, in treated"
    " and untreated rows alike (parallel trends in all periods and cohorts)",
    "No unit's treatment affects another unit",
)


@dataclass(frozen=True)
class Sample:
    """Rows that enter, and the fit of untreated outcomes; all of shape (n_units, n_periods) but `cohort`, `cluster`.

    cohort : first treated period, NEVER for controls
    relative : periods since the start of treatment, meaningless for controls
    treated : treated rows whose untreated outcome can be imputed
    untreated : untreated rows
    """

    outcome: np.ndarray
    fit: Imputation
    cohort: np.ndarray
    cluster: np.ndarray
    relative: np.ndarray
    treated: np.ndarray
    untreated: np.ndarray
    warnings: tuple[str, ...]


def sample(spec: EstimatorSpec, study: Study, panel: Panel) -> Sample:
    """Choose the units and periods, and fit untreated outcomes on untreated rows.

    Parameters
    ----------
    spec, study, panel : as in the contract

    Returns
    -------
    Sample

    Raises
    ------
    Unsupported
        If no treated row can be imputed, or a covariate does not vary in untreated rows.
    """
    design = _staggered.design(spec, study, panel, np.ones(panel.n_units, bool), 0)
    part = (design.units, slice(None, design.n_periods))
    outcome, cohort = _rates.outcome(study, panel)[part], design.cohort[design.units]
    relative = np.arange(design.n_periods) - np.where(cohort == NEVER, 0, cohort)[:, None]
    after = (cohort != NEVER)[:, None] & (relative >= 0)
    covariates = _covariates.split(spec, study, panel)
    try:
        fit = impute(
            outcome,
            after,
            panel.matrix("weight")[part] if study.weights else None,
            covariates.varying[:, part[0], part[1]],
            covariates.baseline[design.units],
        )
    except Degenerate as problem:
        name = covariates.names[problem.index or 0]
        raise Unsupported(
            say(
                "the covariate {name} does not vary in untreated rows beside unit and period effects and the others",
                name=name,
            ),
            where=spec.name,
            cure=say("Remove it"),
        ) from None
    treated, untreated = after & fit.determined, (fit.untreated > 0)
    if not treated.any():
        raise Unsupported(
            say("no treated row can be imputed: none shares its unit and its period with untreated rows"),
            where=spec.name,
            cure=say("Widen the window, or choose rows with units that are treated later or never"),
        )
    ever = treated.any(axis=1)
    cluster = panel.by_unit("cluster")[design.units]
    return Sample(
        outcome=outcome,
        fit=fit,
        cohort=cohort,
        cluster=cluster,
        relative=relative,
        treated=treated,
        untreated=untreated,
        warnings=design.warnings
        + _lost(int((after & ~np.isnan(outcome) & ~treated).sum()))
        + _guard.small_cohorts(study, cluster[ever], cohort[ever]),
    )


def codes(values: np.ndarray, use: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values in the rows that are used, and their codes from 0 in all rows, -1 where not used."""
    from pandas import factorize

    inverse, found = factorize(values[use], sort=True)
    key = np.full(values.shape, -1)
    key[use] = inverse
    return found, key


def estimate(
    study: Study,
    panel: Panel,
    sample: Sample,
    overall: Means,
    events: _level.EventStudy,
    error_type: str,
) -> Estimate:
    """The contract's numbers from the overall mean and the event study."""
    weight = sample.fit.weights[sample.treated]
    used = sample.treated | sample.untreated
    return _level.estimate(
        study,
        panel,
        say("Average effect on the treated on {scale}, over all treated rows", scale=_rates.scale(study, panel)),
        float(overall.value[0]),
        float(np.linalg.norm(overall.influence[:, 0])),
        _level.Sample(
            n_observations=int(used.sum()),
            n_units=int(used.any(axis=1).sum()),
            n_treated=int(sample.treated.any(axis=1).sum()),
            n_clusters=len(np.unique(sample.cluster[used.any(axis=1)])),
            untreated=float(weight @ (sample.outcome - sample.fit.effect)[sample.treated] / weight.sum()),
            lowest=float(np.nanmin(sample.outcome)),
            warnings=sample.warnings,
        ),
        events,
        say("{error_type}, clustered by {cluster}, normal", error_type=error_type, cluster=study.cluster),
        "balanza.kernels.imputation",
    )


def _lost(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    return (
        say(
            "{count} treated rows cannot be imputed, because no untreated row links their unit with"
            " their period: they are left out",
            count=count,
        ),
    )
