"""From estimates and influence functions to the numbers of the contract: intervals, changes, rows and covariances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from balanza.contract import ROW_COLUMNS, RowKind, Triple

if TYPE_CHECKING:
    import pandas as pd

PER_PEOPLE = 100_000
TEXT = ("kind", "group", "period")


def critical(level: float, freedom: int | None = None) -> float:
    """Two-sided critical value of Student's t, or of the normal where `freedom` is None."""
    from scipy.special import ndtri, stdtrit

    probability = 0.5 + level / 2
    return float(ndtri(probability) if freedom is None else stdtrit(freedom, probability))


def interval(value: float, error: float, level: float, freedom: int | None = None) -> tuple[float, float]:
    """Symmetric interval: value -/+ critical value x standard error."""
    half = critical(level, freedom) * error
    return float(value - half), float(value + half)


def p_value(value: float, error: float, freedom: int | None = None) -> float:
    """Two-sided p-value of no effect; without sampling error 1 for zero and 0 otherwise."""
    from scipy.special import ndtr, stdtr

    if error == 0:
        return float(value == 0)
    ratio = -abs(value / error)
    return float(2 * (ndtr(ratio) if freedom is None else stdtr(freedom, ratio)))


def log_percent(value: float, bounds: tuple[float, float]) -> Triple:
    """Per cent change of an effect in logs: 100 (exp(b) - 1), and its bounds."""
    low, high = (100 * float(np.expm1(bound)) for bound in bounds)
    return 100 * float(np.expm1(value)), low, high


def log_rate(value: float, bounds: tuple[float, float], rate: float) -> Triple:
    """Change of a rate by the last unit of treatment: rate x (1 - exp(-b)), where `rate` is that of treated rows.

    For a 0/1 treatment this is the treated rows' observed rate less the one that they would have had without. The
    observed rate counts as given, so that the bounds are those of the effect, transformed.
    """
    low, high = (-rate * float(np.expm1(-bound)) for bound in bounds)
    return -rate * float(np.expm1(-value)), low, high


def scaled(value: float, bounds: tuple[float, float], factor: float) -> Triple:
    """An effect and its bounds in other units."""
    return factor * value, factor * bounds[0], factor * bounds[1]


def rows_frame(
    kind: RowKind,
    value: np.ndarray,
    error: np.ndarray,
    level: float,
    freedom: int | None = None,
    uniform: float | None = None,
    *,
    group: np.ndarray | None = None,
    period: np.ndarray | None = None,
    event_time: np.ndarray | None = None,
    dose: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rows of an estimate in the contract's columns.

    Parameters
    ----------
    kind : str
        Of the contract's row kinds.
    value, error : ndarray, shape (n,)
    level : float
    freedom : int, optional
        Degrees of freedom of the intervals; normal where None.
    uniform : float, optional
        Critical value of the uniform band; the band is never narrower than the interval.
    group, period, event_time, dose : ndarray, shape (n,), optional
        `group` and `period` become text.
    """
    import pandas as pd

    point = critical(level, freedom) * error
    band = np.full(len(value), np.nan)
    if uniform is not None and np.isfinite(uniform):
        band = np.maximum(uniform * error, point)
    given = {
        "kind": np.repeat(kind, len(value)),
        "group": group,
        "period": period,
        "event_time": event_time,
        "dose": dose,
        "value": value,
        "standard_error": error,
        "low": value - point,
        "high": value + point,
        "low_uniform": value - band,
        "high_uniform": value + band,
    }
    columns = {
        name: pd.Series(given[name], index=range(len(value)), dtype="str" if name in TEXT else "float64")
        for name in ROW_COLUMNS
    }
    return pd.DataFrame(columns)


def covariance_frame(influence: np.ndarray, labels: Sequence[str]) -> pd.DataFrame:
    """Covariance of estimates from their influence functions, shape (n_clusters, n_estimates), labelled."""
    import pandas as pd

    return pd.DataFrame(influence.T @ influence, index=list(labels), columns=list(labels))
