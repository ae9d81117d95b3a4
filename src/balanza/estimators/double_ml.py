"""Double machine learning of a partially linear model, net of unit and period effects, by DoubleML.

Outcome and treatment enter net of unit and period effects. What covariates explain of either is learned on other
clusters (cross-fitting by cluster) and taken off, and what is left of the outcome is regressed on what is left of the
treatment, of several treatments jointly (Robinson 1988). Learners see the covariates' squares and products net of the
same effects, which is exact where the confounding is such a polynomial (Clarke and Polselli 2025); those of baseline
covariates alone enter times eight blocks of time. Trees see beside them the covariates as they are, their unit means
and the period: they can bend further, but a bent function net of effects depends on a unit's whole path, so that they
only come near it, and slower. Sample splits are repeated, and their median taken (Chernozhukov et al. 2018, definition
3.3). A count with exposure enters as its rate per 100,000 a year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.contract import Estimate, Estimates, EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _collapsed, _covariates, _crossfit, _guard, _level, _notes, _rates
from balanza.kernels import within
from balanza.kernels.adjustment import clustered
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd

SPEC = EstimatorSpec(
    name="double_ml",
    title="Double machine learning (partially linear)",
    estimand="Change of the outcome (a count with exposure: of its rate per 100,000 a year) per unit of treatment, the"
    " same for all units and periods, given the covariates and the study's other treatments",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Chernozhukov et al. (2018), Econometrics Journal 21(1); Chiang, Kato, Ma and Sasaki (2022), Journal of"
    " Business and Economic Statistics 40(3); Clarke and Polselli (2025), Econometrics Journal; several treatments:"
    " Robinson (1988), Econometrica 56(4)",
    assumptions=(
        "Without treatment, outcomes of units with the same covariates would have moved in parallel",
        "The learners come close enough to what covariates explain of outcome and treatment",
        "The effect is the same for all units and periods; otherwise the estimate weighs effects by the variance of"
        " treatment that covariates leave",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Orthogonal scores summed by cluster, G/(G-1), Student's t with G-1 degrees of freedom; over sample"
    " splits the root of the median of squared error plus squared distance from the median; of several treatments the"
    " covariance whose norm is the median one",
    several_treatments=True,
    needs=("covariates",),
    options={"learner": "lasso", "folds": 5, "repetitions": 5},
    option_notes={
        "learner": _notes.LEARNER,
        "folds": _notes.FOLDS,
        "repetitions": "Sample splits, of which the median is taken",
    },
    equation=r"""
With $\ddot Y_{it}$ and the treatments $\ddot D_{it}$ net of unit and period effects, $\hat\ell$ and $\hat m$ what a
learner trained on the other folds of clusters expects of them given the covariates, $u_{it} = \ddot Y_{it} -
\hat\ell_{it}$ and $v_{it} = \ddot D_{it} - \hat m_{it}$, all treatments jointly:

```math
\hat\tau_s = \left(\sum v_{it} v_{it}'\right)^{-1} \sum v_{it} u_{it}
```

```math
\hat V_s = \frac{G}{G-1} H^{-1} \left(\sum_c s_c s_c'\right) H^{-1}, \quad H = \sum v_{it} v_{it}', \quad
s_c = \sum_{(i,t) \in c} v_{it} (u_{it} - v_{it}'\hat\tau_s)
```

Over sample splits $s$:

```math
\hat\tau = \mathrm{median}_s \hat\tau_s, \quad
\hat V = \mathrm{median}_s \left(\hat V_s + (\hat\tau_s - \hat\tau)(\hat\tau_s - \hat\tau)'\right)
```

The median of matrices is the one whose largest eigenvalue is the median one, each treatment first taken in units of the
median of its own errors, so that its unit does not matter (of an even number the mean of the middle two).
Learners see the covariates' squares and products net of the same effects; those of baseline covariates alone enter
times eight blocks of time.
""",
    edge_cases=(
        "Refused without covariates: two-way least squares (`twfe`) says the same",
        "Refused with weights, in a single period, with more folds than clusters, or where effects leave nothing"
        " of a treatment",
        "Refused where unit and period effects, covariates and the other treatments leave nothing of a treatment",
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
    """Rows net of effects, shape (n,), treatments (n, n_treatments), and what the learners see, shape (n, k)."""

    outcome: np.ndarray
    treatments: np.ndarray
    features: np.ndarray
    cluster: np.ndarray
    raw: np.ndarray
    doses: np.ndarray


@dataclass(frozen=True)
class _Effects:
    """Shape (n_treatments,) and (n_treatments, n_treatments)."""

    value: np.ndarray
    covariance: np.ndarray


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimates:
    """Take off what covariates explain, and regress what is left on what is left of all treatments jointly.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate, or mapping of treatment to Estimate where the study has several
        Scale: level. `percent_change` relates the effect to the mean outcome that treated rows would have had.

    Raises
    ------
    Unsupported
        If the study has no covariates, has weights, or fewer clusters than folds; if effects absorb a treatment, or
        covariates and other treatments explain all of it.
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
        outcome, treatments = _left(rows, splits, _crossfit.learner(chosen["learner"], rng))
    effects = _median([_joint(study, rows, *parts) for parts in zip(outcome, treatments, strict=True)])
    found = {
        treatment.name: _estimate(study, panel, rows, effects, index, chosen, tuple(noted))
        for index, treatment in enumerate(study.treatments)
    }
    return found if len(found) > 1 else found[study.treatment.name]


def _rows(study: Study, panel: Panel, learner: str) -> _Rows:
    outcome = _rates.outcome(study, panel)
    doses = np.stack([panel.matrix(f"d_{treatment.name}") for treatment in study.treatments])
    seen = np.isfinite(outcome)
    mass = seen * 1.0
    covariates = _covariates.split(SPEC, study, panel)
    net = within.within(np.concatenate([outcome[None], doses]), mass)
    flat = net[1:][:, seen]
    try:
        within.refuse_collinear(mass, np.where(seen, doses, 0.0), flat @ flat.T)
    except within.Degenerate as problem:
        raise _nothing_left(study, problem, say("unit and period effects")) from None
    features = _polynomials(covariates, seen)
    if learner != "lasso":
        features = np.hstack([features, _levels(covariates, seen)])
    return _Rows(
        outcome=net[0][seen],
        treatments=flat.T,
        features=features,
        cluster=np.broadcast_to(panel.by_unit("cluster")[:, None], seen.shape)[seen],
        raw=outcome[seen],
        doses=doses[:, seen].T,
    )


def _nothing_left(study: Study, problem: within.Degenerate, beside: str) -> Unsupported:
    told = {"name": study.treatments[problem.index or 0].name, "beside": beside}
    alone = say("{name} has no variation of its own beside {beside}", **told)
    both = say("{name} has no variation of its own beside {beside} and the other treatments", **told)
    return Unsupported(
        both if len(study.treatments) > 1 else alone,
        where=SPEC.name,
        cure=say("Use rows in which it varies between units over time, or fewer covariates"),
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


def _left(rows: _Rows, splits: list[np.ndarray], learner: Any) -> tuple[np.ndarray, np.ndarray]:
    """What learners leave of outcome, shape (n_splits, n), and of treatments, shape (n_splits, n, n_treatments)."""
    import doubleml
    from sklearn.base import clone

    data = doubleml.DoubleMLData.from_arrays(
        rows.features, rows.outcome, rows.treatments, use_other_treat_as_covariate=False
    )
    model = doubleml.DoubleMLPLR(
        data, ml_l=clone(learner), ml_m=clone(learner), n_rep=len(splits), score="partialling out"
    )
    model.set_sample_splitting(
        [[(np.flatnonzero(fold != code), np.flatnonzero(fold == code)) for code in np.unique(fold)] for fold in splits]
    )
    model.fit()
    expected = {name: model.predictions[name].swapaxes(0, 1) for name in ("ml_l", "ml_m")}
    # the outcome is learned once for each treatment, by the same learner on the same rows
    return rows.outcome - expected["ml_l"][:, :, 0], rows.treatments - expected["ml_m"]


def _joint(study: Study, rows: _Rows, outcome: np.ndarray, treatments: np.ndarray) -> _Effects:
    """Least squares of what is left, with clustered covariance, of one sample split."""
    information = treatments.T @ treatments
    try:
        within.refuse_collinear(np.ones((len(outcome), 1)), rows.treatments.T[:, :, None], information)
    except within.Degenerate as problem:
        raise _nothing_left(study, problem, say("unit and period effects, what covariates explain")) from None
    value = np.linalg.solve(information, treatments.T @ outcome)
    sums = clustered(treatments * (outcome - treatments @ value)[:, None], rows.cluster)
    influence = np.linalg.solve(information, sums.T)
    return _Effects(value, len(sums) / (len(sums) - 1) * influence @ influence.T)


def _median(splits: list[_Effects]) -> _Effects:
    """The median over sample splits: of matrices the one of median norm, in units that do not depend on treatments'."""
    value = np.median([item.value for item in splits], axis=0)
    spread = [item.covariance + np.outer(item.value - value, item.value - value) for item in splits]
    scale = np.sqrt(np.median([np.diag(matrix) for matrix in spread], axis=0))
    size = np.outer(scale, scale) if (scale > 0).all() else 1.0
    order = np.argsort([np.linalg.norm(matrix / size, 2) for matrix in spread], kind="stable")
    middle = order[(len(order) - 1) // 2 : len(order) // 2 + 1]
    return _Effects(value, np.mean([spread[index] for index in middle], axis=0))


def _estimate(
    study: Study,
    panel: Panel,
    rows: _Rows,
    effects: _Effects,
    index: int,
    chosen: Mapping[str, Any],
    noted: tuple[str, ...],
) -> Estimate:
    from importlib.metadata import version

    treatment, freedom = study.treatments[index], panel.n_clusters - 1
    value, doses = float(effects.value[index]), rows.doses[:, index]
    told = {"scale": _rates.scale(study, panel), "unit": treatment.unit or say("unit of treatment")}
    alone = say("Change of {scale} per {unit}, given the covariates", **told)
    both = say("Change of {scale} per {unit}, given the covariates and the other treatments", **told)
    return _level.estimate(
        replace(study, treatments=(treatment,)),
        panel,
        alone if len(study.treatments) == 1 else both,
        value,
        float(np.sqrt(effects.covariance[index, index])),
        _level.Sample(
            n_observations=len(rows.outcome),
            n_units=panel.n_units,
            n_treated=int((np.nan_to_num(panel.matrix(f"d_{treatment.name}")) != 0).any(axis=1).sum()),
            n_clusters=panel.n_clusters,
            untreated=float((rows.raw - value * doses)[np.nan_to_num(doses) != 0].mean()),
            lowest=float(rows.raw.min()),
            warnings=_guard.two_way(study, panel, np.ones(panel.n_units, bool)) + noted,
        ),
        _level.EventStudy(None, _covariance(study, effects), ()),
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


def _covariance(study: Study, effects: _Effects) -> pd.DataFrame | None:
    """The joint covariance of several treatments, labelled as the contract says."""
    import pandas as pd

    labels = [f"{treatment.name}:headline" for treatment in study.treatments]
    return None if len(labels) == 1 else pd.DataFrame(effects.covariance, index=labels, columns=labels)
