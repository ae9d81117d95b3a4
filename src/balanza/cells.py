"""Cells of a user's table: columns as numbers or codes, refused by role, value and place where they are unusable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from balanza import periods
from balanza.errors import PanelError

FILL = "Fill it from the source, or choose a window or rows in which it is measured"
AS_NUMBER = "Write plain numbers such as 1234.5, without units or thousands separators"
MEND_INFINITE = "Correct the source, or leave the cell empty"
MEND_NEGATIVE = "A count is 0 or more: correct the source, or set `family: gaussian`"
MEND_NOT_POSITIVE = {
    "exposure": "Nothing is at risk in such a row: correct the source, or leave the unit out",
    "weight": "Weights are above 0: correct the source, or leave out the rows that shall not count",
}


@dataclass(frozen=True)
class Rows:
    """Rows of a table, and the words by which a user finds one of them.

    `frame` is indexed by the position of each row in the whole table; `unit` and `period` are its columns of these;
    `where` names the table, and `first_line` is the line of its first row, where it is a text file.
    """

    frame: pd.DataFrame
    unit: str
    period: str
    where: str
    first_line: int | None = None

    def only(self, kept: np.ndarray) -> Rows:
        """Some of the rows, by a mask."""
        return replace(self, frame=self.frame[kept])

    def spot(self, column: str) -> str:
        """The table and a column of it."""
        return f"{self.where}, column {column}"

    def place(self, position: int) -> str:
        """Where a row stands: its line in a text file or its number, its unit and its period."""
        unit, period = (self.frame[column].iloc[position] for column in (self.unit, self.period))
        return f"{self._word} {self._numbers()[position]}, unit {unit}, period {periods.shown(period)}"

    def numbered(self, which: np.ndarray) -> str:
        """Some of the rows by their number."""
        return f"{self._word}s {', '.join(map(str, self._numbers()[which]))}"

    @property
    def _word(self) -> str:
        return "row" if self.first_line is None else "line"

    def _numbers(self) -> np.ndarray:
        """Lines of a text file, else rows counted from 1."""
        return self.frame.index.to_numpy() + (1 if self.first_line is None else self.first_line)

    def refuse(self, bad: np.ndarray, column: str, role: str, problem: str, cure: str) -> None:
        """Raise a PanelError on the first of some bad cells, if there is one.

        Parameters
        ----------
        bad : ndarray of bool, shape (n_rows,)
        column, role : str
            The column, and what it is to the study: outcome, exposure, weight, covariate, ...
        problem, cure : str
            What is wrong with these cells (`is negative`), and what to do.
        """
        if not bad.any():
            return
        first = int(np.flatnonzero(bad)[0])
        value = self.frame[column].iloc[first]
        named = role if pd.isna(value) else f"{role} {_quoted(value)}"
        n = int(bad.sum())
        raise PanelError(
            f"the {named} {problem}, in {n:,} row{'s' * (n != 1)}, first at {self.place(first)}",
            where=self.spot(column),
            cure=cure,
        )

    def numbers(
        self,
        column: str,
        role: str,
        *,
        at_least: float = -np.inf,
        above: float = -np.inf,
        gaps: bool = False,
    ) -> np.ndarray:
        """A column as floats.

        Parameters
        ----------
        column, role : str
            As in `refuse`.
        at_least, above : float
            What values may not fall below, and what they must exceed.
        gaps : bool
            Whether values may be missing.

        Raises
        ------
        PanelError
            On the first value that is no number, missing, infinite or out of range.
        """
        values = self._floats(column, role)
        if not gaps:
            self.refuse(np.isnan(values), column, role, "is missing", FILL)
        self.refuse(np.isinf(values), column, role, "is infinite", MEND_INFINITE)
        self.refuse(values < at_least, column, role, "is negative", MEND_NEGATIVE)
        if above > -np.inf:
            self.refuse(values <= above, column, role, "is not positive", MEND_NOT_POSITIVE[role])
        return values

    def _floats(self, column: str, role: str) -> np.ndarray:
        cells = self.frame[column]
        try:
            return np.asarray(cells.astype(float), dtype=float)
        except (TypeError, ValueError):
            bad = cells.notna().to_numpy() & np.array([not _is_number(cell) for cell in cells])
            self.refuse(bad, column, role, "is not a number", AS_NUMBER)
            raise PanelError("holds values that are not numbers", where=self.spot(column), cure=AS_NUMBER) from None

    def codes(self, column: str, role: str) -> tuple[np.ndarray, np.ndarray]:
        """A column as codes from 0, and the label of each code; a missing value is refused."""
        values = self.frame[column]
        self.refuse(values.isna().to_numpy(), column, role, "is missing", FILL)
        keys = values if values.dtype.kind in "iu" else values.astype(str)
        codes, labels = pd.factorize(keys, sort=True)
        return codes.astype(np.int64), np.asarray(labels)


def changes_within(values: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Whether each row's value is another one than that of its unit's first row."""
    return np.asarray(pd.Series(values).groupby(units).transform("first").to_numpy() != values)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _quoted(value: Any) -> str:
    return repr(value) if isinstance(value, str) else periods.shown(value)
