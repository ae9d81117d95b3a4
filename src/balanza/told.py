"""One line on each file that a verb wrote, for whoever runs it by hand; no result depends on this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balanza.provenance import read_json


def wrote(*paths: Path) -> None:
    """Print one line a file: rows of a table, the value of an estimate, the sentence of a check, else its size."""
    for path in paths:
        print(f"{path}: {_content(path)}")


def _content(path: Path) -> str:
    if path.suffix == ".parquet":
        from pyarrow.parquet import read_metadata

        table = read_metadata(path)
        return f"{table.num_rows:,} rows, {table.num_columns} columns"
    values = read_json(path) if path.suffix == ".json" else None
    if isinstance(values, dict) and "status" in values:
        return _result(values)
    return f"{path.stat().st_size:,} bytes"


def _result(values: dict[str, Any]) -> str:
    """An estimate or a check."""
    if values["status"] != "ran":
        return f"{values['status']}, no number"
    if "sentence" in values:
        verdict = {True: "passed", False: "not passed", None: "informs"}[values["passed"]]
        return f"{verdict}. {values['sentence']}"
    low, high = values["interval"]
    text = (
        f"{values['value']:.4g} ({100 * values['level']:g} % interval {low:.4g} to {high:.4g}), {values['scale']} scale"
    )
    if values["percent_change"]:
        value, low, high = values["percent_change"]
        text += f"; change {value:.3g} % ({low:.3g} to {high:.3g})"
    return f"{text}; {values['n_clusters']} clusters"
