"""Periods: months and years of a panel as consecutive codes from 0, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balanza.errors import PanelError

FIRST_YEAR, LAST_YEAR = 1000, 2999


def is_monthly(values: pd.Series) -> bool:
    """Whether a period column holds dates (month starts) rather than whole numbers."""
    return bool(pd.api.types.is_datetime64_any_dtype(values))


def ordinals(values: pd.Series, where: str) -> np.ndarray:
    """Periods on a scale where consecutive periods differ by 1 (months since year 0, or the numbers themselves).

    Parameters
    ----------
    values : Series
        Month starts as dates, or whole numbers (years, waves).
    where : str
        File and column, for the error.

    Returns
    -------
    ndarray of int64, shape (len(values),)

    Raises
    ------
    PanelError
        If a value is missing or is neither a date nor a whole number.
    """
    if values.isna().any():
        row = int(np.flatnonzero(values.isna())[0])
        raise PanelError(f"the period is missing in row {row + 1}", where=where, cure="Fill it or drop the row")
    if is_monthly(values):
        return np.asarray(values.dt.year * 12 + values.dt.month - 1, dtype=np.int64)
    if not pd.api.types.is_numeric_dtype(values):
        parsed = pd.to_datetime(values, format="mixed", errors="coerce")
        if parsed.isna().any():
            bad = values[parsed.isna()].iloc[0]
            raise PanelError(
                f"{bad!r} is not a period", where=where, cure="Use dates such as 2019-07, or whole numbers"
            )
        return ordinals(parsed, where)
    numbers = values.to_numpy(float)
    if not np.all(np.isfinite(numbers)) or np.any(numbers != np.round(numbers)):
        raise PanelError("periods must be whole numbers or dates", where=where, cure="Round them, or give dates")
    return numbers.astype(np.int64)


def ordinal(value: Any, monthly: bool, where: str) -> int:
    """One period of a study file (2019-07, a date, or a whole number) on the scale of `ordinals`.

    Raises
    ------
    PanelError
        If the value is no period of the panel's kind.
    """
    try:
        if not monthly:
            return int(value)
        date = pd.Timestamp(str(value))
        return int(date.year * 12 + date.month - 1)
    except ValueError:
        wanted = "a month such as 2019-07" if monthly else "a whole number such as 2019"
        raise PanelError(f"{value!r} is not a period", where=where, cure=f"Write {wanted}") from None


def labels(codes: np.ndarray, monthly: bool) -> np.ndarray:
    """Readable labels of ordinals: 2019-07 for months, the number itself otherwise."""
    if monthly:
        return np.array([f"{code // 12:04d}-{code % 12 + 1:02d}" for code in codes])
    return np.asarray(codes)


def per_year(span: np.ndarray, monthly: bool) -> float | None:
    """Periods in a year: 12 for months, 1 for whole numbers that are all years (1000 to 2999), None for others (waves).

    Parameters
    ----------
    span : ndarray of int64
        The ordinals of all periods.
    monthly : bool
    """
    if monthly:
        return 12.0
    return 1.0 if ((span >= FIRST_YEAR) & (span <= LAST_YEAR)).all() else None


def axis(present: np.ndarray, monthly: bool, where: str) -> np.ndarray:
    """All periods from the first to the last one, at the panel's own step.

    Parameters
    ----------
    present : ndarray of int64
        The ordinals that occur, in any order.
    monthly : bool
        Months must be consecutive; other periods may have a common step (a survey every second year).

    Raises
    ------
    PanelError
        If a period within the span has no row at all.
    """
    found = np.unique(present)
    step = 1 if monthly or len(found) < 2 else int(np.gcd.reduce(np.diff(found)))
    full = np.arange(found[0], found[-1] + 1, step)
    gaps = np.setdiff1d(full, found)
    if gaps.size:
        shown = ", ".join(str(label) for label in labels(gaps[:5], monthly))
        more = f" and {gaps.size - 5} more" if gaps.size > 5 else ""
        raise PanelError(
            f"no unit has a row in {shown}{more}, inside the panel's span",
            where=where,
            cure="Add the rows, or narrow the window",
        )
    return full
