"""The value of a covariate before treatment, one number per unit: what may be held fixed without touching the effect.

It is the mean over the twelve months (of yearly rows, the one year) before the earliest treatment of the study, since a
single month of a count is noise and has a season. Where no treatment has a start inside the window, so that nothing
comes before, it is the value in the first period.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from balanza import periods
from balanza.contract import Study
from balanza.errors import PanelError


def baseline_values(
    study: Study, table: pd.DataFrame, time: np.ndarray, inside: np.ndarray, monthly: bool, where: str
) -> dict[str, np.ndarray]:
    """Each baseline covariate of a study by row, the same in all rows of a unit.

    Parameters
    ----------
    study : Study
        `baseline` names the columns.
    table : DataFrame
        One row per unit and period.
    time : ndarray of int, shape (n_rows,)
        Ordinals of the periods.
    inside : ndarray of bool, shape (n_rows,)
        Rows in the study's window.
    monthly : bool
        Whether ordinals count months.
    where : str
        The table's name, for errors.

    Returns
    -------
    dict
        Column to values, shape (n_rows,): NaN in units without a value in those periods, if `missing: drop`.

    Raises
    ------
    PanelError
        If a column holds no numbers, or (unless `missing: drop`) a unit has no value in those periods.
    """
    if not study.baseline or not inside.any():
        return {}
    first, end = _span(study, table, time, inside, monthly, where)
    before = inside & (time >= first) & (time < end)
    unit = table[study.unit].astype(str)
    found = {}
    for column in study.baseline:
        spot = f"{where}, column {column}"
        try:
            values = table.loc[before, column].astype(float)
        except (TypeError, ValueError):
            raise PanelError("holds values that are not numbers", where=spot, cure="Encode it as numbers") from None
        if np.isinf(values).any():
            raise PanelError("holds an infinite value before treatment", where=spot, cure="Mend the source")
        mean = values.groupby(unit[before]).mean()
        found[column] = unit.map(mean).to_numpy(float)
        lost = sorted(set(unit[inside & ~np.isfinite(found[column])]))
        if lost and study.missing == "refuse":
            shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
            first_label, last_label = periods.labels(np.array([first, end - 1]), monthly)
            raise PanelError(
                f"unit {shown} has no value from {first_label} to {last_label}, before treatment",
                where=spot,
                cure="Fill it from the source, or set `missing: drop` to leave such units out",
            )
    return found


def _span(
    study: Study, table: pd.DataFrame, time: np.ndarray, inside: np.ndarray, monthly: bool, where: str
) -> tuple[int, int]:
    """The first period of the baseline, and the one after its last."""
    opening = int(time[inside].min())
    starts = [start for start in _starts(study, table, inside, monthly, where) if start > opening]
    if not starts:
        return opening, opening + 1
    known = np.unique(time[inside & (time < min(starts))])
    year = 12 if monthly else int(np.diff(known).min()) if len(known) > 1 else 1
    return max(opening, min(starts) - year), min(starts)


def _starts(study: Study, table: pd.DataFrame, inside: np.ndarray, monthly: bool, where: str) -> list[int]:
    """When the treatments of a study begin, as ordinals."""
    found = []
    for treatment in study.treatments:
        given = treatment.first_treated
        if treatment.start is not None:
            found.append(periods.ordinal(treatment.start, monthly, f"{where}, start of {treatment.name}"))
        elif isinstance(given, Mapping):
            found += [periods.ordinal(value, monthly, f"{where}, {treatment.name}") for value in given.values()]
        elif given is not None:
            values = table.loc[inside, given]
            never = values.isna() | ((values == 0) if values.dtype.kind in "iuf" else (values.astype(str) == ""))
            treated = values[~never].reset_index(drop=True)
            found += periods.ordinals(treated, f"{where}, column {given}").tolist() if len(treated) else []
    return found
