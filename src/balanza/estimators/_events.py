"""Event studies: their bins as regressors, when they are refused, and the covariance of their rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Panel, Study, Treatment
from balanza.estimators import _guard, _summary
from balanza.kernels.multiplier import critical_value
from balanza.kernels.patterned import Pattern
from balanza.kernels.within import Degenerate
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd

SINGULAR = 1e-10
SEPARATE = ("negative_binomial", "poisson", "twfe")
"""Estimators whose event study is a fit of its own, which those who ask for the effect alone do without."""
Fit = Callable[[list["Events"], list[int]], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Events:
    """Event-time bins of one treatment.

    time : shape (n_bins,), first period of each bin relative to the start
    period : their labels, where the start is common
    size : shape (n_units,), 1 or the unit's dose
    key : int, shape (n_units, n_periods), the bin that is on, -1 for none
    """

    treatment: Treatment
    time: np.ndarray
    period: np.ndarray | None
    size: np.ndarray
    key: np.ndarray

    @property
    def regressors(self) -> np.ndarray:
        """The bins, written out, shape (n_bins, n_units, n_periods)."""
        return np.asarray(self.size[:, None] * (self.key == np.arange(len(self.time))[:, None, None]))


@dataclass(frozen=True)
class EventRows:
    """Rows and influence functions (n_clusters, n_rows) of event studies by treatment, and why there are none."""

    rows: Mapping[str, pd.DataFrame]
    influence: Mapping[str, np.ndarray]
    warnings: tuple[str, ...]


def fitted(
    study: Study, designs: list[Events | None], fit: Fit, n_clusters: int, rng: np.random.Generator, draws: int
) -> EventRows:
    """Event studies of all treatments that have one, fitted jointly; without rows, and saying so, where refused.

    Parameters
    ----------
    study : Study
    designs : list
        From `design`, in the order of the study's treatments.
    fit : callable
        Takes the event studies and the positions of the treatments that have none, and returns coefficients and
        influence functions (n_clusters, n_coefficients) whose first ones are those of the bins.
    n_clusters : int
    rng, draws : Generator, int
        For the uniform bands.
    """
    bins = [item for item in designs if item is not None and len(item.time)]
    if not bins:
        return EventRows({}, {}, ())
    n_bins = sum(len(item.time) for item in bins)
    if reason := too_many(n_bins, n_clusters):
        return _refused(reason)
    named = {item.treatment.name for item in bins}
    others = [index for index, item in enumerate(study.treatments) if item.name not in named]
    try:
        coefficients, influence = fit(bins, others)
    except Degenerate as problem:
        return _refused(_guard.WITHOUT_SOLUTION[problem.reason])
    influence = influence[:, :n_bins]
    if singular(influence):
        return _refused(say("its covariance is singular"))
    splits = np.cumsum([len(item.time) for item in bins])[:-1]
    rows, parts = {}, np.split(influence, splits, axis=1)
    for item, values, part in zip(bins, np.split(coefficients[:n_bins], splits), parts, strict=True):
        rows[item.treatment.name] = _summary.rows_frame(
            "event_time",
            values,
            np.linalg.norm(part, axis=0),
            study.level,
            n_clusters - 1,
            critical_value(part, draws, study.level, rng),
            event_time=item.time,
            period=item.period,
        )
    return EventRows(rows, {item.treatment.name: part for item, part in zip(bins, parts, strict=True)}, ())


def refusal(reason: str) -> str:
    """The sentence that stands in place of an event study."""
    return say("The event study is not shown: {reason}. Set `event_bins` to wider bins", reason=reason)


def too_many(n_bins: int, n_clusters: int) -> str | None:
    """The reason against an event study with more coefficients than clusters allow."""
    if n_bins <= n_clusters - 1:
        return None
    return say("it has {n_bins} free coefficients and only {n_clusters} clusters", n_bins=n_bins, n_clusters=n_clusters)


def singular(influence: np.ndarray) -> bool:
    """Whether estimates with that influence, shape (n_clusters, n_estimates), have a singular covariance."""
    size = np.linalg.norm(influence, axis=0)
    if not size.all():
        return True
    return bool(np.linalg.svd(influence / size, compute_uv=False)[-1] ** 2 < SINGULAR)


def design(study: Study, panel: Panel, treatment: Treatment, unit: np.ndarray, period: np.ndarray) -> Events | None:
    """Bins x dose around a common start, or bins around each unit's first treated period.

    The reference is the last bin before treatment, which has no coefficient.

    Parameters
    ----------
    study, panel, treatment : as in the contract
    unit, period : ndarray of int
        Codes of the units and periods that enter.

    Returns
    -------
    Events or None
        None for treatments that switch off, for doses without a common start, and where `event_bins` is 0, so that
        nobody asks for event studies.
    """
    if study.event_bins == 0:
        return None
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")[unit]
        size = (cohort >= 0).astype(float)
        relative = period - cohort[:, None]
    elif treatment.steady and treatment.name in panel.start:
        start = panel.start[treatment.name]
        size = np.asarray(np.nanmean(panel.matrix(f"d_{treatment.name}")[unit, start:], axis=1))
        relative = np.broadcast_to(period - start, (len(unit), len(period)))
    else:
        return None
    bins = np.where(size[:, None] != 0, relative // study.event_bins, -1)
    free = np.unique(bins)
    free = free[free != -1]
    time = free * study.event_bins
    labels = None
    if treatment.kind == "dose":
        labels = panel.period_labels[np.maximum(time + panel.start[treatment.name], 0)]
    key = np.where(bins == -1, -1, np.searchsorted(free, bins))
    return Events(treatment, time, labels, np.ones(len(unit)) if treatment.kind == "binary" else size, key)


def patterns(items: list[Events]) -> tuple[np.ndarray, list[Pattern]]:
    """Codes of units that share all bins, shape (n_units,), and the bins of each treatment for these."""
    keys = np.stack([item.key for item in items], axis=1)
    found, code = np.unique(keys.reshape(len(keys), -1), axis=0, return_inverse=True)
    by_code = found.reshape(-1, *keys.shape[1:])
    return code.ravel(), [Pattern(item.size, by_code[:, index]) for index, item in enumerate(items)]


def covariances(study: Study, influence: np.ndarray, events: EventRows) -> pd.DataFrame | None:
    """Covariance of the event-study rows; with several treatments joint, and with the effects as `:headline`.

    Parameters
    ----------
    study : Study
    influence : ndarray, shape (n_clusters, n_coefficients)
        Of the effects, in the order of the study's treatments, whatever follows.
    events : EventRows
    """
    if len(study.treatments) == 1:
        part = events.influence.get(study.treatment.name)
        return None if part is None else _summary.covariance_frame(part, [str(row) for row in range(part.shape[1])])
    columns, labels = [], []
    for index, treatment in enumerate(study.treatments):
        part = events.influence.get(treatment.name, np.zeros((len(influence), 0)))
        columns.append(np.column_stack([influence[:, index], part]))
        labels += [f"{treatment.name}:headline", *(f"{treatment.name}:{row}" for row in range(part.shape[1]))]
    return _summary.covariance_frame(np.hstack(columns), labels)


def _refused(reason: str) -> EventRows:
    return EventRows({}, {}, (refusal(reason),))
