"""What estimates say under the pointer and to a screen reader: in words, where the renderer would list raw columns."""

from __future__ import annotations

import pandas as pd

from balanza.report.language import gettext as _
from balanza.report.words import interval, number


def estimates(names: pd.Series, rows: pd.DataFrame) -> pd.Series:
    """The name of each estimate, then its value and interval.

    Parameters
    ----------
    names : Series
        In words, indexed like `rows`.
    rows : DataFrame
        Columns value, low, high.
    """
    values = rows[["value", "low", "high"]].itertuples(index=False, name=None)
    told = [f"{name}: {number(value)} {interval(bounds)}" for name, (value, *bounds) in zip(names, values, strict=True)]
    return pd.Series(told, index=rows.index, dtype=object)


def event_times(times: pd.Series) -> pd.Series:
    """Event times in words."""
    return times.map(lambda time: _("event time {time}").format(time=number(time)))
