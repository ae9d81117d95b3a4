"""The value of a covariate before treatment, one number per unit: what may be held fixed without touching the effect.

It is the mean over the twelve months (of yearly rows, the one year) before the earliest treatment of the study, since a
single month of a count is noise and has a season. Where no treatment has a start inside the window, so that nothing
comes before, it is the value in the first period.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from balanza import periods
from balanza.cells import Rows
from balanza.cohorts import first_periods
from balanza.contract import Study
from balanza.errors import PanelError


def baseline_values(
    study: Study, rows: Rows, time: np.ndarray, inside: np.ndarray, monthly: bool
) -> dict[str, np.ndarray]:
    """Each baseline covariate of a study by row, the same in all rows of a unit.

    Parameters
    ----------
    study : Study
        `baseline` names the columns.
    rows : Rows
        The whole table.
    time : ndarray of int, shape (n_rows,)
        Ordinals of the periods.
    inside : ndarray of bool, shape (n_rows,)
        Rows in the study's window.
    monthly : bool
        Whether ordinals count months.

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
    first, end = _span(study, rows, time, inside, monthly)
    before = inside & (time >= first) & (time < end)
    unit = rows.frame[study.unit].astype(str)
    found = {}
    for column in study.baseline:
        values = pd.Series(rows.only(before).numbers(column, "covariate", gaps=True))
        mean = values.groupby(unit[before].to_numpy()).mean()
        found[column] = unit.map(mean).to_numpy(float)
        lost = sorted(set(unit[inside & ~np.isfinite(found[column])]))
        if lost and study.missing == "refuse":
            shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
            first_label, last_label = periods.labels(np.array([first, end - 1]), monthly)
            raise PanelError(
                f"unit {shown} has no value from {first_label} to {last_label}, before treatment",
                where=rows.spot(column),
                cure="Fill it from the source, or set `missing: drop` to leave such units out",
            )
    return found


def _span(study: Study, rows: Rows, time: np.ndarray, inside: np.ndarray, monthly: bool) -> tuple[int, int]:
    """The first period of the baseline, and the one after its last."""
    opening = int(time[inside].min())
    starts = [start for start in _starts(study, rows.only(inside), monthly) if start > opening]
    if not starts:
        return opening, opening + 1
    known = np.unique(time[inside & (time < min(starts))])
    year = 12 if monthly else int(np.diff(known).min()) if len(known) > 1 else 1
    return max(opening, min(starts) - year), min(starts)


def _starts(study: Study, rows: Rows, monthly: bool) -> list[int]:
    """When the treatments of a study begin, as ordinals."""
    found: list[int] = []
    for treatment in study.treatments:
        if treatment.start is not None:
            found.append(periods.ordinal(treatment.start, monthly, f"{rows.where}, start of {treatment.name}"))
        elif treatment.first_treated is not None:
            first = first_periods(rows, treatment, monthly)
            found += [int(value) for value in np.unique(first[~np.isnan(first)])]
    return found
