"""The series that is forecast: victims of intentional homicide by state and month, from a world's panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balanza.errors import PanelError

if TYPE_CHECKING:
    import pandas as pd

COLUMN = "sesnsp_homicide_victims"
SHORTEST = 36
"""Months: a year of seasons to learn from, and two to see how levels move."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Counts by month and state.

    states : two-digit codes, sorted
    periods : consecutive months, datetime64[M], shape (n_months,)
    counts : shape (n_months, n_states), NaN where a month was not reported
    """

    states: tuple[str, ...]
    periods: NDArray[np.datetime64]
    counts: Floats

    def until(self, period: str | np.datetime64) -> Series:
        """The series as it was known at the end of a month."""
        kept = self.periods <= month(period)
        return Series(self.states, self.periods[kept], self.counts[kept])


def of_panel(rows: pd.DataFrame, column: str = COLUMN, where: str = "state_month.parquet") -> Series:
    """Read the series from the rows of the state-month panel.

    Parameters
    ----------
    rows : DataFrame
        state, period and the counts.
    column : str
        The counts.
    where : str
        The file, for errors.

    Raises
    ------
    PanelError
        If a column lacks, a count is negative or no whole number, a state has two rows in a month, a month or a state
        has no row, a state has no count in its first or last year, or there are fewer than 36 months.
    """
    import pandas as pd

    lacking = [name for name in ("state", "period", column) if name not in rows]
    if lacking:
        raise PanelError(f"the column {lacking[0]!r} is missing", where=where)
    known = rows[rows["period"].isin(rows.loc[rows[column].notna(), "period"])]
    values = known[column].dropna().to_numpy(float)
    if (values < 0).any() or (values != np.rint(values)).any():
        raise PanelError(f"{column} holds negative or broken counts", where=where)
    if known.duplicated(["state", "period"]).any():
        raise PanelError("a state has two rows in one month", where=where)
    wide = known.set_index(["period", "state"])[column].unstack().sort_index().sort_index(axis=1)  # noqa: PD010
    periods = pd.DatetimeIndex(wide.index).to_numpy().astype("datetime64[M]")
    if len(periods) < SHORTEST:
        raise PanelError(f"{len(periods)} months of {column} are too few: {SHORTEST} are needed", where=where)
    if (np.diff(periods).astype(int) != 1).any():
        raise PanelError(f"{column} has a month without any row between the first and the last", where=where)
    counts = wide.to_numpy(float)
    silent = np.isnan(counts[:12]).all(axis=0) | np.isnan(counts[-12:]).all(axis=0)
    if silent.any():
        state = str(wide.columns[int(np.flatnonzero(silent)[0])])
        raise PanelError(f"state {state} has no {column} in the first or the last twelve months", where=where)
    return Series(tuple(str(state) for state in wide.columns), periods, counts)


def read(panel: Path, column: str = COLUMN) -> Series:
    """Read the series from `state_month.parquet` in the folder of a world's panels."""
    import pandas as pd

    path = panel / "state_month.parquet"
    try:
        return of_panel(pd.read_parquet(path), column, str(path))
    except FileNotFoundError:
        raise PanelError("there is no such file", where=str(path), cure="Build the panel first") from None


def month(period: str | np.datetime64) -> Any:
    """A month of text, or of any other time in it."""
    return np.datetime64(str(period), "M")


def months_after(period: np.datetime64, n: int) -> NDArray[np.datetime64]:
    """The `n` months after a month."""
    return np.asarray(month(period) + np.arange(1, n + 1).astype("timedelta64[M]"))


def days_in(periods: NDArray[np.datetime64]) -> Floats:
    """Days of each month."""
    months = periods.astype("datetime64[M]")
    ends = (months + np.timedelta64(1, "M")).astype("datetime64[D]")
    return np.asarray((ends - months.astype("datetime64[D]")).astype(float))


def labels(periods: NDArray[np.datetime64] | Sequence[np.datetime64]) -> list[str]:
    """Months as text, 2025-01."""
    return [str(month(period)) for period in periods]
