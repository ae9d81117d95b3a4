"""Double machine learning of a partially linear model, net of unit and period effects, by DoubleML.

Outcome and treatment enter net of unit and period effects. What covariates explain of either is learned on other
clusters (cross-fitting by cluster) and taken off, and what is left of the outcome is regressed on what is left of the
treatment. Learners see the covariates' squares and products net of the same effects, which is exact where the
confounding is such a polynomial (Clarke and Polselli 2025); those of baseline covariates alone enter times eight blocks
of time. Trees see beside them the covariates as they are, their unit means and the period: they can bend further, but
a bent function net of effects depends on a unit's whole path, so that they only come near it, and slower. Sample splits
are repeated, and their median taken (Chernozhukov et al. 2018, definition 3.3). A count with exposure enters as its
rate per 100,000 a year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _collapsed, _covariates, _crossfit, _guard, _level, _notes, _rates
from balanza.kernels import within
from balanza.kernels.adjustment import clustered
from balanza.say import say

SPEC = EstimatorSpec(
    name="double_ml",
    title="Double machine learning (partially linear)",
    estimand="Change of the outcome (a count with exposure: of its rate per 100,000 a year) per unit of treatment, the"
    " same for all units and periods, given the covariates",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Chernozhukov et al. (2018), Econometrics Journal 21(1); Chiang, Kato, Ma and Sasaki (2022), Journal of"
    " Business and Economic Statistics 40(3); Clarke and Polselli (2025), Econometrics Journal",
    assumptions=(
        "Without treatment, outcomes of units with the same covariates would have moved in parallel",
        "The learners come close enough to what covariates explain of outcome and treatment",
        "The effect is the same for all units and periods; otherwise the estimate weighs effects by the variance of"
        " treatment that covariates leave",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Orthogonal scores summed by cluster, G/(G-1), Student's t with G-1 degrees of freedom; over sample"
    " splits the root of the median of squared error plus squared distance from the median",
    needs=("covariates",),
    options={"learner": "lasso", "folds": 5, "repetitions": 5},
    option_notes={
        "learner": _notes.LEARNER,
        "folds": _notes.FOLDS,
        "repetitions": "Sample splits, of which the median is taken",
    },
    equation=r"""
With $\ddot Y_{it}$ and $\ddot D_{it}$ net of unit and period effects, and $\hat\ell$ and $\hat m$ what a learner
trained on the other folds of clusters expects of them given the covariates:

```math
\hat\tau_s = \frac{\sum (\ddot D_{it} - \hat m_{it}) (\ddot Y_{it} - \hat\ell_{it})}
{\sum (\ddot D_{it} - \hat m_{it})^2}
```

```math
\hat V_s = \frac{G}{G-1} \frac{\sum_c \left(\sum_{(i,t) \in c} (\ddot D_{it} - \hat m_{it})
(\ddot Y_{it} - \hat\ell_{it} - \hat\tau_s (\ddot D_{it} - \hat m_{it}))\right)^2}
{\left(\sum (\ddot D_{it} - \hat m_{it})^2\right)^2}
```

Over sample splits $s$:

```math
\hat\tau = \mathrm{median}_s \hat\tau_s, \quad
\hat V = \mathrm{median}_s \left(\hat V_s + (\hat\tau_s - \hat\tau)^2\right)
```

Learners see the covariates' squares and products net of the same effects; those of baseline covariates alone enter
times eight blocks of time.
""",
    edge_cases=(
        "Refused without covariates: two-way least squares (`twfe`) says the same",
        "Refused with weights, in a single period, with more folds than clusters, or where effects leave nothing"
        " of the treatment",
        *_notes.TWO_WAY,
        _notes.CONSTANT_COVARIATE,
        _notes.RATE,
        "There is no event study",
    ),
    since="0.1.0",
)
BLOCKS = 8


@dataclass(frozen=True)
class _Rows:
    """Rows net of effects, shape (n,), and what the learners see, shape (n, k)."""

    outcome: np.ndarray
    treatment: np.ndarray
    features: np.ndarray
    cluster: np.ndarray
    treated: np.ndarray
    raw: np.ndarray
    doses: np.ndarray


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Take off what covariates explain, and regress what is left.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. `percent_change` relates the effect to the mean outcome that treated rows would have had.

    Raises
    ------
    Unsupported
        If the study has no covariates, has weights, or fewer clusters than folds; if effects absorb the treatment.
    """
    lacking = say("no covariates, and without them it is two-way least squares")
    _covariates.require(SPEC, study, study.covariates, lacking, say("Add `covariates`, or use twfe"))
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study, learner=_crossfit.LEARNERS)
    n_folds, repetitions = (_guard.whole(SPEC, chosen, *item) for item in (("folds", 2), ("repetitions", 1)))
    _collapsed.no_weights(SPEC, study)
    if panel.n_periods == 1:
        raise Unsupported(
            say("needs more than one period"), where=SPEC.name, cure=say("Use backdoor for a cross-section")
        )
    rows = _rows(study, _crossfit.canonical(panel), chosen["learner"])
    splits = [_crossfit.folds(SPEC, study, rows.cluster, n_folds, rng) for _ in range(repetitions)]
    with _crossfit.watched() as noted:
        values, errors = _fit(rows, splits, _crossfit.learner(chosen["learner"], rng))
    value = float(np.median(values))
    error = float(np.sqrt(np.median(errors**2 + (values - value) ** 2)))
    return _estimate(study, panel, rows, value, error, chosen, tuple(noted))


def _rows(study: Study, panel: Panel, learner: str) -> _Rows:
    outcome, doses = _rates.outcome(study, panel), panel.matrix(f"d_{study.treatment.name}")
    seen = np.isfinite(outcome)
    mass = seen * 1.0
    covariates = _covariates.split(SPEC, study, panel)
    net = within.within(np.stack([outcome, doses]), mass)
    try:
        within.refuse_collinear(mass, np.where(seen, doses, 0.0)[None], np.array([[(net[1] ** 2).sum()]]))
    except within.Degenerate:
        raise Unsupported(
            say("{name} has no variation of its own beside unit and period effects", name=study.treatment.name),
            where=SPEC.name,
            cure=say("Use rows in which it varies between units over time"),
        ) from None
    features = _polynomials(covariates, seen)
    if learner != "lasso":
        features = np.hstack([features, _levels(covariates, seen)])
    return _Rows(
        outcome=net[0][seen],
        treatment=net[1][seen],
        features=features,
        cluster=np.broadcast_to(panel.by_unit("cluster")[:, None], seen.shape)[seen],
        treated=np.nan_to_num(doses[seen]) != 0,
        raw=outcome[seen],
        doses=doses[seen],
    )


def _polynomials(covariates: _covariates.Covariates, seen: np.ndarray) -> np.ndarray:
    """Squares and products net of effects; of baseline covariates alone, times blocks of time."""
    n_units, n_periods = seen.shape
    baseline = np.repeat(covariates.baseline[:, None, :], n_periods, axis=1)
    both = np.concatenate([np.moveaxis(covariates.varying, 0, 2), baseline], axis=2)
    terms = _crossfit.dictionary(both[seen])
    wide = np.zeros((terms.shape[1], n_units, n_periods))
    wide[:, seen] = terms.T
    moves = np.concatenate([np.ones(len(covariates.names), bool), np.zeros(baseline.shape[2], bool)])
    first, second = np.triu_indices(len(moves))
    moving = np.concatenate([moves, moves[first] | moves[second]])
    block = np.arange(n_periods) * min(BLOCKS, n_periods) // n_periods
    blocked = [wide[~moving] * (block == code) for code in range(1, block[-1] + 1)]
    return np.asarray(within.within(np.concatenate([wide[moving], *blocked]), seen * 1.0)[:, seen].T)


def _levels(covariates: _covariates.Covariates, seen: np.ndarray) -> np.ndarray:
    """Covariates as they are, the unit means of those that change, and the period."""
    varying = np.where(seen, covariates.varying, np.nan)
    means = np.broadcast_to(np.nanmean(varying, axis=2, keepdims=True), varying.shape)
    baseline = np.broadcast_to(covariates.baseline.T[:, :, None], (covariates.baseline.shape[1], *seen.shape))
    period = np.broadcast_to(np.arange(seen.shape[1], dtype=float), (1, *seen.shape))
    return np.asarray(np.concatenate([varying, means, baseline, period])[:, seen].T)


def _fit(rows: _Rows, splits: list[np.ndarray], learner: Any) -> tuple[np.ndarray, np.ndarray]:
    """Effect and clustered standard error of each sample split, shape (n_splits,) each."""
    import doubleml
    from sklearn.base import clone

    data = doubleml.DoubleMLData.from_arrays(rows.features, rows.outcome, rows.treatment)
    model = doubleml.DoubleMLPLR(data, ml_l=clone(learner), ml_m=clone(learner), score="partialling out")
    model.set_sample_splitting(
        [[(np.flatnonzero(fold != code), np.flatnonzero(fold == code)) for code in np.unique(fold)] for fold in splits]
    )
    model.fit(store_predictions=False)
    score, slope = model.psi[:, :, 0], model.psi_deriv[:, :, 0].sum(axis=0)
    sums = clustered(score, rows.cluster) / slope
    size = np.sqrt(len(sums) / (len(sums) - 1))
    return model.all_coef[0], size * np.linalg.norm(sums, axis=0)


def _estimate(
    study: Study,
    panel: Panel,
    rows: _Rows,
    value: float,
    error: float,
    chosen: Mapping[str, Any],
    noted: tuple[str, ...],
) -> Estimate:
    from importlib.metadata import version

    freedom = panel.n_clusters - 1
    unit = study.treatment.unit or say("unit of treatment")
    return _level.estimate(
        study,
        panel,
        say("Change of {scale} per {unit}, given the covariates", scale=_rates.scale(study, panel), unit=unit),
        value,
        error,
        _level.Sample(
            n_observations=len(rows.outcome),
            n_units=panel.n_units,
            n_treated=int((np.nan_to_num(panel.matrix(f"d_{study.treatment.name}")) != 0).any(axis=1).sum()),
            n_clusters=panel.n_clusters,
            untreated=float((rows.raw - value * rows.doses)[rows.treated].mean()),
            lowest=float(rows.raw.min()),
            warnings=_guard.two_way(study, panel, np.ones(panel.n_units, bool)) + noted,
        ),
        _level.EventStudy(None, None, ()),
        say(
            "orthogonal scores clustered by {cluster}, G/(G-1), median of {repetitions} splits into"
            " {folds} folds of clusters, t({freedom})",
            cluster=study.cluster,
            repetitions=chosen["repetitions"],
            folds=chosen["folds"],
            freedom=freedom,
        ),
        say("doubleml {version}; {learner}", version=version("doubleml"), learner=_crossfit.WORDS[chosen["learner"]]),
        freedom,
    )
