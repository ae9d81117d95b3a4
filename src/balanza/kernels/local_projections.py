"""Local projections difference-in-differences of Dube, Girardi, Jorda and Taylor (2025).

For each window of horizons, the outcome there less that before treatment is regressed on entering treatment, with
period effects, among the newly treated and clean controls: units still untreated at the window's end. Without further
weights the regression weighs cohorts by their variance of treatment; reweighted, by their number of treated units.
All periods of entry form one array of long differences, taken from running sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg

from balanza.kernels.within import SINGULAR, small_sample

Control = Literal["not_yet", "never"]


@dataclass(frozen=True)
class Paths:
    """Outcomes as running sums over periods, and what goes with them.

    total, count : shape (n_units, n_periods + 1), of the outcomes seen before a period
    seen : shape (n_units, n_periods)
    cohort, cluster : shape (n_units,), clusters as codes from 0 without gaps
    weights : shape (n_units, n_periods), of the period of entry
    covariates : shape (n_covariates, n_units, n_periods)
    """

    total: np.ndarray
    count: np.ndarray
    seen: np.ndarray
    cohort: np.ndarray
    cluster: np.ndarray
    weights: np.ndarray
    covariates: np.ndarray


@dataclass(frozen=True)
class Projection:
    """The effect in one window.

    influence : shape (n_clusters,), with the small-sample factor; its norm is the standard error
    level : mean outcome of the treated in the window
    treated, used : shape (n_units,), the treated units of the regression, and all its units
    """

    value: float
    influence: np.ndarray
    level: float
    treated: np.ndarray
    used: np.ndarray


@dataclass(frozen=True)
class _Rows:
    """Long differences by unit and period of entry, shape (n_units, n_entries); `use` marks those that enter."""

    change: np.ndarray
    treated: np.ndarray
    use: np.ndarray
    weight: np.ndarray
    covariates: np.ndarray


def paths(
    outcome: np.ndarray,
    cohort: np.ndarray,
    cluster: np.ndarray,
    weights: np.ndarray | None = None,
    covariates: np.ndarray | None = None,
) -> Paths:
    """Prepare a panel for `project`.

    Parameters
    ----------
    outcome : ndarray, shape (n_units, n_periods)
        NaN where there is no row.
    cohort : ndarray of int, shape (n_units,)
        Code of the first treated period, beyond all periods for never.
    cluster : ndarray of int, shape (n_units,)
    weights : ndarray, shape (n_units, n_periods), optional
        That of the period of entry counts.
    covariates : ndarray, shape (n_covariates, n_units, n_periods), optional
        Those of the period before entry count.
    """
    seen = ~np.isnan(outcome)
    start = np.zeros((len(outcome), 1))
    return Paths(
        total=np.hstack([start, np.cumsum(np.where(seen, outcome, 0.0), axis=1)]),
        count=np.hstack([start.astype(np.int64), np.cumsum(seen, axis=1)]),
        seen=seen,
        cohort=cohort,
        cluster=np.unique(cluster, return_inverse=True)[1],
        weights=seen.astype(float) if weights is None else np.where(seen, weights, 0.0),
        covariates=np.zeros((0, *seen.shape)) if covariates is None else covariates,
    )


def project(
    data: Paths,
    first: int,
    last: int,
    *,
    base: int | None = 1,
    control: Control = "not_yet",
    reweight: bool = False,
) -> Projection | None:
    """The effect on the mean outcome from `first` to `last` periods after entry, against that before it.

    Parameters
    ----------
    data : Paths
    first, last : int
        Horizons; negative ones lie before entry, 0 is the period of entry.
    base : int or None
        Number of periods just before entry whose mean is subtracted, fewer at the panel's start; all where None.
    control : {"not_yet", "never"}
        Units untreated at the window's end (at entry, for windows before it), or only those never treated.
    reweight : bool
        Weigh cohorts by their treated units; with covariates by regression adjustment: the treated are compared with
        what the controls' regression predicts for them.

    Returns
    -------
    Projection or None
        None where no cohort has both treated units and controls, or covariates are collinear.
    """
    n_periods = data.seen.shape[1]
    entry = np.arange(max(1, -first), min(n_periods, n_periods - last))
    treated = data.cohort[:, None] == entry
    clean = data.cohort[:, None] > (entry + max(last, 0) if control == "not_yet" else n_periods)
    full = _complete(data, entry, first, last, base)
    use = (treated | clean) & full
    if len(data.covariates):
        use &= np.isfinite(data.covariates[:, :, entry - 1]).all(axis=0)
    both = (use & treated).any(axis=0) & (use & clean).any(axis=0)
    if not both.any():
        return None
    # Entries without treated units say nothing of the effect, but count as rows, and carry covariates' slopes.
    entering = use.any(axis=0)
    if reweight:
        entering = (use & clean).any(axis=0) if len(data.covariates) else both
    n_rows, n_entries = int(use[:, entering].sum()), int(entering.sum())
    kept = entering if len(data.covariates) else both
    rows = _rows(data, entry[kept], treated[:, kept], use[:, kept], first, last, base)
    found = (_adjust if reweight and len(data.covariates) else _regress)(rows, reweight)
    if found is None:
        return None
    value, units = found
    clusters = np.bincount(data.cluster, units)
    used = use[:, entering].any(axis=1)
    factor = small_sample(len(np.unique(data.cluster[used])), n_rows, 1 + len(data.covariates) + n_entries)
    own = rows.use & rows.treated & both[kept]
    after = _mean(data, entry[kept] + first, entry[kept] + last + 1)
    return Projection(
        value=value,
        influence=factor * clusters,
        level=float((rows.weight * after)[own].sum() / rows.weight[own].sum()),
        treated=own.any(axis=1),
        used=used,
    )


def _complete(data: Paths, entry: np.ndarray, first: int, last: int, base: int | None) -> np.ndarray:
    """Units x entries with all rows of the window, of the base, and that of entry."""
    window = data.count[:, entry + last + 1] - data.count[:, entry + first] == last - first + 1
    start = _start(entry, base)
    before = data.count[:, entry] - data.count[:, start]
    enough = before > 0 if base is None else before == entry - start
    return np.asarray(window & enough & data.seen[:, entry])


def _start(entry: np.ndarray, base: int | None) -> np.ndarray:
    return np.zeros_like(entry) if base is None else np.maximum(entry - base, 0)


def _mean(data: Paths, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Means of the outcomes seen from `start` to before `stop`, shape (n_units, n_entries)."""
    count = data.count[:, stop] - data.count[:, start]
    return np.asarray((data.total[:, stop] - data.total[:, start]) / np.maximum(count, 1))


def _rows(
    data: Paths,
    entry: np.ndarray,
    treated: np.ndarray,
    use: np.ndarray,
    first: int,
    last: int,
    base: int | None,
) -> _Rows:
    change = _mean(data, entry + first, entry + last + 1) - _mean(data, _start(entry, base), entry)
    return _Rows(
        change=np.where(use, change, 0.0),
        treated=treated,
        use=use,
        weight=np.where(use, data.weights[:, entry], 0.0),
        covariates=np.where(use, data.covariates[:, :, entry - 1], 0.0),
    )


def _regress(rows: _Rows, reweight: bool) -> tuple[float, np.ndarray] | None:
    """Weighted least squares on treatment, covariates and period effects: the coefficient, and units' influence."""
    weight = rows.weight
    share = (weight * rows.treated).sum(axis=0) / weight.sum(axis=0)
    if reweight:
        weight = weight / (1 - share)
    x = np.concatenate([rows.treated[None].astype(float), rows.covariates])
    x = x - (weight * x).sum(axis=1, keepdims=True) / weight.sum(axis=0)
    y = rows.change - (weight * rows.change).sum(axis=0) / weight.sum(axis=0)
    gram = np.einsum("it,jit,kit->jk", weight, x, x, optimize=True)
    bread = _inverse(gram)
    if bread is None:
        return None
    coefficients = bread @ np.einsum("it,kit,it->k", weight, x, y, optimize=True)
    residual = weight * (y - np.einsum("k,kit->it", coefficients, x))
    return float(coefficients[0]), np.einsum("k,kit,it->i", bread[0], x, residual, optimize=True)


def _adjust(rows: _Rows, reweight: bool) -> tuple[float, np.ndarray] | None:
    """Regression adjustment: the treated's mean less what the controls' regression predicts, and units' influence."""
    treated, control = rows.weight * rows.treated, rows.weight * ~rows.treated
    total = control.sum(axis=0)
    x = rows.covariates - (control * rows.covariates).sum(axis=1, keepdims=True) / total
    y = rows.change - (control * rows.change).sum(axis=0) / total
    bread = _inverse(np.einsum("it,jit,kit->jk", control, x, x, optimize=True))
    if bread is None:
        return None
    slopes = bread @ np.einsum("it,kit,it->k", control, x, y, optimize=True)
    net = y - np.einsum("k,kit->it", slopes, x)
    n_treated = treated.sum()
    value = float((treated * net).sum() / n_treated)
    shift = np.einsum("it,kit->k", treated, x) @ bread
    weight = treated.sum(axis=0) / total + np.einsum("k,kit->it", shift, x)
    return value, ((treated * (net - value)) - control * weight * net).sum(axis=1) / n_treated


def _inverse(gram: np.ndarray) -> np.ndarray | None:
    """The inverse, or None where the matrix is singular."""
    size = np.sqrt(np.diag(gram))
    if not size.all() or linalg.eigvalsh(gram / np.outer(size, size))[0] < SINGULAR:
        return None
    return np.asarray(linalg.inv(gram))
