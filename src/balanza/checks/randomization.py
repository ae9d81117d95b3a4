"""Randomization test: hand the treatment's paths to other clusters at random, after Fisher and Wu and Ding (2021).

The Guard was not assigned at random. The test asks how often a random assignment of the same paths would have
produced as strong a link with the outcome as the observed one, if the treatment changed nothing. The fit without the
treatment is that of the two-way estimators: unit and period effects, period x baseline covariates, covariates that
change, and the other treatments of the study. A path that comes to a cluster without rows in some period weighs nothing
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.estimators import _covariates
from balanza.kernels import permutation, poisson, within

SPEC = CheckSpec(
    name="randomization",
    title="Randomization of the treatment over clusters",
    question="Would a random assignment of the same treatment show as strong a link?",
    reference="Wu & Ding (2021), JASA 116(536); Fisher (1935)",
    treatments=frozenset({"binary", "reversible", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
Rows are summed to clusters $c$ and periods $t$ (means for a gaussian outcome). $r_{ct}$ are residuals of a two-way
fixed-effects fit without the treatment (Poisson, or weighted least squares times its weights), and $\tilde D_{ct}$ the
treatment net of the same effects and of other treatments, with the fit's weights:

```math
T = \frac{\sum_c s_c}{\sqrt{\sum_c s_c^2}}, \quad s_c = \sum_t r_{ct} \tilde D_{ct}
```

A draw $b$ hands the clusters' treatment paths to clusters in random order. With $B$ draws, `draws` of the run:

```math
p = \frac{1 + \sum_b \mathbf{1}\{|T_b| \geq |T|\}}{1 + B}
```
""",
    edge_cases=(
        "Refused where a treatment differs within a cluster, or there are fewer than five clusters",
        "Refused where a path is not known in a period in which its cluster lacks rows",
        "For counts, units and periods without any event are left out; a cluster without any weighs nothing"
        " and is counted, but its path is handed on as others are",
        "Covariates are in the fit without the treatment, and the treatment is taken net of them",
        "A draw that leaves the treatment without variation of its own counts as a statistic of 0",
        "Other treatments of the study stay where they are",
    ),
)


@dataclass(frozen=True)
class _Rows:
    """What the null model is fitted to: units x periods, NaN without a row; `varying` is (k, n_units, n_periods)."""

    outcome: np.ndarray
    weights: np.ndarray
    varying: np.ndarray
    baseline: np.ndarray
    cluster: np.ndarray
    periods: np.ndarray
    silent: int


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Compare the observed score statistic of each treatment with those of random reassignments.

    Parameters
    ----------
    study, panel, estimates : as in the contract
        A treatment must be the same for all units of a cluster in a period.
    rng : Generator
        Draws `study.draws` reassignments.

    Returns
    -------
    CheckResult
        `passed` is None: it informs. `table` has a row for each treatment, `figure` the drawn statistics.

    Raises
    ------
    Unsupported
        If a treatment varies within a cluster, a path is not known in all periods, the fit without the treatment has no
        solution, or there are fewer than five clusters.
    """
    import pandas as pd

    if panel.n_clusters < 5:
        raise Unsupported(f"needs five clusters or more, not {panel.n_clusters}", where=SPEC.name)
    paths = {treatment.name: _paths(treatment, panel) for treatment in study.treatments}
    data = _rows(study, panel)
    rows: list[dict[str, Any]] = []
    drawn = []
    for name in paths:
        observed, draws = _test(study, data, paths, name, rng)
        p = permutation.p_value(observed, draws)
        rows.append({"treatment": name, "statistic": observed, "p_value": p, "draws": len(draws)})
        drawn.append(pd.DataFrame({"treatment": name, "statistic": draws}))
    values = {"n_clusters": panel.n_clusters, "p_value": rows[0]["p_value"], "assignment": "hypothetical"}
    return CheckResult(
        SPEC.name,
        None,
        _sentence(study, panel, rows, data.silent),
        values,
        pd.DataFrame(rows),
        pd.concat(drawn, ignore_index=True),
    )


def _sentence(study: Study, panel: Panel, rows: list[dict[str, Any]], silent: int) -> str:
    parts = [f"{'' if len(rows) == 1 else row['treatment'] + ': '}p = {row['p_value']:.3f}" for row in rows]
    handed = f"been handed to the {panel.n_clusters} clusters at random (which it was not)"
    if all(treatment.kind == "binary" for treatment in study.treatments):
        handed = f"been handed round the {panel.n_clusters} clusters at random (which they were not)"
        what = "the same paths of first treatment"
    else:
        what = "the same treatment"
    covariates = [name for name in study.covariates if name != "graph"]
    given = f", given {', '.join(covariates)}" if covariates else ""
    lost = f" {silent} cluster(s) without any {study.outcome.column} weigh nothing." if silent else ""
    return (
        f"Had {what} {handed}, as strong a link would have come about with {'; '.join(parts)}"
        f" ({study.draws} draws{given}).{lost}"
    )


def _paths(treatment: Treatment, panel: Panel) -> np.ndarray:
    """The treatment of each cluster in all periods, shape (n_clusters, n_periods).

    Raises
    ------
    Unsupported
        If units of a cluster differ, or a path is not known where its cluster has no rows.
    """
    by_unit = _unit_paths(treatment, panel)
    low = np.full((panel.n_clusters, panel.n_periods), np.nan)
    high, cluster = low.copy(), panel.by_unit("cluster")
    np.fmin.at(low, cluster, by_unit)
    np.fmax.at(high, cluster, by_unit)
    if np.nanmax(high - low) > 1e-9 * max(1.0, np.nanmax(np.abs(high))):
        raise Unsupported(
            f"{treatment.name} differs within a cluster", where=SPEC.name, cure="Cluster where it is assigned"
        )
    if np.isnan(low).any():
        raise Unsupported(
            f"{treatment.name} is not known where a cluster lacks rows, so that its path cannot be handed on",
            where=SPEC.name,
            cure="Fill the rows, or choose a window in which each cluster has a row in each period",
        )
    return low


def _unit_paths(treatment: Treatment, panel: Panel) -> np.ndarray:
    """The treatment as units x periods: in all periods where it follows from its start, else NaN without a row."""
    period = np.arange(panel.n_periods)
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")[:, None]
        return np.asarray((cohort >= 0) & (period >= cohort), float)
    values = panel.matrix(f"d_{treatment.name}")
    start = panel.start.get(treatment.name)
    if start is None or not treatment.steady:
        return values
    return np.asarray(np.nanmean(values[:, start:], axis=1)[:, None] * (period >= start))


def _rows(study: Study, panel: Panel) -> _Rows:
    """The rows that tell anything: for counts without units and periods in which nothing happened."""
    outcome = panel.matrix("outcome")
    weights = panel.matrix("weight") if study.weights else np.where(np.isnan(outcome), np.nan, 1.0)
    covariates, cluster = _covariates.split(SPEC, study, panel), panel.by_unit("cluster")
    units, periods = np.ones(panel.n_units, bool), np.ones(panel.n_periods, bool)
    if study.outcome.family == "poisson":
        exposure = panel.matrix("exposure") if study.outcome.exposure else 1.0
        outcome, weights = outcome * weights, weights * exposure
        units, periods = np.nansum(outcome, axis=1) > 0, np.nansum(outcome, axis=0) > 0
    return _Rows(
        outcome=outcome[np.ix_(units, periods)],
        weights=weights[np.ix_(units, periods)],
        varying=covariates.varying[:, units][:, :, periods],
        baseline=covariates.baseline[units],
        cluster=cluster[units],
        periods=periods,
        silent=panel.n_clusters - len(np.unique(cluster[units])),
    )


def _test(
    study: Study, data: _Rows, paths: Mapping[str, np.ndarray], name: str, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """The observed statistic and the drawn ones, from one fit without the treatment."""
    others = [path[data.cluster][:, data.periods] for other, path in paths.items() if other != name]
    regressors = np.concatenate([data.varying, np.array(others).reshape(-1, *data.outcome.shape)])
    try:
        residual, weights = _null_fit(study, data, regressors)
    except within.Degenerate as problem:
        raise Unsupported(
            f"the fit without the treatment has no solution: a coefficient is {problem.reason}",
            where=SPEC.name,
            cure="Remove a covariate that repeats others or hardly varies",
        ) from None
    path, n_clusters = paths[name][:, data.periods], len(paths[name])
    orders = rng.permuted(np.tile(np.arange(n_clusters), (study.draws, 1)), axis=1)
    orders = np.vstack([np.arange(n_clusters), orders])
    found = permutation.score_statistics(residual, weights, path, orders, regressors, data.cluster, data.baseline)
    return float(found[0]), found[1:]


def _null_fit(study: Study, data: _Rows, regressors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted residuals and weights of the score, (n_units, n_periods), 0 where there is no row."""
    seen = ~np.isnan(data.outcome)
    if study.outcome.family == "gaussian":
        mass = np.where(seen, data.weights, 0.0)
        found = within.fit(data.outcome, data.weights, regressors, data.baseline)
        left = data.outcome - np.einsum("k,kit->it", found.coefficients, np.where(seen, regressors, 0.0))
        return mass * within.within(left[None], mass, data.baseline)[0], mass
    fitted = poisson.fit(data.outcome, data.weights, regressors, data.baseline).fitted
    return np.where(seen, data.outcome - fitted, 0.0), fitted
