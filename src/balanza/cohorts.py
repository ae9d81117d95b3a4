"""When treatment began in each unit: first treated periods as a study names them, and as codes of its periods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from balanza import periods
from balanza.cells import Rows, changes_within
from balanza.contract import Treatment
from balanza.errors import PanelError

NEVER = -1
ROLE = "first treated period"
LEAVE_EMPTY = "Leave never treated units empty or 0"


class Axis:
    """The periods of a panel, and how a period of the study file is found on it."""

    def __init__(self, span: np.ndarray, monthly: bool) -> None:
        self.span, self.monthly = span, monthly
        self.step = int(span[1] - span[0]) if len(span) > 1 else 1

    def code(self, ordinal: int) -> int:
        """The code of a period; the next one on the axis where it lies between two; may lie beyond the end."""
        return max(0, -((int(self.span[0]) - ordinal) // self.step))


def first_periods(rows: Rows, treatment: Treatment, monthly: bool) -> np.ndarray:
    """The first treated period of each row's unit, on the scale of `periods.ordinals`.

    Parameters
    ----------
    rows : Rows
    treatment : Treatment
        One with `first_treated`.
    monthly : bool
        Whether the periods are months.

    Returns
    -------
    ndarray of float, shape (n_rows,)
        NaN where the unit is never treated.

    Raises
    ------
    PanelError
        On a value that is no period of the panel's kind, a negative one, or a mapping of a unit that is not there.
    """
    given = treatment.first_treated
    if isinstance(given, Mapping):
        return _from_mapping(rows, given, monthly, f"{rows.where}, first_treated of {treatment.name}")
    assert given is not None  # noqa: S101 - config refuses a binary treatment without one
    return _from_column(rows, given, monthly)


def cohort_codes(rows: Rows, treatment: Treatment, axis: Axis, units: np.ndarray) -> np.ndarray:
    """Codes of the first treated period per row, NEVER for units that are never treated.

    Parameters
    ----------
    rows, treatment
        As in `first_periods`.
    axis : Axis
    units : ndarray of int, shape (n_rows,)
        Codes of the units.

    Raises
    ------
    PanelError
        As `first_periods`, and if a unit has more than one.
    """
    first = first_periods(rows, treatment, axis.monthly)
    which, different = pd.factorize(first, use_na_sentinel=False)
    codes = np.array([NEVER if np.isnan(value) else axis.code(int(value)) for value in different], np.int64)[which]
    changed = changes_within(codes, units)
    if changed.any():
        row = int(np.flatnonzero(changed)[0])
        unit = rows.frame[rows.unit].iloc[row]
        raise PanelError(
            f"unit {unit} has more than one first treated period, another one first at {rows.place(row)}",
            where=rows.spot(str(treatment.first_treated)),
            cure="Give each unit one",
        )
    return codes


def _from_column(rows: Rows, column: str, monthly: bool) -> np.ndarray:
    values = rows.frame[column]
    numbers, never = np.full(len(values), np.nan), values.isna().to_numpy(bool)
    if not periods.is_monthly(values):
        numbers = np.asarray(pd.to_numeric(values, errors="coerce"), dtype=float)
        never = never | (numbers == 0)
        if not pd.api.types.is_numeric_dtype(values):
            never = never | (values.astype(str).str.strip() == "").to_numpy(bool)
    rows.refuse(numbers < 0, column, ROLE, "is negative", LEAVE_EMPTY)
    first = np.where(never, np.nan, numbers)
    if not monthly:
        bad = ~never & ~(np.isfinite(numbers) & (numbers == np.round(numbers)))
        rows.refuse(bad, column, ROLE, "is not a whole number, as the periods are", f"Write years. {LEAVE_EMPTY}")
        return first
    cure = f"Write dates as 2019-07. {LEAVE_EMPTY}"
    rows.refuse(np.isfinite(first), column, ROLE, "is a number although the periods are dates", cure)
    if not never.all():
        treated = rows.only(~never)
        first[~never] = periods.ordinals(treated.frame[column], rows.spot(column), treated.place)
    return first


def _from_mapping(rows: Rows, given: Mapping[Any, Any], monthly: bool, spot: str) -> np.ndarray:
    units = rows.frame[rows.unit].astype(str)
    known = set(units)
    first: dict[str, float] = {}
    for unit, period in given.items():
        if str(unit) not in known:
            raise PanelError(f"there is no unit {unit!r}", where=spot, cure="Quote codes with leading zeros in YAML")
        if period is None or period in (0, ""):
            continue
        first[str(unit)] = periods.ordinal(period, monthly, f"{spot}, unit {unit}")
        if first[str(unit)] < 0:
            raise PanelError(f"{period} of unit {unit} is negative", where=spot, cure=LEAVE_EMPTY)
    return np.asarray(units.map(first), dtype=float)
