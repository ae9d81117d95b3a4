"""The first sheet of a workbook, streamed: no formula is worked out, no link is followed, no size believed.

A sheet says itself how large it is, and one cell in its last corner makes 17 thousand million of them: cells are
counted as they come.
"""

from __future__ import annotations

from pathlib import Path

from balanza.errors import SourceError
from balanza.sources._files import FETCH_AGAIN, verify_zip

MOST_BYTES = 1 << 29
MOST_CELLS = 5_000_000
"""The largest sheet of the catalogue has 65,000 rows and 14 columns."""
_LEAST_WIDTH = 16
"""Of a row in that count, so that a million empty rows are refused too."""


def first_sheet(path: Path) -> list[tuple[object, ...]]:
    """The rows of a workbook's first sheet as plain values, formulas by their stored results; all of one width.

    Raises
    ------
    SourceError
        If the file is no whole workbook, unpacks to more than `MOST_BYTES`, or the sheet is empty or has more than
        `MOST_CELLS` cells.
    """
    verify_zip(path, max_bytes=MOST_BYTES, kind="workbook")
    try:
        rows = _rows(path)
    except SourceError:
        raise
    except Exception as error:
        # openpyxl and its XML parser raise whatever the damage makes them trip over.
        raise SourceError(f"not a whole workbook ({error})", where=path.name, cure=FETCH_AGAIN) from error
    width = max((len(row) for row in rows), default=0)
    if not any(cell is not None for row in rows for cell in row):
        raise SourceError("the sheet is empty", where=path.name, cure=FETCH_AGAIN)
    return [row + (None,) * (width - len(row)) for row in rows]


def _rows(path: Path) -> list[tuple[object, ...]]:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        rows: list[tuple[object, ...]] = []
        width = 0
        for row in sheet.iter_rows(values_only=True):
            rows.append(tuple(row))
            width = max(width, len(row))
            if max(width, _LEAST_WIDTH) * len(rows) > MOST_CELLS:
                problem = f"the sheet has more than {MOST_CELLS:,} cells"
                raise SourceError(problem, where=path.name, cure="Get the workbook as it was published")
    finally:
        book.close()
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    return rows
