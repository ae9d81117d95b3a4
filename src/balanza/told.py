"""What a verb wrote, for whoever runs it by hand: a line on each file; no result depends on this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balanza.provenance import read_json


def wrote(*paths: Path) -> None:
    """Print each file with its rows, estimate, sentence of a check or answer of a graph, else its size.

    What an estimate warns of, and what a graph says of each treatment, stand on lines of their own below.
    """
    for path in paths:
        first, *others = _content(path)
        print(f"{path}: {first}")
        for line in others:
            print(f"  {line}")


def _content(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        from pyarrow.parquet import read_metadata

        table = read_metadata(path)
        return [f"{table.num_rows:,} rows, {table.num_columns} columns"]
    values = read_json(path) if path.suffix == ".json" else None
    if isinstance(values, dict) and "cases" in values:
        return [_weighed(values)]
    if isinstance(values, dict) and "status" in values:
        return _result(values)
    if isinstance(values, dict) and "n_possible" in values:
        lines = [f"{item['treatment']}: {item[key]}" for item in values["effects"] for key in ("sentence", "tested")]
        return [f"{values['n_shown']:,} of {values['n_possible']:,} variants", *lines]
    if isinstance(values, dict) and "arms" in values:
        arms = [*values["arms"], *([values["joint"]] if values["joint"] else [])]
        return [f"what the graph {values['graph']} says", *(line for arm in arms for line in _identified(arm))]
    return [f"{path.stat().st_size:,} bytes"]


def _weighed(values: dict[str, Any]) -> str:
    """What two arms buy."""
    if values["status"] != "ran":
        return f"{values['status']}: {values['reason']}"
    contrast, (first, second) = values["cases"][0]["contrast"], values["names"]
    gap = f"{contrast['value']:.4g} ({100 * values['level']:g} % interval {_span(contrast['interval'], '.4g')})"
    amount = f"{values['amount_millions']:g} million pesos of {values['base_year']}"
    return f"{amount} avoid {gap} more {values['outcome']} on {second} than on {first}"


def _result(values: dict[str, Any]) -> list[str]:
    """An estimate or a check."""
    if values["status"] != "ran":
        return [f"{values['status']}, no number"]
    if "sentence" in values:
        verdict = {True: "passed", False: "not passed", None: "informs"}[values["passed"]]
        return [f"{verdict}. {values['sentence']}"]
    span = _span(values["interval"], ".4g")
    text = f"{values['value']:.4g} ({100 * values['level']:g} % interval {span}), {values['scale']} scale"
    if values["percent_change"]:
        value, *bounds = values["percent_change"]
        change = "unbounded" if value is None else f"{value:.3g} %"
        text += f"; change {change} ({_span(bounds, '.3g')})"
    warnings = [f"warning: {warning}" for warning in values["warnings"]]
    return [f"{text}; {values['n_clusters']} clusters", f"estimand: {values['estimand']}", *warnings]


def _span(bounds: list[float | None], style: str) -> str:
    """An interval; infinite ends, and both of an empty one, were written as null."""
    if bounds == [None, None]:
        return "unbounded or empty, as a warning says"
    low, high = ("unbounded" if bound is None else f"{bound:{style}}" for bound in bounds)
    return f"{low} to {high}"


def _identified(arm: dict[str, Any]) -> list[str]:
    """What a graph says of one treatment, or of several at once."""
    return [
        f"{arm['treatment']}: {arm['reason']}",
        *_sets(arm),
        f"covariates that it forbids: {len(arm['forbidden'])}",
    ]


def _sets(arm: dict[str, Any]) -> list[str]:
    chosen = arm["chosen"]
    if chosen is None:
        return []
    columns, unmeasured = (", ".join(chosen[key]) or "none" for key in ("columns", "unmeasured"))
    count = f"{arm['n_sets']}{'' if arm['complete'] else ' or more'}"
    return [
        f"cheapest adjustment set: {', '.join(chosen['nodes']) or 'nothing'} (columns: {columns};"
        f" unmeasured nodes: {unmeasured})",
        f"minimal adjustment sets: {count}",
    ]
