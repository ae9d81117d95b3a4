"""Periods: months and years of a panel as consecutive codes from 0, and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from balanza.errors import PanelError

FIRST_YEAR, LAST_YEAR = 1000, 2999
ISO = r"\d{4}-\d{2}(?:-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)?"


def _row(position: int) -> str:
    return f"row {position + 1}"


def is_monthly(values: pd.Series) -> bool:
    """Whether a period column holds dates (month starts) rather than whole numbers."""
    return bool(pd.api.types.is_datetime64_any_dtype(values))


def ordinals(values: pd.Series, where: str, place: Callable[[int], str] = _row) -> np.ndarray:
    """Periods on a scale where consecutive periods differ by 1 (months since year 0, or the numbers themselves).

    Parameters
    ----------
    values : Series
        Dates, as such or as text (2019-07, 2019-07-01, with or without a time of day), or whole numbers (years, waves).
    where : str
        File and column, for the error.
    place : callable, optional
        The words for a position in `values`, for the error.

    Returns
    -------
    ndarray of int64, shape (len(values),)

    Raises
    ------
    PanelError
        If a value is missing or is neither a date with the year first nor a whole number.
    """
    gone = values.isna().to_numpy(bool)
    if gone.any():
        raise PanelError(f"the period is missing at {place(_first(gone))}", where=where, cure="Fill it or drop the row")
    if is_monthly(values):
        codes, dates = pd.factorize(values)
        found = pd.DatetimeIndex(dates)
        return np.asarray(found.year * 12 + found.month - 1, dtype=np.int64)[codes]
    if not pd.api.types.is_numeric_dtype(values):
        return ordinals(_dates(values, where, place), where, place)
    numbers = values.to_numpy(float)
    bad = ~(np.isfinite(numbers) & (numbers == np.round(numbers)))
    if bad.any():
        at = _first(bad)
        problem = f"the period {numbers[at]} is not a whole number, at {place(at)}"
        raise PanelError(problem, where=where, cure="Round it, or give dates")
    return numbers.astype(np.int64)


def _dates(values: pd.Series, where: str, place: Callable[[int], str]) -> pd.Series:
    """Text with the year first as dates. In another order a day may pass for a month, so that it is refused."""
    text = values.astype(str).str.strip()
    dates = pd.to_datetime(text.where(text.str.fullmatch(ISO)), format="ISO8601", errors="coerce")
    bad = dates.isna().to_numpy()
    if bad.any():
        at = _first(bad)
        problem = f"{str(values.iloc[at])!r} is not a period, at {place(at)}"
        raise PanelError(problem, where=where, cure="Write dates as 2019-07, or years as numbers")
    return dates


def _first(which: np.ndarray) -> int:
    return int(np.flatnonzero(which)[0])


def ordinal(value: Any, monthly: bool, where: str) -> int:
    """One period of a study file (2019-07, a date, or a whole number) on the scale of `ordinals`.

    Raises
    ------
    PanelError
        If the value is no period of the panel's kind.
    """
    try:
        if not monthly and float(value) == int(value):
            return int(value)
        if monthly and re.fullmatch(ISO, str(value)):
            date = pd.Timestamp(str(value))
            return int(date.year * 12 + date.month - 1)
    except (TypeError, ValueError, OverflowError):
        pass  # refused as what else is no period
    wanted = "a month such as 2019-07" if monthly else "a whole number such as 2019"
    raise PanelError(f"{value!r} is not a period", where=where, cure=f"Write {wanted}")


def shown(value: Any) -> str:
    """A period as it stands in a table, readable: a date as its month."""
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        return f"{pd.Timestamp(value):%Y-%m}"
    text = str(value)
    return text[:7] if re.fullmatch(ISO, text) else text


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
