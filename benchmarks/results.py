"""The table of results: one row for each task, contender and size of the panel."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.panel import Size

TABLE = Path(__file__).with_name("results.csv")


class Row(NamedTuple):
    """One measurement; seconds and MiB are missing where `status` is not ok, but for what the whole process took."""

    task: str
    contender: str
    version: str
    units: int
    periods: int
    cohorts: int
    status: str
    cpu_seconds: float
    fit_seconds: float | None
    peak_mib: float | None
    import_mib: float | None
    value: float | None

    @property
    def key(self) -> tuple[str, str, Size]:
        return self.task, self.contender, self.size

    @property
    def size(self) -> Size:
        return Size(self.units, self.periods, self.cohorts)

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def read(path: Path = TABLE) -> list[Row]:
    """The rows of the table, none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [_row(found) for found in csv.DictReader(stream)]


def _row(found: dict[str, str]) -> Row:
    numbers = {name: float(found[name]) if found[name] else None for name in Row._fields[8:]}
    sizes = {name: int(found[name]) for name in Size._fields}
    texts = {name: found[name] for name in ("task", "contender", "version", "status")}
    return Row(**texts, **sizes, cpu_seconds=float(found["cpu_seconds"]), **numbers)


def write(rows: Iterable[Row], order: Sequence[str], path: Path = TABLE) -> None:
    """Write the table with tasks in this order; rows of other tasks, which are gone, are left out."""
    kept = sorted((row for row in rows if row.task in order), key=lambda row: (order.index(row.task), *row.key[1:]))
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows([_short(value) for value in row] for row in kept)
    partial.replace(path)


def _short(value: float | int | str | None) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
