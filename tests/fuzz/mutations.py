"""Ways to spoil a valid raw file: its bytes, its cells, its values, and the same inside its archive.

Each takes the content and a source of randomness that hypothesis can shrink, and gives other content.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import pandas as pd

HUGE = "9" * 400
ABSURD = (
    *("", " ", "0", "-0", "-1", "1.5", "1e400", "1E5", "9" * 25, HUGE, "0x1F", "1_000", "1,2,3", "1;2", "1.000,5"),
    *("nan", "NaN", "NA", "N/A", "null", "None", "inf", "-inf", "True", "#REF!", "=1+1", "=HYPERLINK(1)", "@SUM(1)"),
    *("١٢", "²", "Ⅷ", "1\u00a0000", "\u200b1", "\ufeff", "\x00", "1\x00", "\ud7ff", "é", "Ã©", "\ufffd", '"', "'"),
    *("\n", "a\nb", "\r", "\t", "|", "x" * 140_000, "00001", "99999", "33001", "2020-13-45", "0000-00-00", "\\"),
    *("2262-05-01", "1970", "20199", "2019-Q9", "Enero", "Total", "../../etc/passwd", "<script>", "%s%n", "{0}", "🐛"),
)
ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b'"',
    b"\n",
    b"\r",
    b",",
    b"\xc3",
    b"\x81",
    b"-",
    b"9" * 40,
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1.5, 10**25, -(10**25), 1e308, float("nan"), float("inf"), "", "x", HUGE, "9" * 25),
    *([], {}, [1], {"a": 1}),
)


def spoil_bytes(content: bytes, random: Random) -> bytes:
    """Flip, cut, insert, take out or double some bytes."""
    raw = bytearray(content)
    for _ in range(random.randint(1, 4)):
        if not raw:
            break
        at = random.randrange(len(raw))
        end = min(len(raw), at + random.choice((1, 2, 16, 500)))
        match random.randrange(5):
            case 0:
                raw[at] ^= 1 << random.randrange(8)
            case 1:
                del raw[at:]
            case 2:
                raw[at:at] = random.choice(ODD_BYTES)
            case 3:
                del raw[at:end]
            case 4:
                raw[at:at] = raw[at:end]
    return bytes(raw)


def spoil_encoding(content: bytes, random: Random) -> bytes:
    """Save the text in another encoding, or with a mark."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    encoding = random.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp850", "mac-roman", "utf-7"))
    return text.encode(encoding, errors="replace")


def _edit_rows(rows: list[list[str]], random: Random) -> None:
    at = random.randrange(len(rows))
    other = random.randrange(len(rows))
    width = max(1, len(rows[at]))
    column, second = random.randrange(width), random.randrange(width)
    match random.randrange(9):
        case 0 | 1 | 2:
            rows[at][column : column + 1] = [random.choice(ABSURD)]
        case 3:
            for row in rows:
                del row[column : column + 1]
        case 4:
            for row in rows:
                row[second:second] = row[column : column + 1]
        case 5:
            for row in rows:
                if max(column, second) < len(row):
                    row[column], row[second] = row[second], row[column]
        case 6:
            rows.insert(other, list(rows[at]))
        case 7:
            del rows[at]
        case 8:
            odd = random.choice(ABSURD)
            for row in rows[1:]:
                row[column : column + 1] = [odd]


def spoil_cells(delimiter: str, encoding: str) -> Callable[[bytes, Random], bytes]:
    """Edits of a csv: absurd cells; columns and rows dropped, doubled or moved."""

    def spoil(content: bytes, random: Random) -> bytes:
        rows = list(csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=delimiter))
        for _ in range(random.randint(1, 3)):
            if rows:
                _edit_rows(rows, random)
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, delimiter=delimiter, lineterminator=random.choice(("\n", "\r\n")))
        writer.writerows(rows)
        return stream.getvalue().encode(encoding, errors="replace")

    return spoil


def spoil_json(content: bytes, random: Random) -> bytes:
    """Put an absurd value somewhere in a JSON tree, or take something out."""
    root = [json.loads(content)]
    place: Any = root
    key: Any = 0
    while isinstance(place[key], dict | list) and place[key] and random.randrange(6):
        place = place[key]
        key = random.choice(list(place)) if isinstance(place, dict) else random.randrange(len(place))
    match random.randrange(4):
        case 0 if isinstance(place, dict):
            del place[key]
        case 1 if isinstance(place, list):
            place.append(place[key])
        case _:
            place[key] = random.choice(VALUES)
    return json.dumps(root[0] if root else None).encode()


def spoil_table(content: bytes, random: Random) -> bytes:
    """Give columns of a parquet table other types and values."""
    frame = pd.read_parquet(io.BytesIO(content))
    name = random.choice(list(frame.columns))
    cast: dict[int, Callable[[pd.Series], Any]] = {
        0: lambda column: column.astype(str),
        1: lambda column: [[str(cell)] for cell in column],
        2: lambda column: [{"a": str(cell)} for cell in column],
        3: lambda column: [str(cell).encode() for cell in column],
        4: lambda column: pd.Timestamp("2020-01-01"),
        5: lambda column: column.where(column.index != random.randrange(len(column))),
        6: lambda column: random.choice(ABSURD),
        7: lambda column: float("inf"),
        8: lambda column: -1,
        9: lambda column: column.astype("category"),
        10: lambda column: None,
        11: lambda column: 2**63 - 1,
        12: lambda column: pd.Timedelta(1, "D"),
        13: lambda column: random.random() < 0.5,
    }
    choice = random.randrange(len(cast) + 3)
    if choice == len(cast):
        frame = frame.drop(columns=name)
    elif choice == len(cast) + 1:
        frame = frame.set_index(name)
    elif choice == len(cast) + 2:
        frame = pd.concat([frame, frame.iloc[: random.randrange(len(frame))]])
    else:
        frame[name] = cast[choice](frame[name])
    stream = io.BytesIO()
    frame.to_parquet(stream)
    return stream.getvalue()


def spoil_sheet(content: bytes, random: Random) -> bytes:
    """Edit the cells, rows and columns of a workbook's first sheet."""
    from datetime import datetime

    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    for _ in range(random.randint(1, 3)):
        row, column = random.randint(1, sheet.max_row), random.randint(1, sheet.max_column)
        match random.randrange(7):
            case 0:
                sheet.delete_cols(column)
            case 1:
                sheet.delete_rows(row)
            case 2:
                sheet.insert_cols(column)
            case 3:
                sheet.insert_rows(row)
            case _:
                odd = (
                    *VALUES[:12],
                    *(text for text in ABSURD if text.isprintable() and len(text) < 30),
                    datetime(2020, 1, 1),
                )
                sheet.cell(row, column, random.choice(odd))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def in_zip(spoil: Callable[[bytes, Random], bytes]) -> Callable[[bytes, Random], bytes]:
    """The same change in one member of an archive, packed anew: what the archive's own checksums would hide."""

    def inside(content: bytes, random: Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {item: archive.read(item) for item in archive.infolist() if not item.is_dir()}
        chosen = random.choice(list(members))
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for item, raw in members.items():
                archive.writestr(item.filename, spoil(raw, random) if item is chosen else raw)
        return stream.getvalue()

    return inside


def packed(
    spoil: Callable[[bytes, Random], bytes], unpack: Callable[[bytes], bytes], pack: Callable[[bytes], bytes]
) -> Callable[[bytes, Random], bytes]:
    return lambda content, random: pack(spoil(unpack(content), random))


def shortened(name: str, content: bytes, rows: int = 60) -> bytes:
    """The first rows of a large table, which is as good to spoil and quicker to read."""
    if name.endswith((".csv", ".txt")):
        return b"".join(content.splitlines(keepends=True)[:rows])
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content))
    book.worksheets[0].delete_rows(rows, book.worksheets[0].max_row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _unpacked_r(content: bytes) -> bytes:
    for unpack in (gzip.decompress, lzma.decompress):
        try:
            return unpack(content)
        except (OSError, lzma.LZMAError):
            continue
    import bz2

    return bz2.decompress(content)


Spoiler = Callable[[bytes, Random], bytes]


def _text(delimiter: str, encoding: str) -> tuple[Spoiler, ...]:
    cells = spoil_cells(delimiter, encoding)
    return (cells, cells, spoil_bytes, spoil_encoding)


def _zip(content: bytes) -> tuple[Spoiler, ...]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = archive.read(max(archive.infolist(), key=lambda item: item.file_size))
    return (*map(in_zip, _text(",", _encoding(member))), spoil_bytes)


def _gzip(content: bytes) -> tuple[Spoiler, ...]:
    inner = (packed(spoil, gzip.decompress, gzip.compress) for spoil in _text("|", "utf-8"))
    return (*inner, spoil_bytes)


_R = (packed(spoil_bytes, _unpacked_r, gzip.compress), spoil_bytes)
_JSON = (spoil_json, spoil_json, spoil_bytes, spoil_encoding)
_BY_ENDING: dict[str, Callable[[bytes], tuple[Spoiler, ...]]] = {
    "xlsx": lambda _: (spoil_sheet, spoil_sheet, in_zip(spoil_bytes), spoil_bytes),
    "zip": _zip,
    "parquet": lambda _: (spoil_table, spoil_table, spoil_bytes),
    "rda": lambda _: _R,
    "rds": lambda _: _R,
    "json": lambda _: _JSON,
    "geojson": lambda _: _JSON,
    "yaml": lambda _: (spoil_bytes, spoil_encoding),
    "gz": _gzip,
    "txt": lambda _: _text("\t", "utf-8-sig"),
}


def spoilers(name: str, content: bytes) -> tuple[Spoiler, ...]:
    """Ways to spoil a file, by the ending of its name and its content."""
    of_ending = _BY_ENDING.get(name.rpartition(".")[2])
    return of_ending(content) if of_ending else _text(",", _encoding(content))


def _encoding(content: bytes) -> str:
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8"
