"""Writes files so that the same content gives the same bytes: no clock, no machine, no order of hashes.

Each file goes to a temporary name and is renamed when whole. Archives carry one fixed date.
"""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.provenance import replacing

Rows = Iterable[Sequence[Any]]
_DATE = (2021, 4, 17, 0, 0, 0)
_STAMP = b"2021-04-17T00:00:00Z"


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_lines(path: Path, lines: Iterable[str], *, encoding: str = "utf-8", newline: str = "\n") -> None:
    """Write lines of text, each with its line end."""
    write_bytes(path, "".join(f"{line}{newline}" for line in lines).encode(encoding))


def csv_text(frame: pd.DataFrame, *, newline: str = "\n", **options: Any) -> str:
    """A frame as csv text without its index; options as in `DataFrame.to_csv`."""
    buffer = StringIO(newline="")
    frame.to_csv(buffer, index=False, lineterminator=newline, **options)
    return buffer.getvalue()


def write_csv(path: Path, frame: pd.DataFrame, *, encoding: str = "utf-8", newline: str = "\n", **options: Any) -> None:
    """Write a frame as csv in an encoding and with the line ends of its agency."""
    write_bytes(path, csv_text(frame, newline=newline, **options).encode(encoding))


def write_gzip(path: Path, text: str) -> None:
    """Write text in UTF-8 as gzip, without the time of writing."""
    write_bytes(path, gzip.compress(text.encode(), compresslevel=6, mtime=0))


def write_json(path: Path, value: Any, *, indent: int) -> None:
    """Write JSON in UTF-8 with accents as letters and no final newline, as the dashboards do."""
    write_bytes(path, json.dumps(value, ensure_ascii=False, indent=indent).encode())


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as parquet with the library's own defaults."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, engine="pyarrow", index=False)


def zip_bytes(members: Mapping[str, bytes]) -> bytes:
    """A zip archive of the members, in their order and with one fixed date."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            item = zipfile.ZipInfo(name, _DATE)
            item.compress_type, item.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(item, content)
    return buffer.getvalue()


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a zip archive whole or not at all."""
    write_bytes(path, zip_bytes(members))


def write_xlsx(
    path: Path,
    sheets: Mapping[str, Rows],
    *,
    merged: Mapping[str, Sequence[str]] | None = None,
    computed: Mapping[str, Any] | None = None,
    active: int = 0,
) -> None:
    """Write a workbook sheet by sheet, with fixed properties.

    Parameters
    ----------
    path : Path
        The workbook.
    sheets : mapping of title to rows
        Cells are text, numbers, dates, formulas (text that starts with ``=``) or None.
    merged : mapping of title to ranges, optional
        Merged cells.
    computed : mapping of formula to number, optional
        What the office program had computed: the stored value of each formula, for readers that do not compute.
    active : int
        The sheet that opens.
    """
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    edits: dict[str, list[tuple[str, str]]] = {}
    for number, (title, rows) in enumerate(sheets.items(), start=1):
        sheet = book.create_sheet(title)
        widths = [1]
        for row in rows:
            sheet.append(list(row))
            widths.append(len(row))
        extent = f'<dimension ref="A1:{get_column_letter(max(widths))}{max(len(widths) - 1, 1)}"/>'
        edits[f"xl/worksheets/sheet{number}.xml"] = _edits(extent, (merged or {}).get(title, ()), computed or {})
    book.active = active
    buffer = BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as archive:
        members = {name: _settled(archive.read(name), edits.get(name, [])) for name in archive.namelist()}
    write_zip(path, members)


def _edits(extent: str, ranges: Sequence[str], computed: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the writing library leaves out of a sheet, as patterns and what they become: extent, merges, values."""
    edits = [("<sheetViews>", f"{extent}<sheetViews>")]
    if ranges:
        cells = "".join(f'<mergeCell ref="{cell}"/>' for cell in ranges)
        edits.append(("</sheetData>", f'</sheetData><mergeCells count="{len(ranges)}">{cells}</mergeCells>'))
    for formula, value in computed.items():
        text = formula.removeprefix("=")
        edits.append((f"<f>{re.escape(text)}</f><v ?(?:/>|></v>)", f"<f>{text}</f><v>{value}</v>"))
    return edits


def _settled(xml: bytes, edits: Sequence[tuple[str, str]]) -> bytes:
    for old, new in edits:
        xml = re.sub(old.encode(), new.encode(), xml, count=1)
    return re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?=</dcterms)", _STAMP, xml)


def thousands(values: Any) -> list[str]:
    """Whole numbers with thousands commas, and blanks for zero, as INEGI's query exports print them."""
    return [f"{value:,}" if value else "" for value in np.asarray(values).tolist()]
