"""The yearly values of the nodes that a world's panel measures, each at the level at which it is measured.

A column that differs between municipalities of one state is read by municipality, and by state as the sum (counts) or
the mean weighted by population (the rest); any other column by state only. Counts of events become the square root of
the rate per 100,000 people, which steadies their variance and takes zeros; population its logarithm. Counts need all
twelve months of a year. A node of the time `t-1` is read one year before the row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from balanza.errors import PanelError
from balanza.graph.implications import measured
from balanza.graph.model import CausalGraph
from balanza.panel.codebook import Variable, load_codebook
from balanza.provenance import code_digest, file_digest, text_digest
from balanza.say import joined, say

Level = Literal["state", "municipality"]
PER = 100_000
CODEBOOK = Path("data/variables.yaml")
PANELS = ("state_year.parquet", "municipality_month.parquet")
EVENTS = {"outcome", "treatment", "control"}
"""Roles whose counts are counts of events or people, read as rates."""
RANKS = {"guard_tier": {"low": 0.0, "medium": 1.0, "high": 2.0}}
"""Columns of words that have an order, read as numbers."""


@dataclass(frozen=True)
class Measures:
    """Values of nodes at one level.

    `values` maps a node to an array of shape (n_units, n_years), NaN where missing; `groups`, shape (n_units,), numbers
    the state of each municipality, None where the units are states; `left_out` says why a node has no values.
    """

    level: Level
    units: tuple[str, ...]
    years: tuple[int, ...]
    values: Mapping[str, np.ndarray]
    groups: np.ndarray | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def constant(self) -> frozenset[str]:
        """Nodes that do not move within any unit."""
        return frozenset(name for name, values in self.values.items() if not _moves(values))


def read(graph: CausalGraph, folder: Path, codebook: Path = CODEBOOK) -> dict[Level, Measures]:
    """Read the measured nodes of a graph from a world's panels.

    Parameters
    ----------
    graph : CausalGraph
    folder : Path
        results/<world>/panel
    codebook : Path
        data/variables.yaml

    Returns
    -------
    dict
        Measures by state, and by municipality.

    Raises
    ------
    PanelError
        If the codebook knows no such column.
    """
    variables = {variable.name: variable for variable in load_codebook(codebook)}
    nodes = {name: str(graph.nodes[name].column) for name in measured(graph)}
    unknown = [joined([name, ": ", column]) for name, column in nodes.items() if column not in variables]
    if unknown:
        raise PanelError(f"the panel has no column for {unknown[0]}", where=graph.name, cure=f"See {codebook}")
    unfit = {
        name: say("{column} is no quantity", column=column)
        for name, column in nodes.items()
        if variables[column].type not in ("count", "number") and column not in RANKS
    }
    columns = [column for name, column in nodes.items() if name not in unfit]
    state = pd.read_parquet(folder / PANELS[0])
    local = _municipal(folder / PANELS[1], columns, variables)
    own = [name for name in columns if name in local and _differs(local, name)]
    state = state.merge(_summed(local, [name for name in own if name not in state], variables), how="left")
    by_state = {name: column for name, column in nodes.items() if name not in unfit and column in state}
    by_place = {name: column for name, column in nodes.items() if column in own}
    seen = {*by_state, *by_place, *unfit}
    unfit |= {name: say("{column} has no value", column=column) for name, column in nodes.items() if name not in seen}
    return {
        "state": _measures(graph, "state", state, by_state, variables, unfit),
        "municipality": _measures(graph, "municipality", local, by_place, variables, unfit),
    }


def origin(graph: CausalGraph, module: str, files: Sequence[Path], folder: Path) -> dict[str, str]:
    """Where a finding about a graph comes from: the graph, the code of a module, and the files and panels it read."""
    data = [*files, *(folder / name for name in PANELS), CODEBOOK]
    return {
        "graph": graph.name,
        "title": graph.title,
        "graph_digest": graph.digest,
        "code_digest": code_digest(module),
        "data_digest": text_digest(file_digest(path) for path in data),
    }


def _municipal(path: Path, columns: list[str], variables: Mapping[str, Variable]) -> pd.DataFrame:
    """Municipalities by year, whole years only: sums of counts of events, means of the rest."""
    kept = [name for name in columns if "municipality_month" in variables[name].tables]
    months = pd.read_parquet(path, columns=list(dict.fromkeys(["cvegeo", "state", "year", "population", *kept])))
    for name in RANKS.keys() & set(kept):
        months[name] = months[name].map(RANKS[name]).astype(float)
    groups = months.groupby(["cvegeo", "state", "year"], sort=True, observed=True)
    size = groups.size()
    table = {"population": groups["population"].mean()}
    for name in kept:
        if _events(variables[name]):
            table[name] = groups[name].sum().where(groups[name].count() == 12)
        else:
            table[name] = groups[name].mean()
    return pd.DataFrame(table)[size == 12].reset_index()


def _differs(local: pd.DataFrame, column: str) -> bool:
    """Whether a column differs between municipalities of one state in one year."""
    spread = local.groupby(["state", "year"])[column].agg(["min", "max"])
    return bool((spread["max"] > spread["min"]).any())


def _summed(local: pd.DataFrame, columns: list[str], variables: Mapping[str, Variable]) -> pd.DataFrame:
    """Municipal columns by state. Weights are a municipality's mean population, so that what is constant stays so."""
    weight = local.groupby("cvegeo")["population"].transform("mean")
    keys = [local["state"], local["year"]]
    table = {}
    for name in columns:
        if _events(variables[name]):
            table[name] = local[name].groupby(keys).sum(min_count=1)
        else:
            known = weight.where(local[name].notna())
            table[name] = (local[name] * known).groupby(keys).sum(min_count=1) / known.groupby(keys).sum()
    return pd.DataFrame(table, index=local.groupby(keys).size().index).reset_index()


def _measures(
    graph: CausalGraph,
    level: Level,
    table: pd.DataFrame,
    nodes: Mapping[str, str],
    variables: Mapping[str, Variable],
    unfit: Mapping[str, str],
) -> Measures:
    key = "state" if level == "state" else "cvegeo"
    people = table.pivot_table(index=key, columns="year", values="population", sort=True)
    values = {}
    for name, column in nodes.items():
        wide = table.pivot_table(index=key, columns="year", values=column, dropna=False, sort=True)
        wide = wide.reindex(index=people.index, columns=people.columns).astype(float)
        if _events(variables[column]):
            wide = (PER * wide / people) ** 0.5
        elif column == "population":
            wide = wide.apply(np.log)
        values[name] = wide.shift(lag(graph.nodes[name].time), axis=1).to_numpy()
    left_out = dict(unfit) | {
        name: say("{column} has no value", column=nodes[name]) for name in values if np.isnan(values[name]).all()
    }
    states = table.groupby(key)["state"].first().reindex(people.index) if level == "municipality" else None
    return Measures(
        level,
        tuple(str(unit) for unit in people.index),
        tuple(int(year) for year in people.columns),
        {name: array for name, array in values.items() if name not in left_out},
        None if states is None else np.unique(states.to_numpy(str), return_inverse=True)[1],
        left_out,
    )


def _events(variable: Variable) -> bool:
    return variable.type == "count" and variable.role in EVENTS


def lag(time: str) -> int:
    """Years by which a node precedes the row: 1 for `t-1`."""
    found = re.fullmatch(r"t-(\d+)", time.replace(" ", ""))
    return int(found.group(1)) if found else 0


def _moves(values: np.ndarray) -> bool:
    known = ~np.isnan(values)
    several = known.sum(axis=1) > 1
    if not several.any():
        return False
    span = np.nanmax(values[several], axis=1) - np.nanmin(values[several], axis=1)
    return bool(span.max() > 1e-9 * np.nanmax(np.abs(values)))
