"""What sentences and tables of several checks share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from balanza.say import Said

if TYPE_CHECKING:
    import pandas as pd


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows as a table whose sentences keep what they were made of, which columns of plain text lose."""
    import pandas as pd

    listed = list(rows)
    frame = pd.DataFrame(listed, columns=None if columns is None else list(columns))
    for column in frame:
        values = [row.get(str(column)) for row in listed]
        if any(isinstance(value, Said) for value in values):
            frame[column] = pd.Series(values, index=frame.index, dtype=object)
    return frame
