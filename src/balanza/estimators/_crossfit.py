"""Cross-fitting by cluster: folds that no cluster straddles, and the learners of nuisance functions.

Names carry no information, so that folds must not depend on them: units and clusters are first put in the order of
their data. Learners are deterministic given a seed drawn from the generator of the job.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from balanza.contract import EstimatorSpec, Panel, Study
from balanza.errors import Unsupported
from balanza.say import say

LEARNERS = ("lasso", "boosting", "forest")
WORDS = {
    "lasso": say("lasso on squares and products, penalty by cross-validation (scikit-learn)"),
    "boosting": say(
        "gradient boosted trees (scikit-learn HistGradientBoosting, 100 trees of at most 8 leaves, rate .05)"
    ),
    "forest": say("random forest (scikit-learn, 200 trees, leaves of at least 5)"),
}
SEEDS = 2**31 - 1


def canonical(panel: Panel) -> Panel:
    """The same panel with units and clusters numbered in the order of their data, whatever their names were."""
    columns = sorted(name for name in panel.frame.columns if name not in ("unit", "cluster", "period"))
    content = np.stack([panel.matrix(name) for name in columns], axis=2).reshape(panel.n_units, -1)
    rows = [tuple(values) for values in np.where(np.isnan(content), np.inf, content)]
    cluster = panel.by_unit("cluster")
    members = {int(code): sorted(np.flatnonzero(cluster == code), key=rows.__getitem__) for code in np.unique(cluster)}
    order = sorted(members, key=lambda code: [rows[unit] for unit in members[code]])
    units = np.concatenate([members[code] for code in order])
    new_unit, new_cluster = np.empty(panel.n_units, int), np.zeros(panel.n_clusters, int)
    new_unit[units], new_cluster[order] = np.arange(panel.n_units), np.arange(len(order))
    frame = panel.frame.assign(
        unit=new_unit[panel.frame["unit"].to_numpy()], cluster=new_cluster[panel.frame["cluster"].to_numpy()]
    ).sort_values(["unit", "period"], ignore_index=True)
    return replace(panel, frame=frame, unit_labels=panel.unit_labels[units], cluster_labels=panel.cluster_labels[order])


def folds(spec: EstimatorSpec, study: Study, cluster: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """A fold for each row, the same within clusters, with as many clusters in each as can be, shape (n,).

    Raises
    ------
    Unsupported
        If there are more folds than clusters.
    """
    codes, position = np.unique(cluster, return_inverse=True)
    if len(codes) < n_folds:
        raise Unsupported(
            say(
                "has {folds} folds and only {clusters} clusters ({cluster})",
                folds=n_folds,
                clusters=len(codes),
                cluster=study.cluster,
            ),
            where=spec.name,
            cure=say("Set the option `folds` to at most {clusters}", clusters=len(codes)),
        )
    return np.asarray((rng.permutation(len(codes)) % n_folds)[position])


def learner(name: str, rng: np.random.Generator) -> Any:
    """An unfitted scikit-learn regressor, one of LEARNERS."""
    seed = int(rng.integers(SEEDS))
    if name == "lasso":
        from sklearn.linear_model import LassoCV, lasso_path
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        class Lasso(LassoCV):  # type: ignore[misc]
            # else the same matrix is checked once a penalty, for half of the time
            path = staticmethod(partial(lasso_path, check_input=False))

        # rows lie in the order of clusters, so that contiguous folds all but respect them
        return make_pipeline(StandardScaler(), Lasso(cv=5, alphas=50, max_iter=5000, random_state=seed))
    if name == "boosting":
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(
            max_iter=100, learning_rate=0.05, max_leaf_nodes=8, early_stopping=False, random_state=seed
        )
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=200, min_samples_leaf=5, max_features=0.5, n_jobs=1, random_state=seed)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Keep libraries quiet, and leave a sentence where a learner did not converge."""
    import warnings

    sentences: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield sentences
    lost = sum(item.category.__name__ == "ConvergenceWarning" for item in caught)
    if lost:
        sentences.append(say("{lost} fits of the learner stopped before they had converged", lost=lost))


def predicted(model: Any, features: np.ndarray, target: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Predictions for each fold by a copy of the model that was fitted on the others, shape (n,)."""
    from sklearn.base import clone

    out = np.empty(len(target))
    for code in np.unique(fold):
        held = fold == code
        out[held] = clone(model).fit(features[~held], target[~held]).predict(features[held])
    return out


def dictionary(columns: np.ndarray) -> np.ndarray:
    """Columns in standard units, their squares and their products, shape (n, k + k (k + 1) / 2)."""
    spread = columns.std(axis=0)
    z = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    first, second = np.triu_indices(z.shape[1])
    return np.hstack([z, z[:, first] * z[:, second]])
