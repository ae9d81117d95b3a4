"""Outcomes of linear estimators: a count with exposure enters as its rate per 100,000 a year, and effects get units."""

from __future__ import annotations

import numpy as np

from balanza.contract import Panel, Study, Triple
from balanza.estimators import _summary
from balanza.say import say


def is_rate(study: Study) -> bool:
    """Whether the outcome is a count with people at risk, which a linear estimator takes as a rate."""
    return study.outcome.family == "poisson" and study.outcome.exposure is not None


def outcome(study: Study, panel: Panel) -> np.ndarray:
    """The outcome, or the rate per 100,000 a year, as units x periods with NaN where there is no row."""
    values = panel.matrix("outcome")
    if not is_rate(study):
        return values
    return np.asarray(values / panel.matrix("exposure") * _summary.PER_PEOPLE * (panel.periods_per_year or 1.0))


def scale(study: Study, panel: Panel) -> str:
    """The scale of the outcome in words, for the estimand."""
    if not is_rate(study):
        return study.outcome.column
    time = "year" if panel.periods_per_year else "period"
    return say(
        "{column} per {per_people:,} {exposure} a {time}",
        column=study.outcome.column,
        per_people=_summary.PER_PEOPLE,
        exposure=study.outcome.exposure,
        time=time,
    )


def percent_change(
    study: Study, value: float, bounds: tuple[float, float], untreated: float, lowest: float
) -> Triple | None:
    """An effect on the outcome in per cent.

    Parameters
    ----------
    study : Study
        Effects on a logarithm are exponentiated; all others relate to `untreated`.
    value, bounds : float, (float, float)
        The effect and its interval.
    untreated : float
        Mean outcome that the treated would have had without treatment.
    lowest : float
        The smallest outcome.

    Returns
    -------
    (float, float, float) or None
        None where the outcome can be negative or would have been none, so that it has no reading in per cent.
    """
    if study.outcome.log:
        return _summary.log_percent(value, bounds)
    if lowest < 0 or not untreated > 0:
        return None
    return _summary.scaled(value, bounds, 100 / untreated)


def rate_change(study: Study, panel: Panel, value: float, bounds: tuple[float, float]) -> Triple | None:
    """The effect itself where the outcome is a rate per 100,000 a year, and None otherwise."""
    return (value, *bounds) if is_rate(study) and panel.periods_per_year else None
