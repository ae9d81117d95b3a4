"""A small file of invented figures in the wide layout of SESNSP, and what every reader of that layout must refuse."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from balanza.sources._layout import MONTH_NAMES

BLANK = [""] * 12
ZERO = ["0"] * 12


def header(*places: str, extra: Sequence[str] = (), year: str = "Año") -> list[str]:
    crime = ["Bien jurídico afectado", "Tipo de delito", "Subtipo de delito", "Modalidad"]
    return [year, "Clave_Ent", "Entidad", *places, *crime, *extra, *MONTH_NAMES]


def text(rows: Sequence[Sequence[str]]) -> str:
    """The rows as csv, thousands quoted as in the official files."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def change(rows: list[list[str]], row: int, column: int, cell: str) -> list[list[str]]:
    copied = [list(cells) for cells in rows]
    copied[row][column] = cell
    return copied


Change = Callable[[list[list[str]]], list[list[str]]]

# What is done to the rows (the header is row 0, the first month column 12 from the end), and what the error must say.
REFUSED: dict[str, tuple[Change, str]] = {
    "missing column": (lambda rows: [row[:-1] for row in rows], "column Diciembre is missing"),
    "negative count": (lambda rows: change(rows, 1, -12, "-1"), r"row 2, column Enero: the count '-1' is negative"),
    "decimal count": (
        lambda rows: change(rows, 2, -11, "1.5"),
        r"row 3, column Febrero: the count '1.5' is not a whole",
    ),
    "duplicated key": (lambda rows: [*rows, rows[1]], r"rows 2, \d+: .*stands twice"),
    "unknown state": (lambda rows: change(rows, 1, 2, "Aztlán"), r"row 2, column Entidad: unknown state name 'Aztlán'"),
    "wrong state": (lambda rows: change(rows, 1, 2, "Zacatecas"), "'Zacatecas' is not state"),
    "no year": (lambda rows: change(rows, 1, 0, ""), r"row 2, column Año: the cell is blank"),
    "year of the other classification": (
        lambda rows: change(rows, 1, 0, "2014"),
        r"row 2, column Año: '2014' is not a year",
    ),
    "cut short": (lambda rows: [*rows[:-1], rows[-1][:8]], r"the row has 8 cells, the header \d+"),
    "header alone": (lambda rows: rows[:1], "has a header and no rows"),
}


def zero_future(rows: list[list[str]]) -> list[list[str]]:
    """The last month of the year filled with zeros in every row."""
    return [rows[0]] + [[*row[:-1], "0"] for row in rows[1:]]
