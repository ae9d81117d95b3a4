"""The joint test of a specification curve: what curves random assignments of the same treatment would have drawn.

After Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4. The treatment's paths are handed to other clusters
at random, the same way in every variant, and all variants are fitted anew in each draw. So the test holds however much
the variants go together, if the treatment changed nothing. Refits are those of the two-way estimators, from one fit
without the treatment: exact by least squares, and for Poisson one Newton step. Significance is that of the cluster
score statistic, so that no draw needs a standard error of its own; the observed curve is judged by the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.checks import _twoway, randomization
from balanza.checks._reassign import Strata, all_paths, strata
from balanza.contract import CheckSpec, Panel, Study
from balanza.curve import scales
from balanza.errors import Unsupported
from balanza.estimators import _guard, _summary
from balanza.kernels import permutation, poisson, within
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd

ESTIMATORS = ("poisson", "twfe")
"""Estimators whose refits are had from one fit without the treatment."""
TIE = 1e-9
SPEC = CheckSpec(
    name="curve",
    title="Joint test of the specification curve",
    question="Would a random assignment of the same treatment show as strong a curve?",
    reference="Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
)


@dataclass(frozen=True)
class Reassignments:
    """Orders of the clusters' paths, shape (1 + n_draws, n_clusters), the observed one first, and the clusters.

    strata : within how many strata of clusters the paths are handed round
    """

    orders: np.ndarray
    labels: tuple[str, ...]
    strata: int = 1


def reassignments(study: Study, panel: Panel, draws: int, seed: int) -> Reassignments:
    """Random orders of the clusters, which serve all variants, within the strata of the check `randomization`.

    Parameters
    ----------
    study, panel : as in the contract
        Of the study's own choices. Where its treatment cannot be handed on whole there is one stratum: variants whose
        treatment cannot either are refused by `refits`.
    draws, seed : int
    """
    within = _strata(study, panel)
    orders = permutation.reorder(within.codes, draws, np.random.default_rng(seed))
    return Reassignments(orders, tuple(map(str, panel.cluster_labels)), within.count)


def _strata(study: Study, panel: Panel) -> Strata:
    wanted = _guard.options(randomization.SPEC, study)["strata"]
    try:
        paths = all_paths(study, panel, SPEC.name)
    except Unsupported:
        return Strata(np.zeros(panel.n_clusters, np.int64), 1, "")
    return strata(study, panel, paths, wanted, SPEC.name)


def refits(
    study: Study, panel: Panel, estimator: str, assigned: Reassignments
) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    """A variant under every assignment.

    Parameters
    ----------
    study, panel : as in the contract
        Of the variant, on its scale.
    estimator : str
        One of ESTIMATORS.
    assigned : Reassignments

    Returns
    -------
    mapping of treatment to (per cent, statistic), each of shape (1 + n_draws,)
        Per cent is NaN where an assignment leaves the treatment without variation of its own, or an effect has no
        reading in per cent.

    Raises
    ------
    Unsupported
        If its clusters are not those of the study, a treatment differs within them or is not known in a period in
        which a cluster has no rows, or the fit without it has no solution.
    """
    if tuple(map(str, panel.cluster_labels)) != assigned.labels:
        raise Unsupported(say("its clusters are not those of the study's own choices"), where=SPEC.name)
    if estimator == "twfe":
        study, panel = scales.linear(study, panel)
    design = _twoway.whole(SPEC, study, panel)
    paths = all_paths(study, panel, SPEC.name)
    return {
        name: _treatment(study, design, index, paths[name], assigned.orders) for index, name in enumerate(design.names)
    }


def _treatment(
    study: Study, design: _twoway.Design, index: int, path: np.ndarray, orders: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    told = np.nan_to_num(design.outcome) > 0 if design.counts else ~np.isnan(design.outcome)
    units, periods = told.any(axis=1), told.any(axis=0)
    keep = np.ix_(units, periods)
    others = np.delete(design.regressors, index, axis=0)[:, units][:, :, periods]
    own = replace(
        design,
        outcome=design.outcome[keep],
        weight=design.weight[keep],
        baseline=design.baseline[units],
        cluster=design.cluster[units],
    )
    try:
        residual, weights = _null_fit(own, others)
    except within.Degenerate as problem:
        reason = say(
            "the fit without the treatment has no solution: {reason}", reason=_guard.WITHOUT_SOLUTION[problem.reason]
        )
        raise Unsupported(reason, where=SPEC.name) from None
    path = path[:, periods]
    drawn = permutation.draw(residual[None], weights, path, orders, others, own.cluster, own.baseline)
    own_variation = np.where(drawn.information > 0, drawn.information, np.nan)
    return _percent(study, own, drawn.sums[:, 0] / own_variation, path, orders), drawn.statistics()[:, 0]


def _null_fit(design: _twoway.Design, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted residuals and weights of the fit without the treatment, shape (n_units, n_periods), 0 without a row."""
    seen = ~np.isnan(design.outcome)
    if design.counts:
        fitted = poisson.fit(design.outcome, design.weight, others, design.baseline).fitted
        return np.where(seen, design.outcome - fitted, 0.0), fitted
    mass = np.where(seen, design.weight, 0.0)
    found = within.fit(design.outcome, design.weight, others, design.baseline)
    left = design.outcome - np.einsum("k,kit->it", found.coefficients, np.where(seen, others, 0.0))
    return mass * within.within(left[None], mass, design.baseline)[0], mass


def _percent(
    study: Study, design: _twoway.Design, effect: np.ndarray, path: np.ndarray, orders: np.ndarray
) -> np.ndarray:
    """Effects in per cent, as the estimators read them: of the mean outcome that treated rows would have had."""
    if design.counts or study.outcome.log:
        return np.asarray(100 * np.expm1(effect))
    seen = ~np.isnan(design.outcome)
    if design.outcome[seen].min() < 0:
        return np.full(len(effect), np.nan)
    weight = np.where(seen, design.weight, 0.0)
    sums = np.zeros((2, *path.shape))
    np.add.at(sums[0], design.cluster, weight)
    np.add.at(sums[1], design.cluster, weight * np.where(seen, design.outcome, 0.0))
    on, receiver = (path != 0).T.astype(float), np.arange(len(path))
    size, total, dose = (
        product[receiver, orders].sum(axis=1) for product in (sums[0] @ on, sums[1] @ on, sums[0] @ path.T)
    )
    untreated = (total - effect * dose) / size
    return np.where(untreated > 0, 100 * effect / np.where(untreated > 0, untreated, 1.0), np.nan)


def joint_test(
    percent: np.ndarray, statistic: np.ndarray, level: float, n_clusters: int, n_strata: int = 1
) -> dict[str, Any]:
    """Compare the observed curve with those of the random assignments.

    Parameters
    ----------
    percent, statistic : ndarray, shape (n_variants, 1 + n_draws)
        The observed assignment first.
    level : float
        A statistic is significant beyond the critical value of Student's t with n_clusters - 1 degrees of freedom.
    n_clusters, n_strata : int
        Clusters, and how many strata of them the treatment is handed round in.

    Returns
    -------
    dict
        draws, n_strata, n_variants; `median` (per cent), `share_sign` (of the dominant sign, `sign`) and
        `share_significant` (significant and of that sign) as observed, and the p-value of each; `median_range`, the
        central share `level` of the medians of random assignments.
    """
    critical = _summary.critical(level, n_clusters - 1)
    rises, falls = (percent > 0).mean(axis=0), (percent < 0).mean(axis=0)
    sign = np.where(rises >= falls, 1.0, -1.0)
    found = {
        "median": np.nanmedian(percent, axis=0),
        "share_sign": np.maximum(rises, falls),
        "share_significant": ((np.abs(statistic) > critical) & (np.sign(percent) == sign)).mean(axis=0),
    }
    tail = (1 - level) / 2
    known = found["median"][1:]
    answer: dict[str, Any] = {
        "draws": percent.shape[1] - 1,
        "n_strata": n_strata,
        "n_variants": len(percent),
        "level": level,
        "sign": int(sign[0]),
    }
    for name, values in found.items():
        answer |= {name: float(values[0]), f"p_{name}": p_value(np.abs(values))}
    return answer | {"median_range": [float(bound) for bound in np.nanquantile(known, [tail, 1 - tail])]}


def p_value(values: np.ndarray) -> float:
    """Share of assignments whose figure is as large as the observed one, which comes first and is one of them."""
    return float((1 + np.sum(values[1:] >= values[0] * (1 - TIE))) / len(values))


def long(found: Mapping[str, tuple[np.ndarray, np.ndarray]], variant: int, strata: int) -> pd.DataFrame:
    """The refits of a variant, one row for each treatment and assignment, the observed one as draw 0."""
    import pandas as pd

    types: dict[str, Any] = dict.fromkeys(("variant", "draw", "strata"), np.int64) | {"arm": "str"}
    types |= dict.fromkeys(("percent", "statistic"), float)
    parts = [pd.DataFrame(columns=list(types)).astype(types)]
    parts += [
        pd.DataFrame(
            {
                "variant": variant,
                "arm": name,
                "draw": np.arange(len(percent)),
                "strata": strata,
                "percent": percent,
                "statistic": statistic,
            }
        )
        for name, (percent, statistic) in found.items()
    ]
    return pd.concat(parts, ignore_index=True)
