"""Randomization test: hand the treatment's paths to other clusters at random, after Fisher and Wu and Ding (2021).

The Guard was not assigned at random. The test asks how often a random assignment of the same paths would have
produced as strong a link with the outcome as the observed one, if the treatment changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.kernels import permutation, poisson

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
        "Refused where clusters lack rows in different periods, or, for counts, a cluster or a period has no event",
        "Studies with covariates are refused: the fit under the null has none",
        "A draw that leaves the treatment without variation of its own counts as a statistic of 0",
        "Other treatments of the study stay where they are",
    ),
)


@dataclass(frozen=True)
class _Cells:
    """The study summed to clusters: outcome, weights of the sum, and treatments, each (n_clusters, n_periods)."""

    outcome: np.ndarray
    exposure: np.ndarray
    treatments: Mapping[str, np.ndarray]


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
        If a treatment varies within a cluster, or there are fewer than five clusters.
    """
    import pandas as pd

    cells = _cells(study, panel)
    rows: list[dict[str, Any]] = []
    drawn = []
    for name in cells.treatments:
        observed, draws = _test(study, cells, name, rng)
        p = permutation.p_value(observed, draws)
        rows.append({"treatment": name, "statistic": observed, "p_value": p, "draws": len(draws)})
        drawn.append(pd.DataFrame({"treatment": name, "statistic": draws}))
    parts = [f"{'' if len(rows) == 1 else row['treatment'] + ': '}p = {row['p_value']:.3f}" for row in rows]
    sentence = (
        f"Had the same treatment been handed to the {panel.n_clusters} clusters at random (which it was not), as "
        f"strong a link would have come about with {'; '.join(parts)} ({study.draws} draws)."
    )
    values = {"n_clusters": panel.n_clusters, "p_value": rows[0]["p_value"], "assignment": "hypothetical"}
    return CheckResult(SPEC.name, None, sentence, values, pd.DataFrame(rows), pd.concat(drawn, ignore_index=True))


def _cells(study: Study, panel: Panel) -> _Cells:
    if panel.n_clusters < 5:
        raise Unsupported(f"needs five clusters or more, not {panel.n_clusters}", where=SPEC.name)
    if study.covariates:
        raise Unsupported("fits no covariates under the null", where=SPEC.name, cure="Read it on a study without them")
    frame = panel.frame
    weight = frame["weight"].to_numpy() if "weight" in frame else np.ones(len(frame))
    exposure = frame["exposure"].to_numpy() if "exposure" in frame else np.ones(len(frame))
    keys = frame["cluster"].to_numpy() * panel.n_periods + frame["period"].to_numpy()
    shape = (panel.n_clusters, panel.n_periods)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(keys, values, minlength=shape[0] * shape[1]).reshape(shape)

    counted = total(weight)
    if np.any((counted > 0) != (counted[0] > 0)):
        raise Unsupported("clusters lack rows in different periods", where=SPEC.name, cure="Fill the rows")
    treatments = {}
    for treatment in study.treatments:
        values = frame[f"d_{treatment.name}"].to_numpy()
        mean = np.divide(total(weight * values), counted, out=np.zeros(shape), where=counted > 0)
        if np.abs(mean.ravel()[keys] - values).max() > 1e-9 * max(1.0, np.abs(values).max()):
            raise Unsupported(
                f"{treatment.name} differs within a cluster", where=SPEC.name, cure="Cluster where it is assigned"
            )
        treatments[treatment.name] = mean
    outcome = total(weight * frame["outcome"].to_numpy())
    if study.outcome.family == "gaussian":
        return _Cells(np.divide(outcome, counted, out=outcome, where=counted > 0), counted, treatments)
    return _Cells(outcome, total(weight * exposure), treatments)


def _test(study: Study, cells: _Cells, name: str, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """The observed statistic and the drawn ones, from one fit without the treatment."""
    others = np.array([paths for other, paths in cells.treatments.items() if other != name])
    others = others.reshape(-1, *cells.outcome.shape)
    residual, weights = _null_fit(study, cells, others)
    n_clusters = len(cells.outcome)
    orders = rng.permuted(np.tile(np.arange(n_clusters), (study.draws, 1)), axis=1)
    orders = np.vstack([np.arange(n_clusters), orders])
    statistics = permutation.score_statistics(residual, weights, cells.treatments[name], orders, others)
    return float(statistics[0]), statistics[1:]


def _null_fit(study: Study, cells: _Cells, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if study.outcome.family == "gaussian":
        outcome = poisson.project(cells.exposure, cells.outcome[None])[0]
        if len(others):
            fixed = poisson.project(cells.exposure, others)
            gram = np.einsum("jit,it,kit->jk", fixed, cells.exposure, fixed)
            moments = np.einsum("jit,it,it->j", fixed, cells.exposure, outcome)
            outcome = outcome - np.einsum("j,jit->it", np.linalg.solve(gram, moments), fixed)
        return cells.exposure * outcome, cells.exposure
    seen = cells.outcome.sum(axis=1) > 0
    active = cells.outcome.sum(axis=0) > 0
    if not (seen.all() and active.all()):
        raise Unsupported("a cluster or a period has no event at all", where=SPEC.name, cure="Choose wider clusters")
    fit = poisson.fit(np.where(cells.exposure > 0, cells.outcome, np.nan), cells.exposure, others)
    return np.where(cells.exposure > 0, cells.outcome - fit.fitted, 0.0), fit.fitted
