"""The contract's numbers for effects on the scale of the outcome: the estimate, and an event study or its refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import Estimate, Panel, Study
from balanza.estimators import _events, _rates, _summary
from balanza.kernels.multiplier import critical_value
from balanza.say import say

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EventStudy:
    """Rows and their covariance, or neither and a sentence on why."""

    rows: pd.DataFrame | None
    covariance: pd.DataFrame | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """What an estimate was made from.

    untreated : mean outcome that the treated would have had without treatment
    lowest : the smallest outcome
    """

    n_observations: int
    n_units: int
    n_treated: int
    n_clusters: int
    untreated: float
    lowest: float
    warnings: tuple[str, ...]


def events(
    study: Study,
    time: np.ndarray,
    value: np.ndarray,
    influence: np.ndarray,
    rng: np.random.Generator,
    draws: int,
    freedom: int | None = None,
    warnings: tuple[str, ...] = (),
) -> EventStudy:
    """Event-study rows with uniform bands, refused where clusters are too few for their covariance.

    Parameters
    ----------
    time, value : ndarray, shape (n,)
        First period of each bin relative to treatment, and its effect.
    influence : ndarray, shape (n_clusters, n)
    freedom : int, optional
        Degrees of freedom of the intervals; normal where None.
    warnings : sequence of str
        Passed on.
    """
    if not len(time):
        return EventStudy(None, None, warnings)
    reason = _events.too_many(len(time), len(influence))
    if reason is None and _events.singular(influence):
        reason = say("its covariance is singular")
    if reason:
        return EventStudy(None, None, (*warnings, _events.refusal(reason)))
    rows = _summary.rows_frame(
        "event_time",
        value,
        np.linalg.norm(influence, axis=0),
        study.level,
        freedom,
        critical_value(influence, draws, study.level, rng),
        event_time=time,
    )
    return EventStudy(rows, _summary.covariance_frame(influence, [str(row) for row in range(len(time))]), warnings)


def estimate(
    study: Study,
    panel: Panel,
    estimand: str,
    value: float,
    error: float,
    sample: Sample,
    events: EventStudy,
    error_type: str,
    engine: str,
    freedom: int | None = None,
) -> Estimate:
    """An effect on the scale of the outcome, with its readings in per cent and as a rate."""
    bounds = _summary.interval(value, error, study.level, freedom)
    return Estimate(
        treatment=study.treatment.name,
        estimand=estimand,
        scale="level",
        value=value,
        standard_error=error,
        interval=bounds,
        p_value=_summary.p_value(value, error, freedom),
        n_observations=sample.n_observations,
        n_units=sample.n_units,
        n_treated=sample.n_treated,
        n_clusters=sample.n_clusters,
        standard_error_type=error_type,
        engine=engine,
        percent_change=_rates.percent_change(study, value, bounds, sample.untreated, sample.lowest),
        rate_change=_rates.rate_change(study, panel, value, bounds),
        rows=events.rows,
        covariance=events.covariance,
        warnings=sample.warnings + events.warnings,
    )
