"""What checks that compare treatments share: how a change reads, and joint covariances of two-way fits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balanza.checks._twoway import Design
from balanza.contract import Study, Treatment
from balanza.estimators import _summary
from balanza.kernels import cluster_moments
from balanza.kernels.cluster_moments import Moments
from balanza.kernels.jackknife import leaves_out
from balanza.say import say


def read(value: float, counts: bool) -> str:
    """A change in words: per cent of a count, else in the outcome's own units."""
    if counts:
        return say("{change:+.1f} %", change=100 * np.expm1(value))
    return say("{value:+.4g}", value=value)


def unit(treatment: Treatment) -> str:
    """What an effect is stated per."""
    return treatment.unit or say("unit of {name}", name=treatment.name)


def influence(found: Moments) -> tuple[np.ndarray, bool]:
    """Influence of clusters on the regressors of a fit, and whether it fell back from the jackknife to the sandwich."""
    values, sort = cluster_moments.influence(found)
    return values, sort == cluster_moments.SANDWICH and leaves_out(len(values))


def shared(design: Design) -> np.ndarray:
    """Rows of the periods in which all treatments have begun somewhere, shape (n_units, n_periods)."""
    seen = ~np.isnan(design.outcome)
    some = (np.nan_to_num(design.treatments) != 0).any(axis=1)
    first = [int(np.argmax(periods)) if periods.any() else len(periods) for periods in some]
    return np.asarray(seen & (np.arange(design.outcome.shape[1]) >= max(first)))


def mean_of(design: Design, index: int, rows: np.ndarray) -> float:
    """The mean of a treatment over some rows, weighted by people at risk or weights."""
    return float(np.average(design.treatments[index][rows], weights=design.weight[rows]))


def reading(
    contrast: Mapping[int, float], coefficients: np.ndarray, influence: np.ndarray, study: Study, void: bool
) -> dict[str, float | None]:
    """A sum of coefficients with its error, interval and p; without these where the influence judges nothing."""
    value = sum(weight * float(coefficients[index]) for index, weight in contrast.items())
    if void:
        return {"value": value, "standard_error": None, "low": None, "high": None, "p_value": None}
    error = float(np.linalg.norm(sum(weight * influence[:, index] for index, weight in contrast.items())))
    freedom = len(influence) - 1
    low, high = _summary.interval(value, error, study.level, freedom)
    p = _summary.p_value(value, error, freedom)
    return {"value": value, "standard_error": error, "low": low, "high": high, "p_value": p}


def told(p: float, study: Study) -> str:
    """Whether a difference is told from none, with p."""
    p_value = say("p = {p:.3f}", p=p) if p >= 0.001 else "p < 0.001"
    if p <= 1 - study.level:
        return say("is told from none ({p})", p=p_value)
    return say("cannot be told from none ({p})", p=p_value)
