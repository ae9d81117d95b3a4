"""Estimates with an event study that is given by hand, for the tests of checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from balanza.contract import Estimate
from balanza.estimators import _summary

BY_HAND = Estimate(
    treatment="guard",
    estimand="by hand",
    scale="log",
    value=0.1,
    standard_error=0.2,
    interval=(-0.3, 0.5),
    p_value=0.6,
    n_observations=288,
    n_units=24,
    n_treated=12,
    n_clusters=24,
    standard_error_type="by hand",
    engine="by hand",
)


def event_study(time: list[int], value: list[float], covariance: np.ndarray, **changes: Any) -> Estimate:
    """An estimate with these event times, coefficients and covariance; normal intervals unless it says `freedom`."""
    freedom = changes.pop("freedom", None)
    labels = changes.pop("labels", [str(row) for row in range(len(time))])
    rows = _summary.rows_frame(
        "event_time",
        np.array(value, float),
        np.sqrt(np.diag(covariance)),
        0.95,
        freedom,
        event_time=np.array(time),
    )
    return replace(BY_HAND, rows=rows, covariance=pd.DataFrame(covariance, labels, labels), **changes)
